"""Re-implemented pacing rules of other diallers: OMniDialer, Issabel, calls per idle seat, an Erlang C rate."""

from __future__ import annotations

import math
from collections import deque

from dialer.pacing.port import Pacer, PacingEvent, PacingEventKind, PacingSnapshot, SeatStage


def allowed(calls: float, snapshot: PacingSnapshot) -> int:
    """Return `calls` rounded down, within the free channels and the CPS budget."""
    return min(max(0, int(calls)), snapshot.free_channels, snapshot.cps_budget)


class CallsPerIdleSeat(Pacer):
    """Keeps `ratio` calls in flight per available seat; 1 is progressive. ThruTalk's throttle, WombatDialer's boost factor."""

    def __init__(self, ratio: float) -> None:
        super().__init__()
        self._ratio = ratio

    def count_calls_to_place(self, snapshot: PacingSnapshot) -> int:
        """Return floor(ratio x available seats) minus the calls in flight."""
        out = len(snapshot.ringing) + len(snapshot.waiting_seconds)
        return allowed(math.floor(self._ratio * snapshot.free_seats + 1e-9) - out, snapshot)


class OmniDialerPacer(Pacer):
    """OMniDialer's rule, evaluated once a second: Freetech-Solutions/omnidialer, predictive_pacer.py of mid-2026, with defaults.

    Its drop rate is a moving average over connects with weight 0.1, so a single abandoned call counts as 10 %.
    """

    def __init__(self, boost: float = 1.0, drop_limit: float = 0.03, warm_up_calls: int = 50) -> None:
        """Take OMniDialer's settings; `boost` is initial_boost_factor (0.1 to 5)."""
        super().__init__()
        self._boost = min(max(boost, 0.1), 5.0)
        self._drop_limit = drop_limit
        self._warm_up_calls = warm_up_calls
        self._hit_rate = 1.0
        self._drop_rate = 0.0
        self._handled = 0
        self._work_mean = 0.0
        self._works = 0
        self._ring_mean = 15.0
        self._rings = 0
        self._latched = False
        self._over = 0

    def learn_from_pacing_event(self, event: PacingEvent) -> None:
        """Update the moving averages of hits and drops, and the means of ring and work time."""
        match event.kind:
            case PacingEventKind.ANSWERED | PacingEventKind.FAILED:
                hit = event.kind is PacingEventKind.ANSWERED
                self._hit_rate += 0.1 * (float(hit) - self._hit_rate)
                if hit:
                    self._drop_rate -= 0.1 * self._drop_rate
                    self._handled += 1
                    self._rings += 1
                    self._ring_mean += (event.seconds - self._ring_mean) / self._rings
            case PacingEventKind.ABANDONED:
                self._drop_rate += 0.1
                self._handled -= 1
            case PacingEventKind.TALK_ENDED:
                self._works += 1
                self._work_mean += (event.seconds - self._work_mean) / self._works
            case _:
                pass

    def _gamma(self) -> float:
        """Return the aggressiveness; 0.0 means that the policy is latched to progressive."""
        limit, drop = self._drop_limit, self._drop_rate
        if self._latched and drop < 0.8 * limit:
            self._latched, self._over = False, 0
        if self._latched:
            return 0.0
        if drop < limit:
            self._over = 0
            slope = max(0.0, (drop - 0.5 * limit) / (0.5 * limit))
            return self._boost + (0.2 - self._boost) * slope
        self._over += 1
        self._latched = self._over > 5
        return 0.0 if self._latched else 0.2

    def count_calls_to_place(self, snapshot: PacingSnapshot) -> int:
        """Return (free + expected free - expected answers) / hit rate x aggressiveness; progressive in warm-up or when latched."""
        free, out = snapshot.free_seats, len(snapshot.ringing)
        gamma = self._gamma()
        if self._handled < self._warm_up_calls or gamma == 0.0:
            boost = self._boost if gamma else 1.0
            return allowed(math.ceil(free * boost) - out - len(snapshot.waiting_seconds), snapshot)
        hit = max(0.05, self._hit_rate)
        expected = sum(
            1.0 - math.exp(-self._ring_mean / max(1.0, self._work_mean - seat.elapsed_seconds))
            for seat in snapshot.busy_seats
        )
        return allowed(math.floor((free + expected - out * hit) / hit * gamma), snapshot)


