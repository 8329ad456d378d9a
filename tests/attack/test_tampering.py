"""Verification finds every change by somebody who can write to the store but not to the published audit head.

Every kind of row and field is changed, removed and inserted, as are seals and audit entries, and the whole chain is rewritten.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from dialer.domain.audit_chain import GENESIS, calculate_entry_digest
from dialer.domain.complaints import Complaint, ComplaintAnswer, ComplaintChannel, ComplaintRemedy, ComplaintTopic
from dialer.domain.enums import InboundMode, MarkKind
from dialer.domain.model import (
    Announcement,
    Disposition,
    DispositionRecord,
    EndedAttempt,
    Mark,
    MarkSource,
    NewInbound,
    Outcome,
)
from dialer.domain.official_turnout import FINAL, OfficialFigure
from dialer.domain.phone_facts import Consent
from dialer.store import consents, opt_outs, registers, seal_verification, sealed_rows, seals
from dialer.store.audit import AuditNote
from dialer.store.connection import open_store_exclusively
from dialer.store.erasing import blank_number
from dialer.store.marks import record_mark
from dialer.store.sql import transaction
from dialer.store.store import open_store
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
TABLES = {  # the name of a row in findings, and the key column
    "attempt": ("attempt", "attempt_id"),
    "lawful": ("grounds of calls", "lawful_id"),
    "rules_version": ("version of the rules", "digest"),
    "mark": ("mark", "mark_id"),
    "opt_out": ("opt-out", "opt_out_id"),
    "opt_out_hash": ("opt-out of another centre", "opt_out_hash_id"),
    "consent_ahead": ("consent ahead of the roll", "consent_ahead_id"),
    "complaint": ("complaint", "complaint_id"),
    "complaint_answer": ("answer to a complaint", "answer_id"),
    "official_turnout": ("official figure", "figure_id"),
    "released_unknown": ("release of attempt", "attempt_id"),
    "register": ("register", "name"),
}
CONSENT_FIELDS = ("e164", "consent", "consent_source", "consent_at")
FIELDS_SEALED_WHILE_OPEN = frozenset(
    {
        "lawful_id",
        "gap_seconds",
        "campaign_id",
        "phone_id",
        "voter_id",
        "worker_id",
        "attempt_number",
        "trunk",
        "caller_id",
        "created_at",
        "direction",
    }
    | {"outcome", "ended_at"}
)
Db = sqlite3.Connection


async def write_day(backend: SqliteBackend) -> None:
    """Fill a store with calls of every kind: answered, abandoned, disposed of before and after their end, open, and inbound."""
    async with open_filled_store(backend) as store:
        for phone_id in range(4, 16):
            new = await claim_and_open_attempt(store, phone_id)
            await store.record_answer_time(new.attempt_id, NOW + 5)
            if phone_id % 3 == 0:
                await end_attempt(store, new, Outcome.ABANDONED)
                continue
            await store.record_connect_time(new.attempt_id, NOW + 6, "seat-1", "a1")
            word = Disposition.MACHINE if phone_id % 2 else Disposition.REFUSED
            said = DispositionRecord(new.attempt_id, word, NOW + 20, "a1", None)
            voter = make_mark(new.claim.voter_id, MarkKind.NOT_YET, new=new)
            if phone_id % 4 < 2:
                await store.record_disposition(said, [voter], opt_out=word is Disposition.REFUSED)
            ended = EndedAttempt(new.attempt_id, Outcome.CONNECTED, NOW + 30, cause=16, seat="seat-1", agent="a1")
            await store.end_attempts([ended])
            if phone_id % 4 >= 2:
                await store.record_disposition(said, [voter])
        digest = await store.record_rules_version('{"profile":{}}', NOW)
        new = replace(
            make_attempt(await claim_one_number(store, 16)), grounds=f'{{"rules":"{digest}"}}', gap_seconds=77.5
        )
        await store.open_attempts([new], max_attempts_since=0, max_attempts=3)
        talking = await claim_and_open_attempt(store, 17)
        await store.record_disposition(
            DispositionRecord(talking.attempt_id, Disposition.LATER, NOW + 9, "a2", NOW + 7200)
        )
        refused = make_attempt(await claim_one_number(store, 18))
        await store.open_attempts([refused], max_attempts_since=0, max_attempts=3)
        await end_attempt(store, refused, Outcome.REFUSED)
        new_id = make_attempt(refused.claim).attempt_id
        await store.record_inbound_call(
            NewInbound(new_id, "turnout", NOW, "+911140000000", "+917000000019", "trunk", InboundMode.FLOW)
        )
        await store.record_mark(make_mark(2, MarkKind.VOTED, source=MarkSource.BOOTH_WORKER))
        await store.record_opt_out(1, at=NOW, source="agent")
        await store.hash_numbers([b"a secret that centres share"])
        await store.record_foreign_opt_out("9f" * 32, at=NOW, centre="nashik")
        note = AuditNote("asha", NOW, {})
        for number in (1, 2):
            await store.record_complaint(
                Complaint(f"c-{number}", NOW, ComplaintTopic.CONDUCT, ComplaintChannel.LETTER, phone_id=4), note
            )
        await store.answer_complaint(ComplaintAnswer("a-1", 1, NOW + 9, ComplaintRemedy.EXPLAINED), note)
        day = date(2024, 4, 22)
        figures = [OfficialFigure(day, 174, None, "09:00", 0.11), OfficialFigure(day, 174, 2, FINAL, 0.66)]
        await store.enter_official_turnout(figures, note)
        unknown = await claim_and_open_attempt(store, 21)
        await end_attempt(store, unknown, Outcome.UNKNOWN)
        await store.release_unknown_attempts([unknown.attempt_id], "the carrier has no such call", note)
        assert await store.close_seal_batch(NOW + 60) is not None
        await claim_and_open_attempt(store, 20)


@pytest.fixture(scope="module")
def store_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    backend = SqliteBackend(tmp_path_factory.mktemp("store"))
    asyncio.run(write_day(backend))
    with open_store_exclusively(backend.path, "a test") as db, transaction(db):
        for number in ("+917000000002", "+917000000003", NUMBER_OFF_THE_ROLL, "+919812345679"):
            consents.set_consent(db, number, Consent.GIVEN, source="form 7", at=NOW)
        consents.set_consent(db, "+917000000003", Consent.WITHDRAWN, source="letter", at=NOW + 1)
        opt_outs.opt_out_number(db, None, "+919812345670", at=NOW, source="letter-12")
        for name, count in (("ncpr", 5), ("tps", 1), ("ncpr", 4)):
            issue = [f"+91700000{number:04d}" for number in range(100, 100 + count)]
            registers.import_register(db, name, issue, dated=NOW, at=NOW, sha256="9f" * 32)
    return backend.path


@pytest.fixture
def db(store_path: Path) -> Iterator[Db]:
    """A connection to the store without its triggers. All changes on it are rolled back."""
    with contextlib.closing(sqlite3.connect(store_path, isolation_level=None)) as db:
        db.execute("PRAGMA foreign_keys = OFF")
        db.execute("PRAGMA ignore_check_constraints = ON")
        db.execute("BEGIN")
        for (name,) in db.execute("SELECT name FROM sqlite_schema WHERE type = 'trigger'").fetchall():
            db.execute(f"DROP TRIGGER {name}")
        yield db
        db.execute("ROLLBACK")


def find_changed_rows(db: Db) -> set[tuple[str, str]]:
    """Return the kind and id of each finding of a verification, except voters, which follow from changed marks."""
    return {
        (finding.of, finding.row_id) for finding in seal_verification.verify_seals(db).findings if finding.of != "voter"
    }


def make_other_value(value: Any) -> Any:
    """Return a different value of the same kind."""
    if value is None or isinstance(value, bytes):
        return "x"
    return value + 1 if isinstance(value, int | float) else value[:-1] + ("a" if value[-1:] != "a" else "b")


def test_store_verification_of_an_unchanged_store_finds_no_changes(db: Db) -> None:
    verdict = seal_verification.verify_seals(db)
    assert verdict.findings == []
    assert verdict.rows == {
        "attempt": 18, "mark": 9, "opt-out": 4, "opt-out-hash": 1, "lawful": 1, "rules": 1, "consent": 2, "consent-ahead": 2,
        "complaint": 2, "complaint-answer": 1, "official": 2, "released": 1, "register": 2,
    }  # fmt: skip
    assert verdict.not_chained == 0


@pytest.mark.parametrize("table", TABLES)
def test_store_verification_finds_a_changed_field_in_any_row(db: Db, table: str) -> None:
    of, key = TABLES[table]
    names = [name for _, name, *_ in db.execute(f"PRAGMA table_info({table})")]
    edits = 0
    for row in db.execute(f"SELECT * FROM {table}").fetchall():
        values = dict(zip(names, row, strict=True))
        for name in set(names) - {key}:
            if table == "attempt" and values["outcome"] is None and name not in FIELDS_SEALED_WHILE_OPEN:
                continue  # the engine still writes this field of an open attempt
            db.execute("SAVEPOINT edit")
            where = " AND ".join(f"{each} IS ?" for each in names)
            try:
                db.execute(f"UPDATE {table} SET {name} = ? WHERE {where}", (make_other_value(values[name]), *row))
            except sqlite3.IntegrityError:  # the schema itself forbids the change, such as a duplicate number
                db.execute("ROLLBACK TO edit")
                continue
            found = [each for each in seal_verification.verify_seals(db).findings if each.of == of]
            assert len(found) == 1, (name, values)
            [finding] = found
            assert finding.row_id == str(values[key])
            assert name in finding.fields or {"outcome", "ended_at"} & set(finding.fields)
            edits += 1
            db.execute("ROLLBACK TO edit")
    assert edits >= 2


@pytest.mark.parametrize("name", CONSENT_FIELDS)
def test_store_verification_finds_a_changed_consent(db: Db, name: str) -> None:
    (value,) = db.execute(f"SELECT {name} FROM phone WHERE phone_id = 3").fetchone()
    db.execute(f"UPDATE phone SET {name} = ? WHERE phone_id = 3", (make_other_value(value),))
    [finding] = seal_verification.verify_seals(db).findings
    assert (finding.of, finding.row_id, finding.fields) == ("consent of number", "3", (name,))


@pytest.mark.parametrize(
    "change",
    [
        "DELETE FROM registered WHERE e164 = '+917000000102'",
        "INSERT INTO registered VALUES ('+917000000900', 'ncpr')",
        "UPDATE registered SET e164 = '+917000000901' WHERE e164 = '+917000000101' AND register = 'ncpr'",
    ],
)
def test_store_verification_finds_a_changed_number_in_a_do_not_call_register(db: Db, change: str) -> None:
    db.execute(change)
    [finding] = seal_verification.verify_seals(db).findings
    assert (finding.of, finding.row_id, finding.fields) == ("register", "ncpr", ("numbers_of_it",))


def test_store_verification_accepts_an_erased_number_in_a_do_not_call_register(store_path: Path) -> None:
    secrets = [b"a secret that centres share"]
    with contextlib.closing(sqlite3.connect(store_path, isolation_level=None)) as db:
        db.execute("BEGIN")
        blank_number(db, lambda _: Announcement("t", "{}"), "+917000000102", at=NOW, secrets=secrets, with_voters=False)
        assert find_changed_rows(db) == set()
        db.execute("DELETE FROM registered WHERE e164 = '+917000000101'")
        assert find_changed_rows(db) == {("register", "ncpr")}
        db.execute("ROLLBACK")


@pytest.mark.parametrize(
    "change", ["turnout = 'voted'", "turnout = 'closed'", "reached = 1 - reached", "not_yet = 1 - not_yet"]
)
def test_store_verification_finds_a_voter_state_that_contradicts_the_marks(db: Db, change: str) -> None:
    """Every voter is tried, with and without marks."""
    for (voter_id,) in db.execute("SELECT voter_id FROM voter").fetchall():
        db.execute("SAVEPOINT edit")
        before = db.execute("SELECT turnout, reached, not_yet FROM voter WHERE voter_id = ?", (voter_id,)).fetchone()
        db.execute(f"UPDATE voter SET {change} WHERE voter_id = ?", (voter_id,))
        after = db.execute("SELECT turnout, reached, not_yet FROM voter WHERE voter_id = ?", (voter_id,)).fetchone()
        says_nothing = before[0] != "pending" and change.startswith(
            "not_yet"
        )  # "not yet" has no meaning for a voter who has voted
        expected = [] if before == after or says_nothing else [("voter", str(voter_id))]
        assert [(each.of, each.row_id) for each in seal_verification.verify_seals(db).findings] == expected
        db.execute("ROLLBACK TO edit")


def test_voter_states_agree_with_any_sequence_of_marks_and_corrections(tmp_path: Path) -> None:
    """2,000 random marks of every kind and source, 20 % of which undo another."""
    random_numbers = random.Random(17)
    backend = SqliteBackend(tmp_path)
    backend.fill(20, 5)
    with open_store_exclusively(backend.path, "a test") as db:
        recorded: dict[int, list[str]] = {voter_id: [] for voter_id in range(1, 21)}
        for number in range(2000):
            voter_id = random_numbers.randint(1, 20)
            kind, source = random_numbers.choice(list(MarkKind)), random_numbers.choice(list(MarkSource))
            undoes = (
                random_numbers.choice(recorded[voter_id])
                if recorded[voter_id] and random_numbers.random() < 0.2
                else None
            )
            entry = Mark(f"m-{number}", voter_id, kind, source, NOW + random_numbers.randint(0, 50), undoes=undoes)
            with transaction(db):
                if record_mark(db, None, entry).recorded and undoes is None:
                    recorded[voter_id].append(entry.key)
        assert seal_verification.verify_seals(db).findings == []


def test_store_verification_finds_forged_and_removed_consents(db: Db) -> None:
    db.execute("UPDATE phone SET consent = 'given' WHERE phone_id = 30")
    db.execute("UPDATE phone SET consent = 'unknown', consent_source = '', consent_at = NULL WHERE phone_id = 2")
    db.execute("DELETE FROM phone WHERE phone_id = 3")
    assert find_changed_rows(db) == {
        ("consent of number", "30"),
        ("consent of number", "2"),
        ("consent of number", "3"),
    }


@pytest.mark.parametrize("table", TABLES)
def test_store_verification_finds_a_removed_row_of_any_table(db: Db, table: str) -> None:
    of, key = TABLES[table]
    for (row_id,) in db.execute(f"SELECT {key} FROM {table}").fetchall():
        db.execute("SAVEPOINT removal")
        db.execute(f"DELETE FROM {table} WHERE {key} = ?", (row_id,))
        assert find_changed_rows(db) == {(of, str(row_id))}
        db.execute("ROLLBACK TO removal")


@pytest.mark.parametrize("table", TABLES)
def test_store_verification_finds_an_inserted_row_in_any_table(db: Db, table: str) -> None:
    of, key = TABLES[table]
    names = [name for _, name, *_ in db.execute(f"PRAGMA table_info({table})")]
    for row in db.execute(f"SELECT * FROM {table}").fetchall():
        values = dict(zip(names, row, strict=True))
        fresh = f"{values[key]}9"
        values |= {key: int(fresh) if fresh.isdecimal() else fresh, "attempt_number": 77}
        values |= {
            name: f"{values[name]}-copy"
            for name in ("key", "e164", "number_hash", "digest")
            if name in names and name != key
        }
        columns = [name for name in names if name in values]
        db.execute("SAVEPOINT addition")
        places = ", ".join("?" * len(columns))
        if table == "attempt":
            db.execute("DROP INDEX attempt_one_open")
        db.execute(f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({places})", [values[name] for name in columns])
        assert find_changed_rows(db) == {(of, fresh)}
        db.execute("ROLLBACK TO addition")


def test_store_verification_finds_removed_opt_outs_and_hidden_abandoned_calls(db: Db) -> None:
    """An opt-out is removed, three abandoned calls are changed to connected, and all machine calls are removed."""
    db.execute("DELETE FROM opt_out WHERE e164 = '+917000000001'")
    db.execute("UPDATE phone SET opted_out_at = NULL WHERE phone_id = 1")
    changed = db.execute(
        "UPDATE attempt SET outcome = 'connected' WHERE attempt_id IN"
        " (SELECT attempt_id FROM attempt WHERE outcome = 'abandoned' LIMIT 3) RETURNING attempt_id"
    ).fetchall()
    removed = db.execute("DELETE FROM attempt WHERE outcome = 'machine' RETURNING attempt_id").fetchall()
    assert (len(changed), len(removed) > 0) == (3, True)
    found = seal_verification.verify_seals(db).findings
    assert {finding.row_id for finding in found if finding.of == "attempt"} == {row[0] for row in changed + removed}
    assert {finding.fields for finding in found if finding.row_id in {row[0] for row in changed}} == {("outcome",)}
    assert [finding.problem for finding in found if finding.of == "opt-out"] == ["removed"]


def test_store_verification_finds_the_cleared_opt_out_of_a_phone(db: Db) -> None:
    db.execute("UPDATE phone SET opted_out_at = NULL WHERE phone_id = 1")
    [finding] = seal_verification.verify_seals(db).findings
    assert finding.of == "opt-out"


def test_store_verification_finds_a_replaced_opt_out_even_with_a_valid_seal(db: Db) -> None:
    """The original is removed, and one with the same id and a valid seal is inserted."""
    (row_id, number) = db.execute("SELECT opt_out_id, e164 FROM opt_out WHERE source = 'letter-12'").fetchone()
    db.execute("DELETE FROM opt_out WHERE opt_out_id = ?", (row_id,))
    db.execute(
        "INSERT INTO opt_out (e164, at, source, opt_out_id) VALUES (?, 1.0, 'letter-12', ?)", (number + "0", row_id)
    )
    seals.seal_row(db, sealed_rows.OPT_OUT, row_id)
    assert find_changed_rows(db) == {("opt-out", str(row_id))}


def test_store_verification_finds_both_call_attempts_whose_ids_were_swapped(db: Db) -> None:
    """All references are swapped too, once without and once with the seals."""
    random_numbers = random.Random(11)
    ended = [row_id for (row_id,) in db.execute("SELECT attempt_id FROM attempt WHERE outcome IS NOT NULL ORDER BY 1")]
    for _ in range(20):
        one, other_one = random_numbers.sample(ended, 2)
        for with_seals in (False, True):
            db.execute("SAVEPOINT swap")
            tables = ("attempt", "mark", "flow_answer", "recording", "released_unknown")
            for table in tables:
                for before, after in ((one, "-"), (other_one, one), ("-", other_one)):
                    db.execute(f"UPDATE {table} SET attempt_id = ? WHERE attempt_id = ?", (after, before))
            if with_seals:
                for before, after in ((one, "-"), (other_one, one), ("-", other_one)):
                    db.execute("UPDATE seal SET row_id = ? WHERE row_id = ? AND entity = 'attempt'", (after, before))
            assert {("attempt", one), ("attempt", other_one)} <= find_changed_rows(db)
            db.execute("ROLLBACK TO swap")


@pytest.mark.parametrize("way", ["VACUUM", "VACUUM INTO", "backup"])
async def test_vacuumed_or_copied_store_passes_verification_and_accepts_calls(
    store_path: Path, tmp_path: Path, way: str
) -> None:
    copy = tmp_path / "copy.db"
    with contextlib.closing(sqlite3.connect(store_path)) as source:
        if way == "VACUUM INTO":
            source.execute("VACUUM INTO ?", (str(copy),))
        else:
            with contextlib.closing(sqlite3.connect(copy)) as there:
                source.backup(there)
    with contextlib.closing(sqlite3.connect(copy)) as db:
        if way == "VACUUM":
            db.execute("VACUUM")
        head = seal_verification.verify_seals(db).head
    async with await open_store(copy) as store:
        await claim_and_open_attempt(store, 22)
    with contextlib.closing(sqlite3.connect(copy)) as db:
        verdict = seal_verification.verify_seals(db, head)
        assert (verdict.findings, verdict.rows["attempt"]) == ([], 19)


def test_store_verification_finds_a_call_attempt_with_a_second_sealed_end(db: Db) -> None:
    (row_id,) = db.execute("SELECT attempt_id FROM attempt WHERE outcome = 'abandoned' LIMIT 1").fetchone()
    db.execute("UPDATE attempt SET outcome = 'connected' WHERE attempt_id = ?", (row_id,))
    seals.seal_attempt(db, row_id, seals.END)
    assert find_changed_rows(db) == {("attempt", row_id)}


@pytest.mark.parametrize("disposed", [False, True])
def test_store_verification_finds_other_changes_in_a_row_with_a_sealed_disposition(db: Db, disposed: bool) -> None:
    """An agent's disposition cannot turn an abandoned call into a connected one."""
    (row_id,) = db.execute("SELECT attempt_id FROM attempt WHERE outcome = 'abandoned' LIMIT 1").fetchone()
    db.execute(
        "UPDATE attempt SET outcome = 'connected', disposition = ? WHERE attempt_id = ?",
        ("yes" if disposed else None, row_id),
    )
    seals.seal_attempt(db, row_id, seals.TALK)
    assert find_changed_rows(db) == {("attempt", row_id)}


