"""The roll: what an import, lists of weights, of booth workers and of marks read and write, and its copy for a rehearsal.

An import holds the store alone and goes through it in bulk, in one transaction; its rows are tuples in the statements' order.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

from dialer.store.connection import Connection, open_for_reading, read_snapshot
from dialer.store.driver import connection_to
from dialer.store.file_checks import file_exists
from dialer.store.keys import StoreKey
from dialer.store.untyped_sql import load_statements

SQL = load_statements("roll")
WORKERS = load_statements("workers")
IMPORT_CACHE_KIBIBYTES = 64 * 1024
_NOT_OF_A_COPY = (
    *("flow_answer", "unknown_serial", "mark", "outbox", "outbox_sink", "news_position", "command", "seat_interval"),
    *("log_in", "standing_order", "headquarters_order", "attempt", "own_call_back", "target", "campaign"),
)
"""In an order in which nothing refers to what is gone. Opt-outs and registers stay: they must hold in a rehearsal too."""


class StoredBooth(NamedTuple):
    """A booth as the store has it."""

    booth_id: int
    roll_version: str
    state_code: str
    constituency_number: int
    part_number: int
    constituency_name: str
    name: str
    name_local: str
    language: str
    closes_at: str


_DETAILS = (*("epic", "name", "name_local", "relation", "relation_name", "sex", "age", "house", "section", "language"),)
"""What a roll says of a voter, in the order in which it is handed over."""


def _named(names: Sequence[str], values: Iterable[object]) -> dict[str, object]:
    return dict(zip(names, values, strict=True))


def named_details(place: tuple[int, int], details: Sequence[object]) -> dict[str, object]:
    """A voter's booth and serial, and the details from the EPIC number on, by their columns."""
    return _named(("booth_id", "serial", *_DETAILS), (*place, *details))


def begin_import(db: Connection) -> int:
    """Make the connection ready for bulk; the next voter's id. Leaves out the checks whose answer an import knows, nothing that
    a crash could lose: keys are the store's own and parents are added first; `turnout` is never written. Looked at again for each
    row, the two checks would cost as much as the row itself. Call it before the transaction.
    """
    db.execute("PRAGMA foreign_keys = OFF")
    db.execute("PRAGMA ignore_check_constraints = ON")
    db.execute(f"PRAGMA cache_size = -{IMPORT_CACHE_KIBIBYTES}")
    SQL["create_wanted"](db)
    SQL["create_told"](db)
    return last_voter(db) + 1


def booths_in_full(db: Connection) -> list[StoredBooth]:
    """Every booth of the roll, with all that a roll says of it."""
    return SQL["all_booths"].all(db, StoredBooth)


def add_booth(db: Connection, place: Sequence[str | int], told: Sequence[str]) -> int:
    """Add a booth; its id. `place`, `told`: as in `StoredBooth` from the roll version on, and from the constituency's name on."""
    return SQL["insert_booth"](db, **_named(StoredBooth._fields[1:], (*place, *told))).lastrowid or 0


def change_booth(db: Connection, booth_id: int, told: Sequence[str]) -> None:
    """Put what a roll says of a booth in the place of what it said before, from the constituency's name on."""
    SQL["update_booth"](db, booth_id=booth_id, **_named(StoredBooth._fields[5:], told))


def add_voters(db: Connection, rows: Iterable[tuple[object, ...]]) -> None:
    """Add voters: id, booth, serial, and the details from the EPIC number on."""
    db.executemany(SQL["insert_voter"], (_named(("voter_id", "booth_id", "serial", *_DETAILS), row) for row in rows))


def voters_at(db: Connection, wanted: Iterable[tuple[int, int, int]]) -> Iterator[tuple[int, int, tuple[Any, ...]]]:
    """Which of the voters that are `wanted` (a place of the caller's, booth, serial) are there: place, id and details."""
    SQL["clear_wanted"](db)
    db.executemany(SQL["insert_wanted"], (_named(("place", "booth_id", "serial"), row) for row in wanted))
    for row in SQL["wanted_voters"].rows(db):
        yield row.place, row.voter_id, row[2:]


