"""What a simulated day gave: the figures that pacing policies are compared by."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

HALF_HOUR_SECONDS = 1800.0
HOUR_SECONDS = 3600.0


@dataclass(frozen=True, slots=True)
class Moment:
    """The centre at one minute of the day."""

    at_seconds: float
    free: int
    talking: int
    wrapping: int
    paused: int
    ringing: int
    waiting: int
    answer_rate: float  # the true one, mean over the campaigns
    free_seat_seconds: float  # since the day's start
    busy_seat_seconds: float
    placed: int
    connected: int


@dataclass(frozen=True, slots=True)
class DayLog:
    """What the model wrote down. `resolved` has (second, abandoned or not) for every live answer, in order of time."""

    hours: float
    resolved: Sequence[tuple[float, bool]]
    moments: Sequence[Moment]  # each minute, the first at 0 and the last at the day's end
    placed: int
    cancelled: int
    dropped: int
    decision_seconds: Sequence[float]  # what each decision took of the machine's time


@dataclass(frozen=True, slots=True)
class DayResult:
    """One day under one policy. Shares are of live answers, between 0 and 1.

    `idle_seconds_per_call`: free-seat seconds divided by calls that reached a seat - the mean time a seat waits between
    calls. `utilisation`: talk and wrap-up over all signed-in time that is no break. `worst_sliding_hour`: the highest
    abandoned share over any full hour, looked at whenever an answer is resolved (0.0 for a day under an hour).
    Voters who hang up by themselves while they wait are live answers, but not abandoned.
    """

    scenario: str
    seed: int
    hours: float
    idle_seconds_per_call: float
    utilisation: float
    abandoned_share: float
    hourly_abandoned_share: tuple[float, ...]
    worst_sliding_hour: float
    first_half_hour_idle_seconds: float
    placed: int
    answered: int
    connected: int
    abandoned: int
    dropped: int
    cancelled: int
    decisions: int
    decision_microseconds_median: float = field(compare=False)
    moments: tuple[Moment, ...] = field(repr=False)
    resolved: tuple[tuple[float, bool], ...] = field(repr=False)


def share(part: float, whole: float) -> float:
    """`part` / `whole`, 0.0 where there is no whole."""
    return part / whole if whole else 0.0


def worst_window(resolved: Sequence[tuple[float, bool]], window_seconds: float) -> float:
    """The highest abandoned share over windows of `window_seconds` that end at a resolved answer and lie in the day."""
    worst = 0.0
    first = abandoned = 0
    for last, (now, was_abandoned) in enumerate(resolved):
        abandoned += was_abandoned
        while resolved[first][0] <= now - window_seconds:
            abandoned -= resolved[first][1]
            first += 1
        if now >= window_seconds:
            worst = max(worst, abandoned / (last - first + 1))
    return worst


def windows_abandoned(
    resolved: Sequence[tuple[float, bool]], window_seconds: float, end_seconds: float
) -> tuple[float, ...]:
    """The abandoned share of each window of the clock; the last one may be short."""
    shares: list[float] = []
    start = 0.0
    while start < end_seconds - 1e-9:
        low = bisect_left(resolved, (start, False))
        high = bisect_left(resolved, (start + window_seconds, False))
        shares.append(share(sum(abandoned for _, abandoned in resolved[low:high]), high - low))
        start += window_seconds
    return tuple(shares)


PARTS_OF_A_DAY = 8


def utilisation_by_part(day: DayResult) -> tuple[float, ...]:
    """Utilisation of each eighth of a day, to the minute; of nothing where a day has not so many minutes."""
    last = len(day.moments) - 1
    if last < PARTS_OF_A_DAY:
        return ()
    ends = [day.moments[round(part * last / PARTS_OF_A_DAY)] for part in range(PARTS_OF_A_DAY + 1)]
    areas = [
        (b.busy_seat_seconds - a.busy_seat_seconds, b.free_seat_seconds - a.free_seat_seconds)
        for a, b in pairwise(ends)
    ]
    return tuple(share(busy, busy + free) for busy, free in areas)


def measure(log: DayLog, scenario: str, seed: int) -> DayResult:
    """The day's figures."""
    end = log.moments[-1]
    early = next((moment for moment in log.moments if moment.at_seconds >= HALF_HOUR_SECONDS), end)
    abandoned = sum(was_abandoned for _, was_abandoned in log.resolved)
    costs = sorted(log.decision_seconds) or [0.0]
    return DayResult(
        scenario=scenario,
        seed=seed,
        hours=log.hours,
        idle_seconds_per_call=end.free_seat_seconds / max(1, end.connected),
        utilisation=share(end.busy_seat_seconds, end.busy_seat_seconds + end.free_seat_seconds),
        abandoned_share=share(abandoned, len(log.resolved)),
        hourly_abandoned_share=windows_abandoned(log.resolved, HOUR_SECONDS, log.hours * HOUR_SECONDS),
        worst_sliding_hour=worst_window(log.resolved, HOUR_SECONDS),
        first_half_hour_idle_seconds=early.free_seat_seconds / max(1, early.connected),
        placed=log.placed,
        answered=len(log.resolved),
        connected=end.connected,
        abandoned=abandoned,
        dropped=log.dropped,
        cancelled=log.cancelled,
        decisions=len(log.decision_seconds),
        decision_microseconds_median=1e6 * costs[len(costs) // 2],
        moments=tuple(log.moments),
        resolved=tuple(log.resolved),
    )
