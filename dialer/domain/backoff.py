"""Backoff between attempts to connect: doubled after each failure, with jitter."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random


@dataclass(frozen=True, slots=True)
class Backoff:
    """Waiting times between attempts to connect."""

    first_seconds: float = 0.5
    longest_seconds: float = 30.0

    def calculate_wait_seconds(self, failures: int, random: Random) -> float:
        """Return the wait after a number of consecutive failures (1 or more). It doubles each time, with a random upper
        half.

        The jitter keeps many diallers from reconnecting to one peer at the same moment.
        """
        longest = min(self.longest_seconds, self.first_seconds * 2.0 ** min(failures - 1, 32))
        return longest * random.uniform(0.5, 1.0)
