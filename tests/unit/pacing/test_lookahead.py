"""The look-ahead of predictive pacing, compared with exact sums over all possibilities."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest
from numpy.typing import NDArray

from dialer.pacing.lookahead import (
    Bound,
    Outlook,
    append_squares_and_cubes,
    compute_tail_probability,
)

Matrix = NDArray[np.float64]


def _make_outlook(free: int, freed: Matrix, answered: Matrix) -> Outlook:
    """Return the look-ahead for seats and calls with these probabilities, one row each."""
    of_seats, of_calls = (
        append_squares_and_cubes(chances).sum(axis=0).reshape(3, -1).tolist() for chances in (freed, answered)
    )
    return Outlook(free, len(answered), of_seats, of_calls)


def _compute_distribution_of_sum(chances: list[float]) -> list[float]:
    """Return the exact distribution of a sum of different Bernoulli variables."""
    law = [1.0]
    for chance in chances:
        law = [
            (law[n] if n < len(law) else 0.0) * (1.0 - chance) + (law[n - 1] * chance if n else 0.0)
            for n in range(len(law) + 1)
        ]
    return law


def _compute_abandoned_probability(free: int, freed: Matrix, answered: Matrix) -> float:
    """Return P(an answered call finds no seat), as the mean over all moments."""
    total = 0.0
    for moment in range(freed.shape[1]):
        coming, going = (
            _compute_distribution_of_sum(freed[:, moment].tolist()),
            _compute_distribution_of_sum(answered[:, moment].tolist()),
        )
        total += sum(
            likely * chance
            for seats, likely in enumerate(coming)
            for count, chance in enumerate(going)
            if count >= free + seats
        )
    return float(total / freed.shape[1])


@pytest.mark.parametrize("terms", [3, 8, 40])
def test_normal_approximation_of_free_seats_is_close_to_the_exact_distribution(terms: int) -> None:
    random = Random(5)
    chances = [random.random() ** 2 for _ in range(terms)]
    mean = sum(chances)
    variance = sum(p * (1.0 - p) for p in chances)
    third = sum(p * (1.0 - p) * (1.0 - 2.0 * p) for p in chances)
    law = _compute_distribution_of_sum(chances)
    for at_least in range(1, terms + 1):
        assert compute_tail_probability(at_least, mean, variance, third) == pytest.approx(
            sum(law[at_least:]), abs=0.3 / terms
        )


@pytest.mark.parametrize("free", [0, 2, 5])
@pytest.mark.parametrize("alpha", [0.01, 0.05, 0.3])
def test_abandonment_risk_of_the_last_placed_call_is_within_the_limit(free: int, alpha: float) -> None:
    random = Random(1)
    freed = np.array([[0.3 * random.random(), 0.3 + 0.3 * random.random()] for _ in range(20)])
    ringing = np.array([[0.2 * random.random(), 0.2 + 0.3 * random.random()] for _ in range(6)])
    new = np.array([0.15, 0.3])
    calls = _make_outlook(free, freed, ringing).count_calls_within_risk_bounds((Bound(alpha),), new.tolist(), 60)
    assert 0 <= calls < 60
    if calls:
        assert (
            _compute_abandoned_probability(free, freed, np.vstack([ringing, *[new[None]] * (calls - 1)]))
            <= alpha + 0.01
        )
    assert _compute_abandoned_probability(free, freed, np.vstack([ringing, *[new[None]] * (calls + 1)])) >= alpha - 0.01


def test_no_calls_are_placed_if_the_allowed_risk_or_number_of_calls_is_zero() -> None:
    nobody = np.zeros((0, 2))
    outlook, new = _make_outlook(5, nobody, nobody), [0.2, 0.3]
    assert outlook.count_calls_within_risk_bounds((Bound(0.0),), new, 60) == 0
    assert outlook.count_calls_within_risk_bounds((Bound(0.5),), new, 0) == 0
    assert outlook.count_calls_within_risk_bounds((Bound(0.5),), new, 7) == 7
    assert outlook.count_calls_within_risk_bounds((Bound(0.5),), new, 500) < 30


def test_number_of_placed_calls_is_limited_by_remaining_abandoned_calls_and_allowed_risk() -> None:
    freed, ringing, new = np.tile([[0.2, 0.4]], (20, 1)), np.tile([[0.1, 0.3]], (6, 1)), np.array([0.15, 0.3])
    outlook = _make_outlook(2, freed, ringing)
    calls = [
        outlook.count_calls_within_risk_bounds((Bound(0.2), Bound(1e-3, room)), new.tolist(), 60)
        for room in (0, 2, 4, 6, 40)
    ]
    assert calls == sorted(calls)
    assert calls[0] < calls[-1] == outlook.count_calls_within_risk_bounds((Bound(0.2),), new.tolist(), 60)
    for room, count in zip((2, 4), calls[1:], strict=False):
        going = np.vstack([ringing, *[new[None]] * (count - 1)])
        assert _compute_abandoned_probability(2 + room, freed, going) <= 2e-3


@pytest.mark.parametrize("count", [8, 30])
def test_ringing_calls_are_hung_up_until_the_abandonment_risk_is_allowed(count: int) -> None:
    freed, ringing = np.tile([[0.2, 0.4]], (count, 1)), np.tile([[0.3, 0.5]], (count, 1))
    outlook = _make_outlook(0, freed, ringing)
    assert outlook.count_calls_to_hang_up((Bound(1.0),)) == 0
    few, many = outlook.count_calls_to_hang_up((Bound(0.3),)), outlook.count_calls_to_hang_up((Bound(0.05),))
    assert 0 < few < many <= count
    for excess, risk in ((few, 0.3), (many, 0.05)):
        left = ringing[: max(0, count - excess - 1)]
        assert _compute_abandoned_probability(0, freed, left) <= risk + 0.02 or excess == count
