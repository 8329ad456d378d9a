"""How likely the next call is to be answered: several memories, mixed by how well each foretold what came."""

from __future__ import annotations

from collections.abc import Mapping
from math import exp, isnan, log, sqrt

import numpy as np
from numpy.typing import NDArray

from dialer.pacing.estimators import finite_list

Vector = NDArray[np.float64]

MEMORIES = (60.0, 250.0, 1000.0)
"""Calls placed that each memory keeps, at a site that places USUAL_PER_SECOND."""

USUAL_PER_SECOND = 1.0

HOUR_MEMORY = 3000.0
"""Calls that the memory of one hour of the day keeps, over days."""

MOST_SHIFT = 8.0
MOST_DEVIATION = 1.0
_SCORE_KEEP = 0.99
_SAME_TIME = 1e-3
_FIT_EVERY = 25


def log_odds(probability: float) -> float:
    """Log odds, finite for 0, 1 and what is no probability at all."""
    if isnan(probability):
        return 0.0
    probability = min(1.0 - 1e-4, max(1e-4, probability))
    return log(probability / (1.0 - probability))


def from_log_odds(value: float) -> float:
    """The probability of log odds."""
    return 1.0 / (1.0 + exp(-min(700.0, max(-700.0, value))))


class _Times:
    """When the last calls were placed, in one stretch of memory so that many can be looked up at once."""

    KEPT = 2048
    RATE_OVER = 1000

    def __init__(self) -> None:
        self._at = np.zeros(2 * self.KEPT)
        self._count = 0
        self.count = 0  # of all that were ever placed

    def add(self, now: float) -> None:
        if self._count == len(self._at):
            self._at[: self.KEPT] = self._at[self.KEPT :]
            self._count = self.KEPT
        self._at[self._count] = now
        self._count += 1
        self.count += 1

    def since(self, then: Vector | float) -> Vector:
        """How many calls were placed after each moment; of one moment's calls none was placed after another."""
        found: Vector = np.asarray(self._count - self._at[: self._count].searchsorted(then + _SAME_TIME, side="right"))
        return found

    def per_second(self) -> float:
        """Calls placed per second over the last thousand, at most."""
        count = min(self.RATE_OVER, self._count)
        if count < 2:
            return 0.0
        return count / max(60.0, float(self._at[self._count - 1] - self._at[self._count - count]))


