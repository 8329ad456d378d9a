"""A wait that can be cancelled even if the library that waits swallows cancellations."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

T = TypeVar("T")


async def await_cancellable(awaitable: Awaitable[T]) -> T:
    """Await `awaitable`, re-raising a cancellation that `asyncio.wait_for` swallows before Python 3.12 (CPython
    #86296).

    `wait_for` swallows it if a result arrives in the same turn of the loop; the task that cancelled would wait forever.
    """
    task = asyncio.current_task()
    assert task is not None  # noqa: S101 - an awaited coroutine runs in a task
    before = task.cancelling()
    try:
        return await awaitable
    finally:
        if task.cancelling() > before:
            raise asyncio.CancelledError
