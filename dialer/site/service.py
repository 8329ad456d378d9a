"""What systemd is told of a process that it started (sd_notify(3)): that it serves, and that it still does; nothing without one."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress


def notify(state: str) -> None:
    """Tell it one state, such as `READY=1`. A systemd that does not listen keeps nobody from a call."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as door:
        door.setblocking(False)
        door.sendto(state.encode(), f"\0{address[1:]}" if address.startswith("@") else address)


def watchdog_seconds() -> float | None:
    """After how long a silence systemd takes this process for stuck and starts it anew; None: it never does."""
    microseconds = os.environ.get("WATCHDOG_USEC", "")
    if not microseconds.isdecimal() or os.environ.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return None
    return int(microseconds) / 1e6


@asynccontextmanager
async def told_to_systemd() -> AsyncIterator[None]:
    """It is ready now, and alive for as long as the event loop turns."""
    notify("READY=1")
    seconds = watchdog_seconds()
    if not seconds:
        yield
        return
    alive = asyncio.create_task(_alive(seconds / 3), name="watchdog")
    try:
        yield
    finally:
        alive.cancel()


async def _alive(every_seconds: float) -> None:
    while True:
        notify("WATCHDOG=1")
        await asyncio.sleep(every_seconds)
