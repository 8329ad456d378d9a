"""A store under another key, with the desk's file beside it: encrypted, decrypted, or encrypted anew. The store is as
it was until the new one is proved.

The new file is made beside the old one, read again with its key, compared row by row, and only then put in its place.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from dialer.domain.errors import StoreBusy, StoreCorrupt, StoreError, StoreFull
from dialer.store import audit
from dialer.store.connection import check_key, close_writer, open_for_writing
from dialer.store.desk_file import desk_path
from dialer.store.driver import connect_in_memory, connection_to
from dialer.store.file_checks import check_header, file_exists, is_encrypted
from dialer.store.keys import StoreKey, key_literal
from dialer.store.lock import StoreLock
from dialer.store.sql import Connection, transaction
from dialer.store.sqlite_errors import store_errors

Progress = Callable[[str, float], None]
"""Told what is being done, and how much of it is done: 0 to 1."""

_ROOM = 1.1  # an encrypted page holds 80 bytes less: 2 %; and what others write meanwhile
_STEPS_BETWEEN_LOOKS = 200_000  # of SQLite's machine: some tens of milliseconds
_ROWS_BETWEEN_LOOKS = 20_000
_BLOCK_BYTES = 1 << 20


def left_over(path: Path) -> Path:
    """What a conversion that was killed leaves beside the store. It may be plain; the next conversion removes it."""
    return path.with_name(path.name + ".converting")


def convert(
    path: Path, old: StoreKey | None, new: StoreKey | None, *, who: str, at: float, progress: Progress = lambda *_: None
) -> None:
    """Put the store at `path`, and the desk's file beside it, from the key `old` under the key `new`; None: not
    encrypted. What was plain is overwritten.

    `who` and `at` (epoch seconds) go into the audit. Raises StoreBusy while anybody has the store open, StoreFull where
    there is not room for both files, and the other StoreErrors; the store is then as it was.
    """
    state = "plain" if new is None else "encrypted" if old is None else "another key"

    def note(db: Connection) -> None:
        audit.append(db, "store-conversion", who, {"now": state}, at)

    path = path.resolve()  # a symbolic link would be replaced, and the file that it leads to left as it was
    check_header(path, old)
    with StoreLock(path, "a conversion"):
        close_writer(
            open_for_writing(path, create=False, key=old)
        )  # looks whether it is whole, and brings it up to date
        # The desk's takes its place first, and the store is then converted again where a kill came between the two.
        with _converted(path, old, new, progress, note):
            if _desk_waits(path, new):
                check_header(desk_path(path), old)
                with _converted(desk_path(path), old, new, progress, lambda _: None):
                    pass


def convert_desk(path: Path, old: StoreKey | None, new: StoreKey | None) -> None:
    """Put the desk's file alone of the store at `path` under the key that the store has already, where it is not. As `convert`."""
    path = path.resolve()
    if _desk_waits(path, new):
        with StoreLock(path, "a conversion"), _converted(desk_path(path), old, new, lambda *_: None, lambda _: None):
            pass


def _desk_waits(store: Path, new: StoreKey | None) -> bool:
    """Whether there is a desk's file that has not the new key."""
    path = desk_path(store)
    if not file_exists(path):
        return False
    if new is None or not is_encrypted(path):
        return is_encrypted(path) != (new is not None)
    try:
        check_key(path, new)
    except StoreError:
        return True
    return False


