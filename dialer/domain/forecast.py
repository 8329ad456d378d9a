"""How far the day will get: of the voters not reached yet, how many will be before the last call, at the pace so far. Pure."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

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

    @property
    def reached(self) -> int:
        """Voters who will be reached, by whomever."""
        return self.by_agents + self.by_flows


def forecast(
    left: int, reached_by_agents: int, reached_by_flows: int, worked_seconds: float, ahead_seconds: float, until: float
) -> Forecast | None:
    """The pace of `worked_seconds` carried on for the `ahead_seconds` that will be worked until `until`, agents first, and no
    more than there are; None: too early to say.
    """
    if worked_seconds < LEAST_SECONDS:
        return None
    times = ahead_seconds / worked_seconds
    by_agents = min(left, int(reached_by_agents * times))
    by_flows = min(left - by_agents, int(reached_by_flows * times))
    return Forecast(left, by_agents, by_flows, until)


def seconds_open(hours: Collection[tuple[time, time]], zone: ZoneInfo, now: float, until: float) -> float:
    """How many seconds from `now` to `until` (epoch) lie within one of the daily `hours`: first moment and first moment after it,
    by the clock of `zone`.
    """
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
