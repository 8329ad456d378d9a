"""What the uplink takes of the store for headquarters: read by fixed statements on its own connection, beside the dialler."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from dialer.store.cipher import StoreKey
from dialer.store.connection import open_reading
from dialer.store.failures import explained
from dialer.store.headquarters import constituencies, last_voter, position_of
from dialer.store.outbox import last_given, outbox_after, passed_by_uplink
from dialer.store.port import OutboxRow

_TOGETHER = 500  # rows that are read at once


@dataclass(frozen=True, slots=True)
class HeldRoll:
    """What of the rolls is here."""

    constituencies: tuple[tuple[str, int], ...]  # state and number
    last_voter: int  # the highest id


class UplinkReading:
    """The store's file, open to be read. Blocks: call it in one thread at a time, outside the loop."""

    def __init__(self, path: Path, key: StoreKey | None) -> None:
        """Raises StoreError, StoreCorrupt where there is no store of ours."""
        self._path = path
        self._db = open_reading(path, key=key)

    def __enter__(self) -> Self:
        """The reading itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Let the file go."""
        self.close()

    def passed(self) -> int | None:
        """Up to which id of the outbox headquarters has everything; None: nothing is kept for headquarters."""
        with explained(self._path):
            return passed_by_uplink(self._db)

    def last_given(self) -> int:
        """The highest id that the outbox has given."""
        with explained(self._path):
            return last_given(self._db)

    def after(self, passed: int, limit: int) -> Sequence[OutboxRow]:
        """The oldest rows of the outbox behind an id."""
        with explained(self._path):
            return outbox_after(self._db, passed, limit)

    def between(self, passed: int, last: int) -> Iterator[OutboxRow]:
        """All rows of the outbox behind an id, up to another one."""
        while rows := self.after(passed, _TOGETHER):
            for row in rows:
                if row.outbox_id > last:
                    return
                yield row
            passed = rows[-1].outbox_id

    def position(self, stream: str) -> int:
        """Up to where the news of a stream were taken; 0: none were."""
        with explained(self._path):
            return position_of(self._db, stream)

    def roll(self) -> HeldRoll:
        """Whose news are of use here. Reads all booths: ask seldom."""
        with explained(self._path):
            return HeldRoll(tuple(constituencies(self._db)), last_voter(self._db))

    def close(self) -> None:
        """Let the file go."""
        self._db.close()
