"""A cancellation reaches the cancelled task even if a library swallows it."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest

from dialer.domain.cancelling import await_and_reraise_lost_cancellation, await_coroutine_in_own_task


async def swallow_cancellation(fails: bool) -> str:
    """Swallow a cancellation as `asyncio.wait_for` does before Python 3.12, if its result arrives in the same turn of
    the loop.
    """
    with suppress(asyncio.CancelledError):
        await asyncio.get_running_loop().create_future()
    if fails:
        raise TimeoutError
    return "the result"


@pytest.mark.parametrize("fails", [False, True])
async def test_cancelled_task_ends_although_the_awaited_library_call_returns_a_result(fails: bool) -> None:
    working = asyncio.create_task(await_and_reraise_lost_cancellation(swallow_cancellation(fails)))
    await asyncio.sleep(0)
    working.cancel()
    with pytest.raises(asyncio.CancelledError):
        await working


async def test_timeout_expires_although_the_awaited_library_call_swallows_the_cancellation() -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0):
            await await_and_reraise_lost_cancellation(swallow_cancellation(fails=False))


async def test_result_of_an_awaited_library_call_is_returned_unchanged() -> None:
    async def return_result() -> str:
        return "the result"

    assert await await_and_reraise_lost_cancellation(return_result()) == "the result"


async def fail_in_task_group(*stopped: asyncio.Task[None]) -> None:
    """Run a group whose task cancels `stopped` and then fails, while the group waits for it."""

    async def cancel_and_fail() -> None:
        await asyncio.sleep(0)
        for task in stopped:
            task.cancel()
        raise OSError("the connection was lost")

    async with asyncio.TaskGroup() as group:
        group.create_task(cancel_and_fail())


async def test_cancelled_task_ends_as_cancelled_although_its_task_group_fails() -> None:
    async def run_group() -> None:
        await await_coroutine_in_own_task(fail_in_task_group(working))

    working = asyncio.create_task(run_group())
    with pytest.raises(asyncio.CancelledError):
        await working


async def test_failed_task_group_leaves_no_pending_cancellation_in_its_parent_task() -> None:
    with pytest.raises(ExceptionGroup):
        await await_coroutine_in_own_task(fail_in_task_group())
    task = asyncio.current_task()
    assert task is not None
    assert not task.cancelling()