class AnswerRate:
    """A shift on the log odds of each call's own answer probability (or of the prior's, where a call has none).

    Each memory is a logistic regression of one coefficient, by recursive least squares with exponential forgetting by
    calls *placed*: an outcome that comes late weighs as if it had come with those that it was placed with. Calls that
    still ring are evidence too (they were not answered so far): without it the estimate would lag by a ring-out, and
    would be drawn to answers, which come sooner than no-answers. The fourth memory belongs to the hour of the day.
    """

    def __init__(self, prior: float, *, prior_calls: float = 15.0) -> None:
        """`prior`: answer probability before anything is known, worth `prior_calls` calls."""
        self.prior_log_odds = log_odds(prior)
        probability = from_log_odds(self.prior_log_odds)
        self._keep: list[float] = []
        self._log_keep = np.zeros(len(MEMORIES) + 1)
        self._fit_memories(1.0)
        self._shift = [0.0] * len(self._keep)
        self._information = [prior_calls * probability * (1.0 - probability)] * len(self._keep)
        self._score = [0.0] * len(self._keep)
        self._times = _Times()
        self._hours: dict[int, tuple[float, float]] = {}
        self._hour: int | None = None
        self.outcomes = 0

    def placed(self, now: float) -> None:
        """A call was placed: what was learned fades by one call. A prior that nothing was learned on stays."""
        self._times.add(now)
        if not self.outcomes:
            return
        if self._times.count % _FIT_EVERY == 0:
            self._fit_memories(self._times.per_second() / USUAL_PER_SECOND)
        for index, keep in enumerate(self._keep):
            self._information[index] = max(1e-3, self._information[index] * keep)

    def _fit_memories(self, scale: float) -> None:
        """A larger site's memories keep more calls, so that they reach as far back in time."""
        scale = max(1.0, scale)
        self._keep = [1.0 - 1.0 / (scale * memory) for memory in (*MEMORIES, HOUR_MEMORY)]
        self._log_keep = np.log(self._keep)

    def outcome(self, *, answered: bool, probability: float | None, now: float, seconds: float, hour: int) -> None:
        """A call that was placed `seconds` ago was answered, or failed. `probability`: its own, where known."""
        self._enter(hour)
        base = self.prior_log_odds if probability is None else log_odds(probability)
        for index, weight in enumerate(self._weights(now, seconds)):
            expected = from_log_odds(base + self._shift[index])
            told = expected if answered else 1.0 - expected
            self._score[index] = self._score[index] * _SCORE_KEEP + log(max(1e-6, told))
            self._update(index, weight * (answered - expected), weight * expected * (1.0 - expected))
        self.outcomes += 1

    def cancelled(self, *, ratio: float, probability: float | None, now: float, seconds: float) -> float:
        """A call that was placed `seconds` ago was hung up while it rang: it was not answered so far, no more is known.

        `ratio`: as in `estimate`. Returns the probability that it would have been answered.
        """
        base = self.prior_log_odds if probability is None else log_odds(probability)
        posterior = 0.0
        for index, weight in enumerate(self._weights(now, seconds)):
            expected = from_log_odds(base + self._shift[index])
            posterior = expected / (expected + (1.0 - expected) * ratio)
            gained = max(0.0, expected * (1.0 - expected) - posterior * (1.0 - posterior))
            if self.outcomes:
                self._update(index, weight * (posterior - expected), weight * gained)
        return posterior

    def _weights(self, now: float, seconds: float) -> list[float]:
        """What a call that was placed `seconds` ago weighs in each memory."""
        since = float(self._times.since(now - seconds))
        return [keep**since for keep in self._keep]

    def _update(self, index: int, surprise: float, information: float) -> None:
        self._information[index] += information
        step = min(1.0, max(-1.0, surprise / self._information[index]))
        self._shift[index] = _bounded(self._shift[index] + step)

    def _enter(self, hour: int) -> None:
        """Change the hour's own memory when the hour changes; an hour that is new begins with what the day knows."""
        if hour == self._hour:
            return
        if self._hour is not None:
            self._hours[self._hour] = (self._shift[-1], self._information[-1])
            self._shift[-1], self._information[-1] = self._hours.get(hour, (self._shift[-2], self._information[-2]))
        self._hour = hour

    def estimate(
        self, now: float = 0.0, base: Vector | float = 0.0, ratio: Vector | None = None, elapsed: Vector | None = None
    ) -> tuple[float, float]:
        """Shift on the log odds and its standard deviation, with the evidence of the calls that still ring.

        `base`: log odds of each ringing call, or of all; `ratio`: P(still ringing | it will fail) / P(still ringing |
        answered); `elapsed`: seconds since it was placed, as of `now`.
        """
        shifts, information, scores = self._shift, self._information, self._score
        if ratio is not None and elapsed is not None and len(ratio):
            weight = np.exp(self._log_keep[:, None] * self._times.since(now - elapsed))
            expected = 1.0 / (1.0 + np.exp(np.array([-shift for shift in shifts])[:, None] - base))
            likelihood = expected + (1.0 - expected) * ratio
            posterior = expected / likelihood
            surprise = posterior - expected
            # p (1 - p) - q (1 - q): what the call's survival says, as information
            gained = np.maximum(0.0, surprise * (posterior + expected - 1.0))
            # what each memory foretold of these calls: that they still ring
            told = np.log(np.maximum(1e-6, likelihood)).sum(axis=1).tolist()
            more = (weight * gained).sum(axis=1).tolist()
            moved = (weight * surprise).sum(axis=1).tolist()
            scores = [score + one for score, one in zip(scores, told, strict=True)]
            information = [known + one for known, one in zip(information, more, strict=True)]
            shifts = [
                shift + min(1.0, max(-1.0, move / known))
                for shift, move, known in zip(shifts, moved, information, strict=True)
            ]
        best = max(scores)
        total = mean = square = 0.0
        for score, shift, known in zip(scores, shifts, information, strict=True):
            share = exp(score - best)
            total += share
            mean += share * shift
            square += share * (1.0 / known + shift * shift)
        mean /= total
        return mean, min(MOST_DEVIATION, sqrt(max(0.0, square / total - mean * mean)))

    def placed_per_second(self) -> float:
        """Calls placed per second, over the last thousand at most."""
        return self._times.per_second()

    def state(self) -> dict[str, object]:
        """What was learned, as plain JSON types; hours by name."""
        hours = dict(self._hours)
        if self._hour is not None:
            hours[self._hour] = (self._shift[-1], self._information[-1])
        return {
            "shift": list(self._shift),
            "information": list(self._information),
            "hours": {str(hour): list(known) for hour, known in hours.items()},
            "outcomes": self.outcomes,
        }

    def restore(self, state: Mapping[str, object]) -> None:
        """Take up what `state` gave. Raises KeyError, TypeError or ValueError for a damaged one."""
        count = len(self._keep)
        shift = finite_list(state["shift"], count, signed=True)
        information = finite_list(state["information"], count)
        saved, outcomes = state["hours"], state["outcomes"]
        if not isinstance(saved, Mapping) or not isinstance(outcomes, int):
            raise TypeError("not the state of an answer rate")
        hours = {}
        for hour, known in saved.items():
            hour_shift, hour_information = finite_list(known, 2, signed=True).tolist()
            hours[int(hour)] = (_bounded(hour_shift), max(1e-3, hour_information))
        self._shift = [_bounded(value) for value in shift.tolist()]
        self._information = np.maximum(1e-3, information).tolist()
        self._hours, self._hour, self.outcomes = hours, None, max(0, outcomes)


def _bounded(shift: float) -> float:
    return min(MOST_SHIFT, max(-MOST_SHIFT, shift))
