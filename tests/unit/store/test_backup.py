"""Backups are made while the store is in use and restored with all campaigns stopped; damaged ones are refused."""

from __future__ import annotations

import asyncio
import shutil
from contextlib import closing
from pathlib import Path

import pytest

from dialer.domain.clock import SystemClock
from dialer.domain.enums import CampaignKind, Purpose
from dialer.domain.errors import StoreBusy, StoreCorrupt, StoreError
from dialer.domain.model import CampaignState
from dialer.store import backup
from dialer.store.backup import count_attempts_missing_in_store, make_backup, restore_backup, verify_backup
from dialer.store.copying import STORE
from dialer.store.desk_file import get_desk_file_path, open_desk_file
from dialer.store.driver import connect_to_database_file
from dialer.store.keys import StoreKey
from tests.support.command_line import run, run_for_error
from tests.support.stores import (
    BACKENDS,
    CAMPAIGN,
    NOW,
    TEST_KEY,
    SqliteBackend,
    claim_and_open_attempt,
    open_filled_store,
)


@pytest.fixture(params=[*BACKENDS])
def backend(request: pytest.FixtureRequest, tmp_path: Path) -> SqliteBackend:
    return BACKENDS[request.param](tmp_path)


def read_rows(path: Path, key: StoreKey | None, sql: str) -> list[tuple[object, ...]]:
    with closing(connect_to_database_file(path, "ro", key)) as db:
        return [tuple(row) for row in db.execute(sql).fetchall()]


async def test_backup_of_a_running_dialler_is_consistent_and_restored_with_campaigns_stopped(
    backend: SqliteBackend, tmp_path: Path
) -> None:
    folder, there = tmp_path / "backups" / "one", tmp_path / "there" / "centre.db"
    there.parent.mkdir()
    async with open_filled_store(backend) as store:
        first = await claim_and_open_attempt(store, 1)
        with closing(open_desk_file(get_desk_file_path(backend.path), backend.key)) as desk:
            desk.execute("INSERT INTO password (name, hash, at) VALUES ('asha', 'x', 1)")
        made = await asyncio.to_thread(make_backup, backend.path, backend.key, folder)
        second = await claim_and_open_attempt(store, 3)
    assert (made.store, made.newest) == (folder / STORE, NOW)
    assert sorted(each.name for each in folder.iterdir()) == ["centre.db", "centre.desk.db"]
    assert folder.stat().st_mode & 0o777 == 0o700
    assert (made.store.read_bytes()[:15] == b"SQLite format 3") is (backend.key is None)

    stopped = restore_backup(folder, there, backend.key, who="ops", at=NOW + 9)
    assert stopped == [CAMPAIGN]
    assert read_rows(there, backend.key, "SELECT DISTINCT state FROM campaign") == [(CampaignState.STOPPED.value,)]
    assert read_rows(there, backend.key, "SELECT attempt_id FROM attempt") == [(first.attempt_id,)]
    assert read_rows(get_desk_file_path(there), backend.key, "SELECT name FROM password") == [("asha",)]
    assert read_rows(there, backend.key, "SELECT kind, who FROM audit ORDER BY number DESC LIMIT 1") == [
        ("store-restored", "ops")
    ]
    assert count_attempts_missing_in_store(there, backend.key, [first.attempt_id, second.attempt_id]) == 1
    async with await type(backend)(there.parent).open() as again:
        unknown = await again.add_or_update_campaign("survey", CampaignKind.AGENTS, Purpose.SURVEY)
    assert unknown is CampaignState.STOPPED, (
        "of the settings, and made since the copy: it would call whoever it called again"
    )


def test_backup_never_overwrites_an_existing_file(backend: SqliteBackend, tmp_path: Path) -> None:
    backend.fill(9, 9)
    before = backend.path.read_bytes()
    folder = tmp_path / "one"
    make_backup(backend.path, backend.key, folder)
    with pytest.raises(StoreError, match="exists already and may be newer than the backup"):
        restore_backup(folder, backend.path, backend.key, who="ops", at=NOW)
    with pytest.raises(StoreError, match="name a new folder for each backup"):
        make_backup(backend.path, backend.key, folder)
    assert backend.path.read_bytes() == before
    assert not [each for each in tmp_path.iterdir() if "half-done" in each.name]


