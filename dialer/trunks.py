"""Which trunk carries the next call: channels, call starts a second (CPS), caller IDs, and whether it is fit for it. Pure."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dialer.trunk_health import RestRules, TrunkHealth, TrunkState

CPS_WINDOW_SECONDS = 10.0  # over which the call starts a second are shown


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

    Carriers count starts over a second and punish bursts. A bucket of one second never gives more than the limit in any
    second beyond the first one's carry-over, and `turn` keeps that off the wire.
    """

    def __init__(self, calls_per_second: float, now_seconds: float) -> None:
        """`calls_per_second` > 0; time is monotonic seconds. Begins with a single call in hand, so that a start is no burst."""
        self._rate = calls_per_second
        self._capacity = max(1.0, calls_per_second)
        self._tokens = 1.0
        self._at = now_seconds
        self._share = 1.0
        self._recent: deque[float] = deque()  # moments of the last CPS_WINDOW_SECONDS' starts
        self._turns: deque[float] = deque(maxlen=math.ceil(calls_per_second))  # moments on the wire

    def throttle(self, share: float) -> None:
        """From now on only this share of the limit, 0 to 1, may start."""
        self._share = share
        self._capacity = max(1.0, self._rate * share)

    def lately(self, now_seconds: float) -> float:
        """Calls started a second, over the last CPS_WINDOW_SECONDS."""
        self._forget(now_seconds)
        return len(self._recent) / CPS_WINDOW_SECONDS

    def _forget(self, now_seconds: float) -> None:
        while self._recent and self._recent[0] <= now_seconds - CPS_WINDOW_SECONDS:
            self._recent.popleft()

    def available(self, now_seconds: float) -> int:
        """How many calls may start at this instant."""
        self._fill(now_seconds)
        # The bucket is full after a whole second: rounding must not leave it a hair short of a call.
        return int(self._tokens + 1e-9)

    def take(self, now_seconds: float) -> None:
        """Start one call."""
        self._fill(now_seconds)
        self._tokens -= 1.0
        self._forget(now_seconds)
        self._recent.append(now_seconds)

    def turn(self, now_seconds: float) -> float:
        """The moment at which the next start may go out on the wire, now or later; it is that start's from now on.

        What waits together before the wire (a commit that the disk holds up, a bucket that is full) would go out together: no
        second has more starts than the limit, rounded up, and those that must wait go out evenly.
        """
        most = self._turns.maxlen or 1
        turn = now_seconds
        if len(self._turns) == most and self._turns[0] + most / self._rate > now_seconds:
            turn = max(self._turns[0] + most / self._rate, self._turns[-1] + 1.0 / self._rate)
        self._turns.append(turn)
        return turn

    def seconds_to_next(self, now_seconds: float) -> float:
        """Seconds until a call may start; 0 when one may now."""
        self._fill(now_seconds)
        return max(0.0, (1.0 - self._tokens) / (self._rate * self._share))

    def _fill(self, now_seconds: float) -> None:
        passed = max(0.0, now_seconds - self._at)
        self._at = now_seconds
        self._tokens = min(self._capacity, self._tokens + passed * self._rate * self._share)


