"""The terms of the domain as types: campaigns, attempts, outcomes, dispositions, and marks (facts about voters)."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated, NewType

from pydantic import Field

from dialer.domain.enums import Confidence, InboundMode, MachineDetection, MarkKind
from dialer.domain.phone_facts import PhoneFacts
from dialer.domain.schema import MESSAGE, PRIVATE, Count, Time
from dialer.domain.voter_place import VoterPlace

AttemptId = NewType("AttemptId", str)
ATTEMPT_ID_PATTERN = r"^[A-Za-z0-9-]{1,64}$"
"""A UUID (36 characters): the key of the attempt, the id of its channel and the ActionID of its Originate."""


class CampaignState(StrEnum):
    """The state of a campaign, which commands change: running, paused or stopped."""

    RUNNING = "running"
    PAUSED = "paused"  # no new calls; calls in progress continue
    STOPPED = "stopped"  # no new calls, ringing calls are cancelled; only `resume` starts it again


MOST_CALLS = 500
LEAST_PER_SEAT, MOST_PER_SEAT = 0.1, 10.0
"""The limits of a campaign's speed settings: calls in progress, and unanswered calls per agent at work."""
MOST_WEIGHT = 100.0
"""The limit of the weight of a campaign's share of the agents' time."""


class Outcome(StrEnum):
    """The outcome of a call attempt. Each attempt has exactly one."""

    CONNECTED = "connected"  # answered, and connected to an agent
    COMPLETED = "completed"  # answered, and the flow was completed
    LEFT = "left"  # answered, and the voter hung up during the flow
    ABANDONED = "abandoned"  # answered, but no agent within the connect limit: the information message was played
    DROPPED = "dropped"  # answered, and the voter hung up while waiting, before the connect limit
    MACHINE = "machine"
    BUSY = "busy"
    NO_ANSWER = "no-answer"
    INVALID_NUMBER = "invalid-number"
    CONGESTION = "congestion"
    REJECTED = "rejected"
    CARRIER_FAILURE = "carrier-failure"
    CANCELLED = "cancelled"  # hung up by us before an answer
    REFUSED = "refused"  # refused by the switch or a rule: certainly not placed
    MISSED = "missed"  # inbound and not answered: a missed call, or the caller hung up first
    UNKNOWN = "unknown"  # cannot be determined; not redialled until a person releases it

    @property
    def is_answered(self) -> bool:
        """Return whether the call was answered, by a person or a machine."""
        return self in ANSWERED


ANSWERED = frozenset(
    {Outcome.CONNECTED, Outcome.COMPLETED, Outcome.LEFT, Outcome.ABANDONED, Outcome.DROPPED, Outcome.MACHINE}
)
CONTACTS = frozenset({Outcome.CONNECTED, Outcome.COMPLETED})
"""Outcomes of calls in which the voter talked to an agent or heard the whole flow."""
LIVE_ANSWERS = frozenset({Outcome.CONNECTED, Outcome.ABANDONED, Outcome.DROPPED})
"""Outcomes in the denominator of the abandoned-call rate (`live-answers` in profiles): a person answered who was to get
an agent.

Calls answered by a flow do not count: they cannot be abandoned, and would lower the rate. They count in a campaign that
detects machines, because it hangs up on people whom it takes for machines.
"""
FLOW_ANSWERS = frozenset({Outcome.COMPLETED, Outcome.LEFT})


@dataclass(frozen=True, slots=True)
class AbandonedRate:
    """The number of live answers and the number of abandoned calls, and the abandoned-call rate that they give."""

    live_answers: float
    abandoned: float

    @property
    def abandoned_rate(self) -> float:
        """The abandoned-call rate: abandoned calls / live answers (0-1; 0 without live answers)."""
        return self.abandoned / self.live_answers if self.live_answers else 0.0


def calculate_abandoned_rate(
    outcomes: Mapping[Outcome, int] | Mapping[str, int], people_taken_for_machines: float = 0
) -> AbandonedRate:
    """Return the abandoned-call rate of a campaign, given its numbers of calls by outcome.

    `people_taken_for_machines` is the estimated number of people on whom machine detection has hung up: the calls
    that it ended, times the false-positive share. Each counts as an abandoned live answer.
    """
    live = LIVE_ANSWERS | FLOW_ANSWERS if people_taken_for_machines > 0.0 else LIVE_ANSWERS
    return AbandonedRate(
        sum(outcomes.get(each, 0) for each in live) + people_taken_for_machines,
        outcomes.get(Outcome.ABANDONED, 0) + people_taken_for_machines,
    )


