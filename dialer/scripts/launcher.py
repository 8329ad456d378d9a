"""Becomes the script, with its limits set first: `python launcher.py SECONDS BYTES UID:GID SCRIPT`. Imports nothing of ours.

A process of its own sets them, because a function that runs between fork and exec may deadlock in a threaded parent.
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import sys

OPEN_FILES = 64
WRITTEN_BYTES = 64 * 1024 * 1024
_PR_SET_NO_NEW_PRIVS = 38  # linux/prctl.h: neither sudo nor a setuid program gives it more rights again


def main(seconds: int, memory_bytes: int, rights: str, script: str) -> None:
    """Set the limits, take the user's rights (`rights` "": keep them) and become the script. Never returns."""
    os.umask(0o077)
    # A dialler that was started by nohup ignores it, and would hand that on.
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    for kind, most in (
        (resource.RLIMIT_CPU, seconds),
        (resource.RLIMIT_AS, memory_bytes),
        (resource.RLIMIT_NOFILE, OPEN_FILES),
        (resource.RLIMIT_FSIZE, WRITTEN_BYTES),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(kind, (most, most))
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    if rights:
        user, _, group = rights.partition(":")
        os.setgroups([])
        os.setgid(int(group))
        os.setuid(int(user))
    if script.endswith(".py"):
        os.execv(sys.executable, [sys.executable, "-E", "-s", "-u", script])  # noqa: S606 - what it is for
    os.execv(script, [script])  # noqa: S606 - what it is for


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4])
