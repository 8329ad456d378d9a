"""What may be played now: the catalogue and the sounds on disk, read together, asked by every call without touching a file."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from audio.catalogue import LOCK, Entries, Entry, Voice, catalogue_files, entries_of
from audio.errors import CatalogueError
from audio.files import sha256_of
from audio.gate import PlayRules, why_not_played
from audio.names import PromptName
from audio.prepare import Places
from config.audio import SoundFormat

_Stamp = tuple[int, int, int]  # time of the last change in ns, size, inode: another file has another


@dataclass(frozen=True, slots=True)
class Listed:
    """An entry, and the hashes of its sounds as they lay on disk."""

    entry: Entry
    found: Mapping[SoundFormat, str]


@dataclass(frozen=True, slots=True)
class Playlist:
    """A snapshot. The day is asked each time: a certificate ends at midnight without anybody changing a file."""

    listed: Mapping[PromptName, Listed]
    rules: PlayRules

    def why_not(self, name: PromptName, today: date) -> str | None:
        """Why a prompt may not be played; None: it may."""
        listed = self.listed.get(name)
        if listed is None:
            return why_not_played(name, None, {}, self.rules, today)
        return why_not_played(name, listed.entry, listed.found, self.rules, today)

    def synthetic(self, name: PromptName) -> bool:
        """Whether a computer speaks in it."""
        listed = self.listed.get(name)
        return listed is not None and listed.entry.voice is not Voice.HUMAN


@dataclass(slots=True)
class PlaylistReader:
    """Reads the snapshot again and again; a file that has not changed is neither parsed nor hashed a second time."""

    catalogue: Path
    places: Places
    rules: PlayRules
    _entries: Entries = field(default_factory=dict)
    _catalogue_stamps: dict[Path, _Stamp] = field(default_factory=dict)
    _was_there: bool = False
    _hashes: dict[Path, tuple[_Stamp, str]] = field(default_factory=dict)

    def read(self) -> Playlist:
        """The snapshot. Blocks: files are read.

        Raises CatalogueError, also where the directory was there and is gone, or had files and is bare: that is a checkout under
        way or a lost mount, and taken for an empty catalogue it would silence every call. A command that takes out the last
        entry leaves its lock there.
        """
        files = catalogue_files(self.catalogue)
        gone = self._was_there if files is None else self._is_bare(files)
        if gone:
            raise CatalogueError(str(self.catalogue), "", "was there and is gone; put it back")
        self._was_there = files is not None
        stamps = {path: stamp for path in files or () if (stamp := _stamp(path)) is not None}
        if stamps != self._catalogue_stamps:
            self._entries = entries_of(self.catalogue, files or ())
            self._catalogue_stamps = stamps
        return Playlist({name: Listed(entry, self._found(name)) for name, entry in self._entries.items()}, self.rules)

    def _is_bare(self, files: list[Path]) -> bool:
        """Whether a directory that had files is left without any, and not by a command."""
        return bool(self._catalogue_stamps) and not files and not (self.catalogue / LOCK).exists()

    def _found(self, name: PromptName) -> dict[SoundFormat, str]:
        """Every kind of sound counts that the switch could choose, also one that the catalogue does not know."""
        paths = {sound_format: self.places.sound(name, sound_format) for sound_format in SoundFormat}
        hashes = {sound_format: self._hash(path) for sound_format, path in paths.items()}
        return {sound_format: sha for sound_format, sha in hashes.items() if sha is not None}

    def _hash(self, path: Path) -> str | None:
        stamp = _stamp(path)
        if stamp is None:
            self._hashes.pop(path, None)
            return None
        known = self._hashes.get(path)
        if known is not None and known[0] == stamp:
            return known[1]
        sha = sha256_of(path)
        if sha is not None:
            self._hashes[path] = (stamp, sha)
        return sha


def _stamp(path: Path) -> _Stamp | None:
    try:
        status = os.stat(path)  # noqa: PTH116 - ten thousand of them at a time; a Path's costs three times as much
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino
