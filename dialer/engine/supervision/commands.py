"""Commands for recordings, and for supervisors who monitor seats."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from dialer.domain.enums import LISTENERS, SupervisorRole
from dialer.domain.model import ListeningMode
from dialer.engine.command.base import (
    COMPLIANCE_ROLES,
    SEAT_ROLES,
    SUPERVISOR_ONLY,
    Command,
    CommandContext,
    SeatCommand,
)
from dialer.engine.command.fields import CallAttemptId

if TYPE_CHECKING:
    from dialer.engine.services import Services


class SeatPauseRecording(SeatCommand):
    """Pause the recording of the call: silence is recorded until it is resumed."""

    name: Literal["seat-pause-recording"] = "seat-pause-recording"
    roles = SEAT_ROLES

    async def execute(self, services: Services, context: CommandContext) -> str:
        return await services.recordings.mute(self.seat, pausing=True)


class SeatResumeRecording(SeatCommand):
    """Resume the recording of the call."""

    name: Literal["seat-resume-recording"] = "seat-resume-recording"
    roles = SEAT_ROLES

    async def execute(self, services: Services, context: CommandContext) -> str:
        return await services.recordings.mute(self.seat, pausing=False)


class PlayRecording(Command):
    """Play the recording of an ended call to the sender, on the desk's page. The audit entry is committed before it plays."""

    name: Literal["recording-play"] = "recording-play"
    roles = COMPLIANCE_ROLES
    is_idempotent = True

    attempt: CallAttemptId

    async def execute(self, services: Services, context: CommandContext) -> str:
        return await services.recordings.play(self.attempt)


# Each of the following rings the sender's own phone, so that nobody can listen under another person's name.


class Listen(SeatCommand):
    """Listen to a seat: to the agent and everybody on the agent's call. Continues over the next calls."""

    name: Literal["listen"] = "listen"
    roles = LISTENERS

    async def execute(self, services: Services, context: CommandContext) -> str:
        return await services.supervision.join(self.seat, context.sender, ListeningMode.LISTEN)


class Whisper(SeatCommand):
    """Listen to a seat and speak to its agent only."""

    name: Literal["whisper"] = "whisper"
    roles = frozenset({SupervisorRole.COACH, SupervisorRole.SUPERVISOR})

    async def execute(self, services: Services, context: CommandContext) -> str:
        return await services.supervision.join(self.seat, context.sender, ListeningMode.WHISPER)


class Barge(SeatCommand):
    """Join the conversation at a seat. After the call the supervisor listens again."""

    name: Literal["barge"] = "barge"
    roles = SUPERVISOR_ONLY

    async def execute(self, services: Services, context: CommandContext) -> str:
        return await services.supervision.join(self.seat, context.sender, ListeningMode.BARGE)


class StopListening(Command):
    """Stop listening: the supervisor's phone is hung up."""

    name: Literal["stop-listening"] = "stop-listening"
    roles = LISTENERS

    async def execute(self, services: Services, context: CommandContext) -> str:
        return await services.supervision.stop(context.sender)
