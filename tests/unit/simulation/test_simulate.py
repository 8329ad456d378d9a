"""`dialer simulate`: policies by name, what-if comparisons, replays of recorded days, and plots."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace
from math import sqrt
from pathlib import Path
from random import Random
from statistics import fmean
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from dialer.centre_model import plots
from dialer.centre_model.distributions import DayCurve, GammaRingTimes
from dialer.centre_model.plots import PolicyPoint, plot_pacing_policies, plot_simulated_day
from dialer.centre_model.policies import (
    find_pacing_policy,
    make_abandoned_rate_caps,
    simulate_day_under_policy,
)
from dialer.centre_model.policy_names import POLICY_NAMES
from dialer.centre_model.scenario import BadScenario
from dialer.centre_model.scenarios import SCENARIOS
from dialer.centre_model.what_if import (
    DAYS_DIFFER,
    MOST_DAYS,
    SURE_WITHIN,
    Site,
    apply_what_if_change_to_site,
    compare_days_after_site_changes,
    compute_half_width_of_confidence_interval,
)
from dialer.cli.simulate import list_abandoned_rate_caps_of_site, parse_percentage_option, simulate_calling_day
from dialer.domain.enums import Reserve
from dialer.errors import MatdanError
from dialer.reports import picture_file
from dialer.reports.picture_file import CannotPlot
from dialer.settings.site import load_settings
from dialer.simulation.replay.recorded_day import (
    AttemptRecord,
    RecordedDay,
    build_scenario_of_recorded_day,
    compute_figures_of_recorded_day,
)
from dialer.simulation.replay.store_day import parse_simulated_day

SITE = Site(seats=5, answer_rate=0.3, hours=0.25)

cli = typer.Typer()
cli.command()(simulate_calling_day)


def _run_simulate(*arguments: str) -> str:
    result = CliRunner().invoke(cli, list(arguments))
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0
    return result.stdout


# Policies


@pytest.mark.parametrize("name", POLICY_NAMES)
def test_each_simulation_of_a_pacing_policy_starts_without_learned_state(name: str) -> None:
    policy = find_pacing_policy(name, SCENARIOS["5 seats"], 0.03)
    assert policy.name == name
    assert policy.make() is not policy.make()


def test_simulation_limits_the_abandoned_rate_per_hour_and_per_day() -> None:
    hour, day = make_abandoned_rate_caps(0.03)
    assert (hour.window_seconds, day.window_seconds) == (3600.0, 86_400.0)
    assert hour.target == day.target == 0.03
    assert hour.hard_stop == pytest.approx(0.032)


# What-if


def test_what_if_change_sets_or_increases_a_figure_of_the_site() -> None:
    assert apply_what_if_change_to_site(SITE, "seats=+5").seats == 10
    assert apply_what_if_change_to_site(SITE, "seats=9").seats == 9
    assert apply_what_if_change_to_site(SITE, "cap=2%").cap == pytest.approx(0.02)
    assert apply_what_if_change_to_site(SITE, "answer-rate=-0.05").answer_rate == pytest.approx(0.25)
    both = apply_what_if_change_to_site(SITE, "talk=-10, wrap-up=12.5")
    assert (both.talk_seconds, both.wrap_up_seconds) == (80.0, 12.5)


@pytest.mark.parametrize("change", ["", "seats", "seats=five", "chairs=2", "seats=+5;cap=2%"])
def test_invalid_what_if_change_is_rejected_with_an_example(change: str) -> None:
    with pytest.raises(BadScenario, match="write it as seats="):
        apply_what_if_change_to_site(SITE, change)


@pytest.mark.parametrize(
    ("site", "words"),
    [
        (replace(SITE, seats=0), "number of seats is 0"),
        (replace(SITE, answer_rate=0.0), "answer rate is 0"),
        (replace(SITE, cap=1.0), "cap is 1"),
        (replace(SITE, talk_seconds=0.0), "the mean talk time is 0 s"),
        (replace(SITE, wrap_up_seconds=-1.0), "the mean wrap-up time is -1 s"),
        (replace(SITE, talk_cv=0.0), "variation of talk times is 0"),
    ],
)
def test_what_if_site_with_a_figure_outside_the_limits_is_rejected(site: Site, words: str) -> None:
    with pytest.raises(BadScenario, match=words):
        site.build_scenario_of_day()


def test_what_if_simulation_compares_the_site_with_and_without_changes() -> None:
    shares: list[float] = []
    now, more, better = compare_days_after_site_changes(
        SITE, ["seats=+5", "answer-rate=60%"], policy="progressive", seeds=(1, 2), progress=shares.append
    )
    assert [now.label, more.label, better.label] == ["as now", "seats=+5", "answer-rate=60%"]
    assert more.reached_per_hour > 1.5 * now.reached_per_hour
    assert better.idle_seconds_per_call < now.idle_seconds_per_call
    assert now.days == 2
    assert shares == sorted(shares)
    assert shares[-1] == pytest.approx(1.0)


def test_several_processes_simulate_the_same_days_as_a_single_process() -> None:
    site = replace(SITE, hours=0.1)
    alone = compare_days_after_site_changes(site, ["seats=+5"], policy="progressive", seeds=(1, 2))
    shares: list[float] = []
    spread = compare_days_after_site_changes(
        site, ["seats=+5"], policy="progressive", seeds=(1, 2), progress=shares.append, workers=2
    )
    assert [replace(one, decision_microseconds=None) for one in spread] == [
        replace(one, decision_microseconds=None) for one in alone
    ]
    assert shares == [0.25, 0.5, 0.75, 1.0]


def test_confidence_interval_of_simulated_days_follows_students_t_distribution() -> None:
    assert compute_half_width_of_confidence_interval([0.9]) is None
    assert compute_half_width_of_confidence_interval([0.9] * 8) == 0.0
    parts = [0.88, 0.90, 0.92, 0.89, 0.91, 0.90, 0.93, 0.87]
    assert compute_half_width_of_confidence_interval(parts) == pytest.approx(
        DAYS_DIFFER * 2.365 * 0.02 / sqrt(8), rel=0.01
    )  # 7 degrees of freedom, standard deviation 0.02


def test_what_if_simulation_adds_days_until_the_utilisation_is_accurate() -> None:
    small, large = replace(SITE, hours=1.0), replace(SITE, seats=300, answer_rate=0.6, hours=1.0)
    shares: list[float] = []
    (unsure,) = compare_days_after_site_changes(small, [], policy="progressive", progress=shares.append)
    (sure,) = compare_days_after_site_changes(large, [], policy="progressive")
    assert (unsure.days, sure.days) == (MOST_DAYS, 1)
    assert (unsure.utilisation_within or 0.0) > SURE_WITHIN >= (sure.utilisation_within or 1.0)
    assert shares == sorted(shares)
    assert 0.5 in shares and shares[-1] == pytest.approx(1.0)
    (asked,) = compare_days_after_site_changes(small, [], policy="progressive", seeds=(1, 2, 3, 4))
    assert replace(asked, decision_microseconds=None) == replace(unsure, decision_microseconds=None)


def test_what_if_change_to_an_invalid_figure_is_rejected_before_the_simulation() -> None:
    shares: list[float] = []
    with pytest.raises(BadScenario, match="number of seats is -1"):
        compare_days_after_site_changes(SITE, ["seats=-6"], progress=shares.append)
    assert shares == []


# Replay


def _make_attempts(count: int = 400) -> list[AttemptRecord]:
    """Return attempts, half of them answered in the first hour and a quarter in the second.

    Talk 60 s, wrap-up 10 s, ring 8 s if answered and 25 s if not.
    """
    made = []
    for n in range(count):
        placed = 18.0 * n
        answered = n % 2 == 0 if placed < 3600.0 else n % 4 == 0
        if not answered:
            made.append(AttemptRecord(placed, placed + 25.0, ringing_seconds=placed + 2.0))
        elif n % 40 == 0:
            made.append(AttemptRecord(placed, placed + 10.0, placed + 2.0, answered_seconds=placed + 8.0))
        else:
            start = placed + 8.5
            made.append(AttemptRecord(placed, start + 60.0, placed + 2.0, placed + 8.0, start, start + 70.0))
    return made


def _make_recorded_day() -> RecordedDay:
    return RecordedDay(_make_attempts(), DayCurve.create_constant_curve(5), hours=2.0)


def test_figures_of_a_recorded_day_are_computed_from_the_recorded_attempts() -> None:
    figures = compute_figures_of_recorded_day(_make_recorded_day())
    reached = sum(attempt.connected_seconds is not None for attempt in _make_attempts())
    lost = sum(n % 40 == 0 for n in range(400))
    assert (figures.placed, figures.connected) == (400, reached)
    assert figures.abandoned_share == pytest.approx(lost / (lost + reached))
    assert figures.idle_seconds_per_call == pytest.approx((5 * 7200.0 - 70.0 * reached) / reached, rel=0.01)
    assert figures.utilisation == pytest.approx(70.0 * reached / 36_000.0, rel=0.01)


def test_recorded_day_with_only_zero_wrap_ups_can_be_simulated() -> None:
    attempts = [
        attempt
        if attempt.wrap_up_ended_seconds is None
        else replace(attempt, wrap_up_ended_seconds=attempt.ended_seconds)
        for attempt in _make_attempts()
    ]
    scenario = build_scenario_of_recorded_day(RecordedDay(attempts, DayCurve.create_constant_curve(5), hours=2.0))
    assert simulate_day_under_policy(scenario, find_pacing_policy("progressive", scenario, 0.03), 1).connected > 100


def test_scenario_of_a_recorded_day_has_the_recorded_rates_and_times() -> None:
    scenario = build_scenario_of_recorded_day(_make_recorded_day())
    rate = scenario.campaigns[0].answer_rate
    assert isinstance(rate, DayCurve)
    assert rate.get_value_at_time_of_day(1800.0) == pytest.approx(0.5, abs=0.06)
    assert rate.get_value_at_time_of_day(5400.0) == pytest.approx(0.25, abs=0.07)
    assert scenario.wrap_up_mean_seconds == pytest.approx(10.0)
    assert scenario.ring.maximum_ring_seconds == 25.0
    day = simulate_day_under_policy(scenario, find_pacing_policy("progressive", scenario, 0.03), 1)
    assert day.connected > 100
    busy_per_call = day.moments[-1].busy_seat_seconds / day.connected
    assert busy_per_call == pytest.approx(70.0, rel=0.05)


@pytest.mark.parametrize(
    ("attempts", "words"),
    [
        (_make_attempts(99), "99 attempts; a replay needs at least 100"),
        ([AttemptRecord(5.0, 1.0), *_make_attempts()], "times out of order"),
        ([AttemptRecord(float(n), n + 20.0) for n in range(200)], "no attempt of the day reached a seat"),
        ([AttemptRecord(float(n), n + 20.0, None, n + 5.0, n + 5.0) for n in range(200)], "every attempt"),
    ],
)
def test_recorded_day_that_cannot_be_replayed_is_rejected_with_the_reason(
    attempts: list[AttemptRecord], words: str
) -> None:
    with pytest.raises(BadScenario, match=words):
        RecordedDay(attempts, DayCurve.create_constant_curve(5), hours=2.0)


def test_cancelled_calls_do_not_bias_a_recorded_days_answer_rate_and_ring_times() -> None:
    """Many calls are cancelled after 15 s of ringing, as a pacer does; the scenario keeps the day's rates and ring-out."""
    cut = [
        replace(attempt, ended_seconds=attempt.placed_seconds + 15.0, cancelled=True)
        if attempt.answered_seconds is None and number % 3
        else attempt
        for number, attempt in enumerate(_make_attempts())
    ]
    day = RecordedDay(cut, DayCurve.create_constant_curve(5), hours=2.0)
    scenario, whole = build_scenario_of_recorded_day(day), build_scenario_of_recorded_day(_make_recorded_day())
    rates = [each.campaigns[0].answer_rate for each in (scenario, whole)]
    for rate, truth in zip(*(rate.points for rate in rates if isinstance(rate, DayCurve)), strict=True):
        assert rate == pytest.approx(truth)
    assert scenario.ring.maximum_ring_seconds == 25.0
    assert compute_figures_of_recorded_day(day).cancelled == sum(attempt.cancelled for attempt in cut) > 50


