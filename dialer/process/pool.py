"""Run jobs in several processes. A job that kills its process fails alone."""

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

MOST_MEMORY: Final = 3 * 1024**3  # of data: on many cores the address space is full of reservations

Job = TypeVar("Job")
Result = TypeVar("Result")

_SPAWN: Final = multiprocessing.get_context("spawn")  # fork would copy the thread of the progress bar into every worker


def process_count(jobs: int, asked: int) -> int:
    """Return the number of processes: the requested one (0: the number of cores), at most the number of jobs."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(asked or cores, jobs))


def run_in_processes(
    work: Callable[[Job], Result], jobs: Sequence[Job], workers: int
) -> Iterator[tuple[Job, Result | None]]:
    """Yield (job, result) in the order of completion; the result is None for a job that killed its process.

    `work` is a module-level function. If a process dies, the job that killed it is unknown: the jobs in progress run
    again in a process each, so that only that job fails.
    """
    if not jobs:
        return
    unsure: list[Job] = []
    pool = ProcessPoolExecutor(workers, mp_context=_SPAWN, initializer=_limit_resources)
    try:
        with _interrupts_blocked():
            futures = {pool.submit(work, job): job for job in jobs}
        for future in as_completed(futures):
            try:
                yield futures[future], future.result()
            except BrokenProcessPool:
                unsure.append(futures[future])
            except MemoryError:
                yield futures[future], None
    finally:
        pool.shutdown(cancel_futures=True)  # after Ctrl-C only jobs in progress are waited for
    for job in unsure:
        yield job, _run_alone(work, job)


def _run_alone(work: Callable[[Job], Result], job: Job) -> Result | None:
    with ProcessPoolExecutor(1, mp_context=_SPAWN, initializer=_limit_resources) as pool:
        with _interrupts_blocked():
            future: Future[Result] = pool.submit(work, job)
        try:
            return future.result()
        except (BrokenProcessPool, MemoryError):
            return None


def _limit_resources() -> None:
    """Limit the memory of a worker, so that a decompression bomb fails alone, and disable its core file."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    if hard == resource.RLIM_INFINITY or hard > MOST_MEMORY:
        resource.setrlimit(resource.RLIMIT_DATA, (MOST_MEMORY, MOST_MEMORY))


@contextmanager
def _interrupts_blocked() -> Iterator[None]:
    """Start processes in this block so that they ignore Ctrl-C, which the terminal sends to them too; the parent ends them.

    An interrupt during the block is delivered to the parent afterwards.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    resource_tracker.ensure_running()  # of multiprocessing; its start would unblock the signal
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
