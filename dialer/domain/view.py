"""What the engine lets others see: frozen views, made on demand. Ids only: no name and no number is ever in a view."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from dialer.domain.enums import CampaignKind
from dialer.domain.forecast import Forecast
from dialer.domain.model import BoothTurnout, CampaignProgress, CampaignState, Outcome


class CallState(StrEnum):
    """Where a live call is."""

    PREVIEW = "preview"  # committed; the agent sees who it is for, and has not asked for the call yet
    SENDING = "sending"  # committed; the Originate is being written
    DIALLING = "dialling"  # the switch has it; no ringing yet
    RINGING = "ringing"
    WAITING = "waiting"  # answered, no seat yet
    CONNECTING = "connecting"  # a seat is reserved, the voter on the way to it
    TALKING = "talking"
    IN_FLOW = "in-flow"
    MESSAGE = "message"  # hears the information message
    ENDED = "ended"


class SeatState(StrEnum):
    """What a seat is doing."""

    OFFLINE = "offline"  # nobody logged in
    READY = "ready"
    RESERVED = "reserved"  # a voter is on the way
    TALKING = "talking"
    WRAP_UP = "wrap-up"
    PAUSED = "paused"
    LOST = "lost"  # the agent's phone is gone, the agent is not


class TransferStage(StrEnum):
    """How far the transfer of a call is. A call without one is with its agent."""

    HOLD = "hold"  # the voter hears music
    RETURNING = "returning"  # the voter is on the way back to the agent
    CALLING = "calling"  # the target's phone rings, for the agent
    CONSULT = "consult"  # agent and target talk, the voter hears music
    MERGING = "merging"  # the voter is on the way to agent and target
    THREE_WAY = "three-way"
    TRANSFER = "transfer"  # blind: the target's phone rings, the agent has left
    HANDING_OVER = "handing-over"  # voter and target are on the way to each other
    TRANSFERRED = "transferred"  # voter and target are alone


class TrunkState(StrEnum):
    """What a trunk is doing."""

    WORKING = "working"
    RESTING = "resting"  # it failed: no call before the rest is over
    PROBING = "probing"  # the rest is over: one call finds out whether it works again


class AlertLevel(StrEnum):
    """How soon a person must look."""

    NOTICE = "notice"
    WARNING = "warning"
    CRITICAL = "critical"  # dialling has stopped


@dataclass(frozen=True, slots=True)
class Alert:
    """Something a person should know. The same `code` replaces the earlier one; `cleared` ends it."""

    code: str  # "switch-down", "store", "broker-down", ...; of one of many with its name: "trunk-north"
    level: AlertLevel
    text: str  # one line, no name, no number
    at: float  # epoch seconds
    cleared: bool = False


class HoldReason(StrEnum):
    """Why a campaign dials nobody now, in words that stand where nothing more is to be said of it."""

    STARTING = "starting"
    STOPPING = "stopping"
    CLOCK_SET = "the clock was set (alert clock)"
    NO_SWITCH = "no link to the switch"
    SWITCH_SILENT = "the switch does not answer"
    STORE = "results cannot be kept"
    PAUSED = "paused"
    STOPPED = "stopped"
    UNHEARD = "its voters do not hear a sound"
    CALLING_HOURS = "outside calling hours"
    RULES = "the rules forbid its calls"
    NO_POLL = "no booth votes today ([[rules.polls]])"
    NO_AGENT = "no agent is there"
    TRUNKS = "every trunk rests"
    LIST_DONE = "the list is done"


@dataclass(frozen=True, slots=True)
class Hold:
    """That a campaign dials nobody now."""

    reason: HoldReason
    words: str = ""  # one line that says more than the reason does
    until: float | None = None  # epoch seconds; None: nobody can say

    @property
    def code(self) -> str:
        """The reason in one word, for programs: "calling-hours"."""
        return self.reason.name.lower().replace("_", "-")

    def __str__(self) -> str:
        """One line: "outside calling hours until 09:00"."""
        return self.words or self.reason.value


@dataclass(frozen=True, slots=True)
class CampaignSpeed:
    """What a supervisor holds a campaign to, below what caps and lines allow."""

    most_calls: int | None  # at once
    calls_per_seat: float | None  # unanswered ones, for each agent at work
    until: float  # epoch seconds
    sender: str


@dataclass(frozen=True, slots=True)
class AbandonedTarget:
    """The abandoned share that a campaign's pacing steers to."""

    share: float
    most: float  # that a supervisor may have it steer to
    sender: str | None  # who has it steer to that; None: the settings


@dataclass(frozen=True, slots=True)
class CampaignView:
    """One campaign as it stands."""

    campaign_id: str
    kind: CampaignKind
    state: CampaignState
    calls: Mapping[CallState, int]  # live calls by state
    outcomes: Mapping[Outcome, int]  # ended attempts by outcome, since the engine's start of day
    attempts: int  # ended ones and live calls, as are the next two
    answered: int
    connected: int
    abandoned: int
    abandoned_rate: float  # abandoned / live answers, 0..1
    progress: CampaignProgress
    placing: int  # calls that the pacer placed at its last decision
    limited_by: str  # what kept it from more: a word of `dialer.pacing.port.Limit`
    pacing: str  # the pacer's explanation, one line
    pacing_words: str  # what keeps it from more calls, as a supervisor would say it
    hold: Hold | None  # why nothing is dialled now; None: calls go out
    refused: Mapping[str, int] = field(default_factory=dict)  # calls that the rules forbade, by reason, since the start
    script: str | None = None  # name and version of what its agents read; None: nothing
    speed: CampaignSpeed | None = None
    abandoned_target: AbandonedTarget | None = None  # None: its pacing abandons nobody


