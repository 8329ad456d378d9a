"""The prompts that may be played now, from the catalogue and the sounds on disk.

During calls the playlist is used without reading files.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import partial
from pathlib import Path
from typing import Final

from dialer.audio.catalogue import LOCK, Entries, Entry, Voice, list_catalogue_files, read_catalogue_entries
from dialer.audio.errors import CatalogueError
from dialer.audio.files import hash_file
from dialer.audio.names import AudioDirectories, PromptName
from dialer.audio.play_rules import PlayRules, find_reason_prompt_is_blocked
from dialer.settings.audio import SoundFormat

_FileVersion = tuple[int, int, int]  # (modification time in ns, size, inode): identifies a version of a file

_EXTENSIONS: Final = frozenset(sound_format.value for sound_format in SoundFormat)


class ListedPrompt:
    """A prompt in the playlist: its catalogue entry and the hashes of its sounds on disk.

    The hashes are computed on first use. So the dialler need not read thousands of files when it starts.
    """

    __slots__ = ("_cached_hashes", "_hashes", "entry")

    def __init__(self, entry: Entry, hashes: Callable[[], Mapping[SoundFormat, str]]) -> None:
        """Create a prompt from its catalogue entry and a function that computes the hashes of its sounds."""
        self.entry = entry
        self._hashes = hashes
        self._cached_hashes: Mapping[SoundFormat, str] | None = None

    @property
    def sound_hashes(self) -> Mapping[SoundFormat, str]:
        """The hashes of the prompt's sounds on disk, by format. The first access reads the files."""
        if self._cached_hashes is None:
            self._cached_hashes = self._hashes()
        return self._cached_hashes


@dataclass(frozen=True, slots=True)
class Playlist:
    """The prompts in one version of the catalogue, and whether each may be played on a date (certificates expire)."""

    listed: Mapping[PromptName, ListedPrompt]
    rules: PlayRules

    def find_reason_sound_is_blocked(self, name: PromptName, today: date) -> str | None:
        """Return why a prompt may not be played on the day of the call, or None if it may."""
        listed = self.listed.get(name)
        if listed is None:
            return find_reason_prompt_is_blocked(name, None, {}, self.rules, today)
        return find_reason_prompt_is_blocked(name, listed.entry, listed.sound_hashes, self.rules, today)

    def does_prompt_use_synthetic_voice(self, name: PromptName) -> bool:
        """Return whether a prompt has a synthetic voice."""
        listed = self.listed.get(name)
        return listed is not None and listed.entry.voice is not Voice.HUMAN


