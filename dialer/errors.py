"""Errors that a person can correct.

MatdanError                       one clear line: where, what is wrong, what to do
├── SettingError                  a setting is missing or wrong: names file, key and remedy
│   └── SettingMistakes           several of them, a line each
├── AsteriskFilesError            Asterisk's configuration files cannot be read or written
├── dialer.flows.errors.FlowError    a flow cannot be loaded: names file, line and node
├── dialer.audio.errors.AudioError   a recording or a catalogue cannot be used
└── dialer.domain.errors...          see there
"""

from __future__ import annotations

from collections.abc import Sequence


class MatdanError(Exception):
    """An error that a person can correct. Its text is one line for that person. The command line prints it and exits
    with 2.
    """

    exit_code = 2


class SettingError(MatdanError):
    """A setting cannot be used. Open `file`, correct `key` as `remedy` says, and start again."""

    def __init__(self, file: str, key: str, problem: str, remedy: str) -> None:
        """Create the error. `file` may end in :LINE. An empty `key` means the whole file. An empty `remedy` means that
        none is given.
        """
        where = ": ".join(part for part in (file, key) if part)
        text = f"{problem}; {remedy}" if remedy else problem
        super().__init__(f"{where}: {text}{'' if text.endswith(('.', '?')) else '.'}")
        self.file = file
        self.key = key
        self.problem = problem
        self.remedy = remedy


class SettingMistakes(SettingError):
    """Several settings cannot be used. The text has one line for each, so that a person can correct them all at once."""

    def __init__(self, mistakes: Sequence[SettingError]) -> None:
        first = mistakes[0]
        super().__init__(first.file, first.key, first.problem, first.remedy)
        self.args = ("\n".join(map(str, mistakes)),)
        self.mistakes = tuple(mistakes)


class AsteriskFilesError(MatdanError):
    """Asterisk's configuration files cannot be read or written, or were not written by Matdan. The text names the
    files, and says what to do.
    """
