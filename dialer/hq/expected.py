"""What a polling day is held against: the course that was expected, and what the election authority says, from a CSV."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

from dialer.domain.errors import RollError
from dialer.hq.accounts import HqBooks
from dialer.hq.database import columns
from dialer.settings.headquarters import ExpectedProgress

COLUMNS = ("state_code", "constituency_number", "part_number", "at", "electors", "percent")
MOST_ROWS = 2_000_000


def expected(course: Sequence[ExpectedProgress], minute: float) -> dict[str, float] | None:
    """How far the day should be at that minute of it: the shares reached and voted; None: no course is given. Before its first hour
    that is nothing, after the last it stays.
    """
    if not course:
        return None
    points = [(minute_of(each.at), each.contacted, each.voted) for each in course]
    if minute < points[0][0]:
        return {"reached": 0.0, "voted": 0.0}
    for (begin, *low), (end, *high) in pairwise(points):
        if minute < end:
            part = (minute - begin) / (end - begin)
            reached, voted = (a + (b - a) * part for a, b in zip(low, high, strict=True))
            return {"reached": reached, "voted": voted}
    return {"reached": points[-1][1], "voted": points[-1][2]}


def minute_of(at: str) -> float:
    hours, _, minutes = at.partition(":")
    return int(hours) * 60 + int(minutes)


@dataclass(frozen=True, slots=True)
class OfficialShare:
    """How many have voted, by the authority."""

    state_code: str
    constituency_number: int
    part_number: int  # 0: the constituency
    at: float  # epoch seconds
    electors: int
    share: float


def read_official(path: Path, zone: ZoneInfo) -> list[OfficialShare]:
    """The rows of the file. Raises RollError, with the line, for the first that is none."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            if missing := [name for name in COLUMNS if name not in (reader.fieldnames or ())]:
                raise RollError(f"{path}: lacks the column {missing[0]}: its first line is {','.join(COLUMNS)}")
            found = [_share_of(row, f"{path}:{reader.line_num}", zone) for row in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise RollError(f"{path} cannot be read as CSV: {error}") from error
    if not found or len(found) > MOST_ROWS:
        raise RollError(f"{path}: has {len(found)} rows: one to {MOST_ROWS:,} are taken")
    return found


def _share_of(row: Mapping[str, str | None], place: str, zone: ZoneInfo) -> OfficialShare:
    given = {name: (row.get(name) or "").strip() for name in COLUMNS}
    try:
        at = datetime.fromisoformat(given["at"])
        share = OfficialShare(
            given["state_code"],
            int(given["constituency_number"]),
            int(given["part_number"] or 0),
            (at if at.tzinfo is not None else at.replace(tzinfo=zone)).timestamp(),
            int(given["electors"]),
            float(given["percent"]) / 100,
        )
    except (ValueError, OverflowError) as error:
        raise RollError(f"{place}: is no figure of the turnout: {error}") from error
    numbers = (share.constituency_number, share.part_number, share.electors)
    if not share.state_code or not all(0 <= number < 2**31 for number in numbers) or not 0 <= share.share <= 1:
        raise RollError(f"{place}: is no figure of the turnout: a state, numbers from 0, and a percent of 0 to 100")
    return share


async def take_official(books: HqBooks, rows: list[OfficialShare]) -> None:
    """Keep them, all or nothing; one that is there already is replaced. Raises StoreError."""
    by_key = {astuple(row)[:4]: astuple(row) for row in rows}
    async with books.used() as db:
        await db.do("add_official", *columns(list(by_key.values()), 6))
