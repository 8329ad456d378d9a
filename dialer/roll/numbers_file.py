"""A file that is about numbers alone: opt-outs, a do-not-call register, consents. One a line, or CSV."""

from __future__ import annotations

import csv
import hashlib
from dataclasses import dataclass
from pathlib import Path

from dialer.errors import RollError
from dialer.roll.phone_numbers import read_cell

_SHOWN_LINES = 10


@dataclass(frozen=True, slots=True)
class NumbersFile:
    """What a file held."""

    name: str
    sha256: str
    numbers: tuple[str, ...]  # E.164, each once, in the file's order
    without: tuple[int, ...]  # lines, from 1, in which no number was found; a heading is none

    def told(self) -> str:
        """The lines without a number, for a person."""
        shown = ", ".join(map(str, self.without[:_SHOWN_LINES]))
        return shown + (" ..." if len(self.without) > _SHOWN_LINES else "")


def read_numbers(path: Path, region: str, *, first_column_only: bool = False) -> NumbersFile:
    """Every number of a file. Raises RollError for a file that cannot be read, is no text, or has no number at all.

    Where numbers are to be suppressed, each cell counts: one too many does no harm. `first_column_only` is for what allows.
    """
    try:
        data = path.read_bytes()
        text = data.decode("utf-8-sig")
    except FileNotFoundError as error:
        raise RollError(f"{path}: no such file") from error
    except IsADirectoryError as error:
        raise RollError(f"{path}: is a directory; name the file in it") from error
    except OSError as error:
        raise RollError(f"{path}: cannot be read ({error.strerror}): check its rights") from error
    except UnicodeDecodeError as error:
        raise RollError(f"{path}: is not UTF-8 text: save it as CSV (UTF-8)") from error
    numbers: dict[str, None] = {}
    without: list[int] = []
    try:
        for line, row in enumerate(csv.reader(text.splitlines(), strict=True), start=1):
            cells = row[:1] if first_column_only else row
            found = [number for cell in cells for number in read_cell(cell, region).numbers]
            numbers.update(dict.fromkeys(found))
            if not found and any(cell.strip() for cell in row) and (line > 1 or any(c.isdigit() for c in "".join(row))):
                without.append(line)
    except csv.Error as error:
        raise RollError(f"{path}: is not CSV ({error}): one number a line will do") from error
    if not numbers:
        raise RollError(f"{path}: holds no number: one a line, or CSV")
    return NumbersFile(path.name, hashlib.sha256(data).hexdigest(), tuple(numbers), tuple(without))
