"""What is rehearsed: which day, from when to when, the load, and the faults."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from enum import StrEnum

from dialer.errors import MatdanError
from dialer.rules.calling_hours import merge_stretches, midnight
from dialer.rules.first_call import Areas, FirstCall, describe_obstacles, find_first_call, list_poll_areas
from dialer.rules.gate import Gate
from dialer.rules.rulebook import build_campaign_rules, build_rulebook
from dialer.settings.campaigns import Campaign
from dialer.settings.jurisdiction import Profile
from dialer.settings.site import Settings
from dialer.settings.site_rules import site_profile
from dialer.settings.site_time import site_zone
from dialer.settings.trunks import Carrier
from dialer.simulation.rehearsal.site import rehearsed_campaigns

# When each campaign may call anybody on a day, by the clock alone: hours, holidays, silence, close of poll, last calls.

_STEP_SECONDS = 60.0

Stretch = tuple[float, float]
"""First moment, and first moment after it, epoch seconds."""


@dataclass(frozen=True, slots=True)
class CampaignHours:
    """When a campaign may call on one day."""

    campaign_id: str
    stretches: tuple[Stretch, ...]  # to the minute, in order; empty: not on that day
    why: str = ""  # if it has no hours in the rehearsed time, the reason

    def open_seconds(self, start: float, end: float) -> float:
        """How many of the seconds from `start` to `end` the campaign may call in."""
        return sum(max(0.0, min(end, until) - max(start, since)) for since, until in self.stretches)

    def is_open_at(self, at: float) -> bool:
        """Whether the campaign may call at a moment."""
        return any(since <= at < until for since, until in self.stretches)


class SiteHours:
    """The calling hours of some campaigns of a site."""

    def __init__(
        self, settings: Settings, profile: Profile, campaigns: Iterable[Campaign], areas: Areas | None = None
    ) -> None:
        """`profile` is the site's, made stricter already; without `areas` the polls of the settings stand for the roll's."""
        of_hours = {
            "certificate": profile.certificate.model_copy(update={"needed_for": ()}),
            "registers": profile.registers.model_copy(update={"applies_to": ()}),
        }
        book = build_rulebook(profile.model_copy(update=of_hours), settings)
        self._gate = Gate(book)
        self._rules = [build_campaign_rules(campaign, settings) for campaign in campaigns]
        self._areas = areas or list_poll_areas(book.polls, settings.polling_day.last_call_minutes * 60.0)
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

    def with_reasons(self, day: Sequence[CampaignHours], start: float, end: float) -> tuple[CampaignHours, ...]:
        """Return the hours of a day, with the reason for each campaign that may not call in a part of it."""
        return tuple(
            replace(hours, why="")
            if hours.open_seconds(start, end)
            else replace(hours, why=describe_obstacles(self._gate, rules, self._areas, start, end))
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
        return find_first_call(self._gate, self._rules[number], self._areas, at)


class CannotRehearse(MatdanError):
    """The settings leave nothing to rehearse. The text says what is missing."""


class FaultKind(StrEnum):
    """What goes wrong on a rehearsed day."""

    LINK_CUT = "the manager link is cut"
    LINK_STALLED = "the manager link hangs for 20 s"
    TRUNK_DOWN = "a trunk is dead for five minutes"
    SWITCH_RESTARTED = "Asterisk restarts"
    PHONES_LOST = "a third of the phones are lost for two minutes"
    FLOWS_CUT = "calls in flows lose their server"
    SLOW_CARRIER = "the carrier takes 6 s longer for ten minutes"


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that goes wrong, `at_seconds` after the day's beginning."""

    kind: FaultKind
    at_seconds: float


@dataclass(frozen=True, slots=True)
class RehearsedDay:
    """One run of the day."""

    name: str
    starts_at: float  # epoch seconds
    ends_at: float
    load: int  # 1: the site as it is; 2: twice the seats, channels and call starts
    faults: tuple[Fault, ...] = ()
    seed: int = 1
    hours: tuple[CampaignHours, ...] = ()  # of each campaign on the whole of that day, by the clock alone

    @property
    def seconds(self) -> float:
        """How long the day is."""
        return self.ends_at - self.starts_at


def days_of(
    settings: Settings,
    today: date,
    *,
    faults: bool,
    hours: float | None,
    seed: int,
    areas: Areas | None = None,
) -> tuple[RehearsedDay, ...]:
    """The runs: the day at the site's load and at twice it, and at that again with faults.

    The day is that of the next poll in the settings; where nobody may be called on it, the first one from today on when somebody
    may; where there is none, the last poll's. It goes from the first moment at which a campaign may call to the last one
    (campaigns' and profile's hours, silence, last calls of the polling areas), or `hours` of it. `areas`: those of the site's roll.

    Raises CannotRehearse with what is missing, SettingError where the site's profile is broken.
    """
    if not settings.campaigns:
        raise CannotRehearse("the settings have no campaign to rehearse; add a [[campaigns]] table")
    if not any(trunk.carrier is Carrier.ASTERISK for trunk in settings.trunks):
        raise CannotRehearse("the settings have no trunk of Asterisk's to rehearse on; add a [[trunks]] table")
    campaigns = rehearsed_campaigns(settings)
    if not campaigns:
        raise CannotRehearse("all campaigns have Twilio's trunks alone; give one a trunk of Asterisk's to rehearse on")
    site = SiteHours(settings, site_profile(settings), campaigns, areas)
    of_campaigns = _day_of(settings, site, today)
    open_hours = merge_stretches(stretch for each in of_campaigns for stretch in each.stretches)
    start, end = open_hours[0][0], open_hours[-1][1]
    if hours is not None:
        end = min(end, start + hours * 3600.0)
    of_campaigns = site.with_reasons(of_campaigns, start, end)
    plain = RehearsedDay("the site's load", start, end, 1, (), seed, of_campaigns)
    twice = replace(plain, name="twice the load", load=2)
    spoilt = replace(twice, name="twice the load, with faults", faults=tuple(_faults(open_hours, end)))
    return (plain, twice, spoilt) if faults else (plain, twice)


def _day_of(settings: Settings, site: SiteHours, today: date) -> tuple[CampaignHours, ...]:
    """The campaigns' hours on the day that is rehearsed."""
    polls = [poll.day for poll in settings.rules.polls]
    next_poll = min((day for day in polls if day >= today), default=today)
    for day in (next_poll, site.first_day(today), max(polls, default=None)):
        found = () if day is None else site.on(day)
        if any(each.stretches for each in found):
            return found
    why = "; ".join(f"campaign {each.campaign_id}: {each.why}" for each in site.on(next_poll))
    raise CannotRehearse(f"nobody may be called on {next_poll} or on any other day ({why}); see dialer rules check")


def _faults(open_hours: Sequence[Stretch], end: float) -> Iterator[Fault]:
    """Every kind once, spread over the hours in which somebody may be called, with room to recover in between."""
    stretches = [(since, min(until, end)) for since, until in open_hours if since < end]
    whole = sum(until - since for since, until in stretches)
    kinds = list(FaultKind)
    for place, kind in enumerate(kinds, 1):
        left = whole * place / (len(kinds) + 2)  # the last one too has time to pass
        for since, until in stretches:
            if left < until - since:
                yield Fault(kind, since + left - stretches[0][0])  # the day begins with the first stretch
                break
            left -= until - since
