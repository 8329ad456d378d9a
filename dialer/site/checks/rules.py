"""Checks of the legal rules: whether the settings comply, and whether each campaign can call any voter."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from zoneinfo import ZoneInfo

from dialer.domain.finding import Finding, make_error_finding, make_ok_finding, make_warning_finding
from dialer.domain.model import CampaignState
from dialer.rules.calling_hours import (
    format_periods_of_day,
    format_periods_of_each_day,
    intersect_periods_of_day,
    merge_adjoining_periods,
)
from dialer.rules.first_call import (
    Areas,
    FirstCall,
    find_first_possible_call_time,
    list_areas_of_polling_days,
    list_polling_areas_of_roll,
)
from dialer.rules.gate import Gate, format_weekday_and_time
from dialer.rules.polls import Area, CloseUnknown, find_close_of_poll
from dialer.rules.rulebook import CampaignRules, build_campaign_rules
from dialer.settings.campaigns import Campaign
from dialer.settings.jurisdiction import Profile
from dialer.settings.site import Settings
from dialer.settings.site_rules import load_site_profile
from dialer.settings.site_time import DAY_SECONDS
from dialer.site.certificates import CertificatesOnDisk
from dialer.site.rules_in_force import copy_settings_with_supervisors_calling_hours, create_checker_of_calling_rules
from dialer.store import campaigns, consents, voters
from dialer.store.connection import Connection


def check_settings_against_profile(settings: Settings) -> Iterator[Finding]:
    """Check that no setting is less strict than the jurisdiction's profile, and report unconfirmed rules.

    Raises SettingError for a setting that is less strict.
    """
    profile = load_site_profile(settings)
    yield make_ok_finding("rules", f"profile {profile.name} is in force, and no setting is looser")
    unconfirmed = sum(not rule.confirmed for rule in profile.list_profile_rules().values())
    if unconfirmed:
        text = f"{unconfirmed} rules of the profile were not confirmed against a text of the law"
        yield make_warning_finding("rules", text, "have a lawyer confirm them (`dialer rules show`)")
    without = [campaign.id for campaign in settings.campaigns if not campaign.candidate]
    if profile.exports.expenditure and without:
        text = f"{', '.join(without)} has no candidate, so its calls are missing in the expenditure report"
        yield make_warning_finding("rules", text, "set campaigns.candidate")


def check_calling_rules(settings: Settings, profile: Profile, db: Connection | None, now: float) -> Iterator[Finding]:
    """Check registers, certificates, campaigns and polling days as they are at `now` (epoch seconds).

    `db` is the site's store, or None without one.
    """
    if db is not None:
        settings = copy_settings_with_supervisors_calling_hours(settings, db, now)
    gate = create_checker_of_calling_rules(settings, db)
    for register in gate.rules.registers:
        age = (now - register.dated) / DAY_SECONDS
        date = format_weekday_and_time(register.dated, gate.rules.centre_zone)
        text = f"{register.numbers:,} numbers, dated {date}, {age:.0f} days old"
        subject, most = f"register {register.name}", profile.registers.maximum_age_days
        yield (
            make_ok_finding(subject, text)
            if age <= most
            else make_error_finding(subject, f"{text}, at most {most:g}", "import its newest issue")
        )
    certificates = CertificatesOnDisk(settings, profile, now)
    areas = _list_polling_areas(settings, gate, db)
    states = {} if db is None else campaigns.read_campaign_states(db)
    for campaign in settings.campaigns:
        rules = build_campaign_rules(campaign, settings, certificates.find_prompt_certificates_of_campaign(campaign))
        subject = (
            f"campaign {campaign.id} ({campaign.purpose.value}, {'recorded' if rules.plays_recorded_voice else 'live'})"
        )
        certified = [
            f"{language} until {each.last_day or 'further notice'}"
            for language, each in rules.certified.items()
            if each.problem is None
        ]
        if certified:
            text = f"all its prompts are certified in {', '.join(certified)}; voters of other languages are not called"
            yield make_ok_finding(subject, text)
        first = find_first_possible_call_time(gate, rules, areas, now)
        state = states.get(campaign.id, CampaignState.RUNNING)
        if db is not None:
            yield from _check_consents(subject, gate, rules, db)
        yield _report_when_campaign_may_call(subject, campaign, first, state, now, gate.rules.centre_zone)
        narrowed = _describe_hours_shortened_by_profile(campaign, gate, now)
        if narrowed is not None:
            yield make_warning_finding(subject, narrowed)
    if db is None:
        yield make_warning_finding("polling areas", "the close of poll was not checked, because there is no store")
    else:
        yield from _check_close_of_poll_is_known(settings, gate, db)


def _check_consents(subject: str, gate: Gate, rules: CampaignRules, db: Connection) -> Iterator[Finding]:
    """Check that phone numbers on the electoral roll have consent, if the campaign's calls need it."""
    if not gate.rules.does_campaign_need_consent(rules):
        return
    given, numbers = consents.count_numbers_with_consent(db)
    text = f"its calls need consent, which is recorded for {given:,} of {numbers:,} numbers"
    if numbers and not given:
        yield make_error_finding(subject, text, "import the consents (`dialer consent import`)")
    elif given < numbers:
        yield make_warning_finding(subject, text, "the others are not called")


