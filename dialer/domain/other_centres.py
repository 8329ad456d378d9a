"""What centres know of each other's voters and numbers: no name, no number, and no id of a store. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dialer.domain.model import Mark
from dialer.domain.voter_place import VoterPlace


@dataclass(frozen=True, slots=True)
class ForeignOptOut:
    """A number that opted out in another centre."""

    number_hash: str
    at: float  # epoch seconds
    centre: str


@dataclass(frozen=True, slots=True)
class ForeignMark:
    """What became known of a voter in another centre."""

    place: VoterPlace
    mark: Mark  # its voter's id means nothing here


@dataclass(frozen=True, slots=True)
class ForeignNews:
    """A stretch of a stream in which headquarters tells of other centres."""

    stream: str
    after: int  # the position that they follow
    position: int  # of the last of them
    opt_outs: Sequence[ForeignOptOut]
    marks: Sequence[ForeignMark]
