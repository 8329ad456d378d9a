"""A client that receives all messages of a broker, and a TCP proxy whose connections can be cut."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

import aiomqtt
import pytest

from dialer.domain.enums import MqttVersion, SupervisorRole
from dialer.domain.person_ids import OWN_USER
from dialer.mqtt.client import BrokerSettings
from dialer.mqtt.commands.senders import Sender, Senders
from dialer.mqtt.embedded_broker import find_mosquitto
from tests.support.waiting import HANG_SECONDS

NEEDS_MOSQUITTO = pytest.mark.skipif(find_mosquitto() is None, reason="mosquitto is not installed")
"""Mark of tests that need MQTT 5, persistent sessions or passwords, which the embedded broker lacks."""
BOSS = "supervisor"
SENDERS = Senders(
    [
        Sender(OWN_USER, frozenset({SupervisorRole.BOOTH_DESK, SupervisorRole.COMPLIANCE})),
        *(Sender(role.value, frozenset({role})) for role in SupervisorRole),
    ]
)
"""One sender for each role, named after the role, and the dialler's own command line."""


@dataclass(slots=True)
class ReceivedMessage:
    """A received message."""

    topic: str  # below dialer/v1/pune-1/
    text: str
    retained: bool

    @property
    def payload(self) -> Any:
        """The decoded JSON of the message."""
        return json.loads(self.text)


@dataclass(slots=True)
class Supervisor:
    """A client that receives all messages and sends commands."""

    client: aiomqtt.Client
    heard: list[ReceivedMessage] = field(default_factory=list)
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    async def listen(self) -> None:
        """Record every message until cancelled."""
        async for message in self.client.messages:
            assert isinstance(message.payload, bytes)
            topic = message.topic.value.removeprefix("dialer/v1/pune-1/")
            self.heard.append(ReceivedMessage(topic, message.payload.decode(), message.retain))
            self._news.set()

    async def wait_for(self, wanted: Callable[[ReceivedMessage], bool], count: int = 1) -> list[ReceivedMessage]:
        """Wait for `count` messages for which `wanted` is true. Return them."""
        async with asyncio.timeout(HANG_SECONDS):
            while len(found := [message for message in self.heard if wanted(message)]) < count:
                self._news.clear()
                await self._news.wait()
        return found

    async def wait_for_topic(self, topic: str, count: int = 1) -> list[ReceivedMessage]:
        """Wait for `count` messages on a topic of the centre. Return them."""
        return await self.wait_for(lambda message: message.topic == topic, count)

    async def command(self, *, retain: bool = False, user: str = BOSS, **fields: Any) -> None:
        """Send a command."""
        await self.client.publish(f"dialer/v1/pune-1/commands/{user}", json.dumps(fields), qos=1, retain=retain)


@contextlib.asynccontextmanager
async def connect_supervisor(settings: BrokerSettings) -> AsyncIterator[Supervisor]:
    """Connect a client that is subscribed to everything."""
    version5 = settings.version is MqttVersion.V5
    protocol = aiomqtt.ProtocolVersion.V5 if version5 else aiomqtt.ProtocolVersion.V311
    async with aiomqtt.Client(settings.host, settings.port, protocol=protocol) as client:
        listening = Supervisor(client)
        await client.subscribe("dialer/#", qos=1)
        task = asyncio.create_task(listening.listen())
        yield listening
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


class Wire:
    """A TCP proxy in front of a broker. Its connections can be cut, and its port closed."""

    def __init__(self) -> None:
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])

    async def forward_to(self, port: int) -> None:
        """Start listening and forward connections to the broker at `port`."""

        async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", port)
            for source, sink in ((reader, far_writer), (far_reader, writer)):
                self._tasks.add(asyncio.create_task(_pump(source, sink)))
            self._writers |= {writer, far_writer}

        self._server = await asyncio.start_server(carry, "127.0.0.1", self.port)

    def cut(self) -> None:
        """Reset every connection. New ones are forwarded."""
        for writer in self._writers:
            writer.transport.abort()

    async def take_down(self) -> None:
        """Reset every connection and stop listening."""
        if self._server is not None:
            self._server.close()
            self.cut()
            await asyncio.gather(*self._tasks)
            await self._server.wait_closed()
            self._server = None

    async def __aenter__(self) -> Wire:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.take_down()


async def _pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while data := await source.read(65_536):
            sink.write(data)
            await sink.drain()
    sink.close()
