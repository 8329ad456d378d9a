"""Which numbers may be dialled at all, asked again at the moment of dialling. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence

# ASCII digits alone: `\d` would let the digits of other scripts through, which a switch may read otherwise than we do.
_E164 = re.compile(r"\+[1-9][0-9]{6,14}", re.ASCII)


def refusal(number: str, allowed_prefixes: Sequence[str], denied_prefixes: Sequence[str]) -> str | None:
    """Why a number must not be dialled, or None. The text holds no number.

    Deny by default: a number must begin with an allowed prefix and with no denied one (premium series, toll fraud).
    """
    if not _E164.fullmatch(number):
        return "not an E.164 number"
    if not number.startswith(tuple(allowed_prefixes)):
        return "prefix not allowed (dialling.allowed_prefixes)"
    if denied_prefixes and number.startswith(tuple(denied_prefixes)):
        return "prefix denied (dialling.denied_prefixes)"
    return None
