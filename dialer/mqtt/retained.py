"""Read one retained message from the broker, on a separate connection."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from uuid import uuid4

from dialer.domain.errors import BrokerUnreachable
from dialer.mqtt.client import BrokerSettings, make_client_id
from dialer.mqtt.connection import open_connection

RETAINED_SECONDS = 1.0  # a broker sends retained messages immediately after the subscription


async def read_retained_message(settings: BrokerSettings, centre: str, topic: str, purpose: str) -> bytes | None:
    """Return the payload of the message that the broker retains on `topic`, or None if it sends none within a second.

    `purpose` becomes part of the connection's client id. Raises BrokerUnreachable.
    """
    reading = replace(settings, client_id=f"{make_client_id(settings, centre)}-{purpose}-{uuid4().hex[:8]}")
    try:
        async with open_connection(reading, centre) as connection:
            async with asyncio.timeout(settings.answer_seconds):
                await connection.client.subscribe_to_topic(topic)
            try:
                async with asyncio.timeout(RETAINED_SECONDS):
                    while (received := await connection.client.read_next_message()).topic != topic:
                        pass  # the embedded broker also sends other retained messages
            except TimeoutError:
                return None
            return received.payload
    except TimeoutError:
        raise BrokerUnreachable(
            f"MQTT broker {settings.host}:{settings.port} does not answer: check `broker.host` and that the broker runs"
        ) from None
