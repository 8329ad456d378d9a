"""The gate: each rule, the earliest next time, and properties over time zones, clock changes and polling areas."""

from __future__ import annotations

import dataclasses
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from dialer.domain.enums import Purpose
from dialer.domain.phone_facts import Consent, PhoneFacts, Register
from dialer.rules.calling_hours import (
    WeekHours,
    create_daily_calling_hours,
    get_local_midnight_before,
    get_next_midnight,
)
from dialer.rules.gate import Objection, Reason, Ruling, _find_earliest_allowed_time
from dialer.rules.number_zones import find_time_zones_of_number, find_time_zones_of_number_prefix
from dialer.rules.polls import Area, CloseUnknown, PollingDay, find_close_of_poll
from dialer.rules.rulebook import CertificateStatus
from dialer.settings.jurisdiction import Zones
from tests.support.rules import (
    CALLER_ID,
    CERTIFIED,
    FRESH,
    KOLKATA,
    NOON,
    campaign_rules,
    make_case,
    make_gate,
    moment,
    site,
)

HOUR = 3600.0
DAY = 86_400.0
RECORDED = {"kind": "ivr", "flow": "turnout"}
MATERIAL = {"purpose": "material"}
POLL = {"polls": [{"day": "2024-04-26"}]}
ZONES = [
    ZoneInfo(name)
    for name in ("Asia/Kolkata", "Europe/London", "America/St_Johns", "Australia/Lord_Howe", "America/Santiago")
]


def list_reasons(ruling: Ruling) -> list[Reason]:
    return [objection.reason for objection in ruling.objections]


# Single rules


def test_call_that_breaks_no_rule_is_allowed() -> None:
    settings = site()
    ruling = make_gate(settings).check_rules_before_originate(make_case(settings), NOON)
    assert ruling == Ruling((), NOON)
    assert ruling.is_call_allowed
    assert str(ruling) == "allowed"


@pytest.mark.parametrize(
    ("changes", "reason", "next_at"),
    [
        ({"number": "9812345678"}, Reason.NUMBER, None),
        ({"number": "+911900123456", "caller_id": None}, Reason.NUMBER, None),
        ({"facts": None}, Reason.NOTHING_KNOWN, None),
        ({"facts": replace(FRESH, opted_out=True)}, Reason.OPTED_OUT, None),
        ({"facts": replace(FRESH, registers=("ncpr",))}, Reason.REGISTER, None),
        ({"facts": replace(FRESH, consent=Consent.WITHDRAWN)}, Reason.CONSENT_WITHDRAWN, None),
        ({"caller_id": "+911140000009"}, Reason.CALLER_ID, None),
        ({"facts": replace(FRESH, abandoned_at=NOON - 71 * HOUR)}, Reason.REDIAL_LOCK, NOON + HOUR),
        ({"facts": replace(FRESH, called_at=NOON - 60)}, Reason.MINIMUM_INTERVAL, NOON + 14 * 60),
        ({"facts": replace(FRESH, talked_at=NOON - HOUR)}, Reason.MINIMUM_INTERVAL, NOON + HOUR),
        ({"facts": replace(FRESH, attempts_today=3)}, Reason.ATTEMPTS, moment("2024-04-23T09:00")),
        ({"facts": replace(FRESH, conversations_today=2)}, Reason.CONVERSATIONS, moment("2024-04-23T09:00")),
    ],
)
def test_call_that_breaks_one_rule_is_forbidden_for_exactly_one_reason(
    changes: dict[str, Any], reason: Reason, next_at: float | None
) -> None:
    settings = site(dialling={"denied_prefixes": ["+911900"]})
    ruling = make_gate(settings).check_rules_before_originate(make_case(settings, **changes), NOON)
    assert list_reasons(ruling) == [reason]
    assert not ruling.is_call_allowed
    assert ruling.next_at == next_at


@pytest.mark.parametrize(("exception", "guaranteed"), [(True, True), (True, False), (False, True), (False, False)])
def test_number_locked_after_an_abandoned_call_may_be_called_with_a_reserved_agent(
    exception: bool, guaranteed: bool
) -> None:
    settings = site()
    gate = make_gate(settings)
    profile = gate.rules.profile
    lock = profile.redial_lock.model_copy(update={"unless_agent_guaranteed": exception})
    gate.rules = replace(gate.rules, profile=profile.model_copy(update={"redial_lock": lock}))
    case = make_case(settings, facts=replace(FRESH, abandoned_at=NOON - HOUR), guaranteed=guaranteed)
    assert gate.check_rules_before_originate(case, NOON).is_call_allowed == (exception and guaranteed)


