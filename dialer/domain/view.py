"""The published state of a centre at one moment, as records for MQTT and the pages.

The records contain ids only, never the name or phone number of a voter.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Annotated

from dialer.domain.alerts import Alert
from dialer.domain.enums import CampaignKind, TextEnum
from dialer.domain.forecast import Forecast
from dialer.domain.model import BoothTurnout, CampaignProgress, CampaignState, Outcome
from dialer.domain.results import OutboxWait
from dialer.domain.schema import (
    MESSAGE,
    Count,
    Microseconds,
    Rate,
    Tenths,
    Time,
    create_validator_for_unknown_enum_values,
    create_validator_that_drops_unknown_counts,
)


class CallState(StrEnum):
    """The state of a call from its start to its end, such as ringing, waiting for an agent, or talking."""

    PREVIEW = "preview"  # committed; shown to the agent, who has not dialled it yet
    SENDING = "sending"  # committed; the Originate is being sent
    DIALLING = "dialling"  # sent to the switch; not ringing yet
    RINGING = "ringing"
    WAITING = "waiting"  # answered, no seat yet
    CONNECTING = "connecting"  # a seat is reserved and is being connected
    TALKING = "talking"
    IN_FLOW = "in-flow"
    MESSAGE = "message"  # hears the information message
    ENDED = "ended"


class SeatState(StrEnum):
    """The state of an agent's seat, such as ready, talking, wrap-up or paused."""

    OFFLINE = "offline"  # nobody is logged in
    READY = "ready"
    RESERVED = "reserved"  # a voter is being connected
    TALKING = "talking"
    WRAP_UP = "wrap-up"
    PAUSED = "paused"
    LOST = "lost"  # the agent is logged in, but the phone is disconnected


class TransferStage(StrEnum):
    """The stage of a call's transfer, such as ringing the target or consulting it."""

    HOLD = "hold"  # the voter hears music
    RETURNING = "returning"  # the voter is being reconnected to the agent
    CALLING = "calling"  # the target's phone rings, for the agent
    CONSULT = "consult"  # agent and target talk, the voter hears music
    MERGING = "merging"  # the voter is joining agent and target
    THREE_WAY = "three-way"
    TRANSFER = "transfer"  # blind: the target's phone rings, the agent has left
    HANDING_OVER = "handing-over"  # voter and target are being connected
    TRANSFERRED = "transferred"  # voter and target are alone


class TrunkState(StrEnum):
    """The state of a trunk: working, suspended after failures, or tested with a single call."""

    WORKING = "working"
    RESTING = "resting"  # it failed, and gets no calls until the rest ends
    PROBING = "probing"  # the rest has ended: one call tests whether it works again


class HoldReason(TextEnum):
    """A reason why a campaign places no calls, with the text that is shown if there is no further detail."""

    STARTING = "starting", "starting"
    STOPPING = "stopping", "stopping"
    CLOCK_SET = "clock-set", "the computer's clock was set (alert clock)"
    NO_SWITCH = "no-switch", "no connection to the switch"
    SWITCH_SILENT = "switch-silent", "the switch does not answer"
    STORE = "store", "results cannot be stored"
    STORE_OLDER = "store-older", "the database lacks the newest calls (alert store-older)"
    PAUSED = "paused", "paused"
    STOPPED = "stopped", "stopped"
    NO_AUDIO = "no-audio", "a required sound cannot be played"
    CALLING_HOURS = "calling-hours", "outside calling hours"
    RULES = "rules", "the rules forbid its calls"
    NO_POLL = "no-poll", "no booth votes today ([[rules.polls]])"
    NO_AGENT = "no-agent", "no agent is available"
    TRUNKS = "trunks", "all trunks are suspended"
    LIST_COMPLETED = "list-completed", "the list is completed"


