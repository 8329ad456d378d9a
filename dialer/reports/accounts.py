"""Reports for the accounts of campaigns: hours, expenditure, opt-outs, booth workers, imports of rolls, and complaints.

Reports hold IDs only: no names and no phone numbers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, tzinfo
from typing import Any, NamedTuple

from dialer.reports.formats import (
    Cell,
    Column,
    ColumnKind,
    Report,
    build_report_with_total_row,
    format_time,
    make_count_columns,
    make_text_columns,
)
from dialer.reports.tables import QUARTER_SECONDS, Window, build_cells_with_abandoned_rate, format_date_of_quarter_hour
from dialer.store.connection import Connection
from dialer.store.judged_calls import read_false_positive_shares
from dialer.store.sql import Query, Statements

OPEN = "open"
NO_CANDIDATE = "(none named)"


class QuarterHourCounts(NamedTuple):
    """Counts of a campaign's calls by result, in one quarter of an hour."""

    campaign_id: str
    quarter: int
    attempts: int
    answered: int
    contacts: int
    dispositions: int
    live_answers: int
    abandoned: int
    taken_for_machines: int
    flow_answers: int


class Expenditure(NamedTuple):
    """A campaign's calls in one constituency and quarter of an hour, with their billable seconds."""

    campaign_id: str
    constituency_number: int
    quarter: int
    calls: int
    answered: int
    answered_seconds: float


class OptOutCount(NamedTuple):
    """The number of opt-outs of a campaign from one source, in one quarter of an hour."""

    campaign: str
    source: str
    quarter: int
    numbers: int


class WorkerCounts(NamedTuple):
    """A booth worker's calls, and the voters that the booth worker reported as voted."""

    worker_id: int
    constituency: int | None
    parts: str | None
    calls: int
    answered: int
    last_answered_at: float | None
    voted: int
    unknown_serials: int


class RollImport(NamedTuple):
    """An import of an electoral roll's file and the number of rows by result."""

    at: float
    file_name: str
    sha256: str
    rows: int
    voters: int
    numbers: int
    links: int
    rejected: int
    unchanged: int
    rejected_numbers: int | None
    portal: str
    mapping: str


class ComplaintRow(NamedTuple):
    """A complaint with the latest reply to it."""

    complaint_id: int
    at: float
    about: str
    channel: str
    campaign: str
    attempt: str
    call_agent: str
    entered_by: str
    opted_out_at: float | None
    answered_at: float | None
    answer: str | None
    answered_by: str | None


class CallCount(NamedTuple):
    """The number of calls placed for a campaign in one quarter of an hour."""

    campaign_id: str
    quarter: int
    calls: int


class OptOutsOfCampaign(NamedTuple):
    """The number of opt-outs of a campaign in one quarter of an hour."""

    campaign: str
    quarter: int
    numbers: int


class SQL(Statements):
    calls_by_quarter = Query(QuarterHourCounts)
    calls_by_constituency = Query(Expenditure)
    opt_outs_by_source = Query(OptOutCount)
    booth_workers = Query(WorkerCounts)
    roll_imports = Query(RollImport)


class COMPLAINTS(Statements, file="complaints.sql"):
    complaints = Query(ComplaintRow)
    placed_calls = Query(CallCount)
    opt_outs = Query(OptOutsOfCampaign)


def report_calls_by_hour(db: Connection, window: Window, zone: tzinfo, false_positive_share: float) -> Report:
    """Report attempts, answers, contacts, dispositions and abandoned calls by campaign, day and hour (local time of
    `zone`).

    A contact is a call in which the voter talked to an agent or heard the whole flow. Calls that were never placed do
    not count. `false_positive_share` is the profile's share of people among the calls taken for answering machines
    (0-1).
    """
    shares = read_false_positive_shares(db, false_positive_share)
    found = [
        (
            (row.campaign_id, *f"{datetime.fromtimestamp(row.quarter * QUARTER_SECONDS, zone):%Y-%m-%d %H:00}".split()),
            (*row[2:], shares.get_share_of_campaign(row.campaign_id) * row.taken_for_machines),
        )
        for row in window.query_rows_of_period(db, SQL.calls_by_quarter)
    ]
    columns = (
        *make_text_columns("campaign", "day", "hour"),
        *make_count_columns("attempts", "answered"),
        Column("answer_seizure_ratio", ColumnKind.SHARE, "asr"),
        *make_count_columns("contacts", "dispositions", "live_answers", "abandoned"),
        Column("abandoned_rate", ColumnKind.SHARE, "rate"),
    )

    def build_cells_of_hourly_row(counts: Sequence[Any]) -> tuple[Cell, ...]:
        attempts, answered, contacts, dispositions, *answers = counts
        live_answers, abandoned, _, rate = build_cells_with_abandoned_rate(answers)
        return attempts, answered, answered / attempts, contacts, dispositions, live_answers, abandoned, rate

    return build_report_with_total_row("hours", columns, found, build_cells_of_hourly_row)


def report_expenditure(db: Connection, window: Window, zone: tzinfo, candidates: Mapping[str, str]) -> Report:
    """Report calls by candidate, constituency and day (local time of `zone`), for a candidate's expenditure return.

    `candidates` maps a campaign's ID to the candidate who pays for its calls. A call counts in the constituency of the
    called voter, or of the booth worker's booth at that time. Calls that were never placed do not count.
    """
    found = (
        ((candidates.get(campaign) or NO_CANDIDATE, constituency, format_date_of_quarter_hour(quarter, zone)), counts)
        for campaign, constituency, quarter, *counts in window.query_rows_of_period(db, SQL.calls_by_constituency)
    )
    columns = (
        *make_text_columns("candidate", "constituency", "day"),
        *make_count_columns("calls", "answered"),
        Column("answered_seconds", ColumnKind.SECONDS, "on the line"),
    )
    return build_report_with_total_row("expenditure", columns, found)


