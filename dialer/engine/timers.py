"""What is to be done later: a voter's limit, a wrap-up's time, a phone that is to be called again."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


class Timers:
    """Timers by key. Nothing is done after the engine's end."""

    def __init__(self) -> None:
        """None runs yet."""
        self._timers: dict[str, asyncio.TimerHandle] = {}

    def after(self, key: str, seconds: float, action: Callable[[], None]) -> None:
        """Do something later; the same key replaces what was to be done."""
        self.cancel(key)
        self._timers[key] = asyncio.get_running_loop().call_later(seconds, self._fire, key, action)

    def _fire(self, key: str, action: Callable[[], None]) -> None:
        self._timers.pop(key, None)
        action()

    def cancel(self, key: str) -> None:
        """What was to be done later under this key is not done."""
        timer = self._timers.pop(key, None)
        if timer is not None:
            timer.cancel()

    def stop(self) -> None:
        """None of those that run may fire any more."""
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
