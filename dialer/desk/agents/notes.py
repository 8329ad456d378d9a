"""Notes and drafts of agents about their current or latest call.

A note is stored before the outcome of the call is sent, because the outcome refers to the note. A draft is the unsent
content of the page's form, which a reload of the page restores. Drafts are in memory, and a moment later also in the
desk's file.
"""

from __future__ import annotations

import asyncio
import json
from typing import Annotated, Any

from fastapi import APIRouter
from pydantic import Field

from dialer.desk.agents.sessions import find_current_attempt_of_seat
from dialer.domain.errors import KeyTaken, StoreError
from dialer.domain.view import SeatView
from dialer.store.agent_reading import AgentReading
from dialer.store.agent_records import AgentRecords, Draft, Note
from dialer.web.access import PageRoute, SignedIn, allow_users_with_roles
from dialer.web.page_requests import PageRequest, RequestedAttemptId
from dialer.web.page_state import PageState
from dialer.web.people import AGENTS, SignedInUser, run_function_and_log_store_error
from dialer.web.refusals import RequestRefused

MAX_NOTE_CHARACTERS = 2_000
MAX_DRAFT_BYTES = 16_384
WRITE_SECONDS = 2.0  # a hundred typing agents must not sync the disk with each letter
OPEN_SECONDS = 900.0  # after the end of a call, notes and drafts are still accepted, as the dialler accepts outcomes


class NoteBody(PageRequest):
    """A request to save an agent's note about a call."""

    id: Annotated[str, Field(pattern=r"^[a-z][A-Za-z0-9-]{0,63}$")]
    attempt: RequestedAttemptId
    text: Annotated[str, Field(max_length=MAX_NOTE_CHARACTERS)]


class DraftBody(PageRequest):
    """A request to save the unsent contents of a page's form for a call (a draft)."""

    attempt: RequestedAttemptId
    draft: dict[str, Any]


class AgentDrafts:
    """The unsent form (draft) of each seat's latest call. The form of the next call replaces it."""

    def __init__(self, records: AgentRecords) -> None:
        self._records = records
        self._drafts: dict[str, Draft] = {}  # by seat
        self._unwritten: dict[str, Draft] = {}

    def find_unsent_form_of_call(self, seat: str, attempt_id: str) -> dict[str, Any] | None:
        """Return the unsent form of a call at a seat, or None."""
        draft = self._drafts.get(seat)
        if draft is None or draft.attempt_id != attempt_id:
            return None
        found: dict[str, Any] = json.loads(draft.text)
        return found

    def replace_unsent_form(self, draft: Draft) -> None:
        """Replace the unsent form of a seat. It is written to the desk's file a moment later."""
        self._drafts[draft.seat] = self._unwritten[draft.seat] = draft

    async def save_unsent_forms_until_cancelled(self) -> None:
        """Read the stored forms, then store changed ones every `WRITE_SECONDS` until cancelled, and once more at the
        end.

        Failed reads and writes are retried.
        """
        were_read = False
        try:
            while True:
                were_read = were_read or await run_function_and_log_store_error(
                    self._read_stored_unsent_forms(), "drafts.read_failed"
                )
                await run_function_and_log_store_error(self.write_unsent_forms_to_file())
                await asyncio.sleep(WRITE_SECONDS)
        finally:
            await run_function_and_log_store_error(self.write_unsent_forms_to_file())

    async def _read_stored_unsent_forms(self) -> None:
        self._drafts = {draft.seat: draft for draft in await self._records.read_drafts_of_agent_input()} | self._drafts

    async def write_unsent_forms_to_file(self) -> None:
        """Write changed unsent forms to the desk's file. Raises StoreError."""
        changes, self._unwritten = self._unwritten, {}
        if not changes:
            return
        try:
            await self._records.save_drafts_of_agent_input([*changes.values()])
        except (StoreError, asyncio.CancelledError):  # a desk that is stopping writes once more
            self._unwritten = changes | self._unwritten
            raise


class AgentNotes:
    """Routes that store notes and drafts."""

    def __init__(
        self, page_state: PageState, reading: AgentReading, records: AgentRecords, drafts: AgentDrafts
    ) -> None:
        """Create the routes. `page_state` and `reading` (the store) show which agent has or had a call."""
        self._page_state = page_state
        self._reading = reading
        self._records = records
        self._drafts = drafts

    def create_http_router(self) -> APIRouter:
        """Return a router with the routes that store notes and drafts."""
        router = APIRouter(route_class=PageRoute, dependencies=allow_users_with_roles(AGENTS))
        router.post("/api/agent/note", status_code=204)(self.save_note)
        router.put("/api/agent/draft", status_code=204)(self.save_unsent_form)
        return router

    async def save_note(self, note: NoteBody, who: SignedIn) -> None:
        """Store an agent's note on a call. An earlier note on the call is replaced; an empty text deletes it.

        The request is answered when the note is on disk.
        """
        phone_id = await self._find_phone_number_id_of_call(who, note.attempt)
        if phone_id is None:
            raise RequestRefused(409, "note-late")
        record = Note(note.id, note.attempt, phone_id, note.text, self._page_state.now())
        try:
            await self._records.save_note_about_call(record)
        except KeyTaken as error:
            raise RequestRefused(409, "note-late") from error

    async def save_unsent_form(self, body: DraftBody, who: SignedIn) -> None:
        """Store the unsent form of an agent's page for the seat's current or latest call."""
        try:
            text = json.dumps(body.draft, ensure_ascii=False, allow_nan=False)
            length = len(text.encode())
        except (ValueError, RecursionError) as error:
            raise RequestRefused(422, "values") from error
        if length > MAX_DRAFT_BYTES:
            raise RequestRefused(413, "too-long")
        phone_id = await self._find_phone_number_id_of_call(who, body.attempt)
        has_another = find_current_attempt_of_seat(self._page_state, who.seat) not in {
            None,
            body.attempt,
        }  # whose draft it would replace
        if phone_id is None or has_another:
            raise RequestRefused(409, "late")
        self._drafts.replace_unsent_form(Draft(who.seat, body.attempt, phone_id, text))

    async def _find_phone_number_id_of_call(self, who: SignedInUser, attempt_id: str) -> int | None:
        """Return the id of the phone number of an agent's current or recent call, or None if the call is not the agent's."""
        seat = self._page_state.get_value_of_key(f"seat/{who.seat}", SeatView)
        if seat is not None and (seat.attempt_id, seat.agent) == (attempt_id, who.name) and seat.screen_pop is not None:
            return seat.screen_pop.phone_id
        call = await self._reading.find_agent_of_attempt(attempt_id)
        if call is None or (call.seat, call.agent) != (who.seat, who.name):
            return None
        has_closed = call.ended_at is not None and self._page_state.now() - call.ended_at > OPEN_SECONDS
        return None if has_closed else call.phone_id