def test_minimum_interval_after_a_conversation_is_that_of_the_strictest_campaign() -> None:
    campaigns = [{"id": each, "other_retry_minutes": minutes} for each, minutes in (("a", 30), ("b", 200), ("c", 600))]
    kind = {"kind": "agents", "candidate": "A. Candidate"}
    settings = site(campaigns=[{**kind, **each} for each in campaigns])
    facts = replace(FRESH, called_at=NOON - 60, talked_at=NOON - 60, campaigns=("a", "b"))
    ruling = make_gate(settings).check_rules_before_originate(make_case(settings, facts=facts), NOON)
    assert (list_reasons(ruling), ruling.next_at) == ([Reason.MINIMUM_INTERVAL], NOON - 60 + 200 * 60)


def test_calls_requested_by_voters_and_calls_to_booth_workers_need_no_minimum_interval() -> None:
    settings = site()
    facts = replace(FRESH, called_at=NOON - 60, talked_at=NOON - 60)
    assert (
        make_gate(settings)
        .check_rules_before_originate(make_case(settings, facts=facts, asked_for=True), NOON)
        .is_call_allowed
    )
    worker = make_case(settings, facts=facts)
    worker = replace(worker, campaign=replace(worker.campaign, attempts_per_day=20))
    assert make_gate(settings).check_rules_before_originate(worker, NOON).is_call_allowed


def test_call_with_values_exactly_at_the_legal_limits_is_allowed() -> None:
    settings = site()
    facts = PhoneFacts(attempts_today=2, conversations_today=1, abandoned_at=NOON - 72 * HOUR, consent=Consent.GIVEN)
    assert make_gate(settings).check_rules_before_originate(make_case(settings, facts=facts), NOON).is_call_allowed


@pytest.mark.parametrize("kind", ["agents", "ivr"])
def test_booth_workers_may_be_called_in_the_silence_period_within_calling_hours(kind: str) -> None:
    flow = {"flow": "booth_worker"} if kind == "ivr" else {}
    polls = [{"day": "2024-04-23", "closes_at": "18:00"}]
    settings = site("india", campaign={"kind": kind, "purpose": "booth-workers", **flow}, rules={"polls": polls})
    gate, case = make_gate(settings), make_case(settings)
    assert gate.check_rules_before_originate(case, NOON).is_call_allowed
    often = replace(FRESH, attempts_today=19, conversations_today=19)
    assert gate.check_rules_before_originate(replace(case, facts=often), NOON).is_call_allowed
    assert list_reasons(
        gate.check_rules_before_originate(replace(case, facts=replace(FRESH, attempts_today=20)), NOON)
    ) == [Reason.ATTEMPTS]
    assert list_reasons(
        gate.check_rules_before_originate(replace(case, facts=replace(FRESH, opted_out=True)), NOON)
    ) == [Reason.OPTED_OUT]
    assert Reason.HOURS in list_reasons(gate.check_rules_before_originate(case, moment("2024-04-22T23:00")))


def test_call_forbidden_by_several_rules_is_allowed_when_all_permit_it() -> None:
    settings = site(campaign={"hours": [{"start": "14:00", "until": "19:00"}]})
    facts = replace(FRESH, attempts_today=5, abandoned_at=moment("2024-04-22T10:00"))
    ruling = make_gate(settings).check_rules_before_originate(make_case(settings, facts=facts), NOON)
    assert list_reasons(ruling) == [Reason.CAMPAIGN_HOURS, Reason.REDIAL_LOCK, Reason.ATTEMPTS]
    assert ruling.next_at == moment("2024-04-25T14:00")  # three days after the abandoned call, when the campaign opens
    assert "until Thu 25 Apr 10:00" in str(ruling)
    for_good = make_gate(settings).check_rules_before_originate(
        make_case(settings, facts=replace(facts, opted_out=True)), NOON
    )
    assert for_good.next_at is None


def test_call_that_could_still_ring_after_the_calling_hours_is_not_allowed() -> None:
    settings = site()
    gate, case = make_gate(settings), make_case(settings)
    end = moment("2024-04-22T20:00")
    assert gate.check_rules_before_originate(case, end - 30.001).is_call_allowed
    late = gate.check_rules_before_originate(case, end - 29.0)
    assert list_reasons(late) == [Reason.HOURS]
    assert late.next_at == moment("2024-04-23T09:00")
    assert gate.check_rules_before_connecting_agent(case, end - 1.0).is_call_allowed
    assert not gate.check_rules_before_connecting_agent(case, end).is_call_allowed


