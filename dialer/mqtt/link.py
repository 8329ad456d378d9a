"""One connection to the MQTT broker after another: connect, subscribe, serve, and back off when it is lost."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import hmac
import math
import os
import random
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import partial

import aiomqtt
import structlog
from aiomqtt.exceptions import MqttConnectError
from paho.mqtt.client import MQTT_CLEAN_START_FIRST_ONLY, MQTTMessage
from paho.mqtt.client import Client as PahoClient
from paho.mqtt.enums import MQTTErrorCode
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

from dialer.domain.backoff import Backoff
from dialer.domain.clock import Clock
from dialer.domain.errors import BrokerUnreachable, CentreIdTaken, StoreError
from dialer.domain.view import Alert, AlertLevel
from dialer.mqtt import topics
from dialer.mqtt.topics import Message

# aiomqtt's client, with what it lacks: a connect that can be given up, and messages that are acknowledged once they


class Client(aiomqtt.Client):
    """Can be given up at any moment of its connect and leaves no open socket then; can leave it to the reader to acknowledge a
    message.
    """

    _given_up = False
    _keeps_first = False
    _unkept = 0
    _left_out = False

    def keep_first(self) -> None:
        """From now on no message is acknowledged before `acknowledge`: what was not kept, the broker still has."""
        self._keeps_first = True
        self._client.manual_ack_set(True)

    def acknowledge(self, message: aiomqtt.Message) -> None:
        """Tell the broker that a message is kept. One of a connection that is gone comes again on the next one."""
        if not self._keeps_first or self._disconnected.done():
            return
        self._client.ack(message.mid, message.qos)
        self._unkept -= 1
        if self._left_out and not self._unkept:
            self._client.disconnect()  # on the next connection the broker sends again all that has no acknowledgement

    def _on_message(self, client: PahoClient, userdata: object, message: MQTTMessage) -> None:
        """Only a broker that knows no limit (before MQTT 5) sends more than there is room for."""
        if self._keeps_first and self._queue.full():
            self._left_out = True
            return
        self._unkept += 1
        super()._on_message(client, userdata, message)

    def write_soon(self, message: Message) -> None:
        """Hand over a message of QoS 0, to be written before whatever is published after it. Raises aiomqtt.MqttError."""
        done = self._client.publish(message.topic, message.payload, message.qos, message.retain)
        if done.rc != MQTTErrorCode.MQTT_ERR_SUCCESS:
            raise aiomqtt.MqttCodeError(done.rc, "Could not publish message")

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


_log = structlog.get_logger(__name__)

BROKER_DOWN = "broker-down"
CENTRE_ID_TAKEN = "centre-id-taken"
OUTBOX_HELD = "outbox-held"
OPT_OUTS_UNHEARD = "opt-outs-unheard"
WAITING_MESSAGES = 1_000  # in a client, until they are read
UNKEPT_MESSAGES = 10_000
"""As many wait in a client that keeps first: the broker sends no more before some are kept (MQTT 5). Many, for a broker with its
shipped settings holds few beside them and drops the rest (Mosquitto: `max_queued_messages`).
"""
MOST_PACKET_BYTES = 65_536
"""What the broker may send us at once (MQTT 5): a longer message never reaches us. A signed command is the longest."""
_REFUSED = 128  # and above: codes of a failure, in MQTT 5 and 3.1.1
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
    client_id: str | None = None  # None: of the centre and the password; two diallers must not share one
    keepalive_seconds: int = 15
    answer_seconds: float = 10.0  # for each acknowledgement of the broker
    session_expiry_seconds: int = 3600  # commands sent while we are away wait for us this long (MQTT 5)
    backoff_first_seconds: float = 0.5
    backoff_most_seconds: float = 30.0


@dataclass(frozen=True, slots=True)
class LinkPurpose:
    """What one of the dialler's connections is for."""

    listens_on: str  # a topic
    down: str  # code of the alert while it is lost
    meanwhile: str  # what becomes of it then
    client: str = ""  # end of its client id
    speaks: bool = True  # publishes, and leaves a last will; else it listens, and says of each message that it is kept


def for_commands(centre: str) -> LinkPurpose:
    """All that the dialler says, and commands."""
    meanwhile = "dialling goes on, results wait in the outbox"
    return LinkPurpose(topics.commands_filter(centre), BROKER_DOWN, meanwhile)


def for_opt_outs() -> LinkPurpose:
    """Opt-outs of other centres. On a connection of their own: the broker holds back what this centre cannot keep yet, and must
    not hold back commands with it.
    """
    meanwhile = "opt-outs of other centres wait there for an hour; after that exchange files of them"
    return LinkPurpose(topics.opt_outs_filter(), OPT_OUTS_UNHEARD, meanwhile, client="-opt-outs", speaks=False)


