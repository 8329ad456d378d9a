"""The checks of a command before it is executed: sender, signature, expiry, permission and fields."""

from __future__ import annotations

import difflib
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import inf
from typing import Any

from dialer.domain.errors import CommandRefused
from dialer.engine.command.base import Command, CommandContext
from dialer.engine.command.catalogue import COMMANDS
from dialer.engine.command.reading import read_command
from dialer.mqtt.commands.message import CommandMessage, parse_command_message
from dialer.mqtt.commands.senders import BadSignature, Sender, Senders

MAX_EXPIRY_SECONDS = 86_400.0
"""Maximum time from now to the expiry. Also finds times in milliseconds."""

_NAME = re.compile(r"[A-Za-z][A-Za-z-]{0,39}")
_FIELD = re.compile(r"[a-z][a-z_]{0,39}")
_USER = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")
_ENVELOPE = ("expires_at", "id", "name")
"""Fields of every command."""
_NOT_FOR_SENDERS = {
    "role": "it comes from [[supervisors]] in the dialler's settings and from its users",
    "user": "it is the last level of the topic",
    "supervisor": "it is the sender",
}
"""Fields that a sender may not set, and where their values come from."""


@dataclass(frozen=True, slots=True)
class AcceptedCommand:
    """A command that passed all checks, and may be executed."""

    command_id: str
    sender: str
    role: str  # the sender's
    name: str
    command: Command
    content: str  # hash of its name and fields, without ID and expiry

    @property
    def stored_command_key(self) -> str:
        """The key under which the store records the command: its sender and its ID.

        Another sender's command with the same ID has another key.
        """
        return f"{self.sender}/{self.command_id}"

    @property
    def command_context(self) -> CommandContext:
        """The context in which the engine executes the command: its sender."""
        return CommandContext(self.sender)


@dataclass(frozen=True, slots=True)
class RefusedCommand:
    """A command that failed a check, and must not be executed."""

    command_id: str | None  # None: cannot be answered
    text: str  # why
    sender: str = ""
    name: str = ""  # "": unknown
    role: str = ""  # the sender's; "": unknown
    is_forged: bool = False
    is_authentic: bool = False  # the sender is known to have sent it


CheckedCommand = AcceptedCommand | RefusedCommand


def is_user_name(text: str) -> bool:
    """Return whether a text has the format of a user's name."""
    return _USER.fullmatch(text) is not None


def parse_and_check_payload(
    payload: bytes, user: str, senders: Senders, centre: str, *, retained: bool, now: float
) -> CheckedCommand:
    """Parse and check the payload of a command message that arrived on the topic of `user`.

    `now` is in epoch seconds. Never raises, whatever the sender wrote.
    """
    try:
        message = parse_command_message(payload)
    except CommandRefused as refused:
        return RefusedCommand(None, str(refused), user)
    return check_command_message(message, user, senders, centre, retained=retained, now=now)


def check_command_message(
    message: CommandMessage, user: str, senders: Senders, centre: str, *, retained: bool, now: float
) -> CheckedCommand:
    """Check a parsed command message that arrived on the topic of `user`.

    `now` is in epoch seconds. Never raises, whatever the sender wrote.
    """
    # Without a reply to other names: no sender has one, and it may be too long for a topic.
    command_id = message.command_id if is_user_name(user) else None
    refusal = RefusedCommand(command_id, "", user, message.command_name)
    try:
        sender = senders.find_sender_by_user_name(user)
        if sender is None:
            raise CommandRefused(
                "the sender may not send commands: add the sender to [[supervisors]] in the dialler's settings, "
                "or add it with `dialer user add`"
            )
        refusal = replace(refusal, role=sender.sender_role_names)
        senders.authenticate_command(sender, centre, message.text, message.signature)
        refusal = replace(refusal, is_authentic=True)
        if retained:
            raise CommandRefused("a command must not be retained: publish it without the retain flag, with a new ID")
        return _accept_command_or_raise_refusal(message, sender, now)
    except BadSignature as refused:
        return replace(refusal, text=str(refused), is_forged=True)
    except CommandRefused as refused:
        return replace(refusal, text=str(refused))