def test_call_forbidden_shortly_before_the_calling_hours_is_allowed_when_they_start() -> None:
    settings = site()
    ruling = make_gate(settings).check_rules_before_originate(make_case(settings), moment("2024-04-22T09:00") - 10.0)
    assert Reason.HOURS in list_reasons(ruling)
    assert ruling.next_at == moment("2024-04-22T09:00")


def test_number_at_a_daily_cap_may_be_called_again_at_midnight_within_calling_hours() -> None:
    settings, always = site(), create_daily_calling_hours([(time.min, time.max)])
    gate, case = make_gate(settings), make_case(settings, facts=replace(FRESH, attempts_today=3))
    gate.rules = replace(gate.rules, hours=always)
    case, midnight = replace(case, campaign=replace(case.campaign, hours=always)), moment("2024-04-23T00:00")
    assert gate.check_rules_before_originate(case, NOON).next_at == midnight
    assert gate.find_next_time_call_is_allowed(case, NOON, midnight) == midnight


@pytest.mark.parametrize(("steps", "next_at"), [(1, 1.0), (8, 8.0), (9, None)])
def test_next_allowed_time_is_searched_for_in_at_most_eight_steps(steps: int, next_at: float | None) -> None:
    def find_objections(at: float) -> list[Objection]:
        return [Objection(Reason.HOURS, "closed", at + 1)] if at < steps else []

    assert _find_earliest_allowed_time(0.0, find_objections) == (tuple(find_objections(0.0)), next_at)


def test_calling_hours_apply_in_the_centres_time_zone_if_the_rules_profile_says_so() -> None:
    settings = site(dialling={"allowed_prefixes": ["+91", "+44"]})
    rules, london = make_gate(settings).rules, "+442071234567"
    assert [zone.key for zone in rules.find_time_zones_of_number(london)] == ["Europe/London"]
    assert {"Asia/Calcutta", "Europe/London"} <= {zone.key for zone in rules.list_all_time_zones()}
    hours = rules.profile.calling_hours.model_copy(update={"zones": Zones.CENTRE})
    rules = replace(rules, profile=rules.profile.model_copy(update={"calling_hours": hours}))
    assert rules.find_time_zones_of_number(london) == rules.list_all_time_zones() == (rules.centre_zone,)


def test_calling_hours_of_holidays_and_weekends_differ_from_those_of_weekdays() -> None:
    settings = site(rules={"holidays": ["2024-04-22"]})
    gate, case = make_gate(settings), make_case(settings)
    ruling = gate.check_rules_before_originate(case, moment("2024-04-22T09:30"))
    assert (list_reasons(ruling), ruling.next_at) == ([Reason.HOURS], moment("2024-04-22T10:00"))
    assert gate.check_rules_before_originate(case, moment("2024-04-20T19:00")).next_at == moment("2024-04-21T10:00")


# Registers


@pytest.mark.parametrize("days", [6.9, 7.1])
def test_missing_or_outdated_do_not_call_register_stops_campaigns_that_need_the_register(days: float) -> None:
    material, turnout = site("india", campaign=MATERIAL, rules=POLL), site("india")
    register = Register("ncpr", NOON - days * DAY, 1000)
    expected = [] if days < 7 else [Reason.OLD_REGISTER]
    assert (
        list_reasons(make_gate(material, register).check_rules_for_campaign(campaign_rules(material), NOON)) == expected
    )
    assert (
        list_reasons(make_gate(material, register).check_rules_before_originate(make_case(material), NOON)) == expected
    )
    assert list_reasons(make_gate(material).check_rules_for_campaign(campaign_rules(material), NOON)) == [
        Reason.NO_REGISTER
    ]
    assert make_gate(turnout).check_rules_for_campaign(campaign_rules(turnout), NOON).is_call_allowed


def test_do_not_call_register_blocks_only_purposes_named_in_the_profile() -> None:
    material, turnout = site("india", campaign=MATERIAL, rules=POLL), site("india")
    register, listed = Register("ncpr", NOON, 1), replace(FRESH, registers=("ncpr",))
    assert list_reasons(
        make_gate(material, register).check_rules_before_originate(make_case(material, facts=listed), NOON)
    ) == [Reason.REGISTER]
    assert (
        make_gate(turnout, register)
        .check_rules_before_originate(make_case(turnout, facts=listed), NOON)
        .is_call_allowed
    )


# Certificate, consent, caller ID


