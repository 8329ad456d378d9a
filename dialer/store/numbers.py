"""Numbers as the rules see them: what is known of one, registers, consent, opt-outs that come from outside."""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from dialer.domain.model import CampaignState
from dialer.domain.phone_facts import Consent, PhoneFacts, Register
from dialer.store import seals
from dialer.store.queues import campaigns_of
from dialer.store.sql import load_statements
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
    asked_for: frozenset[str]  # campaigns whose next call the person asked for
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


def registers(db: sqlite3.Connection) -> list[Register]:
    """The do-not-call registers that were imported, by name."""
    return [Register(*row) for row in db.execute(SQL["registers"])]


def registers_by(db: sqlite3.Connection, at: float, zone: ZoneInfo) -> RegistersThen:
    """Those that held at a moment (epoch seconds). Of one that a later issue has replaced, the audit still has the day."""
    found, replaced = [], set()
    imported = dict(db.execute(SQL["registers_imported"]).fetchall())
    for register in registers(db):
        if imported[register.name] <= at:
            found.append(register)
            continue
        issue = db.execute(SQL["issue_by"], {"name": register.name, "at": at}).fetchone()
        if issue is not None:
            dated = datetime.fromisoformat(issue[1]).replace(tzinfo=zone).timestamp()
            found.append(Register(register.name, dated, 0))
            replaced.add(register.name)
    return RegistersThen(tuple(found), frozenset(replaced))


def rules_by(db: sqlite3.Connection, at: float) -> RulesThen | None:
    """The rules that held at a moment (epoch seconds); None: those of then are not kept."""
    row = db.execute(SQL["rules_by"], {"at": at}).fetchone()
    return None if row is None else RulesThen(*row)


def certificates_by(db: sqlite3.Connection, campaign_id: str, day_start: float, at: float) -> frozenset[str]:
    """The digests of what a campaign's calls of a day were certified by, up to a moment; empty: no call tells."""
    bound = {"campaign_id": campaign_id, "day_start": day_start, "at": at}
    return frozenset(digest for (digest,) in db.execute(SQL["certificates_by"], bound))


def number_record(db: sqlite3.Connection, number: str, day_start: float, at: float = math.inf) -> NumberRecord:
    """What the store knows of a number, in the roll or not, as it was at a moment (epoch seconds; infinite: as it is)."""
    row = db.execute(SQL["phone"], (number,)).fetchone()
    phone_id, phone_opted_out_at, consent, consent_at = row or (0, None, *_consent_ahead(db, number))
    told_at, source = db.execute(SQL["opt_out"], (number,)).fetchone() or (None, None)
    opted_out_at = told_at or phone_opted_out_at
    if opted_out_at is not None and opted_out_at > at:
        opted_out_at = source = None
    not_kept = []
    if consent_at is not None and consent_at > at:
        earlier = db.execute(SQL["consent_by"], {"phone_id": phone_id, "at": at}).fetchone()
        consent = Consent.UNKNOWN.value if earlier is None else earlier[0]
        lost = db.execute(SQL["consents_not_kept"], {"phone_id": phone_id}).fetchone()[0]
        if earlier is None and (lost or row is None):
            not_kept.append("the number's consent, which was replaced since")
    voters_then = [
        (booth_id, language, (turnout if not _marked_since(db, voter_id, at) else turnout_by(db, voter_id, at)))
        for voter_id, turnout, booth_id, language in db.execute(SQL["linked_voters"], {"phone_id": phone_id, "at": at})
    ]
    pending = [each for each in voters_then if each[2] == "pending"]
    booth_id, language, _ = (pending or voters_then or [(None, "", "")])[0]
    bound = {"phone_id": phone_id, "day_start": day_start, "at": at}
    attempts, talks, abandoned_at, called_at, talked_at, under_way = db.execute(SQL["calls_by"], bound).fetchone()
    where = {"phone_id": phone_id, "at": at}
    queues = None
    if not db.execute(SQL["touched_since"], where).fetchone()[0]:
        queues = {campaign: QueuePlace(*rest) for campaign, *rest in db.execute(SQL["targets"], (phone_id,))}
        asked_for = frozenset(campaign for campaign, place in queues.items() if place.promised)
    else:
        asked_for = frozenset(campaign for campaign, asked in db.execute(SQL["asked_for_by"], where) if asked)
    return NumberRecord(
        number=number,
        known=row is not None,
        facts=PhoneFacts(
            attempts,
            talks,
            abandoned_at,
            tuple(name for (name,) in db.execute(SQL["registers_of"], (number,))),
            Consent(consent),
            opted_out_at is not None,
            called_at=called_at,
            talked_at=talked_at,
            campaigns=() if talked_at is None else campaigns_of(db, phone_id),
        ),
        pending_voters=len(pending),
        booth_id=booth_id,
        language=language,
        on_a_call=bool(under_way),
        queues=queues,
        opted_out_at=opted_out_at,
        opt_out_source=source,
        asked_for=asked_for,
        not_kept=tuple(not_kept),
    )


