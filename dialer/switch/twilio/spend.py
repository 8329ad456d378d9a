"""What an account has spent today, and whether another call or SMS fits under its cap. Pure.

Twilio's own figure comes late, so what this process has caused is added up by the price list as well, and never taken
back by a reading that is smaller. A call that is under way counts with what it may still cost. So the cap is met early
rather than late.
"""

from __future__ import annotations

import math
from datetime import date

from dialer.settings.flows import Twilio

_GSM = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_GSM_EXTENDED = frozenset("\f^{}\\[~]|€")  # each takes two
_GSM_ALONE, _GSM_PART = 160, 153
_UCS2_ALONE, _UCS2_PART = 70, 67
_FIRST_PAIR = 0x10000  # from here on a character takes two units of UCS-2


def segments_of(text: str) -> int:
    """How many segments an SMS of this text is billed as, at least one."""
    if all(character in _GSM or character in _GSM_EXTENDED for character in text):
        return _packed([2 if character in _GSM_EXTENDED else 1 for character in text], _GSM_ALONE, _GSM_PART)
    return _packed([2 if ord(character) >= _FIRST_PAIR else 1 for character in text], _UCS2_ALONE, _UCS2_PART)


def _packed(sizes: list[int], alone: int, part: int) -> int:
    """What takes two units is never cut apart."""
    if sum(sizes) <= alone:
        return 1
    segments, room = 1, part
    for size in sizes:
        if size > room:
            segments, room = segments + 1, part
        room -= size
    return segments


class SpendMeter:
    """One account's day. Nothing may be spent before the first reading: a restart must not begin the day anew."""

    def __init__(self, settings: Twilio) -> None:
        self.most_legs = 1 if settings.transfer_to is None else 2  # of a call: a flow's transfer may dial on
        self._settings = settings
        self._read: float | None = None
        self._day: date | None = None  # that the readings are of, where Twilio says it
        self.spent = 0.0
        """Of today, as far as it is known: the greatest reading, and what was caused since, which it may hold already."""

    def reading(self, spent: float, day: date | None = None) -> None:
        """Twilio's own figure of today, and the account's date. It falls back to nothing at the account's midnight."""
        if self._day is not None and day is not None and day < self._day:
            return  # of a day that is over
        self.spent = spent if self._is_new_day(spent, day) else max(self.spent, spent)
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
        """A call was billed for so many seconds, begun minutes whole. Of its legs each counts for as long as the first."""
        self.spent += legs * _minutes(seconds) * self._settings.price_per_minute

    def sms_sent(self, segments: int) -> None:
        """An SMS of so many segments was taken."""
        self.spent += segments * self._settings.price_per_sms

    def allows_call(self, live_calls: int) -> bool:
        """Whether one more call fits beside `live_calls`, each of which may last as long as any may."""
        return self._fits(self._reserved(live_calls + 1))

    def allows_sms(self, live_calls: int, segments: int) -> bool:
        """The same of one more SMS of so many segments."""
        return self._fits(self._reserved(live_calls) + segments * self._settings.price_per_sms)

    def _reserved(self, calls: int) -> float:
        longest = _minutes(self._settings.longest_call_seconds)
        return calls * self.most_legs * longest * self._settings.price_per_minute

    def _fits(self, amount: float) -> bool:
        most = self._settings.most_spend_per_day
        return most is None or (self._read is not None and self.spent + amount <= most)


def _minutes(seconds: float) -> int:
    return math.ceil(seconds / 60)
