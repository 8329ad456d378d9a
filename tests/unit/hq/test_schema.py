"""Headquarters' schema is prepared while another process stores results."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Any, cast

import asyncpg
import pytest

from dialer.hq.database import DEADLOCK_RETRIES, Database


class DeadlockingConnection:
    """A connection whose first `deadlocks` upgrades of the schema end in a deadlock. It records the other statements."""

    def __init__(self, deadlocks: int) -> None:
        self.deadlocks = deadlocks
        self.statements: list[str] = []

    def transaction(self) -> AbstractAsyncContextManager[None]:
        return nullcontext()

    async def execute(self, sql: str) -> None:
        if "CREATE TABLE IF NOT EXISTS centre " in sql and self.deadlocks:
            self.deadlocks -= 1
            raise asyncpg.DeadlockDetectedError("deadlock detected")
        self.statements.append(sql)


@pytest.mark.parametrize("deadlocks", [0, 1, DEADLOCK_RETRIES])
async def test_headquarters_database_schema_is_prepared_again_after_each_deadlock(deadlocks: int) -> None:
    connection = DeadlockingConnection(deadlocks)
    await Database(cast(Any, connection)).prepare_schema()
    assert sum("CREATE TABLE IF NOT EXISTS centre " in sql for sql in connection.statements) == 1
    assert "CREATE TEMPORARY TABLE" in connection.statements[-1]


async def test_error_is_raised_if_the_headquarters_schema_deadlocks_every_time() -> None:
    connection = DeadlockingConnection(DEADLOCK_RETRIES + 1)
    with pytest.raises(asyncpg.DeadlockDetectedError):
        await Database(cast(Any, connection)).prepare_schema()
