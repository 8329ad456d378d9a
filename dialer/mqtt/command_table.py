"""Every command that comes over MQTT: what it needs, who may give it, how urgent it is, and whether it may be done twice. Pure.

A command is a row here; the page of topics, the wire's own list of names and the test of every command by every role are made
of them. What does not stand here is refused, and each is refused to everybody whose role it does not name: the role is the
settings' word ([[supervisors]]), never the sender's.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum

from config.help import SupervisorRole as Role
from dialer.domain import commands

_AT_THE_SEAT = frozenset({Role.DESK, Role.SUPERVISOR})
_EARS = frozenset({Role.LISTENER, Role.COACH, Role.SUPERVISOR})
_BOOTHS = frozenset({Role.BOOTH_DESK, Role.SUPERVISOR})
_RULES = frozenset({Role.COMPLIANCE, Role.SUPERVISOR})
_SUPERVISOR = frozenset({Role.SUPERVISOR})


class Urgency(IntEnum):
    """Which lane a command waits in; each has a worker of its own, so that none waits for one of another."""

    STOP_ALL = 0
    HALT = 1  # fewer calls
    USUAL = 2


def _take_serials(seat: str, told: tuple[tuple[int, ...], int | None]) -> commands.SeatSerials:
    return commands.SeatSerials(seat, *told)


@dataclass(frozen=True, slots=True)
class CommandKind:
    """A row of the table."""

    make: Callable[..., commands.Command]  # takes the values of `needs`, in order
    needs: tuple[str, ...]  # keys of command_values.VALUES
    roles: frozenset[Role]
    repeatable: bool = False  # done twice it is as done once
    urgency: Urgency = Urgency.USUAL
    takes_sender: bool = False  # `make` takes the sender's name too, after the values


COMMANDS: dict[str, CommandKind] = {
    "pause": CommandKind(commands.PauseCampaign, ("campaign",), _RULES, repeatable=True, urgency=Urgency.HALT),
    "resume": CommandKind(commands.ResumeCampaign, ("campaign",), _SUPERVISOR, repeatable=True),
    "stop": CommandKind(commands.StopCampaign, ("campaign",), _RULES, repeatable=True, urgency=Urgency.HALT),
    "stop-all": CommandKind(commands.StopAll, (), _RULES, repeatable=True, urgency=Urgency.STOP_ALL),
    "reload-flows": CommandKind(commands.ReloadFlows, (), _SUPERVISOR, repeatable=True),
    "accept-clock": CommandKind(commands.AcceptClock, (), _SUPERVISOR, repeatable=True),
    "seat-call": CommandKind(commands.SeatCall, ("seat",), _AT_THE_SEAT),
    "seat-unlock": CommandKind(commands.SeatUnlock, ("seat",), _SUPERVISOR),
    "seat-pause": CommandKind(commands.SeatPause, ("seat", "reason"), _AT_THE_SEAT),
    "seat-ready": CommandKind(commands.SeatReady, ("seat",), _AT_THE_SEAT),
    "seat-log-off": CommandKind(commands.SeatLogOff, ("seat",), _AT_THE_SEAT),
    "seat-hang-up": CommandKind(commands.SeatHangUp, ("seat",), _AT_THE_SEAT),
    "seat-closing": CommandKind(commands.SeatClosing, ("seat",), _AT_THE_SEAT),
    "seat-serials": CommandKind(_take_serials, ("seat", "serials"), _AT_THE_SEAT),
    "seat-take-back": CommandKind(commands.SeatTakeBack, ("seat",), _AT_THE_SEAT),
    "seat-hold": CommandKind(commands.SeatHold, ("seat",), _AT_THE_SEAT),
    "seat-resume": CommandKind(commands.SeatResume, ("seat",), _AT_THE_SEAT),
    "seat-transfer": CommandKind(commands.SeatTransfer, ("seat", "to"), _AT_THE_SEAT),
    "seat-consult": CommandKind(commands.SeatConsult, ("seat", "to"), _AT_THE_SEAT),
    "seat-merge": CommandKind(commands.SeatMerge, ("seat",), _AT_THE_SEAT),
    "seat-complete-transfer": CommandKind(commands.SeatCompleteTransfer, ("seat",), _AT_THE_SEAT),
    "seat-cancel-consult": CommandKind(commands.SeatCancelConsult, ("seat",), _AT_THE_SEAT),
    "seat-pause-recording": CommandKind(commands.SeatPauseRecording, ("seat",), _AT_THE_SEAT),
    "seat-resume-recording": CommandKind(commands.SeatResumeRecording, ("seat",), _AT_THE_SEAT),
    # The sender's own phone alone: nobody is made to listen, and nobody hears by another's name.
    "listen": CommandKind(commands.Listen, ("seat",), _EARS, takes_sender=True),
    "whisper": CommandKind(commands.Whisper, ("seat",), frozenset({Role.COACH, Role.SUPERVISOR}), takes_sender=True),
    "barge": CommandKind(commands.Barge, ("seat",), _SUPERVISOR, takes_sender=True),
    "stop-listening": CommandKind(commands.StopListening, (), _EARS, takes_sender=True),
    "marks": CommandKind(commands.TakeMarks, ("marks", "batch", "who"), _BOOTHS, repeatable=True),
    "official-turnout": CommandKind(commands.EnterTurnout, ("figures", "who"), _BOOTHS, repeatable=True),
    "complaint": CommandKind(commands.FileComplaint, ("complaint", "who"), _RULES, repeatable=True),
    "complaint-answer": CommandKind(commands.AnswerComplaint, ("answer", "who"), _RULES, repeatable=True),
    "opt-outs": CommandKind(
        commands.TakeOptOuts, ("hashes", "fingerprint", "source", "batch", "who"), _RULES, repeatable=True
    ),
    "unknown-release": CommandKind(commands.ReleaseUnknown, ("attempts", "reason", "who"), _RULES),
}


def markdown() -> str:
    """The table for the page of topics."""
    lines = ["| name | needs | roles | executed |", "|---|---|---|---|"]
    for name, kind in COMMANDS.items():
        needs = ", ".join(f"`{key}`" for key in kind.needs)
        roles = ", ".join(f"`{role}`" for role in sorted(kind.roles))
        lines.append(f"| `{name}` | {needs} | {roles} | {'once' if kind.repeatable else 'at most once'} |")
    return "\n".join(lines)
