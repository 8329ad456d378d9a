"""Executed commands are remembered only as long as they can be repeated."""

from __future__ import annotations

from dialer.store.commands import COMMANDS_KEPT_SECONDS
from dialer.store.connection import open_store_snapshot
from tests.support.stores import NOW, Backend, SqliteBackend, open_filled_store

DAY_SECONDS = 86_400.0


async def test_executed_command_is_stored_while_its_sender_may_repeat_the_command(backend: Backend) -> None:
    async with open_filled_store(backend) as store:
        assert await store.record_new_command("asha/1", "pause", "hash", "done", NOW)
        for later in (DAY_SECONDS, 2 * DAY_SECONDS, COMMANDS_KEPT_SECONDS):
            assert await store.record_new_command(f"asha/{later}", "pause", "hash", "done", NOW + later)
            assert not await store.record_new_command("asha/1", "pause", "hash", "done", NOW + later)


async def test_stored_commands_are_deleted_after_three_days(backend: Backend) -> None:
    """Over ten days, only the commands of the last three days are stored, even after a burst."""
    async with open_filled_store(backend) as store:
        for number in range(400):
            await store.record_new_command(f"asha/{number}", "pause", "hash", "done", NOW + number * 2_160.0)
        assert kept(backend) == COMMANDS_KEPT_SECONDS / 2_160.0 + 1
        for number in range(100):
            await store.record_new_command(f"ravi/{number}", "pause", "hash", "done", NOW + 1e7)
        for number in range(20):
            await store.record_new_command(f"mina/{number}", "pause", "hash", "done", NOW + 2e7)
        assert kept(backend) == 20


def kept(backend: Backend) -> int:
    assert isinstance(backend, SqliteBackend)
    with open_store_snapshot(backend.path, backend.key) as db:
        return int(db.execute("SELECT count(*) FROM command").fetchone()[0])
