"""Commands for recordings of calls."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from dialer.domain.judged_calls import WhoAnswered
from dialer.engine.command.base import COMPLIANCE_ROLES, SEAT_ROLES, Command, CommandContext, SeatCommand
from dialer.engine.command.fields import CallAttemptId

if TYPE_CHECKING:
    from dialer.engine.services import Services


class SeatPauseRecording(SeatCommand):
    """Pause the recording of the call: silence is recorded until it is resumed."""

    name: Literal["seat-pause-recording"] = "seat-pause-recording"
    roles = SEAT_ROLES

    async def execute_command(self, services: Services, context: CommandContext) -> str:
        return await services.recordings.pause_or_resume_recording(self.seat, pausing=True)


class SeatResumeRecording(SeatCommand):
    """Resume the recording of the call."""

    name: Literal["seat-resume-recording"] = "seat-resume-recording"
    roles = SEAT_ROLES

    async def execute_command(self, services: Services, context: CommandContext) -> str:
        return await services.recordings.pause_or_resume_recording(self.seat, pausing=False)


class PlayRecording(Command):
    """Play the recording of an ended call on the sender's web page. The audit entry is committed before the recording
    plays.
    """

    name: Literal["recording-play"] = "recording-play"
    roles = COMPLIANCE_ROLES
    is_idempotent = True

    attempt_id: CallAttemptId

    async def execute_command(self, services: Services, context: CommandContext) -> str:
        return await services.recordings.allow_recording_playback(self.attempt_id)


class JudgeRecordedCall(Command):
    """Store who answered a recorded call that machine detection ended: a person or a machine, as the sender heard in
    the recording. From these judgements the dialler measures how many such calls count as abandoned.
    """

    name: Literal["recording-judge"] = "recording-judge"
    roles = COMPLIANCE_ROLES
    is_idempotent = True
    audited = ("attempt_id", "answered_by")

    attempt_id: CallAttemptId
    answered_by: Annotated[WhoAnswered, Field(description="who answered: `person` or `machine`")]

    async def execute_command(self, services: Services, context: CommandContext) -> str:
        return await services.recordings.judge_recorded_call(self.attempt_id, self.answered_by, context.sender)
