"""Recordings as files: named by the attempt, in one folder, and erased there. What else lies in the folder is never touched."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from dialer.errors import RecordingError
from dialer.model import AttemptId

_FILE = re.compile(r"([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\.wav")
DAY_SECONDS = 86_400.0


@dataclass(frozen=True, slots=True)
class RecordingFile:
    """One recording that is there."""

    attempt_id: AttemptId
    path: Path
    modified_at: float  # epoch seconds; the end of the call
    size_bytes: int


def file_name(attempt_id: str) -> str:
    """The name of an attempt's recording. Raises RecordingError for what is no attempt's id."""
    name = f"{attempt_id}.wav"
    if not _FILE.fullmatch(name):
        raise RecordingError("a recording is named by its attempt's id, 36 characters in lower case; this is none")
    return name


def recordings_in(directory: Path) -> Iterator[RecordingFile]:
    """Every recording in the folder, in order of its name: plain files alone, no link and no folder. A missing folder raises
    RecordingError.
    """
    try:
        entries = sorted(directory.iterdir())
    except OSError as error:
        raise RecordingError(
            f"{directory}: the folder of the recordings cannot be read ({error.strerror}): "
            "set recordings.directory, or make it and let Asterisk write there"
        ) from error
    for path in entries:
        named = _FILE.fullmatch(path.name)
        if named is not None and path.is_file() and not path.is_symlink():
            status = path.stat()
            yield RecordingFile(AttemptId(named[1]), path, status.st_mtime, status.st_size)


def older_than(files: Iterator[RecordingFile], days: float, now: float) -> list[RecordingFile]:
    """Those whose call ended more than so many days before `now` (epoch seconds)."""
    return [file for file in files if file.modified_at < now - days * DAY_SECONDS]


def erase(file: RecordingFile) -> None:
    """Remove a recording. One that is gone already is no error. Raises RecordingError where it cannot be removed."""
    try:
        file.path.unlink(missing_ok=True)
    except OSError as error:
        raise RecordingError(
            f"{file.path}: cannot be erased ({error.strerror}): give the dialler's user the right to"
        ) from error