def test_store_verification_names_the_batch_of_a_changed_seal(db: Db) -> None:
    """A row is changed together with its seal."""
    (row_id,) = db.execute("SELECT attempt_id FROM attempt WHERE outcome = 'abandoned' LIMIT 1").fetchone()
    (seal_id,) = db.execute("SELECT max(seal_id) FROM seal WHERE row_id = ?", (row_id,)).fetchone()
    db.execute("UPDATE attempt SET outcome = 'connected' WHERE attempt_id = ?", (row_id,))
    seals.seal_attempt(db, row_id, seals.END)
    db.execute("DELETE FROM seal WHERE seal_id = ?", (seal_id,))
    db.execute("UPDATE seal SET seal_id = ? WHERE seal_id = (SELECT max(seal_id) FROM seal)", (seal_id,))
    [finding] = seal_verification.verify_seals(db).findings
    assert (finding.of, finding.problem.startswith("a seal was changed of ")) == ("batch", True)


def test_store_verification_finds_a_removed_row_by_the_missing_numbers_of_its_seals(db: Db) -> None:
    (row_id,) = db.execute("SELECT attempt_id FROM attempt WHERE outcome = 'abandoned' LIMIT 1").fetchone()
    removed = db.execute("DELETE FROM seal WHERE row_id = ? RETURNING seal_id", (row_id,)).fetchall()
    db.execute("DELETE FROM attempt WHERE attempt_id = ?", (row_id,))
    [finding] = seal_verification.verify_seals(db).findings
    assert finding.problem.endswith(": " + ", ".join(str(seal_id) for (seal_id,) in removed))


