"""The electoral roll: functions that import it and its voters' weights, read it, and copy it for a rehearsal.

An import locks the store and writes in bulk, in one transaction. Its rows are tuples in the order of the columns.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

from dialer.store.connection import Connection, open_store_for_reading, open_store_snapshot
from dialer.store.driver import open_connection
from dialer.store.file_checks import file_exists
from dialer.store.keys import StoreKey
from dialer.store.sql import Command, Query, Scalar, Statements

IMPORT_CACHE_KIBIBYTES = 64 * 1024
_NOT_COPIED = (
    *("flow_answer", "unknown_serial", "mark", "outbox", "outbox_sink", "news_position", "command", "seat_interval"),
    *("log_in", "standing_order", "headquarters_order", "attempt", "own_call_back", "target", "campaign"),
)
"""Tables that a copy of the roll leaves out, in an order that keeps foreign keys valid. Opt-outs and registers are
copied: they must hold in a rehearsal too."""


class StoredBooth(NamedTuple):
    """A polling station (booth) with all the fields that an electoral roll can have for it."""

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


class VoterDetails(NamedTuple):
    """The fields that an electoral roll can have for a voter."""

    epic: str
    name: str
    name_local: str
    relation: str
    relation_name: str
    sex: str
    age: int | None
    house: str
    section: str
    language: str


class WantedVoter(NamedTuple):
    """A stored voter whom an import looked up. The fields after `voter_id` are those of `VoterDetails`."""

    place: int  # chosen by the importer
    voter_id: int
    epic: str
    name: str
    name_local: str
    relation: str
    relation_name: str
    sex: str
    age: int | None
    house: str
    section: str
    language: str


class RepeatedEpic(NamedTuple):
    """An EPIC (voter ID) number that several voters of one electoral roll have."""

    epic: str
    places: str  # constituency/part/serial of its voters, separated by commas


class SQL(Statements):
    all_booths = Query(StoredBooth)
    insert_booth = Command()
    update_booth = Command()
    last_voter = Scalar(int)
    insert_voter = Command()
    update_voter = Command()
    create_wanted = Command()
    clear_wanted = Command()
    insert_wanted = Command()
    wanted_voters = Query(WantedVoter)
    create_incoming = Command()
    clear_incoming = Command()
    insert_incoming = Command()
    insert_phones = Command()
    insert_links = Command()
    apply_opt_outs = Command()
    booths_without_close = Scalar(int)
    repeated_epics = Scalar(int)
    repeated_epic_places = Query(RepeatedEpic)
    insert_import_run = Command()
    imported_files = Scalar(str)
    set_weight = Command()
    update_ranks = Command()
    languages = Scalar(str)
    reset_voters = Command()
    voter_count = Scalar(int)


_PLACE = ("roll_version", "state_code", "constituency_number", "part_number")
_BOOTH_DETAILS = ("constituency_name", "name", "name_local", "language", "closes_at")
_VOTER = ("voter_id", "booth_id", "serial", *VoterDetails._fields)


def _make_sql_parameters_from_columns(names: Sequence[str], values: Iterable[object]) -> dict[str, object]:
    return dict(zip(names, values, strict=True))


def begin_roll_import(db: Connection) -> int:
    """Prepare the connection for an import of an electoral roll, and return the id for the first new voter.

    Call it before the transaction begins. Foreign keys and CHECK constraints are turned off, because they would double
    the import's time. They are not needed: the import itself assigns the keys and adds parent rows first. A crash still
    loses nothing.
    """
    db.execute("PRAGMA foreign_keys = OFF")
    db.execute("PRAGMA ignore_check_constraints = ON")
    db.execute(f"PRAGMA cache_size = -{IMPORT_CACHE_KIBIBYTES}")
    SQL.create_wanted.run_statement(db)
    SQL.create_incoming.run_statement(db)
    return find_last_voter_id(db) + 1


def read_all_booths(db: Connection) -> list[StoredBooth]:
    """Return all polling stations (booths) of the electoral roll with all their columns."""
    return SQL.all_booths.fetch_all_rows(db)


def add_booth(db: Connection, place: Sequence[str | int], details: Sequence[str]) -> int:
    """Add a polling station (booth) to the electoral roll and return its id. `place` has the fields that identify the
    booth, from roll version to part number; `details` has the other fields.
    """
    return SQL.insert_booth.insert_row(
        db, **_make_sql_parameters_from_columns((*_PLACE, *_BOOTH_DETAILS), (*place, *details))
    )


def update_booth(db: Connection, booth_id: int, details: Sequence[str]) -> None:
    """Replace the details of a polling station (booth): the fields from the constituency name to the closing time."""
    SQL.update_booth.run_statement(db, booth_id=booth_id, **_make_sql_parameters_from_columns(_BOOTH_DETAILS, details))


def add_voters(db: Connection, rows: Iterable[tuple[object, ...]]) -> None:
    """Add voters to the electoral roll. Each row has an id, booth, serial number on the roll, and the fields of
    `VoterDetails`.
    """
    SQL.insert_voter.run_statement_for_each_parameter_set(
        db, (_make_sql_parameters_from_columns(_VOTER, row) for row in rows)
    )


def find_existing_voters(
    db: Connection, wanted: Iterable[tuple[int, int, int]]
) -> Iterator[tuple[int, int, tuple[Any, ...]]]:
    """Look up voters by booth and serial number on the roll. Yields (row number, id, `VoterDetails`) for each voter
    found.

    `wanted` has a row number, booth and serial number for each voter. The row number tells the caller which result
    belongs to which voter.
    """
    SQL.clear_wanted.run_statement(db)
    SQL.insert_wanted.run_statement_for_each_parameter_set(
        db, (_make_sql_parameters_from_columns(("place", "booth_id", "serial"), row) for row in wanted)
    )
    for row in SQL.wanted_voters.iterate_rows(db):
        yield row.place, row.voter_id, row[2:]


def update_voters(db: Connection, rows: Iterable[tuple[object, ...]]) -> None:
    """Replace the stored details of voters. Each row has the fields of `VoterDetails`, then the voter's id."""
    SQL.update_voter.run_statement_for_each_parameter_set(
        db, (_make_sql_parameters_from_columns((*VoterDetails._fields, "voter_id"), row) for row in rows)
    )


