"""What the uplink reads from the store, while the dialler is running."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from dialer.store import outbox, peer_updates
from dialer.store.connection import Reader
from dialer.store.outbox import OutboxRow
from dialer.store.roll import last_voter

_ROWS_PER_READ = 500


@dataclass(frozen=True, slots=True)
class StoredRolls:
    """The rolls in a store."""

    constituencies: tuple[tuple[str, int], ...]  # state and number
    last_voter: int  # the highest id


class UplinkReader(Reader):
    """The store, opened for the uplink."""

    def passed(self) -> int | None:
        """Return the id up to which headquarters has all rows of the outbox; None where the settings name no headquarters."""
        return self.read(outbox.passed_by_uplink)

    def highest_id(self) -> int:
        """Return the highest id that the outbox has assigned."""
        return self.read(outbox.SQL.highest_id.one)

    def after(self, passed: int, limit: int) -> Sequence[OutboxRow]:
        """Return the oldest rows of the outbox after an id."""
        return self.read(lambda db: outbox.SQL.rows_after.all(db, outbox_id=passed, limit=limit))

    def between(self, passed: int, last: int) -> Iterator[OutboxRow]:
        """Return all rows of the outbox after an id, up to another id."""
        while rows := self.after(passed, _ROWS_PER_READ):
            for row in rows:
                if row.outbox_id > last:
                    return
                yield row
            passed = rows[-1].outbox_id

    def position(self, stream: str) -> int:
        """Return the position up to which a stream of other centres' updates was applied; 0: nothing of it."""
        return self.read(lambda db: peer_updates.stream_position(db, stream))

    def rolls(self) -> StoredRolls:
        """Return the rolls, for which updates of other centres are of use. Reads all booths: ask seldom."""
        constituencies = self.read(peer_updates.SQL.constituencies.all)
        return StoredRolls(
            tuple((row.state_code, row.constituency_number) for row in constituencies), self.read(last_voter)
        )
