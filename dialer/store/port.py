"""What the store takes and gives, beside the domain's own words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from dialer.domain.audit_chain import Head
from dialer.domain.model import Announcement, AttemptId, DispositionRecord, EndedAttempt, Mark
from dialer.domain.other_centres import VoterPlace


class Refusal(StrEnum):
    """Why an attempt was not opened: nothing was written and nothing may be dialled for it."""

    CLAIM_LOST = "claim-lost"  # the lease ran out, or the target was closed since
    OPEN_ATTEMPT = "open-attempt"  # the number is on a call already, in whatever campaign
    OPTED_OUT = "opted-out"
    NOBODY_PENDING = "nobody-pending"  # everybody on the number has voted or is closed
    ATTEMPT_CAP = "attempt-cap"  # attempts per number since the day's start, across campaigns
    CONVERSATION_CAP = "conversation-cap"  # conversations, likewise
    GAP = "gap"  # the number was called, or talked to, too short a time ago, in whatever campaign


class Unclaimed(StrEnum):
    """Why one number cannot be had from a campaign's list."""

    NOT_LISTED = "not-listed"
    CLOSED = "closed"  # in this campaign
    NOT_DUE = "not-due"  # yet
    IN_USE = "in-use"  # claimed already, or on a call


@dataclass(frozen=True, slots=True)
class SeatInterval:
    """A seat was in one state for a while."""

    seat: str
    agent: str | None
    state: str
    from_at: float
    until_at: float
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class SeatHours:
    """How long a centre's seats were in each state, of stretches that have come to their end."""

    until_at: float  # epoch seconds
    seats: int  # of which it tells
    seconds: Mapping[str, float]  # by state


@dataclass(frozen=True, slots=True)
class ReadinessMark:
    """A test mark: nothing but that it was made, to go the way of every result."""

    at: float  # epoch seconds


@dataclass(frozen=True, slots=True)
class LogIn:
    """An agent has a seat."""

    seat: str
    agent: str
    paused: bool  # now, or after the call; else ready
    reason: str | None  # of the pause
    at: float  # of the log-in or the last change


@dataclass(frozen=True, slots=True)
class StandingOrder:
    """What a supervisor has ordered, and the dialler goes on doing after a restart. A newer one takes its place."""

    addressee: str  # as `of_campaign` or `of_seat` has it; "centre" of a stop of everything
    command: str  # its name on the wire
    content: Mapping[str, Any]  # of JSON's values
    at: float  # epoch seconds
    until: float | None = None  # None: until it is taken back; a seat's ends with its agent's log-off in any case


def of_campaign(campaign_id: str) -> str:
    """A campaign as the addressee of standing orders."""
    return f"campaign/{campaign_id}"


def of_seat(seat: str) -> str:
    """A seat as the addressee of standing orders."""
    return f"seat/{seat}"


@dataclass(frozen=True, slots=True)
class OwnCallBack:
    """A call-back that an agent keeps to herself. Times are epoch seconds."""

    campaign_id: str
    phone_id: int
    agent: str
    attempt_id: str  # in which it was asked for
    at: float
    until: float  # from then on it is anyone's


@dataclass(frozen=True, slots=True)
class KeptUser:
    """Somebody who may give commands, and does not stand in the settings."""

    name: str
    role: str  # of dialer.domain.enums.USER_ROLES
    added_at: float  # epoch seconds: no password or passkey from before is this user's
    changed_at: float  # of the role: no session from before goes on


@dataclass(frozen=True, slots=True)
class KeptCommand:
    """What is kept of a command that was executed."""

    content: str  # hash of what it asked for
    reply: str


@dataclass(frozen=True, slots=True)
class AttemptNews:
    """An attempt has ended."""

    campaign_id: str
    ended: EndedAttempt


@dataclass(frozen=True, slots=True)
class MarkNews:
    """Something became known of a voter."""

    mark: Mark
    place: VoterPlace


@dataclass(frozen=True, slots=True)
class AnswersNews:
    """A caller has answered in a flow, or answered otherwise than before."""

    campaign_id: str
    attempt_id: AttemptId
    at: float  # epoch seconds
    answers: Mapping[str, str]  # by the flow's names, those alone that are new
    place: VoterPlace | None = None  # of whom the call addresses; None: of nobody on the roll


@dataclass(frozen=True, slots=True)
class DispositionNews:
    """An agent has said what came of a call, or something else than before."""

    record: DispositionRecord
    place: VoterPlace | None = None  # of whom the call addresses, where there are answers


@dataclass(frozen=True, slots=True)
class OptOutNews:
    """A number has opted out. Other centres know it by its keyed hash alone."""

    phone_id: int | None  # None: on no roll here
    at: float  # epoch seconds
    source: str
    attempt_id: AttemptId | None = None
    number_hash: str | None = None  # None: no secret is shared


News = AttemptNews | AnswersNews | DispositionNews | MarkNews | OptOutNews | SeatHours | ReadinessMark | Head
Encode = Callable[[News], Announcement]
"""Makes of news what is announced. Called in the transaction that commits what the news is of, perhaps more than once: pure."""


@dataclass(frozen=True, slots=True)
class OutboxRow:
    """An announcement that the broker has not taken yet."""

    outbox_id: int
    topic: str
    payload: str
    at: float


@dataclass(frozen=True, slots=True)
class MarkEffect:
    """What a mark changed."""

    recorded: bool  # False: this key was recorded before, or it was `in_vain`
    booth_id: int
    silenced_phones: tuple[int, ...] = ()  # numbers on which nobody is pending any more: cancel what rings there
    voter_silenced: bool = False  # the voter is not to be called any more, on any number
    reached_change: int = 0  # what the mark changed in the booth's turnout: voters reached for the first time, ...
    voted_change: int = 0
    not_yet_change: int = 0
    without_number_change: int = 0
    reopened: bool = False  # numbers of the voter wait in queues again
    # A correction of a voter who is still to be called: it is not kept, there is nothing to take back.
    in_vain: bool = False


@dataclass(frozen=True, slots=True)
class DispositionEffect:
    """What an agent's word changed."""

    marks: tuple[MarkEffect, ...]
    opted_out: bool = False  # the number, which had not opted out before
    language_before: str | None = None  # of whom the call addresses, where the word changed it
    answers_before: Mapping[str, str | None] = field(default_factory=dict)  # to the questions that it answered


@dataclass(frozen=True, slots=True)
class AuditNote:
    """Who answers for a record that comes from outside the calls; goes into the audit with it."""

    who: str
    at: float  # epoch seconds
    what: Mapping[str, str]  # ids and short reasons


@dataclass(frozen=True, slots=True)
class OptOutsTaken:
    """What opt-outs that came together changed."""

    fresh: int  # numbers that were not suppressed before
    phones: tuple[int, ...]  # those of them that are on the roll here: cancel what rings there


@dataclass(frozen=True, slots=True)
class NewsTaken:
    """What the news of other centres changed."""

    phones: tuple[int, ...] = ()  # suppressed by it: cancel what rings there
    marks: tuple[tuple[Mark, MarkEffect], ...] = ()  # with the ids of our voters
    unknown: int = 0  # marks of voters whom no roll here has
