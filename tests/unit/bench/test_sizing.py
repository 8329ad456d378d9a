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


def test_cpu_of_a_call_does_not_include_the_cpu_of_seats() -> None:
    figures = make_figures()
    assert figures.seat == pytest.approx((10.0, 1.0))
    assert figures.agent_call == pytest.approx((40.0, 10.0))
    assert figures.ivr_call == pytest.approx((20.0, 15.0))


def test_cores_of_a_centre_are_those_of_its_seats_and_its_calls() -> None:
    assert make_figures().calculate_cores(27, 2.0) == pytest.approx((0.35, 0.047))


def test_sizing_page_has_a_row_for_each_cost_and_for_each_size_of_a_centre() -> None:
    page = make_page(make_figures(), "today")
    assert "|a call attempt of an agent campaign|40.0|10.0|" in page
    assert "|100|4|1.16|0.14|" in page
