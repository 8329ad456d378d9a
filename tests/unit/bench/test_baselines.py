"""Each baseline policy reproduces figures calculated by hand from its source code."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from bench.baseline_pacers import (
    CallsPerIdleSeat,
    ErlangRatePacer,
    IssabelPacer,
    OmniDialerPacer,
    erlang_load,
    erlang_wait_probability,
)
from bench.baselines import BASELINE_NAMES, baseline_named
from bench.vicidial_pacer import DialMethod, DropFigures, VicidialPacer, VicidialSettings, calls_to_make, next_level
from dialer.centre_model.policies import find_pacing_policy, simulate_day_under_policy
from dialer.centre_model.run import simulate_day
from dialer.centre_model.scenarios import SCENARIOS
from dialer.centre_model.schedule import Schedule
from dialer.pacing.port import BusySeat, PacingEvent, PacingEventKind, PacingSnapshot, RingingCall, SeatStage

NO_DROPS = DropFigures()
OVER = DropFigures(calls_today=51, drops_today_percentage=3.01)
TALKING = BusySeat(SeatStage.TALKING, 30.0)
RINGING = RingingCall(4.0)


@pytest.mark.parametrize(
    ("ready", "waiting", "intensity", "level"),
    [
        (3.0, 0.0, 0.0, 2.300),
        (3.0, 0.0, -20.0, 2.240),
        (3.0, 0.0, 20.0, 2.360),
        (0.0, 2.0, 0.0, 1.800),
        (0.0, 2.0, 20.0, 1.840),
        (0.0, 2.0, -20.0, 1.760),
    ],
)
def test_vicidial_policy_sets_the_dial_level_of_worked_examples(
    ready: float, waiting: float, intensity: float, level: float
) -> None:
    settings = VicidialSettings(intensity=intensity)
    assert next_level(2.0, ready, waiting, 20.0, settings, NO_DROPS, 1430) == pytest.approx(level)


def test_vicidial_tapered_method_subtracts_times_of_day_as_hhmm_integers() -> None:
    settings = VicidialSettings(method=DialMethod.TAPERED)
    assert next_level(3.0, 0.0, 0.0, 20.0, settings, OVER, 1430) == pytest.approx(2.01)
    assert next_level(3.0, 0.0, 0.0, 20.0, settings, OVER, 2130) == 1.0
    assert next_level(3.0, 0.0, 0.0, 20.0, settings, OVER, 1000) == 3.0


def test_vicidial_policy_lowers_the_dial_level_after_dropped_calls() -> None:
    hard, average = VicidialSettings(), VicidialSettings(method=DialMethod.AVERAGE)
    assert next_level(3.0, 0.0, 0.0, 20.0, hard, OVER, 1430) == 1.0
    assert next_level(3.0, 0.0, 0.0, 20.0, average, OVER, 1430) == 1.5
    few = DropFigures(calls_today=50, drops_today_percentage=90.0)
    assert next_level(3.0, 0.0, 0.0, 20.0, hard, few, 1430) == 3.0
    storm = DropFigures(calls_last_minute=21, drops_last_minute_percentage=50.1)
    assert next_level(3.0, 0.0, 0.0, 20.0, hard, storm, 1430) == 1.5


def test_vicidial_dial_level_stays_between_one_and_the_maximum() -> None:
    settings = VicidialSettings(maximum_level=2.5)
    assert next_level(2.4, 20.0, 0.0, 20.0, settings, NO_DROPS, 1430) == 2.5
    assert next_level(1.1, 0.0, 10.0, 20.0, settings, NO_DROPS, 1430) == 1.0


def test_vicidial_policy_places_as_many_calls_as_worked_examples() -> None:
    assert calls_to_make(2.5, 4, 10, 6, 1, VicidialSettings()) == 18
    assert calls_to_make(2.5, 4, 10, 6, 1, VicidialSettings(available_only=True)) == 3


def test_vicidial_policy_places_calls_one_by_one_and_recounts_seats_after_a_pause() -> None:
    pacer = VicidialPacer(VicidialSettings(method=DialMethod.RATIO, level=1.0))
    placed: list[float] = []
    for tick in range(40):
        now = 0.1 * tick
        ringing = tuple(RingingCall(now - at) for at in placed)
        if pacer.count_calls_to_place(PacingSnapshot(now_seconds=now, free_seats=3, ringing=ringing)):
            placed.append(now)
    assert placed == pytest.approx([0.0, 0.2, 0.4])
    far = PacingSnapshot(now_seconds=5.7, free_seats=5, ringing=(RINGING,) * 3)
    assert pacer.count_calls_to_place(far) == 1


def test_vicidial_hard_limit_lowers_the_dial_level_to_one_if_drops_exceed_the_limit() -> None:
    pacer = VicidialPacer(VicidialSettings(method=DialMethod.HARD_LIMIT, level=3.0))
    for n in range(60):
        pacer.learn_from_pacing_event(PacingEvent(PacingEventKind.ANSWERED, 0.01 * n, 8.0))
        kind = PacingEventKind.ABANDONED if n < 5 else PacingEventKind.WRAP_UP_ENDED
        pacer.learn_from_pacing_event(PacingEvent(kind, 0.01 * n, 2.0))
    for second in range(20):
        pacer.count_calls_to_place(PacingSnapshot(now_seconds=1.0 + second, busy_seats=(TALKING,) * 10))
    assert pacer.level == 1.0


def test_fixed_ratio_policy_places_its_calls_per_idle_seat() -> None:
    pacer = CallsPerIdleSeat(2.5)
    assert pacer.count_calls_to_place(PacingSnapshot(0.0, free_seats=3, ringing=(RINGING,) * 2)) == 5
    assert pacer.count_calls_to_place(PacingSnapshot(0.0, free_seats=0, busy_seats=(TALKING,))) == 0
    assert pacer.count_calls_to_place(PacingSnapshot(0.0, free_seats=9, free_channels=4)) == 4


def _omni() -> OmniDialerPacer:
    pacer = OmniDialerPacer(warm_up_calls=1)
    pacer.learn_from_pacing_event(PacingEvent(PacingEventKind.ANSWERED, 0.0, 15.0))
    return pacer


def test_omnidialer_divides_available_and_expected_seats_by_the_hit_rate() -> None:
    pacer = _omni()
    for n in range(200):
        kind = PacingEventKind.ANSWERED if n % 2 else PacingEventKind.FAILED
        pacer.learn_from_pacing_event(PacingEvent(kind, 1.0, 10.0))
    hit = 0.0
    for _ in range(500):
        hit = 0.9 * (0.9 * hit) + 0.1
    expected = math.floor((4 - 2 * hit) / hit)
    assert pacer.count_calls_to_place(PacingSnapshot(2.0, free_seats=4, ringing=(RINGING,) * 2)) == expected


def test_omnidialer_stops_dialling_ahead_after_an_abandoned_call() -> None:
    pacer = _omni()
    pacer.learn_from_pacing_event(PacingEvent(PacingEventKind.ABANDONED, 1.0))
    for tick in range(6):
        pacer.count_calls_to_place(PacingSnapshot(2.0 + tick, free_seats=0))
    hits = 0
    while pacer.count_calls_to_place(PacingSnapshot(10.0 + hits, free_seats=4, busy_seats=(TALKING,) * 9)) == 4:
        pacer.learn_from_pacing_event(PacingEvent(PacingEventKind.ANSWERED, 10.0 + hits, 15.0))
        hits += 1
    assert hits == 14


def test_issabel_policy_counts_seats_expected_to_become_available() -> None:
    pacer = IssabelPacer(qos=0.9)
    for n in range(10):
        pacer.learn_from_pacing_event(PacingEvent(PacingEventKind.ANSWERED, float(n), 10.0))
        pacer.learn_from_pacing_event(PacingEvent(PacingEventKind.TALK_ENDED, float(n), 100.0))
    old, young = BusySeat(SeatStage.TALKING, 221.0), BusySeat(SeatStage.TALKING, 219.0)
    assert 1.0 - math.exp(-2.31) >= 0.9 > 1.0 - math.exp(-2.29)
    assert pacer.count_calls_to_place(PacingSnapshot(20.0, free_seats=1, busy_seats=(old, young))) == 2
    assert (
        pacer.count_calls_to_place(PacingSnapshot(20.0, free_seats=1, busy_seats=(old,), ringing=(RINGING,) * 2)) == 0
    )


def test_issabel_policy_with_overcommit_divides_free_seats_by_the_answer_rate() -> None:
    pacer = IssabelPacer(overcommit=True)
    for n in range(10):
        kind = PacingEventKind.ANSWERED if n < 4 else PacingEventKind.FAILED
        pacer.learn_from_pacing_event(PacingEvent(kind, float(n), 10.0))
    assert pacer.count_calls_to_place(PacingSnapshot(20.0, free_seats=3)) == 8


def test_erlang_c_formula_matches_published_values() -> None:
    """With one server P(wait) equals the load. Published tables give 0.2217 for ten servers at 7 erlangs."""
    assert erlang_wait_probability(1, 0.4, 0.0, 100.0) == pytest.approx(0.4)
    assert erlang_wait_probability(10, 7.0, 0.0, 100.0) == pytest.approx(0.2217, abs=1e-4)
    assert erlang_wait_probability(10, 10.0, 0.0, 100.0) == 1.0
    load = erlang_load(10, 0.05, 2.0, 105.0)
    assert erlang_wait_probability(10, load, 2.0, 105.0) == pytest.approx(0.05, abs=1e-6)


def test_erlang_pacing_policy_places_calls_steadily_at_its_calculated_rate() -> None:
    pacer = ErlangRatePacer()
    assert pacer.count_calls_to_place(PacingSnapshot(0.0, free_seats=27)) == 0
    per_second = erlang_load(27, 0.03, 2.0, 105.0) / 105.0 / 0.25
    assert pacer.count_calls_to_place(PacingSnapshot(20.0, free_seats=27)) == math.floor(20.0 * per_second)
    assert pacer.count_calls_to_place(PacingSnapshot(30.0)) == 0


@pytest.mark.parametrize("name", BASELINE_NAMES)
def test_every_baseline_pacing_policy_runs_a_simulated_centre_and_cancels_no_call(name: str) -> None:
    scenario = SCENARIOS["10 seats"]
    policy = baseline_named(name, scenario)
    day = simulate_day_under_policy(scenario, policy, 1, hours=0.25)
    assert day.connected > 0
    assert policy.make().count_ringing_calls_to_hang_up(PacingSnapshot(0.0)) == 0


def test_progressive_policy_has_the_expected_seat_idle_time() -> None:
    scenario = SCENARIOS["27 seats"]
    day = simulate_day_under_policy(scenario, find_pacing_policy("progressive", scenario, 0.03), 1, hours=2.0)
    assert day.idle_seconds_per_call == pytest.approx(59.1, abs=3.0)
    assert day.abandoned == 0


def test_vicidial_policy_decides_at_the_intervals_of_vicidials_own_loops() -> None:
    decided: list[float] = []

    class Watched(VicidialPacer):
        def count_calls_to_place(self, snapshot: PacingSnapshot) -> int:
            decided.append(snapshot.now_seconds)
            return super().count_calls_to_place(snapshot)

    settings = VicidialSettings(method=DialMethod.RATIO, level=1.0)
    quiet = Schedule(on_events=False)
    simulate_day(replace(SCENARIOS["3 seats"], hours=0.01), lambda: Watched(settings), 1, schedule=quiet)
    assert decided[:6] == pytest.approx([0.0, 0.2, 0.4, 1.0, 2.0, 3.0])
    assert 3.1 in [round(at, 6) for at in decided]  # 0.4 + 0.2 of its own calls + 2.5
