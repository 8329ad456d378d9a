"""Backoff between attempts to connect: doubled after each failure, with jitter."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random


@dataclass(frozen=True, slots=True)
class Backoff:
    """Limits for the waiting time between attempts to connect, which grows with each failure."""

    first_seconds: float = 0.5
    longest_seconds: float = 30.0

    def calculate_seconds_until_next_attempt(self, failures: int, random: Random) -> float:
        """Return how long to wait before the next attempt to connect (seconds), after `failures` consecutive failures.

        The time doubles with each failure. Its upper half is random, so that many diallers do not reconnect at the same
        moment.
        """
        longest = min(self.longest_seconds, self.first_seconds * 2.0 ** min(failures - 1, 32))
        return longest * random.uniform(0.5, 1.0)
