"""The store's single writer, with group commit: writes that wait at the same time share one transaction.

A commit to disk costs an fsync, whatever its size. Callers pass functions; the writer runs all that are waiting in one
transaction and wakes each caller after the commit.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from dialer.domain.errors import StoreBusy, StoreError
from dialer.store.sql import Connection, open_transaction
from dialer.store.sqlite_errors import build_store_error, get_database_error_types

T = TypeVar("T")

WAITING_LIMIT = 1_000  # functions; further callers wait for room
GROUP_LIMIT = 500  # functions per transaction: more save nothing, and the first would wait for the last


@dataclass(frozen=True, slots=True)
class _JobResult(Generic[T]):
    """The result of one write job: the value that the job returned, or the error that undid its writes."""

    value: T | None = None
    error: Exception | None = None


@dataclass(frozen=True, slots=True)
class _QueuedJob:
    job: Callable[[Connection], Any]
    answer: asyncio.Future[Any]


class Writer:
    """The single writer of a store: it runs functions on the writing connection, and commits them in groups.

    A function may run more than once before its group is committed, so it must have no effect outside the database. It
    must not begin or end a transaction.
    """

    def __init__(self, db: Connection, path: Path, executor: Executor) -> None:
        """Create a writer that commits to the database `db`, on the running event loop. `db` must be in autocommit
        mode, and `executor` must have one thread.
        """
        self._db = db
        self._path = path
        self._executor = executor
        self._loop = asyncio.get_running_loop()
        self._queue: asyncio.Queue[_QueuedJob | None] = asyncio.Queue(WAITING_LIMIT + 2)
        # Room in the queue. A semaphore serves in order of arrival, so that the end mark, which takes a place too, is last.
        self._room = asyncio.Semaphore(WAITING_LIMIT)
        self._closing = False
        self._ended = False
        self._task = self._loop.create_task(self._commit_waiting_write_jobs(), name="store writer")

    async def run_write_job(self, job: Callable[[Connection], T]) -> T:
        """Run the function `job` in a transaction, and return its result once the writes are on disk.

        If `job` raises, its writes are undone and the error is raised here. Cancelling the caller does not cancel the
        job. Raises StoreFull, StoreBusy, StoreCorrupt, StoreError.
        """
        if self._closing:
            raise self._build_closed_writer_error()
        answer: asyncio.Future[T] = self._loop.create_future()
        await self._enqueue_write_job(_QueuedJob(job, answer))
        return await answer

    async def close(self) -> None:
        """Commit the waiting writes and stop. The connection stays open. If the writer is closed already, do nothing."""
        if not self._closing:
            self._closing = True
            with suppress(StoreError):  # the writer was cancelled while we waited for room
                await self._enqueue_write_job(None)
        await asyncio.wait((self._task,))
        if not self._task.cancelled():
            self._task.result()

    async def _enqueue_write_job(self, item: _QueuedJob | None) -> None:
        await self._room.acquire()
        if self._ended:
            self._room.release()  # for the next one, which must get the same error
            raise self._build_closed_writer_error()
        self._queue.put_nowait(item)

    def _build_closed_writer_error(self) -> StoreError:
        return StoreError(f"{self._path}: the store was closed: start the dialler again")

    async def _commit_waiting_write_jobs(self) -> None:
        group: list[_QueuedJob] = []
        try:
            while await self._collect_jobs_for_commit(group):
                jobs = [waiting.job for waiting in group]
                done = await self._loop.run_in_executor(self._executor, commit_write_jobs, self._db, self._path, jobs)
                for waiting, result in zip(group, done, strict=True):
                    _resolve_job_future(waiting.answer, result)
                group.clear()
        finally:
            # After an orderly end nothing is waiting. If this task was cancelled, nobody may wait for ever.
            self._closing = self._ended = True
            while not self._queue.empty():
                if (leftover := self._queue.get_nowait()) is not None:
                    group.append(leftover)
                self._room.release()
            for waiting in group:
                _resolve_job_future(waiting.answer, _JobResult(error=self._build_closed_writer_error()))

    async def _collect_jobs_for_commit(self, group: list[_QueuedJob]) -> bool:
        """Wait for a write job, and add the waiting jobs to `group`, up to the limit of one commit.

        Return False if the writer is closed and no job is left.
        """
        item = await self._queue.get()
        while item is not None:
            self._room.release()
            group.append(item)
            if len(group) == GROUP_LIMIT or self._queue.empty():
                return True
            item = self._queue.get_nowait()
        if group:
            self._queue.put_nowait(None)  # the end mark was last in the queue, and is last again
        return bool(group)


def commit_write_jobs(db: Connection, path: Path, jobs: Sequence[Callable[[Connection], Any]]) -> list[_JobResult[Any]]:
    """Run several write jobs in one transaction, commit it to disk, and return the jobs' results in order.

    The jobs first run without savepoints, which is faster. If a job fails, all are rolled back and run again, each in a
    savepoint, so that only this job fails. If SQLite rolls back the whole transaction (a full disk), each job gets a
    transaction of its own.
    """
    try:
        with open_transaction(db):
            return [_JobResult(job(db)) for job in jobs]
    except Exception as error:  # noqa: BLE001 - passed to the callers, or raised again below
        failed: _JobResult[Any] = _JobResult(error=_convert_to_store_error(error, path))
    if len(jobs) == 1 or isinstance(failed.error, StoreBusy):
        return [failed for _ in jobs]
    try:
        with open_transaction(db):
            return [_run_job_in_savepoint(db, path, job) for job in jobs]
    except Exception:  # noqa: BLE001 - the failing job is found below
        return [commit_write_jobs(db, path, [job])[0] for job in jobs]


def _run_job_in_savepoint(db: Connection, path: Path, job: Callable[[Connection], Any]) -> _JobResult[Any]:
    db.execute("SAVEPOINT job")
    try:
        done = _JobResult(job(db))
    except Exception as error:
        if not db.in_transaction:
            raise  # the whole transaction was rolled back
        db.execute("ROLLBACK TO job")
        done = _JobResult(error=_convert_to_store_error(error, path))
    db.execute("RELEASE job")
    return done


def _convert_to_store_error(error: Exception, path: Path) -> Exception:
    return build_store_error(error, path) if isinstance(error, get_database_error_types()) else error


def _resolve_job_future(answer: asyncio.Future[Any], done: _JobResult[Any]) -> None:
    if answer.done():  # the caller was cancelled; its job ran all the same
        return
    if done.error is not None:
        answer.set_exception(done.error)
    else:
        answer.set_result(done.value)
