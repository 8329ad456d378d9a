"""Simulate one day of a call centre under a pacing policy.

    from dialer.pacing.factory import ProgressivePacer
    from dialer.simulation.centre_model.run import simulate_day
    from dialer.simulation.centre_model.scenarios import SCENARIOS

    result = simulate_day(SCENARIOS["27 seats"], ProgressivePacer, seed=1)
    result.idle_seconds_per_call, result.abandoned_share, result.worst_sliding_hour

The same scenario, policy and seed give the same day on every machine. Numbers, conversations and wrap-ups have random
generators of their own, so that two policies with the same seed call the same numbers in the same order.

The model drives a pacer as the engine does:

- The pacer observes every event at the moment it happens, in time order (ANSWERED, FAILED, CANCELLED,
  CONNECTED, ABANDONED, DROPPED, TALK_ENDED, WRAP_UP_ENDED, BREAK_STARTED). Ringing calls and talk stages are in the
  snapshots.
- The pacer decides (`count_ringing_calls_to_hang_up`, then `count_calls_to_place`) after all events of one instant,
  and at least once a second. Events within `Scenario.decision_interval_seconds` lead to a single decision.
- Calls beyond the free channels or the CPS budget are not placed. Call starts are granted by the engine's own rule
  (`dialer.engine.trunks.state.CallStarts`), and excess calls are cancelled in its order (`dialer.pacing.cancelling`).
- Campaigns share all seats. Each sees every available and busy seat, and the other campaigns' calls in `ringing` with
  an answer probability. They take turns in deciding first. A campaign observes the events of its own calls only.
- A seat that takes a break or logs out after a call causes BREAK_STARTED instead of WRAP_UP_ENDED. An available seat
  that logs out, and a seat that logs in, appear in the next snapshot.

A policy with a clock of its own has a `Schedule` without decisions on events: it decides at each heartbeat, or at the
times that it names itself (`SelfTimedPacer`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from dialer.pacing.port import Pacer
from dialer.simulation.centre_model.day_result import DayResult, compute_day_result
from dialer.simulation.centre_model.model import CentreModel
from dialer.simulation.centre_model.scenario import Scenario, refuse_invalid_scenario
from dialer.simulation.centre_model.schedule import EVENT_DRIVEN, Schedule

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
    """Simulate one day of `scenario`, with a new pacer from `pacer_factory` for each campaign.

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
