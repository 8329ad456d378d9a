"""Database connections for programs with an event loop. They use aiosqlite, which runs each connection in its own
thread.

The dialling engine does not use these connections: its writer groups many writes into one commit (`writer.py`).
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Self, TypeVar

import aiosqlite

from dialer.store.connection import open_store_for_reading
from dialer.store.keys import StoreKey
from dialer.store.sql import Command, Connection, Query, Scalar
from dialer.store.sqlite_errors import translate_sqlite_errors

R = TypeVar("R")
V = TypeVar("V")


class Statements:
    """A database connection (aiosqlite) that runs typed SQL statements. Methods raise StoreError."""

    def __init__(self, connection: aiosqlite.Connection, path: Path) -> None:
        self._connection = connection
        self._path = path

    async def fetch_all_rows(self, query: Query[R], /, **parameters: object) -> list[R]:
        """Run a query and return all its rows."""
        with translate_sqlite_errors(self._path):
            return [*map(query.make, await self._connection.execute_fetchall(query.sql, parameters))]

    async def fetch_first_row(self, query: Query[R], /, **parameters: object) -> R | None:
        """Run a query and return its first row, or None if there is none."""
        return next(iter(await self.fetch_all_rows(query, **parameters)), None)

    async def fetch_first_value(self, scalar: Scalar[V], /, **parameters: object) -> V | None:
        """Run a query and return the value of its first row, or None if there is no row or the value is NULL."""
        with translate_sqlite_errors(self._path):
            for (value,) in await self._connection.execute_fetchall(scalar.sql, parameters):
                return None if value is None else scalar.kind(value)
        return None

    async def run_statement(self, command: Command, /, **parameters: object) -> int:
        """Run an SQL statement that returns no rows, and return the number of rows it changed."""
        with translate_sqlite_errors(self._path):
            async with self._connection.execute(command.sql, parameters) as cursor:
                return cursor.rowcount

    async def run_statement_for_each_parameter_set(
        self, command: Command, parameters: Iterable[Mapping[str, object]], /
    ) -> None:
        """Run an SQL statement once for each set of parameters. The statement returns no rows."""
        with translate_sqlite_errors(self._path):
            async with self._connection.executemany(command.sql, parameters):
                pass


class AsyncConnection(Statements):
    """A database file opened with aiosqlite. A task's statements never run inside another task's transaction."""

    def __init__(self, connection: aiosqlite.Connection, path: Path) -> None:
        """Wrap an open connection. Callers use `connect_to_database_file` or `connect_to_store_for_reading`."""
        super().__init__(connection, path)
        self._lock = asyncio.Lock()

    @classmethod
    async def connect_to_database_file(cls, path: Path, connector: Callable[[], Connection]) -> Self:
        """Open a database file by calling `connector` in the new connection's own thread, because that call blocks.

        Raises StoreError.
        """
        failed: list[Exception] = []

        def open_connection_or_remember_error() -> Connection:
            # If the connector raised, aiosqlite would stop its thread without waiting, and the thread would outlive the loop.
            try:
                return connector()
            except Exception as error:  # noqa: BLE001 - raised again below
                failed.append(error)
                return sqlite3.connect(":memory:")

        connection = await aiosqlite.Connection(open_connection_or_remember_error, iter_chunk_size=64)
        if failed:
            await connection.close()
            with translate_sqlite_errors(path):
                raise failed[0]
        return cls(connection, path)

    @classmethod
    async def connect_to_store_for_reading(cls, path: Path, key: StoreKey | None, *, opened_here: bool = False) -> Self:
        """Open a store for reading. See `open_store_for_reading`. Raises StoreError, StoreCorrupt."""
        return await cls.connect_to_database_file(
            path, partial(open_store_for_reading, path, key=key, opened_here=opened_here)
        )

    async def fetch_all_rows(self, query: Query[R], /, **parameters: object) -> list[R]:
        """Run a query and return all its rows."""
        async with self._lock:
            return await super().fetch_all_rows(query, **parameters)

    async def fetch_first_value(self, scalar: Scalar[V], /, **parameters: object) -> V | None:
        """Run a query and return the value of its first row, or None if there is no row or the value is NULL."""
        async with self._lock:
            return await super().fetch_first_value(scalar, **parameters)

    async def run_statement(self, command: Command, /, **parameters: object) -> int:
        """Run an SQL statement that returns no rows, and return the number of rows it changed."""
        async with self._lock:
            return await super().run_statement(command, **parameters)

    async def run_statement_for_each_parameter_set(
        self, command: Command, parameters: Iterable[Mapping[str, object]], /
    ) -> None:
        """Run an SQL statement once for each set of parameters, in one transaction. The statement returns no rows."""
        async with self.open_transaction() as statements:
            await statements.run_statement_for_each_parameter_set(command, parameters)

    @asynccontextmanager
    async def open_transaction(self) -> AsyncIterator[Statements]:
        """Open a transaction. Commit it when the `with` block ends, or roll it back if the block fails."""
        async with self._begin_transaction("BEGIN IMMEDIATE") as statements:
            yield statements
            await self._connection.execute("COMMIT")

    @asynccontextmanager
    async def open_read_snapshot(self) -> AsyncIterator[Statements]:
        """Begin a read transaction. All statements of the block see the same state of the database."""
        async with self._begin_transaction("BEGIN") as statements:
            yield statements

    @asynccontextmanager
    async def _begin_transaction(self, begin: str) -> AsyncIterator[Statements]:
        """Begin a transaction with the SQL statement `begin`. When the `with` block ends, roll back what it has not
        committed.
        """
        async with self._lock:
            with translate_sqlite_errors(self._path):
                try:
                    await self._connection.execute(begin)
                    yield Statements(self._connection, self._path)
                finally:
                    # A cancelled statement still runs in the connection's thread. The rollback is queued behind it, also where
                    # its own wait is cancelled, and does nothing outside a transaction.
                    await self._connection.rollback()

    async def close(self) -> None:
        """Close the connection once the running statement has ended. If it is closed already, do nothing."""
        async with self._lock:
            await self._connection.close()
