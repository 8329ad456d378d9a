"""The MQTT client. No other module imports aiomqtt, or paho-mqtt, on which aiomqtt is based.

Three private names of aiomqtt 2 are used, for functions that it does not offer. `_client` is paho's client: it
acknowledges a message after it was stored, and writes and disconnects without waiting. `_client_connect` connects in a
thread. paho calls `_on_socket_register_write` when it has a message to write. aiomqtt 3 will not use paho. Then only this
file must change (docs/explanation/dependencies.md).
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

from dialer.domain.cancelling import await_and_reraise_lost_cancellation
from dialer.domain.enums import MqttVersion
from dialer.mqtt import topics
from dialer.mqtt.messages import Message, create_last_will_message

MqttError = aiomqtt.MqttError
"""Any failure of a connection."""
LogInRefused = MqttConnectError
"""Raised when the broker refuses the user or the password."""

UNACKNOWLEDGED_MESSAGES = 10_000
"""Maximum number of unacknowledged messages of a client that acknowledges when stored (MQTT 5).

The number is high because a broker with default settings queues few further messages and drops the others (Mosquitto:
`max_queued_messages`).
"""
MOST_PACKET_BYTES = 65_536
"""Maximum length of a message from the broker (MQTT 5); it drops longer ones. A signed command is the longest."""
# Without TCP_NODELAY a second message waits until TCP has acknowledged the first.
_AT_ONCE = [(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)]
_REFUSED = 128  # reason codes from this one on mean failure, in MQTT 5 and 3.1.1
_PROBE_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class BrokerSettings:
    """The address of a broker, the account there, and limits of the connection."""

    host: str = "127.0.0.1"
    port: int = 1883
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    tls: ssl.SSLContext | None = field(default=None, repr=False)
    version: MqttVersion = MqttVersion.V5
    client_id: str | None = None  # None: derived from the centre and the password; unique for each dialler
    keepalive_seconds: int = 15
    answer_seconds: float = 10.0  # timeout for each acknowledgement of the broker
    session_expiry_seconds: int = 3600  # how long the broker keeps commands for a disconnected dialler (MQTT 5)
    backoff_first_seconds: float = 0.5
    backoff_most_seconds: float = 30.0
    waiting_messages: int = 1_000  # maximum number of unread messages in a client


class SubscriptionRefused(aiomqtt.MqttError):
    """Raised if the broker accepted the connection, but refused a subscription."""


@dataclass(frozen=True, slots=True)
class Received:
    """A message that was received from the broker."""

    topic: str
    payload: bytes
    retained: bool
    acknowledge: Callable[[], None]  # call it once the message is stored, in the order of the messages


class _Inbox(asyncio.Queue[aiomqtt.Message]):
    """The messages that were received and not read yet, and the number of messages that are not acknowledged yet."""

    def __init__(self, maxsize: int, *, acks_when_stored: bool) -> None:
        super().__init__(maxsize)
        self._acks_when_stored = acks_when_stored
        self.unacknowledged = 0
        self.dropped = False

    def put_nowait(self, item: aiomqtt.Message) -> None:
        """Add a received message to the inbox. With `acks_when_stored`, a message that does not fit is dropped.

        The broker still has a dropped message, and sends it again on the next connection. With MQTT 5 nothing is
        dropped, because the broker limits the number of unacknowledged messages.
        """
        if self._acks_when_stored and self.full():
            self.dropped = True
            return
        self.unacknowledged += 1
        super().put_nowait(item)


class Client(aiomqtt.Client):
    """An aiomqtt client that can also abort a connection attempt, and acknowledge a message after it was stored.

    An aborted connection attempt leaves no open socket.
    """

    def __init__(self, host: str, port: int, *, acks_when_stored: bool, queue: int, **options: Any) -> None:
        """Create a client that holds at most `queue` unread messages. `options` are passed to aiomqtt.

        With `acks_when_stored`, the reader of a message acknowledges it once it is stored. Until then the broker keeps
        the message.
        """
        self._inbox = _Inbox(queue, acks_when_stored=acks_when_stored)

        def get_inbox_of_this_client(maxsize: int) -> _Inbox:
            return self._inbox

        super().__init__(
            host, port, queue_type=cast(Any, get_inbox_of_this_client), max_queued_incoming_messages=queue, **options
        )
        self._own_loop = asyncio.get_running_loop()
        self._version5 = options["protocol"] is aiomqtt.ProtocolVersion.V5
        self._is_aborted = False
        self._acks_when_stored = acks_when_stored
        if acks_when_stored:
            self._client.manual_ack_set(True)

    async def subscribe_to_topic(self, topic: str) -> None:
        """Subscribe to a topic. Raises MqttError, and its subclass SubscriptionRefused."""
        if self._version5:
            # Without "retain as published" a retained command looks like any other to a client that is connected.
            subscribing = self.subscribe(topic, options=SubscribeOptions(qos=1, retainAsPublished=True))
        else:
            subscribing = self.subscribe(topic, qos=1)
        granted = await await_and_reraise_lost_cancellation(subscribing)
        codes = [each if isinstance(each, int) else each.value for each in granted]
        if any(code >= _REFUSED for code in codes):  # aiomqtt returns codes of failure without raising
            raise SubscriptionRefused(
                f"the broker refused the subscription to {topic} (reason code {codes[0]}): give this MQTT user "
                "permission to read the topic"
            )

    async def read_next_message(self) -> Received:
        """Return the next message. Raises MqttError when the connection is lost."""
        message = await anext(self.messages)
        payload = message.payload if isinstance(message.payload, bytes) else str(message.payload).encode()
        return Received(str(message.topic), payload, message.retain, partial(self._acknowledge_message, message))

    def _acknowledge_message(self, message: aiomqtt.Message) -> None:
        """Acknowledge a message that is stored.

        If the connection was lost, nothing is acknowledged. The broker then sends the message again.
        """
        if not self._acks_when_stored or not self._client.is_connected():
            return
        self._client.ack(message.mid, message.qos)
        self._inbox.unacknowledged -= 1
        if self._inbox.dropped and not self._inbox.unacknowledged:
            self._client.disconnect()  # on the next connection the broker sends all unacknowledged messages again

    @property
    def has_unsent_messages(self) -> bool:
        """Whether messages wait until the socket accepts more data."""
        return self._client.want_write()

    def send_message_without_waiting(self, message: Message) -> None:
        """Send a message of QoS 0, or queue it if the socket's buffer is full. Raises MqttError."""
        done = self._client.publish(message.topic, message.payload, message.qos, message.retain)
        if done.rc != MQTTErrorCode.MQTT_ERR_SUCCESS:
            raise aiomqtt.MqttCodeError(done.rc, "Could not publish message")

    def abort_connection_attempt(self) -> None:
        """Abort a connection attempt, and close the socket that it has opened or is about to open."""
        self._client.on_disconnect = None  # aiomqtt's own fails after a cancelled connect
        self._is_aborted = True  # set first, so that either we see the thread's socket or the thread sees this
        # Not at once: the thread's request that the loop read from the socket may still be queued.
        self._own_loop.call_soon(self._client.disconnect)

    def _on_socket_register_write(self, client: PahoClient, userdata: Any, sock: Any) -> None:
        """Write the messages in paho's queue at once. Wait for the socket only if its buffer is full.

        aiomqtt would wake up the event loop and wait for the socket before each write.
        """
        if client.is_connected():  # until then a thread of aiomqtt may write
            client.loop_write()
        if client.want_write() and client.socket() is not None:
            super()._on_socket_register_write(client, userdata, sock)

    def _client_connect(self) -> None:
        """Connect to the broker. This runs in a thread, which continues even if the coroutine that awaits it is
        cancelled.
        """
        super()._client_connect()
        if self._is_aborted:
            self._own_loop.call_soon_threadsafe(self._client.disconnect)


