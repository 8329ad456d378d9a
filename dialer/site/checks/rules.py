"""Checks of the legal rules: whether the settings comply, and whether each campaign can call any voter."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from zoneinfo import ZoneInfo

from dialer.domain.finding import Finding, make_error_finding, make_ok_finding, make_warning_finding
from dialer.domain.model import CampaignState
from dialer.domain.translatable import TranslatableText, join_with_commas, translatable
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

RULES = translatable("subject-rules", "rules")
"""The subject of findings about the legal rules as a whole."""


def check_settings_against_profile(settings: Settings) -> Iterator[Finding]:
    """Check that no setting is less strict than the jurisdiction's profile, and report unconfirmed rules.

    Raises SettingError for a setting that is less strict.
    """
    profile = load_site_profile(settings)
    text = translatable(
        "profile-in-force", "profile {profile} is in force, and no setting is looser", profile=profile.name
    )
    yield make_ok_finding(RULES, text)
    unconfirmed = sum(not rule.confirmed for rule in profile.list_profile_rules().values())
    if unconfirmed:
        text = translatable(
            "rules-unconfirmed",
            "{count} rules of the profile were not confirmed against a text of the law",
            count=unconfirmed,
        )
        remedy = translatable("have-rules-confirmed", "have a lawyer confirm them (`dialer rules show`)")
        yield make_warning_finding(RULES, text, remedy)
    without = [campaign.id for campaign in settings.campaigns if not campaign.candidate]
    if profile.exports.expenditure and without:
        text = translatable(
            "no-candidate",
            "{campaigns} has no candidate, so its calls are missing in the expenditure report",
            campaigns=", ".join(without),
        )
        yield make_warning_finding(RULES, text, translatable("set-candidate", "set `campaigns.candidate`"))


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
        subject = translatable("subject-register", "register {register}", register=register.name)
        most = profile.registers.maximum_age_days
        if age <= most:
            text = translatable(
                "register-age",
                "{numbers:,} numbers, dated {date}, {days} days old",
                numbers=register.numbers,
                date=date,
                days=round(age),
            )
            yield make_ok_finding(subject, text)
        else:
            text = translatable(
                "register-outdated",
                "{numbers:,} numbers, dated {date}, {days} days old, at most {most:g}",
                numbers=register.numbers,
                date=date,
                days=round(age),
                most=most,
            )
            remedy = translatable("import-newest-register", "import its newest issue")
            yield make_error_finding(subject, text, remedy)
    certificates = CertificatesOnDisk(settings, profile, now)
    areas = _list_polling_areas(settings, gate, db)
    states = {} if db is None else campaigns.read_campaign_states(db)
    for campaign in settings.campaigns:
        rules = build_campaign_rules(campaign, settings, certificates.find_prompt_certificates_of_campaign(campaign))
        subject = _describe_campaign_and_voice(campaign, rules)
        certified = [
            translatable("certified-without-end", "{language} until further notice", language=language)
            if each.last_day is None
            else translatable(
                "certified-until", "{language} until {day}", language=language, day=each.last_day.isoformat()
            )
            for language, each in rules.certified.items()
            if each.problem is None
        ]
        if certified:
            text = translatable(
                "prompts-certified",
                "all its prompts are certified in {languages}; voters of other languages are not called",
                languages=join_with_commas(certified),
            )
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
        yield make_warning_finding(
            translatable("subject-polling-areas", "polling areas"),
            translatable("close-of-poll-not-checked", "the close of poll was not checked, because there is no store"),
        )
    else:
        yield from _check_close_of_poll_is_known(settings, gate, db)


def _describe_campaign_and_voice(campaign: Campaign, rules: CampaignRules) -> TranslatableText:
    if rules.plays_recorded_voice:
        return translatable(
            "subject-campaign-recorded",
            "campaign {campaign} ({purpose}, recorded)",
            campaign=campaign.id,
            purpose=campaign.purpose.value,
        )
    return translatable(
        "subject-campaign-live",
        "campaign {campaign} ({purpose}, live)",
        campaign=campaign.id,
        purpose=campaign.purpose.value,
    )


def _check_consents(subject: str, gate: Gate, rules: CampaignRules, db: Connection) -> Iterator[Finding]:
    """Check that phone numbers on the electoral roll have consent, if the campaign's calls need it."""
    if not gate.rules.does_campaign_need_consent(rules):
        return
    given, numbers = consents.count_numbers_with_consent(db)
    text = translatable(
        "consents-recorded",
        "its calls need consent, which is recorded for {given:,} of {numbers:,} numbers",
        given=given,
        numbers=numbers,
    )
    if numbers and not given:
        remedy = translatable("import-consents", "import the consents (`dialer consent import`)")
        yield make_error_finding(subject, text, remedy)
    elif given < numbers:
        yield make_warning_finding(subject, text, translatable("others-not-called", "the others are not called"))


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
        text = translatable(
            "campaign-must-be-resumed", "the campaign is {state}: an operator must resume it", state=state.value
        )
        return make_warning_finding(subject, text)
    if first.at > now:
        text = translatable(
            "may-call-later",
            "{reason}; next: {time}",
            reason=first.why,
            time=format_weekday_and_time(first.at, zone),
        )
        return make_ok_finding(subject, text)
    hours = ", ".join(format_periods_of_day((each.start, each.until) for each in campaign.hours))
    text = translatable("may-call-now", "may call now; calling hours {hours} ({zone})", hours=hours, zone=zone.key)
    return make_ok_finding(subject, text)