class Disposition(StrEnum):
    """The result of a conversation with a voter, as the agent enters it; `DISPOSITION_KEYS` has the phone's keys."""

    VOTED = "voted"
    NOT_YET = "not-yet"
    LATER = "later"  # with the hour at which the voter will go
    WILL_NOT = "will-not"
    WRONG_NUMBER = "wrong-number"
    CALL_BACK = "call-back"  # asked to be called later
    LANGUAGE = "language"  # no common language
    REFUSED = "refused"  # refused to talk; the number is suppressed
    OPT_OUT = "opt-out"
    MACHINE = "machine"  # an answering machine: not a live answer
    NONE = "none"  # wrap-up ended without a disposition


DISPOSITION_KEYS: dict[str, Disposition] = {
    "1": Disposition.VOTED,
    "2": Disposition.NOT_YET,
    "3": Disposition.LATER,
    "4": Disposition.WILL_NOT,
    "5": Disposition.WRONG_NUMBER,
    "6": Disposition.CALL_BACK,
    "7": Disposition.LANGUAGE,
    "8": Disposition.REFUSED,
    "9": Disposition.OPT_OUT,
    "0": Disposition.MACHINE,
}
"""The disposition for each key of an agent's phone; `NONE` has no key."""


class ListeningMode(StrEnum):
    """A supervisor's mode of monitoring an agent's seat: listen, whisper or barge."""

    LISTEN = "listen"
    WHISPER = "whisper"  # the agent hears the supervisor, the voter does not
    BARGE = "barge"  # everybody hears the supervisor


class MarkSource(StrEnum):
    """Where a mark (a fact about a voter) comes from, such as the voter, an agent, a booth worker or an import."""

    VOTER_KEY = "voter-key"  # entered in an IVR flow
    AGENT = "agent"
    RELATIVE = "relative"
    BOOTH_WORKER = "booth-worker"
    IMPORT = "import"
    CORRECTION = "correction"


USUAL_CONFIDENCE: dict[MarkSource, Confidence] = {
    MarkSource.VOTER_KEY: Confidence.SAID,
    MarkSource.AGENT: Confidence.SAID,
    MarkSource.RELATIVE: Confidence.TOLD,
    MarkSource.BOOTH_WORKER: Confidence.SEEN,
    MarkSource.IMPORT: Confidence.TOLD,
    MarkSource.CORRECTION: Confidence.TOLD,
}

DISPOSITION_MARKS: dict[Disposition, MarkKind] = {
    Disposition.VOTED: MarkKind.VOTED,
    Disposition.NOT_YET: MarkKind.NOT_YET,
    Disposition.LATER: MarkKind.LATER,
    Disposition.WILL_NOT: MarkKind.WILL_NOT,
    Disposition.WRONG_NUMBER: MarkKind.WRONG_NUMBER,
}

VOTER_DISPOSITIONS = frozenset(DISPOSITION_MARKS) - {Disposition.WRONG_NUMBER}
"""Dispositions about one voter. A call to a booth worker, who reports about many voters, cannot have them."""


def list_dispositions_allowed_for_call(
    machine_detection: MachineDetection, *, to_booth_worker: bool
) -> tuple[Disposition, ...]:
    """Return the dispositions that an agent may enter for a call, in the order of their keys."""
    refused = VOTER_DISPOSITIONS if to_booth_worker else frozenset()
    if machine_detection is MachineDetection.OFF:
        refused |= {Disposition.MACHINE}
    return tuple(each for each in DISPOSITION_KEYS.values() if each not in refused)


@dataclass(frozen=True, slots=True)
class Booth:
    """A polling station on the electoral roll."""

    booth_id: int
    constituency_number: int
    part_number: int
    name: str
    language: str  # ISO 639-1
    closes_at: str  # "18:00", local time of the poll
    constituency_name: str = ""
    state_code: str = ""  # as on the roll, in capitals


NO_VOTER = 0
"""Used instead of a voter's id in calls to booth workers."""


@dataclass(frozen=True, slots=True)
class BoothWorker:
    """A helper at polling stations, whom the dialler calls to learn who has voted.

    The worker enters voters' serial numbers.
    """

    worker_id: int
    language: str
    booth_ids: tuple[int, ...]  # at least one, all in one constituency


@dataclass(frozen=True, slots=True)
class Claim:
    """A phone number that is reserved for dialling for a limited time, with the facts about its next call."""

    campaign_id: str
    phone_id: int
    number: str  # E.164
    attempt_number: int  # number of this campaign's attempt to the number, from 1
    voter_id: int  # the pending voter who is called; NO_VOTER: a booth worker
    pending_voters: int  # voters still to be called on this number, including that one
    language: str
    booth_id: int
    facts: PhoneFacts | None = None  # None: nothing is known of the number, and the rules forbid a call
    queue_booth_id: int = 0  # booth whose queue has the number: that of its first voter when it was added
    weight: float = 1.0  # weight of the voters pending on the number at that time
    worker: BoothWorker | None = None  # called by a campaign for booth workers
    leased_until: float = field(default=math.inf, compare=False)  # end of the lease (epoch seconds)
    promised: bool = False  # the voter asked for this call


