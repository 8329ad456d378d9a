"""Names of prompts, and nothing else that could become part of a path.

A prompt is `hi/turnout/question`, or `campaign/<id>/hi/recording/message` where a campaign has its own. The same path stands below
the recordings, below `matdan/` among the switch's sounds, and in the catalogue.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from dialer.audio.errors import BadPromptName
from dialer.settings.audio import SoundFormat

ROOT = "matdan"
"""The directory of our sounds among those of the switch."""

CAMPAIGN_FOLDER = "campaign"  # longer than any language's tag: the two cannot be mistaken for each other
_CAMPAIGN = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")
_LANGUAGE = re.compile(r"[a-z]{2,3}")
_PART = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
_MAX_PARTS = 5


@dataclass(frozen=True, slots=True, order=True)
class PromptName:
    """One prompt in one language; `campaign` is empty where all campaigns share it."""

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
        """The name that the switch plays it by."""
        return f"{ROOT}/{self.path}"


def prompt_name(path: str) -> PromptName:
    """The prompt of a path without extension. Raises BadPromptName for anything that is not plainly one, `..` first of all."""
    parts = path.split("/")
    campaign = ""
    if parts[0] == CAMPAIGN_FOLDER and len(parts) > 1:
        campaign = parts[1]
        parts = parts[2:]
        if not _CAMPAIGN.fullmatch(campaign):
            raise BadPromptName(
                f"{shown(path)}: {shown(campaign)!r} is no campaign's name; use its id from the settings"
            )
    if len(parts) < 2 or not _LANGUAGE.fullmatch(parts[0]):
        raise BadPromptName(f"{shown(path)}: is no prompt; name it <language>/<prompt>, such as hi/turnout/question")
    bad = next((part for part in parts[1:] if not _PART.fullmatch(part)), None)
    if bad is not None or len(parts) > _MAX_PARTS:
        raise BadPromptName(
            f"{shown(path)}: {shown(bad or path)!r} is no part of a prompt's name; use lower-case letters, digits, - and _"
        )
    return PromptName(campaign, parts[0], "/".join(parts[1:]))


def prompt_of_sound(sound: str) -> PromptName | None:
    """The prompt of a sound of ours; None for any other sound of the switch."""
    root, _, path = sound.partition("/")
    if root != ROOT:
        return None
    try:
        return prompt_name(path)
    except BadPromptName:
        return None


def shown(text: str) -> str:
    """A text from outside, fit for one line of an error."""
    return "".join(letter if letter.isprintable() else "?" for letter in text[:100])


@dataclass(frozen=True, slots=True)
class Places:
    """Where recordings come from and sounds go to: `sounds/matdan/hi/turnout/question.alaw`."""

    recordings: Path
    sounds: Path

    def sound(self, name: PromptName, sound_format: SoundFormat) -> Path:
        """The file of a prompt's sound."""
        return self.sounds / f"{name.sound}.{sound_format.value}"
