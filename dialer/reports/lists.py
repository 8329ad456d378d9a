"""Lists of voters per booth, for the booth workers: who is still to vote, as sheets to strike off, and who said "not yet"."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from dialer.reports.formats import Cell, Column, ColumnKind, Report, figures, texts
from dialer.reports.paper import PaperPage
from dialer.store.connection import Connection
from dialer.store.sql import Query, Statements

BOX = "[   ]"
_WIDTHS = (6, 8, 34, 22, 14, 6, 5, 8)


class BoothOfList(NamedTuple):
    """A booth whose voters are listed."""

    booth_id: int
    constituency_number: int
    part_number: int
    name: str
    name_local: str
    closes_at: str
    roll_version: str


class ListedVoter(NamedTuple):
    """A voter on a list."""

    serial: int
    name: str
    name_local: str
    house: str
    age: int | None
    sex: str
    hour: str


class SQL(Statements):
    booths = Query(BoothOfList)
    strike_off = Query(ListedVoter)
    not_yet = Query(ListedVoter)


class ListKind(StrEnum):
    """Which list."""

    STRIKE_OFF = "strike-off"  # all who are still to vote, with a box to tick
    NOT_YET = "not-yet"  # those who said that they had not voted yet


@dataclass(frozen=True, slots=True)
class BoothList:
    """The list of one booth."""

    constituency_number: int
    part_number: int
    booth: str
    closes_at: str
    roll_version: str
    rows: tuple[tuple[Cell, ...], ...]  # serial, name, name in the local script, house, age, sex, hour named


_COLUMNS = (
    Column("voted", ColumnKind.TEXT),
    Column("serial"),
    Column("name", ColumnKind.TEXT),
    Column("name_local", ColumnKind.TEXT, "local name"),
    Column("house", ColumnKind.TEXT),
    Column("age"),
    *texts("sex", "says"),
)


def booth_lists(
    db: Connection, kind: ListKind, constituency: int | None = None, part: int | None = None
) -> list[BoothList]:
    """The lists of a constituency or a part, or of all booths; booths with nobody on their list are left out."""
    statement = SQL.strike_off if kind is ListKind.STRIKE_OFF else SQL.not_yet
    lists = []
    for booth in SQL.booths.rows(db, constituency=constituency, part=part):
        rows = tuple(statement.rows(db, booth=booth.booth_id))
        if rows:
            area, name = (booth.constituency_number, booth.part_number), booth.name or booth.name_local
            lists.append(BoothList(*area, name, booth.closes_at, booth.roll_version, rows))
    return lists


def as_sheets(lists: list[BoothList], kind: ListKind, *, mark: str) -> bytes:
    """A PDF, each booth from a page of its own; `mark` stands on every page: for whom the list was made, and its number."""
    page = PaperPage(mark)
    for place, booth in enumerate(lists):
        if place:
            page.add_page()
        page.heading(heading(booth, kind))
        page.lines(
            _COLUMNS, ([BOX, *("" if cell is None else str(cell) for cell in row)] for row in booth.rows), _WIDTHS
        )
    return bytes(page.output())


def heading(booth: BoothList, kind: ListKind) -> str:
    """What stands above a booth's list, without holes for what is not known."""
    area = f"AC {booth.constituency_number}, part {booth.part_number}"
    said = "still to vote" if kind is ListKind.STRIKE_OFF else "said: not yet"
    closes = f"closes {booth.closes_at}" if booth.closes_at else "close of poll not known"
    name = f"{area}: {booth.booth}" if booth.booth else area
    return f"{name} - {said}: {len(booth.rows)} - {closes} - roll {booth.roll_version}"


def as_report(lists: list[BoothList], kind: ListKind) -> Report:
    """The same as one table, for a spreadsheet; what is written into its column voted, `dialer marks import` takes."""
    return Report(
        kind.value,
        (
            *figures("constituency", "part"),
            *texts("booth", "closes_at", "roll_version"),
            *_COLUMNS,
        ),
        tuple(
            (booth.constituency_number, booth.part_number, booth.booth, booth.closes_at, booth.roll_version, "", *row)
            for booth in lists
            for row in booth.rows
        ),
    )
