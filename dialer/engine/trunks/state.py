"""Trunks: channels, call starts per second (CPS), caller IDs, and health. Pure."""

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
from dialer.settings.trunks import CalledVoter, CallerIdArea, TrunkRest, caller_ids_shown

# Health: a trunk that fails is rested, then probed with one call; a slow one gets fewer calls.

TRUNK_FAILURES = frozenset({Outcome.CARRIER_FAILURE, Outcome.CONGESTION})
"""Outcomes that are failures of the carrier."""
_REACHED = ANSWERED | {Outcome.BUSY, Outcome.NO_ANSWER, Outcome.INVALID_NUMBER, Outcome.REJECTED}
CARRIER_REFUSES = frozenset({"401", "402", "403", "407"})
"""SIP statuses with which a carrier rejects us: no credit, or caller ID or address not accepted. A person declines with
603.
"""
_MANY = 1_000_000
_ALREADY = 2  # failures in a row from which on the trunk is the cause, not the numbers
_RECENT_WEIGHT = 0.2  # weight of one call in the recent delay, and
_USUAL_WEIGHT = 0.02  # in the usual one
_SLOWER = 3.0  # times the usual delay counts as slow
_LEAST_SHARE = 0.1
# How one call changes the share of call starts: multiplicative decrease, additive increase.
_BACK_OFF = 0.85  # times the share
_RECOVER = 0.05  # of all call starts


def trunk_failed(outcome: Outcome, ended: CallEnded) -> bool | None:
    """Return whether a call's end is a failure of the trunk (True), shows that it works (False), or neither (None)."""
    if ended.dial_status == REDIRECTED:  # somebody answered for the number
        return False
    if outcome in TRUNK_FAILURES or ended.technical_cause in CARRIER_REFUSES:
        return True
    if outcome is Outcome.REFUSED:
        return True if ended.by is EndedBy.NO_CHANNEL else None
    return False if outcome in _REACHED or ended.ever_ringing else None


