"""The facts about a number that the calling rules check."""

from __future__ import annotations

from typing import NamedTuple

from dialer.domain.phone_facts import Consent, PhoneFacts
from dialer.store import targets
from dialer.store.sql import Connection, Query, Scalar, Statements


class CallsOfNumber(NamedTuple):
    """The times and counts of a number's calls in all campaigns.

    Times are epoch seconds, or None if there was no such call.
    """

    attempts: int  # since the start of the day
    conversations: int  # since the start of the day
    abandoned_at: float | None  # the end of the last abandoned call
    called_at: float | None  # the end of the last call to the number
    talked_at: float | None  # the end of the last conversation


class SQL(Statements):
    calls_of_number = Query(CallsOfNumber)
    registers_with_number = Scalar(str)


def read_phone_facts(db: Connection, phone_id: int, number: str, consent: str, day_start: float) -> PhoneFacts:
    """Return the facts about a number that the rules check. Attempts and conversations count from `day_start` (epoch seconds)."""
    calls = SQL.calls_of_number.one(db, phone_id=phone_id, day_start=day_start)
    return build_phone_facts(db, phone_id, number, consent, calls)


def build_phone_facts(
    db: Connection, phone_id: int, number: str, consent: str, calls: CallsOfNumber, *, opted_out: bool = False
) -> PhoneFacts:
    """Return the facts about a number from the times and counts of its calls."""
    return PhoneFacts(
        calls.attempts,
        calls.conversations,
        calls.abandoned_at,
        tuple(SQL.registers_with_number.all(db, number=number)),
        Consent(consent),
        opted_out,
        called_at=calls.called_at,
        talked_at=calls.talked_at,
        campaigns=() if calls.talked_at is None else targets.find_campaigns_with_number(db, phone_id),
    )
