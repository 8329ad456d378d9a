"""Commands for recordings and for supervisors who listen. Pure."""

from __future__ import annotations

from dialer.domain.enums import LISTENERS, SupervisorRole
from dialer.domain.model import AttemptId, ListeningMode
from dialer.engine.command.desks import Desks
from dialer.engine.command.registry import (
    AT_THE_SEAT,
    RULES,
    SEAT,
    SUPERVISOR_ALONE,
    Command,
    CommandOfSeat,
    offered,
)
from dialer.engine.dispositions.commands import ATTEMPT


@offered("seat-pause-recording", SEAT, roles=AT_THE_SEAT)
class SeatPauseRecording(CommandOfSeat):
    """Silence is recorded until it goes on; for what must not be kept."""

    async def carry_out(self, desks: Desks) -> str:
        return await desks.recording.mute(self.seat, pausing=True)


@offered("seat-resume-recording", SEAT, roles=AT_THE_SEAT)
class SeatResumeRecording(CommandOfSeat):
    """The recording goes on."""

    async def carry_out(self, desks: Desks) -> str:
        return await desks.recording.mute(self.seat, pausing=False)


@offered("recording-play", ATTEMPT, roles=RULES, repeatable=True)
class PlayRecording(Command):
    """Somebody listens to the recording of a call that has ended: the desk plays it to the sender once the audit has this."""

    attempt: AttemptId

    async def carry_out(self, desks: Desks) -> str:
        return await desks.recording.play(self.attempt)


# The sender's own phone alone: nobody is made to listen, and nobody hears by another's name.


@offered("listen", SEAT, roles=LISTENERS, takes_sender=True)
class Listen(CommandOfSeat):
    """A supervisor hears a seat: the agent, and whomever the agent hears. Goes on over the voters."""

    supervisor: str  # a name of [[supervisors]]

    async def carry_out(self, desks: Desks) -> str:
        return await desks.supervision.join(self.seat, self.supervisor, ListeningMode.LISTEN)


@offered("whisper", SEAT, roles=frozenset({SupervisorRole.COACH, SupervisorRole.SUPERVISOR}), takes_sender=True)
class Whisper(CommandOfSeat):
    """A supervisor hears a seat and speaks to its agent alone."""

    supervisor: str

    async def carry_out(self, desks: Desks) -> str:
        return await desks.supervision.join(self.seat, self.supervisor, ListeningMode.WHISPER)


@offered("barge", SEAT, roles=SUPERVISOR_ALONE, takes_sender=True)
class Barge(CommandOfSeat):
    """A supervisor joins the conversation of a seat; when the voter is gone, listens again."""

    supervisor: str

    async def carry_out(self, desks: Desks) -> str:
        return await desks.supervision.join(self.seat, self.supervisor, ListeningMode.BARGE)


@offered("stop-listening", roles=LISTENERS, takes_sender=True)
class StopListening(Command):
    """A supervisor's phone is let go."""

    supervisor: str

    async def carry_out(self, desks: Desks) -> str:
        return await desks.supervision.stop(self.supervisor)
