"""Any policy by its name, ours and the comparison policies. `bench/pacing_tuning.py` tunes these with hindsight."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from config.words import PacingPolicy
from dialer.pacing.factory import make_pacer
from dialer.pacing.port import Cap, Pacer
from dialer.simulation.baselines_others import (
    CallsPerIdleSeat,
    ErlangRatePacer,
    IssabelPacer,
    IssabelSettings,
    OmniDialerPacer,
    OmniDialerSettings,
)
from dialer.simulation.baselines_vicidial import DialMethod, VicidialPacer, VicidialSettings
from dialer.simulation.centre import BadScenario, PacerFactory, simulate
from dialer.simulation.centre_model import EVENT_DRIVEN, Schedule
from dialer.simulation.day_result import DayResult
from dialer.simulation.scenarios import Scenario

Settings = Mapping[str, float | str | bool]


@dataclass(frozen=True, slots=True)
class Family:
    """A rule with settings: how to make it, when to ask it, and the values worth trying for each setting."""

    name: str
    make: Callable[[Settings, Scenario], Pacer]
    schedule: Schedule
    axes: Mapping[str, tuple[float | str | bool, ...]]  # the first value of each is the usual one


@dataclass(frozen=True, slots=True)
class NamedPolicy:
    """A policy that can be simulated: a fresh pacer from `make` for each campaign."""

    name: str
    make: PacerFactory
    schedule: Schedule = EVENT_DRIVEN


def _vicidial(settings: Settings, scenario: Scenario) -> Pacer:
    largest = max(seats for _, seats in scenario.seats.points)
    ends = min(23, scenario.first_hour + round(scenario.hours))
    return VicidialPacer(
        VicidialSettings(
            method=DialMethod(str(settings.get("method", "hard-limit"))),
            level=float(settings.get("level", 1.0)),
            available_only=bool(settings.get("available_only", False)),
            dropped_percentage=float(settings.get("dropped_percentage", 3.0)),
            maximum_level=float(settings.get("maximum_level", 3.0)),
            intensity=float(settings.get("intensity", 0.0)),
            difference_target=float(settings.get("difference_target", 0.0)),
            first_hour=scenario.first_hour,
            latest_server_time=100 * ends,  # "tapered" tapers towards the end of the calling day
            calls_per_second=max(5.0, largest / 10.0),  # a larger site has more dialler servers
        )
    )


def _omni(settings: Settings, _: Scenario) -> Pacer:
    return OmniDialerPacer(
        OmniDialerSettings(boost=float(settings.get("boost", 1.0)), drop_limit=float(settings.get("drop_limit", 0.03)))
    )


def _issabel(settings: Settings, _: Scenario) -> Pacer:
    return IssabelPacer(
        IssabelSettings(
            qos=float(settings.get("qos", 0.97)),
            overcommit=bool(settings.get("overcommit", False)),
            forced_extra=int(settings.get("forced_extra", 0)),
        )
    )


def _erlang(settings: Settings, scenario: Scenario) -> Pacer:
    cap, gain = float(settings.get("cap", 0.03)), float(settings.get("gain", 0.5))
    return ErlangRatePacer(cap=cap, gain=gain, connect_seconds=scenario.connect_seconds)


_EVENTS = Schedule(counts_only=True)
_TICK = Schedule(on_events=False, heartbeat_seconds=0.1, counts_only=True)
_RATIOS = (3.0, *(round(1.2 * 1.08**step, 2) for step in range(26)))  # to 8.2, each some 8 % above the last

FAMILIES: dict[str, Family] = {
    family.name: family
    for family in (
        Family(
            "calls per idle seat",
            lambda settings, _: CallsPerIdleSeat(float(settings.get("ratio", 3.0))),
            _EVENTS,
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
            _omni,
            Schedule(on_events=False, heartbeat_seconds=1.0, counts_only=True),
            {"boost": (1.0, 0.4, 0.6, 0.8, 1.5), "drop_limit": (0.03, 0.05, 0.15)},
        ),
        Family(
            "issabel",
            _issabel,
            Schedule(on_events=False, heartbeat_seconds=5.0, counts_only=True),
            {"overcommit": (True, False), "qos": (0.97, 0.7, 0.85), "forced_extra": (0.0, 1.0, 2.0)},
        ),
        Family(
            "erlang rate",
            _erlang,
            Schedule(on_events=False, heartbeat_seconds=0.5, counts_only=True),
            {"gain": (0.5, 0.1, 1.0), "cap": (0.03, 0.02)},
        ),
    )
}
"""Every family that has settings to choose."""


def policy_of(family: Family, settings: Settings, scenario: Scenario, name: str | None = None) -> NamedPolicy:
    """A family with settings, as a policy for this scenario."""
    return NamedPolicy(name or family.name, lambda: family.make(settings, scenario), family.schedule)


_NAMED: dict[str, tuple[str, Settings]] = {
    "progressive": ("calls per idle seat", {"ratio": 1.0}),
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

BASELINE_NAMES = tuple(_NAMED)
"""The baselines at their shipped or usual settings."""


def baseline(name: str, scenario: Scenario) -> NamedPolicy:
    """A baseline by its name, for this scenario. Raises BadScenario with the names there are."""
    if name not in _NAMED:
        raise BadScenario(f"there is no baseline {name!r}; use one of: {'; '.join(BASELINE_NAMES)}")
    family, settings = _NAMED[name]
    return policy_of(FAMILIES[family], settings, scenario, name)


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
POLICY_NAMES = (*OWN_NAMES, *(name for name in BASELINE_NAMES if name not in OWN_NAMES))
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
    if name in BASELINE_NAMES:
        return baseline(name, scenario)
    raise BadScenario(f"there is no policy {name!r}; use one of: {'; '.join(POLICY_NAMES)}")
