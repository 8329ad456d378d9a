"""Any policy by its name, ours and the comparison policies. `bench/pacing_tuning.py` tunes these with hindsight."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dialer.domain.enums import PacingPolicy
from dialer.pacing.factory import make_pacer
from dialer.pacing.port import Cap, Pacer
from dialer.simulation.baselines_others import (
    CallsPerIdleSeat,
    ErlangRatePacer,
    IssabelPacer,
    OmniDialerPacer,
)
from dialer.simulation.baselines_vicidial import DialMethod, VicidialPacer, VicidialSettings
from dialer.simulation.centre import BadScenario, PacerFactory, simulate
from dialer.simulation.centre_model import EVENT_DRIVEN, Schedule
from dialer.simulation.day_result import DayResult
from dialer.simulation.scenarios import Scenario

Settings = Mapping[str, Any]  # of figures, names and yes or no


@dataclass(frozen=True, slots=True)
class Family:
    """A rule with settings: how to make it, when to ask it, and the values worth trying for each setting."""

    name: str
    make: Callable[[Settings, Scenario], Pacer]
    schedule: Schedule
    axes: Mapping[str, tuple[Any, ...]]  # the first value of each is the usual one


@dataclass(frozen=True, slots=True)
class NamedPolicy:
    """A policy that can be simulated: a fresh pacer from `make` for each campaign."""

    name: str
    make: PacerFactory
    schedule: Schedule = EVENT_DRIVEN


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
_RATIOS = (3.0, *(round(1.2 * 1.08**step, 2) for step in range(26)))  # to 8.2, each some 8 % above the last

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
"""Every family that has settings to choose."""


def policy_of(family: Family, settings: Settings, scenario: Scenario, name: str | None = None) -> NamedPolicy:
    """A family with settings, as a policy for this scenario."""
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


def simulate_policy(
    scenario: Scenario,
    policy: NamedPolicy,
    seed: int,
    *,
    hours: float | None = None,
    progress: Callable[[float], None] | None = None,
) -> DayResult:
    """One day of a scenario under a policy, asked as its own clock wants."""
    return simulate(scenario, policy.make, seed, schedule=policy.schedule, hours=hours, progress=progress)


# Ours

HOUR_SECONDS = 3600.0
DAY_SECONDS = 86_400.0
HARD_STOP_ABOVE = 0.002
"""How far above its target the hard stop of a simulated profile lies: every sliding hour is to hold within 0.2 points."""

OWN_NAMES = (PacingPolicy.PREDICTIVE.value, PacingPolicy.PROGRESSIVE.value)
POLICY_NAMES = (*OWN_NAMES, *_NAMED)
"""Every name that `policy_named` takes."""


def caps_for(share: float) -> tuple[Cap, Cap]:
    """The caps of a profile that allows this abandoned share in each sliding hour and over the day."""
    hard_stop = share + HARD_STOP_ABOVE
    return Cap(HOUR_SECONDS, share, hard_stop), Cap(DAY_SECONDS, share, hard_stop)


def policy_named(name: str, scenario: Scenario, cap: float | Sequence[Cap]) -> NamedPolicy:
    """A policy for this scenario; ours hold `cap`, a share in each hour and the day, or the caps of a site. Raises BadScenario with
    the names there are.

    Ours get nothing but the caps and the connect limit: what the centre is like they must learn.
    """
    if name in OWN_NAMES:
        caps = caps_for(cap) if isinstance(cap, float) else cap
        return NamedPolicy(
            name, lambda: make_pacer(PacingPolicy(name), caps=caps, connect_seconds=scenario.connect_seconds)
        )
    if name in _NAMED:
        family, settings = _NAMED[name]
        return policy_of(FAMILIES[family], settings, scenario, name)
    raise BadScenario(f"there is no policy {name!r}; use one of: {'; '.join(POLICY_NAMES)}")
