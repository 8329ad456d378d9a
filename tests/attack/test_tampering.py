"""Somebody who can write to the store, and not to the announced head, changes what was done: each change is found and named.

Every kind of row, every field of it, edited, removed and put in; seals and entries too; a chain that was written anew.
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

from dialer.domain.audit_chain import GENESIS, digest_of
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
from dialer.store.connection import exclusive_connection
from dialer.store.erasing import blank_number
from dialer.store.marks import record_mark
from dialer.store.sql import transaction
from dialer.store.store import open_store
from tests.support.stores import NOW, SqliteBackend, attempt, claim_phone, dial, end, filled, mark

OFF_THE_ROLL = "+919812345678"
TABLES = {  # what a row of it is called, and its key
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
OPEN_FIELDS = frozenset(
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


async def a_day(backend: SqliteBackend) -> None:
    """Calls of every kind: answered, abandoned, disposed of (before and after their end), still open, and one that came in."""
    async with filled(backend) as store:
        for phone_id in range(4, 16):
            new = await dial(store, phone_id)
            await store.record_answer(new.attempt_id, NOW + 5)
            if phone_id % 3 == 0:
                await end(store, new, Outcome.ABANDONED)
                continue
            await store.record_connect(new.attempt_id, NOW + 6, "seat-1", "a1")
            word = Disposition.MACHINE if phone_id % 2 else Disposition.REFUSED
            said = DispositionRecord(new.attempt_id, word, NOW + 20, "a1", None)
            voter = mark(new.claim.voter_id, MarkKind.NOT_YET, new=new)
            if phone_id % 4 < 2:
                await store.record_disposition(said, [voter], opt_out=word is Disposition.REFUSED)
            ended = EndedAttempt(new.attempt_id, Outcome.CONNECTED, NOW + 30, cause=16, seat="seat-1", agent="a1")
            await store.end_attempts([ended])
            if phone_id % 4 >= 2:
                await store.record_disposition(said, [voter])
        digest = await store.record_rules_version('{"profile":{}}', NOW)
        new = replace(attempt(await claim_phone(store, 16)), grounds=f'{{"rules":"{digest}"}}', gap_seconds=77.5)
        await store.open_attempts([new], max_attempts_since=0, max_attempts=3)
        talking = await dial(store, 17)
        await store.record_disposition(
            DispositionRecord(talking.attempt_id, Disposition.LATER, NOW + 9, "a2", NOW + 7200)
        )
        refused = attempt(await claim_phone(store, 18))
        await store.open_attempts([refused], max_attempts_since=0, max_attempts=3)
        await end(store, refused, Outcome.REFUSED)
        new_id = attempt(refused.claim).attempt_id
        await store.record_inbound_call(
            NewInbound(new_id, "turnout", NOW, "+911140000000", "+917000000019", "trunk", InboundMode.FLOW)
        )
        await store.record_mark(mark(2, MarkKind.VOTED, source=MarkSource.BOOTH_WORKER))
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
        await store.enter_turnout(figures, note)
        unknown = await dial(store, 21)
        await end(store, unknown, Outcome.UNKNOWN)
        await store.release_unknown([unknown.attempt_id], "the carrier has no such call", note)
        assert await store.seal(NOW + 60) is not None
        await dial(store, 20)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    backend = SqliteBackend(tmp_path_factory.mktemp("store"))
    asyncio.run(a_day(backend))
    with exclusive_connection(backend.path, "a test") as db, transaction(db):
        for number in ("+917000000002", "+917000000003", OFF_THE_ROLL, "+919812345679"):
            consents.set_consent(db, number, Consent.GIVEN, source="form 7", at=NOW)
        consents.set_consent(db, "+917000000003", Consent.WITHDRAWN, source="letter", at=NOW + 1)
        opt_outs.opt_out_number(db, None, "+919812345670", at=NOW, source="letter-12")
        for name, count in (("ncpr", 5), ("tps", 1), ("ncpr", 4)):
            issue = [f"+91700000{number:04d}" for number in range(100, 100 + count)]
            registers.import_register(db, name, issue, dated=NOW, at=NOW, sha256="9f" * 32)
    return backend.path


@pytest.fixture
def db(written: Path) -> Iterator[Db]:
    """A connection of somebody who took the triggers away; nothing that is done on it is kept."""
    with contextlib.closing(sqlite3.connect(written, isolation_level=None)) as db:
        db.execute("PRAGMA foreign_keys = OFF")
        db.execute("PRAGMA ignore_check_constraints = ON")
        db.execute("BEGIN")
        for (name,) in db.execute("SELECT name FROM sqlite_schema WHERE type = 'trigger'").fetchall():
            db.execute(f"DROP TRIGGER {name}")
        yield db
        db.execute("ROLLBACK")


def named(db: Db) -> set[tuple[str, str]]:
    """What a verification names, but for the voters whose marks were touched: they are looked at apart."""
    return {(finding.of, finding.row_id) for finding in seal_verification.verify(db).findings if finding.of != "voter"}


def other(value: Any) -> Any:
    """Another value of the like."""
    if value is None or isinstance(value, bytes):
        return "x"
    return value + 1 if isinstance(value, int | float) else value[:-1] + ("a" if value[-1:] != "a" else "b")


def test_what_was_written_is_whole(db: Db) -> None:
    verdict = seal_verification.verify(db)
    assert verdict.findings == []
    assert verdict.rows == {
        "attempt": 18, "mark": 9, "opt-out": 4, "opt-out-hash": 1, "lawful": 1, "rules": 1, "consent": 2, "consent-ahead": 2,
        "complaint": 2, "complaint-answer": 1, "official": 2, "released": 1, "register": 2,
    }  # fmt: skip
    assert verdict.not_chained == 0


@pytest.mark.parametrize("table", TABLES)
def test_every_field_of_every_row_edited_is_found_and_named(db: Db, table: str) -> None:
    of, key = TABLES[table]
    names = [name for _, name, *_ in db.execute(f"PRAGMA table_info({table})")]
    edits = 0
    for row in db.execute(f"SELECT * FROM {table}").fetchall():
        values = dict(zip(names, row, strict=True))
        for name in set(names) - {key}:
            if table == "attempt" and values["outcome"] is None and name not in OPEN_FIELDS:
                continue  # as long as it lasts, the engine writes there
            db.execute("SAVEPOINT edit")
            where = " AND ".join(f"{each} IS ?" for each in names)
            try:
                db.execute(f"UPDATE {table} SET {name} = ? WHERE {where}", (other(values[name]), *row))
            except sqlite3.IntegrityError:  # as a unique number: not even the schema lets that through
                db.execute("ROLLBACK TO edit")
                continue
            found = [each for each in seal_verification.verify(db).findings if each.of == of]
            assert len(found) == 1, (name, values)
            [finding] = found
            assert finding.row_id == str(values[key])
            assert name in finding.fields or {"outcome", "ended_at"} & set(finding.fields)
            edits += 1
            db.execute("ROLLBACK TO edit")
    assert edits >= 2


@pytest.mark.parametrize("name", CONSENT_FIELDS)
def test_a_consent_that_was_edited_is_found_and_named(db: Db, name: str) -> None:
    (value,) = db.execute(f"SELECT {name} FROM phone WHERE phone_id = 3").fetchone()
    db.execute(f"UPDATE phone SET {name} = ? WHERE phone_id = 3", (other(value),))
    [finding] = seal_verification.verify(db).findings
    assert (finding.of, finding.row_id, finding.fields) == ("consent of number", "3", (name,))


@pytest.mark.parametrize(
    "change",
    [
        "DELETE FROM registered WHERE e164 = '+917000000102'",
        "INSERT INTO registered VALUES ('+917000000900', 'ncpr')",
        "UPDATE registered SET e164 = '+917000000901' WHERE e164 = '+917000000101' AND register = 'ncpr'",
    ],
)
def test_a_number_of_a_register_that_was_touched_is_found_and_the_register_named(db: Db, change: str) -> None:
    db.execute(change)
    [finding] = seal_verification.verify(db).findings
    assert (finding.of, finding.row_id, finding.fields) == ("register", "ncpr", ("numbers_of_it",))


def test_a_number_that_was_erased_from_a_register_is_no_finding(written: Path) -> None:
    secrets = [b"a secret that centres share"]
    with contextlib.closing(sqlite3.connect(written, isolation_level=None)) as db:
        db.execute("BEGIN")
        blank_number(db, lambda _: Announcement("t", "{}"), "+917000000102", at=NOW, secrets=secrets, with_voters=False)
        assert named(db) == set()
        db.execute("DELETE FROM registered WHERE e164 = '+917000000101'")
        assert named(db) == {("register", "ncpr")}
        db.execute("ROLLBACK")


@pytest.mark.parametrize(
    "change", ["turnout = 'voted'", "turnout = 'closed'", "reached = 1 - reached", "not_yet = 1 - not_yet"]
)
def test_a_voter_who_does_not_stand_as_the_marks_say_is_named(db: Db, change: str) -> None:
    """Marked and unmarked ones."""
    for (voter_id,) in db.execute("SELECT voter_id FROM voter").fetchall():
        db.execute("SAVEPOINT edit")
        before = db.execute("SELECT turnout, reached, not_yet FROM voter WHERE voter_id = ?", (voter_id,)).fetchone()
        db.execute(f"UPDATE voter SET {change} WHERE voter_id = ?", (voter_id,))
        after = db.execute("SELECT turnout, reached, not_yet FROM voter WHERE voter_id = ?", (voter_id,)).fetchone()
        says_nothing = before[0] != "pending" and change.startswith("not_yet")  # of who has voted it is not asked
        expected = [] if before == after or says_nothing else [("voter", str(voter_id))]
        assert [(each.of, each.row_id) for each in seal_verification.verify(db).findings] == expected
        db.execute("ROLLBACK TO edit")


def test_voters_stand_as_their_marks_say_whatever_is_said_and_taken_back(tmp_path: Path) -> None:
    """2,000 words of every kind and source, corrections and words that take others back among them."""
    chance = random.Random(17)
    backend = SqliteBackend(tmp_path)
    backend.fill(20, 5)
    with exclusive_connection(backend.path, "a test") as db:
        said: dict[int, list[str]] = {voter_id: [] for voter_id in range(1, 21)}
        for number in range(2000):
            voter_id = chance.randint(1, 20)
            kind, source = chance.choice(list(MarkKind)), chance.choice(list(MarkSource))
            undoes = chance.choice(said[voter_id]) if said[voter_id] and chance.random() < 0.2 else None
            word = Mark(f"m-{number}", voter_id, kind, source, NOW + chance.randint(0, 50), undoes=undoes)
            with transaction(db):
                if record_mark(db, None, word).recorded and undoes is None:
                    said[voter_id].append(word.key)
        assert seal_verification.verify(db).findings == []


def test_a_consent_that_was_given_by_nobody_or_taken_away_is_found(db: Db) -> None:
    db.execute("UPDATE phone SET consent = 'given' WHERE phone_id = 30")
    db.execute("UPDATE phone SET consent = 'unknown', consent_source = '', consent_at = NULL WHERE phone_id = 2")
    db.execute("DELETE FROM phone WHERE phone_id = 3")
    assert named(db) == {("consent of number", "30"), ("consent of number", "2"), ("consent of number", "3")}


@pytest.mark.parametrize("table", TABLES)
def test_every_row_removed_is_found_and_named(db: Db, table: str) -> None:
    of, key = TABLES[table]
    for (row_id,) in db.execute(f"SELECT {key} FROM {table}").fetchall():
        db.execute("SAVEPOINT removal")
        db.execute(f"DELETE FROM {table} WHERE {key} = ?", (row_id,))
        assert named(db) == {(of, str(row_id))}
        db.execute("ROLLBACK TO removal")


@pytest.mark.parametrize("table", TABLES)
def test_every_row_put_in_is_found_and_named(db: Db, table: str) -> None:
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
        assert named(db) == {(of, fresh)}
        db.execute("ROLLBACK TO addition")


def test_the_days_that_were_made_look_better(db: Db) -> None:
    """An opt-out gone with its number's own mark, three abandoned calls made connected, and half of all calls removed."""
    db.execute("DELETE FROM opt_out WHERE e164 = '+917000000001'")
    db.execute("UPDATE phone SET opted_out_at = NULL WHERE phone_id = 1")
    changed = db.execute(
        "UPDATE attempt SET outcome = 'connected' WHERE attempt_id IN"
        " (SELECT attempt_id FROM attempt WHERE outcome = 'abandoned' LIMIT 3) RETURNING attempt_id"
    ).fetchall()
    removed = db.execute("DELETE FROM attempt WHERE outcome = 'machine' RETURNING attempt_id").fetchall()
    assert (len(changed), len(removed) > 0) == (3, True)
    found = seal_verification.verify(db).findings
    assert {finding.row_id for finding in found if finding.of == "attempt"} == {row[0] for row in changed + removed}
    assert {finding.fields for finding in found if finding.row_id in {row[0] for row in changed}} == {("outcome",)}
    assert [finding.problem for finding in found if finding.of == "opt-out"] == ["removed"]


