"""Updates between centres about voters and opt-outs. They contain no names, phone numbers or store ids. Pure."""

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
    """A mark of a voter from another centre."""

    place: VoterPlace
    mark: Mark  # its voter id is not valid here


@dataclass(frozen=True, slots=True)
class PeerUpdateBatch:
    """A batch of updates about other centres, from a stream of headquarters."""

    stream: str
    after: int  # the position before the first of them
    position: int  # the position of the last of them
    opt_outs: Sequence[ForeignOptOut]
    marks: Sequence[ForeignMark]
