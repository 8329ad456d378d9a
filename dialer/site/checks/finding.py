"""What a look at a site tells: one thing that was looked at, and what it means."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from dataclasses import dataclass, replace
from enum import StrEnum

from config.errors import MatdanError, SettingMistakes


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


Look = Callable[[], Iterable[Finding]]


def looked(what: str, look: Look) -> list[Finding]:
    """What a look at files finds; a folder that may not be entered is a finding too."""
    try:
        return list(look())
    except SettingMistakes as several:
        return [Finding(what, Verdict.BAD, str(each)) for each in several.mistakes]
    except MatdanError as error:
        return [Finding(what, Verdict.BAD, str(error))]
    except OSError as error:
        return [not_seen(what, error)]


def of_box(box: str, finding: Finding) -> Finding:
    """A finding of one of several Asterisks, with its name; as it is where there is one."""
    return replace(finding, what=f"box {box}: {finding.what}") if box else finding


async def reported(what: str, findings: AsyncIterator[Finding]) -> AsyncIterator[Finding]:
    """What another program tells, as far as it does."""
    try:
        async for finding in findings:
            yield finding
    except MatdanError as error:
        yield Finding(what, Verdict.BAD, str(error))
    except OSError as error:
        yield not_seen(what, error)


async def asked(what: str, answer: Awaitable[Finding]) -> Finding:
    """What another program answers."""
    try:
        return await answer
    except MatdanError as error:
        return Finding(what, Verdict.BAD, str(error))
    except OSError as error:
        return not_seen(what, error)


def not_seen(what: str, error: OSError) -> Finding:
    """A folder or file that the system does not let this user look at."""
    where = f"{error.filename} " if error.filename is not None else ""
    text = f"{where}cannot be looked at ({error.strerror or error}): check the path and this user's rights"
    return Finding(what, Verdict.BAD, text)
