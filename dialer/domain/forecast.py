"""How far the day will get: of the voters not reached yet, how many will be before the last call, at the pace so far. Pure."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from math import sqrt
from zoneinfo import ZoneInfo

NINE_IN_TEN = 1.645
"""Standard deviations of a normal law, on either side."""
LEAST_SECONDS = 600.0
"""Nothing is said of the day before its turnout campaigns have worked so long."""


@dataclass(frozen=True, slots=True)
class Forecast:
    """What will be reached. Counts are voters."""

    left: int  # not reached yet, of the booths whose last call is still to come, with a number that may be called
    by_agents: int
    by_flows: int
    until: float  # epoch seconds: the last call of the day
    without_number: int = 0  # not reached either, and nobody can call them
    give_or_take: int = 0  # voters: nine days in ten end within it of `reached`, as far as chance alone goes

    @property
    def reached(self) -> int:
        """Voters who will be reached, by whomever."""
        return self.by_agents + self.by_flows


def forecast(
    left: int, reached_by_agents: int, reached_by_flows: int, worked_seconds: float, ahead_seconds: float, until: float
) -> Forecast | None:
    """The pace of `worked_seconds` carried on for the `ahead_seconds` that will be worked until `until`, agents first, and no
    more than there are; None: too early to say.

    Marks are taken for a Poisson process: the pace is known to sqrt(n) of the n so far, and what comes varies by sqrt(n) too. That
    the hours of a day differ, and that a call may bring a household's marks, is not in it.
    """
    if worked_seconds < LEAST_SECONDS:
        return None
    times = ahead_seconds / worked_seconds
    by_agents = min(left, int(reached_by_agents * times))
    by_flows = min(left - by_agents, int(reached_by_flows * times))
    whole = by_agents + by_flows
    give_or_take = min(round(NINE_IN_TEN * sqrt(whole * (times + 1))), whole)
    return Forecast(left, by_agents, by_flows, until, give_or_take=give_or_take)


def seconds_open(hours: Collection[tuple[time, time]], zone: ZoneInfo, now: float, until: float) -> float:
    """Seconds from `now` to `until` (epoch) within the daily `hours`, first moment and first moment after, in `zone`."""
    seconds, counted_to = 0.0, now
    day, last_day = (datetime.fromtimestamp(at, zone).date() for at in (now, until))
    while day <= last_day:
        for stretch in sorted(hours):
            start, end = (datetime.combine(day, at, zone).astimezone(UTC).timestamp() for at in stretch)
            start, end = max(start, counted_to), min(end, until)
            if start < end:
                seconds += end - start
                counted_to = end
        day += timedelta(days=1)
    return seconds
