"""Checks of a database file: whether it exists, is a Matdan store, is encrypted, and is intact."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

from dialer.domain.errors import StoreCorrupt, StoreError
from dialer.domain.paths import path_exists
from dialer.store.keys import StoreKey
from dialer.store.sql import Connection

OLDEST_SQLITE = (3, 35, 0)  # the first with RETURNING
FULL_CHECK_BYTES = 64 << 20
"""Files up to this size are checked completely when they are opened."""
_HEADER = b"SQLite format 3\x00"
_CHECKED_TABLES = ("campaign", "opt_out", "command", "booth")


def check_database_header(path: Path, key: StoreKey | None) -> None:
    """Raise StoreCorrupt if a file is not an SQLite database, and StoreError if it is unencrypted although a `key` is set.

    A missing or empty file passes. An encrypted file starts with random bytes, so only its key shows what it is.
    """
    head = _read_file_header(path)
    if key is None and head and head != _HEADER:
        raise StoreCorrupt(
            f"{path}: this file is not a Matdan store, or its beginning is destroyed. Choose another file; if the "
            "store is encrypted, set `store.encryption_key_file`."
        )
    if key is not None and head == _HEADER:
        raise StoreError(
            f"{path}: this store is not encrypted, although `store.encryption_key_file` is set. Run `dialer store "
            "encrypt`, or remove the setting."
        )


def is_encrypted(path: Path) -> bool:
    """Return whether the file has content and does not begin like an unencrypted database.

    Raises StoreError if it cannot be read.
    """
    return _read_file_header(path) not in {b"", _HEADER}


def file_exists(path: Path) -> bool:
    """Return whether there is a file at `path`. Raises StoreError if this user has no permission to see that."""
    try:
        return path_exists(path)
    except OSError as error:
        raise _create_error_about_unreadable_file(path, error) from error


def check_database_integrity(db: Connection, path: Path) -> None:
    """Raise StoreCorrupt if the file is damaged. A small file is checked completely.

    In a large file, only the small tables are checked completely. Of each large table, only the pages on the way to its
    first and its last row are read.
    """
    if path.stat().st_size <= FULL_CHECK_BYTES:
        results = [db.execute("PRAGMA quick_check(1)").fetchone()[0]]
    else:
        results = [db.execute(f"PRAGMA quick_check('{table}')").fetchone()[0] for table in _CHECKED_TABLES]
        for table, definition in db.execute("SELECT name, sql FROM sqlite_schema WHERE type = 'table'").fetchall():
            key = "1" if "WITHOUT ROWID" in definition else "rowid"
            for order in ("ASC", "DESC"):
                db.execute(f'SELECT * FROM "{table}" ORDER BY {key} {order} LIMIT 1').fetchone()  # noqa: S608 - names of our schema
    for result in results:
        if result != "ok":
            text = " ".join(result.split())  # several lines, or one
            raise StoreCorrupt(f"{path}: the file is damaged ({text}). Move it away and restore a backup.")


def check_sqlite_version() -> None:
    """Raise StoreError if the installed SQLite is too old."""
    if sqlite3.sqlite_version_info < OLDEST_SQLITE:
        oldest = ".".join(map(str, OLDEST_SQLITE))
        raise StoreError(f"SQLite {sqlite3.sqlite_version} is too old. Use a Python with SQLite {oldest} or newer.")


def check_database_file(path: Path, key: StoreKey | None, *, create: bool) -> None:
    """Check the header of a database file. With `create`, create a missing file. Raises StoreError, StoreCorrupt."""
    check_database_header(path, key)
    if file_exists(path):
        return
    if not create:
        raise StoreError(f"{path}: the store does not exist. Import a roll first, or correct the path.")
    try:
        # Only this user may read it, for it holds names and numbers. SQLite gives the WAL the same permissions.
        os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600))
    except OSError as error:
        raise StoreError(
            f"{path}: the store cannot be created ({error.strerror}). Check that its folder exists and is"
            " writable for this"
            " user."
        ) from error


def make_empty_file_private(path: Path) -> None:
    """Make an empty file readable by this user only. Raises StoreError."""
    try:
        if path.stat().st_size == 0:
            path.chmod(0o600)
    except OSError as error:
        raise StoreError(
            f"{path}: this file is empty, and its permissions cannot be set ({error.strerror}). Remove the file;"
            " a new store"
            " will be created."
        ) from error


def _read_file_header(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(len(_HEADER))
    except FileNotFoundError:
        return b""
    except OSError as error:
        raise _create_error_about_unreadable_file(path, error) from error


def _create_error_about_unreadable_file(path: Path, error: OSError) -> StoreError:
    return StoreError(f"{path}: cannot be read ({error.strerror}). Check the path and this user's permissions.")
