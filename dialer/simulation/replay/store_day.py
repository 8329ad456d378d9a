"""Read a day from a store for replay: its calls, and the time of its seats."""

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
from dialer.simulation.centre_model.distributions import DayCurve
from dialer.simulation.centre_model.scenario import BadScenario
from dialer.simulation.replay.recorded_day import AttemptRecord, RecordedDay, is_in_order
from dialer.store.connection import read_snapshot
from dialer.store.file_checks import file_exists
from dialer.store.keys import StoreKey
from dialer.store.recorded_day import (
    RecordedAttempt,
    RecordedInterval,
    first_and_last_call,
    recorded_attempts,
    recorded_intervals,
)

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_YEARS = range(1970, 3000)  # years that a store can have calls of, and whose midnights can be computed
_Key = tuple[str, float]  # (seat, beginning) of an interval


def day_named(text: str) -> date:
    """Return the day written as 2026-04-22. Raises BadScenario for anything else."""
    try:
        if not _DAY.fullmatch(text):
            raise ValueError
        day = date.fromisoformat(text)
    except ValueError:
        raise BadScenario(f"--day is {text!r}; write it as 2026-04-22") from None
    if day.year not in _YEARS:
        raise BadScenario(f"--day is {text}; its year must be from {_YEARS.start} to {_YEARS.stop - 1}")
    return day


def day_of_store(
    path: Path, day: date, zone: ZoneInfo, connect_seconds: float = 2.0, key: StoreKey | None = None
) -> RecordedDay:
    """Return the calls of agent campaigns that began on a local day, from the first call to the end of the last.

    The store is opened read-only, so a dialler may be running on it. Raises StoreError if it cannot be read,
    BadScenario if it has no calls of that day or too few of them.
    """
    since, until = (midnight(each, zone) for each in (day, day + timedelta(days=1)))
    if not file_exists(path):
        raise StoreError(f"{path}: there is no store here; name another file with --replay or -c")
    with read_snapshot(path, key) as db:
        kept = recorded_attempts(db, since, until)
        if not kept:
            raise BadScenario(_no_such_day(path, day, zone, first_and_last_call(db)))
        began = kept[0].created_at
        intervals = recorded_intervals(db, began, max(attempt.ended_at for attempt in kept))
    records, worked = _records(kept, intervals, began)
    whole = [record for record in records if is_in_order(record)]
    ends = max((record.wrap_up_ended_seconds or record.ended_seconds for record in whole), default=1.0)
    seats = _seats(intervals, worked, began, ends)
    if not any(there for _, there in seats.points):
        raise BadScenario(f"{path} has no record of the seats logged in on {day}; choose another day")
    return RecordedDay(
        whole,
        seats,
        hours=min(24.0, max(1.0, ends) / 3600.0),
        first_hour=datetime.fromtimestamp(began, zone).hour,
        connect_seconds=connect_seconds,
        left_out=len(records) - len(whole),
    )


def _no_such_day(path: Path, day: date, zone: ZoneInfo, kept: tuple[float, float] | None) -> str:
    text = f"{path} has no calls of agent campaigns on {day}"
    if kept is None:
        return f"{text}, nor on any other day; choose another store"
    first, last = (datetime.fromtimestamp(at, zone).date() for at in kept)
    return f"{text}; its calls are from {first} to {last}"


def _records(
    kept: Sequence[RecordedAttempt], intervals: Iterable[RecordedInterval], began: float
) -> tuple[list[AttemptRecord], set[_Key]]:
    """Return the calls in seconds since `began`, and the keys of the seat intervals that belong to them.

    A talk interval begins at the moment its call was connected, and the wrap-up interval at the end of the talk.
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


def _seats(intervals: Iterable[RecordedInterval], theirs: set[_Key], began: float, ends: float) -> DayCurve:
    """Return the number of seats for these calls: available, or busy with one of them. Inbound calls take seats away."""
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
    return DayCurve(tuple(points))
