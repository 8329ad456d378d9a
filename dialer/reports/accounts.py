"""Reports that account for a campaign: by hour, expenditure, opt-outs, what was imported. No name and no number is in any."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping
from datetime import UTC, datetime, tzinfo

from dialer.domain.model import ANSWERED, LIVE_ANSWERS
from dialer.reports.formats import Cell, Column, ColumnKind, Report
from dialer.reports.tables import QUARTER_SECONDS, Window
from dialer.store.source import Source
from dialer.store.sql import load_statements

SQL = load_statements("accounts", "dialer.reports")
NO_CANDIDATE = "(none named)"


async def hours(source: Source, window: Window, zone: tzinfo) -> Report:
    """Attempts, answers, conversations and abandoned calls by campaign, day and hour of `zone`."""
    parameters = {**window.parameters(), **_outcomes()}
    sums: dict[tuple[str, str, str], list[int]] = defaultdict(lambda: [0] * 4)
    for campaign, quarter, *counts in await source.rows(SQL["hours"], parameters):
        local = _local(quarter, zone)
        found = sums[campaign, local.date().isoformat(), f"{local:%H}:00"]
        for place, number in enumerate(counts):
            found[place] += int(number)
    rows = tuple((*key, *_hour_cells(counts)) for key, counts in sorted(sums.items()))
    whole = [sum(counts[place] for counts in sums.values()) for place in range(4)]
    return Report(
        "hours",
        (
            Column("campaign", ColumnKind.TEXT),
            Column("day", ColumnKind.TEXT),
            Column("hour", ColumnKind.TEXT),
            Column("attempts"),
            Column("answered"),
            Column("answered_share", ColumnKind.SHARE, "answered %"),
            Column("connected"),
            Column("abandoned"),
        ),
        rows,
        ("all", "", "", *_hour_cells(whole)) if rows else None,
    )


def _hour_cells(counts: list[int]) -> tuple[Cell, ...]:
    attempts, answered, connected, abandoned = counts
    return attempts, answered, answered / attempts if attempts else None, connected, abandoned


async def expenditure(source: Source, window: Window, zone: tzinfo, candidates: Mapping[str, str]) -> Report:
    """Calls by candidate, constituency and day of `zone`: what an expenditure return asks for.

    `candidates`: on whose account a campaign calls, by its id. A call counts in the constituency of the voter it addressed,
    or where the booth worker stood when it was placed; calls that were refused before they were placed do not count.
    """
    sums: dict[tuple[str, int, str], list[float]] = defaultdict(lambda: [0.0] * 3)
    for campaign, constituency, quarter, *counts in await source.rows(
        SQL["expenditure"], {**window.parameters(), **_outcomes()}
    ):
        day = _local(quarter, zone).date().isoformat()
        found = sums[candidates.get(campaign) or NO_CANDIDATE, constituency, day]
        for place, number in enumerate(counts):
            found[place] += number
    rows = tuple((*key, int(calls), int(answered), seconds) for key, (calls, answered, seconds) in sorted(sums.items()))
    whole = [sum(counts[place] for counts in sums.values()) for place in range(3)]
    return Report(
        "expenditure",
        (
            Column("candidate", ColumnKind.TEXT),
            Column("constituency", ColumnKind.TEXT),
            Column("day", ColumnKind.TEXT),
            Column("calls"),
            Column("answered"),
            Column("answered_seconds", ColumnKind.SECONDS, "on the line"),
        ),
        rows,
        ("all", "", "", int(whole[0]), int(whole[1]), whole[2]) if rows else None,
    )


async def opt_outs(source: Source, window: Window, zone: tzinfo) -> Report:
    """Numbers that opted out, by day of `zone`, source and campaign (none: not in a call of ours)."""
    sums: dict[tuple[str, str, str], int] = defaultdict(int)
    for campaign, origin, quarter, number in await source.rows(SQL["opt_outs"], window.parameters()):
        sums[_local(quarter, zone).date().isoformat(), origin, campaign] += number
    rows = tuple((*key, number) for key, number in sorted(sums.items()))
    return Report(
        "opt-outs",
        (
            Column("day", ColumnKind.TEXT),
            Column("source", ColumnKind.TEXT),
            Column("campaign", ColumnKind.TEXT),
            Column("numbers"),
        ),
        rows,
        ("all", "", "", sum(sums.values())) if rows else None,
    )


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
            Column("calls"),
            Column("answered"),
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
            Column("at", ColumnKind.TEXT),
            Column("file", ColumnKind.TEXT),
            Column("sha256", ColumnKind.TEXT, in_table=False),
            Column("rows"),
            Column("voters"),
            Column("numbers"),
            Column("links"),
            Column("rejected"),
            Column("unchanged"),
        ),
        rows,
    )


def _local(quarter: int, zone: tzinfo) -> datetime:
    return datetime.fromtimestamp(quarter * QUARTER_SECONDS, UTC).astimezone(zone)


def _outcomes() -> dict[str, str]:
    return {"answered": json.dumps(sorted(ANSWERED)), "live_answers": json.dumps(sorted(LIVE_ANSWERS))}
