"""Write command messages, signed if the sender has a key."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from dialer.domain import signing
from dialer.mqtt import topics
from dialer.mqtt.commands.message import build_signed_bytes
from dialer.mqtt.messages import Message


@dataclass(frozen=True, slots=True)
class Signer:
    """A sender on this machine, and the key with which its commands are signed."""

    user: str
    key: bytes | None = field(default=None, repr=False)  # private key; None: commands are not signed

    def create_command_message(
        self, centre: str, command_id: str, name: str, values: Mapping[str, object], expires_at: float
    ) -> Message:
        """Return the MQTT message of a command. `expires_at` is in epoch seconds."""
        text = json.dumps({"id": command_id, "name": name, "expires_at": expires_at, **values})
        return Message(
            topics.build_commands_topic(centre, self.user), self.create_command_payload(centre, text), 1, False
        )

    def create_command_payload(self, centre: str, text: str) -> str:
        """Return the payload of a command message with this text, signed if the sender has a key."""
        if self.key is None:
            return text
        return json.dumps(
            {"command": text, "signature": signing.sign_bytes(self.key, build_signed_bytes(centre, self.user, text))}
        )