def test_failed_backup_does_not_remove_files_created_by_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    backend, there = SqliteBackend(tmp_path), tmp_path / "there.db"
    backend.fill(9, 9)
    make_backup(backend.path, None, tmp_path / "one")

    def taken(path: Path, _: str) -> None:
        path.write_bytes(b"of another restore")
        raise StoreBusy(f"{path}: a restore is using it")

    monkeypatch.setattr(backup, "StoreLock", taken)
    with pytest.raises(StoreBusy):
        restore_backup(tmp_path / "one", there, None, who="ops", at=NOW)
    assert there.read_bytes() == b"of another restore"


def test_restore_of_a_damaged_backup_is_rejected_and_leaves_no_file(tmp_path: Path) -> None:
    backend, there = SqliteBackend(tmp_path), tmp_path / "there.db"
    backend.fill(54, 9)
    made = make_backup(backend.path, None, tmp_path / "one")
    with made.store.open("r+b") as file:
        for page in range(3, 9):
            file.seek(page * 4096)
            file.write(b"\xff" * 512)
    with pytest.raises(StoreCorrupt, match=r"this copy of the store is damaged .*; use an older backup"):
        restore_backup(tmp_path / "one", there, None, who="ops", at=NOW)
    assert not there.exists()


def test_wrong_key_does_not_open_a_backup(tmp_path: Path) -> None:
    backend = BACKENDS["encrypted"](tmp_path)
    backend.fill(9, 9)
    make_backup(backend.path, TEST_KEY, tmp_path / "one")
    with pytest.raises(StoreError, match="does not open this store"):
        verify_backup(tmp_path / "one", StoreKey(Path("another"), "f" * 64))
    with pytest.raises(StoreCorrupt, match=r"if the store is encrypted, set `store\.encryption_key_file`"):
        verify_backup(tmp_path / "one", None)


def test_backup_and_restore_commands_print_contents_and_next_steps(tmp_path: Path) -> None:
    SqliteBackend(tmp_path).fill(9, 9)
    config = tmp_path / "centre.toml"
    config.write_text(f'[store]\npath = "{tmp_path / "centre.db"}"\n[[campaigns]]\nid = "calls"\nkind = "agents"\n')
    code, said = run("backup", tmp_path / "b", "-c", config)
    assert (code, "without calls" in said) == (0, True)
    (folder,) = (tmp_path / "b").iterdir()
    assert folder.name.startswith("demo-20")
    code, said = run("restore", folder, "-c", config, "--store", tmp_path / "new.db")
    assert code == 0
    assert "Campaigns stopped until you resume them: calls" in said
    assert "these voters may be called again" in said
    code, said = run("backup", tmp_path / "b", "--store", tmp_path / "none.db")
    assert (code, "there is no store" in said) == (2, True)


def test_pruning_of_old_backups_deletes_neither_the_newest_backups_nor_other_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    SqliteBackend(tmp_path).fill(9, 9)
    folder, config = tmp_path / "backups", tmp_path / "centre.toml"
    store = f'[store]\npath = "{tmp_path}/centre.db"\nbackup_folder = "{folder}"\nmax_backups = 2\n'
    config.write_text('[centre]\nid = "pune-1"\n' + store)
    for name in ("pune-1-20200101-000000", "pune-1-old", "pune-2-20200101-000000", "notes"):
        (folder / name).mkdir(parents=True)
        (folder / name / "mine.txt").write_text("kept")
    (folder / "pune-1-20190101-000000").symlink_to(tmp_path)
    others = {each.name for each in folder.iterdir()}
    told: list[str] = []
    for _ in range(4):
        monkeypatch.setattr(SystemClock, "now", lambda _: 1_713_765_600.0 + len(told) * 3600)
        code, said = run("backup", "-c", config)
        assert code == 0
        told.append(said)
    assert {each.name for each in folder.iterdir()} - others == {"pune-1-20240422-133000", "pune-1-20240422-143000"}
    assert others <= {each.name for each in folder.iterdir()}
    assert (tmp_path / "centre.db").exists()
    assert ["removed" in each for each in told] == [False, False, True, True]
    assert "1 older backup removed (store.max_backups)" in told[-1]
    monkeypatch.setattr(SystemClock, "now", lambda _: 1_713_765_600.0 - 86_400)  # the clock had been wrong, or is
    assert "removed" not in run("backup", "-c", config)[1]
    assert (folder / "pune-1-20240421-113000").is_dir()
    shutil.rmtree(folder / "pune-1-20240421-113000")
    run("backup", folder / "by-hand", "-c", config)  # another folder is nobody's to clear
    assert len([*folder.glob("pune-1-2024*")]) == 2
    config.write_text(config.read_text().replace("backup_folder", "# backup_folder"))
    code, said = run_for_error("backup", "-c", config)
    assert (code, "store.backup_folder: is not set; set it, or give the folder" in said) == (2, True)
