"""Agents' sign-in sessions, and their notes and drafts about calls, in the desk's file (the web pages' database)."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from dialer.domain.errors import KeyTaken
from dialer.store.desk_file import DeskFile, get_desk_file_path, open_desk_file
from dialer.store.file_checks import file_exists
from dialer.store.keys import StoreKey
from dialer.store.sql import Command, Query, Scalar, Statements, get_fields_as_sql_parameters, open_transaction
from dialer.store.sqlite_errors import translate_sqlite_errors


@dataclass(frozen=True, slots=True)
class Note:
    """An agent's note about a call. A later note about the same call replaces it."""

    note_id: str
    attempt_id: str
    phone_id: int
    text: str
    at: float  # epoch seconds


@dataclass(frozen=True, slots=True)
class Draft:
    """What an agent has typed about a call and not saved yet."""

    seat: str
    attempt_id: str
    phone_id: int
    text: str  # JSON of the page


@dataclass(frozen=True, slots=True)
class AgentSession:
    """An agent who has signed in on the agents' page. Times are epoch seconds."""

    digest: str  # of the session's token
    agent: str
    seat: str
    began_at: float
    used_at: float


class SQL(Statements):
    end_sessions = Command()
    insert_session = Command()
    session = Query(AgentSession)
    use_session = Command()
    end_session = Command()
    other_call_with_note = Scalar(str)
    set_note = Command()
    last_note = Query(Note)
    drafts = Query(Draft)
    set_draft = Command()
    delete_notes = Command()
    delete_coaching_notes = Command()
    delete_drafts = Command()


class AgentRecords:
    """Agents' sessions, notes and drafts in the desk's file (the web pages' database). Methods raise StoreError."""

    def __init__(self, file: DeskFile) -> None:
        self._db = file.db

    async def begin_agent_session(self, session: AgentSession, *, forget_before: float) -> None:
        """Store the session of an agent who signed in, and delete all other sessions of the same seat or agent.

        Sessions of any agent that were last used before `forget_before` (epoch seconds) are deleted too.
        """
        async with self._db.open_transaction() as db:
            await db.run_statement(SQL.end_sessions, seat=session.seat, agent=session.agent, before=forget_before)
            await db.run_statement(SQL.insert_session, **get_fields_as_sql_parameters(session))

    async def read_agent_session(self, digest: str) -> AgentSession | None:
        """Return the agent's session whose token has this digest, or None if there is none."""
        return await self._db.fetch_first_row(SQL.session, digest=digest)

    async def record_agent_session_use(self, digest: str, at: float) -> None:
        """Store the time when an agent's session was last used."""
        await self._db.run_statement(SQL.use_session, digest=digest, at=at)

    async def end_agent_session(self, digest: str) -> None:
        """Delete the agent's session whose token has this digest."""
        await self._db.run_statement(SQL.end_session, digest=digest)

    async def save_note_about_call(self, note: Note) -> None:
        """Store an agent's note about a call, in place of an earlier note about the same call.

        Raises KeyTaken if the note's id belongs to a note about another call.
        """
        async with self._db.open_transaction() as db:
            other = await db.fetch_first_value(
                SQL.other_call_with_note, note_id=note.note_id, attempt_id=note.attempt_id
            )
            if other is not None:
                raise KeyTaken(
                    f"The id of note {note.note_id} is already used for a note on another call, so this note was "
                    "not saved. Save it under a new id."
                )
            await db.run_statement(SQL.set_note, **get_fields_as_sql_parameters(note))

    async def read_last_note_about_number(self, phone_id: int) -> Note | None:
        """Return the last note that an agent wrote about a number, or None if there is none."""
        return await self._db.fetch_first_row(SQL.last_note, phone_id=phone_id)

    async def read_drafts_of_agent_input(self) -> list[Draft]:
        """Return the unsaved input (drafts) of the agents at all seats."""
        return await self._db.fetch_all_rows(SQL.drafts)

    async def save_drafts_of_agent_input(self, drafts: Collection[Draft]) -> None:
        """Store the unsaved input (drafts) of agents at several seats. A draft replaces the earlier draft of its seat."""
        await self._db.run_statement_for_each_parameter_set(SQL.set_draft, [*map(get_fields_as_sql_parameters, drafts)])


def erase_notes_about_number(store: Path, key: StoreKey | None, phone_id: int | None) -> int:
    """Erase agents' notes, unsaved input and coaching notes about a number. Return how many notes were erased. Blocks.

    `phone_id` None: about all numbers. The erased text is also overwritten on disk. Raises StoreError.
    """
    path = get_desk_file_path(store)
    if not file_exists(path):
        return 0
    with translate_sqlite_errors(path), closing(open_desk_file(path, key)) as db:
        db.execute("PRAGMA secure_delete = ON")
        with open_transaction(db):
            erased = SQL.delete_notes.run_statement(db, phone_id=phone_id)
            erased += SQL.delete_coaching_notes.run_statement(db, phone_id=phone_id)
            SQL.delete_drafts.run_statement(db, phone_id=phone_id)
        return erased
