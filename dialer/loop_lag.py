"""How late the event loop runs what is due: the one figure that says whether this process keeps up."""

from __future__ import annotations

import asyncio
from collections import deque

PROBE_SECONDS = 0.25  # twenty a second cost an idle centre a quarter of its CPU
KEPT = 240  # a minute of probes


class LoopLag:
    """Probes the loop; `figures` gives the last minute's lag."""

    def __init__(self) -> None:
        self._lags: deque[float] = deque(maxlen=KEPT)

    async def run(self) -> None:
        """Probe until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + PROBE_SECONDS
            await asyncio.sleep(PROBE_SECONDS)
            self._lags.append(loop.time() - due)

    def figures(self) -> dict[str, float]:
        """Seconds: `loop_lag_median_seconds` and `loop_lag_p99_seconds`; empty before the first probe."""
        if not self._lags:
            return {}
        ordered = sorted(self._lags)
        return {
            "loop_lag_median_seconds": max(0.0, ordered[len(ordered) // 2]),
            "loop_lag_p99_seconds": max(0.0, ordered[min(len(ordered) - 1, len(ordered) * 99 // 100)]),
        }
