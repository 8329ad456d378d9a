"""The rules as the gate reads them: the profile and the site's settings, resolved. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from zoneinfo import ZoneInfo

from dialer.domain.enums import CampaignKind, Purpose
from dialer.domain.phone_facts import NO_GAPS, CallGaps, Register
from dialer.rules.calling_hours import WeekHours, every_day, midnight
from dialer.rules.number_zones import NumberZones, zones_below, zones_of
from dialer.rules.polls import PollingDay
from dialer.settings.campaigns import Campaign
from dialer.settings.jurisdiction import Profile, Zones
from dialer.settings.site import Settings
from dialer.settings.site_time import site_zone

HOUR_SECONDS = 3600.0
_MINUTE_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Certified:
    """What the catalogue's certificates say about everything that a campaign plays in one language."""

    problem: str | None  # which prompt has no valid certificate, and why; None: all have one
    last_day: date | None = None  # the first last day of validity; None: there is none
    digest: str = field(default="", compare=False)  # of the certificates and what they cover


@dataclass(frozen=True, slots=True)
class CampaignRules:
    """What the rules have to know about a campaign."""

    campaign_id: str
    purpose: Purpose
    kind: CampaignKind
    hours: WeekHours  # of the campaign, in the centre's zone
    ring_seconds: float
    certified: Mapping[str, Certified] = field(default_factory=dict)  # by language; empty: unknown
    signed_off: bool = (
        False  # a named person takes responsibility for recorded turnout calls during the silence interval
    )
    # Of booth workers, who expect the calls; None: the caps of voters' numbers apply.
    attempts_per_day: int | None = None

    @property
    def recorded(self) -> bool:
        """Return whether a recorded voice speaks."""
        return self.kind is CampaignKind.IVR


@dataclass(frozen=True, slots=True)
class Rulebook:
    """The rules that are the same for all calls of a site."""

    profile: Profile  # already made stricter by the site
    hours: WeekHours
    centre_zone: ZoneInfo
    polls: tuple[PollingDay, ...]
    gaps: CallGaps
    attempts_per_day: int
    own_caller_ids: frozenset[str]
    allowed_prefixes: tuple[str, ...]
    denied_prefixes: tuple[str, ...]
    registers: tuple[Register, ...] = ()

    @property
    def silence_seconds(self) -> float:
        """Return how long before the close of poll the silence interval begins (seconds); 0: there is none."""
        return self.profile.silence.hours_before_close * HOUR_SECONDS

    def with_registers(self, registers: tuple[Register, ...]) -> Rulebook:
        """Return the same rules with imported registers."""
        return replace(self, registers=registers)

    def silences(self, campaign: CampaignRules) -> bool:
        """Return whether a campaign may not call during the silence interval."""
        if self.silence_seconds <= 0:
            return False
        silence, answered_for = self.profile.silence, campaign.signed_off and campaign.purpose is Purpose.TURNOUT
        recorded = campaign.recorded and campaign.purpose in silence.forbids_recorded and not answered_for
        return recorded or campaign.purpose in silence.forbids

    def attempts_cap(self, campaign: CampaignRules) -> int:
        """Return the cap on a number's attempts a day, in all campaigns."""
        return self.attempts_per_day if campaign.attempts_per_day is None else campaign.attempts_per_day

    def conversations_cap(self, campaign: CampaignRules) -> int | None:
        """Return the cap on a number's conversations a day; None: no cap, as for booth workers."""
        return self.profile.attempts.conversations_per_day if campaign.attempts_per_day is None else None

    def gaps_of(self, campaign: CampaignRules) -> CallGaps:
        """Return the minimum intervals between calls to a number; booth workers have their own."""
        return self.gaps if campaign.attempts_per_day is None else NO_GAPS

    def erased_by(self, poll: PollingDay) -> float:
        """Return when the names and numbers of a poll must be erased (epoch seconds)."""
        return day_after(poll.day + timedelta(days=self.profile.retention.erase_after_days), self.centre_zone)

    @property
    def _by_number(self) -> bool:
        return self.profile.calling_hours.zones is Zones.NUMBER

    def zones(self, number: str) -> NumberZones:
        """Return the zones in which a number's calling hours apply; empty: unknown."""
        return zones_of(number) if self._by_number else (self.centre_zone,)

    def zones_of_all(self) -> NumberZones:
        """Return the zones of every number that may be dialled."""
        if not self._by_number:
            return (self.centre_zone,)
        every = {zone.key: zone for prefix in self.allowed_prefixes for zone in zones_below(prefix)}
        return tuple(every.values())


def lawful_hours(profile: Profile, settings: Settings) -> WeekHours:
    """Return the hours in which the profile allows calls at all."""
    hours = profile.calling_hours
    return WeekHours(hours.weekday, hours.saturday, hours.sunday, hours.holiday, frozenset(settings.rules.holidays))


def rulebook_of(profile: Profile, settings: Settings) -> Rulebook:
    """Return the rules of a site. `profile` has been made stricter by the site already."""
    return Rulebook(
        profile=profile,
        hours=lawful_hours(profile, settings),
        centre_zone=site_zone(settings),
        polls=polls_of(settings),
        gaps=CallGaps(
            profile.minimum_interval.minutes * _MINUTE_SECONDS,
            {each.id: each.other_retry_minutes * _MINUTE_SECONDS for each in settings.campaigns},
        ),
        attempts_per_day=min(profile.attempts.per_day, settings.dialling.max_attempts_per_day),
        own_caller_ids=frozenset(caller_id for trunk in settings.trunks for caller_id in trunk.caller_ids),
        allowed_prefixes=settings.dialling.allowed_prefixes,
        denied_prefixes=settings.dialling.denied_prefixes,
    )


def polls_of(settings: Settings) -> tuple[PollingDay, ...]:
    """Return the polling days of the settings."""
    centre_zone = settings.centre.time_zone
    return tuple(
        PollingDay(
            poll.day,
            ZoneInfo(poll.time_zone or centre_zone),
            poll.closes_at,
            frozenset(poll.constituencies),
            settings.polling_day.opens,
        )
        for poll in settings.rules.polls
    )


def hours_of(campaign: Campaign) -> WeekHours:
    """Return a campaign's own calling hours."""
    return every_day((stretch.start, stretch.until) for stretch in campaign.hours)


def campaign_rules(
    campaign: Campaign, settings: Settings, certified: Mapping[str, Certified] | None = None
) -> CampaignRules:
    """Return what the gate has to know about a campaign. `certified`: of what it plays; None: unknown."""
    return CampaignRules(
        campaign_id=campaign.id,
        purpose=campaign.purpose,
        kind=campaign.kind,
        hours=hours_of(campaign),
        ring_seconds=campaign.ring_seconds,
        attempts_per_day=(
            settings.polling_day.workers.attempts_per_day if campaign.purpose is Purpose.BOOTH_WORKERS else None
        ),
        certified=certified or {},
        signed_off=any(sign_off.campaign == campaign.id for sign_off in settings.rules.sign_offs),
    )


def day_after(day: date, zone: ZoneInfo) -> float:
    """Return the midnight that ends a day (epoch seconds)."""
    return midnight(day + timedelta(days=1), zone)
