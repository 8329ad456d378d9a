"""The input of the checks of Asterisk's configuration (parsed files), and their results (findings)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from dialer.deploy.asterisk.conf_file import ConfFile, ConfFileProblem, ConfSection, Setting
from dialer.domain.finding import Finding, Level
from dialer.settings.site import Settings
from dialer.settings.unfinished import find_secret_weakness

OUR_CONTEXTS = "matdan-"
_TRUE = frozenset({"yes", "true", "y", "t", "1", "on"})


@dataclass(frozen=True, slots=True)
class Configuration:
    """The parsed files of one Asterisk server and, optionally, the site's settings and the files rendered from them."""

    files: Mapping[str, ConfFile]  # the existing files, by name
    settings: Settings | None = None
    rendered: Mapping[str, ConfFile] | None = None

    def get_parsed_conf_file(self, name: str) -> ConfFile:
        """Return the parsed file of this name, or an empty one if it does not exist."""
        return self.files.get(name) or ConfFile(name)


Place = ConfSection | Setting | ConfFileProblem | str
"""The place of a finding. A string is the name of a file."""


UNSAFE, BROKEN = "unsafe", "will not work"
"""The two subjects of findings."""


def report_unsafe_setting(place: Place, key: str, text: str, remedy: str) -> Finding:
    """Return a finding about a setting of Asterisk that is a security risk, with file and line.

    If the setting is missing, the line is that of its section's head.
    """
    return _create_finding_about_setting(UNSAFE, place, key, text, remedy)


def report_broken_setting(place: Place, key: str, text: str, remedy: str) -> Finding:
    """Return a finding about a setting of Asterisk that does not work, with file and line.

    If the setting is missing, the line is that of its section's head.
    """
    return _create_finding_about_setting(BROKEN, place, key, text, remedy)


def _create_finding_about_setting(subject: str, place: Place, key: str, text: str, remedy: str) -> Finding:
    file, line = _find_file_and_line_of_setting(place, key)
    return Finding(Level.ERROR, subject, text, remedy, file, line)


def _find_file_and_line_of_setting(place: Place, key: str) -> tuple[str, int]:
    if isinstance(place, str):
        return place, 0
    at = place.find_setting(key) or place if isinstance(place, ConfSection) else place
    return at.file, at.line


def is_setting_value_true(value: str) -> bool:
    """Return whether Asterisk reads the value of a setting as true."""
    return value.strip().lower() in _TRUE


def is_loopback_address(address: str) -> bool:
    """Return whether an address can be reached from this machine only."""
    host = address.strip().removeprefix("[").partition("]")[0]
    return host.startswith("127.") or host in {"::1", "localhost"}


def is_weak_password(secret: str, name: str) -> bool:
    """Return whether a password is too short, the user's name, a placeholder, or a simple pattern."""
    return find_secret_weakness(secret, name, least=10) is not None
