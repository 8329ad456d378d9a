"""Small files beside the roll (weights, workers): their columns found by the headings, their cells read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from dialer.errors import RollError
from dialer.roll.phone_numbers import ASCII_DIGITS

CONSTITUENCY = frozenset({"constituency", "constituencynumber", "acno", "ac"})
PART = frozenset({"part", "parts", "partnumber", "partno", "booth", "booths"})
SERIAL = frozenset({"serial", "serialno", "slno", "slnoinpart", "serialnoinpart"})


def places_of(
    path: Path, header: Sequence[str], columns: Mapping[str, frozenset[str]], optional: frozenset[str] = frozenset()
) -> dict[str, int]:
    """Where each of `columns` stands, by its name; its headings are written without spaces, marks and capitals.

    Raises RollError for one that is missing and not `optional`, and for one that is there twice.
    """
    squeezed = ["".join(letter for letter in heading.casefold() if letter.isalnum()) for heading in header]
    places: dict[str, int] = {}
    for name, headings in columns.items():
        found = [place for place, heading in enumerate(squeezed) if heading in headings]
        if not found and name in optional:
            continue
        if len(found) != 1:
            how = "no column" if not found else "more than one column"
            needed = ", ".join(each for each in columns if each not in optional)
            raise RollError(f"{path}: its first row has {how} {name}; name them {needed}")
        places[name] = found[0]
    return places


def cell_at(row: Sequence[str], place: int | None) -> str:
    """The text of a cell without blanks round it; "" where the row or the column is not there."""
    return row[place].strip() if place is not None and place < len(row) else ""


def whole_number(path: Path, number: int, name: str, text: str) -> int:
    """The number in a cell, in any Indian digits. Raises RollError with the row's `number` and the column's `name`."""
    digits = text.strip().translate(ASCII_DIGITS).removesuffix(".0")
    if not (digits.isascii() and digits.isdecimal() and len(digits) <= 9):
        raise RollError(f"{path}: row {number:,}: {name} is not a whole number; correct it, nothing was taken")
    return int(digits)
