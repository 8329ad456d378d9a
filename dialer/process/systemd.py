"""Notifications to systemd (sd_notify(3)): readiness and watchdog pings. Without systemd, nothing is sent."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress


def notify_systemd(state: str) -> None:
    """Send a service state to systemd, such as `READY=1`. Errors are ignored, so that they cannot disturb calls."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as connection:
        connection.setblocking(False)
        connection.sendto(state.encode(), f"\0{address[1:]}" if address.startswith("@") else address)


def get_watchdog_seconds() -> float | None:
    """Return the watchdog timeout that systemd set for this process, or None without a watchdog."""
    microseconds = os.environ.get("WATCHDOG_USEC", "")
    if not microseconds.isdecimal() or os.environ.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return None
    return int(microseconds) / 1e6


@asynccontextmanager
async def report_service_ready() -> AsyncIterator[None]:
    """Report this service as ready, and ping systemd's watchdog for as long as the context lasts."""
    notify_systemd("READY=1")
    seconds = get_watchdog_seconds()
    if not seconds:
        yield
        return
    watchdog = asyncio.create_task(_ping_watchdog(seconds / 3), name="watchdog")
    try:
        yield
    finally:
        watchdog.cancel()


async def _ping_watchdog(every_seconds: float) -> None:
    while True:
        notify_systemd("WATCHDOG=1")
        await asyncio.sleep(every_seconds)
