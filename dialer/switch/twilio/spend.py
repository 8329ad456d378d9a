"""What an account has spent today, and whether another call fits under its cap. Pure.

Twilio's own figure comes late and is read now and then; what has happened since the reading is added by the price list, and a call
that is under way counts with what it may still cost. So the cap is met early rather than late.
"""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Prices:
    """In the account's currency."""

    per_minute: float  # begun minutes count whole
    per_sms: float


class SpendMeter:
    """One account's day. Nothing may be spent before the first reading: a restart must not begin the day anew."""

    def __init__(self, prices: Prices, most_per_day: float | None) -> None:
        """`most_per_day` None: no cap."""
        self._prices = prices
        self._most = most_per_day
        self._read: float | None = None
        self._since = 0.0

    @property
    def spent(self) -> float:
        """Of today, as far as it is known."""
        return (self._read or 0.0) + self._since

    def reading(self, spent: float) -> None:
        """Twilio's own figure of today. It falls back to nothing at the account's midnight."""
        self._read, self._since = max(0.0, spent), 0.0

    def call_ended(self, seconds: int) -> None:
        """A call was billed for so many seconds."""
        self._since += math.ceil(seconds / 60) * self._prices.per_minute

    def sms_sent(self) -> None:
        """An SMS was taken."""
        self._since += self._prices.per_sms

    def allows_call(self, live_calls: int, longest_seconds: float) -> bool:
        """Whether one more call fits beside `live_calls`, each of which may last `longest_seconds` still."""
        whole_call = math.ceil(longest_seconds / 60) * self._prices.per_minute
        return self._fits((live_calls + 1) * whole_call)

    def allows_sms(self) -> bool:
        """Whether one more SMS fits."""
        return self._fits(self._prices.per_sms)

    def _fits(self, amount: float) -> bool:
        if self._most is None:
            return True
        return self._read is not None and self.spent + amount <= self._most
