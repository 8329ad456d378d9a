"""Calls that agents dial: previews, and numbers that agents choose from the campaign's list.

A seat is reserved for each such call before it is dialled, so no answered voter waits. The rules are the same as for
other calls.
"""

from __future__ import annotations

from dialer.domain.enums import CampaignKind
from dialer.domain.errors import CommandRefused, RefusedBecause
from dialer.domain.model import AttemptId
from dialer.domain.view import CallState, SeatState
from dialer.engine.acd.service import Acd
from dialer.engine.calls.live_calls import LiveCalls
from dialer.engine.calls.state import Call
from dialer.engine.campaigns.runs import CampaignRun, CampaignRuns
from dialer.engine.core import Core
from dialer.engine.placing.holds import CampaignHolds
from dialer.engine.placing.hoppers import Hoppers
from dialer.engine.placing.originate import Originator
from dialer.engine.seats.seats import Seats
from dialer.engine.seats.state import Seat

UNANSWERED = "preview-unanswered"
"""Pause reason of a seat whose agent let a preview expire. Nobody seems to be there, so the next one would expire too.
"""


class OwnCalls:
    """Executes agents' commands for previewed calls, and for numbers that agents choose from the campaign's list."""

    def __init__(
        self,
        core: Core,
        calls: LiveCalls,
        seats: Seats,
        runs: CampaignRuns,
        acd: Acd,
        holds: CampaignHolds,
        hoppers: Hoppers,
        originator: Originator,
    ) -> None:
        self._core = core
        self._calls = calls
        self._seats = seats
        self._runs = runs
        self._acd = acd
        self._holds = holds
        self._hoppers = hoppers
        self._originator = originator

    async def dial_previewed_call(self, seat_name: str, attempt_id: AttemptId) -> str:
        """Dial the call that is previewed at a seat, once. Raises CommandRefused."""
        call = self._require_unanswered_call_at_seat(seat_name, attempt_id)
        if call.leg.preview is not None:
            refusal = await self._originator.dial_previewed_call(call)
            if refusal is not None:
                raise refusal
        return f"seat {seat_name}: the number was dialled"

    def skip_previewed_call(self, seat_name: str, attempt_id: AttemptId) -> str:
        """Skip the call that is previewed at a seat. Its number is due again by the campaign's retry rules. Raises
        CommandRefused.
        """
        call = self._require_unanswered_call_at_seat(seat_name, attempt_id)
        if call.leg.preview is None:
            raise CommandRefused(
                f"seat {seat_name}: the previewed call is already being dialled", RefusedBecause.CALL_OVER
            )
        self._calls.cancel_call(self._calls.update_call(call, call.copy_call_with_preview_skipped()))
        return f"seat {seat_name}: the preview was skipped"

    def on_preview_expired(self, seat_name: str, attempt_id: AttemptId) -> None:
        """End a preview whose time is up. The campaign's settings decide whether the call is dialled.

        If it is not, its number returns to the queue and the seat is paused.
        """
        call = self._calls.find_live_call(attempt_id)
        if call is None or call.leg.preview is None:
            return
        if call.leg.preview.auto_dial:
            # If the call may not be dialled, the outcome of the attempt says so.
            self._core.spawn_background_task(self._originator.dial_previewed_call(call), "dial-preview")
            return
        seat = self._seats[seat_name]
        if seat.attempt_id == attempt_id and seat.agent is not None:
            self._seats.update_seat_state(seat, seat.pause_seat(UNANSWERED, self._core.read_clock()))
        self._calls.cancel_call(call)

    async def dial_number_for_agent(self, seat_name: str, campaign_id: str, phone_id: int) -> str:
        """Call a number of the campaign's list for the agent at a seat. Raises CommandRefused, StoreError."""
        run = self._runs.require_campaign_in_settings(campaign_id)
        if not run.spec.manual:
            raise CommandRefused(
                f"agents may not dial numbers in campaign {campaign_id}: set `campaigns.manual_dialling` to allow it"
            )
        await self._call_number_for_seat(run, phone_id, seat_name)
        return f"seat {seat_name}: the number was dialled"

    async def dial_promised_call_back(self, seat_name: str, campaign_id: str, phone_id: int) -> None:
        """Call the number of a promised call-back. The seat of the agent who promised it is reserved for the call.
        Raises CommandRefused, StoreError.
        """
        await self._call_number_for_seat(self._runs[campaign_id], phone_id, seat_name, promised=True)

    async def _call_number_for_seat(
        self, run: CampaignRun, phone_id: int, seat_name: str, *, promised: bool = False
    ) -> None:
        """Call a number for an agent's seat. The seat is checked both before and after the number is reserved."""
        self._require_idle_seat(seat_name, run, promised=promised)
        reason_for_hold = self._holds.find_reason_campaign_may_not_dial(run)
        if reason_for_hold is not None:
            raise CommandRefused(f"campaign {run.spec.campaign_id} is held: {reason_for_hold}", RefusedBecause.HELD)
        claim = await self._hoppers.reserve_number(run, phone_id)
        try:
            refusal = await self._originator.dial_reserved_number(
                run, claim, self._require_idle_seat(seat_name, run, promised=promised)
            )
            if refusal is not None:
                raise refusal
        except CommandRefused:
            self._hoppers.return_numbers_to_queue(run, [claim])
            raise

    def _require_unanswered_call_at_seat(self, seat_name: str, attempt_id: AttemptId) -> Call:
        """Return the previewed call at a seat, or a call that is being dialled for the seat and has not been answered.

        Raises CommandRefused.
        """
        seat, call = self._seats.require_known_seat(seat_name), self._calls.find_live_call(attempt_id)
        own = call is not None and call.reserved_seat == seat.name and not call.leg.cancelled
        if call is None or not own or seat.attempt_id != attempt_id:
            raise CommandRefused(
                f"seat {seat.name}: the previewed call has ended or belongs to another seat", RefusedBecause.CALL_OVER
            )
        return call

    def _require_idle_seat(self, seat_name: str, run: CampaignRun, *, promised: bool) -> Seat:
        """Return a seat whose agent may dial for this campaign now. Raises CommandRefused.

        If `promised` is True, the call is a call-back that the agent has promised, and the seat must be reserved for
        it.
        """
        seat = self._seats.require_known_seat(seat_name)
        idle = seat.is_free_for_voter or (seat.state is SeatState.PAUSED and seat.is_phone_usable)
        if promised:
            idle = seat.call_back_promised and seat.state is SeatState.READY and seat.is_phone_usable
        if not idle or not seat.phone_up or seat.agent is None:
            raise CommandRefused(
                f"seat {seat.name} is {seat.state}: an agent can dial only while the seat is ready or paused",
                RefusedBecause.NOT_FREE,
            )
        if not seat.can_serve_campaign(run.spec.skill, run.spec.campaign_id):
            raise CommandRefused(
                f"seat {seat.name} does not serve campaign {run.spec.campaign_id}: choose another campaign",
                RefusedBecause.NOT_LISTED,
            )
        if seat.is_free_for_voter and self.do_ringing_calls_need_free_seats():
            raise CommandRefused(
                f"seat {seat.name}: a voter may be connected at any moment. Pause first, then dial",
                RefusedBecause.NOT_FREE,
            )
        return seat

    def do_ringing_calls_need_free_seats(self) -> bool:
        """Return whether the calls in progress may need all free seats. Agents must then not dial manually."""
        on_their_way = sum(
            call.kind is CampaignKind.AGENTS and call.reserved_seat is None and not call.leg.cancelled
            for call in self._calls.list_live_calls()
            if not call.is_answered or call.call_state is CallState.WAITING
        )
        return on_their_way >= sum(seat.is_free_for_voter for seat in self._seats.list_seats())
