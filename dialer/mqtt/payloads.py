"""What stands in each MQTT message: the wire's own types. Pure. Ids only, no name, no number.

They are apart from the engine's views so that a change inside the engine cannot change the wire by accident (filled from them in
payload_builders.py). Times are epoch seconds, UTC; shares are 0..1.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar, Literal, get_args

from pydantic import ConfigDict, Field, TypeAdapter

from dialer.domain.record_ids import ID_PATTERN, MOST_ID
from dialer.mqtt.command_table import COMMANDS

Time = Annotated[float, Field(description="epoch seconds, UTC")]
OptionalTime = Annotated[float | None, Field(description="epoch seconds, UTC; null: it never came to that")]
Share = Annotated[float, Field(description="a share, 0 to 1", ge=0, le=1)]
Count = Annotated[int, Field(ge=0)]
MOST_SECONDS = 1e11
"""Later than any time that is meant: what is beyond it is no epoch second, and too large to be reckoned with."""
MOST_INTEGER = 2**63 - 1
"""What the store can hold."""
EnteredTime = Annotated[float, Field(description="epoch seconds, UTC", ge=0, le=MOST_SECONDS, allow_inf_nan=False)]

MOST_MARKS = 100
MOST_FIGURES = 100
MOST_OPT_OUTS = 100
MOST_ATTEMPTS = 100
_NOTHING_ELSE = ConfigDict(extra="forbid")
_STATE = r"^[^\x00-\x1f\x7f]{1,128}$"


@dataclass(frozen=True, slots=True)
class TrunkPayload:
    """One trunk as it stands."""

    trunk: str
    channels_used: Count
    channels: Count
    answer_seizure_ratio: Share
    failures: Annotated[int, Field(description="the carrier's own: 5xx, 403, no answer to the call at all", ge=0)]
    attempts: Count = 0
    state: Annotated[str, Field(description="working, resting or probing")] = "working"
    calls_per_second: Annotated[float, Field(description="call starts, over the last ten seconds", ge=0)] = 0.0
    ringing_seconds: Annotated[
        float | None, Field(description="from originate to ringing, lately; null: no call yet")
    ] = None


@dataclass(frozen=True, slots=True)
class CentreStatePayload:
    """The centre at one moment. The last will is the same message with `online` false and nothing else in it."""

    centre: str
    online: Annotated[bool, Field(description="false: the dialler is not connected to the broker; dialling may go on")]
    at: Annotated[float, Field(description="epoch seconds, UTC; in the last will, when the connection was opened")]
    switch_up: bool
    draining: Annotated[bool, Field(description="no new calls; live ones are finished")]
    campaigns: Annotated[dict[str, str], Field(description="campaign: running, paused or stopped")]
    seats: Annotated[dict[str, int], Field(description="how many seats are in each state")]
    calls: Annotated[int, Field(description="live calls", ge=0)]
    marks: Annotated[dict[str, int], Field(description="marks by kind since the engine's start")]
    opt_outs: Count
    trunks: list[TrunkPayload]
    figures: Annotated[dict[str, float], Field(description="figures of the engine itself, such as the loop's lag")]
    forecast: Annotated[
        dict[str, float],
        Field(description="of a polling day: left, by_agents, by_flows to be reached until (epoch); without_number"),
    ] = field(default_factory=dict)
    dialler: Annotated[
        str | None, Field(description="who speaks: store, process, since (epoch) and host, joined by -")
    ] = None


@dataclass(frozen=True, slots=True)
class StatisticsPayload:
    """A campaign's figures."""

    campaign: str
    at: Time
    kind: Annotated[str, Field(description="agents or ivr")]
    state: Annotated[str, Field(description="running, paused or stopped")]
    held_because: Annotated[str | None, Field(description="why nothing is dialled now, or null")]
    calls: Annotated[dict[str, int], Field(description="live calls by state")]
    outcomes: Annotated[dict[str, int], Field(description="ended attempts by outcome")]
    attempts: Count
    answered: Count
    connected: Count
    abandoned: Count
    abandoned_rate: Annotated[float, Field(description="abandoned / live answers, 0 to 1", ge=0, le=1)]
    numbers: Annotated[int, Field(description="numbers in the campaign's list", ge=0)]
    closed: Annotated[int, Field(description="numbers that are done with", ge=0)]
    due: Annotated[int, Field(description="numbers to be dialled, now or later", ge=0)]
    pacing: Annotated[str, Field(description="why the pacer placed the number of calls it did")]
    refused: Annotated[
        dict[str, int], Field(description="calls that the rules forbade, by reason, since the engine's start")
    ] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SeatPayload:
    """A seat as it stands since its last change."""

    seat: str
    at: Time
    agent: Annotated[str | None, Field(description="the agent's id, or null: nobody logged in")]
    state: Annotated[str, Field(description="offline, ready, reserved, talking, wrap-up, paused or lost")]
    campaign: str | None
    attempt: str | None
    utilisation: Annotated[float, Field(description="talking and wrap-up / logged-in time, 0 to 1", ge=0, le=1)]
    calls: Annotated[int, Field(description="calls connected so far", ge=0)]
    reason: Annotated[str | None, Field(description="of a pause")]
    help: Annotated[
        str | None,
        Field(description="during a call: hold, calling, consult, three-way, ...; null: agent and voter talk"),
    ] = None
    recording: Annotated[str | None, Field(description="of the call: on, paused, or null")] = None


