"""Names of prompts, which are the only strings that become parts of paths.

A prompt is `hi/turnout/question`, or `campaign/<id>/hi/recording/message` for a campaign's own. The path is the same
below the recordings, below `matdan/` in the sounds of the switch, and in the catalogue.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from dialer.audio.errors import BadPromptName
from dialer.settings.audio import SoundFormat

ROOT = "matdan"
"""The directory of Matdan's sounds in those of the switch."""

CAMPAIGN_FOLDER = "campaign"  # longer than any language code, so it cannot be one
_CAMPAIGN = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")
_LANGUAGE = re.compile(r"[a-z]{2,3}")
_PART = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
_MAX_PARTS = 5


@dataclass(frozen=True, slots=True, order=True)
class PromptName:
    """A prompt in one language. `campaign` is empty if all campaigns share it."""

    campaign: str
    language: str
    name: str  # such as turnout/question

    @property
    def path(self) -> str:
        """The path below recordings and below the sounds' root, without extension."""
        scope = f"{CAMPAIGN_FOLDER}/{self.campaign}/" if self.campaign else ""
        return f"{scope}{self.language}/{self.name}"

    @property
    def sound(self) -> str:
        """The name of the sound for the switch."""
        return f"{ROOT}/{self.path}"


def prompt_name(path: str) -> PromptName:
    """Return the prompt of a path without extension. Raises BadPromptName for anything else, such as `..`."""
    parts = path.split("/")
    campaign = ""
    if parts[0] == CAMPAIGN_FOLDER and len(parts) > 1:
        campaign = parts[1]
        parts = parts[2:]
        if not _CAMPAIGN.fullmatch(campaign):
            raise BadPromptName(
                f"{printable(path)}: {printable(campaign)!r} is not the id of a campaign; use the id in the settings"
            )
    if len(parts) < 2 or not _LANGUAGE.fullmatch(parts[0]):
        raise BadPromptName(
            f"{printable(path)}: is not the name of a prompt; use <language>/<prompt>, such as hi/turnout/question"
        )
    bad = next((part for part in parts[1:] if not _PART.fullmatch(part)), None)
    if bad is not None or len(parts) > _MAX_PARTS:
        raise BadPromptName(
            f"{printable(path)}: {printable(bad or path)!r} is not valid in a name; use lower-case letters, digits, - and _"
        )
    return PromptName(campaign, parts[0], "/".join(parts[1:]))


def prompt_of_sound(sound: str) -> PromptName | None:
    """Return the prompt of one of Matdan's sounds; None for any other sound of the switch."""
    root, _, path = sound.partition("/")
    if root != ROOT:
        return None
    try:
        return prompt_name(path)
    except BadPromptName:
        return None


def printable(text: str) -> str:
    """Return text from outside in a form that fits into one line of an error."""
    return "".join(letter if letter.isprintable() else "?" for letter in text[:100])


@dataclass(frozen=True, slots=True)
class Places:
    """The directories of recordings and of sounds, such as `sounds/matdan/hi/turnout/question.alaw`."""

    recordings: Path
    sounds: Path

    def sound(self, name: PromptName, sound_format: SoundFormat) -> Path:
        """Return the file of a prompt's sound."""
        return self.sounds / f"{name.sound}.{sound_format.value}"
