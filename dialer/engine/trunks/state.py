"""The state of trunks: channels, call starts per second (CPS), caller IDs and health. This module does no I/O."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right, insort
from collections import Counter, defaultdict, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

from dialer.domain.backoff import double_seconds_up_to_limit
from dialer.domain.model import ANSWERED, Outcome
from dialer.domain.switch_events import REDIRECTED, CallEnded, EndedBy
from dialer.domain.trunk_failures import CARRIER_REFUSES, TRUNK_FAILURES
from dialer.domain.view import TrunkState
from dialer.settings.trunks import CalledVoter, CallerIdArea, TrunkRest, find_caller_ids_for_voter

# Health: a failing trunk is suspended, then tested with one call. A slow trunk gets fewer calls.

_REACHED = ANSWERED | {Outcome.BUSY, Outcome.NO_ANSWER, Outcome.INVALID_NUMBER, Outcome.REJECTED}
NO_COMMON_CODEC_CAUSE = 58
"""Q.850 cause of a call that was rejected or hung up because carrier and Asterisk have no codec in common. Asterisk does not
report which codec the carrier uses.
"""
CALLS_WITH_CODEC = 10
"""Answered calls in a row that show that a trunk's codecs work again."""
_MANY = 1_000_000
_ALREADY = 2  # consecutive failures after which the trunk is the cause, not the numbers
_RECENT_WEIGHT = 0.2  # weight of one call in the recent delay until ringing
_USUAL_WEIGHT = 0.02  # weight of one call in the usual delay until ringing
_SLOWER = 3.0  # a recent delay of this many times the usual one counts as slow
_LEAST_SHARE = 0.1
# How one call changes the allowed share of call starts: multiplicative decrease, additive increase.
_BACK_OFF = 0.85  # factor for the share after a slow call
_RECOVER = 0.05  # added to the share after any other call


def has_call_failed_because_of_trunk(outcome: Outcome, ended: CallEnded) -> bool | None:
    """Return whether a call failed because of its trunk.

    The result is False if the call shows that the trunk works, and None if the call says nothing about the trunk.
    """
    if ended.dial_status == REDIRECTED:  # the number was answered, with a redirection
        return False
    if outcome in TRUNK_FAILURES or ended.technical_cause in CARRIER_REFUSES:
        return True
    if outcome is Outcome.REFUSED:
        return True if ended.by is EndedBy.NO_CHANNEL else None
    return False if outcome in _REACHED or ended.ever_ringing else None


class TrunkHealth:
    """The health of one trunk: it works, is suspended (gets no calls for a while), or is tested by one call.

    Results of calls that were placed before the trunk's last change of state are ignored.
    """

    def __init__(self, rules: TrunkRest, now_seconds: float) -> None:
        """Create the health of a trunk that works. All times are monotonic seconds."""
        self.rests = 0  # number of suspensions since the trunk last worked
        self.failed_calls = 0  # failures among the `judged_calls` for which it is suspended; 0: it works
        self.judged_calls = 0
        self.ringing_seconds: float | None = None  # recent time from Originate to ringing
        self.share = 1.0  # of the trunk's CPS limit that is used now (0-1)
        self.consecutive_failures = 0
        self._rules = rules
        self._window: deque[bool] = deque(maxlen=rules.window_calls)
        self._usual: float | None = None
        self._since = now_seconds
        self._resting_until: float | None = None
        self._probe_out = False

    def determine_state_of_trunk(self, now_seconds: float) -> TrunkState:
        """Return whether the trunk works, is suspended or is being tested by one call."""
        if self._resting_until is None:
            return TrunkState.WORKING
        return TrunkState.RESTING if now_seconds < self._resting_until else TrunkState.PROBING

    def count_allowed_call_starts(self, now_seconds: float) -> int:
        """Return how many calls may start on the trunk: none while it is suspended, one while it is tested, otherwise
        no limit.
        """
        match self.determine_state_of_trunk(now_seconds):
            case TrunkState.WORKING:
                return _MANY
            case TrunkState.PROBING:
                return 0 if self._probe_out else 1
        return 0

    def count_seconds_until_test_call(self, now_seconds: float) -> float:
        """Return how many seconds remain until a call may test a suspended trunk (0 = the trunk works, or may be tested
        now).
        """
        return 0.0 if self._resting_until is None else max(0.0, self._resting_until - now_seconds)

    @property
    def suspension_reason(self) -> str:
        """Return why the trunk is suspended; the text is empty if the trunk works."""
        return f"{self.failed_calls} of the last {self.judged_calls} calls failed" if self.failed_calls else ""

    @property
    def is_trunk_at_fault(self) -> bool:
        """Return whether failed calls are caused by the trunk, not by the called numbers."""
        return self.consecutive_failures >= _ALREADY or self._resting_until is not None

    def record_call_start_on_trunk(self, now_seconds: float) -> None:
        """Record that a call starts on the trunk. The first call after the trunk's suspension tests whether the trunk works
        again.
        """
        if self.determine_state_of_trunk(now_seconds) is TrunkState.PROBING:
            self._probe_out = True
            self._since = now_seconds

    def update_trunk_when_call_rings(self, seconds: float, began_seconds: float, now_seconds: float) -> None:
        """Record that a call on the trunk rings, `seconds` after its Originate."""
        self._reduce_call_starts_by_ringing_delay(max(0.0, seconds))
        if began_seconds >= self._since and self.determine_state_of_trunk(now_seconds) is TrunkState.PROBING:
            self._end_suspension_of_trunk(now_seconds)

    def update_trunk_when_call_ends(self, failed: bool | None, began_seconds: float, now_seconds: float) -> None:
        """Record the end of a call on the trunk. `failed` is the result of `has_call_failed_because_of_trunk`."""
        if began_seconds < self._since:
            return
        match self.determine_state_of_trunk(now_seconds):
            case TrunkState.WORKING if failed is not None:
                self._count_result_of_trunk_call(failed, now_seconds)
            case TrunkState.PROBING if self._probe_out:
                if failed is None:
                    self._probe_out = False  # inconclusive: the next call is the test
                elif failed:
                    self._suspend_failing_trunk(now_seconds, failed=1, judged=1)
                else:
                    self._end_suspension_of_trunk(now_seconds)

    def _count_result_of_trunk_call(self, failed: bool, now_seconds: float) -> None:
        rules = self._rules
        self._window.append(failed)
        self.consecutive_failures = self.consecutive_failures + 1 if failed else 0
        failures = sum(self._window)
        if self.consecutive_failures >= rules.failures_in_a_row:
            self._suspend_failing_trunk(now_seconds, failed=self.consecutive_failures, judged=self.consecutive_failures)
        elif len(self._window) == rules.window_calls and failures > rules.failure_rate * rules.window_calls:
            self._suspend_failing_trunk(now_seconds, failed=failures, judged=rules.window_calls)

    def _suspend_failing_trunk(self, now_seconds: float, *, failed: int, judged: int) -> None:
        rules = self._rules
        seconds = double_seconds_up_to_limit(rules.first_rest_seconds, self.rests, rules.max_rest_seconds)
        self.rests += 1
        self.failed_calls, self.judged_calls = failed, judged
        self._resting_until = now_seconds + seconds
        self._since = now_seconds
        self._probe_out = False

    def _end_suspension_of_trunk(self, now_seconds: float) -> None:
        self.rests = self.consecutive_failures = 0
        self.failed_calls = self.judged_calls = 0
        self._resting_until = None
        self._since = now_seconds
        self._probe_out = False
        self._window.clear()

    def _reduce_call_starts_by_ringing_delay(self, seconds: float) -> None:
        """Reduce the call starts of the trunk while calls take longer than usual to ring.

        A growing delay is the only sign of an overloaded switch or carrier.
        """
        recent = seconds if self.ringing_seconds is None else self.ringing_seconds
        self.ringing_seconds = recent + _RECENT_WEIGHT * (seconds - recent)
        usual = self._usual if self._usual is not None else seconds
        if self.ringing_seconds > max(self._rules.slow_ringing_seconds, _SLOWER * usual):
            self.share = max(_LEAST_SHARE, self.share * _BACK_OFF)
        else:
            self._usual = usual + _USUAL_WEIGHT * (seconds - usual)
            self.share = min(1.0, self.share + _RECOVER)


CPS_WINDOW_SECONDS = 10.0  # period over which the displayed call starts per second are averaged
WIRE_SECONDS = 0.05
"""How much later than others a call may reach the carrier without exceeding its limit of calls per second."""
LATE_SECONDS = 0.02  # a delay up to this is caught up by the next start; catching up more would make a burst
_NONE: Mapping[str, int] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class TrunkLimits:
    """A trunk's limits and caller IDs from the settings."""

    name: str
    endpoint: str
    channels: int
    calls_per_second: float
    caller_ids: tuple[str, ...]
    server: str = ""  # the Asterisk server of the trunk
    areas: tuple[CallerIdArea, ...] = ()  # caller IDs that are shown to voters of certain areas only
    attestation: str = ""  # with which Asterisk signs the caller ID (A, B or C); "": it does not sign


