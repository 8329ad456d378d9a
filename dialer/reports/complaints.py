"""Complaints about calls, and the compliance officer's page: calls, opt-outs and complaints by day and campaign. Ids only."""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo

from dialer.reports.formats import Cell, Column, ColumnKind, Report, figures, summed, texts
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


async def compliance(source: Source, window: Window, zone: tzinfo) -> Report:
    """Calls placed, numbers that opted out, complaints and those without an answer, by day of `zone` and campaign (none: not of
    a call of ours). A complaint counts on the day on which it was made.
    """
    found: list[tuple[tuple[str, str], list[int]]] = []
    for place, name in enumerate(("calls", "opt_outs")):
        for campaign, quarter, number in await source.rows(SQL[name], window.parameters()):
            counts = [0, 0, 0, 0]
            counts[place] = number
            found.append(((_day(quarter * QUARTER_SECONDS, zone), campaign), counts))
    for _, at, _, _, campaign, *_, answer, _ in await source.rows(SQL["complaints"], window.parameters()):
        found.append(((_day(at, zone), campaign), [0, 0, 1, answer is None]))
    columns = (*texts("day", "campaign"), *figures("calls", "opt_outs", "complaints", "open"))
    return summed("opt-outs and complaints", columns, found)


def _moment(at: float | None, zone: tzinfo) -> str:
    return "" if at is None else datetime.fromtimestamp(at, UTC).astimezone(zone).isoformat(" ", "minutes")


def _day(at: float, zone: tzinfo) -> str:
    return datetime.fromtimestamp(at, UTC).astimezone(zone).date().isoformat()
