"""Figures of a campaign: its progress, the outcomes of its calls, and its recently answered calls."""

from __future__ import annotations

import json
from typing import NamedTuple

from dialer.domain.model import LIVE_ANSWERS, CampaignProgress, Outcome
from dialer.pacing.port import RecentAnswers
from dialer.store.sql import Connection, Query, Scalar, Statements

LIVE = json.dumps(sorted(LIVE_ANSWERS))
"""The outcomes of live answers, as a parameter of statements."""
LONGEST_UNANSWERED_SECONDS = 600.0
"""No call is answered later than this after its attempt was opened: campaigns ring for two minutes at most."""


class Progress(NamedTuple):
    """How many numbers of a campaign's queue are in each state, and how many of its call attempts have ended."""

    closed: int
    waiting: int
    claimed: int
    on_a_call: int
    ended: int


class RefusedCount(NamedTuple):
    """How many numbers in a campaign's queue the calling rules refuse for one reason."""

    reason: str
    numbers: int


class OutcomeCount(NamedTuple):
    """How many call attempts of a campaign ended with one outcome, such as busy."""

    outcome: str
    attempts: int


class AnswersOfInterval(NamedTuple):
    """How many calls were answered live, and how many of these were abandoned, in one interval of a time window."""

    age: int  # intervals ago
    answers: float
    abandoned: float


class MachinesOfInterval(NamedTuple):
    """How many calls machine detection ended in one interval of a time window."""

    age: int  # intervals ago
    calls: int


class SQL(Statements):
    target_count = Scalar(int)
    progress = Query(Progress)
    refused_counts = Query(RefusedCount)
    outcome_counts = Query(OutcomeCount)
    taken_for_machines = Scalar(int)
    recently_taken_for_machines = Query(MachinesOfInterval)
    recent_answers = Query(AnswersOfInterval)


def count_numbers_in_queue(db: Connection, campaign_id: str) -> int:
    """Return how many numbers a campaign has in its queue.

    Slow, because it reads an index of the whole queue: call it once.
    """
    return SQL.target_count.fetch_only_value(db, campaign_id=campaign_id)


def read_campaign_progress(db: Connection, campaign_id: str, targets: int, now: float) -> CampaignProgress:
    """Return how many numbers of a campaign's queue are completed, remaining, reserved or on a call at `now` (epoch
    seconds).

    `targets` is the size of the queue. A number is remaining if it is not closed, reserved for dialling or on a call.
    """
    counts = SQL.progress.fetch_only_row(db, campaign_id=campaign_id, now=now)
    refused = {row.reason: row.numbers for row in SQL.refused_counts.iterate_rows(db, campaign_id=campaign_id)}
    return CampaignProgress(
        total=targets,
        completed=counts.closed - sum(refused.values()),
        remaining=targets - counts.closed - counts.claimed - counts.on_a_call,
        attempts=counts.ended + counts.on_a_call,
        waiting=counts.waiting,
        refused=refused,
    )


def count_attempts_by_outcome(db: Connection, campaign_id: str, since: float = 0.0) -> dict[Outcome, int]:
    """Return how many call attempts of a campaign ended with each outcome.

    Only attempts opened since `since` (epoch seconds) count.
    """
    rows = SQL.outcome_counts.iterate_rows(db, campaign_id=campaign_id, since=since)
    return {Outcome(row.outcome): row.attempts for row in rows}


def count_calls_taken_for_machines(db: Connection, campaign_id: str, since: float) -> int:
    """Return how many of a campaign's outbound calls since `since` (epoch seconds) were ended because machine detection
    reported a machine.
    """
    return SQL.taken_for_machines.fetch_only_value(db, campaign_id=campaign_id, since=since)


def count_recent_calls_taken_for_machines(
    db: Connection, campaign_id: str, now: float, window_seconds: float, interval_seconds: float
) -> list[tuple[float, int]]:
    """Count a campaign's calls that machine detection ended in each interval of the time window before `now`.

    Return the age (seconds) and the count of each interval that has such calls, oldest first.
    """
    rows = SQL.recently_taken_for_machines.iterate_rows(
        db,
        campaign_id=campaign_id,
        now=now,
        window_seconds=window_seconds,
        interval_seconds=interval_seconds,
        longest_seconds=LONGEST_UNANSWERED_SECONDS,
    )
    return [(row.age * interval_seconds, row.calls) for row in rows]


def count_recent_answers_by_interval(
    db: Connection,
    campaign_id: str,
    now: float,
    window_seconds: float,
    interval_seconds: float,
    false_positive_share: float = 0.0,
) -> list[RecentAnswers]:
    """Count a campaign's live answers and abandoned calls in each interval of the time window before `now`, oldest
    first.

    `false_positive_share` (0-1) is the share of people among the calls that detection reported as machines. Intervals
    without answers are left out.
    """
    rows = SQL.recent_answers.iterate_rows(
        db,
        campaign_id=campaign_id,
        now=now,
        window_seconds=window_seconds,
        interval_seconds=interval_seconds,
        longest_seconds=LONGEST_UNANSWERED_SECONDS,
        live=LIVE,
        share=false_positive_share,
    )
    return [RecentAnswers(row.age * interval_seconds, row.answers, row.abandoned) for row in rows]
