"""Updates about voters and opt-outs from other centres. They contain no names, phone numbers or store ids. Without I/O."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dialer.domain.model import Mark
from dialer.domain.voter_place import VoterPlace


@dataclass(frozen=True, slots=True)
class PeerOptOutRecord:
    """The opt-out of a phone number in another centre."""

    number_hash: str
    at: float  # epoch seconds
    centre: str


@dataclass(frozen=True, slots=True)
class PeerMarkRecord:
    """A mark (a recorded answer about a voter) made in another centre."""

    place: VoterPlace
    mark: Mark  # its voter id is not valid in this centre


@dataclass(frozen=True, slots=True)
class PeerUpdateBatch:
    """Opt-outs and marks (recorded answers about voters) from other centres, sent by headquarters in one message."""

    stream: str
    after: int  # position in the stream before the first update
    position: int  # position in the stream of the last update
    opt_outs: Sequence[PeerOptOutRecord]
    marks: Sequence[PeerMarkRecord]
