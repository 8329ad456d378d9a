"""The look-ahead rule: how likely a call that is placed now would be abandoned if it is answered.

    P(drop | answered at t) = P(free - waiting + F(t + connect) - A(t) <= 0), averaged over the ring-time law of t

F: seats that come free, one Bernoulli per busy seat. A: answers among the calls in flight, one Bernoulli per call. This
is the newsvendor's critical ratio on predictive laws: dial the largest k whose k-th call keeps it at alpha or below.
With r drops of room before a hard stop, P(... <= -r) is the chance that the call is the one that passes it; that has a bound
of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import erf, exp, pi, sqrt

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]

_ROOT_HALF = sqrt(0.5)
_SKEW_FACTOR = 1.0 / (6.0 * sqrt(2.0 * pi))

EXACT_TERMS = 20
"""Up to so many busy seats and ringing calls the law is computed exactly; above, by the refined normal law."""

_MOST_EXACT_CALLS = 40
_Sums = Sequence[tuple[float, float, float]]


@dataclass(frozen=True, slots=True)
class Bounds:
    """What the last call may risk, if it is answered: to be dropped with probability `alpha`, and to be the one drop too
    many for a hard stop, that has room for `room` of them (None: for more than any moment brings), with `risk`."""

    alpha: float
    room: int | None = None
    risk: float = 1.0


class Outlook:
    """What the next seconds hold, for one snapshot: drop probabilities as more or fewer calls are in flight."""

    def __init__(self, free: int, freed: Matrix, answered: Matrix) -> None:
        """`free`: free seats less waiting calls. `answered`: P(answered by each of the moments looked at), one row per
        ringing call. `freed`: `cumulants` of P(free by each of the moments), one row per busy seat."""
        self._free = free
        self._busy, self._ringing = len(freed), len(answered)
        self._moments = moments = int(answered.shape[1])
        self._freed = freed[:, :moments]
        freed_sums = freed.sum(axis=0)
        answered_sums = cumulants(answered).sum(axis=0)
        self.expected_freed = float(freed_sums[:moments].sum()) / moments
        self.expected_answers = float(answered_sums[:moments].sum()) / moments
        self._answered_by = answered_sums[:moments]
        self._law: Matrix | None = None
        self._sums: _Sums = ()
        if self._busy + self._ringing <= EXACT_TERMS:
            self._law = law_of_sum(np.concatenate((1.0 - self._freed, answered)))
            return
        odd = answered_sums - freed_sums  # of the difference: its even cumulants add up, the odd ones subtract
        variance = answered_sums[moments : 2 * moments] + freed_sums[moments : 2 * moments]
        self._sums = list(zip(odd[:moments].tolist(), variance.tolist(), odd[2 * moments :].tolist(), strict=True))

    def calls_within(self, bounds: Bounds, first: Vector, others: Vector, most: int) -> int:
        """The largest number of calls, at most `most`, of which the last keeps within the bounds.

        `first`, `others`: P(the first new call, one of those after it, is answered by each of the moments).
        """
        if bounds.alpha <= 0.0 or most <= 0:
            return 0
        if self._law is not None:
            law, calls = self._law, 0
            while calls < min(most, _MOST_EXACT_CALLS) and self._lies_within(law, bounds):
                law = with_term(law, others if calls else first)
                calls += 1
            return calls
        if not self._keeps_within(self._sums, bounds):
            return 0
        sums = _with(self._sums, _sums_of(first))
        kind = _sums_of(others)
        sure, stride = 1, 1
        while sure + stride <= most and self._keeps_within(sums, bounds, kind, sure + stride - 2.0):
            sure += stride
            stride *= 2
        while stride > 1:
            stride //= 2
            if sure + stride <= most and self._keeps_within(sums, bounds, kind, sure + stride - 2.0):
                sure += stride
        return sure

    def excess_over(self, bounds: Bounds) -> int:
        """How many ringing calls of the average kind must go until the last of the others keeps within the bounds. A
        call is judged with itself left out, as when it was placed: judged by one call more it could be placed and hung up
        in turn for ever."""
        if not self._ringing:
            return 0
        average = self._answered_by / self._ringing
        if self._law is not None:
            if self._lies_within(self._law, bounds):
                return 0
            return self._exact_excess(bounds, average)
        if self._keeps_within(self._sums, bounds):
            return 0
        kind = _sums_of(average)
        excess = 0
        while excess < self._ringing and not self._keeps_within(self._sums, bounds, kind, -1.0 - excess):
            excess += 1
        return excess

    def _exact_excess(self, bounds: Bounds, average: Vector) -> int:
        """The same for a small site: every ringing call taken as an average one."""
        remaining = [law_of_sum(1.0 - self._freed)]
        for _ in range(self._ringing - 1):
            remaining.append(with_term(remaining[-1], average))
        others = self._ringing - 1
        while others >= 0 and not self._lies_within(remaining[others], bounds):
            others -= 1
        return self._ringing - 1 - others

    def _lies_within(self, law: Matrix, bounds: Bounds) -> bool:
        """Whether a call more than the law knows, if it is answered, keeps within the bounds."""
        if self._exactly(law) > bounds.alpha:
            return False
        return bounds.room is None or self._exactly(law, bounds.room) <= bounds.risk

    def _keeps_within(self, sums: _Sums, bounds: Bounds, kind: _Sums = (), count: float = 0.0) -> bool:
        """The same for a large site, with `count` calls more of one kind."""
        if not self._at_most(bounds.alpha, sums, kind, count):
            return False
        return bounds.room is None or self._at_most(bounds.risk, sums, kind, count, bounds.room)

    def _exactly(self, law: Matrix, dropped: int = 0) -> float:
        """P(a call that is answered is dropped, after `dropped` others)."""
        return float(tail_of_law(law, self._busy + self._free + dropped).sum()) / self._moments

    def _at_most(self, risk: float, sums: _Sums, kind: _Sums = (), count: float = 0.0, dropped: int = 0) -> bool:
        """Whether that chance, by the refined normal law and with `count` calls more of one kind, is `risk` or less. No moment's
        tail is below nought, so it is known to be more before all are summed up.
        """
        total, short, moments = 0.0, self._free + dropped, self._moments
        if not count:
            for mean, variance, third in sums:
                total += tail_refined_normal(short, mean, variance, third)
                if total / moments > risk:
                    return False
            return True
        for (mean, variance, third), (one_mean, one_variance, one_third) in zip(sums, kind, strict=True):
            total += tail_refined_normal(
                short, mean + count * one_mean, variance + count * one_variance, third + count * one_third
            )
            if total / moments > risk:
                return False
        return True


def cumulants(probabilities: Matrix) -> Matrix:
    """Mean, variance and third central moment of Bernoullis, side by side: shape (n, m) to (n, 3 m)."""
    variance = probabilities * (1.0 - probabilities)
    out: Matrix = np.concatenate((probabilities, variance, variance * (1.0 - 2.0 * probabilities)), axis=1)
    return out


def _with(sums: _Sums, kind: _Sums) -> _Sums:
    """Sums with one call more of a kind."""
    return [(a + x, b + y, c + z) for (a, b, c), (x, y, z) in zip(sums, kind, strict=True)]


def _sums_of(probabilities: Vector) -> _Sums:
    """Mean, variance and third central moment of one Bernoulli per moment."""
    return [(p, p * (1.0 - p), p * (1.0 - p) * (1.0 - 2.0 * p)) for p in probabilities.tolist()]


# Tails of sums of independent Bernoullis that differ: the Poisson-binomial law, exact and approximated.


def tail_refined_normal(at_least: float, mean: float, variance: float, third: float) -> float:
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
    below = 0.5 + 0.5 * erf(x * _ROOT_HALF)
    square = x * x
    below += third / (variance * deviation) * (1.0 - square) * exp(-0.5 * square) * _SKEW_FACTOR
    above = 1.0 - below
    return 1.0 if above > 1.0 else above if above > 0.0 else 0.0


def law_of_sum(probabilities: Matrix) -> Matrix:
    """The exact laws of sums, one per column: probabilities of shape (terms, columns) to laws (terms + 1, columns)."""
    terms, columns = probabilities.shape
    law = np.zeros((terms + 1, columns))
    law[0] = 1.0
    for count, probability in enumerate(probabilities):
        moved = law[: count + 1] * probability
        law[: count + 1] -= moved
        law[1 : count + 2] += moved
    return law


def with_term(law: Matrix, probability: Vector) -> Matrix:
    """Laws of sums with one Bernoulli more per column; one row more."""
    moved = law * probability
    out = np.zeros((len(law) + 1, law.shape[1]))
    out[:-1] = law - moved
    out[1:] += moved
    return out


def tail_of_law(law: Matrix, at_least: int) -> Vector:
    """P(S >= at_least) per column."""
    if at_least <= 0:
        return np.ones(law.shape[1])
    tail: Vector = law[at_least:].sum(axis=0)
    return tail
