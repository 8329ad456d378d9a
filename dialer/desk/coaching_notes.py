"""Coaching notes: what supervisors write on a call, for the agent who had it.

Supervisors write and delete notes in the details of a call on the reports page, and see there whether the agent has read
them. The agent's page shows the agent's own notes between calls. Nobody else sees a note. Each written or deleted note is
in the audit log, without its text, before it is stored or deleted.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import Annotated
from uuid import uuid4

from fastapi import APIRouter
from pydantic import Field, StringConstraints

from dialer.desk.board import OTHER_COMMANDS, send_command_to_dialler
from dialer.desk.figures import READ_SECONDS
from dialer.domain.schema import MESSAGE, Time
from dialer.mqtt.dialler_client import DiallerClient
from dialer.store.agent_reading import AgentReading
from dialer.store.coaching_notes import CoachingNote, CoachingNoteRecords
from dialer.web.access import PageRoute, SignedIn, allow_users_with_roles
from dialer.web.page_requests import PageRequest, RequestedAttemptId
from dialer.web.page_state import PageState
from dialer.web.people import AGENTS, repeat_function_with_pause, run_function_and_log_store_error
from dialer.web.refusals import RequestRefused

MAX_NOTE_CHARACTERS = 1_000
SHOWN_TO_AGENT = 10
"""How many of the latest notes an agent's page shows."""
COACH_ROLES = OTHER_COMMANDS["coaching-note"]
_PAGE_KEY = "coaching"  # coaching/101: the notes of agent 101


class NoteToWrite(PageRequest):
    """A request to write a note on a call, for the agent of the call."""

    attempt: RequestedAttemptId
    text: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=MAX_NOTE_CHARACTERS)]


class NoteReference(PageRequest):
    """The ID of a coaching note that a page has shown."""

    note: Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]


@dataclass(frozen=True, slots=True)
class CoachingNoteOnCall:
    """A coaching note, as the details of its call show it to supervisors."""

    __pydantic_config__ = MESSAGE

    note: str
    """its ID"""
    author: str
    text: str
    at: Time
    read_at: Time | None
    """when the agent marked it as read; null: not yet"""


@dataclass(frozen=True, slots=True)
class OwnCoachingNote:
    """A coaching note, as the page of the call's agent shows it: without the voter's name and number."""

    __pydantic_config__ = MESSAGE

    note: str
    """its ID"""
    campaign: str
    call_at: Time
    author: str
    text: str
    read: bool


class CoachingNotes:
    """The routes with which supervisors write notes on calls and agents mark them as read."""

    def __init__(
        self,
        page_state: PageState,
        reading: AgentReading,
        records: CoachingNoteRecords,
        dialler_client: DiallerClient,
    ) -> None:
        """Create the routes. `reading` (the store) shows which agent had a call."""
        self._page_state = page_state
        self._reading = reading
        self._records = records
        self._dialler_client = dialler_client

    def create_http_router(self) -> APIRouter:
        """Return a router with the routes of supervisors and agents for coaching notes."""
        router = APIRouter(route_class=PageRoute)
        coaches = allow_users_with_roles(COACH_ROLES)
        router.get("/api/coaching-notes/{attempt}", dependencies=coaches)(self.list_notes_on_call)
        router.post("/api/coaching-notes", dependencies=coaches, status_code=204)(self.write_note)
        router.post("/api/coaching-notes/delete", dependencies=coaches, status_code=204)(self.delete_note)
        router.post("/api/agent/coaching-note-read", dependencies=allow_users_with_roles(AGENTS), status_code=204)(
            self.mark_own_note_as_read
        )
        return router

    async def update_agent_pages_until_cancelled(self) -> None:
        """Show each agent's notes on the agent's page until cancelled.

        They are read again at intervals because another process may erase them with a number.
        """
        await repeat_function_with_pause(READ_SECONDS, self._show_notes_on_agent_pages)

    async def list_notes_on_call(self, attempt: RequestedAttemptId) -> tuple[CoachingNoteOnCall, ...]:
        """Return the coaching notes on a call, the oldest first."""
        return tuple(
            CoachingNoteOnCall(each.note_id, each.author, each.text, each.at, each.read_at)
            for each in await self._records.read_notes_of_call(attempt)
        )

    async def write_note(self, asked: NoteToWrite, who: SignedIn) -> None:
        """Store a note on a call for its agent, once the dialler has recorded it in the audit log.

        Raises RequestRefused if no agent had the call.
        """
        call = await self._reading.find_agent_of_attempt(asked.attempt)
        if call is None:
            raise RequestRefused(409, "no-call")
        if not call.agent:
            raise RequestRefused(409, "call-without-agent")
        note = CoachingNote(
            note_id=uuid4().hex,
            attempt_id=asked.attempt,
            phone_id=call.phone_id,
            campaign_id=call.campaign_id,
            call_at=call.created_at,
            agent=call.agent,
            author=who.name,
            text=asked.text,
            at=self._page_state.now(),
        )
        await self._record_in_audit_log(note, who.name, "write")
        await self._records.add_note(note)
        await self._show_notes_on_agent_pages()

    async def delete_note(self, asked: NoteReference, who: SignedIn) -> None:
        """Delete a note, once the dialler has recorded this in the audit log. Any supervisor may delete any note."""
        note = await self._records.find_note(asked.note)
        if note is None:
            raise RequestRefused(409, "no-coaching-note")
        await self._record_in_audit_log(note, who.name, "delete")
        await self._records.delete_note(note.note_id)
        await self._show_notes_on_agent_pages()

    async def mark_own_note_as_read(self, asked: NoteReference, who: SignedIn) -> None:
        """Store that the signed-in agent has read a note on one of the agent's own calls."""
        if not await self._records.mark_note_as_read(asked.note, who.name, self._page_state.now()):
            raise RequestRefused(409, "no-coaching-note")
        await self._show_notes_on_agent_pages()

    async def _record_in_audit_log(self, note: CoachingNote, user: str, action: str) -> None:
        values = {"attempt_id": note.attempt_id, "coaching_note": note.note_id, "action": action}
        # An id that no other command has, so that the reply to another command is not mistaken for this one's.
        reply = await send_command_to_dialler(self._dialler_client, user, str(uuid4()), "coaching-note", values)
        if reply.status != "done":
            raise RequestRefused(503, "coaching-not-audited")

    async def _show_notes_on_agent_pages(self) -> None:
        await run_function_and_log_store_error(self._read_notes_into_page_state(), "coaching_notes.read_failed")

    async def _read_notes_into_page_state(self) -> None:
        notes: dict[str, list[OwnCoachingNote]] = defaultdict(list)
        for each in await self._records.read_latest_notes_of_each_agent(SHOWN_TO_AGENT):
            notes[each.agent].append(
                OwnCoachingNote(
                    each.note_id, each.campaign_id, each.call_at, each.author, each.text, each.read_at is not None
                )
            )
        for agent in {*notes, *self._page_state.get_values_of_keys_with_prefix(_PAGE_KEY, tuple)}:
            self._page_state.set_value_of_key(f"{_PAGE_KEY}/{agent}", tuple(notes[agent]) or None)
