"""What a store has kept of one day: its calls and its seats' time. Reads alone, at any time, beside a dialler too."""

from __future__ import annotations

from dataclasses import dataclass

from dialer.domain.model import Outcome
from dialer.domain.view import SeatState
from dialer.store.sql import Connection, load_statements

SQL = load_statements("recorded")


@dataclass(frozen=True, slots=True)
class KeptAttempt:
    """A call of a campaign with agents. Times are epoch seconds; None: it never came to that."""

    created_at: float
    ended_at: float
    ringing_at: float | None
    answered_at: float | None
    connected_at: float | None
    seat: str | None
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class KeptInterval:
    """A seat's time in one state: ready, reserved, talking or wrap-up. Epoch seconds."""

    seat: str
    state: SeatState
    from_at: float
    until_at: float


def attempts_of(db: Connection, since: float, until: float) -> list[KeptAttempt]:
    """The calls that began from `since` to before `until` and have ended, oldest first."""
    rows = SQL["attempts"].rows(db, since=since, until=until)
    return [KeptAttempt(**row._asdict() | {"outcome": Outcome(row.outcome)}) for row in rows]


def intervals_of(db: Connection, since: float, until: float) -> list[KeptInterval]:
    """The seats' time that lies in the window, or reaches into it."""
    rows = SQL["intervals"].rows(db, since=since, until=until)
    return [KeptInterval(**row._asdict() | {"state": SeatState(row.state)}) for row in rows]


def first_and_last_call(db: Connection) -> tuple[float, float] | None:
    """When the oldest and the newest of all such calls began, epoch seconds; None: there is none."""
    calls = SQL["first_and_last"].row(db)
    return None if calls.first is None else (calls.first, calls.last)
