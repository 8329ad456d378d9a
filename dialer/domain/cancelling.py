"""Helpers for awaiting code that may lose a task's cancellation because of bugs in asyncio."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


async def await_and_reraise_lost_cancellation(awaitable: Awaitable[T]) -> T:
    """Await `awaitable`, and re-raise a cancellation that `asyncio.wait_for` has swallowed (CPython #86296).

    Before Python 3.12, `wait_for` swallows it if a result arrives in the same turn of the event loop.
    """
    task = asyncio.current_task()
    assert task is not None  # noqa: S101 - an awaited coroutine runs in a task
    before = task.cancelling()
    try:
        return await awaitable
    finally:
        if task.cancelling() > before:
            raise asyncio.CancelledError


async def await_coroutine_in_own_task(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run `coroutine` in a new task and return its result. Raise CancelledError if the caller is cancelled.

    Use it for task groups that are started again after a failure. Before Python 3.13, a `TaskGroup` may lose a
    cancellation when one of its tasks fails (CPython #116720).
    """
    return await await_and_reraise_lost_cancellation(asyncio.create_task(coroutine))