def test_a_number_whose_own_mark_of_its_opt_out_is_gone_is_named(db: Db) -> None:
    db.execute("UPDATE phone SET opted_out_at = NULL WHERE phone_id = 1")
    [finding] = seal_verification.verify(db).findings
    assert finding.of == "opt-out"


def test_an_opt_out_in_the_place_of_another_is_no_better(db: Db) -> None:
    """One that was removed, and a new one of the same id that is sealed as the dialler does."""
    (row_id, number) = db.execute("SELECT opt_out_id, e164 FROM opt_out WHERE source = 'letter-12'").fetchone()
    db.execute("DELETE FROM opt_out WHERE opt_out_id = ?", (row_id,))
    db.execute(
        "INSERT INTO opt_out (e164, at, source, opt_out_id) VALUES (?, 1.0, 'letter-12', ?)", (number + "0", row_id)
    )
    seals.seal(db, sealed_rows.OPT_OUT, row_id)
    assert named(db) == {("opt-out", str(row_id))}


def test_attempts_whose_ids_were_swapped_are_both_named(db: Db) -> None:
    """With everything that points to them, and with their seals."""
    chance = random.Random(11)
    ended = [row_id for (row_id,) in db.execute("SELECT attempt_id FROM attempt WHERE outcome IS NOT NULL ORDER BY 1")]
    for _ in range(20):
        one, other_one = chance.sample(ended, 2)
        for with_seals in (False, True):
            db.execute("SAVEPOINT swap")
            tables = ("attempt", "mark", "flow_answer", "recording", "released_unknown")
            for table in tables:
                for before, after in ((one, "-"), (other_one, one), ("-", other_one)):
                    db.execute(f"UPDATE {table} SET attempt_id = ? WHERE attempt_id = ?", (after, before))
            if with_seals:
                for before, after in ((one, "-"), (other_one, one), ("-", other_one)):
                    db.execute("UPDATE seal SET row_id = ? WHERE row_id = ? AND entity = 'attempt'", (after, before))
            assert {("attempt", one), ("attempt", other_one)} <= named(db)
            db.execute("ROLLBACK TO swap")


