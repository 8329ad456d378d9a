"""The MQTT client: the only module that imports aiomqtt or the paho-mqtt under it.

It uses two private names of aiomqtt 2, for what that does not offer: the paho client (`_client`: acknowledge a message once it is
stored, write and disconnect without waiting) and the connect that aiomqtt runs in a thread (`_client_connect`). aiomqtt 3 drops
paho: then only this file changes (docs/explanation/dependencies.md).
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
"""Any failure of a connection."""
LogInRefused = MqttConnectError
"""The broker refused the user or the password."""

UNACKNOWLEDGED_MESSAGES = 10_000
"""Messages that wait in a client that stores first: the broker sends no more before some are acknowledged (MQTT 5). Many, because
a broker with default settings queues few beside them and drops the rest (Mosquitto: `max_queued_messages`).
"""
MOST_PACKET_BYTES = 65_536
"""Maximum length of a message from the broker (MQTT 5); it drops longer ones. A signed command is the longest."""
# Without it a second message waits until TCP has acknowledged the first.
_AT_ONCE = [(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)]
_REFUSED = 128  # this code and higher ones mean failure, in MQTT 5 and 3.1.1
_VISIT_SECONDS = 5.0


class MqttVersion(StrEnum):
    """Version of the protocol. With 3.1.1 the dialler cannot set a session's expiry, and recognises a retained command only
    when it is delivered later.
    """

    V5 = "5"
    V311 = "3.1.1"


@dataclass(frozen=True, slots=True)
class BrokerSettings:
    """Address of the broker and the log-in there."""

    host: str = "127.0.0.1"
    port: int = 1883
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    tls: ssl.SSLContext | None = field(default=None, repr=False)
    version: MqttVersion = MqttVersion.V5
    client_id: str | None = None  # None: made from the centre and the password; two diallers must not share one
    keepalive_seconds: int = 15
    answer_seconds: float = 10.0  # limit for each acknowledgement of the broker
    session_expiry_seconds: int = 3600  # how long commands wait for a dialler that is away (MQTT 5)
    backoff_first_seconds: float = 0.5
    backoff_most_seconds: float = 30.0
    waiting_messages: int = 1_000  # unread messages in a client


class SubscriptionRefused(aiomqtt.MqttError):
    """The broker accepted the connection and refused a subscription."""


@dataclass(frozen=True, slots=True)
class Received:
    """A message from the broker."""

    topic: str
    payload: bytes
    retained: bool
    acknowledge: Callable[[], None]  # acknowledges it: to be called once it is stored, in the order of the messages


class _Inbox(asyncio.Queue[aiomqtt.Message]):
    """Unread messages, and the number of those that are not acknowledged yet."""

    def __init__(self, maxsize: int, *, stores_first: bool) -> None:
        super().__init__(maxsize)
        self._stores_first = stores_first
        self.unacknowledged = 0
        self.dropped = False

    def put_nowait(self, item: aiomqtt.Message) -> None:
        """Add a message, or drop it if there is no room: only a broker without MQTT 5 sends so many."""
        if self._stores_first and self.full():
            self.dropped = True
            return
        self.unacknowledged += 1
        super().put_nowait(item)


class Client(aiomqtt.Client):
    """aiomqtt's client with two additions: a connect can be aborted at any moment without leaving an open socket, and the reader
    can acknowledge messages itself.
    """

    def __init__(self, host: str, port: int, *, stores_first: bool, queue: int, **options: Any) -> None:
        """`queue`: the maximum number of unread messages. With `stores_first` the reader acknowledges each message once it is
        stored; until then the broker has it too. `options` are aiomqtt's.
        """
        self._inbox = _Inbox(queue, stores_first=stores_first)

        def inbox(maxsize: int) -> _Inbox:
            return self._inbox

        super().__init__(host, port, queue_type=cast(Any, inbox), max_queued_incoming_messages=queue, **options)
        self._own_loop = asyncio.get_running_loop()
        self._version5 = options["protocol"] is aiomqtt.ProtocolVersion.V5
        self._given_up = False
        self._stores_first = stores_first
        if stores_first:
            self._client.manual_ack_set(True)

    async def listen(self, topic: str) -> None:
        """Subscribe to a topic. Raises MqttError, SubscriptionRefused among them."""
        if self._version5:
            # Without "retain as published" a retained command looks like any other to a client that is connected.
            subscribing = self.subscribe(topic, options=SubscribeOptions(qos=1, retainAsPublished=True))
        else:
            subscribing = self.subscribe(topic, qos=1)
        granted = await cancellable(subscribing)
        codes = [each if isinstance(each, int) else each.value for each in granted]
        if any(code >= _REFUSED for code in codes):  # aiomqtt returns them as it does those of success
            raise SubscriptionRefused(f"refused the subscription to {topic} (code {codes[0]})")

    async def next_message(self) -> Received:
        """Return the next message. Raises MqttError when the connection is lost."""
        message = await anext(self.messages)
        payload = message.payload if isinstance(message.payload, bytes) else str(message.payload).encode()
        return Received(str(message.topic), payload, message.retain, partial(self._acknowledge, message))

    def _acknowledge(self, message: aiomqtt.Message) -> None:
        """Acknowledge a stored message. One of a closed connection comes again on the next connection."""
        if not self._stores_first or not self._client.is_connected():
            return
        self._client.ack(message.mid, message.qos)
        self._inbox.unacknowledged -= 1
        if self._inbox.dropped and not self._inbox.unacknowledged:
            self._client.disconnect()  # on the next connection the broker sends all unacknowledged messages again

    def write_soon(self, message: Message) -> None:
        """Queue a message of QoS 0, which is written before any that is published later. Raises MqttError."""
        done = self._client.publish(message.topic, message.payload, message.qos, message.retain)
        if done.rc != MQTTErrorCode.MQTT_ERR_SUCCESS:
            raise aiomqtt.MqttCodeError(done.rc, "Could not publish message")

    def give_up(self) -> None:
        """Close the socket that an aborted connect has opened or is about to open."""
        self._client.on_disconnect = None  # aiomqtt's own fails after a cancelled connect
        self._given_up = True  # set before looking for a socket: either we see the thread's, or the thread sees this
        # Not at once: the thread's request that the loop read from the socket may still be queued.
        self._own_loop.call_soon(self._client.disconnect)

    def _client_connect(self) -> None:
        """Connect, in a thread that continues even if the coroutine that awaits it was cancelled."""
        super()._client_connect()
        if self._given_up:
            self._own_loop.call_soon_threadsafe(self._client.disconnect)


def client_id_of(settings: BrokerSettings, centre: str) -> str:
    """Return the client id of a centre's dialler.

    Whoever connects with the same id ends the dialler's connection and takes its session with the commands that wait there. A
    broker does not check whose client id it is, so it cannot be guessed without the dialler's password.
    """
    if settings.client_id is not None:
        return settings.client_id
    name = f"dialler-{topics.segment(centre)}"
    if settings.password is None:
        return name
    secret = hmac.new(settings.password.encode(), f"client id of {name}".encode(), hashlib.sha256)
    return f"{name}-{secret.hexdigest()[:16]}"


def make_client(settings: BrokerSettings, centre: str, *, will_at: float | None, stores_first: bool = False) -> Client:
    """Return a client that is not connected yet.

    Each connection needs a new one: paho would resend what an old client had in flight, and the outbox does that already.
    `will_at`: when the dialler connects; None: no last will, and no session either unless the client `stores_first`.
    """
    will = None if will_at is None else last_will_message(centre, will_at)
    lasting = will is not None or stores_first
    version5 = settings.version is MqttVersion.V5
    properties = None
    if version5:
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call] # paho types it not
        properties.SessionExpiryInterval = settings.session_expiry_seconds if lasting else 0
        properties.MaximumPacketSize = MOST_PACKET_BYTES
        if stores_first:
            properties.ReceiveMaximum = UNACKNOWLEDGED_MESSAGES
    client = Client(
        settings.host,
        settings.port,
        stores_first=stores_first,
        queue=UNACKNOWLEDGED_MESSAGES if stores_first else settings.waiting_messages,
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
        timeout=math.inf,  # aiomqtt's own uses asyncio.wait_for, which loses a cancellation on 3.11; callers have their own
    )
    client.pending_calls_threshold = 64  # the outbox has 20 in flight; more than 64 would be a leak
    return client


@dataclass(slots=True)
class Visit:
    """What the broker let a test connection do."""

    connected: bool = False
    may_command: bool = False
    may_read: bool = False
    most_bytes: int | None = None  # maximum length of a message, if the broker names one (MQTT 5)
    ended: bool = False


def visit_blocking(broker: BrokerSettings, centre: str, user: str, *, connects_only: bool = False) -> Visit:
    """Connect, subscribe to the centre's state and publish an empty message, which is no command, on `user`'s command topic.

    With `connects_only` it only connects. The broker acknowledges after it has sent retained messages. Blocks for up to five
    seconds.
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
        visit.ended = connects_only or not visit.connected
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