def test_replayed_answer_rate_is_not_biased_by_which_calls_the_dialler_hung_up() -> None:
    """The dialler hangs up some calls before they ring, most of which nobody would have answered. It hangs up others late
    in their ringing, when some have been answered.
    """
    random, attempts = Random(1), list[AttemptRecord]()
    for number in range(6000):
        answered, seconds, set_up = GammaRingTimes().pick_random_ring_time(random.random() < 0.3, random)
        hung_up = random.uniform(15.0, 30.0) if set_up is not None and set_up < 2.5 else 2.5
        cancelled = random.random() < 0.6 and hung_up < seconds
        began, ended = float(number), number + (hung_up if cancelled else seconds)
        rang = number + set_up if set_up is not None and number + set_up < ended else None
        done = ended if answered and not cancelled else None
        attempts.append(AttemptRecord(began, ended, rang, done, done, None, cancelled))
    day = RecordedDay(attempts, DayCurve.create_constant_curve(5), hours=2.0)
    rates = build_scenario_of_recorded_day(day).campaigns[0].answer_rate
    assert isinstance(rates, DayCurve)
    assert fmean(rate for _, rate in rates.points) == pytest.approx(0.3, abs=0.01)


def test_replayed_answer_rate_varies_over_the_day_only_if_the_recorded_one_did_beyond_chance() -> None:
    def compute_spread(early: float, late: float) -> float:
        random = Random(1)
        attempts = [
            AttemptRecord(float(at), at + 10.0, None, *(((at + 10.0,) * 2) if random.random() < rate else ()))
            for rate, start in ((early, 0), (late, 3600))
            for at in range(start, start + 3600, 10)
        ]
        day = RecordedDay(attempts, DayCurve.create_constant_curve(5), hours=2.0)
        rates = build_scenario_of_recorded_day(day).campaigns[0].answer_rate
        assert isinstance(rates, DayCurve)
        return max(rate for _, rate in rates.points) - min(rate for _, rate in rates.points)

    assert compute_spread(0.3, 0.3) < 0.1
    assert compute_spread(0.1, 0.5) > 0.35


