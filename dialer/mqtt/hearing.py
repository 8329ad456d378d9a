"""A program beside the dialler at the broker: what the dialler says goes into its picture, and commands go out on their sender's
topic: a person's, or the program's own.

A command that cannot be sent now is refused at once and waits nowhere: who clicked sees it and clicks again.
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
from dialer.mqtt.link import Connection, visiting
from dialer.mqtt.reply import CommandReply

_log = structlog.get_logger(__name__)

EXPIRES_SECONDS = 30.0
REPLY_SECONDS = 10.0
BACKOFF = Backoff(0.5, 10.0)
STABLE_SECONDS = 10.0
WAITING_MESSAGES = 20_000
"""All that is retained comes at once: of a large centre three thousand booths."""

_HEARD = {
    topic.pattern.partition("/")[0]: (topic, kind, field)
    for topic, kind, field in (
        (topics.CENTRE_STATE, "centre", None),
        (topics.ALERTS, "alerts", None),
        (topics.STATISTICS, "campaign", "campaign_id"),
        (topics.SEAT, "seat", "seat"),
        (topics.TURNOUT, "booth", "booth_id"),
    )
}
"""By the first level of a topic: the topic, the kind of its key in the picture, and the field that names whose it is."""
KINDS = frozenset(kind for _, kind, _ in _HEARD.values())
_MOST = 2**53  # above it a page's numbers are not exact, and no field of ours comes near


@dataclass(frozen=True, slots=True)
class DeskStatus:
    """Whether the desk is connected to the broker."""

    __pydantic_config__ = MESSAGE

    connected: bool
    since: Time


@dataclass(frozen=True, slots=True)
class Reply:
    """What became of a command."""

    status: str  # done, refused; unanswered: the dialler may have done it, and the same id again finds out
    text: str
    why: str | None = None  # of some refusals, in a word


class Hearing:
    """A connection to the broker for as long as it runs, one after another."""

    def __init__(
        self,
        settings: BrokerSettings,
        centre: str,
        clock: Clock,
        put: Callable[[str, Any], None],
        chance: random.Random,
    ) -> None:
        """`put` takes the picture's keys and values, None of what is gone; "desk" says whether the broker is there, and since when.
        The client's id in the settings is the beginning of that of each connection.
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
        self._heard: bool | None = None
        self._say(heard=False)

    @property
    def up(self) -> bool:
        """Whether there is a connection now."""
        return self._connection is not None

    async def run(self, *, replies: str | None = "+", kinds: Container[str] = KINDS) -> None:
        """Hear until cancelled. A broker that is away is met with another try, never with an exception. `replies`: to whose
        commands; None: who only watches may read none. `kinds`: of what `put` is told.
        """
        failures = 0
        while True:
            opened_at = self._clock.monotonic()
            try:
                async with visiting(self._settings, self._centre) as connection:
                    for pattern in [*_patterns(kinds), *([] if replies is None else [f"replies/{replies}/+"])]:
                        await connection.client.listen(self._root + pattern)
                    self._connection = connection
                    self._say(heard=True)
                    _log.info("broker.heard", host=self._settings.host, port=self._settings.port)
                    await connection.read(self._take)
            except (BrokerUnreachable, TimeoutError) as away:
                _log.warning("broker.not-heard", problem=str(away))
            finally:
                self._connection = None
                self._say(heard=False)
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
        """Send a command as that user, and what the dialler says of it within so many seconds; None: the broker is away, and
        nothing was sent. Without a `signer` it is unsigned.
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

    def _say(self, *, heard: bool) -> None:
        if heard is not self._heard:  # a further try that failed changes nothing
            self._heard = heard
            self._put("desk", DeskStatus(heard, self._clock.now()))

    async def _take(self, received: Received) -> None:
        """A message of the dialler's. What is not as docs/topics.md has it (an older or newer one's, or a stranger's where the
        broker lets strangers write) is passed over: it may be retained, and would come again at every start.
        """
        try:
            if not received.payload:
                self._gone(received.topic)
                return
            given = json.loads(received.payload, parse_float=_number, parse_int=_number, parse_constant=_number)
            first, *others = received.topic.removeprefix(self._root).split("/")
            if first == "replies":
                self._answer(others[0], adapter(CommandReply).validate_python(given))
            else:
                topic, kind, field = _HEARD[first]
                record = adapter(topic.kind).validate_python(given)
                self._put(kind if field is None else f"{kind}/{getattr(record, field)}", record)
        # What makes our values ready for the wire (payloads.py) meets values here that are none of ours.
        except (ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError) as error:
            _log.warning("desk.not-understood", problem=type(error).__name__)

    def _gone(self, topic: str) -> None:
        first, name, *_ = topic.removeprefix(self._root).split("/")
        _, kind, field = _HEARD[first]
        if field is not None:
            self._put(f"{kind}/{unquote(name)}", None)

    def _answer(self, user: str, payload: CommandReply) -> None:
        asked = self._asked.get((user, payload.id))
        if asked is not None and not asked.done():
            asked.set_result(Reply(payload.status, payload.text, payload.why))


def _patterns(kinds: Container[str]) -> list[str]:
    """What to listen to below the centre's root."""
    return [re.sub(r"{\w+}", "+", topic.pattern) for topic, kind, _ in _HEARD.values() if kind in kinds]


def _number(text: str) -> float:
    """A number of JSON's. Raises ValueError for one that can be neither shown nor reckoned with."""
    number = float(text)
    if not math.fabs(number) <= _MOST:  # NaN too
        raise ValueError("no number of ours")
    return int(number) if text.lstrip("-").isdigit() else number
