"""The MQTT library behind one door: nothing else of ours imports aiomqtt or the paho-mqtt under it.

Of aiomqtt 2 two private names are used, for what it does not offer: the paho client under it (`_client`: acknowledge a message once
it is kept, hand over and hang up without waiting) and the connect that it runs in a thread (`_client_connect`). aiomqtt 3 drops
paho: then this file changes and no other (docs/dependencies.md).
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import math
import socket
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial
from typing import Any, cast

import aiomqtt
from aiomqtt.exceptions import MqttConnectError
from paho.mqtt.client import MQTT_CLEAN_START_FIRST_ONLY, MQTTMessage, MQTTv5
from paho.mqtt.client import Client as PahoClient
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from dialer.domain.cancelling import cancellable
from dialer.mqtt import topics
from dialer.mqtt.messages import Message, last_will_message

MqttError = aiomqtt.MqttError
"""Whatever goes wrong with a connection."""
LogInRefused = MqttConnectError
"""The broker answered, and does not let us in."""

UNKEPT_MESSAGES = 10_000
"""As many wait in a client that keeps first: the broker sends no more before some are kept (MQTT 5). Many, for a broker with its
shipped settings holds few beside them and drops the rest (Mosquitto: `max_queued_messages`).
"""
MOST_PACKET_BYTES = 65_536
"""What the broker may send us at once (MQTT 5): a longer message never reaches us. A signed command is the longest."""
# Else a second message written while the first is on its way waits for that one's acknowledgement by TCP.
_AT_ONCE = [(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)]
_REFUSED = 128  # and above: codes of a failure, in MQTT 5 and 3.1.1
_VISIT_SECONDS = 5.0


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
    waiting_messages: int = 1_000  # in a client, until they are read


class SubscriptionRefused(aiomqtt.MqttError):
    """The broker lets us connect and not listen."""


@dataclass(frozen=True, slots=True)
class Received:
    """A message from the broker."""

    topic: str
    payload: bytes
    retained: bool
    kept: Callable[[], None]  # to be called once it is kept, in the order of the messages; the broker forgets it then


class _Inbox(asyncio.Queue[aiomqtt.Message]):
    """Messages that came and were not read yet; of those that are to be kept first, how many are not kept yet."""

    def __init__(self, maxsize: int, *, keeps_first: bool) -> None:
        super().__init__(maxsize)
        self._keeps_first = keeps_first
        self.unkept = 0
        self.left_out = False

    def put_nowait(self, item: aiomqtt.Message) -> None:
        """Only a broker that knows no limit (before MQTT 5) sends more than there is room for."""
        if self._keeps_first and self.full():
            self.left_out = True
            return
        self.unkept += 1
        super().put_nowait(item)


class Client(aiomqtt.Client):
    """aiomqtt's client, with what it lacks: it can be given up at any moment of its connect and leaves no open socket then; it can
    leave it to the reader to acknowledge a message.
    """

    def __init__(self, host: str, port: int, *, keeps_first: bool, queue: int, **options: Any) -> None:
        """Waits for `queue` messages to be read. `keeps_first`: none is acknowledged before `acknowledge`: what was not kept, the
        broker still has. `options` are aiomqtt's.
        """
        self._inbox = _Inbox(queue, keeps_first=keeps_first)

        def inbox(maxsize: int) -> _Inbox:
            return self._inbox

        super().__init__(host, port, queue_type=cast(Any, inbox), max_queued_incoming_messages=queue, **options)
        self._own_loop = asyncio.get_running_loop()
        self._version5 = options["protocol"] is aiomqtt.ProtocolVersion.V5
        self._given_up = False
        self._keeps_first = keeps_first
        if keeps_first:
            self._client.manual_ack_set(True)

    async def listen(self, topic: str) -> None:
        """Hear a topic from now on. Raises MqttError, SubscriptionRefused among them."""
        if self._version5:
            # Without "retain as published" a retained command looks like any other to those who are there to hear it.
            subscribing = self.subscribe(topic, options=SubscribeOptions(qos=1, retainAsPublished=True))
        else:
            subscribing = self.subscribe(topic, qos=1)
        granted = await cancellable(subscribing)
        codes = [each if isinstance(each, int) else each.value for each in granted]
        if any(code >= _REFUSED for code in codes):  # aiomqtt returns them as it does those of success
            raise SubscriptionRefused(f"refused the subscription to {topic} (code {codes[0]})")

    async def next_message(self) -> Received:
        """The next message. Raises MqttError when the connection is lost."""
        message = await anext(self.messages)
        payload = message.payload if isinstance(message.payload, bytes) else str(message.payload).encode()
        return Received(str(message.topic), payload, message.retain, partial(self._acknowledge, message))

    def _acknowledge(self, message: aiomqtt.Message) -> None:
        """Tell the broker that a message is kept. One of a connection that is gone comes again on the next one."""
        if not self._keeps_first or not self._client.is_connected():
            return
        self._client.ack(message.mid, message.qos)
        self._inbox.unkept -= 1
        if self._inbox.left_out and not self._inbox.unkept:
            self._client.disconnect()  # on the next connection the broker sends again all that has no acknowledgement

    def write_soon(self, message: Message) -> None:
        """Hand over a message of QoS 0, to be written before whatever is published after it. Raises MqttError."""
        done = self._client.publish(message.topic, message.payload, message.qos, message.retain)
        if done.rc != MQTTErrorCode.MQTT_ERR_SUCCESS:
            raise aiomqtt.MqttCodeError(done.rc, "Could not publish message")

    def give_up(self) -> None:
        """Close what a connect that failed, was stopped or cancelled half-way has opened, or is about to open."""
        self._client.on_disconnect = None  # aiomqtt's own trips over a connect that was cancelled
        self._given_up = True  # before the look for a socket: either we see the thread's, or it sees this
        # Not at once: the thread's wish that the loop read from the socket may still be queued.
        self._own_loop.call_soon(self._client.disconnect)

    def _client_connect(self) -> None:
        """Runs in a thread, which goes on when the one who awaits it has given up."""
        super()._client_connect()
        if self._given_up:
            self._own_loop.call_soon_threadsafe(self._client.disconnect)


def client_id_of(settings: BrokerSettings, centre: str) -> str:
    """The id that the centre's dialler connects by.

    Nobody else's: to connect with it would end the dialler's connection and take its session, commands that wait among it. A
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
    will = None if will_at is None else last_will_message(centre, will_at)
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
        keeps_first=keeps_first,
        queue=UNKEPT_MESSAGES if keeps_first else settings.waiting_messages,
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
        socket_options=_AT_ONCE,
        timeout=math.inf,  # aiomqtt's own goes through asyncio.wait_for, which swallows a cancellation on 3.11: we have ours
    )
    client.pending_calls_threshold = 64  # the outbox has 20 in flight by design; more than these would be a leak
    return client


