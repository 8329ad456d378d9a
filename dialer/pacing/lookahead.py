"""The look-ahead rule: it places calls while the last one is abandoned with a probability up to alpha (allowed risk).

    P(abandoned | answered at t) = P(free - waiting + F(t + connect) - A(t) <= 0), averaged over the distribution of t

F is the number of busy seats that have become free, and A the number of calls in flight that have been answered. Both
are sums of Bernoulli variables: F has one for each busy seat, A one for each call in flight.

A second limit applies to the hard stop. If r more abandoned calls would reach the hard stop, P(... <= -r) is the
probability that the call exceeds it. The rule is the newsvendor's critical ratio with predicted distributions.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import erfc, exp, pi, sqrt
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]

_ROOT_HALF = sqrt(0.5)
_SKEW_FACTOR = 1.0 / (6.0 * sqrt(2.0 * pi))
_Sums = Sequence[tuple[float, float, float, float]]
"""For each point in time: mean, variance and third central moment of (answers - freed seats), and the mean of the answers."""


class Bound(NamedTuple):
    """A limit (`chance`, 0-1) on the probability that the last call placed is abandoned.

    With `room` = 2, the limit applies to a rarer event: two other calls are abandoned, and then this call too. `doubt`
    is the relative standard deviation of the error in the estimated answer rate.
    """

    chance: float
    room: int = 0
    doubt: float = 0.0


Bounds = Sequence[Bound]
PowerSums = Sequence[Sequence[float]]
"""For each point in time: the sums of probabilities, of their squares and of their cubes."""


class Outlook:
    """The forecast of abandoned calls for the next seconds. From it follows how many calls can be placed, or must be
    hung up.
    """

    def __init__(self, free: int, ringing: int, freed: PowerSums, answered: PowerSums) -> None:
        """Create the forecast for several points in time.

        Args:
            free: the number of free seats minus the number of waiting callers.
            ringing: the number of calls in flight.
            freed: for each point in time, the sum of the busy seats' probabilities to be free then, and the sums of their
                squares and cubes.
            answered: for each point in time, the same three sums for the probabilities that calls in flight are answered.
        """
        self._free, self._ringing = free, ringing
        self._answered_by = answered[0]
        # Cumulants of sums of Bernoulli variables, from power sums. For a difference, even cumulants add and odd ones
        # subtract.
        self._sums: _Sums = [
            (b - a, a - aa + b - bb, b - 3.0 * bb + 2.0 * bbb - a + 3.0 * aa - 2.0 * aaa, b)
            for a, aa, aaa, b, bb, bbb in zip(*freed, *answered, strict=True)
        ]
        self.expected_freed, self.expected_answers = sum(freed[0]) / len(freed[0]), sum(answered[0]) / len(answered[0])
        """Expected seats that become free, and expected answers: means over all points in time."""

    def count_calls_within_risk_bounds(self, bounds: Bounds, new: Sequence[float], most: int) -> int:
        """Return how many new calls (at most `most`) can be placed without exceeding a limit on the last call's risk.

        Args:
            new: for each point in time of the forecast, the probability that a new call has been answered by then.
        """
        if most <= 0 or not self._is_call_within_risk_bounds(bounds, self._sums):
            return 0  # the usual case, decided before the effect of a new call is computed
        kind, calls = _compute_answer_mean_and_variance_of_call(new), 1
        while calls < most and self._is_call_within_risk_bounds(
            bounds, _add_calls_to_answer_moments(self._sums, kind, calls)
        ):
            calls += 1
        return calls

    def count_calls_to_hang_up(self, bounds: Bounds) -> int:
        """Return how many ringing calls must be hung up, so that the risk of each remaining call is within its limits.

        A call's risk is computed from the other calls only, as when a call is placed. Otherwise calls could be placed
        and hung up again and again.
        """
        kind, excess = (
            _compute_answer_mean_and_variance_of_call(
                [answers / max(1, self._ringing) for answers in self._answered_by]
            ),
            0,
        )
        while excess < self._ringing and not self._is_call_within_risk_bounds(
            bounds, _add_calls_to_answer_moments(self._sums, kind, -1.0 - excess)
        ):
            excess += 1
        return excess

    def _is_call_within_risk_bounds(self, bounds: Bounds, sums: _Sums) -> bool:
        """Return whether the risk that one more call is abandoned is within all limits.

        `sums` describes the seats and the other calls. The risk (0-1) is the mean over all points in time of the
        forecast.
        """
        for chance, room, doubt in bounds:
            most, total = chance * len(sums), 0.0  # tails are never negative
            for mean, variance, third, answers in sums:
                deviation = doubt * answers
                total += compute_tail_probability(self._free + room, mean, variance + deviation * deviation, third)
                if not 0.0 < most >= total:
                    return False
        return True


def _add_calls_to_answer_moments(sums: _Sums, kind: _Sums, count: float) -> _Sums:
    """Add `count` equal calls to the distribution of the number of answers: its mean, variance and third central
    moment.
    """
    return [
        (mean + count * x, variance + count * y, third + count * z, answers + count * x)
        for (mean, variance, third, answers), (x, y, z, _) in zip(sums, kind, strict=True)
    ]


def append_squares_and_cubes(probabilities: Matrix) -> Matrix:
    """Append to a matrix of probabilities the columns of their squares and of their cubes.

    The result is a contiguous array, so that selecting rows copies only these rows.
    """
    return np.ascontiguousarray(np.concatenate((probabilities, probabilities**2, probabilities**3), axis=1))


def _compute_answer_mean_and_variance_of_call(probabilities: Sequence[float]) -> _Sums:
    """Return mean, variance and third central moment of one call's number of answers (0 or 1), at each point in time.

    `probabilities` has the probability that the call has been answered by each point in time of the forecast.
    """
    return [(p, p * (1.0 - p), p * (1.0 - p) * (1.0 - 2.0 * p), p) for p in probabilities]


def compute_tail_probability(at_least: float, mean: float, variance: float, third: float) -> float:
    """Return the probability that a random whole number is at least `at_least`, approximated from its mean, variance
    and third central moment. The number is a sum, such as the answers of several calls.

    This is the "refined normal approximation" of Volkova (1996): the normal distribution with continuity correction and
    one Edgeworth term for the skewness. See Hong, "On computing the distribution function for the Poisson binomial
    distribution" (2013).
    """
    if variance < 1e-9:
        return 1.0 if mean >= at_least - 0.5 else 0.0
    deviation = sqrt(variance)
    x = (at_least - 0.5 - mean) / deviation
    if x > 9.0:
        return 0.0
    square = x * x
    skew = third / (variance * deviation) * (1.0 - square) * exp(-0.5 * square) * _SKEW_FACTOR
    chance = 0.5 * erfc(x * _ROOT_HALF) - skew
    return 0.0 if chance < 0.0 else 1.0 if chance > 1.0 else chance
