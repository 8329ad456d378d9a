"""Write files atomically, list files below a directory, and compute their hashes."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from dialer.audio.errors import AudioError

PARTIAL_PREFIX: Final = ".half-done-"
"""The prefix of the names of incomplete files."""


@contextmanager
def convert_write_errors_to_audio_errors(path: Path) -> Iterator[None]:
    """Convert an OSError that is raised in the `with` block to an AudioError that names `path`."""
    try:
        yield
    except OSError as error:
        raise AudioError(
            f"{path}: the file cannot be written ({error.strerror}); check permissions and disk space, then run"
            " the command"
            " again"
        ) from error


def write_temporary_file(path: Path, content: bytes) -> Path:
    """Write and sync a temporary file in the directory of `path`, and return its path. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(prefix=PARTIAL_PREFIX, dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            os.fchmod(file.fileno(), 0o644)
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    return Path(temporary)


def write_file_atomically(path: Path, content: bytes) -> None:
    """Write a file so that readers see either the old or the new content. Raises OSError."""
    temporary = write_temporary_file(path, content)
    try:
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def list_files_in_folder_tree(directory: Path, skipped: Callable[[Path, str], None]) -> list[Path]:
    """Return all files below a directory, sorted, without hidden files.

    Unreadable folders, symbolic links to folders (they may form a loop) and links to missing files are skipped. For
    each of them, `skipped(path, reason)` is called.
    """
    found: list[Path] = []

    def raise_audio_error_about_unreadable_folder(error: OSError) -> None:
        why = f"the folder cannot be read ({error.strerror}); check that it exists, and its permissions"
        skipped(Path(error.filename or directory), why)

    for folder, folders, names in os.walk(directory, onerror=raise_audio_error_about_unreadable_folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in (*folders, *(name for name in names if not name.startswith("."))):
            path = Path(folder, name)
            if os.path.islink(path) and not os.path.isfile(path):  # noqa: PTH113, PTH114 - Path's methods raise
                skipped(path, "is a symbolic link that does not lead to a file; replace it by the files")
            elif name not in folders:
                found.append(path)
    return sorted(found)


def remove_partial_files(directory: Path) -> None:
    """Remove incomplete files that an interrupted process has left below a directory."""
    if directory.is_dir():
        for path in list(directory.rglob(f"{PARTIAL_PREFIX}*")):
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)


def hash_file(path: Path) -> str | None:
    """Return the SHA-256 of a file in hex, or None if it does not exist or cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return None


def compute_sha256_of_bytes(content: bytes) -> str:
    """Return the SHA-256 of bytes in hex."""
    return hashlib.sha256(content).hexdigest()
