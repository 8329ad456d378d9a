"""Permitted values of options of the roll commands, such as the Indian states for which a roll can be generated.

The module does not import the code of the commands, so that `--help` starts fast.
"""

from __future__ import annotations

DEFAULT_ROLL_VERSION = "current"

STATES = {
    "S24": "hi", "S25": "bn", "S13": "mr", "S29": "te", "S22": "ta", "S06": "gu", "S10": "kn", "S11": "ml", "S19": "pa",
    "S18": "or", "U08": "ur", "S03": "as",
}  # fmt: skip
"""The states of a sample roll (Election Commission codes) and the language of each."""