def _describe_hours_shortened_by_profile(campaign: Campaign, gate: Gate, now: float) -> TranslatableText | None:
    """Return a text that says how the jurisdiction's profile (legal rules) shortens the campaign's calling hours, or
    None if it does not.
    """
    own = merge_adjoining_periods([(each.start, each.until) for each in campaign.hours])
    profile = gate.rules.hours
    days = [("weekdays", profile.weekday), ("Saturdays", profile.saturday), ("Sundays", profile.sunday)]
    if profile.holidays:
        days.append(("holidays", profile.holiday))
    left = {day: intersect_periods_of_day(own, merge_adjoining_periods(allowed)) for day, allowed in days}
    if all(each == own for each in left.values()):
        return None
    hours, name = ", ".join(format_periods_of_day(own)), gate.rules.profile.name
    if _may_number_be_in_other_zone(gate, now):
        allowed = format_periods_of_each_day({day: merge_adjoining_periods(each) for day, each in days})
        return translatable(
            "hours-limited-in-time-zone-of-number",
            "calling hours {hours} are limited by the profile {profile} to {allowed} in the number's time zone",
            hours=hours,
            profile=name,
            allowed=allowed,
        )
    return translatable(
        "hours-limited",
        "calling hours {hours} are limited by the profile {profile} to {allowed}",
        hours=hours,
        profile=name,
        allowed=format_periods_of_each_day(left),
    )


def _may_number_be_in_other_zone(gate: Gate, now: float) -> bool:
    """Return whether a called number may be in another time zone than the centre."""
    moment = datetime.fromtimestamp(now, gate.rules.centre_zone)
    return any(moment.astimezone(zone).utcoffset() != moment.utcoffset() for zone in gate.rules.list_all_time_zones())


def _check_close_of_poll_is_known(settings: Settings, gate: Gate, db: Connection) -> Iterator[Finding]:
    """Check that the close of poll is known in every area, if the silence interval before it applies to a campaign."""
    subject = translatable("subject-silence-interval", "silence interval")
    campaigns = [
        each.id
        for each in settings.campaigns
        if gate.rules.forbids_calls_in_silence_interval(build_campaign_rules(each, settings))
    ]
    booths = list(voters.read_booths(db).values())
    if not campaigns:
        text = translatable(
            "no-silence-interval",
            "the silence interval applies to no campaign; {count} polling areas",
            count=len(booths),
        )
        yield make_ok_finding(subject, text)
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
        text = translatable(
            "constituencies-without-polling-day",
            "constituencies {constituencies} have no polling day, so {campaigns} cannot call there",
            constituencies=named,
            campaigns=names,
        )
        yield make_error_finding(subject, text, translatable("add-polls", "add `[[rules.polls]]`"))
    if without_hour:
        text = translatable(
            "areas-without-close-of-poll",
            "{count} polling areas have no close of poll, so {campaigns} cannot call there",
            count=len(without_hour),
            campaigns=names,
        )
        remedy = translatable("import-close-times", "import the roll with close times, or set `rules.polls.closes_at`")
        yield make_error_finding(subject, text, remedy)
    if not without_poll and not without_hour:
        text = translatable(
            "close-of-poll-known", "the close of poll is known for all {count} polling areas", count=len(booths)
        )
        yield make_ok_finding(subject, text)