@dataclass(frozen=True, slots=True)
class VotingBooths:
    """The polling stations (booths) that vote on one polling day, and the end of that day.

    Voters of these booths are called first.
    """

    booth_ids: Collection[int]
    until: float  # the end of that day (epoch seconds)


@dataclass(frozen=True, slots=True)
class NewAttempt:
    """A call attempt as it is stored before Asterisk is asked to place the call."""

    attempt_id: AttemptId
    claim: Claim
    trunk: str
    caller_id: str
    at: float  # epoch seconds
    grounds: str | None = (
        None  # legal grounds of the call (`Gate.format_legal_grounds_of_decision`); None: not determined
    )
    gap_seconds: float | None = None  # time since the end of the last call to the number; None: never called


class Direction(StrEnum):
    """The direction of a call: outbound or inbound."""

    OUTBOUND = "outbound"
    INBOUND = "inbound"


@dataclass(frozen=True, slots=True)
class NewInbound:
    """An inbound call as it is stored before it is answered."""

    attempt_id: AttemptId
    campaign_id: str  # the campaign whose list and rules apply
    at: float  # epoch seconds
    called: str  # our number
    number: str | None  # the caller's, E.164; None: withheld
    trunk: str
    mode: InboundMode
    call_back_at: float | None = None  # when the number of a missed call is due
    attestation: str = ""  # of the caller's number (STIR/SHAKEN), as Asterisk verified it; "": it did not


@dataclass(frozen=True, slots=True)
class InboundParty:
    """The voter on the electoral roll who has the phone number of an inbound call."""

    phone_id: int
    voter_id: int
    booth_id: int
    language: str
    pending_voters: int
    opted_out: bool


@dataclass(frozen=True, slots=True)
class OpenAttempt:
    """A call attempt in the store that has not ended. The dialler looks for these when it starts or reconnects."""

    attempt_id: AttemptId
    campaign_id: str
    phone_id: int
    voter_id: int
    booth_id: int
    attempt_number: int
    trunk: str
    created_at: float
    answered_at: float | None
    connected_at: float | None
    seat: str | None
    number: str = ""  # E.164
    direction: Direction = Direction.OUTBOUND
    caller_id: str = ""  # the caller ID shown; for an inbound call, our number
    pending_voters: int = 1  # voters still to be called on the number now, including the called one
    worker: BoothWorker | None = None
    said: MarkKind | None = None  # the last mark in this call
    said_hour: int | None = None
    disposition: Disposition | None = None  # entered by the agent so far
    disposed_at: float | None = None
    agent: str | None = None  # the agent who talked to the voter


@dataclass(frozen=True, slots=True)
class EndedAttempt:
    """The result of a call attempt that has ended, as it is stored. Storing it again with the same `attempt_id` changes
    nothing.
    """

    __pydantic_config__ = MESSAGE

    attempt_id: AttemptId
    outcome: Outcome
    ended_at: Time
    ringing_at: Time | None = None
    answered_at: Time | None = None
    connected_at: Time | None = None
    cause: int | None = None
    """hang-up cause (Q.850)"""
    technical_cause: Annotated[str | None, PRIVATE] = None  # the SIP status, where the switch reports it
    seat: str | None = None
    agent: str | None = None
    flow: str | None = None
    """name and version of the flow that ran"""
    left_at: str | None = None
    """the node of the flow at which the voter hung up; for an answering machine `message left` or `no message left`"""
    retry_at: Time | None = None
    """when the number may be called again; null: never in this campaign"""
    direction: Direction = Direction.OUTBOUND
    """inbound: the voter called us"""
    campaign_id: str = ""  # the store fills it in when it announces the result
    number_hash: str | None = None
    """HMAC-SHA256 of the number under the secret that centres share; null: no secret or no headquarters is set"""
    false_positive_share: Annotated[float, Field(ge=0, le=1)] = 0.0
    """people among the calls that the campaign's machine detection ends (0-1), which count as abandoned; 0: no detection"""
    counted: Annotated[bool, PRIVATE] = True  # False: the trunk failed, so no attempt of the number is used up
    promised: Annotated[bool, PRIVATE] = False  # whether the voter asked for `retry_at`


