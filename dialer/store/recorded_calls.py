"""The store's rows about recorded calls. `recordings.py` handles the sound files."""

from __future__ import annotations

from dialer.domain.model import AttemptId
from dialer.store.sql import Command, Connection, Scalar, Statements


class SQL(Statements):
    insert_recording = Command()
    was_recorded = Scalar(bool)


def save_start_of_call_recording(db: Connection, attempt_id: str, started_at: float) -> None:
    """Store that the recording of a call began at `started_at` (epoch seconds), unless a start is stored already."""
    SQL.insert_recording.run_statement(db, attempt_id=attempt_id, started_at=started_at)


def has_call_with_recording_ended(db: Connection, attempt_id: AttemptId) -> bool:
    """Return whether a call has ended and its recording still exists (was not erased)."""
    return SQL.was_recorded.fetch_only_value(db, attempt_id=attempt_id)
