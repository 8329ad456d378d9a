"""Tails of sums of independent Bernoullis that differ: the Poisson-binomial law, exact and approximated."""

from __future__ import annotations

from math import erf, exp, pi, sqrt

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]

_ROOT_HALF = sqrt(0.5)
_SKEW_FACTOR = 1.0 / (6.0 * sqrt(2.0 * pi))


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
