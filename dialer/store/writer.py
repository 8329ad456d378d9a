"""The one writer: whatever waits together is committed together.

A commit that is durable costs an fsync, whatever it holds. So callers hand in closures, the writer takes all that wait,
runs them in one transaction and wakes each caller after the commit. Nothing is gained with one caller, everything with
fifty.
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
from dialer.store.sql import Connection, transaction
from dialer.store.sqlite_errors import database_errors, store_error

T = TypeVar("T")

WAITING_LIMIT = 1_000  # closures; who comes then waits for room
GROUP_LIMIT = 500  # closures a transaction: more gains nothing, and the first would wait for the last


@dataclass(frozen=True, slots=True)
class _Done(Generic[T]):
    """What became of one closure: its value, or why nothing of it was kept."""

    value: T | None = None
    error: Exception | None = None


@dataclass(frozen=True, slots=True)
class _Waiting:
    job: Callable[[Connection], Any]
    answer: asyncio.Future[Any]


class Writer:
    """Runs closures on the writing connection, one group a commit.

    A closure may run more than once before its group is committed, so it must leave nothing behind but in the database.
    It must not begin or end a transaction.
    """

    def __init__(self, db: Connection, path: Path, executor: Executor) -> None:
        """`db` must be in autocommit mode; `executor` must have one thread. The writer begins at once, on the running loop."""
        self._db = db
        self._path = path
        self._executor = executor
        self._loop = asyncio.get_running_loop()
        self._queue: asyncio.Queue[_Waiting | None] = asyncio.Queue(WAITING_LIMIT + 2)
        # Room in the queue. A semaphore, for it serves in order of arrival: the end, which takes a place too, comes last.
        self._room = asyncio.Semaphore(WAITING_LIMIT)
        self._closing = False
        self._ended = False
        self._task = self._loop.create_task(self._run(), name="store writer")

    async def write(self, job: Callable[[Connection], T]) -> T:
        """What `job` returns, once it is durable. What it raises, it raises here, and nothing of it is kept.

        Cancelling the caller does not cancel the job. Raises StoreFull, StoreBusy, StoreCorrupt, StoreError.
        """
        if self._closing:
            raise self._closed_error()
        answer: asyncio.Future[T] = self._loop.create_future()
        await self._put(_Waiting(job, answer))
        return await answer

    async def close(self) -> None:
        """Commit what waits, then stop. The connection stays open. Closing twice is no error."""
        if not self._closing:
            self._closing = True
            with suppress(StoreError):  # the task was cancelled while we waited for room: it has ended already
                await self._put(None)
        await asyncio.wait((self._task,))
        if not self._task.cancelled():
            self._task.result()

    async def _put(self, item: _Waiting | None) -> None:
        await self._room.acquire()
        if self._ended:
            self._room.release()  # the next one must hear it too
            raise self._closed_error()
        self._queue.put_nowait(item)

    def _closed_error(self) -> StoreError:
        return StoreError(f"{self._path}: the store was closed: start the dialler again")

    async def _run(self) -> None:
        group: list[_Waiting] = []
        try:
            while await self._fill(group):
                jobs = [waiting.job for waiting in group]
                done = await self._loop.run_in_executor(self._executor, commit_group, self._db, self._path, jobs)
                for waiting, result in zip(group, done, strict=True):
                    _tell(waiting.answer, result)
                group.clear()
        finally:
            # After an orderly end nothing waits. Where this task was cancelled, nobody may wait for ever.
            self._closing = self._ended = True
            while not self._queue.empty():
                if (left_over := self._queue.get_nowait()) is not None:
                    group.append(left_over)
                self._room.release()
            for waiting in group:
                _tell(waiting.answer, _Done(error=self._closed_error()))

    async def _fill(self, group: list[_Waiting]) -> bool:
        """Fill `group` with all that waits, up to the limit, at least one. False: it is empty, and the end was asked for."""
        item = await self._queue.get()
        while item is not None:
            self._room.release()
            group.append(item)
            if len(group) == GROUP_LIMIT or self._queue.empty():
                return True
            item = self._queue.get_nowait()
        if group:
            self._queue.put_nowait(None)  # the end is the last in the queue, so it stays the last
        return bool(group)


def commit_group(db: Connection, path: Path, jobs: Sequence[Callable[[Connection], Any]]) -> list[_Done[Any]]:
    """Run the jobs in one transaction and commit it durably; what became of each, in order.

    They run without savepoints first, which would cost a tenth. Where one fails, all is rolled back and run again with
    each job in a savepoint, so that it fails alone. Where SQLite gives up the whole transaction (a full disk), each job
    is tried in a transaction of its own, so that what still fits is kept.
    """
    try:
        with transaction(db):
            return [_Done(job(db)) for job in jobs]
    except Exception as error:  # noqa: BLE001 - it goes to the callers, or comes again below
        failed: _Done[Any] = _Done(error=_explained(error, path))
    if len(jobs) == 1 or isinstance(failed.error, StoreBusy):
        return [failed for _ in jobs]
    try:
        with transaction(db):
            return [_in_savepoint(db, path, job) for job in jobs]
    except Exception:  # noqa: BLE001 - whose it was is found out below
        return [commit_group(db, path, [job])[0] for job in jobs]


def _in_savepoint(db: Connection, path: Path, job: Callable[[Connection], Any]) -> _Done[Any]:
    db.execute("SAVEPOINT job")
    try:
        done = _Done(job(db))
    except Exception as error:
        if not db.in_transaction:
            raise  # the savepoint went with the whole transaction
        db.execute("ROLLBACK TO job")
        done = _Done(error=_explained(error, path))
    db.execute("RELEASE job")
    return done


def _explained(error: Exception, path: Path) -> Exception:
    return store_error(error, path) if isinstance(error, database_errors()) else error


def _tell(answer: asyncio.Future[Any], done: _Done[Any]) -> None:
    if answer.done():  # the caller was cancelled; its job was done all the same
        return
    if done.error is not None:
        answer.set_exception(done.error)
    else:
        answer.set_result(done.value)
