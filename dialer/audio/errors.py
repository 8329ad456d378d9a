"""Errors of campaign sound.

config.errors.MatdanError
└── AudioError               a recording or a catalogue cannot be used
    ├── RecordingRefused     one recording cannot be prepared: names the file, why, and what to do
    ├── BadPromptName        a path that names no prompt
    ├── CatalogueError       the catalogue is wrong: names file, key and remedy
    └── VoiceMissing         draft voices are not installed, or do not speak that language
"""

from __future__ import annotations

from dialer.errors import MatdanError


class AudioError(MatdanError):
    """A recording or a catalogue cannot be used. The text says which and what to do."""


class RecordingRefused(AudioError):
    """One recording cannot be prepared. The text is the reason with its remedy; the others are prepared all the same."""


class BadPromptName(AudioError):
    """A path that names no prompt. Name it `hi/turnout/question`, in lower case, without dots."""


class CatalogueError(AudioError):
    """The catalogue cannot be used. The text names the file and the key, and says what to correct."""

    def __init__(self, file: str, key: str, problem: str) -> None:
        super().__init__(f"{file}: {key}: {problem}" if key else f"{file}: {problem}")


class VoiceMissing(AudioError):
    """Draft voices are not installed (the extra `voices`), or none speaks that language."""
