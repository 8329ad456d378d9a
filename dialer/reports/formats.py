"""Reports and their text formats: a table for the terminal, CSV for spreadsheets, JSON for programs."""

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

from dialer.roll.rejects import escape_spreadsheet_formula

SHORT_SECONDS = 100.0  # shorter times are shown in seconds, longer ones as h:mm:ss

Cell = str | int | float | None


class ColumnKind(StrEnum):
    """The type of the values in a report's column."""

    TEXT = "text"
    COUNT = "count"
    SHARE = "share"  # 0-1
    SECONDS = "seconds"
    RATE = "rate"  # per hour


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a report: its name in files, the type of its values, and its heading in the terminal."""

    name: str
    kind: ColumnKind = ColumnKind.COUNT
    head: str = ""  # "": the name
    in_table: bool = True  # False: only in CSV, JSON and XLSX, because the terminal and PDF pages are too narrow


def make_text_columns(*names: str) -> tuple[Column, ...]:
    """Return report columns of texts with these names."""
    return tuple(Column(name, ColumnKind.TEXT) for name in names)


def make_columns_for_files_only(*names: str) -> tuple[Column, ...]:
    """Return report columns of texts that are written to files but not shown in the terminal."""
    return tuple(Column(name, ColumnKind.TEXT, in_table=False) for name in names)


def make_count_columns(*names: str) -> tuple[Column, ...]:
    """Return report columns of counts with these names."""
    return tuple(map(Column, names))


@dataclass(frozen=True, slots=True)
class Report:
    """A report: a titled table with typed columns and, where sums make sense, a row of totals."""

    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    total: tuple[Cell, ...] | None = None
    empty: str = ""  # message for the terminal if there are no rows; "": a general one about the period
    about: str = ""  # the centre, the period covered, and the time at which the report was made


def build_report_with_total_row(
    title: str,
    columns: tuple[Column, ...],
    found: Iterable[tuple[tuple[Any, ...], Sequence[float]]],
    cells: Callable[[Sequence[Any]], tuple[Cell, ...]] = tuple,
) -> Report:
    """Return a report that adds up counts by key, such as campaign and day, with a row for each key and a row of
    totals.

    `found` has pairs of a key (the first cells of a row) and the counts to add. `cells` converts the sums of a row to
    the row's other cells.
    """
    sums: dict[tuple[Any, ...], list[float]] = {}
    for key, counts in found:
        before = sums.get(key) or [0] * len(counts)
        sums[key] = [earlier + number for earlier, number in zip(before, counts, strict=True)]
    rows = tuple((*key, *cells(counts)) for key, counts in sorted(sums.items()))
    if not rows:
        return Report(title, columns, ())
    over_all = cells([sum(each) for each in zip(*sums.values(), strict=True)])
    return Report(title, columns, rows, ("all", *[""] * (len(rows[0]) - len(over_all) - 1), *over_all))


def format_time(at: float | None, zone: tzinfo, until: str = "seconds") -> str:
    """Return a time (epoch seconds) as ISO date and time in `zone`, with seconds, or to the minute if `until` is
    "minutes". None becomes "".
    """
    return "" if at is None else datetime.fromtimestamp(at, zone).isoformat(" ", until)


def format_report_as_csv(report: Report) -> str:
    """Return the report as CSV (RFC 4180) with a header line, and without the row of totals, so that columns can be summed."""
    written = io.StringIO()
    # With "\n" as terminator, Python before 3.13 does not quote a text that contains a CR.
    writer = csv.writer(written, lineterminator="\r\n")
    writer.writerow([column.name for column in report.columns])
    for row in report.rows:
        writer.writerow(
            [escape_spreadsheet_formula(cell) if isinstance(cell, str) else _round_cell_value(cell) for cell in row]
        )
    return written.getvalue()


def format_report_as_json(report: Report) -> str:
    """Return the report as a JSON object with `report` (its title), `about`, `rows` (objects) and `total` (object or null)."""
    document = {
        "report": report.title,
        "about": report.about,
        "rows": [_build_json_object_of_row(report, row) for row in report.rows],
        "total": report.total and _build_json_object_of_row(report, report.total),
    }
    return json.dumps(document, indent=2, ensure_ascii=False)


def format_report_as_table(report: Report) -> Table:
    """Return the report as a table for the terminal. If it is too wide, texts are shortened, but numbers are not."""
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
            footer="" if report.total is None else _build_terminal_text_of_cell(column, report.total[index]),
            justify="left" if is_text else "right",
            no_wrap=not is_text,  # rich narrows only columns that may wrap; the cells themselves do not wrap
        )
    for row in report.rows:
        table.add_row(*[_build_terminal_text_of_cell(column, row[index]) for index, column in shown])
    return table


def _build_json_object_of_row(report: Report, row: tuple[Cell, ...]) -> dict[str, Any]:
    return {column.name: _round_cell_value(cell) for column, cell in zip(report.columns, row, strict=True)}


def _round_cell_value(cell: Cell) -> Cell:
    return round(cell, 4) if isinstance(cell, float) else cell


def _build_terminal_text_of_cell(column: Column, cell: Cell) -> Text:
    return Text(format_cell_for_people(column, cell), no_wrap=True, overflow="ellipsis")


def format_cell_for_people(column: Column, cell: Cell) -> str:
    """Return a cell as text for people, such as "12.3 %" or "0:02:15"."""
    if cell is None:
        return "-"
    if isinstance(cell, str):
        # Control characters in a name on a roll must not reach the terminal.
        return "".join(letter if letter.isprintable() else "?" for letter in cell)
    match column.kind:
        case ColumnKind.SHARE:
            return f"{cell * 100:.1f} %"
        case ColumnKind.TEXT:
            return str(cell)
        case ColumnKind.SECONDS:
            return f"{cell:.1f} s" if cell < SHORT_SECONDS else _format_seconds_as_hours(cell)
        case ColumnKind.RATE:
            return f"{cell:,.1f}"
        case ColumnKind.COUNT:
            return f"{cell:,.0f}"


def _format_seconds_as_hours(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}"
