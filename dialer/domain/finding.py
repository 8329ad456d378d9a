"""The results of checks (findings), such as those of `dialer check`."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """The severity of a check's result: OK, warning or error."""

    OK = "ok"
    WARNING = "warning"  # works, but somebody should know
    ERROR = "error"  # does not work, is not safe or is not allowed


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check: what was checked, what was found, and what to do about it."""

    level: Level
    subject: str  # what was checked, such as "trunk carrier"
    text: str
    remedy: str = ""  # what to do
    file: str = ""  # the file to correct
    line: int = 0  # line in that file; 0: the file as a whole
    rule: str = ""  # name of the check, for other programs
    details: tuple[str, ...] = ()  # further lines, such as the reasons for a verdict

    @property
    def file_and_line_to_correct(self) -> str:
        """Return the file and line to correct in the form "centre.toml:14", or an empty text."""
        return f"{self.file}:{self.line}" if self.line else self.file

    def __str__(self) -> str:
        """Return the result as one line without its severity: where, what is wrong, what to do."""
        text = ": ".join(part for part in (self.file_and_line_to_correct, self.subject, self.text) if part)
        remedy = f"; {self.remedy}" if self.remedy else ""
        return f"{text}{remedy}{f' [{self.rule}]' if self.rule else ''}"


def make_ok_finding(subject: str, text: str) -> Finding:
    """Return the result of a check that found everything in order."""
    return Finding(Level.OK, subject, text)


def make_warning_finding(subject: str, text: str, remedy: str = "") -> Finding:
    """Return the result of a check that found a possible problem, which a person should know about."""
    return Finding(Level.WARNING, subject, text, remedy)


def make_error_finding(subject: str, text: str, remedy: str = "") -> Finding:
    """Return the result of a check that found a fault, which must be corrected."""
    return Finding(Level.ERROR, subject, text, remedy)
