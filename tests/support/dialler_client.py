"""A dialler client at a broker, and a page state that tests can wait for."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Callable
from typing import Any

from dialer.domain.clock import SystemClock
from dialer.mqtt.client import BrokerSettings
from dialer.mqtt.dialler_client import DeskStatus, DiallerClient
from dialer.web.page_state import PageState
from tests.support.waiting import HANG_SECONDS


class Watched(PageState):
    """A page state that tests can wait for."""

    def __init__(self) -> None:
        super().__init__(SystemClock().now)
        self._news = asyncio.Event()

    def set_value_of_key(self, key: str, value: Any) -> None:
        super().set_value_of_key(key, value)
        self._news.set()

    async def until(self, holds: Callable[[], bool]) -> None:
        """Wait until `holds()` is true. It is evaluated after each update."""
        async with asyncio.timeout(HANG_SECONDS):
            while not holds():
                self._news.clear()
                await self._news.wait()

    @property
    def connected(self) -> bool:
        """Whether the client is connected."""
        status = self.get_value_of_key("desk", DeskStatus)
        return status is not None and status.connected


@contextlib.asynccontextmanager
async def dialler_client(settings: BrokerSettings) -> AsyncIterator[tuple[DiallerClient, Watched]]:
    """Run a client of the desk until the block ends."""
    page_state = Watched()
    made = DiallerClient(settings, "pune-1", SystemClock(), page_state.set_value_of_key, random.Random(1))
    task = asyncio.create_task(made.receive_messages_until_cancelled())
    yield made, page_state
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