class TrunkPool:
    """The trunks of a site, in the order of their settings."""

    def __init__(self, trunks: Sequence[TrunkLimits], now_seconds: float, rest: RestRules | None = None) -> None:
        """Names must be distinct. `rest`: when a trunk that fails is rested."""
        rules = rest or RestRules()
        self._limits = {trunk.name: trunk for trunk in trunks}
        self._starts = {trunk.name: CallStarts(trunk.calls_per_second, now_seconds) for trunk in trunks}
        self._health = {trunk.name: TrunkHealth(rules, now_seconds) for trunk in trunks}
        self._next_caller_id = dict.fromkeys(self._limits, 0)

    def __getitem__(self, name: str) -> TrunkLimits:
        """The limits of a trunk by its name."""
        return self._limits[name]

    @property
    def names(self) -> tuple[str, ...]:
        """All trunks, in order of preference."""
        return tuple(self._limits)

    def with_endpoint(self, endpoint: str) -> str:
        """The name of the trunk with this endpoint; the endpoint itself where the settings have none."""
        return next((name for name, trunk in self._limits.items() if trunk.endpoint == endpoint), endpoint)

    def health(self, name: str) -> TrunkHealth | None:
        """How a trunk does; None: the settings have none of that name."""
        return self._health.get(name)

    def calls_per_second(self, name: str, now_seconds: float) -> float:
        """Calls started a second on a trunk, lately."""
        return self._starts[name].lately(now_seconds)

    def caller_id_refused(self, name: str, caller_id: str) -> bool:
        """Whether a trunk may not show this number: only those of its own pool are ours to show."""
        return caller_id not in self._limits[name].caller_ids

    def free_channels(self, names: Sequence[str], used: Mapping[str, int], now_seconds: float) -> int:
        """Free channels over those of these trunks that are fit; `used` counts the live calls of each."""
        return sum(self._free(name, used) for name in names if self._health[name].may_start(now_seconds) > 0)

    def _free(self, name: str, used: Mapping[str, int]) -> int:
        return max(0, self._limits[name].channels - used.get(name, 0))

    def startable(self, names: Sequence[str], used: Mapping[str, int], now_seconds: float) -> int:
        """How many calls may start at this instant over these trunks: channels, CPS and fitness taken together."""
        return sum(self._startable(name, used, now_seconds) for name in names)

    def _startable(self, name: str, used: Mapping[str, int], now_seconds: float) -> int:
        fit = self._health[name].may_start(now_seconds)
        return 0 if fit <= 0 else min(fit, self._starts[name].available(now_seconds), self._free(name, used))

    def seconds_to_next_start(self, names: Sequence[str], now_seconds: float) -> float:
        """Seconds until the CPS of some trunk that is fit allows another call; 0 where it does now, or none is fit."""
        fit = (name for name in names if self._health[name].may_start(now_seconds) > 0)
        return min((self._starts[name].seconds_to_next(now_seconds) for name in fit), default=0.0)

    def all_resting(self, names: Sequence[str], now_seconds: float) -> bool:
        """Whether none of these trunks is fit to carry more than a probing call that is out already."""
        return bool(names) and all(self._health[name].may_start(now_seconds) == 0 for name in names)

    def take(
        self, names: Sequence[str], used: Mapping[str, int], now_seconds: float, *, told: bool = True
    ) -> tuple[TrunkLimits, str] | None:
        """Start a call on the first fit trunk with a free channel and a call start left: the trunk and the caller ID to show.

        Caller IDs of a trunk take turns, so that no single number is worn out. None: nothing may start now. `told`: `rang` or
        `ended` will tell what became of the call, or `not_dialled` that nothing did; without it the call can be no probe.
        """
        for name in names:
            if self._startable(name, used, now_seconds) < 1:
                continue
            trunk = self._limits[name]
            self._starts[name].take(now_seconds)
            if told:
                self._health[name].started(now_seconds)
            else:  # it goes out at once: those that wait for their turn make room for it
                self._starts[name].turn(now_seconds)
            turn = self._next_caller_id[name]
            self._next_caller_id[name] = (turn + 1) % len(trunk.caller_ids)
            return trunk, trunk.caller_ids[turn]
        return None

    def rang(self, name: str, seconds: float, began_seconds: float, now_seconds: float) -> None:
        """A call rings, so many seconds after its Originate: the trunk works, and a slow carrier is given fewer calls."""
        health = self._health.get(name)
        if health is not None:
            health.rang(seconds, began_seconds, now_seconds)
            self._starts[name].throttle(health.share)

    def ended(self, name: str, failed: bool | None, began_seconds: float, now_seconds: float) -> None:
        """A call has ended; `failed` as `trunk_failed` says."""
        health = self._health.get(name)
        if health is not None:
            health.ended(failed, began_seconds, now_seconds)

    def not_dialled(self, name: str, began_seconds: float, now_seconds: float) -> None:
        """A call that was taken was given up before anything was dialled: if it was to probe, the next one does. Its start
        is spent: what cannot be opened is tried again no faster than calls may start.
        """
        self.ended(name, None, began_seconds, now_seconds)

    def turn(self, name: str, now_seconds: float) -> float:
        """The moment at which a call that was taken may go out on the wire, as the trunk's CPS has it: now, or a little later."""
        return self._starts[name].turn(now_seconds)

    def states(self, now_seconds: float) -> dict[str, TrunkState]:
        """The state of each trunk."""
        return {name: health.state(now_seconds) for name, health in self._health.items()}
