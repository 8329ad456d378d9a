"""A desk without a network: real routes, request checks and files, with a recorded broker."""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import uuid
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import httpx
from fastapi import APIRouter
from fastapi.routing import APIRoute, APIWebSocketRoute

from dialer.desk.agent_settings import AgentSettingsRoutes
from dialer.desk.board import Board, create_page_state_filter
from dialer.desk.board_account import BoardAccount
from dialer.desk.campaign_drafts import CampaignDraftRoutes
from dialer.desk.campaigns import CampaignRoutes
from dialer.desk.changed_settings import ChangedSettingsRoutes
from dialer.desk.figures import BoardFigures
from dialer.desk.flows import FlowRoutes
from dialer.desk.numbers import NumberRoutes
from dialer.desk.recordings import RecordingsPage
from dialer.desk.report_pages import ReportPages
from dialer.desk.rolls import RollRoutes
from dialer.desk.server import AgentPages, DeskParts
from dialer.desk.users import UsersPage
from dialer.domain.clock import SystemClock
from dialer.domain.enums import SupervisorRole
from dialer.domain.errors import StoreError
from dialer.domain.view import CentreState, SeatState, SeatView
from dialer.mqtt.commands.signer import Signer
from dialer.mqtt.dialler_client import DeskStatus, DiallerClient, Reply
from dialer.settings.site import Settings
from dialer.settings.supervision import Supervisor
from dialer.store.agent_reading import AgentReading
from dialer.store.campaign_drafts import CampaignDraftRecords
from dialer.store.connection import open_store_exclusively
from dialer.store.desk_file import DeskFile, get_desk_file_path
from dialer.store.desk_reading import DeskReading
from dialer.store.passkey_records import PasskeyRecords
from dialer.web.access import DESK_COOKIE, Access, Sessions, find_access_rules_of_route
from dialer.web.app import create_openapi_router, make_web_application
from dialer.web.assets import MICROPHONE, Asset, StaticPages
from dialer.web.directory import Directory
from dialer.web.page_state import PageState
from dialer.web.passkeys import Passkeys, find_passkey_host
from dialer.web.people import People, SignedInUser
from dialer.web.protection import PageProtection
from dialer.web.sign_in import PasswordSignIn
from dialer.web.streams import Streams
from tests.support.roll_filler import fill_roll
from tests.support.seats import CHEAP

ORIGIN = "https://desk.test"
PASSWORD = "lorry-mango-violin"
EVERYBODY = tuple(Supervisor(name=role.value, role=role) for role in SupervisorRole)
PAGE = b"<!doctype html><title>Matdan</title>"
AGENT = "agent"  # signed in at seat 04 as 101
PIN = "2468"
PIN_HASH = CHEAP.hash(PIN)
SEATED = SeatView(
    seat="04",
    at=0.0,
    agent="101",
    state=SeatState.READY,
    since=0.0,
    campaign_id=None,
    attempt_id=None,
    utilisation=0.5,
    calls=31,
)
"""Seat 04 without a call."""
ONLINE, OFFLINE = (CentreState("pune-1", 0.0, online=online) for online in (True, False))
CONNECTED, DISCONNECTED = DeskStatus(True, 0.0), DeskStatus(False, 0.0)


ONE_SEAT_CENTRE = """
[centre]
id = "pune-1"
[[supervisors]]
name = "desk"
role = "desk"
[[trunks]]
name = "carrier"
endpoint = "carrier"
caller_ids = ["+911140000001"]
[[seats]]
name = "04"
endpoint = "agent04"
[[campaigns]]
id = "turnout-agents"
kind = "agents"
script = "polling_day"
"""
"""A settings file of a centre with one trunk, one seat and one campaign, whose settings a test may continue.

A test adds [desk] with `user = "desk"`.
"""


async def raise_disk_full(*_: object) -> None:
    """Raise StoreError, in place of a method of the desk's file."""
    raise StoreError("the disk is full")


class SetClock(SystemClock):
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.at = 1_713_765_600.0
        self.seconds = 0.0

    def now(self) -> float:
        return self.at

    def monotonic(self) -> float:
        return self.seconds

    def pass_seconds(self, seconds: float) -> None:
        """Advance the wall clock and the monotonic clock."""
        self.at += seconds
        self.seconds += seconds


