"""The calling rules that are checked before each call, built from the legal profile and the site's settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from zoneinfo import ZoneInfo

from dialer.domain.enums import CampaignKind, Purpose
from dialer.domain.phone_facts import NO_INTERVALS, CallIntervals, Register
from dialer.rules.calling_hours import WeekHours, create_daily_calling_hours, get_midnight_of_day
from dialer.rules.number_zones import NumberZones, find_time_zones_of_number, find_time_zones_of_number_prefix
from dialer.rules.polls import PollingDay
from dialer.settings.campaigns import Campaign
from dialer.settings.jurisdiction import Profile, Zones
from dialer.settings.site import Settings
from dialer.settings.site_time import get_site_zone

HOUR_SECONDS = 3600.0
_MINUTE_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class CertificateStatus:
    """Whether all recordings that a campaign plays in one language have valid certificates (an authority's approvals)."""

    problem: str | None  # a prompt without a valid certificate, and why; None: all have one
    last_day: date | None = None  # last day on which all certificates are valid; None: unlimited
    digest: str = field(default="", compare=False)  # of the certificates and the recordings they cover


@dataclass(frozen=True, slots=True)
class CampaignRules:
    """The properties of a campaign on which the calling rules depend."""

    campaign_id: str
    purpose: Purpose
    kind: CampaignKind
    hours: WeekHours  # of the campaign, in the centre's zone
    ring_seconds: float
    certified: Mapping[str, CertificateStatus] = field(default_factory=dict)  # by language; empty: unknown
    # A named person takes responsibility for recorded turnout calls during the silence interval.
    signed_off: bool = False
    # The cap for booth workers, who expect to be called; None: the caps for voters apply.
    attempts_per_day: int | None = None

    @property
    def plays_recorded_voice(self) -> bool:
        """Return whether the campaign's calls play a recorded voice (an IVR campaign)."""
        return self.kind is CampaignKind.IVR


@dataclass(frozen=True, slots=True)
class Rulebook:
    """The calling rules of a site, which apply to all its calls."""

    profile: Profile  # already made stricter by the site
    hours: WeekHours
    centre_zone: ZoneInfo
    polls: tuple[PollingDay, ...]
    gaps: CallIntervals
    attempts_per_day: int
    own_caller_ids: frozenset[str]
    allowed_prefixes: tuple[str, ...]
    denied_prefixes: tuple[str, ...]
    registers: tuple[Register, ...] = ()

    @property
    def silence_interval_seconds(self) -> float:
        """Return the length of the silence interval before the close of poll (seconds; 0 = none)."""
        return self.profile.silence.hours_before_close * HOUR_SECONDS

    def copy_rulebook_with_registers(self, registers: tuple[Register, ...]) -> Rulebook:
        """Return a copy of the calling rules that checks numbers against these imported do-not-call registers."""
        return replace(self, registers=registers)

    def forbids_calls_in_silence_interval(self, campaign: CampaignRules) -> bool:
        """Return whether the rules forbid a campaign's calls during the silence interval."""
        if self.silence_interval_seconds <= 0:
            return False
        silence, is_permitted = self.profile.silence, campaign.signed_off and campaign.purpose is Purpose.TURNOUT
        recorded = campaign.plays_recorded_voice and campaign.purpose in silence.forbids_recorded and not is_permitted
        return recorded or campaign.purpose in silence.forbids

    def does_campaign_need_consent(self, campaign: CampaignRules) -> bool:
        """Return whether a campaign may call only numbers with recorded consent."""
        consent = self.profile.consent
        return campaign.purpose in (consent.recorded if campaign.plays_recorded_voice else consent.live)

    def get_daily_cap_on_attempts(self, campaign: CampaignRules) -> int:
        """Return the maximum number of attempts to call a number per day, over all campaigns."""
        return self.attempts_per_day if campaign.attempts_per_day is None else campaign.attempts_per_day

    def get_daily_cap_on_conversations(self, campaign: CampaignRules) -> int | None:
        """Return the maximum number of conversations with a number per day, or None for booth workers, who have no such
        limit.
        """
        return self.profile.attempts.conversations_per_day if campaign.attempts_per_day is None else None

    def get_minimum_call_intervals(self, campaign: CampaignRules) -> CallIntervals:
        """Return the minimum intervals between calls to a number. Booth workers have their own intervals."""
        return self.gaps if campaign.attempts_per_day is None else NO_INTERVALS

    def get_erasure_time(self, poll: PollingDay) -> float:
        """Return when voters' names and numbers must have been erased after a polling day (epoch seconds)."""
        return find_midnight_after_day(
            poll.day + timedelta(days=self.profile.retention.erase_after_days), self.centre_zone
        )

    @property
    def _do_calling_hours_depend_on_number(self) -> bool:
        return self.profile.calling_hours.zones is Zones.NUMBER

    def find_time_zones_of_number(self, number: str) -> NumberZones:
        """Return the time zones that count for the calling hours of a number.

        A call must be allowed in all of these time zones. If the calling hours do not depend on the number, the centre's
        time zone is the only one.
        """
        return find_time_zones_of_number(number) if self._do_calling_hours_depend_on_number else (self.centre_zone,)

    def list_all_time_zones(self) -> NumberZones:
        """Return every time zone that a number with an allowed prefix may be in."""
        if not self._do_calling_hours_depend_on_number:
            return (self.centre_zone,)
        every = {
            zone.key: zone for prefix in self.allowed_prefixes for zone in find_time_zones_of_number_prefix(prefix)
        }
        return tuple(every.values())


def get_lawful_calling_hours(profile: Profile, settings: Settings) -> WeekHours:
    """Return the calling hours that the legal profile allows, with the site's holidays."""
    hours = profile.calling_hours
    return WeekHours(hours.weekday, hours.saturday, hours.sunday, hours.holiday, frozenset(settings.rules.holidays))


def build_rulebook(profile: Profile, settings: Settings) -> Rulebook:
    """Return the calling rules of a site. `profile` already includes the site's stricter values."""
    return Rulebook(
        profile=profile,
        hours=get_lawful_calling_hours(profile, settings),
        centre_zone=get_site_zone(settings),
        polls=list_polling_days(settings),
        gaps=CallIntervals(
            profile.minimum_interval.minutes * _MINUTE_SECONDS,
            {each.id: each.other_retry_minutes * _MINUTE_SECONDS for each in settings.campaigns},
        ),
        attempts_per_day=min(profile.attempts.per_day, settings.dialling.max_attempts_per_day),
        own_caller_ids=frozenset(caller_id for trunk in settings.trunks for caller_id in trunk.caller_ids),
        allowed_prefixes=settings.dialling.allowed_prefixes,
        denied_prefixes=settings.dialling.denied_prefixes,
    )


def list_polling_days(settings: Settings) -> tuple[PollingDay, ...]:
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


def get_campaign_calling_hours(campaign: Campaign) -> WeekHours:
    """Return the calling hours in a campaign's own settings."""
    return create_daily_calling_hours((stretch.start, stretch.until) for stretch in campaign.hours)


def build_campaign_rules(
    campaign: Campaign, settings: Settings, certified: Mapping[str, CertificateStatus] | None = None
) -> CampaignRules:
    """Return the part of a campaign's settings that the calling rules read.

    `certified` says for each language whether the recordings have valid certificates. None means that no certificate
    has been checked.
    """
    return CampaignRules(
        campaign_id=campaign.id,
        purpose=campaign.purpose,
        kind=campaign.kind,
        hours=get_campaign_calling_hours(campaign),
        ring_seconds=campaign.ring_seconds,
        attempts_per_day=(
            settings.polling_day.workers.attempts_per_day if campaign.purpose is Purpose.BOOTH_WORKERS else None
        ),
        certified=certified or {},
        signed_off=any(sign_off.campaign == campaign.id for sign_off in settings.rules.sign_offs),
    )


def find_midnight_after_day(day: date, zone: ZoneInfo) -> float:
    """Return the midnight at the end of a day in a time zone (epoch seconds)."""
    return get_midnight_of_day(day + timedelta(days=1), zone)
