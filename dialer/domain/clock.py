"""Time as a port: the wall clock for rules and records, the monotonic one for durations, the machine's for what a restart spans."""

from __future__ import annotations

import asyncio
import time
from typing import NamedTuple, Protocol


class Clock(Protocol):
    """Three clocks. `now` may step (NTP, an operator); `monotonic` never goes back."""

    def now(self) -> float:
        """Seconds since the Unix epoch, UTC."""

    def monotonic(self) -> float:
        """Seconds on a clock that never goes back; its zero means nothing."""

    def since_boot(self) -> float:
        """Seconds since the machine's start, its sleep among them: whichever process asks, and whoever sets the wall clock."""


class Instant(NamedTuple):
    """One moment, by both clocks."""

    at: float  # epoch seconds
    seconds: float  # monotonic

    @classmethod
    def by(cls, clock: Clock) -> Instant:
        """This moment."""
        return cls(clock.now(), clock.monotonic())


STEP_SECONDS = 5.0
"""A wall clock that moves by more against the monotonic one was set, or the machine slept: slews and small corrections are none."""
SLEW = 0.1
"""Seconds a second by which a clock may be slewed for ever: chrony slews by 0.083 at most."""


class ClockWatch:
    """Notices when the wall clock steps, by comparing it with the monotonic one. Pure.

    What is due by time, and what is locked by time, is then due or unlocked too soon or too late. So a step holds until the time
    agrees again with what it was before, or a person says that it is right. A sleep of the machine looks like a step forward, for
    the monotonic clock stands still in it. A change of summer time is none: epoch seconds know no zones.
    """

    def __init__(self, now: Instant, newest_at: float | None = None, should: float | None = None) -> None:
        """`newest_at`: the newest moment that an earlier run kept, epoch seconds; a clock that is before it was set back since.
        `should`: what the clock says now where nobody has set it since that run, where that is known.
        """
        self._behind = 0.0  # of small changes, what slewing does not explain
        self._looked = now
        self._stepped = should is not None and abs(now.at - should) > STEP_SECONDS
        self._usual = (should if should is not None and self._stepped else now.at) - now.seconds
        self._not_before = newest_at

    def look(self, now: Instant) -> float | None:
        """Seconds by which the wall clock is ahead of what it should be, below 0: behind; None: it has not stepped."""
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
        """What the clock would say now had nobody set it, epoch seconds."""
        return now.seconds + self._usual

    def accept(self, now: Instant) -> None:
        """The time is right as it is now: a person says so."""
        self._stepped, self._behind, self._not_before = False, 0.0, None
        self._usual, self._looked = now.at - now.seconds, now


class SystemClock:
    """The machine's own clocks."""

    def now(self) -> float:
        """Seconds since the Unix epoch, UTC."""
        return time.time()

    def monotonic(self) -> float:
        """Seconds of the machine's monotonic clock."""
        return time.monotonic()

    def since_boot(self) -> float:
        """Seconds since the machine's start; where the system does not count them (not Linux), as `monotonic`."""
        return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


class LoopClock:
    """Both clocks follow the running event loop, so that a loop in virtual time carries the wall clock along."""

    def __init__(self, start: float) -> None:
        """`start` is the epoch second that the loop's present moment stands for."""
        self._loop = asyncio.get_running_loop()
        self._offset = start - self._loop.time()
        self._stepped = 0.0

    def now(self) -> float:
        """Seconds since the Unix epoch, UTC, as the loop has advanced since the start."""
        return self._loop.time() + self._offset

    def monotonic(self) -> float:
        """The loop's own time, seconds."""
        return self._loop.time()

    def since_boot(self) -> float:
        """Seconds of a machine that began at the epoch: no step moves them."""
        return self.now() - self._stepped

    def step(self, seconds: float) -> None:
        """Step the wall clock by `seconds`, as NTP or an operator would; durations are not touched."""
        self._offset += seconds
        self._stepped += seconds
