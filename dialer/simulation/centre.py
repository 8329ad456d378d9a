"""A call centre in virtual time that any pacing policy can drive: the proving ground of pacing.

    from dialer.simulation.centre import simulate
    from dialer.simulation.scenarios import SCENARIOS

    result = simulate(SCENARIOS["27 seats"], lambda: ProgressivePacer(), seed=1)
    result.idle_seconds_per_call, result.abandoned_share, result.worst_sliding_hour

`simulate(scenario, pacer_factory, seed)` gives a `DayResult` (dialer.simulation.day_result). The factory is called once for
each campaign of the scenario: a policy gets nothing but what the engine would give it. The same scenario, policy and seed
give the same day on every machine; voters, conversations and wrap-ups have generators of their own, so that two policies
on one seed meet the same n-th number and nearly the same luck.

The model drives a pacer as the engine does:
- every event is observed at the moment it happens, in order of time (PLACED, ANSWERED, FAILED, CANCELLED,
  CONNECTED, ABANDONED, DROPPED, TALK_ENDED, WRAP_UP_ENDED, BREAK_STARTED). What rings, and stages of talks, are in snapshots.
- it decides (`excess_calls`, then `calls_to_place`) once all events of one instant are observed, and a second after it last
  did. Events within `Scenario.decision_interval_seconds` (0 up to 50 seats, 0.25 s at 300) are gathered into one decision.
- calls beyond the free channels or the CPS budget are not placed. Call starts are granted by the rule that who dials goes by
  (`dialer.engine.trunks.state.CallStarts`), and too many calls are cancelled in its order (`dialer.pacing.cancelling`).
- campaigns share all seats: each sees every free and busy seat, and the others' calls in `ringing` with an answer
  probability; they take turns in deciding first. A campaign observes the events of its own calls alone.
- a seat that goes on a break or signs off after a call gives BREAK_STARTED in place of WRAP_UP_ENDED; a free seat that signs
  off and a seat that comes simply show in the next snapshot.

A policy with a clock of its own (the baselines) is driven by `Schedule`: no decision on events, only the heartbeat, or the
moments that the policy names when it is `SelfTimed`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from dialer.errors import MatdanError
from dialer.pacing.port import Pacer
from dialer.simulation.centre_model import EVENT_DRIVEN, CentreModel, Schedule
from dialer.simulation.day_result import DayResult, measure
from dialer.simulation.laws import SwappedLists
from dialer.simulation.scenarios import SCENARIOS, Scenario

PacerFactory = Callable[[], Pacer]


class BadScenario(MatdanError):
    """A simulation was asked for that makes no sense. The text names the figure and its limits."""


def simulate(
    scenario: Scenario,
    pacer_factory: PacerFactory,
    seed: int,
    *,
    schedule: Schedule = EVENT_DRIVEN,
    hours: float | None = None,
    progress: Callable[[float], None] | None = None,
) -> DayResult:
    """One day of `scenario` under a policy. `hours` shortens or lengthens it. Raises BadScenario."""
    if hours is not None:
        scenario = replace(scenario, hours=hours)
    check_scenario(scenario)
    pacers = [pacer_factory() for _ in scenario.campaigns]
    return measure(CentreModel(scenario, pacers, seed, schedule, progress).run(), scenario.name, seed)


def scenario_named(name: str) -> Scenario:
    """The scenario of `SCENARIOS` with this name. Raises BadScenario."""
    if name not in SCENARIOS:
        raise BadScenario(f"there is no scenario {name!r}; `dialer simulate --list` names them all")
    return SCENARIOS[name]


def check_scenario(scenario: Scenario) -> None:
    """Raise BadScenario when a figure makes no sense."""
    if not 0.0 < scenario.hours <= 24.0:
        raise BadScenario(f"hours is {scenario.hours:g}; give more than 0 and at most 24")
    for _, seats in scenario.seats.points:
        if not 0 <= seats <= 2000:
            raise BadScenario(f"seats is {seats:g}; give 0 to 2000")
    if not scenario.campaigns:
        raise BadScenario("a scenario needs at least one campaign")
    for campaign in scenario.campaigns:
        rate = campaign.answer_rate
        shares = (
            (rate.lowest, rate.highest) if isinstance(rate, SwappedLists) else tuple(value for _, value in rate.points)
        )
        for answer_rate in shares:
            if not 0.0 <= answer_rate <= 1.0:
                raise BadScenario(f"answer rate is {answer_rate:g}; give a share between 0 and 1")
    if scenario.connect_seconds < 0.0:
        raise BadScenario(f"connect limit is {scenario.connect_seconds:g} s; give 0 or more")
