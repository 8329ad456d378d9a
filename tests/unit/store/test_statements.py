"""Every SQL statement matches the schema and its row type, and the dialler's statements never scan a whole table."""

from __future__ import annotations

import contextlib
import importlib
import pkgutil
import re
import sqlite3
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple, get_type_hints

import pytest

import dialer.reports
import dialer.store
from dialer.store import claims, desk_file, spool, spooled_files, targets, turnout
from dialer.store.evidence import create_triggers_that_record_changes
from dialer.store.migrate import migrate_schema
from dialer.store.sql import Command, Query, Scalar, Statement, Statements, parse_statements

for package in (dialer.store, dialer.reports):
    for module in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"{package.__name__}.{module.name}")
importlib.import_module("dialer.simulation.demo.report")

PATH = Path("centre.db")
POSTGRESQL = ("dialer.hq",)  # tests/system/hq/test_statements.py
DESK_FILE = (
    "dialer.store.desk_file",
    "dialer.store.agent_records",
    "dialer.store.passkey_records",
    "dialer.store.known_devices",
    "dialer.store.campaign_drafts",
    "dialer.store.coaching_notes",
)
STATEMENTS = [
    pytest.param(each, name, id=f"{each.__module__.removeprefix('dialer.')}.{name}")
    for each in Statements.__subclasses__()
    for name in each.declared
    if not each.__module__.startswith(POSTGRESQL)
]

# Statements that may read a whole table or index: they run once, at the start or after an import.
READS_WHOLE_ROLL = {
    "targets.enrol",
    "targets.first_due",
    "campaign_figures.target_count",
    "consents.count_numbers_with_consent",
    "voters.booths",
    "voters.voters_at",
    "voters.voters_with_epic",
    "voters.voters_with_epics",
    "turnout.voters_by_booth",
    "turnout.contacted_by_booth",
    "turnout.without_number_by_booth",
    "turnout.contacted_without_number_by_booth",
    "polling_day_records.areas",
    "polling_day_records.states_of_constituency",
    "peer_updates.constituencies",
}
DIALLER = (
    *("attempts", "audit", "campaign_figures", "campaigns", "claims", "commands", "consents", "dispositions"),
    *("flow_answers", "grounds", "headquarters_orders", "inbound_calls", "log_ins", "marks", "number_facts"),
    *("number_hashes", "number_history", "opt_outs", "outbox", "own_call_backs", "peer_updates"),
    *("polling_day_records", "recorded_calls", "registers", "seat_intervals", "standing_orders", "targets"),
    *("turnout", "unknown_attempts", "users", "voters"),
)
"""Modules whose statements run while calls are made."""
HOT = [
    pytest.param(each, name, id=f"{short}.{name}")
    for each in Statements.__subclasses__()
    for name in each.declared
    if (short := each.__module__.removeprefix("dialer.store.")) in DIALLER and f"{short}.{name}" not in READS_WHOLE_ROLL
]


@cache
def _empty_store() -> bytes:
    with contextlib.closing(sqlite3.connect(":memory:", isolation_level=None)) as db:
        migrate_schema(db, PATH)
        return db.serialize()


@pytest.fixture
def db() -> Iterator[sqlite3.Connection]:
    """Yield an empty store in memory, with the temporary tables and attached stores that some statements need."""
    with contextlib.closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        connection.deserialize(_empty_store())
        create_triggers_that_record_changes(connection)
        connection.execute("CREATE TEMP TABLE wanted (place INTEGER PRIMARY KEY, booth_id INTEGER, serial INTEGER)")
        connection.execute("CREATE TEMP TABLE incoming (voter_id INTEGER, e164 TEXT)")
        connection.execute("ATTACH ':memory:' AS store")
        connection.execute(spooled_files.SCHEMA)
        connection.execute("PRAGMA ignore_check_constraints = ON")
        yield connection


def parameters_in(sql: str) -> set[str]:
    return set(re.findall(r":([a-z_][a-z_0-9]*)", re.sub(r"--.*|'[^']*'", "", sql)))


def plan_of(db: sqlite3.Connection, sql: str) -> list[str]:
    return [row[3] for row in db.execute(f"EXPLAIN QUERY PLAN {sql}", dict.fromkeys(parameters_in(sql)))]


def columns_of(db: sqlite3.Connection, sql: str) -> tuple[str, ...]:
    """Return the names of the columns that a statement returns."""
    db.execute("BEGIN")
    try:
        found = db.execute(sql, dict.fromkeys(parameters_in(sql), 1)).description
        return tuple(column[0] for column in found or ())
    finally:
        db.execute("ROLLBACK")


@pytest.mark.parametrize(("statements", "name"), STATEMENTS)
def test_each_sql_statement_fits_the_schema_and_returns_its_declared_columns(
    db: sqlite3.Connection, statements: type[Statements], name: str
) -> None:
    statement = statements.declared[name]
    assert not re.search(r"\?|[@$]\w", re.sub(r"--.*", "", statement.sql)), "parameters have names"
    if statements.__module__ in DESK_FILE:
        db.executescript("".join(desk_file.SCHEMA))
    if re.match(r"(CREATE|DROP)\b", statement.sql):
        assert isinstance(statement, Command)
        return
    if statement is spool.SQL.compare_uploaded_roll_with_store:
        _empty_attached_store(db)
    plan_of(db, statement.sql)
    columns = columns_of(db, statement.sql)
    match statement:
        case Command():
            assert columns == ()
        case Scalar():
            assert len(columns) == 1
        case Query():
            assert columns == statement.column_names


