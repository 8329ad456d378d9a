"""Seals: proof that attempts, marks, opt-outs and consents are as they were written.

Whatever writes such a row seals it in the same transaction: the seal is a digest of the row, stored by the row's id.
Batches of seals enter the audit's hash chain: an entry `seal` has the hash of all seals since the one before. So a row
that another program changed, removed or added does not match its seal; a changed seal does not match its batch; a
changed entry breaks the chain; and a chain that was rewritten does not match a head that was noted elsewhere (announced
on MQTT, `results/audit-heads`).

A seal outlives an erasure, so nothing in it identifies a person: rows are named by ids, and where a number is part of a
row, its seal has a random salt, which the erasure removes. Seals that are in no batch yet (for some seconds) are not
chained.

The status of voters is not sealed: it follows from the sealed marks, and a verification derives it again.

Functions run inside a transaction. Verification is in `seal_verification.py`.
"""

from __future__ import annotations

import hashlib
import json
import os
import struct
import time
import zlib
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from dialer.domain.audit_chain import AuditHead
from dialer.domain.errors import StoreError
from dialer.store import audit, sealed_rows
from dialer.store.sealed_rows import (
    ATTEMPT,
    CONSENT,
    CONSENT_AHEAD,
    ENTITIES,
    FIRST_ENTITIES,
    OPT_OUT,
    OPT_OUT_HASH,
    REGISTER,
    Entity,
    SealedAttempt,
    SealedRow,
    read_row,
    read_rows,
)
from dialer.store.sql import Command, Connection, Query, Scalar, Statements, transaction

AUDIT_KIND = "seal"
"""The kind of audit entries that chain a batch of seals."""
AUDIT_NAME = "store"
OPEN, TALK, END, AFTER_END = "open", "talk", "end", "said"
"""The kinds of an attempt's seals: when it is opened, at a disposition during the call, at its end, at a disposition after it."""
NEW, AGAIN, REMOVED, ERASED = "new", "again", "gone", "erased"


class SealRow(NamedTuple):
    """A seal as it is stored. `checks` has two bytes for each field, which show the field that was changed."""

    seal_id: int
    entity: str
    row_id: int | str
    kind: str
    digest: bytes
    checks: bytes


class TakenConsent(NamedTuple):
    """A consent that was stored before its number, and was passed to the number when a roll added it."""

    phone_id: int
    consent_ahead_id: int


class SQL(Statements):
    append = Command()
    append_placeholder = Command()
    seals_after = Query(SealRow)
    last_batch: Scalar[dict[str, Any]] = Scalar(json.loads)
    any_seal = Scalar(bool)
    last_seal = Scalar(int)
    is_sealed = Scalar(bool)
    delete_salts = Command()
    delete_all = Command()
    taken_consents = Query(TakenConsent)
    delete_taken_consents = Command()


def seal_attempt(db: Connection, attempt_id: str, kind: str) -> None:
    """Seal an attempt when it is opened (OPEN), gets a disposition (TALK) or ends (END).

    A disposition after the end seals the whole attempt again.
    """
    row = sealed_rows.SQL.attempt_row.first(db, row_id=attempt_id)
    if row is None:
        return
    if row.outcome is not None:
        kind = AFTER_END if kind == TALK else END
    _append_seal(db, ATTEMPT, attempt_id, kind, row)


def seal_row(db: Connection, entity: Entity, row_id: int | str) -> None:
    """Store the seal (digest) of a row that was just inserted or updated."""
    again = entity.rewritable and _is_row_sealed(db, entity, row_id)
    if entity is REGISTER:  # a number of its earlier issue may have been erased
        SQL.delete_salts.run(db, entity=entity.name, row_id=row_id)
    _seal_stored_row(db, entity, row_id, AGAIN if again else NEW)


def seal_opt_out_of_phone(db: Connection, phone_id: int) -> None:
    """Seal a new opt-out whose number is on the roll."""
    seal_row(db, OPT_OUT, sealed_rows.SQL.opt_out_id_of_phone.one(db, phone_id=phone_id))


def seal_opt_out_of_number(db: Connection, number: str) -> None:
    """Seal a new opt-out whose number is not on the roll."""
    seal_row(db, OPT_OUT, sealed_rows.SQL.opt_out_id_of_number.one(db, number=number))


def seal_opt_out_hash(db: Connection, number_hash: str) -> None:
    """Seal an opt-out of another centre, which is known by its hash."""
    seal_row(db, OPT_OUT_HASH, sealed_rows.SQL.opt_out_hash_id.one(db, number_hash=number_hash))


