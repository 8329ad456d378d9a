"""Publishing over a connection to the broker: order, and waiting for a broker that does not read."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from dialer.domain.enums import MqttVersion
from dialer.mqtt.client import BrokerSettings
from dialer.mqtt.connection import Connection, connect_to_broker
from dialer.mqtt.messages import Message

PUBLISH, DISCONNECT = 0x30, 0xE0


class RecordingBroker:
    """A broker that accepts every connection, and records the first byte of each message's payload while it reads."""

    def __init__(self) -> None:
        self.reading = asyncio.Event()
        self.reading.set()
        self.received: list[int] = []
        self.connections: set[asyncio.Task[None] | None] = set()

    async def serve_connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections.add(asyncio.current_task())
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            await read_packet(reader)  # the request to connect
            writer.write(b"\x20\x02\x00\x00")
            while True:
                await self.reading.wait()
                kind, body = await read_packet(reader)
                if kind == PUBLISH:
                    self.received.append(body[2 + int.from_bytes(body[:2], "big")])
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


async def read_packet(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    kind, length, shift = (await reader.readexactly(1))[0], 0, 0
    while True:
        byte = (await reader.readexactly(1))[0]
        length |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return kind, await reader.readexactly(length)


@contextlib.asynccontextmanager
async def connected(broker: RecordingBroker, answer_seconds: float = 10.0) -> AsyncIterator[Connection]:
    server = await asyncio.start_server(broker.serve_connection, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    settings = BrokerSettings(port=port, version=MqttVersion.V311, answer_seconds=answer_seconds)
    async with server, connect_to_broker(settings, "pune-1", asyncio.Event(), will_at=None) as connection:
        yield connection
    await asyncio.gather(*filter(None, broker.connections))


def make_messages(first: int, count: int, size: int = 1) -> list[Message]:
    return [Message("a/b", chr(number) * size, 0, False) for number in range(first, first + count)]


async def wait_until_received(broker: RecordingBroker, count: int) -> None:
    async with asyncio.timeout(10):
        while len(broker.received) < count:
            await asyncio.sleep(0.01)


async def test_messages_that_the_socket_accepts_are_written_in_order_without_waiting() -> None:
    broker = RecordingBroker()
    async with connected(broker) as connection:
        publishing = connection.publish_messages_in_order(make_messages(1, 3))
        with pytest.raises(StopIteration):  # it has returned, and has never waited
            publishing.send(None)
        await connection.publish_message(make_messages(4, 1)[0])
        await wait_until_received(broker, 4)
    assert broker.received == [1, 2, 3, 4]


async def test_publishing_waits_until_the_broker_reads_again_and_keeps_the_order() -> None:
    broker = RecordingBroker()
    async with connected(broker) as connection:
        broker.reading.clear()
        blocked = asyncio.Event()

        async def publish_batches() -> None:
            for first in range(1, 120, 2):
                if connection.client.has_unsent_messages:
                    blocked.set()
                await connection.publish_messages_in_order(make_messages(first, 2, 400_000))

        publishing = asyncio.create_task(publish_batches())
        async with asyncio.timeout(10):
            await blocked.wait()
        assert not publishing.done()
        broker.reading.set()
        async with asyncio.timeout(10):
            await publishing
        await wait_until_received(broker, 120)
    assert broker.received == list(range(1, 121))


async def test_broker_that_stops_reading_fails_a_publish_after_the_timeout() -> None:
    broker = RecordingBroker()
    async with connected(broker, answer_seconds=0.3) as connection:
        broker.reading.clear()
        with pytest.raises(TimeoutError):
            for _ in range(200):  # 80 MB, far more than the buffers of two sockets
                await connection.publish_messages_in_order(make_messages(1, 1, 400_000))
        broker.reading.set()
