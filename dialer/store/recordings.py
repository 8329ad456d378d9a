"""Sound files of recorded conversations and of callers' messages, named after their attempts. Other files are never changed."""

from __future__ import annotations

import re
import stat
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from dialer.domain.errors import RecordingError
from dialer.domain.model import AttemptId
from dialer.settings.site_time import DAY_SECONDS

_FILE = re.compile(r"([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\.wav")
_OF_AN_ATTEMPT = re.compile(r"([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})(?:-[0-9]+)?\.[A-Za-z0-9]+")


@dataclass(frozen=True, slots=True)
class RecordingFile:
    """A recording's sound file."""

    attempt_id: AttemptId
    path: Path
    modified_at: float  # epoch seconds: the end of the call
    size_bytes: int


def get_recording_file_name(attempt_id: str) -> str:
    """Return the file name of a call attempt's recording. Raises RecordingError if `attempt_id` has no valid form."""
    name = f"{attempt_id}.wav"
    if not _FILE.fullmatch(name):
        raise RecordingError(
            f"{attempt_id!r} is not the id of an attempt. Give 36 characters in lower case with hyphens."
        )
    return name


def list_recordings(directory: Path) -> Iterator[RecordingFile]:
    """Return the recordings in a folder, sorted by file name. Only regular files count.

    Raises RecordingError if there is no folder.
    """
    for path in _list_folder_entries(directory):
        named = _FILE.fullmatch(path.name)
        if named is not None and path.is_file() and not path.is_symlink():
            status = path.stat()
            yield RecordingFile(AttemptId(named[1]), path, status.st_mtime, status.st_size)


def select_recordings_older_than(files: Iterator[RecordingFile], days: float, now: float) -> list[RecordingFile]:
    """Return the recordings of calls that ended more than `days` days before `now` (epoch seconds)."""
    return [file for file in files if file.modified_at < now - days * DAY_SECONDS]


def find_recording(directory: Path, attempt_id: str, since: float) -> Path | None:
    """Return the recording of a call that ended at `since` or later, or None if there is no sound file for it.

    Raises RecordingError.
    """
    path = directory / get_recording_file_name(attempt_id)
    try:
        status = path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise _build_unreadable_folder_error(directory, error) from error
    return path if stat.S_ISREG(status.st_mode) and status.st_mtime >= since else None


def find_recording_files(directory: Path, attempts: Collection[str] | None, *, expected: bool) -> list[Path]:
    """Return the sound files of these attempts, or of all attempts (None).

    A conversation is in `<attempt>.wav`, and a caller's messages are in `<attempt>-<n>.<format>`. If the recordings
    folder is missing, the result is empty; with `expected`, RecordingError is raised instead. RecordingError is also
    raised if the folder cannot be read, or if a link or folder has the name of a recording.
    """
    if not expected and not directory.exists():
        return []
    found: list[Path] = []
    for path in _list_folder_entries(directory):
        named = _OF_AN_ATTEMPT.fullmatch(path.name)
        if named is None or (attempts is not None and named[1] not in attempts):
            continue
        if path.is_symlink() or not path.is_file():
            raise RecordingError(
                f"{path}: a link or folder has the name of a recording: see where it leads, then remove it"
            )
        found.append(path)
    return found


def erase_recording(path: Path) -> None:
    """Delete a recording's sound file. Do nothing if it does not exist. Raises RecordingError if it cannot be deleted."""
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise RecordingError(
            f"{path}: this recording cannot be erased ({error.strerror}): give the dialler's user write access to its folder"
        ) from error


def _list_folder_entries(directory: Path) -> list[Path]:
    try:
        return sorted(directory.iterdir())
    except OSError as error:
        raise _build_unreadable_folder_error(directory, error) from error


def _build_unreadable_folder_error(directory: Path, error: OSError) -> RecordingError:
    return RecordingError(
        f"{directory}: the folder of the recordings cannot be read ({error.strerror}): "
        "set recordings.directory, or create the folder and let Asterisk write to it"
    )
