"""Seals over the life of a store: upgrade from before seals, crash, erasure, purge, and consents applied by a roll."""

from __future__ import annotations

import asyncio
import contextlib
import csv
import hashlib
import io
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from dialer.domain.complaints import Complaint, ComplaintChannel, ComplaintTopic
from dialer.domain.enums import MarkKind
from dialer.domain.errors import StoreError
from dialer.domain.model import Outcome
from dialer.domain.phone_facts import Consent
from dialer.store import consents, migrate, seal_verification, sealed_rows, seals
from dialer.store.audit import AuditNote
from dialer.store.connection import open_store_exclusively
from dialer.store.sql import transaction
from dialer.store.store import open_store
from tests.support.command_line import run
from tests.support.held_clock import days_ago, fix_clock
from tests.support.roll_filler import fill_roll
from tests.support.stores import (
    NOW,
    SqliteBackend,
    claim_and_open_attempt,
    make_ended_call,
    make_mark,
    open_filled_store,
)

NUMBER = "+917000000001"


@pytest.fixture
def backend(tmp_path: Path) -> SqliteBackend:
    return SqliteBackend(tmp_path)


@contextlib.contextmanager
def open_for_looking(path: Path) -> Iterator[sqlite3.Connection]:
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as db:
        yield db


def verify_store(path: Path) -> seal_verification.SealVerdict:
    with open_for_looking(path) as db:
        return seal_verification.verify_seals(db)


def test_rows_of_a_store_without_seals_are_sealed_as_found_and_verify_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "centre.db"
    shipped = migrate.load_migrations()
    before = next(place for place, each in enumerate(shipped) if "CREATE TABLE seal" in each.script)
    monkeypatch.setattr(migrate, "load_migrations", lambda: shipped[:before])
    with open_for_looking(path) as db:
        db.execute("PRAGMA journal_mode = WAL")
        migrate.migrate_schema(db, path)
        db.execute("INSERT INTO campaign (campaign_id, kind, purpose) VALUES ('t', 'ivr', 'turnout')")
        db.execute(
            "INSERT INTO booth (booth_id, roll_version, state_code, constituency_number, part_number) VALUES (1, '', '', 1, 1)"
        )
        db.execute("INSERT INTO voter (voter_id, booth_id, serial) VALUES (1, 1, 1)")
        db.execute("INSERT INTO phone (phone_id, e164, consent, opted_out_at) VALUES (1, ?, 'given', 1)", (NUMBER,))
        db.execute("INSERT INTO opt_out (e164, at, source) VALUES (?, 1, 'agent'), ('+9198', 2, 'letter')", (NUMBER,))
        db.execute("INSERT INTO opt_out_hash (number_hash, at, centre) VALUES ('9f', 1, 'nashik')")
        db.execute("INSERT INTO consent_ahead (e164, consent, source, at) VALUES ('+9199', 'given', 'form', 1)")
        db.execute(
            "INSERT INTO attempt (attempt_id, campaign_id, phone_id, voter_id, trunk, caller_id, created_at, ended_at, outcome)"
            " VALUES ('a', 't', 1, 1, '', '', 1, 2, 'busy'), ('b', 't', 1, 1, '', '', 3, NULL, NULL)"
        )
    monkeypatch.setattr(migrate, "load_migrations", lambda: shipped)
    asyncio.run(open_and_close_store(path))
    verdict = verify_store(path)
    assert (verdict.findings, verdict.found_rows, verdict.not_chained) == ([], 7, 0)
    assert {name: count for name, count in verdict.rows.items() if count} == {
        "attempt": 2, "opt-out": 2, "opt-out-hash": 1, "consent": 1, "consent-ahead": 1
    }  # fmt: skip
    code, text = run("audit", "verify", "--store", path)
    assert (code, "7 rows are older than the seals: they were sealed on" in text) == (0, True)
    with open_for_looking(path) as db:
        db.execute("UPDATE attempt SET outcome = 'no-answer' WHERE attempt_id = 'a'")
    asyncio.run(open_and_close_store(path))  # found once, and not again
    assert [str(each) for each in verify_store(path).findings] == ["attempt a: changed: outcome"]
    code, text = run("audit", "verify", "--store", path)
    assert (code, text.splitlines()[0]) == (1, "attempt a: changed: outcome")


