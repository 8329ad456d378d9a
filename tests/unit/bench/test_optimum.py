"""The exact optimum, compared with reference figures and with a chain that can be solved by hand."""

from __future__ import annotations

import math

import pytest

from bench.optimum import MarkovCentre, compute_optimum


@pytest.mark.parametrize(
    ("seats", "answer_rate", "idle_seconds"),
    [(5, 0.15, 33.6), (5, 0.30, 24.9), (5, 0.50, 18.4), (10, 0.30, 18.7), (10, 0.50, 15.2), (27, 0.50, 9.1)],
)
def test_optimal_idle_time_matches_earlier_computed_values(seats: int, answer_rate: float, idle_seconds: float) -> None:
    best = compute_optimum(MarkovCentre(seats, answer_rate))
    assert best.idle_seconds_per_call == pytest.approx(idle_seconds, abs=0.05)


def test_abandoned_rate_of_optimal_pacing_equals_the_cap() -> None:
    centre = MarkovCentre(5, 0.30, cap=0.02)
    best = compute_optimum(centre)
    assert best.abandoned_share == pytest.approx(0.02, rel=1e-6)
    worked = centre.work_seconds / (centre.work_seconds + best.idle_seconds_per_call)
    assert best.utilisation == pytest.approx(worked)


def test_optimal_idle_time_is_longer_under_a_tighter_abandoned_rate_cap() -> None:
    idle = [compute_optimum(MarkovCentre(5, 0.30, cap=cap)).idle_seconds_per_call for cap in (0.05, 0.03, 0.01)]
    assert idle == sorted(idle)
    assert idle[0] < idle[-1]


def test_optimal_idle_time_is_shorter_with_more_seats_or_a_higher_answer_rate() -> None:
    plain = compute_optimum(MarkovCentre(3, 0.30)).idle_seconds_per_call
    assert compute_optimum(MarkovCentre(6, 0.30)).idle_seconds_per_call < plain
    assert compute_optimum(MarkovCentre(3, 0.60)).idle_seconds_per_call < plain


def test_single_seat_idles_less_than_a_ring_time_if_all_calls_are_answered() -> None:
    """With p = 1 and one call per available seat the idle time is the ring time; dialling ahead shortens it."""
    centre = MarkovCentre(1, 1.0, cap=1e-4)
    idle = compute_optimum(centre).idle_seconds_per_call
    assert idle <= centre.ring_seconds + 1e-6
    assert idle > 0.9 * centre.ring_seconds


@pytest.mark.parametrize(
    "centre",
    [MarkovCentre(0, 0.3), MarkovCentre(3, 0.0), MarkovCentre(3, 1.2), MarkovCentre(3, 0.3, cap=0.0), MarkovCentre(3, math.nan)],
)  # fmt: skip
def test_optimum_of_a_centre_without_seats_is_rejected(centre: MarkovCentre) -> None:
    with pytest.raises(ValueError, match="needs at least one seat"):
        compute_optimum(centre)
