"""Which trunk carries the next call: channels, call starts a second (CPS), caller IDs, and whether it is fit for it. Pure."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import Counter, defaultdict, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

from dialer.domain.model import ANSWERED, Outcome
from dialer.domain.switch_events import REDIRECTED, CallEnded, EndedBy
from dialer.domain.view import TrunkState
from dialer.settings.lines import Called, CallerIdArea, TrunkRest, caller_ids_shown

# Whether a trunk is fit: rested when it fails, probed with one call after that, given fewer calls when it is slow.

TRUNK_FAILURES = frozenset({Outcome.CARRIER_FAILURE, Outcome.CONGESTION})
"""Outcomes that are the carrier's own failures."""
_REACHED = ANSWERED | {Outcome.BUSY, Outcome.NO_ANSWER, Outcome.INVALID_NUMBER, Outcome.REJECTED}
CARRIER_REFUSES = frozenset({"401", "402", "403", "407"})
"""SIP statuses with which a carrier refuses us: no credit, caller ID or address not accepted. A person declines with 603."""
_MANY = 1_000_000
_ALREADY = 2  # failures in a row from which on the trunk is to blame and not the numbers
_RECENT_WEIGHT = 0.2  # of one call in the recent delay, and
_USUAL_WEIGHT = 0.02  # in the usual one
_SLOWER = 3.0  # times the usual delay: slow
_LEAST_SHARE = 0.1
# A call's part in throttling, and in ending it: multiplicative decrease, additive increase.
_BACK_OFF = 0.85  # times the share
_RECOVER = 0.05  # of all call starts


def trunk_failed(outcome: Outcome, ended: CallEnded) -> bool | None:
    """Whether a call's end is the trunk's failure (True), shows that it works (False), or says nothing of it (None)."""
    if ended.dial_status == REDIRECTED:  # somebody answered for the number
        return False
    if outcome in TRUNK_FAILURES or ended.technical_cause in CARRIER_REFUSES:
        return True
    if outcome is Outcome.REFUSED:
        return True if ended.by is EndedBy.NO_CHANNEL else None
    return False if outcome in _REACHED or ended.ever_ringing else None


