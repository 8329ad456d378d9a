"""Encryption of a store's file at rest: its key, and the connections that use it.

SQLCipher encrypts every page of the file, of its WAL and of its journals (AES-256, each page with its own initialisation
vector and HMAC-SHA512), and keeps what SQLite would put into temporary files in memory. So nothing that a disk holds of the
store is readable without the key, and no statement of ours is another one: https://www.zetetic.net/sqlcipher/design/.
"""

from __future__ import annotations

import importlib
import os
import re
import secrets
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dialer.domain.errors import StoreBusy, StoreCorrupt, StoreError, StoreFull
from dialer.extras import with_extra
from dialer.settings.site import Settings
from dialer.store.sql import Connection

_DRIVER = "sqlcipher3.dbapi2"
_KEY = re.compile(r"[0-9a-f]{64}")
_OTHERS_MAY_READ = 0o077
BUSY_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class StoreKey:
    """A key of 256 bits. It is used as it is: what is random needs no stretching, and a store opens at once."""

    file: Path
    digits: str = field(repr=False)  # 64 hexadecimal ones


def read_key(path: Path) -> StoreKey:
    """The key in a file. Raises StoreError where there is none, where it is none, or where others may read it."""
    try:
        # The rights of the file that is read, not of what another name leads to a moment later.
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            text = file.read(1024)
    except OSError as error:
        raise StoreError(
            f"{path}: the store's key cannot be read ({error.strerror}): put the file back, or correct"
            " store.encryption_key_file; for a new store, `dialer store key` makes one"
        ) from error
    if mode & _OTHERS_MAY_READ:
        raise StoreError(f"{path}: others may read the store's key: `chmod 600` it, and see who may have read it")
    digits = text.decode("ascii", "replace").strip().lower()
    if not _KEY.fullmatch(digits):
        raise StoreError(
            f"{path}: this is no key of a store: it holds 64 hexadecimal digits, as `dialer store key` writes"
        )
    return StoreKey(path, digits)


def write_new_key(path: Path) -> StoreKey:
    """Make a key and the file for it, for this user's eyes alone. Raises StoreError where there is a file already."""
    key = StoreKey(path, secrets.token_hex(32))
    try:
        descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(key.digits + "\n")
            file.flush()
            os.fsync(descriptor)
    except FileExistsError as error:
        raise StoreError(
            f"{path}: there is a file already, and it may be a store's only key: name another one"
        ) from error
    except OSError as error:
        raise StoreError(f"{path}: the key cannot be written ({error.strerror}): name another place") from error
    return key


def connect(path: Path, mode: str, key: StoreKey | None, busy_seconds: float = BUSY_SECONDS) -> Connection:
    """A connection to the file in autocommit mode; `mode` is SQLite's: ro, rw or rwc.

    With a key it is of SQLCipher's module, which has the methods of `sqlite3.Connection` and errors of its own: catch
    `database_errors()`. One process must not open a file with both modules: POSIX locks do not hold between them.

    Raises StoreError where the key does not fit or encryption is not installed, and what `database_errors` names.
    """
    driver: Any = sqlite3 if key is None else _driver()
    # By the file's own name: its WAL stands beside it and is the same by whatever symbolic link the store was named.
    # check_same_thread: statements run in one thread at a time, but opening and closing may fall to another.
    db: Connection = driver.connect(
        f"{path.resolve().as_uri()}?mode={mode}",
        uri=True,
        timeout=busy_seconds,
        isolation_level=None,
        check_same_thread=False,
        cached_statements=256,
    )
    if key is not None:
        with closed_on_error(db):
            _unlock(db, path, key)
    return db


@contextmanager
def closed_on_error(db: Connection) -> Iterator[Connection]:
    """A connection that outlives the block, unless that fails."""
    try:
        yield db
    except BaseException:
        db.close()
        raise


def _unlock(db: Connection, path: Path, key: StoreKey) -> None:
    db.execute("PRAGMA cipher_log_level = NONE")  # it would write on standard error; we say it in our own words
    db.execute(f"PRAGMA key = {key_literal(key)}")
    try:
        db.execute("SELECT count(*) FROM sqlite_schema").fetchone()  # the first page; an empty file takes any key
    except database_errors() as error:
        if getattr(error, "sqlite_errorcode", 0) != sqlite3.SQLITE_NOTADB:
            raise
        raise StoreError(
            f"{path}: the key in {key.file} does not open it: name its own in store.encryption_key_file;"
            " if it is the right one, the file's beginning is destroyed: restore a copy"
        ) from error


def connect_any() -> Connection:
    """A connection to nothing yet that can ATTACH files, encrypted or not, each with `KEY` and its `key_literal`."""
    db: Connection = _driver().connect(":memory:", uri=True, isolation_level=None)
    db.execute("PRAGMA cipher_log_level = NONE")
    return db


def key_literal(key: StoreKey | None) -> str:
    """A key as SQL; without one, that of a file that is not encrypted."""
    return "''" if key is None else f"\"x'{key.digits}'\""


def database_errors() -> tuple[type[Exception], ...]:
    """What a statement may raise: sqlite3's errors, and SQLCipher's where it is in use."""
    driver = sys.modules.get(_DRIVER)
    return (sqlite3.Error,) if driver is None else (sqlite3.Error, driver.Error)


def _driver() -> Any:
    try:
        return importlib.import_module(_DRIVER)
    except ImportError as error:
        raise StoreError(f"the store's encryption is not installed: {with_extra('encryption')}") from error


# What SQLite says went wrong, as one line for the person who must mend it.


_PRIMARY_CODE = 0xFF  # an extended result code carries its primary one in the low byte

_FULL = (StoreFull, "the disk is full: free space and start again; everything recorded so far is kept")
_BUSY = (StoreBusy, "another process is writing to it: close what else has it open, then try again")
_CORRUPT = (StoreCorrupt, "the file is damaged ({error}): put it aside and restore a copy")
_READ_ONLY = (StoreError, "it cannot be written: give this user the right to write the file and its folder")
_CANNOT_OPEN = (StoreError, "it cannot be opened: check that the folder exists and this user may write to it")
_DISK_FAILED = (StoreError, "the disk failed ({name}): look at the system's log, then start again")
_OTHER = (StoreError, "{error}")

_EXPLANATIONS: dict[int, tuple[type[StoreError], str]] = {
    sqlite3.SQLITE_FULL: _FULL,
    sqlite3.SQLITE_BUSY: _BUSY,
    sqlite3.SQLITE_LOCKED: _BUSY,
    sqlite3.SQLITE_CORRUPT: _CORRUPT,
    sqlite3.SQLITE_NOTADB: _CORRUPT,
    sqlite3.SQLITE_READONLY: _READ_ONLY,
    sqlite3.SQLITE_CANTOPEN: _CANNOT_OPEN,
    sqlite3.SQLITE_IOERR: _DISK_FAILED,
}


def explain(error: Exception, path: Path) -> StoreError:
    """The store's error for an error of SQLite; the text names the file and the remedy."""
    # An error that the module itself raises has no code.
    code = getattr(error, "sqlite_errorcode", 0) & _PRIMARY_CODE
    kind, text = _EXPLANATIONS.get(code, _OTHER)
    return kind(f"{path}: {text.format(error=error, name=getattr(error, 'sqlite_errorname', ''))}")


@contextmanager
def connected(path: Path, mode: str, key: StoreKey | None) -> Iterator[Connection]:
    """A file of whatever schema, connected to (`connect`) for the block; what SQLite says of it is the store's own error."""
    with explained(path), closing(connect(path, mode, key)) as db:
        yield db


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn an error of SQLite that leaves the block into the store's own."""
    try:
        yield
    except database_errors() as error:
        raise explain(error, path) from error


# The key of a site's store, as its settings name it.


def site_key(settings: Settings) -> StoreKey | None:
    """The key in `store.encryption_key_file`; None: the store is not encrypted. Raises StoreError where it cannot be used."""
    path = settings.store.encryption_key_file
    return None if path is None else read_key(path)
