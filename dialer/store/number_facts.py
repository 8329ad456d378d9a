"""The facts about a number that the calling rules check."""

from __future__ import annotations

import math
from typing import NamedTuple

from dialer.domain.other_centres import find_later_of_two_times
from dialer.domain.phone_facts import Consent, PhoneFacts
from dialer.store import peer_calls, targets
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


def read_number_facts_for_calling_rules(
    db: Connection, phone_id: int, number: str, consent: str, day_start: float
) -> PhoneFacts:
    """Return the facts about a number that the rules check. Attempts and conversations count from `day_start` (epoch seconds)."""
    calls = SQL.calls_of_number.fetch_only_row(db, phone_id=phone_id, day_start=day_start)
    return compute_number_facts_for_calling_rules(db, phone_id, number, consent, calls)


def compute_number_facts_for_calling_rules(
    db: Connection,
    phone_id: int,
    number: str,
    consent: str,
    calls: CallsOfNumber,
    *,
    opted_out: bool = False,
    at: float = math.inf,
) -> PhoneFacts:
    """Return the facts about a number that the rules check, computed from the calls to it.

    `calls` has the times and counts of this centre's calls. Calls of other centres until `at` (epoch seconds) are read
    from the store.
    """
    elsewhere = peer_calls.read_call_times_in_other_centres(db, phone_id, at)
    talked_at = find_later_of_two_times(calls.talked_at, elsewhere.talked_at)
    return PhoneFacts(
        calls.attempts,
        calls.conversations,
        find_later_of_two_times(calls.abandoned_at, elsewhere.abandoned_at),
        tuple(SQL.registers_with_number.fetch_all_values(db, number=number)),
        Consent(consent),
        opted_out,
        called_at=find_later_of_two_times(calls.called_at, elsewhere.called_at),
        talked_at=talked_at,
        campaigns=() if talked_at is None else targets.find_campaigns_with_number(db, phone_id),
    )