@pytest.mark.parametrize(
    ("certified", "words"),
    [
        ({}, "the prompts to be played are unknown"),
        ({"hi": CertificateStatus("hi/x has no certificate")}, "hi/x has no certificate"),
        ({"hi": CertificateStatus(None, date(2024, 4, 21))}, "it expired on 2024-04-21"),
        ({"mr": CertificateStatus(None)}, "no recording is certified in the language 'hi'"),
        ({"hi": CertificateStatus(None, date(2024, 4, 22))}, None),
        ({"hi": CertificateStatus(None)}, None),
    ],
)
def test_each_recorded_prompt_of_a_campaign_needs_its_own_certificate(
    certified: dict[str, CertificateStatus], words: str | None
) -> None:
    settings = site("india", campaign=RECORDED, rules={"polls": [{"day": "2024-05-20"}]})
    gate, case = make_gate(settings), make_case(settings, campaign=campaign_rules(settings, certified))
    for ruling in (gate.check_rules_before_originate(case, NOON), gate.check_rules_before_connecting_agent(case, NOON)):
        assert list_reasons(ruling) == ([] if words is None else [Reason.CERTIFICATE])
        assert words is None or f"a recorded turnout call needs a certificate: {words}" in str(ruling)
    assert make_gate(live := site("india")).check_rules_before_originate(make_case(live), NOON).is_call_allowed


def test_campaign_that_needs_certificates_is_held_without_any_certificate() -> None:
    settings = site("india", campaign=RECORDED, rules={"polls": [{"day": "2024-05-20"}]})
    gate, ended, good = (
        make_gate(settings),
        CertificateStatus(None, date(2024, 4, 21)),
        CertificateStatus(None, date(2024, 4, 22)),
    )
    for certified, held in (({}, True), ({"hi": ended}, True), ({"hi": ended, "mr": good}, False)):
        ruling = gate.check_rules_for_campaign(campaign_rules(settings, certified), NOON)
        assert list_reasons(ruling) == ([Reason.CERTIFICATE] if held else [])
    assert gate.check_rules_for_campaign(campaign_rules(site("india")), NOON).is_call_allowed


def test_certificate_is_checked_again_when_the_call_is_answered() -> None:
    settings = site("india", campaign=RECORDED, rules={"polls": [{"day": "2024-05-20"}]})
    case = make_case(settings, campaign=campaign_rules(settings, {"hi": CertificateStatus(None, date(2024, 4, 22))}))
    assert Reason.CERTIFICATE in list_reasons(
        make_gate(settings).check_rules_before_connecting_agent(case, moment("2024-04-23T00:00"))
    )


@pytest.mark.parametrize("consent", list(Consent))
def test_call_with_a_recorded_voice_needs_consent_if_the_profile_requires_consent(consent: Consent) -> None:
    place: dict[str, Any] = {"dialling": {"allowed_prefixes": ["+44"]}, "centre": {"time_zone": "Europe/London"}}
    trunk = {"name": "carrier", "endpoint": "carrier", "caller_ids": ["+442070000001"]}
    recorded = site("uk", campaign=RECORDED, trunks=[trunk], **place)
    live = site("uk", trunks=[trunk], **place)
    at = moment("2024-05-01T12:00", "Europe/London")
    facts = replace(FRESH, consent=consent)
    own = {"number": "+447700900123", "caller_id": "+442070000001", "facts": facts}
    assert make_gate(recorded).check_rules_before_originate(make_case(recorded, **own), at).is_call_allowed == (
        consent is Consent.GIVEN
    )
    assert make_gate(live).check_rules_before_originate(make_case(live, **own), at).is_call_allowed == (
        consent is not Consent.WITHDRAWN
    )


def test_caller_id_must_belong_to_the_trunk_and_the_prescribed_number_series() -> None:
    settings = site(rules={"stricter": {"caller_id": {"series": ["+9111"]}}})
    gate = make_gate(settings)
    assert gate.check_rules_before_originate(make_case(settings), NOON).is_call_allowed
    gate.rules = replace(gate.rules, own_caller_ids=frozenset({CALLER_ID, "+912240000001"}))
    ruling = gate.check_rules_before_originate(make_case(settings, caller_id="+912240000001"), NOON)
    assert list_reasons(ruling) == [Reason.CALLER_ID]
    assert "series" in str(ruling)


# Silence


