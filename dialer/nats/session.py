"""Connections to nats-server. No other module imports the client library of NATS.

A connection reconnects by itself. The caller stores the position up to which it has read a stream, and nothing is
acknowledged to the server. So nothing is lost if the server loses its consumers (readers of a stream). Streams are read
with push consumers and heartbeats. A pull request would never return if the server restarted meanwhile (nats.py #504).
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import ssl
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import nats
import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy, DiscardPolicy, StreamConfig
from nats.js.errors import APIError, NotFoundError

from dialer.domain.cancelling import await_and_reraise_lost_cancellation
from dialer.domain.errors import HeadquartersUnreachable
from dialer.nats.messages import build_consumer_name, build_inbox_prefix, is_inbox_of_requesting_centre
from dialer.nats.nkey import read_nkey_seed

_log = structlog.get_logger(__name__)

ANSWER_SECONDS = 5.0
QUERY_SECONDS = 3.0  # for requests that only read: a cluster without a leader does not answer them
HEARTBEAT_SECONDS = 2.0
SILENCE_SECONDS = 2.25 * HEARTBEAT_SECONDS
"""A stream without a message or heartbeat for so long is read again from the last position."""
RETRY_SECONDS = 1.0
RECONNECT_CHECK_SECONDS = 0.5  # after a reconnect the server no longer has our consumer
MAX_PENDING_MESSAGES = 2_000
MAX_CONSUMERS = 100_000
"""Consumers of a stream. Three hundred centres have about fifteen each; the default of nats-server 2.15 is a thousand."""


class StreamRecreated(HeadquartersUnreachable):
    """Raised if a stream is missing or was created again. Positions in the earlier stream are then no longer valid."""


class StreamSetBack(StreamRecreated):
    """Raised if nats-server was restored from an older copy: a stream ends before the position to read from, or has
    another message there.
    """


class MessagesMissing(HeadquartersUnreachable):
    """Raised if messages are missing from a stream that must be read completely."""


@dataclass(frozen=True, slots=True)
class StreamState:
    """The id of a NATS stream, and the positions of its first and last message."""

    id: str  # its name and creation time
    first: int  # position of the oldest message
    last: int  # position of the newest message it ever had


@dataclass(frozen=True, slots=True)
class StoredMessage:
    """A message that is stored in a NATS stream."""

    subject: str
    data: bytes
    position: int  # in the stream
    previous: int  # position of the message delivered before it
    pending: int  # messages that the stream had after this one when it was sent
    buffered: int  # messages after this one that have arrived already
    stored_at: float  # by the server's clock (epoch seconds); no other message at this position has the same time


class Session:
    """A connection to headquarters' nats-server. `open_session` opens one."""

    def __init__(self, client: Client, centre: str = "") -> None:
        """Create a session on a connection, with the key of `centre` or with headquarters' own."""
        self.client = client
        self._centre = centre
        self._js = client.jetstream(timeout=ANSWER_SECONDS)
        # Consumers of a stream are created one by one, so that the server is not flooded when all centres reconnect.
        self._consumer_locks: dict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._queries = client.jetstream(timeout=QUERY_SECONDS)

    @property
    def is_connected(self) -> bool:
        """Whether the connection to nats-server is up."""
        return bool(self.client.is_connected)

    @property
    def server_address(self) -> str:
        """The host and port of the server that the session is connected to (empty if disconnected)."""
        url = self.client.connected_url
        return "" if url is None else str(url.netloc)

    async def store_message(self, subject: str, data: bytes) -> int:
        """Store a message in the stream of its subject. Return its position, once it is on the server's disk.

        Raises HeadquartersUnreachable.
        """
        with _convert_library_errors(f"{subject} was not stored"):
            return int((await await_and_reraise_lost_cancellation(self._js.publish(subject, data))).seq)

    async def publish_message(self, subject: str, data: bytes) -> None:
        """Publish a message to all who are subscribed to its subject now. Without a connection the message is lost."""
        if not self.is_connected:
            return
        try:
            await self.client.publish(subject, data)
        except (NatsError, OSError) as error:
            _log.debug("nats.publish_failed", subject=subject, problem=_describe_error(error))

    async def subscribe_to_subject(self, subject: str, handle: Callable[[str, bytes], Awaitable[None]]) -> None:
        """Call `handle` for each message on a subject, one after another. The subscription survives reconnects."""

        async def pass_message_to_handler(message: Msg) -> None:
            await handle(message.subject, message.data)

        await self.client.subscribe(subject, cb=pass_message_to_handler, pending_msgs_limit=MAX_PENDING_MESSAGES)

    async def create_stream_if_missing(
        self,
        name: str,
        subjects: Sequence[str],
        *,
        max_bytes: int = -1,
        replicas: int = 1,
        max_age_seconds: float = 0.0,
        newest_only: bool = False,
    ) -> str:
        """Create a stream if it does not exist. Return its id. Raises HeadquartersUnreachable.

        The server discards the oldest messages if the stream exceeds `max_bytes`, and messages older than
        `max_age_seconds` (0 = never). With `newest_only` it stores only the newest message of each subject.
        """
        wanted = StreamConfig(
            name=name,
            subjects=[*subjects],
            max_bytes=max_bytes,
            num_replicas=replicas,
            max_age=max_age_seconds,
            discard=DiscardPolicy.OLD,
            duplicate_window=0,
            max_msgs_per_subject=1 if newest_only else -1,
            max_consumers=MAX_CONSUMERS,
        )
        with _convert_library_errors(f"stream {name} is not available"):
            try:
                config = (await await_and_reraise_lost_cancellation(self._js.stream_info(name))).config
            except NotFoundError:
                await await_and_reraise_lost_cancellation(self._js.add_stream(wanted))
            else:
                if (config.max_age or 0.0) != max_age_seconds:
                    await await_and_reraise_lost_cancellation(
                        self._js.update_stream(config.evolve(max_age=max_age_seconds))
                    )
                await self._increase_consumer_limit_of_stream(config)
        return await self.find_stream_id(name)

    async def _increase_consumer_limit_of_stream(self, config: StreamConfig) -> None:
        if config.max_consumers == MAX_CONSUMERS:
            return
        try:
            await await_and_reraise_lost_cancellation(
                self._js.update_stream(config.evolve(max_consumers=MAX_CONSUMERS))
            )
        except APIError as error:  # servers before 2.15 have no limit and accept none
            _log.warning("nats.consumer_limit_failed", stream=config.name, problem=_describe_error(error))

    async def answer_requests_on_subject(self, subject: str, answer: Callable[[str, bytes], Awaitable[bytes]]) -> None:
        """Answer centres' requests on a subject, one after another. Only one of several servers gets each request.

        The subject names the centre, and only that centre's inbox gets the answer. So a stolen key of a centre cannot
        direct an answer to another subject. The subscription survives reconnects.
        """

        async def answer_request_message(message: Msg) -> None:
            if not is_inbox_of_requesting_centre(message.subject, message.reply):
                _log.warning("nats.request_ignored", subject=message.subject, reply=message.reply)
                return
            await message.respond(await answer(message.subject, message.data))

        await self.client.subscribe(
            subject, queue="answers", cb=answer_request_message, pending_msgs_limit=MAX_PENDING_MESSAGES
        )

    async def send_request(self, subject: str, data: bytes, timeout_seconds: float) -> bytes:
        """Send a request and return the answer. Raises HeadquartersUnreachable if nobody answers."""
        with _convert_library_errors(f"{subject} has no answer"):
            return bytes(
                (
                    await await_and_reraise_lost_cancellation(
                        self.client.request(subject, data, timeout=timeout_seconds)
                    )
                ).data
            )

    async def find_stream_id(self, name: str) -> str:
        """Return the id of a stream: its name with its creation time. Raises HeadquartersUnreachable if it does not exist."""
        return (await self.read_stream_state(name)).id

    async def read_stream_state(self, name: str) -> StreamState:
        """Return the state of a stream. Raises HeadquartersUnreachable if it does not exist."""
        with _convert_library_errors(f"stream {name} is not available"):
            info = await await_and_reraise_lost_cancellation(self._queries.stream_info(name))
        if info.created is None:
            raise HeadquartersUnreachable(
                f"nats-server reports no creation time of the stream {name}: update nats-server"
            )
        return StreamState(f"{name}.{int(info.created.timestamp())}", info.state.first_seq, info.state.last_seq)

    async def list_servers_with_outdated_copy(self, stream: str) -> set[str]:
        """Return the names of the nats-servers of a cluster whose copy of a stream lacks messages. Raises
        HeadquartersUnreachable.
        """
        with _convert_library_errors(f"stream {stream} is not available"):
            cluster = (await await_and_reraise_lost_cancellation(self._queries.stream_info(stream))).cluster
        copies = (cluster.replicas if cluster is not None else None) or []
        return {copy.name for copy in copies if copy.name is not None and not copy.current}

    async def read_stream_messages(
        self,
        stream: str,
        after: int,
        subject: str = "",
        *,
        stream_id: str = "",
        stored_at: float | None = None,
        complete: bool = False,
    ) -> AsyncIterator[StoredMessage]:
        """Yield the messages of a stream after the position `after`, without end. Reconnect when necessary.

        Args:
            stream: the name of the stream.
            after: the position of the last message that was read.
            subject: if given, only messages on this subject are returned.
            stream_id: the id of the stream to which the position belongs. By default it is the existing stream.
            stored_at: when the server stored the message at the position (None = unknown).
            complete: whether a missing message is an error.

        Raises:
            StreamRecreated: the stream was created again.
            StreamSetBack: the stream ends before the position, or has another message there.
            MessagesMissing: instead of StreamSetBack if `complete` is set, and also if messages after the position were
                deleted.
        """
        position, reported = after, ""
        while True:
            try:
                async with self._consumer_locks[stream]:
                    state = await self._check_that_stream_has_unread_messages(
                        stream, stream_id, position, complete=complete
                    )
                stream_id, is_compared = state.id, stored_at is not None and position >= state.first
                compared_at = stored_at if is_compared else None
                async for message in self._read_stream_until_connection_lost(stream, position, compared_at, subject):
                    # A stream that keeps only the newest message of each subject is read without a subject.
                    if message is None or (is_compared and (subject or message.position == position)):
                        is_compared = False
                        _check_last_read_message_exists(stream, message, position, stored_at, complete=complete)
                        continue
                    position, stored_at, reported = message.position, message.stored_at, ""
                    yield message
            except (StreamRecreated, MessagesMissing):
                raise
            except (HeadquartersUnreachable, NatsError, TimeoutError, OSError) as error:
                if (problem := _describe_error(error)) != reported:
                    _log.warning("nats.stream_read_failed", stream=stream, problem=problem)
                reported = problem
            await asyncio.sleep(RETRY_SECONDS * random.uniform(0.2, 1.0))  # noqa: S311 - spreads the load, no secret

    async def _check_that_stream_has_unread_messages(
        self, stream: str, stream_id: str, position: int, *, complete: bool
    ) -> StreamState:
        """Check that a stream still has the messages after `position`, and return the stream's state.

        Raises HeadquartersUnreachable, and the errors of `read_stream_messages`.
        """
        try:
            state = await self.read_stream_state(stream)
        except HeadquartersUnreachable as error:
            if not stream_id or not isinstance(error.__cause__, NotFoundError):
                raise
            state = StreamState("", 0, 0)
        if stream_id not in {"", state.id}:
            raise StreamRecreated(
                f"stream {stream} of nats-server was deleted or created again: once it exists, its messages are "
                "read from the beginning. If it does not exist again soon, check nats-server"
            )
        if not complete and position > state.last:
            raise StreamSetBack(
                f"stream {stream} of nats-server was set back to an older copy: it ends at message {state.last}, but messages up "
                f"to {position} were read before. Check who restored it and why"
            )
        if complete and not state.first - 1 <= position <= state.last:
            raise MessagesMissing(
                f"stream {stream} of nats-server has lost messages that were not read: it has {state.first} to"
                f" {state.last}, and the last one read was {position}. Check this stream's limits and the server's disk"
            )
        return state

    async def _read_stream_until_connection_lost(
        self, stream: str, after: int, stored_at: float | None, subject: str
    ) -> AsyncIterator[StoredMessage | None]:
        """Yield the messages of a stream after the position `after`, until the server is silent or a message is lost.

        With `stored_at`, the message at `after` itself comes first, so that the caller can check whether it has
        changed. If the stream no longer has that message, a later message comes first. If there is no later message on
        `subject`, None comes first.

        The request that creates the consumer (reader of a stream) names the subject. So the server can allow a centre
        to read its own subjects only (dialer/hq/render.py).
        """
        inbox = self.client.new_inbox()
        queue: asyncio.Queue[Msg] = asyncio.Queue(MAX_PENDING_MESSAGES)
        arrived = 0  # messages of the stream, without heartbeats

        async def queue_stream_message(message: Msg) -> None:
            nonlocal arrived
            arrived += not _is_status_message(message)
            await queue.put(message)

        subscription = await self.client.subscribe(inbox, cb=queue_stream_message)
        position, number = after, 0
        try:
            consumer = ConsumerConfig(
                name=build_consumer_name(self._centre, subject) if self._centre else uuid4().hex,
                deliver_subject=inbox,
                deliver_policy=DeliverPolicy.BY_START_SEQUENCE,
                opt_start_seq=after + 1 if stored_at is None else after,
                ack_policy=AckPolicy.NONE,
                max_deliver=1,
                mem_storage=True,
                num_replicas=1,
                idle_heartbeat=HEARTBEAT_SECONDS,
                flow_control=True,
                inactive_threshold=30.0,
                filter_subject=subject or None,
            )
            async with self._consumer_locks[stream]:
                found = await self._recreate_consumer_at_position(stream, consumer)
            if subject and stored_at is not None and not found:
                yield None
            reconnects = self.client.stats["reconnects"]
            while True:
                message = await self._read_next_message(queue, reconnects)
                if message is None:
                    return
                if _is_status_message(message):
                    if message.reply:  # flow control
                        await message.respond(b"")
                    continue
                sequence = message.metadata.sequence
                if sequence.consumer != number + 1:  # a message was lost
                    return
                number = sequence.consumer
                yield StoredMessage(
                    message.subject,
                    message.data,
                    sequence.stream,
                    position,
                    message.metadata.num_pending,
                    arrived - number,
                    message.metadata.timestamp.timestamp(),
                )
                position = sequence.stream
        finally:
            if self.is_connected:
                await subscription.unsubscribe()

    async def _recreate_consumer_at_position(self, stream: str, consumer: ConsumerConfig) -> int:
        """Delete the consumer (reader of a stream) of this name, and create it again at its new position.

        Return how many messages the stream has after this position.
        """
        if self._centre and consumer.name is not None:
            with contextlib.suppress(
                NatsError, TimeoutError
            ):  # there is none; another problem also prevents the creation
                await await_and_reraise_lost_cancellation(self._queries.delete_consumer(stream, consumer.name))
        info = await await_and_reraise_lost_cancellation(self._queries.add_consumer(stream, consumer))
        delivered = 0 if info.delivered is None else info.delivered.consumer_seq  # it has begun already
        return (info.num_pending or 0) + delivered

    async def _read_next_message(self, queue: asyncio.Queue[Msg], reconnects: int) -> Msg | None:
        """Return the next message of the queue, or None if the connection was reopened or the server is silent."""
        clock = asyncio.get_running_loop().time
        deadline = clock() + SILENCE_SECONDS
        while self.client.stats["reconnects"] == reconnects and clock() < deadline:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(RECONNECT_CHECK_SECONDS):
                    return await queue.get()
        return None

    async def close(self) -> None:
        """Send buffered messages, if there is a connection, and close the connection."""
        if not self.client.is_closed:
            with contextlib.suppress(NatsError, OSError):
                await self.client.close()


