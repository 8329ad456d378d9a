"""The order in which committed calls are sent to a trunk."""

from __future__ import annotations

import asyncio
import heapq

from dialer.domain.clock import Clock
from dialer.domain.enums import CampaignKind
from dialer.engine.trunks.state import CallStarts


class SendQueue:
    """Where committed calls pass on to a trunk: at once, as a rule, for starts are granted as they may go out. After slow commits
    too many come together; those wait a moment, the calls to waiting agents before the others.
    """

    def __init__(self, starts: CallStarts, clock: Clock) -> None:
        self._starts = starts
        self._clock = clock
        self._waiting: list[tuple[bool, int, asyncio.Future[None]]] = []  # a heap
        self._came = 0

    async def wait(self, kind: CampaignKind) -> None:
        """Return when the call may be written, and count it as written."""
        if not self._waiting and self._starts.seconds_to_wire(self._clock.monotonic()) == 0:
            self._starts.went(self._clock.monotonic())
            return
        self._came += 1
        turn = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (kind is not CampaignKind.AGENTS, self._came, turn))
        if len(self._waiting) == 1:
            self._next()
        await turn

    def _next(self) -> None:
        """Let the first of those go that wait, once the carrier's rule allows it."""
        now, loop = self._clock.monotonic(), asyncio.get_running_loop()
        seconds = self._starts.seconds_to_wire(now)
        if seconds > 0:
            loop.call_later(seconds, self._next)
            return
        _, _, turn = heapq.heappop(self._waiting)
        if not turn.done():  # else whoever waited was stopped
            self._starts.went(now)
            turn.set_result(None)
        if self._waiting:
            loop.call_soon(self._next)
