"""What an account has spent today, and whether another call or SMS fits under its cap. Pure.

Twilio's own figure comes late, so what this process has caused is added up by the price list as well, and never taken back by a
reading that is smaller. A call that is under way counts with what it may still cost. So the cap is met early rather than late.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, slots=True)
class Prices:
    """In the account's currency."""

    per_minute: float  # of each leg; begun minutes count whole
    per_sms: float  # of each segment
    most_legs: int = 1  # of a call: two where a flow's transfer may dial on


class SpendMeter:
    """One account's day. Nothing may be spent before the first reading: a restart must not begin the day anew."""

    def __init__(self, prices: Prices, most_per_day: float | None) -> None:
        """`most_per_day` None: no cap."""
        self.most_legs = prices.most_legs
        self._prices = prices
        self._most = most_per_day
        self._read: float | None = None
        self._day: date | None = None  # that the readings are of, where Twilio says it
        self._spent = 0.0  # the greatest reading, and what was caused since, which it may hold already

    @property
    def spent(self) -> float:
        """Of today, as far as it is known."""
        return self._spent

    def reading(self, spent: float, day: date | None = None) -> None:
        """Twilio's own figure of today, and the account's date. It falls back to nothing at the account's midnight."""
        if self._day is not None and day is not None and day < self._day:
            return  # of a day that is over
        self._spent = spent if self._is_new_day(spent, day) else max(self._spent, spent)
        self._read = spent
        self._day = day or self._day

    def _is_new_day(self, spent: float, day: date | None) -> bool:
        """Twilio corrects its figure by a cent now and then: that ends no day."""
        if self._read is None:
            return True
        if self._day is not None:
            return day is not None and day > self._day
        return spent < self._read / 2

    def call_ended(self, seconds: int, legs: int = 1) -> None:
        """A call was billed for so many seconds. Of its legs each counts for as long as the first."""
        self._spent += legs * _minutes(seconds) * self._prices.per_minute

    def sms_sent(self, segments: int) -> None:
        """An SMS of so many segments was taken."""
        self._spent += segments * self._prices.per_sms

    def allows_call(self, live_calls: int, longest_seconds: float) -> bool:
        """Whether one more call fits beside `live_calls`, each of which may last `longest_seconds` still."""
        return self._fits(self._reserved(live_calls + 1, longest_seconds))

    def allows_sms(self, live_calls: int, longest_seconds: float, segments: int) -> bool:
        """Whether one more SMS fits beside `live_calls`, each of which may last `longest_seconds` still."""
        return self._fits(self._reserved(live_calls, longest_seconds) + segments * self._prices.per_sms)

    def _reserved(self, calls: int, longest_seconds: float) -> float:
        return calls * self._prices.most_legs * _minutes(longest_seconds) * self._prices.per_minute

    def _fits(self, amount: float) -> bool:
        if self._most is None:
            return True
        return self._read is not None and self.spent + amount <= self._most


def _minutes(seconds: float) -> int:
    return math.ceil(seconds / 60)
