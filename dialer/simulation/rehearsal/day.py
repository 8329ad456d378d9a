"""The plan of a rehearsal: which day is rehearsed, its hours, its load and its faults."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from enum import StrEnum

from dialer.errors import MatdanError
from dialer.rules.calling_hours import get_midnight_of_day, merge_adjoining_periods
from dialer.rules.first_call import (
    Areas,
    FirstCall,
    describe_obstacles_to_calls,
    find_first_possible_call_time,
    list_areas_of_polling_days,
)
from dialer.rules.gate import Gate
from dialer.rules.rulebook import build_campaign_rules, build_rulebook
from dialer.settings.campaigns import Campaign
from dialer.settings.jurisdiction import Profile
from dialer.settings.site import Settings
from dialer.settings.site_rules import load_site_profile
from dialer.settings.site_time import get_site_zone
from dialer.settings.trunks import Carrier
from dialer.simulation.rehearsal.site import list_campaigns_to_rehearse

_STEP_SECONDS = 60.0

Period = tuple[float, float]
"""(start, end) in epoch seconds. The end is excluded."""


@dataclass(frozen=True, slots=True)
class CampaignHours:
    """The hours of one day in which a campaign may call, and the reason if it may not call."""

    campaign_id: str
    open_periods: tuple[Period, ...]  # in order, to the minute; empty if it may not call that day
    why: str = ""  # why it may not call in the rehearsed hours; "" if it may

    def compute_callable_seconds(self, start: float, end: float) -> float:
        """Return the seconds between `start` and `end` in which the campaign may call."""
        return sum(max(0.0, min(end, until) - max(start, since)) for since, until in self.open_periods)

    def can_campaign_call_at(self, at: float) -> bool:
        """Return whether the campaign may call at `at` (epoch seconds)."""
        return any(since <= at < until for since, until in self.open_periods)


class SiteHours:
    """The calling hours of a site's campaigns, computed from its rules and polling days."""

    def __init__(
        self, settings: Settings, profile: Profile, campaigns: Iterable[Campaign], areas: Areas | None = None
    ) -> None:
        """Prepare the rules by which a site's campaigns may call.

        `profile` includes the site's stricter rules. Without `areas` (from the electoral roll), the polls in the
        settings are used.
        """
        of_hours = {
            "certificate": profile.certificate.model_copy(update={"needed_for": ()}),
            "registers": profile.registers.model_copy(update={"applies_to": ()}),
        }
        book = build_rulebook(profile.model_copy(update=of_hours), settings)
        self._gate = Gate(book)
        self._rules = [build_campaign_rules(campaign, settings) for campaign in campaigns]
        self._areas = areas or list_areas_of_polling_days(book.polls, settings.polling_day.last_call_minutes * 60.0)
        self._zone = get_site_zone(settings)

    def compute_calling_hours_of_day(self, day: date) -> tuple[CampaignHours, ...]:
        """Return the hours in which each campaign may call on `day`, from midnight to midnight in the centre's time
        zone.
        """
        start, end = (get_midnight_of_day(each, self._zone) for each in (day, day + timedelta(days=1)))
        found = []
        for number, rules in enumerate(self._rules):
            open_periods = tuple(self._find_periods_with_calls_allowed(number, start, end))
            why = "" if open_periods else self._find_first_permitted_call(number, start).why
            found.append(CampaignHours(rules.campaign_id, open_periods, why))
        return tuple(found)

    def add_reasons_why_campaigns_cannot_call(
        self, day: Sequence[CampaignHours], start: float, end: float
    ) -> tuple[CampaignHours, ...]:
        """Return the hours in `day`, with the reason why a campaign cannot call between `start` and `end`.

        The reason (`why`) is empty for a campaign that can call.
        """
        return tuple(
            replace(hours, why="")
            if hours.compute_callable_seconds(start, end)
            else replace(hours, why=describe_obstacles_to_calls(self._gate, rules, self._areas, start, end))
            for hours, rules in zip(day, self._rules, strict=True)
        )

    def find_first_day_with_calls_allowed(self, day: date) -> date | None:
        """Return the first day, `day` or later, on which a call is allowed, or None if the rules never allow one."""
        start = get_midnight_of_day(day, self._zone)
        calls = [self._find_first_permitted_call(number, start).at for number in range(len(self._rules))]
        at = min((at for at in calls if at is not None), default=None)
        return None if at is None else datetime.fromtimestamp(at, self._zone).date()

    def _find_periods_with_calls_allowed(self, number: int, start: float, end: float) -> Iterator[Period]:
        at = start
        while at < end:
            opens = self._find_first_permitted_call(number, at).at
            if opens is None or opens >= end:
                return
            at = opens
            while at < end and self._find_first_permitted_call(number, at).at == at:
                at += _STEP_SECONDS
            yield opens, min(at, end)

    def _find_first_permitted_call(self, number: int, at: float) -> FirstCall:
        return find_first_possible_call_time(self._gate, self._rules[number], self._areas, at)


