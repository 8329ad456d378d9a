"""Commands for supervisors who monitor seats.

Each command rings the sender's own phone, so that nobody can listen under another person's name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from dialer.domain.enums import LISTENERS, SupervisorRole
from dialer.domain.model import ListeningMode
from dialer.engine.command.base import (
    SUPERVISOR_ONLY,
    Command,
    CommandContext,
    SeatCommand,
)

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
