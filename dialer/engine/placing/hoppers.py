"""Hoppers: each campaign's stock of phone numbers reserved for dialling, enough for some seconds."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import structlog

from dialer.domain.enums import Purpose
from dialer.domain.errors import CommandRefused, RefusedBecause, StoreError
from dialer.domain.model import CampaignState, Claim, VotingBooths
from dialer.engine.campaigns.runs import CampaignRun
from dialer.engine.core import Core
from dialer.engine.effects import (
    StoreFailed,
    UpdatePacer,
)
from dialer.engine.turnout.figures import TurnoutFigures
from dialer.engine.turnout.polls import Polls
from dialer.pacing.port import PacingEventKind
from dialer.rules.calling_hours import get_local_midnight_before
from dialer.store.claims import Unclaimed
from dialer.store.store import Store

_log = structlog.get_logger(__name__)

HOPPER_SIZE = 60  # claims per campaign: enough for some seconds, few enough that priorities stay current
CLAIMED_AT_ONCE = 10  # a larger claim would delay the marks and results that are written after it
LEASE_SECONDS = 60.0
LEAST_LEASE_SECONDS = 15.0  # claims with less time left are returned: other numbers have priority by then
RELEASED_AT_ONCE = 500  # refused numbers that return to the queue in one transaction
REFILL_AGAIN_SECONDS = 1.0  # wait if due numbers are unavailable: on another campaign's call, or of a booth not next
PRIORITIES_SECONDS = 30.0  # time after which the booths' priorities are computed again
_CLAIM_REFUSALS = {
    Unclaimed.NOT_LISTED: ("the number is not on the campaign's list", RefusedBecause.NOT_LISTED),
    Unclaimed.CLOSED: (
        "the number is completed: it has opted out, or no voter on it is left to call",
        RefusedBecause.CLOSED,
    ),
    Unclaimed.REFUSED: ("the rules forbid calls to the number", RefusedBecause.FORBIDDEN),
    Unclaimed.NOT_DUE: ("the number is not due yet", RefusedBecause.NOT_DUE),
    Unclaimed.IN_USE: ("the number is on a call or being dialled", RefusedBecause.ON_A_CALL),
}


class Hoppers:
    """Fills each campaign's hopper (numbers reserved for dialling) from its queue, and returns numbers that are not
    dialled.
    """

    def __init__(
        self, core: Core, polls: Polls, turnout: TurnoutFigures, store: Store, has_room: Callable[[], bool]
    ) -> None:
        """Create the service. `has_room` returns whether the disk has room for the results of calls."""
        self._core = core
        self._polls = polls
        self._turnout = turnout
        self._store = store
        self._has_room = has_room

    def refill_hopper_with_numbers_to_dial(self, run: CampaignRun) -> None:
        """Reserve more numbers for a campaign if few are left in its hopper (numbers reserved for dialling) and others
        may be due.
        """
        if (
            run.refilling
            or not self._is_hopper_of_numbers_nearly_empty(run)
            or run.next_due_at > self._core.clock.now()
        ):
            return
        if not self._has_room():
            self._core.request_side_effects(
                StoreFailed(StoreError("the disk has less free space than `store.reserve_megabytes`: free some space"))
            )
            return
        run.refilling = True
        self._core.spawn_background_task(self._fill_hopper_with_numbers_to_dial(run), "refill")

    def _is_hopper_of_numbers_nearly_empty(self, run: CampaignRun) -> bool:
        return len(run.hopper) <= HOPPER_SIZE - CLAIMED_AT_ONCE

    def _may_campaign_reserve_more_numbers(self, run: CampaignRun) -> bool:
        """Return whether the campaign may still reserve numbers. It may not if it was stopped since the last pacing
        decision.
        """
        return run.hold is None and run.state is CampaignState.RUNNING and not self._core.draining

    async def _fill_hopper_with_numbers_to_dial(self, run: CampaignRun) -> None:
        clock = self._core.clock
        try:
            run.next_due_at = 0.0
            await self._return_refused_numbers_to_queue(run)
            self._set_booth_priorities(run)
            while self._may_campaign_reserve_more_numbers(run) and self._is_hopper_of_numbers_nearly_empty(run):
                quotas = run.order.plan_numbers_to_call_per_booth(CLAIMED_AT_ONCE)
                first = run.order.find_booths_to_call_first(quotas)
                claims = await self._store.claim_queued_numbers(
                    run.spec.campaign_id,
                    CLAIMED_AT_ONCE,
                    owner=self._core.plan.owner,
                    now=clock.now(),
                    lease_seconds=LEASE_SECONDS,
                    booths=quotas,
                    voting=None if first is None else VotingBooths(first, run.votes_until),
                    day_start=get_local_midnight_before(self._core.zone, clock.now()),
                )
                full = len(claims) == CLAIMED_AT_ONCE
                run.order.record_reserved_numbers(quotas, claims, full=full)
                if full and run.ran_dry:
                    run.ran_dry = False
                    self._core.request_side_effects(UpdatePacer(run.spec.campaign_id, PacingEventKind.LIST_CHANGED))
                run.hopper.extend(claims)
                if claims:
                    self._core.wake.set()
                if full or not run.order.are_all_booths_without_numbers:
                    continue
                if (
                    first is None or run.order.must_other_polling_days_wait
                ):  # otherwise the booths that were set aside are next
                    await self._record_when_next_number_is_due(run)
                    break
        except StoreError as error:
            self._core.request_side_effects(StoreFailed(error))
        finally:
            run.refilling = False
        if self._core.draining:  # the dialler started to drain during the claim
            self.return_all_numbers_to_queue(run)
        elif run.hopper:
            self._core.wake.set()

    async def _return_refused_numbers_to_queue(self, run: CampaignRun) -> None:
        """Let numbers that the rules have refused be chosen again, after a change that may allow calls to them."""
        while run.must_check_refused:
            run.must_check_refused = False  # unless something changes again meanwhile
            try:
                released = await self._store.return_refused_numbers_to_queue(run.spec.campaign_id, RELEASED_AT_ONCE)
            except StoreError:
                run.must_check_refused = True
                raise
            run.must_check_refused = run.must_check_refused or released == RELEASED_AT_ONCE

    async def _record_when_next_number_is_due(self, run: CampaignRun) -> None:
        now, given_back = self._core.clock.now(), run.returns
        due = await self._store.find_next_due_time(run.spec.campaign_id)
        if due is None:  # the numbers that the rules refuse may hold the campaign
            run.progress = await self._store.read_campaign_progress(run.spec.campaign_id, now)
        if run.returns != given_back:  # numbers have returned to the queue meanwhile: the result may miss them
            return
        run.list_done = due is None
        run.ran_dry = run.ran_dry or due is None or due > now
        found = float("inf") if due is None else max(due, now + REFILL_AGAIN_SECONDS)
        run.next_due_at = min(found, run.next_due_at or found)
        if due is not None and due <= now and not run.order.must_other_polling_days_wait:
            run.order.return_empty_booths_to_call_order()

    def _set_booth_priorities(self, run: CampaignRun) -> None:
        """Update the priorities of polling booths in a campaign's queue. Only booths that vote today have one, and only
        in turnout campaigns.
        """
        now = self._core.clock.now()
        if now - run.priorities_at < PRIORITIES_SECONDS:
            return
        run.priorities_at, today = now, self._polls.find_booths_voting_today()
        run.votes_until = today.until
        polling = self._core.plan.polling if run.purpose is Purpose.TURNOUT else None
        run.order.set_booth_priorities(
            {}
            if polling is None
            else polling.create_call_priorities_of_polling_booths(today, self._turnout.booths, now)
        )

    async def reserve_number(self, run: CampaignRun, phone_id: int) -> Claim:
        """Reserve one number of the campaign's list for dialling, from the hopper (numbers reserved in advance) or the
        queue. Raises CommandRefused, StoreError.
        """
        in_hand = next((claim for claim in run.hopper if claim.phone_id == phone_id), None)
        if in_hand is not None:
            run.hopper.remove(in_hand)
            return in_hand
        now = self._core.clock.now()
        claim = await self._store.claim_number(
            run.spec.campaign_id,
            phone_id,
            owner=self._core.plan.owner,
            now=now,
            lease_seconds=LEASE_SECONDS,
            day_start=get_local_midnight_before(self._core.zone, now),
        )
        if isinstance(claim, Claim):
            return claim
        reason, code = _CLAIM_REFUSALS[claim]
        raise CommandRefused(f"campaign {run.spec.campaign_id}: the number was not called, because {reason}", code)

    def return_all_numbers_to_queue(self, run: CampaignRun) -> None:
        """Return all numbers reserved for dialling (the hopper) to the campaign's queue."""
        self.return_numbers_to_queue(run, list(run.hopper))
        run.hopper.clear()

    def return_expiring_numbers_to_queue(self, run: CampaignRun) -> None:
        """Put reserved numbers back into the campaign's queue shortly before their reservation ends.

        These numbers are at the front of the hopper (numbers reserved for dialling).
        """
        ends = self._core.clock.now() + LEAST_LEASE_SECONDS
        old: list[Claim] = []
        while run.hopper and run.hopper[0].leased_until < ends:
            old.append(run.hopper.popleft())
        if old:
            self.return_numbers_to_queue(run, old)

    def return_numbers_to_queue(self, run: CampaignRun, claims: Sequence[Claim]) -> None:
        """Put reserved numbers back into the campaign's queue, because they led to no call."""
        run.next_due_at = 0.0
        if claims:
            run.returns += 1
            run.list_done = False
            run.order.record_numbers_returned_undialled(claims)
            self._core.spawn_background_task(self._return_reserved_numbers_to_queue(claims), "release-claims")

    async def _return_reserved_numbers_to_queue(self, claims: Sequence[Claim]) -> None:
        try:
            await self._store.release_claimed_numbers(claims)
        except StoreError as error:  # they return to the queue when their reservation expires
            _log.warning("reserved_numbers.return_failed", numbers=len(claims), problem=str(error))
