"""Connections on an event loop: a cancelled task leaves no transaction open."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from functools import partial
from pathlib import Path
from typing import NamedTuple

import pytest

from dialer.store.async_connection import AsyncConnection, Statements
from dialer.store.sql import Command, Connection, Query


class Item(NamedTuple):
    name: str


ALL = Query(Item)
ALL.sql = "SELECT name FROM item ORDER BY name"
ADD = Command()
ADD.sql = "INSERT INTO item (name) VALUES (:name)"


def connector(path: Path) -> Connection:
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    connection.execute("CREATE TABLE IF NOT EXISTS item (name TEXT)")
    return connection


@pytest.fixture
async def items(tmp_path: Path) -> AsyncIterator[AsyncConnection]:
    path = tmp_path / "items.db"
    connection = await AsyncConnection.connect_to_database_file(path, partial(connector, path))
    yield connection
    await connection.close()


def begun(connection: AsyncConnection, kind: str) -> AbstractAsyncContextManager[Statements]:
    return connection.open_transaction() if kind == "transaction" else connection.open_read_snapshot()


@pytest.mark.parametrize("kind", ["transaction", "snapshot"])
@pytest.mark.parametrize("turns", range(12))
async def test_cancelled_task_leaves_no_database_transaction_open(
    items: AsyncConnection, kind: str, turns: int
) -> None:
    async def add() -> None:
        async with begun(items, kind) as statements:
            await statements.run_statement(ADD, name="cancelled")

    task = asyncio.create_task(add())
    for _ in range(turns):
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await items.run_statement_for_each_parameter_set(ADD, [{"name": "later"}])
    names = [item.name for item in await items.fetch_all_rows(ALL)]
    assert "later" in names
    assert names in (["later"], ["cancelled", "later"])


async def test_task_cancelled_during_begin_leaves_no_database_transaction_open(items: AsyncConnection) -> None:
    async def add() -> None:
        async with items.open_transaction() as statements:
            await statements.run_statement(ADD, name="cancelled")

    task = asyncio.create_task(add())
    await asyncio.sleep(0)  # BEGIN is queued in the connection's thread now
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await items.run_statement_for_each_parameter_set(ADD, [{"name": "later"}])
    assert await items.fetch_all_rows(ALL) == [Item("later")]


async def test_database_transaction_is_rolled_back_if_its_with_block_raises_an_error(items: AsyncConnection) -> None:
    with pytest.raises(RuntimeError, match="no more"):
        async with items.open_transaction() as statements:
            await statements.run_statement(ADD, name="failed")
            raise RuntimeError("no more")
    assert await items.fetch_all_rows(ALL) == []
