"""Rolls as they come, to rows of text: CSV in any encoding and with any delimiter, and workbooks.

A CSV file is streamed: memory stays flat however long it is. A workbook is unpacked in memory by its reader.
"""

from __future__ import annotations

import csv
import datetime
import hashlib
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from python_calamine import CalamineError, CalamineSheet, CalamineWorkbook, PasswordError

from dialer.errors import RollError
from dialer.roll.encodings import CHUNK_BYTES, TextFile, examine_text, sniff_kind

if TYPE_CHECKING:
    from _csv import Reader

BATCH_ROWS = 4_000
HEAD_ROWS = 25
_MAX_LINES_IN_A_ROW = 50
_DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "pipe"}
_SNIFF_CHARACTERS = 1 << 16
_END = "\x1fend of file\x1f"  # a line of ours after the last: it is a row, unless a quotation mark is still open
_KEY_CELLS = 3  # constituency, part and serial: with so many cells like a row's own, a line is a row
_TELEPHONE_DIGITS = 6
_MORE_DIGITS = 3  # a country's code


@dataclass(frozen=True, slots=True)
class FileOptions:
    """What a person says about the file; None: find out."""

    encoding: str | None = None
    delimiter: str | None = None
    sheet: str | None = None


@dataclass(frozen=True, slots=True)
class Batch:
    """Consecutive rows. Row numbers are those a spreadsheet shows: the first row of the file is 1, blank rows count."""

    first_row: int
    rows: list[list[str]]
    share_done: float  # of the whole file, 0 to 1


class RollFile(Protocol):
    """A roll that is open for reading."""

    path: Path
    description: str  # for people: "CSV, UTF-8, comma"
    sha256: str
    damaged: bool  # cells may hold lone surrogates where the file is broken

    def head(self) -> list[list[str]]:
        """The first rows, at most HEAD_ROWS."""
        ...

    def batches(self, skip_rows: int, batch_rows: int = BATCH_ROWS) -> Iterator[Batch]:
        """All rows after the first `skip_rows`. Raises RollError where the file cannot be read on."""
        ...


def open_roll(path: Path, options: FileOptions | None = None) -> RollFile:
    """Open a roll, by what the file holds and not by its name. Raises RollError if it is nothing that can be read."""
    options = options or FileOptions()
    if sniff_kind(path) == "workbook":
        return WorkbookRoll(path, options)
    return TextRoll(path, options)


class TextRoll:
    """A CSV file: delimited text with quotes."""

    def __init__(self, path: Path, options: FileOptions) -> None:
        """Looks through the whole file for its encoding, and at its beginning for the delimiter."""
        self.path = path
        self._text: TextFile = examine_text(path, options.encoding)
        self.sha256 = self._text.sha256
        self.damaged = self._text.damaged
        with self._open() as file:
            beginning = file.read(_SNIFF_CHARACTERS)
        if not beginning.strip():
            raise RollError(f"{path} is empty; export it again, or name another file")
        self._delimiter = options.delimiter or sniff_delimiter(beginning)
        if len(self._delimiter) != 1:
            raise RollError(f'{path}: delimiter "{self._delimiter}" is not one character; correct it in the --map file')
        name = _DELIMITERS.get(self._delimiter, repr(self._delimiter))
        self.description = f"CSV, {self._text.label}, {name}"

    def _open(self) -> io.TextIOWrapper:
        return self._decode(io.FileIO(self.path))

    def _decode(self, raw: io.FileIO) -> io.TextIOWrapper:
        errors = "surrogateescape" if self.damaged else "strict"
        return io.TextIOWrapper(io.BufferedReader(raw, CHUNK_BYTES), self._text.encoding, errors=errors, newline="")

    def head(self) -> list[list[str]]:
        """The first rows, at most HEAD_ROWS."""
        head: list[list[str]] = []
        with self._open() as file:
            try:
                # Not list(...): what came before an error is kept, so that its row can be named.
                head.extend(islice(csv.reader(file, delimiter=self._delimiter), HEAD_ROWS))
            except csv.Error as error:
                raise RollError(
                    f"{self.path}: row {len(head) + 1:,} cannot be read as CSV ({error});"
                    " shorten its long cell, or look there for a quotation mark that never closes"
                ) from error
            return head

    def batches(self, skip_rows: int, batch_rows: int = BATCH_ROWS) -> Iterator[Batch]:
        """All rows after the first `skip_rows`, streamed."""
        raw = io.FileIO(self.path)
        with self._decode(raw) as file:
            reader = csv.reader(chain(file, (_END,)), delimiter=self._delimiter)
            size = max(self._text.size_bytes, 1)
            skipped = self._taken(reader, skip_rows, 1, 0)
            next_row, width = 1 + len(skipped), len(skipped[-1]) if skipped else 0
            while rows := self._taken(reader, batch_rows, next_row, width):
                yield Batch(next_row, rows, min(raw.tell() / size, 1.0))
                next_row += len(rows)

    def _taken(self, reader: Reader, most: int, first_row: int, width: int) -> list[list[str]]:
        """The next rows, the first of which is `first_row`. Raises RollError where a quotation mark swallows rows."""
        rows: list[list[str]] = []
        line_before = reader.line_num
        try:
            rows.extend(islice(reader, most))
        except csv.Error as error:
            raise RollError(
                f"{self.path}: in row {first_row + len(rows):,} a cell is too long ({error});"
                " look for a quotation mark that never closes"
            ) from error
        if reader.line_num - line_before > len(rows):
            for number, row in enumerate(rows, first_row):
                if _swallows(row, max(width, len(row)), self._delimiter):
                    raise RollError(
                        f"{self.path}: a quotation mark opens in row {number:,} and swallows the lines after it;"
                        " close it or take it out"
                    )
        if rows and rows[-1] == [_END]:
            rows.pop()
        return rows


