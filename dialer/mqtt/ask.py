"""Asking a running dialler to do something, from the command line: a command out, its reply back, one after another."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dialer.domain.clock import Clock
from dialer.domain.errors import BrokerUnreachable, CommandRefused
from dialer.engine.command.registry import COMMANDS, Urgency
from dialer.mqtt import topics
from dialer.mqtt.client import BrokerSettings, Received
from dialer.mqtt.link import ALIVE_SECONDS, Connection, visiting
from dialer.mqtt.payloads import ReplyPayload
from dialer.mqtt.senders import Signer
from dialer.settings.supervision import OWN_USER

EXPIRES_SECONDS = 60.0
REPLY_SECONDS = 10.0
TRIES = 2  # the second with the same id: what was executed is not executed again


@dataclass(frozen=True, slots=True)
class CommandRequest:
    """A command as it is sent, but for its id and expiry."""

    name: str
    fields: Mapping[str, Any]  # of JSON


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
    dialler's own command line, unsigned. One that takes minutes is waited for as long as the dialler tells that it is at one such.

    Raises CommandRefused where it refuses one, BrokerUnreachable where the broker or the dialler does not answer: those before
    it were executed.
    """
    answers: list[str] = []
    signer = signer or Signer(OWN_USER)
    async with visiting(settings, centre) as connection:
        async with asyncio.timeout(settings.answer_seconds):  # a connection that is lost now would never answer
            await connection.client.subscribe(topics.replies_filter(centre, signer.user), qos=1)
            await connection.client.subscribe(topics.CENTRE_STATE.address(centre), qos=1)
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
        self._long = False
        self._goes_on = False  # the dialler has told so since that was last asked

    async def take(self, received: Received) -> None:
        """A reply, or how the centre stands; replies to other commands are passed over."""
        if received.topic == topics.CENTRE_STATE.address(self._centre):
            self._goes_on = self._goes_on or (self._long and _takes_roll(received.payload))
            return
        reply = ReplyPayload.model_validate_json(received.payload)
        if reply.id == self._asked and not self._reply.done():
            self._reply.set_result(reply)

    async def ask(self, request: CommandRequest) -> str:
        """The reply's text. Raises CommandRefused, BrokerUnreachable."""
        self._asked = f"cli-{uuid.uuid4().hex}"
        self._reply = asyncio.get_running_loop().create_future()
        self._long, self._goes_on = COMMANDS[request.name].urgency is Urgency.LONG, False
        for _ in range(TRIES):
            until = self._clock.now() + EXPIRES_SECONDS
            message = self._signer.command(self._centre, self._asked, request.name, request.fields, until)
            await self._connection.publish(message)
            reply = await self._replied()
            if reply is None:
                continue
            if reply.status != "done":
                raise CommandRefused(reply.text)
            return reply.text
        raise BrokerUnreachable(
            f"the dialler did not answer in {TRIES * REPLY_SECONDS:g} s: check that it runs and is connected to the broker, and"
            f" that the broker lets this user write to `{topics.commands_topic(self._centre, self._signer.user)}` and read its"
            " replies; then do it again: what was kept is not kept twice"
        )

    async def _replied(self) -> ReplyPayload | None:
        """The reply; None: none comes, and nothing tells that one will."""
        seconds = REPLY_SECONDS
        while not (await asyncio.wait([self._reply], timeout=seconds))[0]:
            if not self._goes_on:
                return None
            self._goes_on, seconds = False, ALIVE_SECONDS
        return self._reply.result()


def _takes_roll(state: bytes) -> bool:
    """Whether a roll is being taken in: the one command that takes minutes, and others of it wait behind it."""
    try:
        told = json.loads(state)
    except ValueError:
        return False
    return isinstance(told, dict) and told.get("roll") is not None
