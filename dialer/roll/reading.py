"""Rolls as they come, to rows of text: CSV in any encoding and with any delimiter, and workbooks.

A CSV file is streamed: memory stays flat however long it is. A workbook is unpacked whole, by a process of its own that
may take so much memory and time and no more, and sends its rows in batches.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
import signal
import subprocess
import sys
import weakref
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain, islice
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dialer.domain.errors import RollError
from dialer.roll import workbook_reader
from dialer.roll.encodings import CHUNK_BYTES, TextFile, examine_text, sniff_kind
from dialer.roll.workbook_reader import MOST_COLUMNS
from dialer.settings.files import open_regular

if TYPE_CHECKING:
    from _csv import Reader

BATCH_ROWS = 4_000
HEAD_ROWS = 25
_MAX_LINES_IN_A_ROW = 50
_CHECKED_ROWS = 100
_LEAST_MEMORY = 512 * 1024**2
_MOST_MEMORY = 6 * 1024**3
_MEMORY_PER_BYTE = 96
_LEAST_SECONDS = 60
_BYTES_PER_SECOND = 200_000
_MOST_ANSWER_BYTES = 256 * 1024**2
_SHEETS_TOLD = 8
_TOLD_CHARACTERS = 300
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


class TextRoll:
    """A CSV file: delimited text with quotes. `damaged`: cells may hold lone surrogates where it is broken."""

    def __init__(self, path: Path, options: FileOptions) -> None:
        """Looks through the whole file for its encoding, and at its beginning for the delimiter."""
        self.path = path
        self.other_sheets: Sequence[str] = ()
        self._text: TextFile = examine_text(path, options.encoding)
        self.sha256 = self._text.sha256
        self.damaged = self._text.damaged
        with self._decode(io.FileIO(self.path)) as file:
            beginning = file.read(_SNIFF_CHARACTERS)
        if not beginning.strip():
            raise RollError(f"{path} is empty; export it again, or name another file")
        self._delimiter = options.delimiter or sniff_delimiter(beginning)
        if len(self._delimiter) != 1:
            raise RollError(f'{path}: delimiter "{self._delimiter}" is not one character; correct it in the --map file')
        name = _DELIMITERS.get(self._delimiter, repr(self._delimiter))
        self.description = f"CSV, {self._text.label}, {name}"

    def _decode(self, raw: io.FileIO) -> io.TextIOWrapper:
        errors = "surrogateescape" if self.damaged else "strict"
        return io.TextIOWrapper(io.BufferedReader(raw, CHUNK_BYTES), self._text.encoding, errors=errors, newline="")

    def head(self) -> list[list[str]]:
        """The first rows, at most HEAD_ROWS."""
        head: list[list[str]] = []
        with self._decode(io.FileIO(self.path)) as file:
            try:
                # Not list(...): what came before an error is kept, so that its row can be named.
                head.extend(islice(csv.reader(file, delimiter=self._delimiter), HEAD_ROWS))
                self._refuse_wide(head, 1)
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
            while len(rows) < most:  # by the hundred: rows of a million cells must not come together
                before = len(rows)
                rows.extend(islice(reader, min(most - before, _CHECKED_ROWS)))
                if len(rows) == before:
                    break
                self._refuse_wide(rows[before:], first_row + before)
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

    def _refuse_wide(self, rows: Sequence[Sequence[str]], first_row: int) -> None:
        if max(map(len, rows), default=0) > MOST_COLUMNS:
            place, widest = max(enumerate(map(len, rows), first_row), key=itemgetter(1))
            raise RollError(
                f"{self.path}: row {place:,} has {widest:,} columns, and a roll has at most {MOST_COLUMNS:,};"
                " look for a row that does not end, or name the delimiter in the --map file"
            )


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
    """A sheet of a workbook: XLSX, XLSM, XLSB, XLS or ODS. It is unpacked by a process of its own (`workbook_reader`)."""

    damaged = False

    def __init__(self, path: Path, options: FileOptions) -> None:
        """Has the named sheet unpacked, or the first one that is not empty."""
        self.path = path
        with open_regular(path) as file:
            self.sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        self._seconds, self._memory_bytes = workbook_limits(path.stat().st_size)
        command = [sys.executable, "-I", workbook_reader.__file__, str(path.absolute())]
        command += [str(self._seconds), str(self._memory_bytes)]
        without_secrets = {name: value for name, value in os.environ.items() if not name.upper().startswith("MATDAN_")}
        self._reader = subprocess.Popen(  # noqa: S603 - our own
            command + ([] if options.sheet is None else [options.sheet]),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C is for us: it ends when we do
            env=without_secrets,
        )
        weakref.finalize(self, _end, self._reader)
        self._asked: tuple[int, int] | None = None  # what it was asked for and has not been read yet
        found = self._answer()
        others: Sequence[str] = [_one_line(name) for name in found["others"][:_SHEETS_TOLD]]
        self.other_sheets = others
        note = f"; not read: {', '.join(others)}" if others else ""
        self.description = f"workbook, sheet {_one_line(found['sheet'])}{note}"
        self._rows = int(found["rows"])

    def head(self) -> list[list[str]]:
        """The first rows, at most HEAD_ROWS."""
        head: list[list[str]] = []
        while len(head) < HEAD_ROWS and (rows := self._rows_from(len(head), HEAD_ROWS - len(head))):
            head += rows
        return head

    def batches(self, skip_rows: int, batch_rows: int = BATCH_ROWS) -> Iterator[Batch]:
        """All rows after the first `skip_rows`; the next ones are unpacked while these are used."""
        done = skip_rows
        while rows := self._rows_from(done, batch_rows):
            done += len(rows)
            self._ask(done, batch_rows)
            yield Batch(done - len(rows) + 1, rows, min(done / self._rows, 1.0))

    def _rows_from(self, first: int, most: int) -> list[list[str]]:
        """Some rows from `first` on, counted from 0; [] behind the last."""
        if self._asked is not None and self._asked != (first, most):
            self._answer()  # of a reading that was broken off
        if self._asked is None:
            self._ask(first, most)
        rows: list[list[str]] = self._answer()
        return rows

    def _ask(self, first: int, most: int) -> None:
        assert self._reader.stdin is not None  # noqa: S101 - a pipe was asked for
        self._asked = first, most
        with suppress(BrokenPipeError):  # what became of it shows where its answer is read
            self._reader.stdin.write(f"{first} {most}\n".encode())
            self._reader.stdin.flush()

    def _answer(self) -> Any:
        """The reader's next answer. Raises RollError for a problem that it tells, and for its death."""
        assert self._reader.stdout is not None  # noqa: S101 - a pipe was asked for
        line = self._reader.stdout.readline(_MOST_ANSWER_BYTES)
        self._asked = None
        if not line.endswith(b"\n"):
            if line:  # longer than any answer of ours
                self._reader.kill()
            raise RollError(f"{self.path} {self._why_dead(self._reader.wait())}")
        answer = json.loads(line)
        if isinstance(answer, dict) and "problem" in answer:
            raise RollError(f"{self.path} {_one_line(answer['problem'])}")
        return answer

    def _why_dead(self, status: int) -> str:
        if status == -signal.SIGKILL:
            return "was not read: its reader was killed, perhaps for want of memory; try again, or save it as CSV"
        if status == -signal.SIGXCPU:
            return f"takes more than {self._seconds} s to unpack, and was given up; save it again as CSV"
        memory = f"{self._memory_bytes // 1024**2:,} MB"
        return f"needs more than {memory} of memory to unpack, or is damaged (status {status}); save it again as CSV"


