"""Keyed hashes of the phone numbers on the electoral roll, with which centres notify each other of opt-outs.

Functions run inside the caller's transaction.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import structlog

from dialer.domain.errors import StoreError
from dialer.rules.number_hash import compute_secret_fingerprint, create_number_hasher
from dialer.store.sql import Command, Connection, Query, Scalar, Statements

HASHES_PER_PAGE = 20_000
LOG_EVERY = 200_000  # numbers
_log = structlog.get_logger(__name__)


class Secret(NamedTuple):
    """A secret with which several centres hash phone numbers. It is identified by its fingerprint."""

    fingerprint: str
    secret_id: int


class Phone(NamedTuple):
    """A phone number on the electoral roll."""

    phone_id: int
    e164: str


class NumberHash(NamedTuple):
    """The keyed hash of a phone number on the electoral roll."""

    number_hash: str


class SuppressedElsewhere(NamedTuple):
    """A phone number on this centre's electoral roll that opted out in another centre."""

    phone_id: int
    at: float  # epoch seconds
    centre: str


class SQL(Statements):
    secrets = Query(Secret)
    insert_secret = Command()
    delete_secret = Command()
    set_announcing_secret = Command()
    hash_of = Scalar(str)
    number_with_hash = Scalar(int)
    known_hashes = Query(NumberHash)
    roll_state = Scalar(str)
    announcing_fingerprint = Scalar(str)
    lowest_hashes = Query(NumberHash)
    unhashed = Query(Phone)
    insert_hash = Command()
    delete_hashes = Command()
    drop_index = Command()
    create_index = Command()
    delete_known_by_number = Command()
    any_known_by_hash_only = Scalar(bool)
    suppressed_elsewhere = Query(SuppressedElsewhere)
    suppressed_elsewhere_after = Query(SuppressedElsewhere)


def read_ids_of_shared_secrets(db: Connection) -> dict[str, int]:
    """Return the ids of the secrets with which the centres hash phone numbers, by fingerprint."""
    return dict(SQL.secrets.iterate_rows(db))


def compute_number_hash(db: Connection, phone_id: int) -> str | None:
    """Return the hash of a number, made with this centre's first secret, or None if the settings have no secret."""
    return SQL.hash_of.fetch_first_value(db, phone_id=phone_id)


def find_number_with_hash(db: Connection, number_hash: str) -> int | None:
    """Return the id of the phone number on the electoral roll that has this hash, or None if there is none."""
    return SQL.number_with_hash.fetch_first_value(db, number_hash=number_hash)


def save_fingerprints_of_shared_secrets(db: Connection, secrets: Sequence[bytes]) -> None:
    """Store the fingerprints of the secrets with which centres hash phone numbers. Call it before hashing with them.

    This centre's opt-outs are announced with the first secret. A secret that is no longer listed is deleted with its
    hashes. Raises StoreError if opt-outs may be known only by such hashes: their numbers could not be recognised in a
    later roll and would be called.
    """
    listed = [compute_secret_fingerprint(secret) for secret in secrets]
    known = read_ids_of_shared_secrets(db)
    removed = [secret_id for each, secret_id in known.items() if each not in listed]
    if (removed or not listed) and SQL.any_known_by_hash_only.fetch_only_value(db):
        raise StoreError(
            "A secret for opt-outs is missing in the settings. Without it, numbers that have opted out at other "
            "centres may be called. Add it again, as `rules.opt_out_secret` or in `rules.accepted_opt_out_secrets`."
        )
    for secret_id in removed:
        SQL.delete_known_by_number.run_statement(db, secret_id=secret_id)
        SQL.delete_hashes.run_statement(db, secret_id=secret_id)
        SQL.delete_secret.run_statement(db, secret_id=secret_id)
    new = [each for each in listed if each not in known]
    if new:
        SQL.drop_index.run_statement(db)
        for each in new:
            SQL.insert_secret.run_statement(db, fingerprint=each)
    if listed:
        SQL.set_announcing_secret.run_statement(db, fingerprint=listed[0])


def hash_next_page_of_phone_numbers(db: Connection, secret: bytes, after: int) -> int | None:
    """Hash the next page of the roll's phone numbers with `secret`. A page has at most HASHES_PER_PAGE numbers.

    Numbers with ids up to `after`, and numbers that have a hash made with this secret, are left out. Return the last id
    that was hashed, or None if no number was left.
    """
    secret_id = read_ids_of_shared_secrets(db)[compute_secret_fingerprint(secret)]
    page = SQL.unhashed.fetch_all_rows(db, after=after, limit=HASHES_PER_PAGE, secret_id=secret_id)
    hashed = create_number_hasher(secret)
    SQL.insert_hash.run_statement_for_each_parameter_set(
        db, ({"phone_id": each.phone_id, "secret_id": secret_id, "number_hash": hashed(each.e164)} for each in page)
    )
    if not page:
        return None
    last = page[-1].phone_id
    if after // LOG_EVERY != last // LOG_EVERY:  # the first start with a large roll takes some seconds
        _log.info("numbers.hashed", up_to_phone=last)
    return last


def create_index_of_number_hashes(db: Connection) -> None:
    """Create the database index of the numbers' hashes.

    `save_fingerprints_of_shared_secrets` deletes the index when there are new secrets, with which all numbers must be
    hashed.
    """
    SQL.create_index.run_statement(db)


def find_numbers_opted_out_elsewhere(db: Connection) -> list[SuppressedElsewhere]:
    """Return the numbers on this centre's electoral roll that opted out in another centre and are still called here."""
    return SQL.suppressed_elsewhere.fetch_all_rows(db)


def find_new_numbers_opted_out_elsewhere(db: Connection, after: int) -> list[SuppressedElsewhere]:
    """Return the numbers with ids above `after` that have opted out in another centre and are still called here."""
    return SQL.suppressed_elsewhere_after.fetch_all_rows(db, after=after)
