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
from dataclasses import replace
from pathlib import Path

import pytest

from dialer.domain.enums import MarkKind
from dialer.domain.errors import StoreError
from dialer.domain.model import Outcome
from dialer.domain.phone_facts import Consent
from dialer.domain.sealed_epochs import SealedEpoch
from dialer.store import consents, evidence, migrate, seal_verification, sealer, seals
from dialer.store.connection import open_store_exclusively
from dialer.store.log_ins import LogIn
from dialer.store.seal_keys import EpochKeys, get_seal_key_path, replace_signing_keys_in_file
from dialer.store.sql import open_transaction
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
def looking(path: Path) -> Iterator[sqlite3.Connection]:
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as db:
        yield db


def verified(path: Path, *first_keys: str) -> seal_verification.SealVerdict:
    with looking(path) as db:
        return seal_verification.verify_seals(db, first_keys=first_keys)


def read_epochs(path: Path) -> list[SealedEpoch]:
    with looking(path) as db:
        return sealer.SQL.epochs.fetch_all_rows(db)


def test_upgrade_of_an_earlier_store_adds_and_reports_an_integrity_seal_of_its_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "centre.db"
    shipped = migrate.load_migrations()
    before = next(place for place, each in enumerate(shipped) if "CREATE TABLE seal_epoch" in each.script)
    monkeypatch.setattr(migrate, "load_migrations", lambda: shipped[:before])
    with looking(path) as db:
        db.execute("PRAGMA journal_mode = WAL")
        migrate.migrate_schema(db, path)
        db.execute("INSERT INTO campaign (campaign_id, kind, purpose) VALUES ('t', 'ivr', 'turnout')")
        db.execute("INSERT INTO phone (phone_id, e164, consent, opted_out_at) VALUES (1, ?, 'given', 1)", (NUMBER,))
        db.execute("INSERT INTO opt_out (e164, at, source) VALUES (?, 1, 'agent'), ('+9198', 2, 'letter')", (NUMBER,))
        db.execute("INSERT INTO opt_out_hash (number_hash, at, centre) VALUES ('9f', 1, 'nashik')")
    monkeypatch.setattr(migrate, "load_migrations", lambda: shipped)
    asyncio.run(opened_and_closed(path))
    verdict = verified(path)
    assert (verdict.findings, verdict.found_rows, verdict.not_sealed) == ([], 5, 0)
    assert {name: count for name, count in verdict.rows.items() if count} == {
        "campaign": 1, "opt_out": 2, "opt_out_hash": 1, "phone": 1
    }  # fmt: skip
    code, text = run("audit", "verify", "--store", path)
    assert (code, "5 rows sealed as found on " in text) == (0, True)
    with looking(path) as db:
        db.execute("UPDATE opt_out SET source = 'letter' WHERE opt_out_id = 1")
    asyncio.run(opened_and_closed(path))  # found once, and not again
    assert [str(each) for each in verified(path).findings] == ["opt_out 1: changed"]
    code, text = run("audit", "verify", "--store", path)
    assert (code, text.splitlines()[0]) == (1, "opt_out 1: changed")


