"""Checks whether a path exists, or is a file or folder. Errors such as a missing permission are raised.

From Python 3.14 on, `Path.exists` and similar methods hide such errors.
"""

from __future__ import annotations

import stat
from pathlib import Path


def path_exists(path: Path) -> bool:
    """Return whether a file or folder exists at `path`. Raises OSError if this cannot be determined."""
    return _read_file_mode(path) is not None


def is_regular_file(path: Path) -> bool:
    """Return whether a regular file is at `path`. Raises OSError if this cannot be determined."""
    mode = _read_file_mode(path)
    return mode is not None and stat.S_ISREG(mode)


def is_directory(path: Path) -> bool:
    """Return whether a directory is at `path`. Raises OSError if this cannot be determined."""
    mode = _read_file_mode(path)
    return mode is not None and stat.S_ISDIR(mode)


def _read_file_mode(path: Path) -> int | None:
    try:
        return path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return None