@dataclass(frozen=True, slots=True)
class CallPayload:
    """A live call has changed its state."""

    attempt: Annotated[str, Field(description="UUID of the attempt, the same as the channel's id")]
    campaign: str
    state: Annotated[
        str,
        Field(description="sending, dialling, ringing, waiting, connecting, talking, in-flow, message or ended"),
    ]
    at: Time
    seat: str | None
    outcome: Annotated[str | None, Field(description="with ended: how it ended")]


@dataclass(frozen=True, slots=True)
class TurnoutPayload:
    """Self-reported turnout of one booth."""

    booth: int
    constituency_number: int
    part_number: int
    voters: Count
    reached: Annotated[int, Field(description="voters with any mark", ge=0)]
    voted: Count
    not_yet: Count


@dataclass(frozen=True, slots=True)
class AlertPayload:
    """Something a person should know."""

    code: str
    level: Annotated[str, Field(description="notice, warning or critical (dialling has stopped)")]
    text: str
    at: Time


@dataclass(frozen=True, slots=True)
class AlertsPayload:
    """Every alert that stands; an empty list: nothing is wrong. It replaces the message before it whole."""

    at: Time
    alerts: list[AlertPayload]


@dataclass(frozen=True, slots=True)
class AttemptPayload:
    """An attempt has ended. `attempt` is the key: a repeat is the same news."""

    attempt: str
    campaign: str
    outcome: str
    ended_at: Time
    answered_at: OptionalTime
    connected_at: OptionalTime
    seat: str | None
    agent: str | None
    flow: Annotated[str | None, Field(description="name and version of the flow that ran")]
    left_at: Annotated[str | None, Field(description="the flow's node where the voter hung up")]
    cause: Annotated[int | None, Field(description="Q.850")]
    retry_at: Annotated[float | None, Field(description="when the number is due again; null: closed in this campaign")]
    direction: Annotated[str, Field(description="outbound, or inbound: the voter called us")] = "outbound"


@dataclass(frozen=True, slots=True)
class DispositionPayload:
    """What an agent said of a call. A second one of the same attempt replaces the first."""

    attempt: str
    disposition: str
    at: Time
    agent: str | None
    retry_at: Annotated[float | None, Field(description="when the number is due again; null: closed in this campaign")]


