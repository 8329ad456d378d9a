"""The named scenarios on which pacing policies are measured. Derive further scenarios with `dataclasses.replace`."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from dialer.centre_model.distributions import (
    BreakHabits,
    DayCurve,
    StageSignals,
    SwappedLists,
    TalkDistribution,
)
from dialer.centre_model.scenario import BadScenario, CampaignModel, FalseAnswers, Scenario


def _make_scenario_of_size(name: str, size: int, answer_rate: float = 0.30, /, **changes: Any) -> Scenario:
    campaign = CampaignModel(DayCurve.create_constant_curve(answer_rate))
    interval = 0.0 if size <= 50 else (0.1 if size <= 150 else 0.25)
    scenario = Scenario(name, DayCurve.create_constant_curve(size), (campaign,), decision_interval_seconds=interval)
    return replace(scenario, **changes)


def _make_campaign_with_rates(
    course: DayCurve | SwappedLists, talk: TalkDistribution | None = None
) -> tuple[CampaignModel, ...]:
    return (CampaignModel(course, talk or TalkDistribution(DayCurve.create_constant_curve(90.0))),)


_STEPS = DayCurve(((0.0, 0.30), (5400.0, 0.18), (10800.0, 0.42), (16200.0, 0.15), (21600.0, 0.35), (25200.0, 0.22)))
_FLIPS = DayCurve(tuple((600.0 * n, 0.40 if n % 2 else 0.20) for n in range(48)))
_DRIFT = DayCurve(((0.0, 0.15), (7200.0, 0.45), (14400.0, 0.20), (21600.0, 0.40), (28800.0, 0.15)), joined=True)
_BY_HOUR = DayCurve(
    tuple((3600.0 * n, rate) for n, rate in enumerate((0.16, 0.20, 0.26, 0.33, 0.28, 0.22, 0.30, 0.41)))
)
_TALK_DRIFT = TalkDistribution(DayCurve(((0.0, 60.0), (9600.0, 130.0), (19200.0, 70.0), (28800.0, 120.0)), joined=True))
_BIMODAL = TalkDistribution(DayCurve.create_constant_curve(90.0), cv=0.4, shape="bimodal")
_SWAPPED = SwappedLists(1200.0, 0.12, 0.48)


def _create_seat_shifts(full: int) -> DayCurve:
    """Return the number of logged-in seats over the day. It varies between half of `full` and `full`."""
    half, two_thirds = full // 2, (2 * full) // 3
    return DayCurve(((0.0, half), (3600.0, full), (12600.0, two_thirds), (16200.0, full), (25200.0, half)))


def _make_scenario_with_shifts_and_breaks(name: str, seats: int) -> Scenario:
    talk = TalkDistribution(_TALK_DRIFT.mean, cv=0.8)
    campaigns, shifts = _make_campaign_with_rates(_SWAPPED, talk), _create_seat_shifts(seats)
    return _make_scenario_of_size(
        name, seats, campaigns=campaigns, breaks=BreakHabits(), seats=shifts, voter_leaves_per_second=0.05
    )


def _make_all_named_scenarios() -> tuple[Scenario, ...]:
    sizes = [_make_scenario_of_size(f"{seats} seats", seats) for seats in (3, 5, 10, 27, 100, 300)]
    rates = [_make_scenario_of_size(f"27 seats, p {p:.2f}", 27, p) for p in (0.15, 0.20, 0.40, 0.50)]
    others = [_make_scenario_of_size(f"{n} seats, p {p:.2f}", n, p) for n in (5, 10, 100) for p in (0.15, 0.50)]
    moving = [
        _make_scenario_of_size("steps 27", 27, campaigns=_make_campaign_with_rates(_STEPS)),
        _make_scenario_of_size("steps 100", 100, campaigns=_make_campaign_with_rates(_STEPS)),
        _make_scenario_of_size("flips 27", 27, campaigns=_make_campaign_with_rates(_FLIPS)),
        _make_scenario_of_size("drift 27", 27, campaigns=_make_campaign_with_rates(_DRIFT)),
        _make_scenario_of_size("by hour 27", 27, campaigns=_make_campaign_with_rates(_BY_HOUR)),
        _make_scenario_of_size("list swapped 27", 27, campaigns=_make_campaign_with_rates(_SWAPPED)),
        _make_scenario_of_size("list swapped 10", 10, campaigns=_make_campaign_with_rates(_SWAPPED)),
        _make_scenario_of_size("shifts 27", 27, seats=_create_seat_shifts(27)),
        _make_scenario_of_size("shifts 100", 100, seats=_create_seat_shifts(100)),
        _make_scenario_of_size(
            "talk drifts 27",
            27,
            campaigns=_make_campaign_with_rates(DayCurve.create_constant_curve(0.30), _TALK_DRIFT),
        ),
        _make_scenario_of_size("breaks 27", 27, breaks=BreakHabits()),
        _make_scenario_of_size(
            "bimodal 27",
            27,
            campaigns=_make_campaign_with_rates(DayCurve.create_constant_curve(0.30), _BIMODAL),
        ),
        _make_scenario_of_size(
            "gamma 27",
            27,
            campaigns=_make_campaign_with_rates(
                DayCurve.create_constant_curve(0.30),
                TalkDistribution(DayCurve.create_constant_curve(90.0), shape="gamma"),
            ),
        ),
        _make_scenario_of_size("stages known 27", 27, signals=StageSignals()),
        _make_scenario_with_shifts_and_breaks("mixed 27", 27),
        _make_scenario_with_shifts_and_breaks("mixed 100", 100),
    ]
    lines = [
        _make_scenario_of_size("trunk full 27", 27, channels=60),
        _make_scenario_of_size("cps limit 27", 27, calls_per_second=0.75),
        _make_scenario_of_size("slow carrier 27", 27, slow_after_calls=6),
        _make_scenario_of_size("false answers 27", 27, false_answers=FalseAnswers(10800.0, 11400.0)),
        _make_scenario_of_size("waiting voters leave 27", 27, voter_leaves_per_second=0.1),
        _make_scenario_of_size(
            "two campaigns 27",
            27,
            campaigns=_make_campaign_with_rates(DayCurve.create_constant_curve(0.20))
            + _make_campaign_with_rates(DayCurve.create_constant_curve(0.40)),
        ),
    ]
    return (*sizes, *rates, *others, *moving, *lines)


SCENARIOS: dict[str, Scenario] = {scenario.name: scenario for scenario in _make_all_named_scenarios()}
"""Every scenario by name. The answer rate is 30 % unless the name gives another as `p`."""


def find_scenario(name: str) -> Scenario:
    """Return the scenario with this name. Raises BadScenario for an unknown name."""
    if name not in SCENARIOS:
        raise BadScenario(f"there is no scenario {name!r}; list them with `dialer simulate --list`")
    return SCENARIOS[name]
