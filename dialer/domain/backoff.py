"""Backoff: waiting times that double after each failure, up to a limit."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random


def double_seconds_up_to_limit(first_seconds: float, doublings: int, longest_seconds: float) -> float:
    """Return `first_seconds` doubled `doublings` times, but at most `longest_seconds`."""
    return min(longest_seconds, first_seconds * 2.0 ** min(doublings, 64))  # more would be too large for a float


@dataclass(frozen=True, slots=True)
class Backoff:
    """The delays between attempts to connect. The delay doubles after each failure, up to a limit."""

    first_seconds: float = 0.5
    longest_seconds: float = 30.0

    def calculate_seconds_until_next_attempt(self, failures: int, random: Random) -> float:
        """Return how long to wait before the next attempt to connect (seconds), after `failures` consecutive failures.

        The result is random, between half and all of the doubled delay, so that many diallers do not reconnect at once.
        """
        longest = double_seconds_up_to_limit(self.first_seconds, failures - 1, self.longest_seconds)
        return longest * random.uniform(0.5, 1.0)
