"""A client with which other programs receive the dialler's messages from the broker, and send commands to the dialler.

A command is published on the topic of its sender, which is a user or the program itself. A command that cannot be sent
now is refused and not queued, so that the user can decide whether to send it again.
"""

from __future__ import annotations

import asyncio
import json
import math
import random
import re
from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import unquote
from uuid import uuid4

import structlog

from dialer.domain.backoff import Backoff
from dialer.domain.clock import Clock
from dialer.domain.errors import BrokerUnreachable
from dialer.domain.schema import MESSAGE, Time, get_type_adapter
from dialer.mqtt import topics
from dialer.mqtt.client import BrokerSettings, MqttError, Received
from dialer.mqtt.commands.signer import Signer
from dialer.mqtt.connection import Connection, open_connection
from dialer.mqtt.reply import CommandReply

_log = structlog.get_logger(__name__)

EXPIRES_SECONDS = 30.0
REPLY_SECONDS = 10.0
BACKOFF = Backoff(0.5, 10.0)
STABLE_SECONDS = 10.0
WAITING_MESSAGES = 20_000
"""Maximum number of unread messages. All retained ones arrive at once, and a large centre has three thousand booths."""

_SUBSCRIBED = {
    topic.pattern.partition("/")[0]: (topic, kind, field)
    for topic, kind, field in (
        (topics.CENTRE_STATE, "centre", None),
        (topics.ALERTS, "alerts", None),
        (topics.STATISTICS, "campaign", "campaign_id"),
        (topics.SEAT, "seat", "seat"),
        (topics.TURNOUT, "booth", "booth_id"),
    )
}
"""By the first level of a topic: the topic, the kind of its keys, and the field with the name in the key."""
KINDS = frozenset(kind for _, kind, _ in _SUBSCRIBED.values())
_MAX_NUMBER = 2**53  # larger numbers are not exact in JavaScript


@dataclass(frozen=True, slots=True)
class DeskStatus:
    """Whether the page server of the centre (desk) is connected to the broker."""

    __pydantic_config__ = MESSAGE

    connected: bool
    since: Time


@dataclass(frozen=True, slots=True)
class Reply:
    """The dialler's reply to a command."""

    status: str  # done, refused, or unanswered: it may have been executed, so send it again with the same id
    text: str
    code: str | None = None  # of some refusals, for programs


