"""Every row, column and part of the schema that another program changes is found, and so is every forged seal.

`WAYS` is the table of ways to tamper: what a verification finds without anything noted elsewhere, with the first public key, with
a noted head, and after the dialler has opened the store again.
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from dialer.domain.audit_chain import GENESIS, calculate_audit_entry_digest
from dialer.domain.complaints import Complaint, ComplaintAnswer
from dialer.domain.enums import ComplaintChannel, ComplaintRemedy, ComplaintTopic, InboundMode, MarkKind
from dialer.domain.model import (
    Disposition,
    DispositionRecord,
    EndedAttempt,
    MarkSource,
    NewInbound,
    Outcome,
)
from dialer.domain.official_turnout import FINAL, OfficialFigure
from dialer.domain.phone_facts import Consent
from dialer.domain.sealed_epochs import SealedEpoch
from dialer.store import consents, opt_outs, registers, seal_verification, sealer
from dialer.store.audit import AuditNote
from dialer.store.connection import open_store_exclusively
from dialer.store.evidence import (
    EVIDENCE,
    NOT_EVIDENCE,
    build_sql_for_row_digest,
    list_columns_covered_by_seals,
    register_digest_function,
)
from dialer.store.migrate import migrate_schema
from dialer.store.seal_keys import EpochKeys, get_seal_key_path, read_signing_keys_from_file
from dialer.store.sql import get_fields_as_sql_parameters, open_transaction
from dialer.store.store import open_store
from tests.support.paths import ROOT
from tests.support.stores import (
    NOW,
    SqliteBackend,
    claim_and_open_attempt,
    claim_one_number,
    end_attempt,
    make_attempt,
    make_mark,
    open_filled_store,
)

NUMBER_OFF_THE_ROLL = "+919812345678"
MORE_ROWS = (
    "INSERT INTO consent_forgotten (phone_id) VALUES (9)",
    "INSERT INTO flow_answer (attempt_id, name, value, at) SELECT attempt_id, 'how-many', '3', 1.0 FROM attempt LIMIT 2",
    "INSERT INTO headquarters_order (order_id, digest, kind, made_at) VALUES ('o', 'e1', 'pause', 1.0)",
    "INSERT INTO import_run (at, file_name, sha256, rows, voters, numbers, links, rejected, unchanged)"
    " VALUES (1.0, 'roll.csv', 'ab', 2, 2, 2, 2, 0, 0)",
    "INSERT INTO log_in (seat, agent, paused, reason, at) VALUES ('01', '17', 1, 'tea', 2.0)",
    "INSERT INTO peer_call (phone_id, called_at) VALUES (5, 1.0), (6, 2.0)",
    "INSERT INTO recording (attempt_id, started_at) SELECT attempt_id, 2.5 FROM attempt LIMIT 2",
    "INSERT INTO judged_call SELECT attempt_id, 'person', 3.5, 'asha' FROM attempt LIMIT 2",
    "INSERT INTO seat_interval (seat, agent, state, from_at, until_at) VALUES ('01', '17', 'ready', 1.0, 2.0)",
    "INSERT INTO setting (key, value) VALUES ('centre.id', 'pune-1')",
    "INSERT INTO standing_order (addressee, command, content, at) VALUES ('campaign/calls', 'speed', '{}', 1.0)",
    "INSERT INTO user (name, role, added_at, changed_at) VALUES ('ravi', 'coach', 1.0, 2.0)",
    "INSERT INTO worker (worker_id, phone_id, name) VALUES (1, 2, 'Sunil')",
    "INSERT INTO worker_booth (worker_id, booth_id) VALUES (1, 1), (1, 2)",
    "INSERT INTO unknown_serial (key, attempt_id, worker_id, serial, booth_id, at) VALUES ('u', 'a', 1, 99, 1, 3.0)",
    "UPDATE phone SET consent_at = 7, consent = 'given' WHERE phone_id IN (3, 30)",
    "UPDATE phone SET consent_at = 8, consent = 'withdrawn' WHERE phone_id IN (3, 30)",
)
Db = sqlite3.Connection


async def write_day(backend: SqliteBackend) -> None:
    """Fill a store with calls of every kind: answered, abandoned, disposed of before and after their end, open, and inbound."""
    async with open_filled_store(backend) as store:
        for phone_id in range(4, 16):
            new = await claim_and_open_attempt(store, phone_id)
            await store.save_answer_time_of_call(new.attempt_id, NOW + 5)
            if phone_id % 3 == 0:
                await end_attempt(store, new, Outcome.ABANDONED)
                continue
            await store.save_connect_time_of_call(new.attempt_id, NOW + 6, "seat-1", "a1")
            word = Disposition.MACHINE if phone_id % 2 else Disposition.REFUSED
            said = DispositionRecord(new.attempt_id, word, NOW + 20, "a1", None)
            voter = make_mark(new.claim.voter_id, MarkKind.NOT_YET, new=new)
            if phone_id % 4 < 2:
                await store.save_disposition_of_call(said, [voter], opt_out=word is Disposition.REFUSED)
            ended = EndedAttempt(new.attempt_id, Outcome.CONNECTED, NOW + 30, cause=16, seat="seat-1", agent="a1")
            await store.end_attempts([ended])
            if phone_id % 4 >= 2:
                await store.save_disposition_of_call(said, [voter])
        digest = await store.save_version_of_calling_rules('{"profile":{}}', NOW)
        new = replace(
            make_attempt(await claim_one_number(store, 16)), grounds=f'{{"rules":"{digest}"}}', gap_seconds=77.5
        )
        await store.commit_new_attempts([new], max_attempts_since=0, max_attempts=3)
        talking = await claim_and_open_attempt(store, 17)
        await store.save_disposition_of_call(
            DispositionRecord(talking.attempt_id, Disposition.LATER, NOW + 9, "a2", NOW + 7200)
        )
        refused = make_attempt(await claim_one_number(store, 18))
        await store.commit_new_attempts([refused], max_attempts_since=0, max_attempts=3)
        await end_attempt(store, refused, Outcome.REFUSED)
        new_id = make_attempt(refused.claim).attempt_id
        await store.save_inbound_call(
            NewInbound(new_id, "turnout", NOW, "+911140000000", "+917000000019", "trunk", InboundMode.FLOW)
        )
        await store.save_voter_mark(make_mark(2, MarkKind.VOTED, source=MarkSource.BOOTH_WORKER))
        await store.save_opt_out(1, at=NOW, source="agent")
        await store.hash_numbers_and_suppress_opt_outs([b"a secret that centres share"])
        await store.save_opt_out_of_other_centre("9f" * 32, at=NOW, centre="nashik")
        note = AuditNote("asha", NOW, {})
        for number in (1, 2):
            await store.save_complaint(
                Complaint(f"c-{number}", NOW, ComplaintTopic.CONDUCT, ComplaintChannel.LETTER, phone_id=4), note
            )
        await store.answer_complaint(ComplaintAnswer("a-1", 1, NOW + 9, ComplaintRemedy.EXPLAINED), note)
        day = date(2024, 4, 22)
        figures = [OfficialFigure(day, 174, None, "09:00", 0.11), OfficialFigure(day, 174, 2, FINAL, 0.66)]
        await store.append_official_turnout_figures(figures, note)
        unknown = await claim_and_open_attempt(store, 21)
        await end_attempt(store, unknown, Outcome.UNKNOWN)
        await store.release_attempts_with_unknown_outcome([unknown.attempt_id], "the carrier has no such call", note)
        await store.sign_logged_changes(NOW + 60)
        await claim_and_open_attempt(store, 20)


class Sealed(NamedTuple):
    """A store with rows in every table, and what was noted of it elsewhere."""

    path: Path
    first_key: str
    head: tuple[int, str]


@pytest.fixture(scope="module")
def sealed(tmp_path_factory: pytest.TempPathFactory) -> Sealed:
    backend = SqliteBackend(tmp_path_factory.mktemp("store"))
    asyncio.run(write_day(backend))
    with open_store_exclusively(backend.path, "a test") as db, open_transaction(db):
        for number in ("+917000000002", "+917000000003", NUMBER_OFF_THE_ROLL, "+919812345679"):
            consents.set_consent_of_number(db, number, Consent.GIVEN, source="form 7", at=NOW)
        consents.set_consent_of_number(db, "+917000000003", Consent.WITHDRAWN, source="letter", at=NOW + 1)
        opt_outs.suppress_phone_number(db, None, "+919812345670", at=NOW, source="letter-12")
        for name, count in (("ncpr", 5), ("tps", 1), ("ncpr", 4)):
            issue = [f"+91700000{number:04d}" for number in range(100, 100 + count)]
            registers.import_do_not_call_register(db, name, issue, dated=NOW, at=NOW, sha256="9f" * 32)
        for statement in MORE_ROWS:
            db.execute(statement)
    with contextlib.closing(sqlite3.connect(backend.path)) as db:
        epochs = sealer.SQL.epochs.fetch_all_rows(db)
    return Sealed(backend.path, epochs[0].key, (epochs[-1].epoch, epochs[-1].compute_digest_of_signed_log_entry()))


@pytest.fixture
def db(sealed: Sealed) -> Iterator[Db]:
    """A connection to the store without its triggers and constraints. All changes on it are rolled back."""
    with contextlib.closing(sqlite3.connect(sealed.path, isolation_level=None)) as db:
        db.execute("PRAGMA foreign_keys = OFF")
        db.execute("PRAGMA ignore_check_constraints = ON")
        db.execute("BEGIN")
        yield db
        db.execute("ROLLBACK")


def remove_triggers(db: Db) -> None:
    for (name,) in db.execute("SELECT name FROM sqlite_schema WHERE type = 'trigger'").fetchall():
        db.execute(f"DROP TRIGGER {name}")


def find_tables(db: Db) -> set[str]:
    """Return the tables in which a verification finds something, without the missing triggers."""
    return {finding.of for finding in seal_verification.verify_seals(db).findings} - {"schema"}


def make_other_value(value: Any) -> Any:
    """Return a different value of the same kind."""
    if value is None or isinstance(value, bytes):
        return "x"
    return value + 1 if isinstance(value, int | float) else value[:-1] + ("a" if value[-1:] != "a" else "b")


def test_every_store_table_has_integrity_seals_or_a_stated_reason_to_have_none() -> None:
    with contextlib.closing(sqlite3.connect(":memory:", isolation_level=None)) as db:
        migrate_schema(db, Path("centre.db"))
        tables = {
            name
            for (name,) in db.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")
            if not name.startswith("sqlite_")
        }
        assert tables == EVIDENCE.keys() | NOT_EVIDENCE.keys()
        assert not EVIDENCE.keys() & NOT_EVIDENCE.keys()
        assert all(len(reason) > 10 for reason in NOT_EVIDENCE.values())
        for each in EVIDENCE.values():
            columns = {name for _, name, *_ in db.execute(f"PRAGMA table_info({each.table})")}
            assert columns >= set(each.without), each.table
            assert len(list_columns_covered_by_seals(db, each)) == len(columns) - len(each.without), each.table


def test_verification_of_integrity_seals_reports_nothing_for_an_unchanged_store(db: Db, sealed: Sealed) -> None:
    verdict = seal_verification.verify_seals(db, sealed.head, first_keys=[sealed.first_key])
    assert (verdict.findings, verdict.not_sealed) == ([], 0)
    assert {table for table, count in verdict.rows.items() if not count} == set()
    assert (verdict.rows["attempt"], verdict.rows["mark"], verdict.rows["opt_out"]) == (18, 9, 4)


@pytest.mark.parametrize("table", EVIDENCE)
def test_verification_of_integrity_seals_finds_a_changed_column_in_any_row(db: Db, table: str) -> None:
    remove_triggers(db)
    evidence = EVIDENCE[table]
    names = [name for _, name, *_ in db.execute(f"PRAGMA table_info({table})")]
    edits = 0
    for row in db.execute(f"SELECT * FROM {table} LIMIT 3").fetchall():
        for name, value in zip(names, row, strict=True):
            db.execute("SAVEPOINT edit")
            where = " AND ".join(f"{each} IS ?" for each in names)
            with contextlib.suppress(
                sqlite3.IntegrityError
            ):  # the schema itself forbids it, such as a duplicate number
                db.execute(f"UPDATE {table} SET {name} = ? WHERE {where}", (make_other_value(value), *row))
                if name not in evidence.without:
                    assert table in find_tables(db), (name, row)
                edits += 1
            db.execute("ROLLBACK TO edit")
    assert edits


@pytest.mark.parametrize("table", EVIDENCE)
def test_verification_of_integrity_seals_finds_a_removed_or_added_row_in_any_table(db: Db, table: str) -> None:
    remove_triggers(db)
    names = [name for _, name, *_ in db.execute(f"PRAGMA table_info({table})")]
    row = db.execute(f"SELECT * FROM {table} LIMIT 1").fetchone()
    where = " AND ".join(f"{each} IS ?" for each in names)
    db.execute("SAVEPOINT edit")
    db.execute(f"DELETE FROM {table} WHERE {where}", row)
    assert table in find_tables(db)
    db.execute("ROLLBACK TO edit")
    for (index,) in db.execute(
        "SELECT name FROM sqlite_schema WHERE type = 'index' AND tbl_name = ? AND sql IS NOT NULL", (table,)
    ).fetchall():
        db.execute(f"DROP INDEX {index}")
    new = [f"{value}9" if isinstance(value, str) else 77_000 if isinstance(value, int) else value for value in row]
    places = ", ".join("?" * len(names))
    db.execute(f"INSERT INTO {table} ({', '.join(names)}) VALUES ({places})", new)
    assert table in find_tables(db)


@pytest.mark.parametrize("change", ["turnout = 'voted'", "turnout = 'closed'", "reached = 1 - reached"])
def test_verification_of_integrity_seals_finds_a_voter_state_that_contradicts_recorded_answers(
    db: Db, change: str
) -> None:
    """Every voter is tried, with and without marks."""
    for (voter_id,) in db.execute("SELECT voter_id FROM voter").fetchall():
        db.execute("SAVEPOINT edit")
        before = db.execute("SELECT turnout, reached FROM voter WHERE voter_id = ?", (voter_id,)).fetchone()
        db.execute(f"UPDATE voter SET {change} WHERE voter_id = ?", (voter_id,))
        after = db.execute("SELECT turnout, reached FROM voter WHERE voter_id = ?", (voter_id,)).fetchone()
        expected = [] if before == after else [("voter", str(voter_id))]
        assert [(each.of, each.row_id) for each in seal_verification.verify_seals(db).findings] == expected
        db.execute("ROLLBACK TO edit")


@pytest.mark.parametrize("kind", ["trigger", "index", "view"])
def test_verification_of_integrity_seals_names_every_removed_table_index_view_or_trigger(db: Db, kind: str) -> None:
    parts = db.execute("SELECT name, sql FROM sqlite_schema WHERE type = ? AND sql IS NOT NULL", (kind,)).fetchall()
    parts = [part for part in parts if part[0] != "phone_hash_by_hash"]  # the dialler removes it for a while
    assert parts
    for name, sql in parts:
        db.execute("SAVEPOINT edit")
        db.execute(f"DROP {kind} {name}")
        assert [str(each) for each in seal_verification.verify_seals(db).findings] == [f"schema {kind} {name}: removed"]
        db.execute(sql.replace(name, f"{name}_2"))
        assert len(seal_verification.verify_seals(db).findings) == 2
        db.execute("ROLLBACK TO edit")


# The table of ways to tamper


def change_row(db: Db, _: EpochKeys) -> None:
    db.execute("UPDATE attempt SET outcome = 'connected' WHERE outcome = 'abandoned'")


def remove_row(db: Db, _: EpochKeys) -> None:
    db.execute("DELETE FROM opt_out WHERE source = 'letter-12'")


def add_row(db: Db, _: EpochKeys) -> None:
    db.execute("INSERT INTO user (name, role, added_at, changed_at) VALUES ('mallory', 'supervisor', 1, 1)")


def change_number(db: Db, _: EpochKeys) -> None:
    db.execute("UPDATE phone SET e164 = '+919999999999' WHERE phone_id = 4")


def change_setting(db: Db, _: EpochKeys) -> None:
    db.execute("UPDATE setting SET value = 'nashik-2'")


def change_voter_state(db: Db, _: EpochKeys) -> None:
    db.execute("UPDATE voter SET turnout = 'pending' WHERE turnout = 'voted'")


def swap_attempts(db: Db, _: EpochKeys) -> None:
    one, other = (row[0] for row in db.execute("SELECT attempt_id FROM attempt WHERE outcome IS NOT NULL LIMIT 2"))
    for before, after in ((one, "-"), (other, one), ("-", other)):
        db.execute("UPDATE attempt SET attempt_id = ? WHERE attempt_id = ?", (after, before))


def drop_trigger(db: Db, _: EpochKeys) -> None:
    db.execute("DROP TRIGGER mark_is_not_changed")


def add_trigger(db: Db, _: EpochKeys) -> None:
    db.execute("CREATE TRIGGER quiet BEFORE INSERT ON opt_out BEGIN SELECT raise(IGNORE); END")


def cut_audit(db: Db, _: EpochKeys) -> None:
    db.execute("DROP TRIGGER audit_is_not_removed")
    db.execute("DELETE FROM audit WHERE number = (SELECT max(number) FROM audit)")
    restore_trigger(db, "audit_is_not_removed", "DELETE")


def rewrite_audit(db: Db, _: EpochKeys) -> None:
    db.execute("DROP TRIGGER audit_is_not_changed")
    previous = GENESIS
    for number, at, kind, who, text in db.execute(
        "SELECT number, at, kind, who, what FROM audit ORDER BY number"
    ).fetchall():
        author = "nobody" if number == 1 else who
        digest = calculate_audit_entry_digest(number, at, kind, author, text, previous)
        new = (author, previous, digest, number)
        db.execute("UPDATE audit SET who = ?, previous = ?, digest = ? WHERE number = ?", new)
        previous = digest
    restore_trigger(db, "audit_is_not_changed", "UPDATE")


def restore_trigger(db: Db, name: str, event: str) -> None:
    db.execute(
        f"CREATE TRIGGER {name} BEFORE {event} ON audit BEGIN\n    SELECT raise(ABORT, 'the audit is append-only');\nEND"
    )


def compute_digest(db: Db, table: str, one: Any, two: Any = "") -> Any:
    register_digest_function(db)
    digest = build_sql_for_row_digest(EVIDENCE[table], list_columns_covered_by_seals(db, EVIDENCE[table]))
    return db.execute(f"SELECT {digest}", {"one": one, "two": two}).fetchone()[0]


def change_row_and_log(db: Db, keys: EpochKeys) -> None:
    """The digest of the row in the log is changed too."""
    change_row(db, keys)
    for (row_id,) in db.execute("SELECT attempt_id FROM attempt WHERE outcome = 'connected'").fetchall():
        db.execute(
            "UPDATE seal_change SET after = ?"
            " WHERE change_id = (SELECT max(change_id) FROM seal_change WHERE evidence = 'attempt' AND one = ?)",
            (compute_digest(db, "attempt", row_id), row_id),
        )


def remove_row_and_log(db: Db, keys: EpochKeys) -> None:
    """The changes of the row are removed from the log too."""
    (row_id,) = db.execute("SELECT opt_out_id FROM opt_out WHERE source = 'letter-12'").fetchone()
    remove_row(db, keys)
    db.execute("DELETE FROM seal_change WHERE evidence = 'opt_out' AND one = ?", (row_id,))


def append_forged_change(db: Db, keys: EpochKeys) -> None:
    """The removal of an opt-out is appended to the log, as if the dialler had removed it."""
    (row_id,) = db.execute("SELECT opt_out_id FROM opt_out WHERE source = 'letter-12'").fetchone()
    before = compute_digest(db, "opt_out", row_id)
    remove_row(db, keys)
    db.execute("INSERT INTO seal_change (evidence, one, two, before) VALUES ('opt_out', ?, '', ?)", (row_id, before))


def append_forged_change_and_tail(db: Db, keys: EpochKeys) -> None:
    """The stored end of the log is moved too, without the secret for its code."""
    append_forged_change(db, keys)
    db.execute("UPDATE seal_tail SET last = (SELECT max(change_id) FROM seal_change)")


def remove_tail(db: Db, _: EpochKeys) -> None:
    db.execute("DELETE FROM seal_tail")


def remove_epoch_in_the_middle(db: Db, _: EpochKeys) -> None:
    db.execute("DELETE FROM seal_epoch WHERE epoch = 2")


def remove_all_epochs(db: Db, _: EpochKeys) -> None:
    db.execute("DELETE FROM seal_epoch")


def reseal_with_new_keys(db: Db, keys: EpochKeys) -> None:
    """The whole chain is signed again with keys of the forger's own, after an outcome was changed."""
    change_row_and_log(db, keys)
    epochs = sealer.SQL.epochs.fetch_all_rows(db)
    write_epochs(db, epochs, EpochKeys.generate_first_signing_keys(epochs[0].epoch))


