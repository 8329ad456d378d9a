"""Time as a port: the wall clock for rules and records, the monotonic clock for durations."""

from __future__ import annotations

import asyncio
import time
from typing import NamedTuple, Protocol


class Clock(Protocol):
    """Two clocks. `now` may step (NTP, an operator); `monotonic` never goes back."""

    def now(self) -> float:
        """Seconds since the Unix epoch, UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds on a clock that never goes back; its zero means nothing."""
        ...


class Instant(NamedTuple):
    """One moment, by both clocks."""

    at: float  # epoch seconds
    seconds: float  # monotonic

    @classmethod
    def by(cls, clock: Clock) -> Instant:
        """This moment."""
        return cls(clock.now(), clock.monotonic())


class SystemClock:
    """The machine's own clocks."""

    def now(self) -> float:
        """Seconds since the Unix epoch, UTC."""
        return time.time()

    def monotonic(self) -> float:
        """Seconds of the machine's monotonic clock."""
        return time.monotonic()


class LoopClock:
    """Both clocks follow the running event loop, so that a loop in virtual time carries the wall clock along."""

    def __init__(self, start: float) -> None:
        """`start` is the epoch second that the loop's present moment stands for."""
        self._loop = asyncio.get_running_loop()
        self._offset = start - self._loop.time()

    def now(self) -> float:
        """Seconds since the Unix epoch, UTC, as the loop has advanced since the start."""
        return self._loop.time() + self._offset

    def monotonic(self) -> float:
        """The loop's own time, seconds."""
        return self._loop.time()

    def step(self, seconds: float) -> None:
        """Step the wall clock by `seconds`, as NTP or an operator would; durations are not touched."""
        self._offset += seconds
