"""The seats, calls and campaigns of a simulated centre."""

from __future__ import annotations

import math
from dataclasses import dataclass
from random import Random

from dialer.centre_model.day_result import CampaignDay
from dialer.centre_model.distributions import DayCurve, SwappedLists
from dialer.centre_model.scenario import CampaignModel
from dialer.pacing.port import PacingEvent, PacingEventKind, SeatStage


@dataclass(slots=True, eq=False)
class SimulatedSeat:
    """A seat of the simulated centre, from the log-in of its agent to the log-out. Each log-in creates a new object."""

    stage: SeatStage | None = None  # None: available, on a break, or logged out
    since: float = 0.0  # when the talk or wrap-up began
    stage_since: float = 0.0
    leaving: bool = False  # has announced a break or logout
    logs_out: bool = False  # logs out after this call
    to_break: bool = False  # takes a break after this call
    campaign: int = 0
    work: int = 0  # number of the current call, so that a stage signal of an earlier call is recognised as stale


@dataclass(slots=True, eq=False)
class SimulatedCall:
    """A call in the simulated centre."""

    campaign: int
    began_seconds: float
    rings_at: float = math.inf  # drawn when the call is placed; pacers see it only once it has passed
    is_unanswered: bool = True
    is_waiting: bool = False
    answered_at: float = 0.0
    false_call: bool = False
    seat: SimulatedSeat | None = None  # reserved for the call until it ends

    def create_event_of_answer_or_failure(self, kind: PacingEventKind, now: float) -> PacingEvent:
        """Return the pacing event for the answer, failure or cancellation of this call at the time `now`.

        `kind` says which of the three happened.
        """
        rang = now - self.rings_at if self.rings_at <= now else None
        return PacingEvent(kind, now, now - self.began_seconds, ringing_seconds=rang)


class SimulatedCampaign:
    """A campaign of the simulated centre: its voters, its unanswered calls, and its random generators."""

    def __init__(self, model: CampaignModel, hours: float, seed: int, index: int) -> None:
        self.model = model
        self.numbers = Random(f"numbers {seed} {index}")
        self.talks = Random(f"talks {seed} {index}")
        self.day = CampaignDay()
        self.unanswered: dict[SimulatedCall, None] = {}
        self.is_at_cap = False
        rate = model.answer_rate
        if isinstance(rate, SwappedLists):
            self.rate: DayCurve = rate.pick_random_answer_rates_of_day(hours, Random(f"lists {seed} {index}"))
        else:
            self.rate = rate
