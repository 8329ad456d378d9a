"""A real Asterisk with several trunks, each with a carrier of its own: SIPp, which records the SIP messages."""

from __future__ import annotations

import asyncio
import re
import socket
import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from dialer.deploy.asterisk.render import OWN_FILES, render_asterisk_site_files
from dialer.domain.model import AttemptId
from dialer.settings.number_notation import get_number_formats_of_trunks
from dialer.settings.site import Settings
from dialer.site.asterisk import get_ami_login
from dialer.switch.asterisk.ami_client import AmiClient
from dialer.switch.asterisk.ami_codec import AmiMessage
from dialer.switch.asterisk.inbound import InboundChannel, find_inbound_channel
from dialer.switch.asterisk.places import make_originate_fields
from tests.asterisk.process import RealAsterisk, find_free_ports
from tests.asterisk.sipp import Sipp
from tests.asterisk.stage import write_sounds
from tests.support.waiting import HANG_SECONDS

CALLER_ID = "+911140000001"
VOTER = "+917010000001"
_ID_FIELDS = ("ActionID", "Uniqueid")
_OF_THE_LAB = {"listens", "behind_proxy"}
_SECRET = "a-secret-for-the-lab"
_MESSAGE = re.compile(r"^-{20,}[^\n]*\n\w+ message (received|sent)[^\n]*\n\n", re.MULTILINE)


