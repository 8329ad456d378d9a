"""A preview of an electoral roll for a person who maps its columns to fields on a page: headings, examples and rejects.

Phone numbers and other long numbers are masked: four digits suffice to recognise what a column contains.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from dialer.domain.schema import MESSAGE
from dialer.roll.fields import Field, is_sensitive_column
from dialer.roll.mapping import ColumnsNotMapped, MapFile, find_headings, guess_fields_from_headings, is_data_row
from dialer.roll.rejects import Reject

MAX_EXAMPLES = 3
MAX_CHARACTERS = 40
MIN_MASKED_DIGITS = 6
SHOWN_DIGITS = 4


@dataclass(frozen=True, slots=True)
class PreviewedColumn:
    """A column of an electoral roll: its heading, its first values, and the field that it is read as."""

    __pydantic_config__ = MESSAGE

    heading: str  # "": the file has no headings
    examples: tuple[str, ...]  # with masked numbers; empty for a dropped column
    field: Field | None  # None: the column is not read
    dropped: bool  # caste, religion, Aadhaar number and choice of vote are never stored


@dataclass(frozen=True, slots=True)
class ColumnPreview:
    """The columns of an electoral roll, and the row that has their headings."""

    __pydantic_config__ = MESSAGE

    header_row: int  # counted from 1; 0: the file has no headings
    columns: tuple[PreviewedColumn, ...]


@dataclass(frozen=True, slots=True)
class PreviewedReject:
    """A rejected row, phone number or cell of an electoral roll, with the reason. Numbers are masked."""

    __pydantic_config__ = MESSAGE

    row_number: int  # as a spreadsheet counts
    column: str
    value: str
    reason: str


def preview_columns(path: Path, head: Sequence[Sequence[str]], map_file: MapFile) -> ColumnPreview:
    """Return the columns of an electoral roll: headings, examples from its first rows (`head`), and fields.

    The field of a column comes from the map file, if this lists columns, otherwise from the heading. If no heading is
    known, the first row that is not blank is taken for the headings, unless it contains data.

    Raises:
        RollError: The map file names a row of headings that is not among the first rows.
    """
    try:
        header, skip_rows = find_headings(path, head, map_file)
    except ColumnsNotMapped:
        first = next((index for index, row in enumerate(head) if any(cell.strip() for cell in row)), 0)
        header_row = 0 if not head or is_data_row(head[first]) else first + 1
        header, skip_rows = find_headings(path, head, MapFile(header_row=header_row))
    fields: dict[int, Field] = {}
    if map_file.columns:
        for name, numbers in map_file.columns.items():
            fields |= {number - 1: name for number in numbers if isinstance(number, int)}
    else:
        for name, indexes in guess_fields_from_headings(header).items():
            fields |= dict.fromkeys(indexes, name)
    columns = []
    for index, heading in enumerate(header):
        dropped = index not in fields and is_sensitive_column(heading)
        cells = [row[index] for row in head[skip_rows:] if index < len(row) and row[index].strip()]
        examples = () if is_sensitive_column(heading) else tuple(map(mask_numbers, cells[:MAX_EXAMPLES]))
        columns.append(PreviewedColumn(heading if skip_rows else "", examples, fields.get(index), dropped))
    return ColumnPreview(skip_rows, tuple(columns))


def preview_rejects(rejects: Iterable[Reject]) -> tuple[PreviewedReject, ...]:
    """Return rejects of an electoral roll with masked numbers."""
    return tuple(
        PreviewedReject(each.row_number, each.column, mask_numbers(each.value), each.reason) for each in rejects
    )


def mask_numbers(text: str) -> str:
    """Return a cell as one short printable line. If it has six or more digits, all but the last four are masked."""
    shown = " ".join(text.encode("utf-8", "replace").decode().split())
    digits = [place for place, letter in enumerate(shown) if letter.isdecimal()]
    if len(digits) >= MIN_MASKED_DIGITS:
        hidden = {*digits[:-SHOWN_DIGITS]}
        shown = "".join("•" if place in hidden else letter for place, letter in enumerate(shown))
    return shown if len(shown) <= MAX_CHARACTERS else f"{shown[:MAX_CHARACTERS]}…"
