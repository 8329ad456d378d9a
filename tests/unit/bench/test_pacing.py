"""The pacing bench: choice of the baseline, cells of a row, and the results page."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from bench.baselines import FAMILIES
from bench.bench_pacing import STRONGEST, Row, best_baseline, cells, main, markdown, optimum_idle_seconds, pretrained
from bench.pacing_tuning import FIRST_TUNING_SEED, TunedFamily, load_tuned, tuning_days
from bench.pacing_tuning import main as tuning_main
from dialer.centre_model.policies import find_pacing_policy
from dialer.centre_model.scenarios import SCENARIOS
from dialer.centre_model.what_if import WhatIfResult
from dialer.pacing.predictive import PredictivePacer


def _outcome(idle_seconds: float, abandoned: float, worst: float) -> WhatIfResult:
    return WhatIfResult("27 seats", "a", 4, idle_seconds, 0.9, abandoned, worst, 200.0, idle_seconds, 80.0, 0.02)


def _row(abandoned: float, worst: float, run_on: str = "2026-11-28") -> Row:
    ours, other, mornings = _outcome(12.0, abandoned, worst), _outcome(16.0, 0.02, 0.04), _outcome(13.8, 0.015, 0.0)
    lessons = _outcome(13.0, 0.02, 0.0)
    return Row("27 seats", 0.03, ours, other, "a: b 1", 10.0, worst, mornings, lessons, run_on)


def test_best_baseline_policy_has_least_idle_time_within_the_abandoned_rate_cap() -> None:
    tuned = [
        TunedFamily("omnidialer", {"boost": 1.0}, 5.0, 0.2, within_cap=False),
        TunedFamily("calls per idle seat", {"ratio": 3.0}, 17.0, 0.02, within_cap=True),
        TunedFamily("erlang rate", {"gain": 0.5}, 36.0, 0.02, within_cap=True),
    ]
    chosen, words = best_baseline(SCENARIOS["27 seats"], tuned)
    assert chosen.family == "calls per idle seat"
    assert words == "calls per idle seat: ratio 3.0"


@pytest.mark.parametrize(
    ("abandoned", "worst", "held"), [(0.03, 0.032, "yes"), (0.031, 0.03, "no"), (0.03, 0.033, "no")]
)
def test_pacing_benchmark_says_whether_the_worst_hour_meets_the_cap(abandoned: float, worst: float, held: str) -> None:
    shown = cells(_row(abandoned, worst))
    assert shown[7] == held
    assert (shown[11], shown[13]) == ("0.75", "1.20")
    assert shown[14:18] == ("13.8", "1.15", "1.50%", "1.06")


def test_pacing_benchmark_page_has_a_line_for_each_result_and_names_missing_results() -> None:
    page = markdown([_row(0.03, 0.03), _row(0.02, 0.03)], ["5 seats at 1%"])
    assert page.count("\n|27 seats|") == 2
    assert "Not run this time: 5 seats at 1%." in page
    assert "Of 2 rows, ours idles less than the baseline in 2, and held in 2." in page
    widths = {line.count("|") for line in page.splitlines() if line.startswith("|")}
    assert len(widths) == 1


def test_pacing_benchmark_page_has_a_date_column_only_if_results_have_several_dates() -> None:
    same = markdown([_row(0.03, 0.03), _row(0.02, 0.03)])
    assert "Measured 2026-11-28." in same
    assert "run on" not in same
    several = markdown([_row(0.03, 0.03), _row(0.02, 0.03, "2026-11-27")])
    assert "Measured 2026-11-27 and 2026-11-28." in several
    assert "|run on|" in several


@pytest.mark.parametrize("name", ["5 seats", "two campaigns 27"])
def test_pretrained_pacing_policy_starts_with_learned_rates_and_no_counted_answers(name: str) -> None:
    scenario = replace(SCENARIOS[name], hours=0.2)
    policy = pretrained(scenario, find_pacing_policy("predictive", scenario, 0.03))
    pacers = [policy.make() for _ in scenario.campaigns]
    states = [pacer.get_learned_state() for pacer in pacers]
    cold = find_pacing_policy("predictive", scenario, 0.03).make().get_learned_state()
    lessons = {json.dumps(state["knowledge"]) for state in states}
    assert len(lessons) == len(scenario.campaigns)  # each campaign has its own
    for pacer, state in zip(pacers, states, strict=True):
        assert isinstance(pacer, PredictivePacer)
        assert {tally.answers for tally in pacer.governor.tallies} == {0}
        assert state["knowledge"] != cold["knowledge"]


def test_optimal_pacing_is_known_only_for_one_campaign_with_steady_rates() -> None:
    assert optimum_idle_seconds(SCENARIOS["5 seats"], 0.03) == pytest.approx(24.9, abs=0.05)
    for name in ("mixed 27", "breaks 27", "300 seats", "two campaigns 27", "steps 27"):
        assert optimum_idle_seconds(SCENARIOS[name], 0.03) is None


def test_pacing_policies_are_tuned_and_scored_on_different_simulated_days() -> None:
    for scenario in SCENARIOS.values():
        seeds, hours = tuning_days(scenario)
        assert min(seeds) >= FIRST_TUNING_SEED
        assert 0.0 < hours <= scenario.hours
    assert tuning_days(SCENARIOS["mixed 27"])[1] == 8.0
    assert tuning_days(SCENARIOS["300 seats"])[1] == 2.0


def test_file_of_tuned_pacing_settings_names_only_existing_policies_and_settings() -> None:
    tuned = load_tuned()
    assert tuned
    for scenario, caps in tuned.items():
        assert scenario in SCENARIOS
        for entries in caps.values():
            assert set(STRONGEST) <= {entry.family for entry in entries} <= set(FAMILIES)
            for entry in entries:
                assert set(entry.settings) == set(FAMILIES[entry.family].axes)


@pytest.mark.parametrize("run", [main, tuning_main])
def test_unknown_benchmark_scenario_is_rejected_with_a_one_line_error(
    run: object, capsys: pytest.CaptureFixture[str]
) -> None:
    assert callable(run)
    arguments = ["nowhere"] if run is tuning_main else ["--scenario", "nowhere"]
    assert run(arguments) == 2
    assert capsys.readouterr().err.startswith("there is no scenario 'nowhere'")
