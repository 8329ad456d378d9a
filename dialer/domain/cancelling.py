"""Cancellation that no library swallows."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

T = TypeVar("T")


async def cancellable(awaitable: Awaitable[T]) -> T:
    """Await `awaitable`, re-raising a cancellation that `asyncio.wait_for` swallows before Python 3.12 (CPython #86296).

    It does so where a result arrives in the same turn of the loop; the task that cancelled would wait forever.
    """
    task = asyncio.current_task()
    assert task is not None  # noqa: S101 - a coroutine that is awaited runs in one
    before = task.cancelling()
    try:
        return await awaitable
    finally:
        if task.cancelling() > before:
            raise asyncio.CancelledError
