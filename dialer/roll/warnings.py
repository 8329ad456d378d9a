"""What a roll's first rows make doubtful, each with what it costs and what to do: said before anything is taken. Pure.

A row that is wrong is a reject; here stands what no row can tell: a column that nobody reads, names in letters that are
none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from dialer.roll.fields import Field, field_of
from dialer.roll.mapping import ColumnMapping
from dialer.roll.phone_numbers import read_cell

LEAST_SHARE = 0.5  # of the cells of a column
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
"""Signs within words, and capitals behind small letters: Kruti Dev and its like keep Devanagari in the places of ASCII."""


def roll_warnings(mapping: ColumnMapping, rows: Sequence[Sequence[str]], region: str) -> Iterator[str]:
    """Return one line for each warning. `rows` are the first rows below the header."""
    if Field.MOBILE not in mapping.columns and Field.MOBILE not in mapping.values:
        yield (
            "no column is read as a phone number: nobody of this file can be called;"
            ' write mobile = "HEADING" under [columns] of a --map file'
        )
    if not {Field.NAME, Field.NAME_LOCAL} & {*mapping.columns, *mapping.values}:
        yield (
            "no column is read as a name: agents see nobody's and lists have none;"
            ' write name = "HEADING" under [columns] of a --map file'
        )
    for index, numbers, cells in phone_columns(mapping, rows, region):
        heading = mapping.header[index]
        given = [mapping.header[each] for each in mapping.columns.get(Field.MOBILE, ())]
        wanted = ", ".join(f'"{each}"' for each in [*given, heading])
        yield (
            f"{heading or 'a column without heading'}: {numbers:,} of the first {cells:,} cells are phone numbers,"
            f" and they are not read: write mobile = [{wanted}] under [columns] of a --map file"
        )
    for name in _NAMES:
        for index in mapping.columns.get(name, ()):
            said = field_of(mapping.header[index])  # a roll's one column of names is read as the name, whatever it is
            local = name in _LOCAL or (said is not None and said[0] in _LOCAL)
            yield from _letters(mapping.header[index], _cells(rows, index), local=local)


def phone_columns(mapping: ColumnMapping, rows: Sequence[Sequence[str]], region: str) -> Iterator[tuple[int, int, int]]:
    """Return (index, cells with numbers, cells) of columns that look like phone numbers but are not read."""
    read = {index for indexes in mapping.columns.values() for index in indexes}
    for index, heading in enumerate(mapping.header):
        cells = _cells(rows, index)
        if index in read or index in mapping.sensitive or heading in mapping.ignored or not cells:
            continue
        numbers = sum(bool(read_cell(cell, region).numbers) for cell in cells)
        if numbers >= LEAST_SHARE * len(cells):
            yield index, numbers, len(cells)


def _cells(rows: Sequence[Sequence[str]], index: int) -> list[str]:
    return [row[index].strip() for row in rows if index < len(row) and row[index].strip()]


def _letters(heading: str, cells: Sequence[str], *, local: bool) -> Iterator[str]:
    """Return warnings about columns of illegible names."""
    garbled = [cell for cell in cells if is_garbled(cell)]
    if garbled:
        yield (
            f"{heading}: {len(garbled):,} of the first {len(cells):,} names are UTF-8 that was read as Latin letters"
            f" ({garbled[0][:20]}): agents could not read them; export the roll again as UTF-8"
        )
        return
    latin = [cell for cell in cells if cell.isascii() and any(letter.isalpha() for letter in cell)]
    signs = sum(_FONT_SIGNS.search(cell) is not None for cell in latin)
    small = sum(cell[:1].islower() or not cell[:1].isalnum() for cell in latin)
    if latin and small >= LEAST_SHARE * len(cells) and (signs or local):
        yield (
            f"{heading}: {len(latin):,} of the first {len(cells):,} names look like a font's own code, such as Kruti Dev"
            f" ({latin[0][:20]}): agents could not read them; have them converted to Unicode first"
        )


def is_garbled(text: str) -> bool:
    """Return whether a text is UTF-8 that was decoded as Windows-1252, as in à¤†à¤¶à¤¾."""
    if text.isascii() or _NOT_LATIN.search(text):
        return False
    try:
        data = b"".join(_byte(letter) for letter in text)
        return _NOT_LATIN.search(data.decode("utf-8", "ignore")) is not None
    except UnicodeEncodeError:
        return False


def _byte(letter: str) -> bytes:
    """Return the byte that Windows-1252 decodes to this letter; its five undefined bytes stay unchanged."""
    try:
        return letter.encode("cp1252")
    except UnicodeEncodeError:
        return letter.encode("latin-1")
