"""The audit is only appended to, never changed."""

from __future__ import annotations

import asyncio
from contextlib import closing
from pathlib import Path

import pytest
from typer.testing import CliRunner

from dialer.cli.main import app
from dialer.domain.audit_chain import find_breaks_in_audit_hash_chain
from dialer.domain.errors import UnsafeValue
from dialer.store import audit
from dialer.store.connection import open_store_for_reading
from dialer.store.sqlite_errors import get_database_error_types
from tests.support.stores import (
    NOW,
    Backend,
    SqliteBackend,
    claim_and_open_attempt,
    end_attempt,
    key_file,
    open_filled_store,
)

LISTENED = {"seat": "07", "mode": "listen"}


def verify_audit(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["audit", "verify", *arguments])
    return result.exit_code, result.output


async def test_changes_of_settings_since_the_oldest_unfinished_attempt_are_found(backend: Backend) -> None:
    server = "trunks.one.server"
    async with open_filled_store(backend) as store:
        await store.record_settings_at_start({"centre.id": "x", server: "a", "desk.port": "1"}, NOW - 20)
        await store.record_settings_at_start({"centre.id": "x", server: "a", "desk.port": "2"}, NOW - 10)
        new = await claim_and_open_attempt(store, 3)
        assert await store.find_settings_changed_during_unfinished_calls() == frozenset()
        await store.record_settings_at_start({"centre.id": "x", server: "b", "desk.port": "2"}, NOW + 10)
    async with await backend.open() as again:  # of the start in which a run died early
        await again.record_settings_at_start({"centre.id": "x", server: "b", "desk.port": "2"}, NOW + 20)
        assert await again.find_settings_changed_during_unfinished_calls() == frozenset({server})
        await again.record_settings_at_start(
            {"centre.id": "x", **{f"trunks.{n}.server": "b" for n in range(200)}}, NOW + 30
        )
        assert await again.find_settings_changed_during_unfinished_calls() is None, "the audit names a hundred of them"
        assert await end_attempt(again, new)
        assert await again.find_settings_changed_during_unfinished_calls() == frozenset()


async def test_audit_of_changed_settings_omits_a_trunk_name_that_is_a_phone_number(backend: Backend) -> None:
    """The audit contains no phone numbers, so it cannot say which trunk was changed."""
    async with open_filled_store(backend) as store:
        await store.record_settings_at_start({"trunks.02212345678.server": "a"}, NOW - 20)
        await claim_and_open_attempt(store, 3)
        await store.record_settings_at_start({"trunks.02212345678.server": "b"}, NOW + 10)
        assert await store.find_settings_changed_during_unfinished_calls() is None


async def test_audit_entries_are_numbered_and_an_entry_sent_twice_is_stored_once(backend: Backend) -> None:
    async with open_filled_store(backend) as store:
        assert await store.append_audit_entry("listen", "supervisor", LISTENED, NOW) == 1
        assert await store.append_audit_entry("listen", "supervisor", LISTENED, NOW + 1) == 2
        assert await store.append_audit_entry("listen", "supervisor", dict(reversed(LISTENED.items())), NOW) == 1
        with pytest.raises(UnsafeValue):
            await store.append_audit_entry("listen", "supervisor", {"number": "+919812345678"}, NOW)
        assert await store.append_audit_entry("listen", "supervisor", {}, NOW) == 3


async def test_hash_chain_of_the_audit_continues_within_a_batch_and_after_a_restart(backend: Backend) -> None:
    assert isinstance(backend, SqliteBackend)
    async with open_filled_store(backend) as store:
        numbers = await asyncio.gather(*(store.append_audit_entry("listen", f"s{n}", LISTENED, NOW) for n in range(30)))
        assert sorted(numbers) == list(range(1, 31))
    again = await backend.open()
    assert await again.append_audit_entry("export", "s1", {}, NOW) == 31
    await again.close()
    db = open_store_for_reading(backend.path, key=backend.key)
    assert next(find_breaks_in_audit_hash_chain(audit.read_entries(db)), None) is None
    db.close()


async def test_verification_of_the_audit_detects_a_broken_hash_chain(
    backend: Backend, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert isinstance(backend, SqliteBackend)
    if backend.key is not None:
        monkeypatch.setenv("MATDAN_STORE__ENCRYPTION_KEY_FILE", str(key_file(tmp_path / "key")))
    where = ("--store", str(backend.path))
    async with open_filled_store(backend) as store:
        assert verify_audit(*where)[1].startswith("the chain is intact: 2 epochs, 0 audit entries\n")
        for number in range(5):
            await store.append_audit_entry("listen", "supervisor", LISTENED, NOW + number)
    code, text = verify_audit(*where)
    assert code == 0
    assert text.startswith("the chain is intact: 3 epochs, 5 audit entries\n")
    head, key = text.split()[-1], text.split("--first-key ")[1].split()[0]
    assert verify_audit(*where, "--head", head) == (0, text)
    code, with_key = verify_audit(*where, "--head", head, "--first-key", key)
    assert (code, "NOT compared" in with_key) == (0, False)
    assert verify_audit(*where, "--first-key", "0" * 64)[0] == 1
    assert (verify_audit(*where, "--head", "five")[0], verify_audit(*where, "--first-key", "five")[0]) == (2, 2)

    backend.written_past = True
    with closing(backend.connect()) as db:
        for statement in ("UPDATE audit SET who = 'x'", "DELETE FROM audit"):
            with pytest.raises(get_database_error_types(), match="append-only"):
                db.execute(statement)
        db.execute("DROP TRIGGER audit_is_not_removed")  # somebody with the file in hand
        db.execute("DELETE FROM audit WHERE number = 5")
    code, text = verify_audit(*where)
    assert (code, "the end was cut off" in text) == (1, True)

    with closing(backend.connect()) as db:
        db.execute("DROP TRIGGER audit_is_not_changed")
        db.execute("UPDATE audit SET who = 'somebody else' WHERE number = 3")
    code, text = verify_audit(*where)
    assert code == 1
    assert text.startswith("entry 3: the entry was changed after it was written\n")
    assert "the chain is BROKEN: 2 findings: 3 epochs, 4 audit entries\n" in text
