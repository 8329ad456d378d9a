"""Only one process at a time can write to a store, under any name: links, moved files, removed lock files."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dialer.domain.enums import CampaignKind, Purpose
from dialer.domain.errors import StoreBusy, StoreError
from dialer.store import lock as lock_module
from dialer.store.connection import open_store_exclusively, open_store_snapshot
from dialer.store.conversion import convert_store_encryption
from dialer.store.exports import append_export_to_audit
from dialer.store.keys import StoreKey
from dialer.store.lock import StoreLock
from dialer.store.lock_holder import find_lock_holder
from dialer.store.store import open_store
from tests.support.forked import ForkedProcess
from tests.support.roll_filler import fill_roll
from tests.support.stored import is_one_line, query_store
from tests.support.stores import CAMPAIGN, TEST_KEY, claim_and_open_attempt, key_file

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the lock is on the file beside the store")

DIALLER = """
import asyncio, sys
from pathlib import Path
from dialer.store.keys import read_store_key_file
from tests.support.stores import *

async def main():
    key = read_store_key_file(Path(sys.argv[2])) if sys.argv[2:] else None
    store = await open_store(Path(sys.argv[1]), key=key)
    await store.add_or_update_campaign(CAMPAIGN, CampaignKind.AGENTS, Purpose.TURNOUT)
    await store.add_roll_numbers_to_queue(CAMPAIGN)
    await claim_and_open_attempt(store, 1)
    print("dialled", flush=True)
    sys.stdin.readline()
    try:
        await claim_and_open_attempt(store, 2)
    except StoreError as error:
        print(error, flush=True)
    else:
        print("dialled", flush=True)
    await store.close()

from dialer.domain.errors import StoreError
asyncio.run(main())
"""

Start = Callable[..., ForkedProcess]


@pytest.fixture
def start_dialler() -> Iterator[Start]:
    """Start a dialler on a store in another process; it has dialled one number when this returns."""
    with contextlib.ExitStack() as running:

        def run_dialler(*paths: Path) -> ForkedProcess:
            process = running.enter_context(ForkedProcess(DIALLER, *paths))
            assert process.stdout.readline() == "dialled\n"
            return process

        yield run_dialler


def finish_second_call(process: ForkedProcess) -> str:
    """Wait for the running dialler's second call to end, and return its result."""
    done = process.ended("go on\n")
    assert done.returncode == 0
    return done.stdout.strip()


@pytest.fixture(params=[None, TEST_KEY], ids=["plain", "encrypted"])
def key(request: pytest.FixtureRequest) -> StoreKey | None:
    found: StoreKey | None = request.param
    return found


def make_symlink(path: Path) -> Path:
    name = path.parent / "other" / "by-link.db"
    name.parent.mkdir()
    name.symlink_to(path)
    return name


def make_chain_of_symlinks(path: Path) -> Path:
    first, second = path.parent / "first.db", path.parent / "second.db"
    first.symlink_to(path.name)
    second.symlink_to(first)
    return second


def make_symlinked_folder(path: Path) -> Path:
    folder = path.parent.parent / f"{path.parent.name}-by-link"
    folder.symlink_to(path.parent, target_is_directory=True)
    return folder / path.name


def make_hard_link(path: Path) -> Path:
    name = path.parent / "hard.db"
    os.link(path, name)
    return name


def move_store(path: Path) -> Path:
    return path.rename(path.parent / "moved.db")


def move_store_with_journal(path: Path) -> Path:
    for end in ("-wal", "-shm"):
        path.with_name(path.name + end).rename(path.parent / f"moved.db{end}")
    return path.rename(path.parent / "moved.db")


def remove_lock_file(path: Path) -> Path:
    path.with_name(path.name + ".lock").unlink()
    return path


def replace_lock_file(path: Path) -> Path:
    remove_lock_file(path)
    path.with_name(path.name + ".lock").write_text("a dialler (process 999999999)\n", encoding="utf-8")
    return path


def make_symlink_without_lock_file(path: Path) -> Path:
    return make_symlink(remove_lock_file(path))


def replace_store_by_copy(path: Path) -> Path:
    copy = path.parent / "copy.db"
    shutil.copyfile(path, copy)
    copy.replace(path)
    return path


def replace_store_and_remove_lock_file(path: Path) -> Path:
    return remove_lock_file(replace_store_by_copy(path))


