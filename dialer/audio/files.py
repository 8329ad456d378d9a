"""Files that are there whole or not at all, and their hashes."""

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

HALF_DONE: Final = ".half-done-"
"""How a file's name begins until it is whole."""


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Raise AudioError, which names the path, where the block cannot write, rename or remove it."""
    try:
        yield
    except OSError as error:
        problem = f"cannot be written ({error.strerror}); check its rights and its disk, then run it again"
        raise AudioError(f"{path}: {problem}") from error


def write_beside(path: Path, content: bytes) -> Path:
    """Write a file beside its place, to be renamed into it; its path until then. It is on the disk. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(prefix=HALF_DONE, dir=path.parent)
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


def write_atomically(path: Path, content: bytes) -> None:
    """Put a file in place in one step; whoever reads it meets the old one or the new one. Raises OSError."""
    temporary = write_beside(path, content)
    try:
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def files_below(directory: Path, passed_over: Callable[[Path, str], None]) -> list[Path]:
    """The files below a directory in order. What is hidden, by a name that begins with a dot, is left out.

    `passed_over(path, why)` is told what could not be looked into: a folder that may not be read, and a symbolic link that leads
    to no file. Such a link is not followed, for it may lead anywhere, in a circle too; a search that kept silent about either
    would look like one that found all there is.
    """
    found: list[Path] = []

    def cannot_be_read(error: OSError) -> None:
        why = f"cannot be read ({error.strerror}); check that it is there, and its rights"
        passed_over(Path(error.filename or directory), why)

    for folder, folders, names in os.walk(directory, onerror=cannot_be_read):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in (*folders, *(name for name in names if not name.startswith("."))):
            path = Path(folder, name)
            if os.path.islink(path) and not os.path.isfile(path):  # noqa: PTH113, PTH114 - a Path's raise where rights are missing
                passed_over(path, "is a symbolic link and leads to no file; put what it stands for in its place")
            elif name not in folders:
                found.append(path)
    return sorted(found)


def remove_half_done(directory: Path) -> None:
    """Remove what a process left that ended in the middle of writing."""
    if directory.is_dir():
        for path in list(directory.rglob(f"{HALF_DONE}*")):
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)


def sha256_of(path: Path) -> str | None:
    """The SHA-256 of a file in hex; None where there is no such file or it cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return None


def sha256_of_bytes(content: bytes) -> str:
    """The SHA-256 of bytes in hex."""
    return hashlib.sha256(content).hexdigest()
