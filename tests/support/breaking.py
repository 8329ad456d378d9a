"""Ways to break a running site: a store that fails, a dialler that is gone."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from dialer.domain.errors import StoreError, StoreFull
from dialer.simulation.asterisk.server import SimulatedAsterisk
from tests.support.centre import Site, a_site
from tests.support.full_swing import SEATS, SETTINGS


class FailingStore:
    """Makes one method of a site's store raise, before it does its work or after, until told otherwise."""

    def __init__(self, site: Site, method: str, *, after_commit: bool = False) -> None:
        self.failing = True
        store: Any = site.centre.store
        whole = getattr(store, method)

        async def spoilt(*arguments: Any, **named: Any) -> Any:
            if self.failing and not after_commit:
                raise StoreFull("centre.db: the disk is full; free some space")
            result = await whole(*arguments, **named)
            if self.failing:
                raise StoreError("centre.db: the commit's reply was lost")
            return result

        setattr(store, method, spoilt)


@contextlib.asynccontextmanager
async def until_killed(
    directory: Path, switch: SimulatedAsterisk, *, seats: int = SEATS, **changes: Any
) -> AsyncIterator[Site]:
    """A dialler that is gone when the context is left: nothing drained, nothing said."""
    ready: asyncio.Future[Site] = asyncio.get_running_loop().create_future()

    async def live() -> None:
        async with a_site(directory, switch=switch, seats=seats, **(changes or SETTINGS)) as site:
            ready.set_result(site)
            await asyncio.Event().wait()

    task = asyncio.create_task(live())
    try:
        yield await ready
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
