"""Finds the process that holds a store's lock.

This module never tries to take the lock, not even briefly. A dialler that starts at that moment would fail, because it
would find the store locked.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

_TEXT = re.compile(r"(.{1,40}) \(process (\d{1,10})\)", re.ASCII)
_LOCKS = Path("/proc/locks")


def get_lock_path(path: Path) -> Path:
    """Return the path of the lock file next to the store. It is the same for all symbolic links to the store."""
    real = Path(os.path.realpath(path))
    return real.with_name(real.name + ".lock")


def find_lock_holder(path: Path) -> str | None:
    """Return the program that has locked the store at `path`, such as "a dialler (process 812)", or None if none has.

    The lock file names the program and its process number, but that number may belong to another program by now. So the
    name is returned only if that process has the lock file open or, where the system does not show open files, is
    alive. Otherwise the process is found by its lock on the database file, and only its number is returned ("process
    812"). Raises OSError if the lock file cannot be read.
    """
    lock = get_lock_path(path)
    try:
        found = _TEXT.fullmatch(lock.read_text("utf-8", "replace").strip())
    except FileNotFoundError:
        found = None
    if found is not None and _is_file_open_in_process(int(found[2]), lock):
        return found[0]
    process = _find_locking_process(path)
    return None if process is None else f"process {process}"


def _find_locking_process(path: Path) -> int | None:
    """Return the process that has locked (`flock`) the database file, or None if this system does not show it."""
    try:
        inode = path.stat().st_ino
        lines = _LOCKS.read_text("ascii", "replace").splitlines()
    except OSError:
        return None
    for line in lines:  # "1: FLOCK  ADVISORY  WRITE 812 00:2f:1234 0 EOF"
        fields = line.split()
        if len(fields) > 5 and fields[1] == "FLOCK" and fields[5].endswith(f":{inode}") and fields[4].isdecimal():
            process = int(fields[4])
            if _is_file_open_in_process(process, path):
                return process
    return None


def _is_file_open_in_process(process: int, file: Path) -> bool:
    meant = file.stat()
    try:
        with os.scandir(f"/proc/{process}/fd") as entries:
            return any(_is_same_file(entry, meant) for entry in entries)
    except OSError:  # no such process, no such folder on this system, or another user's process
        return _is_process_alive(process)


def _is_same_file(entry: os.DirEntry[str], meant: os.stat_result) -> bool:
    try:
        return os.path.samestat(entry.stat(), meant)
    except OSError:  # closed meanwhile
        return False


def _is_process_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except PermissionError:
        return True
    except (OSError, OverflowError):
        return False
    return True
