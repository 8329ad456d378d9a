"""A store that lacks a recorded call, and a person's decision to go on with it."""

from __future__ import annotations

import json
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from dialer.domain.model import CampaignState
from dialer.domain.newest_call import UNREADABLE, NewestCall, format_newest_call, parse_newest_call
from dialer.store.backup import make_backup, restore_backup
from dialer.store.connection import open_store_for_writing
from dialer.store.identity import read_store_identity
from dialer.store.older_store import (
    MissingCall,
    allow_dialling_with_older_store,
    is_call_missing_from_store,
    read_calls_missing_from_store,
)
from dialer.store.sql import open_transaction
from tests.support.stores import NOW, Backend, SqliteBackend, claim_and_open_attempt, open_filled_store

STRANGER = NewestCall("3f0e7c1a-5b1d-4a53-9a0b-6f0d8f9d1c21", NOW + 60)


async def test_store_that_lacks_a_recorded_call_is_reported_until_accepted(
    backend: Backend,
) -> None:
    async with open_filled_store(backend) as store:
        attempt = await claim_and_open_attempt(store, 1)
        assert not await store.is_call_missing_from_store(NewestCall(attempt.attempt_id, NOW))
        assert await store.is_call_missing_from_store(STRANGER)
        await store.append_missing_call_to_audit("broker", STRANGER, NOW + 90)
        await store.append_missing_call_to_audit("Asterisk", NewestCall(STRANGER.attempt_id, NOW + 30.5), NOW + 91)
    with closing(backend.connect()) as db:
        before = read_store_identity(db).incarnation
        assert read_calls_missing_from_store(db) == [MissingCall("Asterisk", NOW + 31), MissingCall("broker", NOW + 60)]
        written = db.execute("SELECT who, what FROM audit WHERE kind = 'store-older' ORDER BY number").fetchall()
        assert [(who, json.loads(what)["place"]) for who, what in written] == [
            ("dialler", "broker"),
            ("dialler", "Asterisk"),
        ]
        assert all(json.loads(what)["call"].endswith("+00:00") for _, what in written)
        with open_transaction(db):
            assert allow_dialling_with_older_store(db, "ops", NOW + 40) == ["turnout"]  # by a clock that is behind
        assert not is_call_missing_from_store(db, STRANGER)
        assert is_call_missing_from_store(db, NewestCall(STRANGER.attempt_id, NOW + 61))
        assert read_calls_missing_from_store(db) == []
        assert read_store_identity(db).incarnation != before
        assert db.execute("SELECT DISTINCT state FROM campaign").fetchall() == [(CampaignState.STOPPED.value,)]
        *entry, what = db.execute("SELECT kind, who, what FROM audit ORDER BY number DESC LIMIT 1").fetchone()
        assert entry == ["store-older-accepted", "ops"]
        assert json.loads(what) == {
            f"call-{place}": datetime.fromtimestamp(at, UTC).isoformat()
            for place, at in (("Asterisk", NOW + 31), ("broker", NOW + 60))
        }


async def test_unreadable_record_of_the_newest_call_counts_as_missing_even_after_acceptance(backend: Backend) -> None:
    async with open_filled_store(backend) as store:
        assert await store.is_call_missing_from_store(UNREADABLE)
    with closing(backend.connect()) as db, open_transaction(db):
        allow_dialling_with_older_store(db, "ops", NOW + 1e9)
        assert is_call_missing_from_store(db, UNREADABLE)


async def test_call_placed_before_a_restore_is_not_reported_as_missing_from_the_store(tmp_path: Path) -> None:
    """A restore has stopped every campaign, and has said what is missing."""
    backend, there = SqliteBackend(tmp_path), tmp_path / "there.db"
    backend.fill(9, 9)
    make_backup(backend.path, None, tmp_path / "one")
    restore_backup(tmp_path / "one", there, None, who="ops", at=NOW + 61)
    with closing(open_store_for_writing(there, create=False)) as db:
        assert not is_call_missing_from_store(db, STRANGER)
        assert is_call_missing_from_store(db, NewestCall(STRANGER.attempt_id, NOW + 62))


async def test_calls_erased_by_a_purge_are_not_reported_as_missing_from_the_store(backend: Backend) -> None:
    async with open_filled_store(backend) as store:
        await store.append_audit_entry("purge", "ops", {"records": "yes"}, NOW + 61)
        assert not await store.is_call_missing_from_store(STRANGER)


def test_newest_call_is_parsed_from_asterisks_database_entry() -> None:
    call = NewestCall(STRANGER.attempt_id, NOW + 0.125)
    assert parse_newest_call(format_newest_call(call)) == call
    attempt = STRANGER.attempt_id
    for text in ("", "x", attempt, f"{attempt}-", f"{attempt}-1x", f"{attempt}-{'9' * 17}"):
        assert parse_newest_call(text) is UNREADABLE
