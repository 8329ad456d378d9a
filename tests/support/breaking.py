"""Ways to break a running centre: a store that fails, a dialler that is killed."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, TypeVar

from dialer.domain.errors import StoreError, StoreFull
from dialer.simulation.asterisk.server import SimulatedAsterisk
from tests.support.centre import Site, a_site
from tests.support.full_swing import SEATS, SETTINGS

ASite = TypeVar("ASite", bound=Site)


class FailingStore:
    """Makes one method of a centre's store raise an error while `failing` is set, before or after its commit."""

    def __init__(self, site: Site, method: str, *, after_commit: bool = False) -> None:
        self.failing = True
        store: Any = site.centre.store
        original = getattr(store, method)

        async def fail(*arguments: Any, **named: Any) -> Any:
            if self.failing and not after_commit:
                raise StoreFull("centre.db: the disk is full; free some space")
            result = await original(*arguments, **named)
            if self.failing:
                raise StoreError("centre.db: the commit's reply was lost")
            return result

        setattr(store, method, fail)


def run_until_killed(
    directory: Path, switch: SimulatedAsterisk, *, seats: int = SEATS, **changes: Any
) -> contextlib.AbstractAsyncContextManager[Site]:
    """Run a site whose dialler is killed at the end of the context, without draining."""
    return run_and_kill(a_site(directory, switch=switch, seats=seats, **(changes or SETTINGS)))


@contextlib.asynccontextmanager
async def run_and_kill(running: contextlib.AbstractAsyncContextManager[ASite]) -> AsyncIterator[ASite]:
    """Run a site and kill its dialler at the end of the context."""
    ready: asyncio.Future[ASite] = asyncio.get_running_loop().create_future()

    async def live() -> None:
        async with running as site:
            ready.set_result(site)
            await asyncio.Event().wait()

    task = asyncio.create_task(live())
    try:
        yield await ready
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
