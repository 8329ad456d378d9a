"""Polling days, and the silence interval before the close of poll of each polling area. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from enum import StrEnum
from zoneinfo import ZoneInfo


@dataclass(frozen=True, slots=True)
class Area:
    """A polling area: a booth of the roll."""

    constituency_number: int
    closes_at: str  # "18:00", local time of the poll; "": unknown


@dataclass(frozen=True, slots=True)
class PollingDay:
    """When some constituencies vote."""

    day: date
    zone: ZoneInfo
    closes_at: time | None  # None: each booth's own
    constituencies: frozenset[int]  # empty: all that no other polling day names
    opens: time = time.min  # a close that is not later is a mistake and is ignored


class NotKnown(StrEnum):
    """Why the close of an area is not known."""

    POLL = "poll"  # no polling day names its constituency
    HOUR = "hour"  # the closing time is missing, or cannot be right


def poll_of(polls: tuple[PollingDay, ...], constituency_number: int) -> PollingDay | None:
    """Return the polling day of a constituency: the one that names it, otherwise the one for all."""
    for poll in polls:
        if constituency_number in poll.constituencies:
            return poll
    return next((poll for poll in polls if not poll.constituencies), None)


def close_of(polls: tuple[PollingDay, ...], area: Area) -> float | NotKnown:
    """Return the close of poll of an area (epoch seconds), or why it is not known."""
    poll = poll_of(polls, area.constituency_number)
    if poll is None:
        return NotKnown.POLL
    closes_at = poll.closes_at or _hour(area.closes_at)
    if closes_at is None or closes_at <= poll.opens:
        return NotKnown.HOUR
    return datetime.combine(poll.day, closes_at, poll.zone).astimezone(UTC).timestamp()


def _hour(text: str) -> time | None:
    try:
        return time.fromisoformat(text)
    except ValueError:
        return None
