"""`dialer rules explain`: the reasons why a number can or cannot be called, for each campaign."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from dialer.domain.enums import Purpose
from dialer.domain.finding import Finding, Level, make_warning_finding
from dialer.domain.model import CampaignState
from dialer.flows.texts import FALLBACK_LANGUAGE, LANGUAGE
from dialer.rules.calling_hours import get_local_midnight_before
from dialer.rules.gate import FINAL_REASONS, Case, Gate, Reason, format_weekday_and_time
from dialer.rules.polls import Area
from dialer.rules.rulebook import CertificateStatus, build_rulebook, list_polling_days
from dialer.settings.site import Settings
from dialer.settings.site_rules import load_site_profile
from dialer.settings.site_time import get_site_zone
from dialer.site.certificates import CertificatesOnDisk
from dialer.site.lookup import find_phone_numbers_of_voter, mask_phone_number
from dialer.site.polling_day import make_polling_day_plan_from_settings
from dialer.site.rules_in_force import (
    collect_site_rules,
    copy_settings_with_supervisors_calling_hours,
    load_calling_rules_at_time,
)
from dialer.store import campaign_figures, number_history, registers, voters
from dialer.store.connection import Connection
from dialer.store.number_history import NumberRecord

_PLACE_UNKNOWN = "the number's place in the campaigns' lists, which have changed since"


@dataclass(frozen=True, slots=True)
class CallExplanation:
    """Whether a number may be called for a campaign, the reasons against it, and when it may be called next."""

    number: str  # masked
    campaign: str
    allowed: bool
    reasons: tuple[str, ...]
    next_at: float | None  # time of the next possible call (epoch seconds), or None if there is none
    condition: str | None = None  # event that must precede the next call and has no known time
    unknown: tuple[str, ...] = ()  # for a past time: facts of that time that are not stored
    grounds: str = (
        ""  # for a past time: the JSON that is stored with a call placed then (`Gate.format_legal_grounds_of_decision`)
    )


def report_call_explanations(
    settings: Settings, db: Connection, who: str, at: float, *, past: bool = False
) -> Iterator[Finding]:
    """Yield for each number and campaign whether a call is possible, with the reasons, as a check result.

    The arguments are those of `explain_whether_numbers_can_be_called`.
    """
    unknown: dict[str, None] = {}
    zone = get_site_zone(settings)
    for each in explain_whether_numbers_can_be_called(settings, db, who, at, past=past):
        unknown.update(dict.fromkeys(each.unknown))
        subject = f"{each.number} in {each.campaign}"
        text = "can be called now"
        if not each.allowed:
            next_time = format_weekday_and_time(each.next_at or at, zone)
            text = f"cannot be called now; next: {_format_next_call_time(each, at, next_time)}"
        details = each.reasons
        if each.grounds:
            known = ", ".join(
                f"{name} {value}" for name, value in json.loads(each.grounds).items() if name != "verdict"
            )
            details = (*details, f"based on: {known}")
        yield Finding(Level.OK if each.allowed else Level.WARNING, subject, text, details=details)
    for name in unknown:
        yield make_warning_finding("unknown for that time, present state used", name)
    if not settings.campaigns:
        yield make_warning_finding("campaigns", "the settings have no campaigns", "give the site's settings with -c")


def count_numbers_of_each_campaign_list(settings: Settings, db: Connection, now: float) -> Iterator[Finding]:
    """Yield for each campaign how many numbers of its list are due, waiting, refused by the rules, or completed.

    The details of the result count the refused numbers by reason. `now` is in epoch seconds.
    """
    for campaign in settings.campaigns:
        total = campaign_figures.count_numbers_in_queue(db, campaign.id)
        progress = campaign_figures.read_campaign_progress(db, campaign.id, total, now)
        refused = sum(progress.refused.values())
        counts = {
            "due now": progress.remaining - progress.waiting,
            "waiting for their time": progress.waiting,
            "refused by the rules": refused,
            "completed": progress.completed,
            "reserved for a call or on a call": total - progress.remaining - refused - progress.completed,
        }
        text = f"{total:,} numbers: " + ", ".join(f"{count:,} {what}" for what, count in counts.items())
        details = tuple(f"{reason}: {count:,}" for reason, count in progress.refused.items())
        level = Level.WARNING if progress.refused.keys() - FINAL_REASONS else Level.OK
        yield Finding(level, f"list of {campaign.id}", text, details=details)


def _format_next_call_time(explained: CallExplanation, now: float, moment: str) -> str:
    if explained.next_at is None:
        return "never, unless something changes"
    if explained.condition is not None and explained.next_at <= now:
        return explained.condition
    return moment if explained.condition is None else f"{moment}, {explained.condition}"


def explain_whether_numbers_can_be_called(
    settings: Settings, db: Connection, who: str, at: float, *, past: bool = False
) -> Iterator[CallExplanation]:
    """Yield for each campaign whether the numbers of a person can be called at a time, and why not.

    `who` is a voter or a number, and `at` the time (epoch seconds); later events are ignored. With `past`, the rules in
    force at that time are used, as far as they are stored. Raises SettingError, and RollError if `who` is unknown.
    """
    rules = (
        load_calling_rules_at_time(db, settings, at)
        if past
        else collect_site_rules(load_site_profile(settings), settings)
    )
    settings = copy_settings_with_supervisors_calling_hours(rules.settings, db, at)
    imported = registers.read_registers_at_time(db, at, get_site_zone(settings))
    gate = Gate(build_rulebook(rules.profile, settings).copy_rulebook_with_registers(imported.registers))
    certificates = CertificatesOnDisk(settings, rules.profile, at)
    polling = make_polling_day_plan_from_settings(settings, list_polling_days(settings))
    since = get_local_midnight_before(gate.rules.centre_zone, at)
    booths, states = voters.read_booths(db), number_history.derive_campaign_states_at_time(db, at)
    for number in find_phone_numbers_of_voter(db, who, settings.centre.region):
        record = number_history.read_history_of_number(db, number, since, at)
        facts = replace(
            record.facts,
            registers=tuple(name for name in record.facts.registers if name in imported.names_of_imported_registers),
        )
        unknown = (
            *rules.unknown,
            *(f"the numbers in the register {name!r}, which was replaced since" for name in sorted(imported.replaced)),
            *record.missing,
        )
        booth = booths.get(record.booth_id or 0)
        area = None if booth is None else Area(booth.constituency_number, booth.closes_at)
        close = None if booth is None else polling.find_closing_time_of_booth(booth)
        language = record.language if LANGUAGE.fullmatch(record.language) else FALLBACK_LANGUAGE
        for campaign in settings.campaigns:
            certified = certificates.find_prompt_certificates_of_campaign(campaign)
            campaign_rules = rules.get_campaign_rules(campaign, certified)
            case = Case(
                campaign_rules,
                number,
                area,
                facts,
                language=language,
                asked_for=campaign.id in record.asked_for,
                rung_since_asked_at=record.asked_for.get(campaign.id),
            )
            others, due_at, never = _list_refusal_reasons(record, campaign.id, gate, at)
            state = states.get(campaign.id, CampaignState.RUNNING)
            if state is not CampaignState.RUNNING:
                others.insert(0, f"the campaign is {state.value}: an operator must resume it")
                never = True
            condition = _find_event_required_before_next_call(record, campaign.id)
            turnout = campaign_rules.purpose is Purpose.TURNOUT
            last = close - polling.last_call_seconds if turnout and close is not None else None
            if close is not None and last is not None and last <= at < close:
                moment = format_weekday_and_time(last, gate.rules.centre_zone)
                others.append(f"too late to go and vote: no turnout calls after {moment}")
            # The reasons from the lists already have the opt-out with its time and source.
            named = Reason.OPTED_OUT if record.known and record.opted_out_at is not None else None
            explained = _combine_refusal_reasons(gate, case, at, others, None if never else due_at, named)
            if last is not None and explained.next_at is not None and explained.next_at >= last:
                explained = replace(explained, next_at=None)
            if past:
                explained = replace(
                    explained,
                    grounds=gate.format_legal_grounds_of_decision(case, rules.version),
                    unknown=(
                        *unknown,
                        *_find_note_about_changed_certificates(db, case, certified, since, at),
                        *([_PLACE_UNKNOWN] if record.known and record.queues is None else []),
                    ),
                )
            yield explained if explained.next_at is None else replace(explained, condition=condition)


def _find_note_about_changed_certificates(
    db: Connection, case: Case, certified: Mapping[str, CertificateStatus], since: float, at: float
) -> Iterator[str]:
    """Yield a note if calls from `since` to `at` were made with other certificates than those now in the catalogue.

    The certificates are approvals of recordings by an authority.
    """
    stored = number_history.find_certificates_used_in_calls(db, case.campaign.campaign_id, since, at)
    if stored and not stored & {each.digest for each in certified.values()}:
        yield f"the certificates of {case.campaign.campaign_id}, because the catalogue has changed since"


def _find_event_required_before_next_call(record: NumberRecord, campaign: str) -> str | None:
    """Return the event for which the number's next call waits, such as the end of the call in progress.

    Return None if the next call waits for no event, or only for a known time.
    """
    if record.on_a_call:
        return "after the call in progress"
    if record.queues is None:
        return None
    place = record.queues.get(campaign)
    return "after the dialler's next start" if place is None or place.refused_by is not None else None


def _combine_refusal_reasons(
    gate: Gate, case: Case, now: float, others: Sequence[str], at: float | None, named: Reason | None
) -> CallExplanation:
    """Return whether a number may be called, and all reasons against it.

    `others` are reasons from the campaign's list of numbers, which apply until `at` (epoch seconds; None = forever).
    This function adds the reasons of the legal rules. It leaves out the rule `named`, because `others` has this reason
    already.
    """
    objections = gate.check_rules_before_originate(case, now).objections
    reasons = (*others, *(objection.words for objection in objections if objection.reason is not named))
    next_at = None if at is None else gate.find_next_time_call_is_allowed(case, now, at)
    return CallExplanation(mask_phone_number(case.number), case.campaign.campaign_id, not reasons, reasons, next_at)


def _list_refusal_reasons(record: NumberRecord, campaign: str, gate: Gate, now: float) -> tuple[list[str], float, bool]:
    """Return three values: why the campaign's list excludes a number, until when (epoch seconds), and whether forever."""
    if not record.known:
        return ["the number is not on the roll, so no campaign dials it"], now, True
    reasons: list[str] = []
    zone, at = gate.rules.centre_zone, now
    never = record.pending_voters == 0
    if never:
        reasons.append("no voter of the number remains to be called: all have voted or are closed")
    if record.opted_out_at is not None:
        source = record.opt_out_source or "source unknown"
        reasons.append(f"opted out on {format_weekday_and_time(record.opted_out_at, zone)} ({source})")
    if record.on_a_call:
        reasons.append("the number is on a call now")
    if record.queues is None:
        return reasons, at, never
    place = record.queues.get(campaign)
    if place is None:
        reasons.append("not in this campaign's list yet: it is added when the dialler starts")
    elif place.refused_by is not None:
        reasons.append("not in the queue since the rules refused it: it is checked again when the dialler starts")
        at = max(at, place.due_at)
    elif place.state == "closed":
        never = True
        reasons.append("completed in this campaign")
    elif place.due_at > now:
        at = place.due_at
        reasons.append(f"due again at {format_weekday_and_time(at, zone)} in this campaign")
    return reasons, at, never
