"""Install new sounds together with their catalogue entries, so that the dialler never finds one without the other."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path

from dialer.audio.catalogue import Entries, Entry, write_catalogue_after_installing_sounds
from dialer.audio.conversion import Recipe
from dialer.audio.files import PARTIAL_PREFIX, convert_write_errors_to_audio_errors, hash_file, remove_partial_files
from dialer.audio.names import ROOT, AudioDirectories, PromptName
from dialer.settings.audio import SoundFormat


def are_prompt_sounds_intact(entry: Entry, name: PromptName, recipe: Recipe, places: AudioDirectories) -> bool:
    """Return whether a prompt's sound exists in each required format, and no file has changed since it was written."""
    if entry.recipe != recipe.recipe_identifier or set(entry.files) != set(recipe.formats):
        return False
    return all(hash_file(places.get_sound_path(name, each)) == entry.files[each] for each in recipe.formats)


def remove_sounds_of_unlisted_formats(places: AudioDirectories, entries: Entries) -> None:
    """Remove sounds in formats that the catalogue does not list. Asterisk could choose such an outdated sound.

    Raises:
        AudioError: a sound cannot be removed.
    """
    for name, entry in entries.items():
        for sound_format in SoundFormat:
            if sound_format not in entry.files:
                sound = places.get_sound_path(name, sound_format)
                with convert_write_errors_to_audio_errors(sound):
                    sound.unlink(missing_ok=True)


@contextmanager
def collect_and_install_sounds(
    places: AudioDirectories, entries: dict[PromptName, Entry], catalogue: Path | None
) -> Iterator[tuple[AudioDirectories, list[tuple[PromptName, Entry]]]]:
    """Yield a temporary folder for new sounds and a list for their catalogue entries. Install both after the `with`
    block.

    The new entries are added to `entries`, and written to the folder `catalogue` unless it is None. A running dialler
    finds either the old sounds and catalogue or the new ones.

    If the disk is full, the old sounds stay. If the block is interrupted, the finished sounds are installed.

    Raises:
        AudioError: sounds or catalogue cannot be written.
    """
    root = places.sounds / ROOT
    made: list[tuple[PromptName, Entry]] = []
    with convert_write_errors_to_audio_errors(root):
        root.mkdir(parents=True, exist_ok=True)
        remove_partial_files(root)
        staging = Path(tempfile.mkdtemp(prefix=PARTIAL_PREFIX, dir=root))
    workshop = replace(places, sounds=staging)
    try:
        try:
            yield workshop, made
        finally:
            _install_sounds(dict(made), workshop, places, entries, catalogue)
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _install_sounds(
    made: Entries,
    workshop: AudioDirectories,
    places: AudioDirectories,
    entries: dict[PromptName, Entry],
    catalogue: Path | None,
) -> None:
    """Install new sounds and their catalogue entries. The last step only renames the sounds, so it needs no disk space."""
    for folder in {(places.sounds / name.sound_name).parent for name in made}:
        with convert_write_errors_to_audio_errors(folder):
            folder.mkdir(parents=True, exist_ok=True)
    with (
        nullcontext() if catalogue is None else write_catalogue_after_installing_sounds(catalogue, {**entries, **made})
    ):
        for name in sorted(made):
            for sound_format in made[name].files:
                sound = places.get_sound_path(name, sound_format)
                with convert_write_errors_to_audio_errors(sound):
                    workshop.get_sound_path(name, sound_format).replace(sound)
            remove_sounds_of_unlisted_formats(places, {name: made[name]})
            entries[name] = made[name]
