"""Work spread over processes, one result for each job, in whatever order they end. A job that kills its process fails alone."""

from __future__ import annotations

import multiprocessing
import os
import resource
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import resource_tracker
from typing import Final, TypeVar

MOST_MEMORY: Final = 3 * 1024**3  # of a worker's data: many cores fill its address space with reservations

Job = TypeVar("Job")
Result = TypeVar("Result")

_SPAWN: Final = multiprocessing.get_context("spawn")  # fork would copy the progress bar's thread into every worker


def workers_for(jobs: int, asked: int) -> int:
    """How many processes: those asked for (0: as many as there are cores), never more than there are jobs."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(asked or cores, jobs))


def spread(work: Callable[[Job], Result], jobs: Sequence[Job], workers: int) -> Iterator[tuple[Job, Result | None]]:
    """Yield (job, result) as they end; the result is None for a job whose process died of it.

    `work` is a function of a module. When a process dies, nobody knows which of the jobs under way it was: those are done again,
    one process each, so that only the guilty one fails.
    """
    if not jobs:
        return
    unsure: list[Job] = []
    pool = ProcessPoolExecutor(workers, mp_context=_SPAWN, initializer=_bound)
    try:
        with _without_ctrl_c():
            futures = {pool.submit(work, job): job for job in jobs}
        for future in as_completed(futures):
            try:
                yield futures[future], future.result()
            except BrokenProcessPool:
                unsure.append(futures[future])
            except MemoryError:
                yield futures[future], None
    finally:
        pool.shutdown(cancel_futures=True)  # Ctrl-C waits for the jobs under way, not for all that are queued
    for job in unsure:
        yield job, _alone(work, job)


def _alone(work: Callable[[Job], Result], job: Job) -> Result | None:
    with ProcessPoolExecutor(1, mp_context=_SPAWN, initializer=_bound) as pool:
        with _without_ctrl_c():
            future: Future[Result] = pool.submit(work, job)
        try:
            return future.result()
        except (BrokenProcessPool, MemoryError):
            return None


def _bound() -> None:
    """A recording that is made to unpack into all the memory there is fails alone, and leaves no core file of itself."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    if hard == resource.RLIM_INFINITY or hard > MOST_MEMORY:
        resource.setrlimit(resource.RLIMIT_DATA, (MOST_MEMORY, MOST_MEMORY))


@contextmanager
def _without_ctrl_c() -> Iterator[None]:
    """Processes that are started meanwhile never get Ctrl-C, which a terminal sends to them too: whoever started them ends them.
    One that comes meanwhile is delivered afterwards, to us.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    resource_tracker.ensure_running()  # of multiprocessing's own: its start would let the signal through again
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
