"""The status of a path, with errors that `Path.exists` and its relatives hide from Python 3.14 on."""

from __future__ import annotations

import stat
from pathlib import Path


def path_exists(path: Path) -> bool:
    """Return whether something is at `path`. Raises OSError where that cannot be found out."""
    return _mode(path) is not None


def is_regular_file(path: Path) -> bool:
    """Return whether a regular file is at `path`. Raises OSError where that cannot be found out."""
    mode = _mode(path)
    return mode is not None and stat.S_ISREG(mode)


def is_directory(path: Path) -> bool:
    """Return whether a directory is at `path`. Raises OSError where that cannot be found out."""
    mode = _mode(path)
    return mode is not None and stat.S_ISDIR(mode)


def _mode(path: Path) -> int | None:
    try:
        return path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return None
