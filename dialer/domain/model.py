"""The words of the domain as types: campaigns, attempts, outcomes, dispositions, marks."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated, NewType

from pydantic import Field

from dialer.domain.enums import InboundMode, MarkKind
from dialer.domain.phone_facts import PhoneFacts
from dialer.domain.schema import MESSAGE, PRIVATE, Count, Time
from dialer.domain.voter_place import VoterPlace

AttemptId = NewType("AttemptId", str)
"""A UUID in its 36-character form: the attempt's key, the channel's id and the Originate's ActionID in one."""


class CampaignState(StrEnum):
    """What an operator asked of a campaign."""

    RUNNING = "running"
    PAUSED = "paused"  # no new calls; live ones go on
    STOPPED = "stopped"  # no new calls, ringing ones cancelled; `resume` lets it dial again, and nothing else does


MOST_CALLS = 500
LEAST_PER_SEAT, MOST_PER_SEAT = 0.1, 10.0
"""What a campaign's speed may be held to."""


class Outcome(StrEnum):
    """How an attempt ended. Exactly one per attempt."""

    CONNECTED = "connected"  # answered, and a seat took it
    COMPLETED = "completed"  # answered, and the flow came to its end
    LEFT = "left"  # answered, and the voter hung up inside the flow
    ABANDONED = "abandoned"  # answered, no seat in time: heard the information message
    DROPPED = "dropped"  # answered, and the voter hung up before the connect limit, waiting
    MACHINE = "machine"
    BUSY = "busy"
    NO_ANSWER = "no-answer"
    INVALID_NUMBER = "invalid-number"
    CONGESTION = "congestion"
    REJECTED = "rejected"
    CARRIER_FAILURE = "carrier-failure"
    CANCELLED = "cancelled"  # we hung up before an answer
    REFUSED = "refused"  # the switch or a rule refused: certainly not placed
    MISSED = "missed"  # inbound, and never answered: by design (a missed call), or the caller was gone before
    UNKNOWN = "unknown"  # what became of it cannot be known; not dialled again without a person's say-so

    @property
    def answered(self) -> bool:
        """Whether somebody or something picked up."""
        return self in ANSWERED


ANSWERED = frozenset(
    {Outcome.CONNECTED, Outcome.COMPLETED, Outcome.LEFT, Outcome.ABANDONED, Outcome.DROPPED, Outcome.MACHINE}
)
LIVE_ANSWERS = frozenset({Outcome.CONNECTED, Outcome.ABANDONED, Outcome.DROPPED})
"""The denominator of the abandoned share, `live-answers` of the profiles: answers by a person for whom a seat was wanted. What
a flow answered was abandoned by nobody, and would thin out the share of what was."""


@dataclass(frozen=True, slots=True)
class AbandonedShare:
    """Abandoned calls over live answers, as every view of it shows it."""

    live_answers: int
    abandoned: int

    @property
    def share(self) -> float:
        """0 to 1; 0 where nobody answered."""
        return self.abandoned / self.live_answers if self.live_answers else 0.0


def abandoned_share(outcomes: Mapping[Outcome, int] | Mapping[str, int]) -> AbandonedShare:
    """The share of calls that ended so: of one campaign, as the profiles' caps are, or of several told together."""
    return AbandonedShare(sum(outcomes.get(each, 0) for each in LIVE_ANSWERS), outcomes.get(Outcome.ABANDONED, 0))


class Disposition(StrEnum):
    """What an agent says of a call. `DISPOSITION_KEYS` has the phone's key for each."""

    VOTED = "voted"
    NOT_YET = "not-yet"
    LATER = "later"  # "about what time will you go?" - with an hour
    WILL_NOT = "will-not"
    WRONG_NUMBER = "wrong-number"
    CALL_BACK = "call-back"  # away, or asked to be called another time
    LANGUAGE = "language"  # no common language
    REFUSED = "refused"  # would not talk; the number is suppressed
    OPT_OUT = "opt-out"
    MACHINE = "machine"  # an answering machine: the call counts as no answer by a person
    NONE = "none"  # wrap-up ran out without a key


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
"""What each key of an agent's phone says of a call; `NONE` has no key."""


