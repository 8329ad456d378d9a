"""Judged calls: recorded calls that detection took for answering machines, and for which a person said who had
answered.
"""

from __future__ import annotations

from typing import NamedTuple

from dialer.domain.errors import NotInStore
from dialer.domain.judged_calls import FalsePositiveShares, JudgedCalls, WhoAnswered
from dialer.domain.model import AttemptId
from dialer.store.sql import Command, Connection, Query, Scalar, Statements


class JudgedCount(NamedTuple):
    """How many of a campaign's calls were judged, and how many of the judged calls a person had answered."""

    campaign_id: str
    judged: int
    people: int


class SQL(Statements):
    is_in_sample = Scalar(bool)
    save_judgement = Command()
    campaign_of = Scalar(str)
    judged_by_campaign = Query(JudgedCount)


def save_judgement_of_call(
    db: Connection, attempt_id: AttemptId, answered_by: WhoAnswered, judged_at: float, judged_by: str
) -> str:
    """Store a person's judgement who answered a call that detection took for a machine. Return the call's campaign.

    A later judgement replaces an earlier one. Raises NotInStore if the call was not taken for a machine, or has no
    recording.
    """
    if not SQL.is_in_sample.fetch_only_value(db, attempt_id=attempt_id):
        raise NotInStore(
            "this call cannot be judged, because it is still in progress, was not taken for an answering machine, "
            "or has no recording: choose another call"
        )
    SQL.save_judgement.run_statement(
        db, attempt_id=attempt_id, answered_by=answered_by.value, judged_at=judged_at, judged_by=judged_by
    )
    return SQL.campaign_of.fetch_only_value(db, attempt_id=attempt_id)


def count_judged_calls_of_campaign(db: Connection, campaign_id: str) -> JudgedCalls:
    """Return how many of a campaign's calls that detection took for machines were judged, and how many were people."""
    rows = SQL.judged_by_campaign.fetch_all_rows(db, campaign_id=campaign_id)
    return next((JudgedCalls(row.judged, row.people) for row in rows), JudgedCalls())


def read_false_positive_shares(db: Connection, profile_share: float) -> FalsePositiveShares:
    """Return which share (0-1) of each campaign's calls taken for machines counts as abandoned calls to people.

    It follows from the campaign's judged calls and from `profile_share`, the share that the jurisdiction profile sets.
    """
    rows = SQL.judged_by_campaign.iterate_rows(db, campaign_id=None)
    return FalsePositiveShares(profile_share, {row.campaign_id: JudgedCalls(row.judged, row.people) for row in rows})