def make_client_id(settings: BrokerSettings, centre: str) -> str:
    """Return the client id of a centre's dialler, which nobody can guess without the dialler's password.

    A broker does not check who uses a client id. A stranger with the same id could end the dialler's connection, and receive
    the commands sent to the dialler.
    """
    if settings.client_id is not None:
        return settings.client_id
    name = f"dialler-{topics.encode_topic_level(centre)}"
    if settings.password is None:
        return name
    secret = hmac.new(settings.password.encode(), f"client id of {name}".encode(), hashlib.sha256)
    return f"{name}-{secret.hexdigest()[:16]}"


def create_mqtt_client(
    settings: BrokerSettings, centre: str, *, will_at: float | None, acks_when_stored: bool = False
) -> Client:
    """Return an MQTT client that is not connected yet.

    Create a new client for each connection. A client that is used again would resend its own messages, and the outbox
    (queue of messages in the store) resends them too.

    `will_at` is the time in the last will (epoch seconds; None = no last will). With `acks_when_stored`, received
    messages are acknowledged only when they are stored. The broker keeps the session of a client with a last will or
    with `acks_when_stored`.
    """
    will = None if will_at is None else create_last_will_message(centre, will_at)
    is_persistent = will is not None or acks_when_stored
    version5 = settings.version is MqttVersion.V5
    properties = None
    if version5:
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call] # paho has no types for it
        properties.SessionExpiryInterval = settings.session_expiry_seconds if is_persistent else 0
        properties.MaximumPacketSize = MOST_PACKET_BYTES
        if acks_when_stored:
            properties.ReceiveMaximum = UNACKNOWLEDGED_MESSAGES
    client = Client(
        settings.host,
        settings.port,
        acks_when_stored=acks_when_stored,
        queue=UNACKNOWLEDGED_MESSAGES if acks_when_stored else settings.waiting_messages,
        identifier=make_client_id(settings, centre),
        username=settings.username,
        password=settings.password,
        tls_context=settings.tls,
        protocol=aiomqtt.ProtocolVersion.V5 if version5 else aiomqtt.ProtocolVersion.V311,
        clean_session=None if version5 else not is_persistent,
        # 3.1.1 has no clean start and paho wants this.
        clean_start=not is_persistent if version5 else MQTT_CLEAN_START_FIRST_ONLY,
        properties=properties,
        will=None if will is None else aiomqtt.Will(will.topic, will.payload, qos=will.qos, retain=will.retain),
        keepalive=settings.keepalive_seconds,
        socket_options=_AT_ONCE,
        timeout=math.inf,  # aiomqtt's own uses asyncio.wait_for, which loses a cancellation on 3.11; callers have their own
    )
    client.pending_calls_threshold = 64  # the outbox has 20 in flight, so more than 64 would be a leak
    return client


