"""Queues of MQTT commands that wait to be executed: one for each sender, limited in length and rate.

A sender who sends too many commands fills only its own queue. The queues are served in turn.
"""

from __future__ import annotations

from collections import deque
from typing import Generic, TypeVar

T = TypeVar("T")

MAX_WAITING = 100
"""Maximum number of waiting commands of a sender."""
BURST = 100.0
PER_SECOND = 20.0
"""Average rate at which commands of a sender are served: more than people and programs send, and not too many for disk and
audit."""


class SenderQueue(Generic[T]):
    """The waiting commands of one sender."""

    def __init__(self) -> None:
        self.items: deque[T] = deque()
        self._allowance = BURST
        self._counted_at: float | None = None

    def compute_wait_until_next_command(self, now: float) -> float:
        """Return how long the first command must wait (seconds; 0 = it may be executed now). `now` is monotonic."""
        if self._counted_at is not None:
            self._allowance = min(BURST, self._allowance + (now - self._counted_at) * PER_SECOND)
        self._counted_at = now
        missing = 1.0 - self._allowance
        return missing / PER_SECOND if missing > 1e-9 else 0.0

    def pop_first_command(self) -> T:
        """Remove and return the first command. Call it only if `compute_wait_until_next_command` is 0."""
        self._allowance -= 1.0
        return self.items.popleft()


class FairQueues(Generic[T]):
    """The queues of all senders' commands. The senders are served in turn."""

    def __init__(self) -> None:
        self._queues: dict[str, SenderQueue[T]] = {}

    def __len__(self) -> int:
        return sum(len(queue.items) for queue in self._queues.values())

    def is_queue_of_sender_full(self, sender: str) -> bool:
        """Return whether the sender's queue is full."""
        queue = self._queues.get(sender)
        return queue is not None and len(queue.items) >= MAX_WAITING

    def append_command(self, sender: str, item: T) -> None:
        """Append a command to the sender's queue, which must not be full."""
        self._queues.setdefault(sender, SenderQueue()).items.append(item)

    def pop_next_command(self, now: float) -> tuple[T | None, float | None]:
        """Remove the next command that may be executed now, and return (command, None).

        If there is none, return (None, seconds until the next one), or (None, None) if all queues are empty.
        """
        soonest: float | None = None
        for sender, queue in self._queues.items():
            if not queue.items:
                continue
            seconds = queue.compute_wait_until_next_command(now)
            if seconds == 0.0:
                self._queues[sender] = self._queues.pop(sender)  # to the end of the order
                return queue.pop_first_command(), None
            soonest = seconds if soonest is None else min(soonest, seconds)
        return None, soonest