def _list_polling_areas(settings: Settings, gate: Gate, db: Connection | None) -> Areas:
    last_call_seconds = settings.polling_day.last_call_minutes * 60.0
    booths = [] if db is None else voters.read_booths(db).values()
    return list_polling_areas_of_roll(booths, last_call_seconds) or list_areas_of_polling_days(
        gate.rules.polls, last_call_seconds
    )


def _report_when_campaign_may_call(
    subject: str, campaign: Campaign, first: FirstCall, state: CampaignState, now: float, zone: ZoneInfo
) -> Finding:
    if first.at is None:
        return make_error_finding(subject, first.why)
    if state is not CampaignState.RUNNING:
        return make_warning_finding(subject, f"the campaign is {state.value}: an operator must resume it")
    if first.at > now:
        return make_ok_finding(subject, f"{first.why}; next: {format_weekday_and_time(first.at, zone)}")
    hours = ", ".join(format_periods_of_day((each.start, each.until) for each in campaign.hours))
    return make_ok_finding(subject, f"may call now; calling hours {hours} ({zone.key})")


def _describe_hours_shortened_by_profile(campaign: Campaign, gate: Gate, now: float) -> str | None:
    """Return a text that says how the jurisdiction's profile (legal rules) shortens the campaign's calling hours, or
    None if it does not.
    """
    own = merge_adjoining_periods([(each.start, each.until) for each in campaign.hours])
    profile = gate.rules.hours
    days = [("on weekdays", profile.weekday), ("on Saturdays", profile.saturday), ("on Sundays", profile.sunday)]
    if profile.holidays:
        days.append(("on holidays", profile.holiday))
    left = {day: intersect_periods_of_day(own, merge_adjoining_periods(allowed)) for day, allowed in days}
    if all(each == own for each in left.values()):
        return None
    hours = ", ".join(format_periods_of_day(own))
    head = f"calling hours {hours} are limited by the profile {gate.rules.profile.name} to"
    if _may_number_be_in_other_zone(gate, now):
        allowed = format_periods_of_each_day({day: merge_adjoining_periods(hours) for day, hours in days})
        return f"{head} {allowed} in the number's time zone"
    return f"{head} {format_periods_of_each_day(left)}"


def _may_number_be_in_other_zone(gate: Gate, now: float) -> bool:
    """Return whether a called number may be in another time zone than the centre."""
    moment = datetime.fromtimestamp(now, gate.rules.centre_zone)
    return any(moment.astimezone(zone).utcoffset() != moment.utcoffset() for zone in gate.rules.list_all_time_zones())


def _check_close_of_poll_is_known(settings: Settings, gate: Gate, db: Connection) -> Iterator[Finding]:
    """Check that the close of poll is known in every area, if the silence interval before it applies to a campaign."""
    subject = "silence interval"
    campaigns = [
        each.id
        for each in settings.campaigns
        if gate.rules.forbids_calls_in_silence_interval(build_campaign_rules(each, settings))
    ]
    booths = list(voters.read_booths(db).values())
    if not campaigns:
        yield make_ok_finding(subject, f"the silence interval applies to no campaign; {len(booths)} polling areas")
        return
    closes = {
        booth.booth_id: find_close_of_poll(gate.rules.polls, Area(booth.constituency_number, booth.closes_at))
        for booth in booths
    }
    without_poll = [booth for booth in booths if closes[booth.booth_id] is CloseUnknown.POLL]
    without_hour = [booth for booth in booths if closes[booth.booth_id] is CloseUnknown.HOUR]
    names = ", ".join(campaigns)
    if without_poll:
        constituencies = sorted({booth.constituency_number for booth in without_poll})
        named = ", ".join(map(str, constituencies[:10])) + (" ..." if len(constituencies) > 10 else "")
        text = f"constituencies {named} have no polling day, so {names} cannot call there"
        yield make_error_finding(subject, text, "add [[rules.polls]]")
    if without_hour:
        text = f"{len(without_hour)} polling areas have no close of poll, so {names} cannot call there"
        yield make_error_finding(subject, text, "import the roll with close times, or set rules.polls.closes_at")
    if not without_poll and not without_hour:
        yield make_ok_finding(subject, f"the close of poll is known for all {len(booths)} polling areas")
