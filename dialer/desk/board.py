"""The supervisors' board: a stream of the centre's state, commands, and the acknowledgement of alerts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse
from pydantic import Field

from dialer.desk.early_warnings import WarningList
from dialer.domain.alerts import AlertList
from dialer.domain.clock import Clock
from dialer.domain.enums import SupervisorRole as Role
from dialer.domain.model import LEAST_PER_SEAT, MOST_CALLS, MOST_PER_SEAT, MOST_WEIGHT
from dialer.engine.campaigns.commands import LEAST_TARGET, MOST_PERIODS, MOST_TARGET
from dialer.engine.command.base import SUPERVISOR_ONLY
from dialer.engine.command.catalogue import COMMANDS
from dialer.engine.seats.commands import MAX_CAMPAIGNS, MAX_MESSAGE
from dialer.mqtt.dialler_client import DeskStatus, DiallerClient, Reply
from dialer.store.desk_file import Acknowledgement, DeskFile
from dialer.web.access import (
    EVENT_STREAM,
    EVERY_ROLE,
    PageRoute,
    SignedIn,
    allow_anyone,
    allow_users_with_roles,
)
from dialer.web.page_requests import CommandId, PageRequest
from dialer.web.page_state import PageState
from dialer.web.refusals import RequestRefused
from dialer.web.streams import Streams

SHOWN_KEYS = frozenset(
    {"desk", "centre", "campaign", "seat", "booth", "alerts", "warnings", "acknowledged", "day", "abandoned", "why"}
)
"""The kinds of page-state keys that are sent to a board."""
BOARD_COMMANDS = (
    "pause",
    "resume",
    "stop",
    "speed",
    "abandoned-target",
    "weight",
    "calling-hours",
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
"""The commands that the board has a button for. Their fields and roles are declared with the commands."""
OTHER_COMMANDS: dict[str, frozenset[Role]] = {
    "roll-import": SUPERVISOR_ONLY,
    "rejects-download": COMMANDS["rejects-download"].roles,
    "reload-settings": SUPERVISOR_ONLY,
    "suppress": COMMANDS["suppress"].roles,
    "erase-number": COMMANDS["erase-number"].roles,
    "number-search": COMMANDS["number-search"].roles,
    "coaching-note": COMMANDS["coaching-note"].roles,
    "recording-play": COMMANDS["recording-play"].roles,
    "recording-judge": COMMANDS["recording-judge"].roles,
}
"""Commands with routes of their own (rolls.py, changed_settings.py, numbers.py, call_reports.py, coaching_notes.py,
recordings.py), with the roles that may send them.
"""
MONITORING_COMMANDS = frozenset({"listen", "whisper", "barge", "stop-listening"})
COMMAND_ROLES = EVERY_ROLE.intersection(role for name in BOARD_COMMANDS for role in COMMANDS[name].roles)
ACKNOWLEDGE_ROLES = EVERY_ROLE - {Role.VIEWER}

_Text = Annotated[str, Field(min_length=1, max_length=128)]


async def send_command_to_dialler(
    dialler_client: DiallerClient, who: str, command_id: str, name: str, values: Mapping[str, Any]
) -> Reply:
    """Send a command to the dialler and return its reply. Raises RequestRefused if the broker is unreachable."""
    reply = await dialler_client.send_command(who, command_id, name, values)
    if reply is None:
        raise RequestRefused(503, "broker-away")
    return reply


def format_command_reply(reply: Reply) -> dict[str, str]:
    """Return the dialler's reply to a command as the JSON body of a response."""
    return {"status": reply.status, "text": reply.text}


class CommandRequest(PageRequest):
    """A command from the supervisors' board to the dialler (docs/reference/topics.md)."""

    id: CommandId
    name: Annotated[str, Field(min_length=1, max_length=128, json_schema_extra={"enum": sorted(BOARD_COMMANDS)})]
    campaign_id: _Text | None = None
    seat: _Text | None = None
    reason: _Text | None = None
    max_calls: Annotated[int, Field(strict=True, ge=1, le=MOST_CALLS)] | None = None
    calls_per_seat: Annotated[float, Field(ge=LEAST_PER_SEAT, le=MOST_PER_SEAT)] | None = None
    abandoned_target: Annotated[float, Field(ge=LEAST_TARGET, le=MOST_TARGET)] | None = None
    weight: Annotated[float, Field(ge=0, le=MOST_WEIGHT)] | None = None
    hours: Annotated[list[_Text], Field(min_length=1, max_length=MOST_PERIODS)] | None = None
    campaigns: Annotated[list[_Text], Field(max_length=MAX_CAMPAIGNS)] | None = None
    text: Annotated[str, Field(min_length=1, max_length=MAX_MESSAGE)] | None = None


class AlertReference(PageRequest):
    """The code and the time of an alert, which together identify it."""

    code: _Text
    at: float