@dataclass(frozen=True, slots=True)
class MarkPayload:
    """Something became known of one voter. `key` is the key: a repeat is the same news."""

    key: str
    voter: Annotated[int, Field(description="the voter's id in this centre's store")]
    kind: Annotated[str, Field(description="voted, not-yet, later, will-not, wrong-number, moved or deceased")]
    source: Annotated[str, Field(description="voter-key, agent, relative, booth-worker, import or correction")]
    at: Time
    hour: Annotated[int | None, Field(description="with later: 0 to 23", ge=0, le=23)]
    attempt: str | None
    agent: Annotated[str | None, Field(description="who says so: an agent's id, a booth worker's, ...")]
    confidence: Annotated[str, Field(description="how sure: seen at the booth, said by the voter, told by another")] = (
        "told"
    )
    worker: Annotated[
        int | None, Field(description="of a booth worker's call: the worker's id in this centre's store")
    ] = None
    undoes: Annotated[str | None, Field(description="key of the mark that this one takes back")] = None


@dataclass(frozen=True, slots=True)
class AuditHeadPayload:
    """Where the audit's chain ends: number and digest, as `dialer audit verify --head` wants them."""

    number: Annotated[int, Field(description="of the last entry", ge=1)]
    digest: Annotated[str, Field(description="SHA-256, hexadecimal, over that entry and all before it")]
    at: Time
    seals: Annotated[int, Field(description="events of rows that the chain vouches for, from the first one on", ge=0)]


@dataclass(frozen=True, slots=True)
class OptOutPayload:
    """A number opted out: it is never called again, by no campaign."""

    phone: Annotated[
        int | None, Field(description="the number's id in this centre's store, not the number; null: on no roll here")
    ]
    at: Time
    source: str
    attempt: str | None
    number_hash: Annotated[
        str | None,
        Field(description="HMAC-SHA256 of the number under the centres' shared secret; null: none is shared"),
    ] = None


@dataclass(frozen=True, slots=True)
class MarkReport:
    """A mark that comes from outside the calls. `key` is the key: a repeat changes nothing."""

    __pydantic_config__: ClassVar[ConfigDict] = _NOTHING_ELSE

    key: Annotated[str, Field(pattern=r"^[A-Za-z0-9._/-]{1,128}$")]
    voter: Annotated[int, Field(description="the voter's id in this centre's store", ge=1, le=MOST_INTEGER)]
    kind: Literal["voted", "not-yet", "will-not", "moved", "deceased"]
    source: Literal["booth-worker", "relative", "import", "correction"]
    at: EnteredTime
    by: Annotated[
        str | None, Field(description="who says so: an id", pattern=ID_PATTERN, min_length=1, max_length=MOST_ID)
    ] = None
    confidence: Annotated[
        Literal["seen", "said", "told"] | None, Field(description="how sure it is; null: as its source has it")
    ] = None


@dataclass(frozen=True, slots=True)
class FigureReport:
    """Official cumulative turnout of an area by an hour of the poll."""

    __pydantic_config__: ClassVar[ConfigDict] = _NOTHING_ELSE

    day: Annotated[str, Field(description="2026-04-22", pattern=r"^20[0-9]{2}-[0-9]{2}-[0-9]{2}$")]
    constituency_number: Annotated[int, Field(ge=1, le=MOST_INTEGER)]
    part_number: Annotated[int | None, Field(description="null: of the whole constituency", ge=1, le=MOST_INTEGER)]
    by: Annotated[
        str, Field(description="an hour of the poll, 09:00, or final", pattern=r"^(([01]\d|2[0-3]):[0-5]\d|final)$")
    ]
    share: Share
    state_code: Annotated[str | None, Field(description="where several have the number", pattern=_STATE)] = None


@dataclass(frozen=True, slots=True)
class ComplaintReport:
    """A complaint about calls. `key` is the key: a repeat changes nothing."""

    __pydantic_config__: ClassVar[ConfigDict] = _NOTHING_ELSE

    key: Annotated[str, Field(pattern=r"^[A-Za-z0-9._/-]{1,128}$")]
    at: EnteredTime
    about: Literal["too-often", "wrong-time", "after-opt-out", "silent-call", "conduct", "content", "consent", "other"]
    channel: Literal["call", "letter", "email", "person", "authority", "other"]
    campaign: Annotated[str | None, Field(max_length=128)] = None
    attempt: Annotated[str | None, Field(description="the call that it is about", max_length=64)] = None
    phone: Annotated[
        int | None, Field(description="the number's id in this centre's store, not the number", ge=1, le=MOST_INTEGER)
    ] = None


