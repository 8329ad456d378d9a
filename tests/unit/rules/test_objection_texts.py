"""The text of each objection of the gate, as supervisors and auditors read it."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import replace
from datetime import date, time
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from dialer.domain.enums import Purpose
from dialer.domain.phone_facts import Consent, Register
from dialer.rules.calling_hours import create_daily_calling_hours
from dialer.rules.gate import Case, Gate, Reason, Ruling
from dialer.rules.number_hash import compute_secret_fingerprint, hash_number
from dialer.rules.polls import Area, CloseUnknown, PollingDay, find_close_of_poll
from dialer.rules.rulebook import CertificateStatus
from dialer.settings.jurisdiction import Zones
from tests.support.rules import FRESH, KOLKATA, NOON, make_case, make_gate, moment, site

HOUR = 3_600.0
DAY = 86_400.0
POLL_TODAY: dict[str, Any] = {"polls": [{"day": "2024-04-22", "closes_at": "18:00"}]}
MATERIAL = {"purpose": "material"}
RECORDED_MATERIAL = {"purpose": "material", "kind": "ivr", "flow": "material"}


def change_profile(gate: Gate, **sections: dict[str, Any]) -> None:
    """Change values of the gate's rules profile, by section."""
    profile = gate.rules.profile
    changed = {name: getattr(profile, name).model_copy(update=values) for name, values in sections.items()}
    gate.rules = replace(gate.rules, profile=profile.model_copy(update=changed))


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"number": "+912212345678"}, "prefix not allowed (`dialling.allowed_prefixes`)"),
        ({"number": "+911900123456"}, "prefix denied (`dialling.denied_prefixes`)"),
        ({"number": "9812345678"}, "not an E.164 number"),
        ({"facts": None}, "the number's earlier calls are unknown"),
        ({"facts": replace(FRESH, opted_out=True)}, "the number has opted out"),
        (
            {"facts": replace(FRESH, opted_out=True, consent=Consent.WITHDRAWN)},
            "the number has opted out; the number's owner has withdrawn consent",
        ),
        (
            {"facts": replace(FRESH, registers=("ncpr", "own"))},
            "the number is on a do-not-call register (ncpr, own)",
        ),
        ({"facts": replace(FRESH, consent=Consent.WITHDRAWN)}, "the number's owner has withdrawn consent"),
        ({"caller_id": "+911140000009"}, "the caller ID is not in the site's pool"),
        (
            {"facts": replace(FRESH, abandoned_at=NOON - 71 * HOUR)},
            "a call to the number was abandoned, so it is not redialled until Mon 22 Apr 13:00",
        ),
        (
            {"facts": replace(FRESH, called_at=NOON - 60)},
            "the number was called within the last 15 minutes: not redialled until Mon 22 Apr 12:14",
        ),
        (
            {"facts": replace(FRESH, called_at=NOON - 60, talked_at=NOON - DAY)},
            "the number was called within the last 15 minutes: not redialled until Mon 22 Apr 12:14",
        ),
        (
            {"facts": replace(FRESH, called_at=NOON - HOUR, talked_at=NOON - HOUR)},
            "a recent conversation on the number: no campaign calls it until Mon 22 Apr 13:00",
        ),
        (
            {"facts": replace(FRESH, attempts_today=3)},
            "3 attempts today in all campaigns; the limit is 3",
        ),
        ({"facts": replace(FRESH, conversations_today=2)}, "2 conversations today; the limit is 2"),
    ],
)
def test_refusal_text_says_why_a_number_may_not_be_dialled(changes: dict[str, Any], text: str) -> None:
    settings = site(dialling={"allowed_prefixes": ["+919", "+911"], "denied_prefixes": ["+911900"]})
    assert str(make_gate(settings).check_rules_before_originate(make_case(settings, **changes), NOON)) == text


def check_at(at: float, campaign: dict[str, Any] | None = None, jurisdiction: str = "neutral", **rules: Any) -> str:
    """Return the text of the ruling about a call at a time (epoch seconds)."""
    settings = site(jurisdiction, campaign=campaign, rules=rules)
    return str(make_gate(settings).check_rules_before_originate(make_case(settings), at))


def test_refusal_of_a_call_outside_the_calling_hours_names_the_time_zone() -> None:
    late = moment("2024-04-22T22:00")
    assert check_at(late) == (
        "outside calling hours in Asia/Calcutta until Tue 23 Apr 09:00;"
        " outside the campaign's calling hours until Tue 23 Apr 09:00"
    )
    hours = {"hours": [{"start": "13:00", "until": "14:00"}]}
    assert check_at(NOON, hours) == "outside the campaign's calling hours until Mon 22 Apr 13:00"


