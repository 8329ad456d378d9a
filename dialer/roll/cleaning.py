"""Conversion of an electoral roll's rows to voters, whole columns at a time for speed.

A row without a valid constituency, part or serial number is rejected, because it does not identify a voter. If only a
detail is invalid (such as an age of 240), the cell is rejected and the voter is imported without it. Blank rows are
counted and skipped.
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
    clean_house_number,
    collapse_spaces,
    create_word_to_code_converter,
    parse_age,
    parse_clock_time,
    parse_whole_number,
    split_constituency_cell,
)
from dialer.roll.fields import Field
from dialer.roll.languages import get_main_language_of_state, parse_language
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
"""epic, name, name_local, relation, relation_name, sex, age, house, section, language: columns of the table `voter`."""

DETAIL_FIELDS = (
    Field.EPIC, Field.NAME, Field.NAME_LOCAL, Field.RELATION, Field.RELATION_NAME, Field.SEX, Field.AGE, Field.HOUSE,
    Field.SECTION, Field.LANGUAGE,
)  # fmt: skip


class BoothKey(NamedTuple):
    """The fields that identify a polling booth on the electoral roll."""

    roll_version: str
    state_code: str
    constituency_number: int
    part_number: int


class BoothDetails(NamedTuple):
    """What the electoral roll says about a polling booth; "" for unknown details."""

    constituency_name: str
    name: str
    name_local: str
    language: str
    closes_at: str


@dataclass(slots=True)
class BoothSlot:
    """A polling booth found by an import: its ID in the store, and the serial numbers that were read from the file so
    far.
    """

    booth_id: int
    is_new: bool  # the booth had no voters in the store before the import
    seen: bytearray = field(default_factory=bytearray)  # 1 for each serial that occurred in this file


@dataclass(slots=True)
class RowTable:
    """Rows of equal width with their row numbers. The cells can also be read by column."""

    numbers: Sequence[int]
    rows: Sequence[Sequence[str]]
    columns: Sequence[Sequence[str]]

    def copy_table_with_selected_rows(self, keep: Sequence[bool]) -> RowTable:
        """Return a table with only those rows whose entry in `keep` is True."""
        columns = [list(compress(column, keep)) for column in self.columns]
        return RowTable(list(compress(self.numbers, keep)), list(compress(self.rows, keep)), columns)


@dataclass(slots=True)
class CleanRows:
    """The voters in a batch of rows, as columns of equal length, and the rows that they come from."""

    table: RowTable
    booths: list[BoothSlot] = field(default_factory=list)
    serials: list[int] = field(default_factory=list)
    details: list[Details] = field(default_factory=list)
    phone_columns: list[tuple[str, Sequence[str]]] = field(default_factory=list)  # heading and cells
    rejects: list[Reject] = field(default_factory=list)  # rejected rows and cells
    rejected_rows: int = 0
    blank_rows: int = 0


class Cleaner:
    """Converts the rows of an electoral roll to voters, one batch of rows at a time."""

    def __init__(
        self,
        mapping: ColumnMapping,
        find_booth: Callable[[BoothKey, BoothDetails], BoothSlot],
        *,
        roll_version: str,
        damaged: bool,
    ) -> None:
        """Prepare the conversion of an electoral roll's rows to voters.

        `find_booth` returns the booth of a key from the store, and adds the booth if it is new. `roll_version` is used
        if the roll has no such column. If `damaged`, some bytes of the file could not be decoded, and rows with such
        bytes are rejected.
        """
        self._mapping = mapping
        self._find_booth = find_booth
        self._roll_version = roll_version
        self._damaged = damaged
        self._booths: dict[tuple[str, ...], BoothSlot] = {}
        self._serials = Memo(lambda cell: parse_whole_number(cell, _KEY_LIMITS[Field.SERIAL]) or 0)
        self._ages = Memo(parse_age)
        self._sexes = Memo(create_word_to_code_converter(SEXES))
        self._relations = Memo(create_word_to_code_converter(RELATIONS))
        self._languages = Memo(parse_language)
        self._houses = Memo(clean_house_number)

    def convert_rows_to_voters(self, batch: Batch) -> CleanRows:
        """Return the voters in a batch of rows, and the rows and cells that were rejected."""
        rejects: list[Reject] = []
        table, blank = self._normalize_row_widths(batch, rejects)
        serials = [self._serials[cell] for cell in self._get_cells_of_column(table, Field.SERIAL)]
        booths = self._find_booths_of_rows(table)
        if 0 in serials or None in booths:
            keep = [slot is not None and serial > 0 for slot, serial in zip(booths, serials, strict=True)]
            blank += self._reject_rows_without_voter(
                compress(zip(table.numbers, table.rows, strict=True), map(not_, keep)), rejects
            )
            table, serials, booths = (
                table.copy_table_with_selected_rows(keep),
                list(compress(serials, keep)),
                list(compress(booths, keep)),
            )
        clean = CleanRows(table, rejects=rejects, rejected_rows=len(rejects), blank_rows=blank)
        if table.rows:
            clean.serials = serials
            clean.booths = [slot for slot in booths if slot is not None]
            clean.details = self._clean_voter_details(table, rejects)
            phones = self._mapping.columns.get(Field.MOBILE, ())
            clean.phone_columns = [(self._mapping.header[index], table.columns[index]) for index in phones]
        return clean

    def _normalize_row_widths(self, batch: Batch, rejects: list[Reject]) -> tuple[RowTable, int]:
        """Return the rows, each as wide as the header, and the number of blank rows.

        Rows with filled cells beyond the header are rejected.
        """
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
            elif (reject := self._reject_malformed_row(number, row, width)) is not None:
                rejects.append(reject)
            else:
                rows.append(row[:width] + [""] * (width - len(row)))
                row_numbers.append(number)
        return RowTable(row_numbers, rows, list(zip(*rows, strict=True))), blank

    def _reject_malformed_row(self, number: int, row: list[str], width: int) -> Reject | None:
        """Return why a row is rejected (too many cells, an unclosed quotation mark or undecodable characters), or None
        if the row is accepted.
        """
        extra = next((cell for cell in row[width:] if cell.strip()), None)
        if extra is not None:
            reason = "more cells than the header: put a cell that contains the delimiter in quotes"
            return Reject(number, "", extra, reason, row)
        if len(row) < width and any("\n" in cell for cell in row):
            reason = "the row ends in a cell of several lines: look for a missing closing quotation mark"
            return Reject(number, "", "", reason, row)
        if self._damaged and (broken := _find_cell_with_wrong_encoding(row[:width])) is not None:
            reason = "characters that are not UTF-8: export the row again"
            return Reject(number, self._mapping.header[broken], row[broken], reason, row)
        return None

    def _get_cells_of_column(self, table: RowTable, name: Field) -> Sequence[str]:
        """Return the cells of a field in all rows. If the map file gives the field a fixed value, return it for each
        row.
        """
        places = self._mapping.columns.get(name)
        if places is None:
            return [self._mapping.values.get(name, "")] * len(table.rows)
        return table.columns[places[0]] if table.rows else ()

    def _get_cell_of_column(self, row: Sequence[str], name: Field) -> str:
        places = self._mapping.columns.get(name)
        return row[places[0]] if places is not None else self._mapping.values.get(name, "")

    def _find_booths_of_rows(self, table: RowTable) -> list[BoothSlot | None]:
        names = (Field.ROLL_VERSION, Field.STATE_CODE, Field.CONSTITUENCY_NUMBER, Field.PART_NUMBER)
        keys = list(zip(*(self._get_cells_of_column(table, name) for name in names), strict=True))
        booths = [self._booths.get(key) for key in keys]
        if None in booths:
            for place, slot in enumerate(booths):
                if slot is None:
                    booths[place] = self._booths.get(keys[place]) or self._find_or_add_booth_of_row(
                        table.rows[place], keys[place]
                    )
        return booths

    def _find_or_add_booth_of_row(self, row: Sequence[str], cells: tuple[str, ...]) -> BoothSlot | None:
        """Return the polling booth of a row, or None if the cells do not identify a booth. A new booth is added to the
        store.

        Call this once for each booth, with its first row in the file.
        """
        version, state, constituency, part = cells
        state_in_number, number = split_constituency_cell(constituency)
        constituency_number = parse_whole_number(number, _KEY_LIMITS[Field.CONSTITUENCY_NUMBER])
        part_number = parse_whole_number(part, _KEY_LIMITS[Field.PART_NUMBER])
        if constituency_number is None or part_number is None:
            return None
        state_code = collapse_spaces(state).upper() or state_in_number
        details = BoothDetails(
            constituency_name=collapse_spaces(self._get_cell_of_column(row, Field.CONSTITUENCY_NAME)),
            name=collapse_spaces(self._get_cell_of_column(row, Field.PART_NAME)),
            name_local=collapse_spaces(self._get_cell_of_column(row, Field.PART_NAME_LOCAL)),
            language=parse_language(self._mapping.values.get(Field.LANGUAGE, ""))
            or get_main_language_of_state(state_code),
            closes_at=parse_clock_time(self._get_cell_of_column(row, Field.CLOSES_AT)),
        )
        key = BoothKey(collapse_spaces(version) or self._roll_version, state_code, constituency_number, part_number)
        slot = self._booths[cells] = self._find_booth(key, details)
        return slot

    def _reject_rows_without_voter(self, bad: Iterable[tuple[int, Sequence[str]]], rejects: list[Reject]) -> int:
        """Reject the rows that do not identify a voter, except blank rows. Return the number of blank rows."""
        blank = 0
        for number, row in bad:
            if not any(cell.strip() for cell in row):
                blank += 1
                continue
            name = next(name for name in _KEY_REASONS if not self._has_valid_number_in_column(name, row))
            rejects.append(
                Reject(
                    number, self._get_field_heading(name), self._get_cell_of_column(row, name), _KEY_REASONS[name], row
                )
            )
        return blank

    def _has_valid_number_in_column(self, name: Field, row: Sequence[str]) -> bool:
        """Return whether a row has a valid constituency, part or serial number in the column of `name`."""
        cell = self._get_cell_of_column(row, name)
        if name is Field.CONSTITUENCY_NUMBER:
            cell = split_constituency_cell(cell)[1]
        return parse_whole_number(cell, _KEY_LIMITS[name]) is not None

    def _get_field_heading(self, name: Field) -> str:
        places = self._mapping.columns.get(name)
        return self._mapping.header[places[0]] if places is not None else name.value

    def _clean_voter_details(self, table: RowTable, rejects: list[Reject]) -> list[Details]:
        ages = self._clean_cells_of_column(table, Field.AGE, self._ages.__getitem__, None)
        if -1 in ages:
            reason = f"not a voter's age ({AGES.start} to {AGES.stop - 1}): the voter is imported without it"
            self._reject_cells_of_column(table, Field.AGE, [age == -1 for age in ages], reason, rejects)
            ages = [None if age == -1 else age for age in ages]
        relations = self._convert_words_of_column_to_codes(
            table, Field.RELATION, self._relations, "not a relation (F, M, H, O)", rejects
        )
        sexes = self._convert_words_of_column_to_codes(table, Field.SEX, self._sexes, "not a sex (M, F, O)", rejects)
        languages = self._convert_words_of_column_to_codes(
            table, Field.LANGUAGE, self._languages, "not a known language", rejects
        )
        columns = (
            self._clean_cells_of_column(table, Field.EPIC, lambda cell: cell.strip().upper(), ""),
            self._join_first_and_last_names(table, Field.NAME, Field.LAST_NAME),
            self._join_first_and_last_names(table, Field.NAME_LOCAL, Field.LAST_NAME_LOCAL),
            relations,
            self._join_first_and_last_names(table, Field.RELATION_NAME, Field.RELATION_LAST_NAME),
            sexes,
            ages,
            self._clean_cells_of_column(table, Field.HOUSE, self._houses.__getitem__, ""),
            self._clean_cells_of_column(table, Field.SECTION, self._houses.__getitem__, ""),
            languages,
        )
        return list(zip(*columns, strict=True))

    def _join_first_and_last_names(self, table: RowTable, *names: Field) -> list[str]:
        """Return first and last names joined by single spaces."""
        cells = [self._get_cells_of_column(table, name) for name in names if name in self._mapping.columns]
        if len(cells) == 1:
            return [" ".join(cell.split()) for cell in cells[0]]
        if cells:
            return [" ".join(f"{first} {last}".split()) for first, last in zip(*cells, strict=True)]
        return [""] * len(table.rows)

    def _convert_words_of_column_to_codes(
        self, table: RowTable, name: Field, memo: Memo[str | None], reason: str, rejects: list[Reject]
    ) -> list[str]:
        """Convert the words in a column to codes, such as "female" to "F". Unknown words are rejected with `reason` and
        become "".
        """
        no_word: str | None = ""
        values = self._clean_cells_of_column(table, name, memo.__getitem__, no_word)
        if None in values:
            bad = [value is None for value in values]
            self._reject_cells_of_column(table, name, bad, f"{reason}: the voter is imported without it", rejects)
        return [value or "" for value in values]

    def _clean_cells_of_column(self, table: RowTable, name: Field, clean: Callable[[str], T], blank: T) -> list[T]:
        """Return the cleaned cells of a column, or blank cells if the electoral roll does not have the column."""
        if name not in self._mapping.columns and name not in self._mapping.values:
            return [blank] * len(table.rows)
        return list(map(clean, self._get_cells_of_column(table, name)))

    def _reject_cells_of_column(
        self, table: RowTable, name: Field, bad: Sequence[bool], reason: str, rejects: list[Reject]
    ) -> None:
        for number, row in compress(zip(table.numbers, table.rows, strict=True), bad):
            rejects.append(
                Reject(number, self._get_field_heading(name), self._get_cell_of_column(row, name), reason, row)
            )


def _find_cell_with_wrong_encoding(row: Sequence[str]) -> int | None:
    """Return the index of the first cell with bytes that could not be decoded, or None."""
    return next((place for place, cell in enumerate(row) if re.search("[\udc80-\udcff]", cell)), None)
