"""Run jobs in several processes. If a job crashes its process, only that job fails."""

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

MAX_MEMORY: Final = (
    3 * 1024**3
)  # bytes of data; the address space is not limited, as libraries reserve much of it per core

Job = TypeVar("Job")
Result = TypeVar("Result")

_SPAWN: Final = multiprocessing.get_context("spawn")  # fork would copy the thread of the progress bar into every worker


def choose_process_count(jobs: int, asked: int) -> int:
    """Return the number of worker processes to start: `asked` (0 = one per core), but never more than `jobs`."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(asked or cores, jobs))


def run_jobs_in_processes(
    work: Callable[[Job], Result], jobs: Sequence[Job], workers: int
) -> Iterator[tuple[Job, Result | None]]:
    """Run `work` on each job in a pool of processes, and yield each job with its result when it is done.

    The result is None if the job crashed its process. After a crash, all jobs in progress are repeated, each in a
    process of its own, because it is unknown which job caused the crash. `work` must be a module-level function.
    """
    if not jobs:
        return
    to_repeat: list[Job] = []
    pool = ProcessPoolExecutor(workers, mp_context=_SPAWN, initializer=_limit_memory_of_worker_process)
    try:
        with _block_interrupt_signals():
            futures = {pool.submit(work, job): job for job in jobs}
        for future in as_completed(futures):
            try:
                yield futures[future], future.result()
            except BrokenProcessPool:
                to_repeat.append(futures[future])
            except MemoryError:
                yield futures[future], None
    finally:
        pool.shutdown(cancel_futures=True)  # after Ctrl-C, wait only for jobs in progress
    for job in to_repeat:
        yield job, _run_job_in_own_process(work, job)


def _run_job_in_own_process(work: Callable[[Job], Result], job: Job) -> Result | None:
    with ProcessPoolExecutor(1, mp_context=_SPAWN, initializer=_limit_memory_of_worker_process) as pool:
        with _block_interrupt_signals():
            future: Future[Result] = pool.submit(work, job)
        try:
            return future.result()
        except (BrokenProcessPool, MemoryError):
            return None


def _limit_memory_of_worker_process() -> None:
    """Limit the memory of a worker process, so that a decompression bomb fails only its job, and disable core dumps."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    if hard == resource.RLIM_INFINITY or hard > MAX_MEMORY:
        resource.setrlimit(resource.RLIMIT_DATA, (MAX_MEMORY, MAX_MEMORY))


@contextmanager
def _block_interrupt_signals() -> Iterator[None]:
    """Block SIGINT while processes are started in this context, so that the new processes ignore Ctrl-C.

    A terminal sends Ctrl-C to all processes, but only the parent should react and end the others. The parent gets the
    signal when the context ends.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    resource_tracker.ensure_running()  # start multiprocessing's tracker now, as its start unblocks the signal
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
