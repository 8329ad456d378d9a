"""Rows of a roll to voters: whole columns at a time, because a million rows one by one would take minutes.

What cannot be understood is rejected with its reason: the row if it is nobody (no part, no serial), the cell alone if
the voter is known all the same (an age of 240). Blank rows are counted and passed over.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import compress
from operator import not_
from typing import NamedTuple, TypeVar

from dialer.roll.cells import (
    AGES,
    RELATIONS,
    SEXES,
    Memo,
    bounded,
    clean_age,
    clock_text,
    constituency_parts,
    house_text,
    tidy,
    word_reader,
)
from dialer.roll.fields import Field
from dialer.roll.languages import language_code, language_of_state
from dialer.roll.mapping import ColumnMapping
from dialer.roll.reading import Batch
from dialer.roll.rejects import Reject

_KEY_LIMITS = {Field.SERIAL: 99_999, Field.PART_NUMBER: 99_999, Field.CONSTITUENCY_NUMBER: 9_999}
_KEY_REASONS = {
    name: f"the {words} is not a whole number from 1 to {_KEY_LIMITS[name]:,}"
    for name, words in (
        (Field.SERIAL, "serial number in the part"),
        (Field.PART_NUMBER, "part (booth) number"),
        (Field.CONSTITUENCY_NUMBER, "constituency number"),
    )
}

T = TypeVar("T")

Details = tuple[str, str, str, str, str, str, int | None, str, str, str]
"""epic, name, name_local, relation, relation_name, sex, age, house, section, language: as the table `voter` has them."""

DETAIL_FIELDS = (
    Field.EPIC, Field.NAME, Field.NAME_LOCAL, Field.RELATION, Field.RELATION_NAME, Field.SEX, Field.AGE, Field.HOUSE,
    Field.SECTION, Field.LANGUAGE,
)  # fmt: skip


class BoothKey(NamedTuple):
    """The key of a booth."""

    roll_version: str
    state_code: str
    constituency_number: int
    part_number: int


class BoothDetails(NamedTuple):
    """The details of a booth in the roll; "" for unknown ones."""

    constituency_name: str
    name: str
    name_local: str
    language: str
    closes_at: str


@dataclass(slots=True)
class BoothSlot:
    """A booth during an import."""

    booth_id: int
    is_new: bool  # had no voters in the store before the import
    seen: bytearray = field(default_factory=bytearray)  # by serial: whether this file has had it


@dataclass(slots=True)
class RowTable:
    """Rows of the same width with their row numbers, and their columns."""

    numbers: Sequence[int]
    rows: Sequence[Sequence[str]]
    columns: Sequence[Sequence[str]]

    def only(self, keep: Sequence[bool]) -> RowTable:
        """Return the table with only the selected rows."""
        columns = [list(compress(column, keep)) for column in self.columns]
        return RowTable(list(compress(self.numbers, keep)), list(compress(self.rows, keep)), columns)


@dataclass(slots=True)
class CleanRows:
    """The voters of one batch by columns, with the rows that they came from."""

    table: RowTable
    booths: list[BoothSlot] = field(default_factory=list)
    serials: list[int] = field(default_factory=list)
    details: list[Details] = field(default_factory=list)
    phone_columns: list[tuple[str, Sequence[str]]] = field(default_factory=list)  # heading and cells
    rejects: list[Reject] = field(default_factory=list)  # of rows and of cells
    rejected_rows: int = 0
    blank_rows: int = 0


class Cleaner:
    """Converts batches to voters. `find_booth` returns the slot of a booth, new or known."""

    def __init__(
        self,
        mapping: ColumnMapping,
        find_booth: Callable[[BoothKey, BoothDetails], BoothSlot],
        *,
        roll_version: str,
        damaged: bool,
    ) -> None:
        """`roll_version` is used without such a column. `damaged`: search for characters that could not be decoded."""
        self._mapping = mapping
        self._find_booth = find_booth
        self._roll_version = roll_version
        self._damaged = damaged
        self._booths: dict[tuple[str, ...], BoothSlot] = {}
        self._serials = Memo(lambda cell: bounded(cell, _KEY_LIMITS[Field.SERIAL]) or 0)
        self._ages = Memo(clean_age)
        self._sexes = Memo(word_reader(SEXES))
        self._relations = Memo(word_reader(RELATIONS))
        self._languages = Memo(language_code)
        self._houses = Memo(house_text)

    def clean(self, batch: Batch) -> CleanRows:
        """Return the voters of a batch and its rejects."""
        rejects: list[Reject] = []
        table, blank = self._shaped(batch, rejects)
        serials = [self._serials[cell] for cell in self._cells(table, Field.SERIAL)]
        booths = self._booth_column(table)
        if 0 in serials or None in booths:
            keep = [slot is not None and serial > 0 for slot, serial in zip(booths, serials, strict=True)]
            blank += self._explain(compress(zip(table.numbers, table.rows, strict=True), map(not_, keep)), rejects)
            table, serials, booths = table.only(keep), list(compress(serials, keep)), list(compress(booths, keep))
        clean = CleanRows(table, rejects=rejects, rejected_rows=len(rejects), blank_rows=blank)
        if table.rows:
            clean.serials = serials
            clean.booths = [slot for slot in booths if slot is not None]
            clean.details = self._details(table, rejects)
            phones = self._mapping.columns.get(Field.MOBILE, ())
            clean.phone_columns = [(self._mapping.header[index], table.columns[index]) for index in phones]
        return clean

    def _shaped(self, batch: Batch, rejects: list[Reject]) -> tuple[RowTable, int]:
        """Return (rows of the width of the header, number of blank rows). Longer rows are rejected as shifted."""
        width = len(self._mapping.header)
        if not self._damaged and set(map(len, batch.rows)) == {width}:
            numbers = range(batch.first_row, batch.first_row + len(batch.rows))
            return RowTable(numbers, batch.rows, list(zip(*batch.rows, strict=True))), 0
        rows: list[list[str]] = []
        row_numbers: list[int] = []
        blank = 0
        for number, row in enumerate(batch.rows, batch.first_row):
            if not any(row):
                blank += 1
            elif (reject := self._misshapen(number, row, width)) is not None:
                rejects.append(reject)
            else:
                rows.append(row[:width] + [""] * (width - len(row)))
                row_numbers.append(number)
        return RowTable(row_numbers, rows, list(zip(*rows, strict=True))), blank

    def _misshapen(self, number: int, row: list[str], width: int) -> Reject | None:
        extra = next((cell for cell in row[width:] if cell.strip()), None)
        if extra is not None:
            reason = "more cells than the header has: a delimiter inside a cell, put that cell in quotes"
            return Reject(number, "", extra, reason, row)
        if len(row) < width and any("\n" in cell for cell in row):
            reason = "the row breaks off in a cell of several lines: look for a quotation mark that never closes"
            return Reject(number, "", "", reason, row)
        if self._damaged and (broken := _broken(row[:width])) is not None:
            reason = "characters that are not UTF-8: export the row again"
            return Reject(number, self._mapping.header[broken], row[broken], reason, row)
        return None

    def _cells(self, table: RowTable, name: Field) -> Sequence[str]:
        """Return the cells of a field, or its fixed value repeated."""
        places = self._mapping.columns.get(name)
        if places is None:
            return [self._mapping.values.get(name, "")] * len(table.rows)
        return table.columns[places[0]] if table.rows else ()

    def _cell(self, row: Sequence[str], name: Field) -> str:
        places = self._mapping.columns.get(name)
        return row[places[0]] if places is not None else self._mapping.values.get(name, "")

    def _booth_column(self, table: RowTable) -> list[BoothSlot | None]:
        names = (Field.ROLL_VERSION, Field.STATE_CODE, Field.CONSTITUENCY_NUMBER, Field.PART_NUMBER)
        keys = list(zip(*(self._cells(table, name) for name in names), strict=True))
        booths = [self._booths.get(key) for key in keys]
        if None in booths:
            for place, slot in enumerate(booths):
                if slot is None:
                    booths[place] = self._booths.get(keys[place]) or self._first_row_of_booth(
                        table.rows[place], keys[place]
                    )
        return booths

    def _first_row_of_booth(self, row: Sequence[str], cells: tuple[str, ...]) -> BoothSlot | None:
        """Return the slot of a booth that is new in this file; None if the cells do not identify a booth."""
        version, state, constituency, part = cells
        state_in_number, number = constituency_parts(constituency)
        constituency_number = bounded(number, _KEY_LIMITS[Field.CONSTITUENCY_NUMBER])
        part_number = bounded(part, _KEY_LIMITS[Field.PART_NUMBER])
        if constituency_number is None or part_number is None:
            return None
        state_code = tidy(state).upper() or state_in_number
        details = BoothDetails(
            constituency_name=tidy(self._cell(row, Field.CONSTITUENCY_NAME)),
            name=tidy(self._cell(row, Field.PART_NAME)),
            name_local=tidy(self._cell(row, Field.PART_NAME_LOCAL)),
            language=language_code(self._mapping.values.get(Field.LANGUAGE, "")) or language_of_state(state_code),
            closes_at=clock_text(self._cell(row, Field.CLOSES_AT)),
        )
        key = BoothKey(tidy(version) or self._roll_version, state_code, constituency_number, part_number)
        slot = self._booths[cells] = self._find_booth(key, details)
        return slot

    def _explain(self, bad: Iterable[tuple[int, Sequence[str]]], rejects: list[Reject]) -> int:
        """Reject rows without a voter, and return how many of them are blank."""
        blank = 0
        for number, row in bad:
            if not any(cell.strip() for cell in row):
                blank += 1
                continue
            name = next(name for name in _KEY_REASONS if not self._key_part_is_good(name, row))
            rejects.append(Reject(number, self._heading(name), self._cell(row, name), _KEY_REASONS[name], row))
        return blank

    def _key_part_is_good(self, name: Field, row: Sequence[str]) -> bool:
        cell = self._cell(row, name)
        if name is Field.CONSTITUENCY_NUMBER:
            cell = constituency_parts(cell)[1]
        return bounded(cell, _KEY_LIMITS[name]) is not None

    def _heading(self, name: Field) -> str:
        places = self._mapping.columns.get(name)
        return self._mapping.header[places[0]] if places is not None else name.value

    def _details(self, table: RowTable, rejects: list[Reject]) -> list[Details]:
        ages = self._read(table, Field.AGE, self._ages.__getitem__, None)
        if -1 in ages:
            reason = f"not a voter's age ({AGES.start} to {AGES.stop - 1}): the voter is taken without it"
            self._reject_cells(table, Field.AGE, [age == -1 for age in ages], reason, rejects)
            ages = [None if age == -1 else age for age in ages]
        relations = self._coded(table, Field.RELATION, self._relations, "not a relation (F, M, H, O)", rejects)
        sexes = self._coded(table, Field.SEX, self._sexes, "not a sex (M, F, O)", rejects)
        languages = self._coded(table, Field.LANGUAGE, self._languages, "not a language that is known", rejects)
        columns = (
            self._read(table, Field.EPIC, lambda cell: cell.strip().upper(), ""),
            self._names(table, Field.NAME, Field.LAST_NAME),
            self._names(table, Field.NAME_LOCAL, Field.LAST_NAME_LOCAL),
            relations,
            self._names(table, Field.RELATION_NAME, Field.RELATION_LAST_NAME),
            sexes,
            ages,
            self._read(table, Field.HOUSE, self._houses.__getitem__, ""),
            self._read(table, Field.SECTION, self._houses.__getitem__, ""),
            languages,
        )
        return list(zip(*columns, strict=True))

    def _names(self, table: RowTable, *names: Field) -> list[str]:
        """Return first and last names joined, with single spaces."""
        cells = [self._cells(table, name) for name in names if name in self._mapping.columns]
        if len(cells) == 1:
            return [" ".join(cell.split()) for cell in cells[0]]
        if cells:
            return [" ".join(f"{first} {last}".split()) for first, last in zip(*cells, strict=True)]
        return [""] * len(table.rows)

    def _coded(
        self, table: RowTable, name: Field, memo: Memo[str | None], reason: str, rejects: list[Reject]
    ) -> list[str]:
        no_word: str | None = ""
        values = self._read(table, name, memo.__getitem__, no_word)
        if None in values:
            bad = [value is None for value in values]
            self._reject_cells(table, name, bad, f"{reason}: the voter is taken without it", rejects)
        return [value or "" for value in values]

    def _read(self, table: RowTable, name: Field, clean: Callable[[str], T], blank: T) -> list[T]:
        """Return the cleaned cells of a field. A field that the roll lacks costs no time."""
        if name not in self._mapping.columns and name not in self._mapping.values:
            return [blank] * len(table.rows)
        return list(map(clean, self._cells(table, name)))

    def _reject_cells(
        self, table: RowTable, name: Field, bad: Sequence[bool], reason: str, rejects: list[Reject]
    ) -> None:
        for number, row in compress(zip(table.numbers, table.rows, strict=True), bad):
            rejects.append(Reject(number, self._heading(name), self._cell(row, name), reason, row))


def _broken(row: Sequence[str]) -> int | None:
    """Return the first cell with bytes that could not be decoded."""
    return next((place for place, cell in enumerate(row) if re.search("[\udc80-\udcff]", cell)), None)
