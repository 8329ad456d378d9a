"""Faults of the AMI event stream: lost, repeated and reordered events."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from random import Random


class EventFaults:
    """A stream of AMI events with faults: some events are lost, repeated or delayed.

    Without faults, every event is sent once and in order.
    """

    def __init__(self, random: Random) -> None:
        """Create an event stream without faults. `random` decides which events are affected by faults that are set
        later.
        """
        self._random = random
        self._lose_share = self._repeat_share = self._delay_share = 0.0
        self._names: frozenset[str] | None = None
        self._lose_next: Counter[str] = Counter()
        self._late: list[tuple[str, bytes]] = []

    @property
    def has_event_faults(self) -> bool:
        """Whether any fault is set, or any event is delayed."""
        return bool(self._lose_share or self._repeat_share or self._delay_share or self._lose_next or self._late)

    def set_fault_rates_of_ami_events(
        self, *, lose: float = 0.0, repeat: float = 0.0, reorder: float = 0.0, names: Collection[str] | None = None
    ) -> None:
        """Set the shares (0-1) of events that are lost, repeated, or sent after the next event.

        Only events in `names` are affected, by default all.
        """
        self._lose_share, self._repeat_share, self._delay_share = lose, repeat, reorder
        self._names = None if names is None else frozenset(names)

    def drop_next_ami_events(self, name: str, count: int = 1) -> None:
        """Drop the next `count` AMI events with this name."""
        self._lose_next[name] += count

    def apply_faults_to_event(self, name: str, data: bytes) -> list[tuple[str, bytes]]:
        """Return the AMI events to send in place of one event, in order.

        A lost event is left out, a repeated one occurs twice, and a delayed one is sent after the next event.
        """
        late, self._late = self._late, []
        if self._lose_next[name] > 0:
            self._lose_next[name] -= 1
            self._lose_next += Counter()  # removes counts of zero
            return late
        del self._lose_next[name]
        if self._names is not None and name not in self._names:
            return [(name, data), *late]
        point = self._random.random()
        if point < self._lose_share:
            return late
        if point < self._lose_share + self._repeat_share:
            return [(name, data), *late, (name, data)]
        if point < self._lose_share + self._repeat_share + self._delay_share:
            self._late.append((name, data))
            return late
        return [(name, data), *late]

    def pop_delayed_events(self) -> list[tuple[str, bytes]]:
        """Return the delayed AMI events, and remove them from the queue."""
        late, self._late = self._late, []
        return late