def test_refusal_text_gives_the_number_of_possible_time_zones() -> None:
    settings = site()
    gate = make_gate(settings)
    change_profile(gate, calling_hours={"zones": Zones.NUMBER})
    case = make_case(settings, number="+18005550100")
    zones = gate.rules.find_time_zones_of_number(case.number)
    assert len(zones) > 1
    text = f"outside calling hours in the {len(zones)} zones where the number may be"
    assert text in str(gate.check_rules_before_originate(case, NOON))
    unknown = replace(case, number="+999123456")
    texts = str(gate.check_rules_before_originate(unknown, NOON)).split("; ")
    assert "the time zone of the number is unknown" in texts


@pytest.mark.parametrize(
    ("campaign", "text"),
    [
        (MATERIAL, "silence interval of the polling area: no material calls until Mon 22 Apr 18:00"),
        (RECORDED_MATERIAL, "silence interval of the polling area: no material calls until Mon 22 Apr 18:00"),
        (
            {"purpose": "turnout", "kind": "ivr", "flow": "turnout"},
            "silence interval of the polling area: no recorded turnout calls until Mon 22 Apr 18:00",
        ),
    ],
)
def test_refusal_text_in_the_silence_interval_names_the_forbidden_calls(campaign: dict[str, Any], text: str) -> None:
    assert text in check_at(NOON, campaign, "india", **POLL_TODAY)


def test_refusal_text_for_an_unknown_poll_names_the_missing_setting() -> None:
    unknown = "no polling day is known for this polling area (`[[rules.polls]]`), so the silence interval may apply"
    assert unknown in check_at(NOON, MATERIAL, "india").split("; ")
    settings = site("india", campaign=MATERIAL, rules={"polls": [{"day": "2024-04-26"}]})
    gate, case = make_gate(settings), make_case(settings, area=Area(174, ""))
    unknown = "the close of poll of this polling area is unknown (set it in `rules.polls` or on the roll)"
    assert unknown in str(gate.check_rules_before_originate(case, NOON)).split("; ")


def test_refusal_of_a_call_after_the_close_of_poll_names_the_closing_time() -> None:
    closed = "the poll of the polling area closed on Mon 22 Apr 18:00"
    assert check_at(moment("2024-04-22T18:00"), {"purpose": "turnout"}, **POLL_TODAY) == closed


def test_call_is_forbidden_once_the_voters_data_must_be_erased() -> None:
    settings = site(rules={"polls": [{"day": "2024-01-10"}]})
    gate, case = make_gate(settings), make_case(settings)
    [poll] = gate.rules.polls
    days = gate.rules.profile.retention.erase_after_days
    text = f"names and numbers must be erased {days} days after the poll of 2024-01-10 (run `dialer purge`)"
    erasure = gate.rules.get_erasure_time(poll)
    assert text in str(gate.check_rules_before_originate(case, erasure))
    assert text not in str(gate.check_rules_before_originate(case, erasure - 1))


@pytest.mark.parametrize(("kind", "voice"), [("agents", "live"), ("ivr", "recorded")])
def test_refusal_text_for_a_missing_consent_names_the_kind_of_call(kind: str, voice: str) -> None:
    settings = site(campaign={"kind": kind, **({"flow": "material"} if kind == "ivr" else {}), "purpose": "material"})
    gate = make_gate(settings)
    everything = frozenset(Purpose)
    change_profile(
        gate,
        consent={"live": everything, "recorded": everything},
        certificate={"needed_for": frozenset()},
        silence={"hours_before_close": 0.0},
    )
    text = f"a {voice} material call needs consent, and none is recorded"
    assert str(gate.check_rules_before_originate(make_case(settings), NOON)) == text


def test_do_not_call_register_is_too_old_only_after_the_last_allowed_day() -> None:
    settings = site()
    gate = make_gate(settings)
    change_profile(gate, registers={"applies_to": frozenset(Purpose), "names": (), "maximum_age_days": 7})

    def check(days: float) -> str:
        gate.rules = gate.rules.copy_rulebook_with_registers((Register("ncpr", NOON - days * DAY, 1),))
        return str(gate.check_rules_before_originate(make_case(settings), NOON))

    assert check(7) == "allowed"
    assert check(8) == "the do-not-call register 'ncpr' is 8 days old; the limit is 7 days"


def test_caller_id_outside_the_series_of_the_profile_is_refused() -> None:
    settings = site()
    gate = make_gate(settings)
    change_profile(gate, caller_id={"series": "+91160"})
    text = "the caller ID is outside the allowed series"
    assert str(gate.check_rules_before_originate(make_case(settings), NOON)) == text


def make_certified_case(gate: Gate, case: Case, status: CertificateStatus) -> Case:
    return replace(case, campaign=replace(case.campaign, certified={"hi": status}))


