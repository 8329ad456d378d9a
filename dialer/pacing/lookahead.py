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
            self._drop_probability = self._exactly(self._law)
            return
        odd = answered_sums - freed_sums  # of the difference: its even cumulants add up, the odd ones subtract
        variance = answered_sums[moments : 2 * moments] + freed_sums[moments : 2 * moments]
        self._sums = list(zip(odd[:moments].tolist(), variance.tolist(), odd[2 * moments :].tolist(), strict=True))
        self._drop_probability = self._approximately(self._sums)

    def calls_within(self, alpha: float, first: Vector, others: Vector, most: int) -> int:
        """The largest number of calls, at most `most`, of which the last is dropped with probability alpha or less.

        `first`, `others`: P(the first new call, one of those after it, is answered by each of the moments).
        """
        if alpha <= 0.0 or most <= 0 or self._drop_probability > alpha:
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
        """How many ringing calls of the average kind must go until the last of the others is dropped with probability
        `limit` or less if it is answered. A call is judged with itself left out, as when it was placed: judged by one
        call more it could be placed and hung up in turn for ever."""
        if not self._ringing or self._drop_probability <= limit:
            return 0
        average = self._answered_by / self._ringing
        if self._law is not None:
            return self._exact_excess(limit, average)
        kind = _sums_of(average)
        excess = 0
        while excess < self._ringing and self._approximately(self._sums, kind, -1.0 - excess) > limit:
            excess += 1
        return excess

    def _exact_excess(self, limit: float, average: Vector) -> int:
        """The same for a small site: every ringing call taken as an average one."""
        remaining = [law_of_sum(1.0 - self._freed)]
        for _ in range(self._ringing - 1):
            remaining.append(with_term(remaining[-1], average))
        others = self._ringing - 1
        while others >= 0 and self._exactly(remaining[others]) > limit:
            others -= 1
        return self._ringing - 1 - others

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
