"""The information message that an abandoned voter hears: who called, and that no agent was free.

Asterisk's dialplan plays it under one fixed name without a language. So the prompt `<language>/message/information` of
the centre's language is installed a second time under this name.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from pathlib import Path
from typing import Final

from dialer.audio.catalogue import Entries, Voice
from dialer.audio.errors import AudioError
from dialer.audio.files import PARTIAL_PREFIX, hash_file, write_file_atomically
from dialer.audio.names import ROOT, AudioDirectories, PromptName
from dialer.settings.audio import SoundFormat

INFORMATION: Final = "message/information"
"""The name of the message's prompt, without its language."""

MESSAGE_SOUND: Final = f"{ROOT}/message"
"""The sound that the dialplan plays."""


class MessageState(StrEnum):
    """The state of the information message for abandoned voters: installed, installed by hand and kept, or missing."""

    INSTALLED = "installed"  # installed now or earlier
    KEPT = "kept"  # a message installed by hand stays, because a draft does not replace it
    NONE = "none"  # the prompt does not exist, or its sounds differ from the catalogue


def find_information_message_prompt(entries: Entries, languages: Iterable[str]) -> PromptName | None:
    """Return the prompt with the information message for abandoned voters, or None if there is none.

    The first of `languages` that has such a prompt is used.
    """
    names = (PromptName("", language, INFORMATION) for language in languages)
    return next((name for name in names if name in entries), None)


def install_information_message(
    places: AudioDirectories, entries: Entries, before: Entries, languages: Iterable[str]
) -> MessageState:
    """Install the information message in every format of its prompt. Remove the message if its prompt was removed.

    A recording in the catalogue replaces a message that a person installed by hand. A draft does not.

    Args:
        before: the entries of the catalogue before this run.

    Raises:
        AudioError: a sound cannot be read or written.
    """
    name = find_information_message_prompt(entries, languages)
    own = [
        entry for catalogue in (before, entries) for prompt, entry in catalogue.items() if prompt.name == INFORMATION
    ]
    ours = {sha for entry in own for sha in entry.files.values()}
    place = places.sounds / MESSAGE_SOUND
    files = {each: place.with_name(f"{place.name}.{each.value}") for each in SoundFormat}
    try:
        if name is None:
            for path in files.values():
                if hash_file(path) in ours:
                    path.unlink()
            return MessageState.NONE
        entry = entries[name]
        if any(hash_file(places.get_sound_path(name, each)) != sha for each, sha in entry.files.items()):
            return MessageState.NONE
        if entry.voice is Voice.DRAFT and any(
            hash_file(path) not in ours for path in _list_files_of_sound(places.sounds, MESSAGE_SOUND)
        ):
            return MessageState.KEPT
        for each, path in files.items():
            if each not in entry.files:
                path.unlink(missing_ok=True)  # Asterisk could choose this outdated sound
            elif hash_file(path) != entry.files[each]:
                write_file_atomically(path, places.get_sound_path(name, each).read_bytes())
    except OSError as error:
        raise AudioError(
            f"{place}: the information message cannot be installed ({error.strerror}); check permissions and disk space"
        ) from error
    return MessageState.INSTALLED


def _list_files_of_sound(sounds: Path, sound: str) -> list[Path]:
    path = sounds / sound
    return [each for each in path.parent.glob(f"{path.name}.*") if not each.name.startswith(PARTIAL_PREFIX)]


def find_missing_sounds(sounds: Path, names: Iterable[str]) -> list[str]:
    """Return the names of sounds for which Asterisk's sounds directory has no file in any format."""
    return [name for name in names if not any(each.is_file() for each in _list_files_of_sound(sounds, name))]
