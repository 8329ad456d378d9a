"""The dialler's refusals as words that a page has a sentence for, in the agent's language. Pure.

What the dialler says is for a log and a person who reads English; a refusal that stands here is told in the page's own words.
"""

from __future__ import annotations

import re

from dialer.domain.errors import LogInRefused

WRONG = "pin-wrong"
_SIGN_IN = (
    (re.escape(str(LogInRefused())), WRONG),
    (r"this agent is logged in at seat (?P<seat>[A-Za-z0-9-]+);", "agent-elsewhere"),
    (r"seat \S+ is taken", "seat-taken"),
    (r"compare the two clocks", "clocks"),
    (r"there is no seat ", "no-seat"),
)
_COMMAND = (
    (r"that call and its wrap-up are over", "late"),
    (r"too late, or nothing was said of that call", "too-late-to-take-back"),
    (r"the number is suppressed, and stays so", "stays"),
    (r"has no call to give a disposition for", "nothing-to-say"),
)


def word_of_sign_in(text: str) -> tuple[str, str | None]:
    """Why nobody was signed in, with `agent-elsewhere` the seat where the agent is; `refused` for what has no word of its own."""
    for pattern, word in _SIGN_IN:
        found = re.search(pattern, text)
        if found is not None:
            return word, found.groupdict().get("seat")
    return "refused", None


def word_of_command(text: str) -> str | None:
    """Why a command was refused; None: the text alone says it."""
    return next((word for pattern, word in _COMMAND if re.search(pattern, text)), None)