@contextlib.contextmanager
def _convert_library_errors(failure: str) -> Iterator[None]:
    """Raise errors of the NATS library as HeadquartersUnreachable, with `failure` at the start of the text."""
    try:
        yield
    except (NatsError, TimeoutError, OSError) as error:
        problem = _describe_error(error)
        raise HeadquartersUnreachable(
            f"nats-server failed: {failure} ({problem}). Check the connection to nats-server"
        ) from error


def _check_last_read_message_exists(
    stream: str, message: StoredMessage | None, position: int, stored_at: float | None, *, complete: bool
) -> None:
    """Raise an error if the stream no longer has the message that was read last, because the server was set back.

    `position` and `stored_at` are those of the message that was read. `message` is the first message that the stream
    has now from `position` on, or None. The error is StreamSetBack, or MessagesMissing with `complete`.
    """
    if message is None or (message.position, message.stored_at) != (position, stored_at):
        problem = MessagesMissing if complete else StreamSetBack
        raise problem(
            f"stream {stream} of nats-server was set back to an older copy: message {position} is not the one "
            "that was read before. Check who restored it and why"
        )


def _is_status_message(message: Msg) -> bool:
    """Return whether a message is a heartbeat or flow control, and not a message of the stream."""
    return message.headers is not None and message.headers.get("Status") == "100"


