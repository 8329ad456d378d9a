"""Seats that are reserved for a call from before it is dialled until it ends, so that an agent is there when it is answered."""

from __future__ import annotations

from dialer.domain.model import AttemptId
from dialer.domain.view import SeatState
from dialer.engine.acd.service import Acd
from dialer.engine.asterisk_servers.state import AsteriskServers
from dialer.engine.calls.live_calls import LiveCalls
from dialer.engine.calls.state import Call
from dialer.engine.campaigns.runs import CampaignRun
from dialer.engine.core import Core
from dialer.engine.seats.seats import Seats
from dialer.engine.seats.state import Seat, choose_seat


class ReservedSeats:
    """Keeps seats and gives them back."""

    def __init__(self, core: Core, servers: AsteriskServers, calls: LiveCalls, seats: Seats, acd: Acd) -> None:
        self._core = core
        self._servers = servers
        self._calls = calls
        self._seats = seats
        self._acd = acd
        self._kept: dict[AttemptId, str] = {}

    def choose(self, run: CampaignRun, language: str) -> Seat | None:
        """The seat that such a call would get if it were answered now. None: no seat is ready."""
        return choose_seat(self._seats.reachable(), language, run.spec.skill, run.spec.campaign_id)

    def keep(self, seat: Seat, run: CampaignRun, attempt_id: AttemptId) -> None:
        """Reserve it for the call."""
        self._seats.put(seat, seat.reserved(attempt_id, run.spec.campaign_id, self._core.instant()))
        self._kept[attempt_id] = seat.name

    def holds(self, call: Call) -> bool:
        """Whether a seat is kept for the call still, and the call can be brought there."""
        seat = self._seats.get(call.kept_seat or "")
        if seat is None or seat.server in self._servers.unreachable:
            return False
        return seat.state is SeatState.RESERVED and seat.attempt_id == call.attempt_id

    def tell(self, call: Call) -> None:
        """Those who listen hear how its seat stands."""
        self._seats.notify(call.kept_seat or "")

    def give_back(self, attempt_id: AttemptId) -> None:
        """The call will not be: its seat is free again."""
        seat = self._seats.get(self._kept.pop(attempt_id, ""))
        if seat is not None and seat.state is SeatState.RESERVED and seat.attempt_id == attempt_id:
            self._acd.free(seat, seat.call_ended(self._core.instant()))

    def look_after(self) -> None:
        """Give back seats of calls that are no more; cancel calls that ring without theirs, and previews of who leaves."""
        for attempt_id in list(self._kept):
            call = self._calls.get(attempt_id)
            if call is None:
                self.give_back(attempt_id)
            elif not call.answered:
                previewed = call.leg.preview is not None
                if not self.holds(call) or (previewed and self._seats[self._kept[attempt_id]].leaving):
                    self._calls.cancel(call)