def _marked_since(db: sqlite3.Connection, voter_id: int, at: float) -> bool:
    return bool(db.execute(SQL["marked_since"], {"voter_id": voter_id, "at": at}).fetchone()[0])


def _consent_ahead(db: sqlite3.Connection, number: str) -> tuple[str, float | None]:
    """What is known of a number that is on no roll yet, and since when."""
    row = db.execute(SQL["consent_ahead"], (number,)).fetchone()
    return (Consent.UNKNOWN.value, None) if row is None else (str(row[0]), float(row[1]))


def campaign_states(db: sqlite3.Connection) -> dict[str, CampaignState]:
    """What operators asked for, by campaign."""
    return {campaign: CampaignState(state) for campaign, state in db.execute(SQL["campaign_states"])}


def campaign_states_by(db: sqlite3.Connection, at: float) -> dict[str, CampaignState]:
    """What operators had asked for by a moment (epoch seconds): as it is now where the audit has no later command."""
    states = campaign_states(db)
    then, changed = dict.fromkeys(states, CampaignState.RUNNING), set()
    for said_at, named, command in db.execute(SQL["campaign_commands"]):
        for campaign in states if named is None else {named} & states.keys():
            if said_at <= at:
                then[campaign] = _STATE_AFTER[command]
            else:
                changed.add(campaign)
    return {campaign: then[campaign] if campaign in changed else state for campaign, state in states.items()}


def numbers_of_voter(db: sqlite3.Connection, voter_id: int) -> list[str] | None:
    """The numbers that are linked to a voter; None: there is no such voter."""
    if db.execute(SQL["voter"], (voter_id,)).fetchone() is None:
        return None
    return [number for (number,) in db.execute(SQL["numbers_of_voter"], (voter_id,))]


def voters_at(db: sqlite3.Connection, constituency_number: int, part_number: int, serial: int) -> list[int]:
    """The voters with this place on the roll; more than one where several roll versions are kept."""
    return [row[0] for row in db.execute(SQL["voter_at"], (constituency_number, part_number, serial))]


def voters_of_epic(db: sqlite3.Connection, epic: str) -> list[int]:
    """The voters with this EPIC number, which is not unique across states. Reads the roll: for a person at the command line."""
    return [row[0] for row in db.execute(SQL["voter_of_epic"], (epic.upper(),))]


def phone_id_of(db: sqlite3.Connection, number: str) -> int | None:
    """A number's id; None: it is on no roll here."""
    row = db.execute(SQL["phone"], (number,)).fetchone()
    return None if row is None else int(row[0])


def last_call(db: sqlite3.Connection, phone_id: int, campaign_id: str | None, at: float) -> tuple[str, str] | None:
    """Attempt and campaign of the last call to a number that was placed before `at` (epoch seconds), in any campaign or the one
    given; None: there is none. A call that came in is none.
    """
    row = db.execute(SQL["last_call"], (phone_id, campaign_id, at)).fetchone()
    return None if row is None else (str(row[0]), str(row[1]))


def call_of(db: sqlite3.Connection, attempt_id: str) -> tuple[str, int] | None:
    """Campaign and number of an attempt; None: there is none."""
    row = db.execute(SQL["call_of"], (attempt_id,)).fetchone()
    return None if row is None else (str(row[0]), int(row[1]))


def import_register(
    db: sqlite3.Connection, name: str, numbers: Iterable[str], *, dated: float, at: float, sha256: str
) -> int:
    """Put a register in the place of its earlier issue, inside a transaction; how many numbers it has."""
    db.execute(SQL["put_register"], (name, dated, at, 0, sha256))
    db.execute(SQL["clear_register"], (name,))
    db.executemany(SQL["insert_registered"], ((number, name) for number in numbers))
    (count,) = db.execute(SQL["count_registered"], (name,)).fetchone()
    db.execute(SQL["put_register"], (name, dated, at, count, sha256))
    return int(count)


def register_dated(db: sqlite3.Connection, name: str) -> float | None:
    """When the issue of a register that was imported is from; None: none was."""
    row = db.execute(SQL["dated"], (name,)).fetchone()
    return None if row is None else float(row[0])


def set_consent(db: sqlite3.Connection, number: str, consent: Consent, *, source: str, at: float) -> bool:
    """Keep whether a number's owner agreed, inside a transaction. False: the number is on no roll here yet, and what is kept
    holds from the moment on in which one brings it. `at`: epoch seconds.
    """
    known = db.execute(SQL["set_consent"], (number, consent.value, source, at)).rowcount == 1
    if not known:
        db.execute(SQL["keep_consent_ahead"], (number, consent.value, source, at))
    seals.consent_recorded(db, number, phone_id_of(db, number) if known else None)
    return known
