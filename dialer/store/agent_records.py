"""What the desk keeps of agents, in its own file: who sits where, what they wrote down, and what they were about to write."""

from __future__ import annotations

from dataclasses import dataclass

from dialer.store.connection import Connection
from dialer.store.desk_file import DeskFile
from dialer.store.sql import load_statements, values_of
from dialer.store.transaction import transaction

SQL = load_statements("agent_records")


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
            with transaction(db):
                SQL["end_sessions"](db, seat=session.seat, agent=session.agent, before=forget_before)
                SQL["begin_session"](db, **values_of(session))

        await self._file.run(write)

    async def session(self, digest: str) -> AgentSession | None:
        """The session of a token's digest; None: there is none."""
        row = await self._file.run(lambda db: SQL["session"].row(db, digest=digest))
        return None if row is None else AgentSession(**row._asdict())

    async def use_session(self, digest: str, at: float) -> None:
        """It was used."""
        await self._file.run(lambda db: SQL["use_session"](db, digest=digest, at=at))

    async def end_session(self, digest: str) -> None:
        """Nobody is signed in by it any more."""
        await self._file.run(lambda db: SQL["end_session"](db, digest=digest))
