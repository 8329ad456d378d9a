"""A desk's ear at a broker, and a page state that can be waited for."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Callable
from typing import Any

from dialer.domain.clock import SystemClock
from dialer.mqtt.client import BrokerSettings
from dialer.mqtt.hearing import DeskStatus, Hearing
from dialer.web.page_state import PageState
from tests.support.waiting import HANG_SECONDS


class Watched(PageState):
    """A page_state that can be waited for."""

    def __init__(self) -> None:
        super().__init__(SystemClock().now)
        self._news = asyncio.Event()

    def put(self, key: str, value: Any) -> None:
        super().put(key, value)
        self._news.set()

    async def until(self, holds: Callable[[], bool]) -> None:
        """Return once it holds."""
        async with asyncio.timeout(HANG_SECONDS):
            while not holds():
                self._news.clear()
                await self._news.wait()

    @property
    def heard(self) -> bool:
        """Whether the broker is there."""
        status = self.get("desk", DeskStatus)
        return status is not None and status.connected


@contextlib.asynccontextmanager
async def hearing(settings: BrokerSettings) -> AsyncIterator[tuple[Hearing, Watched]]:
    """A desk's ear."""
    page_state = Watched()
    made = Hearing(settings, "pune-1", SystemClock(), page_state.put, random.Random(1))
    task = asyncio.create_task(made.run())
    yield made, page_state
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
