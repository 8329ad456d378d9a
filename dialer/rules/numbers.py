"""Checks that a phone number is in E.164 format and has an allowed prefix."""

from __future__ import annotations

import re
from collections.abc import Sequence

from dialer.domain.translatable import TranslatableText, translatable

# ASCII digits only: `\d` matches digits of other scripts, which a switch may read differently.
_E164 = re.compile(r"\+[1-9][0-9]{6,14}", re.ASCII)


def find_reason_number_is_refused(
    number: str, allowed_prefixes: Sequence[str], denied_prefixes: Sequence[str]
) -> TranslatableText | None:
    """Return why a number must not be dialled, or None if it may be dialled. The text does not contain the number.

    A number must begin with an allowed prefix and must not begin with a denied one (against premium numbers and toll
    fraud).
    """
    if not _E164.fullmatch(number):
        return translatable("not-e164", "not an E.164 number")
    if not number.startswith(tuple(allowed_prefixes)):
        return translatable("prefix-not-allowed", "prefix not allowed (`dialling.allowed_prefixes`)")
    if denied_prefixes and number.startswith(tuple(denied_prefixes)):
        return translatable("prefix-denied", "prefix denied (`dialling.denied_prefixes`)")
    return None
