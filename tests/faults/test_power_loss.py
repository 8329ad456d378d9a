"""After a power loss, the store has every write that it had acknowledged."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from dialer.domain.enums import MarkKind
from dialer.domain.model import Outcome
from dialer.store import connection
from tests.support.power_loss import LossyDisk, lossy_disk
from tests.support.stored import query_store
from tests.support.stores import NOW, SqliteBackend, claim_and_open_attempt, end_attempt, make_mark, open_filled_store

ACKNOWLEDGED = """
    SELECT (SELECT count(*) FROM attempt), (SELECT count(*) FROM attempt WHERE outcome IS NOT NULL),
           (SELECT count(*) FROM mark), (SELECT count(*) FROM opt_out), (SELECT count(*) FROM seal_change)
"""


@pytest.mark.parametrize("checkpoint_pages", [20, 4000])
async def test_acknowledged_writes_to_the_store_survive_a_power_loss(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, checkpoint_pages: int
) -> None:
    monkeypatch.setattr(connection, "CHECKPOINT_PAGES", checkpoint_pages)
    (tmp_path / "disk").mkdir()
    (tmp_path / "durable").mkdir()
    backend = SqliteBackend(tmp_path / "disk")
    chance = random.Random(7)
    losses: list[tuple[list[int], Path]] = []
    with lossy_disk(tmp_path / "durable") as disk:
        async with open_filled_store(backend) as store:
            for number in range(1, 9):
                new = await claim_and_open_attempt(store, number)
                _save_files_after_power_loss(disk, backend, tmp_path, losses, chance)
                await store.save_voter_mark(make_mark(number, MarkKind.NOT_YET, new=new))
                _save_files_after_power_loss(disk, backend, tmp_path, losses, chance)
                await end_attempt(store, new, Outcome.COMPLETED)
                await store.save_opt_out(number, at=NOW + number, source="voter")
                _save_files_after_power_loss(disk, backend, tmp_path, losses, chance)
    assert len(losses) == 48
    for acknowledged, folder in losses:
        with connection.open_store_exclusively(folder / "centre.db", "a test"):  # recovers the WAL, and checks the file
            pass
        assert query_store(folder / "centre.db", "PRAGMA integrity_check") == [("ok",)]
        [found] = query_store(folder / "centre.db", ACKNOWLEDGED)
        assert all(one >= other for one, other in zip(found, acknowledged, strict=True)), folder.name


def _save_files_after_power_loss(
    disk: LossyDisk,
    backend: SqliteBackend,
    folder: Path,
    losses: list[tuple[list[int], Path]],
    chance: random.Random,
) -> None:
    """Save the store's files as a power loss at this moment could leave them: without the unsynced writes, and with a
    random part of them.
    """
    [acknowledged] = query_store(backend.path, ACKNOWLEDGED)
    for luck in (None, chance):
        place = disk.after_power_loss(folder / f"loss-{len(losses)}", luck)
        losses.append(([*acknowledged], place))
