"""Files that a command is told to write: looked at before its work begins, written whole or not at all."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path

from dialer.errors import OutputRefused


def refuse_unwritable(path: Path, option: str) -> None:
    """Raise OutputRefused, naming the `option` that asked for it, where no file can be written at `path`. Leaves no trace."""
    try:
        if path.is_dir():
            raise OutputRefused(f"{option}: {path} is a directory; name a file in it")
        if path.exists() and not path.is_file():  # a device would be replaced by a file
            raise OutputRefused(f"{option}: {path} is no ordinary file; name another one")
        with contextlib.suppress(FileNotFoundError):
            _beside(path).lstat()  # tells of a name that is too long
        with tempfile.TemporaryFile(dir=path.parent):  # asks the folder itself: rights alone do not tell of a disk
            pass
    except OSError as error:
        raise _refused(path, option, error) from error


def write_file(path: Path, content: bytes, option: str = "--out") -> None:
    """Write a file whole or not at all, for its owner's eyes alone. Raises OutputRefused where it cannot be written."""
    refuse_unwritable(path, option)
    beside = _beside(path)
    try:
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        beside.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            beside.unlink()
        raise _refused(path, option, error) from error


def _beside(path: Path) -> Path:
    return path.with_name(f".{path.name}.part")


def _refused(path: Path, option: str, error: OSError) -> OutputRefused:
    return OutputRefused(f"{option}: {path} cannot be written ({error.strerror}); name another place")
