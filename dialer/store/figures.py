"""Figures of a campaign, which cost what has been done so far, not what the list is long; and what is kept of a day."""

from __future__ import annotations

import json
from dataclasses import dataclass

from dialer.domain.model import LIVE_ANSWERS, CampaignProgress, Outcome
from dialer.domain.view import SeatState
from dialer.pacing.port import AnswersOfLate
from dialer.store.sql import Connection
from dialer.store.untyped_sql import load_statements

SQL = load_statements("figures")

LIVE = json.dumps(sorted(LIVE_ANSWERS))  # for statements
_LONGEST_UNANSWERED_SECONDS = 600.0
"""No call is answered so long after its attempt was opened: campaigns ring for two minutes at most."""


def targets(db: Connection, campaign_id: str) -> int:
    """How many numbers the campaign has. Reads an index of its whole queue: ask once and keep it."""
    return SQL["targets"].number(db, campaign_id=campaign_id)


def campaign_progress(db: Connection, campaign_id: str, targets: int) -> CampaignProgress:
    """How far the campaign is, of `targets` numbers: what is neither closed nor claimed nor on a call is due."""
    done = SQL["progress"].row(db, campaign_id=campaign_id)
    due = targets - done.closed - done.claimed - done.on_a_call
    return CampaignProgress(total=targets, closed=done.closed, due=due, attempts=done.ended + done.on_a_call)


def outcome_counts(db: Connection, campaign_id: str, since: float = 0.0) -> dict[Outcome, int]:
    """Ended attempts by outcome, of those created since."""
    return {
        Outcome(outcome): count for outcome, count in SQL["outcome_counts"](db, campaign_id=campaign_id, since=since)
    }


def answers_of_late(
    db: Connection, campaign_id: str, now: float, window_seconds: float, stretch_seconds: float
) -> list[AnswersOfLate]:
    """Live answers, and those abandoned, of the window that ends at `now`, by stretches of it that have any, the oldest first."""
    rows = SQL["answers_of_late"].rows(
        db,
        campaign_id=campaign_id,
        now=now,
        window_seconds=window_seconds,
        stretch_seconds=stretch_seconds,
        longest_seconds=_LONGEST_UNANSWERED_SECONDS,
        live=LIVE,
    )
    return [AnswersOfLate(each.age * stretch_seconds, each.answers, int(each.abandoned)) for each in rows]


def next_due_at(db: Connection, campaign_id: str) -> float | None:
    """The earliest time at which a target of this campaign is due (0: now); None: nothing waits."""
    if SQL["any_fresh"].number(db, campaign_id=campaign_id):
        return 0.0
    return SQL["earliest_timed"].value(db, float, campaign_id=campaign_id)


# What a store has kept of one day: its calls and its seats' time.


RECORDED = load_statements("recorded")


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
    rows = RECORDED["attempts"].rows(db, since=since, until=until)
    return [KeptAttempt(**row._asdict() | {"outcome": Outcome(row.outcome)}) for row in rows]


def intervals_of(db: Connection, since: float, until: float) -> list[KeptInterval]:
    """The seats' time that lies in the window, or reaches into it."""
    rows = RECORDED["intervals"].rows(db, since=since, until=until)
    return [KeptInterval(**row._asdict() | {"state": SeatState(row.state)}) for row in rows]


def first_and_last_call(db: Connection) -> tuple[float, float] | None:
    """When the oldest and the newest of all such calls began, epoch seconds; None: there is none."""
    calls = RECORDED["first_and_last"].row(db)
    return None if calls.first is None else (calls.first, calls.last)