def reseal_last_epoch_with_current_key(db: Db, keys: EpochKeys) -> None:
    """The last epoch is signed again with the key of the open one, which is in the file (as CVE-2023-31438)."""
    change_row_and_log(db, keys)
    epochs = sealer.SQL.epochs.fetch_all_rows(db)
    write_epochs(db, epochs[-1:], keys, previous=epochs[-2].compute_digest_of_signed_log_entry())


def cut_and_resume_with_current_key(db: Db, keys: EpochKeys) -> None:
    """The last two epochs are cut off, and one in their place is signed with the key of the open one (as CVE-2023-31439)."""
    epochs = sealer.SQL.epochs.fetch_all_rows(db)
    db.execute("DELETE FROM seal_epoch WHERE epoch >= ?", (epochs[-2].epoch,))
    whole = replace(epochs[-2], last=epochs[-1].last)
    write_epochs(db, [whole], keys, previous=epochs[-3].compute_digest_of_signed_log_entry())


def write_epochs(db: Db, epochs: list[SealedEpoch], keys: EpochKeys, previous: str = "") -> None:
    """Store these epochs as a forger would, with roots that fit the log."""
    for each in epochs:
        rows = sealer.SQL.log_between.iterate_rows(db, first=each.first, last=each.last)
        unsigned = replace(
            each,
            root=sealer.hash_log_rows(rows)[1],
            previous=previous,
            key=keys.epoch_public_key,
            next_key=keys.next_epoch_public_key,
            signature="",
        )
        forged = replace(unsigned, signature=keys.sign_with_current_key(unsigned.encode_fields_to_sign()))
        db.execute("DELETE FROM seal_epoch WHERE epoch = ?", (each.epoch,))
        sealer.SQL.append_epoch.run_statement(db, **get_fields_as_sql_parameters(forged))
        previous, keys = forged.compute_digest_of_signed_log_entry(), keys.make_next_signing_keys()


