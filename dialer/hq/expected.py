"""Figures for comparison on a polling day: the expected progress, and official turnout imported from a CSV file."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo

from dialer.domain.errors import RollError
from dialer.hq.page_database import PageDatabase
from dialer.hq.page_records import ExpectedShares
from dialer.hq.sql import Command, convert_rows_to_columns
from dialer.settings.headquarters import ExpectedProgress
from dialer.store.sql import Statements

COLUMNS = ("state_code", "constituency_number", "part_number", "at", "electors", "percent")
MAX_ROWS = 2_000_000


class SQL(Statements):
    set_official_turnout = Command()


def compute_expected_turnout_progress(curve: Sequence[ExpectedProgress], minute: float) -> ExpectedShares | None:
    """Return the progress expected at a minute of the polling day, or None if `curve` (expected turnout curve) is
    empty.

    The progress is the share (0-1) of completed phone numbers, and the share of voters who have voted. Both are 0
    before the curve's first time, interpolated between its times, and constant after its last time.
    """
    if not curve:
        return None
    points = [(parse_minute_of_day(each.at), each.contacted, each.voted) for each in curve]
    if minute < points[0][0]:
        return {"contacted": 0.0, "voted": 0.0}
    for (begin, *low), (end, *high) in pairwise(points):
        if minute < end:
            part = (minute - begin) / (end - begin)
            contacted, voted = (a + (b - a) * part for a, b in zip(low, high, strict=True))
            return {"contacted": contacted, "voted": voted}
    return {"contacted": points[-1][1], "voted": points[-1][2]}


def parse_minute_of_day(at: str) -> float:
    """Return the minutes from midnight to a time such as 09:30."""
    hours, _, minutes = at.partition(":")
    return int(hours) * 60 + int(minutes)


class OfficialTurnout(NamedTuple):
    """The official turnout of a constituency or a polling station at one time."""

    state_code: str
    constituency_number: int
    part_number: int  # 0: the whole constituency
    at: float  # epoch seconds
    electors: int
    share: float  # of the electors who have voted (0-1)


def read_official_turnout(path: Path, zone: ZoneInfo) -> list[OfficialTurnout]:
    """Return the rows of a CSV file of official turnout. Raises RollError for the first faulty line.

    Times without an offset from UTC are in the time zone `zone`.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            if missing := [name for name in COLUMNS if name not in (reader.fieldnames or ())]:
                raise RollError(
                    f"{path}: the column {missing[0]} is missing: the first line must be {','.join(COLUMNS)}"
                )
            rows = [_parse_official_turnout_row(row, f"{path}:{reader.line_num}", zone) for row in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise RollError(
            f"{path}: the file of turnout figures cannot be read as CSV ({error}): export it again as CSV"
        ) from error
    if not rows or len(rows) > MAX_ROWS:
        raise RollError(
            f"{path}: the file must have 1 to {MAX_ROWS:,} turnout figures (has {len(rows)}): correct the file"
        )
    return rows


def _parse_official_turnout_row(row: Mapping[str, str | None], location: str, zone: ZoneInfo) -> OfficialTurnout:
    cells = {name: (row.get(name) or "").strip() for name in COLUMNS}
    try:
        at = datetime.fromisoformat(cells["at"])
        turnout = OfficialTurnout(
            cells["state_code"],
            int(cells["constituency_number"]),
            int(cells["part_number"] or 0),
            (at if at.tzinfo is not None else at.replace(tzinfo=zone)).timestamp(),
            int(cells["electors"]),
            float(cells["percent"]) / 100,
        )
    except (ValueError, OverflowError) as error:
        raise RollError(f"{location}: the row is not a turnout figure ({error}): correct this row") from error
    numbers = (turnout.constituency_number, turnout.part_number, turnout.electors)
    if not turnout.state_code or not all(0 <= number < 2**31 for number in numbers) or not 0 <= turnout.share <= 1:
        raise RollError(
            f"{location}: the row is not a turnout figure: give a state, numbers from 0, and a percentage from 0 to 100"
        )
    return turnout


async def store_official_turnout(database: PageDatabase, rows: Sequence[OfficialTurnout]) -> None:
    """Store official turnout figures, either all or none. Raises StoreError.

    A figure replaces an earlier figure of the same area and time.
    """
    by_key = {row[:4]: row for row in rows}
    async with database.open_transaction() as db:
        await SQL.set_official_turnout.run_statement(db, *convert_rows_to_columns(list(by_key.values()), 6))
