"""The look-ahead rule: how likely a call that is placed now would be abandoned if it is answered.

    P(drop | answered at t) = P(free - waiting + F(t + connect) - A(t) <= 0), averaged over the ring-time law of t

F: seats that come free, one Bernoulli per busy seat. A: answers among the calls in flight, one Bernoulli per call. This
is the newsvendor's critical ratio on predictive laws: dial the largest k whose k-th call keeps it at alpha or below. With r
drops of room before a hard stop, P(... <= -r) is the chance that the call is the one that passes it; that has a bound of its own.
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
"""By moment: mean, variance and third central moment of the answers less the seats that come free, and the mean of the answers."""


class Bound(NamedTuple):
    """What the last call may risk if it is answered: to be dropped after `room` others with no more than this chance, where the
    answer rate may be off by a share of itself that has the deviation `doubt`."""

    chance: float
    room: int = 0
    doubt: float = 0.0


Bounds = Sequence[Bound]
PowerSums = Sequence[Sequence[float]]
"""Of probabilities, by moment: their sum, that of their squares and that of their cubes."""


class Outlook:
    """What the next seconds hold, for one snapshot: drop probabilities as more or fewer calls are in flight."""

    def __init__(self, free: int, ringing: int, freed: PowerSums, answered: PowerSums) -> None:
        """`free`: free seats less waiting calls; `ringing`: calls. By each of the moments looked at: `freed`, of P(free by then) of
        the busy seats, and `answered`, of P(answered by then) of the calls."""
        self._free, self._ringing = free, ringing
        self._answered_by = answered[0]
        # Cumulants of Bernoullis' sums, by the sums of their powers; of a difference the even ones add up, the odd ones subtract.
        self._sums: _Sums = [
            (b - a, a - aa + b - bb, b - 3.0 * bb + 2.0 * bbb - a + 3.0 * aa - 2.0 * aaa, b)
            for a, aa, aaa, b, bb, bbb in zip(*freed, *answered, strict=True)
        ]
        self.expected_freed, self.expected_answers = sum(freed[0]) / len(freed[0]), sum(answered[0]) / len(answered[0])
        """Busy seats that come free, and calls that are answered, mean over the moments looked at."""

    def calls_within(self, bounds: Bounds, new: Sequence[float], most: int) -> int:
        """The largest number of calls, at most `most`, of which the last keeps within the bounds.

        `new`: P(a new call is answered by each of the moments).
        """
        if most <= 0 or not self._keeps(bounds, self._sums):
            return 0  # as mostly: what a new call adds need not be worked out
        kind, calls = _sums_of(new), 1
        while calls < most and self._keeps(bounds, _with(self._sums, kind, calls)):
            calls += 1
        return calls

    def excess_over(self, bounds: Bounds) -> int:
        """How many ringing calls of the average kind must go until the last of the others keeps within the bounds. A call is
        judged with itself left out, as when it was placed: judged by one call more it could be placed and hung up in turn for
        ever."""
        kind, excess = _sums_of([answers / max(1, self._ringing) for answers in self._answered_by]), 0
        while excess < self._ringing and not self._keeps(bounds, _with(self._sums, kind, -1.0 - excess)):
            excess += 1
        return excess

    def _keeps(self, bounds: Bounds, sums: _Sums) -> bool:
        """Whether a call more keeps within the bounds, beside calls of these sums: by the mean of all moments, of which no more are
        looked at than it takes to pass a bound."""
        for chance, room, doubt in bounds:
            most, total = chance * len(sums), 0.0  # no moment's tail is below nought
            for mean, variance, third, answers in sums:
                deviation = doubt * answers
                total += tail(self._free + room, mean, variance + deviation * deviation, third)
                if not 0.0 < most >= total:
                    return False
        return True


def _with(sums: _Sums, kind: _Sums, count: float) -> _Sums:
    """The sums with `count` calls more of one kind."""
    return [
        (mean + count * x, variance + count * y, third + count * z, answers + count * x)
        for (mean, variance, third, answers), (x, y, z, _) in zip(sums, kind, strict=True)
    ]


def powers(probabilities: Matrix) -> Matrix:
    """Probabilities, their squares and their cubes, side by side: shape (n, m) to (n, 3 m), each row in one piece, or to take some
    would copy all."""
    return np.ascontiguousarray(np.concatenate((probabilities, probabilities**2, probabilities**3), axis=1))


def _sums_of(probabilities: Sequence[float]) -> _Sums:
    """The sums of one call, by its chance to be answered by each moment."""
    return [(p, p * (1.0 - p), p * (1.0 - p) * (1.0 - 2.0 * p), p) for p in probabilities]


def tail(at_least: float, mean: float, variance: float, third: float) -> float:
    """P(S >= at_least) of an integer sum with this mean, variance and third central moment.

    The normal law with continuity correction and one Edgeworth term for the skewness: the "refined normal
    approximation" of Volkova (1996), as in Hong, "On computing the distribution function for the Poisson binomial
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
