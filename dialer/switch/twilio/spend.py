"""What an account has spent today, and whether another call or SMS fits under its daily cap. Pure.

Twilio's own figure comes late. So what this process has caused is added by the configured prices, and a smaller reading
never reduces it. A call in progress counts with the most it may still cost. So the cap is reached early rather than
late.
"""

from __future__ import annotations

import math
from datetime import date

from dialer.settings.twilio import Twilio

_GSM = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_GSM_EXTENDED = frozenset("\f^{}\\[~]|€")  # two septets each
_GSM_ALONE, _GSM_PART = 160, 153
_UCS2_ALONE, _UCS2_PART = 70, 67
_FIRST_PAIR = 0x10000  # from here on a character takes two units of UCS-2


def segments_of(text: str) -> int:
    """Return how many segments an SMS of this text is billed as, at least one."""
    if all(character in _GSM or character in _GSM_EXTENDED for character in text):
        return _packed([2 if character in _GSM_EXTENDED else 1 for character in text], _GSM_ALONE, _GSM_PART)
    return _packed([2 if ord(character) >= _FIRST_PAIR else 1 for character in text], _UCS2_ALONE, _UCS2_PART)


def _packed(sizes: list[int], alone: int, part: int) -> int:
    """Return the number of segments: a character of two units is never split."""
    if sum(sizes) <= alone:
        return 1
    segments, room = 1, part
    for size in sizes:
        if size > room:
            segments, room = segments + 1, part
        room -= size
    return segments


class SpendMeter:
    """The spending of one account today.

    Nothing may be spent before the first reading, so that a restart does not reset the cap.
    """

    def __init__(self, settings: Twilio) -> None:
        self.most_legs = 1 if settings.transfer_to is None else 2  # of a call: a flow's transfer dials a second one
        self._settings = settings
        self._read: float | None = None
        self._day: date | None = None  # of the readings, where Twilio says it
        self.spent = 0.0
        """Today's spending as far as known: the greatest reading, and what was caused since, which it may include already.
        """

    def reading(self, spent: float, day: date | None = None) -> None:
        """Note Twilio's own figure of today and the account's date. The figure restarts at the account's midnight."""
        if self._day is not None and day is not None and day < self._day:
            return  # a figure of yesterday
        self.spent = spent if self._is_new_day(spent, day) else max(self.spent, spent)
        self._read = spent
        self._day = day or self._day

    def _is_new_day(self, spent: float, day: date | None) -> bool:
        """Return whether a reading begins a new day. Small corrections by Twilio do not."""
        if self._read is None:
            return True
        if self._day is not None:
            return day is not None and day > self._day
        return spent < self._read / 2

    def call_ended(self, seconds: int, legs: int = 1) -> None:
        """Add the cost of a call: full minutes, for each leg as long as for the first."""
        self.spent += legs * _minutes(seconds) * self._settings.price_per_minute

    def sms_sent(self, segments: int) -> None:
        """Add the cost of an SMS."""
        self.spent += segments * self._settings.price_per_sms

    def allows_call(self, live_calls: int) -> bool:
        """Return whether one more call fits, if it and all `live_calls` last as long as possible."""
        return self._fits(self._reserved(live_calls + 1))

    def allows_sms(self, live_calls: int, segments: int) -> bool:
        """Return whether one more SMS of so many segments fits."""
        return self._fits(self._reserved(live_calls) + segments * self._settings.price_per_sms)

    def _reserved(self, calls: int) -> float:
        longest = _minutes(self._settings.max_call_seconds)
        return calls * self.most_legs * longest * self._settings.price_per_minute

    def _fits(self, amount: float) -> bool:
        most = self._settings.max_spend_per_day
        return most is None or (self._read is not None and self.spent + amount <= most)


def _minutes(seconds: float) -> int:
    return math.ceil(seconds / 60)
