"""Read a recorded day from a store for a replay: its calls and its seats."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from dialer.centre_model.distributions import DayCurve
from dialer.centre_model.scenario import BadScenario
from dialer.domain.errors import StoreError
from dialer.domain.model import Outcome
from dialer.domain.view import SeatState
from dialer.rules.calling_hours import get_midnight_of_day
from dialer.simulation.replay.recorded_day import AttemptRecord, RecordedDay, are_attempt_times_in_order
from dialer.store.connection import open_store_snapshot
from dialer.store.file_checks import file_exists
from dialer.store.keys import StoreKey
from dialer.store.recorded_day import (
    RecordedAttempt,
    RecordedInterval,
    find_first_and_last_call,
    read_ended_attempts_of_period,
    read_seat_intervals_of_period,
)

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_YEARS = range(1970, 3000)  # years for which midnight can be computed in every time zone
_Key = tuple[str, float]  # (seat, start) of an interval


def parse_simulated_day(text: str) -> date:
    """Return the day that a text such as 2026-04-22 gives. Raises BadScenario for any other text."""
    try:
        if not _DAY.fullmatch(text):
            raise ValueError
        day = date.fromisoformat(text)
    except ValueError:
        raise BadScenario(f"--day must be a date such as 2026-04-22 (is {text!r})") from None
    if day.year not in _YEARS:
        raise BadScenario(f"--day: the year must be from {_YEARS.start} to {_YEARS.stop - 1} (is {day.year})")
    return day


def read_recorded_day_from_store(
    path: Path, day: date, zone: ZoneInfo, connect_seconds: float = 2.0, key: StoreKey | None = None
) -> RecordedDay:
    """Return the calls of agent campaigns that began on the local day `day`, as a recorded day.

    The recorded day lasts from the first call to the end of the last one. The store is opened read-only, so a dialler
    may be running on it. Raises StoreError if the store cannot be read, BadScenario if it has too few calls of that
    day.
    """
    since, until = (get_midnight_of_day(each, zone) for each in (day, day + timedelta(days=1)))
    if not file_exists(path):
        raise StoreError(f"{path}: no such store; name another file with --replay or -c")
    with open_store_snapshot(path, key) as db:
        stored = read_ended_attempts_of_period(db, since, until)
        if not stored:
            raise BadScenario(_describe_missing_day(path, day, zone, find_first_and_last_call(db)))
        began = stored[0].created_at
        intervals = read_seat_intervals_of_period(db, began, max(attempt.ended_at for attempt in stored))
    records, worked = _make_attempt_records(stored, intervals, began)
    whole = [record for record in records if are_attempt_times_in_order(record)]
    ends = max((record.wrap_up_ended_seconds or record.ended_seconds for record in whole), default=1.0)
    seats = _count_seats_available_for_recorded_calls(intervals, worked, began, ends)
    if not any(seats_now for _, seats_now in seats.points):
        raise BadScenario(f"{path} does not say how many seats were logged in on {day}; choose another day")
    return RecordedDay(
        whole,
        seats,
        hours=min(24.0, max(1.0, ends) / 3600.0),
        first_hour=datetime.fromtimestamp(began, zone).hour,
        connect_seconds=connect_seconds,
        left_out=len(records) - len(whole),
    )


def _describe_missing_day(path: Path, day: date, zone: ZoneInfo, stored: tuple[float, float] | None) -> str:
    text = f"{path} has no calls of agent campaigns on {day}"
    if stored is None:
        return f"{text}, nor on any other day; choose another store"
    first, last = (datetime.fromtimestamp(at, zone).date() for at in stored)
    return f"{text}; its calls are from {first} to {last}"


def _make_attempt_records(
    stored: Sequence[RecordedAttempt], intervals: Iterable[RecordedInterval], began: float
) -> tuple[list[AttemptRecord], set[_Key]]:
    """Return the recorded calls, and the keys of the seats' talk and wrap-up intervals that belong to these calls.

    Times in the calls are in seconds since `began`. A key is (seat, start of the interval in epoch seconds).
    """
    talks = {(each.seat, each.from_at): each.until_at for each in intervals if each.state is SeatState.TALKING}
    wrap_ups = {(each.seat, each.from_at): each.until_at for each in intervals if each.state is SeatState.WRAP_UP}
    records: list[AttemptRecord] = []
    call_intervals: set[_Key] = set()
    for attempt in stored:
        ended, wrapped_up = attempt.ended_at, None
        if attempt.connected_at is not None and attempt.seat is not None:
            key = (attempt.seat, attempt.connected_at)
            ended = talks.get(key, ended)
            wrapped_up = wrap_ups.get((attempt.seat, ended))
            call_intervals |= {key, (attempt.seat, ended)}
        machine = attempt.outcome is Outcome.MACHINE and attempt.connected_at is None
        records.append(
            AttemptRecord(
                attempt.created_at - began,
                ended - began,
                _compute_seconds_since_if_known(attempt.ringing_at, began),
                None if machine else _compute_seconds_since_if_known(attempt.answered_at, began),
                _compute_seconds_since_if_known(attempt.connected_at, began),
                _compute_seconds_since_if_known(wrapped_up, began),
                cancelled=attempt.outcome is Outcome.CANCELLED,
                left=attempt.outcome is Outcome.DROPPED,
            )
        )
    return records, call_intervals


def _compute_seconds_since_if_known(at: float | None, began: float) -> float | None:
    return None if at is None else at - began


def _count_seats_available_for_recorded_calls(
    intervals: Iterable[RecordedInterval], call_intervals: set[_Key], began: float, ends: float
) -> DayCurve:
    """Return how many seats were ready or busy with a recorded call, as a curve over the day.

    Seats with inbound calls are left out.
    """
    changes: Counter[float] = Counter({0.0: 0})
    for each in intervals:
        at_work = each.state in (SeatState.TALKING, SeatState.WRAP_UP)
        if at_work and (each.seat, each.from_at) not in call_intervals:
            continue
        start, end = max(0.0, each.from_at - began), min(ends, each.until_at - began)
        if start < end:
            changes[start] += 1
            changes[end] -= 1
    points: list[tuple[float, float]] = []
    seats_now = 0
    for at in sorted(changes):
        seats_now += changes[at]
        if not points or points[-1][1] != seats_now:
            points.append((at, float(seats_now)))
    return DayCurve(tuple(points))