class CannotRehearse(MatdanError):
    """Raised if the settings contain nothing that can be rehearsed. The text says what is missing."""


class FaultKind(StrEnum):
    """The kinds of faults that a rehearsal injects, by the words that users see."""

    LINK_CUT = "AMI connection lost"
    LINK_STALLED = "AMI connection stalled for 20 s"
    TRUNK_DOWN = "one trunk down for 5 minutes"
    SWITCH_RESTARTED = "Asterisk restarted"
    PHONES_LOST = "a third of the phones offline for 2 minutes"
    FLOWS_CUT = "FastAGI connections lost"
    SLOW_CARRIER = "call set-up 6 s slower for 10 minutes"


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault that a rehearsal injects `at_seconds` after the start of the day."""

    kind: FaultKind
    at_seconds: float


@dataclass(frozen=True, slots=True)
class RehearsedDay:
    """One run of the rehearsed day: its hours, its load and its faults."""

    name: str
    starts_at: float  # epoch seconds
    ends_at: float
    load: int  # factor on seats, channels and calls per second; 1: the site's own
    faults: tuple[Fault, ...] = ()
    seed: int = 1
    hours: tuple[CampaignHours, ...] = ()  # of each campaign, for the whole calendar day

    @property
    def day_length_seconds(self) -> float:
        """The length of the rehearsed day (seconds)."""
        return self.ends_at - self.starts_at


def plan_rehearsed_days(
    settings: Settings,
    today: date,
    *,
    faults: bool,
    hours: float | None,
    seed: int,
    areas: Areas | None = None,
) -> tuple[RehearsedDay, ...]:
    """Return the runs of a rehearsal: one at the site's load, and one at twice the load.

    `faults` adds a third run, at twice the load and with faults. The next polling day is rehearsed. If no call is
    allowed on it, the next day with allowed calls is rehearsed, or else the last polling day. A run starts with the
    first allowed call. It ends with the last one, or after `hours` if that is earlier. `areas` are the polling areas of
    the site's roll. Raises CannotRehearse if something is missing, SettingError for an invalid profile.
    """
    if not settings.campaigns:
        raise CannotRehearse("the settings have no campaign to rehearse; add a [[campaigns]] table")
    if not any(trunk.carrier is Carrier.ASTERISK for trunk in settings.trunks):
        raise CannotRehearse("the settings have no Asterisk trunk to rehearse on; add a [[trunks]] table")
    campaigns = list_campaigns_to_rehearse(settings)
    if not campaigns:
        raise CannotRehearse("all campaigns use Twilio trunks only; give at least one campaign an Asterisk trunk")
    site = SiteHours(settings, load_site_profile(settings), campaigns, areas)
    of_campaigns = _find_day_to_rehearse(settings, site, today)
    open_hours = merge_adjoining_periods(period for each in of_campaigns for period in each.open_periods)
    start, end = open_hours[0][0], open_hours[-1][1]
    if hours is not None:
        end = min(end, start + hours * 3600.0)
    of_campaigns = site.add_reasons_why_campaigns_cannot_call(of_campaigns, start, end)
    plain = RehearsedDay("the site's load", start, end, 1, (), seed, of_campaigns)
    twice = replace(plain, name="twice the load", load=2)
    spoilt = replace(
        twice, name="twice the load, with faults", faults=tuple(_plan_faults_of_rehearsed_day(open_hours, end))
    )
    return (plain, twice, spoilt) if faults else (plain, twice)


def _find_day_to_rehearse(settings: Settings, site: SiteHours, today: date) -> tuple[CampaignHours, ...]:
    """Return the campaigns' hours on the day to rehearse. Raises CannotRehearse if no day allows a call."""
    polls = [poll.day for poll in settings.rules.polls]
    next_poll = min((day for day in polls if day >= today), default=today)
    for day in (next_poll, site.find_first_day_with_calls_allowed(today), max(polls, default=None)):
        found = () if day is None else site.compute_calling_hours_of_day(day)
        if any(each.open_periods for each in found):
            return found
    reasons = "; ".join(
        f"campaign {each.campaign_id}: {each.why}" for each in site.compute_calling_hours_of_day(next_poll)
    )
    raise CannotRehearse(f"no call is allowed on {next_poll} or on any other day ({reasons}); run `dialer rules check`")


def _plan_faults_of_rehearsed_day(open_hours: Sequence[Period], end: float) -> Iterator[Fault]:
    """Yield one fault of each kind, spread evenly over the calling hours so that the centre can recover in between."""
    open_periods = [(since, min(until, end)) for since, until in open_hours if since < end]
    whole = sum(until - since for since, until in open_periods)
    kinds = list(FaultKind)
    for place, kind in enumerate(kinds, 1):
        left = whole * place / (len(kinds) + 2)  # leaves time to recover after the last one
        for since, until in open_periods:
            if left < until - since:
                yield Fault(kind, since + left - open_periods[0][0])  # the day begins with the first period
                break
            left -= until - since
