"""The rejects file: what was not imported from a roll, with the row number, the reason and the original row.

The owners of the roll can correct the file and import it. Its first four columns are ours; the others are the columns of
the roll, without caste, religion and Aadhaar columns.
"""

from __future__ import annotations

import csv
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from dialer.domain.errors import RollError
from dialer.domain.output import own_file

OWN_COLUMNS = ("REJECT_ROW", "REJECT_COLUMN", "REJECT_VALUE", "REJECT_REASON")


@dataclass(frozen=True, slots=True)
class Reject:
    """A row, phone number or cell that was not imported; for a row, `column` names the faulty column."""

    row_number: int
    column: str
    value: str
    reason: str
    row: Sequence[str]


SHOWN = 10


class CountedRejects:
    """Collects the rejects of a dry run: counts them by reason and keeps the first few to show; writes no file."""

    def __init__(self) -> None:
        """Nothing yet."""
        self.reasons: Counter[str] = Counter()
        self.first: list[Reject] = []

    def add(self, rejects: Iterable[Reject]) -> None:
        """Count them."""
        rejects = list(rejects)
        self.first += rejects[: SHOWN - len(self.first)]
        self.reasons.update(reject.reason for reject in rejects)

    def finish(self) -> None:
        """Nothing to keep."""

    def publish(self) -> None:
        """Nothing to show."""

    def discard(self) -> None:
        """Nothing to leave."""


class RejectsFile(CountedRejects):
    """Writes beside the final name and takes that name at the very end, so that a file there is always a whole one."""

    def __init__(self, path: Path, header: Sequence[str], hidden: frozenset[int]) -> None:
        """`hidden` are the columns that must not be repeated. Raises RollError if nothing can be written there."""
        super().__init__()
        self._path = path
        self._part = path.with_name(path.name + ".part")
        self._kept = [index for index in range(len(header)) if index not in hidden]
        self._width = len(header)
        try:
            # Names and numbers: for this user alone.
            descriptor = own_file(self._part)
        except OSError as error:
            raise RollError(
                f"{path}: the rejects file cannot be written ({error.strerror}); name another place with --rejects"
            ) from error
        # A byte-order mark, or spreadsheets would garble every Indian script in it.
        self._file: TextIO = os.fdopen(descriptor, "w", encoding="utf-8-sig", newline="", errors="backslashreplace")
        self._writer = csv.writer(self._file)
        with self._writing():
            self._writer.writerow([*OWN_COLUMNS, *(header[index] for index in self._kept)])

    def add(self, rejects: Iterable[Reject]) -> None:
        """Write them down."""
        rejects = list(rejects)
        super().add(rejects)
        with self._writing():
            for reject in rejects:
                own = map(without_formula, (reject.column, reject.value, reject.reason))
                self._writer.writerow([str(reject.row_number), *own, *self._original(reject.row)])

    def _original(self, row: Sequence[str]) -> list[str]:
        cells = [without_formula(row[index]) if index < len(row) else "" for index in self._kept]
        return cells + [without_formula(cell) for cell in row[self._width :]]

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise RollError(
                f"{self._path}: the rejects file cannot be written ({error.strerror}); nothing was imported,"
                " free space or name another place with --rejects"
            ) from error

    def finish(self) -> None:
        """Write the file to disk. Raises RollError if that fails."""
        with self._writing():
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()

    def publish(self) -> None:
        """Give it its name. Raises RollError where that fails: the roll is imported by then, and the text says so."""
        try:
            self._part.replace(self._path)
        except OSError as error:
            raise RollError(
                f"{self._path}: the roll is imported, but the rejects file cannot take this name ({error.strerror});"
                f" it is in {self._part}"
            ) from error

    def discard(self) -> None:
        """Remove the unfinished file."""
        try:
            self._file.close()
        finally:
            self._part.unlink(missing_ok=True)


def without_formula(cell: str) -> str:
    """A cell that no spreadsheet takes for a formula: `'` before `=`, `+`, `-`, `@`, TAB and CR (OWASP, CSV injection)."""
    return f"'{cell}" if cell.startswith(("=", "+", "-", "@", "\t", "\r")) else cell
