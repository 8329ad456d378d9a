"""Who holds a store's lock, found out without touching it: whoever looks must not keep a dialler from starting."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

_TEXT = re.compile(r"(.{1,40}) \(process (\d{1,10})\)", re.ASCII)


def holder_of(path: Path) -> str | None:
    """Who writes to the store at `path`, such as "a dialler (process 812)"; None: nobody.

    Raises OSError where the lock cannot be read.
    The file outlives its holder, and the number may be another program's by now. Where the system shows what a process has open
    it is asked for the lock; elsewhere a process of that number is taken for the holder.
    """
    lock = path.with_name(path.name + ".lock")
    try:
        found = _TEXT.fullmatch(lock.read_text("utf-8", "replace").strip())
    except FileNotFoundError:
        return None
    return found[0] if found is not None and _has_open(int(found[2]), lock) else None


def _has_open(process: int, file: Path) -> bool:
    meant = file.stat()
    try:
        with os.scandir(f"/proc/{process}/fd") as entries:
            return any(_is_file(entry, meant) for entry in entries)
    except OSError:  # no such process, no such folder on this system, or another user's process
        return _is_alive(process)


def _is_file(entry: os.DirEntry[str], meant: os.stat_result) -> bool:
    try:
        return os.path.samestat(entry.stat(), meant)
    except OSError:  # closed meanwhile
        return False


def _is_alive(process: int) -> bool:
    if sys.platform == "win32":  # there asking would be a signal
        return True
    try:
        os.kill(process, 0)
    except PermissionError:
        return True
    except (OSError, OverflowError):
        return False
    return True
