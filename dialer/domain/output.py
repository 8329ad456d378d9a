"""Output files of commands: checked before the work begins, and written completely or not at all."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import IO

from dialer.domain.errors import OutputRefused

ProtectedFiles = Mapping[str, Path | None]
"""Files that a command reads or maintains, by their description ("the roll"). Output must not overwrite them."""

_NOTHING: ProtectedFiles = MappingProxyType({})
_SQLITE = b"SQLite format 3\x00"


def refuse_protected_path(path: Path, option: str, kept: ProtectedFiles = _NOTHING) -> None:
    """Raise OutputRefused if an output file would overwrite a database or one of the protected files in `kept`.

    Protected files are never opened, because closing one would release SQLite's locks on it.
    """
    try:
        for protected_file, other in kept.items():
            if other is not None and _is_same_file(path, other):
                raise OutputRefused(
                    f"{option}: {path} is {protected_file}, which must not be overwritten; name another file"
                )
        if path.is_file() and _is_store_file(path):
            raise OutputRefused(
                f"{option}: {path} is a store or another database, which must not be overwritten; name another file"
            )
    except OSError as error:
        raise _create_error_about_output_file(path, option, error) from error


def refuse_unwritable_path(path: Path, option: str, kept: ProtectedFiles = _NOTHING) -> None:
    """Raise OutputRefused if the output file `path` cannot be written, or is protected (`refuse_protected_path`).

    `option` is the command-line option that gave the path. It is named in the error.
    """
    refuse_protected_path(path, option, kept)
    try:
        if path.is_dir():
            raise OutputRefused(f"{option}: {path} is a directory; name a file in this directory")
        if path.exists() and not path.is_file():  # a device would be replaced by a file
            raise OutputRefused(f"{option}: {path} is not a regular file; name another file")
        with contextlib.suppress(FileNotFoundError):
            _make_temporary_path(path).lstat()  # fails for a name that is too long
        with tempfile.TemporaryFile(dir=path.parent):  # permissions do not show whether the disk is full
            pass
    except OSError as error:
        raise _create_error_about_output_file(path, option, error) from error


def write_file(path: Path, content: bytes, option: str = "--out") -> None:
    """Write a file completely or not at all, readable by its owner only. Raises OutputRefused."""
    with open_atomic_file(path, option) as file:
        file.write(content)


@contextlib.contextmanager
def open_atomic_file(path: Path, option: str = "--out") -> Iterator[IO[bytes]]:
    """Open a file that replaces `path` when the `with` block ends without an error.

    The file is synced to disk, and only its owner can read it. After an error, `path` is unchanged. Raises
    OutputRefused if it cannot be written.
    """
    refuse_unwritable_path(path, option)
    beside = _make_temporary_path(path)
    try:
        with os.fdopen(create_private_file(beside), "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except BaseException as error:
        with contextlib.suppress(OSError):
            beside.unlink()
        if isinstance(error, OSError):
            raise _create_error_about_output_file(path, option, error) from error
        raise


def create_private_file(path: Path) -> int:
    """Create an empty file that only its owner can read, and return its file descriptor. Raises OSError.

    An existing file is removed first, not overwritten: it could be a link that another user placed in a shared folder.
    """
    path.unlink(missing_ok=True)
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)


def _is_same_file(path: Path, other: Path) -> bool:
    try:
        return path.samefile(other)
    except OSError:  # one of them does not exist
        return path.resolve() == other.resolve()


def _is_store_file(path: Path) -> bool:
    with path.open("rb") as file:
        if file.read(len(_SQLITE)) == _SQLITE:
            return True
    return path.with_name(f"{path.name}.lock").exists()  # an encrypted store has no recognizable header


def _make_temporary_path(path: Path) -> Path:
    return path.with_name(f".{path.name}.part")


def _create_error_about_output_file(path: Path, option: str, error: OSError) -> OutputRefused:
    return OutputRefused(f"{option}: {path} cannot be written ({error.strerror}); name another place")
