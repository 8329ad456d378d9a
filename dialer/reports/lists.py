"""Lists of voters per polling station, for booth workers: strike-off sheets of pending voters, and voters who said "not yet"."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from dialer.reports.formats import Cell, Column, ColumnKind, Report, make_count_columns, make_text_columns
from dialer.reports.paper import PdfDocument
from dialer.store.connection import Connection
from dialer.store.sql import Query, Statements

BOX = "[   ]"
_WIDTHS = (6, 8, 34, 22, 14, 6, 5, 8)


class BoothOfList(NamedTuple):
    """A polling station (booth), with the fields that are printed on its list of voters."""

    booth_id: int
    constituency_number: int
    part_number: int
    name: str
    name_local: str
    closes_at: str
    roll_version: str


class ListedVoter(NamedTuple):
    """A voter on the list of a polling station (booth), with the hour at which the voter plans to vote."""

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
    """The kind of a list for a polling station (booth), which decides which voters are on it."""

    STRIKE_OFF = "strike-off"  # all pending voters, with a box to tick
    NOT_YET = "not-yet"  # pending voters who said that they had not voted yet


@dataclass(frozen=True, slots=True)
class BoothList:
    """A polling station (booth) with the voters on its list for booth workers."""

    constituency_number: int
    part_number: int
    booth: str
    closes_at: str
    roll_version: str
    rows: tuple[tuple[Cell, ...], ...]  # serial, name, name in the local script, house, age, sex, planned hour


_COLUMNS = (
    Column("voted", ColumnKind.TEXT),
    Column("serial"),
    Column("name", ColumnKind.TEXT),
    Column("name_local", ColumnKind.TEXT, "local name"),
    Column("house", ColumnKind.TEXT),
    Column("age"),
    *make_text_columns("sex", "says"),
)


def load_voter_lists_of_booths(
    db: Connection, kind: ListKind, constituency: int | None = None, part: int | None = None
) -> list[BoothList]:
    """Return the lists of voters for the polling stations (booths) of a constituency, of a part, or of the whole roll.

    Booths without voters to list are left out.
    """
    statement = SQL.strike_off if kind is ListKind.STRIKE_OFF else SQL.not_yet
    lists = []
    for booth in SQL.booths.iterate_rows(db, constituency=constituency, part=part):
        rows = tuple(statement.iterate_rows(db, booth=booth.booth_id))
        if rows:
            area, name = (booth.constituency_number, booth.part_number), booth.name or booth.name_local
            lists.append(BoothList(*area, name, booth.closes_at, booth.roll_version, rows))
    return lists


def render_lists_as_pdf(lists: list[BoothList], kind: ListKind, *, mark: str) -> bytes:
    """Return the lists of voters as a PDF. Each polling station starts on a new page.

    `mark` is printed on every page: the recipient and the number of the list.
    """
    page = PdfDocument(mark)
    for place, booth in enumerate(lists):
        if place:
            page.add_page()
        page.write_heading(format_booth_list_heading(booth, kind))
        page.write_table(
            _COLUMNS, ([BOX, *("" if cell is None else str(cell) for cell in row)] for row in booth.rows), _WIDTHS
        )
    return bytes(page.output())


def format_booth_list_heading(booth: BoothList, kind: ListKind) -> str:
    """Return the heading of a polling station's list: area, booth, number of voters, close of poll, and roll version."""
    area = f"AC {booth.constituency_number}, part {booth.part_number}"
    status = "still to vote" if kind is ListKind.STRIKE_OFF else "said: not yet"
    closes = f"closes {booth.closes_at}" if booth.closes_at else "close of poll not known"
    name = f"{area}: {booth.booth}" if booth.booth else area
    return f"{name} - {status}: {len(booth.rows)} - {closes} - roll {booth.roll_version}"


def build_report_of_voter_lists(lists: list[BoothList], kind: ListKind) -> Report:
    """Return the lists of voters of all polling stations (booths) as one report.

    Its column `voted` is empty: booth workers fill it in, and `dialer marks import` reads it.
    """
    return Report(
        kind.value,
        (
            *make_count_columns("constituency", "part"),
            *make_text_columns("booth", "closes_at", "roll_version"),
            *_COLUMNS,
        ),
        tuple(
            (booth.constituency_number, booth.part_number, booth.booth, booth.closes_at, booth.roll_version, "", *row)
            for booth in lists
            for row in booth.rows
        ),
    )
