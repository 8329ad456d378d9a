"""Which trunk carries the next call: channels, call starts a second (CPS), caller IDs. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TrunkLimits:
    """What a carrier allows on a trunk, as set for the site."""

    name: str
    endpoint: str
    channels: int
    calls_per_second: float
    caller_ids: tuple[str, ...]


class CallStarts:
    """A trunk's call-start budget: a token bucket that holds one second's worth, at least one call.

    Carriers count starts over a second and punish bursts; a bucket of one second never gives more than the limit in any
    second beyond the first one's carry-over.
    """

    def __init__(self, calls_per_second: float, now_seconds: float) -> None:
        """`calls_per_second` > 0; time is monotonic seconds. Begins with a single call in hand, so that a start is no burst."""
        self._rate = calls_per_second
        self._capacity = max(1.0, calls_per_second)
        self._tokens = 1.0
        self._at = now_seconds

    def available(self, now_seconds: float) -> int:
        """How many calls may start at this instant."""
        self._fill(now_seconds)
        # The bucket is full after a whole second: rounding must not leave it a hair short of a call.
        return int(self._tokens + 1e-9)

    def take(self, now_seconds: float) -> None:
        """Start one call."""
        self._fill(now_seconds)
        self._tokens -= 1.0

    def seconds_to_next(self, now_seconds: float) -> float:
        """Seconds until a call may start; 0 when one may now."""
        self._fill(now_seconds)
        return max(0.0, (1.0 - self._tokens) / self._rate)

    def _fill(self, now_seconds: float) -> None:
        passed = max(0.0, now_seconds - self._at)
        self._at = now_seconds
        self._tokens = min(self._capacity, self._tokens + passed * self._rate)


class TrunkPool:
    """The trunks of a site, in the order of their settings."""

    def __init__(self, trunks: Sequence[TrunkLimits], now_seconds: float) -> None:
        """Names must be distinct."""
        self._limits = {trunk.name: trunk for trunk in trunks}
        self._starts = {trunk.name: CallStarts(trunk.calls_per_second, now_seconds) for trunk in trunks}
        self._next_caller_id = dict.fromkeys(self._limits, 0)

    def __getitem__(self, name: str) -> TrunkLimits:
        """The limits of a trunk by its name."""
        return self._limits[name]

    @property
    def names(self) -> tuple[str, ...]:
        """All trunks, in order of preference."""
        return tuple(self._limits)

    def free_channels(self, names: Sequence[str], used: Mapping[str, int]) -> int:
        """Free channels over these trunks; `used` counts the live calls of each."""
        return sum(max(0, self._limits[name].channels - used.get(name, 0)) for name in names)

    def startable(self, names: Sequence[str], used: Mapping[str, int], now_seconds: float) -> int:
        """How many calls may start at this instant over these trunks, channels and CPS taken together."""
        return sum(
            min(self._starts[name].available(now_seconds), max(0, self._limits[name].channels - used.get(name, 0)))
            for name in names
        )

    def seconds_to_next_start(self, names: Sequence[str], now_seconds: float) -> float:
        """Seconds until some trunk's CPS allows another call."""
        return min((self._starts[name].seconds_to_next(now_seconds) for name in names), default=0.0)

    def take(self, names: Sequence[str], used: Mapping[str, int], now_seconds: float) -> tuple[TrunkLimits, str] | None:
        """Start a call on the first trunk with a free channel and a call start left: the trunk and the caller ID to show.

        Caller IDs of a trunk take turns, so that no single number is worn out. None: nothing may start now.
        """
        for name in names:
            trunk = self._limits[name]
            if used.get(name, 0) < trunk.channels and self._starts[name].available(now_seconds) >= 1:
                self._starts[name].take(now_seconds)
                turn = self._next_caller_id[name]
                self._next_caller_id[name] = (turn + 1) % len(trunk.caller_ids)
                return trunk, trunk.caller_ids[turn]
        return None
