"""What stands in each MQTT message: the wire's own types, each field once. Pure. Ids only, no name, no number.

A field says what it is called on the wire, what it means there, and from which attribute of the engine's views and results it is
filled: the documents, the check of what goes out and the filling come of that. A view's field that no message names changes
nothing on the wire. Times are epoch seconds, UTC; shares are 0..1.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, AliasPath, BaseModel, BeforeValidator, ConfigDict, Field

from dialer.domain.errors import RefusedBecause
from dialer.domain.forecast import Forecast
from dialer.domain.view import Hold
from dialer.mqtt.commands.schema import message_schema


def _to(digits: int) -> AfterValidator:
    return AfterValidator(lambda value: None if value is None else round(value, digits))


_Rounded = Annotated[float, _to(3)]
Time = Annotated[_Rounded, Field(description="epoch seconds, UTC")]
OptionalTime = Annotated[_Rounded | None, Field(description="epoch seconds, UTC; null: it never came to that")]
_DueAgain = Annotated[_Rounded | None, Field(description="when the number is due again; null: closed in this campaign")]
_Share = Annotated[float, Field(ge=0, le=1), BeforeValidator(lambda value: min(1.0, max(0.0, round(value, 4))))]
Share = Annotated[_Share, Field(description="a share, 0 to 1")]
Count = Annotated[int, Field(ge=0)]
_Counts = Annotated[
    dict[str, int], BeforeValidator(lambda counts: {name: count for name, count in counts.items() if count})
]
_Attempt = Annotated[str, Field(validation_alias="attempt_id")]
_OptionalAttempt = Annotated[str | None, Field(validation_alias="attempt_id")]
_Campaign = Annotated[str, Field(validation_alias="campaign_id")]


_DIGITS = re.compile(r"[+0-9*#]{6,}")


class _Both:
    """An object with values beside its own, which come first."""

    def __init__(self, source: object, values: Mapping[str, object]) -> None:
        self._source = source
        self._values = values

    def __getattr__(self, name: str) -> object:
        return self._values[name] if name in self._values else getattr(self._source, name)


class Payload(BaseModel):
    """A message, or a part of one."""

    model_config = ConfigDict(
        frozen=True, from_attributes=True, populate_by_name=True, defer_build=True, use_attribute_docstrings=True
    )

    @classmethod
    def of(cls, source: object, **values: object) -> Self:
        """Filled from the attributes that the fields name, and from `values` first."""
        return cls.model_validate(_Both(source, values) if values else source)

    def encode(self) -> str:
        """The message's text: one line of JSON."""
        return self.model_dump_json()

    @classmethod
    def schema_of(cls) -> dict[str, Any]:
        """The JSON schema (2020-12)."""
        return cls.model_json_schema(by_alias=False, ref_template="#/components/schemas/{model}")


class TrunkPayload(Payload):
    """One trunk as it stands."""

    trunk: str
    channels_used: Count
    channels: Count
    answer_seizure_ratio: Share
    failures: Annotated[int, Field(description="the carrier's own: 5xx, 403, no answer to the call at all", ge=0)]
    attempts: Count = 0
    state: Annotated[str, Field(description="working, resting or probing")] = "working"
    calls_per_second: Annotated[float, Field(description="call starts, over the last ten seconds", ge=0), _to(1)] = 0.0
    ringing_seconds: Annotated[float | None, _to(1)] = None
    """from originate to ringing, lately; null: no call yet"""


def _in_figures(forecast: Forecast | Mapping[str, float] | None) -> Mapping[str, float]:
    return asdict(forecast) if isinstance(forecast, Forecast) else forecast or {}


class RollPayload(Payload):
    """A roll that the dialler is taking in."""

    list: Annotated[str, Field(description="as roll-import names it")]
    rows: Annotated[int, Field(description="voters of the roll", ge=0)]
    done: Annotated[int, Field(description="of them so far", ge=0)]


class CentreStatePayload(Payload):
    """The centre at one moment. The last will is the same message with `online` false and nothing else in it."""

    centre: str
    online: Annotated[bool, Field(description="false: the dialler is not connected to the broker; dialling may go on")]
    at: Annotated[_Rounded, Field(description="epoch seconds, UTC; in the last will, when the connection was opened")]
    switch_up: bool
    draining: Annotated[bool, Field(description="no new calls; live ones are finished")]
    campaigns: Annotated[dict[str, str], Field(description="campaign: running, paused or stopped")]
    seats: Annotated[dict[str, int], Field(description="how many seats are in each state")]
    calls: Annotated[int, Field(description="live calls", ge=0)]
    utilisation: _Share | None = None
    """of the seats that are logged in, at this moment: talking and wrap-up / logged-in time; null: nobody is"""
    marks: Annotated[_Counts, Field(description="marks by kind since the engine's start")]
    opt_outs: Count
    trunks: list[TrunkPayload]
    figures: dict[str, Annotated[float, _to(6)]]
    """figures of the engine itself, such as the loop's lag"""
    forecast: Annotated[
        dict[str, float],
        BeforeValidator(_in_figures),
        Field(
            description="of a polling day: left, by_agents, by_flows to be reached until (epoch), give_or_take so many;"
            " without_number",
            default_factory=dict,
        ),
    ]
    dialler: str | None = None
    """who speaks: store, process, since (epoch) and host, joined by -"""
    roll: RollPayload | None = None
    """the roll that is being taken in (roll-import); null: none is"""


