"""Commands of agents. The desk adds the seat of the session, so that a page can only command its own seat."""

from __future__ import annotations

from typing import Annotated, Any

import structlog
from fastapi import APIRouter
from pydantic import Field

from dialer.desk.agents.sessions import AgentSessions, find_current_attempt_of_seat
from dialer.desk.agents.site import AgentSite
from dialer.domain.errors import RefusedBecause, StoreError
from dialer.engine.command.catalogue import COMMANDS
from dialer.mqtt.dialler_client import DiallerClient
from dialer.roll.phone_numbers import read_phone_numbers_in_cell
from dialer.store.agent_reading import AgentReading
from dialer.web.access import PageRoute, SignedIn, allow_users_with_roles
from dialer.web.page_requests import PageRequest
from dialer.web.page_state import PageState
from dialer.web.people import AGENTS
from dialer.web.refusals import RequestRefused

_log = structlog.get_logger(__name__)

AGENT_COMMANDS = frozenset(
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
"""The commands that an agent may send for the own seat. Their fields are declared with the commands."""

_Id = Annotated[str, Field(pattern=r"^[A-Za-z0-9-]{8,40}$")]  # the desk puts the seat's name before it
_Key = Annotated[str, Field(pattern=r"^[a-z_]{1,40}$")]
_One = str | int | float | bool | None
_Value = _One | list[dict[_Key, _One]] | dict[str, _One]


class AgentCommand(PageRequest):
    """A command of an agent, as the page sends it: the dialler's command (docs/reference/topics.md) without the seat.

    The page may resend a command with the same id: it is executed once.
    """

    id: _Id
    name: Annotated[str, Field(max_length=64, json_schema_extra={"enum": sorted(AGENT_COMMANDS)})]
    values: dict[_Key, _Value] = Field(default_factory=dict)


class AgentNumber(PageRequest):
    """A phone number that an agent typed. Only its id in the store is sent to the dialler."""

    id: _Id
    number: Annotated[str, Field(max_length=40)]


class AgentCommands:
    """Routes that send the commands of agents to the dialler."""

    def __init__(
        self,
        site: AgentSite,
        sessions: AgentSessions,
        dialler_client: DiallerClient,
        page_state: PageState,
        reading: AgentReading,
    ) -> None:
        """Create the HTTP routes for agents' commands. `reading` (the store) finds the campaigns that may call a typed
        number.
        """
        self._reading = reading
        self._site = site
        self._sessions = sessions
        self._dialler_client = dialler_client
        self._page_state = page_state

    def create_http_router(self) -> APIRouter:
        """Return a router with the routes that send agents' commands."""
        router = APIRouter(route_class=PageRoute, dependencies=allow_users_with_roles(AGENTS))
        router.post("/api/agent/command")(self.send_agent_command)
        router.post("/api/agent/dial")(self.dial_typed_number)
        return router

    async def send_agent_command(self, asked: AgentCommand, who: SignedIn) -> dict[str, str | None]:
        """Send a command for the agent's own seat to the dialler, and return the dialler's reply.

        A command that names a call (`attempt_id`) is refused if another call is now at the seat. If the page has a text
        for the reason of a refusal, the reply contains the code of this reason.
        """
        if asked.name not in AGENT_COMMANDS:
            raise RequestRefused(404, "no-command")
        if self._site.user is None:
            raise RequestRefused(409, "no-agents")
        kind, values = COMMANDS[asked.name], {key: value for key, value in asked.values.items() if value is not None}
        required = set(kind.list_required_field_names()) - {"seat"}
        known = required.union(kind.list_optional_field_names())
        if (
            "attempt_id" not in known
            and "attempt_id" in values
            and values.pop("attempt_id") != find_current_attempt_of_seat(self._page_state, who.seat)
        ):
            raise RequestRefused(409, "late")
        if not values.keys() <= known or not required <= values.keys():
            raise RequestRefused(422, "values")
        return await self._send_command_to_dialler(self._site.user, who.seat, asked.id, asked.name, values)

    async def dial_typed_number(self, asked: AgentNumber, who: SignedIn) -> dict[str, str | None]:
        """Dial a number that the agent typed, if it is on a list of the agent's campaigns.

        The number is looked up in the store, and only its id is sent to the dialler.
        """
        campaigns = self._site.list_campaigns_with_manual_dialling(who)
        if self._site.user is None or not campaigns:
            raise RequestRefused(404, "no-command")
        numbers = read_phone_numbers_in_cell(asked.number, self._site.region).numbers
        if len(numbers) != 1:
            raise RequestRefused(422, "no-number")
        try:
            listed = await self._reading.find_campaigns_with_number(numbers[0])
        except StoreError as error:
            _log.warning("number.read_failed", problem=str(error))
            raise RequestRefused(503, "away") from error
        campaign = next((each for each in campaigns if each in listed), None)
        if campaign is None:
            text = "the number is not in the list of a campaign that lets this agent dial"
            return {"status": "refused", "text": text, "code": RefusedBecause.NOT_LISTED}
        values = {"campaign_id": campaign, "phone_id": listed[campaign]}
        return await self._send_command_to_dialler(self._site.user, who.seat, asked.id, "seat-dial", values)

    async def _send_command_to_dialler(
        self, user: str, seat: str, asked_id: str, name: str, values: dict[str, Any]
    ) -> dict[str, str | None]:
        # All pages send as the desk's user, so an id of one page must not equal that of another.
        reply = await self._dialler_client.send_command(user, f"{seat}.{asked_id}", name, {**values, "seat": seat})
        if reply is None:
            raise RequestRefused(503, "away")
        if reply.status == "done" and name == "seat-log-off":
            self._sessions.mark_agent_as_leaving(seat)
        return {"status": reply.status, "text": reply.text, "code": reply.code}