class TrunkHealth:
    """One trunk: fails, rests, is probed, works again. Calls that began before the present state say nothing of it."""

    def __init__(self, rules: TrunkRest, now_seconds: float) -> None:
        """It works until it fails. Time is monotonic seconds."""
        self.rests = 0  # since it last worked
        self.reason = ""  # of the rest
        self.ringing_seconds: float | None = None  # from Originate to ringing, lately
        self.share = 1.0  # of the allowed call starts
        self.row = 0  # failures in a row
        self._rules = rules
        self._window: deque[bool] = deque(maxlen=rules.window_calls)
        self._usual: float | None = None
        self._since = now_seconds
        self._resting_until: float | None = None
        self._probe_out = False

    def state(self, now_seconds: float) -> TrunkState:
        """What it is doing."""
        if self._resting_until is None:
            return TrunkState.WORKING
        return TrunkState.RESTING if now_seconds < self._resting_until else TrunkState.PROBING

    def may_start(self, now_seconds: float) -> int:
        """How many calls it is fit for at this instant: none, one that probes, or many."""
        match self.state(now_seconds):
            case TrunkState.WORKING:
                return _MANY
            case TrunkState.PROBING:
                return 0 if self._probe_out else 1
        return 0

    def rest_seconds_left(self, now_seconds: float) -> float:
        """Seconds until it is probed; 0 when it works or may be probed now."""
        return 0.0 if self._resting_until is None else max(0.0, self._resting_until - now_seconds)

    @property
    def to_blame(self) -> bool:
        """Whether its failures are its own and none of the numbers."""
        return self.row >= _ALREADY or self._resting_until is not None

    def started(self, now_seconds: float) -> None:
        """A call starts."""
        if self.state(now_seconds) is TrunkState.PROBING:
            self._probe_out = True
            self._since = now_seconds

    def rang(self, seconds: float, began_seconds: float, now_seconds: float) -> None:
        """A call rings, `seconds` after its Originate."""
        self._learn_delay(max(0.0, seconds))
        if began_seconds >= self._since and self.state(now_seconds) is TrunkState.PROBING:
            self._work(now_seconds)

    def ended(self, failed: bool | None, began_seconds: float, now_seconds: float) -> None:
        """A call has ended: `failed` as `trunk_failed` says."""
        if began_seconds < self._since:
            return
        match self.state(now_seconds):
            case TrunkState.WORKING if failed is not None:
                self._count(failed, now_seconds)
            case TrunkState.PROBING if self._probe_out:
                if failed is None:
                    self._probe_out = False  # it told nothing: the next call probes
                elif failed:
                    self._rest(now_seconds, "its probing call failed")
                else:
                    self._work(now_seconds)

    def _count(self, failed: bool, now_seconds: float) -> None:
        rules = self._rules
        self._window.append(failed)
        self.row = self.row + 1 if failed else 0
        failures = sum(self._window)
        if self.row >= rules.failures_in_a_row:
            self._rest(now_seconds, f"{self.row} calls in a row failed")
        elif len(self._window) == rules.window_calls and failures > rules.failure_share * rules.window_calls:
            self._rest(now_seconds, f"{failures} of the last {rules.window_calls} calls failed")

    def _rest(self, now_seconds: float, reason: str) -> None:
        rules = self._rules
        seconds = min(rules.longest_rest_seconds, rules.first_rest_seconds * 2.0 ** min(self.rests, 32))
        self.rests += 1
        self.reason = reason
        self._resting_until = now_seconds + seconds
        self._since = now_seconds
        self._probe_out = False

    def _work(self, now_seconds: float) -> None:
        self.rests = self.row = 0
        self.reason = ""
        self._resting_until = None
        self._since = now_seconds
        self._probe_out = False
        self._window.clear()

    def _learn_delay(self, seconds: float) -> None:
        """A growing delay is the only sign that a switch or a carrier has too much: nothing fails yet (measured at 80 calls a
        second: set-up took 4 s at p95, and every call succeeded).
        """
        recent = seconds if self.ringing_seconds is None else self.ringing_seconds
        self.ringing_seconds = recent + _RECENT_WEIGHT * (seconds - recent)
        usual = self._usual if self._usual is not None else seconds
        if self.ringing_seconds > max(self._rules.slow_ringing_seconds, _SLOWER * usual):
            self.share = max(_LEAST_SHARE, self.share * _BACK_OFF)
        else:
            self._usual = usual + _USUAL_WEIGHT * (seconds - usual)
            self.share = min(1.0, self.share + _RECOVER)


CPS_WINDOW_SECONDS = 10.0  # over which the call starts a second are shown
LATE_SECONDS = 0.02  # a start that a timer or another task delays by so much is made good; more would be a burst
_NONE: Mapping[str, int] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class TrunkLimits:
    """What a carrier allows on a trunk, as set for the site."""

    name: str
    endpoint: str
    channels: int
    calls_per_second: float
    caller_ids: tuple[str, ...]
    server: str = ""  # of several Asterisks the one that it is a line of
    areas: tuple[CallerIdArea, ...] = ()  # where some of the caller IDs are shown alone


@dataclass(slots=True)
class TrunkTally:
    """Calls of a trunk since the start."""

    attempts: int = 0
    answered: int = 0
    failures: int = 0


