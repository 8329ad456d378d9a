"""The result of a simulated day: the figures by which pacing policies are compared."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

HALF_HOUR_SECONDS = 1800.0
HOUR_SECONDS = 3600.0
QUARTER_SECONDS = 900.0


@dataclass(frozen=True, slots=True)
class CentreMoment:
    """The state of the simulated centre at one moment of the day. One is logged every minute."""

    at_seconds: float
    free: int
    talking: int
    wrapping: int
    paused: int
    ringing: int
    waiting: int
    answer_rate: float  # the true answer rate, averaged over the campaigns
    free_seat_seconds: float  # since the start of the day
    busy_seat_seconds: float
    placed: int
    connected: int


@dataclass(slots=True)
class CampaignDay:
    """A campaign's live answers on a simulated day, and its figures for each quarter of an hour.

    `agent_seconds` is agents' talk and wrap-up time. `seconds_at_cap` is the time in which the abandoned-call rate was
    at its limit (cap).
    """

    answered: int = 0
    abandoned: int = 0
    agent_seconds: list[float] = field(default_factory=list)
    seconds_at_cap: list[float] = field(default_factory=list)

    def add_seconds_to_quarter_hour(self, now: float, *, agent_seconds: float, seconds_at_cap: float) -> None:
        """Add agents' working time, and time at the limit of the abandoned-call rate (cap), to a quarter of an hour.

        `now` (seconds since the start of the day) says which quarter.
        """
        quarter = int(now // QUARTER_SECONDS)
        for quarters, seconds in ((self.agent_seconds, agent_seconds), (self.seconds_at_cap, seconds_at_cap)):
            quarters.extend([0.0] * (quarter + 1 - len(quarters)))
            quarters[quarter] += seconds


@dataclass(frozen=True, slots=True)
class DayLog:
    """The log of a simulated day. `resolved` has (second, whether abandoned) for every live answer."""

    hours: float
    resolved: Sequence[tuple[float, bool]]
    moments: Sequence[CentreMoment]  # one per minute, from 0 to the end of the day
    placed: int
    cancelled: int
    dropped: int
    decision_seconds: Sequence[float]  # real time taken by each decision
    campaigns: Sequence[CampaignDay] = ()


@dataclass(frozen=True, slots=True)
class DayResult:
    """The figures of one simulated day under one pacing policy. Shares are 0-1.

    - `idle_seconds_per_call`: mean time that a seat waits between calls.
    - `utilisation`: talk and wrap-up / logged-in time without breaks.
    - `worst_sliding_hour`: highest abandoned-call rate of any full hour; 0.0 if the day is shorter.

    Voters who hang up while waiting count as live answers, but not as abandoned.
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
    moments: tuple[CentreMoment, ...] = field(repr=False)
    resolved: tuple[tuple[float, bool], ...] = field(repr=False)
    campaigns: tuple[CampaignDay, ...] = field(repr=False)


def compute_ratio_or_zero(part: float, whole: float) -> float:
    """Return `part` / `whole`, or 0.0 if `whole` is 0."""
    return part / whole if whole else 0.0


def compute_worst_abandoned_rate(resolved: Sequence[tuple[float, bool]], window_seconds: float) -> float:
    """Return the highest abandoned-call rate (0-1) in any `window_seconds` of a simulated day."""
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


def compute_abandoned_rate_by_window(
    resolved: Sequence[tuple[float, bool]], window_seconds: float, end_seconds: float
) -> tuple[float, ...]:
    """Return the abandoned-call rate (0-1) in each consecutive window of `window_seconds`, from the start of the day.

    The last window may be shorter.
    """
    shares: list[float] = []
    start = 0.0
    while start < end_seconds - 1e-9:
        low = bisect_left(resolved, (start, False))
        high = bisect_left(resolved, (start + window_seconds, False))
        shares.append(compute_ratio_or_zero(sum(abandoned for _, abandoned in resolved[low:high]), high - low))
        start += window_seconds
    return tuple(shares)


PARTS_OF_A_DAY = 8


def compute_utilisation_by_eighth_of_day(day: DayResult) -> tuple[float, ...]:
    """Return the agents' utilisation (0-1) in each eighth of a day. Return () if the day is shorter than eight minutes."""
    last = len(day.moments) - 1
    if last < PARTS_OF_A_DAY:
        return ()
    ends = [day.moments[round(part * last / PARTS_OF_A_DAY)] for part in range(PARTS_OF_A_DAY + 1)]
    areas = [
        (b.busy_seat_seconds - a.busy_seat_seconds, b.free_seat_seconds - a.free_seat_seconds)
        for a, b in pairwise(ends)
    ]
    return tuple(compute_ratio_or_zero(busy, busy + free) for busy, free in areas)


def compute_day_result(log: DayLog, scenario: str, seed: int) -> DayResult:
    """Return the figures of a simulated day, computed from its log."""
    end = log.moments[-1]
    early = next((moment for moment in log.moments if moment.at_seconds >= HALF_HOUR_SECONDS), end)
    abandoned = sum(was_abandoned for _, was_abandoned in log.resolved)
    costs = sorted(log.decision_seconds) or [0.0]
    return DayResult(
        scenario=scenario,
        seed=seed,
        hours=log.hours,
        idle_seconds_per_call=end.free_seat_seconds / max(1, end.connected),
        utilisation=compute_ratio_or_zero(end.busy_seat_seconds, end.busy_seat_seconds + end.free_seat_seconds),
        abandoned_share=compute_ratio_or_zero(abandoned, len(log.resolved)),
        hourly_abandoned_share=compute_abandoned_rate_by_window(log.resolved, HOUR_SECONDS, log.hours * HOUR_SECONDS),
        worst_sliding_hour=compute_worst_abandoned_rate(log.resolved, HOUR_SECONDS),
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
        campaigns=tuple(log.campaigns),
    )