def seal_consent_of_number(db: Connection, number: str) -> None:
    """Seal the consent of a number that is on the roll."""
    seal_row(db, CONSENT, sealed_rows.SQL.phone_id_of_number.one(db, number=number))


def seal_consent_before_roll(db: Connection, number: str) -> None:
    """Seal the consent of a number that is not on the roll yet."""
    seal_row(db, CONSENT_AHEAD, sealed_rows.SQL.consent_ahead_id.one(db, number=number))


def seal_row_removal(db: Connection, entity: Entity, row_id: int | str) -> None:
    """Store a seal which says that a row was removed."""
    SQL.delete_salts.run(db, entity=entity.name, row_id=row_id)
    _append_seal(db, entity, row_id, REMOVED, None)


def seal_removal_of_all(db: Connection, entity: Entity) -> None:
    """Store seals which say that all rows of a kind were removed. Call it before they are removed."""
    for row in [*read_rows(db, entity)]:
        seal_row_removal(db, entity, entity.get_key(row))


def seal_removal_of_consent_before_roll(db: Connection, number: str) -> None:
    """Seal the removal of the consent of a number that is not on the roll, if there is such a consent."""
    for row_id in sealed_rows.SQL.consent_ahead_id.all(db, number=number):
        seal_row_removal(db, CONSENT_AHEAD, row_id)


def seal_erasure(db: Connection, entity: Entity, row_id: int | str) -> None:
    """Store a new seal (digest) of a row after its number was erased. Its earlier seals no longer match any number."""
    SQL.delete_salts.run(db, entity=entity.name, row_id=row_id)
    _seal_stored_row(db, entity, row_id, ERASED)


def seal_consent_erasures(db: Connection, phone_ids: Iterable[int] | None = None) -> None:
    """Seal the erasure of these numbers' consents, or of all consents (None)."""
    if phone_ids is None:
        phone_ids = [row.phone_id for row in sealed_rows.SQL.consent_rows.all(db)]
    for phone_id in phone_ids:
        if _is_row_sealed(db, CONSENT, phone_id):
            seal_erasure(db, CONSENT, phone_id)


def restart_seals_after_purge(db: Connection, at: float) -> dict[str, str]:
    """After records were purged, delete all seals and seal the remaining rows as they are.

    Returns the details for the purge's audit entry, which account for the deleted seals.
    """
    close_seal_batch(db, at)
    last = SQL.last_seal.one(db)
    SQL.delete_all.run(db)
    SQL.append_placeholder.run(db, seal_id=last + 1)
    _seal_all_rows(db, ENTITIES)
    return {"seals": str(last)}


def _is_row_sealed(db: Connection, entity: Entity, row_id: int | str) -> bool:
    return SQL.is_sealed.one(db, entity=entity.name, row_id=row_id)


def _seal_stored_row(db: Connection, entity: Entity, row_id: int | str, kind: str) -> None:
    _append_seal(db, entity, row_id, kind, read_row(db, entity, row_id))


def _append_seal(db: Connection, entity: Entity, row_id: int | str, kind: str, row: SealedRow | None) -> None:
    """Append a seal of a row, or of its removal if `row` is None.

    Raises StoreError if the row is missing and was not removed.
    """
    if row is None and kind != REMOVED:
        raise StoreError(
            f"The store has no {entity.label} {row_id}, so the row cannot be sealed. Insert the row first."
        )
    salt = os.urandom(16) if entity.salted and row is not None else None
    digest, checks = compute_digest(
        entity.name, kind, () if row is None else select_sealed_fields(kind, row), salt or b""
    )
    SQL.append.run(db, entity=entity.name, row_id=row_id, kind=kind, salt=salt, digest=digest, checks=checks)


def _count_fields_sealed_up_to(name: str) -> int:
    return SealedAttempt._fields.index(name) + 1


_PART_OF_KIND = {OPEN: _count_fields_sealed_up_to("gap_seconds"), TALK: _count_fields_sealed_up_to("disposed_at")}
_WITHOUT_NOTE = SealedAttempt._fields.index("note")


def select_sealed_fields(kind: str, row: SealedRow) -> SealedRow:
    """Return the fields of a row of which a seal of this kind is a digest."""
    if not isinstance(row, SealedAttempt):
        return row
    return row[: _PART_OF_KIND.get(kind, _WITHOUT_NOTE if row.note is None else len(row))]


