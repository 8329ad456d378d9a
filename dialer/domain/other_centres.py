"""Updates from other centres: opt-outs, facts about voters (marks), and times of calls.

The updates identify voters and numbers without names, phone numbers or store ids.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from dialer.domain.model import Direction, Mark, Outcome
from dialer.domain.voter_place import VoterPlace


@dataclass(frozen=True, slots=True)
class PeerOptOutRecord:
    """The opt-out of a phone number in another centre."""

    number_hash: str
    at: float  # epoch seconds
    centre: str


@dataclass(frozen=True, slots=True)
class PeerMarkRecord:
    """A mark (a fact about a voter) made in another centre."""

    place: VoterPlace
    mark: Mark  # its voter id is not valid in this centre


CALLS_KEPT_SECONDS = 4 * 86_400.0
"""How long other centres' call times are stored: longer than the redial lock of every jurisdiction profile (72 hours)."""


class PeerCallKind(StrEnum):
    """The kind of a call that another centre made. The kind decides for how long the number must not be called again."""

    CALL = "call"  # without a conversation
    CONVERSATION = "conversation"
    ABANDONED = "abandoned"
    INBOUND = "inbound"  # a conversation with a voter who called


class PeerCallTimes(NamedTuple):
    """The times of other centres' last calls to a number (epoch seconds; None: never)."""

    called_at: float | None = None
    talked_at: float | None = None
    abandoned_at: float | None = None


@dataclass(frozen=True, slots=True)
class PeerCallRecord:
    """A call that another centre made to a number, or received from it."""

    number_hash: str
    at: float  # when it ended (epoch seconds)
    kind: PeerCallKind

    @property
    def call_times_changed_by_this_call(self) -> PeerCallTimes:
        """The call times of the number that this call changes (epoch seconds; None = no change).

        An inbound call changes only the time of the last conversation.
        """
        return PeerCallTimes(
            None if self.kind is PeerCallKind.INBOUND else self.at,
            self.at if self.kind in {PeerCallKind.CONVERSATION, PeerCallKind.INBOUND} else None,
            self.at if self.kind is PeerCallKind.ABANDONED else None,
        )


def classify_call_for_other_centres(outcome: str, direction: str, *, is_connected: bool) -> PeerCallKind | None:
    """Return the kind of a call for other centres' minimum intervals, or None if the call starts no interval.

    `dialer/store/number_facts.sql` has the same rule for this centre.
    """
    is_conversation = outcome == Outcome.COMPLETED or (is_connected and outcome != Outcome.MACHINE)
    if direction == Direction.INBOUND:
        return PeerCallKind.INBOUND if is_conversation else None
    if outcome == Outcome.REFUSED:
        return None
    if outcome == Outcome.ABANDONED:
        return PeerCallKind.ABANDONED
    return PeerCallKind.CONVERSATION if is_conversation else PeerCallKind.CALL


def find_later_of_two_times(one: float | None, other: float | None) -> float | None:
    """Return the later one of two times; each may be None."""
    return one if other is None else other if one is None else max(one, other)


@dataclass(frozen=True, slots=True)
class PeerUpdateBatch:
    """Opt-outs, marks (facts about voters) and calls of other centres, sent by headquarters in one message."""

    stream: str
    after: int  # position in the stream before the first update
    position: int  # position in the stream of the last update
    opt_outs: Sequence[PeerOptOutRecord]
    marks: Sequence[PeerMarkRecord]
    calls: Sequence[PeerCallRecord] = ()
    forget_calls_before: float = 0.0  # epoch seconds
    stored_at: float | None = None  # when nats-server stored the message at `position` (epoch seconds); None: unknown