class FakeDiallerClient(DiallerClient):
    """A dialler client that records commands. `reply` None means that the broker is unreachable."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, str, dict[str, Any]]] = []
        self.reply: Reply | None = Reply("done", "it was done")
        self.page_state: PageState | None = None
        self.meanwhile: Callable[[Mapping[str, Any]], None] | None = None  # called with the values of each command

    async def send_command(
        self,
        user: str,
        command_id: str,
        name: str,
        values: Mapping[str, Any],
        signer: Signer | None = None,
        seconds: float = 0.0,
    ) -> Reply | None:
        if self.meanwhile is not None:
            self.meanwhile(values)
        if self.reply is not None:
            self.asked.append((user, command_id, name, dict(values)))
        if name == "seat-sign-in" and self.page_state is not None and self.reply == Reply("done", "it was done"):
            seat = replace(SEATED, seat=values["seat"], agent=values["agent"])
            self.page_state.set_value_of_key(f"seat/{seat.seat}", seat)
        return self.reply


WEBSOCKET = "WEBSOCKET"


@dataclass(frozen=True, slots=True)
class DeclaredRoute:
    """A route of the desk with its access rules. WebSockets have the method WEBSOCKET."""

    method: str
    path: str
    access: Access


def declared_routes(routers: Iterable[APIRouter]) -> list[DeclaredRoute]:
    """Return every route that the routers declare, one for each method."""
    return [
        DeclaredRoute(method, route.path, find_access_rules_of_route(route))
        for router in routers
        for route in router.routes
        if isinstance(route, APIRoute | APIWebSocketRoute)
        for method in ((route.methods or ()) if isinstance(route, APIRoute) else {WEBSOCKET})
    ]


@dataclass(slots=True)
class DeskUnderTest:
    """A desk with its parts, and a browser that sends requests to it."""

    routes: list[DeclaredRoute]
    page_state: PageState
    dialler_client: FakeDiallerClient
    people: People
    file: DeskFile
    clock: SetClock
    board: Board
    streams: Streams
    users: UsersPage
    passkeys: Passkeys
    agents: AgentPages
    browser: httpx.AsyncClient
    app: PageProtection
    reloads: list[Settings]  # one entry for each reload of the desk's own settings
    rolls: RollRoutes
    tokens: dict[str, str] = field(default_factory=dict)

    def events(self, token: str, who: SignedInUser) -> AsyncIterator[bytes]:
        """Return the event stream of a board page of `who`."""
        return self.streams.stream_events_to_page(token, who, create_page_state_filter(who.role))

    async def get(self, path: str, role: str | None = None, **headers: str) -> httpx.Response:
        """Send a GET request as a user with that role; None: not signed in."""
        return await self.browser.get(path, headers={**await self.cookie(role), **headers})

    async def post(
        self, path: str, body: object, role: str | None = None, *, method: str = "POST", **headers: str
    ) -> httpx.Response:
        """Send a JSON body, or raw bytes, with the headers of our own pages."""
        sent = {"origin": ORIGIN, "sec-fetch-site": "same-origin", "content-type": "application/json"}
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        whole = {name: value for name, value in {**sent, **await self.cookie(role), **given}.items() if value}
        return await self.browser.request(
            method, path, content=body if isinstance(body, bytes) else json.dumps(body), headers=whole
        )

    async def socket(self, path: str, role: str | None = None) -> str | None:
        """Open a WebSocket as the desk's own pages do. Return the code of the refusal, or None if the desk accepts it."""
        said: list[Any] = []

        async def say(message: Any) -> None:
            said.append(message)

        async def ask() -> dict[str, Any]:
            return {"type": "websocket.connect"}

        cookie = await self.cookie(role)
        given = {"host": ORIGIN.removeprefix("https://"), "origin": ORIGIN, **cookie}
        headers = [(name.encode(), value.encode()) for name, value in given.items()]
        extensions: dict[str, Any] = {"websocket.http.response": {}}
        scope = {"type": "websocket", "path": path, "headers": headers, "query_string": b"", "extensions": extensions}
        await self.app({**scope, "scheme": "wss", "subprotocols": ["sip"]}, ask, say)
        if said[0]["type"] != "websocket.http.response.start":
            return None
        problem: str = json.loads(said[1]["body"])["problem"]
        return problem

    async def cookie(self, role: str | None) -> dict[str, str]:
        """Return the cookie header of a session with that role."""
        if role is None:
            return {}
        if role == AGENT and role not in self.tokens:
            self.tokens[role] = await self.agent_token()
        if role not in self.tokens:
            self.tokens[role] = await self.people.sign_in_with_password(role, PASSWORD)
        return {"cookie": f"{DESK_COOKIE}={self.tokens[role]}"}

    async def agent_token(self, agent: str = "101", seat: str = "04") -> str:
        """Sign an agent in and return the session token. The recorded commands are cleared."""
        answer = await self.post("/api/agent/sign-in", {"agent": agent, "pin": PIN, "seat": seat, "phone": "own"})
        assert answer.status_code == 204, answer.text
        self.dialler_client.asked.clear()
        self.browser.cookies.clear()
        return answer.cookies[DESK_COOKIE]


