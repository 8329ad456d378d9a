"""Clocks: the wall clock for rules and records, the monotonic one for durations, time since boot for what a restart spans."""

from __future__ import annotations

import asyncio
import time
from typing import NamedTuple, Protocol


class Clock(Protocol):
    """Three clocks. `now` may step (NTP, an operator); `monotonic` never goes back."""

    def now(self) -> float:
        """Return seconds since the Unix epoch, UTC."""

    def monotonic(self) -> float:
        """Return seconds on a clock that never goes back; its zero has no meaning."""

    def since_boot(self) -> float:
        """Return seconds since the machine's start, including suspension, whatever the wall clock is set to."""


class Instant(NamedTuple):
    """A moment, by both clocks."""

    at: float  # epoch seconds
    seconds: float  # monotonic

    @classmethod
    def by(cls, clock: Clock) -> Instant:
        """Return the present moment."""
        return cls(clock.now(), clock.monotonic())


STEP_SECONDS = 5.0
"""A wall clock that moves by more against the monotonic one has stepped, or the machine was suspended; slewing is slower."""
SLEW = 0.1
"""Seconds per second by which an NTP client may slew a clock continuously; chrony uses at most 0.083."""


class ClockWatch:
    """Detects steps of the wall clock by comparing it with the monotonic one. Pure.

    After a step, calls and locks are due too early or too late. So a step is reported until the time is right again, or
    a person accepts it. A suspended machine looks like a step forward, because the monotonic clock stops meanwhile. A
    change to summer time is no step: epoch seconds have no time zone.
    """

    def __init__(self, now: Instant, newest_at: float | None = None, should: float | None = None) -> None:
        """`newest_at`: the newest moment recorded by an earlier run (epoch seconds); an earlier clock was set back since.

        `should`: the time that the clock should show now if nobody set it since that run, where that is known.
        """
        self._behind = 0.0  # small changes that slewing does not explain
        self._looked = now
        self._stepped = should is not None and abs(now.at - should) > STEP_SECONDS
        self._usual = (should if should is not None and self._stepped else now.at) - now.seconds
        self._not_before = newest_at

    def look(self, now: Instant) -> float | None:
        """Return by how many seconds the wall clock is ahead (below 0: behind); None: it has not stepped."""
        if self._not_before is not None:
            early = now.at - self._not_before
            if early < -STEP_SECONDS:
                return early
            self._not_before = None
            if not self._stepped:
                self.accept(now)
        off = now.at - now.seconds - self._usual
        if self._stepped:
            self._stepped = abs(off) > STEP_SECONDS
            self._looked = now
            return off if self._stepped else None
        self._behind = max(0.0, self._behind - SLEW * (now.seconds - self._looked.seconds)) + abs(off)
        self._looked = now
        if self._behind > STEP_SECONDS:
            self._stepped, self._behind = True, 0.0
            return off
        self._usual += off
        return None

    def should(self, now: Instant) -> float:
        """Return the time that the clock would show now if nobody had set it (epoch seconds)."""
        return now.seconds + self._usual

    def accept(self, now: Instant) -> None:
        """Accept the present time as right, because a person says so."""
        self._stepped, self._behind, self._not_before = False, 0.0, None
        self._usual, self._looked = now.at - now.seconds, now


class SystemClock:
    """The machine's clocks."""

    def now(self) -> float:
        """Return seconds since the Unix epoch, UTC."""
        return time.time()

    def monotonic(self) -> float:
        """Return seconds of the machine's monotonic clock."""
        return time.monotonic()

    def since_boot(self) -> float:
        """Return seconds since the machine's start; on systems without that clock (not Linux), those of `monotonic`."""
        return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


class LoopClock:
    """Clocks that follow the running event loop, so that virtual time advances the wall clock too."""

    def __init__(self, start: float) -> None:
        """`start` is the wall-clock time of the present moment (epoch seconds)."""
        self._loop = asyncio.get_running_loop()
        self._offset = start - self._loop.time()
        self._stepped = 0.0

    def now(self) -> float:
        """Return seconds since the Unix epoch, UTC, advanced with the loop."""
        return self._loop.time() + self._offset

    def monotonic(self) -> float:
        """Return the loop's time in seconds."""
        return self._loop.time()

    def since_boot(self) -> float:
        """Return seconds of a machine that started at the epoch; steps do not change them."""
        return self.now() - self._stepped

    def step(self, seconds: float) -> None:
        """Step the wall clock by `seconds`, as NTP or an operator would; durations are not affected."""
        self._offset += seconds
        self._stepped += seconds
