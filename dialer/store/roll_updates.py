"""The import of an electoral roll by the running dialler, in small steps between its other writes.

Each function is one step, and runs inside the caller's transaction.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dialer.domain.audit_chain import shorten_text_for_audit
from dialer.store import audit, opt_outs, roll
from dialer.store.audit import AuditNote
from dialer.store.roll import StoredBooth
from dialer.store.spool import SpooledRoll, SpooledVoter
from dialer.store.sql import Command, Connection, Scalar, Statements


@dataclass(frozen=True, slots=True)
class RollChange:
    """What one step of an electoral roll's import changed in the store."""

    voters: int  # added or changed
    numbers: int
    links: int
    opted_out: int


class SQL(Statements):
    set_booth = Command()
    booth_id = Scalar(int)
    set_voter = Command()
    insert_number = Command()
    insert_link = Command()
    apply_opt_out = Command()
    last_phone = Scalar(int)


def import_booths(db: Connection, booths: Sequence[StoredBooth]) -> dict[int, int]:
    """Add or update polling stations (booths) of an electoral roll. Return a map from booth ids of the roll to booth
    ids of the store.
    """
    ids = {}
    for booth in booths:
        fields = booth._asdict()
        SQL.set_booth.run_statement(db, **fields)
        ids[booth.booth_id] = SQL.booth_id.fetch_only_value(db, **fields)
    return ids


def import_voters(
    db: Connection, voters: Sequence[SpooledVoter], booth_ids: dict[int, int], secrets: Sequence[bytes]
) -> RollChange:
    """Add or update voters of an electoral roll with their phone numbers. Repeating this changes nothing.

    An empty field does not overwrite a stored one. New numbers that have opted out, here or in another centre, are
    suppressed. Opt-outs of other centres are stored as hashes of the numbers, keyed with `secrets`.
    """
    before = find_last_phone_id(db)
    rows = [
        {"booth_id": booth_ids[voter.booth_id], "serial": voter.serial, **voter.details._asdict()} for voter in voters
    ]
    pairs = [
        {"booth_id": booth_ids[voter.booth_id], "serial": voter.serial, "number": number}
        for voter in voters
        for number in voter.numbers
    ]
    change = RollChange(
        voters=SQL.set_voter.run_statement_for_each_parameter_set(db, rows),
        numbers=SQL.insert_number.run_statement_for_each_parameter_set(db, pairs),
        links=SQL.insert_link.run_statement_for_each_parameter_set(db, pairs),
        opted_out=SQL.apply_opt_out.run_statement_for_each_parameter_set(db, pairs),
    )
    opt_outs.suppress_new_opted_out_numbers(db, secrets, before)
    return change


def save_roll_import(db: Connection, note: AuditNote, spooled: SpooledRoll, change: RollChange) -> None:
    """Store that an electoral roll was imported, with its counts and an audit entry."""
    unchanged = max(0, spooled.rows - spooled.rejected - change.voters)
    figures = (spooled.rows, change.voters, change.numbers, change.links, spooled.rejected, unchanged)
    roll.record_import_of_roll_file(db, note.at, spooled.file_name, spooled.sha256, figures)
    details = {"file": shorten_text_for_audit(spooled.file_name), "sha256": spooled.sha256}
    details |= {key: text for key, text in (("source", spooled.source), ("mapping", spooled.mapping)) if text}
    audit.append_audit_entry_from_note(
        db, "roll-import", note, **details, rows=spooled.rows, voters=change.voters, numbers=change.numbers
    )


def find_last_phone_id(db: Connection) -> int:
    """Return the highest id of a phone number in the store, or 0 if there is none."""
    return SQL.last_phone.fetch_only_value(db)
