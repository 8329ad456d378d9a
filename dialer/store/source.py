"""Reading a store for reports: a connection of its own that cannot write, beside a dialler that is running."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiosqlite

from dialer.domain.errors import StoreError
from dialer.store.cipher import StoreKey, connect, database_errors
from dialer.store.connection import BUSY_SECONDS, check_header, is_there
from dialer.store.seals import SealVerdict, verify

_RIGHTS_LACK = frozenset({sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM})
ITERATED_AT_ONCE = 64  # rows that a walk over a cursor takes from the thread at a time


class Source:
    """A store that is only read."""

    def __init__(self, db: aiosqlite.Connection) -> None:
        self._db = db

    async def rows(self, statement: str, parameters: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        """All rows of a statement; parameters by name."""
        async with self._db.execute(statement, parameters) as cursor:
            return [tuple(row) for row in await cursor.fetchall()]

    async def verdict(self) -> SealVerdict:
        """Whether what is read is as it was written (`dialer audit verify`)."""
        # In the connection's own thread, for which aiosqlite has no public door and no types.
        found: SealVerdict = await self._db._execute(lambda: verify(self._db._conn))  # type: ignore[no-untyped-call]
        return found


@asynccontextmanager
async def open_source(path: Path, *, key: StoreKey | None = None) -> AsyncIterator[Source]:
    """Open the store at `path` for reading. All that is read within the context is of one moment.

    Raises StoreCorrupt where it is not a store, StoreError where there is none, it cannot be read or `key` is not its key.
    """
    try:
        _check_readable(path, key)
        async with aiosqlite.Connection(lambda: connect(path, "ro", BUSY_SECONDS, key), ITERATED_AT_ONCE) as db:
            await db.execute("BEGIN")
            yield Source(db)
    except database_errors() as error:
        if getattr(error, "sqlite_errorcode", 0) & 0xFF in _RIGHTS_LACK:
            raise StoreError(
                f"{path}: the store cannot be read ({error}): to be read beside a dialler it needs files next to it;"
                " give this user the right to write to its folder"
            ) from error
        raise StoreError(
            f"{path}: the store cannot be read ({error}): check that it is a Matdan store and whole"
        ) from error


def _check_readable(path: Path, key: StoreKey | None) -> None:
    if not is_there(path):
        raise StoreError(f"{path}: there is no store here: name the right one with --store or -c")
    check_header(path, key)
    if key is not None:
        # A key that does not fit must show here: aiosqlite leaves a thread behind where connecting fails.
        connect(path, "ro", BUSY_SECONDS, key).close()
