"""Damaged stores, databases of other programs, and stores of newer versions are detected and left unchanged."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

import pytest

from dialer.domain.enums import MarkKind
from dialer.domain.errors import StoreCorrupt, StoreError
from dialer.domain.model import Mark, MarkSource
from dialer.store import connection, file_checks
from dialer.store.connection import open_store_exclusively, open_store_for_reading
from dialer.store.migrate import APPLICATION_ID
from dialer.store.store import open_store
from tests.support.roll_filler import fill_roll
from tests.support.stored import is_one_line, query_store
from tests.support.stores import NOW

PAGE_BYTES = 4096


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "centre.db"


def flip_bytes(path: Path, first: int, count: int = 64) -> None:
    with path.open("r+b") as file:
        file.seek(first)
        flipped = bytes(byte ^ 0xFF for byte in file.read(count))
        file.seek(first)
        file.write(flipped)


@pytest.fixture
def roll(path: Path) -> Path:
    """Return a closed store with 2,000 voters."""
    fill_roll(path, 2000)
    return path


def find_root_page(path: Path, name: str) -> int:
    return int(dict(query_store(path, "SELECT name, rootpage FROM sqlite_schema"))[name])


async def test_every_damaged_page_of_a_small_store_is_detected_on_opening(roll: Path) -> None:
    pages = roll.stat().st_size // PAGE_BYTES
    whole = roll.read_bytes()
    found = 0
    for page in range(1, pages, pages // 12):
        flip_bytes(roll, page * PAGE_BYTES)  # the page's header and the pointers to its cells
        damaged = roll.read_bytes()
        with pytest.raises(StoreCorrupt) as caught:
            await open_store(roll)
        assert is_one_line(caught.value, roll)
        assert roll.read_bytes() == damaged
        found += 1
        roll.write_bytes(whole)
    assert found >= 12
    await (await open_store(roll)).close()


@pytest.mark.parametrize("name", ["opt_out", "campaign", "voter", "attempt", "sqlite_schema"])
async def test_damage_in_important_pages_of_a_large_store_is_detected_on_opening(
    roll: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_checks, "FULL_CHECK_BYTES", 0)
    await (await open_store(roll)).close()
    page = 1 if name == "sqlite_schema" else find_root_page(roll, name)
    flip_bytes(roll, (page - 1) * PAGE_BYTES + (100 if page == 1 else 0), 12)
    with pytest.raises(StoreCorrupt) as caught:
        await open_store(roll)
    assert is_one_line(caught.value, roll)


async def test_store_damage_not_detected_on_opening_is_reported_on_reading(
    roll: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "check_database_integrity", lambda db, path: None)
    flip_bytes(roll, (find_root_page(roll, "voter") - 1) * PAGE_BYTES, 12)
    async with await open_store(roll) as store:
        with pytest.raises(StoreCorrupt) as caught:
            await store.read_voter_for_agent_page(1000)
        assert is_one_line(caught.value, roll)
        with pytest.raises(StoreCorrupt) as caught:
            await store.save_voter_mark(Mark("k", 1000, MarkKind.VOTED, MarkSource.AGENT, NOW))
        assert is_one_line(caught.value, roll)
        assert await store.read_outbox_rows_for_broker(10) == []


@pytest.mark.parametrize("content", [b"name,phone\n", b"SQLite format 3", os.urandom(9000)])
async def test_file_that_is_not_a_database_is_refused_as_store_and_unchanged(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(StoreCorrupt) as caught:
        await open_store(path)
    assert is_one_line(caught.value, path)
    assert path.read_bytes() == content
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("journal", ["DELETE", "WAL"])
async def test_database_of_another_program_is_rejected_as_a_store_and_unchanged(path: Path, journal: str) -> None:
    db = sqlite3.connect(path)
    db.execute(f"PRAGMA journal_mode = {journal}")
    db.execute("CREATE TABLE contacts (name)")
    db.commit()
    db.close()
    before = path.read_bytes()
    with pytest.raises(StoreCorrupt, match="another program's database") as caught:
        await open_store(path)
    assert is_one_line(caught.value, path)
    assert path.read_bytes() == before


async def test_store_with_a_newer_schema_is_rejected_and_unchanged(roll: Path) -> None:
    db = sqlite3.connect(roll)
    db.execute("PRAGMA user_version = 42")
    db.close()
    before = roll.read_bytes()
    with pytest.raises(StoreError, match=r"a newer Matdan wrote this store \(schema 42;"):
        open_store_for_reading(roll)
    with (
        pytest.raises(StoreError, match=r"a newer Matdan wrote this store \(schema 42;"),
        open_store_exclusively(roll, "an import"),
    ):
        pytest.fail("the import got in")
    with pytest.raises(StoreError, match="install the newer Matdan") as caught:
        await open_store(roll)
    assert is_one_line(caught.value, roll)
    assert roll.read_bytes() == before


async def test_missing_store_file_is_reported_by_its_path(path: Path) -> None:
    with pytest.raises(StoreError, match="the store does not exist") as caught:
        await open_store(path, create=False)
    assert is_one_line(caught.value, path)
    assert not path.exists()
    nowhere = path.parent / "nowhere" / "centre.db"
    with pytest.raises(StoreError, match="check that its folder exists") as caught:
        await open_store(nowhere)
    assert is_one_line(caught.value, nowhere)


async def test_empty_file_is_opened_as_a_new_store(path: Path) -> None:
    path.touch()
    await (await open_store(path)).close()
    assert query_store(path, "PRAGMA application_id") == [(APPLICATION_ID,)]


async def test_new_store_file_is_readable_only_by_the_dialler_user(path: Path) -> None:
    async with await open_store(path):
        for file in path.parent.iterdir():
            assert file.stat().st_mode & 0o077 == 0, file