@dataclass(frozen=True, slots=True)
class Mark:
    """A fact about a voter, such as "voted". `key` identifies it: storing a mark with the same key again changes
    nothing.
    """

    __pydantic_config__ = MESSAGE

    key: str
    voter_id: int
    """the voter's id in this centre's store"""
    kind: MarkKind
    source: MarkSource
    at: Time
    hour: Annotated[int, Field(ge=0, le=23)] | None = None
    """the hour at which the voter will go (0-23), with the kind later"""
    attempt_id: AttemptId | None = None
    agent: str | None = None
    """who reports it: the id of an agent or of a booth worker, or who corrects it"""
    confidence: Confidence | None = None
    """seen at the booth, said by the voter, or told by another"""
    worker_id: int | None = None
    """id of the booth worker who reported it in a call"""
    undoes: str | None = None
    """key of the mark that this one undoes"""
    place: VoterPlace | None = None  # the store fills it in when it announces the mark

    @property
    def confidence_in_voter_mark(self) -> Confidence:
        """Return how reliable this fact about a voter (mark) is: its own confidence, or the usual one of its source."""
        return self.confidence or USUAL_CONFIDENCE[self.source]


@dataclass(frozen=True, slots=True)
class UnknownSerial:
    """A serial number that a booth worker reported as voted, but that is not on the roll of the polling booth."""

    key: str  # idempotency key: a repeat is not recorded again
    attempt_id: AttemptId
    worker_id: int
    serial: int
    booth_id: int | None  # None: the part is not one of the worker's
    at: float


@dataclass(frozen=True, slots=True)
class VoterOutcome:
    """An agent's report about one voter of the called number, such as "voted" or "will vote at 15 h"."""

    voter_id: int
    kind: MarkKind
    hour: int | None = None  # 0-23, with LATER
    confidence: Confidence | None = None  # None: SAID for the called voter, TOLD for others


@dataclass(frozen=True, slots=True)
class DispositionDetails:
    """Details that an agent may enter with the result of a call (disposition), such as a call-back time and a note."""

    attempt_id: AttemptId | None = None  # None: the seat's current or latest call
    voters: tuple[VoterOutcome, ...] = ()
    call_back_at: float | None = None  # epoch seconds, with CALL_BACK
    own: bool = False  # the same agent will call back, if available
    language: str | None = None  # the voter's language, with LANGUAGE
    note: str | None = None  # the id of a note that is stored elsewhere
    answers: Mapping[str, str] = field(default_factory=dict)  # answers to the script's questions, by name


@dataclass(frozen=True, slots=True)
class Receipt:
    """The stored reply to a command. It is committed together with the command, so that the command is executed once
    and its reply is not lost.
    """

    key: str  # the sender's and the command's id
    name: str
    content: str  # hash of the command's content
    reply: str  # JSON


@dataclass(frozen=True, slots=True)
class DispositionRecord:
    """An agent's disposition (outcome) of a call, as it is stored.

    A later disposition of the same attempt replaces it.
    """

    __pydantic_config__ = MESSAGE

    attempt_id: AttemptId
    disposition: Disposition
    at: Time
    agent: str | None
    retry_at: Time | None
    """when the number may be called again; null: never in this campaign"""
    note: str | None = None
    """the id of a note that the desk stores"""
    language: Annotated[str | None, PRIVATE] = None  # the voter's new language; None: unchanged
    answers: Mapping[str, str | None] = field(default_factory=dict)
    """answers to questions of the campaign's script, by name; null: the answer was withdrawn"""
    own_at: Annotated[float | None, PRIVATE] = None  # when the agent's own call-back is due, before `retry_at`
    place: VoterPlace | None = None
    """the voter whom the call was for, where there are answers"""

    @property
    def has_voter_requested_call_back(self) -> bool:
        """Return whether the voter asked to be called at `retry_at`."""
        return self.disposition in (Disposition.LATER, Disposition.CALL_BACK)


@dataclass(frozen=True, slots=True)
class Announcement:
    """A message to publish over MQTT. It is stored in the same transaction as its result, and contains only ids."""

    topic: str  # below dialer/v1/{centre}/
    payload: str  # JSON


@dataclass(frozen=True, slots=True)
class BoothTurnout:
    """The self-reported turnout of one polling booth."""

    __pydantic_config__ = MESSAGE

    booth_id: int
    constituency_number: int
    part_number: int
    voters: Count
    contacted: Count
    """voters with any mark"""
    voted: Count
    not_yet: Count
    without_number: Count = 0
    """voters without a mark who have no number that may be called"""
    constituency_name: Annotated[str, PRIVATE] = ""
    booth_name: Annotated[str, PRIVATE] = ""


@dataclass(frozen=True, slots=True)
class CampaignProgress:
    """A campaign's progress: the counts of completed and of remaining phone numbers."""

    __pydantic_config__ = MESSAGE

    total: Count
    completed: Count
    """numbers that are not called again in this campaign"""
    remaining: Count
    """numbers to be called, now or later"""
    attempts: Count
    """calls to these numbers so far, live ones included"""
    waiting: Count = 0
    """remaining numbers that are due later, such as retries"""
    refused: Mapping[str, int] = field(default_factory=dict)
    """numbers that the rules refuse until somebody changes something, by reason; they neither remain nor are completed"""
