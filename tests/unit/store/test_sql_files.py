"""The SQL files: they parse, every statement fits the schema, and those of the hot path never walk a table."""

from __future__ import annotations

import ast
import contextlib
import re
import sqlite3
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from dialer.domain.errors import StoreCorrupt, StoreError
from dialer.rules.number_hash import fingerprint, number_hash
from dialer.store import opt_outs, voters
from dialer.store.migrate import APPLICATION_ID, Migration, migrate, schema_version, shipped_migrations, split_script
from dialer.store.sql import parse_statements
from dialer.store.untyped_sql import load_statements
from tests.support.roll_filler import fill_roll_into

ROOMS = (
    "queues",
    "attempts",
    "voters",
    "records",
    "outbox",
    "headquarters",
    "figures",
    "audit",
    "numbers",
    "inbound",
    "erasing",
    "polling_day_records",
    "workers",
)
STATEMENTS = [(room, name) for room in ROOMS for name in load_statements(room)]
# What may read a whole table or index: asked once, at the start or after an import.
WHOLE_ROLL = {
    "enrol",
    "targets",
    "booths",
    "voters_by_booth",
    "reached_by_booth",
    "without_number_by_booth",
    "reached_without_number_by_booth",
    "voter_at",
    "area",
    "states_of_constituency",
    "booth_places",
    "constituencies",
    "voters_of_epics",
    "voter_of_epic",
    "first_due",
}
AT_REST = ("erasing", "workers")  # rooms of the command line, for which the dialler stops
PATH = Path("centre.db")


@cache
def _empty_store() -> bytes:
    with contextlib.closing(sqlite3.connect(":memory:", isolation_level=None)) as db:
        migrate(db, PATH)
        return db.serialize()


@pytest.fixture
def db() -> Iterator[sqlite3.Connection]:
    """An empty store in memory."""
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.deserialize(_empty_store())
    yield connection
    connection.close()


def named_in(statement: str) -> set[str]:
    """The names of a statement's parameters."""
    return set(re.findall(r":([a-z_][a-z_0-9]*)", re.sub(r"--.*|'[^']*'", "", statement)))


def plan_of(db: sqlite3.Connection, statement: str) -> list[str]:
    parameters = dict.fromkeys(named_in(statement))
    return [row[3] for row in db.execute(f"EXPLAIN QUERY PLAN {statement}", parameters)]


# Statements


@pytest.mark.parametrize(("room", "name"), STATEMENTS)
def test_every_statement_fits_the_schema_and_names_its_parameters(db: sqlite3.Connection, room: str, name: str) -> None:
    statement = load_statements(room)[name]
    assert not re.search(r"\?|[@$]\w", re.sub(r"--.*", "", statement))
    plan_of(db, statement)


def test_rows_are_read_by_the_names_of_their_columns() -> None:
    """No statement of the store is run with parameters by their places, and no row of more than two columns is taken apart."""
    by_place = []
    for path in sorted((Path(__file__).parents[3] / "dialer/store").glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and re.search(r"\.execute(many)?$", ast.unparse(node.func)):
                bound = node.args[1:]
                if bound and isinstance(bound[0], ast.Tuple | ast.List):
                    by_place.append(f"{path.name}:{node.lineno} parameters")
            taken = {ast.Assign: "value", ast.For: "iter", ast.comprehension: "iter"}.get(type(node))
            if taken and re.search(r"SQL\[|_ROWS?\[|WORKERS\[", ast.unparse(getattr(node, taken))):
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]  # type: ignore[attr-defined]
                if any(isinstance(each, ast.Tuple) and len(each.elts) > 2 for each in targets):
                    by_place.append(f"{path.name}: {ast.unparse(targets[0])}")
    assert not by_place


@pytest.mark.parametrize(
    ("room", "name"), [each for each in STATEMENTS if each[1] not in WHOLE_ROLL and each[0] not in AT_REST]
)
def test_no_statement_of_the_calling_day_walks_a_table_of_the_roll(
    db: sqlite3.Connection, room: str, name: str
) -> None:
    for step in plan_of(db, load_statements(room)[name]):
        # A partial index over the few that are claimed, on a call, or unknown, may be walked.
        allowed = re.fullmatch(r"SCAN target USING (COVERING )?INDEX target_claimed", step) or re.fullmatch(
            r"SCAN attempt USING (COVERING )?INDEX attempt_((one_)?open|unknown)", step
        )
        assert allowed or not re.match(r"SCAN (target|attempt|voter|phone|link|mark|booth|opt_out)\b", step), step