def report_opt_outs(db: Connection, window: Window, zone: tzinfo) -> Report:
    """Report opt-outs by day (local time of `zone`), source and campaign.

    The column `campaign` is empty for opt-outs that were not made in a call.
    """
    rows = window.query_rows_of_period(db, SQL.opt_outs_by_source)
    found = (
        ((format_date_of_quarter_hour(quarter, zone), origin, campaign), [number])
        for campaign, origin, quarter, number in rows
    )
    return build_report_with_total_row(
        "opt-outs", (*make_text_columns("day", "source", "campaign"), Column("numbers")), found
    )


def report_booth_workers(db: Connection, window: Window, zone: tzinfo) -> Report:
    """Report each booth worker's calls, answered calls, last answered call, voters reported as voted, and unknown
    serials.

    An unknown serial is a reported number that no voter on the booth's roll has.
    """
    found = window.query_rows_of_period(db, SQL.booth_workers)
    rows: list[tuple[Cell, ...]] = [
        (
            *(row.worker_id, row.constituency, row.parts, row.calls, row.answered),
            *(format_time(row.last_answered_at, zone, "minutes"), row.voted, row.unknown_serials),
        )
        for row in found
    ]
    sums = [
        sum(each)
        for each in zip(*((row.calls, row.answered, row.voted, row.unknown_serials) for row in found), strict=True)
    ]
    return Report(
        "booth workers",
        (
            Column("worker"),
            Column("constituency", ColumnKind.TEXT, "AC"),
            Column("parts", ColumnKind.TEXT),
            *make_count_columns("calls", "answered"),
            Column("last_answered", ColumnKind.TEXT, "last"),
            Column("voted"),
            Column("unknown_serials", head="unknown"),
        ),
        tuple(rows),
        ("all", "", "", *sums[:2], "", *sums[2:]) if rows else None,
    )


def report_roll_imports(db: Connection, window: Window, zone: tzinfo) -> Report:
    """Report each import of an electoral roll: the file and its portal, SHA-256 hashes, and the number of rows by
    result.
    """
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (format_time(row.at, zone, "minutes"), *row[1:]) for row in window.query_rows_of_period(db, SQL.roll_imports)
    )
    return Report(
        "imports",
        (
            *make_text_columns("at", "file"),
            Column("sha256", ColumnKind.TEXT, in_table=False),
            *make_count_columns("rows", "voters", "numbers", "links", "rejected", "unchanged", "rejected_numbers"),
            Column("source", ColumnKind.TEXT),
            Column("mapping_sha256", ColumnKind.TEXT, in_table=False),
        ),
        rows,
    )


def report_complaints(db: Connection, window: Window, zone: tzinfo) -> Report:
    """Report each complaint that was made in the period of `window`, with the latest reply to it, and when the number
    concerned opted out.
    """
    rows: list[tuple[Cell, ...]] = []
    for row in window.query_rows_of_period(db, COMPLAINTS.complaints):
        made, opted_out, answered = (
            format_time(each, zone, "minutes") for each in (row.at, row.opted_out_at, row.answered_at)
        )
        rows.append(
            (
                *(row.complaint_id, made, row.about, row.channel, row.campaign, row.attempt, row.call_agent),
                *(row.entered_by, opted_out, row.answer or OPEN, answered, row.answered_by or ""),
            )
        )
    return Report(
        "complaints",
        (
            Column("complaint", ColumnKind.TEXT, "no."),
            Column("made_at", ColumnKind.TEXT, "made"),
            *make_text_columns("about", "channel", "campaign"),
            Column("attempt", ColumnKind.TEXT, in_table=False),
            Column("agent", ColumnKind.TEXT),
            Column("entered_by", ColumnKind.TEXT, "entered by"),
            Column("opted_out_at", ColumnKind.TEXT, "opted out"),
            Column("answer", ColumnKind.TEXT),
            Column("answered_at", ColumnKind.TEXT, "answered"),
            Column("answered_by", ColumnKind.TEXT, "by"),
        ),
        tuple(rows),
    )


def report_compliance(db: Connection, window: Window, zone: tzinfo) -> Report:
    """Report calls placed, opt-outs, complaints and open complaints, by day (local time of `zone`) and campaign.

    A complaint counts on the day it was made. The column `campaign` is empty for opt-outs and complaints that belong to
    no campaign.
    """
    found: list[tuple[tuple[str, str], list[int]]] = []
    for calls in window.query_rows_of_period(db, COMPLAINTS.placed_calls):
        found.append(((format_date_of_quarter_hour(calls.quarter, zone), calls.campaign_id), [calls.calls, 0, 0, 0]))
    for opted_out in window.query_rows_of_period(db, COMPLAINTS.opt_outs):
        found.append(
            ((format_date_of_quarter_hour(opted_out.quarter, zone), opted_out.campaign), [0, opted_out.numbers, 0, 0])
        )
    for _, at, _, _, campaign, *_, answer, _ in window.query_rows_of_period(db, COMPLAINTS.complaints):
        found.append(((format_date_of_quarter_hour(at / QUARTER_SECONDS, zone), campaign), [0, 0, 1, answer is None]))
    columns = (*make_text_columns("day", "campaign"), *make_count_columns("calls", "opt_outs", "complaints", "open"))
    return build_report_with_total_row("opt-outs and complaints", columns, found)
