"""Schedules that determine when the model asks a pacing policy for a decision."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass

from dialer.pacing.port import Pacer


@dataclass(frozen=True, slots=True)
class Schedule:
    """The moments at which a pacing policy decides how many calls to start.

    It decides at least every `heartbeat_seconds`, and with `on_events` also after events.
    """

    on_events: bool = True
    heartbeat_seconds: float = 1.0


EVENT_DRIVEN = Schedule()
"""The engine's schedule."""


class SelfTimedPacer(Pacer):
    """A pacing policy that chooses the times of its own decisions."""

    @abstractmethod
    def get_time_of_next_decision(self) -> float:
        """Return when the policy makes its next pacing decision (seconds on the clock of the pacing snapshots)."""
