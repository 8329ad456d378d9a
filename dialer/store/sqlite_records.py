"""The part of the SQLite store that keeps marks, official turnout, complaints and opt-outs."""

from __future__ import annotations

from collections.abc import Sequence

from dialer.complaints import Complaint, ComplaintAnswer
from dialer.model import Announcement, Mark
from dialer.polling_day.official import OfficialFigure
from dialer.store import opt_outs, voters
from dialer.store import polling_day_records as room
from dialer.store.records_port import Deed, MarkEffect, OptOutsTaken
from dialer.store.writer import Writer


class SqliteRecords:
    """`PollingDayRecords` over the store's one writer."""

    _writer: Writer
    _targets: dict[str, int]  # how many numbers each campaign has, as far as it was counted

    async def record_mark(self, mark: Mark, announcements: Sequence[Announcement] = ()) -> MarkEffect:
        """See `PollingDayRecords`."""
        effect = await self._writer.write(lambda db: voters.record_mark(db, mark, announcements))
        self._count_anew([effect])
        return effect

    async def record_marks(
        self, marks: Sequence[Mark], announcements: Sequence[Announcement], deed: Deed
    ) -> list[MarkEffect]:
        """See `PollingDayRecords`."""
        effects = await self._writer.write(lambda db: room.record_marks(db, marks, announcements, deed))
        self._count_anew(effects)
        return effects

    def _count_anew(self, effects: Sequence[MarkEffect]) -> None:
        """A number that had no place in a campaign may have one now."""
        if any(effect.reopened for effect in effects):
            self._targets.clear()

    async def enter_turnout(self, figures: Sequence[OfficialFigure], deed: Deed) -> int:
        """See `PollingDayRecords`."""
        return await self._writer.write(lambda db: room.enter_turnout(db, figures, deed))

    async def record_complaint(self, complaint: Complaint, deed: Deed) -> int:
        """See `PollingDayRecords`."""
        return await self._writer.write(lambda db: room.record_complaint(db, complaint, deed))

    async def answer_complaint(self, answer: ComplaintAnswer, deed: Deed) -> None:
        """See `PollingDayRecords`."""
        await self._writer.write(lambda db: room.answer_complaint(db, answer, deed))

    async def record_opt_outs(
        self,
        hashes: Sequence[str],
        announcements: Sequence[Announcement],
        deed: Deed,
        *,
        fingerprint: str,
        centre: str,
        source: str,
    ) -> OptOutsTaken:
        """See `PollingDayRecords`."""
        return await self._writer.write(
            lambda db: opt_outs.record_told(
                db, hashes, announcements, deed, fingerprint=fingerprint, centre=centre, source=source
            )
        )
