"""The estimators and sums of the predictive policy, against laws that are known."""

from __future__ import annotations

from math import comb, exp
from random import Random

import numpy as np
import pytest

from dialer.pacing.answer_rate import AnswerRate, from_log_odds, log_odds
from dialer.pacing.estimators import HAZARD_EDGES, BreakHabit, Hazard, RingTimes
from dialer.pacing.knowledge import InFlightTable, StageRates, free_within, row_of
from dialer.pacing.lookahead import law_of_sum, tail_of_law, tail_refined_normal
from dialer.pacing.port import BusySeat, RingingCall, SeatStage


@pytest.mark.parametrize(
    ("hazard", "seed", "endings", "within"),
    [
        (Hazard(30.0), 1, 6_000, 0.15),
        (Hazard(1e5, 0.02), 6, 100, 0.2),
    ],  # the second: a way to end that was not expected
)
def test_the_hazard_of_an_exponential_law_is_its_rate(hazard: Hazard, seed: int, endings: int, within: float) -> None:
    random = Random(seed)
    for _ in range(endings):
        hazard.ended(random.expovariate(1 / 80.0))
        hazard.rates()
    rates = hazard.rates()
    middle = [rate for edge, rate in zip(HAZARD_EDGES, rates.tolist(), strict=True) if 5 <= edge <= 110]
    assert sum(middle) / len(middle) == pytest.approx(1 / 80.0, rel=within)


def test_a_law_that_ends_at_one_time_has_its_hazard_there() -> None:
    hazard = Hazard(30.0)
    for _ in range(800):
        hazard.ended(62.0)
    rates = hazard.rates()
    at = HAZARD_EDGES.index(60)
    assert rates[at] == max(rates.tolist())
    assert rates[at] > 10 * rates[HAZARD_EDGES.index(27)]


def test_conversations_that_run_on_count_before_they_end() -> None:
    hazard = Hazard(30.0)
    for _ in range(50):
        hazard.ended(20.0)
    last = len(HAZARD_EDGES) - 1
    assert hazard.rates([500.0] * 40)[last - 1] < hazard.rates()[last - 1]


@pytest.mark.parametrize("share", [0.05, 0.3, 0.9])
def test_the_answer_rate_is_found_and_then_known_well(share: float) -> None:
    random, rate = Random(2), AnswerRate(0.25)
    for second in range(2_000):
        rate.placed(float(second))
        rate.outcome(answered=random.random() < share, probability=None, now=float(second), seconds=0.5, hour=10)
    shift, deviation = rate.estimate(2_000.0)
    assert from_log_odds(log_odds(0.25) + shift) == pytest.approx(share, rel=0.25, abs=0.02)
    assert deviation < 0.5


def test_a_fall_of_the_answer_rate_is_seen_within_a_few_dozen_calls() -> None:
    random, rate = Random(3), AnswerRate(0.25)
    for second in range(1_000):
        rate.placed(float(second))
        share = 0.45 if second < 900 else 0.10
        rate.outcome(answered=random.random() < share, probability=None, now=float(second), seconds=0.5, hour=10)
    assert from_log_odds(log_odds(0.25) + rate.estimate(1_000.0)[0]) < 0.2


def test_numbers_that_are_told_too_high_are_corrected() -> None:
    random, rate = Random(4), AnswerRate(0.25)
    for second in range(2_000):
        true_share = random.choice((0.1, 0.4))
        rate.placed(float(second))
        rate.outcome(
            answered=random.random() < true_share,
            probability=from_log_odds(log_odds(true_share) + 0.5),
            now=float(second),
            seconds=0.5,
            hour=10,
        )
    assert rate.estimate(2_000.0)[0] == pytest.approx(-0.5, abs=0.3)


def test_breaks_per_call() -> None:
    habit = BreakHabit()
    for call in range(1_000):
        if call % 20 == 0:
            habit.left(float(call), announced=False)
        else:
            habit.freed(float(call))
    assert habit.share == pytest.approx(0.05, abs=0.01)


