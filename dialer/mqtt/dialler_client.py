"""A client of the dialler at the broker, for programs beside it: it receives the dialler's messages and sends commands.

A command goes out on the topic of its sender: a person, or the program itself. One that cannot be sent now is refused at once and
waits nowhere: whoever clicked sees it and clicks again.
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
from dialer.domain.schema import MESSAGE, Time, adapter
from dialer.mqtt import topics
from dialer.mqtt.client import BrokerSettings, MqttError, Received
from dialer.mqtt.commands.signer import Signer
from dialer.mqtt.connection import Connection, visiting
from dialer.mqtt.reply import CommandReply

_log = structlog.get_logger(__name__)

EXPIRES_SECONDS = 30.0
REPLY_SECONDS = 10.0
BACKOFF = Backoff(0.5, 10.0)
STABLE_SECONDS = 10.0
WAITING_MESSAGES = 20_000
"""All retained messages come at once: a large centre has three thousand booths."""

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
"""By the first level of a topic: the topic, the kind of its key, and the field that identifies its subject."""
KINDS = frozenset(kind for _, kind, _ in _SUBSCRIBED.values())
_MOST = 2**53  # above it numbers are not exact in JavaScript; no field comes near


@dataclass(frozen=True, slots=True)
class DeskStatus:
    """Whether the desk is connected to the broker."""

    __pydantic_config__ = MESSAGE

    connected: bool
    since: Time


@dataclass(frozen=True, slots=True)
class Reply:
    """The result of a command."""

    status: str  # done, refused, or unanswered: the dialler may have executed it; the same id again finds out
    text: str
    code: str | None = None  # a code, of some refusals


class DiallerClient:
    """A lasting connection to the broker, which passes on the dialler's messages and sends commands."""

    def __init__(
        self,
        settings: BrokerSettings,
        centre: str,
        clock: Clock,
        put: Callable[[str, Any], None],
        chance: random.Random,
    ) -> None:
        """`put` gets keys and records; None where a campaign or seat is gone. The key "desk" has a DeskStatus.

        Client ids begin with that of `settings`.
        """
        name = f"{settings.client_id or 'desk'}-{centre}-{uuid4().hex[:12]}"
        self._settings = replace(settings, client_id=name, waiting_messages=WAITING_MESSAGES)
        self._centre = centre
        self._root = f"{topics.ROOT}/{topics.segment(centre)}/"
        self._clock = clock
        self._put = put
        self._chance = chance
        self._connection: Connection | None = None
        self._asked: dict[tuple[str, str], asyncio.Future[Reply]] = {}
        self._is_connected: bool | None = None
        self._set_status(connected=False)

    @property
    def up(self) -> bool:
        """Whether there is a connection now."""
        return self._connection is not None

    async def run(self, *, replies: str | None = "+", kinds: Container[str] = KINDS) -> None:
        """Receive messages until cancelled. A broker that cannot be reached is tried again; it never raises an exception.

        `replies`: the user whose replies to read ("+": everybody's); None: no replies. `kinds`: the kinds of keys that `put` gets.
        """
        failures = 0
        while True:
            opened_at = self._clock.monotonic()
            try:
                async with visiting(self._settings, self._centre) as connection:
                    for pattern in [*_patterns(kinds), *([] if replies is None else [f"replies/{replies}/+"])]:
                        await connection.client.listen(self._root + pattern)
                    self._connection = connection
                    self._set_status(connected=True)
                    _log.info("broker.connected", host=self._settings.host, port=self._settings.port)
                    await connection.read(self._take)
            except (BrokerUnreachable, TimeoutError) as away:
                _log.warning("broker.unreachable", problem=str(away))
            finally:
                self._connection = None
                self._set_status(connected=False)
            failures = 1 if self._clock.monotonic() - opened_at >= STABLE_SECONDS else failures + 1
            await asyncio.sleep(BACKOFF.seconds(failures, self._chance))

    async def ask(
        self,
        user: str,
        command_id: str,
        name: str,
        values: Mapping[str, Any],
        signer: Signer | None = None,
        seconds: float = REPLY_SECONDS,
    ) -> Reply | None:
        """Send a command as `user` and return the dialler's reply, or None if the broker cannot be reached and nothing was sent.

        Without a `signer` the command is unsigned. Without a reply after `seconds` the status is "unanswered".
        """
        connection = self._connection
        if connection is None:
            return None
        expires_at = self._clock.now() + EXPIRES_SECONDS
        message = (signer or Signer(user)).command(self._centre, command_id, name, values, expires_at)
        reply = self._asked.setdefault((user, command_id), asyncio.get_running_loop().create_future())
        try:
            await connection.publish(message)
            async with asyncio.timeout(seconds):
                return await asyncio.shield(reply)
        except MqttError:
            return None
        except TimeoutError:
            return Reply("unanswered", "")
        finally:
            self._asked.pop((user, command_id), None)

    def _set_status(self, *, connected: bool) -> None:
        if connected is not self._is_connected:  # a further try that failed changes nothing
            self._is_connected = connected
            self._put("desk", DeskStatus(connected, self._clock.now()))

    async def _take(self, received: Received) -> None:
        """Pass on a message of the dialler. One without the form of docs/reference/topics.md (another version's, or a stranger's
        where the broker lets strangers publish) is ignored: it may be retained, and would come again at every start.
        """
        try:
            if not received.payload:
                self._remove(received.topic)
                return
            given = json.loads(received.payload, parse_float=_number, parse_int=_number, parse_constant=_number)
            first, *others = received.topic.removeprefix(self._root).split("/")
            if first == "replies":
                self._resolve(others[0], adapter(CommandReply).validate_python(given))
            else:
                topic, kind, field = _SUBSCRIBED[first]
                record = adapter(topic.kind).validate_python(given)
                self._put(kind if field is None else f"{kind}/{getattr(record, field)}", record)
        except (ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError) as error:
            _log.warning("broker.message_ignored", problem=type(error).__name__)

    def _remove(self, topic: str) -> None:
        first, name, *_ = topic.removeprefix(self._root).split("/")
        _, kind, field = _SUBSCRIBED[first]
        if field is not None:
            self._put(f"{kind}/{unquote(name)}", None)

    def _resolve(self, user: str, payload: CommandReply) -> None:
        asked = self._asked.get((user, payload.id))
        if asked is not None and not asked.done():
            asked.set_result(Reply(payload.status, payload.text, payload.code))


def _patterns(kinds: Container[str]) -> list[str]:
    """Return the topic filters, below the centre's root."""
    return [re.sub(r"{\w+}", "+", topic.pattern) for topic, kind, _ in _SUBSCRIBED.values() if kind in kinds]


def _number(text: str) -> float:
    """Return a JSON number. Raises ValueError for one that a page cannot show exactly."""
    number = float(text)
    if not math.fabs(number) <= _MOST:  # NaN too
        raise ValueError("the number is too large")
    return int(number) if text.lstrip("-").isdigit() else number
