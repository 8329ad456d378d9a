"""The abandoned-call governor: what the caps still allow, and how bold the look-ahead may be.

Two loops. The inner one finds the alpha that makes calls drop at the lowest target, by stochastic approximation at
every answered call. The outer one scales it by x, the drop rate that every window can bear from now on as a multiple
of that target: it knows when each abandoned call will leave each window.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import exp, log, sqrt

from dialer.pacing.port import Cap
from dialer.pacing.tally import Tally

LEAST_BOLDNESS = 0.25
LEAST_EASE = 0.1
MOST_BOLDNESS = 2.0
GUARDED_BOLDNESS = 0.05
"""x while one abandoned call more would pass a hard stop."""

NEAREST_SECONDS = 300.0
"""The shortest stretch over which a window's room is spread: a few times the time that calls in flight take to show."""

NEAREST_ANSWERS = 8.0

TARGET_MARGIN = 2.0
TARGET_ANSWERS = 150.0
"""A window's target is approached to within TARGET_MARGIN drops, and a deviation made good over TARGET_ANSWERS."""

FIRST_ALPHA = 0.7
"""alpha over target before anything is known, at 27 seats."""

MOST_ALPHA = 0.2

_LEAST_STEP = 0.03
_FIRST_STEP = 0.25
_SETTLING_ANSWERS = 60.0
_RATE_ANSWERS = 50.0
_STALE_SECONDS = 1.0


