"""Reports on the calls of each trunk: how they ended by SIP status, and seizures by hour."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, tzinfo
from typing import NamedTuple

from dialer.reports.formats import (
    Cell,
    Column,
    ColumnKind,
    Report,
    build_report_with_total_row,
    make_count_columns,
    make_text_columns,
)
from dialer.reports.tables import QUARTER_SECONDS, Window
from dialer.store.connection import Connection
from dialer.store.sql import Query, Statements


class StatusCount(NamedTuple):
    """The number of a trunk's calls with one outcome and one SIP status ("": none)."""

    trunk: str
    outcome_or_live: str
    status: str
    calls: int


class TrunkQuarter(NamedTuple):
    """Calls and answered calls of a trunk in one quarter of an hour."""

    trunk: str
    quarter: int
    calls: int
    answered: int


class SQL(Statements):
    calls_by_status = Query(StatusCount)
    calls_by_quarter = Query(TrunkQuarter)


def report_trunk_calls_by_status(db: Connection, window: Window) -> Report:
    """Report the number and share of each trunk's calls by outcome and SIP status."""
    rows = [*window.query_rows_of_period(db, SQL.calls_by_status)]
    totals: dict[str, int] = defaultdict(int)
    for row in rows:
        totals[row.trunk] += row.calls
    return Report(
        "trunks by status",
        (
            *make_text_columns("trunk", "outcome", "sip_status"),
            Column("calls"),
            Column("share", ColumnKind.SHARE),
        ),
        tuple((*row, row.calls / totals[row.trunk]) for row in rows),
        ("all", "", "", sum(totals.values()), None) if rows else None,
    )


def report_trunk_calls_by_hour(db: Connection, window: Window, zone: tzinfo) -> Report:
    """Report seizures, answered calls and their ratio by trunk, day and hour (local time of `zone`)."""
    found = (
        ((row.trunk, *f"{datetime.fromtimestamp(row.quarter * QUARTER_SECONDS, zone):%Y-%m-%d %H:00}".split()), row[2:])
        for row in window.query_rows_of_period(db, SQL.calls_by_quarter)
    )
    columns = (
        *make_text_columns("trunk", "day", "hour"),
        *make_count_columns("seizures", "answered"),
        Column("answer_seizure_ratio", ColumnKind.SHARE, "asr"),
    )
    return build_report_with_total_row("trunks by hour", columns, found, _build_seizure_cells)


def _build_seizure_cells(counts: Sequence[int]) -> tuple[Cell, ...]:
    seizures, answered = counts
    return seizures, answered, answered / seizures
