"""The gatherer: commits every centre's batches to the database and sends the resulting peer updates.

A gatherer that is killed continues behind its last commit. Several may run: the one that holds the database's lock is active.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, NoReturn

import structlog

from dialer.domain.clock import Clock
from dialer.domain.errors import HeadquartersUnreachable
from dialer.hq.batch_writer import BatchWriter, ReceivedBatch, read_message
from dialer.hq.database import CannotBeKept, Database, DatabaseError, columns, database
from dialer.hq.orders import MOST_STREAM_BYTES
from dialer.nats import messages
from dialer.nats.session import Session, StoredMessage
from dialer.settings.headquarters import HqSettings

_log = structlog.get_logger(__name__)

LINGER_SECONDS = 0.1
"""How long batches are collected for one commit: 300 centres would otherwise cause 300 commits a second."""
MAX_COMMIT_ROWS = 10_000
MAX_QUEUED_BATCHES = 400
RETRY_SECONDS = 2.0
LEADERLESS_SECONDS = 15.0
DAYS_SECONDS = 3600.0
MAX_PEER_MESSAGES = 200  # being stored at a time
UP_BYTES = 4 << 30
PEER_BYTES = 3 << 30
"""Of peer updates in the stream, some ten million marks. Centres that were offline for longer need a snapshot."""


def collect_seldom() -> None:
    """Run the garbage collector seldom: commits create tens of thousands of objects without reference cycles."""
    gc.freeze()
    gc.set_threshold(100_000, 10, 10)


class Gatherer:
    """Commits batches while it holds the lock, and waits for the lock otherwise."""

    def __init__(self, settings: HqSettings, session: Session, clock: Clock) -> None:
        """`session` is connected with headquarters' own key."""
        self._settings = settings
        self._session = session
        self._clock = clock
        self._peers_due = asyncio.Event()
        self.is_active = asyncio.Event()
        """Set while it holds the lock."""
        self.committed_at: dict[str, float] = {}
        """When rows of a centre were last committed (epoch seconds), since the start."""

    @property
    def is_connected(self) -> bool:
        """Whether the connection to nats-server is up."""
        return self._session.is_connected

    async def run(self) -> NoReturn:
        """Gather until cancelled, retrying while the database or nats-server is unreachable."""
        address = self._settings.gather.database.get_secret_value()
        reported = ""
        while True:
            try:
                async with database(address) as db, database(address) as peers_db:
                    await db.prepare()
                    await self._gather_while_locked(db, peers_db)
            except* (*DatabaseError, HeadquartersUnreachable) as errors:
                problem = str(_first(errors)) or type(_first(errors)).__name__
                if problem != reported:
                    _log.warning("gatherer.waiting", problem=problem)
                reported = problem
            finally:
                self.is_active.clear()
            await asyncio.sleep(RETRY_SECONDS)

    async def _gather_while_locked(self, db: Database, peers_db: Database) -> None:
        while True:
            if await db.value("lock"):
                break
            await asyncio.sleep(RETRY_SECONDS)
        settings = self._settings
        centres = [(centre.id, centre.zone) for centre in settings.centres]
        await db.do("add_centres", *columns(centres, 2))
        up = await self._session.ensure_stream(
            messages.UP, ["up.*"], max_bytes=UP_BYTES, replicas=settings.gather.replicas
        )
        await self._session.ensure_stream(
            messages.PEERS, ["peer.>"], max_bytes=PEER_BYTES, replicas=settings.gather.replicas
        )
        # Orders arrive at once where their stream exists before the first of them.
        await self._session.ensure_stream(
            messages.CMD, ["cmd.>"], max_bytes=MOST_STREAM_BYTES, replicas=settings.gather.replicas
        )
        self.is_active.set()
        self._peers_due.set()
        _log.info("gatherer.active", centres=len(centres))
        async with asyncio.TaskGroup() as group:
            group.create_task(self._commit_batches(db, up), name="gather-batches")
            group.create_task(self._send_to_peers(peers_db), name="gather-peers")

    async def _commit_batches(self, db: Database, up: str) -> None:
        position = await db.value("position", up) or 0
        queue: asyncio.Queue[StoredMessage] = asyncio.Queue(MAX_QUEUED_BATCHES)
        writer = BatchWriter(self._settings, db, self._clock)
        days_until = 0.0
        async with asyncio.TaskGroup() as group:
            group.create_task(self._read(up, position, queue), name="gather-read")
            while True:
                if self._clock.monotonic() >= days_until:
                    today = datetime.fromtimestamp(self._clock.now(), UTC).date()
                    await db.prepare_days(today, self._settings.gather.keep_days)
                    days_until = self._clock.monotonic() + DAYS_SECONDS
                arrived = await self._next_batches(queue)
                committed = await self._write(writer, up, position, arrived)
                position = arrived[-1].position
                self._peers_due.set()
                self.committed_at |= dict.fromkeys(committed, self._clock.now())
                for centre, through in committed.items():
                    await self._session.publish(messages.ack_subject(centre), messages.pack_ack(through))

    async def _write(
        self, writer: BatchWriter, up: str, position: int, arrived: Sequence[ReceivedBatch]
    ) -> dict[str, int]:
        """Write batches. One with a value that the database rejects is refused alone, so that it cannot block the rest."""
        try:
            return await writer.write(up, position, arrived)
        except CannotBeKept as error:
            if len(arrived) == 1:
                refused = replace(arrived[0], batch=None, problem=f"the database rejects the batch: {error}")
                return await writer.write(up, position, [refused])
        committed: dict[str, int] = {}
        for each in arrived:
            committed |= await self._write(writer, up, position, [each])
            position = each.position
        return committed

    async def _read(self, up: str, position: int, queue: asyncio.Queue[StoredMessage]) -> None:
        async for message in self._session.consume(messages.UP, position, stream_id=up):
            await queue.put(message)

    async def _next_batches(self, queue: asyncio.Queue[StoredMessage]) -> list[ReceivedBatch]:
        """Return the batches of the next commit: those that arrive within a short time."""
        arrived = [read_message(await queue.get())]
        rows = _rows_of(arrived[0])
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LINGER_SECONDS):
                while rows < MAX_COMMIT_ROWS:
                    arrived.append(read_message(await queue.get()))
                    rows += _rows_of(arrived[-1])
        return arrived

    async def _send_to_peers(self, db: Database) -> None:
        """Send pending peer updates in order, and delete them once the stream has stored them."""
        while True:
            await self._peers_due.wait()
            self._peers_due.clear()
            while rows := await db.rows("side", MAX_PEER_MESSAGES):
                await self._store_all(rows)
                await db.do("side_told", rows[-1]["id"])

    async def _store_all(self, rows: Sequence[Any]) -> None:
        """Store messages, retrying for as long as a cluster may need to elect a leader. Raises HeadquartersUnreachable."""
        until = self._clock.monotonic() + LEADERLESS_SECONDS
        while True:
            found = await asyncio.gather(
                *(self._session.store(row["subject"], row["data"]) for row in rows), return_exceptions=True
            )
            problems = [each for each in found if isinstance(each, BaseException)]
            if not problems:
                return
            if not isinstance(problems[0], HeadquartersUnreachable) or self._clock.monotonic() > until:
                raise problems[0]
            rows = [row for row, each in zip(rows, found, strict=True) if isinstance(each, BaseException)]
            await asyncio.sleep(RETRY_SECONDS / 4)


def _rows_of(arrived: ReceivedBatch) -> int:
    return 1 if arrived.batch is None else 1 + len(arrived.batch.rows)


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
