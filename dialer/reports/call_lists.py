"""Reports on the call lists of campaigns: phone numbers by number of attempts, and remaining numbers by the time they are due."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime, tzinfo
from typing import NamedTuple

from dialer.reports.formats import Column, Report, make_count_columns, make_text_columns
from dialer.reports.tables import QUARTER_SECONDS
from dialer.store.connection import Connection
from dialer.store.sql import Query, Statements


class AttemptsOfNumbers(NamedTuple):
    """How many phone numbers on a campaign's call list have been called `attempts` times, and how many of them remain."""

    campaign_id: str
    attempts: int
    numbers: int
    completed: int
    remaining: int


class WaitingNumbers(NamedTuple):
    """How many phone numbers on a campaign's call list wait for one reason and are due in one quarter of an hour.

    `quarter` is None if it is not known when the numbers are due.
    """

    campaign_id: str
    reason: str
    quarter: int | None
    numbers: int


class SQL(Statements):
    numbers_by_attempts = Query(AttemptsOfNumbers)
    numbers_by_due_time = Query(WaitingNumbers)


def report_numbers_by_attempts(db: Connection, campaign: str | None) -> Report:
    """Report how many numbers of each campaign's list had no attempt, one, two and so on, and how many are completed.

    Numbers that the rules refuse are neither completed nor remaining.
    """
    rows = SQL.numbers_by_attempts.fetch_all_rows(db, campaign=campaign)
    totals = [sum(each) for each in zip(*(row[2:] for row in rows), strict=True)]
    return Report(
        "numbers by attempts",
        (*make_text_columns("campaign"), *make_count_columns("attempts_made", "numbers", "completed", "remaining")),
        tuple(rows),
        ("all", None, *totals) if rows else None,
    )


def report_numbers_by_due_time(db: Connection, campaign: str | None, zone: tzinfo, now: float) -> Report:
    """Report the numbers of each campaign's list that are not completed, by reason and by the hour at which they are due.

    The reasons are `due-now`, `in-progress`, `retry`, `call-back`, and the codes of the calling rules that refuse a
    number. `now` is in epoch seconds.
    """
    sums: dict[tuple[str, str, str, str], int] = defaultdict(int)
    for row in SQL.numbers_by_due_time.iterate_rows(db, campaign=campaign, now=now):
        day, hour = ("", "") if row.quarter is None else _format_hour_of_quarter_hour(row.quarter, zone)
        sums[row.campaign_id, day, hour, row.reason] += row.numbers
    return Report(
        "numbers by due time",
        (*make_text_columns("campaign", "due_day", "due_hour", "waits_for"), Column("numbers")),
        tuple((*key, number) for key, number in sorted(sums.items())),
        ("all", "", "", "", sum(sums.values())) if sums else None,
    )


def _format_hour_of_quarter_hour(quarter: int, zone: tzinfo) -> tuple[str, str]:
    begins = datetime.fromtimestamp(quarter * QUARTER_SECONDS, zone)
    return f"{begins:%Y-%m-%d}", f"{begins:%H:00}"
