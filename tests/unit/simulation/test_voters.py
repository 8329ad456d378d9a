"""Voters drawn from a profile: distributions, and reproducibility by seed, number and call."""

from __future__ import annotations

from dataclasses import replace
from statistics import fmean

import pytest

from dialer.simulation.asterisk.voters import (
    Behaviour,
    VoterProfile,
    make_random_generator_for_call,
    pick_random_behaviour_of_voter,
)

PROFILE = VoterProfile()


def draw_behaviours(profile: VoterProfile, count: int = 4000, now: float = 0.0, seed: int = 1) -> list[Behaviour]:
    numbers = (f"+91{n:010d}" for n in range(count))
    return [
        pick_random_behaviour_of_voter(profile, seed, number, now, make_random_generator_for_call(seed, number, 0))
        for number in numbers
    ]


def test_outcomes_of_simulated_calls_have_the_shares_of_the_voter_profile() -> None:
    behaviours = draw_behaviours(PROFILE)
    total = len(behaviours)
    answered = sum(1 for behaviour in behaviours if behaviour.fails_with is None)
    assert answered / total == pytest.approx(PROFILE.answer_rate, abs=0.03)
    unanswered = total - answered
    for status, share in ((486, 0.15), (480, 0.10), (404, 0.05), (503, 0.03), (603, 0.05), (0, 0.62)):
        count = sum(1 for behaviour in behaviours if behaviour.fails_with == status)
        assert count / unanswered == pytest.approx(share, abs=0.03), status


def test_simulated_answer_and_talk_times_have_the_means_of_the_voter_profile() -> None:
    answered = [
        behaviour for behaviour in draw_behaviours(replace(PROFILE, answer_rate=1.0)) if behaviour.fails_with is None
    ]
    assert len(answered) == 4000
    assert fmean(behaviour.answer_after for behaviour in answered) == pytest.approx(11.0, rel=0.05)
    assert fmean(behaviour.talk_seconds or 0 for behaviour in answered) == pytest.approx(90.0, rel=0.06)
    assert all(0.3 <= behaviour.post_dial_seconds <= 2.0 for behaviour in answered)


def test_simulated_voters_answer_at_the_rate_of_the_local_hour() -> None:
    profile = replace(PROFILE, answer_rate_by_hour=(0.0,) * 12 + (0.8,) * 12, utc_offset_hours=5.5)
    morning = draw_behaviours(profile, 500, now=3 * 3600)  # 08:30
    afternoon = draw_behaviours(profile, 500, now=9 * 3600)  # 14:30
    assert not [behaviour for behaviour in morning if behaviour.fails_with is None]
    rate = sum(1 for behaviour in afternoon if behaviour.fails_with is None) / 500
    assert rate == pytest.approx(0.8, abs=0.06)


def test_simulated_voter_behaves_the_same_for_the_same_seed_number_and_call() -> None:
    assert draw_behaviours(PROFILE, 50) == draw_behaviours(PROFILE, 50)
    assert draw_behaviours(PROFILE, 50, seed=2) != draw_behaviours(PROFILE, 50)
    first, second = (
        pick_random_behaviour_of_voter(PROFILE, 1, "911", 0.0, make_random_generator_for_call(1, "911", call))
        for call in (0, 1)
    )
    assert first != second


def test_simulated_number_that_is_invalid_once_is_invalid_on_every_call() -> None:
    profile = replace(PROFILE, invalid_share=0.3)
    invalid = [
        n
        for n in range(200)
        if pick_random_behaviour_of_voter(
            profile, 1, str(n), 0.0, make_random_generator_for_call(1, str(n), 0)
        ).fails_with
        == 404
    ]
    assert len(invalid) > 20
    for n in invalid:
        assert (
            pick_random_behaviour_of_voter(
                profile, 1, str(n), 0.0, make_random_generator_for_call(1, str(n), 1)
            ).fails_with
            == 404
        )
