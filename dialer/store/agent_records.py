"""What the desk keeps of agents, in its own file: who sits where, what they wrote down, and what they were about to write."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from dialer.domain.errors import KeyTaken
from dialer.store.cipher import StoreKey, explained
from dialer.store.connection import Connection, is_there
from dialer.store.desk_file import DeskFile, desk_path, open_desk_file
from dialer.store.sql import load_statements, transaction, values_of

SQL = load_statements("agent_records")


@dataclass(frozen=True, slots=True)
class Note:
    """What an agent wrote down of a call; the last one of a call counts."""

    note_id: str
    attempt_id: str
    phone_id: int
    text: str
    at: float


@dataclass(frozen=True, slots=True)
class Draft:
    """What an agent had typed for a call."""

    seat: str
    attempt_id: str
    phone_id: int
    text: str  # JSON of the page's own


@dataclass(frozen=True, slots=True)
class AgentSession:
    """An agent who has signed in on the page."""

    digest: str  # of its token
    agent: str
    seat: str
    began_at: float
    used_at: float


class AgentRecords:
    """Those tables of the desk's file. Every write is on disk when its method returns."""

    def __init__(self, file: DeskFile) -> None:
        """`file` is open."""
        self._file = file

    async def begin_session(self, session: AgentSession, *, forget_before: float) -> None:
        """Keep a session in place of any other of that seat or agent; those that nobody has used since `forget_before` go."""

        def write(db: Connection) -> None:
            SQL["end_sessions"](db, seat=session.seat, agent=session.agent, before=forget_before)
            SQL["begin_session"](db, **values_of(session))

        await self._file.transact(write)

    async def session(self, digest: str) -> AgentSession | None:
        """The session of a token's digest; None: there is none."""
        return await self._file.run(lambda db: SQL["session"].one(db, AgentSession, digest=digest))

    async def use_session(self, digest: str, at: float) -> None:
        """It was used."""
        await self._file.run(lambda db: SQL["use_session"](db, digest=digest, at=at))

    async def end_session(self, digest: str) -> None:
        """Nobody is signed in by it any more."""
        await self._file.run(lambda db: SQL["end_session"](db, digest=digest))

    async def keep_note(self, note: Note) -> None:
        """Keep a note in place of an earlier one of that call. Raises KeyTaken where its id is that of another call's."""

        def write(db: Connection) -> None:
            if SQL["note_of_another"].value(db, str, note_id=note.note_id, attempt_id=note.attempt_id) is not None:
                raise KeyTaken(f"the note {note.note_id} is of another call")
            SQL["keep_note"](db, **values_of(note))

        await self._file.run(write)

    async def last_note(self, phone_id: int) -> Note | None:
        """The last note of a number; None: there is none."""
        return await self._file.run(lambda db: SQL["last_note"].one(db, Note, phone_id=phone_id))

    async def drafts(self) -> list[Draft]:
        """The drafts of all seats."""
        return await self._file.run(lambda db: SQL["drafts"].all(db, Draft))

    async def keep_drafts(self, drafts: Collection[Draft]) -> None:
        """Keep drafts, one of a seat."""

        await self._file.transact(lambda db: db.executemany(SQL["keep_draft"], map(values_of, drafts)))


def forget_written(store: Path, key: StoreKey | None, phone_id: int | None) -> int:
    """Erase what agents wrote of a number, or of all (None), and overwrite it in the file; how many notes that were.

    Raises StoreError.
    """
    path = desk_path(store)
    if not is_there(path):
        return 0
    with explained(path), closing(open_desk_file(path, key)) as db:
        db.execute("PRAGMA secure_delete = ON")
        with transaction(db):
            erased: int = SQL["forget_notes"](db, phone_id=phone_id).rowcount
            SQL["forget_drafts"](db, phone_id=phone_id)
        return erased