class TrunkHealth:
    """The health of one trunk: working, resting or probed. Calls that started before the current state do not count."""

    def __init__(self, rules: TrunkRest, now_seconds: float) -> None:
        """It works until it fails. Times are monotonic seconds."""
        self.rests = 0  # since it last worked
        self.failed_calls = 0  # of the `judged_calls` for which it rests; 0: it works
        self.judged_calls = 0
        self.ringing_seconds: float | None = None  # from Originate to ringing, recently
        self.share = 1.0  # of the allowed call starts
        self.row = 0  # failures in a row
        self._rules = rules
        self._window: deque[bool] = deque(maxlen=rules.window_calls)
        self._usual: float | None = None
        self._since = now_seconds
        self._resting_until: float | None = None
        self._probe_out = False

    def state(self, now_seconds: float) -> TrunkState:
        """Return the trunk's state."""
        if self._resting_until is None:
            return TrunkState.WORKING
        return TrunkState.RESTING if now_seconds < self._resting_until else TrunkState.PROBING

    def may_start(self, now_seconds: float) -> int:
        """Return how many calls may start: none, one that probes the trunk, or many."""
        match self.state(now_seconds):
            case TrunkState.WORKING:
                return _MANY
            case TrunkState.PROBING:
                return 0 if self._probe_out else 1
        return 0

    def rest_seconds_left(self, now_seconds: float) -> float:
        """Return the seconds until the trunk is probed; 0 if it works or may be probed now."""
        return 0.0 if self._resting_until is None else max(0.0, self._resting_until - now_seconds)

    @property
    def reason(self) -> str:
        """Return why the trunk rests; empty if it works."""
        return f"{self.failed_calls} of the last {self.judged_calls} calls failed" if self.failed_calls else ""

    @property
    def to_blame(self) -> bool:
        """Return whether failures are the trunk's own and not the numbers'."""
        return self.row >= _ALREADY or self._resting_until is not None

    def started(self, now_seconds: float) -> None:
        """Note that a call starts."""
        if self.state(now_seconds) is TrunkState.PROBING:
            self._probe_out = True
            self._since = now_seconds

    def rang(self, seconds: float, began_seconds: float, now_seconds: float) -> None:
        """Note that a call rings, `seconds` after its Originate."""
        self._learn_delay(max(0.0, seconds))
        if began_seconds >= self._since and self.state(now_seconds) is TrunkState.PROBING:
            self._work(now_seconds)

    def ended(self, failed: bool | None, began_seconds: float, now_seconds: float) -> None:
        """Note the end of a call. `failed` is what `trunk_failed` returns."""
        if began_seconds < self._since:
            return
        match self.state(now_seconds):
            case TrunkState.WORKING if failed is not None:
                self._count(failed, now_seconds)
            case TrunkState.PROBING if self._probe_out:
                if failed is None:
                    self._probe_out = False  # inconclusive: the next call probes
                elif failed:
                    self._rest(now_seconds, failed=1, judged=1)
                else:
                    self._work(now_seconds)

    def _count(self, failed: bool, now_seconds: float) -> None:
        rules = self._rules
        self._window.append(failed)
        self.row = self.row + 1 if failed else 0
        failures = sum(self._window)
        if self.row >= rules.failures_in_a_row:
            self._rest(now_seconds, failed=self.row, judged=self.row)
        elif len(self._window) == rules.window_calls and failures > rules.failure_rate * rules.window_calls:
            self._rest(now_seconds, failed=failures, judged=rules.window_calls)

    def _rest(self, now_seconds: float, *, failed: int, judged: int) -> None:
        rules = self._rules
        seconds = min(rules.max_rest_seconds, rules.first_rest_seconds * 2.0 ** min(self.rests, 32))
        self.rests += 1
        self.failed_calls, self.judged_calls = failed, judged
        self._resting_until = now_seconds + seconds
        self._since = now_seconds
        self._probe_out = False

    def _work(self, now_seconds: float) -> None:
        self.rests = self.row = 0
        self.failed_calls = self.judged_calls = 0
        self._resting_until = None
        self._since = now_seconds
        self._probe_out = False
        self._window.clear()

    def _learn_delay(self, seconds: float) -> None:
        """Adapt the share of call starts to the delay. A growing delay is the only sign of an overloaded switch or
        carrier.
        """
        recent = seconds if self.ringing_seconds is None else self.ringing_seconds
        self.ringing_seconds = recent + _RECENT_WEIGHT * (seconds - recent)
        usual = self._usual if self._usual is not None else seconds
        if self.ringing_seconds > max(self._rules.slow_ringing_seconds, _SLOWER * usual):
            self.share = max(_LEAST_SHARE, self.share * _BACK_OFF)
        else:
            self._usual = usual + _USUAL_WEIGHT * (seconds - usual)
            self.share = min(1.0, self.share + _RECOVER)


CPS_WINDOW_SECONDS = 10.0  # over which call starts per second are shown
LATE_SECONDS = 0.02  # a start delayed by no more is made up for; more would be a burst
_NONE: Mapping[str, int] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class TrunkLimits:
    """What the settings allow on a trunk."""

    name: str
    endpoint: str
    channels: int
    calls_per_second: float
    caller_ids: tuple[str, ...]
    server: str = ""  # the Asterisk server of the trunk
    areas: tuple[CallerIdArea, ...] = ()  # where some of the caller IDs may be shown


@dataclass(slots=True)
class TrunkTally:
    """Calls of a trunk since the start."""

    attempts: int = 0
    answered: int = 0
    failures: int = 0


