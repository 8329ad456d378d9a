"""Updates that leave the centre through the outbox: ended attempts, marks, answers, dispositions, opt-outs, and telemetry."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from dialer.domain.audit_chain import Head
from dialer.domain.model import Announcement, AttemptId, DispositionRecord, EndedAttempt, Mark
from dialer.domain.other_centres import VoterPlace


@dataclass(frozen=True, slots=True)
class AttemptUpdate:
    """An attempt that ended."""

    campaign_id: str
    ended: EndedAttempt


@dataclass(frozen=True, slots=True)
class MarkUpdate:
    """A new mark of a voter."""

    mark: Mark
    place: VoterPlace


@dataclass(frozen=True, slots=True)
class AnswersUpdate:
    """Answers of a caller in a flow that are new or changed."""

    campaign_id: str
    attempt_id: AttemptId
    at: float  # epoch seconds
    answers: Mapping[str, str]  # by their names in the flow
    place: VoterPlace | None = None  # of the voter whom the call addresses; None: nobody on the roll


@dataclass(frozen=True, slots=True)
class DispositionUpdate:
    """The disposition of a call, new or changed."""

    record: DispositionRecord
    place: VoterPlace | None = None  # of the voter whom the call addresses, where there are answers


@dataclass(frozen=True, slots=True)
class OptOutUpdate:
    """A number that opted out. Other centres know it by its keyed hash only."""

    phone_id: int | None  # None: the number is not on the roll of this centre
    at: float  # epoch seconds
    source: str
    attempt_id: AttemptId | None = None
    number_hash: str | None = None  # None: the centres share no secret


@dataclass(frozen=True, slots=True)
class SeatHours:
    """The time that a centre's seats spent in each state, counting intervals that have ended."""

    until_at: float  # epoch seconds
    seats: int
    seconds: Mapping[str, float]  # by state


@dataclass(frozen=True, slots=True)
class ReadinessMark:
    """A test mark, sent on the path of all results to show that it works."""

    at: float  # epoch seconds


Update = (
    AttemptUpdate | AnswersUpdate | DispositionUpdate | MarkUpdate | OptOutUpdate | SeatHours | ReadinessMark | Head
)
Encode = Callable[[Update], Announcement]
"""Encodes an update as an announcement. Called in the transaction that commits the update, perhaps repeatedly: it must be pure."""
