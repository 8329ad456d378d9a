"""A gatherer whose database goes tries again, in whatever words the library says so."""

from __future__ import annotations

import asyncio
from typing import Any, NoReturn, cast

import asyncpg
import pytest

from config.headquarters import HqSettings
from dialer.domain.clock import SystemClock
from dialer.hq import gather
from tests.support.virtual import virtual_time

GOING = (
    asyncpg.InternalClientError("cannot switch to state 15; another operation (2) is in progress"),
    asyncpg.InterfaceError("connection is closed"),
    asyncpg.CannotConnectNowError("the database system is starting up"),
    ConnectionResetError(),
)


@pytest.mark.parametrize("error", GOING, ids=lambda error: type(error).__name__)
@virtual_time()
async def test_it_tries_again(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    tries: asyncio.Queue[str] = asyncio.Queue(9)

    def going(address: str) -> NoReturn:
        tries.put_nowait(address)
        raise error

    monkeypatch.setattr(gather, "database", going)
    settings = HqSettings.model_validate({"servers": ["nats://one"], "gather": {"database": "postgresql:///hq"}})
    running = asyncio.create_task(gather.Gatherer(settings, cast(Any, None), SystemClock()).run())
    assert [await tries.get() for _ in range(3)] == ["postgresql:///hq"] * 3
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
