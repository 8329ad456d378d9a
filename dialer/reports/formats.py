"""A report, and how it is written as a table for a person, as CSV for a spreadsheet, or as JSON for a program."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from enum import StrEnum
from typing import Any

from rich import box
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from dialer.roll.rejects import without_formula

SHORT_SECONDS = 100.0  # up to here seconds are shown as such, beyond as hours, minutes and seconds

Cell = str | int | float | None


class ColumnKind(StrEnum):
    """What stands in a column."""

    TEXT = "text"
    COUNT = "count"
    SHARE = "share"  # 0..1
    SECONDS = "seconds"
    RATE = "rate"  # of something an hour


class Format(StrEnum):
    """How a report is written."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"
    XLSX = "xlsx"
    PDF = "pdf"


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its name in CSV and JSON, what stands in it, and its head in a table (empty: the name)."""

    name: str
    kind: ColumnKind = ColumnKind.COUNT
    head: str = ""
    in_table: bool = True  # False: too much for a screen, in CSV and JSON alone


def texts(*names: str) -> tuple[Column, ...]:
    """Columns of texts."""
    return tuple(Column(name, ColumnKind.TEXT) for name in names)


def unshown(*names: str) -> tuple[Column, ...]:
    """Columns of texts that are too much for a screen."""
    return tuple(Column(name, ColumnKind.TEXT, in_table=False) for name in names)


def figures(*names: str) -> tuple[Column, ...]:
    """Columns of counts."""
    return tuple(map(Column, names))


@dataclass(frozen=True, slots=True)
class Report:
    """Rows under columns, and one row over all of them where that means something."""

    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    total: tuple[Cell, ...] | None = None
    # What is said in a terminal where it has no rows; "": that nothing is recorded for the time asked for.
    empty: str = ""
    about: str = ""  # whose it is, of which time, and when it was made


def summed(
    title: str,
    columns: tuple[Column, ...],
    found: Iterable[tuple[tuple[Any, ...], Sequence[float]]],
    cells: Callable[[Sequence[Any]], tuple[Cell, ...]] = tuple,
) -> Report:
    """A row for each key that is `found`, in order, and one over all; `cells` makes those of a row of its sums."""
    sums: dict[tuple[Any, ...], list[float]] = {}
    for key, counts in found:
        before = sums.get(key) or [0] * len(counts)
        sums[key] = [earlier + number for earlier, number in zip(before, counts, strict=True)]
    rows = tuple((*key, *cells(counts)) for key, counts in sorted(sums.items()))
    if not rows:
        return Report(title, columns, ())
    over_all = cells([sum(each) for each in zip(*sums.values(), strict=True)])
    return Report(title, columns, rows, ("all", *[""] * (len(rows[0]) - len(over_all) - 1), *over_all))


def moment(at: float | None, zone: tzinfo, until: str = "seconds") -> str:
    """A moment (epoch seconds) as a day and a time of `zone`, to its "seconds" or "minutes"; "" where there is none."""
    return "" if at is None else datetime.fromtimestamp(at, zone).isoformat(" ", until)


def as_csv(report: Report) -> str:
    """Comma-separated (RFC 4180), a header line first; shares are 0..1. Without the total, so that a column may be summed."""
    written = io.StringIO()
    # With a bare LF, Python before 3.13 leaves a CR in a text unquoted.
    writer = csv.writer(written, lineterminator="\r\n")
    writer.writerow([column.name for column in report.columns])
    for row in report.rows:
        writer.writerow([without_formula(cell) if isinstance(cell, str) else _plain(cell) for cell in row])
    return written.getvalue()


def as_json(report: Report) -> str:
    """An object with `report`, `about`, `rows` (a list of objects) and `total` (an object or null)."""
    document = {
        "report": report.title,
        "about": report.about,
        "rows": [_object(report, row) for row in report.rows],
        "total": report.total and _object(report, report.total),
    }
    return json.dumps(document, indent=2, ensure_ascii=False)


def as_table(report: Report) -> Table:
    """A table for the terminal. Where it is too wide, texts are cut first."""
    table = Table(
        title=escape(report.title),
        title_justify="left",
        box=box.SIMPLE_HEAD,
        show_edge=False,
        padding=(0, 1, 0, 0),
        header_style="bold",
        footer_style="bold",
        show_footer=report.total is not None,
    )
    shown = [(index, column) for index, column in enumerate(report.columns) if column.in_table]
    for index, column in shown:
        is_text = column.kind is ColumnKind.TEXT
        table.add_column(
            column.head or column.name.replace("_", " "),
            footer="" if report.total is None else _shown(column, report.total[index]),
            justify="left" if is_text else "right",
            no_wrap=not is_text,  # rich makes only those narrower that may wrap; the cells below do not
        )
    for row in report.rows:
        table.add_row(*[_shown(column, row[index]) for index, column in shown])
    return table


def _object(report: Report, row: tuple[Cell, ...]) -> dict[str, Any]:
    return {column.name: _plain(cell) for column, cell in zip(report.columns, row, strict=True)}


def _plain(cell: Cell) -> Cell:
    return round(cell, 4) if isinstance(cell, float) else cell


def _shown(column: Column, cell: Cell) -> Text:
    return Text(shown_text(column, cell), no_wrap=True, overflow="ellipsis")


def shown_text(column: Column, cell: Cell) -> str:
    """A cell as a person reads it."""
    if cell is None:
        return "-"
    if isinstance(cell, str):
        # A control character in a name from a roll must not reach the terminal.
        return "".join(letter if letter.isprintable() else "?" for letter in cell)
    match column.kind:
        case ColumnKind.SHARE:
            return f"{cell * 100:.1f} %"
        case ColumnKind.TEXT:
            return str(cell)
        case ColumnKind.SECONDS:
            return f"{cell:.1f} s" if cell < SHORT_SECONDS else _hours(cell)
        case ColumnKind.RATE:
            return f"{cell:,.1f}"
        case ColumnKind.COUNT:
            return f"{cell:,.0f}"


def _hours(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}"
