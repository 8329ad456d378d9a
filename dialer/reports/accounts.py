"""Reports that account for a campaign: by hour, expenditure, opt-outs, complaints, imports. Ids only: no name, no number."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, tzinfo
from typing import NamedTuple

from dialer.reports.formats import Cell, Column, ColumnKind, Report, figures, moment, summed, texts
from dialer.reports.tables import QUARTER_SECONDS, Window, day_of
from dialer.store.connection import Connection
from dialer.store.sql import Query, Statements

OPEN = "open"
NO_CANDIDATE = "(none named)"


class HourCounts(NamedTuple):
    """Calls of a campaign in a quarter of an hour."""

    campaign_id: str
    quarter: int
    attempts: int
    answered: int
    connected: int
    abandoned: int


class Expenditure(NamedTuple):
    """Calls of a campaign in a constituency and a quarter of an hour."""

    campaign_id: str
    constituency_number: int
    quarter: int
    calls: int
    answered: int
    answered_seconds: float


class OptOutCount(NamedTuple):
    """Numbers that opted out in a quarter of an hour."""

    campaign: str
    source: str
    quarter: int
    numbers: int


class WorkerCounts(NamedTuple):
    """Calls to a booth worker, and their results."""

    worker_id: int
    constituency: int | None
    parts: str | None
    calls: int
    answered: int
    last_answered_at: float | None
    voted: int
    unknown_serials: int


class RollImport(NamedTuple):
    """An import of a roll."""

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
    """A complaint with the last answer to it."""

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
    """Calls placed in a quarter of an hour."""

    campaign_id: str
    quarter: int
    calls: int


class OptOutsOfCampaign(NamedTuple):
    """Numbers that opted out in a quarter of an hour."""

    campaign: str
    quarter: int
    numbers: int


class SQL(Statements):
    hours = Query(HourCounts)
    expenditure = Query(Expenditure)
    opt_outs = Query(OptOutCount)
    workers = Query(WorkerCounts)
    imports = Query(RollImport)


class COMPLAINTS(Statements, file="complaints.sql"):
    complaints = Query(ComplaintRow)
    calls = Query(CallCount)
    opt_outs = Query(OptOutsOfCampaign)


def hours(db: Connection, window: Window, zone: tzinfo) -> Report:
    """Attempts, answers, conversations and abandoned calls by campaign, day and hour of `zone`."""
    found = [
        ((campaign, *f"{datetime.fromtimestamp(quarter * QUARTER_SECONDS, zone):%Y-%m-%d %H:00}".split()), counts)
        for campaign, quarter, *counts in window.rows(db, SQL.hours)
    ]
    columns = (
        *texts("campaign", "day", "hour"),
        *figures("attempts", "answered"),
        Column("answered_share", ColumnKind.SHARE, "answered %"),
        *figures("connected", "abandoned"),
    )
    return summed("hours", columns, found, _hour_cells)


def _hour_cells(counts: Sequence[int]) -> tuple[Cell, ...]:
    attempts, answered, connected, abandoned = counts
    return attempts, answered, answered / attempts if attempts else None, connected, abandoned


def expenditure(db: Connection, window: Window, zone: tzinfo, candidates: Mapping[str, str]) -> Report:
    """Calls by candidate, constituency and day of `zone`: what an expenditure return asks for.

    `candidates`: on whose account a campaign calls, by its id. A call counts in the constituency of the voter it addressed,
    or where the booth worker stood when it was placed; calls that were refused before they were placed do not count.
    """
    found = (
        ((candidates.get(campaign) or NO_CANDIDATE, constituency, day_of(quarter, zone)), counts)
        for campaign, constituency, quarter, *counts in window.rows(db, SQL.expenditure)
    )
    columns = (
        *texts("candidate", "constituency", "day"),
        *figures("calls", "answered"),
        Column("answered_seconds", ColumnKind.SECONDS, "on the line"),
    )
    return summed("expenditure", columns, found)


def opt_outs(db: Connection, window: Window, zone: tzinfo) -> Report:
    """Numbers that opted out, by day of `zone`, source and campaign (none: not in a call of ours)."""
    rows = window.rows(db, SQL.opt_outs)
    found = (((day_of(quarter, zone), origin, campaign), [number]) for campaign, origin, quarter, number in rows)
    return summed("opt-outs", (*texts("day", "source", "campaign"), Column("numbers")), found)


def workers(db: Connection, window: Window, zone: tzinfo) -> Report:
    """Each booth worker by id: calls, answers and the last of them (in `zone`), voters told as voted, serials that nobody has."""
    found = window.rows(db, SQL.workers)
    rows: list[tuple[Cell, ...]] = [
        (
            *(row.worker_id, row.constituency, row.parts, row.calls, row.answered),
            *(moment(row.last_answered_at, zone, "minutes"), row.voted, row.unknown_serials),
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
            *figures("calls", "answered"),
            Column("last_answered", ColumnKind.TEXT, "last"),
            Column("voted"),
            Column("unknown_serials", head="unknown"),
        ),
        tuple(rows),
        ("all", "", "", *sums[:2], "", *sums[2:]) if rows else None,
    )


def imports(db: Connection, window: Window, zone: tzinfo) -> Report:
    """Where the roll comes from: each import's file and hash, what it brought, its source of [[sources]], the map file's hash."""
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (moment(row.at, zone, "minutes"), *row[1:]) for row in window.rows(db, SQL.imports)
    )
    return Report(
        "imports",
        (
            *texts("at", "file"),
            Column("sha256", ColumnKind.TEXT, in_table=False),
            *figures("rows", "voters", "numbers", "links", "rejected", "unchanged", "rejected_numbers"),
            Column("source", ColumnKind.TEXT),
            Column("mapping_sha256", ColumnKind.TEXT, in_table=False),
        ),
        rows,
    )


def complaints(db: Connection, window: Window, zone: tzinfo) -> Report:
    """Each complaint that was made in the window, the last answer to it, and when its number opted out."""
    rows: list[tuple[Cell, ...]] = []
    for row in window.rows(db, COMPLAINTS.complaints):
        made, opted_out, answered = (
            moment(each, zone, "minutes") for each in (row.at, row.opted_out_at, row.answered_at)
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
            *texts("about", "channel", "campaign"),
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


def compliance(db: Connection, window: Window, zone: tzinfo) -> Report:
    """Calls placed, opt-outs, complaints (by the day made) and those still open, by day of `zone` and campaign ("": of none)."""
    found: list[tuple[tuple[str, str], list[int]]] = []
    for calls in window.rows(db, COMPLAINTS.calls):
        found.append(((day_of(calls.quarter, zone), calls.campaign_id), [calls.calls, 0, 0, 0]))
    for opted_out in window.rows(db, COMPLAINTS.opt_outs):
        found.append(((day_of(opted_out.quarter, zone), opted_out.campaign), [0, opted_out.numbers, 0, 0]))
    for _, at, _, _, campaign, *_, answer, _ in window.rows(db, COMPLAINTS.complaints):
        found.append(((day_of(at / QUARTER_SECONDS, zone), campaign), [0, 0, 1, answer is None]))
    columns = (*texts("day", "campaign"), *figures("calls", "opt_outs", "complaints", "open"))
    return summed("opt-outs and complaints", columns, found)
