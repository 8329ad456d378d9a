"""Who said or did something, as it may stand in a message, a log or the audit: an id, never a name. Pure."""

from __future__ import annotations

import re

MOST_ID = 40
ID_PATTERN = r"^[A-Za-z._-]*([0-9][A-Za-z._-]*){0,6}$"
"""Letters, digits, dots, dashes: no name of several words, and too few digits for a phone number."""

_ID = re.compile(ID_PATTERN)


def is_id(text: str) -> bool:
    """Whether a text can be such an id: worker-12, agent-17, ops.pune."""
    return 1 <= len(text) <= MOST_ID and _ID.fullmatch(text) is not None
