"""Supervisors' monitoring of seats, and the modes that each role may use. This module does no I/O.

Every mode that is not listed is forbidden.
"""

from __future__ import annotations

from dataclasses import dataclass

from dialer.domain.enums import SupervisorRole
from dialer.domain.model import ListeningMode
from dialer.domain.parties import PartyId, Place, PlaceKind

ALLOWED_MODES: dict[SupervisorRole, frozenset[ListeningMode]] = {
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
    """A supervisor in the settings, with the supervisor's phone and role."""

    name: str
    endpoint: str
    role: SupervisorRole


@dataclass(frozen=True, slots=True)
class Listener:
    """A supervisor who monitors an agent's seat."""

    phone: SupervisorPhone  # from the settings when the monitoring began
    seat: str
    mode: ListeningMode
    party_id: PartyId

    @property
    def expected_conference_or_channel_of_supervisor(self) -> Place:
        """Return the Asterisk conference or channel in which the supervisor's phone must be, according to the
        monitoring mode.
        """
        return Place(_KINDS[self.mode], self.seat)


class Listeners:
    """The supervisors who are monitoring seats, and what each of them monitors, by the supervisor's name."""

    def __init__(self) -> None:
        self._listeners: dict[str, Listener] = {}

    def __bool__(self) -> bool:
        """Return whether a supervisor monitors any seat."""
        return bool(self._listeners)

    def find_monitoring_by_supervisor(self, supervisor: str) -> Listener | None:
        """Return which seat a supervisor monitors, and how, or None if the supervisor monitors no seat."""
        return self._listeners.get(supervisor)

    def list_monitoring_supervisors(self) -> list[Listener]:
        """Return all supervisors who are monitoring."""
        return [*self._listeners.values()]

    def add_or_replace_monitoring_supervisor(self, listener: Listener) -> None:
        """Store which seat a supervisor monitors. Any earlier monitoring by this supervisor is replaced."""
        self._listeners[listener.phone.name] = listener

    def remove_monitoring_supervisor(self, listener: Listener) -> bool:
        """Remove a supervisor who monitored a seat. Return False if the supervisor has started another monitoring
        since.
        """
        if self._listeners.get(listener.phone.name) is not listener:
            return False
        del self._listeners[listener.phone.name]
        return True
