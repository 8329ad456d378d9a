"""How long to wait before the next attempt: doubled after each failure, and spread by chance."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random


@dataclass(frozen=True, slots=True)
class Backoff:
    """Waits between attempts to reach somebody."""

    first_seconds: float = 0.5
    longest_seconds: float = 30.0

    def seconds(self, failures: int, random: Random) -> float:
        """The wait after so many failures in a row (1 or more), doubled each time; the upper half of it is random.

        Jitter keeps many diallers from coming back to one peer in step.
        """
        longest = min(self.longest_seconds, self.first_seconds * 2.0 ** min(failures - 1, 32))
        return longest * random.uniform(0.5, 1.0)