class PlaylistReader:
    """A reader of the playlist: the prompts that may be played now.

    A file is read again only if its modification time, size or inode number has changed.
    """

    def __init__(self, catalogue: Path, places: AudioDirectories, rules: PlayRules) -> None:
        """Create a reader of this catalogue and its sounds. Nothing is read yet."""
        self.catalogue = catalogue
        self.places = places
        self.rules = rules
        self._entries: Entries = {}
        self._catalogue_versions: dict[Path, _FileVersion] = {}
        self._was_there = False
        self._sounds_by_folder: dict[str, set[str]] = {}  # names of the prompts' sounds, without extension
        self._versions: dict[str, _FileVersion] = {}  # of each playable sound file, by path, at the last read
        self._hashes: dict[str, tuple[_FileVersion, str]] = {}
        self._last: Playlist | None = None

    def read_playlist(self) -> Playlist:
        """Return the prompts that may be played now (the playlist). If nothing has changed, return the same object as
        before.

        Blocks while it reads files.

        Raises:
            CatalogueError: the catalogue is invalid, or has disappeared, as after a lost mount. An empty catalogue is
                not
                used, because then no call could play a prompt.
        """
        files = list_catalogue_files(self.catalogue)
        disappeared = self._was_there if files is None else self._have_catalogue_files_disappeared(files)
        if disappeared:
            raise CatalogueError(
                str(self.catalogue), "", "the catalogue has disappeared; restore the directory and its files"
            )
        self._was_there = files is not None
        stamps = {
            path: stamp for path in files or () if (stamp := _read_file_time_size_and_inode(str(path))) is not None
        }
        if stamps != self._catalogue_versions:
            self._entries = read_catalogue_entries(self.catalogue, files or ())
            self._catalogue_versions = stamps
            self._sounds_by_folder = self._group_sounds_by_folder()
            self._last = None
        seen = self._read_versions_of_sounds()
        if self._last is None or seen != self._versions:
            self._versions = seen
            self._hashes = {path: known for path, known in self._hashes.items() if seen.get(path) == known[0]}
            listed = {
                name: ListedPrompt(entry, partial(self._hash_sounds_of_prompt, name))
                for name, entry in self._entries.items()
            }
            self._last = Playlist(listed, self.rules)
        return self._last

    @staticmethod
    def hash_all_sounds(playlist: Playlist) -> None:
        """Compute the hashes of all sounds in the playlist that have none yet. Blocks while it reads files."""
        for each in playlist.listed.values():
            each.sound_hashes  # noqa: B018 - the access computes the hashes

    def _have_catalogue_files_disappeared(self, files: list[Path]) -> bool:
        """Return whether the catalogue had files at the last reading and has none now, for example after a lost mount.

        A command that removes the last prompt leaves a lock file. So an empty catalogue with a lock file is no error.
        """
        return bool(self._catalogue_versions) and not files and not (self.catalogue / LOCK).exists()

    def _group_sounds_by_folder(self) -> dict[str, set[str]]:
        sounds_by_folder: dict[str, set[str]] = {}
        for name in self._entries:
            folder, _, sound = name.sound_name.rpartition("/")
            sounds_by_folder.setdefault(folder, set()).add(sound)
        return {str(self.places.sounds / folder): sounds for folder, sounds in sounds_by_folder.items()}

    def _read_versions_of_sounds(self) -> dict[str, _FileVersion]:
        """Return the version of each prompt's sounds on disk, by path.

        Folders are listed first, because most prompts have only one of the formats that Asterisk could choose.
        """
        versions = {}
        for folder, sounds in self._sounds_by_folder.items():
            for file in _list_folder(folder, sounds):
                sound, _, extension = file.rpartition(".")
                if sound in sounds and extension in _EXTENSIONS:
                    path = f"{folder}/{file}"
                    if (version := _read_file_time_size_and_inode(path)) is not None:
                        versions[path] = version
        return versions

    def _list_sound_paths_of_prompt(self, name: PromptName) -> tuple[tuple[SoundFormat, str], ...]:
        """Return the paths of a prompt's sound in every format that Asterisk could choose, whether the files exist or
        not.
        """
        beginning = str(self.places.sounds / name.sound_name)
        return tuple((sound_format, f"{beginning}.{sound_format.value}") for sound_format in SoundFormat)

    def _hash_sounds_of_prompt(self, name: PromptName) -> dict[SoundFormat, str]:
        hashes = {
            sound_format: self._hash_sound_file(path) for sound_format, path in self._list_sound_paths_of_prompt(name)
        }
        return {sound_format: sha for sound_format, sha in hashes.items() if sha is not None}

    def _hash_sound_file(self, path: str) -> str | None:
        stamp = _read_file_time_size_and_inode(path)
        if stamp is None:
            return None
        known = self._hashes.get(path)
        if known is not None and known[0] == stamp:
            return known[1]
        sha = hash_file(Path(path))
        if sha is not None:
            self._hashes[path] = (stamp, sha)
        return sha


def _list_folder(folder: str, sounds: Iterable[str]) -> list[str]:
    """Return the names of the files in a folder. If the folder is unreadable, return every possible file name of `sounds`."""
    try:
        return os.listdir(folder)  # noqa: PTH208 - the names suffice; Path objects of thousands of files take longer
    except OSError:
        return [f"{sound}.{extension}" for sound in sounds for extension in _EXTENSIONS]


def _read_file_time_size_and_inode(path: str) -> _FileVersion | None:
    try:
        status = os.stat(path)  # noqa: PTH116 - called thousands of times; the method of Path takes three times as long
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino
