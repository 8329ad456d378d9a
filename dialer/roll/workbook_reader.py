"""Program that reads a workbook in a separate process: `python -I workbook_reader.py PATH SECONDS MEMORY_BYTES
[SHEET]`.

A workbook of 1 kB can need 400 GB when unpacked, and native code then ends the process. A separate process protects the
import from that. This module imports nothing else of the package.

The program writes lines of JSON. The first describes the workbook, or is `{"problem": ...}`. Then each input line
`FIRST MOST` is answered with at most MOST rows from row FIRST (counted from 0), or with [] after the last row.
"""

from __future__ import annotations

import datetime
import json
import resource
import sys
import zipfile
from collections.abc import Iterator
from itertools import islice
from typing import Any

from python_calamine import CalamineError, CalamineSheet, CalamineWorkbook, PasswordError

MAX_COLUMNS = 2_000  # a spreadsheet may have 16,384; the widest known roll has 60
MAX_CELL_CHARACTERS = 131_072  # as in a CSV file
_MAX_ANSWER_CHARACTERS = 8_000_000


class UnreadableWorkbook(Exception):
    """Raised if the workbook cannot be read. The caller prints the file's name before the message."""


def main(path: str, seconds: int, memory_bytes: int, wanted: str | None = None) -> None:
    """Open the workbook and answer requests for rows until standard input ends."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a core dump would contain names and phone numbers
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    try:
        sheet, others = _choose_sheet_of_workbook(path, wanted)
        rows = (sheet.start or (0, 0))[0] + sheet.height
        _write_json_line({"sheet": sheet.name, "others": others, "rows": rows})
        _answer_requests_for_rows(sheet)
    except UnreadableWorkbook as problem:
        _write_json_line({"problem": str(problem)})
    except (BrokenPipeError, KeyboardInterrupt):
        return
    except BaseException as error:
        if isinstance(error, MemoryError):
            raise
        _write_json_line(
            {
                "problem": f"the file cannot be read as a workbook ({type(error).__name__}); save the workbook again as"
                " XLSX"
            }
        )


def _choose_sheet_of_workbook(path: str, wanted: str | None) -> tuple[CalamineSheet, list[str]]:
    """Return the named sheet of the workbook, or the first non-empty sheet, and the names of the other non-empty
    sheets."""
    try:
        with open(path, "rb") as file:  # noqa: PTH123 - from a file object, the library does not rely on the file's name
            workbook = CalamineWorkbook.from_filelike(file)
    except PasswordError:
        raise UnreadableWorkbook("the workbook is locked with a password; save a copy without a password") from None
    except (CalamineError, OSError, ValueError):
        if (inside := _find_first_file_in_zip(path)) is not None:
            raise UnreadableWorkbook(
                f"the file is a ZIP archive, not a workbook; unpack the archive, then import its file {inside}"
            ) from None
        raise UnreadableWorkbook(
            "the file cannot be opened as a workbook and may be damaged; save the workbook again as XLSX"
        ) from None
    names = workbook.sheet_names
    if wanted is not None and wanted not in names:
        raise UnreadableWorkbook(f'the workbook has no sheet "{wanted}"; choose from {", ".join(names)}')
    sheets: dict[str, CalamineSheet] = {}
    for name in [wanted] if wanted is not None else names:
        try:
            sheet = workbook.get_sheet_by_name(name)
        except CalamineError as error:
            raise UnreadableWorkbook(
                f'the sheet "{name}" of the workbook cannot be read ({error}); save the workbook again as XLSX'
            ) from None
        if sheet.height:
            sheets[name] = sheet
    if not sheets:
        raise UnreadableWorkbook("the workbook is empty; export the workbook again, or name another file")
    chosen, *others = sheets
    columns = (sheets[chosen].start or (0, 0))[1] + sheets[chosen].width
    if columns > MAX_COLUMNS:
        raise UnreadableWorkbook(
            f"the sheet has {columns:,} columns, but at most {MAX_COLUMNS:,} are allowed; delete stray cells far"
            " to the right"
        )
    return sheets[chosen], others


def _find_first_file_in_zip(path: str) -> str | None:
    """Return the name of the first file in a ZIP archive.

    None = `path` is not an archive, or it is a workbook.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            names = [name for name in archive.namelist() if not name.endswith("/")]
    except (OSError, ValueError, zipfile.BadZipFile):
        return None
    return None if not names or {"[Content_Types].xml", "mimetype"} & {*names} else names[0]


def _answer_requests_for_rows(sheet: CalamineSheet) -> None:
    rows, at = _read_rows_of_sheet(sheet), 0
    for line in sys.stdin.buffer:
        first, most = map(int, line.split())
        if first != at:
            rows, at = islice(_read_rows_of_sheet(sheet), first, None), first
        batch: list[list[str]] = []
        characters = 0
        while len(batch) < most and characters < _MAX_ANSWER_CHARACTERS and (row := next(rows, None)) is not None:
            batch.append(row)
            characters += sum(map(len, row)) + len(row)
        at += len(batch)
        _write_json_line(batch)


def _read_rows_of_sheet(sheet: CalamineSheet) -> Iterator[list[str]]:
    for number, row in enumerate(sheet.iter_rows(), start=1):
        cells = [cell if type(cell) is str else format_cell(cell) for cell in row]
        if max(map(len, cells), default=0) > MAX_CELL_CHARACTERS:
            raise UnreadableWorkbook(
                f"the sheet has a cell of more than {MAX_CELL_CHARACTERS:,} characters in row {number:,}; shorten"
                " this cell"
            )
        yield cells


def format_cell(value: object) -> str:
    """Return the text that a spreadsheet shows for a cell: "9876543210" for the number 9876543210.0."""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    if isinstance(value, datetime.datetime) and value.time() == datetime.time():
        return value.date().isoformat()
    return str(value)


def _write_json_line(content: Any) -> None:
    sys.stdout.buffer.write(json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode() + b"\n")
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), *sys.argv[4:5])
