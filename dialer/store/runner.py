"""Runs functions on an open store. One thread writes, with several writes in one transaction. A second thread reads.

Three descriptors turn a function of this package into a method of `Store`: `Read`, `Write` and `Announce`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, Concatenate, Generic, ParamSpec, Self, TypeVar, overload

from dialer.domain.errors import StoreError
from dialer.domain.results import Encode
from dialer.store.connection import OpenStore, close_writing_connection
from dialer.store.sql import Connection
from dialer.store.writer import Writer

P = ParamSpec("P")
T = TypeVar("T")
Job = Callable[Concatenate[Connection, P], T]
AnnouncingJob = Callable[Concatenate[Connection, Encode | None, P], T]


class StoreRunner:
    """A runner of functions on an open store.

    Writes run on one connection in one thread, reads on another in a second one.
    """

    def __init__(self, opened: OpenStore, write_thread: ThreadPoolExecutor, encode: Encode | None) -> None:
        """Run functions on an opened store. `write_thread` has one thread, for the writing connection. `encode`
        converts results to MQTT messages, which are stored in the outbox until they are sent.
        """
        self._path = opened.path
        self._lock = opened.lock
        self._db = opened.writer
        self._reader = opened.reader
        self._write_thread = write_thread
        self._read_thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="store-read")
        self._writer = Writer(opened.writer, opened.path, write_thread)
        self._encode = encode
        self._closed = False
        self.outbox_event = asyncio.Event()
        """Set when a write has added announcements to the outbox. The task that sends them clears it."""

    async def _run_write_job(self, job: Job[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await self._writer.run_write_job(lambda db: job(db, *args, **kwargs))

    async def _run_announcing_write_job(self, job: AnnouncingJob[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        result = await self._writer.run_write_job(lambda db: job(db, self._encode, *args, **kwargs))
        self.outbox_event.set()
        return result

    async def _run_read_job(self, job: Job[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        if self._closed:
            raise StoreError(f"{self._path}: the store is closed. Start the dialler again.")
        read = partial(self._reader.run_read_job, lambda db: job(db, *args, **kwargs))
        return await asyncio.get_running_loop().run_in_executor(self._read_thread, read)

    async def close(self) -> None:
        """Finish the waiting writes, checkpoint the WAL, and close the store. If it is closed already, do nothing."""
        if self._closed:
            return
        self._closed = True
        loop = asyncio.get_running_loop()
        try:
            await self._writer.close()
            # The reader first: the connection that is closed last checkpoints, and only the writing one may.
            await loop.run_in_executor(self._read_thread, self._reader.close)
            await loop.run_in_executor(self._write_thread, close_writing_connection, self._db)
        finally:
            self._read_thread.shutdown()
            self._write_thread.shutdown()
            self._lock.release_lock()


class Read(Generic[P, T]):
    """A descriptor that turns a function into a reading method of the store.

    The method does not see writes that are still waiting for their commit.
    """

    def __init__(self, job: Job[P, T]) -> None:
        self._job = job
        self.__doc__ = job.__doc__

    def __get__(self, store: StoreRunner, kind: type[StoreRunner]) -> Callable[P, Coroutine[Any, Any, T]]:
        return partial(store._run_read_job, self._job)


class Write(Generic[P, T]):
    """A descriptor that turns a function into a writing method of the store, which returns once the commit is on disk."""

    announces = False

    def __init__(self, job: Job[P, T]) -> None:
        self._job: Callable[..., T] = job
        self.__doc__ = job.__doc__

    @overload
    def __get__(self, store: None, kind: type[StoreRunner]) -> Self: ...
    @overload
    def __get__(self, store: StoreRunner, kind: type[StoreRunner]) -> Callable[P, Coroutine[Any, Any, T]]: ...
    def __get__(self, store: StoreRunner | None, kind: type[StoreRunner]) -> Self | Callable[P, Coroutine[Any, Any, T]]:
        if store is None:
            return self
        return partial(store._run_announcing_write_job if self.announces else store._run_write_job, self._job)


class Announce(Write[P, T]):
    """A descriptor that turns a function into a writing method of the store that also announces its result by MQTT.

    The MQTT messages are stored in the outbox, in the same transaction as the result.
    """

    announces = True

    def __init__(self, job: AnnouncingJob[P, T]) -> None:
        self._job = job
        self.__doc__ = job.__doc__
