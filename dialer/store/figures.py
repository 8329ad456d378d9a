"""Figures of a campaign. They cost what has been done so far, not what the list is long."""

from __future__ import annotations

import json

from dialer.domain.model import LIVE_ANSWERS, CampaignProgress, Outcome
from dialer.pacing.port import AnswersOfLate
from dialer.store.sql import Connection, load_statements

SQL = load_statements("figures")

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
    """Live answers to our calls in the window that ends at `now`, epoch seconds, and those abandoned, by stretches of it, the
    oldest first; stretches without any are left out.
    """
    live = json.dumps(sorted(outcome.value for outcome in LIVE_ANSWERS))
    rows = SQL["answers_of_late"].rows(
        db,
        campaign_id=campaign_id,
        now=now,
        window_seconds=window_seconds,
        stretch_seconds=stretch_seconds,
        longest_seconds=_LONGEST_UNANSWERED_SECONDS,
        live=live,
    )
    return [AnswersOfLate(each.age * stretch_seconds, each.answers, int(each.abandoned)) for each in rows]


def next_due_at(db: Connection, campaign_id: str) -> float | None:
    """The earliest time at which a target of this campaign is due (0: now); None: nothing waits."""
    if SQL["any_fresh"].number(db, campaign_id=campaign_id):
        return 0.0
    return SQL["earliest_timed"].value(db, float, campaign_id=campaign_id)
