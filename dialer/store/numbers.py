"""Numbers as the rules see them: what is known of one, registers, consent, opt-outs that come from outside."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from dialer.domain.model import CampaignState
from dialer.domain.phone_facts import Consent, PhoneFacts, Register
from dialer.store import seals
from dialer.store.queues import facts_by
from dialer.store.sql import Connection
from dialer.store.untyped_sql import load_statements
from dialer.store.voters import turnout_by

SQL = load_statements("numbers")

_STATE_AFTER = {
    "pause": CampaignState.PAUSED,
    "resume": CampaignState.RUNNING,
    "stop": CampaignState.STOPPED,
    "stop-all": CampaignState.STOPPED,
}


@dataclass(frozen=True, slots=True)
class QueuePlace:
    """Where a number stands in a campaign's queue."""

    state: str  # due, claimed, dialling, closed
    due_at: float  # epoch seconds; 0: fresh
    promised: int = 0  # 1: the person asked for this call


@dataclass(frozen=True, slots=True)
class NumberRecord:
    """All that decides whether a number is called, as it was known at a moment."""

    number: str  # E.164
    known: bool  # whether it stands in the roll
    facts: PhoneFacts
    pending_voters: int
    booth_id: int | None  # of the voter whom a call would address, else of any on the number
    language: str  # of that voter, else of the booth; "": not known
    on_a_call: bool
    queues: dict[str, QueuePlace] | None  # by campaign; None: they have changed since, and were not kept
    opted_out_at: float | None
    opt_out_source: str | None
    asked_for: Mapping[
        str, float | None
    ]  # campaigns whose next call the person asked for; when the phone last rang since then
    not_kept: tuple[str, ...]  # of that moment, in words


@dataclass(frozen=True, slots=True)
class RegistersThen:
    """The do-not-call registers as they had been imported by a moment."""

    registers: tuple[Register, ...]
    replaced: frozenset[str]  # names of those whose numbers of then are not kept

    @property
    def names_kept(self) -> frozenset[str]:
        """Of those whose numbers are known."""
        return frozenset(register.name for register in self.registers) - self.replaced


@dataclass(frozen=True, slots=True)
class RulesThen:
    """The rules with which the dialler had last started by a moment."""

    since: float  # epoch seconds
    text: str  # JSON
    digest: str


def registers(db: Connection) -> list[Register]:
    """The do-not-call registers that were imported, by name."""
    return SQL["registers"].all(db, Register)


def registers_by(db: Connection, at: float, zone: ZoneInfo) -> RegistersThen:
    """Those that held at a moment (epoch seconds). Of one that a later issue has replaced, the audit still has the day."""
    found, replaced = [], set()
    imported = dict(SQL["registers_imported"].rows(db))
    for register in registers(db):
        if imported[register.name] <= at:
            found.append(register)
            continue
        issue = SQL["issue_by"].value(db, datetime.fromisoformat, name=register.name, at=at)
        if issue is not None:
            dated = issue.replace(tzinfo=zone).timestamp()
            found.append(Register(register.name, dated, 0))
            replaced.add(register.name)
    return RegistersThen(tuple(found), frozenset(replaced))


def rules_by(db: Connection, at: float) -> RulesThen | None:
    """The rules that held at a moment (epoch seconds); None: those of then are not kept."""
    return SQL["rules_by"].one(db, RulesThen, at=at)


def certificates_by(db: Connection, campaign_id: str, day_start: float, at: float) -> frozenset[str]:
    """The digests of what a campaign's calls of a day were certified by, up to a moment; empty: no call tells."""
    return frozenset(SQL["certificates_by"].values(db, str, campaign_id=campaign_id, day_start=day_start, at=at))


def number_record(db: Connection, number: str, day_start: float, at: float = math.inf) -> NumberRecord:
    """What the store knows of a number, in the roll or not, as it was at a moment (epoch seconds; infinite: as it is)."""
    row = SQL["phone"].row(db, number=number)
    phone_id, consented = (0, SQL["consent_ahead"].row(db, number=number)) if row is None else (row.phone_id, row)
    consent, consent_at = (
        (Consent.UNKNOWN.value, None) if consented is None else (consented.consent, consented.consent_at)
    )
    told = SQL["opt_out"].row(db, number=number)
    source = None if told is None else told.source
    opted_out_at = (None if told is None else told.at) or (None if row is None else row.opted_out_at)
    if opted_out_at is not None and opted_out_at > at:
        opted_out_at = source = None
    not_kept = []
    if consent_at is not None and consent_at > at:
        earlier = SQL["consent_by"].value(db, str, phone_id=phone_id, at=at)
        consent = earlier or Consent.UNKNOWN.value
        lost = SQL["consents_not_kept"].number(db, phone_id=phone_id)
        if earlier is None and (lost or row is None):
            not_kept.append("the number's consent, which was replaced since")
    voters_then = [
        (each.booth_id, each.language, turnout_by(db, each.voter_id, at) if marked_since else each.turnout)
        for each in SQL["linked_voters"].rows(db, phone_id=phone_id, at=at)
        for marked_since in [SQL["marked_since"].number(db, voter_id=each.voter_id, at=at)]
    ]
    pending = [each for each in voters_then if each[2] == "pending"]
    booth_id, language, _ = (pending or voters_then or [(None, "", "")])[0]
    calls = SQL["calls_by"].row(db, phone_id=phone_id, day_start=day_start, at=at)
    queues = None
    if not SQL["touched_since"].number(db, phone_id=phone_id, at=at):
        places = SQL["targets"].rows(db, phone_id=phone_id)
        queues = {each.campaign_id: QueuePlace(each.state, each.due_at, each.promised) for each in places}
        asked_for = frozenset(campaign for campaign, place in queues.items() if place.promised)
    else:
        last = SQL["asked_for_by"].rows(db, phone_id=phone_id, at=at)
        asked_for = frozenset(each.campaign_id for each in last if each.asked_for)
    return NumberRecord(
        number=number,
        known=row is not None,
        facts=facts_by(db, phone_id, number, consent, calls, opted_out=opted_out_at is not None),
        pending_voters=len(pending),
        booth_id=booth_id,
        language=language,
        on_a_call=bool(calls.under_way),
        queues=queues,
        opted_out_at=opted_out_at,
        opt_out_source=source,
        asked_for={
            campaign: SQL["rung_since_asked"].value(db, float, phone_id=phone_id, campaign_id=campaign, at=at)
            for campaign in asked_for
        },
        not_kept=tuple(not_kept),
    )


