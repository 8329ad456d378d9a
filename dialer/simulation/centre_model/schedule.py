"""The schedules on which the model asks pacing policies for decisions."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass

from dialer.pacing.port import Pacer


@dataclass(frozen=True, slots=True)
class Schedule:
    """The moments at which a pacing policy decides how many calls to start: after events, and at least once per
    heartbeat.
    """

    on_events: bool = True
    heartbeat_seconds: float = 1.0


EVENT_DRIVEN = Schedule()
"""The engine's schedule."""


class SelfTimedPacer(Pacer):
    """A pacing policy that has its own timing: it names the time of its next decision."""

    @abstractmethod
    def get_time_of_next_decision(self) -> float:
        """Return when the policy makes its next pacing decision (seconds on the clock of the pacing snapshots)."""