class AbandonedTargetPayload(Payload):
    """The abandoned share of live answers that a campaign's pacing steers to."""

    share: _Share
    most: Annotated[_Share, Field(description="that a supervisor may have it steer to (abandoned-target)")]
    sender: Annotated[str | None, Field(description="the supervisor's name; null: the settings")] = None


class SpeedPayload(Payload):
    """What a supervisor holds a campaign to, below what caps and lines allow."""

    most_calls: Annotated[int | None, Field(description="at once")]
    calls_per_seat: Annotated[float | None, Field(description="unanswered ones, for each agent at work")]
    until: Time
    sender: Annotated[str, Field(description="the supervisor's name")]


class StatisticsPayload(Payload):
    """A campaign's figures."""

    campaign: _Campaign
    at: Time
    kind: Annotated[str, Field(description="agents or ivr")]
    state: Annotated[str, Field(description="running, paused or stopped")]
    held_because: Annotated[
        str | None, BeforeValidator(lambda hold: None if hold is None else str(hold)), Field(validation_alias="hold")
    ]
    """why nothing is dialled now, or null"""
    calls: Annotated[_Counts, Field(description="live calls by state")]
    outcomes: Annotated[_Counts, Field(description="ended attempts by outcome")]
    attempts: Annotated[int, Field(description="ended ones and live calls", ge=0)]
    answered: Annotated[int, Field(description="ended ones and live calls", ge=0)]
    connected: Annotated[int, Field(description="to an agent: ended ones and live calls", ge=0)]
    abandoned: Count
    abandoned_rate: Annotated[_Share, Field(description="abandoned / live answers, 0 to 1")]
    numbers: Annotated[int, Field(ge=0, validation_alias=AliasPath("progress", "total"))]
    """numbers in the campaign's list"""
    closed: Annotated[int, Field(ge=0, validation_alias=AliasPath("progress", "closed"))]
    """numbers that are done with"""
    due: Annotated[int, Field(ge=0, validation_alias=AliasPath("progress", "due"))]
    """numbers to be dialled, now or later"""
    pacing: Annotated[str, Field(description="why the pacer placed the number of calls it did")]
    refused: Annotated[_Counts, Field(default_factory=dict)]
    """calls that the rules forbade, by reason, since the engine's start"""
    held_by: Annotated[
        str | None,
        BeforeValidator(lambda hold: hold.code if isinstance(hold, Hold) else hold),
        Field(validation_alias="hold"),
    ] = None
    """the same as held_because in one word, such as calling-hours"""
    held_until: Annotated[float | None, Field(validation_alias=AliasPath("hold", "until"))] = None
    """until when, epoch seconds, UTC; null: nobody can say"""
    placing: Annotated[int | None, Field(description="calls that the pacer placed at its last decision")] = None
    limited_by: str | None = None
    """what kept it from more, in one word: [which](pacing.md#why-it-placed-what-it-placed)"""
    script: Annotated[str | None, Field(description="name and version of the script that its agents read")] = None
    speed: SpeedPayload | None = None
    """what a supervisor holds it to today (speed); null: to nothing"""
    abandoned_target: AbandonedTargetPayload | None = None
    """what its pacing steers to; null: it abandons nobody"""


class SeatCallPayload(Payload):
    """Who is on the line at a seat, by ids of this centre's store."""

    phone: Annotated[int, Field(description="the number's id, not the number", validation_alias="phone_id")]
    voter: Annotated[int | None, Field(validation_alias="voter_id")]
    """whom the call addresses; null: a booth worker"""
    booth: Annotated[int | None, Field(validation_alias="booth_id")]
    voters: Annotated[list[int], Field(description="voters on the number who are still to be called")]
    settled: list[int]
    """voters on the number who were to be called when it came to the seat, and are not any more"""
    opted_out: Annotated[bool, Field(description="the number has opted out, here or elsewhere")]
    grounds: Annotated[int | None, Field(description="id of what makes the call lawful; null: nobody asked")]


class PreviewPayload(Payload):
    """A call that its agent is shown before it is dialled."""

    until: Time
    dials: bool
    """it is dialled then, unasked; false: it is given back, and the seat pauses"""


