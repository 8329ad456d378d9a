"""What SQLite says went wrong, as one line for the person who must mend it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from dialer.domain.errors import StoreBusy, StoreCorrupt, StoreError, StoreFull
from dialer.store.cipher import StoreKey, connect, database_errors
from dialer.store.sql import Connection

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