@dataclass(frozen=True)
class Way:
    """A way to tamper with a closed store, and what finds it: a verification alone, with the first key, with a noted head."""

    tamper: Callable[[Db, EpochKeys], None]
    words: str  # in docs/explanation/promises.md
    alone: bool
    with_key: bool
    with_head: bool
    reopened: bool  # a verification with the first key, after the dialler has opened the store again


WAYS = [
    Way(change_row, "an outcome changed", True, True, True, True),
    Way(remove_row, "an opt-out removed", True, True, True, True),
    Way(add_row, "a supervisor added", True, True, True, True),
    Way(change_number, "a phone number changed", True, True, True, True),
    Way(change_setting, "a setting changed", True, True, True, True),
    Way(change_voter_state, "a voter's status changed from voted to pending", True, True, True, True),
    Way(swap_attempts, "two calls exchanged", True, True, True, True),
    Way(drop_trigger, "a trigger of the schema removed", True, True, True, True),
    Way(add_trigger, "a trigger that discards opt-outs added", True, True, True, True),
    Way(cut_audit, "the last audit entry removed", True, True, True, True),
    Way(rewrite_audit, "the audit rewritten with new digests", True, True, True, True),
    Way(change_row_and_log, "an outcome changed, with its digest in the log", True, True, True, True),
    Way(remove_row_and_log, "an opt-out removed, with its entries in the log", True, True, True, True),
    Way(append_forged_change, "an opt-out removed as if by the dialler", True, True, True, True),
    Way(
        append_forged_change_and_tail,
        "an opt-out removed as if by the dialler, with the log's stored end",
        False,
        False,
        False,
        True,
    ),
    Way(remove_tail, "the log's stored end removed", True, True, True, True),
    Way(remove_epoch_in_the_middle, "one minute's seal removed", True, True, True, True),
    Way(remove_all_epochs, "all seals removed", True, True, True, True),
    Way(reseal_with_new_keys, "an outcome changed and all sealed again with other keys", False, True, True, True),
    Way(
        reseal_last_epoch_with_current_key,
        "the last minute changed and sealed again with the present key",
        True,
        True,
        True,
        True,
    ),
    Way(
        cut_and_resume_with_current_key,
        "the last minutes cut off and sealed as one with the present key",
        True,
        True,
        True,
        True,
    ),
]