def change_voters(db: Connection, rows: Iterable[tuple[object, ...]]) -> None:
    """Put other details in the place of a voter's: those from the EPIC number on, then the id."""
    db.executemany(SQL["update_voter"], (_named((*_DETAILS, "voter_id"), row) for row in rows))


def add_numbers(db: Connection, pairs: Iterable[tuple[int, str]]) -> tuple[int, int]:
    """Add the numbers (E.164) of voters; how many numbers and how many links to them are new."""
    SQL["clear_told"](db)
    db.executemany(SQL["insert_told"], (_named(("voter_id", "number"), pair) for pair in pairs))
    numbers = SQL["insert_phones"](db).rowcount
    return numbers, SQL["insert_links"](db).rowcount


def finish_import(db: Connection) -> tuple[int, int, int]:
    """Suppress the roll's numbers that opted out before; how many, booths without a close of poll, EPIC numbers there twice."""
    opted_out = SQL["honour_opt_outs"](db).rowcount
    return opted_out, SQL["count_without_close"].number(db), SQL["count_shared_epics"].number(db)


def record_import(db: Connection, at: float, file_name: str, sha256: str, figures: Sequence[int]) -> None:
    """Keep that a roll was imported. `figures`: rows, voters, numbers, links, rejected, unchanged."""
    counts = _named(("rows", "voters", "numbers", "links", "rejected", "unchanged"), figures)
    SQL["insert_import_run"](db, at=at, file_name=file_name, sha256=sha256, **counts)


def taken_files(db: Connection) -> set[str]:
    """The SHA-256 of every file that was imported, but for those of which every row was rejected."""
    return {*SQL["taken_files"].values(db, str)}


def set_weight(db: Connection, voter_id: int, weight: float) -> bool:
    """Keep how much a voter counts in the order of calls, and bring the voter's numbers to their places. False: nothing changed."""
    if SQL["set_weight"](db, voter_id=voter_id, weight=weight).rowcount == 0:
        return False
    SQL["rank_of_voter"](db, voter_id=voter_id)
    return True


def last_voter(db: Connection) -> int:
    """The newest voter's id; 0: the roll is empty."""
    return SQL["last_voter"].number(db)


def list_worker(db: Connection, number: str, name: str, language: str, booth_ids: Iterable[int]) -> tuple[int, bool]:
    """Put a booth worker on the list, at these booths alone; "" keeps the name or the language that is there. The worker's id, and
    whether the number (E.164) has opted out. Who is listed again is called again, whatever closed the number before, but for that.
    """
    WORKERS["add_phone"](db, number=number)
    phone_id, opted_out = WORKERS["find_phone"].row(db, number=number)
    worker_id = WORKERS["put_worker"].number(db, phone_id=phone_id, name=name, language=language)
    WORKERS["leave_booths"](db, worker_id=worker_id)
    places = [{"worker_id": worker_id, "booth_id": booth_id} for booth_id in booth_ids]
    db.executemany(WORKERS["stand_at_booth"], places)
    if not opted_out:
        WORKERS["reopen"](db, phone_id=phone_id)
    return worker_id, bool(opted_out)


def retire_workers(db: Connection, but: Sequence[int]) -> int:
    """Take all workers off the list but these; how many. They are not called any more."""
    gone = WORKERS["retire"](db, listed=json.dumps(list(but))).rowcount
    WORKERS["close"](db)
    return gone


def copy_roll(store: Path, copy: Path, key: StoreKey | None) -> int:
    """Copy the roll of a store into a new one, with nothing that was called or said; how many voters it has. The store may be in
    use.

    With a `key` both are encrypted under it. Raises StoreError, StoreCorrupt.
    """
    with closing(open_for_reading(store, key=key)) as source, connection_to(copy, "rwc", key) as target:
        source.backup(target, pages=10_000)
        for table in _NOT_OF_A_COPY:
            target.execute(f"DELETE FROM {table}")  # noqa: S608 - names of our own
        SQL["nobody_reached"](target)
        return SQL["count_voters"].number(target)


def roll_languages(path: Path, key: StoreKey | None) -> set[str]:
    """What voters and booths of the store at `path` speak (ISO 639-1); none before there is a store. Blocks. Raises StoreError."""
    if not file_exists(path):
        return set()
    with read_snapshot(path, key) as db:
        return {*SQL["languages"].values(db, str)}