def compute_digest(entity: str, kind: str, values: Sequence[Any], salt: bytes = b"") -> tuple[bytes, bytes]:
    """Return the digest and the checks of a seal.

    The digest is the SHA-256 of salt, entity, kind and each value as Python's `ascii` writes it, one per line. The
    checks are two bytes of CRC-32 for each value; they prove nothing, and only show which field differs.
    """
    parts = [ascii(value).encode("ascii") for value in values]
    digest = hashlib.sha256(b"%b%b %b\n%b" % (salt, entity.encode("ascii"), kind.encode("ascii"), b"\n".join(parts)))
    start = zlib.crc32(salt)
    checks = [zlib.crc32(part, start) & 0xFFFF for part in parts]
    return digest.digest(), struct.pack(f"<{len(checks)}H", *checks)


def close_seal_batch(db: Connection, /, at: float, **details: str) -> AuditHead | None:
    """Put the seals since the last batch into the audit's hash chain.

    Return the new last audit entry, or None if there are no such seals.

    `at` is in epoch seconds.
    """
    _seal_taken_consents(db)
    last = get_last_chained_seal(db)
    count, root = compute_root_hash(SQL.seals_after.rows(db, last=last))
    if not count:
        return None
    what = {"first": str(last + 1), "last": str(last + count), "root": root, "kinds": str(len(ENTITIES)), **details}
    audit.append_entry(db, AUDIT_KIND, AUDIT_NAME, what, at)
    end = audit.SQL.head.one(db)
    return AuditHead(end.number, end.digest, at, last + count)


def seal_unsealed_rows(db: Connection, at: float) -> None:
    """Put the seals that a crash left out into the audit's hash chain, and seal rows of kinds that earlier versions did
    not seal.

    Call it whenever a store is opened for writing. It runs in a transaction of its own. `at` is in epoch seconds.
    """
    sealed = _count_sealed_entities(db)
    with transaction(db):
        if sealed:
            close_seal_batch(db, at)
        if found := _seal_all_rows(db, ENTITIES[sealed:]):
            close_seal_batch(db, at, found=str(found))


def close_last_seal_batch(db: Connection) -> None:
    """Put the last seals into the audit's hash chain before the store is closed. Runs in a transaction of its own."""
    if SQL.last_seal.one(db) > get_last_chained_seal(db) or SQL.taken_consents.first(db):
        with transaction(db):
            close_seal_batch(db, time.time())


def find_last_seal_id(db: Connection) -> int:
    """Return the id of the newest seal, which is the number of seals ever made."""
    return SQL.last_seal.one(db)


def get_last_chained_seal(db: Connection) -> int:
    """Return the id of the last seal that is in the audit's hash chain."""
    what = SQL.last_batch.first(db)
    return 0 if what is None else int(what["last"])


def compute_root_hash(seals: Iterable[SealRow]) -> tuple[int, str]:
    """Return how many seals a batch has, and the hash of all of them in hexadecimal."""
    hashed, count = hashlib.sha256(), 0
    for each in seals:
        hashed.update(f"{each.entity} {each.row_id} {each.kind} {each.digest.hex()} {each.checks.hex()}\n".encode())
        count += 1
    return count, hashed.hexdigest()


def _count_sealed_entities(db: Connection) -> int:
    """Return how many of the kinds in `ENTITIES`, counted from the first, have sealed rows in this store."""
    what = SQL.last_batch.first(db)
    if what is None:
        return FIRST_ENTITIES if SQL.any_seal.one(db) else 0
    return int(what.get("kinds", FIRST_ENTITIES))


def _seal_all_rows(db: Connection, entities: Iterable[Entity]) -> int:
    """Seal all rows of these kinds as they are, and return how many."""
    count = 0
    for entity in entities:
        for row in read_rows(db, entity):
            kind = NEW
            if isinstance(row, SealedAttempt):
                kind = OPEN if row.outcome is None else END
            _append_seal(db, entity, entity.get_key(row), kind, row)
            count += 1
        if entity is CONSENT:
            SQL.delete_taken_consents.run(db)
    return count


def _seal_taken_consents(db: Connection) -> None:
    """Seal the consents that were stored before their numbers and were passed to the numbers by a roll."""
    taken = SQL.taken_consents.all(db)
    for each in taken:
        seal_row_removal(db, CONSENT_AHEAD, each.consent_ahead_id)
        _seal_stored_row(db, CONSENT, each.phone_id, NEW)
    if taken:
        SQL.delete_taken_consents.run(db)
