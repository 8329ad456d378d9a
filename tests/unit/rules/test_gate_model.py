"""The gate gives the same reasons as a second, simple implementation of the rules, for any voter, place, time and profile."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from dialer.domain.phone_facts import Consent, PhoneFacts, Register
from dialer.rules.gate import Case, Reason
from dialer.rules.number_zones import find_time_zones_of_number
from dialer.rules.polls import Area
from dialer.rules.rulebook import CertificateStatus
from dialer.settings.jurisdiction import Profile
from dialer.settings.site import Settings
from dialer.settings.site_rules import load_site_profile
from tests.support.rules import campaign_rules, make_case, make_gate, site

HOUR, DAY = 3600.0, 86_400.0
# Days on which clocks change in one of the zones below, Lord Howe's by half an hour, and common ones.
DAYS = [date(2024, 3, 10), date(2024, 3, 31), date(2024, 4, 7), date(2024, 10, 6), date(2024, 11, 3), date(2024, 6, 4)]
ZONES = ["Asia/Kolkata", "Europe/London", "America/St_Johns", "Australia/Lord_Howe", "America/Santiago"]
NUMBERS = ["+919812345678", "+447700900123", "+17095550123", "+61491570006", "+56221234567", "+18005550123"]
CLOSES = ["15:00", "17:00", "18:00", "05:00", ""]


def find_close_of_poll(settings: Settings, area: Area | None) -> float | None:
    """Return the close of poll in an area, or None if it is unknown. Constituency 9 has no poll."""
    poll = settings.rules.polls[0]
    if area is None or area.constituency_number not in poll.constituencies:
        return None
    hour = poll.closes_at or (time.fromisoformat(area.closes_at) if area.closes_at else None)
    if hour is None or hour <= time(7):
        return None
    zone = ZoneInfo(poll.time_zone or settings.centre.time_zone)
    return datetime.combine(poll.day, hour, zone).astimezone(UTC).timestamp()


def is_in_calling_hours(profile: Profile, settings: Settings, zone: ZoneInfo, at: float) -> bool:
    local = datetime.fromtimestamp(at, zone)
    kind = "weekday" if local.weekday() < 5 else "saturday" if local.weekday() == 5 else "sunday"
    kind = "holiday" if local.date() in settings.rules.holidays else kind
    return any(start <= local.time() < until for start, until in getattr(profile.calling_hours, kind))


def find_expected_reasons(settings: Settings, case: Case, register: Register, now: float) -> set[Reason]:
    """Return every reason against the call, rule by rule."""
    profile, campaign = load_site_profile(settings), settings.campaigns[0]
    facts, recorded, purpose = case.facts, campaign.kind.value == "ivr", campaign.purpose.value
    assert facts is not None
    found: set[Reason] = set()
    if facts.opted_out:
        found.add(Reason.OPTED_OUT)
    if purpose in profile.registers.applies_to:
        if facts.registers:
            found.add(Reason.REGISTER)
        if set(profile.registers.names) - {register.name}:
            found.add(Reason.NO_REGISTER)
        if now - register.dated > profile.registers.maximum_age_days * DAY:
            found.add(Reason.OLD_REGISTER)
    needed = profile.consent.recorded if recorded else profile.consent.live
    if facts.consent is Consent.WITHDRAWN:
        found.add(Reason.CONSENT_WITHDRAWN)
    elif purpose in needed and facts.consent is not Consent.GIVEN:
        found.add(Reason.NO_CONSENT)
    if recorded and purpose in profile.certificate.needed_for:
        certified = case.campaign.certified[case.language]
        today = datetime.fromtimestamp(now, ZoneInfo(settings.centre.time_zone)).date()
        if certified.problem is not None or (certified.last_day is not None and today > certified.last_day):
            found.add(Reason.CERTIFICATE)
    found |= find_reasons_by_poll(settings, profile, case, purpose, recorded, now)
    return found | find_reasons_by_clock_and_count(settings, profile, case, facts, now)


def find_reasons_by_clock_and_count(
    settings: Settings, profile: Profile, case: Case, facts: PhoneFacts, now: float
) -> set[Reason]:
    found: set[Reason] = set()
    campaign = settings.campaigns[0]
    zones = find_time_zones_of_number(case.number)
    if not all(
        is_in_calling_hours(profile, settings, zone, at) for zone in zones for at in (now, now + campaign.ring_seconds)
    ):
        found.add(Reason.HOURS)
    local = datetime.fromtimestamp(now, ZoneInfo(settings.centre.time_zone)).time()
    if not time(9) <= local < time(21):
        found.add(Reason.CAMPAIGN_HOURS)
    if facts.abandoned_at is not None and now < facts.abandoned_at + profile.redial_lock.hours * HOUR:
        found.add(Reason.REDIAL_LOCK)
    if facts.attempts_today >= profile.attempts.per_day:
        found.add(Reason.ATTEMPTS)
    if facts.conversations_today >= profile.attempts.conversations_per_day:
        found.add(Reason.CONVERSATIONS)
    return found


def find_reasons_by_poll(
    settings: Settings, profile: Profile, case: Case, purpose: str, recorded: bool, now: float
) -> set[Reason]:
    found: set[Reason] = set()
    poll = settings.rules.polls[0]
    known = case.area is not None and case.area.constituency_number in poll.constituencies
    close, silence = find_close_of_poll(settings, case.area), profile.silence
    if close is not None and purpose == "turnout" and now >= close:
        found.add(Reason.POLL_OVER)
    last_day = poll.day + timedelta(days=profile.retention.erase_after_days)
    if known and datetime.fromtimestamp(now, ZoneInfo(settings.centre.time_zone)).date() > last_day:
        found.add(Reason.RETENTION)
    signed = any(each.campaign == "calls" for each in settings.rules.sign_offs) and purpose == "turnout"
    silenced = purpose in silence.forbids or (recorded and purpose in silence.forbids_recorded and not signed)
    if silenced and silence.hours_before_close > 0:
        if close is None:
            found.add(Reason.NO_CLOSE if known else Reason.NO_POLL)
        elif close - silence.hours_before_close * HOUR <= now < close:
            found.add(Reason.SILENCE)
    return found


@st.composite
def draw_cases(draw: st.DrawFn) -> tuple[Settings, Case, Register, float]:
    """Draw a site, a call, a register and a time, around a polling day on which clocks may change or long after it."""
    jurisdiction = draw(st.sampled_from(["neutral", "india", "uk", "us", "canada"]))
    day, zone = draw(st.sampled_from(DAYS)), draw(st.sampled_from(ZONES))
    recorded = draw(st.booleans())
    campaign: dict[str, Any] = {"purpose": draw(st.sampled_from(["turnout", "material", "survey"]))}
    if recorded:
        campaign |= {"kind": "ivr", "flow": "turnout"}
    signed = {"permits": "recorded-turnout-in-silence", "campaign": "calls", "by": "A. Rao", "day": "2024-01-01"}
    settings = site(
        jurisdiction,
        campaign=campaign,
        centre={"time_zone": zone},
        trunks=[],
        dialling={"allowed_prefixes": ["+1", "+4", "+5", "+6", "+9"]},
        rules={
            "polls": [{"day": day, "constituencies": [1, 2], "time_zone": draw(st.sampled_from([None, *ZONES]))}],
            "holidays": draw(st.lists(st.just(day), max_size=1)),
            "sign_offs": [signed] if jurisdiction == "india" and recorded and draw(st.booleans()) else [],
        },
    )
    noon = datetime.combine(day, time(12), ZoneInfo(zone)).astimezone(UTC).timestamp()
    offset = draw(st.integers(-int(4 * DAY), int(2 * DAY)) | st.integers(int(40 * DAY), int(100 * DAY)))
    now = noon + offset
    facts = PhoneFacts(
        attempts_today=draw(st.integers(0, 4)),
        conversations_today=draw(st.integers(0, 3)),
        abandoned_at=draw(st.none() | st.sampled_from([now - 71 * HOUR, now - 72 * HOUR, now - 73 * HOUR])),
        registers=draw(st.sampled_from([(), ("ncpr",)])),
        consent=draw(st.sampled_from(list(Consent))),
        opted_out=draw(st.booleans()),
    )
    certified = CertificateStatus(draw(st.none() | st.just("has none")), draw(st.none() | st.just(day)))
    area = draw(st.none() | st.builds(Area, st.sampled_from([1, 2, 9]), st.sampled_from(CLOSES)))
    case = replace(
        make_case(settings, campaign=campaign_rules(settings, {"hi": certified})),
        number=draw(st.sampled_from(NUMBERS)),
        area=area,
        facts=facts,
        caller_id=None,
    )
    register = Register(
        draw(st.sampled_from(["ncpr", "tps", "own"])), now - draw(st.sampled_from([1, 20, 40])) * DAY, 1
    )
    return settings, case, register, now


@hypothesis_settings(deadline=None, derandomize=True, max_examples=400)
@given(draw_cases())
def test_rule_check_and_an_independent_model_forbid_the_same_calls(
    drawn: tuple[Settings, Case, Register, float],
) -> None:
    settings, case, register, now = drawn
    ruling = make_gate(settings, register).check_rules_before_originate(case, now)
    assert {objection.reason for objection in ruling.objections} == find_expected_reasons(settings, case, register, now)
    assert ruling.is_call_allowed == (not ruling.objections)
    for objection in ruling.objections:
        assert objection.until is None or objection.until > now
