"""One connection to the MQTT broker after another: connect, subscribe, serve, and back off when it is lost."""

from __future__ import annotations

import asyncio
import contextlib
import math
import os
import random
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

import aiomqtt
import structlog
from aiomqtt.exceptions import MqttConnectError
from paho.mqtt.client import MQTT_CLEAN_START_FIRST_ONLY
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

from dialer.clock import Clock
from dialer.errors import BrokerUnreachable, StoreError
from dialer.monitor import topics
from dialer.monitor.topics import Message
from dialer.view import Alert, AlertLevel

log = structlog.get_logger(__name__)

BROKER_DOWN = "broker-down"
OUTBOX_HELD = "outbox-held"
STABLE_SECONDS = 10.0  # a connection that lasted this long was a good one: the next loss is met with a short wait again


class MqttVersion(StrEnum):
    """Version of the protocol. With 3.1.1 a session never expires on our word, and a retained command is known as such only
    when it is delivered later.
    """

    V5 = "5"
    V311 = "3.1.1"


@dataclass(frozen=True, slots=True)
class BrokerSettings:
    """Where the broker is and how to be known to it."""

    host: str = "127.0.0.1"
    port: int = 1883
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    tls: ssl.SSLContext | None = field(default=None, repr=False)
    version: MqttVersion = MqttVersion.V5
    client_id: str | None = None  # None: "dialler-" and the centre; two diallers must not share one
    keepalive_seconds: int = 15
    answer_seconds: float = 10.0  # for each acknowledgement of the broker
    session_expiry_seconds: int = 3600  # commands sent while we are away wait for us this long (MQTT 5)
    backoff_first_seconds: float = 0.5
    backoff_most_seconds: float = 30.0


@dataclass(frozen=True, slots=True)
class Connection:
    """An open connection, subscribed to the commands."""

    client: aiomqtt.Client
    answer_seconds: float

    async def publish(self, message: Message) -> None:
        """Return when it is written (QoS 0) or acknowledged (QoS 1). Raises aiomqtt.MqttError when the connection is lost and
        TimeoutError when the broker does not answer.
        """
        async with asyncio.timeout(self.answer_seconds):
            await self.client.publish(message.topic, message.payload, qos=message.qos, retain=message.retain)

    async def read(self, take: Callable[[str, bytes, bool], None]) -> None:
        """Hand every message's topic, payload and retain flag to `take`, until cancelled or the connection is lost."""
        async for message in self.client.messages:
            payload = message.payload
            take(str(message.topic), payload if isinstance(payload, bytes) else str(payload).encode(), message.retain)


Serve = Callable[[Connection], Awaitable[None]]


class BrokerLink:
    """Keeps a connection open as long as it runs."""

    def __init__(
        self,
        settings: BrokerSettings,
        centre: str,
        clock: Clock,
        raise_alert: Callable[[Alert], None],
        chance: random.Random,
        also: Sequence[str] = (),
    ) -> None:
        """`raise_alert` hears when the broker goes and comes back; `chance` spreads the waits of 300 centres apart; `also` are
        topics to listen on beside the commands.
        """
        self._settings = settings
        self._centre = centre
        self._clock = clock
        self._raise_alert = raise_alert
        self._chance = chance
        self._listens_on = (topics.commands_topic(centre), *also)
        self._raised: set[str] = set()
        self.up = False

    async def run(self, serve: Serve, stop: asyncio.Event) -> None:
        """Connect and `serve`, again and again, until `serve` returns of itself or `stop` is set."""
        failures = 0
        while not stop.is_set():
            opened_at: float | None = None
            try:
                async with self._open(stop) as connection:
                    opened_at = self._clock.monotonic()
                    self._set_up()
                    await serve(connection)
                    return
            except* (aiomqtt.MqttError, OSError) as lost:
                if not stop.is_set():
                    self._set_down(BROKER_DOWN, self._describe(_first(lost)))
            except* StoreError as held:
                self._set_down(OUTBOX_HELD, f"results wait in the outbox: {_first(held)}")
            finally:
                self.up = False
            if stop.is_set():
                return
            lasted = 0.0 if opened_at is None else self._clock.monotonic() - opened_at
            failures = 1 if lasted >= STABLE_SECONDS else failures + 1
            await _sleep_or_stop(self._backoff_seconds(failures), stop)

    def _backoff_seconds(self, failures: int) -> float:
        """Doubles up to the most, times 0.5..1 by chance."""
        doubled = self._settings.backoff_first_seconds * 2.0 ** min(failures - 1, 20)
        return min(self._settings.backoff_most_seconds, doubled) * self._chance.uniform(0.5, 1.0)

    @contextlib.asynccontextmanager
    async def _open(self, stop: asyncio.Event) -> AsyncIterator[Connection]:
        await _knock(self._settings, stop)
        client = make_client(self._settings, self._centre, will_at=self._clock.now())
        async with _entered(client, self._settings.answer_seconds, stop):
            async with asyncio.timeout(self._settings.answer_seconds):
                await self._subscribe(client)
            yield Connection(client, self._settings.answer_seconds)

    async def _subscribe(self, client: aiomqtt.Client) -> None:
        for topic in self._listens_on:
            if self._settings.version is MqttVersion.V5:
                # Without "retain as published" a retained command looks like any other to those who are there to hear it.
                await client.subscribe(topic, options=SubscribeOptions(qos=1, retainAsPublished=True))
            else:
                await client.subscribe(topic, qos=1)

    def _set_up(self) -> None:
        self.up = True
        log.info("broker.connected", host=self._settings.host, port=self._settings.port)
        for code in sorted(self._raised):
            self._raise_alert(Alert(code, AlertLevel.NOTICE, "the broker is back", self._clock.now(), cleared=True))
        self._raised.clear()

    def _set_down(self, code: str, text: str) -> None:
        log.warning("broker.lost", code=code, problem=text)
        if code not in self._raised:
            self._raised.add(code)
            self._raise_alert(Alert(code, AlertLevel.WARNING, text, self._clock.now()))

    def _describe(self, error: BaseException) -> str:
        return f"{describe_failure(self._settings, error)}; dialling goes on, results wait in the outbox"


class Client(aiomqtt.Client):
    """aiomqtt's client, which can be given up at any moment of its connect and leaves no open socket then."""

    _given_up = False

    def give_up(self) -> None:
        """Close what a connect that failed, was stopped or cancelled half-way has opened, or is about to open."""
        self._client.on_disconnect = None  # aiomqtt's own trips over a connect that was cancelled
        self._given_up = True  # before the look for a socket: either we see the thread's, or it sees this
        # Not at once: the thread's wish that the loop read from the socket may still be queued.
        self._loop.call_soon(self._client.disconnect)

    def _client_connect(self) -> None:
        """Runs in a thread, which goes on when the one who awaits it has given up."""
        super()._client_connect()
        if self._given_up:
            self._loop.call_soon_threadsafe(self._client.disconnect)


def make_client(settings: BrokerSettings, centre: str, *, will_at: float | None) -> Client:
    """A client that is not connected yet. A new one for each connection: paho would send again of itself what an old one had
    in flight, and the outbox does that already. `will_at`: when the dialler connects; None: this is not the dialler, and it
    leaves neither a last will nor a session.
    """
    will = None if will_at is None else topics.last_will_message(centre, will_at)
    lasting = will is not None
    version5 = settings.version is MqttVersion.V5
    properties = None
    if version5:
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call] # paho types it not
        properties.SessionExpiryInterval = settings.session_expiry_seconds if lasting else 0
    client = Client(
        settings.host,
        settings.port,
        identifier=settings.client_id or f"dialler-{topics.segment(centre)}",
        username=settings.username,
        password=settings.password,
        tls_context=settings.tls,
        protocol=aiomqtt.ProtocolVersion.V5 if version5 else aiomqtt.ProtocolVersion.V311,
        clean_session=None if version5 else not lasting,
        clean_start=not lasting
        if version5
        else MQTT_CLEAN_START_FIRST_ONLY,  # 3.1.1 has no clean start and paho wants this
        properties=properties,
        will=None if will is None else aiomqtt.Will(will.topic, will.payload, qos=will.qos, retain=will.retain),
        keepalive=settings.keepalive_seconds,
        timeout=math.inf,  # aiomqtt's own goes through asyncio.wait_for, which swallows a cancellation on 3.11: we have ours
        max_queued_incoming_messages=1_000,
    )
    client.pending_calls_threshold = 64  # the outbox has 20 in flight by design; more than these would be a leak
    return client


@contextlib.asynccontextmanager
async def _entered(client: Client, seconds: float, stop: asyncio.Event) -> AsyncIterator[None]:
    """The client's own context, with limits; a connect that failed, was stopped or cancelled half-way leaves no open socket."""
    try:
        async with _limit(seconds, stop):
            await client.__aenter__()
    except BaseException:
        client.give_up()
        raise
    try:
        yield
    except BaseException as error:
        async with asyncio.timeout(seconds):
            await client.__aexit__(type(error), error, error.__traceback__)
        raise
    async with asyncio.timeout(seconds):
        await client.__aexit__(None, None, None)


@contextlib.asynccontextmanager
async def _limit(seconds: float, stop: asyncio.Event) -> AsyncIterator[None]:
    """Raise TimeoutError inside after `seconds`, or as soon as `stop` is set."""

    async def hasten(deadline: asyncio.Timeout) -> None:
        await stop.wait()
        deadline.reschedule(asyncio.get_running_loop().time())

    async with asyncio.timeout(seconds) as deadline:
        watcher = asyncio.create_task(hasten(deadline), name="broker-stop")
        try:
            yield
        finally:
            watcher.cancel()


async def check_broker(settings: BrokerSettings, centre: str, at: float) -> None:
    """Connect once and leave. Raises BrokerUnreachable with what to mend; for `dialer check`."""
    try:
        never = asyncio.Event()
        await _knock(settings, never)
        async with _entered(make_client(settings, centre, will_at=at), settings.answer_seconds, never):
            return
    except (aiomqtt.MqttError, OSError) as error:
        raise BrokerUnreachable(describe_failure(settings, error)) from error


@contextlib.asynccontextmanager
async def visiting(settings: BrokerSettings, centre: str) -> AsyncIterator[Connection]:
    """A connection for the command line. `settings.client_id` must be another one than the dialler's.

    Raises BrokerUnreachable with what to mend.
    """
    try:
        never = asyncio.Event()
        await _knock(settings, never)
        client = make_client(settings, centre, will_at=None)
        async with _entered(client, settings.answer_seconds, never):
            yield Connection(client, settings.answer_seconds)
    except (aiomqtt.MqttError, OSError) as error:
        raise BrokerUnreachable(describe_failure(settings, error)) from error


async def publish_once(settings: BrokerSettings, centre: str, messages: Sequence[Message]) -> None:
    """Connect, publish, leave. Returns when the broker has acknowledged everything. Raises BrokerUnreachable."""
    async with visiting(settings, centre) as connection:
        for message in messages:
            await connection.publish(message)


def describe_failure(settings: BrokerSettings, error: BaseException) -> str:
    """One line: which broker, and why not."""
    where = f"MQTT broker {settings.host}:{settings.port}"
    if isinstance(error, MqttConnectError):
        return f"{where} refused the log-in ({error}): check broker.username and broker.password, and that it speaks MQTT 5"
    if isinstance(error, TimeoutError):
        return f"{where} does not answer: check that it runs and that broker.host and broker.port are right"
    # By the number: asyncio's own text repeats the address, and a resolver's numbers are not the system's.
    reason = os.strerror(error.errno) if isinstance(error, ConnectionError) and error.errno else str(error)
    return f"{where} is not reachable ({reason}): check that it runs and that broker.host and broker.port are right"


async def _knock(settings: BrokerSettings, stop: asyncio.Event) -> None:
    """See whether anybody listens. aiomqtt connects in a thread, which no stop can end; this can be ended at any moment."""
    async with _limit(settings.answer_seconds, stop):
        _, writer = await asyncio.open_connection(settings.host, settings.port)
        writer.close()
        await writer.wait_closed()


async def _sleep_or_stop(seconds: float, stop: asyncio.Event) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await stop.wait()


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """The first plain exception of a group."""
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
