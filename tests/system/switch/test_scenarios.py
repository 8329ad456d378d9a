"""Every scenario file on the simulated Asterisk, in virtual time. `make test-asterisk` plays the same files on a real one."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from tests.support.scenario import PhoneReaction, Scenario, load_scenario, scenario_files
from tests.support.scenario_run import play
from tests.support.simulated_stage import simulated_stage
from tests.support.virtual import virtual_time

ON_SIMULATED = [path for path in scenario_files() if load_scenario(path).on != "real"]


@pytest.mark.parametrize("path", ON_SIMULATED, ids=lambda path: path.stem)
@virtual_time()
async def test_dialler_meets_the_expectations_of_each_call_scenario_file(path: Path, tmp_path: Path) -> None:
    scenario = load_scenario(path)
    async with simulated_stage(scenario) as stage:
        played = await play(scenario, stage, tmp_path)
    assert not played.faults, f"{path.name}: " + "; ".join(played.faults)


@virtual_time()
async def test_failing_call_scenario_reports_the_expectation_that_was_not_met(tmp_path: Path) -> None:
    """The checks themselves work: a wrong expectation of outcomes, marks, seats or numbers is found."""
    scenario = Scenario.model_validate(
        {
            "about": "nothing of this is so",
            "site": {"seats": 1},
            "voters": [{"does": "busy"}, {"does": "answer", "stays": 3}],
            "expect": {
                "outcomes": {"connected": [2, 3]},
                "marks": {"not-yet": 1},
                "seats": {"01": "lost"},
            },
        }
    )
    async with simulated_stage(scenario) as stage:
        played = await play(scenario, stage, tmp_path)
    assert played.faults == [
        "outcome busy: 1, expected 0",
        "outcome connected: 1, expected 2 to 3",
        "mark not-yet: 0, expected 1",
        "mark voted: 1, expected 0",
        "seat 01 is ready, expected lost",
    ]


def test_call_scenario_files_cover_every_behaviour_of_simulated_voters() -> None:
    scenarios = [load_scenario(path) for path in scenario_files()]
    assert {voters.does for scenario in scenarios for voters in scenario.voters} == set(PhoneReaction)
    assert max(sum(voters.count for voters in scenario.voters) for scenario in scenarios) >= 50


@pytest.mark.parametrize("wrong", [{"does": "sing"}, {"does": "busy", "count": 0}, {"does": "busy", "colour": 1}])
def test_invalid_file_of_a_call_scenario_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Scenario.model_validate({"about": "x", "voters": [wrong], "expect": {"outcomes": {}}})
