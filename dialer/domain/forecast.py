"""The forecast for a polling day: how many voters will be contacted by the last call if calling continues at the same
pace.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from math import sqrt
from zoneinfo import ZoneInfo

from dialer.domain.schema import MESSAGE, Count, Time

NINE_IN_TEN = 1.645
"""Nine in ten values of a normal distribution are within this many standard deviations of the mean."""
LEAST_SECONDS = 600.0
"""Minimum dialling time of the day's turnout campaigns for a forecast (seconds)."""


@dataclass(frozen=True, slots=True)
class Forecast:
    """The forecast for the rest of a polling day, in voters: how many will be contacted, and how many remain to be
    contacted.
    """

    __pydantic_config__ = MESSAGE

    remaining: Count
    """voters not contacted yet who have a number that may be called, in booths that are still called today"""
    by_agents: Count
    """voters of these whom agents will contact before the last call"""
    by_flows: Count
    """voters of these whom flows will contact before the last call"""
    until: Time
    """when the last call of the day may be placed"""
    without_number: Count = 0
    """voters not contacted yet who have no number that may be called"""
    margin: Count = 0
    """the result is within this many voters of by_agents + by_flows on nine days in ten, if only chance varies it"""

    @property
    def expected_contacts(self) -> int:
        """Return how many voters will be contacted, by agents and by IVR flows together."""
        return self.by_agents + self.by_flows


def forecast_contacted_voters(
    remaining: int,
    contacted_by_agents: int,
    contacted_by_flows: int,
    worked_seconds: float,
    ahead_seconds: float,
    until: float,
) -> Forecast | None:
    """Return how many more voters will be contacted by the end of the day if calling continues at the same pace.

    Return None if too little time was spent on dialling so far. The margin of error assumes that contacts are a Poisson
    process.

    Args:
        remaining: Voters still to be contacted. No more than these are forecast.
        contacted_by_agents: Voters contacted so far by agents.
        contacted_by_flows: Voters contacted so far by IVR flows.
        worked_seconds: Dialling time so far.
        ahead_seconds: Dialling time left.
        until: End of dialling (epoch seconds).
    """
    if worked_seconds < LEAST_SECONDS:
        return None
    times = ahead_seconds / worked_seconds
    by_agents = min(remaining, int(contacted_by_agents * times))
    by_flows = min(remaining - by_agents, int(contacted_by_flows * times))
    contacted = by_agents + by_flows
    margin = min(round(NINE_IN_TEN * sqrt(contacted * (times + 1))), contacted)
    return Forecast(remaining, by_agents, by_flows, until, margin=margin)


def count_seconds_within_calling_hours(
    hours: Collection[tuple[time, time]], zone: ZoneInfo, now: float, until: float
) -> float:
    """Return how many seconds between `now` and `until` (epoch seconds) lie within the daily calling hours in a time
    zone. Each of the `hours` is an opening time and a closing time.
    """
    seconds, counted_to = 0.0, now
    day, last_day = (datetime.fromtimestamp(at, zone).date() for at in (now, until))
    while day <= last_day:
        for opening, closing in sorted(hours):
            start, end = (datetime.combine(day, at, zone).astimezone(UTC).timestamp() for at in (opening, closing))
            start, end = max(start, counted_to), min(end, until)
            if start < end:
                seconds += end - start
                counted_to = end
        day += timedelta(days=1)
    return seconds
