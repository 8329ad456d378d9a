"""Track what a Twilio account spends today, and check whether another call or SMS fits under its daily cap. No I/O.

Twilio reports spending with a delay. So the costs of this process's calls and SMS are added at the configured prices.
It is safer to reach the cap too early than too late. So a smaller figure from Twilio does not reduce the sum, and a
call in progress counts with its maximum cost.
"""

from __future__ import annotations

import math
from datetime import date

from dialer.settings.twilio import Twilio

_GSM = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_GSM_EXTENDED = frozenset("\f^{}\\[~]|€")  # these take two septets each
_GSM_ALONE, _GSM_PART = 160, 153
_UCS2_ALONE, _UCS2_PART = 70, 67
_FIRST_PAIR = 0x10000  # first character that takes two units of UCS-2


def count_sms_segments(text: str) -> int:
    """Return the number of segments (1 or more) for which an SMS with this text is billed."""
    if all(character in _GSM or character in _GSM_EXTENDED for character in text):
        return _count_sms_segments_of_encoding(
            [2 if character in _GSM_EXTENDED else 1 for character in text], _GSM_ALONE, _GSM_PART
        )
    return _count_sms_segments_of_encoding(
        [2 if ord(character) >= _FIRST_PAIR else 1 for character in text], _UCS2_ALONE, _UCS2_PART
    )


def _count_sms_segments_of_encoding(sizes: list[int], alone: int, part: int) -> int:
    """Return the number of segments of an SMS whose characters have these encoded sizes (`sizes`).

    A single segment has at most `alone` units. If there are several, each has at most `part` units.
    """
    if sum(sizes) <= alone:
        return 1
    segments, room = 1, part
    for size in sizes:
        if size > room:
            segments, room = segments + 1, part
        room -= size
    return segments


class SpendMeter:
    """The amount that a Twilio account has spent today, compared with its daily cap.

    After a start nothing may be spent until Twilio has reported a figure. Otherwise a restart would reset the cap.
    """

    def __init__(self, settings: Twilio) -> None:
        self.max_legs = 1 if settings.transfer_to is None else 2  # billed legs per call: a transfer dials a second one
        self._settings = settings
        self._read: float | None = None
        self._day: date | None = None  # date of the last reading, if Twilio reports it
        self.spent = 0.0
        """Today's spending: the largest reading, plus the cost of calls and SMS since, which it may include already."""

    def record_spending_of_today(self, spent: float, day: date | None = None) -> None:
        """Store the spending that Twilio reports for today, and its date. The spending restarts at midnight in the
        account's time zone.
        """
        if self._day is not None and day is not None and day < self._day:
            return  # a late figure for an earlier day
        self.spent = spent if self._has_new_day_begun(spent, day) else max(self.spent, spent)
        self._read = spent
        self._day = day or self._day

    def _has_new_day_begun(self, spent: float, day: date | None) -> bool:
        """Return whether the spending that Twilio reports is for a new day.

        If Twilio reports no date, a figure below half of the last one means a new day. A smaller decrease is a
        correction.
        """
        if self._read is None:
            return True
        if self._day is not None:
            return day is not None and day > self._day
        return spent < self._read / 2

    def add_call_cost(self, seconds: int, legs: int = 1) -> None:
        """Add the cost of a call, billed in full minutes.

        Each leg of the call is billed for the duration of the first leg.
        """
        self.spent += legs * _count_billed_minutes(seconds) * self._settings.price_per_minute

    def add_sms_cost(self, segments: int) -> None:
        """Add the cost of an SMS with this number of segments."""
        self.spent += segments * self._settings.price_per_sms

    def has_budget_for_call(self, live_calls: int) -> bool:
        """Return whether one more call fits under the daily spending cap, if it and all live calls last as long as
        possible.
        """
        return self._is_cost_within_daily_cap(self._estimate_max_call_cost(live_calls + 1))

    def has_budget_for_sms(self, live_calls: int, segments: int) -> bool:
        """Return whether one more SMS fits under the daily spending cap, if all live calls last as long as possible."""
        return self._is_cost_within_daily_cap(
            self._estimate_max_call_cost(live_calls) + segments * self._settings.price_per_sms
        )

    def _estimate_max_call_cost(self, calls: int) -> float:
        longest = _count_billed_minutes(self._settings.max_call_seconds)
        return calls * self.max_legs * longest * self._settings.price_per_minute

    def _is_cost_within_daily_cap(self, amount: float) -> bool:
        most = self._settings.max_spend_per_day
        return most is None or (self._read is not None and self.spent + amount <= most)


def _count_billed_minutes(seconds: float) -> int:
    return math.ceil(seconds / 60)