def two_agent_settings() -> Settings:
    """Return settings with the agents 101 and 102; seat 06 has a browser phone."""
    return Settings.model_validate(
        {
            "centre": {"id": "pune-1"},
            "desk": {"user": "desk"},
            "supervisors": [{"name": "desk", "role": "desk"}],
            "seats": [
                {"name": name, "endpoint": f"agent{name}", "webrtc": name == "06"} for name in ("04", "05", "06")
            ],
            "agents": [{"number": number, "pin": PIN_HASH, "languages": ["mr", "hi"]} for number in ("101", "102")],
            "transfers": [{"name": "help", "kind": "supervisor", "endpoint": "asha"}],
            "campaigns": [
                {"id": "turnout-agents", "kind": "agents", "wrap_up_seconds": 45, "script": "polling_day"},
                {"id": "turnout-ivr", "kind": "ivr", "flow": "turnout"},
            ],
        }
    )


def _create_store(path: Path) -> None:
    fill_roll(path, 0)
    with open_store_exclusively(path, "a test") as db:
        db.execute(
            "INSERT INTO booth (booth_id, roll_version, state_code, constituency_number, constituency_name, part_number, name)"
            " VALUES (118, '1', 'S13', 209, 'Kothrud', 118, 'School')"
        )


@contextlib.asynccontextmanager
async def run_desk(folder: Path, settings: Settings | None = None) -> AsyncIterator[DeskUnderTest]:
    """Run a desk with one user for each role, named after the role."""
    clock = SetClock()
    file = await DeskFile.open(folder / "centre.desk.db", None)
    page_state, dialler_client = PageState(clock.now), FakeDiallerClient()
    dialler_client.page_state = page_state
    settings = settings or two_agent_settings()
    if not (folder / "centre.db").exists():  # it does if a desk has run here before
        _create_store(folder / "centre.db")
    reading = await DeskReading.open(folder / "centre.db", None)
    directory = Directory(EVERYBODY, reading.read_users)
    people = People(file, directory, clock, 3600.0, CHEAP)
    for role in SupervisorRole:
        await people.set_password(role.value, PASSWORD)
    streams = Streams(page_state, people, clock)
    board = Board(page_state, streams, dialler_client, file, clock)
    await board.load_alert_acknowledgements()
    await BoardFigures(page_state, reading, clock, ZoneInfo("UTC"), {}).refresh_booth_names()
    pages = {
        f"{name}.html": Asset("text/html", PAGE, None) for name in ("board", "agent", "reports", "campaigns", "flows")
    }
    pops = await AgentReading.open(folder / "centre.db", None)
    agents = AgentPages(settings, DeskParts(page_state, dialler_client, people, file, clock), pops)
    passkeys = Passkeys(PasskeyRecords(file), people, clock, find_passkey_host([ORIGIN]))
    users = UsersPage(people, file, dialler_client, streams)
    here = settings.store.model_copy(update={"path": folder / "centre.db"})
    at_store = settings.model_copy(update={"store": here})
    rolls = RollRoutes(at_store, page_state, dialler_client)
    recordings = RecordingsPage(
        settings, kept := await DeskReading.open(folder / "centre.db", None), dialler_client, clock
    )
    reports = ReportPages(at_store, clock, dialler_client)
    reloads = list[Settings]()

    async def record_reload() -> None:
        reloads.append(settings)

    campaigns = CampaignRoutes(settings, dialler_client, CampaignDraftRecords(file), clock, record_reload)
    routes = (
        StaticPages(pages, {"/board": {}, "/agent": MICROPHONE, "/reports": {}, "/campaigns": {}, "/flows": {}}),
        PasswordSignIn(people, agents.end_session_of_user_or_agent),
        BoardAccount(settings, people),
        board,
        users,
        AgentSettingsRoutes(settings, dialler_client, clock, record_reload),
        rolls,
        NumberRoutes(at_store, dialler_client),
        passkeys,
        recordings,
        campaigns,
        CampaignDraftRoutes(campaigns, dialler_client, clock),
        FlowRoutes(settings, dialler_client, clock),
        ChangedSettingsRoutes(lambda: at_store, dialler_client, record_reload),
    )
    routers = [
        *(each.create_http_router() for each in routes),
        *reports.routers,
        *agents.routers,
        create_openapi_router(),
    ]
    app = PageProtection(
        make_web_application(
            routers, Sessions(DESK_COOKIE, people.find_user_of_session, agents.find_user_of_session, people.devices)
        ),
        frozenset({ORIGIN}),
    )
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url=ORIGIN) as browser:
        yield DeskUnderTest(
            declared_routes(routers),
            page_state,
            dialler_client,
            people,
            file,
            clock,
            board,
            streams,
            users,
            passkeys,
            agents,
            browser,
            app,
            reloads,
            rolls,
        )
    reports.close()
    rolls.close()
    people.close()
    await reading.close()
    await kept.close()
    await pops.close()
    await file.close()


