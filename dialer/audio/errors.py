"""Errors of prompts and recordings.

dialer.errors.MatdanError
└── AudioError               a recording or a catalogue cannot be used
    ├── RecordingRefused     one recording cannot be prepared
    ├── BadPromptName        a path is not the name of a prompt
    ├── CatalogueError       the catalogue is invalid
    └── VoiceMissing         draft voices are not installed, or have no voice for the language
"""

from __future__ import annotations

from dialer.errors import MatdanError


class AudioError(MatdanError):
    """Raised if a recording or a catalogue cannot be used. The text names the file and says what to do."""


class RecordingRefused(AudioError):
    """Raised if one recording cannot be prepared. The text gives the reason and the remedy.

    The other recordings are prepared nevertheless.
    """


class BadPromptName(AudioError):
    """Raised if a path is not a valid prompt name such as `hi/turnout/question` (lower case, without dots)."""


class CatalogueError(AudioError):
    """Raised if the catalogue cannot be used. The text names the file and the key, and says what to correct."""

    def __init__(self, file: str, key: str, problem: str) -> None:
        super().__init__(f"{file}: {key}: {problem}" if key else f"{file}: {problem}")


class VoiceMissing(AudioError):
    """Raised if draft voices are not installed, or have no voice for a language. The extra `voices` installs them."""
