"""Third parties of a call (transfer targets, monitoring supervisors): their ids and places."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final, NewType

from dialer.domain.model import AttemptId

PartyId = NewType("PartyId", str)
"""The id of a third party's channel, from `make_transfer_party_id` or `make_supervision_party_id`."""

TRANSFER_PARTY: Final = "help-"
SUPERVISION_PARTY: Final = "ear-"

_ATTEMPT_ID_LENGTH: Final = 36  # a UUID


class PlaceKind(StrEnum):
    """A kind of place where a third party of a call (transfer target or supervisor) can be."""

    SEAT = "seat"  # in a seat's conference: a consult, a three-way call, a barge
    HANDOVER = "handover"  # in a conference with the voter alone, without an agent
    LISTEN = "listen"  # listens to a seat
    WHISPER = "whisper"  # listens to a seat, and is heard by its agent only


@dataclass(frozen=True, slots=True)
class Place:
    """The place of a third party in a call: an agent's seat (by its name), or a transferred call without an agent (by
    its attempt id).
    """

    kind: PlaceKind
    name: str


def make_transfer_party_id(attempt_id: AttemptId, target: str, token: str) -> PartyId:
    """Return a new id for a call to a transfer target. It contains the attempt id and the target's name in the
    settings.

    Asterisk's channels carry the id, so a restarted dialler can read both from it. `token` makes the id unique.
    """
    return PartyId(f"{TRANSFER_PARTY}{attempt_id}-{target}-{token}")


def make_supervision_party_id(token: str) -> PartyId:
    """Return a new id for a supervisor's phone that is called for monitoring. `token` makes it unique."""
    return PartyId(f"{SUPERVISION_PARTY}{token}")


def parse_transfer_attempt_id(party_id: PartyId) -> AttemptId | None:
    """Return the attempt id that a transfer target's id contains. Return None for the id of a supervisor's phone."""
    if not party_id.startswith(TRANSFER_PARTY):
        return None
    return AttemptId(party_id[len(TRANSFER_PARTY) :][:_ATTEMPT_ID_LENGTH])


def parse_transfer_target_name(party_id: PartyId) -> str | None:
    """Return the target's name that a transfer target's id contains. Return None for the id of a supervisor's phone."""
    if not party_id.startswith(TRANSFER_PARTY):
        return None
    return party_id[len(TRANSFER_PARTY) + _ATTEMPT_ID_LENGTH + 1 :].rpartition("-")[0] or None