async def set_passwords(settings: Settings, *names: str) -> None:
    """Set PASSWORD, with a cheap hash, for supervisors of the settings in the desk's file."""
    file = await DeskFile.open(get_desk_file_path(settings.store.path), None)
    people = People(file, Directory(settings.supervisors), SystemClock(), 3600.0, CHEAP)
    for name in names:
        await people.set_password(name, PASSWORD)
    people.close()
    await file.close()


def desk_settings(store: Path) -> Settings:
    """Return settings of a centre with a desk on any free port."""
    supervisors = [
        {"name": "asha", "role": "supervisor"},
        {"name": "vikram", "role": "viewer"},
        {"name": "desk", "role": "desk"},
    ]
    return Settings.model_validate(
        {
            "centre": {"id": "pune-1"},
            "store": {"path": store},
            "desk": {"port": 0},
            "recordings": {"directory": store.parent / "recorded"},
            "supervisors": supervisors,
            "seats": [
                {"name": f"seat-0{place}", "endpoint": f"agent{place}", "languages": [spoken]}
                for place, spoken in enumerate(("mr", "hi", "mr"), start=1)
            ],
            "agents": [{"number": "17", "full_name": "Asha Kale", "pin": PIN_HASH}],
            "campaigns": [{"id": "turnout-agents", "kind": "agents", "purpose": "turnout"}],
        }
    )


def add_recorded_talk(
    folder: Path, began: float, sound: bytes, *, ended: bool = True, campaign: str = "turnout-agents"
) -> str:
    """Add a recorded talk of one minute to the store in `folder`, with its sound file. Return the attempt id."""
    attempt = str(uuid.uuid4())
    row = (attempt, campaign, began - 20, began, began + 60 if ended else None, "connected" if ended else None)
    with contextlib.closing(sqlite3.connect(folder / "centre.db")) as db:
        db.execute("INSERT OR IGNORE INTO phone (phone_id, e164) VALUES (1, '+919000000001')")
        db.execute("INSERT OR IGNORE INTO campaign (campaign_id) VALUES (?)", (campaign,))
        db.execute(
            "INSERT INTO attempt (attempt_id, campaign_id, phone_id, voter_id, attempt_number, trunk, caller_id, created_at,"
            " connected_at, ended_at, outcome, seat, agent) VALUES (?, ?, 1, 0, (SELECT count(*) + 1 FROM attempt), 't',"
            " '+911140000001', ?, ?, ?, ?, '04', '101')",
            row,
        )
        db.execute("INSERT INTO recording (attempt_id, started_at) VALUES (?, ?)", (attempt, began))
        db.commit()
    file = folder / "recorded" / f"{attempt}.wav"
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(sound)
    os.utime(file, (began + 60, began + 60))
    return attempt
