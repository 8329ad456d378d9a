"""The search for the baselines' best settings, with hindsight."""

from __future__ import annotations

from bench.baselines import FAMILIES, make_policy
from bench.pacing_tuning import TunedFamily, Tuner, choose_best
from dialer.centre_model.policies import simulate_day_under_policy
from dialer.centre_model.scenarios import SCENARIOS


def test_pacing_tuner_minimises_idle_time_within_the_abandoned_rate_cap() -> None:
    scenario, family = SCENARIOS["10 seats"], FAMILIES["calls per idle seat"]
    found = Tuner(scenario, family, (1,), 0.5).find_best(0.03)
    assert found.within_cap
    for ratio in family.axes["ratio"]:
        day = simulate_day_under_policy(scenario, make_policy(family, {"ratio": ratio}, scenario), 1, hours=0.5)
        assert day.abandoned_share > 0.03 or day.idle_seconds_per_call >= found.idle_seconds_per_call


def test_pacing_tuner_chooses_the_fewest_abandoned_calls_if_no_settings_meet_the_cap() -> None:
    scenario = SCENARIOS["3 seats"]
    found = Tuner(scenario, FAMILIES["calls per idle seat"], (1,), 0.25).find_best(-1.0)
    assert not found.within_cap
    assert found.settings["ratio"] == 1.2


def test_best_pacing_policy_has_least_idle_time_within_the_abandoned_rate_cap() -> None:
    over = TunedFamily("omnidialer", {}, 5.0, 0.20, within_cap=False)
    slow, quick = (
        TunedFamily("erlang rate", {}, idle, share, within_cap=True) for idle, share in ((30.0, 0.01), (20.0, 0.02))
    )
    assert choose_best([over, slow, quick]) is quick
    assert choose_best([over, TunedFamily("omnidialer", {}, 9.0, 0.10, within_cap=False)]).abandoned_share == 0.10


def test_pacing_tuner_reuses_its_simulated_days_for_another_abandoned_rate_cap() -> None:
    tuner = Tuner(SCENARIOS["10 seats"], FAMILIES["calls per idle seat"], seeds=(1,), hours=0.5)
    loose, tight = tuner.find_best(0.05), tuner.find_best(0.01)
    assert loose.idle_seconds_per_call < tight.idle_seconds_per_call
    assert tight.abandoned_share <= 0.01
