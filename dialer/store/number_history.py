"""The facts about a number, a campaign and the calling rules at an earlier time, to explain whether a call was allowed then."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from dialer.domain.model import CampaignState
from dialer.domain.phone_facts import Consent, PhoneFacts
from dialer.store.attempts import CampaignAndPhone
from dialer.store.campaigns import read_campaign_states
from dialer.store.marks import derive_voter_status_at_time
from dialer.store.number_facts import CallsOfNumber, compute_number_facts_for_calling_rules
from dialer.store.sql import Connection, Query, Scalar, Statements

_STATE_AFTER = {
    "pause": CampaignState.PAUSED,
    "resume": CampaignState.RUNNING,
    "stop": CampaignState.STOPPED,
    "stop-all": CampaignState.STOPPED,
}


@dataclass(frozen=True, slots=True)
class QueuePlace:
    """The state of a number in a campaign's queue: when it is due, whether its call was promised, why it was refused."""

    state: str  # due, claimed, dialling, closed
    due_at: float  # epoch seconds; 0: fresh
    promised: int = 0  # 1: the person asked for this call
    refused_by: str | None = None  # the reason of the rules that keeps it out of the queue


@dataclass(frozen=True, slots=True)
class NumberRecord:
    """All facts that decided at a given time whether a number could be called. Times are epoch seconds."""

    number: str  # E.164
    known: bool  # whether it is on the roll
    facts: PhoneFacts
    pending_voters: int
    booth_id: int | None  # of the voter whom a call would address, or of any on the number
    language: str  # of that voter, or of the booth; "": unknown
    on_a_call: bool
    queues: dict[str, QueuePlace] | None  # by campaign; None: they have changed since
    opted_out_at: float | None
    opt_out_source: str | None
    asked_for: Mapping[
        str, float | None
    ]  # by campaign with a promised call: when the phone last rang since the promise
    missing: tuple[str, ...]  # what is no longer stored of that time, in words


@dataclass(frozen=True, slots=True)
class RulesAt:
    """The calling rules that were in force at a given time."""

    since: float  # epoch seconds
    text: str  # JSON
    digest: str


class PhoneRow(NamedTuple):
    """A phone number on the electoral roll."""

    phone_id: int
    opted_out_at: float | None
    consent: str
    consent_at: float | None


class ConsentAhead(NamedTuple):
    """A consent to be called that was stored for a phone number before the number was on the electoral roll."""

    consent: str
    consent_at: float


class OptOut(NamedTuple):
    """The time and source of a number's opt-out."""

    at: float
    source: str


class LinkedVoter(NamedTuple):
    """A voter who is linked to a number."""

    voter_id: int
    turnout: str
    booth_id: int
    language: str


class TargetOfNumber(NamedTuple):
    """The state of a number in a campaign's queue (target)."""

    campaign_id: str
    state: str
    due_at: float
    promised: int
    refused_by: str | None


class AskedFor(NamedTuple):
    """Whether the owner of a phone number asked for the campaign's next call to it."""

    campaign_id: str
    asked_for: int | None


class CampaignCommand(NamedTuple):
    """A command that changed the state of one campaign, or of all campaigns if `campaign_id` is None."""

    at: float
    campaign_id: str | None
    command: str


class CallingHoursCommand(NamedTuple):
    """A supervisor's command that set a campaign's calling hours, or reset them if `hours` is None."""

    campaign_id: str
    hours: str | None


class CallOfNumber(NamedTuple):
    """An attempt to call a number, and the campaign that made the attempt."""

    attempt_id: str
    campaign_id: str


class SQL(Statements):
    phone = Query(PhoneRow)
    consent_ahead = Query(ConsentAhead)
    opt_out = Query(OptOut)
    linked_voters = Query(LinkedVoter)
    marked_since = Scalar(bool)
    calls_until = Query(CallsOfNumber)
    was_on_a_call = Scalar(bool)
    changed_since = Scalar(bool)
    targets = Query(TargetOfNumber)
    rung_since_asked_at = Scalar(float)
    asked_for = Query(AskedFor)
    earlier_consent = Scalar(str)
    lost_consents = Scalar(bool)
    campaign_commands = Query(CampaignCommand)
    calling_hours_commands = Query(CallingHoursCommand)
    rules_at = Query(RulesAt)
    certificates_used = Scalar(str)
    last_call = Query(CallOfNumber)
    campaign_and_phone = Query(CampaignAndPhone)


def read_history_of_number(db: Connection, number: str, day_start: float, at: float = math.inf) -> NumberRecord:
    """Return the facts that decided at the time `at` (epoch seconds; infinity = now) whether a number could be called.

    The number need not be on the electoral roll.
    """
    row = SQL.phone.fetch_first_row(db, number=number)
    phone_id = 0 if row is None else row.phone_id
    consent, missing = _find_consent_at_time(db, number, row, at)
    opted_out_at, source = _find_opt_out_at_time(db, number, row, at)
    voters = _list_voters_of_number_at_time(db, phone_id, at)
    pending = [each for each in voters if each.turnout == "pending"]
    addressed = next(iter(pending or voters), None)
    calls = SQL.calls_until.fetch_only_row(db, phone_id=phone_id, day_start=day_start, at=at)
    queues: dict[str, QueuePlace] | None = None
    if SQL.changed_since.fetch_only_value(db, phone_id=phone_id, at=at):
        asked_for = {
            each.campaign_id for each in SQL.asked_for.iterate_rows(db, phone_id=phone_id, at=at) if each.asked_for
        }
    else:
        places = SQL.targets.iterate_rows(db, phone_id=phone_id)
        queues = {
            each.campaign_id: QueuePlace(each.state, each.due_at, each.promised, each.refused_by) for each in places
        }
        asked_for = {campaign for campaign, place in queues.items() if place.promised}
    return NumberRecord(
        number=number,
        known=row is not None,
        facts=compute_number_facts_for_calling_rules(
            db, phone_id, number, consent, calls, opted_out=opted_out_at is not None, at=at
        ),
        pending_voters=len(pending),
        booth_id=None if addressed is None else addressed.booth_id,
        language="" if addressed is None else addressed.language,
        on_a_call=SQL.was_on_a_call.fetch_only_value(db, phone_id=phone_id, at=at),
        queues=queues,
        opted_out_at=opted_out_at,
        opt_out_source=source,
        asked_for={
            campaign: SQL.rung_since_asked_at.fetch_first_value(db, phone_id=phone_id, campaign_id=campaign, at=at)
            for campaign in asked_for
        },
        missing=missing,
    )


