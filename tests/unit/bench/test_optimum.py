"""The exact optimum against the design's table, and against a chain that can be solved by hand."""

from __future__ import annotations

import math

import pytest

from bench.optimum import MarkovCentre, optimum


@pytest.mark.parametrize(
    ("seats", "answer_rate", "idle_seconds"),
    [(5, 0.15, 33.6), (5, 0.30, 24.9), (5, 0.50, 18.4), (10, 0.30, 18.7), (10, 0.50, 15.2), (27, 0.50, 9.1)],
)
def test_the_designs_table_is_reproduced(seats: int, answer_rate: float, idle_seconds: float) -> None:
    best = optimum(MarkovCentre(seats, answer_rate))
    assert best.idle_seconds_per_call == pytest.approx(idle_seconds, abs=0.05)


def test_the_cap_is_met_exactly_and_the_figures_agree() -> None:
    centre = MarkovCentre(5, 0.30, cap=0.02)
    best = optimum(centre)
    assert best.abandoned_share == pytest.approx(0.02, rel=1e-6)
    worked = centre.work_seconds / (centre.work_seconds + best.idle_seconds_per_call)
    assert best.utilisation == pytest.approx(worked)


def test_a_tighter_cap_costs_idle_time() -> None:
    idle = [optimum(MarkovCentre(5, 0.30, cap=cap)).idle_seconds_per_call for cap in (0.05, 0.03, 0.01)]
    assert idle == sorted(idle)
    assert idle[0] < idle[-1]


def test_more_seats_and_better_numbers_idle_less() -> None:
    plain = optimum(MarkovCentre(3, 0.30)).idle_seconds_per_call
    assert optimum(MarkovCentre(6, 0.30)).idle_seconds_per_call < plain
    assert optimum(MarkovCentre(3, 0.60)).idle_seconds_per_call < plain


def test_one_seat_that_everybody_answers_idles_for_less_than_a_ring() -> None:
    """With p = 1 and one call per free seat the idle time is the ring alone; dialling ahead can only shorten it."""
    centre = MarkovCentre(1, 1.0, cap=1e-4)
    idle = optimum(centre).idle_seconds_per_call
    assert idle <= centre.ring_seconds + 1e-6
    assert idle > 0.9 * centre.ring_seconds


@pytest.mark.parametrize(
    "centre",
    [MarkovCentre(0, 0.3), MarkovCentre(3, 0.0), MarkovCentre(3, 1.2), MarkovCentre(3, 0.3, cap=0.0), MarkovCentre(3, math.nan)],
)  # fmt: skip
def test_where_there_is_nothing_to_weigh_it_says_so(centre: MarkovCentre) -> None:
    with pytest.raises(ValueError, match="needs a seat"):
        optimum(centre)
