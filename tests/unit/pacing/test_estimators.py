"""The estimators and sums of the predictive policy, compared with known distributions."""

from __future__ import annotations

import json
from math import exp
from random import Random

import numpy as np
import pytest
from numpy.typing import NDArray

from dialer.pacing.estimators import (
    HAZARD_EDGES,
    AnswerRate,
    Hazard,
    InFlightTable,
    RingTimes,
)
from dialer.pacing.knowledge import compute_seat_free_probabilities, find_rows_of_busy_seats
from dialer.pacing.port import BusySeat, RingingCall, SeatStage
from dialer.pacing.tuning import TUNED


def _find_table_row(elapsed: float, ringing: float | None) -> int:
    return InFlightTable.find_rows_of_ringing_calls([RingingCall(elapsed, ringing_seconds=ringing)])[0]


@pytest.mark.parametrize(("went_over", "seed", "endings"), [(False, 1, 6_000), (True, 6, 100)])
def test_estimated_end_rate_of_exponential_talk_times_equals_the_true_rate(
    went_over: bool, seed: int, endings: int
) -> None:
    """The rate at which a stage enters its last part is estimated too, although the first assumption expects none."""
    random, hazard = Random(seed), Hazard(TUNED, 80.0)
    for _ in range(endings):
        hazard.learn_stage_duration(random.expovariate(1 / 80.0), went_over=went_over)
    rates = hazard.estimate_end_rates()[int(went_over)]
    middle = [rate for edge, rate in zip(HAZARD_EDGES, rates.tolist(), strict=True) if 5 <= edge <= 110]
    assert sum(middle) / len(middle) == pytest.approx(1 / 80.0, rel=0.2)
    assert hazard.mean_duration_seconds == pytest.approx(80.0, rel=0.1)
    if not went_over:
        assert hazard.estimate_end_rates()[1].max() == 0.0


def test_estimator_expects_conversations_of_a_fixed_length_to_end_at_that_length() -> None:
    hazard = Hazard(TUNED, 30.0)
    for _ in range(800):
        hazard.learn_stage_duration(62.0)
    rates = hazard.estimate_end_rates()[0]
    at = HAZARD_EDGES.index(60)
    assert rates[at] == max(rates.tolist())
    assert rates[at] > 10 * rates[HAZARD_EDGES.index(27)]


def test_conversations_in_progress_lower_the_estimated_rate_at_which_conversations_end() -> None:
    """When 60 talks of 90 s on average began together 20 s ago, only the shortest have ended."""
    random, hazard = Random(4), Hazard(TUNED, 90.0)
    talks = [random.expovariate(1 / 90.0) for _ in range(60)]
    for talk in sorted(talks):
        if talk < 20.0:
            hazard.learn_stage_duration(talk)
    going_on = np.full(sum(talk >= 20.0 for talk in talks), 20.0)
    second = HAZARD_EDGES.index(10)
    assert hazard.estimate_end_rates()[0, second] > 2.5 / 90.0
    assert hazard.estimate_end_rates(going_on)[0, second] == pytest.approx(1 / 90.0, rel=0.3)


def test_conversations_in_progress_hardly_change_a_well_learned_end_rate() -> None:
    hazard = Hazard(TUNED, 90.0)
    for _ in range(20_000):
        hazard.learn_stage_duration(90.0)
    rates = hazard.estimate_end_rates(np.full(27, 60.0))
    assert rates == pytest.approx(hazard.estimate_end_rates(), rel=1e-6)


NONE_RINGS = np.empty(0)


@pytest.mark.parametrize("share", [0.05, 0.3, 0.9])
def test_estimated_answer_rate_converges_to_the_true_rate(share: float) -> None:
    random, rate = Random(2), AnswerRate(TUNED)
    for _ in range(2_000):
        rate.learn_whether_call_was_answered(answered=random.random() < share)
    assert rate.estimate_answer_rate(NONE_RINGS) == pytest.approx(share, rel=0.25, abs=0.02)


def test_falling_answer_rate_is_detected_earlier_if_ringing_calls_are_counted() -> None:
    random, rate = Random(3), AnswerRate(TUNED)
    for call in range(1_000):
        share = 0.45 if call < 700 else 0.10
        rate.learn_whether_call_was_answered(answered=random.random() < share)
    found = rate.estimate_answer_rate(NONE_RINGS)
    assert found < 0.25
    forty_silent = np.full(40, 20.0)  # calls that have been ringing for a long time
    assert rate.estimate_answer_rate(forty_silent) < 0.9 * found


