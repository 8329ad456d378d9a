"""Check whether the rules allow a call: before it is stored, before it is sent to the switch, and when it is answered.

The facts about a number (such as its last call) were read from the store when the number was reserved for dialling.
Later calls and opt-outs are added from memory.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import replace

import structlog

from dialer.domain.alerts import AlertKind
from dialer.domain.model import AttemptId, Claim, OpenAttempt
from dialer.domain.phone_facts import CallIntervals, PhoneFacts, Register
from dialer.engine.alerts.state import Alerts
from dialer.engine.calls.live_calls import LiveCalls
from dialer.engine.calls.state import Call
from dialer.engine.campaigns.runs import CampaignRun, CampaignRuns
from dialer.engine.core import Core
from dialer.engine.placing.number_memory import NumberMemory
from dialer.engine.plan import CertificateLookup
from dialer.engine.turnout.polls import Polls
from dialer.flows.texts import FALLBACK_LANGUAGE, LANGUAGE
from dialer.rules.gate import Case, Gate, Reason, Ruling
from dialer.rules.polls import Area
from dialer.rules.rulebook import CampaignRules

_log = structlog.get_logger(__name__)

REST_SECONDS = 86_400.0
"""A postponed number is checked again after this time if the end of the reason cannot be foreseen."""
_MISSING_DATA = {
    Reason.NO_CONSENT: AlertKind.RULES_NO_CONSENT,
    Reason.NO_POLL: AlertKind.RULES_POLL_UNKNOWN,
    Reason.NO_CLOSE: AlertKind.RULES_CLOSE_OF_POLL_UNKNOWN,
    Reason.NO_ZONE: AlertKind.RULES_TIME_ZONE_UNKNOWN,
    Reason.NOTHING_KNOWN: AlertKind.RULES_NOTHING_KNOWN,
    Reason.CALLER_ID: AlertKind.RULES_CALLER_ID,
    Reason.RETENTION: AlertKind.RULES_RETENTION,
}
"""Refusals because of missing data, and the alert that asks somebody to supply it."""
MOST_GROUNDS = 10_000
_PLACED_BEFORE = PhoneFacts(attempts_today=0, conversations_today=0, abandoned_at=None)


class Eligibility:
    """Decides by the calling rules whether a call is allowed, with all facts known now."""

    def __init__(
        self,
        core: Core,
        alerts: Alerts,
        calls: LiveCalls,
        runs: CampaignRuns,
        polls: Polls,
        numbers: NumberMemory,
        certified: CertificateLookup,
    ) -> None:
        """Create the service. `certified` returns the certificates of the recordings in a campaign's IVR flow."""
        self._core = core
        self._alerts = alerts
        self._calls = calls
        self._runs = runs
        self._polls = polls
        self._numbers = numbers
        self._gate = self._core.plan.gate
        self._campaigns: dict[
            str, CampaignRules
        ] = {}  # includes campaigns removed from the settings, for their last calls
        self._certified = certified
        self._cases: dict[AttemptId, Case] = {}
        self._areas: frozenset[Area] = frozenset()
        self._rules_version = ""
        self._grounds: dict[Hashable, str] = {}
        self._campaign_rulings: dict[str, tuple[int, CampaignRules, Ruling]] = {}
        self.apply_calling_rules_of_settings()

    def find_call_limits_of_campaign(self, run: CampaignRun) -> tuple[int, int | None, CallIntervals]:
        """Return the limits on calls to one phone number in a campaign.

        They are: the most attempts per day, the most conversations per day (None = no limit), and the minimum intervals
        between calls.
        """
        book, rules = self._gate.rules, self._find_rules_of_campaign(run)
        return (
            book.get_daily_cap_on_attempts(rules),
            book.get_daily_cap_on_conversations(rules),
            book.get_minimum_call_intervals(rules),
        )

    def apply_calling_rules_of_settings(self) -> None:
        """Apply the calling rules of the current settings. Calls of removed campaigns keep the rules that they had."""
        plan = self._core.plan
        self._rules_version = plan.rules_version
        self._gate = Gate(plan.gate.rules.copy_rulebook_with_registers(self._gate.rules.registers))
        self._campaigns.update((each.rules.campaign_id, each.rules) for each in plan.campaigns.values())
        self._campaign_rulings.clear()
        self._grounds.clear()

    def find_legal_grounds_for_call(
        self, run: CampaignRun, claim: Claim, attestation: str, *, guaranteed: bool
    ) -> tuple[str, float | None]:
        """Return the legal grounds (JSON) of a call that was just allowed, and the seconds since the last call.

        The seconds are None if the number was never called. `attestation` is the trunk's STIR/SHAKEN attestation.
        `guaranteed` is True if an agent's seat is reserved for the call.
        """
        case = replace(self._collect_facts_for_rule_check(run, claim, guaranteed=guaranteed), attestation=attestation)
        facts, rules = case.facts, case.campaign
        certified = rules.certified.get(case.language) if rules.plays_recorded_voice else None
        known = None if facts is None else (facts.consent, facts.registers)
        key = (
            rules.campaign_id,
            self._gate.rules.find_time_zones_of_number(case.number),
            known,
            certified and certified.digest,
            case.asked_for,
            guaranteed,
            attestation,
        )
        text = self._grounds.get(key)
        if text is None:
            if len(self._grounds) >= MOST_GROUNDS:
                self._grounds.clear()
            text = self._grounds[key] = self._gate.format_legal_grounds_of_decision(case, self._rules_version)
        called_at = None if facts is None else facts.called_at
        return text, None if called_at is None else max(self._core.clock.now() - called_at, 0.0)

    def load_dnc_registers_and_open_calls(
        self, registers: Iterable[Register], open_attempts: Iterable[OpenAttempt]
    ) -> None:
        """Load the imported do-not-call registers, and the calls of an earlier run that may still be answered."""
        self._gate = Gate(self._gate.rules.copy_rulebook_with_registers(tuple(registers)))
        self._grounds.clear()
        self.load_polling_areas()
        for attempt in open_attempts:
            if attempt.campaign_id in self._campaigns:
                rules, area = self._campaigns[attempt.campaign_id], self._find_polling_area_of_booth(attempt.booth_id)
                self._cases[attempt.attempt_id] = Case(
                    rules,
                    attempt.number,
                    area,
                    _PLACED_BEFORE,
                    language=self._find_language_of_voter("", attempt.booth_id),
                )

    def load_polling_areas(self) -> None:
        """Load the polling areas of the electoral roll's booths, at the start and after the import of a roll."""
        self._areas = frozenset(
            Area(booth.constituency_number, booth.closes_at) for booth in self._polls.booths.values()
        )

    # Rulings

    def check_rules_for_campaign(self, run: CampaignRun) -> Ruling:
        """Return whether the rules allow a campaign to call anybody now. The result is cached for a second. In
        addition, each call is checked on its own.
        """
        now, rules = self._core.clock.now(), self._find_rules_of_campaign(run)
        second, asked_of, ruling = self._campaign_rulings.get(rules.campaign_id, (-1, None, None))
        if ruling is None or second != int(now) or asked_of is not rules:
            ruling = self._gate.check_rules_for_campaign(rules, now, self._areas)
            self._campaign_rulings[rules.campaign_id] = (int(now), rules, ruling)
        return ruling

    def does_call_need_reserved_seat(self, run: CampaignRun, claim: Claim) -> bool:
        """Return whether a seat must be reserved for a call before it is dialled.

        This is so if the number is locked after an abandoned call, the rules allow calls to it only with a guaranteed
        agent, and the campaign can reserve seats.
        """
        rules, facts = self._gate.rules, self._update_facts_of_reserved_number(claim.facts, claim.phone_id)
        exception = rules.profile.redial_lock.unless_agent_guaranteed and run.spec.keeps_seats
        return exception and self._gate.find_end_of_redial_lock(facts, self._core.clock.now()) is not None

    def check_rules_for_reserved_number(self, run: CampaignRun, claim: Claim, *, guaranteed: bool = False) -> Ruling:
        """Return whether the rules allow a call to a reserved number now. If they do not, count the refusal.

        `guaranteed` says that an agent's seat is reserved for the call. Some laws allow a new call after an abandoned
        one only then.
        """
        case = self._collect_facts_for_rule_check(run, claim, guaranteed=guaranteed)
        return self._count_and_log_refusals(run, self._gate.check_rules_before_originate(case, self._core.clock.now()))

    def check_rules_before_originate(
        self, run: CampaignRun, claim: Claim, attempt_id: AttemptId, caller_id: str, *, guaranteed: bool = False
    ) -> Ruling:
        """Return whether the rules allow a call to be sent to the switch now. If they do not, count the refusal."""
        case = self._collect_facts_for_rule_check(run, claim, caller_id, guaranteed=guaranteed)
        ruling = self._gate.check_rules_before_originate(case, self._core.clock.now())
        if ruling.is_call_allowed:
            self._cases[attempt_id] = case
        return self._count_and_log_refusals(run, ruling)

    def do_rules_allow_connecting_answered_call(self, call: Call) -> bool:
        """Return whether the rules allow an answered call to be connected to an agent or its IVR flow. If they do not,
        count the refusal.
        """
        if call.inbound:  # inbound calls may always be answered: the rules are about outbound calls
            return True
        run = self._runs[call.campaign_id]
        case = self._cases.get(call.attempt_id)
        if case is None:  # a call without a case: it is unknown whether the gate allowed it
            case = Case(self._find_rules_of_campaign(run), "", self._find_polling_area_of_booth(call.booth_id), None)
        case = replace(
            case,
            campaign=self._find_rules_of_campaign(run),
            facts=self._update_facts_of_reserved_number(case.facts, call.phone_id),
        )
        return self._count_and_log_refusals(
            run, self._gate.check_rules_before_connecting_agent(case, self._core.clock.now())
        ).is_call_allowed

    def discard_facts_about_ended_calls(self) -> None:
        """Discard the stored facts about the numbers of calls that have ended."""
        live = self._calls
        self._cases = {attempt_id: case for attempt_id, case in self._cases.items() if attempt_id in live}

    # Facts

    def _collect_facts_for_rule_check(
        self, run: CampaignRun, claim: Claim, caller_id: str | None = None, *, guaranteed: bool
    ) -> Case:
        return Case(
            self._find_rules_of_campaign(run),
            claim.number,
            self._find_polling_area_of_booth(claim.booth_id),
            self._update_facts_of_reserved_number(claim.facts, claim.phone_id),
            caller_id,
            self._find_language_of_voter(claim.language, claim.booth_id),
            guaranteed,
            asked_for=claim.promised,
        )

    def _find_rules_of_campaign(self, run: CampaignRun) -> CampaignRules:
        """Return the campaign's calling rules, with its present calling hours and the present certificates of its
        recordings. Both are looked up each time: supervisors change the hours, and call flows and recordings may be
        reloaded.
        """
        rules = self._campaigns[run.spec.campaign_id]
        if rules.hours is not run.calling_hours:
            rules = self._campaigns[run.spec.campaign_id] = replace(rules, hours=run.calling_hours)
        if run.spec.flow is None or rules.purpose not in self._gate.rules.profile.certificate.needed_for:
            return rules
        certified = self._certified(rules.campaign_id, run.spec.flow)
        if certified is not rules.certified:
            run.recheck_refused_numbers()
            rules = self._campaigns[run.spec.campaign_id] = replace(rules, certified=certified)
        return rules

    def _find_language_of_voter(self, language: str, booth_id: int) -> str:
        """Return the language in which recordings are played to a voter; the fallback language if none is known."""
        booth = self._polls.booths.get(booth_id)
        spoken = language or (booth.language if booth is not None else "")
        return spoken if LANGUAGE.fullmatch(spoken) else FALLBACK_LANGUAGE

    def _find_polling_area_of_booth(self, booth_id: int) -> Area | None:
        booth = self._polls.booths.get(booth_id)
        return None if booth is None else Area(booth.constituency_number, booth.closes_at)

    def _update_facts_of_reserved_number(self, facts: PhoneFacts | None, phone_id: int) -> PhoneFacts | None:
        """Return the facts about a reserved number, updated with all calls and opt-outs since it was reserved."""
        if facts is None:
            return None
        return self._numbers.update_facts_of_reserved_number(facts, phone_id, tuple(self._campaigns))

    def _count_and_log_refusals(self, run: CampaignRun, ruling: Ruling) -> Ruling:
        for objection in ruling.objections:
            known = objection.reason.value in run.refused
            run.refused[objection.reason.value] += 1
            if not known:
                _log.warning(
                    "number.refused",
                    campaign=run.spec.campaign_id,
                    reason=objection.reason.value,
                    words=objection.words,
                )
                if (alert := _MISSING_DATA.get(objection.reason)) is not None:
                    self._alerts.raise_alert(alert, campaign=run.spec.campaign_id)
        return ruling