def _find_consent_at_time(db: Connection, number: str, row: PhoneRow | None, at: float) -> tuple[str, tuple[str, ...]]:
    """Return the consent to be called that a number had at the time `at`, and sentences about missing facts.

    If that consent was overwritten later and is lost, the consent is UNKNOWN, and a sentence says so.
    """
    found = SQL.consent_ahead.fetch_first_row(db, number=number) if row is None else row
    if found is None:
        return Consent.UNKNOWN.value, ()
    if found.consent_at is None or found.consent_at <= at:
        return found.consent, ()
    phone_id = 0 if row is None else row.phone_id
    earlier = SQL.earlier_consent.fetch_first_value(db, phone_id=phone_id, at=at)
    if earlier is not None:
        return earlier, ()
    is_lost = row is None or SQL.lost_consents.fetch_only_value(db, phone_id=phone_id)
    return Consent.UNKNOWN.value, ("the number's consent, which was replaced since",) if is_lost else ()


def _find_opt_out_at_time(
    db: Connection, number: str, row: PhoneRow | None, at: float
) -> tuple[float | None, str | None]:
    """Return the time and the source of a number's opt-out. Both are None if the number had not opted out by the time
    `at`.
    """
    found = SQL.opt_out.fetch_first_row(db, number=number)
    opted_out_at = None if row is None else row.opted_out_at
    if found is not None:
        opted_out_at = found.at or opted_out_at
    if opted_out_at is not None and opted_out_at > at:
        return None, None
    return opted_out_at, None if found is None else found.source


def _list_voters_of_number_at_time(db: Connection, phone_id: int, at: float) -> list[LinkedVoter]:
    """Return the voters who are linked to a number, with the turnout status that each had at a time."""
    return [
        each._replace(turnout=derive_voter_status_at_time(db, each.voter_id, at))
        if SQL.marked_since.fetch_only_value(db, voter_id=each.voter_id, at=at)
        else each
        for each in SQL.linked_voters.iterate_rows(db, phone_id=phone_id, at=at)
    ]


def derive_campaign_states_at_time(db: Connection, at: float) -> dict[str, CampaignState]:
    """Return the state (running, paused or stopped) that operators had set for each campaign by a time (epoch seconds).

    A campaign whose state no command has changed since that time has its present state.
    """
    states = read_campaign_states(db)
    then, changed = dict.fromkeys(states, CampaignState.RUNNING), set()
    for each in SQL.campaign_commands.iterate_rows(db):
        for campaign in states if each.campaign_id is None else {each.campaign_id} & states.keys():
            if each.at <= at:
                then[campaign] = _STATE_AFTER[each.command]
            else:
                changed.add(campaign)
    return {campaign: then[campaign] if campaign in changed else state for campaign, state in states.items()}


def read_calling_hours_set_by_supervisors(db: Connection, at: float) -> dict[str, str]:
    """Return the calling hours that supervisors had set by a time (epoch seconds), such as `09:00-13:00, 14:00-18:00`, by
    campaign. Campaigns with the hours of the settings are left out.
    """
    newest = {each.campaign_id: each.hours for each in SQL.calling_hours_commands.iterate_rows(db, at=at)}
    return {campaign: hours for campaign, hours in newest.items() if hours is not None}


def read_rules_in_force_at_time(db: Connection, at: float) -> RulesAt | None:
    """Return the calling rules in force at a time (epoch seconds), or None if they are not stored."""
    return SQL.rules_at.fetch_first_row(db, at=at)


def find_certificates_used_in_calls(db: Connection, campaign_id: str, day_start: float, at: float) -> frozenset[str]:
    """Return the digests of the certificates (approvals of recorded messages) that a campaign's calls relied on.

    Only calls from `day_start` to `at` (epoch seconds) count.
    """
    return frozenset(SQL.certificates_used.fetch_all_values(db, campaign_id=campaign_id, day_start=day_start, at=at))


def find_last_call_to_number(db: Connection, phone_id: int, campaign_id: str | None, at: float) -> CallOfNumber | None:
    """Return the last outbound call to a number until a time (epoch seconds), of one campaign or of any campaign.

    Return None if there was none.
    """
    return SQL.last_call.fetch_first_row(db, phone_id=phone_id, campaign_id=campaign_id, at=at)


def find_campaign_and_phone_of_attempt(db: Connection, attempt_id: str) -> CampaignAndPhone | None:
    """Return the campaign and the called number of a call attempt, or None if there is no such attempt."""
    return SQL.campaign_and_phone.fetch_first_row(db, attempt_id=attempt_id)