class CallStarts:
    """A trunk's one limiter of call starts: evenly spaced, and no second with more than the limit, rounded up, on the wire.

    A start is granted once (`take`), at the moment of dialling, and told when it goes out (`went`). What was granted and has not
    gone out yet counts as going out now, so what a slow commit holds up is made good before anything more is granted: nothing
    queues. Time is monotonic seconds, and an older moment after a later one counts as the later one: no time is credited twice.
    """

    def __init__(self, calls_per_second: float, now_seconds: float) -> None:
        """`calls_per_second` > 0. One call may start at once."""
        self._now = now_seconds
        self._next = now_seconds  # when a start is next due
        self._wire: deque[float] = deque()  # the last starts on the wire, as many as a window may have
        self._recent: deque[float] = deque()  # those of the last CPS_WINDOW_SECONDS
        self.allow(calls_per_second)

    def allow(self, calls_per_second: float) -> None:
        """From now on so many a second; what has started counts."""
        self._rate = calls_per_second
        self._most = math.ceil(calls_per_second)
        # A second, or the time in which a rate that is no whole number starts so many.
        self._window = self._most / calls_per_second
        self._wire = deque(self._wire, maxlen=self._most)
        self.throttle(1.0)

    def throttle(self, share: float) -> None:
        """From now on only this share of the limit, above 0 to 1, may start."""
        self._spacing = 1.0 / (self._rate * share)

    def lately(self, now_seconds: float) -> float:
        """Calls started a second, over the last CPS_WINDOW_SECONDS."""
        now = self._at(now_seconds)
        while self._recent and self._recent[0] <= now - CPS_WINDOW_SECONDS:
            self._recent.popleft()
        return len(self._recent) / CPS_WINDOW_SECONDS

    def available(self, now_seconds: float, leaving: int) -> int:
        """How many calls may start at this instant, beside the `leaving`, which were granted and have not gone out yet."""
        now = self._at(now_seconds)
        behind = min(now - self._next, LATE_SECONDS)
        spaced = math.floor(behind / self._spacing + 1e-6) + 1 if behind > -1e-9 else 0
        return max(0, min(spaced, self._most - leaving - self._within(now)))

    def take(self, now_seconds: float) -> None:
        """Grant one start."""
        self._next = max(self._next, self._at(now_seconds) - LATE_SECONDS) + self._spacing

    def seconds_to_next(self, now_seconds: float, leaving: int) -> float:
        """Seconds until a call may start; 0 when one may now."""
        now = self._at(now_seconds)
        spaced = max(0.0, self._next - now)
        gone = len(self._wire) - self._within(now)
        too_many = self._within(now) + leaving - self._most + 1  # so many must be a window ago
        if too_many <= 0:
            return spaced
        if too_many > len(self._wire) - gone:  # what is leaving fills the window by itself
            return max(spaced, self._spacing)
        return max(spaced, self._wire[gone + too_many - 1] + self._window - LATE_SECONDS - now)

    def seconds_to_wire(self, now_seconds: float) -> float:
        """Seconds until a start that was granted may go out; 0: now. What a slow commit held up together goes out evenly."""
        now = self._at(now_seconds)
        full = self._wire[0] + self._window - now if len(self._wire) == self._most else 0.0
        even = self._wire[-1] + 1.0 / self._rate - LATE_SECONDS - now if self._wire else 0.0
        wait = max(full, even)
        return wait if wait > 1e-9 else 0.0

    def went(self, now_seconds: float) -> None:
        """A start goes out on the wire."""
        now = self._at(now_seconds)
        self._wire.append(now)
        self._recent.append(now)
        self.lately(now)

    def _within(self, now: float) -> int:
        """Starts that a call which is granted now would share its window with; the commit takes a moment, and the wire is exact."""
        since = now - self._window + LATE_SECONDS + 1e-9
        return len(self._wire) - bisect_right(self._wire, since)

    def _at(self, now_seconds: float) -> float:
        self._now = max(self._now, now_seconds)
        return self._now