def _make_rates(ends: float, over: float = 0.0) -> NDArray[np.float64]:
    return np.tile([[ends], [over]], len(HAZARD_EDGES))


def test_predicted_probability_of_a_free_seat_matches_exponential_talk_and_wrap_up_times() -> None:
    rates = dict.fromkeys(SeatStage, _make_rates(0.0)) | {
        SeatStage.TALKING: _make_rates(1 / 60.0),
        SeatStage.WRAP_UP: _make_rates(1 / 15.0),
    }
    table = compute_seat_free_probabilities([5.0, 20.0], rates)
    for seconds, found in zip(
        (5.0, 20.0),
        table[find_rows_of_busy_seats([BusySeat(SeatStage.TALKING, 30.0)])[0]].tolist(),
        strict=True,
    ):
        exact = 1.0 - (60.0 * exp(-seconds / 60.0) - 15.0 * exp(-seconds / 15.0)) / 45.0
        assert found == pytest.approx(exact, abs=0.02)
    free = table[find_rows_of_busy_seats([BusySeat(SeatStage.WRAP_UP, 3.0)])[0]].tolist()
    assert free == pytest.approx([1.0 - exp(-5.0 / 15.0), 1.0 - exp(-20.0 / 15.0)], abs=0.01)


def test_predicted_time_until_a_closing_seat_is_free_matches_the_learned_times() -> None:
    rates = dict.fromkeys(SeatStage, _make_rates(1 / 15.0)) | {
        SeatStage.CLOSING: _make_rates(1 / 5.0),
        SeatStage.TALKING: _make_rates(1 / 15.0, 100.0),
    }
    table = compute_seat_free_probabilities([10.0], rates)
    closing = float(table[find_rows_of_busy_seats([BusySeat(SeatStage.CLOSING, 2.0)])[0], 0])
    assert closing == pytest.approx(1.0 - (15.0 * exp(-10.0 / 15.0) - 5.0 * exp(-10.0 / 5.0)) / 10.0, abs=0.03)
    # all conversations are closed within a second
    assert float(table[find_rows_of_busy_seats([BusySeat(SeatStage.TALKING, 60.0)])[0], 0]) == pytest.approx(
        closing, abs=0.06
    )


def _record_ring_times(rings: RingTimes, random: Random, calls: int) -> None:
    """Record the ring times of this many calls: half are answered (2 s of silence, then gamma with mean 10 s), the
    others ring out.
    """
    for _ in range(calls):
        ringing = random.gammavariate(4.0, 2.5)
        rings.learn_ring_time_of_ended_call(answered=True, seconds=2.0 + ringing, ringing_seconds=ringing)
        rings.learn_ring_time_of_ended_call(answered=False, seconds=32.0, ringing_seconds=30.0)


def test_longer_ringing_lowers_the_estimated_answer_probability() -> None:
    rings = RingTimes(TUNED)
    _record_ring_times(rings, Random(6), 1_500)
    table = InFlightTable(rings, TUNED)
    ratios = [float(table.ratio[_find_table_row(2.0 + rung, rung)]) for rung in (0.0, 10.0, 20.0)]
    assert ratios == sorted(ratios)
    assert ratios[2] > 10 * ratios[0]
    assert [_find_table_row(1.0, None), _find_table_row(-3.0, None)] == [4, 0]
    # the moments are the midpoints of quarters of the distribution, so a new call is answered by them with these
    # probabilities
    assert table.new.tolist() == pytest.approx([(n + 0.5) / 4 for n in range(4)], abs=0.03)
    # Gamma distribution of shape 4: 10 s are 4 steps.
    ten = 1.0 - exp(-4.0) * sum(4.0**n / (1, 1, 2, 6)[n] for n in range(4))
    at_ten = float(np.interp(12.0, table.moments, table.new))
    assert at_ten == pytest.approx(ten, abs=0.05)


