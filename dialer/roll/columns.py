"""Reading of small files about voters on the electoral roll, such as weights that order the calls, or booth workers.

The columns of such a file are found by their headings.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from dialer.domain.errors import RollError
from dialer.roll.phone_numbers import ASCII_DIGITS
from dialer.roll.reading import open_roll

CONSTITUENCY = frozenset({"constituency", "constituencynumber", "acno", "ac"})
PART = frozenset({"part", "parts", "partnumber", "partno", "booth", "booths"})
ROLL_VERSION = frozenset({"rollversion", "roll"})
STATE = frozenset({"state", "statecode", "stcode"})
PLACE = {"constituency": CONSTITUENCY, "part": PART, "roll version": ROLL_VERSION, "state": STATE}
"""Headings of the columns that identify a part."""
SERIAL = frozenset({"serial", "serialno", "slno", "slnoinpart", "serialnoinpart"})


def find_indexes_of_columns(
    path: Path, header: Sequence[str], columns: Mapping[str, frozenset[str]], optional: frozenset[str] = frozenset()
) -> dict[str, int]:
    """Return the index of each column of a small file, by the column's name.

    `columns` has the accepted headings of each name, and `optional` the names of columns that may be missing. Spaces,
    punctuation and case of a heading do not matter.

    Raises:
        RollError: A required column is missing, or a column occurs twice.
    """
    squeezed = ["".join(letter for letter in heading.casefold() if letter.isalnum()) for heading in header]
    places: dict[str, int] = {}
    for name, headings in columns.items():
        found = [place for place, heading in enumerate(squeezed) if heading in headings]
        if not found and name in optional:
            continue
        if len(found) != 1:
            required = ", ".join(each for each in columns if each not in optional)
            if not found:
                raise RollError(
                    f"{path}: the first row has no column `{name}`; add it (the required columns are {required})"
                )
            raise RollError(f"{path}: the first row has the column `{name}` more than once; keep only one of them")
        places[name] = found[0]
    return places


@dataclass(frozen=True, slots=True)
class TableRow:
    """A row of a small file. `row[name]` is the text in a column, or "" if it is blank or missing."""

    path: Path
    number: int  # as in a spreadsheet: the first row is 1
    cells: Mapping[str, str]  # cells that are not blank
    share_done: float  # of the file (0-1)

    def __getitem__(self, name: str) -> str:
        return self.cells.get(name, "")

    @property
    def location_in_file(self) -> str:
        """Return the file and the row number, with which each error message about this row begins."""
        return f"{self.path}: row {self.number:,}"

    def create_error_about_row(self, problem: str) -> RollError:
        """Return an error about this row. The error's text also says that no row of the file was imported."""
        return RollError(f"{self.location_in_file}: {problem}; nothing was imported")

    def parse_number_in_column(self, name: str, text: str | None = None) -> int:
        """Return the whole number in a column of this row, in any Indian digits.

        If `text` is given, it is parsed instead of the cell.

        Raises:
            RollError: The text is not a whole number.
        """
        digits = (self[name] if text is None else text).translate(ASCII_DIGITS).removesuffix(".0")
        if not (digits.isascii() and digits.isdecimal() and len(digits) <= 9):
            raise RollError(
                f"{self.location_in_file}: the cell in column `{name}` is not a whole number; nothing was imported: "
                "correct this cell"
            )
        return int(digits)


class SmallTable:
    """An open CSV or XLSX file that is small enough for memory, such as a list of opt-outs, and its columns."""

    def __init__(self, path: Path, columns: Mapping[str, frozenset[str]], optional: frozenset[str]) -> None:
        """Open a small file and find its columns, as `find_indexes_of_columns` does.

        Raises:
            RollError: The file cannot be read, or a column is missing.
        """
        self._path = path
        self._roll = open_roll(path)
        head = self._roll.read_first_rows()
        self._places = find_indexes_of_columns(path, head[0] if head else [], columns, optional)
        self.columns = self._places.keys()  # names of the columns in the file
        self.sha256 = self._roll.sha256

    def read_rows(self) -> Iterator[TableRow]:
        """Yield the rows below the headings, without blank rows."""
        for batch in self._roll.read_row_batches(1):
            for number, row in enumerate(batch.rows, batch.first_row):
                if any(cell.strip() for cell in row):
                    found = {name: row[place].strip() for name, place in self._places.items() if place < len(row)}
                    cells = {name: cell for name, cell in found.items() if cell}
                    yield TableRow(self._path, number, cells, batch.share_done)