async def test_upgrade_with_other_sealed_columns_starts_a_new_seal_log(
    backend: SqliteBackend, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Tests copy their new stores from one that the first of them makes: it must not have this test's columns.
    fill_roll(tmp_path / "copied.db", 54, voters_per_booth=9)
    with monkeypatch.context() as before:
        before.setitem(evidence.EVIDENCE, "log_in", replace(evidence.EVIDENCE["log_in"], without=("paused",)))
        async with open_filled_store(backend) as store:
            await make_ended_call(store, 4)
            await store.save_log_in(LogIn("01", "17", paused=False, reason=None, at=NOW))
    first = read_epochs(backend.path)
    await opened_and_closed(backend.path)
    epochs = read_epochs(backend.path)
    assert [each.kind for each in epochs[len(first) :]] == ["upgrade"]
    verdict = verified(backend.path, epochs[0].key)
    assert (verdict.findings, verdict.rows["log_in"], verdict.found_at) == ([], 1, epochs[-1].at)
    with looking(backend.path) as db:
        db.execute("UPDATE log_in SET paused = 1")
    assert [str(each) for each in verified(backend.path).findings] == ["log_in 01: changed"]


async def opened_and_closed(path: Path) -> None:
    async with await open_store(path):
        pass


@pytest.fixture
async def crashed(backend: SqliteBackend, tmp_path: Path) -> Path:
    """Return a store as a killed dialler leaves it, with changes that were not sealed yet."""
    path = tmp_path / "crashed.db"
    async with open_filled_store(backend) as store:
        await make_ended_call(store, 4)
        await store.sign_logged_changes(NOW)
        await claim_and_open_attempt(store, 5)
        for name in ("", "-wal", ".seal-key"):
            shutil.copy(f"{backend.path}{name}", f"{path}{name}")
    return path


async def test_rows_left_unsealed_by_a_crash_are_sealed_at_the_next_start(crashed: Path) -> None:
    verdict = verified(crashed)
    assert (verdict.findings, verdict.not_sealed) == ([], 1)
    assert "1 row not sealed yet" in run("audit", "verify", "--store", crashed)[1]
    await opened_and_closed(crashed)
    verdict = verified(crashed)
    assert (verdict.findings, verdict.not_sealed, verdict.rows["attempt"]) == ([], 0, 2)
    assert [each.kind for each in read_epochs(crashed)][-1] == "crash"


@pytest.mark.parametrize(
    ("forgery", "doubt"),
    [
        ("DELETE FROM seal_change WHERE change_id = (SELECT max(change_id) FROM seal_change)", sealer.ROWS_CHANGED),
        (
            "INSERT INTO seal_change (evidence, one, two, after) VALUES ('user', 'mallory', '', x'00')",
            sealer.ROWS_ADDED,
        ),
        ("UPDATE seal_change SET after = x'00' WHERE evidence = 'attempt'", sealer.ROWS_CHANGED),
        ("UPDATE seal_tail SET mac = x'00'", sealer.ROWS_CHANGED),
    ],
)
async def test_seal_tampering_after_a_crash_is_recorded_at_the_next_start(
    crashed: Path, forgery: str, doubt: str
) -> None:
    with looking(crashed) as db:
        db.execute(forgery)
    await opened_and_closed(crashed)
    assert read_epochs(crashed)[-1].doubt == doubt
    assert f"epoch {read_epochs(crashed)[-1].epoch}: {doubt}" in [str(each) for each in verified(crashed).findings]


async def test_store_verifies_after_a_crash_before_the_new_key_was_saved(
    backend: SqliteBackend,
) -> None:
    key_file = get_seal_key_path(backend.path)
    async with open_filled_store(backend) as store:
        before = key_file.read_bytes()
        await store.sign_logged_changes(NOW)
        assert key_file.read_bytes() != before
    for number in range(2):
        before = key_file.read_bytes()
        async with await backend.open() as store:
            await store.append_audit_entry("listen", "asha", {"seat": str(number)}, NOW)
        key_file.write_bytes(before)  # as if the machine had lost it
    epochs = read_epochs(backend.path)
    assert [each.kind for each in epochs] == ["start", "close", "minute", "close", "close"]
    assert verified(backend.path, epochs[0].key).findings == []


@pytest.mark.parametrize("content", [None, b"", b"matdan-seal-key 2 zz zz\n"], ids=["removed", "empty", "damaged"])
async def test_lost_seal_key_is_reported_and_starts_a_new_seal_chain(
    backend: SqliteBackend, content: bytes | None
) -> None:
    async with open_filled_store(backend):
        pass
    key_file = get_seal_key_path(backend.path)
    if content is None:
        key_file.unlink()
    else:
        key_file.write_bytes(content)
    await opened_and_closed(backend.path)
    epochs = read_epochs(backend.path)
    assert (epochs[-1].kind, epochs[-1].epoch) == ("start", len(epochs))
    assert [finding.of for finding in verified(backend.path, epochs[0].key).findings] == ["epoch"]
    text = run("audit", "verify", "--store", backend.path)[1]
    assert text.count("NOT compared with a key that was noted elsewhere: sealing began on") == 2
    assert verified(backend.path, epochs[0].key, epochs[-1].key).findings == []
    assert key_file.stat().st_mode & 0o777 == 0o600


async def test_removed_integrity_seals_are_found_despite_a_first_start_key(
    backend: SqliteBackend,
) -> None:
    async with open_filled_store(backend):
        pass
    [first, *_] = read_epochs(backend.path)
    with looking(backend.path) as db:
        db.execute("DELETE FROM seal_epoch")
    planted = EpochKeys.generate_first_signing_keys(1)
    replace_signing_keys_in_file(get_seal_key_path(backend.path), planted, backend.path)
    await opened_and_closed(backend.path)
    [again, *_] = read_epochs(backend.path)
    assert (again.key, again.doubt) == (planted.epoch_public_key, sealer.EPOCHS_REMOVED)
    assert not verified(backend.path).is_evidence_intact
    assert not verified(backend.path, first.key).is_evidence_intact


async def test_store_creates_no_integrity_seals_until_the_old_seal_key_can_be_destroyed(
    backend: SqliteBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    async with open_filled_store(backend) as store:
        with monkeypatch.context() as full:
            full.setattr(sealer, "replace_signing_keys_in_file", fail)
            await store.sign_logged_changes(NOW)  # committed, but the key stays
            with pytest.raises(StoreError, match="the key that signs the store's log of changes cannot be replaced"):
                await store.sign_logged_changes(NOW + 60)
            await make_ended_call(store, 4)
        await store.sign_logged_changes(NOW + 120)
    epochs = read_epochs(backend.path)
    assert [each.at for each in epochs if each.kind == "minute"] == [NOW, NOW + 120]
    assert verified(backend.path, epochs[0].key).findings == []


async def test_failed_or_unconfirmed_store_writes_leave_a_valid_chain_of_integrity_seals(
    backend: SqliteBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Writes share a transaction with one that fails, which seals an epoch first; and a commit is done but not confirmed."""

    def seal_and_fail(db: sqlite3.Connection) -> None:
        seals.sign_changes_and_queue_seal(db, None, NOW)
        raise StoreError("the disk is full")

    async with open_filled_store(backend) as store:
        both = [
            store._run_write_job(seal_and_fail),
            make_ended_call(store, 4),
            store._run_write_job(seal_and_fail),
            store.sign_logged_changes(NOW + 1),
        ]
        done = await asyncio.gather(*both, return_exceptions=True)
        assert [isinstance(each, StoreError) for each in done] == [True, False, True, False]
        with monkeypatch.context() as lost:
            confirm = sealer.Sealer.on_transaction_committed

            def lose(_: sealer.Sealer) -> None:
                lost.setattr(sealer.Sealer, "on_transaction_committed", confirm)
                raise StoreError("the confirmation was lost")

            lost.setattr(sealer.Sealer, "on_transaction_committed", lose)
            with contextlib.suppress(StoreError):
                await store.append_audit_entry("listen", "asha", {"seat": "01"}, NOW)
        await make_ended_call(store, 5)
        await store.sign_logged_changes(NOW + 60)
    assert verified(backend.path, read_epochs(backend.path)[0].key).findings == []


async def test_dialler_start_without_changed_rows_does_not_add_an_integrity_seal(backend: SqliteBackend) -> None:
    async with open_filled_store(backend) as store:
        idle = [await store.sign_logged_changes(NOW + 60 * number) for number in range(3)]
        assert [each.last - each.first for each in idle] == [0, -1, -1]  # an idle minute is sealed too
    before = read_epochs(backend.path)
    await opened_and_closed(backend.path)
    assert read_epochs(backend.path) == before


def with_consents(path: Path) -> None:
    with open_store_exclusively(path, "a test") as db, open_transaction(db):
        for number in (NUMBER, "+917000000002", "+919812345678"):
            consents.set_consent_of_number(db, number, Consent.GIVEN, source="form 7", at=NOW)


@pytest.mark.parametrize("secret", ["", '[rules]\nopt_out_secret = "twenty characters, at least"\n'])
def test_integrity_seals_stay_valid_after_a_number_is_erased(tmp_path: Path, secret: str) -> None:
    path = tmp_path / "centre.db"
    fill_roll(path, 54, voters_per_booth=9)
    with_consents(path)
    config = tmp_path / "centre.toml"
    config.write_text(f'[store]\npath = "{path}"\n{secret}', encoding="utf-8")
    with looking(path) as db:
        (before_erasure,) = db.execute("SELECT salt FROM seal_salt WHERE evidence = 'phone'").fetchone()
    assert run("optout", "add", NUMBER, "-c", config)[0] == 0
    for number in (NUMBER, "+919812345678"):
        assert run("erase", number, "-c", config)[0] == 0
    assert verified(path).findings == []
    with looking(path) as db:
        found = db.execute("SELECT after FROM seal_change WHERE evidence = 'phone' AND after IS NOT NULL").fetchall()
        (salt,) = db.execute("SELECT salt FROM seal_salt WHERE evidence = 'phone'").fetchone()
        assert [before_erasure == salt, len(found) > 2] == [False, True]
        if secret:
            kept = b"".join(each.read_bytes() for each in tmp_path.glob("centre.db*"))
            assert NUMBER.encode() not in kept
            assert hashlib.sha256(NUMBER.encode()).digest() not in kept
        db.execute("UPDATE phone SET consent = 'given' WHERE phone_id = 1")
    assert [str(finding) for finding in verified(path).findings] == ["phone 0 to 63: changed"]


@pytest.mark.parametrize("days", [1, 400], ids=["names", "records"])
def test_purge_leaves_a_valid_chain_of_integrity_seals_and_records_what_was_removed(
    tmp_path: Path, days: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    fix_clock(monkeypatch)
    backend = SqliteBackend(tmp_path)
    asyncio.run(some_calls(backend))
    with_consents(backend.path)
    config = tmp_path / "centre.toml"
    config.write_text(f'[store]\npath = "{backend.path}"\n', encoding="utf-8")
    assert report_verified(backend.path) == ["yes"]
    with looking(backend.path) as db:
        db.execute("UPDATE attempt SET trunk = 'another'")
        db.execute("INSERT INTO released_unknown SELECT attempt_id, 1, 'ops', 'heard' FROM attempt")
    assert report_verified(backend.path) == ["NO"]
    assert run("purge", "--after", days_ago(days), "--yes", "-c", config)[0] == 0
    verdict = verified(backend.path)
    records_too = days == 400
    assert [str(finding) for finding in verdict.findings] == (
        []
        if records_too
        else [
            f"attempt {make_attempt(backend.path)}: changed",
            f"released_unknown {make_attempt(backend.path)}: never sealed: another program added it",
        ]
    )
    assert (verdict.records_purged_at is not None) == records_too
    with looking(backend.path) as db:
        (told,) = db.execute("SELECT what ->> 'before' FROM audit WHERE kind = 'purge'").fetchone()
        assert told == "2 findings"
        db.execute("DELETE FROM opt_out")
    assert any(finding.of == "opt_out" for finding in verified(backend.path).findings)
    fill_again = SqliteBackend(tmp_path / "again")
    fill_again.path.parent.mkdir()
    asyncio.run(some_calls(fill_again))
    assert verified(fill_again.path).findings == []


def make_attempt(path: Path) -> str:
    with looking(path) as db:
        return str(db.execute("SELECT attempt_id FROM attempt").fetchone()[0])


def report_verified(path: Path) -> list[str]:
    code, text = run("report", "evidence", "--store", path, "--format", "csv")
    assert code == 0
    return [row["verified"] for row in csv.DictReader(io.StringIO(text))]


async def some_calls(backend: SqliteBackend) -> None:
    async with open_filled_store(backend) as store:
        new = await make_ended_call(store, 4, Outcome.ABANDONED)
        await store.save_voter_mark(make_mark(new.claim.voter_id, MarkKind.NOT_YET, new=new))
        await store.save_opt_out(4, at=NOW, source="agent")


def test_consent_recorded_before_a_roll_import_passes_seal_verification(tmp_path: Path) -> None:
    path = tmp_path / "centre.db"
    with open_store_exclusively(path, "a test") as db:
        with open_transaction(db):
            consents.set_consent_of_number(db, NUMBER, Consent.GIVEN, source="form 7", at=NOW)
        db.execute("INSERT INTO phone (e164) VALUES (?)", (NUMBER,))
    verdict = verified(path)
    assert verdict.findings == []
    assert (verdict.rows["phone"], verdict.rows["consent_ahead"]) == (1, 0)
