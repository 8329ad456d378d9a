"""Early warnings on the board: an abandoned rate near its cap, a nearly completed list, a disconnected phone. Without I/O."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from dialer.domain.alerts import Alert, AlertKind, create_alert
from dialer.domain.model import CampaignState
from dialer.domain.schema import MESSAGE
from dialer.domain.view import CampaignView, SeatState, SeatView

MIN_ANSWERS = 50  # in a window; with fewer the rate means nothing
NEAR_FACTOR = 0.8  # of the rate at which dialling stops
LOW_FACTOR = 0.05  # of the numbers of a list


@dataclass(frozen=True, slots=True)
class AbandonedWindow:
    """A campaign's answered and abandoned calls in a time window, such as the last hour, and the limit on abandoned
    calls.
    """

    __pydantic_config__ = MESSAGE

    window_seconds: float
    target: float
    """the rate to steer to (0-1)"""
    stop: float
    """the rate at which dialling stops (0-1)"""
    answers: float
    """live answers"""
    abandoned: float
    """a call that detection took for a machine counts as a part of one"""


@dataclass(frozen=True, slots=True)
class WarningList:
    """The early warnings that the supervisors' board shows now."""

    __pydantic_config__ = MESSAGE

    alerts: tuple[Alert, ...]


def find_active_warnings(
    campaigns: Mapping[str, CampaignView],
    abandoned: Mapping[str, Iterable[AbandonedWindow]],
    seats: Iterable[SeatView],
    now: float,
) -> Iterator[Alert]:
    """Yield the warnings that are active `now` (epoch seconds).

    `abandoned` maps each campaign to the time windows for which its abandoned-call rate is limited.
    """
    for name, windows in abandoned.items():
        rates = [(each.abandoned / each.answers, each.stop) for each in windows if each.answers >= MIN_ANSWERS]
        near = [(rate, stop) for rate, stop in rates if rate >= NEAR_FACTOR * stop]
        if near:
            rate, stop = max(near, key=lambda each: each[0] - each[1])
            percent, limit = round(100 * rate, 1), round(100 * stop, 1)
            yield create_alert(AlertKind.CAP_NEAR, now, campaign=name, percent=percent, limit=limit)
    for name, campaign in campaigns.items():
        total, remaining = campaign.progress.total, campaign.progress.remaining
        if campaign.state is CampaignState.RUNNING and 0 < remaining < LOW_FACTOR * total:
            yield create_alert(AlertKind.LIST_LOW, now, campaign=name, remaining=remaining)
    for seat in seats:
        if seat.state is SeatState.LOST:
            yield create_alert(AlertKind.SEAT_LOST, now, seat=seat.seat)
