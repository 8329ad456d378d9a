"""A day of a store as one to replay: its calls, its seats' time, and what the day itself gave."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from dialer.domain.errors import StoreError
from dialer.domain.model import Outcome
from dialer.domain.view import SeatState
from dialer.rules.calling_hours import midnight
from dialer.simulation.centre import BadScenario
from dialer.simulation.laws import Course
from dialer.simulation.recorded_day import AttemptRecord, RecordedDay, is_in_order
from dialer.store.cipher import StoreKey
from dialer.store.connection import is_there, reading
from dialer.store.figures import KeptAttempt, KeptInterval, attempts_of, first_and_last_call, intervals_of

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_YEARS = range(1970, 3000)  # that a store can have calls of, and whose midnights are moments
_Key = tuple[str, float]  # an interval's seat and beginning


def day_named(text: str) -> date:
    """A day written as 2026-04-22. Raises BadScenario."""
    try:
        if not _DAY.fullmatch(text):
            raise ValueError
        day = date.fromisoformat(text)
    except ValueError:
        raise BadScenario(f"--day is {text!r}; write it as 2026-04-22") from None
    if day.year not in _YEARS:
        raise BadScenario(f"--day is {text}, a year in which nobody was called; write it as 2026-04-22")
    return day


def day_of_store(
    path: Path, day: date, zone: ZoneInfo, connect_seconds: float = 2.0, key: StoreKey | None = None
) -> RecordedDay:
    """The calls of campaigns with agents that began on a local day, from the first one to the end of the last.

    The store is only read; a dialler may be running on it. Raises StoreError where it cannot be read, BadScenario where it
    has no such day or too few calls of it.
    """
    since, until = (midnight(each, zone) for each in (day, day + timedelta(days=1)))
    if not is_there(path):
        raise StoreError(f"{path}: there is no store here: name the right one with --replay or -c")
    with reading(path, key) as db:
        kept = attempts_of(db, since, until)
        if not kept:
            raise BadScenario(_no_such_day(path, day, zone, first_and_last_call(db)))
        began = kept[0].created_at
        intervals = intervals_of(db, began, max(attempt.ended_at for attempt in kept))
    records, worked = _records(kept, intervals, began)
    whole = [record for record in records if is_in_order(record)]
    ends = max((record.wrap_up_ended_seconds or record.ended_seconds for record in whole), default=1.0)
    seats = _seats(intervals, worked, began, ends)
    if not any(there for _, there in seats.points):
        raise BadScenario(f"{path} has kept no seats' time of {day}, so nobody knows who was there; name another day")
    return RecordedDay(
        whole,
        seats,
        hours=min(24.0, max(1.0, ends) / 3600.0),
        first_hour=datetime.fromtimestamp(began, zone).hour,
        connect_seconds=connect_seconds,
        left_out=len(records) - len(whole),
    )


def _no_such_day(path: Path, day: date, zone: ZoneInfo, kept: tuple[float, float] | None) -> str:
    text = f"{path} has no calls of campaigns with agents on {day}"
    if kept is None:
        return f"{text}, nor on any other day; name another store"
    first, last = (datetime.fromtimestamp(at, zone).date() for at in kept)
    return f"{text}; its calls are from {first} to {last}"


def _records(
    kept: Sequence[KeptAttempt], intervals: Iterable[KeptInterval], began: float
) -> tuple[list[AttemptRecord], set[_Key]]:
    """The calls in seconds since `began`, and which of the seats' intervals are theirs.

    A talk begins at the very moment that its call was connected, and its wrap-up at the talk's end: so they find each other.
    """
    talks = {(each.seat, each.from_at): each.until_at for each in intervals if each.state is SeatState.TALKING}
    wrap_ups = {(each.seat, each.from_at): each.until_at for each in intervals if each.state is SeatState.WRAP_UP}
    records: list[AttemptRecord] = []
    theirs: set[_Key] = set()
    for attempt in kept:
        ended, wrapped_up = attempt.ended_at, None
        if attempt.connected_at is not None and attempt.seat is not None:
            key = (attempt.seat, attempt.connected_at)
            ended = talks.get(key, ended)
            wrapped_up = wrap_ups.get((attempt.seat, ended))
            theirs |= {key, (attempt.seat, ended)}
        machine = attempt.outcome is Outcome.MACHINE and attempt.connected_at is None
        records.append(
            AttemptRecord(
                attempt.created_at - began,
                ended - began,
                _since(attempt.ringing_at, began),
                None if machine else _since(attempt.answered_at, began),
                _since(attempt.connected_at, began),
                _since(wrapped_up, began),
                cancelled=attempt.outcome is Outcome.CANCELLED,
                left=attempt.outcome is Outcome.DROPPED,
            )
        )
    return records, theirs


def _since(at: float | None, began: float) -> float | None:
    return None if at is None else at - began


def _seats(intervals: Iterable[KeptInterval], theirs: set[_Key], began: float, ends: float) -> Course:
    """How many seats were there for these calls: free, or with one of them. Calls that came in took theirs away."""
    changes: Counter[float] = Counter({0.0: 0})
    for each in intervals:
        at_work = each.state in (SeatState.TALKING, SeatState.WRAP_UP)
        if at_work and (each.seat, each.from_at) not in theirs:
            continue
        start, end = max(0.0, each.from_at - began), min(ends, each.until_at - began)
        if start < end:
            changes[start] += 1
            changes[end] -= 1
    points: list[tuple[float, float]] = []
    there = 0
    for at in sorted(changes):
        there += changes[at]
        if not points or points[-1][1] != there:
            points.append((at, float(there)))
    return Course(tuple(points))
