"""The plan of a site's polling days, from its settings."""

from __future__ import annotations

from dialer.domain.model import Booth
from dialer.polling_day.plan import BoothPoll, ExpectedTurnout, PollingPlan
from dialer.polling_day.priorities import FactorWeights
from dialer.rules.polls import Area, PollingDay, find_close_of_poll, find_polling_day
from dialer.settings.site import Settings


def make_polling_day_plan_from_settings(settings: Settings, polls: tuple[PollingDay, ...]) -> PollingPlan:
    """Return the order and hours of calls on a site's polling days.

    `polls` are the polling days in the site's rules.
    """
    chosen = settings.polling_day
    weights = chosen.priority

    def find_polling_day_of_booth(booth: Booth) -> BoothPoll | None:
        known = find_polling_day(polls, booth.constituency_number)
        if known is None:
            return None
        close = find_close_of_poll(polls, Area(booth.constituency_number, booth.closes_at))
        return BoothPoll(known.day, known.zone, close if isinstance(close, float) else None)

    return PollingPlan(
        poll_of=find_polling_day_of_booth,
        expected_turnout=ExpectedTurnout(
            chosen.opens, tuple((point.at, point.voted) for point in chosen.expected_turnout)
        ),
        weights=FactorWeights(weights.not_voted, weights.deficit, weights.time, weights.voter),
        last_call_seconds=chosen.last_call_minutes * 60.0,
    )
