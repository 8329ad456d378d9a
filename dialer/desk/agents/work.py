"""What an agent does on the page: commands for the own seat, which the desk names and the page cannot."""

from __future__ import annotations

from typing import Annotated, Any

import structlog
from fastapi import APIRouter
from pydantic import Field

from dialer.desk.agents.floor import Floor
from dialer.desk.agents.sessions import AgentSessions, attempt_at
from dialer.domain.errors import RefusedBecause, StoreError
from dialer.engine.command.catalogue import COMMANDS
from dialer.mqtt.dialler_client import DiallerClient
from dialer.roll.phone_numbers import read_cell
from dialer.store.agent_reading import AgentReading
from dialer.web.access import PageRoute, SignedIn, allow
from dialer.web.page_requests import PageRequest
from dialer.web.page_state import PageState
from dialer.web.people import AGENTS
from dialer.web.refusals import RequestRefused

_log = structlog.get_logger(__name__)

OFFERED = frozenset(
    {
        "seat-ready",
        "seat-pause",
        "seat-log-off",
        "seat-hang-up",
        "seat-closing",
        "seat-message-read",
        "seat-hold",
        "seat-resume",
        "seat-transfer",
        "seat-consult",
        "seat-merge",
        "seat-complete-transfer",
        "seat-cancel-consult",
        "seat-pause-recording",
        "seat-resume-recording",
        "seat-dispose",
        "seat-undo-disposition",
        "seat-preview-dial",
        "seat-preview-skip",
        "seat-dial",
    }
)
"""The commands that an agent may give, of the own seat: one that is not named here is not given. What each takes stands with it."""

_Id = Annotated[str, Field(pattern=r"^[A-Za-z0-9-]{8,40}$")]  # the seat's name is put before it
_Key = Annotated[str, Field(pattern=r"^[a-z_]{1,40}$")]
_One = str | int | float | bool | None
_Value = _One | list[dict[_Key, _One]] | dict[str, _One]


class AgentCommand(PageRequest):
    """A command (docs/reference/topics.md) as an agent's page sends it: without the seat. A repeated id is the same command."""

    id: _Id
    name: Annotated[str, Field(max_length=64, json_schema_extra={"enum": sorted(OFFERED)})]
    values: dict[_Key, _Value] = Field(default_factory=dict)


class AgentNumber(PageRequest):
    """A number that an agent types, to be called. It goes no further than this."""

    id: _Id
    number: Annotated[str, Field(max_length=40)]


class AgentWork:
    """Sends what agents ask for."""

    def __init__(
        self,
        floor: Floor,
        sessions: AgentSessions,
        dialler_client: DiallerClient,
        page_state: PageState,
        reading: AgentReading,
    ) -> None:
        """`reading` knows whose number is on which list."""
        self._reading = reading
        self._floor = floor
        self._sessions = sessions
        self._dialler_client = dialler_client
        self._page_state = page_state

    def router(self) -> APIRouter:
        """Return the routes."""
        router = APIRouter(route_class=PageRoute, dependencies=allow(AGENTS))
        router.post("/api/agent/command")(self.command)
        router.post("/api/agent/dial")(self.dial)
        return router

    async def command(self, asked: AgentCommand, who: SignedIn) -> dict[str, str | None]:
        """Give a command for the own seat; the dialler's answer, with a word where the page has a sentence for it.

        With an `attempt` it is for that call: a late one is refused, here where the dialler takes the command without.
        """
        if asked.name not in OFFERED:
            raise RequestRefused(404, "no-command")
        if self._floor.user is None:
            raise RequestRefused(409, "no-agents")
        kind, values = COMMANDS[asked.name], {key: value for key, value in asked.values.items() if value is not None}
        required = set(kind.required_fields()) - {"seat"}
        known = required.union(kind.optional_fields())
        if (
            "attempt" not in known
            and "attempt" in values
            and values.pop("attempt") != attempt_at(self._page_state, who.seat)
        ):
            raise RequestRefused(409, "late")
        if not values.keys() <= known or not required <= values.keys():
            raise RequestRefused(422, "values")
        return await self._give(self._floor.user, who.seat, asked.id, asked.name, values)

    async def dial(self, asked: AgentNumber, who: SignedIn) -> dict[str, str | None]:
        """Have a number called that the agent types: its id is looked up in the store, and the dialler is told that alone. One
        that is on no list of the agent's campaigns is refused, whoever's it is.
        """
        campaigns = self._floor.manual(who)
        if self._floor.user is None or not campaigns:
            raise RequestRefused(404, "no-command")
        numbers = read_cell(asked.number, self._floor.region).numbers
        if len(numbers) != 1:
            raise RequestRefused(422, "no-number")
        try:
            listed = await self._reading.listed(numbers[0])
        except StoreError as error:
            _log.warning("desk.number-unread", problem=str(error))
            raise RequestRefused(503, "away") from error
        campaign = next((each for each in campaigns if each in listed), None)
        if campaign is None:
            text = "the number is not in the list of a campaign that lets this agent dial"
            return {"status": "refused", "text": text, "word": RefusedBecause.NOT_LISTED}
        values = {"campaign": campaign, "phone": listed[campaign]}
        return await self._give(self._floor.user, who.seat, asked.id, "seat-dial", values)

    async def _give(
        self, user: str, seat: str, asked_id: str, name: str, values: dict[str, Any]
    ) -> dict[str, str | None]:
        # An id of the page's own would meet those of other pages: all send as the desk.
        reply = await self._dialler_client.ask(user, f"{seat}.{asked_id}", name, {**values, "seat": seat})
        if reply is None:
            raise RequestRefused(503, "away")
        if reply.status == "done" and name == "seat-log-off":
            self._sessions.leave(seat)
        return {"status": reply.status, "text": reply.text, "word": reply.code}
