"""Whether the rules allow a call, with what has happened since its number was reserved. The gate is a stand-in."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any, cast

import pytest

from dialer.domain.model import Booth, Claim, OpenAttempt
from dialer.domain.phone_facts import Consent, PhoneFacts
from dialer.engine.campaigns.runs import CampaignRun
from dialer.rules.gate import Case, Gate, Objection, Reason, Ruling
from dialer.rules.polls import Area
from dialer.rules.rulebook import CampaignRules, CertificateStatus
from tests.support.calls import ID, a_call
from tests.support.rules import NOON
from tests.support.turns import Turns

FACTS = PhoneFacts(attempts_today=0, conversations_today=0, abandoned_at=None)
CLAIM = Claim("calls", 7, "+919812345607", 1, 7, 1, "", 1, FACTS)
SCHOOL = Booth(1, 174, 118, "School", "mr", "18:00")
CERTIFIED = {"hi": CertificateStatus(None, date(2024, 5, 22))}


def make_open_attempt(campaign: str) -> OpenAttempt:
    """Return an attempt that an earlier run of the dialler placed."""
    return OpenAttempt(ID, campaign, 7, 7, 1, 1, "carrier", NOON - 9, None, None, None, CLAIM.number)


class RecordingGate:
    """A gate that gives the answer that a test sets, and records the cases that it was asked about."""

    def __init__(self, gate: Any) -> None:
        self.rules = gate.rules
        self.ruling = Ruling((), None)
        self.cases: list[Case] = []

    def check_rules_before_originate(self, case: Case, now: float) -> Ruling:
        self.cases.append(case)
        assert now == NOON
        return self.ruling

    check_rules_before_connecting_agent = check_rules_before_originate


class Rules:
    """The eligibility service of a site with one campaign, and its stand-in for the gate."""

    def __init__(self, **campaign: Any) -> None:
        self.turns = Turns(campaign=campaign)
        self.service = self.turns.features.calling_rules_checker
        self.gate = RecordingGate(self.service._gate)
        self.service._gate = cast(Any, self.gate)
        self.turns.features.polling_days_of_booths.booths[1] = SCHOOL

    @property
    def run(self) -> CampaignRun:
        return self.turns.features.loaded_campaigns["calls"]

    def send(self) -> Case:
        """Check the claim as when its call is sent. Return the case that the gate was asked about."""
        self.service.check_rules_before_originate(self.run, CLAIM, ID, "+918012345678")
        return self.gate.cases[-1]

    def answer(self, **facts: Any) -> Case:
        """Check a call as when it is answered. Return the case that the gate was asked about."""
        self.service.do_rules_allow_connecting_answered_call(a_call(campaign_id="calls", phone_id=7, **facts))
        return self.gate.cases[-1]


def test_inbound_call_is_answered_without_a_check_of_the_dialling_rules() -> None:
    rules = Rules()
    assert rules.service.do_rules_allow_connecting_answered_call(a_call(campaign_id="calls", inbound=True))
    assert rules.gate.cases == []


def test_rule_check_at_the_answer_uses_voter_data_read_at_reservation() -> None:
    rules = Rules()
    sent = rules.send()
    assert (sent.number, sent.area, sent.caller_id, sent.language) == (
        CLAIM.number,
        Area(174, "18:00"),
        "+918012345678",
        "mr",
    )
    assert rules.answer() == sent


def test_rule_check_of_an_answered_call_uses_the_rules_in_force_at_the_answer() -> None:
    rules = Rules()
    campaign = rules.send().campaign
    changed = rules.service._campaigns["calls"] = replace(campaign, ring_seconds=campaign.ring_seconds + 9)
    assert rules.answer().campaign == changed


def test_rule_check_of_an_answered_call_includes_an_opt_out_received_during_ringing() -> None:
    rules = Rules()
    rules.send()
    rules.turns.features.recent_calls_and_opt_outs.remember_opt_out_of_number(7)
    assert rules.answer().facts == replace(FACTS, opted_out=True)


def test_rule_check_at_the_answer_uses_booth_data_without_voter_data() -> None:
    case = Rules().answer()
    assert (case.number, case.area, case.facts) == ("", Area(174, "18:00"), None)
    assert Rules().answer(booth_id=9).area is None


def test_rule_check_of_a_recovered_call_uses_the_language_of_the_booth() -> None:
    rules = Rules()
    rules.service.load_dnc_registers_and_open_calls((), [make_open_attempt("calls"), make_open_attempt("removed")])
    rules.service._gate = cast(Any, rules.gate)
    case = rules.answer()
    assert (case.number, case.area, case.language) == (CLAIM.number, Area(174, "18:00"), "mr")
    assert case.facts is not None


def test_voter_data_read_for_rule_checks_is_discarded_when_the_call_ends() -> None:
    rules = Rules()
    rules.send()
    rules.service.discard_facts_about_ended_calls()
    assert rules.answer().facts is None


@pytest.mark.parametrize("reason", [Reason.NO_POLL, Reason.CALLER_ID])
def test_numbers_refused_for_missing_consents_or_registers_raise_one_alert(reason: Reason) -> None:
    rules = Rules()
    rules.gate.ruling = Ruling((Objection(reason, "words", None),), None)
    alerts: list[dict[str, Any]] = []
    rules.turns.features.active_alerts.raise_alert = lambda kind, **values: alerts.append(values)  # type: ignore[method-assign]
    for _ in range(3):
        assert not rules.service.check_rules_for_reserved_number(rules.run, CLAIM).is_call_allowed
    assert rules.run.refused == {reason.value: 3}
    assert alerts == [{"campaign": "calls"}]


def test_number_refused_for_a_permanent_reason_raises_no_alert() -> None:
    rules = Rules()
    rules.gate.ruling = Ruling((Objection(Reason.OPTED_OUT, "words", None),), None)
    assert not rules.service.do_rules_allow_connecting_answered_call(a_call(campaign_id="calls", phone_id=7))
    assert rules.run.refused == {"opted-out": 1}
    assert not rules.turns.features.active_alerts.active


@pytest.mark.parametrize(("needed", "certified"), [(True, CERTIFIED), (False, {})])
def test_certificates_are_checked_only_for_campaigns_whose_recordings_need_certificates(
    needed: bool, certified: object
) -> None:
    rules = Rules(kind="ivr", flow="turnout")
    profile = rules.gate.rules.profile
    purposes = frozenset({rules.run.purpose}) if needed else frozenset()
    changed = profile.model_copy(
        update={"certificate": profile.certificate.model_copy(update={"needed_for": purposes})}
    )
    rules.gate.rules = replace(rules.gate.rules, profile=changed)
    rules.service._certified = lambda campaign, flow: {("calls", "turnout"): CERTIFIED}[campaign, flow]
    assert rules.send().campaign.certified == certified
    assert rules.answer().campaign.certified == certified


def test_campaign_rules_are_checked_each_second_and_after_a_settings_change() -> None:
    rules = Rules()
    asked: list[tuple[CampaignRules, float, object]] = []

    def check_rules_for_campaign(campaign: CampaignRules, now: float, areas: object = ()) -> Ruling:
        asked.append((campaign, now - NOON, areas))
        return Ruling((), None)

    rules.gate.check_rules_for_campaign = check_rules_for_campaign  # type: ignore[attr-defined]
    rules.service.load_polling_areas()
    campaign = rules.service._campaigns["calls"]
    first = rules.service.check_rules_for_campaign(rules.run)
    rules.turns.clock.seconds = 0.9
    assert rules.service.check_rules_for_campaign(rules.run) is first
    assert asked == [(campaign, 0, {Area(174, "18:00")})]
    rules.turns.clock.seconds = 1.0
    rules.service.check_rules_for_campaign(rules.run)
    changed = rules.service._campaigns["calls"] = replace(campaign, ring_seconds=campaign.ring_seconds + 9)
    rules.service.check_rules_for_campaign(rules.run)
    assert [(each, seconds) for each, seconds, _ in asked[1:]] == [(campaign, 1), (changed, 1)]


def test_rule_check_before_dialling_considers_reserved_seats_and_promised_calls() -> None:
    rules = Rules()
    promised = replace(CLAIM, promised=True)
    rules.service.check_rules_for_reserved_number(rules.run, CLAIM)
    rules.service.check_rules_for_reserved_number(rules.run, promised, guaranteed=True)
    rules.service.check_rules_before_originate(rules.run, CLAIM, ID, "+918012345678")
    rules.service.check_rules_before_originate(rules.run, promised, ID, "+918012345678", guaranteed=True)
    told = [(case.guaranteed, case.asked_for, case.caller_id) for case in rules.gate.cases]
    assert told == [
        (False, False, None),
        (True, True, None),
        (False, False, "+918012345678"),
        (True, True, "+918012345678"),
    ]


def test_voter_data_read_for_rule_checks_of_a_refused_call_is_discarded_immediately() -> None:
    rules = Rules()
    rules.gate.ruling = Ruling((Objection(Reason.ATTEMPTS, "words", None),), None)
    rules.send()
    assert rules.run.refused == {"attempts": 1}
    assert rules.answer().facts is None


@pytest.mark.parametrize(
    ("language", "booth_id", "spoken"),
    [("ta", 1, "ta"), ("", 1, "mr"), ("", 9, "en"), ("../../x", 1, "en")],
)
def test_recordings_use_the_booths_language_if_the_voters_is_unknown(language: str, booth_id: int, spoken: str) -> None:
    rules = Rules()
    rules.service.check_rules_for_reserved_number(rules.run, replace(CLAIM, language=language, booth_id=booth_id))
    assert rules.gate.cases[-1].language == spoken


def test_legal_grounds_of_a_call_include_the_time_since_the_last_call() -> None:
    rules = Rules()
    rules.gate.format_legal_grounds_of_decision = lambda case, digest: "grounds"  # type: ignore[attr-defined]
    for called_at, seconds in ((None, None), (NOON - 90, 90), (NOON + 5, 0)):
        claim = replace(CLAIM, facts=replace(FACTS, called_at=called_at))
        assert rules.service.find_legal_grounds_for_call(rules.run, claim, "", guaranteed=False) == ("grounds", seconds)
    assert (
        rules.service.find_legal_grounds_for_call(rules.run, replace(CLAIM, facts=None), "", guaranteed=False)[1]
        is None
    )


def test_legal_grounds_of_calls_with_equal_data_are_formatted_only_once() -> None:
    rules = Rules()
    formatted: list[Case] = []

    def format_legal_grounds_of_decision(case: Case, digest: str) -> str:
        formatted.append(case)
        return digest

    rules.gate.format_legal_grounds_of_decision = format_legal_grounds_of_decision  # type: ignore[attr-defined]
    claims = [
        CLAIM,
        replace(CLAIM, promised=True),
        replace(CLAIM, facts=replace(FACTS, consent=Consent.GIVEN)),
        replace(CLAIM, facts=replace(FACTS, registers=("own",))),
        replace(CLAIM, facts=None),
    ]
    for claim in claims * 2:
        for guaranteed, attestation in ((False, ""), (True, ""), (True, "A")):
            text, _ = rules.service.find_legal_grounds_for_call(rules.run, claim, attestation, guaranteed=guaranteed)
            assert text == rules.service._rules_version
    assert len(formatted) == 3 * len(claims)
    assert [case.guaranteed for case in formatted] == [False, True, True] * len(claims)
    assert [case.attestation for case in formatted] == ["", "", "A"] * len(claims)


def test_number_of_an_abandoned_call_may_be_redialled_earlier_if_a_seat_is_reserved() -> None:
    for unless_guaranteed, keeps_seats, abandoned_seconds, needed in (
        (True, True, 60, True),
        (False, True, 60, False),
        (True, False, 60, False),
        (True, True, None, False),
    ):
        rules = Rules()
        lock = rules.gate.rules.profile.redial_lock.model_copy(update={"unless_agent_guaranteed": unless_guaranteed})
        profile = rules.gate.rules.profile.model_copy(update={"redial_lock": lock})
        real = Gate(replace(rules.gate.rules, profile=profile))
        rules.service._gate = real
        rules.run.spec = replace(rules.run.spec, keeps_seats=keeps_seats)
        abandoned_at = None if abandoned_seconds is None else NOON - abandoned_seconds
        claim = replace(CLAIM, facts=replace(FACTS, abandoned_at=abandoned_at))
        assert rules.service.does_call_need_reserved_seat(rules.run, claim) is needed
