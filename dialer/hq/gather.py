"""The gatherer: a process that reads batches of results from all centres, and stores them in headquarters' database.

It also forwards peer updates (opt-outs, voter marks, and call times) to other centres. Several gatherers may run:
the one that holds the database's lock is active, and the others wait for the lock.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import NamedTuple, NoReturn

import structlog

from dialer.domain.cancelling import await_coroutine_in_own_task
from dialer.domain.clock import Clock
from dialer.domain.errors import HeadquartersUnreachable, find_first_error_in_group
from dialer.domain.orders import LONGEST_VALID_SECONDS
from dialer.domain.other_centres import CALLS_KEPT_SECONDS
from dialer.hq.batch_import import (
    Acknowledgements,
    BatchImporter,
    ReceivedBatch,
    merge_acknowledgements,
    parse_batch_message,
)
from dialer.hq.cpu_share import CpuShares
from dialer.hq.database import Database, DatabaseError, ValueRejected, open_database
from dialer.hq.orders import MAX_ORDER_STREAM_BYTES
from dialer.hq.sql import Command, Query, Scalar, convert_rows_to_columns
from dialer.hq.stores import StoreSightings
from dialer.nats import messages
from dialer.nats.number_sample import NUMBERS, build_number_sample_subject
from dialer.nats.session import Session, StoredMessage, StreamSetBack
from dialer.settings.headquarters import HqSettings
from dialer.store.sql import Statements

_log = structlog.get_logger(__name__)

COLLECT_SECONDS = 0.1
"""How long batches are collected for one commit. Three hundred centres would otherwise cause three hundred commits a second."""
MAX_COMMIT_ROWS = 10_000
MAX_WAITING_BATCHES = 400
RETRY_SECONDS = 2.0
ELECTION_SECONDS = 15.0
"""How long a cluster may take to elect a leader for a stream."""
PARTITIONS_SECONDS = 3600.0
UNSTORED_SECONDS = 30.0
"""How long a centre's report counts that the server does not store its results. It is repeated every few seconds."""
COPIES_SECONDS = 15.0
"""How often the gatherer asks a cluster whether each server has a current copy of each stream."""
STREAMS = (messages.UP, messages.PEERS, messages.CMD, messages.CALLS, NUMBERS)
MAX_PENDING_UPDATES = 200  # messages sent to the stream of peer updates and not stored yet
BATCH_STREAM_BYTES = 4 << 30
PEER_STREAM_BYTES = 3 << 30
"""About ten million marks. A centre that was disconnected for longer downloads a snapshot."""
CALL_STREAM_BYTES = 1 << 30
"""About six million calls; the oldest are discarded first."""


class QueuedUpdate(NamedTuple):
    """An opt-out, a voter's answer or a call that waits in the database to be sent to other centres (peer update)."""

    id: int
    subject: str
    data: bytes


class StreamPosition(NamedTuple):
    """The position of a message in a stream of nats-server, and when the server stored that message."""

    position: int
    stored_at: float | None  # by the server's clock (epoch seconds); None: unknown


class SQL(Statements):
    lock = Scalar(bool)
    set_centre_zones = Command()
    position = Query(StreamPosition)
    set_position = Command()
    peer_updates = Query(QueuedUpdate)
    delete_peer_updates = Command()


def make_garbage_collection_rare() -> None:
    """Make Python's garbage collection in this process rare.

    A commit creates tens of thousands of objects without reference cycles. Searching them for cycles would slow the import
    down.
    """
    gc.freeze()
    gc.set_threshold(100_000, 10, 10)