class IssabelPacer(Pacer):
    """Issabel's rule, evaluated every 5 s: callcenter dialerd of 2023, with defaults. It has no limit on abandoned calls."""

    def __init__(self, qos: float = 0.97, *, overcommit: bool = False, forced_extra: float = 0) -> None:
        """Take Issabel's settings, under their own names."""
        super().__init__()
        self._qos, self._overcommit, self._forced_extra = qos, overcommit, int(forced_extra)
        self._answers: deque[float] = deque(maxlen=1000)
        self._recent: deque[tuple[float, bool]] = deque()
        self._talk_mean = 0.0
        self._talks = 0

    def learn_from_pacing_event(self, event: PacingEvent) -> None:
        """Update talk and answer times, and the answer-seizure ratio of the last half hour."""
        match event.kind:
            case PacingEventKind.ANSWERED:
                self._answers.append(event.seconds)
                self._recent.append((event.at_seconds, True))
            case PacingEventKind.FAILED:
                self._recent.append((event.at_seconds, False))
            case PacingEventKind.TALK_ENDED:
                self._talks += 1
                self._talk_mean += (event.seconds - self._talk_mean) / self._talks
            case _:
                pass

    def count_calls_to_place(self, snapshot: PacingSnapshot) -> int:
        """Return available seats plus those expected to become available, minus callers waiting and calls in flight."""
        while self._recent and self._recent[0][0] < snapshot.now_seconds - 1800.0:
            self._recent.popleft()
        soon = 0
        if self._talks >= 10 and self._answers:
            answer = sum(self._answers) / len(self._answers)
            for seat in snapshot.busy_seats:
                if seat.stage in (SeatStage.TALKING, SeatStage.CLOSING):
                    chance = 1.0 - math.exp(-(answer + seat.elapsed_seconds) / max(1.0, self._talk_mean))
                    soon += chance >= self._qos
        calls = max(0, snapshot.free_seats + soon - len(snapshot.waiting_seconds))
        if calls > 0:
            calls = max(0, calls + self._forced_extra - len(snapshot.ringing))
        successes = sum(answered for _, answered in self._recent)
        if self._overcommit and len(self._recent) >= 10 and successes:
            calls = math.floor(calls / max(0.20, successes / len(self._recent)) + 0.5)
        return allowed(calls, snapshot)


def erlang_wait_probability(seats: int, load: float, seconds: float, work_seconds: float) -> float:
    """Return P(wait > seconds) of M/M/N by Erlang's C formula, for an offered `load` in erlangs; 1.0 if it is at least `seats`."""
    if load >= seats:
        return 1.0
    blocked = 1.0
    for n in range(1, seats + 1):
        blocked = load * blocked / (n + load * blocked)
    waits = blocked / (1.0 - load / seats * (1.0 - blocked))
    return waits * math.exp(-(seats - load) * seconds / work_seconds)


def erlang_load(seats: int, share: float, seconds: float, work_seconds: float) -> float:
    """Return the largest load (erlangs) at which at most `share` of callers wait longer than `seconds`."""
    low, high = 0.0, float(seats)
    for _ in range(30):
        middle = 0.5 * (low + high)
        if erlang_wait_probability(seats, middle, seconds, work_seconds) <= share:
            low = middle
        else:
            high = middle
    return low


class ErlangRatePacer(Pacer):
    """Places calls at an even rate whose answers, by Erlang's C formula, are abandoned as often as the cap allows.

    The target share is corrected by feedback: its logarithm moves by `gain` x (cap - abandoned) at every answered call.
    Evaluated every 0.5 s.
    """

    def __init__(self, cap: float = 0.03, gain: float = 0.5, connect_seconds: float = 2.0) -> None:
        super().__init__()
        self._cap, self._gain, self._connect = cap, gain, connect_seconds
        self._correction = 0.0
        self._answered, self._ended = 1.0, 4.0
        self._work = 105.0
        self._credit = 0.0
        self._last: float | None = None
        self._load: tuple[int, float] | None = None
        self._load_at = -math.inf

    def learn_from_pacing_event(self, event: PacingEvent) -> None:
        """Update the answer rate (about 500 calls), the work time (about 200 calls) and the correction."""
        match event.kind:
            case PacingEventKind.ANSWERED | PacingEventKind.FAILED:
                self._ended = 0.998 * self._ended + 1.0
                answered = event.kind is PacingEventKind.ANSWERED
                self._answered = 0.998 * self._answered + answered
                self._update_correction(self._cap * answered)
            case PacingEventKind.ABANDONED:
                self._update_correction(-1.0)
            case PacingEventKind.TALK_ENDED:
                self._work += (event.seconds + 15.0 - self._work) / 200.0
            case _:
                pass

    def _update_correction(self, surprise: float) -> None:
        """Update the correction of the abandoned-call rate by `surprise`: expected minus actual abandoned calls."""
        self._correction = min(3.5, max(-4.0, self._correction + self._gain * surprise))

    def count_calls_to_place(self, snapshot: PacingSnapshot) -> int:
        """Return the whole calls that the rate has accumulated since the last decision."""
        now = snapshot.now_seconds
        seats = snapshot.free_seats + sum(not seat.leaving for seat in snapshot.busy_seats)
        if seats == 0:
            return 0
        if self._load is None or self._load[0] != seats or now - self._load_at >= 10.0:
            share = min(0.9, self._cap * math.exp(self._correction))
            self._load = (seats, erlang_load(seats, share, self._connect, self._work))
            self._load_at = now
        rate = self._load[1] / self._work / max(0.02, self._answered / self._ended)
        self._credit = min(self._credit + rate * (now - (now if self._last is None else self._last)), 10.0 + seats)
        self._last = now
        calls = allowed(self._credit, snapshot)
        self._credit -= calls
        return calls
