"""The rejects file of an import: rows, cells and numbers that were not imported, with the reasons.

The owners of the electoral roll can correct the file and import it. Its first four columns say what was rejected. The
others are the columns of the roll, without sensitive data (caste, religion, Aadhaar number).
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
from dialer.domain.output import create_private_file

OWN_COLUMNS = ("REJECT_ROW", "REJECT_COLUMN", "REJECT_VALUE", "REJECT_REASON")


@dataclass(frozen=True, slots=True)
class Reject:
    """A row, phone number or cell of an electoral roll that was not imported, with the reason."""

    row_number: int
    column: str
    value: str
    reason: str
    row: Sequence[str]


MAX_EXAMPLES = 10


class RejectCounter:
    """Counts rejected rows, cells and numbers by reason, with examples. Used in dry runs, which write no rejects file."""

    def __init__(self) -> None:
        """Create a counter that has counted nothing yet."""
        self.reasons: Counter[str] = Counter()
        self.examples: list[Reject] = []

    def record_rejected_rows(self, rejects: Iterable[Reject]) -> None:
        """Count rejected rows, cells and numbers, and keep the first ones as examples."""
        rejects = list(rejects)
        self.examples += rejects[: MAX_EXAMPLES - len(self.examples)]
        self.reasons.update(reject.reason for reject in rejects)

    def close_rejects_file(self) -> None:
        """Do nothing, because a dry run writes no rejects file."""

    def move_rejects_file_to_final_path(self) -> None:
        """Do nothing, because a dry run writes no rejects file."""

    def delete_rejects_file(self) -> None:
        """Do nothing, because a dry run writes no rejects file."""


class RejectsFile(RejectCounter):
    """The file of rejected rows, cells and numbers. It gets its final name only when it is complete."""

    def __init__(self, path: Path, header: Sequence[str], hidden: frozenset[int]) -> None:
        """Create a rejects file. `hidden` has the indexes of columns that must not be written.

        Raises:
            RollError: The file cannot be created.
        """
        super().__init__()
        self._path = path
        self._part = path.with_name(path.name + ".part")
        self._written = [index for index in range(len(header)) if index not in hidden]
        self._width = len(header)
        try:
            # It contains names and numbers, so only this user may read it.
            descriptor = create_private_file(self._part)
        except OSError as error:
            raise RollError(
                f"{path}: the rejects file cannot be written ({error.strerror}); choose another file with --rejects"
            ) from error
        # With a byte-order mark, because spreadsheets would garble Indian scripts without one.
        self._file: TextIO = os.fdopen(descriptor, "w", encoding="utf-8-sig", newline="", errors="backslashreplace")
        self._writer = csv.writer(self._file)
        with self._raise_write_errors_as_roll_errors():
            self._writer.writerow([*OWN_COLUMNS, *(header[index] for index in self._written)])

    def record_rejected_rows(self, rejects: Iterable[Reject]) -> None:
        """Write rejected rows, cells and numbers to the file, and count them."""
        rejects = list(rejects)
        super().record_rejected_rows(rejects)
        with self._raise_write_errors_as_roll_errors():
            for reject in rejects:
                own = map(escape_spreadsheet_formula, (reject.column, reject.value, reject.reason))
                self._writer.writerow(
                    [str(reject.row_number), *own, *self._format_original_row_for_rejects_file(reject.row)]
                )

    def _format_original_row_for_rejects_file(self, row: Sequence[str]) -> list[str]:
        cells = [escape_spreadsheet_formula(row[index]) if index < len(row) else "" for index in self._written]
        return cells + [escape_spreadsheet_formula(cell) for cell in row[self._width :]]

    @contextmanager
    def _raise_write_errors_as_roll_errors(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise RollError(
                f"{self._path}: the rejects file cannot be written ({error.strerror}), so nothing was imported;"
                " free disk space, or choose another file with --rejects"
            ) from error

    def close_rejects_file(self) -> None:
        """Flush the rejects file to disk and close it.

        Raises:
            RollError: The file cannot be written.
        """
        with self._raise_write_errors_as_roll_errors():
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()

    def move_rejects_file_to_final_path(self) -> None:
        """Give the complete rejects file its final name. Call this after the electoral roll was imported.

        Raises:
            RollError: The file cannot be renamed; the message says that the roll is imported.
        """
        try:
            self._part.replace(self._path)
        except OSError as error:
            raise RollError(
                f"{self._path}: the roll was imported, but the rejects file could not be renamed ({error.strerror});"
                f" find it at {self._part}"
            ) from error

    def delete_rejects_file(self) -> None:
        """Delete an incomplete rejects file."""
        try:
            self._file.close()
        finally:
            self._part.unlink(missing_ok=True)


def escape_spreadsheet_formula(cell: str) -> str:
    """Return a cell with `'` before a leading `=`, `+`, `-`, `@`, TAB or CR, so that no spreadsheet runs it.

    See OWASP on CSV injection.
    """
    return f"'{cell}" if cell.startswith(("=", "+", "-", "@", "\t", "\r")) else cell
