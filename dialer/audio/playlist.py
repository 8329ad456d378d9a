"""What may be played now: the catalogue and the sounds on disk, read together, asked by every call without touching a file."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import partial
from pathlib import Path

from dialer.audio.catalogue import LOCK, Entries, Entry, Voice, catalogue_files, entries_of
from dialer.audio.errors import CatalogueError
from dialer.audio.files import sha256_of
from dialer.audio.gate import PlayRules, why_not_played
from dialer.audio.names import Places, PromptName
from dialer.settings.audio import SoundFormat

_Stamp = tuple[int, int, int]  # time of the last change in ns, size, inode: another file has another


class Listed:
    """An entry, and the hashes of its sounds as they lay on disk. What nobody has asked for yet is hashed when it is asked for: a
    start does not wait for thousands of files of which a call plays five, and nothing plays unchecked.
    """

    __slots__ = ("_found", "_hashes", "entry")

    def __init__(self, entry: Entry, hashes: Callable[[], Mapping[SoundFormat, str]]) -> None:
        """`hashes` reads them."""
        self.entry = entry
        self._hashes = hashes
        self._found: Mapping[SoundFormat, str] | None = None

    @property
    def found(self) -> Mapping[SoundFormat, str]:
        """By kind of sound. The first time files are read."""
        if self._found is None:
            self._found = self._hashes()
        return self._found


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


class PlaylistReader:
    """Reads the snapshot again and again; a file that has not changed is neither parsed nor hashed a second time.

    A change is told by a file's time, size and inode.
    """

    def __init__(self, catalogue: Path, places: Places, rules: PlayRules) -> None:
        """Nothing is read yet."""
        self.catalogue = catalogue
        self.places = places
        self.rules = rules
        self._entries: Entries = {}
        self._catalogue_stamps: dict[Path, _Stamp] = {}
        self._was_there = False
        self._paths: dict[PromptName, tuple[tuple[SoundFormat, str], ...]] = {}
        self._stamps: dict[str, _Stamp | None] = {}  # of every sound that could be played, as last looked at
        self._hashes: dict[str, tuple[_Stamp, str]] = {}
        self._last: Playlist | None = None

    def read(self) -> Playlist:
        """The snapshot; the same one as before where neither catalogue nor sounds have changed. Blocks: files are looked at.

        Raises CatalogueError, also where the directory was there and is gone, or had files and is bare: that is a checkout under
        way or a lost mount, and taken for an empty catalogue it would silence every call. A command that takes out the last
        entry leaves its lock there.
        """
        files = catalogue_files(self.catalogue)
        gone = self._was_there if files is None else self._is_bare(files)
        if gone:
            raise CatalogueError(str(self.catalogue), "", "was there and is gone; put it back")
        self._was_there = files is not None
        stamps = {path: stamp for path in files or () if (stamp := _stamp(str(path))) is not None}
        if stamps != self._catalogue_stamps:
            self._entries = entries_of(self.catalogue, files or ())
            self._catalogue_stamps = stamps
            self._paths = {name: self._paths.get(name) or self._sounds_of(name) for name in self._entries}
            self._last = None
        seen = {path: _stamp(path) for sounds in self._paths.values() for _, path in sounds}
        if self._last is None or seen != self._stamps:
            self._stamps = seen
            self._hashes = {path: known for path, known in self._hashes.items() if seen.get(path) == known[0]}
            listed = {name: Listed(entry, partial(self._found, name)) for name, entry in self._entries.items()}
            self._last = Playlist(listed, self.rules)
        return self._last

    @staticmethod
    def check(playlist: Playlist) -> None:
        """Hash whatever of it was not asked for yet. Blocks: files are read."""
        for each in playlist.listed.values():
            each.found  # noqa: B018 - reading it is what hashes

    def _is_bare(self, files: list[Path]) -> bool:
        """Whether a directory that had files is left without any, and not by a command."""
        return bool(self._catalogue_stamps) and not files and not (self.catalogue / LOCK).exists()

    def _sounds_of(self, name: PromptName) -> tuple[tuple[SoundFormat, str], ...]:
        """Every kind of sound counts that the switch could choose, also one that the catalogue does not know."""
        beginning = str(self.places.sounds / name.sound)
        return tuple((sound_format, f"{beginning}.{sound_format.value}") for sound_format in SoundFormat)

    def _found(self, name: PromptName) -> dict[SoundFormat, str]:
        hashes = {sound_format: self._hash(path) for sound_format, path in self._sounds_of(name)}
        return {sound_format: sha for sound_format, sha in hashes.items() if sha is not None}

    def _hash(self, path: str) -> str | None:
        stamp = _stamp(path)
        if stamp is None:
            return None
        known = self._hashes.get(path)
        if known is not None and known[0] == stamp:
            return known[1]
        sha = sha256_of(Path(path))
        if sha is not None:
            self._hashes[path] = (stamp, sha)
        return sha


def _stamp(path: str) -> _Stamp | None:
    try:
        status = os.stat(path)  # noqa: PTH116 - ten thousand of them at a time; a Path's costs three times as much
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino
