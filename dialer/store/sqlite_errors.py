"""Translates errors of SQLite into StoreErrors, which name the file, the problem and the remedy."""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dialer.domain.errors import StoreBusy, StoreCorrupt, StoreError, StoreFull, StoreTimeout

SQLCIPHER = "sqlcipher3.dbapi2"
"""The module that opens encrypted files."""
_PRIMARY_CODE = 0xFF  # the low byte of an extended result code

_FULL = (StoreFull, "the disk is full. Free space and start again; everything recorded so far is saved.")
_BUSY = (StoreBusy, "another process is writing to it. Close the other programs that have it open, then try again.")
_CORRUPT = (StoreCorrupt, "the file is damaged ({error}). Move it away and restore a backup.")
_READ_ONLY = (StoreError, "it cannot be written. Give this user write permission on the file and its folder.")
_CANNOT_OPEN = (StoreError, "it cannot be opened. Check that the folder exists and that this user may write to it.")
_DISK_FAILED = (StoreError, "the disk failed ({name}). Check the system log, then start again.")
_TIMEOUT = (StoreTimeout, "the read took longer than its time limit. Read less, such as a shorter period.")
_OTHER = (StoreError, "{error}")

_BY_CODE: dict[int, tuple[type[StoreError], str]] = {
    sqlite3.SQLITE_FULL: _FULL,
    sqlite3.SQLITE_BUSY: _BUSY,
    sqlite3.SQLITE_LOCKED: _BUSY,
    sqlite3.SQLITE_CORRUPT: _CORRUPT,
    sqlite3.SQLITE_NOTADB: _CORRUPT,
    sqlite3.SQLITE_READONLY: _READ_ONLY,
    sqlite3.SQLITE_CANTOPEN: _CANNOT_OPEN,
    sqlite3.SQLITE_IOERR: _DISK_FAILED,
    sqlite3.SQLITE_INTERRUPT: _TIMEOUT,
}


def get_database_error_types() -> tuple[type[Exception], ...]:
    """Return the errors that a statement may raise: the errors of sqlite3, and of SQLCipher where it is in use."""
    driver = sys.modules.get(SQLCIPHER)
    return (sqlite3.Error,) if driver is None else (sqlite3.Error, driver.Error)


def build_store_error(error: Exception, path: Path) -> StoreError:
    """Return the StoreError for an error of SQLite on the file at `path`."""
    code = getattr(error, "sqlite_errorcode", 0) & _PRIMARY_CODE  # errors of the Python module itself have no code
    kind, text = _BY_CODE.get(code, _OTHER)
    return kind(f"{path}: {text.format(error=error, name=getattr(error, 'sqlite_errorname', ''))}")


@contextmanager
def translate_sqlite_errors(path: Path) -> Iterator[None]:
    """Translate errors of SQLite in the block into StoreErrors about the file at `path`."""
    try:
        yield
    except get_database_error_types() as error:
        raise build_store_error(error, path) from error
