"""Polling days, and the silence interval (no campaigning before the close of poll) of each polling area."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from enum import StrEnum
from zoneinfo import ZoneInfo


@dataclass(frozen=True, slots=True)
class Area:
    """The area of one polling booth of the electoral roll: its state, constituency and part."""

    constituency_number: int
    closes_at: str  # "18:00", local time of the poll; "": unknown


@dataclass(frozen=True, slots=True)
class PollingDay:
    """A polling day, with the constituencies that vote on it."""

    day: date
    zone: ZoneInfo
    closes_at: time | None  # None: each booth's own
    constituencies: frozenset[int]  # empty: all that no other polling day names
    opens: time = time.min  # a closing time that is not later is invalid and ignored


class CloseUnknown(StrEnum):
    """A reason why the closing time of the poll in an area is unknown."""

    POLL = "poll"  # no polling day includes its constituency
    HOUR = "hour"  # the closing time is missing or invalid


def find_polling_day(polls: tuple[PollingDay, ...], constituency_number: int) -> PollingDay | None:
    """Return the polling day of a constituency: the day that names it, or the day for all constituencies, or None."""
    for poll in polls:
        if constituency_number in poll.constituencies:
            return poll
    return next((poll for poll in polls if not poll.constituencies), None)


def find_close_of_poll(polls: tuple[PollingDay, ...], area: Area) -> float | CloseUnknown:
    """Return an area's close of poll (epoch seconds), or why it is unknown."""
    poll = find_polling_day(polls, area.constituency_number)
    if poll is None:
        return CloseUnknown.POLL
    closes_at = poll.closes_at or _parse_clock_time(area.closes_at)
    if closes_at is None or closes_at <= poll.opens:
        return CloseUnknown.HOUR
    return datetime.combine(poll.day, closes_at, poll.zone).astimezone(UTC).timestamp()


def _parse_clock_time(text: str) -> time | None:
    """Return the time of day in a text such as "17:00", or None if it is not a time."""
    try:
        return time.fromisoformat(text)
    except ValueError:
        return None
