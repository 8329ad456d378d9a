"""The names of prompts, such as `hi/turnout/question`, or `campaign/<id>/hi/recording/message` for a single campaign.

The name is also the prompt's path in the recordings' folder, in `matdan/` of Asterisk's sounds, and in the catalogue.
Names are the only untrusted text in file paths, so each name is checked.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from dialer.audio.errors import BadPromptName
from dialer.settings.audio import SoundFormat

ROOT = "matdan"
"""The directory of Matdan's sounds below Asterisk's sounds directory."""

CAMPAIGN_FOLDER = "campaign"  # too long for a language code, so the two cannot be confused
_CAMPAIGN = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")
_LANGUAGE = re.compile(r"[a-z]{2,3}")
_PART = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
_MAX_PARTS = 5


@dataclass(frozen=True, slots=True, order=True)
class PromptName:
    """The name of a prompt in one language. `campaign` is empty if all campaigns share the prompt."""

    campaign: str
    language: str
    name: str  # such as turnout/question

    @property
    def relative_prompt_path(self) -> str:
        """The path of the prompt's files, relative to the folder of recordings or sounds, without file extension."""
        scope = f"{CAMPAIGN_FOLDER}/{self.campaign}/" if self.campaign else ""
        return f"{scope}{self.language}/{self.name}"

    @property
    def sound_name(self) -> str:
        """The name of the prompt's sound in Asterisk, such as `matdan/hi/turnout/question`."""
        return f"{ROOT}/{self.relative_prompt_path}"


def parse_prompt_name(path: str) -> PromptName:
    """Return the name of the prompt at a path (without extension). Raises BadPromptName for an invalid path, such as
    `..`.
    """
    parts = path.split("/")
    campaign = ""
    if parts[0] == CAMPAIGN_FOLDER and len(parts) > 1:
        campaign = parts[1]
        parts = parts[2:]
        if not _CAMPAIGN.fullmatch(campaign):
            raise BadPromptName(
                f"{replace_unprintable_characters(path)}: there is no campaign "
                f"{replace_unprintable_characters(campaign)!r} in the settings; name this folder after the `id` of a "
                "campaign"
            )
    if len(parts) < 2 or not _LANGUAGE.fullmatch(parts[0]):
        raise BadPromptName(
            f"{replace_unprintable_characters(path)} is not the name of a prompt; use <language>/<prompt>, such as "
            "hi/turnout/question"
        )
    bad = next((part for part in parts[1:] if not _PART.fullmatch(part)), None)
    if bad is not None or len(parts) > _MAX_PARTS:
        part = replace_unprintable_characters(bad or path)
        raise BadPromptName(
            f"{replace_unprintable_characters(path)}: {part!r} is not valid in the name of a prompt; use lower-case "
            "letters, digits, - and _"
        )
    return PromptName(campaign, parts[0], "/".join(parts[1:]))


def find_prompt_of_sound(sound: str) -> PromptName | None:
    """Return the prompt to which a sound of Matdan belongs, or None for a sound that comes with Asterisk."""
    root, _, path = sound.partition("/")
    if root != ROOT:
        return None
    try:
        return parse_prompt_name(path)
    except BadPromptName:
        return None


def replace_unprintable_characters(text: str) -> str:
    """Return untrusted text on one line, with unprintable characters replaced, for an error text."""
    return "".join(letter if letter.isprintable() else "?" for letter in text[:100])


@dataclass(frozen=True, slots=True)
class AudioDirectories:
    """The directories of recordings and of sounds. An example of a sound is `<sounds>/matdan/hi/turnout/question.alaw`."""

    recordings: Path
    sounds: Path

    def get_sound_path(self, name: PromptName, sound_format: SoundFormat) -> Path:
        """Return the path of a prompt's sound file in a format, such as `<sounds>/matdan/hi/turnout/question.alaw`."""
        return self.sounds / f"{name.sound_name}.{sound_format.value}"
