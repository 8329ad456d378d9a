"""What may be asked of the engine from outside. One inbox takes them; the engine alone changes state."""

from __future__ import annotations

from dataclasses import dataclass, field

from dialer.model import Disposition


@dataclass(frozen=True, slots=True)
class PauseCampaign:
    """No new calls of this campaign; live and ringing ones go on."""

    campaign_id: str


@dataclass(frozen=True, slots=True)
class ResumeCampaign:
    """Dial again, a stopped campaign too."""

    campaign_id: str


@dataclass(frozen=True, slots=True)
class StopCampaign:
    """No new calls of this campaign, and ringing ones are cancelled."""

    campaign_id: str


@dataclass(frozen=True, slots=True)
class StopAll:
    """Stop every campaign."""


@dataclass(frozen=True, slots=True)
class ReloadFlows:
    """Read the flows again: the next call has the new version. A flow that is wrong leaves all of them as they are."""


@dataclass(frozen=True, slots=True)
class SeatLogIn:
    """An agent takes a seat: its phone is called and nailed up; the seat is ready once the phone is there.

    Where the settings have agents, `agent` is one's number and `pin` must be right.
    """

    seat: str
    agent: str
    pin: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class SeatCall:
    """Ring the phone of a seat that nobody has, for an agent to answer and key in number and PIN."""

    seat: str


@dataclass(frozen=True, slots=True)
class SeatUnlock:
    """A supervisor unlocks a seat after too many wrong log-ins, and the agents that were locked with it."""

    seat: str


@dataclass(frozen=True, slots=True)
class SeatLogOff:
    """The agent leaves; a conversation is finished first."""

    seat: str


@dataclass(frozen=True, slots=True)
class SeatPause:
    """No further calls to this seat; during a conversation it takes effect after it."""

    seat: str
    reason: str


@dataclass(frozen=True, slots=True)
class SeatReady:
    """The seat takes calls again: ends a pause, and a wrap-up."""

    seat: str


@dataclass(frozen=True, slots=True)
class SeatHangUp:
    """End the voter's call; the seat goes to wrap-up."""

    seat: str


@dataclass(frozen=True, slots=True)
class SeatDispose:
    """What the agent says of the call in progress or just ended. Ends the wrap-up."""

    seat: str
    disposition: Disposition
    hour: int | None = None  # 0-23, with LATER


CampaignCommand = PauseCampaign | ResumeCampaign | StopCampaign | StopAll | ReloadFlows
SeatCommand = SeatLogOff | SeatPause | SeatReady | SeatHangUp | SeatDispose
LogInCommand = SeatLogIn | SeatCall | SeatUnlock
Command = CampaignCommand | SeatCommand | LogInCommand
