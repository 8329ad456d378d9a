"""Reports that account for a campaign: by hour, expenditure, opt-outs, what was imported. No name and no number is in any."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, tzinfo

from dialer.domain.model import ANSWERED, LIVE_ANSWERS
from dialer.reports.formats import Cell, Column, ColumnKind, Report, figures, summed, texts
from dialer.reports.tables import QUARTER_SECONDS, Window
from dialer.store.source import Source
from dialer.store.sql import load_statements

SQL = load_statements("accounts", "dialer.reports")
NO_CANDIDATE = "(none named)"


async def hours(source: Source, window: Window, zone: tzinfo) -> Report:
    """Attempts, answers, conversations and abandoned calls by campaign, day and hour of `zone`."""
    parameters = {**window.parameters(), **_outcomes()}
    rows = await source.rows(SQL["hours"], parameters)
    found = [
        ((campaign, *f"{_local(quarter, zone):%Y-%m-%d %H:00}".split()), [int(number) for number in counts])
        for campaign, quarter, *counts in rows
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


async def expenditure(source: Source, window: Window, zone: tzinfo, candidates: Mapping[str, str]) -> Report:
    """Calls by candidate, constituency and day of `zone`: what an expenditure return asks for.

    `candidates`: on whose account a campaign calls, by its id. A call counts in the constituency of the voter it addressed,
    or where the booth worker stood when it was placed; calls that were refused before they were placed do not count.
    """
    rows = await source.rows(SQL["expenditure"], {**window.parameters(), **_outcomes()})
    found = (
        (
            (candidates.get(campaign) or NO_CANDIDATE, constituency, _day(quarter, zone)),
            (int(calls), int(answered), seconds),
        )
        for campaign, constituency, quarter, calls, answered, seconds in rows
    )
    columns = (
        *texts("candidate", "constituency", "day"),
        *figures("calls", "answered"),
        Column("answered_seconds", ColumnKind.SECONDS, "on the line"),
    )
    return summed("expenditure", columns, found)


async def opt_outs(source: Source, window: Window, zone: tzinfo) -> Report:
    """Numbers that opted out, by day of `zone`, source and campaign (none: not in a call of ours)."""
    rows = await source.rows(SQL["opt_outs"], window.parameters())
    found = (((_day(quarter, zone), origin, campaign), [number]) for campaign, origin, quarter, number in rows)
    return summed("opt-outs", (*texts("day", "source", "campaign"), Column("numbers")), found)


async def workers(source: Source, window: Window, zone: tzinfo) -> Report:
    """Each booth worker by id: how often called and heard, when last (in `zone`), of how many voters it was said that they have
    voted, and how many serials nobody has.
    """
    rows: list[tuple[Cell, ...]] = []
    sums = [0] * 4
    found = await source.rows(SQL["workers"], {**window.parameters(), **_outcomes()})
    for worker_id, constituency, parts, calls, answered, last, voted, unknown in found:
        counts = [int(calls), int(answered), int(voted), int(unknown)]
        sums = [earlier + number for earlier, number in zip(sums, counts, strict=True)]
        heard = "" if last is None else f"{datetime.fromtimestamp(last, UTC).astimezone(zone):%Y-%m-%d %H:%M}"
        rows.append((worker_id, constituency, parts, *counts[:2], heard, *counts[2:]))
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


async def imports(source: Source, window: Window, zone: tzinfo) -> Report:
    """Where the roll's data comes from: each import with its file, the file's hash, and what it brought."""
    found = await source.rows(SQL["imports"], window.parameters())
    rows = tuple(
        (datetime.fromtimestamp(at, UTC).astimezone(zone).isoformat(" ", "minutes"), *rest) for at, *rest in found
    )
    return Report(
        "imports",
        (
            *texts("at", "file"),
            Column("sha256", ColumnKind.TEXT, in_table=False),
            *figures("rows", "voters", "numbers", "links", "rejected", "unchanged"),
        ),
        rows,
    )


def _local(quarter: int, zone: tzinfo) -> datetime:
    return datetime.fromtimestamp(quarter * QUARTER_SECONDS, UTC).astimezone(zone)


def _day(quarter: int, zone: tzinfo) -> str:
    return _local(quarter, zone).date().isoformat()


def _outcomes() -> dict[str, str]:
    return {"answered": json.dumps(sorted(ANSWERED)), "live_answers": json.dumps(sorted(LIVE_ANSWERS))}
