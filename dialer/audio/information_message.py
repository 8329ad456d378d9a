"""The information message that Asterisk itself plays to an answered voter for whom no agent was available.

The dialplan knows neither languages nor the catalogue. Therefore the prompt `<language>/message/information` in the
centre's language is also installed under the one name that the dialplan plays.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from pathlib import Path
from typing import Final

from dialer.audio.catalogue import Entries, Voice
from dialer.audio.errors import AudioError
from dialer.audio.files import PARTIAL_PREFIX, sha256_of, write_atomically
from dialer.audio.names import ROOT, Places, PromptName
from dialer.settings.audio import SoundFormat

INFORMATION: Final = "message/information"
"""The prompt of the message."""

MESSAGE_SOUND: Final = f"{ROOT}/message"
"""The sound that the dialplan plays."""


class MessageState(StrEnum):
    """The result of installing the message."""

    INSTALLED = "installed"  # now or earlier
    KEPT = "kept"  # a message installed by hand, which a draft does not replace
    NONE = "none"  # there is no such prompt, or its sounds differ from the catalogue


def message_prompt(entries: Entries, languages: Iterable[str]) -> PromptName | None:
    """Return the prompt of the message in the first of `languages` that has one."""
    names = (PromptName("", language, INFORMATION) for language in languages)
    return next((name for name in names if name in entries), None)


def install_message(places: Places, entries: Entries, before: Entries, languages: Iterable[str]) -> MessageState:
    """Install the message in every format of its prompt, or remove it if the prompt was removed.

    `before` is the catalogue before this run. An installed sound that is in neither catalogue was put there by hand; a
    recording replaces it, a draft does not. Raises AudioError if a sound cannot be read or written.
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
            return MessageState.NONE
        entry = entries[name]
        if any(sha256_of(places.sound(name, each)) != sha for each, sha in entry.files.items()):
            return MessageState.NONE
        if entry.voice is Voice.DRAFT and any(
            sha256_of(path) not in ours for path in _files(places.sounds, MESSAGE_SOUND)
        ):
            return MessageState.KEPT
        for each, path in files.items():
            if each not in entry.files:
                path.unlink(missing_ok=True)  # the switch could choose it
            elif sha256_of(path) != entry.files[each]:
                write_atomically(path, places.sound(name, each).read_bytes())
    except OSError as error:
        problem = f"cannot be installed ({error.strerror}); check permissions and disk space"
        raise AudioError(f"{place}: {problem}") from error
    return MessageState.INSTALLED


def _files(sounds: Path, sound: str) -> list[Path]:
    path = sounds / sound
    return [each for each in path.parent.glob(f"{path.name}.*") if not each.name.startswith(PARTIAL_PREFIX)]


def missing_sounds(sounds: Path, names: Iterable[str]) -> list[str]:
    """Return the sounds that have no file in any format below the directory."""
    return [name for name in names if not any(each.is_file() for each in _files(sounds, name))]