@dataclass(frozen=True, slots=True)
class AnswerReport:
    """What was done about a complaint; the last answer counts."""

    __pydantic_config__: ClassVar[ConfigDict] = _NOTHING_ELSE

    key: Annotated[str, Field(pattern=r"^[A-Za-z0-9._/-]{1,128}$")]
    complaint: Annotated[int, Field(description="its number", ge=1, le=MOST_INTEGER)]
    at: EnteredTime
    answer: Literal["explained", "opted-out", "corrected", "unfounded", "passed-on"]


@dataclass(frozen=True, slots=True)
class CommandPayload:
    """What a supervisor asks for. Signed, this object's text stands in another one (see "Signed commands")."""

    __pydantic_config__: ClassVar[ConfigDict] = _NOTHING_ELSE

    id: Annotated[str, Field(description="chosen by the sender; executed once", pattern=r"^[A-Za-z0-9._-]{1,64}$")]
    name: Annotated[str, Field(description="which command", json_schema_extra={"enum": [*COMMANDS]})]
    expires_at: Annotated[float, Field(description="epoch seconds, UTC, at most a day ahead; refused after it")]
    campaign: Annotated[str | None, Field(description="of the commands of a campaign")] = None
    seat: Annotated[str | None, Field(description="the seat's name")] = None
    to: Annotated[str | None, Field(description="of a transfer or consult: a name of [[transfers]]")] = None
    reason: Annotated[str | None, Field(description="of seat-pause and unknown-release: a word or two")] = None
    serials: Annotated[
        str | None, Field(description='of seat-serials: "12,15,340", or "7:12,15" where the worker has several parts')
    ] = None
    who: Annotated[str | None, Field(description="who answers for it, for the audit: an id")] = None
    batch: Annotated[str | None, Field(description="what the records came with, for the audit: an id")] = None
    marks: Annotated[list[MarkReport] | None, Field(description=f"at most {MOST_MARKS}, all kept or none")] = None
    figures: Annotated[list[FigureReport] | None, Field(description=f"at most {MOST_FIGURES}, all kept or none")] = None
    complaint: ComplaintReport | None = None
    answer: AnswerReport | None = None
    hashes: Annotated[
        list[Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]] | None,
        Field(description=f"of opt-outs: the numbers, hashed as in results/opt-outs; at most {MOST_OPT_OUTS}"),
    ] = None
    fingerprint: Annotated[
        str | None,
        Field(description="of opt-outs: which secret they are hashed under"),
    ] = None
    source: Annotated[str | None, Field(description="of opt-outs: where they come from: an id")] = None
    attempts: Annotated[
        list[str] | None,
        Field(description=f"of unknown-release: their ids, at most {MOST_ATTEMPTS}, all released or none"),
    ] = None


@dataclass(frozen=True, slots=True)
class ReplyPayload:
    """What became of a command."""

    id: Annotated[str, Field(description="the command's, as its sender chose it")]
    status: Literal["done", "refused"]
    text: Annotated[str, Field(description="one line: what was done, or why not")]
    at: Time


Payload = (
    CentreStatePayload
    | StatisticsPayload
    | SeatPayload
    | CallPayload
    | TurnoutPayload
    | AlertsPayload
    | AttemptPayload
    | DispositionPayload
    | MarkPayload
    | OptOutPayload
    | AuditHeadPayload
    | CommandPayload
    | ReplyPayload
)


_ADAPTERS: dict[type, TypeAdapter[Any]] = {
    payload_type: TypeAdapter(payload_type) for payload_type in get_args(Payload)
}


def encode(payload: Payload) -> str:
    """The message's text: one line of JSON."""
    return _ADAPTERS[type(payload)].dump_json(payload).decode()


def schema(payload_type: type[Payload]) -> dict[str, Any]:
    """The JSON schema (2020-12) of a message."""
    return _ADAPTERS[payload_type].json_schema(ref_template="#/components/schemas/{model}")
