"""Settings of the polling day: how it is expected to go, and what counts in the order of calls."""

from __future__ import annotations

from datetime import time
from itertools import pairwise
from typing import Annotated, Self

from pydantic import Field, model_validator

from config.fields import LocalTime, Section

Exponent = Annotated[float, Field(ge=0, le=4)]


class TurnoutPoint(Section):
    """[[polling_day.expected]] - how many will have voted by an hour."""

    at: LocalTime = Field(description="hour of the polling day, local")
    share: float = Field(ge=0, le=1, description="share of all electors who will have voted by then")


class OrderWeights(Section):
    """[polling_day.weights] - what counts in the order of calls: the exponent of each factor; 0 switches it off."""

    not_voted: Exponent = Field(1.0, description="the chance that a voter of the booth has not voted yet")
    deficit: Exponent = Field(1.0, description="how far the booth lies behind the centre")
    time: Exponent = Field(1.0, description="how soon the booth closes")
    voter: Exponent = Field(1.0, description="the weight of the voters on the number, from `dialer weights`")


class WorkerRounds(Section):
    """[polling_day.workers] - how often campaigns with the purpose booth-workers call each worker."""

    every_minutes: float = Field(120.0, ge=5, le=1440, description="from a worker's report to the next call")
    retry_minutes: float = Field(
        15.0,
        ge=1,
        le=1440,
        description="to the next call when a worker was not reached, or hung up before the first serial",
    )
    attempts_per_day: int = Field(
        20, ge=1, le=100, description="attempts a day to a worker's number; the caps of voters' numbers are others"
    )


class PollingDay(Section):
    """[polling_day] - the order of a turnout campaign's calls on the days of [[rules.polls]]."""

    opens: LocalTime = Field(time(7), description="when the polls open")
    last_call_minutes: float = Field(30, ge=0, le=240, description="no call goes out so shortly before a booth closes")
    expected: tuple[TurnoutPoint, ...] = Field(
        (
            TurnoutPoint(at=time(9), share=0.11),
            TurnoutPoint(at=time(11), share=0.25),
            TurnoutPoint(at=time(13), share=0.40),
            TurnoutPoint(at=time(15), share=0.50),
            TurnoutPoint(at=time(17), share=0.60),
            TurnoutPoint(at=time(18), share=0.66),
        ),
        min_length=1,
        description="expected cumulative turnout; the default is a typical day in India",
    )
    weights: OrderWeights = Field(OrderWeights(), description="what counts in the order of calls")
    workers: WorkerRounds = Field(WorkerRounds(), description="how often booth workers are called")

    @model_validator(mode="after")
    def _rises(self) -> Self:
        for before, after in pairwise((TurnoutPoint(at=self.opens, share=0.0), *self.expected)):
            if after.at <= before.at or after.share < before.share:
                raise ValueError(
                    f"expected turnout at {after.at:%H:%M} does not follow {before.at:%H:%M}; hours and shares must rise"
                )
        return self
