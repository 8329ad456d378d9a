"""Figures of the CPU for seats and calls, and the page that is made of them."""

from __future__ import annotations

import pytest

from bench.bench_sizing import SizingFigures, Spent, make_page
from tests.asterisk.stage import SEATS


def make_figures() -> SizingFigures:
    """Return the figures of seats at 10 ms (Asterisk) and 1 ms (dialler) of CPU per second, and of 100 calls in 50 s."""
    idle = Spent(50.0, 0.010 * SEATS * 50, 0.001 * SEATS * 50, 0)
    of_agents = Spent(50.0, 0.010 * SEATS * 50 + 4.0, 0.001 * SEATS * 50 + 1.0, 100)
    of_ivr = Spent(50.0, 0.010 * SEATS * 50 + 2.0, 0.001 * SEATS * 50 + 1.5, 100)
    return SizingFigures.from_phases(idle, of_agents, of_ivr, (90.0, 120.0))


def test_cpu_cost_of_a_working_seat_includes_the_calls_for_its_agent() -> None:
    figures = make_figures()
    assert figures.idle_seat == pytest.approx((10.0, 1.0))
    assert figures.working_seat == pytest.approx((18.0, 3.0))
    assert figures.ivr_call == pytest.approx((20.0, 15.0))
    assert (figures.attempts_per_seat_and_minute, figures.ivr_calls_per_second) == pytest.approx((12.0, 2.0))


def test_cpu_cores_of_a_centre_grow_with_its_number_of_working_seats() -> None:
    assert make_figures().calculate_cores(27) == pytest.approx((0.486, 0.081))


def test_docs_table_of_cpu_costs_has_a_row_for_each_centre_size() -> None:
    page = make_page(make_figures(), "today")
    assert "|a seat whose agent takes calls, each second|18.0|3.0|" in page
    assert "|100|1.80|0.30|" in page
