"""What an agent writes of a call: a note, which is on disk before anything names it; and a draft, which a reload brings back.

Both are of a call that this agent has at this seat, or had a moment ago.
"""

from __future__ import annotations

import json
from typing import Annotated, Any

from fastapi import Request, Response
from pydantic import BaseModel, ConfigDict, Field

from dialer.desk.agents.drafts import AgentDrafts
from dialer.desk.agents.sessions import attempt_at
from dialer.domain.errors import KeyTaken
from dialer.store.agent_reading import AgentReading
from dialer.store.agent_records import AgentRecords, Draft, Note
from dialer.web.doors import WebDoor, problem
from dialer.web.people import AGENTS, Who
from dialer.web.picture import Picture

MOST_NOTE = 2_000  # characters
MOST_DRAFT_BYTES = 16_384
OPEN_SECONDS = 900.0  # a call that ended longer ago is spoken of no more, to the dialler neither

_Attempt = Annotated[str, Field(pattern=r"^[A-Za-z0-9-]{1,64}$")]


class NoteWritten(BaseModel):
    """A note of a call."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    id: Annotated[str, Field(pattern=r"^[a-z][A-Za-z0-9-]{0,63}$")]
    attempt: _Attempt
    text: Annotated[str, Field(max_length=MOST_NOTE)]


class DraftWritten(BaseModel):
    """What stands in a page's form."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    attempt: _Attempt
    draft: dict[str, Any]


class AgentWriting:
    """Takes notes and drafts."""

    def __init__(self, picture: Picture, reading: AgentReading, records: AgentRecords, drafts: AgentDrafts) -> None:
        """`picture` and `reading` know whose call it is."""
        self._picture = picture
        self._reading = reading
        self._records = records
        self._drafts = drafts

    def doors(self) -> list[WebDoor]:
        """What an agent may write."""
        return [
            WebDoor("POST", "/api/agent/note", self.note, AGENTS, {204: None}),
            WebDoor("PUT", "/api/agent/draft", self.draft, AGENTS, {204: None}),
        ]

    async def note(self, written: NoteWritten, request: Request) -> Response:
        """Keep a note; it is on disk with the answer. Another one of the call takes its place; an empty one is none."""
        phone_id = await self._phone_of(request.state.who, written.attempt)
        if phone_id is None:
            return problem(409, "note-late")
        note = Note(written.id, written.attempt, phone_id, written.text, self._picture.now())
        try:
            await self._records.keep_note(note)
        except KeyTaken:
            return problem(409, "note-late")
        return Response(status_code=204)

    async def draft(self, written: DraftWritten, request: Request) -> Response:
        """Keep what stands in the form: of the call that the seat has, or had last."""
        who: Who = request.state.who
        try:
            text = json.dumps(written.draft, ensure_ascii=False, allow_nan=False)
            length = len(text.encode())
        except (ValueError, RecursionError):
            return problem(422, "values")
        if length > MOST_DRAFT_BYTES:
            return problem(413, "too-long")
        phone_id = await self._phone_of(who, written.attempt)
        has_another = attempt_at(self._picture, who.seat) not in {None, written.attempt}  # whose draft it would replace
        if phone_id is None or has_another:
            return problem(409, "late")
        self._drafts.keep(Draft(who.seat, written.attempt, phone_id, text))
        return Response(status_code=204)

    async def _phone_of(self, who: Who, attempt_id: str) -> int | None:
        """The number of a call that this agent has, or had a moment ago; None: it is not this agent's to write of."""
        seat: dict[str, Any] = self._picture.get(f"seat/{who.seat}") or {}
        if seat.get("attempt") == attempt_id and seat.get("agent") == who.name and seat.get("call") is not None:
            found: int = seat["call"]["phone"]
            return found
        call = await self._reading.whose(attempt_id)
        if call is None or (call.seat, call.agent) != (who.seat, who.name):
            return None
        is_over = call.ended_at is not None and self._picture.now() - call.ended_at > OPEN_SECONDS
        return None if is_over else call.phone_id