def check_sender_permission_again(accepted: AcceptedCommand, senders: Senders) -> CheckedCommand:
    """Check again whether the sender may send the command.

    Return the command, or its refusal if the sender has lost the permission.
    """
    sender = senders.find_sender_by_user_name(accepted.sender)
    try:
        if sender is None:
            raise CommandRefused(f"the user {accepted.sender} may no longer send commands: ask a supervisor for a role")
        _check_sender_role(accepted.name, type(accepted.command), sender)
    except CommandRefused as refused:
        return RefusedCommand(
            accepted.command_id, str(refused), accepted.sender, accepted.name, accepted.role, is_authentic=True
        )
    return accepted


def _accept_command_or_raise_refusal(message: CommandMessage, sender: Sender, now: float) -> AcceptedCommand:
    name = message.command_name or _refuse_unknown_command_name(message.fields.get("name"))
    kind = COMMANDS[name]
    _refuse_unknown_field_names(name, kind, message.fields)
    _refuse_expired_command(message.fields.get("expires_at"), now)
    _check_sender_role(name, kind, sender)
    known = (*kind.list_required_field_names(), *kind.list_optional_field_names())
    fields = {key: message.fields[key] for key in known if message.fields.get(key) is not None}
    command = read_command(name, fields)
    content = hashlib.sha256(json.dumps({"name": name, **fields}, sort_keys=True).encode()).hexdigest()
    return AcceptedCommand(message.command_id, sender.name, sender.sender_role_names, name, command, content)


def _refuse_unknown_command_name(name: object) -> str:
    *others, last = COMMANDS
    use_one_of = f"use one of {', '.join(others)} or {last}"
    if name is None:
        raise CommandRefused(f"the command has no `name`: {use_one_of}")
    if not isinstance(name, str) or not _NAME.fullmatch(name):  # not repeated in the reply: it may be a phone number
        raise CommandRefused(f"the command's `name` is unknown: {use_one_of}")
    near = difflib.get_close_matches(name, COMMANDS, n=1)
    hint = f"; did you mean `{near[0]}`?" if near else ""
    raise CommandRefused(f"unknown command `{name}`{hint}: {use_one_of}")


def _refuse_unknown_field_names(name: str, kind: type[Command], fields: Mapping[str, Any]) -> None:
    own = (*kind.list_required_field_names(), *kind.list_optional_field_names())
    for key, reason in _NOT_FOR_SENDERS.items():
        if key in fields and key not in own:  # a command may have a field of this name for another purpose
            raise CommandRefused(
                f"the command has the field `{key}`, which senders must not set: {reason}; leave `{key}` out"
            )
    known = (*_ENVELOPE, *own)
    for key in fields:
        if key in known:
            continue
        if not any(key in each.model_fields for each in COMMANDS.values()):
            unknown_field = (
                f"`{key}`" if _FIELD.fullmatch(key) else "one that is not a word"
            )  # not repeated: it may be a phone number
            near = difflib.get_close_matches(key, known, n=1)
            hint = f"; did you mean `{near[0]}`?" if near else ""
            raise CommandRefused(f"unknown field: {unknown_field}{hint}; the fields of `{name}` are {', '.join(known)}")
        if fields[key] is not None:  # null means that it is left out
            raise CommandRefused(f"the command `{name}` has no field `{key}`: leave `{key}` out")


def _refuse_expired_command(expires_at: object, now: float) -> None:
    if isinstance(expires_at, bool) or not isinstance(expires_at, int | float) or not -inf < expires_at < inf:
        raise CommandRefused("`expires_at` of the command is not a time: give epoch seconds (UTC)")
    if expires_at <= now:
        raise CommandRefused(
            "the command has expired: compare the clocks of sender and dialler, then send it with a new ID"
        )
    if expires_at > now + MAX_EXPIRY_SECONDS:
        raise CommandRefused(
            "`expires_at` of the command is more than a day ahead: give epoch seconds (UTC) within a day"
        )


def _check_sender_role(name: str, kind: type[Command], sender: Sender) -> None:
    if not sender.roles & kind.roles:
        required_role = " or ".join(sorted(kind.roles))
        raise CommandRefused(f"`{name}` needs the role {required_role}; {sender.name} has {sender.sender_role_names}")