def test_docs_list_every_tampering_that_one_of_the_checks_does_not_find() -> None:
    text = (ROOT / "docs/explanation/promises.md").read_text("utf-8")
    _, _, table = text.partition("## What finds which change")
    listed = [line for line in table.partition("\n## ")[0].splitlines() if line.startswith("|")][2:]
    checks = [(way.words, way.alone, way.with_key, way.with_head, way.reopened) for way in WAYS]
    missed = [check for check in checks if not all(check)]
    assert listed == [
        f"|{words}|" + "".join(f"{'yes' if each else 'no'}|" for each in found) for words, *found in missed
    ]


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.tamper.__name__)
def test_each_kind_of_store_tampering_is_found_by_the_documented_checks(
    sealed: Sealed, tmp_path: Path, way: Way
) -> None:
    path = tmp_path / "centre.db"
    for file in (sealed.path, get_seal_key_path(sealed.path)):
        shutil.copy(file, tmp_path / file.name)
    keys = read_signing_keys_from_file(get_seal_key_path(path))
    assert keys is not None
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as db:
        way.tamper(db, keys)
        found = tuple(
            not seal_verification.verify_seals(db, head, first_keys=first_keys).is_evidence_intact
            for head, first_keys in ((None, []), (None, [sealed.first_key]), (sealed.head, []))
        )
        assert found == (way.alone, way.with_key, way.with_head), seal_verification.verify_seals(db).findings
    asyncio.run(write_again(path))
    with contextlib.closing(sqlite3.connect(path)) as db:
        assert seal_verification.verify_seals(db, first_keys=[sealed.first_key]).is_evidence_intact is not way.reopened