class DiallerClient:
    """A lasting connection to the broker, which receives the dialler's messages and sends commands to the dialler."""

    def __init__(
        self,
        settings: BrokerSettings,
        centre: str,
        clock: Clock,
        put: Callable[[str, Any], None],
        chance: random.Random,
    ) -> None:
        """Create a client. It calls `put` with a key, such as "seat/04", and the record that was received for it.

        The record is None if the campaign or seat was removed. The key "desk" has a DeskStatus. The MQTT client id
        begins with that of `settings`.
        """
        name = f"{settings.client_id or 'desk'}-{centre}-{uuid4().hex[:12]}"
        self._settings = replace(settings, client_id=name, waiting_messages=WAITING_MESSAGES)
        self._centre = centre
        self._root = f"{topics.ROOT}/{topics.encode_topic_level(centre)}/"
        self._clock = clock
        self._put = put
        self._chance = chance
        self._connection: Connection | None = None
        self._pending: dict[tuple[str, str], asyncio.Future[Reply]] = {}
        self._reported_connected: bool | None = None
        self._set_connection_status(connected=False)

    @property
    def is_connected(self) -> bool:
        """Whether the client is connected to the broker."""
        return self._connection is not None

    async def receive_messages_until_cancelled(
        self, *, replies: str | None = "+", kinds: Container[str] = KINDS
    ) -> None:
        """Receive messages until cancelled. Reconnect after each failure; never raise.

        `replies` is the user whose command replies are received ("+" = all users; None = none). `kinds` are the kinds
        of records to receive, such as "campaign".
        """
        failures = 0
        while True:
            opened_at = self._clock.monotonic()
            try:
                async with open_connection(self._settings, self._centre) as connection:
                    for pattern in [
                        *_list_topic_filters(kinds),
                        *([] if replies is None else [f"replies/{replies}/+"]),
                    ]:
                        await connection.client.subscribe_to_topic(self._root + pattern)
                    self._connection = connection
                    self._set_connection_status(connected=True)
                    _log.info("broker.connected", host=self._settings.host, port=self._settings.port)
                    await connection.handle_received_messages(self._handle_received_message)
            except (BrokerUnreachable, TimeoutError) as error:
                _log.warning("broker.lost", problem=str(error))
            finally:
                self._connection = None
                self._set_connection_status(connected=False)
            failures = 1 if self._clock.monotonic() - opened_at >= STABLE_SECONDS else failures + 1
            await asyncio.sleep(BACKOFF.calculate_seconds_until_next_attempt(failures, self._chance))

    async def send_command(
        self,
        user: str,
        command_id: str,
        name: str,
        values: Mapping[str, Any],
        signer: Signer | None = None,
        seconds: float = REPLY_SECONDS,
    ) -> Reply | None:
        """Send a command as `user` and wait for the dialler's reply.

        Returns None if the broker is unreachable and nothing was sent. Without a `signer` the command is unsigned. If
        no reply arrives within `seconds`, the reply's status is "unanswered".
        """
        connection = self._connection
        if connection is None:
            return None
        expires_at = self._clock.now() + EXPIRES_SECONDS
        message = (signer or Signer(user)).create_command_message(self._centre, command_id, name, values, expires_at)
        reply = self._pending.setdefault((user, command_id), asyncio.get_running_loop().create_future())
        try:
            await connection.publish_message(message)
            async with asyncio.timeout(seconds):
                return await asyncio.shield(reply)
        except MqttError:
            return None
        except TimeoutError:
            return Reply("unanswered", "")
        finally:
            self._pending.pop((user, command_id), None)

    def _set_connection_status(self, *, connected: bool) -> None:
        if connected is not self._reported_connected:  # another failed attempt is no change
            self._reported_connected = connected
            self._put("desk", DeskStatus(connected, self._clock.now()))

    async def _handle_received_message(self, received: Received) -> None:
        """Pass a received record to `put`, or a received reply to the caller that waits for it.

        A malformed message is ignored. Its sender is another version of the dialler, or a stranger if the broker lets
        strangers publish.
        """
        try:
            if not received.payload:
                self._report_removed_record(received.topic)
                return
            fields = json.loads(
                received.payload,
                parse_float=_parse_json_number,
                parse_int=_parse_json_number,
                parse_constant=_parse_json_number,
            )
            first, *others = received.topic.removeprefix(self._root).split("/")
            if first == "replies":
                self._pass_reply_to_waiting_sender(others[0], get_type_adapter(CommandReply).validate_python(fields))
            else:
                topic, kind, field = _SUBSCRIBED[first]
                record = get_type_adapter(topic.kind).validate_python(fields)
                self._put(kind if field is None else f"{kind}/{getattr(record, field)}", record)
        except (ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError) as error:
            _log.warning("broker.message_ignored", problem=type(error).__name__)

    def _report_removed_record(self, topic: str) -> None:
        first, name, *_ = topic.removeprefix(self._root).split("/")
        _, kind, field = _SUBSCRIBED[first]
        if field is not None:
            self._put(f"{kind}/{unquote(name)}", None)

    def _pass_reply_to_waiting_sender(self, user: str, payload: CommandReply) -> None:
        pending = self._pending.get((user, payload.id))
        if pending is not None and not pending.done():
            pending.set_result(Reply(payload.status, payload.text, payload.code))


def _list_topic_filters(kinds: Container[str]) -> list[str]:
    """Return the MQTT topic filters for records of these kinds, such as "campaign", without the root of the centre's
    topics.
    """
    return [re.sub(r"{\w+}", "+", topic.pattern) for topic, kind, _ in _SUBSCRIBED.values() if kind in kinds]


def _parse_json_number(text: str) -> float:
    """Return the number in a JSON text. Raises ValueError if a browser cannot represent it exactly."""
    number = float(text)
    if not math.fabs(number) <= _MAX_NUMBER:  # NaN too
        raise ValueError(
            "The dialler sent a number that is too large for a browser. Run the same version of Matdan for the desk and the"
            " dialler."
        )
    return int(number) if text.lstrip("-").isdigit() else number
