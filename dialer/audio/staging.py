"""Put new sounds and their catalogue entries in place together, so that a dialler never sees one without the other."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path

from dialer.audio.catalogue import Entries, Entry, staged_catalogue
from dialer.audio.conversion import Recipe
from dialer.audio.files import PARTIAL_PREFIX, naming_write_errors, remove_partial_files, sha256_of
from dialer.audio.names import ROOT, Places, PromptName
from dialer.settings.audio import SoundFormat


def sounds_are_intact(entry: Entry, name: PromptName, recipe: Recipe, places: Places) -> bool:
    """Return whether a prompt has the sounds that the recipe requires, and they are unchanged on disk."""
    if entry.recipe != recipe.fingerprint or set(entry.files) != set(recipe.formats):
        return False
    return all(sha256_of(places.sound(name, each)) == entry.files[each] for each in recipe.formats)


def remove_other_formats(places: Places, entries: Entries) -> None:
    """Remove sounds in formats that their prompts no longer have: the switch could choose them, which blocks the prompt.

    Raises AudioError if a sound cannot be removed.
    """
    for name, entry in entries.items():
        for sound_format in SoundFormat:
            if sound_format not in entry.files:
                sound = places.sound(name, sound_format)
                with naming_write_errors(sound):
                    sound.unlink(missing_ok=True)


@contextmanager
def staged_sounds(
    places: Places, entries: dict[PromptName, Entry], catalogue: Path | None
) -> Iterator[tuple[Places, list[tuple[PromptName, Entry]]]]:
    """Yield a staging area for sounds and a list for their entries, and install both at the end of the block.

    The entries are added to `entries` and, unless `catalogue` is None, written to it at the same moment. A running
    dialler therefore sees either the old sounds with the old catalogue or the new ones with the new. If the disk is
    full the old ones stay. After an interruption the sounds that were finished are installed. Raises AudioError if
    sounds or catalogue cannot be written.
    """
    root = places.sounds / ROOT
    made: list[tuple[PromptName, Entry]] = []
    with naming_write_errors(root):
        root.mkdir(parents=True, exist_ok=True)
        remove_partial_files(root)
        staging = Path(tempfile.mkdtemp(prefix=PARTIAL_PREFIX, dir=root))
    workshop = replace(places, sounds=staging)
    try:
        try:
            yield workshop, made
        finally:
            _install(dict(made), workshop, places, entries, catalogue)
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _install(
    made: Entries, workshop: Places, places: Places, entries: dict[PromptName, Entry], catalogue: Path | None
) -> None:
    """Write folders and catalogue, which need disk space, first; then only rename the sounds."""
    for folder in {(places.sounds / name.sound).parent for name in made}:
        with naming_write_errors(folder):
            folder.mkdir(parents=True, exist_ok=True)
    with nullcontext() if catalogue is None else staged_catalogue(catalogue, {**entries, **made}):
        for name in sorted(made):
            for sound_format in made[name].files:
                sound = places.sound(name, sound_format)
                with naming_write_errors(sound):
                    workshop.sound(name, sound_format).replace(sound)
            remove_other_formats(places, {name: made[name]})
            entries[name] = made[name]