@dataclass(slots=True)
class TrunkTally:
    """Totals of a trunk's calls since the dialler's start."""

    attempts: int = 0
    answered: int = 0
    failures: int = 0


class CallStarts:
    """Limits the calls that start each second on a trunk (CPS limit), and spaces them evenly.

    A call counts as soon as it is allowed to start (`grant_call_start_now`). Its time is corrected when it is sent to
    the switch (`record_call_sent_on_trunk`) and when it leaves for the carrier (`record_call_sent_to_carrier`). If the
    switch does not report the latter, a delay of up to WIRE_SECONDS is assumed. Times are monotonic seconds.
    """

    def __init__(self, calls_per_second: float, now_seconds: float) -> None:
        """Create the limit of call starts per second for one trunk. The limit must be above 0. One call may start
        immediately.
        """
        self._now = now_seconds
        self._next = now_seconds  # when the next start may be granted
        # Sorted times of the last starts sent, at most the limit of a window: when the switch reports that a call was sent
        # to the carrier, the time of that report, until then the time of the Originate.
        self._sent: deque[float] = deque()
        self._recent: deque[float] = deque()  # times of the starts sent in the last CPS_WINDOW_SECONDS
        self.set_call_rate_limit(calls_per_second)

    def set_call_rate_limit(self, calls_per_second: float) -> None:
        """Set the trunk's limit of call starts per second. Calls already sent still count."""
        self._most = math.ceil(calls_per_second)
        # one second; longer for a fractional rate, so that the limit is a whole number of starts
        self._window = self._most / calls_per_second + WIRE_SECONDS
        self._rate = self._most / self._window
        self._sent = deque(self._sent, maxlen=self._most)
        self.reduce_call_start_rate(1.0)

    def reduce_call_start_rate(self, share: float) -> None:
        """Reduce the call starts to this fraction of the limit (above 0, at most 1)."""
        self._spacing = 1.0 / (self._rate * share)

    def calculate_recent_call_start_rate(self, now_seconds: float) -> float:
        """Return the call starts per second, averaged over the last CPS_WINDOW_SECONDS."""
        now = self._get_non_decreasing_time(now_seconds)
        while self._recent and self._recent[0] <= now - CPS_WINDOW_SECONDS:
            self._recent.popleft()
        return len(self._recent) / CPS_WINDOW_SECONDS

    def count_available_call_starts(self, now_seconds: float, unsent: int) -> int:
        """Return how many more calls may start now. `unsent` counts the calls that were allowed to start but are not
        sent yet.
        """
        now = self._get_non_decreasing_time(now_seconds)
        behind = min(now - self._next, LATE_SECONDS)
        spaced = math.floor(behind / self._spacing + 1e-6) + 1 if behind > -1e-9 else 0
        return max(0, min(spaced, self._most - unsent - self._count_calls_sent_in_last_second(now)))

    def grant_call_start_now(self, now_seconds: float) -> None:
        """Allow one call to start now. Further call starts are delayed accordingly, so that starts are evenly spaced."""
        self._next = max(self._next, self._get_non_decreasing_time(now_seconds) - LATE_SECONDS) + self._spacing

    def count_seconds_until_next_call_start(self, now_seconds: float, unsent: int) -> float:
        """Return how many seconds remain until another call may start (0 = now)."""
        now = self._get_non_decreasing_time(now_seconds)
        spaced = max(0.0, self._next - now)
        gone = len(self._sent) - self._count_calls_sent_in_last_second(now)
        too_many = (
            self._count_calls_sent_in_last_second(now) + unsent - self._most + 1
        )  # this many sent starts must leave the window first
        if too_many <= 0:
            return spaced
        if too_many > len(self._sent) - gone:  # the unsent starts alone fill the window
            return max(spaced, self._spacing)
        return max(spaced, self._sent[gone + too_many - 1] + self._window - LATE_SECONDS - now)

    def count_seconds_until_sending(self, now_seconds: float) -> float:
        """Return how many seconds remain until a call that was allowed to start may be sent to the trunk (0 = now)."""
        now = self._get_non_decreasing_time(now_seconds)
        full = self._sent[0] + self._window - now if len(self._sent) == self._most else 0.0
        even = self._sent[-1] + 1.0 / self._rate - LATE_SECONDS - now if self._sent else 0.0
        wait = max(full, even)
        return wait if wait > 1e-9 else 0.0

    def record_call_sent_on_trunk(self, now_seconds: float) -> float:
        """Record that an allowed call is sent to the trunk now. Return the time at which it counts as sent.

        Pass this time to `record_call_sent_to_carrier` if the switch reports that the call has left for the carrier.
        """
        now = self._get_non_decreasing_time(now_seconds)
        self._sent.append(now)
        self._recent.append(now)
        self.calculate_recent_call_start_rate(now)
        return now

    def record_call_sent_to_carrier(self, began_seconds: float, now_seconds: float) -> None:
        """Record the switch's report that a call has left for the carrier now. The CPS limit then counts this time
        instead of the time of the Originate, because a busy switch may send calls late.
        """
        place = bisect_left(self._sent, began_seconds)
        if place < len(self._sent) and self._sent[place] == began_seconds:
            del self._sent[place]
            insort(self._sent, self._get_non_decreasing_time(now_seconds))

    def _count_calls_sent_in_last_second(self, now: float) -> int:
        """Return how many calls were sent in the second before a call that may start now will be sent.

        That call will be sent a little later than `now`, because it is stored first.
        """
        since = now - self._window + LATE_SECONDS + 1e-9
        return len(self._sent) - bisect_right(self._sent, since)

    def _get_non_decreasing_time(self, now_seconds: float) -> float:
        """Return `now_seconds` (monotonic time), or the latest earlier result if that is later: time never goes back."""
        self._now = max(self._now, now_seconds)
        return self._now


class TrunkPool:
    """All trunks of a site, in the order of the settings."""

    def __init__(self, trunks: Sequence[TrunkLimits], now_seconds: float, rest: TrunkRest | None = None) -> None:
        """Create the pool of `trunks`, whose names must be distinct. `rest` says when a failing trunk gets no calls for
        a while.
        """
        self._rules = rest or TrunkRest()
        self._limits: dict[str, TrunkLimits] = {}
        self._starts: dict[str, CallStarts] = {}
        self._health: dict[str, TrunkHealth] = {}
        self._turns: Counter[tuple[str, tuple[str, ...]]] = (
            Counter()
        )  # by trunk and caller IDs: index of the caller ID to use next
        self.tallies: defaultdict[str, TrunkTally] = defaultdict(TrunkTally)
        self.apply_trunk_settings(trunks, now_seconds)

    def apply_trunk_settings(self, trunks: Sequence[TrunkLimits], now_seconds: float) -> None:
        """Apply the trunks of the settings. A removed trunk starts no further calls.

        Present calls still count towards the limits.
        """
        self.names = tuple(trunk.name for trunk in trunks)
        """Names of the trunks in the settings, in order of preference."""
        for name in self._limits.keys() - set(self.names):
            self._limits[name] = replace(self._limits[name], channels=0, caller_ids=())
        for trunk in trunks:
            self._limits[trunk.name] = trunk
            if trunk.name in self._starts:
                self._starts[trunk.name].set_call_rate_limit(trunk.calls_per_second)
                self._starts[trunk.name].reduce_call_start_rate(self._health[trunk.name].share)
            else:
                self._starts[trunk.name] = CallStarts(trunk.calls_per_second, now_seconds)
                self._health[trunk.name] = TrunkHealth(self._rules, now_seconds)

    def __getitem__(self, name: str) -> TrunkLimits:
        """Return the limits of the trunk with this name."""
        return self._limits[name]

    def find_trunk_name_of_endpoint(self, endpoint: str) -> str:
        """Return the name of the trunk with this SIP endpoint, or the endpoint itself if no trunk has it."""
        return next((name for name in self.names if self._limits[name].endpoint == endpoint), endpoint)

    def get_trunk_health(self, name: str) -> TrunkHealth | None:
        """Return the health of a trunk, or None if the trunk is unknown."""
        return self._health.get(name)

    def get_trunk_rate_limiter(self, name: str) -> CallStarts:
        """Return the rate limiter for the call starts of a trunk."""
        return self._starts[name]

    def record_call_sent_to_carrier(self, name: str, began_seconds: float, now_seconds: float) -> None:
        """Record that a call on this trunk, whose Originate was sent at `began_seconds`, has left for the carrier."""
        if name in self._starts:
            self._starts[name].record_call_sent_to_carrier(began_seconds, now_seconds)

    def is_caller_id_forbidden(self, name: str, caller_id: str) -> bool:
        """Return whether calls over a trunk must not show a caller ID, because the trunk's settings do not list it."""
        return caller_id not in self._limits[name].caller_ids

    def count_free_channels(self, names: Sequence[str], used: Mapping[str, int], now_seconds: float) -> int:
        """Return the number of free channels on these trunks, suspended trunks left out. `used` counts channels
        by trunk.
        """
        return sum(
            self._count_free_channels_of_trunk(name, used)
            for name in names
            if self._health[name].count_allowed_call_starts(now_seconds) > 0
        )

    def _count_free_channels_of_trunk(self, name: str, used: Mapping[str, int]) -> int:
        return max(0, self._limits[name].channels - used.get(name, 0))

    def count_calls_that_may_start(
        self, names: Sequence[str], used: Mapping[str, int], now_seconds: float, unsent: Mapping[str, int] = _NONE
    ) -> int:
        """Return how many calls may start now over these trunks. `unsent` counts allowed calls that are not sent yet,
        by trunk.
        """
        return sum(self._count_allowed_starts_of_trunk(name, used, now_seconds, unsent) for name in names)

    def _count_allowed_starts_of_trunk(
        self, name: str, used: Mapping[str, int], now_seconds: float, unsent: Mapping[str, int]
    ) -> int:
        fit = self._health[name].count_allowed_call_starts(now_seconds)
        if fit <= 0:
            return 0
        return min(
            fit,
            self._starts[name].count_available_call_starts(now_seconds, unsent.get(name, 0)),
            self._count_free_channels_of_trunk(name, used),
        )

    def count_seconds_to_next_call_start(
        self, names: Sequence[str], now_seconds: float, unsent: Mapping[str, int] = _NONE
    ) -> float:
        """Return how many seconds remain until the CPS limit of a working trunk allows a call (0 = now, or no trunk
        works).
        """
        fit = (name for name in names if self._health[name].count_allowed_call_starts(now_seconds) > 0)
        waits = (
            self._starts[name].count_seconds_until_next_call_start(now_seconds, unsent.get(name, 0)) for name in fit
        )
        return min(waits, default=0.0)

    def are_all_trunks_suspended(self, names: Sequence[str], now_seconds: float) -> bool:
        """Return whether none of these trunks can start a call now: each is suspended, or waits for the result of its
        test call.
        """
        return bool(names) and all(self._health[name].count_allowed_call_starts(now_seconds) == 0 for name in names)

    def choose_trunk_for_call(
        self,
        names: Sequence[str],
        used: Mapping[str, int],
        now_seconds: float,
        unsent: Mapping[str, int] = _NONE,
        *,
        called: CalledVoter | None = None,
        reports_end: bool = True,
        on_request: bool = False,
    ) -> tuple[TrunkLimits, str] | None:
        """Return the first of these trunks on which a call can start, and the caller ID to show, or None.

        Caller IDs that may be shown to `called` are used in turn. `reports_end` is False if nobody will report that the
        call rings or ends; such a call does not test the trunk. `on_request` is True if an agent asked for the call: it
        only needs a free channel, and may wait for the CPS limit.
        """
        for name in names:
            startable = (
                self.count_free_channels((name,), used, now_seconds)
                if on_request
                else self._count_allowed_starts_of_trunk(name, used, now_seconds, unsent)
            )
            if startable < 1:
                continue
            trunk = self._limits[name]
            self._starts[name].grant_call_start_now(now_seconds)
            if reports_end:
                self._health[name].record_call_start_on_trunk(now_seconds)
            else:
                self._starts[name].record_call_sent_on_trunk(now_seconds)
            shown = find_caller_ids_for_voter(trunk.caller_ids, trunk.areas, called)
            turn = self._turns[name, shown]
            self._turns[name, shown] = (turn + 1) % len(shown)
            return trunk, shown[turn]
        return None

    def update_trunk_when_call_rings(self, name: str, seconds: float, began_seconds: float, now_seconds: float) -> None:
        """Record that a call on a trunk rings, `seconds` after its Originate. A slow carrier gets fewer calls."""
        health = self._health.get(name)
        if health is not None:
            health.update_trunk_when_call_rings(seconds, began_seconds, now_seconds)
            self._starts[name].reduce_call_start_rate(health.share)

    def update_trunk_when_call_ends(
        self, name: str, failed: bool | None, began_seconds: float, now_seconds: float
    ) -> None:
        """Record the end of a call on a trunk. `failed` is the result of `has_call_failed_because_of_trunk`."""
        health = self._health.get(name)
        if health is not None:
            health.update_trunk_when_call_ends(failed, began_seconds, now_seconds)