class ListeningMode(StrEnum):
    """How a supervisor is with a seat."""

    LISTEN = "listen"
    WHISPER = "whisper"  # the agent hears the supervisor, the voter does not
    BARGE = "barge"  # everybody hears everybody


class MarkSource(StrEnum):
    """Who or what a mark comes from."""

    VOTER_KEY = "voter-key"  # keyed in an IVR flow
    AGENT = "agent"
    RELATIVE = "relative"
    BOOTH_WORKER = "booth-worker"
    IMPORT = "import"
    CORRECTION = "correction"


class Confidence(StrEnum):
    """How sure a mark is: where its knowledge comes from."""

    SEEN = "seen"  # at the booth: struck off the list, or known by sight
    SAID = "said"  # by the voter
    TOLD = "told"  # by another, or it is not known by whom


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


@dataclass(frozen=True, slots=True)
class Booth:
    """A polling station of the roll, as flows, agents and turnout tables name it."""

    booth_id: int
    constituency_number: int
    part_number: int
    name: str
    language: str  # ISO 639-1
    closes_at: str  # "18:00", local time of the poll
    constituency_name: str = ""
    state_code: str = ""  # as the roll has it, in capitals


NO_VOTER = 0
"""In place of a voter's id: a booth worker's call addresses none."""


@dataclass(frozen=True, slots=True)
class BoothWorker:
    """Who stands at polling booths with the list, and is called for the serials of those who have voted."""

    worker_id: int
    language: str
    booth_ids: tuple[int, ...]  # at least one, of one constituency


@dataclass(frozen=True, slots=True)
class Claim:
    """A number taken from the queue under a lease, with what the call needs to know. It is not dialled yet."""

    campaign_id: str
    phone_id: int
    number: str  # E.164
    attempt_number: int  # 1 for the first of this campaign to this number
    voter_id: int  # the pending voter whom the call addresses; NO_VOTER: a booth worker
    pending_voters: int  # on this number, the addressed one included
    language: str
    booth_id: int
    facts: PhoneFacts | None = None  # None: nothing is known of the number, and the rules forbid to dial it
    queue_booth_id: int = 0  # in whose queue the number stands: of its first voter when it was enrolled
    weight: float = 1.0  # of the voters who were pending on the number then
    worker: BoothWorker | None = None  # whom a campaign for booth workers calls
    leased_until: float = field(default=math.inf, compare=False)  # epoch seconds: then the store gives it to others
    promised: bool = False  # the person asked for this call


@dataclass(frozen=True, slots=True)
class VotingBooths:
    """The booths that vote on a polling day, for as long as they come first."""

    booth_ids: Collection[int]
    until: float  # epoch second: the end of that day


@dataclass(frozen=True, slots=True)
class NewAttempt:
    """An attempt as it is committed before anything is written to the switch."""

    attempt_id: AttemptId
    claim: Claim
    trunk: str
    caller_id: str
    at: float  # epoch seconds
    grounds: str | None = None  # why it is lawful, as `Gate.grounds` tells; None: nobody asked
    gap_seconds: float | None = None  # since the end of the last call to the number; None: there was none


class Direction(StrEnum):
    """Who called whom."""

    OUTBOUND = "outbound"
    INBOUND = "inbound"


@dataclass(frozen=True, slots=True)
class NewInbound:
    """A call that comes in, as it is committed before anything is answered."""

    attempt_id: AttemptId
    campaign_id: str  # whose list and rules the number is for
    at: float  # epoch seconds
    called: str  # our number
    number: str | None  # the caller's, E.164; None: withheld
    trunk: str
    mode: InboundMode
    call_back_at: float | None = None  # of a missed call: when the number is due


@dataclass(frozen=True, slots=True)
class InboundParty:
    """Whose number calls: a voter of the roll."""

    phone_id: int
    voter_id: int
    booth_id: int
    language: str
    pending_voters: int
    opted_out: bool


@dataclass(frozen=True, slots=True)
class OpenAttempt:
    """An attempt that has no end yet, as found in the store after a start or a reconnect."""

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
    caller_id: str = ""  # our number in this call
    pending_voters: int = 1  # on the number now, who was called included
    worker: BoothWorker | None = None
    said: MarkKind | None = None  # the last mark of this call
    said_hour: int | None = None
    disposition: Disposition | None = None  # what the agent said of it so far
    disposed_at: float | None = None
    agent: str | None = None  # to whom the voter talked