@pytest.mark.parametrize("name", ["claim_timed", "claim_aside", "claim_fresh", "claim_fresh_of_booth"])
def test_claims_come_out_of_a_covering_index_in_order(db: sqlite3.Connection, name: str) -> None:
    steps = plan_of(db, load_statements("queues")[name])
    index = name.split("_")[1].replace("aside", "timed")
    assert re.match(rf"SEARCH target USING COVERING INDEX target_{index} ", steps[0])
    assert not any("TEMP B-TREE" in step for step in steps)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("SELECT 1;", "before the first"),
        ("-- name: one\nSELECT 1;\n-- name: one\nSELECT 2;", "twice"),
        ("-- name: one\n-- name: two\nSELECT 2;", "'one' is empty"),
        ("-- name: One\nSELECT 1;", "not a valid statement name"),
    ],
)
def test_a_file_with_a_mistake_is_refused(text: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        parse_statements(text)


def test_a_statement_keeps_its_comments_and_loses_its_semicolon() -> None:
    text = (
        "-- About the file.\n\n-- Why.\n-- name: one\nSELECT 1; -- name: no\n\n-- Of two.\n\n"
        "-- name: two\n-- because\nSELECT\n  ';';\n"
    )
    assert dict(parse_statements(text)) == {"one": "SELECT 1; -- name: no", "two": "-- because\nSELECT\n  ';'"}


# Migrations


def test_a_script_is_split_into_statements_and_triggers_stay_whole(db: sqlite3.Connection) -> None:
    script = """
    -- A comment; with a semicolon;
    CREATE TABLE a (x TEXT DEFAULT ';');   -- and one behind;
    CREATE TRIGGER t AFTER INSERT ON a BEGIN
        DELETE FROM a WHERE x = 'END;';
        DELETE FROM a;
    END;
    -- The end.
    """
    statements = split_script(script)
    assert len(statements) == 2
    for statement in statements:
        db.execute(statement)


def test_an_unfinished_script_is_refused() -> None:
    with pytest.raises(ValueError, match="not finished"):
        split_script("CREATE TABLE a (x);\nCREATE TABLE b (")


def test_a_new_file_gets_the_newest_schema_once(db: sqlite3.Connection) -> None:
    newest = shipped_migrations()[-1].version
    assert schema_version(db, PATH) == newest
    assert db.execute("PRAGMA application_id").fetchone() == (APPLICATION_ID,)
    assert migrate(db, PATH) == 0


def test_a_migration_that_fails_leaves_the_file_as_it_was(
    db: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    shipped = shipped_migrations()
    next_version = shipped[-1].version + 1
    broken = Migration(next_version, "CREATE TABLE extra (x);\nINSERT INTO nowhere VALUES (1);\n")
    monkeypatch.setattr("dialer.store.migrate.shipped_migrations", lambda: (*shipped, broken))
    with pytest.raises(sqlite3.OperationalError, match="nowhere"):
        migrate(db, PATH)
    assert not db.in_transaction
    assert schema_version(db, PATH) == next_version - 1
    assert db.execute("SELECT count(*) FROM sqlite_schema WHERE name = 'extra'").fetchone() == (0,)

    whole = Migration(next_version, "CREATE TABLE extra (x);\n")
    monkeypatch.setattr("dialer.store.migrate.shipped_migrations", lambda: (*shipped, whole))
    assert migrate(db, PATH) == 1
    assert schema_version(db, PATH) == next_version


@pytest.mark.parametrize("shared", [True, False])
def test_hashes_under_the_one_secret_of_an_earlier_version_are_still_good(
    shared: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret, number = b"twenty characters, at least", "+917000000001"
    shipped = shipped_migrations()
    earlier = sqlite3.connect(":memory:", isolation_level=None)
    with monkeypatch.context() as then:
        before_secrets = tuple(each for each in shipped if each.version < 11)
        then.setattr("dialer.store.migrate.shipped_migrations", lambda: before_secrets)
        migrate(earlier, PATH)
    earlier.execute("INSERT INTO phone (phone_id, e164) VALUES (1, ?)", (number,))
    if shared:
        earlier.execute("INSERT INTO hash_secret VALUES (?)", (fingerprint(secret),))
        earlier.execute("INSERT INTO phone_hash VALUES (1, ?)", (number_hash(secret, number),))
    assert migrate(earlier, PATH) == len(shipped) - 10
    assert voters.hash_of(earlier, 1) == (number_hash(secret, number) if shared else None)
    opt_outs.begin_hashing(earlier, [secret])
    assert opt_outs.hash_some(earlier, secret, 0) == (None if shared else 1)
    assert voters.hash_of(earlier, 1) == number_hash(secret, number)
    assert earlier.execute("PRAGMA foreign_key_check").fetchall() == []
    earlier.close()


def test_attempts_of_an_earlier_version_are_kept_with_all_that_refers_to_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """Migration 10 makes the table of attempts anew."""
    shipped = shipped_migrations()
    with contextlib.closing(sqlite3.connect(":memory:", isolation_level=None)) as old:
        with monkeypatch.context() as earlier:
            earlier.setattr("dialer.store.migrate.shipped_migrations", lambda: shipped[:8])
            migrate(old, PATH)
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
        assert migrate(old, PATH) == len(shipped) - 8
        assert old.execute(f"SELECT {', '.join(columns)} FROM attempt ORDER BY attempt_id").fetchall() == before  # noqa: S608
        assert old.execute("PRAGMA foreign_key_check").fetchall() == []
        old.execute("PRAGMA foreign_keys = ON")
        with pytest.raises(sqlite3.IntegrityError):
            old.execute("DELETE FROM attempt WHERE attempt_id = 'a2'")
        with pytest.raises(sqlite3.IntegrityError):  # one open call to a number
            old.execute(
                "INSERT INTO attempt (attempt_id, campaign_id, phone_id, voter_id, trunk, caller_id, created_at)"
                " VALUES ('a3', 'c', 2, 2, 'carrier', '+1', 1.0)"
            )


def test_calls_of_booth_workers_of_an_earlier_version_stay_where_their_workers_stand(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shipped = shipped_migrations()
    with contextlib.closing(sqlite3.connect(":memory:", isolation_level=None)) as old:
        with monkeypatch.context() as earlier:
            earlier.setattr("dialer.store.migrate.shipped_migrations", lambda: shipped[:11])
            migrate(old, PATH)
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
        assert migrate(old, PATH) == len(shipped) - 11
        found = old.execute("SELECT attempt_id, worker_booth_id FROM attempt ORDER BY attempt_id").fetchall()
        assert found == [("voter's", None), ("worker's", 2)]
        assert old.execute("PRAGMA foreign_key_check").fetchall() == []


def test_times_that_were_asked_for_in_an_earlier_version_are_promises(monkeypatch: pytest.MonkeyPatch) -> None:
    shipped = shipped_migrations()
    with contextlib.closing(sqlite3.connect(":memory:", isolation_level=None)) as old:
        with monkeypatch.context() as earlier:
            earlier.setattr("dialer.store.migrate.shipped_migrations", lambda: shipped[:13])
            migrate(old, PATH)
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
        assert migrate(old, PATH) == len(shipped) - 13
        found = old.execute("SELECT phone_id, promised, aside_until FROM target ORDER BY 1").fetchall()
        assert found == [(1, 0, 0.0), (2, 1, 0.0), (3, 1, 0.0), (4, 1, 0.0)]


def test_a_newer_schema_and_a_foreign_file_are_refused(db: sqlite3.Connection) -> None:
    db.execute("PRAGMA user_version = 99")
    with pytest.raises(StoreError, match="schema is version 99"):
        migrate(db, PATH)
    db.execute("PRAGMA application_id = 7")
    with pytest.raises(StoreCorrupt, match="another program's"):
        migrate(db, PATH)


# What the schema itself guards


def test_the_schema_refuses_two_open_attempts_on_a_number(db: sqlite3.Connection) -> None:
    insert = (
        "INSERT INTO attempt (attempt_id, campaign_id, phone_id, voter_id, attempt_number, trunk, caller_id, created_at)"
        " VALUES (?, ?, 1, 1, 1, '', '', 0)"
    )
    db.execute(insert, ("first", "a"))
    with pytest.raises(sqlite3.IntegrityError, match=r"attempt\.phone_id"):
        db.execute(insert, ("second", "b"))


def test_the_schema_refuses_an_attempt_number_twice(db: sqlite3.Connection) -> None:
    insert = (
        "INSERT INTO attempt (attempt_id, campaign_id, phone_id, voter_id, attempt_number, trunk, caller_id, created_at,"
        " ended_at, outcome) VALUES (?, 'a', 1, 1, ?, '', '', 0, 1, 'busy')"
    )
    db.execute(insert, ("first", 1))
    with pytest.raises(sqlite3.IntegrityError, match="attempt_number"):
        db.execute(insert, ("second", 1))
    for attempt_id in ("refused", "refused again"):  # what was refused has none
        db.execute(insert, (attempt_id, None))
