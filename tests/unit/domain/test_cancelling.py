"""A cancellation reaches whoever is cancelled, whatever a library makes of it."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest

from dialer.domain.cancelling import cancellable


async def swallowing(fails: bool) -> str:
    """As asyncio.wait_for before Python 3.12, where its result comes in the same turn."""
    with suppress(asyncio.CancelledError):
        await asyncio.get_running_loop().create_future()
    if fails:
        raise TimeoutError
    return "the result"


@pytest.mark.parametrize("fails", [False, True])
async def test_who_is_cancelled_ends_though_the_library_gives_something_back(fails: bool) -> None:
    working = asyncio.create_task(cancellable(swallowing(fails)))
    await asyncio.sleep(0)
    working.cancel()
    with pytest.raises(asyncio.CancelledError):
        await working


async def test_a_deadline_around_it_is_a_deadline() -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0):
            await cancellable(swallowing(fails=False))


async def test_what_is_given_is_given() -> None:
    async def gives() -> str:
        return "the result"

    assert await cancellable(gives()) == "the result"
