"""The most calls in flight: by the rate as learned, and in a fall by what was usual before it."""

from __future__ import annotations

from math import nan

import pytest

from dialer.pacing.predictive import TUNED, MostInFlight

SEATS = 100


def _after(*stretches: tuple[float, float]) -> MostInFlight:
    """`stretches`: (seconds, answer rate), one after another, looked at each second."""
    guard, now = MostInFlight(), 0.0
    for length, rate in stretches:
        for _ in range(int(length)):
            guard.follow(now, rate)
            now += 1.0
    return guard


def _per_seat(guard: MostInFlight, rate: float) -> float:
    return (guard.calls(SEATS, rate) - TUNED.spare) / SEATS


@pytest.mark.parametrize("rate", [0.3, 0.1, 0.05, 0.03])
def test_a_steady_rate_gets_the_calls_that_it_asks_for(rate: float) -> None:
    assert _per_seat(_after((60.0, rate)), rate) == pytest.approx(TUNED.answers_per_seat / rate, abs=0.01)


def test_a_fall_is_bounded_at_once_and_the_bound_gives_way_as_the_low_rate_lasts() -> None:
    per_seat = [
        _per_seat(_after((3_600.0, 0.3), (minutes * 60.0, 0.002)), 0.002) for minutes in (1, 10, 30, 60, 90, 600)
    ]
    assert per_seat[:2] == [TUNED.per_seat_in_a_fall] * 2
    assert per_seat == sorted(per_seat)
    assert TUNED.per_seat_in_a_fall < per_seat[2] < 6.0
    assert 12.0 < per_seat[3] < 18.0
    assert per_seat[-2:] == [TUNED.answers_per_seat / TUNED.least_usual_rate] * 2  # never more


def test_a_rate_that_rises_bounds_at_once() -> None:
    assert _per_seat(_after((600.0, 0.03), (1.0, 0.6)), 0.6) == pytest.approx(1.5)


def test_time_in_which_nobody_dialled_is_not_taken_for_a_rate_that_lasted() -> None:
    guard = _after((TUNED.usual_seconds, 0.3))
    guard.follow(50_000.0, 0.002)
    assert _per_seat(guard, 0.002) == TUNED.per_seat_in_a_fall


def test_a_clock_that_stands_still_or_goes_back_changes_nothing() -> None:
    guard = _after((60.0, 0.3))
    before = guard.state()
    for now in (59.0, 59.0, 3.0):
        guard.follow(now, 0.002)
    assert guard.state() == before


def test_a_restart_forgets_nothing() -> None:
    guard = _after((3_600.0, 0.3), (60.0, 0.002))
    again = MostInFlight()
    again.restore(guard.state())
    again.follow(1e6, 0.002)  # another clock
    assert again.state() == guard.state()


@pytest.mark.parametrize(
    "state",
    [
        {},
        {"rate": 0.3},
        {"rate": "high", "seconds": 1.0},
        {"rate": nan, "seconds": 1.0},
        {"rate": 1.5, "seconds": 1.0},
        {"rate": 0.3, "seconds": 1e9},
    ],
)
def test_a_damaged_state_is_refused(state: dict[str, object]) -> None:
    with pytest.raises((KeyError, ValueError)):
        MostInFlight().restore(state)
