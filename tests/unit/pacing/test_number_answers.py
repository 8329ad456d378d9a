"""The estimator of a number's own answer probability: against rolls whose truth is known, where numbers differ and where not."""

from __future__ import annotations

import json
from dataclasses import replace
from math import log
from random import Random

import pytest

from dialer.domain.phone_facts import NumberHistory
from dialer.pacing.estimators import from_log_odds
from dialer.pacing.number_answers import TUNED, NumberAnswers, NumberSigns
from dialer.simulation.laws import RollLaw
from dialer.simulation.scenarios import SCENARIOS
from tests.support.pacing import a_day

NUMBERS = 5000


def dialled(law: RollLaw, seed: int, level: float = 0.3) -> tuple[NumberAnswers, list[tuple[float, float, bool]]]:
    """A roll dialled through once: what was told of each number, the campaign's mean then, and how the call ended."""
    random, learned = Random(seed), NumberAnswers()
    told: list[tuple[float, float, bool]] = []
    for _ in range(NUMBERS):
        chance, signs = law.draw(level, random)
        said = learned.tell(signs)
        answered = random.random() < chance
        if said is not None:
            told.append((said, learned.usual_rate, answered))
        learned.learn(signs, answered=answered)
    return learned, told


def likelihood(shares: list[tuple[float, bool]]) -> float:
    return sum(log(share if answered else 1.0 - share) for share, answered in shares) / len(shares)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_where_numbers_differ_it_foretells_better_than_the_mean_and_is_calibrated(seed: int) -> None:
    _, told = dialled(RollLaw(), seed)
    assert len(told) > NUMBERS * 0.7  # it has made sure within the first calls
    gained = likelihood([(said, end) for said, _, end in told]) - likelihood([(mean, end) for _, mean, end in told])
    assert gained > 0.01
    told.sort()
    for fifth in range(5):
        part = told[fifth * len(told) // 5 : (fifth + 1) * len(told) // 5]
        share = sum(end for _, _, end in part) / len(part)
        assert sum(said for said, _, _ in part) / len(part) == pytest.approx(share, abs=0.05)
    assert told[-1][0] / told[0][0] > 2.0  # and it does tell numbers apart


@pytest.mark.parametrize("seed", range(20))
def test_where_numbers_do_not_differ_nothing_is_ever_told(seed: int) -> None:
    learned, told = dialled(RollLaw(alike=True), seed, level=0.15 if seed % 2 else 0.3)
    assert not told
    assert learned.usual_rate == pytest.approx(0.15 if seed % 2 else 0.3, abs=0.1)


def test_a_pacer_that_is_told_nothing_decides_as_before() -> None:
    """Exactly no harm: on a roll of numbers that are all alike, the day is the very day of one without any knowledge."""
    scenario = SCENARIOS["numbers remembered 27"]
    alike = replace(scenario.campaigns[0], numbers=RollLaw(alike=True))
    day = a_day(replace(scenario, campaigns=(alike,), hours=0.5))
    ignored = a_day(replace(scenario, campaigns=(alike,), hours=0.5), blind=True)
    assert day == ignored


def test_it_learns_of_booths_lines_and_those_who_called_us() -> None:
    random, learned = Random(4), NumberAnswers()
    for _ in range(NUMBERS):
        booth, landline, called_us = random.randrange(20), random.random() < 0.3, int(random.random() < 0.3)
        chance = from_log_odds(-1.4 + 1.4 * (booth < 5) - 1.0 * landline + 1.2 * called_us)
        signs = NumberSigns(NumberHistory(called_us=called_us), booth_id=booth, landline=landline)
        learned.learn(signs, answered=random.random() < chance)
    plain = learned.tell(NumberSigns(NumberHistory(), booth_id=10))
    assert plain is not None
    assert plain == pytest.approx(from_log_odds(-1.4), abs=0.05)
    for signs, truth in (
        (NumberSigns(NumberHistory(), booth_id=2), 0.0),
        (NumberSigns(NumberHistory(), booth_id=10, landline=True), -2.4),
        (NumberSigns(NumberHistory(called_us=1), booth_id=10), -0.2),
    ):
        assert learned.tell(signs) == pytest.approx(from_log_odds(truth), abs=0.07)


def test_signs_that_say_nothing_any_more_are_given_up() -> None:
    learned, told = dialled(RollLaw(), 1)
    assert told
    random, law = Random(2), RollLaw()
    _, any_number = law.draw(0.3, random)
    assert learned.tell(any_number) is not None
    calls = 0
    while learned.tell(any_number) is not None:
        _, signs = law.draw(0.3, random)
        # The past now says the opposite: whoever answered does not any more.
        learned.learn(signs, answered=signs.history.answers == 0)
        calls += 1
        assert calls < 1000


def test_its_state_goes_over_a_restart_and_a_damaged_one_is_ignored() -> None:
    learned, _ = dialled(RollLaw(), 1)
    saved = json.loads(json.dumps(learned.state()))
    again = NumberAnswers()
    again.restore(saved)
    signs = NumberSigns(NumberHistory(answers=3, no_answers=1), attempt_number=2, booth_id=7)
    assert again.tell(signs) == learned.tell(signs) is not None
    for of_both in (again, learned):
        of_both.learn(signs, answered=True)
    assert again.state() == learned.state()
    for damaged in (
        None,
        {},
        [1, 2],
        {**saved, "version": 99},
        {**saved, "_weights": [1.0]},
        {**saved, "_weights": {**saved["_weights"], "own": {"value": float("nan"), "information": 1.0}}},
        {**saved, "booths": [[1, 2]]},
        {**saved, "_mean": None},
        {**saved, "outcomes": "many"},
    ):
        cold = NumberAnswers()
        cold.restore(damaged)
        assert cold.state() == NumberAnswers().state(), damaged


def test_odd_figures_give_safe_ones() -> None:
    learned, _ = dialled(RollLaw(), 1)
    for history in (NumberHistory(answers=10**9), NumberHistory(no_answers=10**9), NumberHistory(answers=-5, busy=-5)):
        signs = NumberSigns(history, attempt_number=-3, booth_id=-1)
        said = learned.tell(signs)
        assert said is not None
        assert TUNED.lowest <= said <= TUNED.highest
        learned.learn(signs, answered=True)
    for booth in range(2 * TUNED.most_booths):
        learned.learn(NumberSigns(NumberHistory(), booth_id=booth), answered=False)
    booths = learned.state()["booths"]
    assert isinstance(booths, list)
    assert len(booths) == TUNED.most_booths