async def test_tables_that_an_older_version_did_not_seal_are_sealed_as_found(
    backend: SqliteBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as before:
        before.setattr(seals, "ENTITIES", sealed_rows.ENTITIES[:8])
        seal = seals.seal_row
        before.setattr(
            seals, "seal_row", lambda db, entity, row: entity in sealed_rows.ENTITIES[:8] and seal(db, entity, row)
        )
        async with open_filled_store(backend) as store:
            await make_ended_call(store, 4)
            await store.record_complaint(
                Complaint("c-1", NOW, ComplaintTopic.OTHER, ComplaintChannel.CALL), AuditNote("asha", NOW, {})
            )
        with open_for_looking(backend.path) as db:
            db.execute("INSERT INTO register VALUES ('ncpr', 1, 2, 1, 'ff')")
            db.execute("INSERT INTO registered VALUES ('+917000000009', 'ncpr')")
        assert verify_store(backend.path).rows["attempt"] == 1
    await open_and_close_store(backend.path)
    verdict = verify_store(backend.path)
    assert (verdict.findings, verdict.found_rows, verdict.not_chained) == ([], 2, 0)
    assert (verdict.rows["complaint"], verdict.rows["register"]) == (1, 1)
    with open_for_looking(backend.path) as db:
        db.execute("UPDATE complaint SET about = 'conduct'")
        db.execute("UPDATE registered SET e164 = '+917000000008'")
    await open_and_close_store(backend.path)  # found once, and not again
    assert [str(each) for each in verify_store(backend.path).findings] == [
        "complaint 1: changed: about",
        "register ncpr: changed: numbers_of_it",
    ]


async def open_and_close_store(path: Path) -> None:
    async with await open_store(path):
        pass


async def test_rows_left_unsealed_by_a_crash_are_sealed_at_the_next_start(
    backend: SqliteBackend, tmp_path: Path
) -> None:
    crashed = tmp_path / "crashed.db"
    async with open_filled_store(backend) as store:
        await make_ended_call(store, 4)
        await store.close_seal_batch(NOW)
        await claim_and_open_attempt(store, 5)
        for name in ("", "-wal"):
            shutil.copy(f"{backend.path}{name}", f"{crashed}{name}")
    verdict = verify_store(crashed)
    assert (verdict.findings, verdict.not_chained, verdict.chained_at) == ([], 1, NOW)
    assert (
        "1 seals of the records are not in the chain yet, since 2024-04-22 04:30:00 UTC"
        in run("audit", "verify", "--store", crashed)[1]
    )
    await open_and_close_store(crashed)
    verdict = verify_store(crashed)
    assert (verdict.findings, verdict.not_chained, verdict.rows["attempt"]) == ([], 0, 2)


async def test_dialler_start_without_changes_adds_no_audit_entry(backend: SqliteBackend) -> None:
    async with open_filled_store(backend) as store:
        assert await store.close_seal_batch(NOW) is None
        await make_ended_call(store, 4)
        head = await store.close_seal_batch(NOW)
        assert head is not None
        assert (head.entry, head.at, head.seals) == (1, NOW, 2)
        assert await store.close_seal_batch(NOW + 5) is None


def make_store_with_consents(path: Path) -> None:
    with open_store_exclusively(path, "a test") as db, transaction(db):
        for number in (NUMBER, "+917000000002", "+919812345678"):
            consents.set_consent(db, number, Consent.GIVEN, source="form 7", at=NOW)


def test_sealing_a_row_that_does_not_exist_raises_an_error(tmp_path: Path) -> None:
    with open_store_exclusively(tmp_path / "centre.db", "a test") as db:
        with pytest.raises(StoreError, match="The store has no mark 7"), transaction(db):
            seals.seal_row(db, sealed_rows.MARK, 7)
        assert seals.find_last_seal_id(db) == 0


@pytest.mark.parametrize("secret", ["", '[rules]\nopt_out_secret = "twenty characters, at least"\n'])
def test_erasure_leaves_a_valid_chain_of_seals_and_no_number(tmp_path: Path, secret: str) -> None:
    path = tmp_path / "centre.db"
    fill_roll(path, 54, voters_per_booth=9)
    make_store_with_consents(path)
    config = tmp_path / "centre.toml"
    config.write_text(f'[store]\npath = "{path}"\n{secret}', encoding="utf-8")
    assert run("optout", "add", NUMBER, "-c", config)[0] == 0
    for number in (NUMBER, "+919812345678"):
        assert run("erase", number, "-c", config)[0] == 0
    assert verify_store(path).findings == []
    with open_for_looking(path) as db:
        kinds = db.execute(
            "SELECT entity, kind, salt IS NULL FROM seal WHERE entity = 'consent' AND row_id = 1"
        ).fetchall()
        assert kinds == [("consent", "new", 1), ("consent", "erased", 0)]
        row = (1, NUMBER, "given", "form 7", NOW)
        digest, _ = seals.compute_digest("consent", "new", row)
        assert db.execute("SELECT count(*) FROM seal WHERE digest = ?", (digest,)).fetchone() == (0,)
        if secret:
            kept = b"".join(each.read_bytes() for each in tmp_path.glob("centre.db*"))
            assert NUMBER.encode() not in kept
            assert hashlib.sha256(NUMBER.encode()).digest() not in kept
        db.execute("UPDATE phone SET consent = 'given' WHERE phone_id = 1")
    assert [finding.row_id for finding in verify_store(path).findings] == ["1"]


@pytest.mark.parametrize("days", [1, 400], ids=["names", "records"])
def test_purge_leaves_a_valid_chain_of_seals_and_records_what_was_removed(
    tmp_path: Path, days: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    fix_clock(monkeypatch)
    backend = SqliteBackend(tmp_path)
    asyncio.run(make_calls(backend))
    make_store_with_consents(backend.path)
    config = tmp_path / "centre.toml"
    config.write_text(f'[store]\npath = "{backend.path}"\n', encoding="utf-8")
    assert evidence(backend.path) == ["yes"]
    with open_for_looking(backend.path) as db:
        db.execute("UPDATE attempt SET trunk = 'another'")
        db.execute("INSERT INTO released_unknown SELECT attempt_id, 1, 'ops', 'heard' FROM attempt")
    assert evidence(backend.path) == ["NO"]
    assert run("purge", "--after", days_ago(days), "--yes", "-c", config)[0] == 0
    verdict = verify_store(backend.path)
    records_too = days == 400
    assert [str(finding) for finding in verdict.findings] == (
        []
        if records_too
        else [
            f"attempt {attempt(backend.path)}: changed: trunk",
            f"release of attempt {attempt(backend.path)}: never sealed: another program added it",
        ]
    )
    assert (verdict.records_purged_at is not None) == records_too
    with open_for_looking(backend.path) as db:
        (told,) = db.execute("SELECT what ->> 'before' FROM audit WHERE kind = 'purge'").fetchone()
        assert told == "2 findings"
        db.execute("DELETE FROM opt_out")
    assert any(finding.of == "opt-out" for finding in verify_store(backend.path).findings)
    fill_again = SqliteBackend(tmp_path / "again")
    fill_again.path.parent.mkdir()
    asyncio.run(make_calls(fill_again))
    assert verify_store(fill_again.path).findings == []


def attempt(path: Path) -> str:
    with open_for_looking(path) as db:
        return str(db.execute("SELECT attempt_id FROM attempt").fetchone()[0])


def evidence(path: Path) -> list[str]:
    code, text = run("report", "evidence", "--store", path, "--format", "csv")
    assert code == 0
    return [row["verified"] for row in csv.DictReader(io.StringIO(text))]


async def make_calls(backend: SqliteBackend) -> None:
    async with open_filled_store(backend) as store:
        new = await make_ended_call(store, 4, Outcome.ABANDONED)
        await store.record_mark(make_mark(new.claim.voter_id, MarkKind.NOT_YET, new=new))
        await store.record_opt_out(4, at=NOW, source="agent")


def test_consent_recorded_before_the_roll_is_sealed_with_its_number(tmp_path: Path) -> None:
    path = tmp_path / "centre.db"
    with open_store_exclusively(path, "a test") as db:
        with transaction(db):
            consents.set_consent(db, NUMBER, Consent.GIVEN, source="form 7", at=NOW)
        db.execute("INSERT INTO phone (e164) VALUES (?)", (NUMBER,))
    verdict = verify_store(path)
    assert verdict.findings == []
    assert (verdict.rows["consent"], verdict.rows["consent-ahead"]) == (1, 0)
