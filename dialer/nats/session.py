"""A connection to nats-server: the one door to its library.

It comes back by itself, and what is heard goes on from a position that the caller has: nothing is acknowledged, so nothing is
kept for us at the server, and a server that has lost its consumers costs nothing. A stream is read by push with a heartbeat: a pull
that waits when the server restarts waits for ever (nats.py #504).
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

from dialer.domain.cancelling import cancellable
from dialer.domain.errors import HeadquartersUnreachable
from dialer.nats.nkey import read_seed

_log = structlog.get_logger(__name__)

ANSWER_SECONDS = 5.0
ASK_SECONDS = 3.0  # for what writes nothing: a cluster without a leader does not answer at all
HEARTBEAT_SECONDS = 2.0
SILENT_SECONDS = 2.25 * HEARTBEAT_SECONDS
"""A stream of which nothing is heard for so long, heartbeats included, is read anew from its position."""
RETRY_SECONDS = 1.0
LOOK_SECONDS = 0.5  # for a connection that is another one meanwhile: it has no consumer of ours any more
WAITING_MESSAGES = 2_000
MOST_CONSUMERS = 100_000
"""Of a stream: three hundred centres read some fifteen subjects each, and nats-server (2.15) makes a thousand where it is told
nothing.
"""


class MadeAnew(HeadquartersUnreachable):
    """A stream is gone, or another one of its name is there: a position in the one before says nothing of it."""


class NotKept(HeadquartersUnreachable):
    """A stream no longer has what followed a position, or was set back to before it: what went from it, or comes under numbers that
    were read, would be passed over.
    """


@dataclass(frozen=True, slots=True)
class StreamState:
    """How a stream stands."""

    made: str  # its name with the moment in which it was made
    first: int  # position of the oldest message that it has
    last: int  # of the newest that it ever had


@dataclass(frozen=True, slots=True)
class Stored:
    """A message of a stream."""

    subject: str
    data: bytes
    position: int  # in the stream
    after: int  # the position of the one before it that was asked for
    waiting: int  # that were stored behind it when it went
    here: int  # that have arrived behind it: they come whatever happens to the line


class Session:
    """What our programs do over a connection."""

    def __init__(self, client: Client) -> None:
        """Use `connected`."""
        self.client = client
        self._js = client.jetstream(timeout=ANSWER_SECONDS)
        # A stream's subjects are joined one by one: when all centres come back at once the server has questions enough.
        self._joining: dict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._asking = client.jetstream(timeout=ASK_SECONDS)

    @property
    def up(self) -> bool:
        """Whether there is a connection now."""
        return bool(self.client.is_connected)

    async def put(self, subject: str, data: bytes) -> int:
        """Store a message in the stream of its subject; its position. Returns once it is on the server's disk. Raises
        HeadquartersUnreachable.
        """
        with _reached(f"{subject} was not stored"):
            return int((await cancellable(self._js.publish(subject, data))).seq)

    async def say(self, subject: str, data: bytes) -> None:
        """Tell who listens now. Without a connection it is lost."""
        if not self.up:
            return
        try:
            await self.client.publish(subject, data)
        except (NatsError, OSError) as error:
            _log.debug("nats.not-said", subject=subject, problem=_said(error))

    async def listen(self, subject: str, take: Callable[[str, bytes], Awaitable[None]]) -> None:
        """Hand over what is said on a subject from now on, over reconnects too, one after another."""

        async def handle(message: Msg) -> None:
            await take(message.subject, message.data)

        await self.client.subscribe(subject, cb=handle, pending_msgs_limit=WAITING_MESSAGES)

    async def stream(self, name: str, subjects: Sequence[str], *, most_bytes: int = -1, replicas: int = 1) -> str:
        """Have a stream of that name that keeps these subjects on disk, the oldest going beyond `most_bytes`; a name for what it is
        now: another one where it was made anew. Raises HeadquartersUnreachable.
        """
        wanted = StreamConfig(
            name=name,
            subjects=[*subjects],
            max_bytes=most_bytes,
            num_replicas=replicas,
            discard=DiscardPolicy.OLD,
            duplicate_window=0,
            max_consumers=MOST_CONSUMERS,
        )
        with _reached(f"the stream {name} is not to be had"):
            try:
                found = (await cancellable(self._js.stream_info(name))).config
            except NotFoundError:
                await cancellable(self._js.add_stream(wanted))
            else:
                await self._let_all_read(found)
        return await self.made(name)

    async def _let_all_read(self, config: StreamConfig) -> None:
        if config.max_consumers == MOST_CONSUMERS:
            return
        try:
            await cancellable(self._js.update_stream(config.evolve(max_consumers=MOST_CONSUMERS)))
        except APIError as error:  # an older server's, which knows no bound, and takes no other
            _log.warning("nats.consumers-bounded", stream=config.name, problem=_said(error))

    async def answer(self, subject: str, give: Callable[[str, bytes], Awaitable[bytes]]) -> None:
        """Answer what is asked on a subject from now on, over reconnects too, one after another; of several that answer there, one
        is asked.
        """

        async def handle(message: Msg) -> None:
            await message.respond(await give(message.subject, message.data))

        await self.client.subscribe(subject, queue="answers", cb=handle, pending_msgs_limit=WAITING_MESSAGES)

    async def ask(self, subject: str, data: bytes, patience_seconds: float) -> bytes:
        """What is answered on a subject. Raises HeadquartersUnreachable where nobody does."""
        with _reached(f"{subject} is not answered"):
            return bytes((await cancellable(self.client.request(subject, data, timeout=patience_seconds))).data)

    async def made(self, name: str) -> str:
        """The stream's name with the moment in which it was made. Raises HeadquartersUnreachable where there is none."""
        return (await self.state(name)).made

    async def state(self, name: str) -> StreamState:
        """How a stream stands. Raises HeadquartersUnreachable where there is none."""
        with _reached(f"the stream {name} is not to be had"):
            found = await cancellable(self._asking.stream_info(name))
        if found.created is None:
            raise HeadquartersUnreachable(f"the stream {name} does not say when it was made")
        return StreamState(f"{name}.{int(found.created.timestamp())}", found.state.first_seq, found.state.last_seq)

    async def consume(
        self, stream: str, after: int, subject: str = "", *, made: str = "", whole: bool = False
    ) -> AsyncIterator[Stored]:
        """The messages of a stream behind a position, of this subject alone, as they come, for ever. A connection that goes is
        waited for; what is heard goes on where it ended. `made`: of which stream the position is, as `made` says; none: of the one
        that is there. Raises MadeAnew where it is no longer that one; where it must be `whole`, NotKept where messages behind
        the position have gone from it, or it ends before the position.
        """
        position, told = after, ""
        while True:
            try:
                async with self._joining[stream]:
                    made = await self._same(stream, made, position if whole else None)
                async for stored in self._read(stream, position, subject):
                    position, told = stored.position, ""
                    yield stored
            except (MadeAnew, NotKept):
                raise
            except (HeadquartersUnreachable, NatsError, TimeoutError, OSError) as error:
                if (problem := _said(error)) != told:
                    _log.warning("nats.stream-not-read", stream=stream, problem=problem)
                told = problem
            await asyncio.sleep(RETRY_SECONDS * random.uniform(0.2, 1.0))  # noqa: S311

    async def _same(self, stream: str, made: str, position: int | None) -> str:
        """The stream's name, as `made` says. Raises MadeAnew where it was another, NotKept where it has not all that follows the
        position, and as `state` does.
        """
        try:
            found = await self.state(stream)
        except HeadquartersUnreachable as error:
            if not made or not isinstance(error.__cause__, NotFoundError):
                raise
            found = StreamState("", 0, 0)
        if made not in {"", found.made}:
            raise MadeAnew(f"the stream {stream} was lost: it is read from the beginning once it is made anew")
        if position is not None and not found.first - 1 <= position <= found.last:
            kept = f"has {found.first} to {found.last} now"
            raise NotKept(f"the stream {stream} {kept}, and {position} was the last that came")
        return found.made

    async def _read(self, stream: str, after: int, subject: str) -> AsyncIterator[Stored]:
        """Until nothing is heard, or something was left out. By a consumer of one subject, which is then in the request's own: by
        that the server lets a centre read what is for it, and no other (dialer/hq/render.py).
        """
        inbox = self.client.new_inbox()
        waiting: asyncio.Queue[Msg] = asyncio.Queue(WAITING_MESSAGES)
        arrived = 0  # of the stream itself

        async def arrive(message: Msg) -> None:
            nonlocal arrived
            arrived += not _is_status(message)
            await waiting.put(message)

        heard = await self.client.subscribe(inbox, cb=arrive)
        position, number = after, 0
        try:
            consumer = ConsumerConfig(
                name=uuid4().hex,
                deliver_subject=inbox,
                deliver_policy=DeliverPolicy.BY_START_SEQUENCE,
                opt_start_seq=after + 1,
                ack_policy=AckPolicy.NONE,
                max_deliver=1,
                mem_storage=True,
                num_replicas=1,
                idle_heartbeat=HEARTBEAT_SECONDS,
                flow_control=True,
                inactive_threshold=30.0,
                filter_subject=subject or None,
            )
            async with self._joining[stream]:
                await cancellable(self._asking.add_consumer(stream, consumer))
            reconnects = self.client.stats["reconnects"]
            while True:
                message = await self._next(waiting, reconnects)
                if message is None:
                    return
                if _is_status(message):
                    if message.reply:  # flow control
                        await message.respond(b"")
                    continue
                at = message.metadata.sequence
                if at.consumer != number + 1:  # one was lost on its way
                    return
                number = at.consumer
                behind = message.metadata.num_pending
                yield Stored(message.subject, message.data, at.stream, position, behind, arrived - number)
                position = at.stream
        finally:
            if self.up:
                await heard.unsubscribe()

    async def _next(self, waiting: asyncio.Queue[Msg], reconnects: int) -> Msg | None:
        """The next message; None: none comes any more, for the server that sent them has gone, or is another one."""
        silent_at = asyncio.get_running_loop().time() + SILENT_SECONDS
        while self.client.stats["reconnects"] == reconnects and asyncio.get_running_loop().time() < silent_at:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_SECONDS):
                    return await waiting.get()
        return None

    async def close(self) -> None:
        """Send what waits, where there is a connection, and leave."""
        if not self.client.is_closed:
            with contextlib.suppress(NatsError, OSError):
                await self.client.close()


