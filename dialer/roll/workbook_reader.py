"""Reads a workbook in a process of its own: `python -I workbook_reader.py PATH SECONDS MEMORY_BYTES [SHEET]`.

It imports nothing of ours.

What unpacks a workbook is native code that ends the whole process where it finds no memory, and a file of 1 kB can ask
for 400 GB. Here that ends this process, and the one that asked says so in a line.

It speaks lines of JSON. The first that it writes is what the file is, or `{"problem": ...}`; after that it answers each
line `FIRST MOST` on its standard input with the rows from FIRST (0 is the first) on, at most MOST of them, [] behind
the last.
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

MOST_COLUMNS = 2_000  # a spreadsheet may have 16,384; the widest roll that we know of has 60
MOST_CELL_CHARACTERS = 131_072  # as in a CSV file
_MOST_CHARACTERS = 8_000_000  # of an answer


class Unfit(Exception):
    """The file cannot be read. The text goes on after its name."""


def main(path: str, seconds: int, memory_bytes: int, wanted: str | None = None) -> None:
    """Answer until standard input ends."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # it would be full of names and numbers
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    try:
        sheet, others = _chosen(path, wanted)
        rows = (sheet.start or (0, 0))[0] + sheet.height
        _say({"sheet": sheet.name, "others": others, "rows": rows})
        _answer(sheet)
    except Unfit as problem:
        _say({"problem": str(problem)})
    except (BrokenPipeError, KeyboardInterrupt):
        return
    except BaseException as error:
        if isinstance(error, MemoryError):
            raise
        _say({"problem": f"cannot be read as a workbook ({type(error).__name__}); save it again as XLSX"})


def _chosen(path: str, wanted: str | None) -> tuple[CalamineSheet, list[str]]:
    """The named sheet, or the first one that is not empty, and the names of the others that are not."""
    try:
        with open(path, "rb") as file:  # noqa: PTH123 - by what it holds: its name may say another kind
            workbook = CalamineWorkbook.from_filelike(file)
    except PasswordError:
        raise Unfit("is locked with a password; save a copy without one") from None
    except (CalamineError, OSError, ValueError):
        if (inside := _archived(path)) is not None:
            raise Unfit(f"is a ZIP archive, and no workbook: unpack it, then import what is in it ({inside})") from None
        raise Unfit("cannot be opened as a workbook, it may be damaged; save it again as XLSX") from None
    names = workbook.sheet_names
    if wanted is not None and wanted not in names:
        raise Unfit(f'has no sheet "{wanted}"; it has: {", ".join(names)}')
    sheets: dict[str, CalamineSheet] = {}
    for name in [wanted] if wanted is not None else names:
        try:
            sheet = workbook.get_sheet_by_name(name)
        except CalamineError as error:
            raise Unfit(f'has a sheet "{name}" that cannot be read ({error}); save it again as XLSX') from None
        if sheet.height:
            sheets[name] = sheet
    if not sheets:
        raise Unfit("is empty; export it again, or name another file")
    chosen, *others = sheets
    columns = (sheets[chosen].start or (0, 0))[1] + sheets[chosen].width
    if columns > MOST_COLUMNS:
        raise Unfit(
            f"has {columns:,} columns, and a roll has at most {MOST_COLUMNS:,}; delete what stands far to the right"
        )
    return sheets[chosen], others


def _archived(path: str) -> str | None:
    """The first file in an archive of files; None: it is none, or a workbook's own."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = [name for name in archive.namelist() if not name.endswith("/")]
    except (OSError, ValueError, zipfile.BadZipFile):
        return None
    return None if not names or {"[Content_Types].xml", "mimetype"} & {*names} else names[0]


def _answer(sheet: CalamineSheet) -> None:
    rows, at = _rows(sheet), 0
    for line in sys.stdin.buffer:
        first, most = map(int, line.split())
        if first != at:
            rows, at = islice(_rows(sheet), first, None), first
        batch: list[list[str]] = []
        characters = 0
        while len(batch) < most and characters < _MOST_CHARACTERS and (row := next(rows, None)) is not None:
            batch.append(row)
            characters += sum(map(len, row)) + len(row)
        at += len(batch)
        _say(batch)


def _rows(sheet: CalamineSheet) -> Iterator[list[str]]:
    for number, row in enumerate(sheet.iter_rows(), start=1):
        cells = [cell if type(cell) is str else cell_text(cell) for cell in row]
        if max(map(len, cells), default=0) > MOST_CELL_CHARACTERS:
            raise Unfit(f"has a cell of more than {MOST_CELL_CHARACTERS:,} characters in row {number:,}; shorten it")
        yield cells


def cell_text(value: object) -> str:
    """A workbook's cell as the text a person saw: 9876543210.0 (workbooks know only floats) gives "9876543210"."""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    if isinstance(value, datetime.datetime) and value.time() == datetime.time():
        return value.date().isoformat()
    return str(value)


def _say(what: Any) -> None:
    sys.stdout.buffer.write(json.dumps(what, ensure_ascii=False, separators=(",", ":")).encode() + b"\n")
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), *sys.argv[4:5])