def change_entry(db: Db) -> int:
    db.execute("UPDATE audit SET who = 'nobody' WHERE number = 1")
    return 1


def remove_entry(db: Db) -> int:
    db.execute("DELETE FROM audit WHERE number = 1")
    return 1


def swap_entries(db: Db) -> int:
    for before, after in ((1, -1), (2, 1), (-1, 2)):
        db.execute("UPDATE audit SET number = ? WHERE number = ?", (after, before))
    return 1


def insert_entry(db: Db) -> int:
    (last,) = db.execute("SELECT max(number) FROM audit").fetchone()
    db.execute(
        "INSERT INTO audit SELECT number + 1, at, kind, who, what, previous, digest FROM audit WHERE number = ?",
        (last,),
    )
    return int(last) + 1


@pytest.mark.parametrize("change", [change_entry, remove_entry, swap_entries, insert_entry])
def test_store_verification_finds_a_changed_audit_entry(db: Db, change: Callable[[Db], int]) -> None:
    number = change(db)
    assert ("entry", str(number)) in find_changed_rows(db)


def test_truncated_or_rewritten_audit_chain_differs_from_a_noted_head(db: Db) -> None:
    head = seal_verification.verify_seals(db).head
    assert head is not None
    db.execute("SAVEPOINT cut")
    db.execute("DELETE FROM audit WHERE number = ?", (head[0],))
    assert "the end was cut off" in str(seal_verification.verify_seals(db, head).findings[0])
    db.execute("ROLLBACK TO cut")
    rewrite_chain(db)
    assert seal_verification.verify_seals(db).findings == []
    [finding] = seal_verification.verify_seals(db, head).findings
    assert finding.problem == "the entry differs from the noted head with this number"


