"""A fixed number of calls per free seat, under the abandoned-call governor."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from dialer.pacing.governor import Governor
from dialer.pacing.limits import room_on_lines, seats_for_callers
from dialer.pacing.port import AnswersOfLate, Cap, Explanation, Limit, PacingEvent, PacingEventKind, PacingSnapshot

CALLS_PER_SEAT = 3.0


class RatioPacer:
    """CALLS_PER_SEAT calls in flight for each free seat; progressive while a cap's target leaves no room.

    Unlike a ratio over all agents (VICIdial's default), this one looks at free seats alone: with nobody free it
    places nothing.
    """

    def __init__(self, caps: Sequence[Cap]) -> None:
        self._governor = Governor(caps)
        self._now = 0.0
        self._explanation = Explanation(0, Limit.NOBODY)

    def calls_to_place(self, snapshot: PacingSnapshot) -> int:
        """Calls that bring those in flight up to the ratio, within what the lines and the caps allow."""
        self._now = max(self._now, snapshot.now_seconds)
        free = max(0, snapshot.free_seats)
        waiting = len(snapshot.waiting_seconds)
        budget = self._governor.drops_to_target(self._now)
        ratio = CALLS_PER_SEAT if budget >= 1 else 1.0
        wanted = max(0, int(ratio * max(0, free - waiting)) - len(snapshot.ringing))
        room = room_on_lines(snapshot)
        calls = min(wanted, room.calls)
        limited_by = room.limited_by if calls < wanted else Limit.SEATS if ratio > 1 else Limit.CAP
        if seats_for_callers(snapshot) == 0:
            limited_by = Limit.NOBODY
        self._explanation = Explanation(calls, limited_by, {"free": float(free), "ratio": ratio, "budget": budget})
        return calls

    def observe(self, event: PacingEvent) -> None:
        """Count answers and abandoned calls for the caps."""
        self._now = max(self._now, event.at_seconds)
        if event.kind is PacingEventKind.ANSWERED:
            self._governor.answered(self._now)
        elif event.kind is PacingEventKind.ABANDONED:
            self._governor.abandoned(self._now)
        elif event.kind is PacingEventKind.MACHINE:
            self._governor.machine(self._now)

    def explain(self) -> Explanation:
        """Why the last decision was what it was."""
        return self._explanation

    def excess_calls(self, snapshot: PacingSnapshot) -> int:
        """Calls beyond the ratio when seats left in a burst: all of them with nobody logged in."""
        if seats_for_callers(snapshot) == 0:
            return len(snapshot.ringing)
        return 0

    @property
    def caps(self) -> tuple[Cap, ...]:
        """The caps that it holds."""
        return self._governor.caps

    def recount(self, now_seconds: float, of_late: Mapping[float, Sequence[AnswersOfLate]]) -> None:
        """Hold what is on record of each cap's window in the place of what was counted."""
        self._now = max(self._now, now_seconds)
        self._governor.recount(self._now, of_late)

    def state(self) -> dict[str, object]:
        """What the caps have counted."""
        return {"version": 1, "governor": self._governor.state(self._now)}

    def restore(self, state: Mapping[str, object]) -> None:
        """Take up the caps' counts, at the first moment that is seen; a damaged state is ignored."""
        saved = state.get("governor")
        if state.get("version") != 1 or not isinstance(saved, Mapping):
            return
        fresh = Governor(self._governor.caps)
        try:
            fresh.restore(saved, self._now)
        except (ArithmeticError, KeyError, TypeError, ValueError):
            return
        self._governor = fresh