def _swallows(row: Sequence[str], width: int, delimiter: str) -> bool:
    """Whether a cell of the row goes on to the end of the file, or over lines that are rows themselves. `width`: of the table."""
    for place, cell in enumerate(row):
        if (cell.endswith(_END) and cell != _END) or cell.count("\n") > _MAX_LINES_IN_A_ROW:
            return True
        if "\n" in cell and any(_is_row(line, row, place, width, delimiter) for line in cell.split("\n")[1:]):
            return True
    return False


def _is_row(line: str, row: Sequence[str], place: int, width: int, delimiter: str) -> bool:
    """Whether a line of a row's cell at `place` is a row of the table, and no line of an address or of parts: it has the cells for
    it, and numbers where the row has numbers, before the cell and, where the row is whole, behind it.
    """
    whole = line.split(delimiter)[:-1]  # the last may go on in the next cell
    pairs = list(zip(whole, row, strict=False))
    before, behind = pairs[:place], pairs[place + 1 :] if len(row) == width else []
    if not all(_is_alike(ours, its) for ours, its in (*before, *behind)):
        return False
    return len(whole) >= width - 1 > 0 or sum(its.strip().isdigit() for _, its in before) >= _KEY_CELLS


def _is_alike(ours: str, its: str) -> bool:
    """Whether both are numbers, as long where they are telephone numbers, or neither is."""
    ours, its = ours.strip(), its.strip()
    if not its.isdigit() or not ours.isdigit():
        return ours.isdigit() == its.isdigit()
    return len(its) < _TELEPHONE_DIGITS or abs(len(ours) - len(its)) <= _MORE_DIGITS


def sniff_delimiter(beginning: str) -> str:
    """The delimiter that cuts the first rows into the most columns, most evenly; a comma if there is but one column."""
    best, best_score = ",", 0.0
    for delimiter in _DELIMITERS:
        reader = csv.reader(io.StringIO(beginning, newline=""), delimiter=delimiter)
        try:
            widths = [len(row) for row in islice(reader, 2 * HEAD_ROWS) if row]
        except csv.Error:
            continue
        usual = max(set(widths), key=lambda width: (widths.count(width), width), default=1)
        score = (usual - 1) * widths.count(usual) / max(len(widths), 1)
        if score > best_score:
            best, best_score = delimiter, score
    return best


class WorkbookRoll:
    """A sheet of a workbook: XLSX, XLSM, XLSB, XLS or ODS."""

    damaged = False

    def __init__(self, path: Path, options: FileOptions) -> None:
        """Unpacks the named sheet, or the first one that is not empty."""
        self.path = path
        try:
            with path.open("rb") as file:
                self.sha256 = hashlib.file_digest(file, "sha256").hexdigest()
            workbook = CalamineWorkbook.from_path(path)
        except PasswordError:
            raise RollError(f"{path} is locked with a password; save a copy without one") from None
        except (CalamineError, OSError, ValueError) as error:
            raise RollError(
                f"{path} cannot be opened as a workbook, it may be damaged; save it again as XLSX"
            ) from error
        self._sheet, others = self._choose(workbook, options.sheet)
        note = f"; not read: {', '.join(others)}" if others else ""
        self.description = f"workbook, sheet {self._sheet.name}{note}"

    def _choose(self, workbook: CalamineWorkbook, wanted: str | None) -> tuple[CalamineSheet, list[str]]:
        names = workbook.sheet_names
        if wanted is not None and wanted not in names:
            raise RollError(f'{self.path} has no sheet "{wanted}"; it has: {", ".join(names)}')
        sheets: dict[str, CalamineSheet] = {}
        for name in [wanted] if wanted is not None else names:
            try:
                sheet = workbook.get_sheet_by_name(name)
            except CalamineError as error:
                raise RollError(
                    f'{self.path}: sheet "{name}" cannot be read ({error}); save it again as XLSX'
                ) from error
            if sheet.height:
                sheets[name] = sheet
        if not sheets:
            raise RollError(f"{self.path} is empty; export it again, or name another file")
        chosen, *others = sheets
        return sheets[chosen], others

    def _rows(self) -> Iterator[list[str]]:
        for row in self._sheet.iter_rows():
            yield [cell if type(cell) is str else cell_text(cell) for cell in row]

    def head(self) -> list[list[str]]:
        """The first rows, at most HEAD_ROWS."""
        return list(islice(self._rows(), HEAD_ROWS))

    def batches(self, skip_rows: int, batch_rows: int = BATCH_ROWS) -> Iterator[Batch]:
        """All rows after the first `skip_rows`."""
        total = (self._sheet.start or (0, 0))[0] + self._sheet.height
        rows, done = islice(self._rows(), skip_rows, None), skip_rows
        while batch := list(islice(rows, batch_rows)):
            yield Batch(done + 1, batch, min((done + len(batch)) / total, 1.0))
            done += len(batch)


def cell_text(value: object) -> str:
    """A workbook's cell as the text a person saw: 9876543210.0 (workbooks know only floats) gives "9876543210"."""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    if isinstance(value, datetime.datetime) and value.time() == datetime.time():
        return value.date().isoformat()
    return str(value)
