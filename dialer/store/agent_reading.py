"""What an agent's page shows of the store, read by fixed statements in one transaction, beside the dialler."""

from __future__ import annotations

import asyncio
import json
from collections import Counter, defaultdict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from dialer.store.connection import Connection, Reader
from dialer.store.keys import StoreKey
from dialer.store.untyped_sql import Row, load_statements

SQL = load_statements("agents")

CALLS_SHOWN = 10  # of a number, the latest

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class OnTheLine:
    """What is known of a call's number. Rows have the columns of their statements in queries/agents.sql, by name."""

    call: Row  # the attempt, and the number's last four digits
    grounds: dict[str, str] | None  # what made the call lawful; None: nobody asked
    voters: list[Row]  # on the number, in the roll's order
    marks: dict[int, list[Row]]  # by voter, oldest first
    calls: list[Row]  # earlier ones of the number, latest first
    booth: Row | None


@dataclass(frozen=True, slots=True)
class CallOf:
    """Whose call an attempt is, or was."""

    phone_id: int
    seat: str | None  # None: of nobody yet
    agent: str | None
    ended_at: float | None


@dataclass(frozen=True, slots=True)
class AgentDay:
    """What an agent has done since the day began: what has ended."""

    dispositions: Counter[str] = field(default_factory=Counter)  # "" of calls without one; a call each
    seconds: dict[str, float] = field(default_factory=lambda: defaultdict(float))  # by state of the seat
    marks: Counter[str] = field(default_factory=Counter)  # by kind, those that stand
    call_backs: list[Row] = field(default_factory=list)  # of their own, still to be called today


class _Reader(Reader):
    """A connection that reads, and its thread."""

    def __init__(self, path: Path, key: StoreKey | None) -> None:
        super().__init__(path, key, opened_here=True)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="agents-store")

    async def at_one_moment(self, read: Callable[[Connection], T]) -> T:
        def transact(db: Connection) -> T:
            db.execute("BEGIN")
            try:
                return read(db)
            finally:
                db.execute("ROLLBACK")

        return await asyncio.get_running_loop().run_in_executor(self._thread, self.read, transact)

    def close(self) -> None:
        """Let the file go, once what is being read is."""
        self._thread.shutdown(cancel_futures=True)
        super().close()


class AgentReading:
    """The store's file, open to be read: nobody's pop waits for a page of the board, nor for the figures of the day."""

    def __init__(self, path: Path, key: StoreKey | None) -> None:
        """Blocks. This process has the store open already (`open_reading`). Raises StoreError where it cannot be read."""
        self._calls, self._days = _Reader(path, key), _Reader(path, key)

    async def on_the_line(self, attempt_id: str, shown: Callable[[OnTheLine], T]) -> T | None:
        """Who is on the line of an attempt, as `shown` makes it in the reading thread; None: there is none. Raises StoreError."""

        def read(db: Connection) -> T | None:
            call = SQL["call"].row(db, attempt_id=attempt_id)
            if call is None:
                return None
            voters = [*SQL["voters"].rows(db, phone_id=call.phone_id)]
            marks: dict[int, list[Any]] = defaultdict(list)
            for mark in SQL["marks"].rows(db, phone_id=call.phone_id):
                marks[mark.voter_id].append(mark)
            calls = SQL["calls"].rows(db, phone_id=call.phone_id, attempt_id=attempt_id, most=CALLS_SHOWN)
            booth = SQL["booth"].row(db, booth_id=call.booth_id)
            grounds = None if call.grounds is None else json.loads(call.grounds)
            return shown(OnTheLine(call, grounds, voters, marks, [*calls], booth))

        return await self._calls.at_one_moment(read)

    async def whose(self, attempt_id: str) -> CallOf | None:
        """Whose call that is; None: there is no such attempt. Raises StoreError."""
        return await self._calls.at_one_moment(lambda db: SQL["whose"].one(db, CallOf, attempt_id=attempt_id))

    async def listed(self, number: str) -> dict[str, int]:
        """The campaigns that have a number (E.164) on their lists, with its id; none: nobody may call it. Raises StoreError."""
        rows = await self._calls.at_one_moment(lambda db: [*SQL["listed"].rows(db, number=number)])
        return {row.campaign_id: row.phone_id for row in rows}

    async def days_work(self, since: float, now: float, before: float) -> dict[str, AgentDay]:
        """By agent, what was done since an epoch second and promised for before another one. Raises StoreError."""

        def read(db: Connection) -> dict[str, AgentDay]:
            found: dict[str, AgentDay] = defaultdict(AgentDay)
            for row in SQL["calls_of_agents"].rows(db, since=since):
                found[row.agent].dispositions[row.disposition] = row.calls
            for row in SQL["seconds_of_agents"].rows(db, since=since):
                found[row.agent].seconds[row.state] = row.seconds
            for row in SQL["marks_of_agents"].rows(db, since=since):
                found[row.agent].marks[row.kind] = row.marks
            for row in SQL["own_call_backs"].rows(db, now=now, before=before):
                found[row.agent].call_backs.append(row)
            return found

        return await self._days.at_one_moment(read)

    def close(self) -> None:
        """Let the file go, once what is being read is."""
        self._calls.close()
        self._days.close()