@pytest.mark.parametrize("way", ["VACUUM", "VACUUM INTO", "backup"])
async def test_a_store_that_was_vacuumed_or_copied_is_whole_and_goes_on(
    written: Path, tmp_path: Path, way: str
) -> None:
    copy = tmp_path / "copy.db"
    with contextlib.closing(sqlite3.connect(written)) as source:
        if way == "VACUUM INTO":
            source.execute("VACUUM INTO ?", (str(copy),))
        else:
            with contextlib.closing(sqlite3.connect(copy)) as there:
                source.backup(there)
    with contextlib.closing(sqlite3.connect(copy)) as db:
        if way == "VACUUM":
            db.execute("VACUUM")
        head = seal_verification.verify(db).head
    async with await open_store(copy) as store:
        await dial(store, 22)
    with contextlib.closing(sqlite3.connect(copy)) as db:
        verdict = seal_verification.verify(db, head)
        assert (verdict.findings, verdict.rows["attempt"]) == ([], 19)


def test_an_attempt_that_is_ended_twice_with_seals_is_named(db: Db) -> None:
    (row_id,) = db.execute("SELECT attempt_id FROM attempt WHERE outcome = 'abandoned' LIMIT 1").fetchone()
    db.execute("UPDATE attempt SET outcome = 'connected' WHERE attempt_id = ?", (row_id,))
    seals.seal_attempt(db, row_id, seals.END)
    assert named(db) == {("attempt", row_id)}


