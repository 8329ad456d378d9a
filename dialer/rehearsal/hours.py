"""When each campaign may call anybody on a day, by the clock alone: hours, holidays, silence, close of poll, last call. Pure.

What no clock changes (a certificate, a register, a pause) is left to the rehearsal itself, which tells it as it would be told on
the day.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from config.campaigns import Campaign
from config.jurisdiction import Profile
from config.settings import Settings
from dialer.rules.calling_hours import midnight
from dialer.rules.first_call import Areas, FirstCall, against, areas_of_polls, first_call
from dialer.rules.gate import Gate
from dialer.rules.rulebook import campaign_rules, rulebook_of
from dialer.site_time import site_zone

_STEP_SECONDS = 60.0

Stretch = tuple[float, float]
"""First moment, and first moment after it, epoch seconds."""


@dataclass(frozen=True, slots=True)
class CampaignHours:
    """When a campaign may call on one day."""

    campaign_id: str
    stretches: tuple[Stretch, ...]  # to the minute, in order; empty: not on that day
    why: str = ""  # where it has none in the time that is rehearsed, what stands against it then

    def open_seconds(self, start: float, end: float) -> float:
        """How many of the seconds from `start` to `end` the campaign may call in."""
        return sum(max(0.0, min(end, until) - max(start, since)) for since, until in self.stretches)

    def open_at(self, at: float) -> bool:
        """Whether the campaign may call at a moment."""
        return any(since <= at < until for since, until in self.stretches)


class SiteHours:
    """The calling hours of some campaigns of a site."""

    def __init__(
        self, settings: Settings, profile: Profile, campaigns: Iterable[Campaign], areas: Areas | None = None
    ) -> None:
        """`profile` is the site's, made stricter already; without `areas` the polls of the settings stand for the roll's."""
        book = rulebook_of(profile, settings)
        self._gate = Gate(replace(book, certificate_purposes=frozenset(), register_purposes=frozenset()))
        self._rules = [campaign_rules(campaign, settings) for campaign in campaigns]
        self._areas = areas or areas_of_polls(book.polls, settings.polling_day.last_call_minutes * 60.0)
        self._zone = site_zone(settings)

    def on(self, day: date) -> tuple[CampaignHours, ...]:
        """The hours of a day, which begins and ends at the centre's midnight."""
        start, end = (midnight(each, self._zone) for each in (day, day + timedelta(days=1)))
        found = []
        for number, rules in enumerate(self._rules):
            stretches = tuple(self._stretches(number, start, end))
            why = "" if stretches else self._first_call(number, start).why
            found.append(CampaignHours(rules.campaign_id, stretches, why))
        return tuple(found)

    def told_of(self, day: Sequence[CampaignHours], start: float, end: float) -> tuple[CampaignHours, ...]:
        """The hours of a day with what stands against each campaign that may not call in a part of it."""
        return tuple(
            replace(hours, why="")
            if hours.open_seconds(start, end)
            else replace(hours, why=against(self._gate, rules, self._areas, start, end))
            for hours, rules in zip(day, self._rules, strict=True)
        )

    def first_day(self, day: date) -> date | None:
        """The first day from `day` on when anybody may be called; None: there is none, unless something is changed."""
        start = midnight(day, self._zone)
        calls = [self._first_call(number, start).at for number in range(len(self._rules))]
        at = min((at for at in calls if at is not None), default=None)
        return None if at is None else datetime.fromtimestamp(at, self._zone).date()

    def _stretches(self, number: int, start: float, end: float) -> Iterator[Stretch]:
        at = start
        while at < end:
            opens = self._first_call(number, at).at
            if opens is None or opens >= end:
                return
            at = opens
            while at < end and self._first_call(number, at).at == at:
                at += _STEP_SECONDS
            yield opens, min(at, end)

    def _first_call(self, number: int, at: float) -> FirstCall:
        return first_call(self._gate, self._rules[number], self._areas, at)
