"""Detect a store that was set back to an earlier state, and record that a person permits dialling with it.

The newest call is also recorded outside the store. A store without this call was set back, or is another store.
Functions that write run inside the caller's transaction.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from datetime import UTC, datetime

from dialer.domain.model import AttemptId
from dialer.domain.newest_call import NewestCall
from dialer.store import audit, campaigns, identity
from dialer.store.attempts import find_stored_attempts
from dialer.store.audit import EntryOfKind
from dialer.store.sql import Connection, Query, Scalar, Statements

FOUND, ACCEPTED = "store-older", "store-older-accepted"
"""Kinds of audit entries: the store lacks the newest call, and a person's decision to go on."""


@dataclass(frozen=True, slots=True)
class MissingCall:
    """A call that is recorded outside the store, such as at the broker, and is missing in the store."""

    place: str  # with the record: the broker or an Asterisk server
    at: float  # epoch seconds


class SQL(Statements):
    went_on_at = Scalar(float)
    missing_calls = Query(EntryOfKind)
    newest_call_at = Scalar(float)


def is_call_missing_from_store(db: Connection, call: NewestCall) -> bool:
    """Return whether the store lacks a call that is recorded elsewhere, such as at the broker.

    Return False even for a missing call if a person has since accepted that calls are missing: by accepting the older
    store, restoring a backup or purging the records.
    """
    known = find_stored_attempts(db, [AttemptId(call.attempt_id)])
    return not known and call.at > (SQL.went_on_at.fetch_first_value(db) or 0.0)


def append_missing_call_to_audit(db: Connection, place: str, call: NewestCall, at: float) -> None:
    """Append an audit entry that the store lacks the newest call, which is recorded at `place`.

    `place` is the broker or an Asterisk server.
    """
    when = datetime.fromtimestamp(math.ceil(call.at), UTC).isoformat()
    audit.append_entry(db, FOUND, "dialler", {"place": place, "call": when}, at)


def read_calls_missing_from_store(db: Connection) -> list[MissingCall]:
    """Return the calls that are recorded elsewhere but missing in the store, oldest first.

    Calls whose absence a person has accepted are left out.
    """
    details = [json.loads(entry.what) for entry in SQL.missing_calls.fetch_all_rows(db)]
    calls = {each["place"]: datetime.fromisoformat(each["call"]).timestamp() for each in details}
    return sorted((MissingCall(place, at) for place, at in calls.items()), key=lambda call: call.at)


def read_newest_call_time(db: Connection) -> float | None:
    """Return when the store's newest call was placed (epoch seconds), or None if it has no calls."""
    return SQL.newest_call_at.fetch_first_value(db)


def allow_dialling_with_older_store(db: Connection, who: str, at: float) -> list[str]:
    """Let the dialler place calls although the store lacks newer calls, and stop all campaigns.

    Return the campaigns' ids. Campaigns that are added later are stopped too. The store gets a new identity, so that
    headquarters does not confuse new results with earlier ones that have the same ids.
    """
    missing = read_calls_missing_from_store(db)
    identity.replace_identity_of_restored_store(db)
    stopped = campaigns.stop_campaigns(db, at)
    last = {f"call-{call.place}": datetime.fromtimestamp(call.at, UTC).isoformat() for call in missing}
    audit.append_entry(db, ACCEPTED, who, last, max([at, *(call.at for call in missing)]))
    return stopped