class SubscriptionRefused(aiomqtt.MqttError):
    """The broker lets us connect and not listen."""


@dataclass(frozen=True, slots=True)
class Received:
    """A message from the broker."""

    topic: str
    payload: bytes
    retained: bool
    kept: Callable[[], None]  # to be called once it is kept, in the order of the messages; the broker forgets it then


@dataclass(frozen=True, slots=True)
class Connection:
    """An open connection, subscribed to what it is for."""

    client: Client
    answer_seconds: float

    async def publish(self, message: Message) -> None:
        """Return when it is written (QoS 0) or acknowledged (QoS 1). Raises aiomqtt.MqttError when the connection is lost and
        TimeoutError when the broker does not answer.
        """
        async with asyncio.timeout(self.answer_seconds):
            await self.client.publish(message.topic, message.payload, qos=message.qos, retain=message.retain)

    async def publish_all(self, messages: Sequence[Message]) -> None:
        """Publish them in their order, and return as `publish` does for the last. What is of QoS 0 before it is waited for by no
        timer and task of its own: it goes out in the same turn of the loop. Raises as `publish` does.
        """
        for place, message in enumerate(messages, 1):
            if message.qos == 0 and place < len(messages):
                self.client.write_soon(message)
            else:
                await self.publish(message)

    async def unsubscribe(self, topic: str) -> None:
        """Hear no more of a topic; harmless for one that was not heard. Raises as `publish` does."""
        async with asyncio.timeout(self.answer_seconds):
            await self.client.unsubscribe(topic)

    async def read(self, take: Callable[[Received], Awaitable[None]]) -> None:
        """Hand every message to `take`, one after another, until cancelled or the connection is lost."""
        async for message in self.client.messages:
            payload = message.payload if isinstance(message.payload, bytes) else str(message.payload).encode()
            kept = partial(self.client.acknowledge, message)
            await take(Received(str(message.topic), payload, message.retain, kept))


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
        purpose: LinkPurpose | None = None,
        taken: Callable[[], Awaitable[str | None]] | None = None,
    ) -> None:
        """`raise_alert` hears when the broker goes and comes back; `chance` spreads the waits of 300 centres apart; `purpose`:
        none is `for_commands`. `taken` is asked before each connection, and says who else has the centre's id.
        """
        self._taken = taken
        self._purpose = purpose or for_commands(centre)
        self._settings = replace(settings, client_id=f"{client_id_of(settings, centre)}{self._purpose.client}")
        self._centre = centre
        self._clock = clock
        self._raise_alert = raise_alert
        self._chance = chance
        self._backoff = Backoff(settings.backoff_first_seconds, settings.backoff_most_seconds)
        self._raised: set[str] = set()
        self.up = False

    async def run(self, serve: Serve, stop: asyncio.Event) -> None:
        """Connect and `serve`, again and again, until `serve` returns of itself or `stop` is set."""
        failures = 0
        while not stop.is_set():
            opened_at: float | None = None
            try:
                taken = None if self._taken is None else await self._taken()
                if taken is not None:
                    raise CentreIdTaken(taken)
                async with self._open(stop) as connection:
                    opened_at = self._clock.monotonic()
                    self._set_up()
                    await serve(connection)
                    return
            except* (aiomqtt.MqttError, OSError) as lost:
                if not stop.is_set():
                    self._set_down(self._purpose.down, self._describe(_first(lost)))
            except* CentreIdTaken as other:
                self._set_down(CENTRE_ID_TAKEN, f"{_first(other)}; {self._purpose.meanwhile}")
            except* BrokerUnreachable as away:
                if not stop.is_set():
                    self._set_down(self._purpose.down, f"{_first(away)}; {self._purpose.meanwhile}")
            except* StoreError as held:
                self._set_down(OUTBOX_HELD, f"results wait in the outbox: {_first(held)}")
            finally:
                self.up = False
            if stop.is_set():
                return
            lasted = 0.0 if opened_at is None else self._clock.monotonic() - opened_at
            failures = 1 if lasted >= STABLE_SECONDS else failures + 1
            await _sleep_or_stop(self._backoff.seconds(failures, self._chance), stop)

    @contextlib.asynccontextmanager
    async def _open(self, stop: asyncio.Event) -> AsyncIterator[Connection]:
        await _knock(self._settings, stop)
        will_at = self._clock.now() if self._purpose.speaks else None
        client = make_client(self._settings, self._centre, will_at=will_at, keeps_first=not self._purpose.speaks)
        async with _entered(client, self._settings.answer_seconds, stop):
            async with asyncio.timeout(self._settings.answer_seconds):
                await self._subscribe(client)
            yield Connection(client, self._settings.answer_seconds)

    async def _subscribe(self, client: aiomqtt.Client) -> None:
        topic = self._purpose.listens_on
        if self._settings.version is MqttVersion.V5:
            # Without "retain as published" a retained command looks like any other to those who are there to hear it.
            granted = await client.subscribe(topic, options=SubscribeOptions(qos=1, retainAsPublished=True))
        else:
            granted = await client.subscribe(topic, qos=1)
        codes = [each if isinstance(each, int) else each.value for each in granted]
        if any(code >= _REFUSED for code in codes):  # aiomqtt returns them as it does those of success
            raise SubscriptionRefused(f"refused the subscription to {topic} (code {codes[0]})")

    def _set_up(self) -> None:
        self.up = True
        _log.info(
            "broker.connected", host=self._settings.host, port=self._settings.port, topic=self._purpose.listens_on
        )
        for code in sorted(self._raised):
            self._raise_alert(Alert(code, AlertLevel.NOTICE, "the broker is back", self._clock.now(), cleared=True))
        self._raised.clear()

    def _set_down(self, code: str, text: str) -> None:
        _log.warning("broker.lost", code=code, problem=text)
        if code not in self._raised:
            self._raised.add(code)
            self._raise_alert(Alert(code, AlertLevel.WARNING, text, self._clock.now()))

    def _describe(self, error: BaseException) -> str:
        return f"{describe_failure(self._settings, error)}; {self._purpose.meanwhile}"


