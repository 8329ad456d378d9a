"""What may be asked of the engine from outside: a file a family, in each the class, how it is carried out, and who may ask it how.

A new command is a new file here (or a class in one of these): it is found by itself.
"""

# ruff: noqa: F401, I001 - for all who give commands; in the order in which the pages list them

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules

from dialer.domain.commands.campaigns import (
    AcceptClock,
    PauseCampaign,
    ReloadFlows,
    ReloadSettings,
    ResumeCampaign,
    StopAll,
    StopCampaign,
)
from dialer.domain.commands.seats import (
    SeatCampaigns,
    SeatCall,
    SeatClosing,
    SeatHangUp,
    SeatLogIn,
    SeatLogOff,
    SeatPause,
    SeatReady,
    SeatSignIn,
    SeatUnlock,
)
from dialer.domain.commands.speed import SetSpeed, SteerTo
from dialer.domain.commands.messages import SeatMessage, SeatMessageRead
from dialer.domain.commands.workers import SeatSerials, SeatTakeBack
from dialer.domain.commands.transfers import (
    SeatCancelConsult,
    SeatCompleteTransfer,
    SeatConsult,
    SeatHold,
    SeatMerge,
    SeatResume,
    SeatTransfer,
)
from dialer.domain.commands.supervision import (
    Barge,
    Listen,
    PlayRecording,
    SeatPauseRecording,
    SeatResumeRecording,
    StopListening,
    Whisper,
)
from dialer.domain.commands.external_records import (
    AnswerComplaint,
    EnterTurnout,
    FileComplaint,
    RecordsCommand,
    TakeMarks,
    TakeOptOuts,
)
from dialer.domain.commands.dispositions import SeatDispose, SeatTakeBackDisposition
from dialer.domain.commands.own_calls import SeatDial, SeatPreviewDial, SeatPreviewSkip
from dialer.domain.commands.handed_over import EraseNumber, ImportRoll, Suppress
from dialer.domain.commands.unknown import ReleaseUnknown
from dialer.domain.commands.users import NotePassword, RemoveUser, SetUser
from dialer.domain.commands.headquarters import ObeyOrder
from dialer.domain.commands.registry import Command, CommandOfSeat


def find_commands() -> None:
    """Read every file of this folder: what stands in it registers itself."""
    for found in iter_modules(__path__, f"{__name__}."):
        import_module(found.name)


find_commands()
