"""Listening to seats: who may do what, by role. Pure. What is not allowed here is not allowed."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from dialer import commands
from dialer.switch.port import PartyId, Place, PlaceKind


class EarMode(StrEnum):
    """How a supervisor is with a seat."""

    LISTEN = "listen"
    WHISPER = "whisper"  # the agent hears the supervisor, the voter does not
    BARGE = "barge"  # everybody hears everybody


class EarRole(StrEnum):
    """A supervisor's role."""

    LISTENER = "listener"
    COACH = "coach"
    SUPERVISOR = "supervisor"


MAY: dict[EarRole, frozenset[EarMode]] = {
    EarRole.LISTENER: frozenset({EarMode.LISTEN}),
    EarRole.COACH: frozenset({EarMode.LISTEN, EarMode.WHISPER}),
    EarRole.SUPERVISOR: frozenset(EarMode),
}

MODES: dict[type[commands.Listen | commands.Whisper | commands.Barge], EarMode] = {
    commands.Listen: EarMode.LISTEN,
    commands.Whisper: EarMode.WHISPER,
    commands.Barge: EarMode.BARGE,
}

_KINDS = {EarMode.LISTEN: PlaceKind.LISTEN, EarMode.WHISPER: PlaceKind.WHISPER, EarMode.BARGE: PlaceKind.SEAT}


@dataclass(frozen=True, slots=True)
class SupervisorPhone:
    """A supervisor of the settings."""

    name: str
    endpoint: str
    role: EarRole


@dataclass(frozen=True, slots=True)
class Ear:
    """A supervisor who is with a seat."""

    supervisor: str
    seat: str
    mode: EarMode
    party_id: PartyId

    @property
    def place(self) -> Place:
        """Where the supervisor's channel stands for that."""
        return Place(_KINDS[self.mode], self.seat)
