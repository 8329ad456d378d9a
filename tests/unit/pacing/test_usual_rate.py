"""The maximum number of calls in flight after a fall of the answer rate, which depends on the usual rate before."""

from __future__ import annotations

from math import nan

import pytest

from dialer.pacing.predictive import UsualRate
from dialer.pacing.tuning import TUNED

SEATS = 100


def _make_usual_rate(*stretches: tuple[float, float]) -> UsualRate:
    """Return the usual rate after `stretches` of (seconds, answer rate), updated every second."""
    usual, now = UsualRate(TUNED), 0.0
    for length, rate in stretches:
        for _ in range(int(length)):
            usual.update_mean_answer_rate(now, rate)
            now += 1.0
    return usual


def _compute_calls_per_seat(usual: UsualRate) -> float:
    return usual.compute_max_calls_in_flight(SEATS) / SEATS


@pytest.mark.parametrize("rate", [0.5, 0.1, 0.03])
def test_pacing_places_enough_calls_for_a_campaign_with_a_steady_answer_rate(rate: float) -> None:
    assert _compute_calls_per_seat(_make_usual_rate((7_200.0, rate))) == pytest.approx(
        TUNED.answers_per_seat / rate, rel=0.02
    )


def test_voter_list_with_an_unknown_answer_rate_starts_with_one_call_per_seat() -> None:
    per_seat = [_compute_calls_per_seat(_make_usual_rate((seconds, 0.25))) for seconds in (1, 10, 30, 120)]
    assert per_seat[0] <= 1.0
    assert per_seat == sorted(per_seat)
    assert per_seat[-1] > 0.8 * TUNED.answers_per_seat / 0.25


def test_calls_per_seat_rise_slowly_after_a_drop_of_the_answer_rate() -> None:
    per_seat = [
        _compute_calls_per_seat(_make_usual_rate((3_600.0, 0.3), (minutes * 60.0, 0.04)))
        for minutes in (1, 10, 30, 60, 600)
    ]
    assert per_seat == sorted(per_seat)
    assert per_seat[0] == pytest.approx(TUNED.answers_per_seat / 0.3, abs=0.1)
    assert per_seat[-1] == pytest.approx(TUNED.answers_per_seat / 0.04, abs=0.1)


def test_calls_lost_by_a_carrier_do_not_lower_the_usual_answer_rate() -> None:
    assert _compute_calls_per_seat(_make_usual_rate((3_600.0, 0.3), (7_200.0, 0.002))) == pytest.approx(
        TUNED.answers_per_seat / 0.3, rel=0.01
    )


def test_time_without_calls_does_not_change_the_usual_answer_rate() -> None:
    usual = _make_usual_rate((TUNED.usual_seconds, 0.3))
    usual.update_mean_answer_rate(50_000.0, 0.02)
    assert _compute_calls_per_seat(usual) == pytest.approx(TUNED.answers_per_seat / 0.3, abs=0.2)


def test_stopped_or_reversed_clock_does_not_change_the_usual_answer_rate() -> None:
    usual = _make_usual_rate((60.0, 0.3))
    before = usual.get_learned_state()
    for now in (59.0, 59.0, 3.0):
        usual.update_mean_answer_rate(now, 0.002)
    assert usual.get_learned_state() == before


def test_usual_answer_rate_survives_a_restart() -> None:
    usual = _make_usual_rate((3_600.0, 0.3), (60.0, 0.002))
    again = UsualRate(TUNED)
    again.restore_learned_state(usual.get_learned_state())
    again.update_mean_answer_rate(1e6, 0.002)  # another clock
    assert again.get_learned_state() == usual.get_learned_state()


@pytest.mark.parametrize("state", [{}, {"rate": 0.3}, {"rate": nan, "_seconds": 1.0}, {"rate": 1.5, "_seconds": 1.0}])
def test_damaged_state_of_the_usual_answer_rate_is_refused(state: dict[str, object]) -> None:
    with pytest.raises((KeyError, ValueError)):
        UsualRate(TUNED).restore_learned_state(state)