@contextlib.contextmanager
def _reached(failed: str) -> Iterator[None]:
    """What goes wrong inside as HeadquartersUnreachable, which begins with what `failed`."""
    try:
        yield
    except (NatsError, TimeoutError, OSError) as error:
        raise HeadquartersUnreachable(f"{failed}: {_said(error)}") from error


def _is_status(message: Msg) -> bool:
    """Whether it is none of the stream, but a heartbeat or flow control."""
    return message.headers is not None and message.headers.get("Status") == "100"


@contextlib.asynccontextmanager
async def connected(
    servers: Sequence[str],
    name: str,
    *,
    nkey_file: Path | None = None,
    ca_file: Path | None = None,
    inbox: str = "_INBOX",
    patience_seconds: float | None = None,
) -> AsyncIterator[Session]:
    """A session under that name, as long as it is needed: with the server as soon as it can be reached, and again whenever it goes.
    `inbox`: below which it is answered; a centre's is its own, and no other may listen there. `patience_seconds`: how long the
    server is tried; None: for ever.

    Raises HeadquartersUnreachable where the certificates or the key cannot be used, which does not mend itself, and when the
    patience is over.
    """
    options: dict[str, object] = {"inbox_prefix": inbox}
    if any(server.startswith("tls:") for server in servers):
        options["tls"] = _trusting(ca_file)
    if nkey_file is not None:
        options["nkeys_seed_str"] = read_seed(nkey_file)
    try:
        async with asyncio.timeout(patience_seconds):
            client = await _first(servers, name, options)
    except TimeoutError as error:
        raise HeadquartersUnreachable(
            f"{', '.join(servers)} does not let us in: check that nats-server runs, and that it knows the key of nkey_file"
        ) from error
    session = Session(client)
    try:
        yield session
    finally:
        await session.close()


async def _first(servers: Sequence[str], name: str, options: dict[str, object]) -> Client:
    """The connection, tried until it is there."""
    news = _News()
    while True:
        try:
            connecting = nats.connect(
                [*servers],
                name=name,
                connect_timeout=ANSWER_SECONDS,
                max_reconnect_attempts=-1,
                reconnect_time_wait=random.uniform(0.3, 1.5),  # noqa: S311 - so that three hundred do not come at once
                ping_interval=5,
                max_outstanding_pings=2,
                allow_reconnect=True,
                error_cb=news.trouble,
                reconnected_cb=news.over,
                **options,
            )
            return await cancellable(connecting)
        except (NatsError, OSError, TimeoutError) as error:
            await news.trouble(error)
            await asyncio.sleep(random.uniform(0.5, 3.0))  # noqa: S311


class _News:
    """What ails the connection, told once for as long as it is the same: the client says it at every try, one a second."""

    def __init__(self) -> None:
        self._told = ""

    async def trouble(self, error: Exception) -> None:
        if (problem := _said(error)) != self._told:
            self._told = problem
            _log.warning("nats.trouble", problem=problem)

    async def over(self) -> None:
        self._told = ""


def _trusting(ca_file: Path | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ca_file)
    except (OSError, ssl.SSLError) as error:
        raise HeadquartersUnreachable(f"{ca_file} cannot be read as certificates: name a file in PEM format") from error


def _said(error: BaseException) -> str:
    if isinstance(error, APIError):
        return str(error.description)
    return str(error) or type(error).__name__
