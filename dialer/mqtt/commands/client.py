"""Send commands to a running dialler through the broker, one after another, and wait for the replies."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dialer.domain.clock import Clock
from dialer.domain.errors import BrokerUnreachable, CommandRefused
from dialer.domain.person_ids import OWN_USER
from dialer.domain.schema import get_type_adapter
from dialer.engine.command.base import Urgency
from dialer.engine.command.catalogue import COMMANDS
from dialer.mqtt import topics
from dialer.mqtt.client import BrokerSettings, Received
from dialer.mqtt.commands.signer import Signer
from dialer.mqtt.connection import Connection, open_connection
from dialer.mqtt.duplicate_dialler import ALIVE_SECONDS
from dialer.mqtt.reply import CommandReply

EXPIRY_SECONDS = 60.0
REPLY_SECONDS = 10.0
TRIES = 2
"""Attempts of a command, all with the same ID, so that it is executed once."""


@dataclass(frozen=True, slots=True)
class CommandRequest:
    """A command to send to the dialler. Its ID and expiry are set when it is sent."""

    name: str
    fields: Mapping[str, Any]  # JSON values


async def send_commands(
    settings: BrokerSettings,
    centre: str,
    requests: Sequence[CommandRequest],
    clock: Clock,
    on_progress: Callable[[int], None] = lambda _: None,
    *,
    signer: Signer | None = None,
) -> list[str]:
    """Send commands one after another. Return the texts of the dialler's replies, in order.

    `on_progress` is called with the number of commands answered so far. Without a `signer`, the commands are unsigned, and the
    sender is the dialler's own command line. Some commands, such as an import, may take minutes. The wait for their reply lasts
    as long as the dialler reports that it is working. Raises CommandRefused at the first refusal, and BrokerUnreachable if the
    broker or the dialler does not answer. Earlier commands were executed.
    """
    replies: list[str] = []
    signer = signer or Signer(OWN_USER)
    async with open_connection(settings, centre) as connection:
        async with asyncio.timeout(settings.answer_seconds):  # a lost connection would never answer
            await connection.client.subscribe(topics.build_topic_filter_for_replies(centre, signer.user), qos=1)
            await connection.client.subscribe(topics.CENTRE_STATE.build_full_topic(centre), qos=1)
        session = CommandSession(connection, centre, clock, signer)
        reader = asyncio.create_task(
            connection.handle_received_messages(session.handle_reply_or_centre_state), name="replies"
        )
        try:
            for request in requests:
                replies.append(await session.send_command_and_wait(request))
                on_progress(len(replies))
        finally:
            reader.cancel()
            await asyncio.gather(reader, return_exceptions=True)
    return replies


class CommandSession:
    """A connection over which commands are sent to the dialler, one at a time."""

    def __init__(self, connection: Connection, centre: str, clock: Clock, signer: Signer) -> None:
        self._signer = signer
        self._connection = connection
        self._centre = centre
        self._clock = clock
        self._command_id = ""
        self._reply: asyncio.Future[CommandReply] = asyncio.get_running_loop().create_future()
        self._may_take_minutes = False
        self._is_in_progress = False  # as the dialler has reported since the last check

    async def handle_reply_or_centre_state(self, received: Received) -> None:
        """Handle a received message: a reply to the command that was sent, or the centre's state.

        The state says whether an import is in progress. Replies to other commands are ignored.
        """
        if received.topic == topics.CENTRE_STATE.build_full_topic(self._centre):
            imports_roll = self._may_take_minutes and _is_roll_being_imported(received.payload)
            self._is_in_progress = self._is_in_progress or imports_roll
            return
        reply = get_type_adapter(CommandReply).validate_json(received.payload)
        if reply.id == self._command_id and not self._reply.done():
            self._reply.set_result(reply)

    async def send_command_and_wait(self, request: CommandRequest) -> str:
        """Send a command and return the text of the reply. Raises CommandRefused, BrokerUnreachable."""
        self._command_id = f"cli-{uuid.uuid4().hex}"
        self._reply = asyncio.get_running_loop().create_future()
        self._may_take_minutes = COMMANDS[request.name].urgency is Urgency.LONG
        self._is_in_progress = False
        for _ in range(TRIES):
            expires_at = self._clock.now() + EXPIRY_SECONDS
            message = self._signer.create_command_message(
                self._centre, self._command_id, request.name, request.fields, expires_at
            )
            await self._connection.publish_message(message)
            reply = await self._wait_for_reply()
            if reply is None:
                continue
            if reply.status != "done":
                raise CommandRefused(reply.text)
            return reply.text
        topic = topics.build_commands_topic(self._centre, self._signer.user)
        raise BrokerUnreachable(
            f"the dialler did not answer in {TRIES * REPLY_SECONDS:g} s: check that it runs and is connected to the broker, and"
            f" that the broker lets this user write to `{topic}` and read its replies. Then send the command again: nothing is"
            " saved twice"
        )

    async def _wait_for_reply(self) -> CommandReply | None:
        """Wait for the reply to the command and return it, or None if there is none in time.

        The wait is extended while the dialler reports that it is working on a long command, such as an import.
        """
        seconds = REPLY_SECONDS
        while not (await asyncio.wait([self._reply], timeout=seconds))[0]:
            if not self._is_in_progress:
                return None
            self._is_in_progress, seconds = False, ALIVE_SECONDS
        return self._reply.result()


def _is_roll_being_imported(state: bytes) -> bool:
    """Return whether a message with the centre's state says that an electoral roll is being imported, by any command."""
    try:
        fields = json.loads(state)
    except ValueError:
        return False
    return isinstance(fields, dict) and fields.get("roll") is not None