@contextlib.asynccontextmanager
async def open_session(
    servers: Sequence[str],
    name: str,
    *,
    nkey_file: Path | None = None,
    ca_file: Path | None = None,
    centre: str = "",
    timeout_seconds: float | None = None,
) -> AsyncIterator[Session]:
    """Open a session: a connection to nats-server, which reconnects by itself until the context ends.

    `name` identifies the connection in the server's lists. `centre` is the centre whose key is used ("" = headquarters'
    own key). `timeout_seconds` limits the wait for the first connection (None = no limit). Raises
    HeadquartersUnreachable if the certificates or the key cannot be used, or at the timeout.
    """
    options: dict[str, object] = {"inbox_prefix": build_inbox_prefix(centre)} if centre else {}
    if any(server.startswith("tls:") for server in servers):
        options["tls"] = _create_tls_context(ca_file)
    if nkey_file is not None:
        options["nkeys_seed_str"] = read_nkey_seed(nkey_file)
    try:
        async with asyncio.timeout(timeout_seconds):
            client = await _connect_to_servers_with_retries(servers, name, options)
    except TimeoutError as error:
        raise HeadquartersUnreachable(
            f"{', '.join(servers)} did not accept the connection: check that nats-server runs and knows the key in "
            "`nkey_file`"
        ) from error
    session = Session(client, centre)
    try:
        yield session
    finally:
        await session.close()


