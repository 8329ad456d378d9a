"""The supervisor's board: the centre as it stands as a stream of events, commands, and alerts that somebody has seen."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse
from pydantic import Field

from dialer.desk.figures import WarningList
from dialer.domain.alerts import AlertList
from dialer.domain.clock import Clock
from dialer.domain.enums import SupervisorRole as Role
from dialer.domain.model import LEAST_PER_SEAT, MOST_CALLS, MOST_PER_SEAT
from dialer.engine.campaigns.commands import LEAST_TARGET, MOST_TARGET
from dialer.engine.command.base import SUPERVISOR_ONLY
from dialer.engine.command.catalogue import COMMANDS
from dialer.engine.seats.commands import MAX_CAMPAIGNS, MAX_MESSAGE
from dialer.mqtt.dialler_client import DeskStatus, DiallerClient, Reply
from dialer.store.desk_file import Acknowledgement, DeskFile
from dialer.web.access import EVENT_STREAM, EVERY_ROLE, PageRoute, SignedIn, allow, allow_anyone
from dialer.web.page_requests import CommandId, PageRequest
from dialer.web.page_state import PageState
from dialer.web.refusals import RequestRefused
from dialer.web.streams import Streams

SHOWN = frozenset(
    {"desk", "centre", "campaign", "seat", "booth", "alerts", "warnings", "acknowledged", "day", "abandoned", "why"}
)
"""Kinds of keys of the page state that a board is told of; no others, whatever else stands in it."""
OFFERED = (
    "pause",
    "resume",
    "stop",
    "speed",
    "abandoned-target",
    "stop-all",
    "accept-clock",
    "reload-flows",
    "seat-message",
    "seat-campaigns",
    "seat-pause",
    "seat-ready",
    "seat-log-off",
    "seat-hang-up",
    "seat-unlock",
    "listen",
    "whisper",
    "barge",
    "stop-listening",
)
"""The commands that the board has a button for. What each needs and who may give it stands with the command."""
HANDED_OVER: dict[str, frozenset[Role]] = {
    "roll-import": SUPERVISOR_ONLY,
    "suppress": COMMANDS["suppress"].roles,
    "erase-number": COMMANDS["erase-number"].roles,
    "recording-play": COMMANDS["recording-play"].roles,
}
"""Those that have doors of their own (dialer/desk/lists.py, recordings.py), and for whom."""
BY_EAR = frozenset({"listen", "whisper", "barge", "stop-listening"})
COMMANDERS = EVERY_ROLE.intersection(role for name in OFFERED for role in COMMANDS[name].roles)
SEERS = EVERY_ROLE - {Role.VIEWER}

_Text = Annotated[str, Field(min_length=1, max_length=128)]


async def reply_to(
    dialler_client: DiallerClient, who: str, command_id: str, name: str, values: Mapping[str, Any]
) -> Reply:
    """What the dialler says of a command. Raises RequestRefused where nobody could be asked."""
    reply = await dialler_client.ask(who, command_id, name, values)
    if reply is None:
        raise RequestRefused(503, "broker-away")
    return reply


def answered(reply: Reply) -> dict[str, str]:
    """That, for the page."""
    return {"status": reply.status, "text": reply.text}


class CommandAsked(PageRequest):
    """A command of docs/reference/topics.md, as a page asks for it."""

    id: CommandId
    name: Annotated[str, Field(min_length=1, max_length=128, json_schema_extra={"enum": sorted(OFFERED)})]
    campaign: _Text | None = None
    seat: _Text | None = None
    reason: _Text | None = None
    max_calls: Annotated[int, Field(strict=True, ge=1, le=MOST_CALLS)] | None = None
    calls_per_seat: Annotated[float, Field(ge=LEAST_PER_SEAT, le=MOST_PER_SEAT)] | None = None
    abandoned_target: Annotated[float, Field(ge=LEAST_TARGET, le=MOST_TARGET)] | None = None
    campaigns: Annotated[list[_Text], Field(max_length=MAX_CAMPAIGNS)] | None = None
    text: Annotated[str, Field(min_length=1, max_length=MAX_MESSAGE)] | None = None


class AlertSeen(PageRequest):
    """An alert that somebody has seen: its code and its time tell which."""

    code: _Text
    at: float


class Board:
    """What the board's pages request."""

    def __init__(
        self, page_state: PageState, streams: Streams, dialler_client: DiallerClient, file: DeskFile, clock: Clock
    ) -> None:
        self._page_state = page_state
        self._streams = streams
        self._dialler_client = dialler_client
        self._file = file
        self._clock = clock

    async def begin(self) -> None:
        """Who has seen which alert, from before."""
        self._show(await self._file.acknowledged())

    def router(self) -> APIRouter:
        """Return the routes."""
        router = APIRouter(route_class=PageRoute)
        events = "/api/board/events"
        router.get(events, dependencies=allow(EVERY_ROLE), response_class=StreamingResponse, responses=EVENT_STREAM)(
            self.events
        )
        router.get("/api/board/booths", dependencies=allow(EVERY_ROLE))(self.booths)
        router.post("/api/board/commands", dependencies=allow(COMMANDERS))(self.command)
        router.post("/api/board/alerts", dependencies=allow(SEERS), status_code=204)(self.acknowledge)
        health: dict[int | str, dict[str, Any]] = {status: {"model": dict[str, bool]} for status in (200, 503)}
        router.get("/health", dependencies=allow_anyone(), responses=health)(self.health)
        return router

    async def events(self, request: Request) -> Response:
        """The page state, whole, then what changes of it: server-sent events of JSON. A page that is open counts as used."""
        return self._streams.open_stream(request, shown_to(request.state.user.role))

    async def health(self) -> Response:
        """For a watchdog, told nothing of the centre. 200: the desk serves, and hears the broker; 503: it does not hear it."""
        desk = self._page_state.get("desk", DeskStatus)
        connected = desk is not None and desk.connected
        return JSONResponse({"broker": connected}, status_code=200 if connected else 503)

    async def booths(self) -> Mapping[int, Sequence[str]]:
        """The names of each booth's constituency and of the booth, by its id."""
        names: Mapping[int, Sequence[str]] = self._page_state.get("booths", dict) or {}
        return names

    async def command(self, asked: CommandAsked, who: SignedIn) -> dict[str, str]:
        """Give a command as the one who has signed in; the dialler's answer."""
        if asked.name not in OFFERED:
            raise RequestRefused(404, "no-command")
        kind = COMMANDS[asked.name]
        if who.role not in kind.roles:
            raise RequestRefused(403, "role")
        values = asked.model_dump(exclude={"id", "name"}, exclude_none=True)
        required = kind.required_fields()
        if not set(required) <= set(values) <= {*required, *kind.optional_fields()}:
            raise RequestRefused(422, "values")
        return answered(await reply_to(self._dialler_client, who.name, asked.id, asked.name, values))

    async def acknowledge(self, seen: AlertSeen, who: SignedIn) -> None:
        """Keep that somebody has seen an alert, and tell every board."""
        alerts, warnings = self._page_state.get("alerts", AlertList), self._page_state.get("warnings", WarningList)
        active = (*(alerts.alerts if alerts is not None else ()), *(warnings.alerts if warnings is not None else ()))
        if not any((each.code, each.at) == (seen.code, seen.at) for each in active):
            raise RequestRefused(409, "alert-ended")
        await self._file.acknowledge(Acknowledgement(seen.code, seen.at, who.name, self._clock.now()))
        self._show(await self._file.acknowledged())

    def _show(self, seen: list[Acknowledgement]) -> None:
        self._page_state.put("acknowledged", {each.code: each for each in seen})


def may(role: str, *, has_phone: bool) -> list[str]:
    """The board's commands that a role may give; by ear only where there is a phone of the settings, to hear with."""
    given = [name for name in OFFERED if role in COMMANDS[name].roles]
    given += [name for name, roles in HANDED_OVER.items() if role in roles]
    return [name for name in given if has_phone or name not in BY_EAR]


def shown_to(role: str) -> Callable[[str], bool]:
    """Which keys of the page state that role's board is told of."""
    lists = frozenset({"list"} if role in HANDED_OVER["roll-import"] else ())
    return lambda key: key.partition("/")[0] in SHOWN or key in lists
