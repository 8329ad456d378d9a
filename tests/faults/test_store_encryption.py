"""Encrypted stores cannot be read without the key, and conversions lose no data."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from dialer.domain.enums import MarkKind
from dialer.domain.errors import StoreBusy, StoreCorrupt, StoreError, StoreFull
from dialer.domain.model import Announcement
from dialer.roll.importer import ImportOptions, import_roll_file
from dialer.store import conversion
from dialer.store.connection import (
    open_store_exclusively,
    open_store_for_reading,
    open_store_for_writing,
    open_store_snapshot,
)
from dialer.store.conversion import convert_store_encryption, get_temporary_conversion_path
from dialer.store.desk_file import get_desk_file_path, open_desk_file
from dialer.store.driver import connect_to_database_file
from dialer.store.exports import append_export_to_audit
from dialer.store.file_checks import is_encrypted
from dialer.store.keys import StoreKey, create_store_key_file, read_store_key_file
from dialer.store.roll import copy_electoral_roll_to_new_store
from dialer.store.store import open_store
from tests.support.forked import ForkedProcess, run_forked
from tests.support.roll_filler import fill_roll
from tests.support.stored import is_one_line
from tests.support.stores import NOW, TEST_KEY, EncryptedBackend, SqliteBackend, key_file, make_mark, open_filled_store

NUMBER, NAME, EPIC = "+917000000003", "Voter 4", "ABC0000004"
OTHER_KEY = StoreKey(Path("another key file"), "f" * 64)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "centre.db"


def find_details_on_disk(path: Path) -> set[str]:
    """Return the details of a voter that occur in the bytes of the store's files."""
    everything = b"".join(file.read_bytes() for file in path.parent.glob(f"{path.name}*"))
    return {text for text in (NUMBER, NAME, EPIC, "CREATE TABLE") if text.encode() in everything}


CHANGING = {"audit", "store_identity"}


def read_all_rows(path: Path, key: StoreKey | None) -> dict[str, list[tuple[Any, ...]]]:
    """Return all rows of the store except the audit, to which a conversion adds, and the identity, which belongs to the file."""
    with closing(open_store_for_reading(path, key=key)) as db:
        names = [name for (name,) in db.execute("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name")]
        return {name: db.execute(f"SELECT * FROM {name}").fetchall() for name in names if name not in CHANGING}  # noqa: S608


def read_encryption_audit(path: Path, key: StoreKey | None) -> list[tuple[str, str]]:
    with closing(open_store_for_reading(path, key=key)) as db:
        return db.execute("SELECT who, what FROM audit WHERE kind = 'store-conversion'").fetchall()


# At rest


@pytest.mark.parametrize("kind", [SqliteBackend, EncryptedBackend])
async def test_encrypted_store_has_no_readable_voter_data(kind: type[SqliteBackend], path: Path) -> None:
    backend = kind(path.parent)
    async with open_filled_store(backend) as store:
        await store.save_voter_mark(make_mark(1, MarkKind.VOTED))
        with closing(backend.connect()) as db:  # a roll's change, which is in the WAL alone until the store is closed
            db.execute("UPDATE voter SET section = 'Temple Street' WHERE voter_id = 4")
        assert (path.parent / "centre.db-wal").stat().st_size > 0
        open_files = find_details_on_disk(path)
        street = any(b"Temple Street" in file.read_bytes() for file in path.parent.glob("centre.db*"))
    plain = kind is SqliteBackend
    everything = {NUMBER, NAME, EPIC, "CREATE TABLE"}
    assert (open_files, find_details_on_disk(path), street) == (
        (everything, everything, True) if plain else (set(), set(), False)
    )


