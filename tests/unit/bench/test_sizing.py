"""Figures of the CPU for seats and calls, and the page that is made of them."""

from __future__ import annotations

import pytest

from bench.bench_sizing import IvrFigures, SeatFigures, Spent, make_page

SEATS = 10


def make_figures() -> tuple[SeatFigures, IvrFigures]:
    """Return the figures of seats at 10 ms (Asterisk) and 1 ms (dialler) of CPU per second, and of 100 calls in 50 s."""
    idle = Spent(50.0, 0.010 * SEATS * 50, 0.001 * SEATS * 50, 0)
    of_agents = Spent(50.0, 0.010 * SEATS * 50 + 4.0, 0.001 * SEATS * 50 + 1.0, 100)
    of_ivr = Spent(50.0, 0.010 * SEATS * 50 + 2.0, 0.001 * SEATS * 50 + 1.5, 100)
    figures = SeatFigures.from_phases(SEATS, idle, of_agents, (90.0, 120.0))
    return figures, IvrFigures.from_phase(of_ivr, figures)


def test_cpu_cost_of_a_working_seat_includes_the_calls_for_its_agent() -> None:
    figures, ivr = make_figures()
    assert figures.idle_seat == pytest.approx((10.0, 1.0))
    assert figures.working_seat == pytest.approx((18.0, 3.0))
    assert ivr.call == pytest.approx((20.0, 15.0))
    assert (figures.attempts_per_seat_and_minute, ivr.calls_per_second) == pytest.approx((12.0, 2.0))


def test_cpu_cores_of_a_centre_grow_with_its_number_of_working_seats() -> None:
    assert make_figures()[0].calculate_cores(27) == pytest.approx((0.486, 0.081))


def test_docs_table_of_cpu_costs_has_a_row_for_each_centre_size() -> None:
    figures, ivr = make_figures()
    page = make_page([figures], ivr, "today")
    assert "|a seat of 10 whose agent takes calls, each second|18.0|3.0|" in page
    assert "|100|1.80|0.30|" in page