class TrunkPool:
    """The trunks of a site, in the order of their settings."""

    def __init__(self, trunks: Sequence[TrunkLimits], now_seconds: float, rest: TrunkRest | None = None) -> None:
        """Names must be distinct. `rest`: when a trunk that fails is rested."""
        self._rules = rest or TrunkRest()
        self._limits: dict[str, TrunkLimits] = {}
        self._starts: dict[str, CallStarts] = {}
        self._health: dict[str, TrunkHealth] = {}
        self._turns: Counter[tuple[str, tuple[str, ...]]] = Counter()  # by trunk and the caller IDs that take turns
        self.tallies: defaultdict[str, TrunkTally] = defaultdict(TrunkTally)
        self.use(trunks, now_seconds)

    def use(self, trunks: Sequence[TrunkLimits], now_seconds: float) -> None:
        """These are the site's from now on; what has started counts. One that is gone ends its calls and carries no other."""
        self.names = tuple(trunk.name for trunk in trunks)
        """In order of preference."""
        for name in self._limits.keys() - set(self.names):
            self._limits[name] = replace(self._limits[name], channels=0, caller_ids=())
        for trunk in trunks:
            self._limits[trunk.name] = trunk
            if trunk.name in self._starts:
                self._starts[trunk.name].allow(trunk.calls_per_second)
                self._starts[trunk.name].throttle(self._health[trunk.name].share)
            else:
                self._starts[trunk.name] = CallStarts(trunk.calls_per_second, now_seconds)
                self._health[trunk.name] = TrunkHealth(self._rules, now_seconds)

    def __getitem__(self, name: str) -> TrunkLimits:
        """The limits of a trunk by its name."""
        return self._limits[name]

    def with_endpoint(self, endpoint: str) -> str:
        """The name of the trunk with this endpoint; the endpoint itself where the settings have none."""
        return next((name for name in self.names if self._limits[name].endpoint == endpoint), endpoint)

    def health(self, name: str) -> TrunkHealth | None:
        """How a trunk does; None: the settings have none of that name."""
        return self._health.get(name)

    def starts(self, name: str) -> CallStarts:
        """The limiter of a trunk's call starts."""
        return self._starts[name]

    def caller_id_refused(self, name: str, caller_id: str) -> bool:
        """Whether a trunk may not show this number: only those of its own pool are ours to show."""
        return caller_id not in self._limits[name].caller_ids

    def free_channels(self, names: Sequence[str], used: Mapping[str, int], now_seconds: float) -> int:
        """Free channels over those of these trunks that are fit; `used` counts the live calls of each."""
        return sum(self._free(name, used) for name in names if self._health[name].may_start(now_seconds) > 0)

    def _free(self, name: str, used: Mapping[str, int]) -> int:
        return max(0, self._limits[name].channels - used.get(name, 0))

    def startable(
        self, names: Sequence[str], used: Mapping[str, int], now_seconds: float, leaving: Mapping[str, int] = _NONE
    ) -> int:
        """Calls that may start now over these trunks (channels, CPS, fitness); `leaving`: those not gone out yet, by trunk."""
        return sum(self._startable(name, used, now_seconds, leaving) for name in names)

    def _startable(self, name: str, used: Mapping[str, int], now_seconds: float, leaving: Mapping[str, int]) -> int:
        fit = self._health[name].may_start(now_seconds)
        if fit <= 0:
            return 0
        return min(fit, self._starts[name].available(now_seconds, leaving.get(name, 0)), self._free(name, used))

    def seconds_to_next_start(
        self, names: Sequence[str], now_seconds: float, leaving: Mapping[str, int] = _NONE
    ) -> float:
        """Seconds until the CPS of some trunk that is fit allows another call; 0 where it does now, or none is fit."""
        fit = (name for name in names if self._health[name].may_start(now_seconds) > 0)
        waits = (self._starts[name].seconds_to_next(now_seconds, leaving.get(name, 0)) for name in fit)
        return min(waits, default=0.0)

    def all_resting(self, names: Sequence[str], now_seconds: float) -> bool:
        """Whether none of these trunks is fit to carry more than a probing call that is out already."""
        return bool(names) and all(self._health[name].may_start(now_seconds) == 0 for name in names)

    def take(
        self,
        names: Sequence[str],
        used: Mapping[str, int],
        now_seconds: float,
        leaving: Mapping[str, int] = _NONE,
        *,
        called: Called | None = None,
        reported: bool = True,
        waits: bool = False,
    ) -> tuple[TrunkLimits, str] | None:
        """Start a call on the first fit trunk with a free channel and a call start left: the trunk and the caller ID to show.

        Caller IDs of a trunk that may be shown to whom is `called` take turns, so that no single number is worn out. None: nothing
        may start now. `reported`: `rang` or `ended` will tell what became of the call, even that it was never dialled; without
        it the call can be no probe, and goes out at once. `waits`: a person asks for it, so it needs no call start left now, and is
        held up on its way to the wire.
        """
        for name in names:
            startable = (
                self.free_channels((name,), used, now_seconds)
                if waits
                else self._startable(name, used, now_seconds, leaving)
            )
            if startable < 1:
                continue
            trunk = self._limits[name]
            self._starts[name].take(now_seconds)
            if reported:
                self._health[name].started(now_seconds)
            else:
                self._starts[name].went(now_seconds)
            shown = caller_ids_shown(trunk.caller_ids, trunk.areas, called)
            turn = self._turns[name, shown]
            self._turns[name, shown] = (turn + 1) % len(shown)
            return trunk, shown[turn]
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
