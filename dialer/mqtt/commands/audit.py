"""Audit entries of commands.

Every command is audited, whatever its sender wrote. A text that may be a phone number is left out, and an ID that may be one
is replaced by its hash.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from dialer.domain.audit_chain import format_audit_details_for_hashing
from dialer.domain.clock import Clock
from dialer.domain.errors import UnsafeValue
from dialer.mqtt.commands.alerts import QUIET_SECONDS
from dialer.mqtt.commands.checks import AcceptedCommand, CheckedCommand, RefusedCommand, is_user_name
from dialer.store.store import Store


def format_command_id_for_log(checked: CheckedCommand) -> str:
    """Return a command's ID in the form that is allowed in the log and the audit."""
    command_id = checked.command_id or "none"
    if _are_details_allowed_in_audit({"id": command_id}):
        return command_id
    return f"sha256-{hashlib.sha256(command_id.encode()).hexdigest()[:32]}"


def create_audit_entry(checked: CheckedCommand, status: str, reason: str = "") -> tuple[str, dict[str, str]]:
    """Return the audit entry of a command: the sender's name, and the details."""
    is_known = isinstance(checked, AcceptedCommand) or is_user_name(checked.sender)
    who = checked.sender if is_known and _are_details_allowed_in_audit({"who": checked.sender}) else "stranger"
    what = {"command": checked.name or "unknown", "id": format_command_id_for_log(checked), "status": status}
    if checked.role:
        what["role"] = checked.role
    details = _create_audit_details(checked) if isinstance(checked, AcceptedCommand) else {}
    if reason:
        details["why"] = reason[:120]
    return who, {**what, **{key: text for key, text in details.items() if _are_details_allowed_in_audit({key: text})}}


def _create_audit_details(accepted: AcceptedCommand) -> dict[str, str]:
    command = accepted.command
    values = {field: getattr(command, field, None) for field in type(command).audited}
    if "who" in values and values["who"] is not None:
        values["who"] = accepted.command_context.describe_responsible_person(values["who"])
    details = {field: _format_audit_value(value) for field, value in values.items() if value is not None}
    if command.imported_record_count:
        details["records"] = f"{command.imported_record_count}"
    return details


def _format_audit_value(value: object) -> str:
    return ", ".join(value) if isinstance(value, tuple) else str(value)


def _are_details_allowed_in_audit(what: Mapping[str, str]) -> bool:
    try:
        format_audit_details_for_hashing(what)
    except (UnsafeValue, UnicodeEncodeError):
        return False
    return True


@dataclass(slots=True)
class _Repeats:
    last: RefusedCommand
    since: float  # when the last entry was appended (monotonic)
    more: int = 0  # refusals since then


class CommandAudit:
    """The audit log of commands.

    A sender whose identity is not proved gets at most one entry per minute for refused commands. The entry has their
    number. All unknown senders count as one sender. Otherwise strangers could fill the audit log within a day, if the
    broker accepts anybody.
    """

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._repeats: dict[str, _Repeats] = {}  # by sender; all strangers share ""

    @property
    def has_unaudited_commands(self) -> bool:
        """Whether there are refused commands without an audit entry.

        If so, call `write_audit_summaries_of_refused_commands` again later.
        """
        return bool(self._repeats)

    async def append_audit_entry(
        self, checked: CheckedCommand, status: str, reason: str = "", *, more: int = 0
    ) -> None:
        """Append an entry about a command to the audit log. Raises StoreError.

        `more` is the number of further commands of the same sender that this entry covers.
        """
        who, what = create_audit_entry(checked, status, reason)
        if more:
            what["like_it"] = f"{more}"
        await self._store.append_audit_entry("command", who, what, self._clock.now())

    async def write_audit_entry_for_forged_command(self, refused: RefusedCommand, name: str) -> None:
        """Append an audit entry for a command that may be forged, because its sender is not proved. Raises StoreError.

        If the sender `name` ("" = unknown senders) has an entry from the last minute, the command is only counted.
        """
        known = self._repeats.get(name)
        if known is not None:
            known.last, known.more = refused, known.more + 1
            return
        self._repeats[name] = _Repeats(refused, self._clock.monotonic())
        await self.append_audit_entry(refused, "refused", refused.text)

    async def write_audit_summaries_of_refused_commands(self) -> None:
        """Append one audit entry for each sender whose refused commands were only counted for a minute. Raises StoreError."""
        now = self._clock.monotonic()
        for name, known in [*self._repeats.items()]:
            if now - known.since < QUIET_SECONDS:
                continue
            del self._repeats[name]
            if known.more:
                self._repeats[name] = _Repeats(known.last, now)
                await self.append_audit_entry(known.last, "refused", known.last.text, more=known.more)
