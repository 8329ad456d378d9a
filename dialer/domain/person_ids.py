"""Who said or did something, as it may stand in a message, a log or the audit: an id, never a name. Pure."""

from __future__ import annotations

import re

MOST_ID = 40
ID_PATTERN = r"^[A-Za-z._-]*([0-9][A-Za-z._-]*){0,6}$"
"""Letters, digits, dots, dashes: no name of several words, and too few digits for a phone number."""

_ID = re.compile(ID_PATTERN)
_HASH = re.compile(r"[0-9a-f]{64}", re.ASCII)


def is_id(text: str) -> bool:
    """Whether a text can be such an id: worker-12, agent-17, ops.pune."""
    return 1 <= len(text) <= MOST_ID and _ID.fullmatch(text) is not None


def is_number_hash(text: object) -> bool:
    """Whether this has the form of a number's keyed hash (dialer/rules/number_hash.py)."""
    return isinstance(text, str) and _HASH.fullmatch(text) is not None
