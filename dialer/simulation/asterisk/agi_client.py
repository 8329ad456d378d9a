"""The simulated dialplan application AGI(): it connects to a FastAGI server, sends the environment, and runs the
server's commands.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import cast
from urllib.parse import urlsplit

from dialer.simulation.asterisk.agi_commands import execute_agi_command
from dialer.simulation.asterisk.channels import Channel
from dialer.simulation.asterisk.config import VERSION
from dialer.simulation.asterisk.core import SwitchCore

REFUSED_SECONDS = 2.0  # time until AGI() fails for an unreachable server
CONNECT_SECONDS = 2.0  # res/res_agi.c, MAX_AGI_CONNECT


class AgiConnection(asyncio.Protocol):
    """A connection from a channel to the FastAGI server. A received line or a disconnect wakes the waiting channel."""

    def __init__(self, channel: Channel) -> None:
        """Create the connection for one run of AGI() on `channel`."""
        self.lines: deque[str] = deque()
        self.ended = False
        self.transport: asyncio.Transport | None = None
        self._channel = channel
        self._partial_line = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Store the transport of the connection, which asyncio has established."""
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        """Buffer complete lines. A carriage return before the line feed is cut off, as Asterisk does."""
        *lines, self._partial_line = (self._partial_line + data).split(b"\n")
        self.lines.extend(line.rstrip(b"\r").decode("utf-8", "replace") for line in lines)
        self._channel.wake_waiting_application()

    def connection_lost(self, exc: Exception | None) -> None:
        """Mark the connection as ended and wake the channel."""
        self.ended = True
        self._channel.wake_waiting_application()

    @property
    def has_unread_input(self) -> bool:
        """Whether the FastAGI server has sent a line or disconnected. Either stops a playing sound."""
        return bool(self.lines) or self.ended

    def send_line_to_agi_server(self, text: str) -> None:
        """Send one line to the FastAGI server."""
        if self.transport is not None and not self.transport.is_closing():
            self.transport.write(text.encode() + b"\n")

    def close(self) -> None:
        """Close the connection to the FastAGI server."""
        if self.transport is not None:
            self.transport.close()


async def run_agi(switch: SwitchCore, channel: Channel, data: str) -> None:
    """Run AGI(`data`) on the channel and set AGISTATUS: SUCCESS, FAILURE or HANGUP."""
    url, *arguments = data.split(",")
    parts = urlsplit(url)
    connection = AgiConnection(channel)
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            await loop.create_connection(lambda: connection, parts.hostname or "127.0.0.1", parts.port or 4573)
    except OSError:  # asyncio.timeout's TimeoutError is one too
        await _wait_until_agi_connection_fails(switch, channel)
        switch.set_dialplan_variable(channel, "AGISTATUS", "FAILURE")
        return
    transport = cast(asyncio.Transport, connection.transport)
    switch.agi_connections.add(transport)
    try:
        script = parts.path.removeprefix("/") + (f"?{parts.query}" if parts.query else "")
        connection.send_line_to_agi_server(_render_agi_environment(channel, url, script, arguments))
        status = await _run_commands_sent_by_agi_server(switch, channel, connection)
    finally:
        switch.agi_connections.discard(transport)
        connection.close()
    switch.set_dialplan_variable(channel, "AGISTATUS", status)


async def _wait_until_agi_connection_fails(switch: SwitchCore, channel: Channel) -> None:
    """Wait as long as Asterisk's AGI() takes to notice that a FastAGI server is unreachable."""
    loop = asyncio.get_running_loop()
    end = loop.time() + REFUSED_SECONDS
    while not channel.is_application_interrupted and (left := end - loop.time()) > 1e-9:
        await channel.wait_for_input_or_hang_up(left)


def _render_agi_environment(channel: Channel, url: str, script: str, arguments: Sequence[str]) -> str:
    caller = channel.caller_number.replace("<unknown>", "unknown")
    name = channel.caller_name.replace("<unknown>", "unknown")
    return (
        f"agi_network: yes\nagi_network_script: {script}\nagi_request: {url}\nagi_channel: {channel.name}\n"
        f"agi_language: en\nagi_type: PJSIP\nagi_uniqueid: {channel.uniqueid}\nagi_version: {VERSION}\n"
        f"agi_callerid: {caller}\nagi_calleridname: {name}\n"
        "agi_callingpres: 0\nagi_callingani2: 0\nagi_callington: 0\nagi_callingtns: 0\n"
        "agi_dnid: unknown\nagi_rdnis: unknown\n"
        f"agi_context: {channel.context}\nagi_extension: {channel.extension}\nagi_priority: {channel.priority}\n"
        "agi_enhanced: 0.0\nagi_accountcode: \nagi_threadid: 140566382876352\n"
        + "".join(f"agi_arg_{number}: {argument}\n" for number, argument in enumerate(arguments, start=1))
    )


async def _run_commands_sent_by_agi_server(switch: SwitchCore, channel: Channel, connection: AgiConnection) -> str:
    """Run the commands of the FastAGI server until it disconnects. Return the AGISTATUS.

    The order of replies, HANGUP and code 511 (channel hung up) is that of Asterisk (`run_agi` in res/res_agi.c).
    """
    exits_on_hang_up = channel.variables.get("AGIEXITONHANGUP", "").lower() in ("yes", "true", "1", "on")
    dead = False
    while True:
        if channel.is_application_interrupted and not dead:
            dead = True
            connection.send_line_to_agi_server("HANGUP")
            if exits_on_hang_up:
                return "HANGUP"
        if connection.lines:
            answer = await _run_agi_command(switch, channel, connection, connection.lines.popleft(), dead)
            if answer is not None:
                connection.send_line_to_agi_server(answer)
        elif connection.ended:
            return "HANGUP" if dead or channel.is_application_interrupted else "SUCCESS"
        else:
            await channel.wait_for_input_or_hang_up(None)


async def _run_agi_command(
    switch: SwitchCore, channel: Channel, connection: AgiConnection, line: str, dead: bool
) -> str | None:
    events = switch.events
    command_id = switch.create_agi_command_id()
    tail = f"CommandId: {command_id}\r\nCommand: {line}\r\n"
    events.publish_channel_event("AGIExecStart", channel, tail)
    answer = await execute_agi_command(switch, channel, line, dead, lambda: connection.has_unread_input)
    code, _, rest = (answer or "200 result").partition(" ")
    code = code.partition("-")[0]
    result = {"200": "Success", "511": rest}.get(code, "Failure")
    events.publish_channel_event("AGIExecEnd", channel, f"{tail}ResultCode: {code}\r\nResult: {result}\r\n")
    return answer