def rewrite_chain(db: Db) -> None:
    """Change a call, seal all rows again and rebuild the audit chain: the most that an attacker of the store can do."""
    db.execute("UPDATE attempt SET outcome = 'connected' WHERE outcome = 'abandoned'")
    db.execute("DELETE FROM seal")
    entries = db.execute("SELECT number, at, kind, who, what FROM audit ORDER BY number").fetchall()
    seals._seal_all_rows(db, sealed_rows.ENTITIES)  # as a forger would
    (last,) = db.execute("SELECT max(seal_id) FROM seal").fetchone()
    _, root = seals.compute_root_hash(seals.SQL.seals_after.rows(db, last=0))
    none = seals.compute_root_hash([])[1]
    previous, first = GENESIS, True
    for number, at, kind, who, text in entries:
        if kind == "seal":
            what = (
                {"first": "1", "last": str(last), "root": root}
                if first
                else {"first": str(last + 1), "last": str(last), "root": none}
            )
            text, first = json.dumps(what, sort_keys=True, separators=(",", ":")), False  # noqa: PLW2901
        digest = calculate_entry_digest(number, at, kind, who, text, previous)
        db.execute(
            "UPDATE audit SET what = ?, previous = ?, digest = ? WHERE number = ?", (text, previous, digest, number)
        )
        previous = digest


def test_store_verification_finds_all_of_many_simultaneous_changes(db: Db) -> None:
    """Rows of all tables are changed or removed at random. Nothing else is reported."""
    rng = random.Random(7)
    touched: set[tuple[str, str]] = set()
    fields = {
        "attempt": "trunk",
        "mark": "kind",
        "opt_out": "source",
        "opt_out_hash": "centre",
        "lawful": "grounds",
        "rules_version": "text",
        "consent_ahead": "source",
        "complaint": "about",
        "complaint_answer": "answer",
        "official_turnout": "by_time",
        "released_unknown": "reason",
        "register": "sha256",
    }
    for table, (of, key) in TABLES.items():
        rows = [row_id for (row_id,) in db.execute(f"SELECT {key} FROM {table} ORDER BY {key}").fetchall()]
        for row_id in rng.sample(rows, min(len(rows), len(rows) // 2 + 1)):
            if rng.random() < 0.5:
                db.execute(f"DELETE FROM {table} WHERE {key} = ?", (row_id,))
            else:
                db.execute(f"UPDATE {table} SET {fields[table]} = 'other' WHERE {key} = ?", (row_id,))
            touched.add((of, str(row_id)))
    assert find_changed_rows(db) == touched
