"""What may be asked of the engine from outside. One inbox takes them; the engine alone changes state."""

from __future__ import annotations

from dataclasses import dataclass, field

from dialer.domain.complaints import Complaint, ComplaintAnswer
from dialer.domain.model import AttemptId, Disposition, Mark
from dialer.domain.official_turnout import OfficialFigure


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
class AcceptClock:
    """The machine's clock, which was set while the dialler ran, is right: dial again."""


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
class SeatClosing:
    """The talk comes to its end (the last page of the script), or the wrap-up does (its form is half filled).

    Changes nothing for the agent; the pacer knows sooner when the seat will be free.
    """

    seat: str


@dataclass(frozen=True, slots=True)
class SeatDispose:
    """What the agent says of the call in progress or just ended. Ends the wrap-up."""

    seat: str
    disposition: Disposition
    hour: int | None = None  # 0-23, with LATER


@dataclass(frozen=True, slots=True)
class SeatSerials:
    """Serials that a booth worker says to the agent, during the call or its wrap-up: those voters have voted."""

    seat: str
    serials: tuple[int, ...]
    part: int | None = None  # None: the worker has only one


@dataclass(frozen=True, slots=True)
class SeatTakeBack:
    """The last serial of the call was a mistake."""

    seat: str


@dataclass(frozen=True, slots=True)
class SeatHold:
    """The voter hears music; the agent does not hear the voter."""

    seat: str


@dataclass(frozen=True, slots=True)
class SeatResume:
    """The voter comes off hold."""

    seat: str


@dataclass(frozen=True, slots=True)
class SeatTransfer:
    """Blind: the agent goes to wrap-up at once, the voter hears music until the target answers."""

    seat: str
    to: str  # a name of [[transfers]]


@dataclass(frozen=True, slots=True)
class SeatConsult:
    """Warm: the target is called into the seat while the voter hears music."""

    seat: str
    to: str


@dataclass(frozen=True, slots=True)
class SeatMerge:
    """The voter joins agent and target: three-way."""

    seat: str


@dataclass(frozen=True, slots=True)
class SeatCompleteTransfer:
    """The agent leaves to wrap-up; voter and target stay together."""

    seat: str


@dataclass(frozen=True, slots=True)
class SeatCancelConsult:
    """The target is let go and the agent has the voter alone again."""

    seat: str


@dataclass(frozen=True, slots=True)
class SeatPauseRecording:
    """Silence is recorded until it goes on; for what must not be kept."""

    seat: str


@dataclass(frozen=True, slots=True)
class SeatResumeRecording:
    """The recording goes on."""

    seat: str


@dataclass(frozen=True, slots=True)
class Listen:
    """A supervisor hears a seat: the agent, and whomever the agent hears. Goes on over the voters."""

    seat: str
    supervisor: str  # a name of [[supervisors]]


@dataclass(frozen=True, slots=True)
class Whisper:
    """A supervisor hears a seat and speaks to its agent alone."""

    seat: str
    supervisor: str


@dataclass(frozen=True, slots=True)
class Barge:
    """A supervisor joins the conversation of a seat; when the voter is gone, listens again."""

    seat: str
    supervisor: str


@dataclass(frozen=True, slots=True)
class StopListening:
    """A supervisor's phone is let go."""

    supervisor: str


@dataclass(frozen=True, slots=True)
class TakeMarks:
    """Marks that come from outside the calls, all of them or none."""

    marks: tuple[Mark, ...]
    batch: str  # what they came with
    who: str


@dataclass(frozen=True, slots=True)
class EnterTurnout:
    """Official turnout, all figures or none."""

    figures: tuple[OfficialFigure, ...]
    who: str


@dataclass(frozen=True, slots=True)
class FileComplaint:
    """A complaint about calls."""

    complaint: Complaint
    who: str


@dataclass(frozen=True, slots=True)
class AnswerComplaint:
    """What was done about a complaint."""

    answer: ComplaintAnswer
    who: str


@dataclass(frozen=True, slots=True)
class TakeOptOuts:
    """Numbers that opted out outside the calls, each as its keyed hash, all of them or none."""

    hashes: tuple[str, ...]
    fingerprint: str  # of the secret that they are under
    source: str
    batch: str  # what they came with
    who: str


@dataclass(frozen=True, slots=True)
class ReleaseUnknown:
    """Attempts of which nobody knows whether they were calls: their numbers may be called again, all of them or none."""

    attempts: tuple[AttemptId, ...]
    reason: str
    who: str


CampaignCommand = PauseCampaign | ResumeCampaign | StopCampaign | StopAll | ReloadFlows | AcceptClock
SeatCommand = SeatLogOff | SeatPause | SeatReady | SeatHangUp | SeatClosing | SeatDispose
LogInCommand = SeatLogIn | SeatCall | SeatUnlock
TransferCommand = (
    SeatHold | SeatResume | SeatTransfer | SeatConsult | SeatMerge | SeatCompleteTransfer | SeatCancelConsult
)
WorkerCommand = SeatSerials | SeatTakeBack
RecordingCommand = SeatPauseRecording | SeatResumeRecording
KeyedCommand = SeatCommand | TransferCommand | RecordingCommand
SupervisionCommand = Listen | Whisper | Barge | StopListening
RecordsCommand = TakeMarks | EnterTurnout | FileComplaint | AnswerComplaint | TakeOptOuts | ReleaseUnknown
Command = (
    CampaignCommand
    | SeatCommand
    | LogInCommand
    | TransferCommand
    | RecordingCommand
    | SupervisionCommand
    | WorkerCommand
    | RecordsCommand
)
