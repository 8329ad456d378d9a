"""What a check of a site tells: one thing that was looked at, and what it means."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """What a finding means for the site."""

    GOOD = "good"
    NOTE = "note"  # will run, but somebody should know
    BAD = "bad"  # will not run, or not rightly


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    what: str
    verdict: Verdict
    text: str


def not_seen(what: str, error: OSError) -> Finding:
    """A folder or file that the system does not let this user look at."""
    where = f"{error.filename} " if error.filename is not None else ""
    text = f"{where}cannot be looked at ({error.strerror or error}): check the path and this user's rights"
    return Finding(what, Verdict.BAD, text)
