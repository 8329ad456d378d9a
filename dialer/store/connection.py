"""Connections to a store: one process opens it for writing, others open it only for reading.

Only the connection that writes runs checkpoints; the others are read-only. Up to SQLite 3.51.2, a write during a
checkpoint by another connection can lose committed data (https://www.sqlite.org/wal.html#walresetbug).
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from typing import NamedTuple, Self, TypeVar

from dialer.domain.errors import StoreError
from dialer.store import identity, seals, sql
from dialer.store.copying import copy_store_before_upgrade
from dialer.store.driver import BUSY_SECONDS, close_connection_on_error, connect_to_database_file, open_connection
from dialer.store.file_checks import (
    check_database_file,
    check_database_header,
    check_database_integrity,
    check_sqlite_version,
    make_empty_file_private,
)
from dialer.store.keys import StoreKey
from dialer.store.lock import StoreLock
from dialer.store.migrate import get_newest_schema_version, migrate_schema, read_schema_version
from dialer.store.sqlite_errors import get_database_error_types, translate_sqlite_errors

WRITER_CACHE_KIBIBYTES = 32 * 1024  # holds the pages that claims read in a roll of a million voters
READER_CACHE_KIBIBYTES = 8 * 1024
DIALLER_READER_CACHE_KIBIBYTES = 4 * 1024  # full within the first hour; more does not make a call's reads faster
CHECKPOINT_PAGES = 4_000  # of 4 KiB: a checkpoint delays the commits behind it; the WAL stays near 16 MiB
WAL_LIMIT_BYTES = 64 << 20  # a WAL that a long report let grow beyond this is truncated
PAGE_BYTES = 4096
_STEPS_BETWEEN_TIME_CHECKS = 100_000  # of SQLite's virtual machine, which does millions a second

T = TypeVar("T")
Connection = sql.Connection


def open_store_for_writing(
    path: Path,
    *,
    create: bool = True,
    busy_seconds: float = BUSY_SECONDS,
    key: StoreKey | None = None,
    copied: bool = False,
) -> Connection:
    """Check a store, upgrade its schema, and open the connection that writes.

    The connection uses WAL mode and autocommit, and syncs each commit to disk. Only one thread at a time may use it.
    Before the schema of an older store is upgraded, the store is copied to a folder next to it, unless the caller has
    made a copy (`copied`).

    The caller must hold the store's lock, and must also lock the files that this function creates
    (`StoreLock.lock_newly_created_store_files`). Raises StoreCorrupt, StoreError, StoreBusy and StoreFull. A file that
    is not a store, or is newer than this program, is not changed.
    """
    check_sqlite_version()
    check_database_file(path, key, create=create)
    make_empty_file_private(path)
    with (
        translate_sqlite_errors(path),
        close_connection_on_error(connect_to_database_file(path, "rw", key, busy_seconds)) as db,
    ):
        version = read_schema_version(db, path)
        if version:
            check_database_integrity(db, path)
            if version < get_newest_schema_version() and not copied:
                copy_store_before_upgrade(db, path, version, key)
        else:
            db.execute(f"PRAGMA page_size = {PAGE_BYTES}")
        upgraded = migrate_schema(db, path) > 0
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = FULL")
        db.execute("PRAGMA foreign_keys = ON")
        db.execute(f"PRAGMA cache_size = -{WRITER_CACHE_KIBIBYTES}")
        db.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}")
        db.execute(f"PRAGMA journal_size_limit = {WAL_LIMIT_BYTES}")
        identity.ensure_store_has_own_identity(db, path, is_new=version == 0, is_restored=copied)
        seals.attach_sealer_to_connection(db, path, time.time(), upgraded=upgraded)
    return db


def open_store_for_reading(
    path: Path, *, busy_seconds: float = BUSY_SECONDS, key: StoreKey | None = None, opened_here: bool = False
) -> Connection:
    """Open a read-only connection to the store, also while a dialler is running. Keep its transactions short.

    Set `opened_here` if this process has the file open already. Then the file's header is not checked. The check would
    open and close the file, and closing it would drop the POSIX locks that SQLite holds for this process. Another
    program could then remove the WAL with later commits.

    Raises StoreError if there is no store, if its schema is not this program's, or if the `key` is wrong. Raises
    StoreCorrupt if the file is not a store.
    """
    check_sqlite_version()
    if not opened_here:
        check_database_file(path, key, create=False)
    with (
        translate_sqlite_errors(path),
        close_connection_on_error(connect_to_database_file(path, "ro", key, busy_seconds)) as db,
    ):
        version = read_schema_version(db, path)
        if version != get_newest_schema_version():
            raise StoreError(
                f"{path}: this store has the old schema version {version}. Start the dialler once to upgrade the store."
            )
        db.execute(f"PRAGMA cache_size = -{DIALLER_READER_CACHE_KIBIBYTES if opened_here else READER_CACHE_KIBIBYTES}")
    return db


def check_key_opens_store(path: Path, key: StoreKey) -> None:
    """Raise StoreError if the store at `path` cannot be opened with `key`.

    This process must not have the file open, because SQLite's locks on the file could be lost.
    """
    with open_connection(path, "ro", key):
        pass


@contextmanager
def open_store_snapshot(
    path: Path, key: StoreKey | None, *, opened_here: bool = False, max_seconds: float = math.inf
) -> Iterator[Connection]:
    """Open the store for reading. All reads of the block see the store as it was at one moment (a snapshot).

    Keep the block short, because the WAL file grows meanwhile. A statement that still runs after `max_seconds` raises
    StoreTimeout. For `opened_here` see `open_store_for_reading`.
    """
    with translate_sqlite_errors(path), closing(open_store_for_reading(path, key=key, opened_here=opened_here)) as db:
        if max_seconds < math.inf:
            deadline = time.monotonic() + max_seconds
            db.set_progress_handler(lambda: time.monotonic() > deadline, _STEPS_BETWEEN_TIME_CHECKS)
        db.execute("BEGIN")
        yield db


@contextmanager
def open_store_exclusively(
    path: Path, holder: str, *, create: bool = True, key: StoreKey | None = None
) -> Iterator[Connection]:
    """Lock and open the store for a program that must be its only writer, such as an import.

    The store's WAL is checkpointed when the `with` block ends. `holder` names this program ("an import") in the errors
    of others. Raises StoreBusy while another process holds the store.
    """
    check_database_header(path, key)
    with StoreLock(path, holder) as lock, open_locked_store(path, lock, create=create, key=key) as db:
        yield db


@contextmanager
def open_locked_store(
    path: Path, lock: StoreLock, *, create: bool = False, key: StoreKey | None, copied: bool = False
) -> Iterator[Connection]:
    """Open for writing a store whose lock the caller holds. When the `with` block ends, checkpoint the store's WAL.

    The other arguments are those of `open_store_for_writing`.
    """
    db = open_store_for_writing(path, create=create, key=key, copied=copied)
    try:
        lock.lock_newly_created_store_files()
        with translate_sqlite_errors(path):
            yield db
    finally:
        close_writing_connection(db)


class Reader:
    """A read-only connection to the store. Its methods block: call them in one thread at a time, outside the event loop."""

    def __init__(
        self, path: Path, key: StoreKey | None, *, opened_here: bool = False, busy_seconds: float = BUSY_SECONDS
    ) -> None:
        """Open the store for reading, as `open_store_for_reading` does. Raises StoreError, StoreCorrupt."""
        self._path = path
        self._db = open_store_for_reading(path, key=key, opened_here=opened_here, busy_seconds=busy_seconds)

    def __enter__(self) -> Self:
        """Return the reader."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the connection."""
        self.close()

    def run_read_job(self, job: Callable[[Connection], T]) -> T:
        """Call the function `job` with the connection and return its result. Raises StoreError."""
        with translate_sqlite_errors(self._path):
            return job(self._db)

    def close(self) -> None:
        """Close the connection."""
        self._db.close()