class Governor:
    """Holds every cap of a campaign's profile. Without a cap nothing is ever put at risk."""

    def __init__(self, caps: Sequence[Cap]) -> None:
        """`caps`: the windows of the profile; a target above its hard stop counts as the hard stop."""
        self.caps = tuple(caps)
        self.tallies = [Tally(cap.window_seconds) for cap in self.caps]
        self.target = min((target_of(cap) for cap in self.caps), default=0.0)
        self._level = log(FIRST_ALPHA * max(1e-6, self.target))
        self._answers = 0
        self._boldness = LEAST_BOLDNESS
        self._rate = 0.0  # live answers per second, lately
        self._last_answer: float | None = None
        self._planned_at: float | None = None
        self._stop_room = self._guarded_room = self._guards_left = 0.0

    def answered(self, now: float, lesson: float = 1.0) -> None:
        """A person answered. `lesson`: what it says of the risk that calls are placed with; below 1 for one that bore none."""
        for tally in self.tallies:
            tally.count_answer(now)
        self._answers += 1
        if self._last_answer is not None:
            gap = max(0.0, now - self._last_answer)
            weight = max(1.0 / self._answers, 1.0 / _RATE_ANSWERS)
            mean_gap = 1.0 / self._rate if self._rate > 0.0 else gap
            self._rate = 1.0 / max(1e-3, mean_gap + weight * (gap - mean_gap))
        self._last_answer = now
        self._learn(lesson * self.target * min(1.0, self._boldness))
        self._plan(now)

    def machine(self, now: float) -> None:
        """An answer that was counted was a machine: it does not make room for an abandoned call."""
        for tally in self.tallies:
            tally.take_back_answer(now)
        self._plan(now)

    def abandoned(self, now: float) -> None:
        """A person who had answered got no seat in time."""
        for tally in self.tallies:
            tally.count_abandoned(now)
        self._learn(-1.0)
        self._plan(now)

    def _learn(self, surprise: float) -> None:
        """Move the level by what came over what was expected."""
        step = max(_LEAST_STEP, _FIRST_STEP / (1.0 + self._answers / _SETTLING_ANSWERS))
        self._level = min(log(MOST_ALPHA), max(log(1e-4), self._level + step * surprise))

    def alpha(self, now: float) -> float:
        """The chance to be abandoned that a call may be placed with, at a site of 27 seats."""
        self._keep_up(now)
        return exp(self._level) * self._boldness

    def guarded_alpha(self) -> float:
        """The same while one abandoned call more would pass a hard stop."""
        return exp(self._level) * min(self._boldness, GUARDED_BOLDNESS)

    @property
    def boldness(self) -> float:
        """x: the drop rate that the windows can bear, as a multiple of the target."""
        return self._boldness

    def _plan(self, now: float) -> None:
        self._planned_at = now
        self._stop_room = self._guarded_room = float("inf") if self.caps else 0.0
        self._guards_left = 1.0
        for cap, tally in self._pairs():
            room = self._room(tally, cap.hard_stop, now)
            self._stop_room = min(self._stop_room, room)
            held_back = guard(room + tally.abandoned)
            self._guarded_room = min(self._guarded_room, room - held_back)
            self._guards_left = min(self._guards_left, room / held_back)
        if self.target <= 0.0:
            self._boldness = 0.0
            return
        bearable = min(self._bearable(cap, tally, now) for cap, tally in self._pairs())
        least = LEAST_BOLDNESS * min(self._ease(cap, tally) for cap, tally in self._pairs())
        self._boldness = min(MOST_BOLDNESS, max(least, bearable / self.target))

    def _ease(self, cap: Cap, tally: Tally) -> float:
        """Near a hard stop even the least boldness gives way: from 1, half the margin before it, down to LEAST_EASE."""
        most = cap.hard_stop * tally.answers
        return min(1.0, max(LEAST_EASE, (most - tally.abandoned - 1.0) / max(1e-3, 0.5 * margin(most))))

    def _bearable(self, cap: Cap, tally: Tally, now: float) -> float:
        """The drop rate, per answer from now on, that this window can bear at every moment to come."""
        tally.advance(now)
        target = target_of(cap)
        short = target * tally.answers - tally.abandoned - min(TARGET_MARGIN, margin(target * tally.answers))
        bearable = target + short / TARGET_ANSWERS
        rate = max(self._rate, 1e-3)
        ahead = max(NEAREST_SECONDS, NEAREST_ANSWERS / rate)
        while True:
            ahead = min(ahead, tally.window_seconds)
            answers, abandoned = tally.staying(now, ahead)
            coming = ahead * rate
            allowed = cap.hard_stop * (answers + coming)
            bearable = min(bearable, (allowed - margin(allowed) - abandoned) / coming)
            if ahead >= tally.window_seconds or answers == tally.answers:
                return bearable
            ahead *= 2.0

    def drops_to_target(self, now: float) -> float:
        """Abandoned calls that every window's target has room for now; may be below 0. No cap: no room."""
        return min((self._room(tally, target_of(cap), now) for cap, tally in self._pairs()), default=0.0)

    def drops_to_hard_stop(self, now: float) -> float:
        """Abandoned calls that every window's hard stop has room for now; may be below 0. No cap: no room."""
        self._keep_up(now)
        return self._stop_room

    def guards_left(self, now: float) -> float:
        """The room up to a hard stop as a share of what is held back there (`guard`), at most 1, of the tightest
        window; 0 or below: the hard stop is reached."""
        self._keep_up(now)
        return self._guards_left

    def room_above_guard(self, now: float) -> float:
        """The same less what every window holds back for one bad moment; below 0: guarded."""
        self._keep_up(now)
        return self._guarded_room

    def worst_case_room(self, now: float, free_seats: int) -> float:
        """Calls in flight beyond the free seats of which every one may be dropped, and no reserving cap is passed.

        Before d callers are dropped, others have taken the free seats: with `a` abandoned of n answers so far, a + d must not
        pass hard_stop * (n + free_seats + d). Calls, below 0 where a cap is passed already; infinite where none reserves.
        """
        room = float("inf")
        for cap, tally in self._pairs():
            if cap.reserves and cap.hard_stop < 1.0:
                tally.advance(now)
                allowed = max(0.0, cap.hard_stop) * (tally.answers + max(0, free_seats)) - tally.abandoned
                room = min(room, allowed / (1.0 - max(0.0, cap.hard_stop)))
        return room

    def _keep_up(self, now: float) -> None:
        """Plan anew when so much time has passed that counts may have left a window."""
        if self._planned_at is None or abs(now - self._planned_at) > _STALE_SECONDS:
            self._plan(now)

    def _pairs(self) -> zip[tuple[Cap, Tally]]:
        return zip(self.caps, self.tallies, strict=True)

    def _room(self, tally: Tally, share: float, now: float) -> float:
        tally.advance(now)
        return max(0.0, share) * tally.answers - tally.abandoned

    def state(self, now: float) -> dict[str, object]:
        """Counts and level as plain JSON types."""
        return {
            "tallies": [tally.state(now) for tally in self.tallies],
            "level": self._level,
            "answers": self._answers,
            "rate": self._rate,
        }

    def restore(self, state: Mapping[str, object], now: float) -> None:
        """Take up what `state` gave, for the windows that still exist. Raises KeyError, TypeError or ValueError."""
        fresh = [Tally(cap.window_seconds) for cap in self.caps]
        saved = state["tallies"]
        if not isinstance(saved, Sequence):
            raise TypeError("not a list of windows")
        for one in saved:
            for tally in fresh:
                if one["window_seconds"] == tally.window_seconds:
                    tally.restore(one, now)
        level, answers, rate = (float(str(state[key])) for key in ("level", "answers", "rate"))
        if not (log(1e-4) <= level <= log(MOST_ALPHA) and answers >= 0 and 0.0 <= rate < 1e6):
            raise ValueError("figures of the governor are out of range")
        self.tallies, self._level, self._answers, self._rate = fresh, level, int(answers), rate
        self._last_answer = self._planned_at = None


def target_of(cap: Cap) -> float:
    """The share that a cap is steered to."""
    return max(0.0, min(cap.target, cap.hard_stop))


def margin(drops: float) -> float:
    """Drops kept in reserve by a window that may hold so many at its hard stop, while the rate is steered.

    A fraction of the standard deviation of as many independent ones, as steering takes the rest away. Found by
    simulation, with `guard`: with less of it a window's room is spent early, and the wait for it to come back costs more
    idle time than the calls it brought.
    """
    return max(0.5, 0.75 * sqrt(max(0.0, drops)))


def guard(drops: float) -> float:
    """Room below which a window that may hold so many drops is guarded: what one bad moment may bring, one at least.

    Calls that are answered within the same second are dropped together, and a larger site has more of them.
    """
    return max(1.0, 0.6 * sqrt(max(0.0, drops)) + 0.1)
