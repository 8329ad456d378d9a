"""A queue for slow work of web clients, such as password hashes. One job runs at a time.

Client addresses take turns, and known devices go first. When the queue is full, the address with the most waiting jobs
loses its newest job. A client's jobs are dropped when its connection closes.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, TypeVar

from dialer.web.devices import KnownDevice

T = TypeVar("T")
_NICE = 15


async def _assume_client_stays_connected() -> bool:
    return False


@dataclass(frozen=True, slots=True)
class WebClient:
    """The client of a web request, identified by network address and device."""

    address: str = ""  # "": no request, such as a command of the command line
    device: KnownDevice | None = None  # on which a user has signed in before; None: unknown
    is_gone: Callable[[], Awaitable[bool]] = _assume_client_stays_connected  # whether its connection has closed


NOBODY = WebClient()
CLIENT: ContextVar[WebClient] = ContextVar("CLIENT", default=NOBODY)
"""The client of the present request."""


class QueueFull(Exception):
    """Raised if slow work of a client is refused or dropped, because the queue is full or the client's connection has
    closed.
    """


@dataclass(frozen=True, slots=True)
class _Job:
    client: WebClient
    work: Callable[[], Any]
    result: asyncio.Future[Any]


_Lane = tuple[bool, str]
"""Whether a device is unknown, and the address: sorted, known devices come first."""


def create_low_priority_thread(name: str) -> ThreadPoolExecutor:
    """Return an executor with one thread, which uses only CPU time that other threads leave."""
    return ThreadPoolExecutor(1, thread_name_prefix=name, initializer=_lower_thread_priority)


def _lower_thread_priority() -> None:
    if sys.platform == "linux":  # where each thread has its own niceness
        os.nice(_NICE)


class SlowWork:
    """Runs slow work in an executor, one piece at a time."""

    def __init__(self, executor: Executor, most_waiting: int) -> None:
        """Create an empty queue. At most `most_waiting` pieces of work wait."""
        self._executor = executor
        self._most_waiting = most_waiting
        self._lanes: OrderedDict[_Lane, deque[_Job]] = OrderedDict()
        self._task: asyncio.Task[None] | None = None

    @property
    def queued_job_count(self) -> int:
        """The number of jobs that are waiting or running."""
        return sum(len(lane) for lane in self._lanes.values())

    def refuse_request_if_queue_is_full(self) -> None:
        """Raise QueueFull if the client of the current request could not add work to the queue."""
        if self.queued_job_count >= self._most_waiting and self._choose_queue_that_loses_last_job(CLIENT.get()) is None:
            raise QueueFull

    async def run_slow_work_in_turn(self, work: Callable[[], T]) -> T:
        """Run slow work when it is the client's turn, and return the result of the work. Raises QueueFull."""
        if self.queued_job_count >= self._most_waiting:
            lane = self._choose_queue_that_loses_last_job(CLIENT.get())
            if lane is None:
                raise QueueFull
            _end_job_with_error(self._lanes[lane].pop(), QueueFull())
        job = _Job(CLIENT.get(), work, asyncio.get_running_loop().create_future())
        self._lanes.setdefault(_get_queue_key_of_client(job.client), deque()).append(job)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run_queued_jobs(), name="slow-work")
        result: T = await job.result
        return result

    def _choose_queue_that_loses_last_job(self, client: WebClient) -> _Lane | None:
        """Return the queue whose last job is dropped to make room for a job of `client`, or None to refuse the new job.

        A job of a known device is never dropped for a job of an unknown device.
        """
        own = _get_queue_key_of_client(client)
        lanes = [lane for lane in self._lanes if self._lanes[lane] and (lane[0] or client.device is not None)]
        longest = max(lanes, key=lambda lane: (lane[0], len(self._lanes[lane])), default=own)
        if longest[0] > own[0] or len(self._lanes.get(longest, ())) > len(self._lanes.get(own, ())) + 1:
            return longest
        return None

    def _pop_next_job(self) -> _Job | None:
        while self._lanes:
            lane = min(self._lanes, key=lambda each: each[0])  # the first of equal ones, which has waited longest
            jobs = self._lanes.pop(lane)
            job = jobs.popleft() if jobs else None
            if jobs:
                self._lanes[lane] = jobs  # at the end: its next work waits until the other addresses had their turn
            if job is not None and not job.result.done():
                return job
        return None

    async def _run_queued_jobs(self) -> None:
        loop = asyncio.get_running_loop()
        while (job := self._pop_next_job()) is not None:
            if await job.client.is_gone():
                _end_job_with_error(job, QueueFull())
                continue
            try:
                result = await loop.run_in_executor(self._executor, job.work)
            except Exception as error:  # noqa: BLE001 - it is raised to the client that waits for the work
                _end_job_with_error(job, error)
            else:
                if not job.result.done():
                    job.result.set_result(result)


def _get_queue_key_of_client(client: WebClient) -> _Lane:
    return client.device is None, client.address


def _end_job_with_error(job: _Job, error: Exception) -> None:
    if not job.result.done():
        job.result.set_exception(error)