@pytest.mark.parametrize("key", [None, TEST_KEY], ids=["plain", "encrypted"])
def test_rollback_journal_of_an_encrypted_store_is_encrypted(key: StoreKey | None, path: Path) -> None:
    fill_roll(path, 54, key=key)
    with closing(connect_to_database_file(path, "rw", key)) as db:
        db.execute("PRAGMA journal_mode = DELETE")
        db.execute("BEGIN IMMEDIATE")
        db.execute("UPDATE voter SET name = 'x'")  # the journal takes up the pages as they were
        db.execute("PRAGMA cache_spill = 1")
        journal = path.with_name("centre.db-journal").read_bytes()
        db.execute("ROLLBACK")
    assert len(journal) > 4096
    assert (NAME.encode() in journal) == (key is None)


@pytest.mark.parametrize("key", [None, TEST_KEY], ids=["plain", "encrypted"])
def test_every_copy_of_a_store_is_encrypted_like_the_store(
    key: StoreKey | None, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill_roll(path, 54, key=key)
    copy = path.with_name("copy.db")
    assert copy_electoral_roll_to_new_store(path, copy, key) == 54
    assert is_encrypted(copy) == (key is not None)

    monkeypatch.setattr("tempfile.tempdir", str(path.parent))
    roll = path.with_name("roll.csv")
    roll.write_text("AC_NO,PART_NO,SLNOINPART,FM_NAME_EN,MOBILE\n174,1,500,Again,7000000003\n")
    seen: list[bool] = []

    def inspect_dry_run_copy(_: object) -> None:
        (dry,) = path.parent.glob("matdan-*/dry-run.db")
        seen.append(is_encrypted(dry))

    import_roll_file(
        roll, path.with_name("new.db"), ImportOptions(dry_run=True), progress=inspect_dry_run_copy, key=key
    )
    assert seen
    assert set(seen) == {key is not None}


async def test_every_damaged_page_of_an_encrypted_store_is_detected_on_opening(path: Path) -> None:
    fill_roll(path, 2000, key=TEST_KEY)
    whole = path.read_bytes()
    pages = len(whole) // 4096
    for page in range(1, pages, pages // 12):
        damaged = bytearray(whole)
        damaged[page * 4096 + 2000] ^= 1  # one bit anywhere in it
        path.write_bytes(damaged)
        with pytest.raises(StoreCorrupt) as caught:
            await open_store(path, key=TEST_KEY)
        assert is_one_line(caught.value, path)
        assert path.read_bytes() == damaged
    path.write_bytes(whole)
    await (await open_store(path, key=TEST_KEY)).close()


async def test_no_write_is_acknowledged_after_damage_to_the_store_was_found(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill_roll(path, 2000, key=TEST_KEY)
    with closing(open_store_for_reading(path, key=TEST_KEY)) as db:
        (page,) = db.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'voter'").fetchone()
    damaged = bytearray(path.read_bytes())
    damaged[(page - 1) * 4096 + 2000] ^= 1
    path.write_bytes(damaged)
    monkeypatch.setattr("dialer.store.connection.check_database_integrity", lambda db, path: None)
    store = await open_store(path, key=TEST_KEY)
    with pytest.raises(StoreCorrupt):
        await store.save_voter_mark(make_mark(1000, MarkKind.VOTED))
    with pytest.raises(StoreError):
        await store.add_messages_to_outbox([Announcement("t", "p")], NOW)
    await store.close()
    with closing(open_store_for_reading(path, key=TEST_KEY)) as db:
        assert db.execute("SELECT (SELECT count(*) FROM mark), (SELECT count(*) FROM outbox)").fetchone() == (0, 0)


# Keys


async def open_for_report(path: Path, key: StoreKey | None) -> None:
    with open_store_snapshot(path, key):
        pytest.fail("the report got in")


def open_for_import(path: Path, key: StoreKey | None) -> None:
    with open_store_exclusively(path, "an import", key=key):
        pytest.fail("the import got in")


OPENINGS: dict[str, Callable[[Path, StoreKey | None], Any]] = {
    "dialler": lambda path, key: asyncio.run(open_store(path, key=key)),
    "report": lambda path, key: asyncio.run(open_for_report(path, key)),
    "reader": lambda path, key: open_store_for_reading(path, key=key),
    "import": open_for_import,
    "export": lambda path, key: append_export_to_audit(path, "a worker", {}, NOW, key=key),
}


@pytest.mark.parametrize("opening", OPENINGS)
def test_wrong_missing_and_unneeded_encryption_keys_give_one_line_errors(opening: str, path: Path) -> None:
    fill_roll(path, 9, key=TEST_KEY)
    encrypted = path.read_bytes()
    with pytest.raises(StoreError, match="the key in another key file does not open this store") as wrong:
        OPENINGS[opening](path, OTHER_KEY)
    with pytest.raises(StoreCorrupt, match=r"if the store is encrypted, set `store\.encryption_key_file`") as missing:
        OPENINGS[opening](path, None)
    assert path.read_bytes() == encrypted

    path.unlink()
    fill_roll(path, 9)
    plain = path.read_bytes()
    with pytest.raises(StoreError, match=r"not encrypted.*dialer store encrypt") as too_many:
        OPENINGS[opening](path, TEST_KEY)
    assert path.read_bytes() == plain
    for caught in (wrong, missing, too_many):
        assert is_one_line(caught.value, path)
        assert TEST_KEY.digits not in str(caught.value)


def test_missing_encryption_package_is_reported_with_installation_advice(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "sqlcipher3.dbapi2", None)
    with pytest.raises(StoreError, match=r"\.venv/bin/pip install -e '\.\[encryption\]'"):
        open_store_for_writing(path, key=TEST_KEY)
    fill_roll(path, 9)  # a plain store needs it not


def test_encryption_key_of_the_store_is_created_once_and_never_shown(tmp_path: Path) -> None:
    file = tmp_path / "key"
    key = create_store_key_file(file)
    assert read_store_key_file(file) == key
    assert file.stat().st_mode & 0o777 == 0o600
    assert key.digits not in repr(key)
    assert create_store_key_file(tmp_path / "another").digits != key.digits
    with pytest.raises(StoreError, match="may hold the only key of a store"):
        create_store_key_file(file)
    assert read_store_key_file(file) == key
    with pytest.raises(StoreError, match="Choose another place"):
        create_store_key_file(tmp_path / "nowhere" / "key")


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644])
def test_encryption_key_file_that_other_users_can_read_is_rejected(mode: int, tmp_path: Path) -> None:
    file = key_file(tmp_path / "key")
    file.chmod(mode)
    with pytest.raises(StoreError, match="other users can read the store's key") as caught:
        read_store_key_file(file)
    assert is_one_line(caught.value, file)


@pytest.mark.parametrize(
    "text", ["", "hunter2", "ab" * 31, "ab" * 33, "xy" * 32, "\0" * 64, "ab" * 32 + "\n" + "ab" * 32]
)
def test_invalid_encryption_key_is_rejected_without_being_shown(text: str, tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text(text)
    file.chmod(0o600)
    with pytest.raises(StoreError, match="not a store key") as caught:
        read_store_key_file(file)
    assert is_one_line(caught.value, file)
    assert not text or text not in str(caught.value)
    with pytest.raises(StoreError, match="Restore the file"):
        read_store_key_file(tmp_path / "missing")


# Conversions

STEPS = [(None, TEST_KEY), (TEST_KEY, OTHER_KEY), (TEST_KEY, None)]
NAMES = ["encrypt", "rekey", "decrypt"]


@pytest.mark.parametrize(("old", "new"), STEPS, ids=NAMES)
def test_encrypted_store_has_all_rows_and_an_audit_entry_about_the_encryption(
    old: StoreKey | None, new: StoreKey | None, path: Path
) -> None:
    fill_roll(path, 2000, key=old)
    before, told = read_all_rows(path, old), list[tuple[str, float]]()
    convert_store_encryption(
        path, old, new, who="officer", at=NOW, progress=lambda words, share: told.append((words, share))
    )
    assert read_all_rows(path, new) == before
    assert read_encryption_audit(path, new) == [("officer", f'{{"now":"{_describe_encryption(old, new)}"}}')]
    assert is_encrypted(path) == (new is not None)
    assert path.stat().st_mode & 0o777 == 0o600
    assert find_details_on_disk(path) == (set() if new else {NUMBER, NAME, EPIC, "CREATE TABLE"})
    files = {"centre.db", "centre.db.identity", "centre.db.lock", "centre.db.seal-key"}
    assert {file.name for file in path.parent.iterdir()} == files
    assert told[-1][1] == 1.0
    assert all(0.0 <= share <= 1.0 for _, share in told)
    if old is not None:
        with pytest.raises(StoreError):
            open_store_for_reading(path, key=old)
    with open_store_exclusively(path, "a dialler", key=new) as db:
        assert db.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def _describe_encryption(old: StoreKey | None, new: StoreKey | None) -> str:
    return "plain" if new is None else "encrypted" if old is None else "another key"


def test_unencrypted_store_file_is_overwritten_after_encryption(path: Path) -> None:
    fill_roll(path, 2000)
    with path.open("rb") as plain:
        assert NUMBER.encode() in plain.read()
        convert_store_encryption(path, None, TEST_KEY, who="officer", at=NOW)
        plain.seek(0)
        left = plain.read()
    assert len(left) > 100_000
    assert set(left) == {0}


@pytest.mark.parametrize(("old", "new"), STEPS, ids=NAMES)
@pytest.mark.parametrize("at_step", ["copied", "comparing", "synced"])
def test_failed_encryption_leaves_the_store_unchanged(
    at_step: str, old: StoreKey | None, new: StoreKey | None, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill_roll(path, 200, key=old)
    before = read_all_rows(path, old)

    def raise_interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    if at_step == "copied":
        monkeypatch.setattr(conversion, "_compare_databases", raise_interrupt)
    elif at_step == "synced":
        monkeypatch.setattr(conversion, "_sync_file_to_disk", raise_interrupt)
    with pytest.raises(KeyboardInterrupt):
        convert_store_encryption(
            path,
            old,
            new,
            who="officer",
            at=NOW,
            progress=raise_interrupt if at_step == "comparing" else lambda *_: None,
        )
    assert read_all_rows(path, old) == before
    assert read_encryption_audit(path, old) == []
    files = {"centre.db", "centre.db.identity", "centre.db.lock", "centre.db.seal-key"}
    assert {file.name for file in path.parent.iterdir()} == files


@pytest.mark.parametrize(
    "broken",
    ["UPDATE new.voter SET name = 'x' WHERE voter_id = 100", "DROP TABLE new.registered", "DELETE FROM new.phone"],
)
def test_encrypted_copy_with_different_content_does_not_replace_the_store(
    broken: str, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill_roll(path, 200)
    copy = conversion._copy_database

    def copy_with_a_difference(db: Any, *rest: Any) -> None:
        copy(db, *rest)
        db.execute(broken)

    monkeypatch.setattr(conversion, "_copy_database", copy_with_a_difference)
    with pytest.raises(StoreCorrupt, match="the original is unchanged") as caught:
        convert_store_encryption(path, None, TEST_KEY, who="officer", at=NOW)
    assert is_one_line(caught.value, path)
    assert len(read_all_rows(path, None)["voter"]) == 200


KILLED = """
import os, sys
from pathlib import Path
from dialer.store.conversion import convert_store_encryption
from tests.support.stores import TEST_KEY

old, new = {"encrypt": (None, TEST_KEY), "decrypt": (TEST_KEY, None)}[sys.argv[2]]
path, progress = Path(sys.argv[1]), lambda words, _: words == "comparing" and os._exit(9)
convert_store_encryption(path, old, new, who="officer", at=1.0, progress=progress)
"""


@pytest.mark.parametrize(("old", "new"), [STEPS[0], STEPS[2]], ids=[NAMES[0], NAMES[2]])
def test_killed_store_encryption_leaves_the_store_usable_and_the_next_run_cleans_up(
    old: StoreKey | None, new: StoreKey | None, path: Path
) -> None:
    fill_roll(path, 200, key=old)
    before = read_all_rows(path, old)
    how = "encrypt" if old is None else "decrypt"
    assert run_forked(KILLED, path, how).returncode == 9
    assert get_temporary_conversion_path(path).exists()
    assert read_all_rows(path, old) == before
    convert_store_encryption(path, old, new, who="officer", at=NOW)
    assert not get_temporary_conversion_path(path).exists()
    assert read_all_rows(path, new) == before


KILLED_BETWEEN = """
import os, sys
from pathlib import Path
from dialer.store import conversion
from dialer.store.keys import StoreKey
from tests.support.stores import TEST_KEY

def die(*_):
    os._exit(9)

place = Path.replace

def one_alone(beside, path):
    place(beside, path)
    Path.replace = die

Path.replace = one_alone
OTHER_KEY = StoreKey(Path("another"), "f" * 64)
old, new = {"encrypt": (None, TEST_KEY), "rekey": (TEST_KEY, OTHER_KEY), "decrypt": (TEST_KEY, None)}[sys.argv[2]]
conversion.convert_store_encryption(Path(sys.argv[1]), old, new, who="officer", at=1.0)
"""


@pytest.mark.parametrize(
    ("old", "new", "how"), [(*step, name) for step, name in zip(STEPS, NAMES, strict=True)], ids=NAMES
)
def test_store_encryption_killed_between_two_files_is_completed_by_a_second_run(
    old: StoreKey | None, new: StoreKey | None, how: str, path: Path
) -> None:
    fill_roll(path, 54, key=old)
    desk = get_desk_file_path(path)
    db = open_desk_file(desk, old)
    db.execute("INSERT INTO password VALUES ('asha', 'hash', 1.0, 0)")
    db.close()
    before = read_all_rows(path, old)
    assert run_forked(KILLED_BETWEEN, path, how).returncode == 9
    assert read_all_rows(path, old) == before
    convert_store_encryption(path, old, new, who="officer", at=NOW)
    assert read_all_rows(path, new) == before
    db = open_desk_file(desk, new)
    assert db.execute("SELECT name FROM password").fetchall() == [("asha",)]
    db.close()
    assert is_encrypted(desk) == (new is not None)


READER = """
import sqlite3, sys
db = sqlite3.connect(sys.argv[1], isolation_level=None)
db.execute("BEGIN")
print(db.execute("SELECT count(*) FROM voter").fetchone()[0], flush=True)
sys.stdin.read()
"""


def test_encryption_of_a_store_is_refused_while_the_store_is_open(path: Path) -> None:
    fill_roll(path, 54)
    with (
        open_store_exclusively(path, "a dialler"),
        pytest.raises(StoreBusy, match="a dialler"),
    ):
        convert_store_encryption(path, None, TEST_KEY, who="officer", at=NOW)
    before = path.read_bytes()
    with ForkedProcess(READER, path) as reader:
        assert reader.stdout.readline() == "54\n"
        with pytest.raises(StoreBusy) as caught:
            convert_store_encryption(path, None, TEST_KEY, who="officer", at=NOW)
        assert is_one_line(caught.value, path)
    assert path.read_bytes() == before
    convert_store_encryption(path, None, TEST_KEY, who="officer", at=NOW)
    assert is_encrypted(path)


def test_encryption_of_a_store_is_refused_without_disk_space_or_for_a_damaged_store(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill_roll(path, 2000)
    usage = type("Usage", (), {"free": path.stat().st_size})
    with monkeypatch.context() as tight:
        tight.setattr("shutil.disk_usage", lambda _: usage)
        with pytest.raises(StoreFull, match="room for a second copy"):
            convert_store_encryption(path, None, TEST_KEY, who="officer", at=NOW)
    with path.open("r+b") as file:
        file.seek(10 * 4096)
        file.write(os.urandom(64))
    with pytest.raises(StoreCorrupt, match="damaged"):
        convert_store_encryption(path, None, TEST_KEY, who="officer", at=NOW)
    assert not is_encrypted(path)
    with pytest.raises(StoreError, match="the store does not exist"):
        convert_store_encryption(path.with_name("none.db"), None, TEST_KEY, who="officer", at=NOW)
