"""Reads electoral rolls as rows of text, from workbooks and from CSV files with any encoding and delimiter.

CSV files are streamed, so their length does not matter. A workbook must be unpacked as a whole. This is done by a
separate process with limited memory and time, which sends the rows in batches.
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
from dialer.roll.encodings import CHUNK_BYTES, TextFile, detect_encoding, detect_workbook_or_text
from dialer.roll.workbook_reader import MAX_COLUMNS
from dialer.settings.files import open_regular_file

if TYPE_CHECKING:
    from _csv import Reader

BATCH_ROWS = 4_000
HEAD_ROWS = 25
_MAX_LINES_IN_A_ROW = 50
_CHECKED_ROWS = 100
_MIN_MEMORY = 512 * 1024**2
_MAX_MEMORY = 6 * 1024**3
_MEMORY_PER_BYTE = 96
_MIN_SECONDS = 60
_BYTES_PER_SECOND = 200_000
_MAX_ANSWER_BYTES = 256 * 1024**2
_MAX_SHEETS_SHOWN = 8
_MAX_CHARACTERS_SHOWN = 300
_DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "pipe"}
_SNIFF_CHARACTERS = 1 << 16
_END = "\x1fend of file\x1f"  # a line added after the last: it is read as a row, unless a quotation mark is still open
_KEY_CELLS = 3  # constituency, part and serial
_MIN_PHONE_DIGITS = 6
_MAX_COUNTRY_CODE_DIGITS = 3


@dataclass(frozen=True, slots=True)
class FileOptions:
    """What a map file says about the format of an electoral roll: encoding, delimiter, sheet, header row.

    Values that are None are detected.
    """

    encoding: str | None = None
    delimiter: str | None = None
    sheet: str | None = None


@dataclass(frozen=True, slots=True)
class Batch:
    """Consecutive rows of an electoral roll, numbered as in a spreadsheet: the first row is 1, and blank rows count."""

    first_row: int
    rows: list[list[str]]
    share_done: float  # of the whole file (0-1)


class TextRoll:
    """An electoral roll in a CSV file with any delimiter.

    If `damaged`, the file has bytes that are not valid UTF-8. They appear in cells as surrogate characters (U+DC80 and
    up).
    """

    def __init__(self, path: Path, options: FileOptions) -> None:
        """Open a CSV file. Detect the encoding from the whole file, and the delimiter from its beginning.

        Raises:
            RollError: The file is not text, is empty, or the encoding or delimiter is invalid.
        """
        self.path = path
        self.other_sheets: Sequence[str] = ()
        self._text: TextFile = detect_encoding(path, options.encoding)
        self.sha256 = self._text.sha256
        self.damaged = self._text.damaged
        with self._open_roll_as_text(io.FileIO(self.path)) as file:
            beginning = file.read(_SNIFF_CHARACTERS)
        if not beginning.strip():
            raise RollError(f"the file {path} is empty; export the file again, or name another file")
        self._delimiter = options.delimiter or detect_delimiter(beginning)
        if len(self._delimiter) != 1:
            raise RollError(
                f"{path}: the delimiter must be one character; correct `delimiter` in the --map file (is "
                f"{self._delimiter!r})"
            )
        name = _DELIMITERS.get(self._delimiter, repr(self._delimiter))
        self.description = f"CSV, {self._text.label}, {name}"

    def _open_roll_as_text(self, raw: io.FileIO) -> io.TextIOWrapper:
        errors = "surrogateescape" if self.damaged else "strict"
        return io.TextIOWrapper(io.BufferedReader(raw, CHUNK_BYTES), self._text.encoding, errors=errors, newline="")

    def read_first_rows(self) -> list[list[str]]:
        """Return the first rows of the electoral roll, at most HEAD_ROWS."""
        head: list[list[str]] = []
        with self._open_roll_as_text(io.FileIO(self.path)) as file:
            try:
                # extend() keeps the rows before an error, so that the row with the error can be named.
                head.extend(islice(csv.reader(file, delimiter=self._delimiter), HEAD_ROWS))
                self._refuse_row_with_too_many_cells(head, 1)
            except csv.Error as error:
                raise RollError(
                    f"{self.path}: row {len(head) + 1:,} cannot be read as CSV ({error});"
                    " shorten its long cell, or look there for a quotation mark that never closes"
                ) from error
            return head

    def read_row_batches(self, skip_rows: int, batch_rows: int = BATCH_ROWS) -> Iterator[Batch]:
        """Yield all rows of the electoral roll after the first `skip_rows`, in batches.

        Raises:
            RollError: A row is too wide, a cell is too long, or a quotation mark is not closed.
        """
        raw = io.FileIO(self.path)
        with self._open_roll_as_text(raw) as file:
            reader = csv.reader(chain(file, (_END,)), delimiter=self._delimiter)
            size = max(self._text.size_bytes, 1)
            skipped = self._read_rows(reader, skip_rows, 1, 0)
            next_row, width = 1 + len(skipped), len(skipped[-1]) if skipped else 0
            while rows := self._read_rows(reader, batch_rows, next_row, width):
                yield Batch(next_row, rows, min(raw.tell() / size, 1.0))
                next_row += len(rows)

    def _read_rows(self, reader: Reader, most: int, first_row: int, width: int) -> list[list[str]]:
        """Read at most `most` rows of the file. `first_row` is the number of the first row, and `width` the number of
        columns (0 = unknown).

        Raises:
            RollError: A row is too wide, a cell is too long, or a quotation mark is not closed.
        """
        rows: list[list[str]] = []
        line_before = reader.line_num
        try:
            while len(rows) < most:  # in small steps, so that rows of a million cells do not fill the memory
                before = len(rows)
                rows.extend(islice(reader, min(most - before, _CHECKED_ROWS)))
                if len(rows) == before:
                    break
                self._refuse_row_with_too_many_cells(rows[before:], first_row + before)
        except csv.Error as error:
            raise RollError(
                f"{self.path}: in row {first_row + len(rows):,} a cell is too long ({error});"
                " look for a quotation mark that never closes"
            ) from error
        if reader.line_num - line_before > len(rows):
            for number, row in enumerate(rows, first_row):
                if _has_unclosed_quote(row, max(width, len(row)), self._delimiter):
                    raise RollError(
                        f"{self.path}: a quotation mark opens in row {number:,} and is not closed there;"
                        " close or remove this quotation mark"
                    )
        if rows and rows[-1] == [_END]:
            rows.pop()
        return rows

    def _refuse_row_with_too_many_cells(self, rows: Sequence[Sequence[str]], first_row: int) -> None:
        if max(map(len, rows), default=0) > MAX_COLUMNS:
            place, widest = max(enumerate(map(len, rows), first_row), key=itemgetter(1))
            raise RollError(
                f"{self.path}: row {place:,} has {widest:,} columns, more than the {MAX_COLUMNS:,} that are allowed;"
                " look for a missing line end, or name the delimiter in the --map file"
            )


def _has_unclosed_quote(row: Sequence[str], width: int, delimiter: str) -> bool:
    """Return whether a quotation mark in the row was not closed, so that one cell contains whole rows of the table.
    `width` is the number of columns (0: unknown).
    """
    for place, cell in enumerate(row):
        if (cell.endswith(_END) and cell != _END) or cell.count("\n") > _MAX_LINES_IN_A_ROW:
            return True
        if "\n" in cell and any(
            _is_line_a_table_row(line, row, place, width, delimiter) for line in cell.split("\n")[1:]
        ):
            return True
    return False


def _is_line_a_table_row(line: str, row: Sequence[str], place: int, width: int, delimiter: str) -> bool:
    """Return whether a line inside a cell is really a row of the table, swallowed because of an unclosed quotation
    mark.

    Otherwise the line is part of the cell's text, such as an address. The line is a table row if it has numbers and
    texts in the same columns as `row`, and enough columns. `place` is the index of the cell, `width` the number of
    columns.
    """
    complete = line.split(delimiter)[:-1]  # the last cell may continue on the next line
    pairs = list(zip(complete, row, strict=False))
    before, after = pairs[:place], pairs[place + 1 :] if len(row) == width else []
    if not all(_are_cells_similar(cell, expected) for cell, expected in (*before, *after)):
        return False
    return len(complete) >= width - 1 > 0 or sum(cell.strip().isdigit() for _, cell in before) >= _KEY_CELLS


def _are_cells_similar(first: str, second: str) -> bool:
    """Return whether two cells are both numbers or both texts.

    Two phone numbers must also have about the same length.
    """
    first, second = first.strip(), second.strip()
    if not second.isdigit() or not first.isdigit():
        return first.isdigit() == second.isdigit()
    return len(second) < _MIN_PHONE_DIGITS or abs(len(first) - len(second)) <= _MAX_COUNTRY_CODE_DIGITS


def detect_delimiter(beginning: str) -> str:
    """Return the character that separates the columns of an electoral roll in a CSV file, such as a comma.

    It is the character that splits most of the first rows into the same large number of columns.
    """
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
    """An electoral roll in a sheet of a workbook (XLSX, XLSM, XLSB, XLS or ODS), unpacked by a separate process."""

    damaged = False

    def __init__(self, path: Path, options: FileOptions) -> None:
        """Start the reader process and open a sheet: the named sheet, or the first sheet that is not empty.

        Raises:
            RollError: The workbook or sheet cannot be read.
        """
        self.path = path
        with open_regular_file(path) as file:
            self.sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        self._seconds, self._memory_bytes = compute_workbook_limits(path.stat().st_size)
        command = [sys.executable, "-I", workbook_reader.__file__, str(path.absolute())]
        command += [str(self._seconds), str(self._memory_bytes)]
        without_secrets = {name: value for name, value in os.environ.items() if not name.upper().startswith("MATDAN_")}
        self._reader = subprocess.Popen(  # noqa: S603 - our own program
            command + ([] if options.sheet is None else [options.sheet]),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C stops only this process, which then stops the reader
            env=without_secrets,
        )
        weakref.finalize(self, _kill_reader_process, self._reader)
        self._requested: tuple[int, int] | None = None  # (first row, number) of a request whose answer is pending
        found = self._read_answer_of_reader_process()
        others: Sequence[str] = [_shorten_text(name) for name in found["others"][:_MAX_SHEETS_SHOWN]]
        self.other_sheets = others
        note = f"; not read: {', '.join(others)}" if others else ""
        self.description = f"workbook, sheet {_shorten_text(found['sheet'])}{note}"
        self._rows = int(found["rows"])

    def read_first_rows(self) -> list[list[str]]:
        """Return the first rows of the electoral roll, at most HEAD_ROWS."""
        head: list[list[str]] = []
        while len(head) < HEAD_ROWS and (rows := self._load_rows_from_reader_process(len(head), HEAD_ROWS - len(head))):
            head += rows
        return head

    def read_row_batches(self, skip_rows: int, batch_rows: int = BATCH_ROWS) -> Iterator[Batch]:
        """Yield all rows of the electoral roll after the first `skip_rows`, in batches.

        The next batch is requested while the caller processes the last one.

        Raises:
            RollError: The workbook cannot be read.
        """
        done = skip_rows
        while rows := self._load_rows_from_reader_process(done, batch_rows):
            done += len(rows)
            self._request_rows_from_reader_process(done, batch_rows)
            yield Batch(done - len(rows) + 1, rows, min(done / self._rows, 1.0))

    def _load_rows_from_reader_process(self, first: int, most: int) -> list[list[str]]:
        """Return at most `most` rows from row `first` (counted from 0).

        The result is empty after the last row.
        """
        if self._requested is not None and self._requested != (first, most):
            self._read_answer_of_reader_process()  # discard the answer to an earlier request
        if self._requested is None:
            self._request_rows_from_reader_process(first, most)
        rows: list[list[str]] = self._read_answer_of_reader_process()
        return rows

    def _request_rows_from_reader_process(self, first: int, most: int) -> None:
        assert self._reader.stdin is not None  # noqa: S101 - it was started with a pipe
        self._requested = first, most
        with suppress(BrokenPipeError):  # reading the answer will raise the error
            self._reader.stdin.write(f"{first} {most}\n".encode())
            self._reader.stdin.flush()

    def _read_answer_of_reader_process(self) -> Any:
        """Return the next answer of the process that reads the workbook.

        Raises:
            RollError: The reader reported a problem, or ended.
        """
        assert self._reader.stdout is not None  # noqa: S101 - it was started with a pipe
        line = self._reader.stdout.readline(_MAX_ANSWER_BYTES)
        self._requested = None
        if not line.endswith(b"\n"):
            if line:  # longer than the reader's longest answer
                self._reader.kill()
            problem = self._explain_why_reader_process_ended(self._reader.wait())
            raise RollError(f"{self.path}: {problem}")
        answer = json.loads(line)
        if isinstance(answer, dict) and "problem" in answer:
            problem = _shorten_text(answer["problem"])
            raise RollError(f"{self.path}: {problem}")
        return answer

    def _explain_why_reader_process_ended(self, status: int) -> str:
        if status == -signal.SIGKILL:
            return "the workbook cannot be unpacked: its reader was killed (out of memory?); save the roll as CSV"
        if status == -signal.SIGXCPU:
            return f"the workbook cannot be unpacked within {self._seconds} s; save the roll as CSV"
        memory = f"{self._memory_bytes // 1024**2:,} MB"
        return f"the workbook is damaged or needs more than {memory} of memory (status {status}); save the roll as CSV"


RollFile = TextRoll | WorkbookRoll
"""A roll that is open for reading."""


def open_roll(path: Path, options: FileOptions | None = None) -> RollFile:
    """Open an electoral roll in a CSV file or workbook, recognised by its content rather than its name.

    Raises:
        RollError: The file cannot be read as a CSV file or workbook.
    """
    kind = WorkbookRoll if detect_workbook_or_text(path) == "workbook" else TextRoll
    return kind(path, options or FileOptions())


def compute_workbook_limits(size_bytes: int) -> tuple[int, int]:
    """Return how much CPU time (seconds) and memory (bytes) the unpacking of a workbook may use."""
    memory = min(_MIN_MEMORY + size_bytes * _MEMORY_PER_BYTE, _MAX_MEMORY)
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return _MIN_SECONDS + size_bytes // _BYTES_PER_SECOND, min(memory, max(machine * 3 // 4, _MIN_MEMORY))


def _shorten_text(text: str) -> str:
    """Return a text from a file as one printable line of limited length."""
    words = " ".join("".join(letter if letter.isprintable() else " " for letter in text[:1000]).split())
    return words if len(words) <= _MAX_CHARACTERS_SHOWN else f"{words[:_MAX_CHARACTERS_SHOWN]}..."


def _kill_reader_process(reader: subprocess.Popen[bytes]) -> None:
    """Kill the process that reads the workbook, and close its pipes."""
    reader.kill()
    reader.wait()
    for pipe in (reader.stdin, reader.stdout):
        with suppress(OSError):  # closing fails if a request could not be sent
            pipe.close() if pipe is not None else None