class Gatherer:
    """The process that stores the results of centres in headquarters' database.

    If several gatherers run, only the one that holds the database's lock imports. The others wait for the lock.
    """

    def __init__(self, settings: HqSettings, session: Session, clock: Clock) -> None:
        """Create a gatherer (the process that imports results). `session` must be connected with headquarters' own key."""
        self._settings = settings
        self._session = session
        self._clock = clock
        self._updates_queued = asyncio.Event()
        self._sightings = StoreSightings()
        self._unstored_at: dict[
            str, float
        ] = {}  # when a centre last reported that the server stores none of its results
        self._is_subscribed = False
        self.active = asyncio.Event()
        """Set while it has the lock."""
        self.has_unstored_updates = False
        """Whether the server does not store opt-outs, votes and calls for other centres."""
        self.servers_with_outdated_copies: set[str] = set()
        """The nats-servers of a cluster whose copy of a stream lacks messages."""
        self.committed_at: dict[str, float] = {}
        """When rows of each centre were last committed since the start (epoch seconds)."""
        self.contradicted_centres: set[str] = set()
        """Centres whose store has sent seals that contradict earlier ones."""
        self.replaced_centres: set[str] = set()
        """Centres whose store replaced another, which no person has confirmed."""
        self._shares = CpuShares()
        self._is_stream_set_back = False  # nats-server; not reported yet
        self.set_back_at = 0.0
        """When nats-server was last found to be set back to a copy (epoch seconds); 0: not since the start."""

    @property
    def is_connected(self) -> bool:
        """Whether this process (gatherer) is connected to headquarters' nats-server."""
        return self._session.is_connected

    @property
    def centres_with_unstored_results(self) -> set[str]:
        """The centres that have reported that headquarters' nats-server does not store their results."""
        since = self._clock.now() - UNSTORED_SECONDS
        return {centre for centre, at in self._unstored_at.items() if at >= since}

    async def import_batches_until_cancelled(self) -> NoReturn:
        """Import batches until cancelled. Retry while the database or nats-server is unreachable."""
        logged = ""
        while True:
            try:
                await await_coroutine_in_own_task(self._import_results_while_connected())
            except* (*DatabaseError, HeadquartersUnreachable) as errors:
                problem = str(find_first_error_in_group(errors)) or type(find_first_error_in_group(errors)).__name__
                if problem != logged:
                    _log.warning("gatherer.interrupted", problem=problem)
                logged = problem
            finally:
                self.active.clear()
                self.servers_with_outdated_copies = set()
            await asyncio.sleep(RETRY_SECONDS)

    async def _import_results_while_connected(self) -> None:
        address = self._settings.gather.database.get_secret_value()
        # Two connections: peer updates must not wait for the commits of batches.
        async with open_database(address) as importing, open_database(address) as forwarding:
            await importing.prepare_schema()
            await self._import_results_while_holding_lock(importing, forwarding)

    async def _import_results_while_holding_lock(self, importing: Database, forwarding: Database) -> None:
        while True:
            if await SQL.lock.fetch_value(importing):
                break
            self.has_unstored_updates = False  # another gatherer sends them
            await asyncio.sleep(RETRY_SECONDS)
        settings = self._settings
        centres = [(centre.id, centre.zone) for centre in settings.centres]
        await SQL.set_centre_zones.run_statement(importing, *convert_rows_to_columns(centres, 2))
        replicas = settings.gather.replicas
        stream_id = await self._session.create_stream_if_missing(
            messages.UP, ["up.*"], max_bytes=BATCH_STREAM_BYTES, replicas=replicas
        )
        await self._session.create_stream_if_missing(
            messages.PEERS, ["peer.>"], max_bytes=PEER_STREAM_BYTES, replicas=replicas
        )
        await self._session.create_stream_if_missing(
            messages.CALLS,
            ["call.*"],
            max_bytes=CALL_STREAM_BYTES,
            replicas=replicas,
            max_age_seconds=CALLS_KEPT_SECONDS,
        )
        await self._session.create_stream_if_missing(
            NUMBERS, [build_number_sample_subject("*")], replicas=replicas, newest_only=True
        )
        if not self._is_subscribed:
            await self._session.subscribe_to_subject(
                messages.build_live_status_subject("*", "store"), self._receive_store_status
            )
            self._is_subscribed = True
        # Created before the first order, so that centres receive that at once.
        await self._session.create_stream_if_missing(
            messages.CMD,
            ["cmd.>"],
            max_bytes=MAX_ORDER_STREAM_BYTES,
            replicas=replicas,
            max_age_seconds=LONGEST_VALID_SECONDS,
        )
        self.active.set()
        self._updates_queued.set()
        _log.info("gatherer.started", centres=len(centres))
        async with asyncio.TaskGroup() as group:
            group.create_task(self._import_batches(importing, stream_id), name="gather-batches")
            group.create_task(self._forward_updates_to_other_centres(forwarding), name="gather-peer-updates")
            if replicas > 1:
                group.create_task(self._check_stream_copies_regularly(), name="gather-copies")

    async def _check_stream_copies_regularly(self) -> NoReturn:
        """Check regularly which nats-servers of the cluster lack messages of the streams, for example after a full
        disk.
        """
        while True:
            with contextlib.suppress(HeadquartersUnreachable):  # the import reports that
                outdated = [await self._session.list_servers_with_outdated_copy(each) for each in STREAMS]
                servers = set[str]().union(*outdated)
                if servers - self.servers_with_outdated_copies:
                    _log.warning("gatherer.copies_outdated", servers=sorted(servers))
                self.servers_with_outdated_copies = servers
            await asyncio.sleep(COPIES_SECONDS)

    async def _receive_store_status(self, subject: str, data: bytes) -> None:
        with contextlib.suppress(messages.InvalidMessage):
            centre, status, now = subject.split(".")[1], messages.unpack_store_status(data), self._clock.now()
            self._sightings.record_time_of_message_from_store(centre, status.incarnation, now)
            if not status.server_problem:
                self._unstored_at.pop(centre, None)
                return
            if centre not in self._unstored_at:
                _log.error("gatherer.results_not_stored", centre=centre, problem=status.server_problem)
            self._unstored_at[centre] = now

    async def _find_stream_position(self, db: Database, stream_id: str) -> StreamPosition:
        """Return the position in the NATS stream of batches after which reading continues.

        Usually this is the position in the database. If nats-server was restored from an older copy, the stream may end
        before that position. Then reading continues at the stream's end. Batches that are skipped are not acknowledged,
        so the centres resend them.
        """
        stored = await SQL.position.fetch_first_row(db, stream_id) or StreamPosition(0, None)
        last = (await self._session.read_stream_state(messages.UP)).last
        if stored.position <= last and not self._is_stream_set_back:
            return stored
        self._is_stream_set_back = False
        _log.error("gatherer.stream_set_back", stream=messages.UP, position=stored.position, last=last)
        self.set_back_at = self._clock.now()
        valid = StreamPosition(min(stored.position, last), None)
        await SQL.set_position.run_statement(db, stream_id, valid.position)
        return valid

    async def _import_batches(self, db: Database, stream_id: str) -> None:
        start = await self._find_stream_position(db, stream_id)
        position = start.position
        waiting: asyncio.Queue[StoredMessage] = asyncio.Queue(MAX_WAITING_BATCHES)
        importer = BatchImporter(self._settings, db, self._clock, self._sightings, self._shares)
        await importer.retry_rejected_rows()
        self._copy_centres_with_store_problems(importer)
        partitions_due = 0.0
        async with asyncio.TaskGroup() as group:
            group.create_task(self._read_batch_stream(stream_id, start, waiting), name="gather-read")
            while True:
                if self._clock.monotonic() >= partitions_due:
                    today = datetime.fromtimestamp(self._clock.now(), UTC).date()
                    await db.update_result_partitions(today, self._settings.gather.keep_days)
                    partitions_due = self._clock.monotonic() + PARTITIONS_SECONDS
                received = await self._wait_for_batches(waiting)
                acks = await self._commit_batches(importer, stream_id, position, received)
                position = received[-1].position
                self._copy_centres_with_store_problems(importer)
                self._updates_queued.set()
                for sender, ack in acks.items():
                    if ack.through is not None:
                        self.committed_at[sender.centre] = self._clock.now()
                    await self._session.publish_message(
                        messages.build_acknowledgement_subject(sender.centre), messages.pack_acknowledgement(ack)
                    )

    def _copy_centres_with_store_problems(self, importer: BatchImporter) -> None:
        self.contradicted_centres = importer.contradicted_centres
        self.replaced_centres = importer.replaced_centres

    async def _commit_batches(
        self, importer: BatchImporter, stream_id: str, position: int, received: Sequence[ReceivedBatch]
    ) -> Acknowledgements:
        """Commit batches of centres' results.

        If the database rejects a value, only the row with that value is set aside, and the rest is committed.
        """
        try:
            return await importer.commit_batches(stream_id, position, received)
        except ValueRejected as error:
            if len(received) == 1 and received[0].row_count_for_commit_limit <= 2:
                aside = replace(received[0], set_aside=f"the database rejects one of its values: {error}")
                return await importer.commit_batches(stream_id, position, [aside])
            if len(received) == 1:
                received = received[0].split_batch_in_half()
        acks: Acknowledgements = {}
        for each in received:
            merge_acknowledgements(acks, await self._commit_batches(importer, stream_id, position, [each]))
            position = each.position
        return acks

    async def _read_batch_stream(
        self, stream_id: str, start: StreamPosition, waiting: asyncio.Queue[StoredMessage]
    ) -> None:
        position, stored_at = start
        reading = self._session.read_stream_messages(messages.UP, position, stream_id=stream_id, stored_at=stored_at)
        try:
            async for stored in reading:
                await waiting.put(stored)
        except StreamSetBack:
            self._is_stream_set_back = True
            raise

    def _read_batch_message(self, stored: StoredMessage) -> ReceivedBatch:
        """Return the batch in a message. If its centre has no CPU time left, return a problem in place of the batch.

        The skipped batch is not acknowledged, so its centre sends it again later.
        """
        if not self._shares.has_centre_cpu_time_left(stored.subject, self._clock.monotonic()):
            problem = (
                "reading the centre's batches takes too much CPU time, so some must be sent again later: check who has the "
                "centre's key"
            )
            return ReceivedBatch(stored.position, stored.stored_at, stored.subject, None, problem)
        started = time.thread_time()
        received = parse_batch_message(stored)
        self._shares.subtract_cpu_time(stored.subject, time.thread_time() - started)
        return received

    async def _wait_for_batches(self, waiting: asyncio.Queue[StoredMessage]) -> list[ReceivedBatch]:
        """Wait for a batch of a centre's results. Return it together with the batches that arrive soon after it."""
        received = [self._read_batch_message(await waiting.get())]
        rows = received[0].row_count_for_commit_limit
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(COLLECT_SECONDS):
                while rows < MAX_COMMIT_ROWS:
                    received.append(self._read_batch_message(await waiting.get()))
                    rows += received[-1].row_count_for_commit_limit
        return received

    async def _forward_updates_to_other_centres(self, db: Database) -> None:
        """Send queued opt-outs, marks about voters and calls for other centres (peer updates) to their stream, in order.

        Delete them from the queue once they are stored in the stream.
        """
        while True:
            await self._updates_queued.wait()
            self._updates_queued.clear()
            while updates := await SQL.peer_updates.fetch_rows(db, MAX_PENDING_UPDATES):
                await self._publish_updates_for_other_centres(updates)
                await SQL.delete_peer_updates.run_statement(db, updates[-1].id)

    async def _publish_updates_for_other_centres(self, updates: Sequence[QueuedUpdate]) -> None:
        """Store opt-outs, answers and calls for other centres (peer updates) in the stream, retrying while a cluster of
        nats-servers elects a leader.

        Raises HeadquartersUnreachable if no leader is elected in time.
        """
        until = self._clock.monotonic() + ELECTION_SECONDS
        while True:
            results = await asyncio.gather(
                *(self._session.store_message(each.subject, each.data) for each in updates), return_exceptions=True
            )
            errors = [each for each in results if isinstance(each, BaseException)]
            if not errors:
                self.has_unstored_updates = False
                return
            if not isinstance(errors[0], HeadquartersUnreachable) or self._clock.monotonic() > until:
                self.has_unstored_updates = True
                raise errors[0]
            updates = [update for update, each in zip(updates, results, strict=True) if isinstance(each, BaseException)]
            await asyncio.sleep(RETRY_SECONDS / 4)