def test_seats_with_exponential_talk_and_wrap_up_come_free_as_the_sum_of_both() -> None:
    bins = len(HAZARD_EDGES)
    never, talk, wrap_up = np.zeros(bins), np.full(bins, 1 / 60.0), np.full(bins, 1 / 15.0)
    table = free_within([5.0, 20.0], StageRates(talk, never, never, wrap_up, never, never))
    for seconds, found in zip((5.0, 20.0), table[row_of(BusySeat(SeatStage.TALKING, 30.0))].tolist(), strict=True):
        exact = 1.0 - (60.0 * exp(-seconds / 60.0) - 15.0 * exp(-seconds / 15.0)) / 45.0
        assert found == pytest.approx(exact, abs=0.02)
    free = table[row_of(BusySeat(SeatStage.WRAP_UP, 3.0))].tolist()
    assert free == pytest.approx([1.0 - exp(-5.0 / 15.0), 1.0 - exp(-20.0 / 15.0)], abs=0.01)


def test_the_exact_law_of_a_sum_is_the_binomial_where_all_are_alike() -> None:
    law = law_of_sum(np.full((9, 1), 0.3))
    for successes in range(10):
        assert law[successes, 0] == pytest.approx(comb(9, successes) * 0.3**successes * 0.7 ** (9 - successes))


def test_the_normal_law_comes_near_the_exact_one() -> None:
    random = Random(5)
    chances = np.array([[random.random() ** 2] for _ in range(40)])
    law = law_of_sum(chances)
    spread = chances * (1.0 - chances)
    mean, variance = float(chances.sum()), float(spread.sum())
    third = float((spread * (1.0 - 2.0 * chances)).sum())
    for at_least in range(5, 25):
        exact = float(tail_of_law(law, at_least)[0])
        assert tail_refined_normal(at_least, mean, variance, third) == pytest.approx(exact, abs=0.004)


def test_a_call_that_rings_on_is_less_likely_to_be_answered() -> None:
    random, rings = Random(6), RingTimes()
    for _ in range(1_500):
        rings.rang(2.0)
        ringing = random.gammavariate(4.0, 2.5)
        rings.ended(answered=True, seconds=2.0 + ringing, ringing_seconds=ringing)
        rings.ended(answered=False, seconds=32.0, ringing_seconds=30.0)
    table = InFlightTable(rings.law(), [5.0, 15.0])
    ratios = [float(table.ratio[table.row(2.0 + rung, rung)]) for rung in (0.0, 10.0, 20.0)]
    assert ratios == sorted(ratios)
    assert ratios[2] > 10 * ratios[0]
    assert table.rows([RingingCall(1.0), RingingCall(-3.0)]) == [4, 0]
    by_then = 1.0 - exp(-5.2) * sum(5.2**n / (1, 1, 2, 6)[n] for n in range(4))  # gamma of shape 4: 13 s are 5.2 steps
    assert table.new[1] == pytest.approx(by_then, abs=0.05)


def test_answers_at_once_are_the_carriers_and_leave_the_law_of_ring_times_alone() -> None:
    random, rings = Random(6), RingTimes()

    def a_person_answers() -> None:
        ringing = random.gammavariate(4.0, 2.5)
        rings.rang(2.0)
        rings.ended(answered=True, seconds=2.0 + ringing, ringing_seconds=ringing)

    for _ in range(1_000):
        a_person_answers()
    usual = rings.law().answer_times(4)
    for _ in range(1_000):
        rings.ended(answered=True, seconds=0.3, ringing_seconds=None)
    at_once = rings.law()
    assert at_once.answer_times(4)[-2] < 2.5  # half a second after "ringing" would be due
    assert at_once.answered[20] > 0.05  # never so sure that a call which rings on has failed
    fresh = RingTimes()
    fresh.restore(rings.state())
    assert fresh.law().answer_times(4) == at_once.answer_times(4)
    for _ in range(40):
        a_person_answers()
    assert rings.law().answer_times(4) == pytest.approx(usual, abs=1.0)
