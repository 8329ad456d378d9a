"""Errors of prompts and recordings.

dialer.errors.MatdanError
└── AudioError               a recording or a catalogue cannot be used
    ├── RecordingRefused     one recording cannot be prepared: names the file, why, and what to do
    ├── BadPromptName        a path is not the name of a prompt
    ├── CatalogueError       the catalogue is wrong: names file, key and remedy
    └── VoiceMissing         draft voices are not installed, or lack that language
"""

from __future__ import annotations

from dialer.errors import MatdanError


class AudioError(MatdanError):
    """A recording or a catalogue cannot be used. The text says which and what to do."""


class RecordingRefused(AudioError):
    """One recording cannot be prepared. The text is the reason with its remedy; the others are prepared all the same."""


class BadPromptName(AudioError):
    """A path is not the name of a prompt, such as `hi/turnout/question`: lower case, without dots."""


class CatalogueError(AudioError):
    """The catalogue cannot be used. The text names the file and the key, and says what to correct."""

    def __init__(self, file: str, key: str, problem: str) -> None:
        super().__init__(f"{file}: {key}: {problem}" if key else f"{file}: {problem}")


class VoiceMissing(AudioError):
    """Draft voices are not installed (the extra `voices`), or there is none for that language."""