class TrunkLab:
    """A real Asterisk with trunks.

    `trunks` holds the settings of each trunk by name, beyond those that all need, `listens`: the address of its
    carrier if that is not 127.0.0.1, and `behind_proxy`: whether the carrier is reached as an outbound proxy.
    """

    def __init__(
        self, program: Path, sipp: Path, directory: Path, trunks: Mapping[str, Mapping[str, Any]], **asterisk: Any
    ) -> None:
        self.directory = directory
        self.asterisk = RealAsterisk(program, directory / "asterisk")
        ami_port, agi_port, tls_port, *_ = find_free_ports(3)
        [sip_port] = find_free_ports(1, socket.SOCK_DGRAM)
        self.sip_port = sip_port
        self.voice_ports = range(22_000, 23_000)  # not among the ports that the system gives to other programs
        self._ports = dict(zip(trunks, find_free_ports(len(trunks), socket.SOCK_DGRAM), strict=True))
        self.carriers = {
            name: Sipp(
                sipp,
                directory,
                name,
                self._ports[name],
                (50_000 + 50 * number, 50_049 + 50 * number),
                address=own.get("listens", "127.0.0.1"),
            )
            for number, (name, own) in enumerate(trunks.items())
        }
        shared = {"host": "127.0.0.1", "caller_ids": [CALLER_ID], "qualify_seconds": 0}
        self.settings = Settings.model_validate(
            {
                "ami": {"port": ami_port, "secret": _SECRET},
                "fastagi": {"port": agi_port},
                "asterisk": {
                    "bind_address": "127.0.0.1",
                    "sip_port": sip_port,
                    "tls_port": tls_port,
                    "rtp_first_port": self.voice_ports.start,
                    "rtp_last_port": self.voice_ports[-1],
                    **asterisk,
                },
                "trunks": [
                    {
                        **shared,
                        "name": name,
                        "endpoint": name,
                        "port": self._ports[name],
                        **{key: value for key, value in own.items() if key not in _OF_THE_LAB},
                        **({"outbound_proxy": f"127.0.0.1:{self._ports[name]}"} if own.get("behind_proxy") else {}),
                    }
                    for name, own in trunks.items()
                ],
            }
        )
        self.events: list[AmiMessage] = []
        self._client: AmiClient | None = None
        self._changed = asyncio.Event()

    @property
    def client(self) -> AmiClient:
        """The manager connection of the running Asterisk."""
        assert self._client is not None, "the lab is not running"
        return self._client

    def write_own_file(self, name: str, text: str) -> None:
        """Write the site's own file for one of Asterisk's files."""
        folder = self.asterisk.etc / OWN_FILES
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")

    def get_port(self, trunk: str) -> int:
        """Return the SIP port of a trunk's carrier."""
        return self._ports[trunk]

    async def answer_calls(self, trunk: str, script: str, *options: str) -> None:
        """Start the carrier of a trunk."""
        traced = ["-trace_msg", "-message_file", f"{trunk}.messages", "-message_overwrite", "true"]
        await self.carriers[trunk].answer_calls(script, *traced, *options)

    @asynccontextmanager
    async def run_asterisk(self) -> AsyncIterator[None]:
        """Render the files, and run Asterisk until the context ends. Carriers are stopped at the end."""
        self.asterisk.write_configuration(render_asterisk_site_files(self.settings, {}))
        write_sounds(self.asterisk)
        try:
            await self.asterisk.start()
            async with AmiClient(get_ami_login(self.settings), on_event=self._receive_event) as client:
                self._client = client
                yield
        finally:
            for carrier in self.carriers.values():
                await carrier.stop()
            await self.asterisk.stop()

    async def place_call(
        self, trunk: str, number: str = VOTER, caller_id: str = CALLER_ID
    ) -> tuple[AttemptId, list[AmiMessage]]:
        """Place a call, which plays the information message if it is answered. Return its id, and all events until its
        end.
        """
        channel, begun = str(uuid.uuid4()), len(self.events)
        ends = {("OriginateResponse", channel), ("Hangup", channel)}
        notation = get_number_formats_of_trunks(self.settings)[trunk]
        fields = make_originate_fields(
            f"PJSIP/{notation.format_called_number(number)}@{trunk}",
            channel,
            "matdan-message",
            "s",
            ("CallerID", notation.format_caller_id(caller_id)),
            ("Timeout", "8000"),
        )
        await self.client.send_action("Originate", fields, action_id=channel)
        async with asyncio.timeout(HANG_SECONDS):
            while not ends <= {(each.event_name, each.get(key)) for each in self.events[begun:] for key in _ID_FIELDS}:
                self._changed.clear()
                await self._changed.wait()
        return AttemptId(channel), self.events[begun:]

    async def receive_call(self, trunk: str, script: str) -> InboundChannel:
        """Start an inbound call of a carrier. Return what the dialler finds out about it, and end it."""
        await self.carriers[trunk].start_call(self.sip_port, script)
        channel: InboundChannel | None = None
        async with asyncio.timeout(HANG_SECONDS):
            while channel is None:
                await asyncio.sleep(0.1)
                for each in await self.client.send_list_action("CoreShowChannels"):
                    if each.get("Channel").startswith(f"PJSIP/{trunk}-") and each.get("Application") in {"AGI", "Wait"}:
                        channel = await find_inbound_channel(self.client, each.get("Uniqueid"), each.get("Channel"))
        await self.carriers[trunk].stop()
        await self.asterisk.run_command("channel request hangup all")
        async with asyncio.timeout(HANG_SECONDS):
            while await self.client.send_list_action("CoreShowChannels"):
                await asyncio.sleep(0.1)
        return channel

    def list_received_messages(self, trunk: str, method: str = "") -> list[str]:
        """Return the SIP messages that a trunk's carrier has received, or those of one method."""
        path = self.directory / f"{trunk}.messages"
        if not path.exists():
            return []
        text = path.read_text(encoding="utf-8", errors="replace").replace("\r\n", "\n")
        _, *pairs = _MESSAGE.split(text)
        messages = [text for way, text in zip(pairs[::2], pairs[1::2], strict=True) if way == "received"]
        return [message for message in messages if message.startswith(method)]

    async def wait_for_message(self, trunk: str, method: str) -> str:
        """Return the first message of a method that a trunk's carrier receives. Raises TimeoutError."""
        async with asyncio.timeout(HANG_SECONDS):
            while not (found := self.list_received_messages(trunk, method)):
                await asyncio.sleep(0.1)
        return found[0]

    def _receive_event(self, event: AmiMessage) -> None:
        self.events.append(event)
        self._changed.set()


def find_header(message: str, name: str) -> str:
    """Return the value of a SIP header, or "" if the message does not have it."""
    found = re.search(rf"^{re.escape(name)}:\s*(.*)$", message, re.MULTILINE | re.IGNORECASE)
    return "" if found is None else found[1].strip()
