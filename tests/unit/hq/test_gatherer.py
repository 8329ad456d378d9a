"""A gatherer whose database goes tries again, in whatever words the library says so."""

from __future__ import annotations

import asyncio
from typing import Any, NoReturn, cast

import asyncpg
import pytest

from dialer.domain.clock import LoopClock, SystemClock
from dialer.domain.errors import HeadquartersUnreachable
from dialer.hq import gather
from dialer.nats.session import Session
from dialer.settings.headquarters import HqSettings
from tests.support.virtual import virtual_time

GOING = (
    asyncpg.InternalClientError("cannot switch to state 15; another operation (2) is in progress"),
    asyncpg.InterfaceError("connection is closed"),
    asyncpg.CannotConnectNowError("the database system is starting up"),
    ConnectionResetError(),
)


class Leaderless(Session):
    """A server that takes one message in two, and none before `from_seconds`."""

    def __init__(self, from_seconds: float) -> None:
        self.from_seconds = from_seconds
        self.taken: list[str] = []
        self.tries = 0

    async def store(self, subject: str, data: bytes) -> int:
        self.tries += 1
        if self.tries % 2 or asyncio.get_running_loop().time() < self.from_seconds:
            raise HeadquartersUnreachable(f"{subject} was not stored: no response from stream")
        self.taken.append(subject)
        return len(self.taken)


@virtual_time()
async def test_news_wait_for_another_leader_and_each_is_stored_once() -> None:
    rows = [{"subject": f"peer.{number}", "data": b""} for number in range(7)]
    begin = asyncio.get_running_loop().time()
    soon = Leaderless(begin + 8.0)
    settings = HqSettings.model_validate({"servers": ["nats://one"]})
    await gather.Gatherer(settings, soon, LoopClock(1.7e9))._put(rows)
    assert sorted(soon.taken) == [row["subject"] for row in rows]
    never = Leaderless(begin + 1e6)
    with pytest.raises(HeadquartersUnreachable):
        await gather.Gatherer(settings, never, LoopClock(1.7e9))._put(rows)


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
