"""Call attempts with an unknown result: the number may or may not have been called.

Such a number is not called again until a person allows it (releases the attempt).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dialer.domain.errors import NotInStore
from dialer.domain.model import AttemptId
from dialer.store import audit
from dialer.store.audit import AuditNote
from dialer.store.sql import Command, Connection, Query, Scalar, Statements


@dataclass(frozen=True, slots=True)
class UnknownAttempt:
    """A call attempt with an unknown result: the number may or may not have been called. Times are epoch seconds."""

    attempt_id: str
    campaign_id: str
    number: str  # E.164
    created_at: float
    ended_at: float
    trunk: str


class SQL(Statements):
    unreleased = Query(UnknownAttempt)
    phone_of_unreleased = Scalar(int)
    insert_release = Command()
    reopen_released = Command()


def read_attempts_with_unknown_outcome(db: Connection) -> list[UnknownAttempt]:
    """Return the attempts with an unknown result that nobody has released, oldest first."""
    return SQL.unreleased.fetch_all_rows(db)


def release_attempts_with_unknown_outcome(
    db: Connection, attempts: Sequence[AttemptId], reason: str, note: AuditNote
) -> int:
    """Let the numbers of attempts with an unknown result be called again, all or none, each with an audit entry.

    Return how many entries in campaigns' queues were reopened. Raises NotInStore if an attempt has a known result or
    was released before.
    """
    opened = 0
    for attempt_id in attempts:
        phone_id = SQL.phone_of_unreleased.fetch_first_value(db, attempt_id=attempt_id)
        if phone_id is None:
            raise NotInStore(
                f"Attempt {attempt_id} has a known result or was released before, so nothing was released. Give an ID "
                "that `dialer unknown list` shows."
            )
        SQL.insert_release.run_statement(db, attempt_id=attempt_id, at=note.at, who=note.who, reason=reason)
        opened += SQL.reopen_released.run_statement(db, phone_id=phone_id)
        audit.append_audit_entry_from_note(db, "unknown-release", note, attempt=attempt_id, reason=reason)
    return opened
