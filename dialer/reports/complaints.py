"""Complaints about calls, and the compliance officer's page: calls, opt-outs and complaints by day and campaign. Ids only."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime, tzinfo

from dialer.reports.formats import Cell, Column, ColumnKind, Report
from dialer.reports.tables import QUARTER_SECONDS, Window
from dialer.store.source import Source
from dialer.store.sql import load_statements

SQL = load_statements("complaints", "dialer.reports")
OPEN = "open"


async def listed(source: Source, window: Window, zone: tzinfo) -> Report:
    """Each complaint that was made in the window, the last answer to it, and when its number opted out."""
    rows: list[tuple[Cell, ...]] = []
    for number, at, *rest, opted_out_at, answered_at, answer, answered_by in await source.rows(
        SQL["complaints"], window.parameters()
    ):
        told: tuple[Cell, ...] = (
            _moment(opted_out_at, zone),
            answer or OPEN,
            _moment(answered_at, zone),
            answered_by or "",
        )
        rows.append((number, _moment(at, zone), *rest, *told))
    return Report(
        "complaints",
        (
            Column("complaint", ColumnKind.TEXT, "no."),
            Column("made_at", ColumnKind.TEXT, "made"),
            Column("about", ColumnKind.TEXT),
            Column("channel", ColumnKind.TEXT),
            Column("campaign", ColumnKind.TEXT),
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


async def compliance(source: Source, window: Window, zone: tzinfo) -> Report:
    """Calls placed, numbers that opted out, complaints and those without an answer, by day of `zone` and campaign (none: not of
    a call of ours). A complaint counts on the day on which it was made.
    """
    sums: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0] * 4)
    for place, name in enumerate(("calls", "opt_outs")):
        for campaign, quarter, number in await source.rows(SQL[name], window.parameters()):
            sums[_day(quarter * QUARTER_SECONDS, zone), campaign][place] += number
    for _, at, _, _, campaign, *_, answer, _ in await source.rows(SQL["complaints"], window.parameters()):
        found = sums[_day(at, zone), campaign]
        found[2] += 1
        found[3] += answer is None
    rows: tuple[tuple[Cell, ...], ...] = tuple((*key, *counts) for key, counts in sorted(sums.items()))
    whole = [sum(counts[place] for counts in sums.values()) for place in range(4)]
    return Report(
        "opt-outs and complaints",
        (
            Column("day", ColumnKind.TEXT),
            Column("campaign", ColumnKind.TEXT),
            Column("calls"),
            Column("opt_outs"),
            Column("complaints"),
            Column("open"),
        ),
        rows,
        ("all", "", *whole) if rows else None,
    )


def _moment(at: float | None, zone: tzinfo) -> str:
    return "" if at is None else datetime.fromtimestamp(at, UTC).astimezone(zone).isoformat(" ", "minutes")


def _day(at: float, zone: tzinfo) -> str:
    return datetime.fromtimestamp(at, UTC).astimezone(zone).date().isoformat()
