"""The polling day of a site, from its settings."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from config.settings import Settings
from dialer.model import Booth
from dialer.polling_day.plan import PollingPlan
from dialer.polling_day.priorities import FactorWeights
from dialer.polling_day.turnout_curve import ExpectedCourse
from dialer.rules.silence import Area, PollingDay, close_of


def polling_plan(settings: Settings, polls: tuple[PollingDay, ...]) -> PollingPlan:
    """What the settings say of the polling day; `polls` are those of the site's rules."""
    chosen = settings.polling_day
    weights = chosen.weights

    def close(booth: Booth) -> float | None:
        known = close_of(polls, Area(booth.constituency_number, booth.closes_at))
        return known if isinstance(known, float) else None  # the gate holds back a booth whose close is not known

    return PollingPlan(
        close_of=close,
        zone=ZoneInfo(settings.centre.time_zone),
        course=ExpectedCourse(chosen.opens, tuple((point.at, point.share) for point in chosen.expected)),
        weights=FactorWeights(weights.not_voted, weights.deficit, weights.time, weights.voter),
        last_call_seconds=chosen.last_call_minutes * 60.0,
    )