def test_older_copy_of_the_store_is_detected_by_a_separately_kept_integrity_seal(
    sealed: Sealed, tmp_path: Path
) -> None:
    copy, live = tmp_path / "copy", tmp_path / "centre.db"
    shutil.copy(sealed.path, copy)
    for file in (sealed.path, get_seal_key_path(sealed.path)):
        shutil.copy(file, tmp_path / file.name)
    asyncio.run(write_again(live))
    with contextlib.closing(sqlite3.connect(live)) as db:
        last = sealer.SQL.last_epoch.fetch_only_row(db)
    shutil.copy(copy, live)
    with contextlib.closing(sqlite3.connect(live)) as db:
        assert seal_verification.verify_seals(db, first_keys=[sealed.first_key]).is_evidence_intact
        [finding] = seal_verification.verify_seals(db, (last.epoch, last.compute_digest_of_signed_log_entry())).findings
        assert "the end was cut off" in finding.problem
    asyncio.run(write_again(live))
    with contextlib.closing(sqlite3.connect(live)) as db:
        [finding] = seal_verification.verify_seals(db, first_keys=[sealed.first_key]).findings
        second = sealer.SQL.epochs.fetch_all_rows(db)[-2:]
        assert finding.problem.startswith("a new chain begins with the key")
        keys = [sealed.first_key, next(each.key for each in second if each.kind == "start")]
        assert seal_verification.verify_seals(db, first_keys=keys).findings == []


