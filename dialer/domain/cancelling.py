"""A cancellation that no library swallows."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

T = TypeVar("T")


async def cancellable(awaited: Awaitable[T]) -> T:
    """What a library gives that waits by asyncio.wait_for. Before Python 3.12 that gives back a result or an error, and no
    cancellation, where both come in the same turn of the loop (https://github.com/python/cpython/issues/86296): whoever cancelled
    would wait for ever. Raises CancelledError then.
    """
    task = asyncio.current_task()
    assert task is not None  # noqa: S101 - a coroutine that is awaited runs in one
    before = task.cancelling()
    try:
        return await awaited
    finally:
        if task.cancelling() > before:
            raise asyncio.CancelledError