@dataclass(slots=True)
class Visit:
    """What a visitor was let do."""

    connected: bool = False
    may_command: bool = False
    may_read: bool = False
    most_bytes: int | None = None  # of a message, as far as the broker says (MQTT 5)
    ended: bool = False


def visit_blocking(broker: BrokerSettings, centre: str, user: str, *, knocks_only: bool = False) -> Visit:
    """Connect; then, unless we are to knock only, subscribe to the centre's state and publish an empty message where `user`'s
    commands go, which is no command. What the broker acknowledges comes after what it had to send before. Blocks, for some
    seconds at most.
    """
    visit = Visit()
    client = PahoClient(CallbackAPIVersion.VERSION2, protocol=MQTTv5, reconnect_on_failure=False)
    if broker.username is not None:
        client.username_pw_set(broker.username, broker.password)
    if broker.tls is not None:
        client.tls_set_context(broker.tls)

    def connected(_: PahoClient, __: object, ___: object, code: ReasonCode, properties: Properties | None) -> None:
        visit.connected = code.value < _REFUSED
        visit.most_bytes = getattr(properties, "MaximumPacketSize", None)
        visit.ended = knocks_only or not visit.connected
        if not visit.ended:
            client.subscribe(topics.CENTRE_STATE.address(centre), qos=1)

    def subscribed(*_: object) -> None:
        client.publish(topics.commands_topic(centre, user), b"", qos=1)

    def heard(_: PahoClient, __: object, ___: MQTTMessage) -> None:
        visit.may_read = True

    def published(_: PahoClient, __: object, ___: int, code: ReasonCode, ____: object) -> None:
        visit.may_command = code.value < _REFUSED
        visit.ended = True

    client.on_connect, client.on_subscribe = connected, subscribed
    client.on_message, client.on_publish = heard, published
    try:
        client.connect(broker.host, broker.port, clean_start=True)
        until = time.monotonic() + _VISIT_SECONDS
        while not visit.ended and time.monotonic() < until and client.loop(timeout=0.2) == 0:
            pass
    except OSError:
        return visit
    finally:
        client.disconnect()
        client.loop(timeout=0.1)
    return visit
