"""Files that are there whole or not at all, and their hashes."""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path
from typing import Final

HALF_DONE: Final = ".half-done-"
"""How a file's name begins until it is whole."""


def write_atomically(path: Path, content: bytes) -> None:
    """Put a file in place in one step; whoever reads it meets the old one or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(prefix=HALF_DONE, dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            os.fchmod(file.fileno(), 0o644)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def remove_half_done(directory: Path) -> None:
    """Remove what a process left that ended in the middle of writing."""
    if directory.is_dir():
        for path in directory.rglob(f"{HALF_DONE}*"):
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
