"""Open files: each call in a flow is a connection, each AGI script three pipes more.

A limit that is too low shows in mid-call, so it is raised and looked at before the first one.
"""

from __future__ import annotations

import resource

from dialer.settings.site import Settings
from dialer.switch.asterisk.agi_server import AgiLimits

_APART_FROM_CALLS = 200  # the store and its journals, the logs, AMI, the broker, sounds and flows that are read again
_A_FLOW = 1
_A_SCRIPT = 4


def files_needed(settings: Settings) -> int:
    """How many files the dialler may have open at once when every channel is in a flow."""
    calls = sum(trunk.channels for trunk in settings.trunks) + len(settings.seats) + settings.inbound.channels
    return (
        _APART_FROM_CALLS
        + AgiLimits().opening
        + min(calls, settings.fastagi.max_connections) * (_A_SCRIPT if settings.has_scripts else _A_FLOW)
    )


def too_few(settings: Settings) -> str | None:
    """Why this process's hard limit will not do, in words; None: it will."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = files_needed(settings)
    if hard == resource.RLIM_INFINITY or hard >= needed:
        return None
    return (
        f"this process may open {hard:,} files, and its channels need {needed:,}: calls would fail in the middle;"
        " raise the hard limit (LimitNOFILE= of its systemd unit, or ulimit -Hn)"
    )


def raise_limit() -> None:
    """Open as many files as the hard limit allows: a shell gives 1,024, and the difference is free."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
