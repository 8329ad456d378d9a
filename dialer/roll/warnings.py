"""Warnings about whole columns of an electoral roll, such as phone numbers that are not read or illegible names.

They are shown before the import and say what to do. Errors in single rows are rejects instead.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from dialer.domain.translatable import translatable
from dialer.roll.fields import Field, find_field_of_heading
from dialer.roll.mapping import ColumnMapping
from dialer.roll.phone_numbers import read_phone_numbers_in_cell

MIN_SHARE = 0.5  # of a column's cells, from which a warning is given
_NAMES = (
    Field.NAME,
    Field.LAST_NAME,
    Field.NAME_LOCAL,
    Field.LAST_NAME_LOCAL,
    Field.RELATION_NAME,
    Field.PART_NAME_LOCAL,
)
_LOCAL = frozenset({Field.NAME_LOCAL, Field.LAST_NAME_LOCAL, Field.PART_NAME_LOCAL})
_NOT_LATIN = re.compile("[\u0600-\u06ff\u0900-\u0dff]")
_FONT_SIGNS = re.compile(r"[a-z][;\[\]{}~|+=^&*%$#@!<>\\]|[a-z][A-Z]|(?:^|\s)['\[{;]")
"""Punctuation within words, or capitals after small letters: fonts such as Kruti Dev encode Devanagari as ASCII letters."""


def find_roll_warnings(mapping: ColumnMapping, rows: Sequence[Sequence[str]], region: str) -> Iterator[str]:
    """Return warnings about the columns of an electoral roll, one line each. `rows` are the first rows below the
    header.
    """
    if Field.MOBILE not in mapping.columns and Field.MOBILE not in mapping.values:
        yield translatable(
            "roll-without-phone-numbers",
            "no column is read as a phone number: no voter in this file can be called; map a column to mobile"
            ' (in a `--map` file: `mobile = "HEADING"` under `[columns]`)',
        )
    if not {Field.NAME, Field.NAME_LOCAL} & {*mapping.columns, *mapping.values}:
        yield translatable(
            "roll-without-names",
            "no column is read as a name: agents and booth lists will have no names; map a column to name"
            ' (in a `--map` file: `name = "HEADING"` under `[columns]`)',
        )
    for index, numbers, cells in find_unused_columns_with_phone_numbers(mapping, rows, region):
        heading = mapping.header[index]
        given = [mapping.header[each] for each in mapping.columns.get(Field.MOBILE, ())]
        wanted = ", ".join(f'"{each}"' for each in [*given, heading])
        yield translatable(
            "roll-column-of-numbers-not-read",
            "{heading}: {numbers:,} of the first {cells:,} cells are phone numbers, but the column is not read; map it to"
            " mobile (in a `--map` file: {mapping} under `[columns]`)",
            heading=heading or translatable("column-without-heading", "a column without heading"),
            numbers=numbers,
            cells=cells,
            mapping=f"`mobile = [{wanted}]`",
        )
    for name in _NAMES:
        for index in mapping.columns.get(name, ()):
            # The only name column is mapped to the name even if its heading says that it is in the local script.
            by_heading = find_field_of_heading(mapping.header[index])
            local = name in _LOCAL or (by_heading is not None and by_heading[0] in _LOCAL)
            yield from _find_warning_about_illegible_names(
                mapping.header[index], _list_filled_cells(rows, index), local=local
            )


def find_unused_columns_with_phone_numbers(
    mapping: ColumnMapping, rows: Sequence[Sequence[str]], region: str
) -> Iterator[tuple[int, int, int]]:
    """Yield each column that contains phone numbers but is not read: its index, its cells with numbers, and its filled
    cells.
    """
    read = {index for indexes in mapping.columns.values() for index in indexes}
    for index, heading in enumerate(mapping.header):
        cells = _list_filled_cells(rows, index)
        if index in read or index in mapping.sensitive or heading in mapping.ignored or not cells:
            continue
        numbers = sum(bool(read_phone_numbers_in_cell(cell, region).numbers) for cell in cells)
        if numbers >= MIN_SHARE * len(cells):
            yield index, numbers, len(cells)


def _list_filled_cells(rows: Sequence[Sequence[str]], index: int) -> list[str]:
    return [row[index].strip() for row in rows if index < len(row) and row[index].strip()]


def _find_warning_about_illegible_names(heading: str, cells: Sequence[str], *, local: bool) -> Iterator[str]:
    """Return a warning if the names in a column are illegible because of a wrong encoding or font."""
    garbled = [cell for cell in cells if is_garbled_text(cell)]
    if garbled:
        yield translatable(
            "roll-names-garbled",
            "{heading}: {names:,} of the first {cells:,} names are `UTF-8` decoded as Latin letters ({example}): agents"
            " cannot read them; export the roll again as `UTF-8`",
            heading=heading,
            names=len(garbled),
            cells=len(cells),
            example=garbled[0][:20],
        )
        return
    latin = [cell for cell in cells if cell.isascii() and any(letter.isalpha() for letter in cell)]
    signs = sum(_FONT_SIGNS.search(cell) is not None for cell in latin)
    small = sum(cell[:1].islower() or not cell[:1].isalnum() for cell in latin)
    if latin and small >= MIN_SHARE * len(cells) and (signs or local):
        yield translatable(
            "roll-names-in-legacy-font",
            "{heading}: {names:,} of the first {cells:,} names look like text in a legacy font such as Kruti Dev"
            " ({example}): agents cannot read them; have them converted to Unicode first",
            heading=heading,
            names=len(latin),
            cells=len(cells),
            example=latin[0][:20],
        )


def is_garbled_text(text: str) -> bool:
    """Return whether a text is garbled, because its UTF-8 was decoded as Windows-1252. An example is à¤†à¤¶à¤¾."""
    if text.isascii() or _NOT_LATIN.search(text):
        return False
    try:
        data = b"".join(_encode_letter_as_windows_1252(letter) for letter in text)
        return _NOT_LATIN.search(data.decode("utf-8", "ignore")) is not None
    except UnicodeEncodeError:
        return False


def _encode_letter_as_windows_1252(letter: str) -> bytes:
    """Return the byte that encodes a letter in Windows-1252, or in Latin-1 for the five bytes that Windows-1252 lacks."""
    try:
        return letter.encode("cp1252")
    except UnicodeEncodeError:
        return letter.encode("latin-1")