class CallStarts:
    """The limiter of a trunk's call starts: evenly spaced, and in no second more than the limit, rounded up.

    A start is granted once (`take`), when a call is dialled, and noted when it is sent (`went`). Granted starts that
    were not sent yet count as sent now, so a slow commit delays further grants and nothing queues. Times are monotonic
    seconds; a time before an earlier one counts as the later one.
    """

    def __init__(self, calls_per_second: float, now_seconds: float) -> None:
        """`calls_per_second` > 0. One call may start at once."""
        self._now = now_seconds
        self._next = now_seconds  # when a start is next due
        self._wire: deque[float] = deque()  # the last starts that were sent, at most as many as a window may have
        self._recent: deque[float] = deque()  # those of the last CPS_WINDOW_SECONDS
        self.allow(calls_per_second)

    def allow(self, calls_per_second: float) -> None:
        """Set the limit. Calls that have started count."""
        self._rate = calls_per_second
        self._most = math.ceil(calls_per_second)
        # one second, or for a fractional rate the time in which so many may start
        self._window = self._most / calls_per_second
        self._wire = deque(self._wire, maxlen=self._most)
        self.throttle(1.0)

    def throttle(self, share: float) -> None:
        """Allow only this share of the limit (above 0, at most 1)."""
        self._spacing = 1.0 / (self._rate * share)

    def lately(self, now_seconds: float) -> float:
        """Return the calls started per second, over the last CPS_WINDOW_SECONDS."""
        now = self._at(now_seconds)
        while self._recent and self._recent[0] <= now - CPS_WINDOW_SECONDS:
            self._recent.popleft()
        return len(self._recent) / CPS_WINDOW_SECONDS

    def available(self, now_seconds: float, leaving: int) -> int:
        """Return how many calls may start now, besides the `leaving`, which were granted and not sent yet."""
        now = self._at(now_seconds)
        behind = min(now - self._next, LATE_SECONDS)
        spaced = math.floor(behind / self._spacing + 1e-6) + 1 if behind > -1e-9 else 0
        return max(0, min(spaced, self._most - leaving - self._within(now)))

    def take(self, now_seconds: float) -> None:
        """Grant one start."""
        self._next = max(self._next, self._at(now_seconds) - LATE_SECONDS) + self._spacing

    def seconds_to_next(self, now_seconds: float, leaving: int) -> float:
        """Return the seconds until a call may start; 0: now."""
        now = self._at(now_seconds)
        spaced = max(0.0, self._next - now)
        gone = len(self._wire) - self._within(now)
        too_many = self._within(now) + leaving - self._most + 1  # so many must be older than a window
        if too_many <= 0:
            return spaced
        if too_many > len(self._wire) - gone:  # the leaving calls fill the window by themselves
            return max(spaced, self._spacing)
        return max(spaced, self._wire[gone + too_many - 1] + self._window - LATE_SECONDS - now)

    def seconds_to_wire(self, now_seconds: float) -> float:
        """Return the seconds until a granted start may be sent; 0: now."""
        now = self._at(now_seconds)
        full = self._wire[0] + self._window - now if len(self._wire) == self._most else 0.0
        even = self._wire[-1] + 1.0 / self._rate - LATE_SECONDS - now if self._wire else 0.0
        wait = max(full, even)
        return wait if wait > 1e-9 else 0.0

    def went(self, now_seconds: float) -> None:
        """Note that a start is sent."""
        now = self._at(now_seconds)
        self._wire.append(now)
        self._recent.append(now)
        self.lately(now)

    def _within(self, now: float) -> int:
        """Return how many starts share a window with a call granted now; with a margin for the time that its commit
        takes.
        """
        since = now - self._window + LATE_SECONDS + 1e-9
        return len(self._wire) - bisect_right(self._wire, since)

    def _at(self, now_seconds: float) -> float:
        self._now = max(self._now, now_seconds)
        return self._now


