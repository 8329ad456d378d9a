"""Connections to a database file: Python's sqlite3 opens a plain file, SQLCipher opens an encrypted one."""

from __future__ import annotations

import importlib
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from dialer.domain.errors import StoreError
from dialer.extras import describe_extra_installation
from dialer.store.keys import StoreKey, format_key_as_sql_literal
from dialer.store.sql import Connection
from dialer.store.sqlite_errors import SQLCIPHER, get_database_error_types, translate_sqlite_errors

BUSY_SECONDS = 5.0


def connect_to_database_file(
    path: Path, mode: str, key: StoreKey | None, busy_seconds: float = BUSY_SECONDS
) -> Connection:
    """Connect to a database file in autocommit mode. `mode` is SQLite's: ro, rw or rwc.

    With a key, the connection is one of SQLCipher. It has the methods of `sqlite3.Connection`, but raises SQLCipher's
    errors: catch those of `get_database_error_types`. One process must not open a file with both libraries, because
    their POSIX locks do not exclude each other. Raises StoreError if the key is wrong or encryption is not installed,
    and the errors of SQLite.
    """
    driver: Any = sqlite3 if key is None else _import_sqlcipher()
    # The resolved path: the WAL lies beside the file itself, whatever symbolic link the store was named by.
    # check_same_thread: statements run in one thread at a time, but another thread may open or close the connection.
    db: Connection = driver.connect(
        f"{path.resolve().as_uri()}?mode={mode}",
        uri=True,
        timeout=busy_seconds,
        isolation_level=None,
        check_same_thread=False,
        cached_statements=256,
        factory=_make_connection_class(driver.Connection),
    )
    if key is not None:
        with close_connection_on_error(db):
            _unlock_database_with_key(db, path, key)
    return db


@cache
def _make_connection_class(base: type[Any]) -> type[Any]:
    """Return a subclass of `base` with the attribute `hooks`: methods to run at a transaction's begin and commit."""
    return type("StoreConnection", (base,), {"hooks": None})


@contextmanager
def open_connection(path: Path, mode: str, key: StoreKey | None) -> Iterator[Connection]:
    """Connect to a database file, and close the connection when the `with` block ends. The schema is not checked.

    Errors of SQLite are raised as StoreError.
    """
    with translate_sqlite_errors(path), closing(connect_to_database_file(path, mode, key)) as db:
        yield db


@contextmanager
def close_connection_on_error(db: Connection) -> Iterator[Connection]:
    """Close the connection if the `with` block fails. Otherwise leave it open."""
    try:
        yield db
    except BaseException:
        db.close()
        raise


def connect_to_memory_database() -> Connection:
    """Connect to an empty database in memory. Unencrypted and encrypted files can be attached to it (ATTACH ... KEY)."""
    db: Connection = _import_sqlcipher().connect(":memory:", uri=True, isolation_level=None)
    db.execute("PRAGMA cipher_log_level = NONE")
    return db


def _unlock_database_with_key(db: Connection, path: Path, key: StoreKey) -> None:
    db.execute("PRAGMA cipher_log_level = NONE")  # it logs to standard error; we raise errors of our own
    db.execute(f"PRAGMA key = {format_key_as_sql_literal(key)}")
    try:
        db.execute(
            "SELECT count(*) FROM sqlite_schema"
        ).fetchone()  # reads the first page; an empty file accepts any key
    except get_database_error_types() as error:
        if getattr(error, "sqlite_errorcode", 0) != sqlite3.SQLITE_NOTADB:
            raise
        raise StoreError(
            f"{path}: the key in {key.file} does not open this store. Set `store.encryption_key_file` to this "
            "store's key. If the key is right, the beginning of the store is destroyed: restore a backup."
        ) from error


def _import_sqlcipher() -> Any:
    try:
        return importlib.import_module(SQLCIPHER)
    except ImportError as error:
        raise StoreError(
            f"encryption of the store is not installed: {describe_extra_installation('encryption')}"
        ) from error