@dataclass(frozen=True, slots=True)
class Hold:
    """The reason why a campaign currently places no calls, and when calls resume."""

    __pydantic_config__ = MESSAGE

    reason: Annotated[HoldReason, create_validator_for_unknown_enum_values(HoldReason.RULES)]
    text: str = ""
    """one line for people, such as: outside calling hours until 09:00"""
    until: Time | None = None
    """null: it is not known when calls are placed again"""

    def __post_init__(self) -> None:
        if not self.text:
            object.__setattr__(self, "text", self.reason.text)

    def __str__(self) -> str:
        """Return the text, such as "outside calling hours until 09:00"."""
        return self.text


@dataclass(frozen=True, slots=True)
class CampaignSpeed:
    """A supervisor's limit on a campaign's calls, in addition to the limits of trunks and abandoned calls."""

    __pydantic_config__ = MESSAGE

    max_calls: int | None
    """live calls at a time"""
    calls_per_seat: float | None
    """unanswered calls for each agent at work"""
    until: Time
    sender: str
    """the supervisor's name"""


@dataclass(frozen=True, slots=True)
class AbandonedTarget:
    """The abandoned-call rate that a campaign's pacing aims at, and who has set it."""

    __pydantic_config__ = MESSAGE

    rate: Rate
    maximum: Rate
    """the highest rate that a supervisor may set (command abandoned-target)"""
    sender: str | None
    """the supervisor who has set it; null: the settings"""


@dataclass(frozen=True, slots=True)
class AgentShare:
    """A campaign's intended and actual share of the time of agents who serve several campaigns."""

    __pydantic_config__ = MESSAGE

    weight: float
    """compared with the weights of the other campaigns; 0: only the time that they leave"""
    sender: str | None
    """the supervisor who has set the weight; null: the settings"""
    intended: Rate
    """the share that it is to get now; 0: it does not want to call"""
    actual: Rate
    """its share of all agents' talk and wrap-up in the last 15 minutes"""


@dataclass(frozen=True, slots=True)
class CallingHours:
    """A campaign's calling hours, as periods such as 09:00-13:00 in the centre's time zone."""

    __pydantic_config__ = MESSAGE

    hours: tuple[str, ...]
    """the hours that a supervisor or the settings have set for every day"""
    lawful_today: tuple[str, ...]
    """today's hours of the rules profile"""
    today: tuple[str, ...]
    """the hours in force today: those that are in both"""
    sender: str | None
    """the supervisor who has set the hours (command calling-hours); null: the settings"""


_CallCounts = Annotated[Mapping[CallState, int], create_validator_that_drops_unknown_counts(CallState)]
_OutcomeCounts = Annotated[Mapping[Outcome, int], create_validator_that_drops_unknown_counts(Outcome)]


@dataclass(frozen=True, slots=True)
class CampaignView:
    """A campaign with its figures, as it is published. Counts of calls are for today and include live calls."""

    __pydantic_config__ = MESSAGE

    campaign_id: str
    at: Time
    kind: Annotated[CampaignKind, create_validator_for_unknown_enum_values(CampaignKind.AGENTS)]
    state: Annotated[CampaignState, create_validator_for_unknown_enum_values(CampaignState.RUNNING)]
    hold: Hold | None
    """why no calls are placed now; null: calls are placed"""
    calls: _CallCounts
    """live calls by state"""
    outcomes: _OutcomeCounts
    """ended attempts by outcome"""
    attempts: Count
    answered: Count
    connected: Count
    """calls connected to an agent"""
    abandoned: Count
    abandoned_rate: Rate
    """abandoned calls / live answers (0-1), with the estimated people among calls that detection took for machines"""
    progress: CampaignProgress
    """how far it is through its list"""
    calls_placed: Count
    """calls that the pacer placed at its last decision"""
    limited_by: str
    """what kept the pacer from placing more calls (docs/explanation/pacing.md)"""
    pacing: str
    """the pacer's explanation of its last decision, one line"""
    refused: Mapping[str, int]
    """calls that the rules forbade, by reason, since the dialler's start"""
    script: str | None
    """name and version of the script that its agents read"""
    speed: CampaignSpeed | None
    """the limit that a supervisor has set for today (command speed)"""
    abandoned_target: AbandonedTarget | None
    """null: its pacing abandons no calls"""
    agent_share: AgentShare | None = None
    """null: it is the only campaign with agents"""
    calling_hours: CallingHours | None = None
    """null: sent by an older version"""


