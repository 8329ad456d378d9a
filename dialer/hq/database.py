"""Headquarters' database: the one door to PostgreSQL's library."""

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
from dialer.store.sql import parse_statements

SQL = {
    name: statement
    for file in ("gather", "pages")
    for name, statement in parse_statements(
        resources.files("dialer.hq").joinpath("queries", f"{file}.sql").read_text("utf-8")
    ).items()
}
NO_NUL = r"^[^\x00]*$"
"""A text that PostgreSQL takes."""
PARTS = 16  # of the tables that are split by constituency
DAYS_AHEAD = 3
DatabaseError = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError, TimeoutError)
"""What is raised where the database is away, or goes: asyncpg calls it an internal error where that meets a statement half sent."""
CannotBeKept = (asyncpg.DataError, asyncpg.IntegrityConstraintViolationError, asyncpg.ProgramLimitExceededError)
"""What is raised for a value that the database does not take; the last: one too long for an index, or nested too deep."""


class Database:
    """A connection, used by one task at a time."""

    def __init__(self, connection: asyncpg.Connection[Any]) -> None:
        """Use `database`."""
        self._connection = connection

    def transaction(self) -> AbstractAsyncContextManager[Any]:
        """All that is done in it, or nothing; within another one a savepoint."""
        transaction: AbstractAsyncContextManager[Any] = self._connection.transaction()
        return transaction

    async def rows(self, name: str, *values: Any) -> list[Any]:
        """The rows of a statement of queries/."""
        return list(await self._connection.fetch(SQL[name], *values))

    async def value(self, name: str, *values: Any) -> Any:
        """The first column of its first row; None: there is none."""
        return await self._connection.fetchval(SQL[name], *values)

    async def fill(self, table: str, rows: Sequence[tuple[Any, ...]]) -> None:
        """Put rows into a table, each with a value for every column. Raises CannotBeKept."""
        try:
            await self._connection.copy_records_to_table(table, records=rows)
        except (ValueError, TypeError, OverflowError) as error:
            raise asyncpg.DataError(str(error)) from error

    async def count(self, name: str) -> int:
        """How many rows it wrote."""
        return int((await self._connection.execute(SQL[name])).rpartition(" ")[2])

    async def written(self, name: str) -> set[tuple[str, int]]:
        """Centre and id of each row that it wrote."""
        return {tuple(row) for row in await self._connection.fetch(f"{SQL[name]} RETURNING centre, id")}

    async def do(self, name: str, *values: Any) -> None:
        """Run it."""
        await self._connection.execute(SQL[name], *values)

    async def ask(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        """The rows of any statement, as tuples: for who looks into the database."""
        return [tuple(row) for row in await self._connection.fetch(sql, *values)]

    async def prepare(self) -> None:
        """Make what is missing of the schema, and this connection's own tables."""
        schema = resources.files("dialer.hq").joinpath("schema.sql").read_text("utf-8")
        async with self._connection.transaction():
            await self._connection.execute("SELECT pg_advisory_xact_lock(7301522)")  # two may start at once
            await self._connection.execute(schema)
            for table in ("answer", "mark", "voter"):
                for part in range(PARTS):
                    await self._connection.execute(
                        f"CREATE TABLE IF NOT EXISTS {table}_{part} PARTITION OF {table}"
                        f" FOR VALUES WITH (MODULUS {PARTS}, REMAINDER {part})"
                    )
        await self.do("own_tables")

    async def prepare_days(self, today: date, keep_days: int) -> None:
        """A table for each of the coming days; those of more than `keep_days` ago go. Rows of days without one, or that came before
        there was one, are in `announced_other`.
        """
        for ahead in range(-1, DAYS_AHEAD):
            day = today + timedelta(days=ahead)
            with contextlib.suppress(asyncpg.CheckViolationError):
                await self._connection.execute(
                    f"CREATE TABLE IF NOT EXISTS announced_{day:%Y%m%d} PARTITION OF announced"
                    f" FOR VALUES FROM ('{day} 00:00+00') TO ('{day + timedelta(days=1)} 00:00+00')"
                )

        oldest = today - timedelta(days=keep_days)
        for (table,) in await self.ask(
            "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'announced'::regclass"
        ):
            dated = re.fullmatch(r"announced_(\d{8})", table)
            if dated is not None and date.fromisoformat(dated[1]) < oldest:
                await self._connection.execute(f"DROP TABLE {table}")
        await self.do("forget_others", oldest)


@contextlib.asynccontextmanager
async def database(address: str) -> AsyncIterator[Database]:
    """A connection to the database at `address` (postgresql://...). Raises HeadquartersUnreachable."""
    try:
        connection = await asyncpg.connect(address, timeout=10.0, command_timeout=60.0)
    except (*DatabaseError, ValueError) as error:
        raise HeadquartersUnreachable(f"the database does not answer: {error or type(error).__name__}") from error
    try:
        yield Database(connection)
    finally:
        with contextlib.suppress(*DatabaseError):
            async with asyncio.timeout(5.0):
                await connection.close()


def columns(rows: Sequence[Sequence[Any]], count: int) -> list[list[Any]]:
    """Rows as the statements take them: a list for each of `count` columns."""
    return [list(column) for column in zip(*rows, strict=True)] if rows else [[] for _ in range(count)]
