"""The look-ahead rule: the probability that a call placed now is abandoned if it is answered.

    P(abandoned | answered at t) = P(free - waiting + F(t + connect) - A(t) <= 0), averaged over the distribution of t

F is the number of seats that become free, and A the number of answers among the calls in flight. Both are sums of
Bernoulli variables: one per busy seat, and one per call.

The rule places as many calls as possible while this probability for the last call is at most alpha. (This is the
newsvendor's critical ratio with predicted distributions.) If r more abandoned calls would reach a hard stop, P(... <=
-r) is the probability that the call exceeds it. This probability has a limit of its own.
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
"""By moment: mean, variance and third central moment of (answers - freed seats), and the mean of the answers."""


class Bound(NamedTuple):
    """A limit (`chance`, 0-1) on the risk of the last call placed.

    With `room` = 0, the risk is that this call is abandoned when it is answered. With `room` = 2, for example, the risk is that
    two other calls are abandoned first, and then this one. `doubt` is the relative standard deviation of the error in the
    estimated answer rate.
    """

    chance: float
    room: int = 0
    doubt: float = 0.0


Bounds = Sequence[Bound]
PowerSums = Sequence[Sequence[float]]
"""By moment: the sums of probabilities, of their squares and of their cubes."""


class Outlook:
    """The probabilities that calls are abandoned in the next seconds, for the present number of calls in flight or for
    more or fewer calls.
    """

    def __init__(self, free: int, ringing: int, freed: PowerSums, answered: PowerSums) -> None:
        """Create the outlook for several future moments.

        Args:
            free: the free seats less the waiting callers.
            ringing: the number of calls in flight.
            freed: for the busy seats, the sums of P(free by each moment), of its squares and of its cubes.
            answered: for the calls in flight, the sums of P(answered by each moment), of its squares and of its cubes.
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
        """Expected seats that become free, and expected answers: means over the moments considered."""

    def count_calls_within_risk_bounds(self, bounds: Bounds, new: Sequence[float], most: int) -> int:
        """Return how many new calls, at most `most`, can be placed before the last one exceeds a bound on its risk.

        Args:
            new: P(a new call is answered by each moment).
        """
        if most <= 0 or not self._is_call_within_risk_bounds(bounds, self._sums):
            return 0  # the usual case, decided before the effect of a new call is computed
        kind, calls = _compute_answer_moments_of_call(new), 1
        while calls < most and self._is_call_within_risk_bounds(
            bounds, _add_calls_to_sums_of_moments(self._sums, kind, calls)
        ):
            calls += 1
        return calls

    def count_calls_to_hang_up(self, bounds: Bounds) -> int:
        """Return how many ringing calls must be hung up until the risk of each remaining call is within the bounds.

        As when a call is placed, its risk is computed from the other calls only. With another calculation, a call could be
        placed and hung up again and again.
        """
        kind, excess = (
            _compute_answer_moments_of_call([answers / max(1, self._ringing) for answers in self._answered_by]),
            0,
        )
        while excess < self._ringing and not self._is_call_within_risk_bounds(
            bounds, _add_calls_to_sums_of_moments(self._sums, kind, -1.0 - excess)
        ):
            excess += 1
        return excess

    def _is_call_within_risk_bounds(self, bounds: Bounds, sums: _Sums) -> bool:
        """Return whether the risk that one more call is abandoned is within all bounds.

        `sums` describes the other calls and the seats. The risk (0-1) is the mean over the moments that the pacer looks
        ahead to.
        """
        for chance, room, doubt in bounds:
            most, total = chance * len(sums), 0.0  # tails are never negative
            for mean, variance, third, answers in sums:
                deviation = doubt * answers
                total += compute_probability_of_at_least_n_answers(
                    self._free + room, mean, variance + deviation * deviation, third
                )
                if not 0.0 < most >= total:
                    return False
        return True


def _add_calls_to_sums_of_moments(sums: _Sums, kind: _Sums, count: float) -> _Sums:
    """Return mean, variance and third central moment of the number of answers, after adding `count` calls of one kind."""
    return [
        (mean + count * x, variance + count * y, third + count * z, answers + count * x)
        for (mean, variance, third, answers), (x, y, z, _) in zip(sums, kind, strict=True)
    ]


def append_second_and_third_powers(probabilities: Matrix) -> Matrix:
    """Return probabilities, their squares and their cubes side by side: shape (n, m) becomes (n, 3 m).

    The array is contiguous, so that selecting rows copies only these rows.
    """
    return np.ascontiguousarray(np.concatenate((probabilities, probabilities**2, probabilities**3), axis=1))


def _compute_answer_moments_of_call(probabilities: Sequence[float]) -> _Sums:
    """Return the mean, variance and third central moment of the number of answers (0 or 1) of one call.

    `probabilities` has, for each later time that the policy considers, the probability that the call has been answered by then.
    """
    return [(p, p * (1.0 - p), p * (1.0 - p) * (1.0 - 2.0 * p), p) for p in probabilities]


def compute_probability_of_at_least_n_answers(at_least: float, mean: float, variance: float, third: float) -> float:
    """Return P(S >= at_least) for a sum S of whole numbers, from its mean, variance and third central moment.

    The result is approximate: the normal distribution with continuity correction and one Edgeworth term for the skewness. This
    is the "refined normal approximation" of Volkova (1996), as in Hong, "On computing the distribution function for the Poisson
    binomial distribution" (2013).
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
