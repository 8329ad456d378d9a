"""Seats that are kept for a call from before it is dialled until it ends, so that an agent is there whenever it is answered.

A kept seat is reserved: no other call is given to it, and a pause or a log-off waits until the call has ended. A seat whose phone
dies is no guarantee any more: its call is cancelled while it rings.
"""

from __future__ import annotations

from collections.abc import Callable

from dialer.calls import Call
from dialer.engine.floor import Floor
from dialer.engine.state import CampaignRun, Centre
from dialer.model import AttemptId
from dialer.seats import choose_seat
from dialer.view import SeatState


class KeptSeats:
    """Keeps seats and gives them back."""

    def __init__(self, centre: Centre, floor: Floor) -> None:
        """`floor` has the seats' states."""
        self._centre = centre
        self._floor = floor
        self._kept: dict[AttemptId, str] = {}

    def keep(self, run: CampaignRun, attempt_id: AttemptId, language: str) -> str | None:
        """Reserve the seat that such a call would get if it were answered now; its name. None: no seat is ready."""
        seat = choose_seat(self._centre.seats.values(), language, run.spec.skill)
        if seat is None:
            return None
        self._floor.put(seat, seat.reserved(attempt_id, run.spec.campaign_id, self._centre.instant()))
        self._kept[attempt_id] = seat.name
        return seat.name

    def holds(self, call: Call) -> bool:
        """Whether a seat is kept for the call still."""
        seat = self._centre.seats.get(call.kept_seat or "")
        return seat is not None and seat.state is SeatState.RESERVED and seat.attempt_id == call.attempt_id

    def give_back(self, attempt_id: AttemptId) -> None:
        """The call will not be: its seat is free again."""
        seat = self._centre.seats.get(self._kept.pop(attempt_id, ""))
        if seat is not None and seat.state is SeatState.RESERVED and seat.attempt_id == attempt_id:
            self._floor.free(seat, seat.call_ended(self._centre.instant()))

    def look_after(self, cancel: Callable[[Call], None]) -> None:
        """Give back the seats of calls that are no more, and cancel calls that ring on without their seat."""
        for attempt_id in list(self._kept):
            call = self._centre.calls.get(attempt_id)
            if call is None:
                self.give_back(attempt_id)
            elif not call.answered and not self.holds(call):
                cancel(call)
