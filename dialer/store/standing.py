"""How a voter stands by what was said of them: the marks decide, and the voter's row only keeps their answer. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import inf

from dialer.domain.enums import MarkKind
from dialer.domain.model import MarkSource

_CLOSING = frozenset({MarkKind.WILL_NOT, MarkKind.MOVED, MarkKind.DECEASED})


@dataclass(frozen=True, slots=True)
class VoterStanding:
    """What the table of voters keeps of them."""

    turnout: str = "pending"  # or "voted", "closed"
    reached: bool = False
    not_yet: bool = False  # still to go, and the last word said so


def with_word(stands: VoterStanding, kind: MarkKind, *, corrects: bool = False) -> VoterStanding:
    """How a voter stands after one more mark. VOTED wins; only what `corrects` takes it back."""
    if kind is MarkKind.WRONG_NUMBER:  # of the number, not of the voter
        return stands
    turnout = "pending" if corrects else stands.turnout
    if kind is MarkKind.VOTED:
        turnout = "voted"
    elif kind in _CLOSING and turnout != "voted":
        turnout = "closed"
    return VoterStanding(turnout, True, turnout == "pending" and kind in (MarkKind.NOT_YET, MarkKind.LATER))


def standing_of(marks: Iterable[tuple[str, str, float]]) -> VoterStanding:
    """How a voter stands by kind, source and moment of the marks that were not taken back, in the order in which they came. A
    correction changes nothing where somebody has said "voted" of a later moment than its own, and that was neither taken back nor
    corrected before it; nor does one that has nothing to take back any more, since what it took back was said by a slip that was
    taken back too.
    """
    stands, voted_at = VoterStanding(), -inf
    for kind, source, said_at in marks:
        if source == MarkSource.CORRECTION.value and stands.turnout == "pending":
            continue
        corrects = source == MarkSource.CORRECTION.value and said_at >= voted_at
        if kind == MarkKind.VOTED.value:
            voted_at = max(voted_at, said_at)
        elif corrects:
            voted_at = -inf
        stands = with_word(stands, MarkKind(kind), corrects=corrects)
    return stands
