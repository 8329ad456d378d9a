"""The queue of password hashes: addresses take turns, known devices go first, and abandoned work is dropped."""

from __future__ import annotations

import asyncio
from concurrent.futures import Executor, Future
from contextvars import copy_context
from typing import Any

import pytest

from dialer.web.devices import KnownDevice
from dialer.web.slow_work import CLIENT, QueueFull, SlowWork, WebClient


class HeldExecutor(Executor):
    """Runs one piece of work at each call of `run_next`."""

    def __init__(self) -> None:
        self._submitted: list[tuple[Future[Any], Any]] = []

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        self._submitted.append((future, fn))
        return future

    async def run_next(self) -> None:
        """Wait until work is submitted, and run it."""
        while not self._submitted:
            await asyncio.sleep(0)
        future, work = self._submitted.pop(0)
        future.set_result(work())
        for _ in range(5):
            await asyncio.sleep(0)


class Queue:
    """A queue under test, with the order in which its work was done."""

    def __init__(self, most: int = 1_000) -> None:
        self.executor = HeldExecutor()
        self.slow = SlowWork(self.executor, most)
        self.done: list[str] = []
        self.tasks: list[asyncio.Task[None]] = []

    def add(self, name: str, client: WebClient) -> asyncio.Task[None]:
        """Add work with a name for a client."""

        async def run() -> None:
            CLIENT.set(client)
            await self.slow.run_slow_work_in_turn(lambda: self.done.append(name))

        task = asyncio.get_running_loop().create_task(run(), context=copy_context())
        self.tasks.append(task)
        return task

    async def settle(self) -> None:
        for _ in range(5):
            await asyncio.sleep(0)

    async def run_all(self) -> list[str]:
        """Do all work that waits, and return the names in the order in which it was done."""
        await self.settle()
        while not all(task.done() for task in self.tasks):
            await self.executor.run_next()
        return self.done


def client(address: str, device: str = "") -> WebClient:
    return WebClient(address, KnownDevice(device, frozenset()) if device else None)


async def test_one_address_with_many_sign_ins_does_not_delay_other_addresses() -> None:
    """With one queue for all, the work of 120 unknown clients made 18 of 18 sign-ins busy."""
    queue = Queue()
    for number in range(120):
        queue.add(f"stranger {number}", client("203.0.113.9"))
    await queue.settle()
    queue.add("asha", client("10.0.0.5"))
    assert "asha" in (await queue.run_all())[:3]  # after the one that runs, and one whose turn it is


async def test_sign_in_from_a_known_device_is_checked_before_many_from_unknown_addresses() -> None:
    queue = Queue()
    for number in range(120):
        queue.add(f"stranger {number}", client(f"203.0.113.{number}"))
    await queue.settle()
    queue.add("asha", client("10.0.0.5", device="d1"))
    assert "asha" in (await queue.run_all())[:2]


async def test_full_sign_in_queue_refuses_only_the_address_that_fills_the_queue() -> None:
    queue = Queue(most=10)
    strangers = [queue.add(f"stranger {number}", client("203.0.113.9")) for number in range(30)]
    await queue.settle()
    known, other = queue.add("asha", client("10.0.0.5", device="d1")), queue.add("ravi", client("10.0.0.6"))
    done = await queue.run_all()
    assert {"asha", "ravi"} <= {*done}
    assert known.exception() is None
    assert other.exception() is None
    assert sum(isinstance(each.exception(), QueueFull) for each in strangers) == 30 - 9  # one runs, 10 - 2 wait


async def test_sign_in_from_an_unknown_address_does_not_displace_waiting_sign_ins() -> None:
    queue = Queue(most=3)
    queue.add("first", client("10.0.0.1"))
    await queue.settle()  # it runs
    waiting = [
        queue.add("known", client("10.0.0.2", device="d1")),
        *(queue.add(f"ip {n}", client(f"10.0.1.{n}")) for n in (1, 2)),
    ]
    await queue.settle()
    late = queue.add("late", client("10.0.0.3"))
    await queue.run_all()
    assert isinstance(late.exception(), QueueFull)
    assert [each.exception() for each in waiting] == [None, None, None]


async def test_queued_sign_in_of_a_client_that_has_left_is_dropped() -> None:
    """The work of clients that had left went on for four minutes."""
    queue = Queue()

    async def is_gone() -> bool:
        return True

    queue.add("first", client("10.0.0.1"))
    await queue.settle()
    left = queue.add("left", WebClient("10.0.0.2", None, is_gone))
    cancelled = queue.add("cancelled", client("10.0.0.3"))
    queue.add("last", client("10.0.0.4"))
    await queue.settle()
    cancelled.cancel()
    assert await queue.run_all() == ["first", "last"]
    assert isinstance(left.exception(), QueueFull)


async def test_error_in_a_password_check_reaches_only_its_client_and_the_queue_continues() -> None:
    queue = Queue()

    def fail() -> None:
        raise ValueError("damaged hash")

    failing = asyncio.get_running_loop().create_task(queue.slow.run_slow_work_in_turn(fail))
    await queue.settle()
    future, work = queue.executor._submitted.pop(0)
    with pytest.raises(ValueError, match="damaged"):
        work()
    future.set_exception(ValueError("damaged hash"))
    with pytest.raises(ValueError, match="damaged hash"):
        await failing
    queue.add("next", client("10.0.0.1"))
    assert await queue.run_all() == ["next"]