class MessagePayload(Payload):
    """A supervisor's line of text for the agent at a seat."""

    text: str
    at: Time
    sender: Annotated[str, Field(description="the supervisor's name")]


class SeatPayload(Payload):
    """A seat as it stands since its last change."""

    seat: str
    at: Time
    agent: Annotated[str | None, Field(description="the agent's id, or null: nobody logged in")]
    state: Annotated[str, Field(description="offline, ready, reserved, talking, wrap-up, paused or lost")]
    campaign: Annotated[str | None, Field(validation_alias="campaign_id")]
    attempt: _OptionalAttempt
    utilisation: Annotated[_Share, Field(description="talking and wrap-up / logged-in time, 0 to 1")]
    calls: Annotated[int, Field(description="calls connected so far", ge=0)]
    reason: Annotated[str | None, Field(description="of a pause")]
    help: Annotated[str | None, Field(validation_alias="transfer")] = None
    """during a call: hold, calling, consult, three-way, ...; null: agent and voter talk"""
    recording: Annotated[str | None, Field(description="of the call: on, paused, or null")] = None
    call: Annotated[
        SeatCallPayload | None,
        Field(
            description="who is on the line, as soon as the seat is reserved, until the wrap-up's end; null: nobody, or not"
            " known yet",
            validation_alias="screen_pop",
        ),
    ] = None
    preview: PreviewPayload | None = None
    """the call is not dialled yet: its agent is asked (seat-preview-dial, seat-preview-skip); null: it is"""
    dialling: bool = False
    """a call was dialled for this seat alone, and nobody has answered yet (seat-hang-up ends it)"""
    since: Annotated[_Rounded | None, Field(description="since when it is in this state, epoch seconds, UTC")] = None
    message: MessagePayload | None = None
    """until it is read (seat-message-read), 10 minutes old, or the agent has logged off"""
    campaigns: tuple[str, ...] = ()
    """those that it alone serves, by a supervisor's word (seat-campaigns); empty: all that its agent may"""


class CallPayload(Payload):
    """A live call has changed its state."""

    attempt: Annotated[_Attempt, Field(description="UUID of the attempt, the same as the channel's id")]
    campaign: _Campaign
    state: str
    """preview, sending, dialling, ringing, waiting, connecting, talking, in-flow, message or ended"""
    at: Time
    seat: str | None
    outcome: Annotated[str | None, Field(description="with ended: how it ended")]


class TurnoutPayload(Payload):
    """Self-reported turnout of one booth."""

    booth: Annotated[int, Field(validation_alias="booth_id")]
    constituency_number: int
    part_number: int
    voters: Count
    reached: Annotated[int, Field(description="voters with any mark", ge=0)]
    voted: Count
    not_yet: Count


class AlertPayload(Payload):
    """Something a person should know."""

    code: str
    level: Annotated[str, Field(description="notice, warning or critical (dialling has stopped)")]
    text: str
    at: Time


class AlertsPayload(Payload):
    """Every alert that stands; an empty list: nothing is wrong. It replaces the message before it whole."""

    at: Time
    alerts: list[AlertPayload]


class HaDevicePayload(Payload):
    """The centre, as a device of Home Assistant."""

    identifiers: list[str]
    name: str


class HaOriginPayload(Payload):
    """Who says so."""

    name: Literal["Matdan"] = "Matdan"


class HaSensorPayload(Payload):
    """One thing that Home Assistant shows of the centre."""

    platform: Literal["sensor", "binary_sensor"]
    unique_id: str
    name: str
    value_template: Annotated[str, Field(description="what of the state it is, as Jinja")]
    state_topic: Annotated[str | None, Field(description="where it is told; absent: on that of the device")] = None
    state_class: Literal["measurement", "total_increasing"] | None = None
    device_class: Literal["connectivity"] | None = None
    unit_of_measurement: Literal["%"] | None = None


class HaDiscoveryPayload(Payload):
    """What Home Assistant (2024.11 and later) has to know to show the centre. It says nothing of the centre itself."""

    device: HaDevicePayload
    origin: HaOriginPayload = HaOriginPayload()
    state_topic: str
    availability_topic: str
    availability_template: str = "{{ 'online' if value_json.online else 'offline' }}"
    components: dict[str, HaSensorPayload]

    def encode(self) -> str:
        """What is not set is not there: Home Assistant takes no null for it."""
        return self.model_dump_json(exclude_none=True)


