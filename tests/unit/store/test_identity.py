"""The identity of a store: it stays over restarts, and changes where rows could get the ids of other rows."""

from __future__ import annotations

import shutil
from contextlib import closing
from pathlib import Path

import pytest

from dialer.domain.errors import StoreError
from dialer.domain.model import Announcement
from dialer.store import identity
from dialer.store.backup import make_backup, restore_backup
from dialer.store.connection import open_store_for_writing
from dialer.store.identity import StoreIdentity, get_copy_detection_token_path, read_store_identity
from dialer.store.store import open_store
from tests.support.stores import NOW, Backend, SqliteBackend, open_filled_store


def reopen(path: Path) -> StoreIdentity:
    """Open a store as a dialler does at its start, and return its identity."""
    with closing(open_store_for_writing(path, create=True)) as db:
        return read_store_identity(db)


def test_reopened_store_has_the_same_identity_and_a_new_run_id(tmp_path: Path) -> None:
    first, second = reopen(tmp_path / "centre.db"), reopen(tmp_path / "centre.db")
    assert first.incarnation == second.incarnation
    assert (first.previous, first.begins_after) == (None, 0)
    assert first.run != second.run


def test_new_store_in_place_of_another_store_has_a_new_identity(tmp_path: Path) -> None:
    first = reopen(tmp_path / "centre.db")
    for path in tmp_path.glob("centre.db*"):
        path.unlink()
    second = reopen(tmp_path / "centre.db")
    assert second.incarnation != first.incarnation
    assert second.previous is None


@pytest.mark.parametrize("with_files_next_to_it", [False, True])
def test_copied_store_gets_a_new_identity(tmp_path: Path, with_files_next_to_it: bool) -> None:
    first = reopen(tmp_path / "centre.db")
    (tmp_path / "copy").mkdir()
    for path in tmp_path.glob("centre.db*"):
        if with_files_next_to_it or path.name == "centre.db":
            shutil.copy2(path, tmp_path / "copy")
    second = reopen(tmp_path / "copy" / "centre.db")
    assert second.incarnation != first.incarnation
    assert second.previous == first.incarnation
    assert reopen(tmp_path / "centre.db").incarnation == first.incarnation


def test_older_copy_written_over_the_store_gets_a_new_identity(tmp_path: Path) -> None:
    first = reopen(tmp_path / "centre.db")
    shutil.copy2(tmp_path / "centre.db", tmp_path / "kept")
    reopen(tmp_path / "centre.db")
    with (tmp_path / "kept").open("rb") as copy, (tmp_path / "centre.db").open("r+b") as store:
        shutil.copyfileobj(copy, store)  # the inode stays
    assert reopen(tmp_path / "centre.db").previous == first.incarnation


def test_backup_file_copied_over_the_store_gets_a_new_identity(tmp_path: Path) -> None:
    first = reopen(tmp_path / "centre.db")
    made = make_backup(tmp_path / "centre.db", None, tmp_path / "backup")
    shutil.copyfile(made.store, tmp_path / "centre.db")
    assert reopen(tmp_path / "centre.db").previous == first.incarnation


async def test_restored_store_reuses_no_row_id_confirmed_by_headquarters(backend: Backend, tmp_path: Path) -> None:
    assert isinstance(backend, SqliteBackend)
    there = type(backend)(tmp_path / "there")
    there.path.parent.mkdir()
    async with open_filled_store(backend) as store:
        await store.set_byte_limit_of_headquarters_queue(1 << 20)
        await store.add_messages_to_outbox([Announcement("results/marks", "{}")] * 5, NOW)
        await store.record_last_outbox_id_at_headquarters(3, NOW)
        with closing(backend.connect()) as db:
            first = read_store_identity(db)
        make_backup(backend.path, backend.key, tmp_path / "backup")
    restore_backup(tmp_path / "backup", there.path, backend.key, who="ops", at=NOW + 9)
    async with await there.open():
        with closing(there.connect()) as db:
            second = read_store_identity(db)
    assert second.incarnation != first.incarnation
    assert (second.previous, second.begins_after) == (first.incarnation, 3)


def test_store_of_an_earlier_version_without_an_identity_keeps_its_row_ids(tmp_path: Path) -> None:
    path = tmp_path / "centre.db"
    reopen(path)
    with closing(open_store_for_writing(path)) as db:
        db.execute("DELETE FROM store_identity")  # as the migration leaves it
    assert reopen(path).previous == identity.NO_INCARNATION


async def test_store_is_not_opened_if_its_identity_cannot_be_written(tmp_path: Path) -> None:
    path = tmp_path / "centre.db"
    get_copy_detection_token_path(path).mkdir()
    with pytest.raises(
        StoreError,
        match=r"centre\.db\.identity: this file, which shows whether the store was copied, cannot be written",
    ):
        await open_store(path)