async def _connect_to_servers_with_retries(servers: Sequence[str], name: str, options: dict[str, object]) -> Client:
    """Connect to one of the nats-servers, retrying until it succeeds."""
    log = _ProblemLog()
    task = asyncio.current_task()
    assert task is not None  # noqa: S101 - an awaited coroutine runs in a task
    cancellations_before = task.cancelling()

    async def log_problem_unless_cancelled(error: Exception) -> None:
        # The library loses a cancellation that arrives while an attempt fails (`asyncio.wait_for` raises the failure instead,
        # CPython #86296), and would retry for ever.
        if asyncio.current_task() is task and task.cancelling() > cancellations_before:
            raise asyncio.CancelledError
        await log.log_connection_problem_unless_repeated(error)

    while True:
        try:
            connecting = nats.connect(
                [*servers],
                name=name,
                connect_timeout=ANSWER_SECONDS,
                max_reconnect_attempts=-1,
                reconnect_time_wait=random.uniform(0.3, 1.5),  # noqa: S311 - 300 centres must not reconnect at once
                ping_interval=5,
                max_outstanding_pings=2,
                allow_reconnect=True,
                error_cb=log_problem_unless_cancelled,
                reconnected_cb=log.forget_last_logged_problem,
                **options,
            )
            return await await_and_reraise_lost_cancellation(connecting)
        except (NatsError, OSError, TimeoutError) as error:
            await log.log_connection_problem_unless_repeated(error)
            await asyncio.sleep(random.uniform(0.5, 3.0))  # noqa: S311 - 300 centres must not connect at once


class _ProblemLog:
    """A log of connection problems. It logs each problem once, although the library reports it at every attempt to
    connect.
    """

    def __init__(self) -> None:
        self._reported = ""

    async def log_connection_problem_unless_repeated(self, error: Exception) -> None:
        if (problem := _describe_error(error)) != self._reported:
            self._reported = problem
            _log.warning("nats.connection_failed", problem=problem)

    async def forget_last_logged_problem(self) -> None:
        self._reported = ""


def _create_tls_context(ca_file: Path | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ca_file)
    except (OSError, ssl.SSLError) as error:
        raise HeadquartersUnreachable(
            f"{ca_file}: the file has no readable certificates; name a file in PEM format"
        ) from error


def _describe_error(error: BaseException) -> str:
    if isinstance(error, APIError):
        return str(error.description)
    return str(error) or type(error).__name__
