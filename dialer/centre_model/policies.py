"""The pacing policies that can be simulated by name, configured as in the engine."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from dialer.centre_model.day_result import DayResult
from dialer.centre_model.policy_names import POLICY_NAMES
from dialer.centre_model.run import PacerFactory, simulate_day
from dialer.centre_model.scenario import BadScenario, Scenario
from dialer.centre_model.schedule import EVENT_DRIVEN, Schedule
from dialer.domain.enums import PacingPolicy
from dialer.pacing.factory import make_pacer
from dialer.pacing.port import Cap

HOUR_SECONDS = 3600.0
DAY_SECONDS = 86_400.0
HARD_STOP_ABOVE = 0.002
"""How far the hard stop is above the cap in a simulated profile (0-1)."""


@dataclass(frozen=True, slots=True)
class NamedPolicy:
    """A pacing policy that can be simulated by its name. `make` returns a new pacer for each campaign."""

    name: str
    make: PacerFactory
    schedule: Schedule = EVENT_DRIVEN


def simulate_day_under_policy(
    scenario: Scenario,
    policy: NamedPolicy,
    seed: int,
    *,
    hours: float | None = None,
    progress: Callable[[float], None] | None = None,
) -> DayResult:
    """Simulate one day of a scenario under a pacing policy. `policy.schedule` says when the policy makes decisions."""
    return simulate_day(scenario, policy.make, seed, schedule=policy.schedule, hours=hours, progress=progress)


def make_abandoned_rate_caps(share: float) -> tuple[Cap, Cap]:
    """Return limits (caps) of the abandoned-call rate: at most `share` (0-1) in any hour, and over the whole day."""
    hard_stop = share + HARD_STOP_ABOVE
    return Cap(HOUR_SECONDS, share, hard_stop), Cap(DAY_SECONDS, share, hard_stop)


def find_pacing_policy(name: str, scenario: Scenario, cap: float | Sequence[Cap]) -> NamedPolicy:
    """Return the pacing policy with this name, configured for the scenario. Raises BadScenario for an unknown name.

    `cap` is the limit on the abandoned-call rate (0-1), or the limits of a site for several time windows.
    """
    if name not in POLICY_NAMES:
        raise BadScenario(f"there is no pacing policy {name!r}; use one of: {', '.join(POLICY_NAMES)}")
    caps = make_abandoned_rate_caps(cap) if isinstance(cap, float) else cap
    return NamedPolicy(
        name, lambda: make_pacer(PacingPolicy(name), caps=caps, connect_seconds=scenario.connect_seconds)
    )
