"""[polling_day]: the expected turnout, the order of calls, and rounds of calls to booth workers."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import time
from itertools import pairwise
from typing import Annotated, ClassVar

from pydantic import Field

from dialer.settings.fields import Applied, LocalTime, Section, Share

Exponent = Annotated[float, Field(ge=0, le=4)]


class ExpectedTurnout(Section):
    """[[polling_day.expected_turnout]] - a point of the expected turnout curve."""

    at: LocalTime = Field(description="time on the polling day, local")
    voted: Share = Field(description="share of all electors who have voted by then (0-1)")


class PriorityExponents(Section):
    """[polling_day.priority] - how strongly each factor affects the order of calls, as an exponent (0 = no effect)."""

    not_voted: Exponent = Field(1.0, description="factor: probability that a voter of the booth has not voted yet")
    deficit: Exponent = Field(1.0, description="factor: how far the booth's turnout is behind the centre's")
    time: Exponent = Field(1.0, description="factor: how soon the booth closes")
    voter: Exponent = Field(1.0, description="factor: weight of the number's voters, from `dialer weights`")


class WorkerRounds(Section):
    """[polling_day.workers] - how often campaigns with the purpose booth-workers call each booth worker."""

    every_minutes: float = Field(120.0, ge=5, le=1440, description="interval from a worker's report to the next call")
    retry_minutes: float = Field(
        15.0,
        ge=1,
        le=1440,
        description="retry interval for a worker who was not reached, or hung up before the first serial",
    )
    attempts_per_day: int = Field(
        20, ge=1, le=100, description="maximum attempts per worker and day; voters' limits do not apply"
    )


class PollingDaySettings(Section):
    """[polling_day] - the order of a turnout campaign's calls on the days of [[rules.polls]]."""

    applied: ClassVar[Applied] = Applied.RELOAD

    opens: LocalTime = Field(time(7), description="opening time of the polls")
    last_call_minutes: float = Field(30, ge=0, le=240, description="no calls in this time before a booth closes")
    expected_turnout: tuple[ExpectedTurnout, ...] = Field(
        tuple(
            ExpectedTurnout(at=time(hour), voted=share)
            for hour, share in ((9, 0.11), (11, 0.25), (13, 0.40), (15, 0.50), (17, 0.60), (18, 0.66))
        ),
        min_length=1,
        description="expected turnout curve (cumulative); the default is a typical day in India",
    )
    priority: Annotated[PriorityExponents, Applied.RESTART] = Field(
        PriorityExponents(), description="the order of calls"
    )
    workers: WorkerRounds = Field(WorkerRounds(), description="how often booth workers are called")

    def _find_contradicting_settings(self) -> Iterator[str]:
        for before, after in pairwise((ExpectedTurnout(at=self.opens, voted=0.0), *self.expected_turnout)):
            if after.at <= before.at or after.voted < before.voted:
                yield f"expected_turnout must rise with time; {after.at:%H:%M} does not follow {before.at:%H:%M}"
