"""How likely the next call is to be answered: several memories, mixed by how well each foretold what came."""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from collections.abc import Mapping
from math import exp, isnan, log, sqrt

import numpy as np
from numpy.typing import NDArray

from dialer.pacing.estimators import finite_list

Vector = NDArray[np.float64]

MEMORIES = (60.0, 250.0, 1000.0)
"""Calls placed that each memory keeps."""

HOUR_MEMORY = 3000.0
"""Calls that the memory of one hour of the day keeps, over days."""

MOST_SHIFT = 8.0
_SCORE_KEEP = 0.98
_PLACED_KEPT = 4000
_RATE_OVER_CALLS = 30


def log_odds(probability: float) -> float:
    """Log odds, finite for 0, 1 and what is no probability at all."""
    if isnan(probability):
        return 0.0
    probability = min(1.0 - 1e-4, max(1e-4, probability))
    return log(probability / (1.0 - probability))


def from_log_odds(value: float) -> float:
    """The probability of log odds."""
    return 1.0 / (1.0 + exp(-min(700.0, max(-700.0, value))))


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
        self._keep = [1.0 - 1.0 / memory for memory in (*MEMORIES, HOUR_MEMORY)]
        self._log_keep = np.log(self._keep)
        self._shift = [0.0] * len(self._keep)
        self._information = [prior_calls * probability * (1.0 - probability)] * len(self._keep)
        self._score = [0.0] * len(self._keep)
        self._placed: deque[float] = deque(maxlen=_PLACED_KEPT)
        self._hours: dict[int, tuple[float, float]] = {}
        self._hour: int | None = None
        self.outcomes = 0

    def placed(self, now: float) -> None:
        """A call was placed: what was learned fades by one call. A prior that nothing was learned on stays."""
        self._placed.append(now)
        if not self.outcomes:
            return
        for index, keep in enumerate(self._keep):
            self._information[index] = max(1e-3, self._information[index] * keep)

    def outcome(self, *, answered: bool, probability: float | None, now: float, seconds: float, hour: int) -> None:
        """A call that was placed `seconds` ago was answered, or failed. `probability`: its own, where known."""
        self._enter(hour)
        base = self.prior_log_odds if probability is None else log_odds(probability)
        since = len(self._placed) - bisect_right(self._placed, now - seconds + 1e-3)
        for index, keep in enumerate(self._keep):
            expected = from_log_odds(base + self._shift[index])
            told = expected if answered else 1.0 - expected
            self._score[index] = self._score[index] * _SCORE_KEEP + log(max(1e-6, told))
            weight = keep**since
            self._information[index] += weight * expected * (1.0 - expected)
            step = weight * (answered - expected) / self._information[index]
            self._shift[index] = _bounded(self._shift[index] + min(1.0, max(-1.0, step)))
        self.outcomes += 1

    def _enter(self, hour: int) -> None:
        """Change the hour's own memory when the hour changes; an hour that is new begins with what the day knows."""
        if hour == self._hour:
            return
        if self._hour is not None:
            self._hours[self._hour] = (self._shift[-1], self._information[-1])
            self._shift[-1], self._information[-1] = self._hours.get(hour, (self._shift[-2], self._information[-2]))
        self._hour = hour

    def estimate(
        self, base: Vector | float = 0.0, ratio: Vector | None = None, elapsed: Vector | None = None
    ) -> tuple[float, float]:
        """Shift on the log odds and its standard deviation, with the evidence of the calls that still ring.

        `base`: log odds of each ringing call, or of all; `ratio`: P(still ringing | it will fail) / P(still ringing |
        answered); `elapsed`: seconds since it was placed.
        """
        shifts, information = self._shift, self._information
        if ratio is not None and elapsed is not None and len(ratio):
            weight = np.exp(self._log_keep[:, None] * (elapsed * self.placed_per_second()))
            expected = 1.0 / (1.0 + np.exp(-(base + np.array(shifts)[:, None])))
            posterior = expected / (expected + (1.0 - expected) * ratio)
            surprise = posterior - expected
            # p (1 - p) - q (1 - q): what the call's survival says, as information
            gained = np.maximum(0.0, surprise * (posterior + expected - 1.0))
            information = (np.array(information) + (weight * gained).sum(axis=1)).tolist()
            moved = (weight * surprise).sum(axis=1).tolist()
            shifts = [
                shift + min(1.0, max(-1.0, move / known))
                for shift, move, known in zip(shifts, moved, information, strict=True)
            ]
        best = max(self._score)
        weights = [exp(score - best) for score in self._score]
        total = sum(weights)
        mean = sum(weight * shift for weight, shift in zip(weights, shifts, strict=True)) / total
        variance = 0.0
        for share, shift, known in zip(weights, shifts, information, strict=True):
            variance += share * (1.0 / known + (shift - mean) ** 2)
        return mean, sqrt(variance / total)

    def placed_per_second(self) -> float:
        """Calls placed per second over the last few dozen."""
        count = min(_RATE_OVER_CALLS, len(self._placed))
        if count < 2:
            return 0.0
        return count / max(1.0, self._placed[-1] - self._placed[-count])

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
