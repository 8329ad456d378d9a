"""Stand-ins for the two sides of an uplink: a session that records what is published, and a dialler that records commands."""

from __future__ import annotations

import json
from typing import Any

from dialer.mqtt.dialler_client import Reply
from dialer.nats.session import Session
from dialer.uplink.dialler import DiallerCommands


class RecordingSession(Session):
    """A session with headquarters that has no server and records published messages."""

    def __init__(self) -> None:
        self.published: list[tuple[str, Any]] = []
        """Published messages as (subject, JSON value)."""

    async def publish_message(self, subject: str, data: bytes) -> None:
        """Record a message instead of publishing it."""
        self.published.append((subject, json.loads(data)))


class RecordingDialler(DiallerCommands):
    """A dialler that gives every command the same reply."""

    def __init__(self, status: str) -> None:
        object.__setattr__(self, "status", status)
        object.__setattr__(self, "commands", [])

    async def send_command_to_dialler(self, name: str, values: dict[str, Any]) -> Reply | None:
        """Record a command instead of sending it."""
        self.commands.append(values)  # type: ignore[attr-defined] # the class is frozen
        return Reply(self.status, "")  # type: ignore[attr-defined] # the class is frozen
