"""A desk's ear at a broker, and a picture that can be waited for."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Callable
from typing import Any

from dialer.domain.clock import SystemClock
from dialer.mqtt.client import BrokerSettings
from dialer.mqtt.hearing import Hearing
from dialer.web.picture import Picture
from tests.support.waiting import HANG_SECONDS


class Watched(Picture):
    """A picture that can be waited for."""

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
        return bool(self.get("desk")["heard"])


@contextlib.asynccontextmanager
async def hearing(settings: BrokerSettings) -> AsyncIterator[tuple[Hearing, Watched]]:
    """A desk's ear."""
    picture = Watched()
    made = Hearing(settings, "pune-1", SystemClock(), picture.put, random.Random(1))
    task = asyncio.create_task(made.run())
    yield made, picture
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
