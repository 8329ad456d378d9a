"""The predictive policy: hard stops, seats, implausible figures, and its state after a restart."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from math import inf, nan

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dialer.centre_model.distributions import DayCurve
from dialer.centre_model.policies import make_abandoned_rate_caps
from dialer.centre_model.run import simulate_day
from dialer.centre_model.scenario import CampaignModel
from dialer.centre_model.scenarios import SCENARIOS
from dialer.domain.enums import Reserve
from dialer.pacing.governor import Governor
from dialer.pacing.port import (
    BusySeat,
    Cap,
    Limit,
    PacingEvent,
    PacingEventKind,
    PacingSnapshot,
    RingingCall,
    SeatStage,
)
from dialer.pacing.predictive import PredictivePacer
from dialer.pacing.tuning import TUNED, Tuning

DAY = (Cap(86_400, 0.03, 0.03),)
PARTS = {"version", "governor", "knowledge", "usual"}
HOUR = (Cap(3_600, 0.03, 0.032),)
Kind = PacingEventKind


@cache
def _make_learned_state() -> str:
    """Return the learned state after some minutes of a site with ten seats, as JSON."""
    pacers: list[PredictivePacer] = []

    def make() -> PredictivePacer:
        pacers.append(PredictivePacer(DAY))
        return pacers[-1]

    simulate_day(SCENARIOS["10 seats"], make, 3, hours=0.75)
    return json.dumps(pacers[0].get_learned_state())


def _make_trained_pacer(caps: tuple[Cap, ...] = DAY, tuning: Tuning = TUNED) -> PredictivePacer:
    pacer = PredictivePacer(caps, tuning=tuning)
    pacer.restore_learned_state(json.loads(_make_learned_state()))
    return pacer


seconds = st.floats(0, 400)
busy = st.lists(st.builds(BusySeat, st.sampled_from(SeatStage), seconds, st.booleans(), st.none()), max_size=30)
ringing = st.lists(st.builds(RingingCall, seconds, st.none() | st.floats(0, 1), st.none() | seconds), max_size=30)


@settings(deadline=None, derandomize=True, max_examples=150)
@given(free=st.integers(0, 10), busy=busy, ringing=ringing, waiting=st.lists(st.floats(0, 2), max_size=3))
def test_predictive_pacing_places_no_fewer_calls_with_more_free_seats(
    free: int, busy: list[BusySeat], ringing: list[RingingCall], waiting: list[float]
) -> None:
    snapshot = PacingSnapshot(
        1.0, free_seats=free, busy_seats=tuple(busy), ringing=tuple(ringing), waiting_seconds=tuple(waiting)
    )
    pacer = _make_trained_pacer()
    fewer = pacer.count_calls_to_place(snapshot)
    assert pacer.count_calls_to_place(replace(snapshot, free_seats=free + 1)) >= fewer


@settings(deadline=None, derandomize=True, max_examples=100)
@given(busy=busy, ringing=ringing, channels=st.integers(0, 12), starts=st.integers(0, 12))
def test_trained_predictive_pacing_never_exceeds_the_trunk_limits(
    busy: list[BusySeat], ringing: list[RingingCall], channels: int, starts: int
) -> None:
    snapshot = PacingSnapshot(
        1.0, free_seats=8, busy_seats=tuple(busy), ringing=tuple(ringing), free_channels=channels, cps_budget=starts
    )
    assert 0 <= _make_trained_pacer().count_calls_to_place(snapshot) <= min(channels, starts)


def _make_busy_snapshot(now: float) -> PacingSnapshot:
    return PacingSnapshot(now, busy_seats=tuple(BusySeat(SeatStage.TALKING, 10.0 * n) for n in range(1, 21)))


def test_exceeded_abandoned_rate_cap_still_allows_one_call_per_free_seat() -> None:
    pacer = _make_trained_pacer((Cap(86_400, 0.03, 0.032),))
    assert pacer.count_calls_to_place(replace(_make_busy_snapshot(1.0), free_seats=6)) > 6
    for _ in range(20):
        pacer.learn_from_pacing_event(PacingEvent(Kind.ANSWERED, 2.0, 8.0))
        pacer.learn_from_pacing_event(PacingEvent(Kind.ABANDONED, 2.0))
    assert pacer.count_calls_to_place(_make_busy_snapshot(3.0)) == 0
    assert pacer.explain_last_pacing_decision().limited_by == Limit.HARD_STOP
    alone = PacingSnapshot(4.0, free_seats=3)
    assert pacer.count_calls_to_place(alone) == 3


def test_predictive_pacing_dials_ahead_again_after_abandoned_calls_leave_the_window() -> None:
    pacer = _make_trained_pacer((Cap(86_400, 0.03, 0.032),))
    for _ in range(20):
        pacer.learn_from_pacing_event(PacingEvent(Kind.ANSWERED, 2.0, 8.0))
        pacer.learn_from_pacing_event(PacingEvent(Kind.ABANDONED, 2.0))
    later = 2.0 + 90_000.0
    for _ in range(400):
        for kind in (Kind.ANSWERED, Kind.FAILED, Kind.FAILED):
            pacer.learn_from_pacing_event(PacingEvent(kind, later, 8.0))
    assert pacer.count_calls_to_place(replace(_make_busy_snapshot(later + 1.0), free_seats=6)) > 6


@pytest.mark.parametrize("caps", [(), (Cap(86_400, 0.0, 0.0),)])
def test_predictive_pacing_never_dials_ahead_if_the_abandoned_rate_target_is_zero(caps: tuple[Cap, ...]) -> None:
    pacer = _make_trained_pacer(caps)
    assert pacer.count_calls_to_place(_make_busy_snapshot(1.0)) == 0
    snapshot = replace(_make_busy_snapshot(2.0), free_seats=2, ringing=(RingingCall(1.0),))
    assert pacer.count_calls_to_place(snapshot) == snapshot.free_seats_minus_calls_in_flight


def test_voter_list_with_an_unknown_answer_rate_starts_with_one_call_per_free_seat() -> None:
    pacer = PredictivePacer(DAY)
    assert pacer.count_calls_to_place(PacingSnapshot(0.0, free_seats=27, seconds_left=30_000.0)) == 27
    assert pacer.explain_last_pacing_decision().limited_by == Limit.IN_FLIGHT


def test_predictive_pacing_hangs_up_ringing_calls_when_many_agents_leave_together() -> None:
    pacer = _make_trained_pacer()
    calls = (RingingCall(5.0, None, 3.0),) * 12
    there = replace(_make_busy_snapshot(1.0), free_seats=12, ringing=calls)
    assert pacer.count_ringing_calls_to_hang_up(there) == 0
    gone = PacingSnapshot(2.0, busy_seats=(BusySeat(SeatStage.TALKING, 5.0),), ringing=calls)
    assert pacer.count_ringing_calls_to_hang_up(gone) > 6
    assert pacer.count_ringing_calls_to_hang_up(PacingSnapshot(3.0, ringing=calls)) == len(calls)


def test_predictive_pacing_still_places_calls_over_a_slightly_slower_carrier() -> None:
    pacer = _make_trained_pacer()
    waiting = tuple(RingingCall(1.0 * second) for second in range(10))  # each call waits 10 s for "ringing"
    assert pacer.count_calls_to_place(PacingSnapshot(1.0, free_seats=60, ringing=waiting)) > 0


def test_carrier_that_never_reports_ringing_is_not_mistaken_for_a_slow_carrier() -> None:
    pacer = PredictivePacer(HOUR)
    for at in range(1, 120):
        for kind in (Kind.ANSWERED, Kind.FAILED, Kind.FAILED):
            pacer.learn_from_pacing_event(PacingEvent(kind, float(at), 12.0))
    waiting = PacingSnapshot(120.0, free_seats=30, ringing=(RingingCall(9.0),) * 10)
    assert pacer.count_calls_to_place(waiting) >= 20


def test_predictive_pacing_detects_a_stalled_carrier_by_calls_that_do_not_ring() -> None:
    pacer = _make_trained_pacer()
    waiting = (RingingCall(14.0),) * 40
    crowded = PacingSnapshot(1.0, free_seats=60, ringing=waiting)
    assert pacer.count_calls_to_place(crowded) == 0
    assert pacer.explain_last_pacing_decision().limited_by == Limit.SLOW_CARRIER
    assert pacer.count_calls_to_place(replace(crowded, ringing=(RingingCall(14.0, None, 12.0),) * 40)) > 0


@pytest.mark.parametrize("seed", [2, 5])
def test_carrier_that_is_overloaded_by_the_dialler_gets_fewer_calls(seed: int) -> None:
    choked = replace(SCENARIOS["27 seats"], slow_after_calls=4, slow_seconds_per_call=1.0)
    day = simulate_day(choked, lambda: PredictivePacer(make_abandoned_rate_caps(0.03)), seed, hours=0.5)
    assert day.connected > 300  # the carrier starts one call a second, and three in ten are answered


# Implausible figures

ODD = (-5.0, 0.0, 10_800.0, 1e12, inf, nan)


@pytest.mark.parametrize("odd", ODD)
def test_pacing_events_with_implausible_times_do_not_cause_a_flood_of_calls(odd: float) -> None:
    pacer = _make_trained_pacer()
    seats = (BusySeat(SeatStage.TALKING, odd), BusySeat(SeatStage.CLOSING, odd), BusySeat(SeatStage.WRAP_UP, odd))
    for kind in Kind:
        pacer.learn_from_pacing_event(PacingEvent(kind, 5.0, odd))
    snapshot = PacingSnapshot(
        odd, free_seats=1, busy_seats=seats, ringing=(RingingCall(odd, 0.5, odd),), waiting_seconds=(odd,)
    )
    assert 0 <= pacer.count_calls_to_place(snapshot) <= 30
    assert 0 <= pacer.count_ringing_calls_to_hang_up(snapshot) <= 1
    json.dumps(pacer.get_learned_state(), allow_nan=False)


@pytest.mark.parametrize("chance", [0.0, 1.0, nan])
def test_predictive_pacing_accepts_an_answer_probability_of_zero_or_one(chance: float) -> None:
    pacer = _make_trained_pacer()
    snapshot = replace(_make_busy_snapshot(1.0), free_seats=2, ringing=(RingingCall(3.0, chance, 1.0),) * 3)
    assert 0 <= pacer.count_calls_to_place(snapshot) <= 500


def test_predictive_pacing_handles_a_thousand_events_at_one_moment() -> None:
    pacer = PredictivePacer(DAY)
    for kind in (Kind.CANCELLED, Kind.FAILED, Kind.ANSWERED, Kind.TALK_ENDED, Kind.WRAP_UP_ENDED) * 200:
        pacer.learn_from_pacing_event(PacingEvent(kind, 7.0))
    assert 0 <= pacer.count_calls_to_place(replace(_make_busy_snapshot(7.0), free_seats=1)) <= 60


def test_predictive_pacing_treats_a_clock_that_goes_back_as_standing_still() -> None:
    pacer = _make_trained_pacer()
    pacer.learn_from_pacing_event(PacingEvent(Kind.ABANDONED, 1_000.0))
    assert 0 <= pacer.count_calls_to_place(_make_busy_snapshot(10.0)) <= 60


RESERVED = 0.03


@settings(deadline=None, derandomize=True, max_examples=200)
@given(
    free=st.integers(0, 10),
    busy=busy,
    ringing=ringing,
    waiting=st.lists(st.floats(0, 2), max_size=3),
    answers=st.integers(0, 600),
    abandoned=st.integers(0, 30),
)
def test_abandoned_rate_stays_within_the_hard_limit_even_if_all_calls_are_answered(
    free: int, busy: list[BusySeat], ringing: list[RingingCall], waiting: list[float], answers: int, abandoned: int
) -> None:
    pacer = PredictivePacer((Cap(86_400, 0.01, RESERVED, Reserve.EVERY_INSTANT),))
    pacer.restore_learned_state(
        {
            **json.loads(_make_learned_state()),
            "governor": Governor((Cap(86_400, 0.01, RESERVED),), TUNED).get_learned_state(),
        }
    )
    for _ in range(answers):
        pacer.learn_from_pacing_event(PacingEvent(Kind.ANSWERED, 1.0, 8.0))
    for _ in range(min(answers, abandoned)):
        pacer.learn_from_pacing_event(PacingEvent(Kind.ABANDONED, 1.0))
    snapshot = PacingSnapshot(
        2.0, free_seats=free, busy_seats=tuple(busy), ringing=tuple(ringing), waiting_seconds=tuple(waiting)
    )
    calls = pacer.count_calls_to_place(snapshot)
    beyond = len(ringing) + len(waiting) + calls - free
    if calls > max(0, snapshot.free_seats_minus_calls_in_flight):  # some calls are placed ahead of the free seats
        worst = min(answers, abandoned) + beyond
        assert worst <= RESERVED * (answers + free + beyond) + 1e-9
    excess = pacer.count_ringing_calls_to_hang_up(snapshot)
    kept = len(ringing) + len(waiting) - free - excess
    assert (
        excess == len(ringing)
        or kept <= 0
        or min(answers, abandoned) + kept <= RESERVED * (answers + free + kept) + 1e-9
    )


def test_pacing_names_the_hard_abandoned_call_limit_as_its_limiting_factor() -> None:
    pacer = _make_trained_pacer((Cap(86_400, 0.03, RESERVED, Reserve.EVERY_INSTANT),))
    pacer.restore_learned_state(
        {
            **json.loads(_make_learned_state()),
            "governor": Governor((Cap(86_400, 0.03, RESERVED),), TUNED).get_learned_state(),
        }
    )
    for answer in range(300):
        for kind in (Kind.ANSWERED, *[Kind.FAILED] * 4):
            pacer.learn_from_pacing_event(PacingEvent(kind, float(answer), 10.0))
    beyond = int(RESERVED * 306 / (1.0 - RESERVED))
    assert pacer.count_calls_to_place(replace(_make_busy_snapshot(300.0), free_seats=6)) == 6 + beyond
    assert pacer.explain_last_pacing_decision().limited_by == Limit.RESERVE


def test_hard_limit_on_abandoned_calls_is_never_exceeded_while_shifts_change() -> None:
    scenario = replace(SCENARIOS["shifts 27"], hours=2.0)
    day = simulate_day(scenario, lambda: PredictivePacer((Cap(86_400, 0.03, RESERVED, Reserve.EVERY_INSTANT),)), 3)
    abandoned = 0
    for answers, (_, dropped) in enumerate(day.resolved, 1):
        abandoned += dropped
        assert abandoned <= RESERVED * answers
    assert abandoned > 10


def test_predictive_pacing_without_seats_places_no_calls() -> None:
    pacer = _make_trained_pacer()
    assert pacer.count_calls_to_place(PacingSnapshot(1.0)) == 0
    assert pacer.explain_last_pacing_decision().limited_by == Limit.NOBODY


def test_carrier_that_answers_every_call_does_not_cause_a_burst_of_calls() -> None:
    scenario = replace(SCENARIOS["false answers 27"], hours=0.5)
    false = scenario.false_answers
    assert false is not None
    early = replace(scenario, false_answers=replace(false, from_seconds=600.0, to_seconds=900.0))
    day = simulate_day(early, lambda: PredictivePacer((Cap(86_400, 0.03, 0.032),)), 5)
    assert max(moment.ringing for moment in day.moments) < 3 * 27
    assert day.abandoned < 40  # 16 here, 9 in the half hour without the fault: its effect is soon forgotten
    assert day.placed < 3_000


def _count_calls_for_free_seats(pacer: PredictivePacer, now: float, free: int) -> int:
    """Return how many calls the policy places for this many free seats, if it hears of no answer and no end of
    a call.
    """
    ringing: tuple[RingingCall, ...] = ()
    for _ in range(100):
        calls = pacer.count_calls_to_place(PacingSnapshot(now, free_seats=free, ringing=ringing))
        if not calls:
            break
        ringing += (RingingCall(0.0),) * calls
    return len(ringing)


def test_carrier_that_loses_all_calls_gets_no_more_calls_than_usual() -> None:
    """When the carrier recovers, all calls in flight would be answered."""
    pacer = _make_trained_pacer(HOUR)
    for at in range(1, 400):
        pacer.count_calls_to_place(_make_busy_snapshot(float(at)))
        for _ in range(5):
            pacer.learn_from_pacing_event(PacingEvent(Kind.FAILED, float(at), 4.0))
    in_flight = _count_calls_for_free_seats(pacer, 400.0, 10)
    assert pacer.explain_last_pacing_decision().limited_by == Limit.IN_FLIGHT
    assert 10 <= in_flight <= 40
    again = PredictivePacer(HOUR)
    again.restore_learned_state(json.loads(json.dumps(pacer.get_learned_state())))
    assert _count_calls_for_free_seats(again, 0.0, 10) == in_flight  # the usual rate survives a restart


def test_predictive_pacing_places_enough_calls_for_a_voter_list_with_few_answers() -> None:
    pacer = PredictivePacer(HOUR)
    for at in range(1, 120):
        pacer.count_calls_to_place(PacingSnapshot(float(at), free_seats=10))
        for nth in range(10):
            answered = (10 * at + nth) % 40 == 0
            pacer.learn_from_pacing_event(PacingEvent(Kind.ANSWERED if answered else Kind.FAILED, float(at), 8.0))
    assert _count_calls_for_free_seats(pacer, 120.0, 10) > 10 * 10


# New lists and pauses


def _dial_poor_list(pacer: PredictivePacer, until: int) -> None:
    """Place single calls of which nearly nobody answers, as the last numbers of a list do, while 27 seats are free."""
    for at in range(1, until):
        pacer.count_calls_to_place(PacingSnapshot(float(at), free_seats=27, ringing=(RingingCall(1.0),)))
        pacer.learn_from_pacing_event(PacingEvent(Kind.ANSWERED if at % 50 == 0 else Kind.FAILED, float(at), 8.0))


def test_new_call_list_after_one_with_few_answers_starts_with_one_call_per_free_seat() -> None:
    pacer = _make_trained_pacer(HOUR)
    _dial_poor_list(pacer, 1_500)
    fresh = PacingSnapshot(1_500.0, free_seats=27, seconds_left=20_000.0)
    assert pacer.count_calls_to_place(fresh) > 3 * 27
    pacer.learn_from_pacing_event(PacingEvent(Kind.LIST_CHANGED, 1_500.0))
    assert pacer.count_calls_to_place(replace(fresh)) == 27


@pytest.mark.parametrize("was_asked", [True, False])
def test_dialling_after_a_pause_starts_with_one_call_per_free_seat(was_asked: bool) -> None:
    """The pause is one without numbers to dial, or one in which the campaign is held and the policy is not asked."""
    pacer = _make_trained_pacer(HOUR)
    _dial_poor_list(pacer, 1_500)
    pause = int(TUNED.pause_seconds)
    for at in range(1_500, 1_500 + pause) if was_asked else ():
        assert pacer.count_calls_to_place(PacingSnapshot(float(at), free_seats=27, seconds_left=20_000.0)) > 3 * 27
    after = PacingSnapshot(1_501.0 + pause, free_seats=27, seconds_left=20_000.0)
    assert pacer.count_calls_to_place(after) == 27


def test_long_conversations_at_all_seats_do_not_count_as_a_pause_in_dialling() -> None:
    pacer = _make_trained_pacer(HOUR)
    _dial_poor_list(pacer, 1_500)
    for at in range(1_500, 1_600 + int(TUNED.pause_seconds)):
        pacer.count_calls_to_place(_make_busy_snapshot(float(at)))
    after = PacingSnapshot(1_601.0 + TUNED.pause_seconds, free_seats=27, seconds_left=20_000.0)
    assert pacer.count_calls_to_place(after) > 3 * 27


@pytest.mark.parametrize(("seats", "rate"), [(100, 0.3), (300, 0.3), (300, 0.6)])
def test_new_campaign_stays_within_the_abandoned_rate_cap_in_its_first_minutes(seats: int, rate: float) -> None:
    """The talks of a new campaign begin together. The first ones to end are the shortest."""
    site = replace(SCENARIOS[f"{seats} seats"], campaigns=(CampaignModel(DayCurve.create_constant_curve(rate)),))
    answers = abandoned = hung_up = placed = 0
    for seed in (1, 2):
        day = simulate_day(site, lambda: PredictivePacer(make_abandoned_rate_caps(0.03)), seed, hours=1 / 30)
        answers, abandoned = answers + day.answered, abandoned + day.abandoned
        hung_up, placed = hung_up + day.cancelled, placed + day.placed
        assert day.moments[-1].free_seat_seconds / seats < 32.0  # with one call at a time for each free seat: over 40 s
    assert answers > 2.5 * seats
    assert abandoned <= 0.03 * answers
    assert hung_up < 0.15 * placed


class _EmptyQueue(PredictivePacer):
    """A predictive pacer whose campaign has one number at a time to dial for half an hour, and then a new list."""

    empty_from, full_from = 3_600.0, 5_400.0
    is_list_new = False

    def count_calls_to_place(self, snapshot: PacingSnapshot) -> int:
        if snapshot.now_seconds >= self.full_from and not self.is_list_new:
            self.is_list_new = True
            self.learn_from_pacing_event(PacingEvent(Kind.LIST_CHANGED, snapshot.now_seconds))
        calls = super().count_calls_to_place(snapshot)
        if self.empty_from <= snapshot.now_seconds < self.full_from:
            return min(calls, int(not snapshot.ringing))
        return calls


@pytest.mark.parametrize("seats", [5, 27])
def test_new_voter_list_stays_within_the_abandoned_rate_cap_in_its_first_minute(seats: int) -> None:
    rates = DayCurve(((0.0, 0.2), (_EmptyQueue.empty_from, 0.02), (_EmptyQueue.full_from, 0.45)))
    site = replace(SCENARIOS[f"{seats} seats"], campaigns=(CampaignModel(rates),))
    answers = abandoned = 0
    for seed in (1, 2, 3, 4):
        day = simulate_day(site, lambda: _EmptyQueue(make_abandoned_rate_caps(0.03)), seed, hours=1.6)
        first = [dropped for at, dropped in day.resolved if 0.0 <= at - _EmptyQueue.full_from < 60.0]
        answers += len(first)
        abandoned += sum(first)
    assert answers > 3 * seats  # dialling is gradual, but the agents get calls
    assert abandoned <= 0.03 * answers


# Restarts


def test_rates_and_times_learned_by_predictive_pacing_survive_a_restart() -> None:
    learned = json.loads(_make_learned_state())
    pacer = _make_trained_pacer()
    assert pacer.get_learned_state() == learned  # no decision yet: the state is passed on unchanged
    pacer.count_calls_to_place(_make_busy_snapshot(1e6))
    again = PredictivePacer(DAY)
    again.restore_learned_state(json.loads(json.dumps(pacer.get_learned_state())))
    snapshot = replace(_make_busy_snapshot(5.0), free_seats=1, ringing=(RingingCall(4.0, None, 2.0),) * 4)
    assert again.count_calls_to_place(snapshot) == pacer.count_calls_to_place(replace(snapshot, now_seconds=1e6 + 5.0))


@pytest.mark.parametrize(
    ("of", "state"),  # the part of the learned state, and the damaged value in its place
    [
        (set(), {}),
        (set(), {"version": 99}),
        (PARTS - {"governor"}, {}),
        (PARTS - {"knowledge"}, {}),
        (PARTS, {"knowledge": []}),
        (PARTS, {"usual": []}),
        (PARTS, {"usual": {"rate": 2.0, "_seconds": 1.0}}),
        (PARTS, {"governor": {}}),
    ],
)
def test_predictive_pacing_with_a_damaged_saved_state_starts_without_learned_rates(
    of: set[str], state: Mapping[str, object]
) -> None:
    learned = json.loads(_make_learned_state())
    assert set(learned) == PARTS
    pacer = PredictivePacer(DAY)
    pacer.restore_learned_state({**{name: learned[name] for name in of}, **state})
    assert pacer.get_learned_state() == PredictivePacer(DAY).get_learned_state()


# The room of a window


def test_predictive_pacing_places_no_more_calls_when_fewer_abandoned_calls_are_permitted() -> None:
    calls = []
    for drops in range(30):
        pacer = _make_trained_pacer(HOUR)
        for answer in range(834):
            for kind in (Kind.ANSWERED, Kind.FAILED, Kind.FAILED):
                pacer.learn_from_pacing_event(PacingEvent(kind, 1.0 + 4.3 * answer, 8.0))
        for _ in range(drops):
            pacer.learn_from_pacing_event(PacingEvent(Kind.ABANDONED, 3_590.0))
        calls.append(pacer.count_calls_to_place(replace(_make_busy_snapshot(3_600.0), free_seats=3)))
    assert calls == sorted(calls, reverse=True)
    assert calls[0] > 3
    assert calls[-1] == 3  # beyond the stop: for three free seats little more than one call each is safe
    assert pacer.explain_last_pacing_decision().limited_by == Limit.HARD_STOP


def test_pacing_without_history_dials_ahead_only_early_in_the_day() -> None:
    pacer = _make_trained_pacer((Cap(86_400, 0.01, 0.03, Reserve.WINDOW),))
    pacer.restore_answered_and_abandoned_counts(0.0, {})
    morning = replace(_make_busy_snapshot(1.0), free_seats=6, seconds_left=36_000.0)
    assert pacer.count_calls_to_place(morning) > 8
    assert pacer.count_calls_to_place(replace(morning, seconds_left=60.0)) <= 7
    assert pacer.count_calls_to_place(replace(morning, seconds_left=None)) <= 7
    assert pacer.explain_last_pacing_decision().limited_by == Limit.RESERVE


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_abandoned_rate_stays_within_the_cap_at_the_end_of_a_short_day(seed: int) -> None:
    scenario = replace(SCENARIOS["27 seats"], hours=0.2)
    day = simulate_day(scenario, lambda: PredictivePacer((Cap(86_400, 0.01, RESERVED, Reserve.WINDOW),)), seed)
    assert day.abandoned_share <= RESERVED


@pytest.mark.parametrize("name", ["27 seats", "shifts 27", "10 seats"])
def test_abandoned_rate_of_any_hour_exceeds_the_cap_by_at_most_0_2_points(name: str) -> None:
    scenario = replace(SCENARIOS[name], hours=2.0)
    day = simulate_day(scenario, lambda: PredictivePacer(make_abandoned_rate_caps(0.03)), 2)
    assert 0.015 < day.worst_sliding_hour <= 0.032
