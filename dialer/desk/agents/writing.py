"""What an agent writes of a call: a note, which is on disk before anything names it; and a draft, which a reload brings back: in
memory, and in the desk's file a moment later.

Both are of a call that this agent has at this seat, or had a moment ago.
"""

from __future__ import annotations

import asyncio
import json
from typing import Annotated, Any

from fastapi import APIRouter
from pydantic import Field

from dialer.desk.agents.sessions import attempt_at
from dialer.domain.errors import KeyTaken, StoreError
from dialer.domain.view import SeatView
from dialer.store.agent_reading import AgentReading
from dialer.store.agent_records import AgentRecords, Draft, Note
from dialer.web.access import PageRoute, SignedIn, allow
from dialer.web.page_requests import PageRequest
from dialer.web.page_state import PageState
from dialer.web.people import AGENTS, SignedInUser, try_or_log
from dialer.web.refusals import RequestRefused

MOST_NOTE = 2_000  # characters
MOST_DRAFT_BYTES = 16_384
WRITE_SECONDS = 2.0  # a hundred agents who type must not make the disk sync for each letter
OPEN_SECONDS = 900.0  # a call that ended longer ago is spoken of no more, to the dialler neither

_Attempt = Annotated[str, Field(pattern=r"^[A-Za-z0-9-]{1,64}$")]


class NoteWritten(PageRequest):
    """A note of a call."""

    id: Annotated[str, Field(pattern=r"^[a-z][A-Za-z0-9-]{0,63}$")]
    attempt: _Attempt
    text: Annotated[str, Field(max_length=MOST_NOTE)]


class DraftWritten(PageRequest):
    """What stands in a page's form."""

    attempt: _Attempt
    draft: dict[str, Any]


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
                were_read = were_read or await try_or_log(self._read(), "desk.drafts-unread")
                await try_or_log(self.write())
                await asyncio.sleep(WRITE_SECONDS)
        finally:
            await try_or_log(self.write())

    async def _read(self) -> None:
        self._drafts = {draft.seat: draft for draft in await self._records.drafts()} | self._drafts

    async def write(self) -> None:
        """Write what is new. Raises StoreError."""
        changes, self._unwritten = self._unwritten, {}
        if not changes:
            return
        try:
            await self._records.save_drafts([*changes.values()])
        except (StoreError, asyncio.CancelledError):  # a desk that stops writes once more
            self._unwritten = changes | self._unwritten
            raise


class AgentWriting:
    """Takes notes and drafts."""

    def __init__(
        self, page_state: PageState, reading: AgentReading, records: AgentRecords, drafts: AgentDrafts
    ) -> None:
        """`page_state` and `reading` know whose call it is."""
        self._page_state = page_state
        self._reading = reading
        self._records = records
        self._drafts = drafts

    def router(self) -> APIRouter:
        """Return the routes."""
        router = APIRouter(route_class=PageRoute, dependencies=allow(AGENTS))
        router.post("/api/agent/note", status_code=204)(self.note)
        router.put("/api/agent/draft", status_code=204)(self.draft)
        return router

    async def note(self, written: NoteWritten, who: SignedIn) -> None:
        """Keep a note; it is on disk with the answer. Another one of the call takes its place; an empty one is none."""
        phone_id = await self._phone_of(who, written.attempt)
        if phone_id is None:
            raise RequestRefused(409, "note-late")
        note = Note(written.id, written.attempt, phone_id, written.text, self._page_state.now())
        try:
            await self._records.save_note(note)
        except KeyTaken as error:
            raise RequestRefused(409, "note-late") from error

    async def draft(self, written: DraftWritten, who: SignedIn) -> None:
        """Keep what stands in the form: of the call that the seat has, or had last."""
        try:
            text = json.dumps(written.draft, ensure_ascii=False, allow_nan=False)
            length = len(text.encode())
        except (ValueError, RecursionError) as error:
            raise RequestRefused(422, "values") from error
        if length > MOST_DRAFT_BYTES:
            raise RequestRefused(413, "too-long")
        phone_id = await self._phone_of(who, written.attempt)
        has_another = attempt_at(self._page_state, who.seat) not in {
            None,
            written.attempt,
        }  # whose draft it would replace
        if phone_id is None or has_another:
            raise RequestRefused(409, "late")
        self._drafts.keep(Draft(who.seat, written.attempt, phone_id, text))

    async def _phone_of(self, who: SignedInUser, attempt_id: str) -> int | None:
        """The number of a call that this agent has, or had a moment ago; None: it is not this agent's to write of."""
        seat = self._page_state.get(f"seat/{who.seat}", SeatView)
        if seat is not None and (seat.attempt_id, seat.agent) == (attempt_id, who.name) and seat.screen_pop is not None:
            return seat.screen_pop.phone_id
        call = await self._reading.whose(attempt_id)
        if call is None or (call.seat, call.agent) != (who.seat, who.name):
            return None
        is_session_over = call.ended_at is not None and self._page_state.now() - call.ended_at > OPEN_SECONDS
        return None if is_session_over else call.phone_id
