"""What a look at a site tells: one thing that was looked at, and what it means."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass, replace
from enum import StrEnum

from dialer.errors import MatdanError, SettingMistakes


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


def good(what: str, text: str) -> Finding:
    """A finding of what is as it must be."""
    return Finding(what, Verdict.GOOD, text)


def note(what: str, text: str) -> Finding:
    """A finding that somebody should know."""
    return Finding(what, Verdict.NOTE, text)


def bad(what: str, text: str) -> Finding:
    """A finding of what must be mended."""
    return Finding(what, Verdict.BAD, text)


Look = Callable[[], Iterable[Finding]]


def looked(what: str, look: Look) -> list[Finding]:
    """What a look at files finds; a folder that may not be entered is a finding too."""
    try:
        return list(look())
    except (MatdanError, OSError) as error:
        return broken_off(what, error)


def of_server(server: str, finding: Finding) -> Finding:
    """A finding of one of several Asterisks, with its name; as it is where there is one."""
    return replace(finding, what=f"server {server}: {finding.what}") if server else finding


async def reported(what: str, findings: AsyncIterator[Finding]) -> AsyncIterator[Finding]:
    """What another program tells, as far as it does."""
    try:
        async for finding in findings:
            yield finding
    except (MatdanError, OSError) as error:
        for finding in broken_off(what, error):
            yield finding


def broken_off(what: str, error: MatdanError | OSError) -> list[Finding]:
    """What ended a look: something to mend, or that the system does not let this user look at a file."""
    if isinstance(error, SettingMistakes):
        return [bad(what, str(each)) for each in error.mistakes]
    if isinstance(error, MatdanError):
        return [bad(what, str(error))]
    where = f"{error.filename} " if error.filename is not None else ""
    return [bad(what, f"{where}cannot be looked at ({error.strerror or error}): check the path and this user's rights")]
