"""The queue of committed calls that wait to be sent to a trunk."""

from __future__ import annotations

import asyncio
import heapq

from dialer.domain.clock import Clock
from dialer.domain.enums import CampaignKind
from dialer.engine.trunks.state import CallStarts


class SendQueue:
    """Stored calls that wait until they may be sent to one trunk. Calls that need an agent are sent first.

    Calls wait only if slow writes to the store have delayed several of them: sent together, they would exceed the
    trunk's CPS limit.
    """

    def __init__(self, starts: CallStarts, clock: Clock) -> None:
        self._starts = starts
        self._clock = clock
        self._waiting: list[tuple[bool, int, asyncio.Future[float]]] = []  # a heap
        self._came = 0

    async def wait_until_call_may_be_sent(self, kind: CampaignKind) -> float:
        """Wait until a call may be sent to the trunk, and count it as sent. Return the time at which it counts as sent
        (monotonic seconds).
        """
        if not self._waiting and self._starts.count_seconds_until_sending(self._clock.monotonic()) == 0:
            return self._starts.record_call_sent_on_trunk(self._clock.monotonic())
        self._came += 1
        turn: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (kind is not CampaignKind.AGENTS, self._came, turn))
        if len(self._waiting) == 1:
            self._send_next_waiting_call_to_trunk()
        return await turn

    def _send_next_waiting_call_to_trunk(self) -> None:
        """Let the first waiting call proceed as soon as the trunk's CPS limit allows it."""
        now, loop = self._clock.monotonic(), asyncio.get_running_loop()
        seconds = self._starts.count_seconds_until_sending(now)
        if seconds > 0:
            loop.call_later(seconds, self._send_next_waiting_call_to_trunk)
            return
        _, _, turn = heapq.heappop(self._waiting)
        if not turn.done():  # otherwise its task was cancelled
            turn.set_result(self._starts.record_call_sent_on_trunk(now))
        if self._waiting:
            loop.call_soon(self._send_next_waiting_call_to_trunk)
