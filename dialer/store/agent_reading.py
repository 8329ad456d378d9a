"""What an agent's page shows of the store: who is on a number, and what was said and done there. Read through fixed statements on a
connection of their own, in one transaction, beside the dialler.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dialer.store.cipher import StoreKey
from dialer.store.connection import Connection, open_reading
from dialer.store.failures import explained
from dialer.store.sql import Row, load_statements

SQL = load_statements("agents")

CALLS_SHOWN = 10  # of a number, the latest


@dataclass(frozen=True, slots=True)
class OnTheLine:
    """What is known of a call's number. Rows have the columns of their statements in queries/agents.sql, by name."""

    call: Row  # the attempt, and the number's last four digits
    grounds: dict[str, str] | None  # what made the call lawful; None: nobody asked
    voters: list[Row]  # on the number, in the roll's order
    marks: dict[int, list[Row]]  # by voter, oldest first
    calls: list[Row]  # earlier ones of the number, latest first
    booth: Row | None


class AgentReading:
    """The store's file, open to be read. Blocks: call it in one thread at a time, outside the loop."""

    def __init__(self, path: Path, key: StoreKey | None) -> None:
        """Raises StoreError, StoreCorrupt where there is no store of ours."""
        self._path = path
        self._db = open_reading(path, key=key)

    def on_the_line(self, attempt_id: str) -> OnTheLine | None:
        """Who is on the line of an attempt, as it stands at one moment; None: there is no such attempt. Raises StoreError."""
        with self._moment() as db:
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
            return OnTheLine(call, grounds, voters, marks, [*calls], booth)

    @contextmanager
    def _moment(self) -> Iterator[Connection]:
        """All that is read in it is of one moment."""
        with explained(self._path):
            self._db.execute("BEGIN")
            try:
                yield self._db
            finally:
                self._db.execute("ROLLBACK")

    def close(self) -> None:
        """Let the file go."""
        self._db.close()
