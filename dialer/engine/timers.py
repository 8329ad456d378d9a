"""The engine's timers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from dialer.engine.effects import StartTimer, TimerExpired


class Timers:
    """Starts and stops the engine's timers, identified by their keys, on the event loop."""

    def __init__(self, expire: Callable[[TimerExpired], None]) -> None:
        """Create the engine's timers. When a timer expires, `expire` is called with the event that was given for the
        timer.
        """
        self._expire = expire
        self._running: dict[str, asyncio.TimerHandle] = {}

    def start_timer(self, timer: StartTimer) -> None:
        """Start a timer. A timer with the same key is replaced."""
        self.stop_timer(timer.key)
        loop = asyncio.get_running_loop()
        self._running[timer.key] = loop.call_later(timer.seconds, self._expire_timer, timer)

    def stop_timer(self, key: str) -> None:
        """Stop a timer, if it is running."""
        running = self._running.pop(key, None)
        if running is not None:
            running.cancel()

    def stop_all_timers(self) -> None:
        """Stop all timers."""
        for timer in self._running.values():
            timer.cancel()
        self._running.clear()

    def _expire_timer(self, timer: StartTimer) -> None:
        self._running.pop(timer.key, None)
        self._expire(timer.expired)