@pytest.mark.parametrize("disposed", [False, True])
def test_a_word_of_an_agent_covers_no_other_change(db: Db, disposed: bool) -> None:
    """Sealed as what an agent said; yet that changes no trunk, no time, and makes no abandoned call a connected one."""
    (row_id,) = db.execute("SELECT attempt_id FROM attempt WHERE outcome = 'abandoned' LIMIT 1").fetchone()
    db.execute(
        "UPDATE attempt SET outcome = 'connected', disposition = ? WHERE attempt_id = ?",
        ("yes" if disposed else None, row_id),
    )
    seals.seal_attempt(db, row_id, seals.TALK)
    assert named(db) == {("attempt", row_id)}


def test_seals_that_were_touched_are_found_in_their_batch(db: Db) -> None:
    """Somebody who knows how rows are sealed changes a row with its seal."""
    (row_id,) = db.execute("SELECT attempt_id FROM attempt WHERE outcome = 'abandoned' LIMIT 1").fetchone()
    (seal_id,) = db.execute("SELECT max(seal_id) FROM seal WHERE row_id = ?", (row_id,)).fetchone()
    db.execute("UPDATE attempt SET outcome = 'connected' WHERE attempt_id = ?", (row_id,))
    seals.seal_attempt(db, row_id, seals.END)
    db.execute("DELETE FROM seal WHERE seal_id = ?", (seal_id,))
    db.execute("UPDATE seal SET seal_id = ? WHERE seal_id = (SELECT max(seal_id) FROM seal)", (seal_id,))
    [finding] = seal_verification.verify(db).findings
    assert (finding.of, finding.problem.startswith("a seal was changed of ")) == ("batch", True)


