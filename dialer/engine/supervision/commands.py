"""Commands for supervisors who monitor seats and coach agents.

Each command that monitors a seat rings the sender's own phone, so that nobody can listen under another person's name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from dialer.domain.enums import LISTENERS, SupervisorRole
from dialer.domain.model import ListeningMode
from dialer.engine.command.base import (
    SUPERVISOR_ONLY,
    Command,
    CommandContext,
    SeatCommand,
)
from dialer.engine.command.fields import CallAttemptId

if TYPE_CHECKING:
    from dialer.engine.services import Services


class Listen(SeatCommand):
    """Listen to a seat: to the agent and everybody on the agent's call. Continues over the next calls."""

    name: Literal["listen"] = "listen"
    roles = LISTENERS

    async def execute_command(self, services: Services, context: CommandContext) -> str:
        return await services.supervision.monitor_seat(self.seat, context.sender, ListeningMode.LISTEN)


class Whisper(SeatCommand):
    """Listen to a seat and speak to its agent only."""

    name: Literal["whisper"] = "whisper"
    roles = frozenset({SupervisorRole.COACH, SupervisorRole.SUPERVISOR})

    async def execute_command(self, services: Services, context: CommandContext) -> str:
        return await services.supervision.monitor_seat(self.seat, context.sender, ListeningMode.WHISPER)


class Barge(SeatCommand):
    """Join the conversation at a seat. After the call the supervisor listens again."""

    name: Literal["barge"] = "barge"
    roles = SUPERVISOR_ONLY

    async def execute_command(self, services: Services, context: CommandContext) -> str:
        return await services.supervision.monitor_seat(self.seat, context.sender, ListeningMode.BARGE)


class StopListening(Command):
    """Stop listening to a seat: the supervisor's phone is hung up."""

    name: Literal["stop-listening"] = "stop-listening"
    roles = LISTENERS

    async def execute_command(self, services: Services, context: CommandContext) -> str:
        return await services.supervision.stop_monitoring_by_supervisor(context.sender)


class RecordCoachingNote(Command):
    """Record in the audit log that the sender writes or deletes a note on a call for its agent (coaching note). The desk
    (the server of the pages) sends it before it stores or deletes the note.
    """

    name: Literal["coaching-note"] = "coaching-note"
    roles = SUPERVISOR_ONLY
    is_idempotent = True
    audited = ("attempt_id", "coaching_note", "action")

    attempt_id: CallAttemptId
    coaching_note: Annotated[
        str,
        Field(
            pattern=r"^[0-9a-f]{32}$",
            description="ID of the coaching note, 32 hexadecimal digits; never the note's text",
        ),
    ]
    action: Annotated[Literal["write", "delete"], Field(description="what the sender does: `write` or `delete`")]

    async def execute_command(self, services: Services, context: CommandContext) -> str:
        return "the coaching note is recorded in the audit log"