@contextmanager
def _converted(
    path: Path,
    old: StoreKey | None,
    new: StoreKey | None,
    progress: Progress,
    note: Callable[[Connection], None],
) -> Iterator[None]:
    """A copy of the file under the new key, proved. It takes the file's place where the block ends without an error."""
    beside = left_over(path)
    remove_file(beside)
    if shutil.disk_usage(path.parent).free < path.stat().st_size * _ROOM:
        raise StoreFull(f"{path}: the disk has no room for a second copy, which a conversion needs: free space")
    try:
        with store_errors(path):
            os.close(os.open(beside, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
            with _both(path, beside, old, new) as db, path.open("r+b", buffering=0) as old_file:
                _copy(db, path, beside, progress)
                # The new file is closed and opened again: what is compared comes from the file, not from memory.
                db.execute("DETACH new")
                db.execute(f"ATTACH :file AS new KEY {key_literal(new)}", {"file": _uri(beside)})
                _compare(db, path, progress)
                db.execute("DETACH new")
                with connection_to(beside, "rw", new) as whole, transaction(whole):
                    note(whole)  # in the audit: kept with the new file or not at all
                _to_disk(beside)
                yield
                beside.replace(path)
                _to_disk(path.parent)
                if old is None:
                    _overwrite(old_file.fileno(), progress)
    finally:
        remove_file(beside)


@contextmanager
def _both(path: Path, beside: Path, old: StoreKey | None, new: StoreKey | None) -> Iterator[Connection]:
    """A connection to both files as `old` and `new`, on which nobody else can read or write the old one.

    SQLite's locks are a process's, so within this one nothing else may have the file open, and the lock lasts until the
    end.
    """
    with closing(connect_in_memory()) as db:
        db.execute(f"ATTACH :file AS old KEY {key_literal(old)}", {"file": _uri(path)})
        db.execute("PRAGMA old.busy_timeout = 0")
        # Out of the WAL: this works for the only connection alone, and empties it into the file.
        (journal,) = db.execute("PRAGMA old.journal_mode = DELETE").fetchone()
        if journal != "delete":
            raise StoreBusy(f"{path}: another process reads it: close the reports and boards that have it open")
        db.execute("PRAGMA old.locking_mode = EXCLUSIVE")
        db.execute("BEGIN EXCLUSIVE")
        db.execute("COMMIT")
        db.execute(f"ATTACH :file AS new KEY {key_literal(new)}", {"file": _uri(beside)})
        yield db


def _copy(db: Connection, path: Path, beside: Path, progress: Progress) -> None:
    bytes_in_all = max(path.stat().st_size, 1)

    def look() -> int:
        progress("copying", min(beside.stat().st_size / bytes_in_all, 1.0))
        return 0

    # Nothing of a new file need survive a crash before it is whole: it is synced once, at the end.
    db.execute("PRAGMA new.synchronous = OFF")
    db.set_progress_handler(look, _STEPS_BETWEEN_LOOKS)
    db.execute("SELECT sqlcipher_export('new', 'old')").fetchall()
    db.set_progress_handler(None, 0)
    for name in ("user_version", "application_id"):
        (value,) = db.execute(f"PRAGMA old.{name}").fetchone()
        db.execute(f"PRAGMA new.{name} = {value}")


def _compare(db: Connection, path: Path, progress: Progress) -> None:
    """Raise StoreCorrupt unless both files hold the same tables, indexes, triggers and rows, and the new one is whole."""
    schema = "SELECT type, name, sql FROM {}.sqlite_schema ORDER BY type, name"
    if db.execute(schema.format("old")).fetchall() != db.execute(schema.format("new")).fetchall():
        raise _differs(path, "its tables")
    tables = [name for (name,) in db.execute("SELECT name FROM old.sqlite_schema WHERE type = 'table' ORDER BY name")]
    counts = {table: int(db.execute(f'SELECT count(*) FROM old."{table}"').fetchone()[0]) for table in tables}  # noqa: S608 - names of our schema
    rows_in_all, done = max(sum(counts.values()), 1), 0
    for table in tables:
        before = db.execute(f'SELECT * FROM old."{table}"')  # noqa: S608
        after = db.execute(f'SELECT * FROM new."{table}"')  # noqa: S608
        while rows := before.fetchmany(_ROWS_BETWEEN_LOOKS):
            if rows != after.fetchmany(_ROWS_BETWEEN_LOOKS):
                raise _differs(path, table)
            done += len(rows)
            progress("comparing", done / rows_in_all)
        if after.fetchone() is not None:
            raise _differs(path, table)
    (finding,) = db.execute("PRAGMA new.integrity_check(1)").fetchone()
    if finding != "ok":
        raise _differs(path, " ".join(finding.split()))


def _differs(path: Path, what: str) -> StoreCorrupt:
    return StoreCorrupt(
        f"{path}: the copy is not what the store holds ({what}): the store is as it was; check the disk"
    )


def _overwrite(descriptor: int, progress: Progress) -> None:
    """Zeros over what was plain, in the blocks where the file lay. Where a disk or file system writes elsewhere, they stay."""
    left = size = os.fstat(descriptor).st_size
    os.lseek(descriptor, 0, os.SEEK_SET)
    while left > 0:
        left -= os.write(descriptor, bytes(min(left, _BLOCK_BYTES)))
        progress("overwriting the plain file", 1.0 - left / size)
    os.fsync(descriptor)


def remove_file(path: Path) -> None:
    """Remove a file of SQLite's, and what stands beside it, where they are there. Raises StoreError."""
    for name in (path, *(path.with_name(path.name + end) for end in ("-journal", "-wal", "-shm"))):
        try:
            name.unlink(missing_ok=True)
        except OSError as error:
            raise StoreError(f"{name}: it cannot be removed ({error.strerror}): remove it by hand") from error


def _to_disk(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        with suppress(OSError):  # not every file system can sync a folder
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _uri(path: Path) -> str:
    return f"{path.resolve().as_uri()}?mode=rw"