@dataclass(frozen=True, slots=True)
class ScreenPop:
    """The data of a call on the screen of its agent: the ids of the number and of its voters in this centre's store."""

    __pydantic_config__ = MESSAGE

    attempt_id: str
    phone_id: int
    """the id of the number, not the number"""
    voter_id: int | None
    """the voter whom the call is for; null: a booth worker"""
    booth_id: int | None
    voters: tuple[int, ...]
    """ids of the voters on the number who are still to be called"""
    opted_out: bool
    """the number has opted out, here or in another centre"""
    grounds: int | None
    """id of the record of why the call is lawful; null: nobody has consented"""
    settled: tuple[int, ...] = ()
    """ids of voters who were to be called when the call began, and no longer are"""

    def add_voters_completed_during_call(self, before: ScreenPop) -> ScreenPop:
        """Return a copy that lists in `settled` the voters who were completed during the call.

        `before` is the previous screen pop (voter data on the agent's page) of the same call. Its voters who are no
        longer to be called are completed.
        """
        settled = tuple(each for each in (*before.voters, *before.settled) if each not in self.voters)
        return replace(self, settled=tuple(sorted(settled)))


@dataclass(frozen=True, slots=True)
class Preview:
    """A call that is shown to its agent before it is dialled."""

    __pydantic_config__ = MESSAGE

    until: Time
    auto_dial: bool
    """true: it is dialled at `until`; false: it goes back to the list then, and the seat pauses"""


@dataclass(frozen=True, slots=True)
class AgentMessage:
    """A one-line message from a supervisor to the agent at a seat."""

    __pydantic_config__ = MESSAGE

    text: str
    at: Time
    sender: str
    """the supervisor's name"""


@dataclass(frozen=True, slots=True)
class SeatView:
    """An agent's seat: the logged-in agent, the state, and the call."""

    __pydantic_config__ = MESSAGE

    seat: str
    at: Time
    agent: str | None
    """the agent's id; null: nobody is logged in"""
    state: Annotated[SeatState, create_validator_for_unknown_enum_values(SeatState.OFFLINE)]
    since: Time
    """when the seat entered this state"""
    campaign_id: str | None
    attempt_id: str | None
    utilisation: Rate
    """(talking + wrap-up) / time logged in (0-1)"""
    calls: Count
    """calls connected so far"""
    reason: str | None = None
    """of a pause"""
    transfer: Annotated[TransferStage | None, create_validator_for_unknown_enum_values(TransferStage.TRANSFER)] = None
    """of the call; null: agent and voter talk"""
    phone_on_hold: bool = False
    """by the phone's own hold key: the voter hears music, and the seat gets no other voter"""
    recording: str | None = None
    """of the call: on or paused"""
    preview: Preview | None = None
    """a call that waits for its agent (commands seat-preview-dial and seat-preview-skip)"""
    dialling: bool = False
    """a call for this seat alone is being dialled and has not been answered (command seat-hang-up ends it)"""
    screen_pop: ScreenPop | None = None
    """who is on the line, from reservation until the wrap-up ends; null: nobody, or not known yet"""
    message: AgentMessage | None = None
    """until it is read (command seat-message-read), is 10 minutes old, or the agent logs off"""
    campaigns: tuple[str, ...] = ()
    """the only campaigns that it serves (command seat-campaigns); empty: every one that its agent may"""


