"""The status of a voter, derived from the facts about the voter (marks). The voter's row has a copy, for fast reading."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import inf

from dialer.domain.enums import MarkKind
from dialer.domain.model import MarkSource

_CLOSING = frozenset({MarkKind.WILL_NOT, MarkKind.MOVED, MarkKind.DECEASED})


@dataclass(frozen=True, slots=True)
class VoterStatus:
    """The status of a voter that follows from the marks (facts about voters)."""

    turnout: str = "pending"  # or "voted", "closed"
    contacted: bool = False
    not_yet: bool = False  # still to vote, by the last mark


def compute_voter_status_after_mark(status: VoterStatus, kind: MarkKind, *, corrects: bool = False) -> VoterStatus:
    """Return the voter's status after one more mark (fact about a voter). The status VOTED stays, unless the new mark
    `corrects` it.
    """
    if kind is MarkKind.WRONG_NUMBER:  # says something about the number, not the voter
        return status
    turnout = "pending" if corrects else status.turnout
    if kind is MarkKind.VOTED:
        turnout = "voted"
    elif kind in _CLOSING and turnout != "voted":
        turnout = "closed"
    return VoterStatus(turnout, True, turnout == "pending" and kind in (MarkKind.NOT_YET, MarkKind.LATER))


def derive_voter_status(marks: Iterable[tuple[str, str, float]]) -> VoterStatus:
    """Return the status of a voter that follows from the facts about the voter (marks).

    `marks` has the kind, source and time of each mark that was not undone, in stored order. A correction revokes an
    earlier mark "voted", except in two cases:

    - The mark "voted" was stored before the correction, but has a later time.
    - The voter is pending, because the mark "voted" was undone or corrected.
    """
    status, voted_at = VoterStatus(), -inf
    for kind, source, at in marks:
        if source == MarkSource.CORRECTION.value and status.turnout == "pending":
            continue
        corrects = source == MarkSource.CORRECTION.value and at >= voted_at
        if kind == MarkKind.VOTED.value:
            voted_at = max(voted_at, at)
        elif corrects:
            voted_at = -inf
        status = compute_voter_status_after_mark(status, MarkKind(kind), corrects=corrects)
    return status