class Board:
    """The HTTP routes of the supervisors' board: updates, commands and alerts."""

    def __init__(
        self, page_state: PageState, streams: Streams, dialler_client: DiallerClient, file: DeskFile, clock: Clock
    ) -> None:
        self._page_state = page_state
        self._streams = streams
        self._dialler_client = dialler_client
        self._file = file
        self._clock = clock

    async def load_alert_acknowledgements(self) -> None:
        """Read from the desk's file which alerts users have acknowledged, and mark these alerts on the board.

        Raises StoreError.
        """
        self._publish_alert_acknowledgements_to_pages(await self._file.read_acknowledgements())

    def create_http_router(self) -> APIRouter:
        """Return a router with the routes of the supervisors' board."""
        router = APIRouter(route_class=PageRoute)
        events = "/api/board/events"
        router.get(
            events,
            dependencies=allow_users_with_roles(EVERY_ROLE),
            response_class=StreamingResponse,
            responses=EVENT_STREAM,
        )(self.stream_board_events)
        router.get("/api/board/booths", dependencies=allow_users_with_roles(EVERY_ROLE))(
            self.list_polling_station_names
        )
        router.post("/api/board/commands", dependencies=allow_users_with_roles(COMMAND_ROLES))(self.send_board_command)
        router.post("/api/board/alerts", dependencies=allow_users_with_roles(ACKNOWLEDGE_ROLES), status_code=204)(
            self.acknowledge_alert
        )
        health: dict[int | str, dict[str, Any]] = {status: {"model": dict[str, bool]} for status in (200, 503)}
        router.get("/health", dependencies=allow_anyone(), responses=health)(self.check_desk_health)
        return router

    async def stream_board_events(self, request: Request) -> Response:
        """Return a stream of server-sent events: the whole page state, then its changes. An open page keeps its session alive."""
        return self._streams.open_stream_to_page(request, create_page_state_filter(request.state.user.role))

    async def check_desk_health(self) -> Response:
        """Return 200 if the desk is connected to the broker, otherwise 503. For watchdogs: the response has no data of
        the centre.
        """
        desk = self._page_state.get_value_of_key("desk", DeskStatus)
        connected = desk is not None and desk.connected
        return JSONResponse({"broker": connected}, status_code=200 if connected else 503)

    async def list_polling_station_names(self) -> Mapping[int, Sequence[str]]:
        """Return the names of constituency and polling station for each booth id."""
        names: Mapping[int, Sequence[str]] = self._page_state.get_value_of_key("booths", dict) or {}
        return names

    async def send_board_command(self, asked: CommandRequest, who: SignedIn) -> dict[str, str]:
        """Send a command as the signed-in user and return the dialler's reply."""
        if asked.name not in BOARD_COMMANDS:
            raise RequestRefused(404, "no-command")
        kind = COMMANDS[asked.name]
        if who.role not in kind.roles:
            raise RequestRefused(403, "role")
        values = asked.model_dump(exclude={"id", "name"}, exclude_none=True)
        required = kind.list_required_field_names()
        if not set(required) <= set(values) <= {*required, *kind.list_optional_field_names()}:
            raise RequestRefused(422, "values")
        return format_command_reply(
            await send_command_to_dialler(self._dialler_client, who.name, asked.id, asked.name, values)
        )

    async def acknowledge_alert(self, alert: AlertReference, who: SignedIn) -> None:
        """Store that the user has acknowledged an alert, and show it on every board."""
        alerts, warnings = (
            self._page_state.get_value_of_key("alerts", AlertList),
            self._page_state.get_value_of_key("warnings", WarningList),
        )
        active = (*(alerts.alerts if alerts is not None else ()), *(warnings.alerts if warnings is not None else ()))
        if not any((each.code, each.at) == (alert.code, alert.at) for each in active):
            raise RequestRefused(409, "alert-ended")
        await self._file.acknowledge_alert(Acknowledgement(alert.code, alert.at, who.name, self._clock.now()))
        self._publish_alert_acknowledgements_to_pages(await self._file.read_acknowledgements())

    def _publish_alert_acknowledgements_to_pages(self, seen: list[Acknowledgement]) -> None:
        self._page_state.set_value_of_key("acknowledged", {each.code: each for each in seen})


def list_commands_allowed_to_role(role: str, *, has_phone: bool) -> list[str]:
    """Return the commands that a role may send from the board. Commands to listen to calls are included only if the
    user has a phone.
    """
    commands = [name for name in BOARD_COMMANDS if role in COMMANDS[name].roles]
    commands += [name for name, roles in OTHER_COMMANDS.items() if role in roles]
    return [name for name in commands if has_phone or name not in MONITORING_COMMANDS]


def create_page_state_filter(role: str) -> Callable[[str], bool]:
    """Return a function that says, for a key of the page state, whether users with this role may see its value.

    The page state is the data that open pages show.
    """
    lists = frozenset({"list"} if role in OTHER_COMMANDS["roll-import"] else ())
    return lambda key: key.partition("/")[0] in SHOWN_KEYS or key in lists
