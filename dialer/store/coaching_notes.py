"""Coaching notes in the desk's file (the web pages' database): what supervisors write to agents about their calls."""

from __future__ import annotations

from dataclasses import dataclass

from dialer.store.desk_file import DeskFile
from dialer.store.sql import Command, Query, Statements, get_fields_as_sql_parameters


@dataclass(frozen=True, slots=True)
class CoachingNote:
    """A supervisor's note on a call, for the agent who had the call. Times are epoch seconds."""

    note_id: str
    attempt_id: str
    phone_id: int
    campaign_id: str
    call_at: float
    agent: str
    author: str
    text: str
    at: float  # when it was written
    read_at: float | None = None  # when the agent marked it as read


class SQL(Statements):
    add_note = Command()
    notes_of_call = Query(CoachingNote)
    note = Query(CoachingNote)
    latest_notes_of_each_agent = Query(CoachingNote)
    mark_as_read = Command()
    delete_note = Command()


class CoachingNoteRecords:
    """The coaching notes in the desk's file. Methods raise StoreError."""

    def __init__(self, file: DeskFile) -> None:
        self._db = file.db

    async def add_note(self, note: CoachingNote) -> None:
        """Store a new coaching note."""
        await self._db.run_statement(SQL.add_note, **get_fields_as_sql_parameters(note))

    async def read_notes_of_call(self, attempt_id: str) -> list[CoachingNote]:
        """Return the coaching notes on a call, the oldest first."""
        return await self._db.fetch_all_rows(SQL.notes_of_call, attempt_id=attempt_id)

    async def find_note(self, note_id: str) -> CoachingNote | None:
        """Return the coaching note with this ID, or None if there is none."""
        return await self._db.fetch_first_row(SQL.note, note_id=note_id)

    async def read_latest_notes_of_each_agent(self, most: int) -> list[CoachingNote]:
        """Return at most `most` coaching notes for each agent, the newest first. Unread notes precede read ones if there
        are more.
        """
        return await self._db.fetch_all_rows(SQL.latest_notes_of_each_agent, most=most)

    async def mark_note_as_read(self, note_id: str, agent: str, at: float) -> bool:
        """Store that `agent` has read a coaching note, at the first time `at`. Return False if the agent has no such note."""
        return await self._db.run_statement(SQL.mark_as_read, note_id=note_id, agent=agent, at=at) == 1

    async def delete_note(self, note_id: str) -> None:
        """Delete a coaching note."""
        await self._db.run_statement(SQL.delete_note, note_id=note_id)
