"""Whether a campaign may call at a moment, and when next. Pure.

The wall clock of the called party's zone decides. In an hour that a clock change repeats, both passes count; an hour that it
skips has no moment in it at all.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

Stretch = tuple[time, time]
"""First moment, and first moment after it, local time."""


def may_call(hours: Sequence[Stretch], zone: ZoneInfo, now: float) -> bool:
    """Whether the moment `now` (epoch seconds) lies within the calling hours."""
    local = datetime.fromtimestamp(now, zone).time()
    return any(start <= local < until for start, until in hours)


def next_opening(hours: Sequence[Stretch], zone: ZoneInfo, now: float) -> float | None:
    """The first moment from `now` on (epoch seconds) at which calling is allowed; `now` itself if it is; None: never."""
    if may_call(hours, zone, now):
        return now
    today = datetime.fromtimestamp(now, zone).date()
    openings = (
        datetime.combine(today + timedelta(days=day), start, zone).astimezone(UTC).timestamp()
        for day in range(3)
        for start, _ in hours
    )
    # An opening inside a skipped hour maps to a moment after it, which counts only if it is still within the hours.
    return min((opening for opening in openings if opening > now and may_call(hours, zone, opening)), default=None)


def day_start(zone: ZoneInfo, now: float) -> float:
    """The local midnight before `now`, epoch seconds: where caps per day begin to count."""
    local = datetime.fromtimestamp(now, zone)
    return datetime.combine(local.date(), time(), zone).timestamp()