def test_recorded_voter_who_hung_up_while_waiting_is_not_abandoned() -> None:
    left = [replace(attempt, left=True) for attempt in _make_attempts()]
    figures = compute_figures_of_recorded_day(RecordedDay(left, DayCurve.create_constant_curve(5), hours=2.0))
    assert figures.abandoned_share == 0.0
    assert compute_figures_of_recorded_day(_make_recorded_day()).worst_sliding_hour > 0.0


# Plots


@pytest.mark.parametrize(("suffix", "head"), [(".png", b"\x89PNG"), (".svg", b"<?xml")])
def test_simulation_plots_of_the_same_results_have_the_same_bytes(tmp_path: Path, suffix: str, head: bytes) -> None:
    day = simulate_day_under_policy(
        SCENARIOS["5 seats"], find_pacing_policy("ratio", SCENARIOS["5 seats"], 0.03), 1, hours=0.5
    )
    points = [
        PolicyPoint("ours", 0.9, 0.03, highlighted=True),
        PolicyPoint("another", 0.8, 0.2, curve=((0.0, 0.6), (0.2, 0.8))),
    ]
    seen = []
    for name in ("first", "second"):
        policies, course = tmp_path / f"{name}-policies{suffix}", tmp_path / f"{name}-day{suffix}"
        plot_pacing_policies(points, policies, cap=0.03, title="policies")
        plot_simulated_day(day, course, cap=0.03, title="a day")
        assert policies.read_bytes().startswith(head)
        assert course.read_bytes().startswith(head)
        seen.append((policies.read_bytes(), course.read_bytes()))
    assert seen[0] == seen[1]


