"""The part of the SQLite store that keeps marks, official turnout and complaints."""

from __future__ import annotations

from collections.abc import Sequence

from dialer.complaints import Complaint, ComplaintAnswer
from dialer.model import Announcement, Mark
from dialer.polling_day.official import OfficialFigure
from dialer.store import polling_day_records as room
from dialer.store import voters
from dialer.store.records_port import Deed, MarkEffect
from dialer.store.writer import Writer


class SqliteRecords:
    """`PollingDayRecords` over the store's one writer."""

    _writer: Writer

    async def record_mark(self, mark: Mark, announcements: Sequence[Announcement] = ()) -> MarkEffect:
        """See `PollingDayRecords`."""
        return await self._writer.write(lambda db: voters.record_mark(db, mark, announcements))

    async def record_marks(
        self, marks: Sequence[Mark], announcements: Sequence[Announcement], deed: Deed
    ) -> list[MarkEffect]:
        """See `PollingDayRecords`."""
        return await self._writer.write(lambda db: room.record_marks(db, marks, announcements, deed))

    async def enter_turnout(self, figures: Sequence[OfficialFigure], deed: Deed) -> int:
        """See `PollingDayRecords`."""
        return await self._writer.write(lambda db: room.enter_turnout(db, figures, deed))

    async def record_complaint(self, complaint: Complaint, deed: Deed) -> int:
        """See `PollingDayRecords`."""
        return await self._writer.write(lambda db: room.record_complaint(db, complaint, deed))

    async def answer_complaint(self, answer: ComplaintAnswer, deed: Deed) -> None:
        """See `PollingDayRecords`."""
        await self._writer.write(lambda db: room.answer_complaint(db, answer, deed))
