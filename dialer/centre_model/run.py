"""Simulate one day of a call centre under a pacing policy.

    from dialer.pacing.factory import ProgressivePacer
    from dialer.centre_model.run import simulate_day
    from dialer.centre_model.scenarios import SCENARIOS

    result = simulate_day(SCENARIOS["27 seats"], ProgressivePacer, seed=1)
    result.idle_seconds_per_call, result.abandoned_share, result.worst_sliding_hour

The same scenario, policy and seed give the same day on every machine. Two policies with the same seed call the same
numbers in the same order.

The model drives a pacer as the engine does:

- The pacer receives every event in time order, and sees ringing calls and talk stages in snapshots.
- The pacer decides after the events, and at least once a second. It first cancels ringing calls, then places new ones.
  Events within `Scenario.decision_interval_seconds` lead to a single decision.
- Calls beyond the free channels or the limit of calls per second are not placed. The limits and the order of
  cancellations are the engine's own (`dialer.engine.trunks.state.CallStarts`, `dialer.pacing.cancelling`).
- Campaigns share all seats, and take turns in deciding first. A campaign receives only the events of its own calls. In
  snapshots it also sees the other campaigns' ringing calls, each with an answer probability.
- Breaks, log-ins and log-outs appear in the next snapshot.

For a policy that chooses the times of its own decisions (`SelfTimedPacer`), use `Schedule(on_events=False)`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from dialer.centre_model.day_result import DayResult, compute_day_result
from dialer.centre_model.model import CentreModel
from dialer.centre_model.scenario import Scenario, refuse_invalid_scenario
from dialer.centre_model.schedule import EVENT_DRIVEN, Schedule
from dialer.pacing.port import Pacer

PacerFactory = Callable[[], Pacer]


def simulate_day(
    scenario: Scenario,
    pacer_factory: PacerFactory,
    seed: int,
    *,
    schedule: Schedule = EVENT_DRIVEN,
    hours: float | None = None,
    progress: Callable[[float], None] | None = None,
) -> DayResult:
    """Simulate one day of `scenario`. For each campaign, `pacer_factory` creates a pacing policy (pacer).

    `hours` replaces the length of the scenario's day. `progress` is called with the share of the day that has passed
    (0-1). Raises BadScenario for a scenario with a figure outside its limits.
    """
    if hours is not None:
        scenario = replace(scenario, hours=hours)
    refuse_invalid_scenario(scenario)
    pacers = [pacer_factory() for _ in scenario.campaigns]
    return compute_day_result(
        CentreModel(scenario, pacers, seed, schedule, progress).simulate_whole_day(), scenario.name, seed
    )