def test_labels_of_pacing_policies_stay_inside_the_plot_without_overlap(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[Any] = []
    monkeypatch.setattr(plots, "save_picture", lambda figure, _: drawn.append(figure))
    near = [PolicyPoint(f"a policy of number {n}", 0.9 + n / 10_000, 0.35) for n in range(4)]
    plot_pacing_policies(
        [*near, PolicyPoint("ours", 0.5, 0.0, highlighted=True)], tmp_path / "x.png", cap=0.03, title=""
    )
    (axes,) = drawn[0].axes
    frame, names = axes.get_window_extent(), [each.get_window_extent() for each in axes.texts]
    assert all(frame.x0 <= each.x0 and each.x1 <= frame.x1 for each in names)
    assert not any(a.overlaps(b) for a, b in itertools.combinations(names, 2))


@pytest.mark.parametrize(("name", "words"), [("x.gif", "must be a .png or .svg"), ("none/x.png", "does not exist")])
def test_simulation_plot_to_an_invalid_path_is_rejected_with_the_reason(tmp_path: Path, name: str, words: str) -> None:
    with pytest.raises(CannotPlot, match=words):
        plot_pacing_policies([], tmp_path / name, cap=0.03, title="")


def test_simulation_plot_to_a_directory_is_rejected_before_the_simulation(tmp_path: Path) -> None:
    (tmp_path / "taken.png").mkdir()
    with pytest.raises(CannotPlot, match="is a folder"):
        plot_pacing_policies([PolicyPoint("ours", 0.9, 0.03)], tmp_path / "taken.png", cap=0.03, title="")
    with pytest.raises(CannotPlot, match="is a folder"):  # before the simulation, which would take minutes
        _run_simulate("--seeds", "1000", "--seats", "2000", "--plot-day", str(tmp_path / "taken.png"))


def test_missing_matplotlib_is_reported_with_the_install_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(picture_file, "find_spec", lambda _: None)
    with pytest.raises(CannotPlot, match=r"\.venv/bin/pip install -e '\.\[plots\]'"):
        plot_pacing_policies([], tmp_path / "x.png", cap=0.03, title="")


# The command


def test_simulate_command_compares_policies_as_json() -> None:
    text = _run_simulate(
        "--seats", "5", "--hours", "0.2", "--seeds", "1", "--policy", "progressive", "--policy", "ratio", "--json"
    )
    found = json.loads(text)
    assert found["cap"] == 0.03
    assert [line["policy"] for line in found["outcomes"]] == ["progressive", "ratio"]
    assert found["outcomes"][0]["abandoned_share"] == 0.0


def test_simulate_command_prints_a_table_and_writes_plots(tmp_path: Path) -> None:
    picture, day = tmp_path / "policies.svg", tmp_path / "day.png"
    text = _run_simulate(
        "--scenario", "5 seats", "--hours", "0.2", "--seeds", "1", "--policy", "ratio",
        "--plot", str(picture), "--plot-day", str(day),
    )  # fmt: skip
    assert "ratio" in text
    assert picture.stat().st_size > 1000
    assert day.stat().st_size > 1000


def test_simulate_command_compares_what_if_changes() -> None:
    arguments = ("--seats", "5", "--hours", "0.2", "--seeds", "1", "--policy", "progressive")
    text = _run_simulate(*arguments, "--what-if", "seats=+5", "--what-if", "cap=2%")
    assert "as now" in text
    assert "seats=+5" in text
    assert "cap=2%" in text


def test_simulation_uses_the_sites_abandoned_rate_caps_unless_an_option_gives_a_cap(tmp_path: Path) -> None:
    config = tmp_path / "centre.toml"
    config.write_text('[[campaigns]]\nid = "a"\nkind = "agents"\nabandoned_target = 0.004\n', encoding="utf-8")
    caps = list_abandoned_rate_caps_of_site(load_settings(config))
    assert {cap.target for cap in caps} == {0.004}
    assert {cap.reserve for cap in caps} == {Reserve.WINDOW}
    arguments = (
        "--seats",
        "10",
        "--hours",
        "0.3",
        "--seeds",
        "1",
        "--policy",
        "predictive",
        "--json",
        "--what-if",
        "cap=3%",
    )
    found, plain = (
        json.loads(_run_simulate(*arguments, "-c", str(config))),
        json.loads(_run_simulate(*arguments, "-c", str(config), "--cap", "3%")),
    )
    assert (found["cap"], plain["cap"]) == (min(cap.hard_stop for cap in caps), 0.03)
    own, changed_to, now = found["outcomes"][0], found["outcomes"][1], plain["outcomes"][0]
    assert changed_to["utilisation"] == now["utilisation"] > own["utilisation"]
    config.write_text('[[campaigns]]\nid = "a"\nkind = "ivr"\nflow = "turnout"\n', encoding="utf-8")
    with pytest.raises(
        BadScenario,
        match="the settings have no campaign with agents, and so no cap of abandoned calls: give one with --cap",
    ):
        _run_simulate(*arguments, "-c", str(config))


@pytest.mark.parametrize(("hours", "worst"), [("1", "-"), ("1.2", "%")])
def test_worst_hour_is_shown_only_for_simulations_longer_than_an_hour(hours: str, worst: str) -> None:
    text = _run_simulate("--seats", "5", "--hours", hours, "--seeds", "1", "--policy", "progressive")
    (cells,) = (line.split("│") for line in text.splitlines() if "progressive" in line)
    assert cells[5].strip().endswith(worst)
    as_json = _run_simulate("--seats", "5", "--hours", hours, "--seeds", "1", "--policy", "progressive", "--json")
    assert (json.loads(as_json)["outcomes"][0]["worst_sliding_hour"] is None) == (worst == "-")


def test_simulate_command_lists_scenarios() -> None:
    assert _run_simulate("--list").splitlines() == list(SCENARIOS)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--cap", "three"], "--cap: 'three' is not a share: write it as 0.03 or 3%"),
        (["--cap", "3"], "--cap: 3 is not between 0 and 1"),
        (["--answer-rate", "0"], "answer rate is 0"),
        (["--seats", "0"], "number of seats is 0"),
        (["--hours", "0"], "hours are 0"),
        (["--seeds", "0"], "--seeds: the number of seeds must be from 1 to 1000 (is 0)"),
        (["--policy", "magic"], "there is no pacing policy 'magic'; use one of: predictive, progressive, ratio"),
        (["--scenario", "nowhere"], "there is no scenario 'nowhere'"),
        (["--plot", "x.gif"], "must be a .png or .svg"),
        (["--what-if", "more"], "cannot read the change 'more'"),
        (["--what-if", "seats=+1", "--scenario", "5 seats"], "cannot change a --scenario: leave --scenario out"),
        (["--seats", "27", "--scenario", "5 seats"], "leave out --seats, or --scenario itself"),
        (["--scenario", "5 seats", "--talk", "90", "--answer-rate", "5%"], "leave out --answer-rate and --talk"),
        (["--scenario", "5 seats", "--wrap-up", "9"], "leave out --wrap-up"),
        (["--day", "2026-04-22", "--seats", "5", "--talk", "3"], "leave out --seats and --talk, or --day itself"),
        (["--what-if", "seats=+1", "--plot-day", "x.png"], "leave out --what-if"),
        (["--what-if", "seats=+1", "--policy", "ratio", "--policy", "progressive"], "give --policy once"),
    ],
)
def test_invalid_option_of_simulate_is_rejected_with_a_one_line_error(arguments: list[str], words: str) -> None:
    with pytest.raises(MatdanError) as refused:
        _run_simulate(*arguments)
    assert words in str(refused.value)
    assert "\n" not in str(refused.value)


def test_simulate_option_that_is_a_share_may_have_a_percent_sign() -> None:
    assert parse_percentage_option("3%", "cap") == parse_percentage_option(" 0.03 ", "cap") == 0.03


@pytest.mark.parametrize("day", ["9999-12-31", "0001-01-01"])
def test_simulated_day_outside_the_supported_years_is_rejected(day: str) -> None:
    with pytest.raises(BadScenario, match="--day: the year must be from 1970 to 2999"):
        parse_simulated_day(day)
