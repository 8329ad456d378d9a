"""The information message that Asterisk plays by itself to an answered voter whom no seat took.

Its dialplan knows neither language nor catalogue, so the prompt `<language>/message/information` of the centre's language is put
beside the others' directories as well, under the one name that the dialplan has.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from pathlib import Path
from typing import Final

from dialer.audio.catalogue import Entries, Voice
from dialer.audio.errors import AudioError
from dialer.audio.files import HALF_DONE, sha256_of, write_atomically
from dialer.audio.names import ROOT, Places, PromptName
from dialer.settings.audio import SoundFormat

INFORMATION: Final = "message/information"
"""The prompt that the message is made of."""

MESSAGE_SOUND: Final = f"{ROOT}/message"
"""The name that the dialplan plays it by."""


class Placed(StrEnum):
    """What became of the message in a run."""

    PUT = "put"  # it lies there now, or lay there already
    KEPT = "kept"  # another one was put there by hand; a draft does not take its place
    NONE = "none"  # there is no such prompt, or its sounds are not those that the catalogue has


def message_prompt(entries: Entries, languages: Iterable[str]) -> PromptName | None:
    """The prompt that the message is made of: that of the first of `languages` that has one."""
    names = (PromptName("", language, INFORMATION) for language in languages)
    return next((name for name in names if name in entries), None)


def put_message(places: Places, entries: Entries, before: Entries, languages: Iterable[str]) -> Placed:
    """Put the message in place, in every format that its prompt has; take it away where the prompt was taken away.

    `before` is the catalogue as it was before this run: what lies there and is no sound of it was put there by hand, which a
    recording replaces and a draft does not. Raises AudioError when a sound cannot be read or written.
    """
    name = message_prompt(entries, languages)
    own = [each for of in (before, entries) for prompt, each in of.items() if prompt.name == INFORMATION]
    ours = {sha for entry in own for sha in entry.files.values()}
    place = places.sounds / MESSAGE_SOUND
    files = {each: place.with_name(f"{place.name}.{each.value}") for each in SoundFormat}
    try:
        if name is None:
            for path in files.values():
                if sha256_of(path) in ours:
                    path.unlink()
            return Placed.NONE
        entry = entries[name]
        if any(sha256_of(places.sound(name, each)) != sha for each, sha in entry.files.items()):
            return Placed.NONE
        if entry.voice is Voice.DRAFT and any(
            sha256_of(path) not in ours for path in _files(places.sounds, MESSAGE_SOUND)
        ):
            return Placed.KEPT
        for each, path in files.items():
            if each not in entry.files:
                path.unlink(missing_ok=True)  # the switch might choose it
            elif sha256_of(path) != entry.files[each]:
                write_atomically(path, places.sound(name, each).read_bytes())
    except OSError as error:
        problem = f"cannot be put in place ({error.strerror}); check its rights and its disk"
        raise AudioError(f"{place}: {problem}") from error
    return Placed.PUT


def _files(sounds: Path, sound: str) -> list[Path]:
    path = sounds / sound
    return [each for each in path.parent.glob(f"{path.name}.*") if not each.name.startswith(HALF_DONE)]


def missing_sounds(sounds: Path, names: Iterable[str]) -> list[str]:
    """Those of the sounds that have no file below the directory, in whatever format."""
    return [name for name in names if not any(each.is_file() for each in _files(sounds, name))]
