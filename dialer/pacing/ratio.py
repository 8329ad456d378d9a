"""A fixed number of calls per free seat, under the abandoned-call governor."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from dialer.pacing.governor import Governor
from dialer.pacing.limits import reserved_room, room_on_lines, seats_for_callers, seats_without_caller
from dialer.pacing.port import AnswersOfLate, Cap, Explanation, Limit, PacingEvent, PacingEventKind, PacingSnapshot

CALLS_PER_SEAT = 3.0


class RatioPacer:
    """CALLS_PER_SEAT calls in flight for each free seat; progressive while a cap's target leaves no room.

    Unlike a ratio over all agents (VICIdial's default), this one looks at free seats alone: with nobody free it
    places nothing.
    """

    def __init__(self, caps: Sequence[Cap]) -> None:
        self._governor = Governor(caps)
        self._now: float | None = None
        self._saved: Mapping[str, object] | None = None
        self._explanation = Explanation(0, Limit.NOBODY)

    def calls_to_place(self, snapshot: PacingSnapshot) -> int:
        """Calls that bring those in flight up to the ratio, within what the lines and the caps allow."""
        now = self._advance(snapshot.now_seconds)
        free = max(0, snapshot.free_seats)
        budget = self._governor.drops_to_target(now)
        ratio, limited_by = (CALLS_PER_SEAT, Limit.SEATS) if budget >= 1 else (1.0, Limit.CAP)
        wanted = max(0, int(ratio * max(0, free - len(snapshot.waiting_seconds))) - len(snapshot.ringing))
        reserve = self._reserve(now, snapshot)
        if wanted > max(0, reserve):
            wanted, limited_by = max(0, reserve), Limit.RESERVE
        room = room_on_lines(snapshot)
        calls = min(wanted, room.calls)
        if calls < wanted:
            limited_by = room.limited_by
        if seats_for_callers(snapshot) == 0:
            limited_by = Limit.NOBODY
        self._explanation = Explanation(calls, limited_by, {"free": float(free), "ratio": ratio, "budget": budget})
        return calls

    def _reserve(self, now: float, snapshot: PacingSnapshot) -> int:
        return reserved_room(self._governor.worst_case_room(now, snapshot.free_seats), snapshot)

    def observe(self, event: PacingEvent) -> None:
        """Count answers and abandoned calls for the caps."""
        now = self._advance(event.at_seconds)
        if event.kind is PacingEventKind.ANSWERED:
            self._governor.answered(now)
        elif event.kind is PacingEventKind.ABANDONED:
            self._governor.abandoned(now)
        elif event.kind is PacingEventKind.MACHINE:
            self._governor.machine(now)

    def _advance(self, now: float) -> float:
        """The time, which never goes back; what was saved is taken up at the first moment that is seen."""
        if self._now is None:
            self._now = now
            if self._saved is not None:
                self._take_up(self._saved, now)
        self._now = max(self._now, now)
        return self._now

    def explain(self) -> Explanation:
        """Why the last decision was what it was."""
        return self._explanation

    def excess_calls(self, snapshot: PacingSnapshot) -> int:
        """Calls beyond the ratio, or beyond what a cap reserves, when seats left in a burst: all of them with nobody logged in."""
        now = self._advance(snapshot.now_seconds)
        ringing, seats = len(snapshot.ringing), seats_for_callers(snapshot)
        if seats == 0:
            return ringing
        if seats_without_caller(snapshot) >= 0:
            return 0
        return min(ringing, max(0, ringing - int(CALLS_PER_SEAT * seats), -self._reserve(now, snapshot)))

    @property
    def caps(self) -> tuple[Cap, ...]:
        """The caps that it holds."""
        return self._governor.caps

    def recount(self, now_seconds: float, of_late: Mapping[float, Sequence[AnswersOfLate]]) -> None:
        """Hold what is on record of each cap's window in the place of what was counted."""
        now = self._advance(now_seconds)  # takes up what was saved, if nothing was seen yet
        self._governor.recount(now, of_late)

    def state(self) -> dict[str, object]:
        """What the caps have counted."""
        if self._now is None and self._saved is not None:
            return dict(self._saved)
        return {"version": 1, "governor": self._governor.state(self._now or 0.0)}

    def restore(self, state: Mapping[str, object]) -> None:
        """Take up the caps' counts, at the first moment that is seen; a damaged state is ignored."""
        if self._take_up(state, self._now or 0.0) and self._now is None:
            self._saved = dict(state)

    def _take_up(self, state: Mapping[str, object], now: float) -> bool:
        saved = state.get("governor")
        if state.get("version") != 1 or not isinstance(saved, Mapping):
            return False
        fresh = Governor(self._governor.caps)
        try:
            fresh.restore(saved, now)
        except (ArithmeticError, KeyError, TypeError, ValueError):
            return False
        self._governor = fresh
        return True
