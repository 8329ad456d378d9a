"""Ids of persons. Messages, logs and the audit contain these ids instead of names. Without I/O."""

from __future__ import annotations

import re

OWN_USER = "dialler"
"""The user of the dialler's own command line."""

MOST_ID = 40
ID_PATTERN = r"^[A-Za-z._-]*([0-9][A-Za-z._-]*){0,6}$"
"""Pattern of an id: letters, dots, dashes and at most 6 digits, too few for a phone number."""

_ID = re.compile(ID_PATTERN)
_HASH = re.compile(r"[0-9a-f]{64}", re.ASCII)


def is_person_id(text: str) -> bool:
    """Return whether a text is a valid id of a person, such as worker-12, agent-17 or ops.pune."""
    return 1 <= len(text) <= MOST_ID and _ID.fullmatch(text) is not None


def is_number_hash(text: object) -> bool:
    """Return whether a value has the form of a phone number's keyed hash (`dialer/rules/number_hash.py`)."""
    return isinstance(text, str) and _HASH.fullmatch(text) is not None
