"""The SQL of headquarters: every statement fits the schema and returns the columns that it declares."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest

import dialer.hq
from dialer.hq.database import Database
from dialer.hq.sql import Command, Query, Scalar
from dialer.store.sql import Statements

for module in pkgutil.iter_modules(dialer.hq.__path__):
    importlib.import_module(f"dialer.hq.{module.name}")

STATEMENTS = [
    pytest.param(each, name, id=f"{each.__module__.removeprefix('dialer.hq.')}.{name}")
    for each in Statements.__subclasses__()
    for name in each.declared
    if each.__module__.startswith("dialer.hq")
]


@pytest.fixture
async def connection(address: str) -> AsyncIterator[asyncpg.Connection[Any]]:
    connection = await asyncpg.connect(address)
    await Database(connection).prepare_schema()
    yield connection
    await connection.close()


@pytest.mark.parametrize(("statements", "name"), STATEMENTS)
async def test_each_headquarters_sql_statement_fits_the_schema_and_its_declared_columns(
    connection: asyncpg.Connection[Any], statements: type[Statements], name: str
) -> None:
    statement = statements.declared[name]
    columns = tuple(column.name for column in (await connection.prepare(statement.sql)).get_attributes())
    match statement:
        case Query():
            assert columns == tuple(statement.columns)
        case Scalar():
            assert len(columns) == 1
        case Command():
            assert columns in {(), ("pg_advisory_xact_lock",)}
        case _:
            raise AssertionError(f"{name} is a statement of SQLite")
