"""The calls and seat states of a day, read from the store to replay the day in a simulation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from dialer.domain.model import Outcome
from dialer.domain.view import SeatState
from dialer.store.sql import Connection, Query, Statements


@dataclass(frozen=True, slots=True)
class RecordedAttempt:
    """A call of a campaign with agents. Times are epoch seconds. A time is None if the call never rang, was never
    answered or never connected.
    """

    created_at: float
    ended_at: float
    ringing_at: float | None
    answered_at: float | None
    connected_at: float | None
    seat: str | None
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class RecordedInterval:
    """A period that a seat spent in one state: ready, reserved, talking or wrap-up. Times are epoch seconds."""

    seat: str
    state: SeatState
    from_at: float
    until_at: float


class AttemptRow(NamedTuple):
    """A call attempt, as a row of the database."""

    created_at: float
    ended_at: float
    ringing_at: float | None
    answered_at: float | None
    connected_at: float | None
    seat: str | None
    outcome: str


class IntervalRow(NamedTuple):
    """The database row with a period that a seat spent in one state."""

    seat: str
    state: str
    from_at: float
    until_at: float


class FirstAndLast(NamedTuple):
    """The times when the oldest and the newest call began (epoch seconds), or None if there are no calls."""

    first: float | None
    last: float | None


class SQL(Statements):
    attempts = Query(AttemptRow)
    intervals = Query(IntervalRow)
    first_and_last = Query(FirstAndLast)


def read_ended_attempts_of_period(db: Connection, since: float, until: float) -> list[RecordedAttempt]:
    """Return the ended calls that began from `since` to before `until`, oldest first."""
    return [
        RecordedAttempt(*row[:-1], outcome=Outcome(row.outcome))
        for row in SQL.attempts.iterate_rows(db, since=since, until=until)
    ]


def read_seat_intervals_of_period(db: Connection, since: float, until: float) -> list[RecordedInterval]:
    """Return the intervals that seats spent in each state, if they overlap the period from `since` to `until`."""
    return [
        RecordedInterval(row.seat, SeatState(row.state), row.from_at, row.until_at)
        for row in SQL.intervals.iterate_rows(db, since=since, until=until)
    ]


def find_first_and_last_call(db: Connection) -> tuple[float, float] | None:
    """Return the times when the oldest and the newest recorded call began (epoch seconds), or None if there are none."""
    calls = SQL.first_and_last.fetch_only_row(db)
    return None if calls.first is None or calls.last is None else (calls.first, calls.last)
