"""Listening to seats: who may do what, by role. Pure. What is not allowed here is not allowed."""

from __future__ import annotations

from dataclasses import dataclass

from dialer.domain.enums import SupervisorRole
from dialer.domain.model import ListeningMode
from dialer.domain.parties import PartyId, Place, PlaceKind

MAY: dict[SupervisorRole, frozenset[ListeningMode]] = {
    SupervisorRole.LISTENER: frozenset({ListeningMode.LISTEN}),
    SupervisorRole.COACH: frozenset({ListeningMode.LISTEN, ListeningMode.WHISPER}),
    SupervisorRole.SUPERVISOR: frozenset(ListeningMode),
}

_KINDS = {
    ListeningMode.LISTEN: PlaceKind.LISTEN,
    ListeningMode.WHISPER: PlaceKind.WHISPER,
    ListeningMode.BARGE: PlaceKind.SEAT,
}


@dataclass(frozen=True, slots=True)
class SupervisorPhone:
    """A supervisor of the settings."""

    name: str
    endpoint: str
    role: SupervisorRole


@dataclass(frozen=True, slots=True)
class Listener:
    """A supervisor who is with a seat."""

    phone: SupervisorPhone  # as the settings had it when the listening began
    seat: str
    mode: ListeningMode
    party_id: PartyId

    @property
    def place(self) -> Place:
        """Where the supervisor's channel stands for that."""
        return Place(_KINDS[self.mode], self.seat)