async def write_again(path: Path) -> None:
    async with await open_store(path) as store:
        await store.append_audit_entry("listen", "asha", {"seat": "01"}, NOW)


async def test_deleted_opt_out_is_found_although_the_integrity_seals_were_forged(
    tmp_path: Path,
) -> None:
    """Rows and log are changed as the dialler would, before it writes the same rows again and seals the epoch."""
    backend = SqliteBackend(tmp_path)
    async with open_filled_store(backend) as store:
        await store.save_opt_out(1, at=NOW, source="agent")
        voted = make_mark(2, MarkKind.VOTED, source=MarkSource.BOOTH_WORKER)
        await store.save_voter_mark(voted)
        first = await store.sign_logged_changes(NOW + 1)
        with contextlib.closing(backend.connect()) as db:
            db.execute("BEGIN")
            remove_triggers(db)
            changes = {"opt_out": (1, None), "mark": (1, "UPDATE mark SET kind = 'not-yet'"), "phone": (0, None)}
            for table, (one, statement) in changes.items():
                before = compute_digest(db, table, one)
                if statement:
                    db.execute(statement)
                elif table == "phone":
                    db.execute("UPDATE phone SET opted_out_at = NULL WHERE phone_id = 1")
                else:
                    db.execute("DELETE FROM opt_out")
                db.execute(
                    "INSERT INTO seal_change (evidence, one, two, before, after) VALUES (?, ?, '', ?, ?)",
                    (table, one, before, compute_digest(db, table, one)),
                )
            db.execute("UPDATE seal_tail SET last = (SELECT max(change_id) FROM seal_change)")
            db.execute("UPDATE voter SET turnout = 'pending', not_yet = 1 WHERE voter_id = 2")
            db.execute("COMMIT")
        await store.save_opt_out(4, at=NOW, source="agent")  # in the same block of numbers
        await store.sign_logged_changes(NOW + 60)
    with contextlib.closing(backend.connect()) as db:
        found = {(each.of, each.row_id) for each in seal_verification.verify_seals(db).findings}
        epochs = [each for each in sealer.SQL.epochs.fetch_all_rows(db) if each.doubt]
    assert found >= {("opt_out", "1"), ("mark", "1"), ("phone", "0 to 63"), ("epoch", str(first.epoch + 1))}
    assert [each.doubt for each in epochs] == [sealer.ROWS_ADDED]


@pytest.mark.parametrize("way", ["VACUUM", "VACUUM INTO", "backup"])
async def test_vacuumed_or_copied_store_passes_verification_and_stores_further_calls(
    sealed: Sealed, tmp_path: Path, way: str
) -> None:
    copy = tmp_path / "centre.db"
    shutil.copy(get_seal_key_path(sealed.path), get_seal_key_path(copy))
    with contextlib.closing(sqlite3.connect(sealed.path)) as source:
        if way == "VACUUM INTO":
            source.execute("VACUUM INTO ?", (str(copy),))
        else:
            with contextlib.closing(sqlite3.connect(copy)) as there:
                source.backup(there)
    with contextlib.closing(sqlite3.connect(copy)) as db:
        if way == "VACUUM":
            db.execute("VACUUM")
    async with await open_store(copy) as store:
        await claim_and_open_attempt(store, 22)
    with contextlib.closing(sqlite3.connect(copy)) as db:
        verdict = seal_verification.verify_seals(db, sealed.head, first_keys=[sealed.first_key])
        assert (verdict.findings, verdict.rows["attempt"]) == ([], 19)
