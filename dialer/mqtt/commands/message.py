"""The format of a command message: JSON of a limited size, with or without a signature."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dialer.domain.errors import CommandRefused
from dialer.engine.command.base import Urgency
from dialer.engine.command.catalogue import COMMANDS

MAX_BYTES = 32_768
"""Maximum size of a command. A full batch of marks is the longest."""
MAX_SIGNED_BYTES = 49_152
"""Maximum size of a signed command, whose text is in a JSON object with every quotation mark escaped."""

_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_SIGNED_FIELDS = frozenset({"command", "signature"})
_PURPOSE = b"matdan-command-1"


@dataclass(frozen=True, slots=True)
class CommandMessage:
    """A message that has the format of a command. Its sender and fields are not checked yet."""

    command_id: str
    fields: Mapping[str, Any]
    text: str = ""  # the signed text, exactly as sent; "" if unsigned
    signature: object = None  # of any type, as sent; None if unsigned

    @property
    def command_name(self) -> str:
        """The name of the command, such as "pause", or "" if no command has the name in the message."""
        name = self.fields.get("name")
        return name if isinstance(name, str) and name in COMMANDS else ""

    @property
    def command_urgency(self) -> Urgency:
        """How urgent the command is, which determines the queue in which the command waits."""
        return COMMANDS[self.command_name].urgency if self.command_name else Urgency.NORMAL


def parse_command_message(payload: bytes) -> CommandMessage:
    """Parse a message. Raises CommandRefused if it does not have the format of a command; never raises another error."""
    fields = _parse_json_object(payload, MAX_SIGNED_BYTES)
    text, signature = "", None
    if fields.keys() & _SIGNED_FIELDS:
        if fields.keys() != _SIGNED_FIELDS or not isinstance(fields["command"], str):
            raise CommandRefused(
                "the signed command has wrong fields: send an object with only `command` (a text) and `signature`"
            )
        text, signature = fields["command"], fields["signature"] if fields["signature"] is not None else ""
        fields = _parse_json_object(text.encode("utf-8", "surrogatepass"), MAX_BYTES)
    elif len(payload) > MAX_BYTES:
        raise CommandRefused(f"the command is longer than {MAX_BYTES} bytes: shorten its values")
    command_id = fields.get("id")
    if not isinstance(command_id, str) or not _ID.fullmatch(command_id):
        raise CommandRefused(
            "the `id` of the command is not valid: use 1 to 64 letters, digits, dots, dashes or underscores"
        )
    return CommandMessage(command_id, fields, text, signature)


def build_signed_bytes(centre: str, user: str, text: str) -> bytes:
    """Return the bytes that the sender of a command signs: purpose, centre, sender and command, separated by line
    feeds.

    The text of the command contains its ID and expiry. Only this last part may contain line feeds.
    """
    return b"\n".join([_PURPOSE, centre.encode(), user.encode(), text.encode("utf-8", "surrogatepass")])


def _parse_json_object(payload: bytes, max_bytes: int) -> dict[str, Any]:
    if len(payload) > max_bytes:
        raise CommandRefused(f"the command is longer than {max_bytes} bytes: shorten its values")
    try:
        fields = json.loads(payload, object_pairs_hook=_refuse_duplicate_keys)
    except (ValueError, RecursionError) as error:
        raise CommandRefused("the command is not JSON: send a JSON object in UTF-8") from error
    if not isinstance(fields, dict):
        raise CommandRefused(
            "the command is not a JSON object: send an object with `id`, `name` and the fields of the command"
        )
    return fields


def _refuse_duplicate_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len({key for key, _ in pairs}) < len(pairs):
        raise CommandRefused("the command has a field twice: send each field once")
    return dict(pairs)
