"""The configuration of an Asterisk that is linted, and its findings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from dialer.deploy.asterisk.conf_file import ConfFile, ConfSection, Problem, Setting
from dialer.domain.finding import Finding, Level
from dialer.settings.site import Settings
from dialer.settings.unfinished import why_weak

OUR_CONTEXTS = "matdan-"
_TRUE = frozenset({"yes", "true", "y", "t", "1", "on"})


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


UNSAFE, BROKEN = "unsafe", "will not work"
"""The subjects of findings."""


def unsafe(place: Place, key: str, text: str, remedy: str) -> Finding:
    """Return a finding of a danger: at a key of a section, or at its head where the key is not set."""
    return _finding(UNSAFE, place, key, text, remedy)


def broken(place: Place, key: str, text: str, remedy: str) -> Finding:
    """Return a finding of what will not work, placed as in `unsafe`."""
    return _finding(BROKEN, place, key, text, remedy)


def _finding(subject: str, place: Place, key: str, text: str, remedy: str) -> Finding:
    file, line = _where(place, key)
    return Finding(Level.ERROR, subject, text, remedy, file, line)


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
