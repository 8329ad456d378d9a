"""The part of the SQLite store that keeps the seats' time, and who has which seat."""

from __future__ import annotations

from collections.abc import Sequence

from dialer.store import records
from dialer.store.port import LogIn, SeatInterval
from dialer.store.writer import Writer


class SqliteSeats:
    """What `Store` says of seats, over the store's one writer."""

    _writer: Writer

    async def record_seat_intervals(self, intervals: Sequence[SeatInterval]) -> None:
        """See `Store`."""
        await self._writer.write(lambda db: records.record_seat_intervals(db, intervals))

    async def keep_log_in(self, log_in: LogIn) -> None:
        """See `Store`."""
        await self._writer.write(lambda db: records.keep_log_in(db, log_in))

    async def drop_log_in(self, seat: str, at: float) -> None:
        """See `Store`."""
        await self._writer.write(lambda db: records.drop_log_in(db, seat, at))

    async def log_ins(self) -> list[LogIn]:
        """See `Store`. Behind the writes that wait: a log-in that was just kept is found."""
        return await self._writer.write(records.log_ins)
