"""Opt-outs: numbers that are never called again. They come from calls, lists and other centres.

Functions run inside the caller's transaction.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dialer.domain.errors import NotInStore, StoreError
from dialer.domain.model import AttemptId
from dialer.domain.results import Encode, OptOut
from dialer.rules.number_hash import hash_number
from dialer.store import audit, number_hashes, targets
from dialer.store.audit import AuditNote
from dialer.store.outbox import add_result_to_outbox
from dialer.store.sql import Command, Connection, Scalar, Statements


@dataclass(frozen=True, slots=True)
class OptOutEffect:
    """The changes that a list of opt-outs made in the store."""

    new: int  # numbers that were not suppressed before
    phones: tuple[int, ...]  # those of them that are on the roll: cancel ringing calls to them


class SQL(Statements):
    mark_phone = Command()
    phone_exists = Scalar(bool)
    phone_id_of = Scalar(int)
    insert_for_phone = Command()
    insert_for_number = Command()
    insert_hash = Command()


def save_opt_out(
    db: Connection,
    encode: Encode | None,
    phone_id: int,
    *,
    at: float,
    source: str,
    attempt_id: AttemptId | None = None,
    announced_source: str | None = None,
) -> bool:
    """Store that a number on the electoral roll has opted out, so that no campaign calls it.

    Return True if the opt-out is new, False if the number had opted out before. `announced_source`, if given, replaces
    `source` in the MQTT message that announces the opt-out. Raises StoreError if the number is not in the store.
    """
    if SQL.mark_phone.run_statement(db, phone_id=phone_id, at=at) == 0:
        if not SQL.phone_exists.fetch_only_value(db, phone_id=phone_id):
            raise StoreError(
                f"The store has no phone number with the id {phone_id}, so the opt-out was not saved. Check the id."
            )
        return False
    SQL.insert_for_phone.run_statement(db, phone_id=phone_id, at=at, source=source, attempt_id=attempt_id)
    targets.close_number_in_all_queues(db, phone_id)
    if encode is not None:
        hashed = number_hashes.compute_number_hash(db, phone_id)
        add_result_to_outbox(db, encode, OptOut(phone_id, at, announced_source or source, attempt_id, hashed), at)
    return True


def suppress_phone_number(
    db: Connection,
    encode: Encode | None,
    number: str,
    *,
    at: float,
    source: str,
    number_hash: str | None = None,
) -> bool:
    """Suppress a phone number (E.164), whether it is on the electoral roll or not: it is never called again.

    Return True if the number was not suppressed before. Other centres are notified of the opt-out if `number_hash`, the
    keyed hash of the number, is given.
    """
    phone_id = SQL.phone_id_of.fetch_first_value(db, number=number)
    if phone_id is not None:
        new = save_opt_out(db, None, phone_id, at=at, source=source)
    else:
        new = SQL.insert_for_number.run_statement(db, number=number, at=at, source=source) == 1
    if new and number_hash is not None:
        add_result_to_outbox(db, encode, OptOut(None, at, source, number_hash=number_hash), at)
    return new


def suppress_list_of_phone_numbers(
    db: Connection,
    encode: Encode | None,
    numbers: Sequence[str],
    secret: bytes | None,
    source: str,
    note: AuditNote,
) -> OptOutEffect:
    """Suppress a list of numbers (E.164), so that they are never called. Append an audit entry.

    New opt-outs are announced to other centres, hashed with `secret`.
    """
    new, phones = 0, []
    for number in numbers:
        hashed = None if secret is None else hash_number(secret, number)
        if suppress_phone_number(db, encode, number, at=note.at, source=source, number_hash=hashed):
            new += 1
            phones += SQL.phone_id_of.fetch_all_values(db, number=number)
    what = {"source": source, **note.what, "numbers": str(len(numbers)), "fresh": str(new)}
    audit.append_entry(db, "opt-out-import", note.who, what, note.at)
    return OptOutEffect(new, tuple(phones))


def save_opt_out_of_other_centre(db: Connection, number_hash: str, *, at: float, centre: str) -> int | None:
    """Store an opt-out that another centre has sent, and suppress its number on this centre's electoral roll.

    Return the id of the number, or None if the number is not on the roll or was suppressed before. A number that comes
    onto the roll later is suppressed when it is imported.
    """
    _insert_opt_out_hash(db, number_hash, at, centre)
    phone_id = number_hashes.find_number_with_hash(db, number_hash)
    return phone_id if phone_id is not None and suppress_number_opted_out_elsewhere(db, phone_id, at, centre) else None


def save_hashed_opt_outs(
    db: Connection,
    encode: Encode | None,
    hashes: Sequence[str],
    note: AuditNote,
    *,
    fingerprint: str,
    centre: str,
    source: str,
) -> OptOutEffect:
    """Suppress the numbers with these hashes, all or none, so that they are never called. Append an audit entry.

    New opt-outs are announced by MQTT. A hash without a number on the electoral roll is stored as an opt-out of
    `centre`. A repeat only adds an audit entry. Raises NotInStore if no shared secret has this `fingerprint`, because
    the hashes would match no number.
    """
    if fingerprint not in number_hashes.read_ids_of_shared_secrets(db):
        raise NotInStore(
            "The opt-outs were hashed with a secret that the dialler does not have, so none was saved. Set "
            "`rules.opt_out_secret` to the same value for the import and for the dialler, restart the dialler, "
            "then import again."
        )
    count, phones = 0, []
    for hashed in hashes:
        is_new = _insert_opt_out_hash(db, hashed, note.at, centre)
        phone_id = number_hashes.find_number_with_hash(db, hashed)
        if phone_id is not None:
            is_new = save_opt_out(db, None, phone_id, at=note.at, source=source)
            phones += [phone_id] if is_new else []
        if is_new:
            add_result_to_outbox(db, encode, OptOut(None, note.at, source, number_hash=hashed), note.at)
        count += is_new
    audit.append_audit_entry_from_note(db, "opt-out-import", note, source=source, numbers=len(hashes), fresh=count)
    return OptOutEffect(count, tuple(phones))


def suppress_new_opted_out_numbers(db: Connection, secrets: Sequence[bytes], after: int) -> None:
    """Suppress new numbers on the electoral roll (ids above `after`) that have opted out in other centres.

    The opt-outs of other centres are known as hashes only, so the new numbers are first hashed with all `secrets`.
    """
    for secret in secrets:
        number_hashes.hash_next_page_of_phone_numbers(db, secret, after)
    for each in number_hashes.find_new_numbers_opted_out_elsewhere(db, after):
        suppress_number_opted_out_elsewhere(db, each.phone_id, each.at, each.centre)


def suppress_roll_numbers_opted_out_elsewhere(db: Connection) -> int:
    """Suppress the electoral roll's phone numbers that have opted out in other centres, and return how many.

    Call it once the numbers are hashed.
    """
    number_hashes.create_index_of_number_hashes(db)
    found = number_hashes.find_numbers_opted_out_elsewhere(db)
    return sum(suppress_number_opted_out_elsewhere(db, each.phone_id, each.at, each.centre) for each in found)


def suppress_number_opted_out_elsewhere(db: Connection, phone_id: int, at: float, centre: str) -> bool:
    """Suppress a phone number of the electoral roll that opted out in another centre.

    Return True if the number was not suppressed before.
    """
    return save_opt_out(db, None, phone_id, at=at, source=f"centre {centre}")


def _insert_opt_out_hash(db: Connection, number_hash: str, at: float, centre: str) -> bool:
    """Store the hash of an opt-out in another centre, and return whether it is new."""
    return SQL.insert_hash.run_statement(db, number_hash=number_hash, at=at, centre=centre) == 1
