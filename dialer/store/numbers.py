"""Numbers as the rules see them: what is known of one, registers, consent, opt-outs that come from outside."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass

from dialer.domain.model import CampaignState
from dialer.domain.phone_facts import Consent, PhoneFacts, Register
from dialer.store import seals
from dialer.store.queues import phone_facts
from dialer.store.sql import load_statements

SQL = load_statements("numbers")


@dataclass(frozen=True, slots=True)
class QueuePlace:
    """Where a number stands in a campaign's queue."""

    state: str  # due, claimed, dialling, closed
    due_at: float  # epoch seconds; 0: fresh
    promised: int = 0  # 1: the person asked for this call


@dataclass(frozen=True, slots=True)
class NumberRecord:
    """All that decides whether a number is called."""

    number: str  # E.164
    known: bool  # whether it stands in the roll
    facts: PhoneFacts
    pending_voters: int
    booth_id: int | None  # of the voter whom a call would address, else of any on the number
    language: str  # of that voter, else of the booth; "": not known
    on_a_call: bool
    queues: dict[str, QueuePlace]  # by campaign
    opted_out_at: float | None
    opt_out_source: str | None


def registers(db: sqlite3.Connection) -> list[Register]:
    """The do-not-call registers that were imported."""
    return [Register(*row) for row in db.execute(SQL["registers"])]


def number_record(db: sqlite3.Connection, number: str, day_start: float) -> NumberRecord:
    """What the store knows of a number, in the roll or not."""
    opted_out_at, source = db.execute(SQL["opt_out"], (number,)).fetchone() or (None, None)
    row = db.execute(SQL["phone"], (number,)).fetchone()
    phone_id, phone_opted_out_at, consent = row or (0, None, _consent_ahead(db, number))
    opted_out_at = opted_out_at or phone_opted_out_at
    pending = db.execute(SQL["addressed"], (phone_id,)).fetchone()
    booth_id, language = (pending[2:] if pending else db.execute(SQL["a_booth"], (phone_id,)).fetchone()) or (None, "")
    return NumberRecord(
        number=number,
        known=row is not None,
        facts=phone_facts(db, phone_id, number, consent, day_start, opted_out=opted_out_at is not None),
        pending_voters=pending[1] if pending else 0,
        booth_id=booth_id,
        language=language,
        on_a_call=bool(db.execute(SQL["on_a_call"], (phone_id,)).fetchone()[0]),
        queues={campaign: QueuePlace(*rest) for campaign, *rest in db.execute(SQL["targets"], (phone_id,))},
        opted_out_at=opted_out_at,
        opt_out_source=source,
    )


def _consent_ahead(db: sqlite3.Connection, number: str) -> str:
    """What is known of a number that is on no roll yet."""
    row = db.execute(SQL["consent_ahead"], (number,)).fetchone()
    return Consent.UNKNOWN.value if row is None else str(row[0])


def campaign_states(db: sqlite3.Connection) -> dict[str, CampaignState]:
    """What operators asked for, by campaign."""
    return {campaign: CampaignState(state) for campaign, state in db.execute(SQL["campaign_states"])}


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
