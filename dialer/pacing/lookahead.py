"""The look-ahead rule: how likely a call that is placed now would be abandoned if it is answered.

    P(drop | answered at t) = P(free - waiting + F(t + connect) - A(t) <= 0), averaged over the ring-time law of t

F: seats that come free, one Bernoulli per busy seat. A: answers among the calls in flight, one Bernoulli per call. This
is the newsvendor's critical ratio on predictive laws: dial the largest k whose k-th call keeps it at alpha or below.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from dialer.pacing.tail import Matrix, Vector, law_of_sum, tail_of_law, tail_refined_normal, with_term

EXACT_TERMS = 20
"""Up to so many busy seats and ringing calls the law is computed exactly; above, by the refined normal law."""

_MOST_EXACT_CALLS = 40
_Sums = Sequence[tuple[float, float, float]]


class Outlook:
    """What the next seconds hold, for one snapshot: drop probabilities as more or fewer calls are in flight."""

    def __init__(self, free: int, freed: Matrix, answered: Matrix) -> None:
        """`free`: free seats less waiting calls. `freed`, `answered`: probabilities by each of the moments looked at,
        one row per busy seat, one per ringing call."""
        self._free = free
        self._busy, self._ringing = len(freed), len(answered)
        self._freed = freed
        self._moments = int(freed.shape[1])
        freed_by, answered_by = freed.sum(axis=0), answered.sum(axis=0)
        self.expected_freed = float(freed_by.sum()) / self._moments
        self.expected_answers = float(answered_by.sum()) / self._moments
        self._answered_by = answered_by
        self._law: Matrix | None = None
        self._sums: _Sums = ()
        if self._busy + self._ringing <= EXACT_TERMS:
            self._law = law_of_sum(np.concatenate((1.0 - freed, answered)))
            return
        freed_2, answered_2 = freed * freed, answered * answered
        mean = answered_by - freed_by
        squares_freed, squares_answered = freed_2.sum(axis=0), answered_2.sum(axis=0)
        variance = answered_by + freed_by - squares_answered - squares_freed
        cubes = (answered_2 * answered).sum(axis=0) - (freed_2 * freed).sum(axis=0)
        third = mean - 3.0 * (squares_answered - squares_freed) + 2.0 * cubes
        self._sums = list(zip(mean.tolist(), variance.tolist(), third.tolist(), strict=True))

    def drop_probability(self) -> float:
        """Of a call that is placed now and answered."""
        return self._approximately(self._sums) if self._law is None else self._exactly(self._law)

    def calls_within(self, alpha: float, first: Vector, others: Vector, most: int) -> int:
        """The largest number of calls, at most `most`, of which the last is dropped with probability alpha or less.

        `first`, `others`: P(the first new call, one of those after it, is answered by each of the moments).
        """
        if alpha <= 0.0 or most <= 0 or self.drop_probability() > alpha:
            return 0
        if self._law is not None:
            law, calls = with_term(self._law, first), 1
            while calls < min(most, _MOST_EXACT_CALLS) and self._exactly(law) <= alpha:
                law = with_term(law, others)
                calls += 1
            return calls
        sums = _with(self._sums, _sums_of(first))
        kind = _sums_of(others)
        sure, stride = 1, 1
        while sure + stride <= most and self._approximately(sums, kind, sure + stride - 2.0) <= alpha:
            sure += stride
            stride *= 2
        while stride > 1:
            stride //= 2
            if sure + stride <= most and self._approximately(sums, kind, sure + stride - 2.0) <= alpha:
                sure += stride
        return sure

    def excess_over(self, limit: float) -> int:
        """How many ringing calls of the average kind must go for the drop probability to come to `limit`."""
        if not self._ringing or self.drop_probability() <= limit:
            return 0
        average = self._answered_by / self._ringing
        if self._law is not None:
            return self._exact_excess(limit, average)
        kind = _sums_of(average)
        excess = 1
        while excess < self._ringing and self._approximately(self._sums, kind, -float(excess)) > limit:
            excess += 1
        return excess

    def _exact_excess(self, limit: float, average: Vector) -> int:
        """The same for a small site: every ringing call taken as an average one."""
        seats = law_of_sum(1.0 - self._freed)
        remaining = [seats]
        for _ in range(self._ringing):
            remaining.append(with_term(remaining[-1], average))
        excess = 1
        while excess < self._ringing and self._exactly(remaining[self._ringing - excess]) > limit:
            excess += 1
        return excess

    def _exactly(self, law: Matrix) -> float:
        return float(tail_of_law(law, self._busy + self._free).sum()) / self._moments

    def _approximately(self, sums: _Sums, kind: _Sums = (), count: float = 0.0) -> float:
        """Drop probability with `count` calls more of one kind."""
        total = 0.0
        if not count:
            for mean, variance, third in sums:
                total += tail_refined_normal(self._free, mean, variance, third)
            return total / self._moments
        for (mean, variance, third), (one_mean, one_variance, one_third) in zip(sums, kind, strict=True):
            total += tail_refined_normal(
                self._free, mean + count * one_mean, variance + count * one_variance, third + count * one_third
            )
        return total / self._moments


def _with(sums: _Sums, kind: _Sums) -> _Sums:
    """Sums with one call more of a kind."""
    return [(a + x, b + y, c + z) for (a, b, c), (x, y, z) in zip(sums, kind, strict=True)]


def _sums_of(probabilities: Vector) -> _Sums:
    """Mean, variance and third central moment of one Bernoulli per moment."""
    return [(p, p * (1.0 - p), p * (1.0 - p) * (1.0 - 2.0 * p)) for p in probabilities.tolist()]
