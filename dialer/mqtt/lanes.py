"""Where commands wait: a lane for each sender and urgency, bounded, and paced. Pure.

A sender who floods fills a lane of their own: others are served in turn beside it, and the more urgent ones have other lanes.
"""

from __future__ import annotations

from collections import deque
from typing import Generic, TypeVar

T = TypeVar("T")

WAITING_COMMANDS = 100
AT_ONCE = 100.0
PER_SECOND = 20.0
"""What one sender is served in the long run: more than people and programs give, no more than disk and audit bear all day."""


class Lane(Generic[T]):
    """What one sender has waiting."""

    def __init__(self) -> None:
        self.items: deque[T] = deque()
        self._allowance = AT_ONCE
        self._counted_at: float | None = None

    def seconds(self, now: float) -> float:
        """How long until its next item may be served; 0: now. `now` is monotonic."""
        if self._counted_at is not None:
            self._allowance = min(AT_ONCE, self._allowance + (now - self._counted_at) * PER_SECOND)
        self._counted_at = now
        missing = 1.0 - self._allowance
        return missing / PER_SECOND if missing > 1e-9 else 0.0

    def take(self) -> T:
        """The first item; only where `seconds` is 0."""
        self._allowance -= 1.0
        return self.items.popleft()


class Lanes(Generic[T]):
    """The lanes of one urgency, a sender each, served in turn."""

    def __init__(self) -> None:
        self._lanes: dict[str, Lane[T]] = {}

    def __len__(self) -> int:
        return sum(len(lane.items) for lane in self._lanes.values())

    def full(self, sender: str) -> bool:
        """Whether that sender's lane takes nothing more."""
        lane = self._lanes.get(sender)
        return lane is not None and len(lane.items) >= WAITING_COMMANDS

    def put(self, sender: str, item: T) -> None:
        """Add an item to its sender's lane; only where that is not `full`. There are as many lanes as there ever were senders."""
        self._lanes.setdefault(sender, Lane()).items.append(item)

    def take(self, now: float) -> tuple[T | None, float | None]:
        """The next item; without one, the seconds until there may be one (None: nothing waits). `now` is monotonic."""
        soonest: float | None = None
        for sender, lane in self._lanes.items():
            if not lane.items:
                continue
            seconds = lane.seconds(now)
            if seconds == 0.0:
                self._lanes[sender] = self._lanes.pop(sender)  # behind the others
                return lane.take(), None
            soonest = seconds if soonest is None else min(soonest, seconds)
        return None, soonest
