"""The search for the baselines' best settings, with hindsight."""

from __future__ import annotations

from bench.baselines import FAMILIES, policy_of
from bench.pacing_tuning import Kept, Tuner, best_of
from dialer.simulation.centre_model.policies import simulate_policy
from dialer.simulation.centre_model.scenarios import SCENARIOS


def test_tuning_takes_the_least_idle_within_the_cap() -> None:
    scenario, family = SCENARIOS["10 seats"], FAMILIES["calls per idle seat"]
    found = Tuner(scenario, family, (1,), 0.5).best(0.03)
    assert found.kept_cap
    for ratio in family.axes["ratio"]:
        day = simulate_policy(scenario, policy_of(family, {"ratio": ratio}, scenario), 1, hours=0.5)
        assert day.abandoned_share > 0.03 or day.idle_seconds_per_call >= found.idle_seconds_per_call


def test_where_no_setting_keeps_the_cap_the_fewest_abandoned_win() -> None:
    scenario = SCENARIOS["3 seats"]
    found = Tuner(scenario, FAMILIES["calls per idle seat"], (1,), 0.25).best(-1.0)
    assert not found.kept_cap
    assert found.settings["ratio"] == 1.2


def test_the_best_of_several_families_is_the_least_idle_that_kept_the_cap() -> None:
    over = Kept("omnidialer", {}, 5.0, 0.20, kept_cap=False)
    slow, quick = (Kept("erlang rate", {}, idle, share, kept_cap=True) for idle, share in ((30.0, 0.01), (20.0, 0.02)))
    assert best_of([over, slow, quick]) is quick
    assert best_of([over, Kept("omnidialer", {}, 9.0, 0.10, kept_cap=False)]).abandoned_share == 0.10


def test_a_tuner_serves_another_cap_from_what_it_knows() -> None:
    tuner = Tuner(SCENARIOS["10 seats"], FAMILIES["calls per idle seat"], seeds=(1,), hours=0.5)
    loose, tight = tuner.best(0.05), tuner.best(0.01)
    assert loose.idle_seconds_per_call < tight.idle_seconds_per_call
    assert tight.abandoned_share <= 0.01
