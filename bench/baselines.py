"""Re-implemented pacing policies of other diallers, by family and by name.

A family is a rule with settings. `bench/pacing_tuning.py` finds the best settings of each family with hindsight.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from bench.baseline_pacers import CallsPerIdleSeat, ErlangRatePacer, IssabelPacer, OmniDialerPacer
from bench.vicidial_pacer import DialMethod, VicidialPacer, VicidialSettings
from dialer.centre_model.policies import NamedPolicy
from dialer.centre_model.scenario import BadScenario, Scenario
from dialer.centre_model.schedule import EVENT_DRIVEN, Schedule
from dialer.pacing.port import Pacer

Settings = Mapping[str, Any]  # numbers, names and booleans


@dataclass(frozen=True, slots=True)
class Family:
    """A rule with settings: its pacer, its schedule, and the values to try for each setting."""

    name: str
    make: Callable[[Settings, Scenario], Pacer]
    schedule: Schedule
    axes: Mapping[str, tuple[Any, ...]]  # the first value of each is the default


def _vicidial(settings: Settings, scenario: Scenario) -> Pacer:
    largest = max(seats for _, seats in scenario.seats.points)
    site = {
        "method": DialMethod(settings.get("method", DialMethod.HARD_LIMIT)),
        "first_hour": scenario.first_hour,
        # "tapered" tapers towards the end of the calling day
        "latest_server_time": 100 * min(23, scenario.first_hour + round(scenario.hours)),
        "calls_per_second": max(5.0, largest / 10.0),  # a larger site has more dialler servers
    }
    return VicidialPacer(VicidialSettings(**{**settings, **site}))


_TICK = Schedule(on_events=False, heartbeat_seconds=0.1)
_RATIOS = (3.0, *(round(1.2 * 1.08**step, 2) for step in range(26)))  # up to 8.2, in steps of about 8 %

FAMILIES: dict[str, Family] = {
    family.name: family
    for family in (
        Family(
            "calls per idle seat",
            lambda settings, _: CallsPerIdleSeat(**settings),
            EVENT_DRIVEN,
            {"ratio": _RATIOS},
        ),
        Family(
            "vicidial ratio",
            lambda settings, scenario: _vicidial({"method": "ratio", **settings}, scenario),
            _TICK,
            {"level": (1.3, 1.1, 1.2, 1.4, 1.5, 1.6, 1.7, 1.8, 2.0)},
        ),
        Family(
            "vicidial ratio, available only",
            lambda settings, scenario: _vicidial({"method": "ratio", "available_only": True, **settings}, scenario),
            _TICK,
            {"level": (3.0, 1.5, 2.0, 2.5, 3.25, 3.5, 3.75, 4.0, 4.5, 5.0, 6.0, 7.0)},
        ),
        Family(
            "vicidial adaptive",
            _vicidial,
            _TICK,
            {
                "method": ("average", "hard-limit", "tapered"),
                "available_only": (True, False),
                "maximum_level": (3.0, 2.0, 4.0, 6.0),
                "dropped_percentage": (3.0, 1.0, 2.0),
                "difference_target": (0.0, -1.0, 1.0),
                "intensity": (0.0, -20.0, 20.0),
            },
        ),
        Family(
            "omnidialer",
            lambda settings, _: OmniDialerPacer(**settings),
            Schedule(on_events=False, heartbeat_seconds=1.0),
            {"boost": (1.0, 0.4, 0.6, 0.8, 1.5), "drop_limit": (0.03, 0.05, 0.15)},
        ),
        Family(
            "issabel",
            lambda settings, _: IssabelPacer(**settings),
            Schedule(on_events=False, heartbeat_seconds=5.0),
            {"overcommit": (True, False), "qos": (0.97, 0.7, 0.85), "forced_extra": (0.0, 1.0, 2.0)},
        ),
        Family(
            "erlang rate",
            lambda settings, scenario: ErlangRatePacer(**settings, connect_seconds=scenario.connect_seconds),
            Schedule(on_events=False, heartbeat_seconds=0.5),
            {"gain": (0.5, 0.1, 1.0), "cap": (0.03, 0.02)},
        ),
    )
}
"""Every family, by name."""


def make_policy(family: Family, settings: Settings, scenario: Scenario, name: str | None = None) -> NamedPolicy:
    """Return the policy of a family with these settings, for this scenario."""
    return NamedPolicy(name or family.name, lambda: family.make(settings, scenario), family.schedule)


_NAMED: dict[str, tuple[str, Settings]] = {
    "3-per-idle-seat": ("calls per idle seat", {"ratio": 3.0}),
    "vicidial-ratio-2": ("vicidial ratio", {"level": 2.0}),
    "vicidial-hard-limit": ("vicidial adaptive", {"method": "hard-limit"}),
    "vicidial-average": ("vicidial adaptive", {"method": "average"}),
    "vicidial-tapered": ("vicidial adaptive", {"method": "tapered"}),
    "vicidial-available-only": ("vicidial adaptive", {"method": "average", "available_only": True}),
    "omnidialer": ("omnidialer", {}),
    "issabel": ("issabel", {}),
    "erlang-rate": ("erlang rate", {}),
}

BASELINE_NAMES = (*_NAMED,)


def baseline_named(name: str, scenario: Scenario) -> NamedPolicy:
    """Return the baseline of that name for this scenario. Raises BadScenario for an unknown name."""
    if name not in _NAMED:
        raise BadScenario(f"there is no baseline {name!r}; use one of: {', '.join(BASELINE_NAMES)}")
    family, settings = _NAMED[name]
    return make_policy(FAMILIES[family], settings, scenario, name)
