"""Import the list of booth workers, their booths and phone numbers, from a file: all of it or nothing."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from dialer.domain.errors import RollError
from dialer.roll.columns import PLACE, SmallTable, TableRow
from dialer.roll.languages import language_code
from dialer.roll.parts import NoSuchPart, Parts, UnfitRow
from dialer.roll.phone_numbers import read_cell
from dialer.store.booth_workers import list_worker, remove_other_workers
from dialer.store.connection import exclusive_connection
from dialer.store.keys import StoreKey
from dialer.store.sql import transaction

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
    """Counts of an import of workers."""

    rows: int
    workers: int  # of the file; each has one number
    booths: int  # of the file
    opted_out: int  # of the file's workers: their numbers are not called
    gone: int  # who were on the list before and are not called any more
    # Rows of one number under two names: the first one, and the one whose name counts.
    renamed: tuple[tuple[int, int], ...] = ()


@dataclass(slots=True)
class _Listed:
    """One worker of the file."""

    row: int
    constituency: int
    name: str = ""
    language: str = ""
    renamed: int | None = None  # the last row that gave the number another name
    booths: dict[int, int] = field(default_factory=dict)  # by part


def import_workers(
    path: Path,
    store: Path,
    region: str,
    *,
    roll_version: str | None = None,
    replace: bool = False,
    key: StoreKey | None = None,
) -> WorkersResult:
    """Take a CSV or XLSX with the columns constituency, part (several with commas), number, and where known name and language;
    roll version or state, where the store has several rolls of a part (`roll_version` is of a file that does not say
    it).

    A worker is known by the number: a later file says anew at which booths, and keeps a name or language of which it
    says nothing. With `replace` whoever is not in the file is not called any more. `region` reads numbers without a
    country code, `key` opens an encrypted store.

    Raises RollError for the first row that cannot be taken, StoreBusy while a dialler runs; nothing of the file is kept
    then.
    """
    table = SmallTable(path, COLUMNS, OPTIONAL)
    with exclusive_connection(store, "an import of workers", create=False, key=key) as db, transaction(db):
        parts = Parts(db)
        listed: dict[str, _Listed] = {}
        rows = 0
        for row in table.rows():
            rows += 1
            _read(parts, row, region, roll_version, listed)
        if not listed:
            raise RollError(f"{path}: names no worker; give one a row, below the headings")
        kept = [
            list_worker(db, number, worker.name, worker.language, worker.booths.values())
            for number, worker in listed.items()
        ]
        gone = remove_other_workers(db, [worker_id for worker_id, _ in kept]) if replace else 0
    booths = {booth_id for worker in listed.values() for booth_id in worker.booths.values()}
    renamed = tuple((each.row, each.renamed) for each in listed.values() if each.renamed is not None)
    return WorkersResult(rows, len(kept), len(booths), sum(opted_out for _, opted_out in kept), gone, renamed)


def _read(parts: Parts, row: TableRow, region: str, roll_version: str | None, listed: dict[str, _Listed]) -> None:
    """Add what a row says to its worker. Numbers and names stand in no error: it may go into a log."""
    read = read_cell(row["number"], region)
    if len(read.numbers) != 1:
        raise row.refusal("its number is not one number that can be called; give each worker one")
    constituency = row.whole_number("constituency")
    language = language_code(row["language"])
    if language is None:
        raise row.refusal(f"its language {row['language'][:20]!r} is not known; write hi, bn, ta, ...")
    worker = listed.setdefault(read.numbers[0], _Listed(row.number, constituency))
    if worker.constituency != constituency:
        raise row.refusal(f"its number stands in another constituency in row {worker.row:,}; keep one")
    name = row["name"][:80]
    if name and worker.name and name.casefold() != worker.name.casefold():
        worker.renamed = row.number
    worker.name = name or worker.name
    worker.language = language or worker.language
    named = [each for each in _BETWEEN_PARTS.split(row["part"]) if each]
    if not named:
        raise row.refusal("it names no part; say at which booth the worker stands")
    for part in named:
        part_number = row.whole_number("part", part)
        version, state = row["roll version"] or roll_version, row["state"] or None
        try:
            booth_id = parts.booth(constituency, part_number, version=version, state=state)
        except NoSuchPart as why:
            raise row.refusal(f"{why}; import it first") from None
        except UnfitRow as why:
            raise row.refusal(str(why)) from None
        worker.booths[part_number] = booth_id
