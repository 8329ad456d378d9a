"""Every command that comes over MQTT: one table of what it needs, who may send it, and whether it may be done twice. Pure.

What does not stand here is refused, and a command with roles is refused to everybody who names none of them. A role is the
sender's word: who may publish on the commands topic at all is the broker's to decide (docs/supervisors.md). Listening is held
against the supervisor's own role in the settings as well, and is heard on that supervisor's own phone alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from dialer import commands

DESK = "desk"  # a program that serves agents' pages and has made sure who they are
LISTENER = "listener"
COACH = "coach"
BOOTH_DESK = "booth-desk"  # takes in what booth workers and the election authority tell
COMPLIANCE = "compliance"
SUPERVISOR = "supervisor"

ANYBODY: frozenset[str] | None = None
"""Whoever the broker lets publish, with a role or without."""
_AT_THE_SEAT = frozenset({DESK, SUPERVISOR})
_EARS = frozenset({LISTENER, COACH, SUPERVISOR})
_BOOTHS = frozenset({BOOTH_DESK, SUPERVISOR})
_RULES = frozenset({COMPLIANCE, SUPERVISOR})


def _take_serials(seat: str, told: tuple[tuple[int, ...], int | None]) -> commands.SeatSerials:
    return commands.SeatSerials(seat, *told)


@dataclass(frozen=True, slots=True)
class CommandKind:
    """A row of the table."""

    make: Callable[..., commands.Command]  # takes the values of `needs`, in order
    needs: tuple[str, ...]  # keys of command_values.VALUES
    roles: frozenset[str] | None  # None: ANYBODY
    repeatable: bool = False  # done twice it is as done once


COMMANDS: dict[str, CommandKind] = {
    "pause": CommandKind(commands.PauseCampaign, ("campaign",), ANYBODY, repeatable=True),
    "resume": CommandKind(commands.ResumeCampaign, ("campaign",), ANYBODY, repeatable=True),
    "stop": CommandKind(commands.StopCampaign, ("campaign",), ANYBODY, repeatable=True),
    "stop-all": CommandKind(commands.StopAll, (), ANYBODY, repeatable=True),
    "reload-flows": CommandKind(commands.ReloadFlows, (), ANYBODY, repeatable=True),
    "seat-call": CommandKind(commands.SeatCall, ("seat",), _AT_THE_SEAT),
    "seat-unlock": CommandKind(commands.SeatUnlock, ("seat",), frozenset({SUPERVISOR})),
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
    "listen": CommandKind(commands.Listen, ("seat", "supervisor"), _EARS),
    "whisper": CommandKind(commands.Whisper, ("seat", "supervisor"), frozenset({COACH, SUPERVISOR})),
    "barge": CommandKind(commands.Barge, ("seat", "supervisor"), frozenset({SUPERVISOR})),
    "stop-listening": CommandKind(commands.StopListening, ("supervisor",), _EARS),
    "marks": CommandKind(commands.TakeMarks, ("marks", "batch", "who"), _BOOTHS, repeatable=True),
    "official-turnout": CommandKind(commands.EnterTurnout, ("figures", "who"), _BOOTHS, repeatable=True),
    "complaint": CommandKind(commands.FileComplaint, ("complaint", "who"), _RULES, repeatable=True),
    "complaint-answer": CommandKind(commands.AnswerComplaint, ("answer", "who"), _RULES, repeatable=True),
    "opt-outs": CommandKind(
        commands.TakeOptOuts, ("hashes", "fingerprint", "source", "batch", "who"), _RULES, repeatable=True
    ),
}


def markdown() -> str:
    """The table for the page of topics."""
    lines = ["| name | needs | roles | executed |", "|---|---|---|---|"]
    for name, kind in COMMANDS.items():
        needs = ", ".join(f"`{key}`" for key in kind.needs)
        roles = "any, or none" if kind.roles is None else ", ".join(f"`{role}`" for role in sorted(kind.roles))
        lines.append(f"| `{name}` | {needs} | {roles} | {'once' if kind.repeatable else 'at most once'} |")
    return "\n".join(lines)
