"""Opening a store's file: ours or not, whole or not, with the settings that its promises rest on.

One connection writes, and only it checkpoints: up to SQLite 3.51.2 a write that overlaps a checkpoint on another connection
can lose committed data. Every other connection is opened read-only, which cannot checkpoint.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from typing import NamedTuple, Self, TypeVar

from dialer.domain.errors import StoreCorrupt, StoreError
from dialer.store import seals, sql
from dialer.store.cipher import BUSY_SECONDS, StoreKey, closed_on_error, connect, connected, database_errors, explained
from dialer.store.copying import copy_before_upgrade
from dialer.store.lock import StoreLock
from dialer.store.migrate import migrate, newest_version, schema_version

OLDEST_SQLITE = (3, 35, 0)  # RETURNING
WRITER_CACHE_KIBIBYTES = 32 * 1024  # holds the pages that claims walk over in a roll of a million voters
READER_CACHE_KIBIBYTES = 8 * 1024
# Of the dialler's own reader: it is full within the first hour. What a call asks takes 14.4 us with 4 MiB and 15.3 with 8; of
# an encrypted store 33.7 and 32.1.
OWN_READER_CACHE_KIBIBYTES = 4 * 1024
CHECKPOINT_PAGES = 4_000  # of 4 KiB: a checkpoint holds up the commits behind it; the WAL stays near 16 MiB
WAL_LIMIT_BYTES = 64 << 20  # what a long report lets it grow to is given back
WHOLE_CHECK_BYTES = 64 << 20  # up to here the whole file is checked when it is opened

T = TypeVar("T")
Connection = sql.Connection
"""A handle on an open store, for the functions of this room. `sqlite3` itself is imported in this room alone."""

PAGE_BYTES = 4096
_HEADER = b"SQLite format 3\x00"
_SMALL_TABLES = ("campaign", "opt_out", "command", "booth")


def open_writing(
    path: Path,
    *,
    create: bool = True,
    busy_seconds: float = BUSY_SECONDS,
    key: StoreKey | None = None,
    copied: bool = False,
) -> Connection:
    """The connection that writes: checked, migrated, WAL with every commit synced, in autocommit mode. What is of an older schema
    is copied first, to lie beside it; `copied`: there is a copy already.

    The caller must hold the store's lock, has it `cover` what is made here, and may use the connection from one thread at a time.
    With a `key` the file is encrypted, or made so.
    Raises StoreCorrupt, StoreError, StoreBusy, StoreFull; a file that is not ours or newer is left as it is.
    """
    _check_sqlite()
    _check_file(path, key, create=create)
    _keep_from_others(path)
    with explained(path), closed_on_error(connect(path, "rw", key, busy_seconds)) as db:
        if version := schema_version(db, path):
            check_pages(db, path)
            if version < newest_version() and not copied:
                copy_before_upgrade(db, path, version, key)
        else:
            db.execute(f"PRAGMA page_size = {PAGE_BYTES}")
        migrate(db, path)
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = FULL")
        db.execute("PRAGMA foreign_keys = ON")
        db.execute(f"PRAGMA cache_size = -{WRITER_CACHE_KIBIBYTES}")
        db.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}")
        db.execute(f"PRAGMA journal_size_limit = {WAL_LIMIT_BYTES}")
        seals.begin(db, time.time())
    return db


def open_reading(
    path: Path, *, busy_seconds: float = BUSY_SECONDS, key: StoreKey | None = None, checked: bool = False
) -> Connection:
    """A connection that only reads, at any time, while a dialler runs too. Keep its transactions short.

    `checked`: this process has the file open already. Then it must not be opened past SQLite, not even to look at its first
    bytes: closing such a descriptor gives up every lock that the process holds on the file (POSIX), and another program that
    opens the store and leaves would take the WAL away under us, with all that is committed from then on.

    Raises StoreError where there is no store, its schema is not this program's or `key` is not its key, StoreCorrupt where it is
    not ours.
    """
    _check_sqlite()
    if not checked:
        _check_file(path, key, create=False)
    with explained(path), closed_on_error(connect(path, "ro", key, busy_seconds)) as db:
        version = schema_version(db, path)
        if version != newest_version():
            raise StoreError(
                f"{path}: its schema is version {version}: start the dialler once, it brings it up to date"
            )
        db.execute(f"PRAGMA cache_size = -{OWN_READER_CACHE_KIBIBYTES if checked else READER_CACHE_KIBIBYTES}")
    return db


def try_key(path: Path, key: StoreKey) -> None:
    """Raise StoreError where `key` does not open the store at `path`, whatever its schema; it must not be open in this process."""
    with connected(path, "ro", key):
        pass


@contextmanager
def reading(path: Path, key: StoreKey | None) -> Iterator[Connection]:
    """The store at `path`, opened to read at one moment (`open_reading`) and closed after. The WAL grows meanwhile: do not stay."""
    with explained(path), closing(open_reading(path, key=key)) as db:
        db.execute("BEGIN")
        yield db


@contextmanager
def exclusive_connection(
    path: Path, holder: str, *, create: bool = True, key: StoreKey | None = None
) -> Iterator[Connection]:
    """The store for a program that writes to it alone, as an import does: locked, opened, and at the end checkpointed.

    `holder` is what others are told while it runs ("an import"). Raises StoreBusy while a dialler or another import runs.
    """
    check_header(path, key)
    with StoreLock(path, holder) as lock, writing(path, lock, create=create, key=key) as db:
        yield db


@contextmanager
def writing(
    path: Path, lock: StoreLock, *, create: bool = False, key: StoreKey | None, copied: bool = False
) -> Iterator[Connection]:
    """The store at `path`, which the caller has locked, opened to write (`open_writing`) and closed after."""
    db = open_writing(path, create=create, key=key, copied=copied)
    try:
        lock.cover()
        with explained(path):
            yield db
    finally:
        close_writing(db)


class Reading:
    """A store, open to be read. Blocks: call it in one thread at a time, outside the loop."""

    def __init__(
        self, path: Path, key: StoreKey | None, *, checked: bool = False, busy_seconds: float = BUSY_SECONDS
    ) -> None:
        """As `open_reading`. Raises StoreError, StoreCorrupt where there is no store of ours."""
        self._path = path
        self._db = open_reading(path, key=key, checked=checked, busy_seconds=busy_seconds)

    def __enter__(self) -> Self:
        """The reading itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Let the file go."""
        self.close()

    def read(self, job: Callable[[Connection], T]) -> T:
        """What a job reads. Raises StoreError."""
        with explained(self._path):
            return job(self._db)

    def close(self) -> None:
        """Let the file go."""
        self._db.close()


class Opened(NamedTuple):
    """A file that is ours until `lock` is released, with its two connections: `db` writes, `reader` reads."""

    path: Path
    lock: StoreLock
    db: Connection
    reader: Reading


def open_file(path: Path, create: bool, busy_seconds: float, key: StoreKey | None, holder: str) -> Opened:
    """Lock the file, bring it to this program's schema, and connect. Blocks: run it in the thread that is to write.

    `busy_seconds` is how long a write waits for another program; `holder` is what others are told of us. Where it fails nothing is
    left open or locked. Raises StoreBusy, StoreCorrupt, StoreError as `dialer.store.sqlite.open_store` says.
    """
    check_header(path, key)
    with ExitStack() as undone:
        lock = undone.enter_context(StoreLock(path, holder))
        db = open_writing(path, create=create, busy_seconds=busy_seconds, key=key)
        undone.callback(close_writing, db)
        lock.cover()
        reader = Reading(path, key, checked=True, busy_seconds=busy_seconds)
        undone.pop_all()
    return Opened(path, lock, db, reader)


def close_writing(db: Connection) -> None:
    """Bring the WAL into the file and close; what a reader still holds back stays in the WAL for the next opening."""
    try:
        if not db.in_transaction:
            db.execute("PRAGMA busy_timeout = 0")
            with suppress(*database_errors()):  # what is sealed and not chained is chained at the next opening
                seals.close_last_batch(db)
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    except database_errors():
        pass  # everything committed is safe in the WAL; a full disk must not keep us from closing
    finally:
        db.close()


def check_header(path: Path, key: StoreKey | None) -> None:
    """Raise StoreCorrupt for a file that is not SQLite's; with a `key` StoreError for one that is: then it is not encrypted.

    No file, and an empty one, will do. An encrypted file begins with random bytes: whether it is ours, its key tells.
    """
    head = _head(path)
    if key is None and head and head != _HEADER:
        raise StoreCorrupt(
            f"{path}: this is not a Matdan store, or its beginning is destroyed: name another file;"
            " one that is encrypted needs store.encryption_key_file"
        )
    if key is not None and head == _HEADER:
        raise StoreError(
            f"{path}: it is not encrypted, and store.encryption_key_file is set: run `dialer store encrypt`, or take that out"
        )


def is_encrypted(path: Path) -> bool:
    """Whether the file is there and does not begin as a plain one does. Raises StoreError where it cannot be read."""
    return _head(path) not in {b"", _HEADER}


def is_there(path: Path) -> bool:
    """Whether something stands at the path of a store. Raises StoreError where this user may not even look."""
    try:
        return path.exists()
    except OSError as error:
        raise _unreadable(path, error) from error


def _head(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(len(_HEADER))
    except FileNotFoundError:
        return b""
    except OSError as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: OSError) -> StoreError:
    return StoreError(f"{path}: it cannot be read ({error.strerror}): check the path and this user's rights")


def check_pages(db: Connection, path: Path) -> None:
    """Raise StoreCorrupt where the file is damaged: the whole of a small one; of a large one what costs little.

    Of a large file the small tables are checked whole, and of every other one the path to its first and last row.
    """
    if path.stat().st_size <= WHOLE_CHECK_BYTES:
        findings = [db.execute("PRAGMA quick_check(1)").fetchone()[0]]
    else:
        findings = [db.execute(f"PRAGMA quick_check('{table}')").fetchone()[0] for table in _SMALL_TABLES]
        for table, definition in db.execute("SELECT name, sql FROM sqlite_schema WHERE type = 'table'").fetchall():
            key = "1" if "WITHOUT ROWID" in definition else "rowid"
            for order in ("ASC", "DESC"):
                db.execute(f'SELECT * FROM "{table}" ORDER BY {key} {order} LIMIT 1').fetchone()  # noqa: S608 - names of our schema
    for finding in findings:
        if finding != "ok":
            # SQLite's finding may have several lines; an error is one.
            raise StoreCorrupt(
                f"{path}: the file is damaged ({' '.join(finding.split())}): put it aside, restore a copy"
            )


def _check_sqlite() -> None:
    if sqlite3.sqlite_version_info < OLDEST_SQLITE:
        oldest = ".".join(map(str, OLDEST_SQLITE))
        raise StoreError(f"SQLite {sqlite3.sqlite_version} is too old: use a Python that has SQLite {oldest} or newer")


def _check_file(path: Path, key: StoreKey | None, *, create: bool) -> None:
    check_header(path, key)
    if is_there(path):
        return
    if not create:
        raise StoreError(f"{path}: there is no store here: import a roll first, or correct the path")
    try:
        # Voters' names and numbers: for this user alone. SQLite gives its side files the same rights.
        os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600))
    except OSError as error:
        raise StoreError(
            f"{path}: it cannot be made ({error.strerror}): check that the folder exists and this user may write to it"
        ) from error


def _keep_from_others(path: Path) -> None:
    """A file that somebody made beforehand, still empty, gets the rights of one that we make."""
    try:
        if path.stat().st_size == 0:
            path.chmod(0o600)
    except OSError as error:
        raise StoreError(
            f"{path}: it is empty and its rights cannot be set ({error.strerror}): remove it, a store is made in its place"
        ) from error
