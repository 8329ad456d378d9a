"""Asking a running dialler to do something, from the command line: a command out, its reply back, one after another."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from config.supervision import OWN_USER
from dialer.domain.clock import Clock
from dialer.domain.errors import BrokerUnreachable, CommandRefused
from dialer.mqtt import topics
from dialer.mqtt.client import BrokerSettings, Received
from dialer.mqtt.link import Connection, visiting
from dialer.mqtt.payloads import ReplyPayload
from dialer.mqtt.senders import Signer
from dialer.mqtt.topics import Message

EXPIRES_SECONDS = 60.0
REPLY_SECONDS = 10.0
TRIES = 2  # the second with the same id: what was executed is not executed again


@dataclass(frozen=True, slots=True)
class CommandRequest:
    """A command as it is sent, but for its id and expiry."""

    name: str
    fields: Mapping[str, Any]  # of JSON
    seconds: float = REPLY_SECONDS  # how long it may take


async def ask(
    settings: BrokerSettings,
    centre: str,
    requests: Sequence[CommandRequest],
    clock: Clock,
    done: Callable[[int], None] = lambda _: None,
    *,
    signer: Signer | None = None,
) -> list[str]:
    """What the dialler says of each request, in order; `done` is told how many are answered so far; `signer` is who asks, none: the
    dialler's own command line, unsigned.

    Raises CommandRefused where it refuses one, BrokerUnreachable where the broker or the dialler does not answer: those before
    it were executed.
    """
    answers: list[str] = []
    signer = signer or Signer(OWN_USER)
    async with visiting(settings, centre) as connection:
        async with asyncio.timeout(settings.answer_seconds):  # a connection that is lost now would never answer
            await connection.client.subscribe(topics.replies_filter(centre, signer.user), qos=1)
        talk = _Talk(connection, centre, clock, signer)
        reader = asyncio.create_task(connection.read(talk.take), name="replies")
        try:
            for request in requests:
                answers.append(await talk.ask(request))
                done(len(answers))
        finally:
            reader.cancel()
            await asyncio.gather(reader, return_exceptions=True)
    return answers


class _Talk:
    """One question at a time."""

    def __init__(self, connection: Connection, centre: str, clock: Clock, signer: Signer) -> None:
        self._signer = signer
        self._connection = connection
        self._centre = centre
        self._clock = clock
        self._asked = ""
        self._reply: asyncio.Future[ReplyPayload] = asyncio.get_running_loop().create_future()

    async def take(self, received: Received) -> None:
        """A reply; those to other commands are passed over."""
        reply = ReplyPayload.model_validate_json(received.payload)
        if reply.id == self._asked and not self._reply.done():
            self._reply.set_result(reply)

    async def ask(self, request: CommandRequest) -> str:
        """The reply's text. Raises CommandRefused, BrokerUnreachable."""
        self._asked = f"cli-{uuid.uuid4().hex}"
        self._reply = asyncio.get_running_loop().create_future()
        for _ in range(TRIES):
            await self._connection.publish(self._message(request))
            try:
                async with asyncio.timeout(request.seconds):
                    reply = await asyncio.shield(self._reply)
            except TimeoutError:
                continue
            if reply.status != "done":
                raise CommandRefused(reply.text)
            return reply.text
        raise BrokerUnreachable(
            f"the dialler did not answer in {TRIES * request.seconds:g} s: check that it runs and is connected to the broker, and"
            f" that the broker lets this user write to `{topics.commands_topic(self._centre, self._signer.user)}` and read its"
            " replies; then do it again: what was kept is not kept twice"
        )

    def _message(self, request: CommandRequest) -> Message:
        fields = {
            "id": self._asked,
            "name": request.name,
            "expires_at": self._clock.now() + EXPIRES_SECONDS,
        }
        payload = self._signer.payload(self._centre, json.dumps({**fields, **request.fields}))
        return Message(topics.commands_topic(self._centre, self._signer.user), payload, 1, False)