@pytest.mark.parametrize(
    ("jurisdiction", "campaign", "silenced"),
    [
        ("neutral", MATERIAL, True),
        ("neutral", {}, False),
        ("neutral", RECORDED, False),
        ("neutral", {**RECORDED, "purpose": "survey"}, True),
        ("india", {}, False),
        ("india", {"purpose": "survey"}, False),
        ("india", MATERIAL, True),
        ("india", RECORDED, True),
    ],
)
def test_silence_period_forbids_calls_by_purpose_and_kind_of_campaign(
    jurisdiction: str, campaign: dict[str, Any], silenced: bool
) -> None:
    settings = site(jurisdiction, campaign=campaign, rules=POLL)
    case = make_case(settings, campaign=campaign_rules(settings, CERTIFIED))
    gate = make_gate(settings, Register("ncpr", moment("2024-04-24T00:00"), 1))
    close = moment("2024-04-26T18:00")
    for at in (close - 48 * HOUR, moment("2024-04-25T12:00"), close - 0.001):
        asked = [gate.check_rules_before_originate(case, at), gate.check_rules_before_connecting_agent(case, at)]
        assert all((Reason.SILENCE in list_reasons(ruling)) == silenced for ruling in asked)
    for at in (close - 48 * HOUR - 0.001, close):
        assert Reason.SILENCE not in list_reasons(gate.check_rules_before_originate(case, at))
    assert gate.rules.forbids_calls_in_silence_interval(case.campaign) is silenced
    profile = gate.rules.profile
    no_silence = profile.model_copy(update={"silence": profile.silence.model_copy(update={"hours_before_close": 0.0})})
    assert not dataclasses.replace(gate.rules, profile=no_silence).forbids_calls_in_silence_interval(case.campaign)
    if silenced:
        passes = None if case.campaign.purpose is Purpose.TURNOUT else close  # after the close, turnout calls are over
        assert gate.check_rules_before_originate(case, moment("2024-04-25T12:00")).next_at == passes


@pytest.mark.parametrize(("seconds", "is_silenced"), [(0.0, False), (0.9, True)])
def test_silence_period_of_any_length_forbids_calls(seconds: float, is_silenced: bool) -> None:
    settings = site(campaign=MATERIAL, rules=POLL)
    rules = make_gate(settings).rules
    silence = rules.profile.silence.model_copy(update={"hours_before_close": seconds / HOUR})
    rules = replace(rules, profile=rules.profile.model_copy(update={"silence": silence}))
    assert rules.forbids_calls_in_silence_interval(campaign_rules(settings)) is is_silenced


def test_sign_off_permits_only_recorded_turnout_calls_in_the_silence_period() -> None:
    signed = {"permits": "recorded-turnout-in-silence", "campaign": "calls", "by": "A. Rao", "day": "2024-04-20"}
    at = moment("2024-04-25T12:00")
    for purpose, allowed in ((Purpose.TURNOUT, True), (Purpose.MATERIAL, False), (Purpose.SURVEY, False)):
        campaign = {**RECORDED, "purpose": purpose.value}
        settings = site("india", campaign=campaign, rules={**POLL, "sign_offs": [signed]})
        case = make_case(settings, campaign=campaign_rules(settings, CERTIFIED))
        ruling = make_gate(settings, Register("ncpr", at, 1)).check_rules_before_originate(case, at)
        assert (Reason.SILENCE not in list_reasons(ruling)) == allowed


@pytest.mark.parametrize(
    ("area", "reason"),
    [
        (None, Reason.NO_POLL),
        (Area(99, "18:00"), Reason.NO_POLL),
        (Area(174, ""), Reason.NO_CLOSE),
        (Area(174, "05:00"), Reason.NO_CLOSE),  # meant as 17:00, but earlier than the polls open
    ],
)
def test_campaigning_call_is_forbidden_while_the_close_of_poll_is_unknown(area: Area | None, reason: Reason) -> None:
    polls = {"polls": [{"day": "2024-04-26", "constituencies": [174]}]}
    material, turnout = site(campaign=MATERIAL, rules=polls), site(rules=polls)
    ruling = make_gate(material).check_rules_before_originate(make_case(material, area=area), NOON)
    assert (list_reasons(ruling), ruling.next_at) == ([reason], None)
    assert make_gate(turnout).check_rules_before_originate(make_case(turnout, area=area), NOON).is_call_allowed


