"""Clocks: the wall clock for rules and records, the monotonic clock for durations, and the time since the machine
started.
"""

from __future__ import annotations

import time
from typing import NamedTuple, Protocol


class Clock(Protocol):
    """The clocks of a process: wall clock, monotonic clock, and time since the machine started.

    `now` may jump when NTP or an operator sets the wall clock; `monotonic` never goes back.
    """

    def now(self) -> float:
        """Return seconds since the Unix epoch, UTC."""

    def monotonic(self) -> float:
        """Return seconds on a clock that never goes back. Only differences have a meaning."""

    def get_seconds_since_boot(self) -> float:
        """Return seconds since the machine started, including time in suspension. Setting the wall clock does not
        change it.
        """


MAX_READINGS = 5
SAME_MOMENT_SECONDS = 0.01
"""Readings of two clocks within this time count as one moment."""


class Instant(NamedTuple):
    """One moment in time, as the wall clock and the monotonic clock show it."""

    at: float  # epoch seconds
    seconds: float  # monotonic

    @classmethod
    def read_both_clocks(cls, clock: Clock) -> Instant:
        """Return the present moment, read from the wall clock and the monotonic clock at nearly the same time.

        If the process was paused between the two readings, both clocks are read again, up to `MAX_READINGS` times.
        """
        readings: list[tuple[float, Instant]] = []
        for _ in range(MAX_READINGS):
            before = clock.monotonic()
            moment = cls(clock.now(), clock.monotonic())
            if moment.seconds - before <= SAME_MOMENT_SECONDS:
                return moment
            readings.append((moment.seconds - before, moment))
        return min(readings)[1]


STEP_SECONDS = 5.0
"""A larger change against the monotonic clock is a step, or the machine was suspended; slewing is slower."""
SLEW = 0.1
"""Maximum rate (seconds per second) at which an NTP client slews a clock; chrony uses at most 0.083."""


class ClockWatch:
    """A detector of changes of the wall clock, which it compares with the monotonic clock.

    It reports a change until the clock is right again or a person accepts its time. Suspending the machine looks like
    setting the clock forward.
    """

    def __init__(self, now: Instant, newest_at: float | None = None, expected_at: float | None = None) -> None:
        """Start to watch the wall clock.

        Args:
            now: The present moment.
            newest_at: The newest time that an earlier run recorded (epoch seconds). An earlier wall clock was set back.
            expected_at: The time that the wall clock should show now (epoch seconds; None = unknown).
        """
        self._behind = 0.0  # sum of small changes that slewing does not explain
        self._looked = now
        self._stepped = expected_at is not None and abs(now.at - expected_at) > STEP_SECONDS
        self._usual = (expected_at if expected_at is not None and self._stepped else now.at) - now.seconds
        self._not_before = newest_at

    def measure_wall_clock_step(self, now: Instant) -> float | None:
        """Return by how many seconds the wall clock was set forward (negative: back), or None if it shows the right
        time.
        """
        if self._not_before is not None:
            early = now.at - self._not_before
            if early < -STEP_SECONDS:
                return early
            self._not_before = None
            if not self._stepped:
                self.accept_wall_clock_as_correct(now)
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

    def calculate_expected_wall_clock_time(self, now: Instant) -> float:
        """Return the time that the wall clock would show now if nobody had set it (epoch seconds)."""
        return now.seconds + self._usual

    def accept_wall_clock_as_correct(self, now: Instant) -> None:
        """Treat the wall clock's current time as right from now on. Called after a person has confirmed the time."""
        self._stepped, self._behind, self._not_before = False, 0.0, None
        self._usual, self._looked = now.at - now.seconds, now


class SystemClock:
    """The real clocks of this machine."""

    def now(self) -> float:
        """Return seconds since the Unix epoch, UTC."""
        return time.time()

    def monotonic(self) -> float:
        """Return the machine's monotonic time in seconds."""
        return time.monotonic()

    def get_seconds_since_boot(self) -> float:
        """Return seconds since the machine started. On systems other than Linux, return the monotonic time."""
        return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


class LoopClock:
    """Clocks that follow the running event loop. In tests with virtual time, the wall clock therefore advances with the
    loop.
    """

    def __init__(self, start: float) -> None:
        """Create the clock. `start` is the wall-clock time of the present moment (epoch seconds)."""
        import asyncio  # noqa: PLC0415 - commands that use the system's clock start faster without it

        self._loop = asyncio.get_running_loop()
        self._offset = start - self._loop.time()
        self._stepped = 0.0

    def now(self) -> float:
        """Return seconds since the Unix epoch, UTC, advanced with the loop."""
        return self._loop.time() + self._offset

    def monotonic(self) -> float:
        """Return the loop's time in seconds."""
        return self._loop.time()

    def get_seconds_since_boot(self) -> float:
        """Return the simulated seconds since boot: epoch seconds that `set_wall_clock_forward_or_back` does not change."""
        return self.now() - self._stepped

    def set_wall_clock_forward_or_back(self, seconds: float) -> None:
        """Step the wall clock by `seconds`, as NTP or an operator would. The other clocks do not change."""
        self._offset += seconds
        self._stepped += seconds
