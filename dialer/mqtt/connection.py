"""Connect to the MQTT broker, publish and read messages, and describe failures."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass

from dialer.domain.cancelling import await_and_reraise_lost_cancellation
from dialer.domain.errors import BrokerUnreachable
from dialer.mqtt.client import (
    BrokerSettings,
    Client,
    LogInRefused,
    MqttError,
    Received,
    SubscriptionRefused,
    create_mqtt_client,
)
from dialer.mqtt.messages import Message


@dataclass(frozen=True, slots=True)
class Connection:
    """An open connection to the broker."""

    client: Client
    answer_seconds: float

    async def publish_message(self, message: Message) -> None:
        """Publish a message. Return once it is written (QoS 0) or acknowledged by the broker (QoS 1).

        Raises MqttError when the connection is lost, and TimeoutError if the broker does not answer.
        """
        async with asyncio.timeout(self.answer_seconds):
            publishing = self.client.publish(message.topic, message.payload, qos=message.qos, retain=message.retain)
            await await_and_reraise_lost_cancellation(publishing)

    async def publish_messages_in_order(self, messages: Sequence[Message]) -> None:
        """Publish messages in their order. Return once they are written (QoS 0) or acknowledged by the broker (QoS 1).

        A part of the last message of QoS 0 may still wait for the socket. The next call then waits for it. Raises the
        same errors as `publish_message`.
        """
        for place, message in enumerate(messages, 1):
            if message.qos == 0 and (place < len(messages) or not self.client.has_unsent_messages):
                self.client.send_message_without_waiting(message)
            else:
                await self.publish_message(message)

    async def unsubscribe_from_topic(self, topic: str) -> None:
        """Unsubscribe from a topic, if there is a subscription. Raises the same errors as `publish_message`."""
        async with asyncio.timeout(self.answer_seconds):
            await await_and_reraise_lost_cancellation(self.client.unsubscribe(topic))

    async def handle_received_messages(self, handle: Callable[[Received], Awaitable[None]]) -> None:
        """Call `handle` with each received message, one after another, until cancelled or the connection is lost."""
        while True:
            await handle(await self.client.read_next_message())


@contextlib.asynccontextmanager
async def connect_to_broker(
    settings: BrokerSettings, centre: str, stop: asyncio.Event, *, will_at: float | None, acks_when_stored: bool = False
) -> AsyncIterator[Connection]:
    """Open a connection to the broker for as long as the context lasts. Opening it takes at most
    `settings.answer_seconds`.

    A connection attempt that fails or is stopped leaves no open socket.
    """
    seconds = settings.answer_seconds
    # Try a plain TCP connection first: it can be cancelled, but the thread in which aiomqtt connects cannot.
    async with _cancel_on_timeout_or_stop(seconds, stop):
        _, writer = await asyncio.open_connection(settings.host, settings.port)
        writer.close()
        await writer.wait_closed()
    client = create_mqtt_client(settings, centre, will_at=will_at, acks_when_stored=acks_when_stored)
    try:
        async with _cancel_on_timeout_or_stop(seconds, stop):
            await client.__aenter__()
    except BaseException:
        client.abort_connection_attempt()
        raise
    try:
        yield Connection(client, seconds)
    except BaseException as error:
        async with asyncio.timeout(seconds):
            await client.__aexit__(type(error), error, error.__traceback__)
        raise
    async with asyncio.timeout(seconds):
        await client.__aexit__(None, None, None)


@contextlib.asynccontextmanager
async def _cancel_on_timeout_or_stop(seconds: float, stop: asyncio.Event) -> AsyncIterator[None]:
    """Raise TimeoutError in the `async with` block after `seconds`, or when `stop` is set."""

    async def expire_deadline_on_stop(deadline: asyncio.Timeout) -> None:
        await stop.wait()
        deadline.reschedule(asyncio.get_running_loop().time())

    async with asyncio.timeout(seconds) as deadline:
        watcher = asyncio.create_task(expire_deadline_on_stop(deadline), name="broker-stop")
        try:
            yield
        finally:
            watcher.cancel()


async def check_broker_connection(settings: BrokerSettings, centre: str, at: float) -> None:
    """Connect to the broker once, as the dialler does. Raises BrokerUnreachable, which names a remedy."""
    async with open_connection(settings, centre, will_at=at):
        return


@contextlib.asynccontextmanager
async def open_connection(
    settings: BrokerSettings, centre: str, *, will_at: float | None = None
) -> AsyncIterator[Connection]:
    """Open a connection to the broker for a program that is not the dialler. Raises BrokerUnreachable with a remedy.

    `settings.client_id` must be unique, because the broker closes the older of two connections with the same id.
    """
    try:
        async with connect_to_broker(settings, centre, asyncio.Event(), will_at=will_at) as connection:
            yield connection
    except (MqttError, OSError) as error:
        raise BrokerUnreachable(describe_broker_failure(settings, error)) from error


def describe_broker_failure(settings: BrokerSettings, error: BaseException) -> str:
    """Return one line that names the broker, the failure and a remedy."""
    broker = f"MQTT broker {settings.host}:{settings.port}"
    if isinstance(error, LogInRefused):
        return f"{broker} refused the log-in ({error}): check broker.username and broker.password, and that it speaks MQTT 5"
    if isinstance(error, SubscriptionRefused):
        return f"{broker} {error}: let the dialler's user and client id read it in the broker's access list"
    if isinstance(error, TimeoutError):
        return f"{broker} does not answer: check that it runs and that `broker.host` and `broker.port` are right"
    # asyncio's text repeats the address, so take the system's text of the error number, except for a resolver's error.
    reason = os.strerror(error.errno) if isinstance(error, ConnectionError) and error.errno else str(error)
    return (
        f"{broker} is not reachable ({reason}): check that it runs and that `broker.host` and `broker.port` are right"
    )