def test_silence_period_starts_relative_to_the_areas_close_of_poll() -> None:
    polls = {
        "polls": [
            {"day": "2024-04-19", "constituencies": [1], "closes_at": "15:00"},
            {"day": "2024-04-26"},
        ]
    }
    settings = site(campaign=MATERIAL, rules=polls)
    gate = make_gate(settings)
    thursday = moment("2024-04-25T12:00")
    assert list_reasons(gate.check_rules_before_originate(make_case(settings, area=Area(2, "17:00")), thursday)) == [
        Reason.SILENCE
    ]
    assert gate.check_rules_before_originate(make_case(settings, area=Area(1, "17:00")), thursday).is_call_allowed
    assert gate.check_rules_before_originate(
        make_case(settings, area=Area(1, "")), moment("2024-04-18T12:00")
    ).next_at == moment("2024-04-19T15:00")


@hypothesis_settings(deadline=None, derandomize=True, max_examples=150)
@given(
    zone=st.sampled_from(ZONES),
    days=st.lists(st.dates(date(2024, 1, 1), date(2026, 12, 31)), min_size=1, max_size=4, unique=True),
    hour=st.sampled_from(["15:00", "16:30", "17:00", "18:00", "23:30"]),
    offset=st.integers(-49 * 3600, 2 * 3600),
    data=st.data(),
)
def test_silence_period_ends_at_the_close_of_poll_of_each_area(
    zone: ZoneInfo, days: list[date], hour: str, offset: int, data: st.DataObject
) -> None:
    polls = [{"day": day, "constituencies": [number], "time_zone": zone.key} for number, day in enumerate(days)]
    settings = site(campaign=MATERIAL, rules={"polls": polls})
    number = data.draw(st.integers(0, len(days) - 1))
    area = Area(number, hour)
    close = datetime.combine(days[number], time.fromisoformat(hour), zone).astimezone(UTC).timestamp()
    ruling = make_gate(settings).check_rules_before_originate(make_case(settings, area=area), close + offset)
    assert (Reason.SILENCE in list_reasons(ruling)) == (-48 * HOUR <= offset < 0)


@pytest.mark.parametrize(("campaign", "over"), [({}, True), (MATERIAL, False), ({"purpose": "survey"}, False)])
def test_turnout_calls_are_forbidden_after_the_close_of_poll(campaign: dict[str, Any], over: bool) -> None:
    polls = {"polls": [{"day": "2024-04-26", "constituencies": [1], "closes_at": "15:00"}, {"day": "2024-04-26"}]}
    settings = site(campaign=campaign, rules=polls)
    gate, at = make_gate(settings), moment("2024-04-26T15:00")
    early, late = make_case(settings, area=Area(1, "")), make_case(settings, area=Area(2, "18:00"))
    assert Reason.POLL_OVER not in list_reasons(gate.check_rules_before_originate(early, at - 0.001))
    assert (Reason.POLL_OVER in list_reasons(gate.check_rules_before_originate(early, at))) == over
    assert Reason.POLL_OVER not in list_reasons(gate.check_rules_before_originate(late, at))
    if over:
        assert gate.check_rules_before_originate(early, at).next_at is None
        assert gate.find_next_time_call_is_allowed(late, at, moment("2024-04-26T18:00")) is None
        assert gate.find_next_time_call_is_allowed(late, at, moment("2024-04-26T17:00")) == moment("2024-04-26T17:00")


@pytest.mark.parametrize(("days", "expected"), [(44, []), (46, [Reason.RETENTION])])
def test_calls_to_voters_are_forbidden_after_the_retention_period_of_their_data(
    days: int, expected: list[Reason]
) -> None:
    """The neutral profile erases 45 days after the poll."""
    settings = site(campaign={"purpose": "survey"}, rules=POLL)
    at = moment("2024-04-26T12:00") + days * DAY
    for area, found in ((Area(174, "18:00"), expected), (None, [])):
        found_reasons = list_reasons(
            make_gate(settings).check_rules_before_originate(make_case(settings, area=area), at)
        )
        assert [reason for reason in found_reasons if reason is Reason.RETENTION] == found


