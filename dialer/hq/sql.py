"""Typed SQL statements for PostgreSQL, declared as in `dialer.store.sql` and run with `await`.

Parameters are passed by position ($1, $2, ...). If a statement writes many rows, each parameter is a list with one
value per row (see `convert_rows_to_columns`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Generic, TypeVar

from dialer.hq.database import Database
from dialer.store import sql

R = TypeVar("R")
V = TypeVar("V")


class Command(sql.Statement):
    """An SQL statement that returns no rows."""

    async def run_statement(self, db: Database, /, *values: object) -> int:
        """Run the statement and return the number of rows that it changed."""
        return await db.run_statement(self.sql, *values)


class Query(sql.Statement, Generic[R]):
    """An SQL statement whose rows are objects of `row_type`: a NamedTuple or a dataclass with a field for each column."""

    def __init__(self, row_type: type[R]) -> None:
        declared = sql.Query(row_type)
        self.make = declared.make
        self.columns = declared.column_names

    async def fetch_rows(self, db: Database, /, *values: object) -> list[R]:
        """Run the query and return all its rows."""
        return [self.make(row) for row in await db.fetch_rows(self.sql, *values)]

    async def fetch_first_row(self, db: Database, /, *values: object) -> R | None:
        """Run the query and return its first row, or None if there is none."""
        rows = await db.fetch_rows(self.sql, *values)
        return self.make(rows[0]) if rows else None


class Scalar(sql.Statement, Generic[V]):
    """An SQL statement with a single column of the type `kind`."""

    def __init__(self, kind: type[V]) -> None:
        self.kind = kind

    async def fetch_value_or_none(self, db: Database, /, *values: object) -> V | None:
        """Run the query and return the value of its first row, or None if there is no row or the value is NULL."""
        value: V | None = await db.fetch_value(self.sql, *values)
        return value

    async def fetch_value(self, db: Database, /, *values: object) -> V:
        """Run a query that always returns one row, and return its value."""
        value: V = await db.fetch_value(self.sql, *values)
        return value


def convert_rows_to_columns(rows: Sequence[Sequence[Any]], count: int) -> list[list[Any]]:
    """Return the values of the rows column by column: `count` lists, each with one value per row."""
    return [list(column) for column in zip(*rows, strict=True)] if rows else [[] for _ in range(count)]