class AttemptPayload(Payload):
    """An attempt has ended. `attempt` is the key: a repeat is the same news."""

    attempt: _Attempt
    campaign: _Campaign
    outcome: str
    ended_at: Time
    answered_at: OptionalTime
    connected_at: OptionalTime
    seat: str | None
    agent: str | None
    flow: Annotated[str | None, Field(description="name and version of the flow that ran")]
    left_at: Annotated[str | None, Field(description="the flow's node where the voter hung up")]
    cause: Annotated[int | None, Field(description="Q.850")]
    retry_at: _DueAgain
    direction: Annotated[str, Field(description="outbound, or inbound: the voter called us")] = "outbound"


_Answer = Annotated[str | None, BeforeValidator(lambda value: None if _DIGITS.fullmatch(value or "") else value)]


class VoterPayload(Payload):
    """Of a voter, named as every copy of the roll has it."""

    roll_version: str | None = None
    """with the four that follow, the voter on every copy of that roll"""
    state_code: str | None = None
    constituency_number: int | None = None
    part_number: int | None = None
    serial: Annotated[int | None, Field(description="in the part")] = None


class AnswersPayload(VoterPayload):
    """A caller has answered in a flow. A later answer of the same attempt and name replaces the first."""

    attempt: _Attempt
    campaign: _Campaign
    at: Time
    answers: dict[str, _Answer]
    """by the flow's names; null: six digits and more, which may be a number, and stay in the store"""


class DispositionPayload(VoterPayload):
    """What an agent said of a call. A second one of the same attempt replaces the first. The voter's
    place is there where there are answers.
    """

    attempt: _Attempt
    disposition: str
    at: Time
    agent: str | None
    retry_at: _DueAgain
    note: Annotated[str | None, Field(description="the id of a note that the desk keeps")] = None
    answers: dict[str, str | None] = {}
    """to questions of the campaign's script, by name, as kept from now on; null: answered no more"""


class MarkPayload(VoterPayload):
    """Something became known of one voter. `key` is the key: a repeat is the same news."""

    key: str
    voter: Annotated[int, Field(description="the voter's id in this centre's store", validation_alias="voter_id")]
    kind: Annotated[str, Field(description="voted, not-yet, later, will-not, wrong-number, moved or deceased")]
    source: Annotated[str, Field(description="voter-key, agent, relative, booth-worker, import or correction")]
    at: Time
    hour: Annotated[int | None, Field(description="with later: 0 to 23", ge=0, le=23)]
    attempt: _OptionalAttempt
    agent: Annotated[str | None, Field(description="who says so: an agent's id, a booth worker's, ...")]
    confidence: Annotated[str, Field(validation_alias="surety")] = "told"
    """how sure: seen at the booth, said by the voter, told by another"""
    worker: Annotated[int | None, Field(validation_alias="worker_id")] = None
    """of a booth worker's call: the worker's id in this centre's store"""
    undoes: Annotated[str | None, Field(description="key of the mark that this one takes back")] = None


class ReadinessPayload(Payload):
    """A test mark was made."""

    at: Time


class SeatHoursPayload(Payload):
    """How long seats were in each state."""

    until_at: Annotated[_Rounded, Field(description="end of the last of the stretches, epoch seconds, UTC")]
    seats: Annotated[int, Field(description="how many it is of", ge=0)]
    seconds: Annotated[dict[str, Annotated[float, _to(3)]], Field(description="by state: ready, talking, ...")]


class AuditHeadPayload(Payload):
    """Where the audit's chain ends: number and digest, as `dialer audit verify --head` wants them."""

    number: Annotated[int, Field(description="of the last entry", ge=1)]
    digest: Annotated[str, Field(description="SHA-256, hexadecimal, over that entry and all before it")]
    at: Time
    seals: Annotated[int, Field(description="events of rows that the chain vouches for, from the first one on", ge=0)]


class OptOutPayload(Payload):
    """A number opted out: it is never called again, by no campaign."""

    phone: Annotated[int | None, Field(validation_alias="phone_id")]
    """the number's id in this centre's store, not the number; null: on no roll here"""
    at: Time
    source: str
    attempt: _OptionalAttempt
    number_hash: str | None = None
    """HMAC-SHA256 of the number under the centres' shared secret; null: none is shared"""


class CommandPayload(Payload):
    """A command to the dialler, with the fields of that command besides these."""

    model_config = ConfigDict(extra="allow")

    id: str
    name: str
    expires_at: float

    @classmethod
    def schema_of(cls) -> dict[str, Any]:
        """Return the JSON schema of all commands."""
        return message_schema("#/components/schemas/{model}")


class ReplyPayload(Payload):
    """What became of a command."""

    id: Annotated[str, Field(description="the command's, as its sender chose it")]
    status: Literal["done", "refused"]
    text: Annotated[str, Field(description="one line: what was done, or why not")]
    at: Time
    why: Annotated[
        str | None,
        Field(description=f"of some refusals, for programs: {', '.join(RefusedBecause)}"),
    ] = None