def test_campaign_is_held_while_all_its_areas_are_in_the_silence_period() -> None:
    polls = {"polls": [{"day": "2024-04-23", "constituencies": [1]}, {"day": "2024-04-24", "constituencies": [2]}]}
    settings = site(campaign=MATERIAL, rules=polls)
    gate, campaign = make_gate(settings), campaign_rules(settings)
    early, late, unknown = Area(1, "17:00"), Area(2, "18:00"), Area(3, "18:00")
    tuesday = moment("2024-04-23T12:00")
    assert gate.check_rules_for_campaign(campaign, tuesday, [early, late]).next_at == moment("2024-04-23T17:00")
    assert list_reasons(gate.check_rules_for_campaign(campaign, tuesday, [late, early])) == [Reason.SILENCE]
    assert gate.check_rules_for_campaign(campaign, tuesday, [late, early]).next_at == moment("2024-04-23T17:00")
    assert gate.check_rules_for_campaign(campaign, tuesday, [unknown, early]).next_at == moment("2024-04-23T17:00")
    assert gate.check_rules_for_campaign(campaign, moment("2024-04-22T12:00"), [early, late]).is_call_allowed
    assert gate.check_rules_for_campaign(campaign, moment("2024-04-23T17:30"), [early, late]).is_call_allowed
    assert gate.check_rules_for_campaign(campaign, tuesday, [early, unknown]).next_at == moment("2024-04-23T17:00")
    assert gate.check_rules_for_campaign(campaign, tuesday, [unknown]).next_at is None
    assert gate.check_rules_for_campaign(campaign, tuesday).is_call_allowed


def test_close_of_poll_of_an_area_is_unknown_without_polling_day_or_valid_hour() -> None:
    polls = (PollingDay(date(2024, 4, 26), KOLKATA, None, frozenset({1})),)
    assert find_close_of_poll(polls, Area(2, "18:00")) is CloseUnknown.POLL
    assert find_close_of_poll(polls, Area(1, "six")) is CloseUnknown.HOUR
    assert find_close_of_poll(polls, Area(1, "18:00")) == moment("2024-04-26T18:00")


# Zones and clock changes