def _empty_attached_store(db: sqlite3.Connection) -> None:
    tables = db.execute(
        "SELECT sql FROM sqlite_schema WHERE name IN ('voter', 'phone', 'link', 'opt_out') AND type = 'table'"
    )
    for (sql,) in tables.fetchall():
        db.execute(sql.replace("CREATE TABLE ", "CREATE TABLE store.", 1))


def test_classes_of_query_rows_have_the_types_that_sqlite_returns() -> None:
    """Rows are not converted, so a field declared as `bool` or an enum would really contain 0, 1 or text."""
    wrong = []
    for row_type in {statement.row_type for statement in _queries() if issubclass(statement.row_type, tuple)}:
        for field, kind in get_type_hints(row_type).items():
            allowed = {int, float, str, bytes, type(None)}
            if not {kind, *getattr(kind, "__args__", ())} & allowed or bool in {kind, *getattr(kind, "__args__", ())}:
                wrong.append(f"{row_type.__module__}.{row_type.__name__}.{field}: {kind}")
    assert not wrong


def _queries() -> Iterator[Query[object]]:
    for statements in Statements.__subclasses__():
        yield from (each for each in statements.declared.values() if isinstance(each, Query))


@pytest.mark.parametrize(("statements", "name"), HOT)
def test_sql_statements_of_the_dialler_do_not_scan_whole_tables(
    db: sqlite3.Connection, statements: type[Statements], name: str
) -> None:
    sql = statements.declared[name].sql
    if re.match(r"(CREATE|DROP)\b", sql):
        return
    for step in plan_of(db, sql):
        # Partial indexes of the few rows that are claimed, on a call or of unknown result may be read completely.
        allowed = re.fullmatch(r"SCAN target USING (COVERING )?INDEX target_claimed", step) or re.fullmatch(
            r"SCAN attempt USING (COVERING )?INDEX attempt_((one_)?open|unknown)", step
        )
        assert allowed or not re.match(r"SCAN (target|attempt|voter|phone|link|mark|booth|opt_out)\b", step), step


@pytest.mark.parametrize(
    ("name", "index"),
    [("due", "timed"), ("set_aside", "timed"), ("fresh", "fresh"), ("fresh_of_booth", "fresh")],
)
def test_numbers_to_reserve_are_read_in_order_from_a_covering_index(
    db: sqlite3.Connection, name: str, index: str
) -> None:
    steps = plan_of(db, claims.SQL.declared[name].sql)
    assert re.match(rf"SEARCH target USING COVERING INDEX target_{index} ", steps[0])
    assert not any("TEMP B-TREE" in step for step in steps)


# Files


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("SELECT 1;", "before its first"),
        ("-- name: one\nSELECT 1;\n-- name: one\nSELECT 2;", "twice"),
        ("-- name: one\n-- name: two\nSELECT 2;", "'one' is empty"),
        ("-- name: One\nSELECT 1;", "not a valid statement name"),
    ],
)
def test_malformed_file_of_sql_statements_is_rejected(text: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        parse_statements(text)


def test_parsed_sql_statement_has_its_comments_but_no_semicolon() -> None:
    text = (
        "-- About the file.\n\n-- Why.\n-- name: one\nSELECT 1; -- name: no\n\n-- Of two.\n\n"
        "-- name: two\n-- because\nSELECT\n  ';';\n"
    )
    assert dict(parse_statements(text)) == {"one": "SELECT 1; -- name: no", "two": "-- because\nSELECT\n  ';'"}


class Pair(NamedTuple):
    one: int
    two: int


@pytest.mark.parametrize(
    ("declared", "different"),
    [({"one": Query(Pair)}, "two"), ({"one": Query(Pair), "two": Command(), "three": Command()}, "three")],
)
def test_sql_file_and_python_module_must_declare_the_same_statements(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, declared: dict[str, Statement], different: str
) -> None:
    package = tmp_path / f"rows_{different}"
    package.mkdir()
    for name in ("__init__.py", "pairs.py"):
        (package / name).touch()
    (package / "pairs.sql").write_text("-- name: one\nSELECT 1;\n-- name: two\nSELECT 2;\n")
    monkeypatch.syspath_prepend(tmp_path)
    module = importlib.import_module(f"{package.name}.pairs")
    with pytest.raises(ValueError, match=f"do not declare the same statements; declare in both: {different}"):
        type("SQL", (Statements,), {"__module__": module.__name__, **declared})


def test_queries_of_the_whole_roll_at_the_start_use_an_index_or_a_merge(
    db: sqlite3.Connection,
) -> None:
    """Both read the whole roll at each start. A search in a table for each number or voter takes twice as long."""
    enrol = plan_of(db, targets.SQL.enrol.sql)
    without_number = plan_of(db, turnout.SQL.without_number_by_booth.sql)
    assert any(line.startswith("SEARCH queued USING COVERING INDEX") for line in enrol)
    assert "MERGE (EXCEPT)" in without_number