def overwrite_store_with_copy(path: Path) -> Path:
    path.write_bytes(path.read_bytes())
    return path


WAYS = [
    make_symlink,
    make_chain_of_symlinks,
    make_symlinked_folder,
    make_hard_link,
    move_store,
    move_store_with_journal,
    remove_lock_file,
    replace_lock_file,
    make_symlink_without_lock_file,
    replace_store_by_copy,
    replace_store_and_remove_lock_file,
    overwrite_store_with_copy,
]


@pytest.mark.parametrize("way", WAYS)
async def test_second_writer_of_a_store_is_refused_under_any_path(
    tmp_path: Path, start_dialler: Start, way: Callable[[Path], Path]
) -> None:
    path = tmp_path / "store" / "centre.db"
    path.parent.mkdir()
    fill_roll(path, 9)
    first = start_dialler(path)
    name = way(path)
    kept = name.read_bytes()
    with pytest.raises(StoreError) as refused:
        await open_store(name)
    assert is_one_line(refused.value, name)
    with pytest.raises(StoreError), open_store_exclusively(name, "an import"):
        pass
    assert name.read_bytes() == kept
    assert first.returncode is None


@pytest.mark.parametrize("way", [make_symlink, make_hard_link, remove_lock_file])
async def test_second_writer_that_is_refused_leaves_the_store_intact(
    tmp_path: Path, start_dialler: Start, way: Callable[[Path], Path], key: StoreKey | None
) -> None:
    path = tmp_path / "centre.db"
    files = () if key is None else (key_file(tmp_path / "key"),)
    async with await open_store(path, key=key):
        pass
    fill_roll(path, 9, key=key)
    first = start_dialler(path, *files)
    with pytest.raises(StoreError):
        await open_store(way(path), key=key)
    assert finish_second_call(first) == "dialled"
    if way is make_hard_link:
        with pytest.raises(StoreError, match="2 names"):
            StoreLock(path, "a dialler")
        with pytest.raises(StoreError, match="2 names"):
            append_export_to_audit(path, "worker-12", {"list": "strike-off"}, 1.0, key=key)
        (tmp_path / "hard.db").unlink()
    with open_store_snapshot(path, key) as db:
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert db.execute("SELECT phone_id FROM attempt ORDER BY phone_id").fetchall() == [(1,), (2,)]


@pytest.mark.parametrize("way", [make_symlink, remove_lock_file, move_store])
def test_error_about_a_store_in_use_names_the_process_that_uses_the_store(
    tmp_path: Path, start_dialler: Start, way: Callable[[Path], Path]
) -> None:
    path = tmp_path / "centre.db"
    fill_roll(path, 9)
    first = start_dialler(path)
    name = way(path)
    with pytest.raises(StoreBusy, match=rf"process {first.pid}\b"):
        StoreLock(name, "an import")
    assert str(first.pid) in (find_lock_holder(name) or "")


@pytest.mark.parametrize("way", [move_store, replace_store_by_copy])
def test_dialler_stops_dialling_when_the_store_file_was_moved(
    tmp_path: Path, start_dialler: Start, way: Callable[[Path], Path]
) -> None:
    path = tmp_path / "centre.db"
    fill_roll(path, 9)
    first = start_dialler(path)
    kept = way(path)
    said = finish_second_call(first)
    assert said.startswith(f"{path}: the file was moved, replaced or removed")
    if way is move_store:  # what it had committed went with the file, into which its journal was brought
        assert query_store(kept, "SELECT phone_id FROM attempt") == [(1,)]


@pytest.mark.parametrize("way", [make_symlink, make_symlinked_folder])
async def test_store_that_is_not_in_use_can_be_opened_through_a_symbolic_link(
    tmp_path: Path, way: Callable[[Path], Path]
) -> None:
    path = tmp_path / "store" / "centre.db"
    path.parent.mkdir()
    fill_roll(path, 9)
    name = way(path)
    async with await open_store(name) as store:
        await store.add_or_update_campaign(CAMPAIGN, CampaignKind.AGENTS, Purpose.TURNOUT)
        await store.add_roll_numbers_to_queue(CAMPAIGN)
        await claim_and_open_attempt(store, 1)
        append_export_to_audit(path, "worker-12", {"list": "strike-off"}, 1.0)
        assert query_store(path, "SELECT phone_id FROM attempt") == [(1,)]
        assert not name.with_name(name.name + "-wal").exists() or way is make_symlinked_folder
    assert ("export",) in query_store(path, "SELECT kind FROM audit")


