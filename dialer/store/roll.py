"""The roll: what an import, lists of weights, of booth workers and of marks read and write, and its copy for a rehearsal.

An import holds the store alone and goes through it in bulk, in one transaction; its rows are tuples in the statements' order.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from dialer.store.cipher import StoreKey, connect
from dialer.store.connection import BUSY_SECONDS, Connection, open_reading
from dialer.store.failures import explained
from dialer.store.sql import load_statements

SQL = load_statements("roll")
WORKERS = load_statements("workers")
IMPORT_CACHE_KIBIBYTES = 64 * 1024
_NOT_OF_A_COPY = (
    "flow_answer",
    "unknown_serial",
    "mark",
    "outbox",
    "command",
    "seat_interval",
    "log_in",
    "attempt",
    "target",
    "campaign",
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


def begin_import(db: Connection) -> int:
    """Make the connection ready for bulk; the next voter's id. Leaves out the checks whose answer an import knows, nothing that
    a crash could lose: keys are the store's own and parents are added first; `turnout` is never written. Looked at again for each
    row, the two checks would cost as much as the row itself. Call it before the transaction.
    """
    db.execute("PRAGMA foreign_keys = OFF")
    db.execute("PRAGMA ignore_check_constraints = ON")
    db.execute(f"PRAGMA cache_size = -{IMPORT_CACHE_KIBIBYTES}")
    db.execute(SQL["create_wanted"])
    db.execute(SQL["create_told"])
    return int(db.execute(SQL["last_voter"]).fetchone()[0]) + 1


def booths_in_full(db: Connection) -> list[StoredBooth]:
    """Every booth of the roll, with all that a roll says of it."""
    return [StoredBooth(*row) for row in db.execute(SQL["all_booths"])]


def add_booth(db: Connection, place: Sequence[str | int], told: Sequence[str]) -> int:
    """Add a booth; its id. `place`, `told`: as in `StoredBooth` from the roll version on, and from the constituency's name on."""
    return db.execute(SQL["insert_booth"], (*place, *told)).lastrowid or 0


def change_booth(db: Connection, booth_id: int, told: Sequence[str]) -> None:
    """Put what a roll says of a booth in the place of what it said before, from the constituency's name on."""
    db.execute(SQL["update_booth"], (*told, booth_id))


def add_voters(db: Connection, rows: Iterable[tuple[object, ...]]) -> None:
    """Add voters: id, booth, serial, and the details from the EPIC number on."""
    db.executemany(SQL["insert_voter"], rows)


def voters_at(db: Connection, wanted: Iterable[tuple[int, int, int]]) -> Iterator[tuple[int, int, tuple[Any, ...]]]:
    """Which of the voters that are `wanted` (a place of the caller's, booth, serial) are there: place, id and details."""
    db.execute(SQL["clear_wanted"])
    db.executemany(SQL["insert_wanted"], wanted)
    for place, voter_id, *details in db.execute(SQL["wanted_voters"]):
        yield place, voter_id, tuple(details)


def change_voters(db: Connection, rows: Iterable[tuple[object, ...]]) -> None:
    """Put other details in the place of a voter's: those from the EPIC number on, then the id."""
    db.executemany(SQL["update_voter"], rows)


def add_numbers(db: Connection, pairs: Iterable[tuple[int, str]]) -> tuple[int, int]:
    """Add the numbers (E.164) of voters; how many numbers and how many links to them are new."""
    db.execute(SQL["clear_told"])
    db.executemany(SQL["insert_told"], pairs)
    numbers = db.execute(SQL["insert_phones"]).rowcount
    return numbers, db.execute(SQL["insert_links"]).rowcount


def honour_opt_outs(db: Connection) -> int:
    """Suppress the numbers of the roll that opted out before they came onto it; how many."""
    return db.execute(SQL["honour_opt_outs"]).rowcount


def booths_without_close(db: Connection) -> int:
    """Of how many booths nobody has told the close of poll."""
    return int(db.execute(SQL["count_without_close"]).fetchone()[0])


def record_import(db: Connection, at: float, file_name: str, sha256: str, figures: Sequence[int]) -> None:
    """Keep that a roll was imported. `figures`: rows, voters, numbers, links, rejected, unchanged."""
    db.execute(SQL["insert_import_run"], (at, file_name, sha256, *figures))


def set_weight(db: Connection, voter_id: int, weight: float) -> bool:
    """Keep how much a voter counts in the order of calls, and bring the voter's numbers to their places. False: nothing changed."""
    if db.execute(SQL["set_weight"], {"voter_id": voter_id, "weight": weight}).rowcount == 0:
        return False
    db.execute(SQL["rank_of_voter"], {"voter_id": voter_id})
    return True


def list_worker(db: Connection, number: str, name: str, language: str, booth_ids: Iterable[int]) -> tuple[int, bool]:
    """Put a booth worker on the list, at these booths alone; "" keeps the name or the language that is there. The worker's id, and
    whether the number (E.164) has opted out. Who is listed again is called again, whatever closed the number before, but for that.
    """
    db.execute(WORKERS["add_phone"], {"number": number})
    phone_id, opted_out = db.execute(WORKERS["find_phone"], {"number": number}).fetchone()
    worker = {"phone_id": phone_id, "name": name, "language": language}
    (worker_id,) = db.execute(WORKERS["put_worker"], worker).fetchone()
    db.execute(WORKERS["leave_booths"], {"worker_id": worker_id})
    places = [{"worker_id": worker_id, "booth_id": booth_id} for booth_id in booth_ids]
    db.executemany(WORKERS["stand_at_booth"], places)
    if not opted_out:
        db.execute(WORKERS["reopen"], {"phone_id": phone_id})
    return int(worker_id), bool(opted_out)


def retire_workers(db: Connection, but: Sequence[int]) -> int:
    """Take all workers off the list but these; how many. They are not called any more."""
    gone = db.execute(WORKERS["retire"], {"listed": json.dumps(list(but))}).rowcount
    db.execute(WORKERS["close"])
    return gone


def copy_roll(store: Path, copy: Path, key: StoreKey | None) -> int:
    """Copy the roll of a store into a new one, with nothing that was called or said; how many voters it has. The store may be in
    use.

    With a `key` both are encrypted under it. Raises StoreError, StoreCorrupt.
    """
    source = open_reading(store, key=key)
    try:
        with explained(copy):
            target = connect(copy, "rwc", BUSY_SECONDS, key)
            try:
                source.backup(target, pages=10_000)
                for table in _NOT_OF_A_COPY:
                    target.execute(f"DELETE FROM {table}")  # noqa: S608 - names of our own
                target.execute(SQL["nobody_reached"])
                (voters,) = target.execute(SQL["count_voters"]).fetchone()
            finally:
                target.close()
    finally:
        source.close()
    return int(voters)
