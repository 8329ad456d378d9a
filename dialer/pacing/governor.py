"""The abandoned-call governor: what the caps still allow, and how bold the look-ahead may be.

Two loops. The inner one finds the alpha that makes calls drop at the lowest target, by stochastic approximation at
every answered call. The outer one scales it by x, the drop rate that every window can bear from now on as a multiple
of that target: it knows when each abandoned call will leave each window.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import exp, log

from dialer.pacing.port import Cap
from dialer.pacing.tally import Tally

LEAST_BOLDNESS = 0.03
MOST_BOLDNESS = 2.0

NEAREST_SECONDS = 150.0
"""The shortest stretch over which a window's room is spread: a few times the time that calls in flight take to show."""

NEAREST_ANSWERS = 8.0

MARGIN_FACTOR = 0.6
MARGIN_POWER = 0.6
"""Drops kept in reserve below a hard stop: FACTOR * (drops that the window holds at its hard stop) ** POWER. Found by
simulation: sliding hours then stay below the hard stop from 3 seats to 300."""

TARGET_MARGIN = 2.0
TARGET_ANSWERS = 150.0
"""A window's target is approached to within TARGET_MARGIN drops, and a deviation made good over TARGET_ANSWERS."""

FIRST_ALPHA = 0.7
"""alpha over target before anything is known, at 27 seats."""

_LEAST_STEP = 0.03
_FIRST_STEP = 0.25
_SETTLING_ANSWERS = 60.0
_RATE_ANSWERS = 50.0
_STALE_SECONDS = 5.0


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

    def answered(self, now: float) -> None:
        """A person answered."""
        for tally in self.tallies:
            tally.count_answer(now)
        self._answers += 1
        if self._last_answer is not None:
            gap = max(0.0, now - self._last_answer)
            weight = max(1.0 / self._answers, 1.0 / _RATE_ANSWERS)
            mean_gap = 1.0 / self._rate if self._rate > 0.0 else gap
            self._rate = 1.0 / max(1e-3, mean_gap + weight * (gap - mean_gap))
        self._last_answer = now
        self._learn(self.target * min(1.0, self._boldness))
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
        self._level = min(log(0.4), max(log(1e-4), self._level + step * surprise))

    def alpha(self, now: float) -> float:
        """The chance to be abandoned that a call may be placed with, at a site of 27 seats."""
        if self._planned_at is None or abs(now - self._planned_at) > _STALE_SECONDS:
            self._plan(now)
        return exp(self._level) * self._boldness

    @property
    def boldness(self) -> float:
        """x: the drop rate that the windows can bear, as a multiple of the target."""
        return self._boldness

    def _plan(self, now: float) -> None:
        self._planned_at = now
        if self.target <= 0.0:
            self._boldness = 0.0
            return
        bearable = min(self._bearable(cap, tally, now) for cap, tally in zip(self.caps, self.tallies, strict=True))
        self._boldness = min(MOST_BOLDNESS, max(LEAST_BOLDNESS, bearable / self.target))

    def _bearable(self, cap: Cap, tally: Tally, now: float) -> float:
        """The drop rate, per answer from now on, that this window can bear at every moment to come."""
        tally.advance(now)
        target = target_of(cap)
        short = target * tally.answers - tally.abandoned - margin(target * tally.answers, TARGET_MARGIN)
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
        return min((self._room(tally, cap.hard_stop, now) for cap, tally in self._pairs()), default=0.0)

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
        if not (log(1e-4) <= level <= log(0.4) and answers >= 0 and 0.0 <= rate < 1e6):
            raise ValueError("figures of the governor are out of range")
        self.tallies, self._level, self._answers, self._rate = fresh, level, int(answers), rate
        self._last_answer = self._planned_at = None


def target_of(cap: Cap) -> float:
    """The share that a cap is steered to."""
    return max(0.0, min(cap.target, cap.hard_stop))


def margin(drops: float, most: float = float("inf")) -> float:
    """Drops kept in reserve by a window that may hold so many."""
    reserve: float = MARGIN_FACTOR * max(0.0, drops) ** MARGIN_POWER
    return min(most, reserve)
