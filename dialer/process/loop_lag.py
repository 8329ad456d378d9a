"""Event-loop lag: the delay with which the event loop runs due work. A high lag means that the process is overloaded."""

from __future__ import annotations

import asyncio
from collections import deque

LAG_PROBE_SECONDS = 0.25  # more probes cost an idle centre noticeable CPU
MINUTE_OF_PROBES = 240


class LoopLag:
    """A meter of the event loop's lag over the last minute."""

    def __init__(self) -> None:
        self._lags: deque[float] = deque(maxlen=MINUTE_OF_PROBES)

    async def measure_lag_until_cancelled(self) -> None:
        """Measure the event loop's lag until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + LAG_PROBE_SECONDS
            await asyncio.sleep(LAG_PROBE_SECONDS)
            self._lags.append(loop.time() - due)

    def get_event_loop_delay_figures(self) -> dict[str, float]:
        """Return the median and the 99th percentile of the event loop's lag (seconds) over the last minute, by name.

        The names are `loop_lag_median_seconds` and `loop_lag_p99_seconds`. Return an empty dict before the first
        measurement.
        """
        if not self._lags:
            return {}
        ordered = sorted(self._lags)
        return {
            "loop_lag_median_seconds": max(0.0, ordered[len(ordered) // 2]),
            "loop_lag_p99_seconds": max(0.0, ordered[min(len(ordered) - 1, len(ordered) * 99 // 100)]),
        }
