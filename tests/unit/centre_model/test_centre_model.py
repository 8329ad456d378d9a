"""The centre model: its distributions, its figures, and the events and snapshots that a pacer receives."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import pairwise
from random import Random
from statistics import fmean, pstdev

import pytest

from bench.baseline_pacers import CallsPerIdleSeat
from dialer.centre_model.day_result import compute_abandoned_rate_by_window, compute_worst_abandoned_rate
from dialer.centre_model.distributions import (
    BreakHabits,
    DayCurve,
    GammaRingTimes,
    StageSignals,
    SwappedLists,
    TalkDistribution,
)
from dialer.centre_model.run import simulate_day
from dialer.centre_model.scenario import BadScenario, CampaignModel, FalseAnswers, Scenario
from dialer.centre_model.scenarios import SCENARIOS, find_scenario
from dialer.engine.trunks.state import WIRE_SECONDS
from dialer.pacing.port import Explanation, Pacer, PacingEvent, PacingEventKind, PacingSnapshot, SeatStage

SMALL = replace(SCENARIOS["10 seats"], hours=0.5)


class RecordingPacer(Pacer):
    """Dials `ratio` calls per available seat, and records every event and snapshot."""

    def __init__(self, ratio: float = 3.0, cancels: int = 0) -> None:
        super().__init__()
        self._rule = CallsPerIdleSeat(ratio)
        self._cancels = cancels
        self.events: list[PacingEvent] = []
        self.snapshots: list[PacingSnapshot] = []
        self.starts: list[float] = []  # of the calls that the trunks allow
        self.may_be_cancelled: set[float] = set()

    def count_calls_to_place(self, snapshot: PacingSnapshot) -> int:
        copy = PacingSnapshot(
            now_seconds=snapshot.now_seconds,
            free_seats=snapshot.free_seats,
            busy_seats=snapshot.busy_seats,
            paused_seats=snapshot.paused_seats,
            ringing=snapshot.ringing,
            waiting_seconds=snapshot.waiting_seconds,
            free_channels=snapshot.free_channels,
            cps_budget=snapshot.cps_budget,
        )
        self.snapshots.append(copy)
        calls = self._rule.count_calls_to_place(snapshot)
        self.starts += [snapshot.now_seconds] * min(calls, snapshot.free_channels, snapshot.cps_budget)
        return calls

    def learn_from_pacing_event(self, event: PacingEvent) -> None:
        self.events.append(event)

    def explain_last_pacing_decision(self) -> Explanation:
        return self._rule.explain_last_pacing_decision()

    def count_ringing_calls_to_hang_up(self, snapshot: PacingSnapshot) -> int:
        for call in snapshot.ringing:
            if call.ringing_seconds is None or call.ringing_seconds >= 15.0:
                self.may_be_cancelled.add(call.elapsed_seconds)
        return self._cancels

    def count(self, kind: PacingEventKind) -> int:
        return sum(event.kind is kind for event in self.events)


def test_curve_of_rates_over_a_day_changes_in_steps_or_linearly() -> None:
    steps = DayCurve(((0.0, 1.0), (10.0, 2.0), (20.0, 4.0)))
    assert [steps.get_value_at_time_of_day(t) for t in (-1.0, 0.0, 9.9, 10.0, 25.0)] == [1.0, 1.0, 1.0, 2.0, 4.0]
    joined = DayCurve(steps.points, joined=True)
    assert [joined.get_value_at_time_of_day(t) for t in (-1.0, 5.0, 15.0, 25.0)] == pytest.approx([1.0, 1.5, 3.0, 4.0])


@pytest.mark.parametrize("shape", ["lognormal", "gamma"])
def test_talk_times_have_the_given_mean_and_variation(shape: str) -> None:
    distribution, random = (
        TalkDistribution(DayCurve.create_constant_curve(90.0), cv=0.8, shape=shape),
        Random(1),
    )
    drawn = [distribution.pick_random_talk_seconds(0.0, random) for _ in range(40_000)]
    assert fmean(drawn) == pytest.approx(90.0, rel=0.02)
    assert pstdev(drawn) / fmean(drawn) == pytest.approx(0.8, rel=0.05)


def test_bimodal_talk_times_have_two_peaks_and_the_given_mean() -> None:
    distribution, random = (
        TalkDistribution(DayCurve.create_constant_curve(90.0), cv=0.4, shape="bimodal"),
        Random(1),
    )
    drawn = [distribution.pick_random_talk_seconds(0.0, random) for _ in range(20_000)]
    assert fmean(drawn) == pytest.approx(90.0, rel=0.02)
    between = sum(60.0 < talk < 75.0 for talk in drawn)
    assert between < sum(20.0 < talk < 35.0 for talk in drawn) / 3
    assert between < sum(130.0 < talk < 145.0 for talk in drawn)


def test_default_ring_times_have_the_mean_and_answer_share_of_the_docs() -> None:
    distribution, random = GammaRingTimes(), Random(2)
    answers = [distribution.pick_random_ring_time(True, random) for _ in range(20_000)]
    assert all(answered and 0.0 < seconds < 30.0 for answered, seconds, _ in answers)
    assert fmean(seconds for _, seconds, _ in answers) == pytest.approx(11.0, abs=0.15)
    others = [distribution.pick_random_ring_time(False, random) for _ in range(20_000)]
    assert fmean(seconds for _, seconds, _ in others) == pytest.approx(20.4, abs=0.2)
    rang_out = [seconds for answered, seconds, set_up in others if not answered and set_up is not None]
    assert len(rang_out) / 20_000 == pytest.approx(0.616, abs=0.01)
    assert set(rang_out) == {30.0}


def test_simulated_signals_that_a_call_is_closing_are_sometimes_missing_or_false() -> None:
    distribution, random = StageSignals(), Random(4)
    pressed = [distribution.pick_random_time_of_closing_signal(100.0, random) for _ in range(10_000)]
    assert sum(at is None for at in pressed) / 10_000 == pytest.approx(0.2, abs=0.02)
    times = [at for at in pressed if at is not None]
    assert all(0.0 <= at <= 100.0 for at in times)
    assert sum(at > 60.0 for at in times) / len(times) > 0.85
    assert any(at < 40.0 for at in times)
    filled = [distribution.pick_random_time_of_form_signal(10.0, random) for _ in range(1000)]
    assert {at is None for at in filled} == {True, False}
    assert all(4.0 <= at <= 8.0 for at in filled if at is not None)


def test_simulated_answer_rate_changes_with_each_list() -> None:
    curve = SwappedLists(1200.0, 0.1, 0.5).pick_random_answer_rates_of_day(8.0, Random(5))
    assert len(curve.points) == 24
    assert all(0.1 <= rate <= 0.5 for _, rate in curve.points)
    assert curve.get_value_at_time_of_day(1199.0) != curve.get_value_at_time_of_day(1201.0)


def test_centre_model_gives_the_same_day_for_the_same_seed() -> None:
    first = simulate_day(SMALL, lambda: CallsPerIdleSeat(2.0), 7)
    assert simulate_day(SMALL, lambda: CallsPerIdleSeat(2.0), 7) == first
    assert simulate_day(SMALL, lambda: CallsPerIdleSeat(2.0), 8) != first


def test_simulated_seat_times_and_call_outcomes_sum_to_their_totals() -> None:
    pacer = RecordingPacer()
    day = simulate_day(SMALL, lambda: pacer, 1)
    last = day.moments[-1]
    assert last.free_seat_seconds + last.busy_seat_seconds == pytest.approx(10 * 1800.0)
    assert day.utilisation == pytest.approx(last.busy_seat_seconds / 18_000.0)
    assert day.idle_seconds_per_call == pytest.approx(last.free_seat_seconds / day.connected)
    assert day.placed == len(pacer.starts)
    resolved_calls = pacer.count(PacingEventKind.ANSWERED) + pacer.count(PacingEventKind.FAILED)
    assert day.placed - resolved_calls == last.ringing
    assert day.abandoned == pacer.count(PacingEventKind.ABANDONED)
    assert day.answered == day.connected + day.abandoned
    assert pacer.count(PacingEventKind.ANSWERED) - day.answered == last.waiting
    assert pacer.count(PacingEventKind.TALK_ENDED) == day.connected - last.talking
    assert len(day.moments) == 31


def test_simulated_pacing_events_are_in_time_order_and_match_the_pacing_input() -> None:
    pacer = RecordingPacer()
    simulate_day(SMALL, lambda: pacer, 1)
    times = [event.at_seconds for event in pacer.events]
    assert times == sorted(times)
    assert len(pacer.snapshots) > 1000
    for snapshot in pacer.snapshots:
        assert snapshot.free_seats + len(snapshot.busy_seats) == 10
        assert all(seat.elapsed_seconds >= 0.0 for seat in snapshot.busy_seats)
        assert all(0.0 <= call.elapsed_seconds <= 30.0 for call in snapshot.ringing)
        assert all(call.answer_probability is None for call in snapshot.ringing)
        assert not snapshot.waiting_seconds or snapshot.free_seats == 0
        assert all(0.0 <= waited <= 2.0 for waited in snapshot.waiting_seconds)


def test_simulated_answered_call_is_abandoned_exactly_at_the_connect_limit() -> None:
    pacer = RecordingPacer(ratio=8.0)
    day = simulate_day(SMALL, lambda: pacer, 1)
    assert day.abandoned > 0
    for event in pacer.events:
        if event.kind is PacingEventKind.ABANDONED:
            assert event.seconds == pytest.approx(2.0)


def test_simulated_voter_who_hangs_up_while_waiting_is_not_counted_as_abandoned() -> None:
    impatient = replace(SMALL, voter_leaves_per_second=5.0)
    pacer = RecordingPacer(ratio=8.0)
    day = simulate_day(impatient, lambda: pacer, 1)
    assert day.dropped > 0
    assert day.abandoned == pacer.count(PacingEventKind.ABANDONED) < day.dropped
    assert day.answered == day.connected + day.abandoned + day.dropped


def test_simulated_answer_rate_follows_the_scenarios_curve_over_the_day() -> None:
    changing = replace(SMALL, hours=2.0, campaigns=(CampaignModel(DayCurve(((0.0, 0.1), (3600.0, 0.6)))),))
    pacer = RecordingPacer(ratio=1.0)
    simulate_day(changing, lambda: pacer, 1)
    shares = []
    for start in (0.0, 3600.0):
        kinds = Counter(event.kind for event in pacer.events if start <= event.at_seconds < start + 3600.0)
        answered, failed = kinds[PacingEventKind.ANSWERED], kinds[PacingEventKind.FAILED]
        shares.append(answered / (answered + failed))
    assert shares == pytest.approx([0.1, 0.6], abs=0.04)


def test_simulated_signal_that_a_call_is_closing_reaches_the_pacing_policy() -> None:
    pacer = RecordingPacer()
    simulate_day(replace(SMALL, signals=StageSignals()), lambda: pacer, 1)
    seen = {seat.stage for snapshot in pacer.snapshots for seat in snapshot.busy_seats}
    assert seen == set(SeatStage)
    ends = [event for event in pacer.events if event.kind is PacingEventKind.TALK_ENDED]
    closing = [event.closing_seconds for event in ends if event.closing_seconds is not None]
    assert 0.6 < len(closing) / len(ends) < 0.95  # some agents never press it
    assert all(event.closing_seconds is None or event.closing_seconds <= event.seconds for event in ends)


def test_simulated_agents_take_breaks_and_become_available_again() -> None:
    pacer = RecordingPacer()
    day = simulate_day(replace(SMALL, hours=2.0, breaks=BreakHabits(chance=0.1)), lambda: pacer, 1)
    assert any(seat.leaving for snapshot in pacer.snapshots for seat in snapshot.busy_seats)
    paused = [snapshot.paused_seats for snapshot in pacer.snapshots]
    assert max(paused) > 0
    assert any(later < earlier for earlier, later in pairwise(paused))
    assert all(s.free_seats + len(s.busy_seats) + s.paused_seats == 10 for s in pacer.snapshots)
    assert day.moments[-1].free_seat_seconds + day.moments[-1].busy_seat_seconds < 10 * 7200.0


def test_simulated_change_of_shift_logs_agents_in_and_out() -> None:
    pacer = RecordingPacer()
    shifts = DayCurve(((0.0, 10), (600.0, 4), (1200.0, 12)))
    simulate_day(replace(SMALL, seats=shifts), lambda: pacer, 1)

    def count_seats(at_seconds: float) -> int:
        last = [snapshot for snapshot in pacer.snapshots if snapshot.now_seconds <= at_seconds][-1]
        return last.free_seats + len(last.busy_seats)

    assert count_seats(590.0) == 10
    assert count_seats(1199.0) == 4
    assert count_seats(1201.0) == 12


def test_simulated_centre_never_exceeds_the_limits_of_channels_and_calls_per_second() -> None:
    pacer = RecordingPacer(ratio=8.0)
    narrow = replace(SMALL, channels=12, calls_per_second=0.5)
    simulate_day(narrow, lambda: pacer, 1)
    for snapshot in pacer.snapshots:
        talking = sum(seat.stage is SeatStage.TALKING for seat in snapshot.busy_seats)
        used = talking + len(snapshot.ringing) + len(snapshot.waiting_seconds)
        assert 0 <= snapshot.free_channels == 12 - used
    assert len(pacer.starts) > 100
    assert all(later - earlier >= 19.0 for earlier, later in zip(pacer.starts, pacer.starts[11:], strict=False))


def test_simulated_policy_decides_again_when_the_call_rate_limit_allows_another_call() -> None:
    pacer = RecordingPacer(ratio=20.0)
    simulate_day(replace(SCENARIOS["27 seats"], hours=0.5, calls_per_second=0.5), lambda: pacer, 1)
    assert len(pacer.starts) == pytest.approx(1_800 / (1 / 0.5 + WIRE_SECONDS), rel=0.02)


def test_simulated_slow_carrier_delays_ringing_more_with_each_call_in_set_up() -> None:
    def compute_mean_set_up(scenario: Scenario) -> float:
        pacer = RecordingPacer(ratio=8.0)
        simulate_day(scenario, lambda: pacer, 1)
        return fmean(
            event.seconds - event.ringing_seconds for event in pacer.events if event.ringing_seconds is not None
        )

    assert compute_mean_set_up(replace(SMALL, slow_after_calls=3)) > 1.5 * compute_mean_set_up(SMALL)


def test_simulated_carrier_answers_every_call_during_a_period_of_false_answers() -> None:
    pacer = RecordingPacer(ratio=1.0)
    simulate_day(replace(SMALL, false_answers=FalseAnswers(600.0, 1200.0)), lambda: pacer, 1)
    inside = [event for event in pacer.events if 630.0 < event.at_seconds < 1200.0]
    assert all(event.kind is not PacingEventKind.FAILED for event in inside)
    assert {round(event.seconds, 6) for event in inside if event.kind is PacingEventKind.ANSWERED} == {0.3}


def test_simulated_ringing_call_is_not_cancelled_before_the_minimum_ring_time() -> None:
    pacer = RecordingPacer(ratio=3.0, cancels=1)
    day = simulate_day(SMALL, lambda: pacer, 1)
    cancelled = [event for event in pacer.events if event.kind is PacingEventKind.CANCELLED]
    assert day.cancelled == len(cancelled) > 0
    assert all(event.seconds in pacer.may_be_cancelled for event in cancelled)
    resolved_calls = pacer.count(PacingEventKind.ANSWERED) + pacer.count(PacingEventKind.FAILED)
    assert day.placed == resolved_calls + len(cancelled) + day.moments[-1].ringing


def test_simulated_campaigns_share_seats_and_see_the_calls_of_all_campaigns() -> None:
    pacers = [RecordingPacer(ratio=1.0), RecordingPacer(ratio=1.0)]
    queue = iter(pacers)
    day = simulate_day(replace(SCENARIOS["two campaigns 27"], hours=0.5), lambda: next(queue), 1)
    assert day.connected == sum(pacer.count(PacingEventKind.ANSWERED) for pacer in pacers)
    assert min(pacer.count(PacingEventKind.ANSWERED) for pacer in pacers) > 20
    assert day.abandoned == 0
    foreign = [c for s in pacers[0].snapshots for c in s.ringing if c.answer_probability is not None]
    assert foreign
    assert all(0.0 < (call.answer_probability or 0.0) < 1.0 for call in foreign)


def test_simulated_pacing_decides_once_for_several_events_within_the_decision_interval() -> None:
    pacer = RecordingPacer()
    simulate_day(replace(SMALL, decision_interval_seconds=0.5), lambda: pacer, 1)
    times = [snapshot.now_seconds for snapshot in pacer.snapshots]
    assert min(later - earlier for earlier, later in pairwise(times)) >= 0.5 - 1e-9


def test_simulated_centre_without_seats_places_no_calls() -> None:
    day = simulate_day(replace(SMALL, seats=DayCurve.create_constant_curve(0)), lambda: CallsPerIdleSeat(3.0), 1)
    assert (day.placed, day.connected, day.utilisation, day.abandoned_share) == (0, 0, 0.0, 0.0)


def test_simulated_abandoned_rate_is_computed_for_each_window_and_the_worst_window() -> None:
    resolved = [(10.0, False), (20.0, True), (70.0, False), (110.0, False), (130.0, True), (139.0, True)]
    assert compute_abandoned_rate_by_window(resolved, 60.0, 180.0) == pytest.approx((0.5, 0.0, 1.0))
    assert compute_worst_abandoned_rate(resolved, 60.0) == pytest.approx(2.0 / 3.0)
    assert compute_worst_abandoned_rate(resolved, 500.0) == 0.0


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (replace(SMALL, hours=0.0), "hours are 0"),
        (replace(SMALL, hours=25.0), "hours are 25"),
        (replace(SMALL, seats=DayCurve.create_constant_curve(-1)), "number of seats is -1"),
        (replace(SMALL, campaigns=()), "at least one campaign"),
        (
            replace(SMALL, campaigns=(CampaignModel(DayCurve.create_constant_curve(1.5)),)),
            "answer rate is 1.5",
        ),
        (replace(SMALL, campaigns=(CampaignModel(SwappedLists(60.0, -0.1, 0.5)),)), "answer rate is -0.1"),
        (replace(SMALL, connect_seconds=-1.0), "connect limit is -1"),
    ],
)
def test_scenario_with_an_impossible_figure_gives_a_one_line_error(bad: Scenario, words: str) -> None:
    with pytest.raises(BadScenario, match=words) as refused:
        simulate_day(bad, lambda: CallsPerIdleSeat(1.0), 1)
    assert "\n" not in str(refused.value)


def test_unknown_scenario_is_rejected_with_a_hint_to_list_scenarios() -> None:
    assert find_scenario("27 seats").name == "27 seats"
    with pytest.raises(BadScenario, match="no scenario 'nowhere'; list them with `dialer simulate --list`"):
        find_scenario("nowhere")


@pytest.mark.parametrize("name", list(SCENARIOS))
def test_every_named_simulation_scenario_connects_calls(name: str) -> None:
    day = simulate_day(SCENARIOS[name], lambda: CallsPerIdleSeat(1.5), 1, hours=0.1)
    assert day.scenario == name
    assert day.connected > 0
