"""Broadcast: IVR campaigns, where channels and calls per second are the limit instead of seats."""

from __future__ import annotations

from collections.abc import Mapping

from dialer.pacing.limits import room_on_lines
from dialer.pacing.port import Explanation, Limit, PacingEvent, PacingSnapshot


class BroadcastPacer:
    """Fills the channels that the snapshot says are free, as fast as its CPS budget allows."""

    def __init__(self) -> None:
        self._explanation = Explanation(0, Limit.NOBODY)

    def calls_to_place(self, snapshot: PacingSnapshot) -> int:
        """Calls that channels and CPS leave room for."""
        room = room_on_lines(snapshot)
        in_flight = len(snapshot.ringing) + max(0, snapshot.active_calls) + len(snapshot.waiting_seconds)
        self._explanation = Explanation(room.calls, room.limited_by, {"in-flight": float(in_flight)})
        return room.calls

    def observe(self, event: PacingEvent) -> None:
        """Nothing to learn: every answered call is served by a flow."""

    def explain(self) -> Explanation:
        """Why the last decision was what it was."""
        return self._explanation

    def excess_calls(self, snapshot: PacingSnapshot) -> int:
        """Always 0: no seat can leave."""
        return 0

    def state(self) -> dict[str, object]:
        """Nothing was learned."""
        return {}

    def restore(self, state: Mapping[str, object]) -> None:
        """Nothing to take up."""