def campaign_states(db: Connection) -> dict[str, CampaignState]:
    """What operators asked for, by campaign."""
    return {row.campaign_id: CampaignState(row.state) for row in SQL["campaign_states"].rows(db)}


def campaign_states_by(db: Connection, at: float) -> dict[str, CampaignState]:
    """What operators had asked for by a moment (epoch seconds): as it is now where the audit has no later command."""
    states = campaign_states(db)
    then, changed = dict.fromkeys(states, CampaignState.RUNNING), set()
    for said in SQL["campaign_commands"].rows(db):
        for campaign in states if said.campaign_id is None else {said.campaign_id} & states.keys():
            if said.at <= at:
                then[campaign] = _STATE_AFTER[said.command]
            else:
                changed.add(campaign)
    return {campaign: then[campaign] if campaign in changed else state for campaign, state in states.items()}


def numbers_of_voter(db: Connection, voter_id: int) -> list[str] | None:
    """The numbers that are linked to a voter; None: there is no such voter."""
    if SQL["voter"].row(db, voter_id=voter_id) is None:
        return None
    return SQL["numbers_of_voter"].values(db, str, voter_id=voter_id)


def voters_at(db: Connection, constituency_number: int, part_number: int, serial: int) -> list[int]:
    """The voters with this place on the roll; more than one where several roll versions are kept."""
    return SQL["voter_at"].values(
        db, int, constituency_number=constituency_number, part_number=part_number, serial=serial
    )


def voters_of_epic(db: Connection, epic: str) -> list[int]:
    """The voters with this EPIC number, which is not unique across states. Reads the roll: for a person at the command line."""
    return SQL["voter_of_epic"].values(db, int, epic=epic.upper())


def phone_id_of(db: Connection, number: str) -> int | None:
    """A number's id; None: it is on no roll here."""
    return SQL["phone"].value(db, int, number=number)


def last_call(db: Connection, phone_id: int, campaign_id: str | None, at: float) -> tuple[str, str] | None:
    """Attempt and campaign of the last call placed to a number before `at` (epoch seconds), in that campaign or any; None: none."""
    row = SQL["last_call"].row(db, phone_id=phone_id, campaign_id=campaign_id, at=at)
    return None if row is None else (str(row.attempt_id), str(row.campaign_id))


def call_of(db: Connection, attempt_id: str) -> tuple[str, int] | None:
    """Campaign and number of an attempt; None: there is none."""
    row = SQL["call_of"].row(db, attempt_id=attempt_id)
    return None if row is None else (str(row.campaign_id), int(row.phone_id))


def import_register(db: Connection, name: str, numbers: Iterable[str], *, dated: float, at: float, sha256: str) -> int:
    """Put a register in the place of its earlier issue, inside a transaction; how many numbers it has."""
    SQL["put_register"](db, name=name, dated=dated, at=at, numbers=0, sha256=sha256)
    SQL["clear_register"](db, name=name)
    db.executemany(SQL["insert_registered"], ({"number": number, "name": name} for number in numbers))
    count = SQL["count_registered"].number(db, name=name)
    SQL["put_register"](db, name=name, dated=dated, at=at, numbers=count, sha256=sha256)
    seals.seal(db, seals.REGISTER, name)
    return count


def register_dated(db: Connection, name: str) -> float | None:
    """When the issue of a register that was imported is from; None: none was."""
    return SQL["dated"].value(db, float, name=name)


def set_consent(db: Connection, number: str, consent: Consent, *, source: str, at: float) -> bool:
    """Keep whether a number's owner agreed. False: it is on no roll yet, and what is kept holds once one brings it."""
    known = SQL["set_consent"](db, number=number, consent=consent.value, source=source, at=at).rowcount == 1
    if known:
        seals.seal(db, seals.CONSENT, SQL["phone"].number(db, number=number))
    else:
        SQL["keep_consent_ahead"](db, number=number, consent=consent.value, source=source, at=at)
        seals.seal(db, seals.CONSENT_AHEAD, seals.SQL["consent_ahead_id_of"].number(db, number=number))
    return known