@dataclass(slots=True)
class BrokerAccess:
    """What the broker allowed a test connection to do."""

    connected: bool = False
    may_command: bool = False
    may_read: bool = False
    max_message_bytes: int | None = None  # maximum length of a message, if the broker names one (MQTT 5)
    ended: bool = False


def check_permissions_of_broker_account(
    broker: BrokerSettings, centre: str, user: str, *, connects_only: bool = False
) -> BrokerAccess:
    """Test what the broker allows this account: to connect, to read the centre's state, and to publish as `user`.

    The published message is empty, so it is not a command. With `connects_only`, only the connection is tried. Blocks
    for up to five seconds.
    """
    access = BrokerAccess()
    client = PahoClient(CallbackAPIVersion.VERSION2, protocol=MQTTv5, reconnect_on_failure=False)
    if broker.username is not None:
        client.username_pw_set(broker.username, broker.password)
    if broker.tls is not None:
        client.tls_set_context(broker.tls)

    def record_connection_and_subscribe(
        _: PahoClient, __: object, ___: object, code: ReasonCode, properties: Properties | None
    ) -> None:
        access.connected = code.value < _REFUSED
        access.max_message_bytes = getattr(properties, "MaximumPacketSize", None)
        access.ended = connects_only or not access.connected
        if not access.ended:
            client.subscribe(topics.CENTRE_STATE.build_full_topic(centre), qos=1)

    def publish_empty_test_command(*_: object) -> None:
        client.publish(topics.build_commands_topic(centre, user), b"", qos=1)

    def record_that_account_may_read_state(_: PahoClient, __: object, ___: MQTTMessage) -> None:
        access.may_read = True

    def record_whether_account_may_publish(_: PahoClient, __: object, ___: int, code: ReasonCode, ____: object) -> None:
        access.may_command = code.value < _REFUSED
        access.ended = True

    client.on_connect, client.on_subscribe = record_connection_and_subscribe, publish_empty_test_command
    client.on_message, client.on_publish = record_that_account_may_read_state, record_whether_account_may_publish
    try:
        client.connect(broker.host, broker.port, clean_start=True)
        until = time.monotonic() + _PROBE_SECONDS
        while not access.ended and time.monotonic() < until and client.loop(timeout=0.2) == 0:
            pass
    except OSError:
        return access
    finally:
        client.disconnect()
        client.loop(timeout=0.1)
    return access