class TrunkPool:
    """The trunks of a site, in the order of the settings."""

    def __init__(self, trunks: Sequence[TrunkLimits], now_seconds: float, rest: TrunkRest | None = None) -> None:
        """Names must be distinct. `rest`: when a failing trunk is rested."""
        self._rules = rest or TrunkRest()
        self._limits: dict[str, TrunkLimits] = {}
        self._starts: dict[str, CallStarts] = {}
        self._health: dict[str, TrunkHealth] = {}
        self._turns: Counter[tuple[str, tuple[str, ...]]] = Counter()  # by trunk and the caller IDs that take turns
        self.tallies: defaultdict[str, TrunkTally] = defaultdict(TrunkTally)
        self.use(trunks, now_seconds)

    def use(self, trunks: Sequence[TrunkLimits], now_seconds: float) -> None:
        """Take over the trunks of the settings. Calls that have started count; a removed trunk carries no further call."""
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
        """Return the limits of a trunk."""
        return self._limits[name]

    def with_endpoint(self, endpoint: str) -> str:
        """Return the name of the trunk with this endpoint; the endpoint itself if there is none."""
        return next((name for name in self.names if self._limits[name].endpoint == endpoint), endpoint)

    def health(self, name: str) -> TrunkHealth | None:
        """Return the health of a trunk, or None."""
        return self._health.get(name)

    def starts(self, name: str) -> CallStarts:
        """Return the limiter of a trunk's call starts."""
        return self._starts[name]

    def caller_id_refused(self, name: str, caller_id: str) -> bool:
        """Return whether a caller ID is not one of the trunk's own and must not be shown."""
        return caller_id not in self._limits[name].caller_ids

    def free_channels(self, names: Sequence[str], used: Mapping[str, int], now_seconds: float) -> int:
        """Return the free channels of those of these trunks that work. `used` counts the live calls of each."""
        return sum(self._free(name, used) for name in names if self._health[name].may_start(now_seconds) > 0)

    def _free(self, name: str, used: Mapping[str, int]) -> int:
        return max(0, self._limits[name].channels - used.get(name, 0))

    def startable(
        self, names: Sequence[str], used: Mapping[str, int], now_seconds: float, leaving: Mapping[str, int] = _NONE
    ) -> int:
        """Return how many calls may start now over these trunks. `leaving`: granted and not sent yet, by trunk."""
        return sum(self._startable(name, used, now_seconds, leaving) for name in names)

    def _startable(self, name: str, used: Mapping[str, int], now_seconds: float, leaving: Mapping[str, int]) -> int:
        fit = self._health[name].may_start(now_seconds)
        if fit <= 0:
            return 0
        return min(fit, self._starts[name].available(now_seconds, leaving.get(name, 0)), self._free(name, used))

    def seconds_to_next_start(
        self, names: Sequence[str], now_seconds: float, leaving: Mapping[str, int] = _NONE
    ) -> float:
        """Return the seconds until the CPS limit of a working trunk allows a call; 0 if one does now, or none works."""
        fit = (name for name in names if self._health[name].may_start(now_seconds) > 0)
        waits = (self._starts[name].seconds_to_next(now_seconds, leaving.get(name, 0)) for name in fit)
        return min(waits, default=0.0)

    def all_resting(self, names: Sequence[str], now_seconds: float) -> bool:
        """Return whether none of these trunks can carry a call now, apart from a probing call in progress."""
        return bool(names) and all(self._health[name].may_start(now_seconds) == 0 for name in names)

    def take(
        self,
        names: Sequence[str],
        used: Mapping[str, int],
        now_seconds: float,
        leaving: Mapping[str, int] = _NONE,
        *,
        called: CalledVoter | None = None,
        reported: bool = True,
        waits: bool = False,
    ) -> tuple[TrunkLimits, str] | None:
        """Start a call on the first of these trunks that may carry it. Returns the trunk and the caller ID to show, or
        None.

        Caller IDs that may be shown to `called` take turns. `reported`: `rang` or `ended` will report on the call, also
        if it is never dialled; otherwise it cannot be a probe and counts as sent at once. `waits`: a person asks for
        it, so it needs no call start now, and may wait to be sent.
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
        """Note that a call rings, `seconds` after its Originate. A slow carrier gets fewer calls."""
        health = self._health.get(name)
        if health is not None:
            health.rang(seconds, began_seconds, now_seconds)
            self._starts[name].throttle(health.share)

    def ended(self, name: str, failed: bool | None, began_seconds: float, now_seconds: float) -> None:
        """Note the end of a call. `failed` is what `trunk_failed` returns."""
        health = self._health.get(name)
        if health is not None:
            health.ended(failed, began_seconds, now_seconds)