class OpenStore(NamedTuple):
    """An open store with a writing and a reading connection. This process holds the store's lock until it releases `lock`."""

    path: Path
    lock: StoreLock
    writer: Connection
    reader: Reader


def open_and_lock_store(path: Path, create: bool, busy_seconds: float, key: StoreKey | None, holder: str) -> OpenStore:
    """Lock the store, migrate it, and open both connections. Call it in the thread that will write, because it blocks.

    `busy_seconds` is how long a write waits for another program. `holder` names this process in the errors of others.
    After an error nothing stays open or locked. Raises StoreBusy, StoreCorrupt, StoreError.
    """
    check_database_header(path, key)
    with ExitStack() as undo:
        lock = undo.enter_context(StoreLock(path, holder))
        db = open_store_for_writing(path, create=create, busy_seconds=busy_seconds, key=key)
        undo.callback(close_writing_connection, db)
        lock.lock_newly_created_store_files()
        reader = Reader(path, key, opened_here=True, busy_seconds=busy_seconds)
        undo.pop_all()
    return OpenStore(path, lock, db, reader)


def close_writing_connection(db: Connection) -> None:
    """Checkpoint the WAL (write its pages to the database file), and close the writing connection.

    Pages that another program is still reading stay in the WAL until the dialler starts again.
    """
    try:
        if not db.in_transaction:
            db.execute("PRAGMA busy_timeout = 0")
            # What is not sealed now is sealed at the next start.
            with suppress(StoreError, *get_database_error_types()):
                seals.sign_all_unsigned_changes(db, time.time())
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    except get_database_error_types():
        pass  # every commit is safe in the WAL; a full disk must not prevent closing
    finally:
        db.close()
