"""The schedules on which the model asks pacing policies for decisions."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass

from dialer.pacing.port import Pacer


@dataclass(frozen=True, slots=True)
class Schedule:
    """The moments at which a policy decides: after events, and at least once per heartbeat."""

    on_events: bool = True
    heartbeat_seconds: float = 1.0


EVENT_DRIVEN = Schedule()
"""The engine's schedule."""


class SelfTimedPacer(Pacer):
    """A policy that runs loops of its own and names the time of its next decision."""

    @abstractmethod
    def next_decision_seconds(self) -> float:
        """Return the time of the next decision, on the clock of the snapshots."""