@dataclass(frozen=True, slots=True)
class ScreenPop:
    """Who is on the line at a seat, by ids of the store."""

    attempt_id: str
    phone_id: int
    voter_id: int | None  # whom the call addresses; None: a booth worker's
    booth_id: int | None
    voters: tuple[int, ...]  # on the number, who are still to be called
    opted_out: bool  # the number
    grounds: int | None  # why the call is lawful; None: nobody asked
    settled: tuple[int, ...] = ()  # who were to be called when it was read first, and are not any more

    def after(self, before: ScreenPop) -> ScreenPop:
        """The same call, read again."""
        gone = tuple(each for each in (*before.voters, *before.settled) if each not in self.voters)
        return replace(self, settled=tuple(sorted(gone)))


@dataclass(frozen=True, slots=True)
class Preview:
    """A call that its agent is shown before it is dialled."""

    until: float  # epoch seconds
    dials: bool  # it is dialled then; else given back


@dataclass(frozen=True, slots=True)
class SupervisorsLine:
    """A line of text for the agent at a seat."""

    text: str
    at: float  # epoch seconds
    sender: str


@dataclass(frozen=True, slots=True)
class SeatView:
    """One seat as it stands."""

    seat: str
    agent: str | None
    state: SeatState
    seconds: float  # in this state
    campaign_id: str | None
    attempt_id: str | None
    utilisation: float  # talking and wrap-up / logged-in time, 0..1
    calls: int  # connected so far
    reason: str | None = None  # of a pause
    transfer: TransferStage | None = None  # of the call; None: agent and voter talk
    recording: str | None = None  # of the call: on or paused
    preview: Preview | None = None  # the call is not dialled yet: its agent is asked
    dialling: bool = False  # a call was dialled for this seat alone, and nobody has answered yet
    screen_pop: ScreenPop | None = None  # of the call, once it is read
    message: SupervisorsLine | None = None  # not read yet
    campaigns: tuple[str, ...] = ()  # that it alone serves; (): all that its agent may


@dataclass(frozen=True, slots=True)
class TrunkView:
    """One trunk as it stands."""

    trunk: str
    channels_used: int
    channels: int
    answer_seizure_ratio: float  # answered / attempts, 0..1
    failures: int  # the carrier's own: 5xx, 403, no answer to the call at all
    attempts: int = 0
    state: TrunkState = TrunkState.WORKING
    rest_seconds: float = 0.0  # until one call probes it
    calls_per_second: float = 0.0  # call starts, over the last ten seconds
    calls_per_second_limit: float = 0.0  # now: less than the carrier's while it is slow
    ringing_seconds: float | None = None  # from originate to ringing, lately


@dataclass(frozen=True, slots=True)
class RollTaken:
    """A roll that is being taken in while calls go on."""

    list: str  # the id under which it was handed over
    rows: int
    done: int


@dataclass(frozen=True, slots=True)
class OutboxWait:
    """What has been announced and waits for one of those who take it."""

    sink: str  # broker or headquarters
    rows: int
    oldest_at: float | None  # epoch seconds; None: nothing waits


@dataclass(frozen=True, slots=True)
class CentreView:
    """A whole centre at one moment."""

    centre: str
    at: float  # epoch seconds
    switch_up: bool
    draining: bool
    campaigns: tuple[CampaignView, ...]
    seats: tuple[SeatView, ...]
    trunks: tuple[TrunkView, ...]
    booths: tuple[BoothTurnout, ...]
    marks: Mapping[str, int]  # by kind, since the engine's start
    opt_outs: int
    alerts: tuple[Alert, ...] = ()
    figures: Mapping[str, float] = field(default_factory=dict)  # loop lag and the like
    forecast: Forecast | None = None  # on a polling day, once the pace is known
    dialler: str | None = None  # who runs it: `DiallerName.text`
    roll: RollTaken | None = None  # that is being taken in
    outbox: tuple[OutboxWait, ...] = ()  # as it was a minute ago at most

    @property
    def utilisation(self) -> float | None:
        """Of the seats that are logged in, the mean: talking and wrap-up / logged-in time, 0..1. None: nobody is logged in."""
        shares = [seat.utilisation for seat in self.seats if seat.state is not SeatState.OFFLINE]
        return sum(shares) / len(shares) if shares else None


@dataclass(frozen=True, slots=True)
class CallChange:
    """A live call has changed its state."""

    campaign_id: str
    attempt_id: str
    state: CallState
    at: float
    seat: str | None = None
    outcome: Outcome | None = None  # with ENDED


@dataclass(frozen=True, slots=True)
class SeatChange:
    """A seat has changed its state."""

    view: SeatView
    at: float


@dataclass(frozen=True, slots=True)
class AlertRaised:
    """An alert was raised, replaced or cleared."""

    alert: Alert


@dataclass(frozen=True, slots=True)
class CampaignChange:
    """A campaign was paused, resumed, stopped, or its figures changed."""

    campaign_id: str


@dataclass(frozen=True, slots=True)
class TurnoutChange:
    """A mark changed a booth's turnout."""

    booth: BoothTurnout


Change = CallChange | SeatChange | AlertRaised | CampaignChange | TurnoutChange
