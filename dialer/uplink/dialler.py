"""Send the uplink's commands to the dialler, through the centre's MQTT broker."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from dialer.mqtt.commands.signer import Signer
from dialer.mqtt.dialler_client import DiallerClient, Reply


@dataclass(frozen=True, slots=True)
class DiallerCommands:
    """The sender of the uplink's commands to the dialler, with the name and signing key of the uplink's broker user."""

    dialler_client: DiallerClient
    user: str
    signer: Signer | None = None

    async def send_command_to_dialler(self, name: str, values: dict[str, Any]) -> Reply | None:
        """Send a command and return the dialler's reply, or None if the broker is unreachable and nothing was sent."""
        return await self.dialler_client.send_command(self.user, f"uplink-{uuid4().hex}", name, values, self.signer)


def is_command_unanswered(reply: Reply | None) -> bool:
    """Return whether a command got no reply from the dialler, so that it must be sent again."""
    return reply is None or reply.status == "unanswered"
