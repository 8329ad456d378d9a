"""Migrations of the store's schema: how scripts are applied, and how they convert stores of earlier versions."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from dialer.domain.errors import StoreCorrupt, StoreError
from dialer.rules.number_hash import compute_secret_fingerprint, hash_number
from dialer.store import number_hashes
from dialer.store.migrate import (
    APPLICATION_ID,
    Migration,
    load_migrations,
    migrate_schema,
    read_schema_version,
    split_sql_script,
)
from tests.support.roll_filler import fill_roll_into

PATH = Path("centre.db")


@cache
def _empty_store() -> bytes:
    with contextlib.closing(sqlite3.connect(":memory:", isolation_level=None)) as db:
        migrate_schema(db, PATH)
        return db.serialize()


@pytest.fixture
def db() -> Iterator[sqlite3.Connection]:
    """Yield an empty store in memory."""
    with contextlib.closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        connection.deserialize(_empty_store())
        yield connection


def test_migration_script_is_split_into_statements_with_complete_triggers(db: sqlite3.Connection) -> None:
    script = """
    -- A comment; with a semicolon;
    CREATE TABLE a (x TEXT DEFAULT ';');   -- and one behind;
    CREATE TRIGGER t AFTER INSERT ON a BEGIN
        DELETE FROM a WHERE x = 'END;';
        DELETE FROM a;
    END;
    -- The end.
    """
    statements = split_sql_script(script)
    assert len(statements) == 2
    for statement in statements:
        db.execute(statement)


def test_migration_script_with_an_unfinished_statement_is_rejected() -> None:
    with pytest.raises(ValueError, match="is not complete"):
        split_sql_script("CREATE TABLE a (x);\nCREATE TABLE b (")


def test_new_store_gets_the_newest_database_schema_once(db: sqlite3.Connection) -> None:
    newest = load_migrations()[-1].version
    assert read_schema_version(db, PATH) == newest
    assert db.execute("PRAGMA application_id").fetchone() == (APPLICATION_ID,)
    assert migrate_schema(db, PATH) == 0


def test_failed_migration_leaves_the_store_unchanged(db: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    shipped = load_migrations()
    next_version = shipped[-1].version + 1
    broken = Migration(next_version, "CREATE TABLE extra (x);\nINSERT INTO nowhere VALUES (1);\n")
    monkeypatch.setattr("dialer.store.migrate.load_migrations", lambda: (*shipped, broken))
    with pytest.raises(sqlite3.OperationalError, match="nowhere"):
        migrate_schema(db, PATH)
    assert not db.in_transaction
    assert read_schema_version(db, PATH) == next_version - 1
    assert db.execute("SELECT count(*) FROM sqlite_schema WHERE name = 'extra'").fetchone() == (0,)

    whole = Migration(next_version, "CREATE TABLE extra (x);\n")
    monkeypatch.setattr("dialer.store.migrate.load_migrations", lambda: (*shipped, whole))
    assert migrate_schema(db, PATH) == 1
    assert read_schema_version(db, PATH) == next_version


@pytest.mark.parametrize("shared", [True, False])
def test_migration_does_not_lose_opt_out_hashes_made_with_a_single_secret(
    shared: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret, number = b"twenty characters, at least", "+917000000001"
    shipped = load_migrations()
    earlier = sqlite3.connect(":memory:", isolation_level=None)
    with monkeypatch.context() as then:
        before_secrets = tuple(each for each in shipped if each.version < 11)
        then.setattr("dialer.store.migrate.load_migrations", lambda: before_secrets)
        migrate_schema(earlier, PATH)
    earlier.execute("INSERT INTO phone (phone_id, e164) VALUES (1, ?)", (number,))
    if shared:
        earlier.execute("INSERT INTO hash_secret VALUES (?)", (compute_secret_fingerprint(secret),))
        earlier.execute("INSERT INTO phone_hash VALUES (1, ?)", (hash_number(secret, number),))
    assert migrate_schema(earlier, PATH) == len(shipped) - 10
    assert number_hashes.compute_number_hash(earlier, 1) == (hash_number(secret, number) if shared else None)
    number_hashes.save_fingerprints_of_shared_secrets(earlier, [secret])
    assert number_hashes.hash_next_page_of_phone_numbers(earlier, secret, 0) == (None if shared else 1)
    assert number_hashes.compute_number_hash(earlier, 1) == hash_number(secret, number)
    assert earlier.execute("PRAGMA foreign_key_check").fetchall() == []
    earlier.close()


def test_schema_migration_10_keeps_call_attempts_and_their_references(monkeypatch: pytest.MonkeyPatch) -> None:
    """Migration 10 recreates the table of attempts."""
    shipped = load_migrations()
    with contextlib.closing(sqlite3.connect(":memory:", isolation_level=None)) as old:
        with monkeypatch.context() as earlier:
            earlier.setattr("dialer.store.migrate.load_migrations", lambda: shipped[:8])
            migrate_schema(old, PATH)
        fill_roll_into(old, 30, voters_per_booth=10)
        old.execute("INSERT INTO campaign (campaign_id, kind, purpose) VALUES ('c', 'agents', 'turnout')")
        for place, ended_at in enumerate((5.0, None), 1):
            values = (f"a{place}", place, place, ended_at, ended_at and "busy")
            old.execute(
                "INSERT INTO attempt (attempt_id, campaign_id, phone_id, voter_id, attempt_number, trunk, caller_id,"
                " created_at, ended_at, outcome) VALUES (?, 'c', ?, ?, 1, 'carrier', '+1', 1.0, ?, ?)",
                values,
            )
        old.execute("INSERT INTO flow_answer VALUES ('a1', 'hour', '17', 2.0)")
        old.execute("INSERT INTO recording VALUES ('a2', 2.0)")
        before = old.execute("SELECT * FROM attempt ORDER BY attempt_id").fetchall()
        columns = [name for _, name, *_ in old.execute("PRAGMA table_info (attempt)")]
        assert migrate_schema(old, PATH) == len(shipped) - 8
        assert old.execute(f"SELECT {', '.join(columns)} FROM attempt ORDER BY attempt_id").fetchall() == before  # noqa: S608
        assert old.execute("PRAGMA foreign_key_check").fetchall() == []
        old.execute("PRAGMA foreign_keys = ON")
        with pytest.raises(sqlite3.IntegrityError):
            old.execute("DELETE FROM attempt WHERE attempt_id = 'a2'")
        with pytest.raises(sqlite3.IntegrityError):  # a number has one open call at most
            old.execute(
                "INSERT INTO attempt (attempt_id, campaign_id, phone_id, voter_id, trunk, caller_id, created_at)"
                " VALUES ('a3', 'c', 2, 2, 'carrier', '+1', 1.0)"
            )


def test_migration_does_not_lose_the_booths_of_calls_to_booth_workers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shipped = load_migrations()
    with contextlib.closing(sqlite3.connect(":memory:", isolation_level=None)) as old:
        with monkeypatch.context() as earlier:
            earlier.setattr("dialer.store.migrate.load_migrations", lambda: shipped[:11])
            migrate_schema(old, PATH)
        fill_roll_into(old, 30, voters_per_booth=10)
        old.execute("INSERT INTO campaign (campaign_id, kind, purpose) VALUES ('c', 'ivr', 'booth-workers')")
        old.execute("INSERT INTO worker (worker_id, phone_id) VALUES (1, 2)")
        old.executemany("INSERT INTO worker_booth VALUES (1, ?)", [(3,), (2,)])
        insert = (
            "INSERT INTO attempt (attempt_id, campaign_id, phone_id, voter_id, worker_id, trunk, caller_id, created_at)"
            " VALUES (?, 'c', ?, ?, ?, 'carrier', '+1', 1.0)"
        )
        old.execute(insert, ("voter's", 1, 1, None))
        old.execute(insert, ("worker's", 2, None, 1))
        assert migrate_schema(old, PATH) == len(shipped) - 11
        found = old.execute("SELECT attempt_id, worker_booth_id FROM attempt ORDER BY attempt_id").fetchall()
        assert found == [("voter's", None), ("worker's", 2)]
        assert old.execute("PRAGMA foreign_key_check").fetchall() == []


def test_migration_turns_call_times_requested_by_voters_into_promised_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    shipped = load_migrations()
    with contextlib.closing(sqlite3.connect(":memory:", isolation_level=None)) as old:
        with monkeypatch.context() as earlier:
            earlier.setattr("dialer.store.migrate.load_migrations", lambda: shipped[:13])
            migrate_schema(old, PATH)
        fill_roll_into(old, 30, voters_per_booth=10)
        old.execute("INSERT INTO campaign (campaign_id, kind, purpose) VALUES ('c', 'agents', 'turnout')")
        said = ((1, "busy", None), (2, "connected", "later"), (3, "connected", None), (4, "missed", None))
        for phone_id, outcome, disposition in said:
            old.execute(
                "INSERT INTO target (campaign_id, phone_id, booth_id, due_at) VALUES ('c', ?, 1, 5.0)", (phone_id,)
            )
            old.execute(
                "INSERT INTO attempt (attempt_id, campaign_id, phone_id, voter_id, trunk, caller_id, created_at, ended_at,"
                " outcome, disposition) VALUES (?, 'c', ?, 1, 'carrier', '+1', 1.0, 2.0, ?, ?)",
                (f"a{phone_id}", phone_id, outcome, disposition),
            )
        old.execute(
            "INSERT INTO mark (key, voter_id, kind, source, at, attempt_id, confidence)"
            " VALUES ('k', 1, 'later', 'voter-key', 1.0, 'a3', 'said')"
        )
        assert migrate_schema(old, PATH) == len(shipped) - 13
        found = old.execute("SELECT phone_id, promised, aside_until FROM target ORDER BY 1").fetchall()
        assert found == [(1, 0, 0.0), (2, 1, 0.0), (3, 1, 0.0), (4, 1, 0.0)]


def test_store_with_a_newer_schema_and_a_database_of_another_program_are_rejected(db: sqlite3.Connection) -> None:
    db.execute("PRAGMA user_version = 99")
    with pytest.raises(StoreError, match=r"a newer Matdan wrote this store \(schema 99;"):
        migrate_schema(db, PATH)
    db.execute("PRAGMA application_id = 7")
    with pytest.raises(StoreCorrupt, match="another program's"):
        migrate_schema(db, PATH)


# Constraints of the schema


def test_database_schema_allows_a_phone_number_only_one_live_call_attempt(db: sqlite3.Connection) -> None:
    insert = (
        "INSERT INTO attempt (attempt_id, campaign_id, phone_id, voter_id, attempt_number, trunk, caller_id, created_at)"
        " VALUES (?, ?, 1, 1, 1, '', '', 0)"
    )
    db.execute(insert, ("first", "a"))
    with pytest.raises(sqlite3.IntegrityError, match=r"attempt\.phone_id"):
        db.execute(insert, ("second", "b"))


def test_database_schema_allows_an_attempt_number_only_once_for_a_phone_number(db: sqlite3.Connection) -> None:
    insert = (
        "INSERT INTO attempt (attempt_id, campaign_id, phone_id, voter_id, attempt_number, trunk, caller_id, created_at,"
        " ended_at, outcome) VALUES (?, 'a', 1, 1, ?, '', '', 0, 1, 'busy')"
    )
    db.execute(insert, ("first", 1))
    with pytest.raises(sqlite3.IntegrityError, match="attempt_number"):
        db.execute(insert, ("second", 1))
    for attempt_id in ("refused", "refused again"):  # a refused attempt has none
        db.execute(insert, (attempt_id, None))
