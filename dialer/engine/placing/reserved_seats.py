"""Reserved seats.

A call may reserve a seat before it is dialled, so that an agent is free when the voter answers. The seat stays reserved
until the call ends.
"""

from __future__ import annotations

from dialer.domain.model import AttemptId
from dialer.domain.view import SeatState
from dialer.engine.acd.service import Acd
from dialer.engine.asterisk_servers.state import AsteriskServers
from dialer.engine.calls.live_calls import LiveCalls
from dialer.engine.calls.state import Call
from dialer.engine.campaigns.runs import CampaignRun, CampaignRuns
from dialer.engine.core import Core
from dialer.engine.seats.seats import Seats
from dialer.engine.seats.state import Seat, choose_seat


class ReservedSeats:
    """Reserves agents' seats for calls that need one before they are dialled."""

    def __init__(
        self, core: Core, servers: AsteriskServers, calls: LiveCalls, seats: Seats, runs: CampaignRuns, acd: Acd
    ) -> None:
        self._core = core
        self._servers = servers
        self._calls = calls
        self._seats = seats
        self._runs = runs
        self._acd = acd
        self._seats_by_attempt: dict[AttemptId, str] = {}

    def choose_seat(self, run: CampaignRun, language: str) -> Seat | None:
        """Return the free seat that a call in this language would be connected to now, or None."""
        return choose_seat(
            self._seats.find_reachable_seats(),
            language,
            run.spec.skill,
            run.spec.campaign_id,
            sharing=self._runs.list_skills_of_dialling_campaigns(),
        )

    def reserve_seat(self, seat: Seat, run: CampaignRun, attempt_id: AttemptId) -> None:
        """Reserve an agent's seat for a call."""
        self._seats.update_seat_state(
            seat, seat.reserve_seat_for_call(attempt_id, run.spec.campaign_id, self._core.read_clock())
        )
        self._seats_by_attempt[attempt_id] = seat.name

    def is_seat_reserved(self, call: Call) -> bool:
        """Return whether a seat is still reserved for a call and its Asterisk server is reachable."""
        seat = self._seats.find_seat(call.reserved_seat or "")
        if seat is None or seat.server in self._servers.unreachable_asterisk_servers:
            return False
        return seat.state is SeatState.RESERVED and seat.attempt_id == call.attempt_id

    def publish_reserved_seat(self, call: Call) -> None:
        """Notify subscribers of the seat that is reserved for a call."""
        self._seats.publish_seat_view(call.reserved_seat or "")

    def release_seat_reserved_for_attempt(self, attempt_id: AttemptId) -> None:
        """Release the seat that is reserved for a call, because the call will not be placed."""
        seat = self._seats.find_seat(self._seats_by_attempt.pop(attempt_id, ""))
        if seat is not None and seat.state is SeatState.RESERVED and seat.attempt_id == attempt_id:
            self._acd.update_seat_and_connect_waiting_voter(seat, seat.end_call_at_seat(self._core.read_clock()))

    def release_unneeded_seat_reservations(self) -> None:
        """Release the seats of ended calls, and cancel calls that cannot keep their reserved seat.

        These are ringing calls whose seat is taken or unreachable, and previews of agents who are leaving.
        """
        for attempt_id in list(self._seats_by_attempt):
            call = self._calls.find_live_call(attempt_id)
            if call is None:
                self.release_seat_reserved_for_attempt(attempt_id)
            elif not call.is_answered:
                previewed = call.leg.preview is not None
                if not self.is_seat_reserved(call) or (
                    previewed and self._seats[self._seats_by_attempt[attempt_id]].is_agent_leaving
                ):
                    self._calls.cancel_call(call)
