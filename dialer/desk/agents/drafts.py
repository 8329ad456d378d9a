"""What agents have typed and not yet sent, so that a reload brings it back: in memory, and in the desk's file a moment later."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import structlog

from dialer.domain.errors import StoreError
from dialer.store.agent_records import AgentRecords, Draft
from dialer.web.people import tolerated

_log = structlog.get_logger(__name__)

WRITE_SECONDS = 2.0  # a hundred agents who type must not make the disk sync for each letter


class AgentDrafts:
    """One draft of a seat: that of its next call takes its place."""

    def __init__(self, records: AgentRecords) -> None:
        self._records = records
        self._drafts: dict[str, Draft] = {}  # by seat
        self._unwritten: dict[str, Draft] = {}

    def of(self, seat: str, attempt_id: str) -> dict[str, Any] | None:
        """What had been typed at the seat for that call."""
        draft = self._drafts.get(seat)
        if draft is None or draft.attempt_id != attempt_id:
            return None
        found: dict[str, Any] = json.loads(draft.text)
        return found

    def keep(self, draft: Draft) -> None:
        """The newest of its seat."""
        self._drafts[draft.seat] = self._unwritten[draft.seat] = draft

    async def run(self) -> None:
        """Read those of before, and write what is new, until cancelled, and then once more. A file that cannot be read, or
        written, is tried again.
        """
        were_read = False
        try:
            while True:
                were_read = were_read or await self._were_read()
                await tolerated(self.write())
                await asyncio.sleep(WRITE_SECONDS)
        finally:
            await tolerated(self.write())

    async def _were_read(self) -> bool:
        try:
            self._drafts = {draft.seat: draft for draft in await self._records.drafts()} | self._drafts
        except StoreError as error:
            _log.warning("desk.drafts-unread", problem=str(error))
            return False
        return True

    async def write(self) -> None:
        """Write what is new. Raises StoreError."""
        changes, self._unwritten = self._unwritten, {}
        if not changes:
            return
        try:
            await self._records.keep_drafts([*changes.values()])
        except (StoreError, asyncio.CancelledError):  # a desk that stops writes once more
            self._unwritten = changes | self._unwritten
            raise
