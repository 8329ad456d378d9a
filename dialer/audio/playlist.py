"""The prompts that may be played now, from the catalogue and the sounds on disk; calls use it without accessing files."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import partial
from pathlib import Path

from dialer.audio.catalogue import LOCK, Entries, Entry, Voice, catalogue_files, read_entries
from dialer.audio.errors import CatalogueError
from dialer.audio.files import sha256_of
from dialer.audio.names import Places, PromptName
from dialer.audio.play_rules import PlayRules, play_problem
from dialer.settings.audio import SoundFormat

_Stamp = tuple[int, int, int]  # (modification time in ns, size, inode): identifies a version of a file


class ListedPrompt:
    """An entry of the catalogue and the hashes of its sounds on disk.

    Sounds are hashed on first use, so that a start does not wait for thousands of files. Nothing is played without this
    check.
    """

    __slots__ = ("_found", "_hashes", "entry")

    def __init__(self, entry: Entry, hashes: Callable[[], Mapping[SoundFormat, str]]) -> None:
        """Take an entry, and the function that reads the hashes of its sounds."""
        self.entry = entry
        self._hashes = hashes
        self._found: Mapping[SoundFormat, str] | None = None

    @property
    def found(self) -> Mapping[SoundFormat, str]:
        """The hashes by format. The first access reads files."""
        if self._found is None:
            self._found = self._hashes()
        return self._found


@dataclass(frozen=True, slots=True)
class Playlist:
    """A snapshot of the catalogue. The day is a parameter, because a certificate expires without a change of files."""

    listed: Mapping[PromptName, ListedPrompt]
    rules: PlayRules

    def find_block_reason(self, name: PromptName, today: date) -> str | None:
        """Return why a prompt may not be played; None if it may."""
        listed = self.listed.get(name)
        if listed is None:
            return play_problem(name, None, {}, self.rules, today)
        return play_problem(name, listed.entry, listed.found, self.rules, today)

    def synthetic(self, name: PromptName) -> bool:
        """Return whether a prompt has a synthetic voice."""
        listed = self.listed.get(name)
        return listed is not None and listed.entry.voice is not Voice.HUMAN


class PlaylistReader:
    """Reads snapshots. Unchanged files, by modification time, size and inode, are neither parsed nor hashed again."""

    def __init__(self, catalogue: Path, places: Places, rules: PlayRules) -> None:
        """Prepare a reader. Nothing is read yet."""
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
        """Return the current snapshot, the previous one if nothing has changed. Blocks while files are read.

        Raises CatalogueError. A directory that has disappeared, or has lost all its files, is an error too: it is a
        checkout in progress or a lost mount, and an empty catalogue would silence every call. A command that removes
        the last entry leaves its lock file there.
        """
        files = catalogue_files(self.catalogue)
        disappeared = self._was_there if files is None else self._is_bare(files)
        if disappeared:
            raise CatalogueError(str(self.catalogue), "", "has disappeared; restore it")
        self._was_there = files is not None
        stamps = {path: stamp for path in files or () if (stamp := _stamp(str(path))) is not None}
        if stamps != self._catalogue_stamps:
            self._entries = read_entries(self.catalogue, files or ())
            self._catalogue_stamps = stamps
            self._paths = {name: self._paths.get(name) or self._sounds_of(name) for name in self._entries}
            self._last = None
        seen = {path: _stamp(path) for sounds in self._paths.values() for _, path in sounds}
        if self._last is None or seen != self._stamps:
            self._stamps = seen
            self._hashes = {path: known for path, known in self._hashes.items() if seen.get(path) == known[0]}
            listed = {name: ListedPrompt(entry, partial(self._found, name)) for name, entry in self._entries.items()}
            self._last = Playlist(listed, self.rules)
        return self._last

    @staticmethod
    def check(playlist: Playlist) -> None:
        """Hash all sounds that have not been hashed yet. Blocks while files are read."""
        for each in playlist.listed.values():
            each.found  # noqa: B018 - the access computes the hashes

    def _is_bare(self, files: list[Path]) -> bool:
        """Return whether the directory has lost all its files, other than by a command."""
        return bool(self._catalogue_stamps) and not files and not (self.catalogue / LOCK).exists()

    def _sounds_of(self, name: PromptName) -> tuple[tuple[SoundFormat, str], ...]:
        """Return the paths of all formats that the switch could choose, including those that are not in the catalogue."""
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
        status = os.stat(path)  # noqa: PTH116 - called ten thousand times; the method of Path takes three times as long
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino
