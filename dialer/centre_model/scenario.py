"""A scenario: a call centre and its day as plain data, and the limits of its figures."""

from __future__ import annotations

from dataclasses import dataclass, field

from dialer.centre_model.distributions import (
    BreakHabits,
    DayCurve,
    GammaRingTimes,
    RingTimes,
    StageSignals,
    SwappedLists,
    TalkDistribution,
    TalkTimes,
)
from dialer.errors import MatdanError

MOST_SEATS = 2000


class BadScenario(MatdanError):
    """Raised if a simulation cannot run with the given figures. The text names the figure and its limits."""


@dataclass(frozen=True, slots=True)
class CampaignModel:
    """The simulated voters of one campaign: how often they answer, and how long they talk."""

    answer_rate: DayCurve | SwappedLists = field(default_factory=lambda: DayCurve.create_constant_curve(0.30))
    talk: TalkTimes = field(default_factory=lambda: TalkDistribution(DayCurve.create_constant_curve(90.0)))
    weight: float = 1.0  # share of the agents' time, in proportion to the other campaigns' weights


@dataclass(frozen=True, slots=True)
class FalseAnswers:
    """A period of the day in which the carrier answers every call at once and hangs up."""

    from_seconds: float
    to_seconds: float
    answer_seconds: float = 0.3
    talk_seconds: float = 1.0


@dataclass(frozen=True, slots=True)
class Scenario:
    """A call centre and one day of its work, to be simulated."""

    name: str
    seats: DayCurve  # seats logged in; at a step a group logs in or out
    campaigns: tuple[CampaignModel, ...] = (CampaignModel(),)
    hours: float = 8.0
    first_hour: int = 9  # hour of the day at the start
    ring: RingTimes = field(default_factory=GammaRingTimes)
    wrap_up_mean_seconds: float = 15.0
    wrap_up_cv: float = 0.5
    connect_seconds: float = 2.0  # an answered call that waits this long for a seat is abandoned
    voter_leaves_per_second: float = 0.0  # rate at which waiting voters hang up
    signals: StageSignals | None = None  # None: the desk reports no talk stages
    breaks: BreakHabits | None = None
    announced_leave_share: float = 0.7  # of busy seats that log out at the end of a shift
    channels: int = 1_000_000
    calls_per_second: float | None = None  # call starts; None: no limit
    slow_after_calls: int | None = None  # more calls than this in call set-up slow down the carrier
    slow_seconds_per_call: float = 0.5  # extra set-up time for each further call
    false_answers: FalseAnswers | None = None
    minimum_ring_seconds: float = 15.0  # a ringing call is not cancelled sooner
    decision_interval_seconds: float = 0.0  # events within this time lead to one decision; 0: a decision after each

    def count_seats_at_start(self) -> int:
        """Return the number of seats logged in at the start of the day."""
        return round(self.seats.get_value_at_time_of_day(0.0))


def refuse_invalid_scenario(scenario: Scenario) -> None:
    """Raise BadScenario if a figure of the scenario is outside its limits."""
    if not 0.0 < scenario.hours <= 24.0:
        raise BadScenario(f"the scenario's hours are {scenario.hours:g}; give more than 0 and at most 24")
    for _, seats in scenario.seats.points:
        if not 0 <= seats <= MOST_SEATS:
            raise BadScenario(f"the number of seats is {seats:g}; give 0 to {MOST_SEATS}")
    if not scenario.campaigns:
        raise BadScenario("the scenario has no campaign; give at least one campaign")
    for campaign in scenario.campaigns:
        rate = campaign.answer_rate
        rates = (rate.lowest, rate.highest) if isinstance(rate, SwappedLists) else [value for _, value in rate.points]
        for answer_rate in rates:
            if not 0.0 <= answer_rate <= 1.0:
                raise BadScenario(f"the answer rate is {answer_rate:g}; give a share between 0 and 1")
    if scenario.connect_seconds < 0.0:
        raise BadScenario(f"the connect limit is {scenario.connect_seconds:g} s; give 0 or more")
