"""Properties that every pacing policy has, whatever the figures of the campaign."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dialer.domain.enums import PacingPolicy, Reserve
from dialer.pacing.factory import make_pacer
from dialer.pacing.governed import RatioPacer
from dialer.pacing.port import (
    BusySeat,
    Cap,
    Limit,
    PacingEvent,
    PacingEventKind,
    PacingSnapshot,
    RecentAnswers,
    RingingCall,
    SeatStage,
)

CAPS = (Cap(86_400, 0.01, 0.03),)

odd_seconds = st.one_of(st.floats(-100, 20_000), st.just(0.0))
pacers = st.sampled_from([None, *(make_pacer(policy, caps=CAPS) for policy in PacingPolicy)])
busy_seats = st.lists(
    st.builds(BusySeat, st.sampled_from(SeatStage), odd_seconds, st.booleans(), pacers), max_size=30
).map(tuple)
probabilities = st.none() | st.sampled_from([0.0, 1.0]) | st.floats(0, 1)
ringing_calls = st.lists(st.builds(RingingCall, odd_seconds, probabilities, st.none() | odd_seconds), max_size=40).map(
    tuple
)
snapshots = st.builds(
    PacingSnapshot,
    now_seconds=st.floats(-1e6, 1e9),
    free_seats=st.integers(-2, 40),
    busy_seats=busy_seats,
    paused_seats=st.integers(0, 5),
    ringing=ringing_calls,
    waiting_seconds=st.lists(odd_seconds, max_size=4).map(tuple),
    free_channels=st.integers(-1, 60),
    cps_budget=st.integers(-1, 60),
    active_calls=st.integers(0, 20),
    seconds_left=st.none() | st.floats(-10, 90_000),
    share=st.floats(0, 1),
)


@pytest.mark.parametrize("policy", list(PacingPolicy))
@settings(deadline=None, derandomize=True, max_examples=60)
@given(snapshot=snapshots)
def test_pacing_policies_never_exceed_the_trunk_limits(policy: PacingPolicy, snapshot: PacingSnapshot) -> None:
    calls = make_pacer(policy, caps=CAPS).count_calls_to_place(snapshot)
    assert 0 <= calls <= max(0, snapshot.free_channels)
    assert calls <= max(0, snapshot.cps_budget)


@pytest.mark.parametrize("policy", [policy for policy in PacingPolicy if policy is not PacingPolicy.BROADCAST])
@settings(deadline=None, derandomize=True, max_examples=60)
@given(paused=st.integers(0, 10), ringing=ringing_calls, leaving=st.integers(0, 5))
def test_pacing_policies_place_no_calls_without_seats(
    policy: PacingPolicy, paused: int, ringing: tuple[RingingCall, ...], leaving: int
) -> None:
    seats = (BusySeat(SeatStage.TALKING, 30.0, leaving=True),) * leaving
    snapshot = PacingSnapshot(1.0, free_seats=0, busy_seats=seats, paused_seats=paused, ringing=ringing)
    pacer = make_pacer(policy, caps=CAPS)
    assert pacer.count_calls_to_place(snapshot) == 0
    assert pacer.explain_last_pacing_decision().limited_by == Limit.NOBODY or leaving
    assert pacer.count_ringing_calls_to_hang_up(snapshot) == len(ringing)


def test_progressive_pacing_subtracts_calls_in_progress_from_its_calls_per_free_seat() -> None:
    snapshot = PacingSnapshot(0.0, free_seats=5, ringing=(RingingCall(1.0),) * 2, waiting_seconds=(0.5,))
    assert make_pacer(PacingPolicy.PROGRESSIVE, caps=CAPS).count_calls_to_place(snapshot) == 2


def test_broadcast_pacing_uses_all_channels_within_the_calls_per_second_limit() -> None:
    pacer = make_pacer(PacingPolicy.BROADCAST, caps=())
    assert pacer.count_calls_to_place(PacingSnapshot(0.0, free_channels=10, cps_budget=4)) == 4
    assert pacer.explain_last_pacing_decision().limited_by == Limit.CPS
    ringing = (RingingCall(1.0),) * 4
    assert (
        pacer.count_calls_to_place(PacingSnapshot(1.0, ringing=ringing, active_calls=3, free_channels=3, cps_budget=4))
        == 3
    )
    assert pacer.explain_last_pacing_decision().limited_by == Limit.CHANNELS
    assert pacer.explain_last_pacing_decision().figures == {"in-flight": 7.0}


def _record_answers(pacer: RatioPacer, answers: int, abandoned: int = 0) -> RatioPacer:
    for number in range(answers):
        pacer.learn_from_pacing_event(PacingEvent(PacingEventKind.ANSWERED, 1.0 * number, 5.0))
        if number < abandoned:
            pacer.learn_from_pacing_event(PacingEvent(PacingEventKind.ABANDONED, 1.0 * number))
    return pacer


def test_ratio_pacing_places_fewer_calls_under_a_strict_abandoned_cap() -> None:
    snapshot = PacingSnapshot(200.0, free_seats=10)
    for reserve, most in (
        (None, 30),
        (Reserve.EVERY_INSTANT, 13),
    ):  # 3 abandoned of 100 answers; then 10 connected and 3 abandoned
        pacer = _record_answers(RatioPacer([Cap(3_600, 0.03, 0.03, reserve)]), 100)
        assert pacer.count_calls_to_place(snapshot) == most
    assert pacer.explain_last_pacing_decision().limited_by is Limit.RESERVE


def test_ratio_pacing_cancels_excess_ringing_calls_when_agents_leave() -> None:
    pacer = _record_answers(RatioPacer([Cap(3_600, 0.03, 0.03)]), 100)
    ringing = (RingingCall(5.0),) * 30
    assert pacer.count_ringing_calls_to_hang_up(PacingSnapshot(200.0, free_seats=10, ringing=ringing)) == 0
    assert pacer.count_ringing_calls_to_hang_up(PacingSnapshot(201.0, free_seats=1, ringing=ringing)) == 27
    assert pacer.count_ringing_calls_to_hang_up(PacingSnapshot(202.0, ringing=ringing)) == 30


def test_ratio_pacing_applies_the_abandoned_rate_caps_after_a_restart() -> None:
    pacer = _record_answers(RatioPacer([Cap(3_600, 0.03, 0.03)]), 300, 12)
    again = RatioPacer([Cap(3_600, 0.03, 0.03)])
    again.restore_learned_state(pacer.get_learned_state())
    again.restore_answered_and_abandoned_counts(49_000.0, {3_600.0: [RecentAnswers(60.0, 300, 12)]})
    snapshot = PacingSnapshot(49_001.0, free_seats=4)
    assert again.count_calls_to_place(snapshot) == 4
    assert again.explain_last_pacing_decision().figures["budget"] == pytest.approx(300 * 0.03 - 12)
