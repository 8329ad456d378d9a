"""Who holds a store's lock, found out without touching it: whoever looks must not keep a dialler from starting."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

_TEXT = re.compile(r"(.{1,40}) \(process (\d{1,10})\)", re.ASCII)
_LOCKS = Path("/proc/locks")


def lock_file(path: Path) -> Path:
    """The file beside the store that says who holds it; the same by whatever symbolic link the store is named."""
    real = Path(os.path.realpath(path))
    return real.with_name(real.name + ".lock")


def holder_of(path: Path) -> str | None:
    """Who writes to the store at `path`, such as "a dialler (process 812)"; None: nobody.

    Raises OSError where the lock cannot be read.
    The file outlives its holder, and the number may be another program's by now. Where the system shows what a process has open
    it is asked for the lock; elsewhere a process of that number is taken for the holder. Where the file was removed, the system's
    list of locks tells the process alone.
    """
    lock = lock_file(path)
    try:
        found = _TEXT.fullmatch(lock.read_text("utf-8", "replace").strip())
    except FileNotFoundError:
        found = None
    if found is not None and _has_open(int(found[2]), lock):
        return found[0]
    process = _who_locked(path)
    return None if process is None else f"process {process}"


def _who_locked(path: Path) -> int | None:
    """The process that has the database file itself under `flock`, as far as this system shows it."""
    try:
        inode = path.stat().st_ino
        lines = _LOCKS.read_text("ascii", "replace").splitlines()
    except OSError:
        return None
    for line in lines:  # "1: FLOCK  ADVISORY  WRITE 812 00:2f:1234 0 EOF"
        fields = line.split()
        if len(fields) > 5 and fields[1] == "FLOCK" and fields[5].endswith(f":{inode}") and fields[4].isdecimal():
            process = int(fields[4])
            if _has_open(process, path):
                return process
    return None


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