STRETCHES = st.lists(
    st.tuples(st.integers(0, 95), st.integers(0, 95)).filter(lambda pair: pair[0] < pair[1]), max_size=2
).map(lambda pairs: tuple((time(a // 4, a % 4 * 15), time(b // 4, b % 4 * 15)) for a, b in pairs))
WEEKS = st.builds(WeekHours, STRETCHES, STRETCHES, STRETCHES, STRETCHES)
# Weeks in which the clocks change somewhere, Lord Howe's by half an hour, and a common one.
WEEKS_OF_CHANGE = [
    datetime(2024, month, day, tzinfo=UTC)
    for month, day in ((3, 8), (3, 29), (4, 5), (9, 6), (10, 4), (10, 25), (11, 1), (6, 3))
]
MOMENTS = st.builds(
    lambda week, seconds: (week + timedelta(seconds=seconds)).timestamp(),
    st.sampled_from(WEEKS_OF_CHANGE),
    st.integers(0, 5 * 86_400),
)


@hypothesis_settings(deadline=None, derandomize=True, max_examples=120)
@given(hours=WEEKS, zones=st.lists(st.sampled_from(ZONES), min_size=1, max_size=3, unique=True), now=MOMENTS)
def test_next_calling_hours_begin_when_all_time_zones_of_a_number_allow_calls(
    hours: WeekHours, zones: list[ZoneInfo], now: float
) -> None:
    """The result is compared with every quarter of an hour, since all stretches and clock changes here are whole quarters."""
    opening = hours.find_next_time_calls_are_allowed(zones, now)

    def is_open_in_all_zones(at: float) -> bool:
        return all(hours.are_calls_allowed_at(zone, at) for zone in zones)

    quarter = -(-now // 900) * 900
    looked_at = [now, *(quarter + 900 * step for step in range(4 * 24 * 12))]
    found = next((at for at in looked_at if is_open_in_all_zones(at)), None)
    if found is not None:
        assert opening == found
    elif opening is not None:
        assert is_open_in_all_zones(opening)
        assert opening > looked_at[-1]


@hypothesis_settings(deadline=None, derandomize=True, max_examples=150)
@given(
    number=st.sampled_from(
        ["+919812345678", "+447700900123", "+12125550123", "+17095550123", "+18005550123", "+14165550123"]
    ),
    now=MOMENTS,
    facts=st.builds(
        PhoneFacts,
        attempts_today=st.integers(0, 4),
        conversations_today=st.integers(0, 3),
        abandoned_at=st.none() | st.floats(1.70e9, 1.73e9),
    ),
    jurisdiction=st.sampled_from(["neutral", "india", "us", "canada"]),
)
def test_next_allowed_time_of_a_call_is_the_earliest_time_permitted_by_all_rules(
    number: str, now: float, facts: PhoneFacts, jurisdiction: str
) -> None:
    """An allowed call never rings outside the calling hours of any of its zones."""
    trunk = {"name": "carrier", "endpoint": "carrier", "caller_ids": ["+15550000001"]}
    settings = site(jurisdiction, dialling={"allowed_prefixes": ["+91", "+44", "+1"]}, trunks=[trunk])
    gate = make_gate(settings)
    case = make_case(settings, number=number, facts=facts, caller_id="+15550000001")
    ruling = gate.check_rules_before_originate(case, now)
    for zone in find_time_zones_of_number(number):
        for at in (now, now + 30.0):
            assert not ruling.is_call_allowed or gate.rules.hours.are_calls_allowed_at(zone, at)
    if ruling.next_at is None:
        assert facts.abandoned_at is not None or not ruling.is_call_allowed
        return
    rested = case
    if ruling.next_at >= get_next_midnight(gate.rules.centre_zone, now):
        rested = replace(case, facts=replace(facts, attempts_today=0, conversations_today=0))
    assert gate.check_rules_before_originate(rested, ruling.next_at).is_call_allowed
    assert ruling.next_at >= now
    for share in (0.0, 0.25, 0.5, 0.9, 0.999):
        between = now + share * (ruling.next_at - now)
        same_day = get_local_midnight_before(gate.rules.centre_zone, between) == get_local_midnight_before(
            gate.rules.centre_zone, now
        )
        asked = case if same_day else rested
        assert (
            ruling.is_call_allowed
            or between == ruling.next_at
            or not gate.check_rules_before_originate(asked, between).is_call_allowed
        )


def test_number_in_several_time_zones_is_called_only_in_calling_hours_of_all_zones() -> None:
    trunk = {"name": "carrier", "endpoint": "carrier", "caller_ids": ["+15550000001"]}
    settings = site(
        "us", dialling={"allowed_prefixes": ["+1"]}, centre={"time_zone": "America/New_York"}, trunks=[trunk]
    )
    gate = make_gate(settings)
    toll_free = make_case(settings, number="+18005550123", caller_id="+15550000001")
    new_york = make_case(settings, number="+12125550123", caller_id="+15550000001")
    at = moment("2024-04-22T09:00", "America/New_York")
    assert gate.check_rules_before_originate(new_york, at).is_call_allowed
    ruling = gate.check_rules_before_originate(toll_free, at)
    assert list_reasons(ruling) == [Reason.HOURS]
    assert ruling.next_at is not None
    local = {datetime.fromtimestamp(ruling.next_at, zone).hour for zone in find_time_zones_of_number("+18005550123")}
    assert min(local) >= 8
    assert max(local) < 21
    # The campaign is held only while no number at all could be called.
    assert gate.check_rules_for_campaign(campaign_rules(settings), at).is_call_allowed


def test_time_zones_of_a_phone_number_are_found_by_the_prefix() -> None:
    assert [zone.key for zone in find_time_zones_of_number("+919812345678")] == ["Asia/Calcutta"]
    assert [zone.key for zone in find_time_zones_of_number("+12125550123")] == ["America/New_York"]
    assert len(find_time_zones_of_number("+18005550123")) > 10
    assert find_time_zones_of_number("+9990000000") == ()
    assert find_time_zones_of_number("") == ()
    below = {zone.key for zone in find_time_zones_of_number_prefix("+1")}
    assert {"America/New_York", "America/Los_Angeles", "Pacific/Honolulu"} <= below


def test_number_whose_time_zone_is_unknown_is_not_called() -> None:
    settings = site(dialling={"allowed_prefixes": ["+999"]})
    ruling = make_gate(settings).check_rules_before_originate(make_case(settings, number="+9990000000"), NOON)
    assert (list_reasons(ruling), ruling.next_at) == ([Reason.NO_ZONE], None)


def test_campaign_is_held_while_nobody_may_be_called() -> None:
    settings = site(campaign={"hours": [{"start": "00:00", "until": "23:59"}]})
    gate, campaign = make_gate(settings), campaign_rules(settings)
    night = gate.check_rules_for_campaign(campaign, moment("2024-04-22T23:00"))
    assert list_reasons(night) == [Reason.HOURS]
    assert night.next_at == moment("2024-04-23T09:00")


def test_reason_for_a_forbidden_call_contains_no_phone_number() -> None:
    settings = site("india", campaign={**RECORDED, **MATERIAL})
    facts = PhoneFacts(9, 9, NOON, ("ncpr",), Consent.WITHDRAWN, opted_out=True)
    case = make_case(settings, facts=facts, area=None, caller_id="+911234567890", number="+4412345678901")
    ruling = make_gate(settings, Register("old", 0.0, 1)).check_rules_before_originate(case, moment("2024-04-22T23:00"))
    assert len(ruling.objections) > 10
    for secret in ("4412345678901", "911234567890"):
        assert secret not in str(ruling)
