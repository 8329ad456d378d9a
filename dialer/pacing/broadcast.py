"""Broadcast: IVR campaigns, where channels and calls per second are the limit instead of seats."""

from __future__ import annotations

from collections.abc import Mapping

from dialer.pacing.limits import room_on_lines
from dialer.pacing.port import Explanation, Limit, PacingEvent, PacingSnapshot


class BroadcastPacer:
    """Fills the channels as fast as CPS allows.

    `channels` bounds the calls that this campaign has at once (ringing and in a flow); None leaves it to the snapshot.
    `calls_per_second` bounds the starts by a token bucket of one second on the snapshot's own time axis; a clock that
    stands still earns nothing, one that jumps earns one second at most.
    """

    def __init__(self, *, channels: int | None = None, calls_per_second: float | None = None) -> None:
        self._channels = channels
        self._rate = calls_per_second
        self._tokens = max(1.0, calls_per_second) if calls_per_second is not None else 0.0
        self._counted_to: float | None = None
        self._explanation = Explanation(0, Limit.NOBODY)

    def calls_to_place(self, snapshot: PacingSnapshot) -> int:
        """Calls that channels and CPS leave room for."""
        room = room_on_lines(snapshot)
        calls, limited_by = room.calls, room.limited_by
        in_flight = len(snapshot.ringing) + max(0, snapshot.active_calls) + len(snapshot.waiting_seconds)
        if self._channels is not None and self._channels - in_flight < calls:
            calls, limited_by = max(0, self._channels - in_flight), Limit.CHANNELS
        if self._rate is not None:
            allowed = self._starts_allowed(self._rate, snapshot.now_seconds)
            if allowed < calls:
                calls, limited_by = allowed, Limit.CPS
            self._tokens -= calls
        self._explanation = Explanation(calls, limited_by, {"in-flight": float(in_flight)})
        return calls

    def _starts_allowed(self, rate: float, now: float) -> int:
        """Whole calls in the token bucket at `now`."""
        if self._counted_to is None:
            self._counted_to = now
        earned = max(0.0, now - self._counted_to) * max(0.0, rate)
        self._counted_to = max(self._counted_to, now)
        self._tokens = min(max(1.0, rate), self._tokens + earned)
        return int(max(0.0, self._tokens)) if rate > 0 else 0

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