RollFile = TextRoll | WorkbookRoll
"""A roll that is open for reading."""


def open_roll(path: Path, options: FileOptions | None = None) -> RollFile:
    """Open a roll, by what the file holds and not by its name. Raises RollError if it is nothing that can be read."""
    kind = WorkbookRoll if sniff_kind(path) == "workbook" else TextRoll
    return kind(path, options or FileOptions())


def workbook_limits(size_bytes: int) -> tuple[int, int]:
    """Seconds of processor and bytes of address space that unpacking a workbook of this size may take.

    A sheet of 1,048,000 rows and 20 columns, about as many rows as one can have, is a file of 47 MB: it took 2.5 GB and
    21 s.
    """
    memory = min(_LEAST_MEMORY + size_bytes * _MEMORY_PER_BYTE, _MOST_MEMORY)
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return _LEAST_SECONDS + size_bytes // _BYTES_PER_SECOND, min(memory, max(machine * 3 // 4, _LEAST_MEMORY))


def _one_line(text: str) -> str:
    """What a file says of itself, fit for a line of ours."""
    words = " ".join("".join(letter if letter.isprintable() else " " for letter in text[:1000]).split())
    return words if len(words) <= _TOLD_CHARACTERS else f"{words[:_TOLD_CHARACTERS]}..."


def _end(reader: subprocess.Popen[bytes]) -> None:
    """Nobody reads the workbook any more."""
    reader.kill()
    reader.wait()
    for pipe in (reader.stdin, reader.stdout):
        with suppress(OSError):  # what was not sent yet
            pipe.close() if pipe is not None else None