def test_legal_grounds_of_a_live_call_contain_no_certificate() -> None:
    settings = site()
    gate = make_gate(settings)
    case = make_certified_case(gate, make_case(settings), CertificateStatus(None, date(2024, 5, 22), "digest"))
    assert '"profile":"neutral"' in gate.format_legal_grounds_of_decision(case, "v1")
    assert "digest" not in gate.format_legal_grounds_of_decision(case, "v1")


def test_legal_grounds_of_a_recorded_call_name_everything_that_permits_the_call() -> None:
    settings = site(campaign={"kind": "ivr", "flow": "turnout"})
    gate = make_gate(settings, Register("ncpr", moment("2024-04-20T02:00"), 1), Register("own", NOON, 1))
    facts = replace(FRESH, consent=Consent.GIVEN, registers=("ncpr", "own"))
    case = make_case(settings, facts=facts, asked_for=True, guaranteed=True, attestation="A")
    certified = make_certified_case(gate, case, CertificateStatus(None, date(2024, 5, 22), "digest"))
    assert gate.format_legal_grounds_of_decision(certified, "v1") == (
        '{"asked_for":"yes","attestation":"A","certificate":"digest","certified_until":"2024-05-22","consent":"given",'
        '"listed":"ncpr own","profile":"neutral","purpose":"turnout",'
        '"registers":"ncpr@2024-04-20 own@2024-04-22","rules":"v1","seat_kept":"yes","verdict":"allowed",'
        '"voice":"recorded","zones":"Asia/Calcutta"}'
    )
    unlimited = make_certified_case(gate, case, CertificateStatus(None, None, "digest"))
    assert "certified_until" not in gate.format_legal_grounds_of_decision(unlimited, "v1")


def test_legal_grounds_of_a_call_without_stored_data_say_that_consent_is_unknown() -> None:
    settings = site()
    gate = make_gate(settings)
    assert gate.format_legal_grounds_of_decision(make_case(settings, facts=None), "v1") == (
        '{"consent":"unknown","profile":"neutral","purpose":"turnout","rules":"v1","verdict":"allowed",'
        '"voice":"live","zones":"Asia/Calcutta"}'
    )


def test_legal_grounds_of_a_call_name_all_time_zones_of_the_number() -> None:
    settings = site()
    gate = make_gate(settings)
    change_profile(gate, calling_hours={"zones": Zones.NUMBER})
    case = make_case(settings, number="+18005550100")
    zones = " ".join(zone.key for zone in gate.rules.find_time_zones_of_number(case.number))
    assert f'"zones":"{zones}"' in gate.format_legal_grounds_of_decision(case, "v1")


def test_campaign_without_any_lawful_calling_hours_is_forbidden_indefinitely() -> None:
    settings = site()
    gate = make_gate(settings)
    gate.rules = replace(gate.rules, hours=create_daily_calling_hours([]))
    ruling = gate.check_rules_for_campaign(make_case(settings).campaign, NOON)
    assert (str(ruling), ruling.next_at, ruling.reason_number_may_never_be_called) == (
        "outside calling hours",
        None,
        Reason.HOURS,
    )


def test_daily_cap_on_calls_to_a_number_ends_at_midnight() -> None:
    settings = site()
    gate, case = make_gate(settings), make_case(settings, facts=replace(FRESH, attempts_today=3))
    midnight = moment("2024-04-23T00:00")
    late = moment("2024-04-22T22:00")
    assert gate.find_next_time_call_is_allowed(case, NOON, midnight) == moment("2024-04-23T09:00")
    assert [each.reason.value for each in gate.check_rules_before_originate(case, late).objections] == [
        "calling-hours",
        "campaign-hours",
        "attempts",
    ]


def test_text_of_a_refused_call_joins_the_texts_of_all_reasons() -> None:
    assert str(Ruling((), None)) == "allowed"


def test_close_of_poll_equal_to_the_opening_of_the_poll_counts_as_unknown() -> None:
    poll = PollingDay(date(2024, 4, 26), KOLKATA, None, frozenset(), time(18))
    assert find_close_of_poll((poll,), Area(174, "18:00")) is CloseUnknown.HOUR
    assert find_close_of_poll((poll,), Area(174, "18:01")) == moment("2024-04-26T18:01")
    assert poll.zone == ZoneInfo("Asia/Kolkata")


@pytest.mark.parametrize("length", [1, 32, 63, 64, 65, 200])
def test_phone_number_hash_is_an_hmac_for_secrets_of_any_length(length: int) -> None:
    secret = bytes(range(200))[:length]
    expected = hmac.new(secret, b"+919812345678", hashlib.sha256).hexdigest()
    assert hash_number(secret, "+919812345678") == expected


def test_opt_out_secret_fingerprint_is_the_same_in_every_version() -> None:
    assert compute_secret_fingerprint(b"secret") == hashlib.sha256(b"matdan opt-outs secret").hexdigest()[:16]
