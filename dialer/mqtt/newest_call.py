"""The retained message at the broker that names the newest call: the call that the dialler placed last.

The dialler reads this message before it places calls, and at each connect. If its store (database) does not have the
recorded call, the store is an old copy or belongs to another dialler. Only a dialler whose store has the recorded call
may replace the message.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable

import structlog
from pydantic import ValidationError

from dialer.domain.errors import BrokerUnreachable
from dialer.domain.newest_call import BROKER, UNREADABLE, NewestCall, NewestCallRecorder
from dialer.domain.schema import get_type_adapter
from dialer.domain.view import CallChange, CallState, Change
from dialer.mqtt import topics
from dialer.mqtt.client import BrokerSettings, Received
from dialer.mqtt.connection import Connection
from dialer.mqtt.messages import create_newest_call_message
from dialer.mqtt.retained import RETAINED_SECONDS, read_retained_message

_log = structlog.get_logger(__name__)

Compare = Callable[[str, NewestCall], Awaitable[bool]]
"""Returns whether the store has the newest call that is recorded in a place."""


def parse_newest_call_message(payload: bytes) -> NewestCall:
    """Return the newest call (id and time of the call placed last) in a message, or UNREADABLE for an invalid message."""
    try:
        call = get_type_adapter(NewestCall).validate_json(payload)
    except ValidationError:
        return UNREADABLE
    return call if math.isfinite(call.at) else UNREADABLE


async def check_newest_call_at_broker(settings: BrokerSettings, centre: str, compare: Compare) -> None:
    """Check, before the dialler connects, that its store has the newest call that the broker has recorded.

    `compare` holds dialling if the store lacks the call, because it is then an old copy or another store. If the broker
    is unreachable, nothing is checked and the dialler may start. `NewestCallAtBroker` then checks at the first connect.
    """
    topic = topics.NEWEST_CALL.build_full_topic(centre)
    try:
        payload = await read_retained_message(settings, centre, topic, "newest-call")
    except BrokerUnreachable as error:
        _log.warning("newest_call.not_compared", problem=str(error))
        return
    if payload is not None:
        await compare(BROKER, parse_newest_call_message(payload))


class NewestCallAtBroker:
    """The broker's record of the newest call (the call placed last).

    At each connect, the store is compared with the record before a newer call replaces it. The dialler's store must
    have the recorded call.
    """

    def __init__(self, centre: str, compare: Compare) -> None:
        self._centre = centre
        self._topic = topics.NEWEST_CALL.build_full_topic(centre)
        self._compare = compare
        self._recorder = NewestCallRecorder()
        self._retained: asyncio.Future[NewestCall] | None = None

    def record_placed_call(self, change: Change) -> None:
        """Queue a call that is being placed, to be recorded at the broker. Other changes of the engine's state are
        ignored.

        The engine calls this function at each change of its state.
        """
        if isinstance(change, CallChange) and change.state is CallState.DIALLING:
            self._recorder.queue_newest_call_for_saving(NewestCall(change.attempt_id, change.at))

    def receive_newest_call_message(self, received: Received) -> bool:
        """Accept a received message if it is the broker's record of the newest call. Return whether it is."""
        if received.topic != self._topic:
            return False
        if self._retained is not None and not self._retained.done() and received.payload:
            self._retained.set_result(parse_newest_call_message(received.payload))
        return True

    async def record_newest_calls_at_broker(self, connection: Connection) -> None:
        """Compare the store with the newest call recorded at the broker. Then record each newer call, until cancelled.

        If the store lacks the recorded call, return and leave the record unchanged.
        """
        self._retained = asyncio.get_running_loop().create_future()
        async with asyncio.timeout(connection.answer_seconds):
            await connection.client.subscribe(self._topic, qos=1)
        try:
            async with asyncio.timeout(RETAINED_SECONDS):
                call = await self._retained
        except TimeoutError:
            pass
        else:
            if not await self._compare(BROKER, call):
                return
        await connection.unsubscribe_from_topic(self._topic)

        async def publish_newest_call(call: NewestCall) -> bool:
            await connection.publish_message(create_newest_call_message(self._centre, call))
            return True

        await self._recorder.save_newest_calls_until_cancelled(publish_newest_call)