def test_a_row_that_was_removed_with_its_seals_is_found_by_their_numbers(db: Db) -> None:
    (row_id,) = db.execute("SELECT attempt_id FROM attempt WHERE outcome = 'abandoned' LIMIT 1").fetchone()
    gone = db.execute("DELETE FROM seal WHERE row_id = ? RETURNING seal_id", (row_id,)).fetchall()
    db.execute("DELETE FROM attempt WHERE attempt_id = ?", (row_id,))
    [finding] = seal_verification.verify(db).findings
    assert finding.problem.endswith(": " + ", ".join(str(seal_id) for (seal_id,) in gone))


def change_an_entry(db: Db) -> int:
    db.execute("UPDATE audit SET who = 'nobody' WHERE number = 1")
    return 1


def remove_an_entry(db: Db) -> int:
    db.execute("DELETE FROM audit WHERE number = 1")
    return 1


def swap_entries(db: Db) -> int:
    for before, after in ((1, -1), (2, 1), (-1, 2)):
        db.execute("UPDATE audit SET number = ? WHERE number = ?", (after, before))
    return 1


def put_an_entry_in(db: Db) -> int:
    (last,) = db.execute("SELECT max(number) FROM audit").fetchone()
    db.execute(
        "INSERT INTO audit SELECT number + 1, at, kind, who, what, previous, digest FROM audit WHERE number = ?",
        (last,),
    )
    return int(last) + 1


@pytest.mark.parametrize("change", [change_an_entry, remove_an_entry, swap_entries, put_an_entry_in])
def test_an_entry_that_was_touched_is_named(db: Db, change: Callable[[Db], int]) -> None:
    number = change(db)
    assert ("entry", str(number)) in named(db)


def test_an_end_that_was_cut_off_and_a_chain_that_was_written_anew_show_against_a_noted_head(db: Db) -> None:
    head = seal_verification.verify(db).head
    assert head is not None
    db.execute("SAVEPOINT cut")
    db.execute("DELETE FROM audit WHERE number = ?", (head[0],))
    assert "the end was cut off" in str(seal_verification.verify(db, head).findings[0])
    db.execute("ROLLBACK TO cut")
    write_anew(db)
    assert seal_verification.verify(db).findings == []
    [finding] = seal_verification.verify(db, head).findings
    assert finding.problem == "it is not the entry that was noted under this number"


def write_anew(db: Db) -> None:
    """All that somebody can do who holds the store alone: change a call, seal everything anew, and make the chain fit."""
    db.execute("UPDATE attempt SET outcome = 'connected' WHERE outcome = 'abandoned'")
    db.execute("DELETE FROM seal")
    entries = db.execute("SELECT number, at, kind, who, what FROM audit ORDER BY number").fetchall()
    seals._seal_all(db, sealed_rows.ENTITIES)  # as a forger would
    (last,) = db.execute("SELECT max(seal_id) FROM seal").fetchone()
    _, root = seals.root_of(seals.SQL.seals_after.rows(db, last=0))
    none = seals.root_of([])[1]
    previous, first = GENESIS, True
    for number, at, kind, who, text in entries:
        if kind == "seal":
            what = (
                {"first": "1", "last": str(last), "root": root}
                if first
                else {"first": str(last + 1), "last": str(last), "root": none}
            )
            text, first = json.dumps(what, sort_keys=True, separators=(",", ":")), False  # noqa: PLW2901
        digest = digest_of(number, at, kind, who, text, previous)
        db.execute(
            "UPDATE audit SET what = ?, previous = ?, digest = ? WHERE number = ?", (text, previous, digest, number)
        )
        previous = digest


def test_a_hundred_changes_at_once_are_all_named(db: Db) -> None:
    """By a seed: any of the tables, edited, removed or put in; nothing that was left alone is named."""
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
    assert named(db) == touched