def test_estimated_ring_times_include_calls_that_still_ring() -> None:
    """Of 300 calls placed together 12 s ago none has rung out yet: all that have ended were answered or failed early."""
    random, rings = Random(6), RingTimes(TUNED)
    in_flight: list[RingingCall] = []
    for _ in range(300):
        answer = 2.0 + random.gammavariate(4.0, 2.5)
        if random.random() < 0.3 and answer < 12.0:
            rings.learn_ring_time_of_ended_call(answered=True, seconds=answer, ringing_seconds=answer - 2.0)
        elif random.random() < 0.2:
            rings.learn_ring_time_of_ended_call(answered=False, seconds=4.0, ringing_seconds=None)
        else:
            in_flight.append(RingingCall(12.0, None, 10.0))
    latest = [
        InFlightTable(rings, TUNED, calls, np.full(len(calls), 0.2)).moments[-1] for calls in (in_flight[:0], in_flight)
    ]
    true = 2.0 + 15.8  # seven in eight answers come within this time
    assert latest[0] < 0.8 * true
    assert latest[1] == pytest.approx(true, rel=0.15)


def test_ringing_calls_do_not_change_the_answer_rate_without_ring_times() -> None:
    rate, seem_answered = AnswerRate(TUNED), np.full(300, 0.5)
    assert rate.estimate_answer_rate(seem_answered) > 0.9
    assert rate.estimate_answer_rate(seem_answered, known_calls=16.0) == pytest.approx(rate.rate, abs=0.2)


def test_answers_without_ringing_do_not_change_the_estimated_ring_times() -> None:
    rings, random = RingTimes(TUNED), Random(6)
    _record_ring_times(rings, random, 1_000)
    usual = InFlightTable(rings, TUNED)
    for _ in range(1_000):
        rings.learn_ring_time_of_ended_call(answered=True, seconds=0.3, ringing_seconds=None)
    at_once = InFlightTable(rings, TUNED)
    assert at_once.moments[2] < 0.5
    row = _find_table_row(10.0, None)
    assert at_once.answered[row, -1] > 0.1  # a ringing call never counts as certainly failed
    _record_ring_times(rings, random, 40)
    assert InFlightTable(rings, TUNED).moments.tolist() == pytest.approx(usual.moments.tolist(), abs=1.0)


def test_answer_probability_without_ringing_is_estimated_from_time_since_originate() -> None:
    random, rings = Random(6), RingTimes(TUNED)
    for _ in range(1_500):
        rings.learn_ring_time_of_ended_call(
            answered=True, seconds=2.0 + random.gammavariate(4.0, 2.5), ringing_seconds=None
        )
        rings.learn_ring_time_of_ended_call(answered=False, seconds=32.0, ringing_seconds=None)
    table = InFlightTable(rings, TUNED)
    assert float(table.ratio[_find_table_row(25.0, None)]) > 10.0
    assert float(table.answered[_find_table_row(10.0, None), -1]) > 0.9


def test_cancelled_calls_do_not_bias_the_estimated_share_of_late_answers() -> None:
    rings, kept, random = RingTimes(TUNED), RingTimes(TUNED), Random(6)
    _record_ring_times(rings, random, 1_000)
    _record_ring_times(kept, Random(6), 1_000)
    for _ in range(300):
        kept.learn_from_hung_up_call(seconds=18.0, ringing_seconds=16.0, chance=0.1)
    before, after = InFlightTable(rings, TUNED), InFlightTable(kept, TUNED)
    row = _find_table_row(17.0, 15.0)
    assert after.answered[row].tolist() == pytest.approx(before.answered[row].tolist(), abs=0.05)


@pytest.mark.parametrize("learned", [Hazard(TUNED, 30.0), RingTimes(TUNED), AnswerRate(TUNED)])
def test_damaged_saved_state_of_a_pacing_estimator_is_refused(learned: Hazard | RingTimes | AnswerRate) -> None:
    state = json.loads(json.dumps(learned.get_learned_state()))
    learned.restore_learned_state(state)
    assert learned.get_learned_state() == state
    (name, *_) = state
    every: tuple[object, ...] = (
        None,
        [],
        {},
        {**state, name: "x"},
        {**state, name: float("nan")},
        {**state, name: [[-1e13]]},
    )
    for damaged in every:
        with pytest.raises((KeyError, TypeError, ValueError)):
            learned.restore_learned_state(damaged)
