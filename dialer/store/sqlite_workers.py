"""The part of the SQLite store that keeps booth workers' serials."""

from __future__ import annotations

from dialer.model import AttemptId, UnknownSerial
from dialer.store import voters
from dialer.store.writer import Writer


class SqliteWorkers:
    """`WorkersStore` over the store's one writer."""

    _writer: Writer

    async def last_of_call(self, attempt_id: AttemptId) -> tuple[str, int] | None:
        """See `WorkersStore`. Behind the writes that wait: a mark that was just made is found."""
        return await self._writer.write(lambda db: voters.last_of_call(db, attempt_id))

    async def marked_by(self, key: str) -> list[int]:
        """See `WorkersStore`."""
        return await self._writer.write(lambda db: voters.marked_by(db, key))

    async def record_unknown_serial(self, unknown: UnknownSerial) -> None:
        """See `WorkersStore`."""
        await self._writer.write(lambda db: voters.record_unknown_serial(db, unknown))