def add_numbers_of_voters(db: Connection, pairs: Iterable[tuple[int, str]]) -> tuple[int, int]:
    """Add voters' numbers (E.164). Return how many numbers, and how many links between voters and numbers, are new."""
    SQL.clear_incoming.run_statement(db)
    SQL.insert_incoming.run_statement_for_each_parameter_set(
        db, (_make_sql_parameters_from_columns(("voter_id", "number"), pair) for pair in pairs)
    )
    numbers = SQL.insert_phones.run_statement(db)
    return numbers, SQL.insert_links.run_statement(db)


def finish_roll_import(db: Connection) -> tuple[int, int, int]:
    """Suppress the numbers that an import of an electoral roll added and that opted out before the import.

    Return how many numbers were suppressed, how many booths have no closing time, and how many EPIC (voter ID) numbers
    appear twice.
    """
    opted_out = SQL.apply_opt_outs.run_statement(db)
    return opted_out, SQL.booths_without_close.fetch_only_value(db), SQL.repeated_epics.fetch_only_value(db)


def list_duplicate_card_numbers(db: Connection, most: int) -> list[RepeatedEpic]:
    """Return the first `most` EPIC (voter ID) numbers that several voters of one electoral roll have.

    Slow, because it reads the whole roll.
    """
    return SQL.repeated_epic_places.fetch_all_rows(db, most=most)


def record_import_of_roll_file(db: Connection, at: float, file_name: str, sha256: str, figures: Sequence[int]) -> None:
    """Store that an electoral roll was imported at the time `at` (epoch seconds).

    `figures` has the counts of the import: rows, voters, numbers, links, rejected, unchanged.
    """
    counts = _make_sql_parameters_from_columns(("rows", "voters", "numbers", "links", "rejected", "unchanged"), figures)
    SQL.insert_import_run.run_statement(db, at=at, file_name=file_name, sha256=sha256, **counts)


def read_hashes_of_imported_files(db: Connection) -> set[str]:
    """Return the SHA-256 of every imported file, except files of which every row was rejected."""
    return {*SQL.imported_files.fetch_all_values(db)}


def set_voter_weight(db: Connection, voter_id: int, weight: float) -> bool:
    """Set a voter's weight, by which calls are ordered, and update the rank of the voter's numbers in the campaigns'
    queues.

    Return False if the weight is unchanged.
    """
    if SQL.set_weight.run_statement(db, voter_id=voter_id, weight=weight) == 0:
        return False
    SQL.update_ranks.run_statement(db, voter_id=voter_id)
    return True


def find_last_voter_id(db: Connection) -> int:
    """Return the id of the newest voter, or 0 if the electoral roll is empty."""
    return SQL.last_voter.fetch_only_value(db)


def copy_electoral_roll_to_new_store(store: Path, copy: Path, key: StoreKey | None) -> int:
    """Copy the electoral roll of a store into a new store, without calls and results. Return how many voters it has.

    The store may be in use. A `key`, if given, decrypts the old store and encrypts the new one. Raises StoreError,
    StoreCorrupt.
    """
    with closing(open_store_for_reading(store, key=key)) as source, open_connection(copy, "rwc", key) as target:
        source.backup(target, pages=10_000)
        for table in _NOT_COPIED:
            target.execute(f"DELETE FROM {table}")  # noqa: S608 - names of our schema
        SQL.reset_voters.run_statement(target)
        return SQL.voter_count.fetch_only_value(target)


def read_roll_languages(path: Path, key: StoreKey | None) -> set[str]:
    """Return the languages of voters and polling stations in the store at `path` (ISO 639-1), or none if there is no store.

    Blocks. Raises StoreError.
    """
    if not file_exists(path):
        return set()
    with open_store_snapshot(path, key) as db:
        return {*SQL.languages.fetch_all_values(db)}
