"""A connection to headquarters' PostgreSQL. Only this module imports asyncpg."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import date, timedelta
from importlib import resources
from typing import Any

import asyncpg

from dialer.domain.errors import HeadquartersUnreachable

NO_NUL = r"^[^\x00]*$"
"""Pattern of a text that PostgreSQL can store."""
PARTITIONS = 16  # of each table that is partitioned by constituency
DAYS_AHEAD = 3
DEADLOCK_RETRIES = 5
DatabaseError = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError, TimeoutError)
"""Errors of a database that is unreachable. asyncpg raises an internal error if the connection is lost within a statement."""
ValueRejected = (asyncpg.DataError, asyncpg.IntegrityConstraintViolationError, asyncpg.ProgramLimitExceededError)
"""Errors for a value that the database cannot store. The last one: too long for an index, or nested too deeply."""


class Database:
    """A connection to the database, for one task at a time. `open_database` opens such a connection."""

    def __init__(self, connection: asyncpg.Connection[Any]) -> None:
        self._connection = connection

    def open_transaction(self) -> AbstractAsyncContextManager[Any]:
        """Return an async context manager for a transaction. It commits at its end, or rolls back on an error.

        A transaction within a transaction is a savepoint.
        """
        transaction: AbstractAsyncContextManager[Any] = self._connection.transaction()
        return transaction

    async def fetch_rows(self, sql: str, *values: object) -> Sequence[Any]:
        """Return the rows of a query, as records of asyncpg."""
        rows: Sequence[Any] = await self._connection.fetch(sql, *values)
        return rows

    async def fetch_value(self, sql: str, *values: object) -> Any:
        """Return the first column of the first row of a query, or None if there is no row."""
        return await self._connection.fetchval(sql, *values)

    async def fetch_rows_as_tuples(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        """Return the rows of a query as tuples."""
        return [tuple(row) for row in await self._connection.fetch(sql, *values)]

    async def run_statement(self, sql: str, *values: object) -> int:
        """Run a statement and return the number of rows it changed."""
        count = (await self._connection.execute(sql, *values)).rpartition(" ")[2]
        return int(count) if count.isdigit() else 0

    async def copy_rows_into_table(self, table: str, rows: Sequence[tuple[Any, ...]]) -> None:
        """Copy rows into a table. Each row has a value for every column.

        If a value is invalid, one of the errors in `ValueRejected` is raised.
        """
        try:
            await self._connection.copy_records_to_table(table, records=rows)
        except (ValueError, TypeError, OverflowError) as error:
            raise asyncpg.DataError(str(error)) from error

    async def prepare_schema(self) -> None:
        """Create or upgrade the schema, and create this connection's temporary tables.

        The upgrade is retried if PostgreSQL aborts it because of a deadlock with a process that is storing results.
        """
        retries = DEADLOCK_RETRIES
        while True:
            try:
                await self._upgrade_schema()
                break
            except asyncpg.DeadlockDetectedError:
                if not retries:
                    raise
                retries -= 1
        await self._connection.execute(_read_sql_script("temporary_tables.sql"))

    async def _upgrade_schema(self) -> None:
        async with self._connection.transaction():
            await self._connection.execute("SELECT pg_advisory_xact_lock(7301522)")  # two processes may start at once
            await self._connection.execute(_read_sql_script("schema.sql"))
            for table in ("answer", "mark", "voter"):
                for number in range(PARTITIONS):
                    await self._connection.execute(
                        f"CREATE TABLE IF NOT EXISTS {table}_{number} PARTITION OF {table}"
                        f" FOR VALUES WITH (MODULUS {PARTITIONS}, REMAINDER {number})"
                    )

    async def update_result_partitions(self, today: date, keep_days: int) -> None:
        """Create the partitions of the table `result` for the coming days, and drop those that are older than
        `keep_days`.

        Rows of other days, and rows that arrived before their partition existed, are in the partition `result_other`.
        """
        for ahead in range(-1, DAYS_AHEAD):
            day = today + timedelta(days=ahead)
            with contextlib.suppress(asyncpg.CheckViolationError):
                await self._connection.execute(
                    f"CREATE TABLE IF NOT EXISTS result_{day:%Y%m%d} PARTITION OF result"
                    f" FOR VALUES FROM ('{day} 00:00+00') TO ('{day + timedelta(days=1)} 00:00+00')"
                )

        oldest = today - timedelta(days=keep_days)
        for (table,) in await self.fetch_rows_as_tuples(
            "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'result'::regclass"
        ):
            dated = re.fullmatch(r"result_(\d{8})", table)
            if dated is not None and date.fromisoformat(dated[1]) < oldest:
                await self._connection.execute(f"DROP TABLE {table}")
        await self._connection.execute("DELETE FROM result_other WHERE at < $1::date", oldest)


def _read_sql_script(name: str) -> str:
    return resources.files("dialer.hq").joinpath(name).read_text("utf-8")


@contextlib.asynccontextmanager
async def open_database(address: str) -> AsyncIterator[Database]:
    """Open a connection to the database at `address` (postgresql://...) for as long as the context lasts.

    Raises HeadquartersUnreachable.
    """
    try:
        connection = await asyncpg.connect(address, timeout=10.0, command_timeout=60.0)
    except (*DatabaseError, ValueError) as error:
        raise HeadquartersUnreachable(
            f"headquarters' database does not answer ({error or type(error).__name__}): check `gather.database`"
            " and PostgreSQL"
        ) from error
    try:
        yield Database(connection)
    finally:
        with contextlib.suppress(*DatabaseError):
            async with asyncio.timeout(5.0):
                await connection.close()