@dataclass(frozen=True, slots=True)
class EndedAttempt:
    """An attempt has ended. A repeat with the same `attempt_id` is the same result."""

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
    """the node of the flow at which the voter hung up"""
    retry_at: Time | None = None
    """when the number may be called again; null: never in this campaign"""
    direction: Direction = Direction.OUTBOUND
    """inbound: the voter called us"""
    campaign_id: str = ""  # the store fills it in when it announces the result
    counted: Annotated[bool, PRIVATE] = True  # False: the trunk failed, which uses up no attempt of the number
    promised: Annotated[bool, PRIVATE] = False  # whether the voter asked for `retry_at`


@dataclass(frozen=True, slots=True)
class Mark:
    """Something became known about a voter. `key` identifies it: a repeat changes nothing."""

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
    def surety(self) -> Confidence:
        """The confidence of the mark: that of its source unless it has its own."""
        return self.confidence or USUAL_CONFIDENCE[self.source]


@dataclass(frozen=True, slots=True)
class UnknownSerial:
    """A serial that a booth worker gave and that nobody has."""

    key: str  # the same key is recorded once
    attempt_id: AttemptId
    worker_id: int
    serial: int
    booth_id: int | None  # None: the part is none of the worker's
    at: float


@dataclass(frozen=True, slots=True)
class VoterOutcome:
    """What was said in a call of one voter on its number."""

    voter_id: int
    kind: MarkKind
    hour: int | None = None  # 0-23, with LATER
    confidence: Confidence | None = None  # None: said by whom the call addresses, told of others


@dataclass(frozen=True, slots=True)
class DispositionDetails:
    """What an agent may say of a call beside its disposition."""

    attempt_id: AttemptId | None = None  # None: of the call that the seat has, as the phone's keys mean it
    voters: tuple[VoterOutcome, ...] = ()
    call_back_at: float | None = None  # epoch seconds, with CALL_BACK
    own: bool = False  # that call-back: the same agent's, if there and ready
    language: str | None = None  # of the voter, with LANGUAGE
    note: str | None = None  # the id of one that is kept elsewhere
    answers: Mapping[str, str] = field(default_factory=dict)  # to the script's questions, by their names


@dataclass(frozen=True, slots=True)
class Receipt:
    """The answer to a command, kept in the transaction that does it: it is done once, and never without that answer."""

    key: str  # the sender's and the command's id
    name: str
    content: str  # hash of what it asks for
    reply: str  # JSON


@dataclass(frozen=True, slots=True)
class DispositionRecord:
    """What an agent reported about a call. A later one of the same `attempt_id` replaces the earlier one."""

    __pydantic_config__ = MESSAGE

    attempt_id: AttemptId
    disposition: Disposition
    at: Time
    agent: str | None
    retry_at: Time | None
    """when the number may be called again; null: never in this campaign"""
    note: str | None = None
    """the id of a note that the desk stores"""
    language: Annotated[str | None, PRIVATE] = None  # the voter's from now on; None: unchanged
    answers: Mapping[str, str | None] = field(default_factory=dict)
    """answers to questions of the campaign's script, by name; null: the answer was withdrawn"""
    own_at: Annotated[float | None, PRIVATE] = None  # when the agent's own call-back is due, before `retry_at`
    place: VoterPlace | None = None
    """the voter whom the call was for, where there are answers"""

    @property
    def promised(self) -> bool:
        """Whether that is what was asked for in the call."""
        return self.disposition in (Disposition.LATER, Disposition.CALL_BACK)


@dataclass(frozen=True, slots=True)
class Announcement:
    """A result on its way to the broker, committed together with the result. Ids only: no name, no number."""

    topic: str  # below dialer/v1/{centre}/
    payload: str  # JSON


@dataclass(frozen=True, slots=True)
class BoothTurnout:
    """The self-reported turnout of one booth."""

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
    """How far a campaign is through its list, in numbers."""

    __pydantic_config__ = MESSAGE

    total: Count
    completed: Count
    """numbers that are not called again in this campaign"""
    remaining: Count
    """numbers to be called, now or later"""
    attempts: Count
    """calls to these numbers so far, live ones included"""
