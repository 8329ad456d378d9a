"""The control channel of an Asterisk server, over which the dialler can hang up channels while Asterisk shuts down.

Asterisk's command `core restart gracefully` waits until every channel has ended, also the agents' phones in their
conferences. Meanwhile, Asterisk refuses AMI actions and new channels, but still executes AGI commands. So during each
AMI session, the dialler keeps a Local channel open whose dialplan has connected to its FastAGI server.
"""

from __future__ import annotations

import asyncio
import secrets
from typing import Final

import structlog

from dialer.domain.errors import SwitchError
from dialer.switch.asterisk.agi_call import AgiCall
from dialer.switch.asterisk.agi_codec import CallHungUp
from dialer.switch.asterisk.ami_client import AmiClient
from dialer.switch.asterisk.places import (
    CONTROL_CHANNEL,
    CONTROL_EXTENSION,
    FAR_EXTENSION,
    LEASE_CONTEXT,
    make_originate_fields,
)

_log = structlog.get_logger(__name__)

CONNECT_SECONDS: Final = 5.0  # for Asterisk to create the channel and to connect it to the FastAGI server
REPLY_SECONDS: Final = 2.0  # for Asterisk's reply to an AGI command


class ControlChannel:
    """The control channel of one Asterisk server, and its AGI session."""

    def __init__(self) -> None:
        self.channel_id = ""  # unique id of the half that runs AGI; "" while no channel is expected
        self._call: AgiCall | None = None
        self._connected = asyncio.Event()  # set while there is an AGI session
        self._one_command = asyncio.Lock()

    async def open_control_channel(self, client: AmiClient) -> None:
        """Originate the control channel, and wait until Asterisk has connected it to the FastAGI server.

        Raises:
            SwitchError: Asterisk did not connect it.
        """
        token = secrets.token_hex(6)
        self.channel_id = f"{CONTROL_CHANNEL}{token}"
        far = f"{CONTROL_CHANNEL}{FAR_EXTENSION}-{token}"
        place = f"Local/{CONTROL_EXTENSION}@{LEASE_CONTEXT}/n"
        fields = make_originate_fields(place, far, LEASE_CONTEXT, FAR_EXTENSION, ("OtherChannelId", self.channel_id))
        await client.send_action("Originate", fields, action_id=self.channel_id)
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                await self._connected.wait()
        except TimeoutError:
            raise SwitchError(
                f"Asterisk did not connect {CONTROL_EXTENSION}@{LEASE_CONTEXT} to the FastAGI server: install the files "
                "that `dialer asterisk render` writes, and check `fastagi.host` and `fastagi.port`. Until then agents' "
                "phones must hang up before Asterisk restarts gracefully"
            ) from None

    async def serve_control_session(self, call: AgiCall) -> None:
        """Keep the AGI session of the control channel until `close_control_session`, or until it is lost."""
        self._call = call
        self._connected.set()
        try:
            await call.ended.wait()
        finally:
            if self._call is call:
                self._clear_ended_control_session()

    def close_control_session(self) -> None:
        """End the AGI session of the control channel. The dialplan then hangs up the channel."""
        self.channel_id = ""
        if self._call is not None:
            self._call.ended.set()
        self._clear_ended_control_session()

    async def hang_up_channel(self, channel: str, reply_seconds: float | None = REPLY_SECONDS) -> bool:
        """Hang up a channel by its unique id, also while Asterisk is shutting down. Return False if the channel does not
        exist, if there is no AGI session, or if no reply comes within `reply_seconds` (None: no limit).
        """
        call = self._call
        if call is None:
            _log.warning("control.not_connected", channel=channel)
            return False
        try:
            async with self._one_command, asyncio.timeout(reply_seconds):
                reply = await call.send_command("HANGUP", channel)
        except (CallHungUp, TimeoutError):
            _log.warning("control.lost", channel=channel)
            return False
        return not reply.has_failure_result

    def _clear_ended_control_session(self) -> None:
        self._call = None
        self._connected.clear()
