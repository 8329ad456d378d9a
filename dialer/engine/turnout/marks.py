"""Marks (facts about voters) and opt-outs: store them, and cancel the calls that they make unnecessary."""

from __future__ import annotations

from collections.abc import Sequence

import structlog

from dialer.domain.alerts import AlertKind
from dialer.domain.errors import StoreError
from dialer.domain.model import AttemptId, Claim, Mark
from dialer.domain.other_centres import PeerCallRecord
from dialer.engine.alerts.state import Alerts
from dialer.engine.calls.live_calls import LiveCalls
from dialer.engine.calls.state import Call
from dialer.engine.campaigns.runs import CampaignRun, CampaignRuns
from dialer.engine.core import Core
from dialer.engine.effects import HouseholdChanged
from dialer.engine.placing.number_memory import NumberMemory
from dialer.engine.seats.seats import Seats
from dialer.engine.turnout.figures import TurnoutFigures
from dialer.store.marks import MarkEffect
from dialer.store.store import Store

_log = structlog.get_logger(__name__)


class Marks:
    """Stores opt-outs and facts about voters (marks), such as "voted", and updates figures and live calls accordingly."""

    def __init__(
        self,
        core: Core,
        alerts: Alerts,
        calls: LiveCalls,
        seats: Seats,
        runs: CampaignRuns,
        turnout: TurnoutFigures,
        numbers: NumberMemory,
        store: Store,
    ) -> None:
        self._core = core
        self._alerts = alerts
        self._calls = calls
        self._seats = seats
        self._runs = runs
        self._turnout = turnout
        self._numbers = numbers
        self._store = store

    async def store_voter_mark(self, mark: Mark) -> None:
        """Store a mark (a fact about a voter) and apply it. Returns when it is committed;
        raises StoreError.
        """
        effect = await self._store.save_voter_mark(mark)
        self.apply_voter_mark(mark, effect)

    async def store_opt_out(self, call: Call, source: str) -> None:
        """Suppress the number of a live call permanently. Returns when it is committed; raises StoreError."""
        at = self._core.clock.now()
        fresh = await self._store.save_opt_out(call.phone_id, at=at, source=source, attempt_id=call.attempt_id)
        self.cancel_calls_to_opted_out_number(call.phone_id, fresh=fresh)

    async def store_opt_out_of_other_centre(self, number_hash: str, *, at: float, centre: str) -> None:
        """Suppress a number that opted out in another centre. Returns when it is committed; raises StoreError."""
        phone_id = await self._store.save_opt_out_of_other_centre(number_hash, at=at, centre=centre)
        if phone_id is not None:
            self.cancel_calls_to_opted_out_number(phone_id, fresh=True)

    def apply_voter_mark(self, mark: Mark, effect: MarkEffect) -> None:
        """Update the figures after a mark (a fact about a voter, such as "voted") was stored, and cancel calls that are
        no longer needed.
        """
        if not effect.recorded:
            return
        self._turnout.count_stored_voter_mark(mark, effect)
        self.cancel_calls_to_numbers(
            frozenset(effect.silenced_phones), mark.voter_id if effect.voter_silenced else None, workers=False
        )
        if effect.reopened:
            self.request_number_queue_reloads()

    def update_alert_about_unknown_voters(self, marks: int) -> None:
        """Raise an alert if other centres have sent marks, such as "has voted", about voters who are not on the roll here.

        `marks` is the number of such marks; 0 ends the alert.
        """
        if marks:
            self._alerts.raise_alert(AlertKind.PEER_MARKS_SKIPPED, count=marks)
        else:
            self._alerts.clear_alert(AlertKind.PEER_MARKS_SKIPPED)

    def request_number_queue_reloads(self) -> None:
        """Request that every campaign reads its queue of numbers again, because completed numbers may have been
        reopened.
        """
        self._runs.request_number_queue_reloads()

    def cancel_calls_to_opted_out_number(self, phone_id: int, *, fresh: bool) -> None:
        """Cancel the calls to a number whose opt-out was stored, and update the figures. `fresh` is True for its first
        opt-out.
        """
        self._turnout.opt_outs += fresh  # an opt-out keyed by the voter and entered by the agent counts once
        self._numbers.remember_opt_out_of_number(phone_id)
        self.cancel_calls_to_numbers(frozenset({phone_id}), None, workers=True)
        if fresh:
            self._core.spawn_background_task(self._count_voters_without_number(phone_id), "count-without-number")

    def remember_call_made_by_other_centre(self, phone_id: int, call: PeerCallRecord) -> None:
        """Remember a stored call of another centre to a number, so that this centre calls the number only after the
        minimum interval.
        """
        self._numbers.remember_call_of_other_centre(phone_id, call)

    async def _count_voters_without_number(self, phone_id: int) -> None:
        """Count the voters who have no number left to call after an opt-out. The forecast of the polling day needs this
        count.
        """
        try:
            gone = await self._store.count_voters_unreachable_after_opt_out(phone_id)
        except StoreError as error:
            _log.warning("voters.count_failed", phone=phone_id, problem=str(error))
            return
        self._turnout.add_voters_without_number(gone)

    def cancel_calls_to_numbers(self, phones: frozenset[int], voter_id: int | None, *, workers: bool) -> None:
        """Cancel the unanswered calls to these numbers and to this voter, and stop reserving the numbers for dialling.

        Numbers of other voters return to the queue. Calls to booth workers continue unless `workers` is True.
        """

        def is_call_to_voter_or_number(each: Claim | Call) -> bool:
            if each.phone_id in phones:
                return workers or each.worker is None
            return each.voter_id == voter_id and each.worker is None

        for run in self._runs.list_campaign_runs():
            gone = [claim for claim in run.hopper if is_call_to_voter_or_number(claim)]
            if gone:
                kept = [claim for claim in run.hopper if claim not in gone]
                run.hopper.clear()
                run.hopper.extend(kept)
                self._core.spawn_background_task(self._put_reserved_numbers_back_in_queue(run, gone), "put-back")
        unanswered = [call for call in self._calls.list_live_calls() if call.leg.answered_seconds is None]
        for call in filter(is_call_to_voter_or_number, unanswered):
            self._calls.cancel_call(call)
        for seat_name, pop in self._seats.screen_pops.items():
            at_seat = self._seats[seat_name].attempt_id == pop.attempt_id
            if at_seat and (pop.phone_id in phones or voter_id in pop.voters):
                self._core.request_side_effects(HouseholdChanged(seat_name, AttemptId(pop.attempt_id)))

    async def _put_reserved_numbers_back_in_queue(self, run: CampaignRun, claims: Sequence[Claim]) -> None:
        try:
            await self._store.release_claimed_numbers(claims)
        except StoreError as error:  # they return to the queue when their reservation expires
            _log.warning("reserved_numbers.return_failed", numbers=len(claims), problem=str(error))
        run.request_number_queue_reload()
        self._core.wake.set()
