"""Import of booth workers with their polling booths and phone numbers from a file, completely or not at all."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from dialer.domain.errors import RollError
from dialer.roll.columns import PLACE, SmallTable, TableRow
from dialer.roll.languages import parse_language
from dialer.roll.parts import Parts, UnmatchedRow
from dialer.roll.phone_numbers import read_phone_numbers_in_cell
from dialer.store.booth_workers import remove_booth_workers_not_in_list, save_booth_worker
from dialer.store.connection import open_store_exclusively
from dialer.store.keys import StoreKey
from dialer.store.sql import open_transaction

COLUMNS = {
    **PLACE,
    "number": frozenset({"number", "mobile", "phone", "mobileno", "phoneno", "mobilenumber", "phonenumber"}),
    "name": frozenset({"name", "worker", "workername"}),
    "language": frozenset({"language", "lang"}),
}
OPTIONAL = frozenset({"name", "language", "roll version", "state"})
_BETWEEN_PARTS = re.compile(r"[\s,;/|]+")


@dataclass(frozen=True, slots=True)
class WorkersResult:
    """How many booth workers and polling booths an import has found and changed."""

    rows: int
    workers: int  # in the file; each has one number
    booths: int  # in the file
    opted_out: int  # workers in the file whose number has opted out; they are not called
    removed: int  # workers imported earlier who are not called any more
    # Pairs of rows that give one number two names: the first row, and the one whose name is stored.
    renamed: tuple[tuple[int, int], ...] = ()


@dataclass(slots=True)
class _FileWorker:
    """A booth worker, with the data from all rows of the file that have this person's phone number."""

    row: int  # the first row
    constituency: int
    name: str = ""
    language: str = ""
    renamed: int | None = None  # the last row that gave the number another name
    booths: dict[int, int] = field(default_factory=dict)  # booth ID by part number


def import_booth_workers(
    path: Path,
    store: Path,
    region: str,
    *,
    roll_version: str | None = None,
    replace: bool = False,
    key: StoreKey | None = None,
) -> WorkersResult:
    """Import booth workers from a CSV or XLSX file, all or nothing.

    Required columns are constituency, part (several separated by commas) and number. Optional columns are name,
    language, roll version and state; the last two are needed if a part is on several rolls. `roll_version` is used for
    files without this column. `region` (ISO 3166) applies to numbers without a country code.

    A worker is identified by the number. A later file replaces the worker's booths, but a blank name or language
    changes nothing. With `replace`, workers who are not in the file are not called any more.

    Raises:
        RollError: A row is invalid; nothing was imported.
        StoreBusy: A dialler is running; nothing was imported.
    """
    table = SmallTable(path, COLUMNS, OPTIONAL)
    with open_store_exclusively(store, "an import of workers", create=False, key=key) as db, open_transaction(db):
        parts = Parts(db)
        listed: dict[str, _FileWorker] = {}
        rows = 0
        for row in table.read_rows():
            rows += 1
            _add_booths_to_worker(parts, row, region, roll_version, listed)
        if not listed:
            raise RollError(f"{path}: the file has no booth workers; write one worker per row, below the headings")
        stored = [
            save_booth_worker(db, number, worker.name, worker.language, worker.booths.values())
            for number, worker in listed.items()
        ]
        removed = remove_booth_workers_not_in_list(db, [worker_id for worker_id, _ in stored]) if replace else 0
    booths = {booth_id for worker in listed.values() for booth_id in worker.booths.values()}
    renamed = tuple((each.row, each.renamed) for each in listed.values() if each.renamed is not None)
    opted_out = sum(has_opted_out for _, has_opted_out in stored)
    return WorkersResult(rows, len(stored), len(booths), opted_out, removed, renamed)


def _add_booths_to_worker(
    parts: Parts, row: TableRow, region: str, roll_version: str | None, listed: dict[str, _FileWorker]
) -> None:
    """Add the polling booths of a row to its booth worker. `listed` has the workers of the file by phone number.

    Errors contain no numbers and no names, because they may be logged.
    """
    read = read_phone_numbers_in_cell(row["number"], region)
    if len(read.numbers) != 1:
        raise row.create_error_about_row(
            "the cell in column `number` is not exactly one valid phone number; give each worker one number"
        )
    constituency = row.parse_number_in_column("constituency")
    language = parse_language(row["language"])
    if language is None:
        raise row.create_error_about_row(
            f"the language {row['language'][:20]!r} is unknown; write a code such as hi, bn or ta"
        )
    worker = listed.setdefault(read.numbers[0], _FileWorker(row.number, constituency))
    if worker.constituency != constituency:
        raise row.create_error_about_row(
            f"the worker's number is also in row {worker.row:,}, in another constituency; remove one of the rows"
        )
    name = row["name"][:80]
    if name and worker.name and name.casefold() != worker.name.casefold():
        worker.renamed = row.number
    worker.name = name or worker.name
    worker.language = language or worker.language
    named = [each for each in _BETWEEN_PARTS.split(row["part"]) if each]
    if not named:
        raise row.create_error_about_row("column `part` is empty; give the part of the worker's booth")
    for part in named:
        part_number = row.parse_number_in_column("part", part)
        version, state = row["roll version"] or roll_version, row["state"] or None
        try:
            booth_id = parts.find_booth_id(constituency, part_number, version=version, state=state)
        except UnmatchedRow as why:
            raise row.create_error_about_row(str(why)) from None
        worker.booths[part_number] = booth_id