def test_encrypting_a_store_through_a_symbolic_link_encrypts_the_linked_file(tmp_path: Path) -> None:
    path = tmp_path / "centre.db"
    fill_roll(path, 9)
    name = make_symlink(path)
    key_file(tmp_path / "key")
    convert_store_encryption(name, None, TEST_KEY, who="worker-12", at=1.0)
    assert name.is_symlink()
    assert not path.read_bytes().startswith(b"SQLite format 3")


@pytest.mark.skipif(
    subprocess.run(["unshare", "-m", "true"], capture_output=True, check=False).returncode != 0,
    reason="mounts need a namespace of their own",
)
@pytest.mark.parametrize(
    ("mounts", "store", "said"),
    [
        ("mount --bind {0}/store {0}/there", "there/centre.db", "is using this store: stop that program first"),
        ("touch {0}/there/b.db && mount --bind {0}/store/centre.db {0}/there/b.db", "there/b.db", "mount its folder"),
        ("mount -t tmpfs none {0}/there && cp {0}/store/centre.db {0}/there/", "there/centre.db", "opened"),
        (
            "mount -t tmpfs none {0}/top && mkdir {0}/top/up {0}/top/work && mount -t overlay none"
            " -o lowerdir={0}/copy,upperdir={0}/top/up,workdir={0}/top/work {0}/there",
            "there/centre.db",
            "opened",
        ),
    ],
    ids=["bind", "bind-file", "tmpfs", "overlay"],
)
def test_store_lock_holds_through_a_bind_mount_but_not_for_an_overlay_copy(
    tmp_path: Path, start_dialler: Start, mounts: str, store: str, said: str
) -> None:
    """The second dialler runs in its own mount namespace, as in a container."""
    path = tmp_path / "store" / "centre.db"
    for name in ("store", "there", "top", "copy"):
        (tmp_path / name).mkdir()
    fill_roll(path, 9)
    shutil.copyfile(path, tmp_path / "copy" / "centre.db")
    start_dialler(path)
    program = (
        "import sys; from pathlib import Path\n"
        "from dialer.domain.errors import StoreError; from dialer.store.lock import StoreLock\n"
        "try: lock = StoreLock(Path(sys.argv[1]), 'a dialler'); lock.refuse_moved_store_file(); print('opened')\n"
        "except StoreError as error: print(error)"
    )
    script = f'{mounts.format(tmp_path)} && exec {sys.executable} -c "$0" {tmp_path / store}'
    done = subprocess.run(["unshare", "-m", "sh", "-c", script, program], capture_output=True, text=True, check=False)
    assert said in done.stdout, done.stderr


def test_store_mounted_as_a_single_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mounts = tmp_path / "mountinfo"
    monkeypatch.setattr(lock_module, "_MOUNTS", mounts)
    folder = tmp_path / "a place"
    folder.mkdir()
    place = str(folder / "centre.db").replace(" ", "\\040")
    mounts.write_text(f"63 43 254:0 /srv/centre.db {place} rw,relatime - ext4 /dev/vda rw\n", encoding="utf-8")
    with pytest.raises(
        StoreError,
        match="only the file of the store is mounted here, but the store also needs other files next to it",
    ):
        StoreLock(folder / "centre.db", "a dialler")


def test_store_on_a_network_file_system_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    device = tmp_path.stat().st_dev
    line = f"36 35 {os.major(device)}:{os.minor(device)} / /srv rw shared:1 - nfs4 server:/srv rw,vers=4.2\n"
    mounts = tmp_path / "mountinfo"
    monkeypatch.setattr(lock_module, "_MOUNTS", mounts)
    mounts.write_text(line, encoding="utf-8")
    with pytest.raises(StoreError, match=r"a disk of another machine \(nfs4\): move the store to a local disk"):
        StoreLock(tmp_path / "centre.db", "a dialler")
    mounts.write_text(line.replace("nfs4", "ext4"), encoding="utf-8")
    StoreLock(tmp_path / "centre.db", "a dialler").release_lock()
