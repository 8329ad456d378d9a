"""Calls of other centres to numbers in this store. The minimum interval between two calls to a number counts from these
calls too.

Functions run inside the caller's transaction. Times are epoch seconds.
"""

from __future__ import annotations

import math

from dialer.domain.other_centres import PeerCallRecord, PeerCallTimes
from dialer.store import number_hashes
from dialer.store.sql import Command, Connection, Query, Statements


class SQL(Statements):
    read_times = Query(PeerCallTimes)
    record_times = Command()
    forget_before = Command()


def read_call_times_in_other_centres(db: Connection, phone_id: int, until: float = math.inf) -> PeerCallTimes:
    """Return when other centres last called a number. Calls after `until` are left out."""
    return SQL.read_times.fetch_first_row(db, phone_id=phone_id, until=until) or PeerCallTimes()


def save_call_of_other_centre(db: Connection, call: PeerCallRecord) -> int | None:
    """Store the time of a call that another centre made to a number on this centre's electoral roll. Return the
    number's id.

    Return None if the number is not on this centre's roll.
    """
    phone_id = number_hashes.find_number_with_hash(db, call.number_hash)
    if phone_id is not None:
        SQL.record_times.run_statement(db, phone_id=phone_id, **call.call_times_changed_by_this_call._asdict())
    return phone_id


def delete_calls_of_other_centres(db: Connection, before: float) -> None:
    """Delete the stored call times of all numbers that no other centre has called since `before`."""
    SQL.forget_before.run_statement(db, before=before)