def client_id_of(settings: BrokerSettings, centre: str) -> str:
    """The id that the centre's dialler connects by."""
    """Nobody else's: to connect with it would end the dialler's connection and take its session, commands that wait among it. A
    broker asks no user whose client id is used, so nobody who has not the dialler's password can tell what it is.
    """
    if settings.client_id is not None:
        return settings.client_id
    name = f"dialler-{topics.segment(centre)}"
    if settings.password is None:
        return name
    secret = hmac.new(settings.password.encode(), f"client id of {name}".encode(), hashlib.sha256)
    return f"{name}-{secret.hexdigest()[:16]}"


def make_client(settings: BrokerSettings, centre: str, *, will_at: float | None, keeps_first: bool = False) -> Client:
    """A client that is not connected yet. A new one for each connection: paho would send again of itself what an old one had
    in flight, and the outbox does that already. `will_at`: when the dialler connects; None: it leaves no last will, and no
    session either unless it `keeps_first`, which acknowledges a message when it is told that it is kept.
    """
    will = None if will_at is None else topics.last_will_message(centre, will_at)
    lasting = will is not None or keeps_first
    version5 = settings.version is MqttVersion.V5
    properties = None
    if version5:
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call] # paho types it not
        properties.SessionExpiryInterval = settings.session_expiry_seconds if lasting else 0
        properties.MaximumPacketSize = MOST_PACKET_BYTES
        if keeps_first:
            properties.ReceiveMaximum = UNKEPT_MESSAGES
    client = Client(
        settings.host,
        settings.port,
        identifier=client_id_of(settings, centre),
        username=settings.username,
        password=settings.password,
        tls_context=settings.tls,
        protocol=aiomqtt.ProtocolVersion.V5 if version5 else aiomqtt.ProtocolVersion.V311,
        clean_session=None if version5 else not lasting,
        # 3.1.1 has no clean start and paho wants this.
        clean_start=not lasting if version5 else MQTT_CLEAN_START_FIRST_ONLY,
        properties=properties,
        will=None if will is None else aiomqtt.Will(will.topic, will.payload, qos=will.qos, retain=will.retain),
        keepalive=settings.keepalive_seconds,
        timeout=math.inf,  # aiomqtt's own goes through asyncio.wait_for, which swallows a cancellation on 3.11: we have ours
        max_queued_incoming_messages=UNKEPT_MESSAGES if keeps_first else WAITING_MESSAGES,
    )
    if keeps_first:
        client.keep_first()
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
    """A connection for the command line. `settings.client_id` must be nobody else's: the broker ends the older of two.

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


def describe_failure(settings: BrokerSettings, error: BaseException) -> str:
    """One line: which broker, and why not."""
    where = f"MQTT broker {settings.host}:{settings.port}"
    if isinstance(error, MqttConnectError):
        return f"{where} refused the log-in ({error}): check broker.username and broker.password, and that it speaks MQTT 5"
    if isinstance(error, SubscriptionRefused):
        return f"{where} {error}: let the dialler's user and client id read it in the broker's access list"
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
