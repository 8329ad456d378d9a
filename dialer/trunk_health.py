"""Whether a trunk is fit: rested when it fails, probed with one call after that, and given fewer calls when it is slow. Pure.

A carrier that fails does not fail for ever, and one that is overloaded gets no better by being called on. So a trunk that fails
rests, each time it fails its probe twice as long, and one call finds out whether it works again. Failures of numbers are none of
a trunk: `trunk_failed` tells them apart.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from enum import StrEnum

from dialer.model import ANSWERED, Outcome
from dialer.switch.port import REDIRECTED, CallEnded, EndedBy

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


class TrunkState(StrEnum):
    """What a trunk is doing."""

    WORKING = "working"
    RESTING = "resting"  # it failed: no call before the rest is over
    PROBING = "probing"  # the rest is over: one call finds out whether it works again


@dataclass(frozen=True, slots=True)
class RestRules:
    """When a trunk is rested, and for how long."""

    failures_in_a_row: int = 5
    window_calls: int = 20
    failure_share: float = 0.5  # of the last `window_calls`
    first_rest_seconds: float = 30.0
    longest_rest_seconds: float = 600.0
    slow_ringing_seconds: float = 4.0  # from Originate to ringing: below this no carrier is slow


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

    def __init__(self, rules: RestRules, now_seconds: float) -> None:
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
