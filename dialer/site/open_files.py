"""The limit on open files. Each call in a flow uses a connection, and each AGI script three more pipes.

If the limit is too low, calls fail midway, so the limit is raised and checked before the first call.
"""

from __future__ import annotations

import resource

from dialer.settings.site import Settings
from dialer.switch.asterisk.agi_server import AgiLimits

_FILES_BESIDES_CALLS = 200  # the store and its journals, logs, AMI, the broker, reloads of sounds and flows
_FILES_PER_FLOW = 1
_FILES_PER_SCRIPT = 4


def count_open_files_needed(settings: Settings) -> int:
    """Return how many files the dialler opens at once if every channel has a call in an IVR flow."""
    calls = sum(trunk.channels for trunk in settings.trunks) + len(settings.seats) + settings.inbound.channels
    return (
        _FILES_BESIDES_CALLS
        + AgiLimits().opening
        + min(calls, settings.fastagi.max_connections)
        * (_FILES_PER_SCRIPT if settings.runs_agi_scripts else _FILES_PER_FLOW)
    )


def find_open_files_problem(settings: Settings) -> str | None:
    """Return an error text if this process cannot open enough files for its channels, otherwise None."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = count_open_files_needed(settings)
    if hard == resource.RLIM_INFINITY or hard >= needed:
        return None
    return (
        f"this process may open {hard:,} files, but its channels need {needed:,}, so calls would fail midway;"
        " raise the hard limit (LimitNOFILE= in its systemd unit, or ulimit -Hn)"
    )


def raise_open_files_limit() -> None:
    """Raise this process's soft limit on open files to the hard limit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
