"""The look-ahead rule: the probability that a call placed now is abandoned if it is answered.

    P(abandoned | answered at t) = P(free - waiting + F(t + connect) - A(t) <= 0), averaged over the distribution of t

F is the number of seats that become free, one Bernoulli variable per busy seat. A is the number of answers among the
calls in flight, one Bernoulli variable per call. This is the newsvendor's critical ratio with predicted distributions:
place the largest k calls of which the last keeps the probability at alpha or below. With r abandoned calls of room
before a hard stop, P(... <= -r) is the probability that the call is the one that exceeds it; this has a bound of its
own.
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
    """A limit on the risk of the last call, if it is answered: `chance` is the highest allowed probability that it is
    abandoned.

    With `room`, that it is abandoned after `room` other calls. `doubt` is the relative standard deviation of the answer
    rate's error.
    """

    chance: float
    room: int = 0
    doubt: float = 0.0


Bounds = Sequence[Bound]
PowerSums = Sequence[Sequence[float]]
"""By moment: the sums of probabilities, of their squares and of their cubes."""


class Outlook:
    """The expected course of the next seconds for one snapshot: probabilities of abandoning as more or fewer calls are
    in flight.
    """

    def __init__(self, free: int, ringing: int, freed: PowerSums, answered: PowerSums) -> None:
        """Create the outlook from counts and sums of probabilities at each future moment considered.

        `free`: free seats less waiting callers; `ringing`: calls in flight; `freed`: power sums of P(free by then) over
        the busy seats; `answered`: power sums of P(answered by then) over the calls.
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

    def count_calls_within(self, bounds: Bounds, new: Sequence[float], most: int) -> int:
        """Return the largest number of new calls, at most `most`, of which the last stays within the bounds.

        `new`: P(a new call is answered by each moment).
        """
        if most <= 0 or not self._is_within(bounds, self._sums):
            return 0  # the usual case, decided before the effect of a new call is computed
        kind, calls = _sums_of(new), 1
        while calls < most and self._is_within(bounds, _add_calls(self._sums, kind, calls)):
            calls += 1
        return calls

    def count_excess(self, bounds: Bounds) -> int:
        """Return how many average ringing calls must be hung up until the last of the others stays within the bounds.

        A call is judged without itself, as when it was placed. Judged with itself, a call could be placed and hung up
        again and again.
        """
        kind, excess = _sums_of([answers / max(1, self._ringing) for answers in self._answered_by]), 0
        while excess < self._ringing and not self._is_within(bounds, _add_calls(self._sums, kind, -1.0 - excess)):
            excess += 1
        return excess

    def _is_within(self, bounds: Bounds, sums: _Sums) -> bool:
        """Return whether one more call stays within the bounds, given calls with these sums.

        The mean over all moments counts. The loop stops as soon as a bound is exceeded.
        """
        for chance, room, doubt in bounds:
            most, total = chance * len(sums), 0.0  # tails are never negative
            for mean, variance, third, answers in sums:
                deviation = doubt * answers
                total += tail_probability(self._free + room, mean, variance + deviation * deviation, third)
                if not 0.0 < most >= total:
                    return False
        return True


def _add_calls(sums: _Sums, kind: _Sums, count: float) -> _Sums:
    """Return the sums with `count` more calls of one kind."""
    return [
        (mean + count * x, variance + count * y, third + count * z, answers + count * x)
        for (mean, variance, third, answers), (x, y, z, _) in zip(sums, kind, strict=True)
    ]


def with_powers(probabilities: Matrix) -> Matrix:
    """Return probabilities, their squares and their cubes side by side: shape (n, m) becomes (n, 3 m).

    The result is contiguous, so that taking rows copies only these rows.
    """
    return np.ascontiguousarray(np.concatenate((probabilities, probabilities**2, probabilities**3), axis=1))


def _sums_of(probabilities: Sequence[float]) -> _Sums:
    """Return the sums of one call, from its probabilities of being answered by each moment."""
    return [(p, p * (1.0 - p), p * (1.0 - p) * (1.0 - 2.0 * p), p) for p in probabilities]


def tail_probability(at_least: float, mean: float, variance: float, third: float) -> float:
    """Return P(S >= at_least) of an integer sum with this mean, variance and third central moment.

    This is the normal distribution with continuity correction and one Edgeworth term for the skewness: the "refined
    normal approximation" of Volkova (1996), as in Hong, "On computing the distribution function for the Poisson
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