@dataclass(frozen=True, slots=True)
class TrunkView:
    """A trunk with its channels in use, answer-seizure ratio, failures and state."""

    __pydantic_config__ = MESSAGE

    trunk: str
    channels_used: Count
    channels: Count
    answer_seizure_ratio: Rate
    """answered calls / attempts (0-1)"""
    failures: Count
    """failures of the carrier: 5xx, 403, or no answer at all"""
    attempts: Count = 0
    state: Annotated[TrunkState, create_validator_for_unknown_enum_values(TrunkState.WORKING)] = TrunkState.WORKING
    rest_seconds: Tenths = 0.0
    """seconds until one call tests it again; 0: it is not suspended"""
    calls_per_second: Tenths = 0.0
    """call starts in the last ten seconds"""
    calls_per_second_limit: Tenths = 0.0
    """call starts allowed now: fewer than the carrier's limit while the carrier is slow"""
    ringing_seconds: Tenths | None = None
    """recent time from Originate to ringing; null: no call yet"""


@dataclass(frozen=True, slots=True)
class RollImportProgress:
    """An electoral roll that is being imported while calls go on."""

    __pydantic_config__ = MESSAGE

    list: str
    """the list that the command roll-import named"""
    rows: Count
    """voters of the roll"""
    imported: Count
    """voters imported so far"""


@dataclass(frozen=True, slots=True)
class CentreState:
    """The state of a centre at one moment. The MQTT last will is the same message with `online` false and no other
    field set.
    """

    __pydantic_config__ = MESSAGE

    centre: str
    at: Time
    """in the last will, when the connection was opened"""
    online: bool = True
    """false: the dialler is not connected to the broker; it may still place calls"""
    switch_up: bool = False
    draining: bool = False
    """no new calls; live calls are finished"""
    campaigns: Mapping[
        str, Annotated[CampaignState, create_validator_for_unknown_enum_values(CampaignState.RUNNING)]
    ] = field(default_factory=dict)
    """states by campaign"""
    seats: Annotated[Mapping[SeatState, int], create_validator_that_drops_unknown_counts(SeatState)] = field(
        default_factory=dict
    )
    """numbers of seats by state"""
    calls: Count = 0
    """live calls"""
    utilisation: Rate | None = None
    """mean of (talking + wrap-up) / time logged in over the seats that are logged in (0-1); null: none is"""
    marks: Mapping[str, int] = field(default_factory=dict)
    """marks by kind, since the dialler's start"""
    opt_outs: Count = 0
    trunks: tuple[TrunkView, ...] = ()
    figures: Mapping[str, Microseconds] = field(default_factory=dict)
    """figures of the dialler itself, such as the lag of its event loop"""
    forecast: Forecast | None = None
    """on a polling day, once the pace is known"""
    dialler: str | None = None
    """the process that publishes: store, process id, start (epoch seconds) and host, joined by -"""
    roll: RollImportProgress | None = None
    """the roll that is being imported (command roll-import)"""
    outbox: tuple[OutboxWait, ...] = ()
    """at most a minute old"""


@dataclass(frozen=True, slots=True)
class CentreView:
    """The complete published state of a centre at one moment."""

    state: CentreState
    campaigns: tuple[CampaignView, ...]
    seats: tuple[SeatView, ...]
    booths: tuple[BoothTurnout, ...]
    alerts: tuple[Alert, ...] = ()


@dataclass(frozen=True, slots=True)
class CallChange:
    """A live call has changed its state."""

    __pydantic_config__ = MESSAGE

    campaign_id: str
    attempt_id: str
    """UUID; the same as the channel's id"""
    state: CallState
    at: Time
    seat: str | None = None
    outcome: Outcome | None = None
    """how the call ended, with the state ended"""


@dataclass(frozen=True, slots=True)
class AlertRaised:
    """An alert was raised, replaced or cleared."""

    alert: Alert


@dataclass(frozen=True, slots=True)
class CampaignChange:
    """A campaign was paused, resumed or stopped, or its figures have changed."""

    campaign_id: str


Change = CallChange | SeatView | AlertRaised | CampaignChange | BoothTurnout
"""A change that the engine notifies its subscribers of. Views show the state after the change."""
