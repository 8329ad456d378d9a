"""Consents: whether the owner of a number agreed to be called. Functions run inside the caller's transaction."""

from __future__ import annotations

from typing import NamedTuple

from dialer.domain.phone_facts import Consent
from dialer.store.sql import Command, Connection, Query, Statements


class ConsentCount(NamedTuple):
    """How many of the phone numbers on the electoral roll have consent, and how many there are. Opted-out numbers do
    not count.
    """

    given: int
    numbers: int


class SQL(Statements):
    set_consent_of_number = Command()
    set_consent_ahead = Command()
    count_numbers_with_consent = Query(ConsentCount)


def set_consent_of_number(db: Connection, number: str, consent: Consent, *, source: str, at: float) -> bool:
    """Store whether the owner of a number (E.164) agreed to be called. Return whether the number is on the roll.

    A consent for a number that is not on the electoral roll yet is stored too, and applies when an import adds the
    number.
    """
    known = SQL.set_consent_of_number.run_statement(db, number=number, consent=consent.value, source=source, at=at) == 1
    if not known:
        SQL.set_consent_ahead.run_statement(db, number=number, consent=consent.value, source=source, at=at)
    return known


def count_numbers_with_consent(db: Connection) -> ConsentCount:
    """Return how many of the phone numbers that have not opted out have consent. Slow, because it reads all numbers."""
    return SQL.count_numbers_with_consent.fetch_only_row(db)
