"""How many segments an SMS is billed as. Pure.

A text in GSM 03.38's alphabet has room for 160 characters, or 153 in each part of a long one; with a single other character in it
all of it is UCS-2: 70, or 67 (https://www.twilio.com/docs/glossary/what-sms-character-limit). So most Indian scripts need two.
"""

from __future__ import annotations

_GSM = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_GSM_EXTENDED = frozenset("\f^{}\\[~]|€")  # each takes two
_GSM_ALONE, _GSM_PART = 160, 153
_UCS2_ALONE, _UCS2_PART = 70, 67
_FIRST_PAIR = 0x10000  # from here on a character takes two units of UCS-2


def segments_of(text: str) -> int:
    """The segments of a text, at least one."""
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
