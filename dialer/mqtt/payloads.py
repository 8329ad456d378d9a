"""What stands in each MQTT message: the wire's own types. Pure. Ids only, no name, no number.

They are apart from the engine's views so that a change inside the engine cannot change the wire by accident (filled from them in
payload_builders.py). Times are epoch seconds, UTC; shares are 0..1.
"""

from __future__ import annotations

from dataclasses import dataclass, field, make_dataclass
from typing import Annotated, Any, ClassVar, Literal

from pydantic import ConfigDict, Field, TypeAdapter

from dialer.domain.commands.registry import COMMANDS, VALUES

Time = Annotated[float, Field(description="epoch seconds, UTC")]
OptionalTime = Annotated[float | None, Field(description="epoch seconds, UTC; null: it never came to that")]
Share = Annotated[float, Field(description="a share, 0 to 1", ge=0, le=1)]
Count = Annotated[int, Field(ge=0)]


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
class CommandPayload:
    """What a supervisor asks for. Signed, this object's text stands in another one (see "Signed commands")."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    id: Annotated[str, Field(description="chosen by the sender; executed once", pattern=r"^[A-Za-z0-9._-]{1,64}$")]
    name: Annotated[str, Field(description="which command")]
    expires_at: Annotated[float, Field(description="epoch seconds, UTC, at most a day ahead; refused after it")]


def command_payload() -> type[Any]:
    """The message with the names and the values of all commands that are registered: each value may stand there or not."""
    name = Annotated[str, Field(description="which command", json_schema_extra={"enum": [*COMMANDS]})]
    values: list[tuple[str, Any, Any]] = [
        (
            value.key,
            Annotated[value.json_type | None, Field(description=value.description)]
            if value.description
            else value.json_type | None,
            field(default=None),
        )
        for value in VALUES.values()
    ]
    return make_dataclass(
        CommandPayload.__name__,
        [("name", name), *values],
        bases=(CommandPayload,),
        namespace={"__doc__": CommandPayload.__doc__, "__module__": __name__},
        frozen=True,
        slots=True,
    )


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


_ADAPTERS: dict[Any, TypeAdapter[Any]] = {}


def _adapter(payload_type: Any) -> TypeAdapter[Any]:
    if payload_type not in _ADAPTERS:
        _ADAPTERS[payload_type] = TypeAdapter(payload_type)
    return _ADAPTERS[payload_type]


def encode(payload: Payload) -> str:
    """The message's text: one line of JSON."""
    return _adapter(type(payload)).dump_json(payload).decode()


def schema(payload_type: type[Payload]) -> dict[str, Any]:
    """The JSON schema (2020-12) of a message."""
    if issubclass(payload_type, CommandPayload):
        payload_type = command_payload()
    return _adapter(payload_type).json_schema(ref_template="#/components/schemas/{model}")
