"""What a look at a configuration finds, and what it looks at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from dialer.deploy.asterisk.conf_file import ConfFile, ConfSection, Problem, Setting
from dialer.settings.site import Settings
from dialer.settings.unfinished import why_weak

OUR_CONTEXTS = "matdan-"
_TRUE = frozenset({"yes", "true", "y", "t", "1", "on"})


class Severity(StrEnum):
    """What a finding means."""

    UNSAFE = "unsafe"
    BROKEN = "will not work"


@dataclass(frozen=True, slots=True)
class LintFinding:
    """One thing to mend, and where. Line 0: the file as a whole."""

    file: str
    line: int
    severity: Severity
    text: str
    remedy: str

    def __str__(self) -> str:
        """One line, as compilers write it."""
        place = f"{self.file}:{self.line}" if self.line else self.file
        return f"{place}: {self.severity.value}: {self.text}; {self.remedy}"


@dataclass(frozen=True, slots=True)
class Configuration:
    """The files of one Asterisk, read; with the site's settings and what they would render, where both are known."""

    files: Mapping[str, ConfFile]  # by name; those that are there
    settings: Settings | None = None
    rendered: Mapping[str, ConfFile] | None = None

    def file(self, name: str) -> ConfFile:
        """That file; an empty one where there is none."""
        return self.files.get(name) or ConfFile(name)


Place = ConfSection | Setting | Problem | str
"""Where something is to be mended; a text names a file as a whole."""


def unsafe(place: Place, key: str, text: str, remedy: str) -> LintFinding:
    """A danger: at a key of a section, or at its head where the key is not set."""
    return LintFinding(*_where(place, key), Severity.UNSAFE, text, remedy)


def broken(place: Place, key: str, text: str, remedy: str) -> LintFinding:
    """The same for what will not work."""
    return LintFinding(*_where(place, key), Severity.BROKEN, text, remedy)


def _where(place: Place, key: str) -> tuple[str, int]:
    if isinstance(place, str):
        return place, 0
    at = place.find(key) or place if isinstance(place, ConfSection) else place
    return at.file, at.line


def is_true(value: str) -> bool:
    """What Asterisk takes for yes."""
    return value.strip().lower() in _TRUE


def is_loopback(address: str) -> bool:
    """Whether only this machine reaches it."""
    host = address.strip().removeprefix("[").partition("]")[0]
    return host.startswith("127.") or host in {"::1", "localhost"}


def is_weak(secret: str, name: str) -> bool:
    """Whether a password is short, its owner's name, a placeholder, a row or a repetition. A carrier's may have ten characters."""
    return why_weak(secret, name, least=10) is not None
