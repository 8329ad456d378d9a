"""A desk for tests of the agent's page: real request checks, headers and event stream, with a recorded dialler."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse

from dialer.desk.pages_built import BUILT
from dialer.domain.model import DISPOSITION_KEYS
from dialer.domain.schema import get_type_adapter
from dialer.domain.view import SeatView
from dialer.mqtt.dialler_client import DeskStatus
from dialer.settings.desk import Desk
from dialer.web.access import DESK_COOKIE, PageRoute, Sessions, allow_anyone
from dialer.web.app import make_web_application
from dialer.web.assets import Asset, read_built_page_files
from dialer.web.http import create_page_server, open_listening_socket
from dialer.web.page_state import PageState
from dialer.web.people import SignedInUser
from dialer.web.protection import PageProtection
from dialer.web.refusals import RequestRefused
from dialer.web.streams import format_server_sent_event
from tests.support.waiting import HANG_SECONDS

TEN_FORTY = 1_776_921_000.0  # 23 April 2026, 10:40 in Asia/Kolkata

ME: dict[str, Any] = {
    "agent": "17",
    "seat": "seat-04",
    "phone": "own",
    "centre": "pune-1",
    "zone": "Asia/Kolkata",
    "language": "en",
    "languages": ["en", "mr"],
    "pause_reasons": ["break", "meal", "training", "meeting", "technical"],
    "transfer_targets": [{"name": "desk-lead", "kind": "supervisor"}],
    "wrap_up_seconds": {"turnout-agents": 30},
    "undo_seconds": 5,
    "other_tab": False,
}


def voter(number: int, name: str, **more: Any) -> dict[str, Any]:
    """Return a voter of the household who is still to be called."""
    said: dict[str, Any] = {
        "relative": "Mohan Kale",
        "relation": "H",
        "age": 61,
        "gender": "F",
        "house": "12/3",
        "serial": number,
    }
    return {"id": number, "name": name, "name_local": None, **said, "pending": True, "marks": [], **more}


@dataclass(slots=True)
class PollingMorning:
    """A running clock that starts at 10:40 on a polling day in Pune."""

    began: float = field(default_factory=time.monotonic)
    ahead: float = 0.0  # seconds by which a test has advanced it

    def now(self) -> float:
        """Return the time of the clock (epoch seconds)."""
        return TEN_FORTY + time.monotonic() - self.began + self.ahead


@dataclass(slots=True)
class AgentDesk:
    """The desk of one seat, which records the page's commands and drafts."""

    page_state: PageState
    clock: PollingMorning
    assets: dict[str, Asset] = field(default_factory=lambda: read_built_page_files(BUILT))
    origin: str = ""
    signed_in: bool = True
    me: dict[str, Any] = field(default_factory=lambda: {**ME})
    commands: list[tuple[str, str, dict[str, Any]]] = field(default_factory=list)
    replies: list[dict[str, Any] | int] = field(default_factory=list)
    """Answers to the next commands: JSON, or an HTTP status. Further commands are answered "done"."""
    notes: dict[str, str] = field(default_factory=dict)
    drafts: list[str] = field(default_factory=list)
    """The attempts of the received drafts, in order."""
    away: set[str] = field(default_factory=set)
    """The requests, "note" or "draft", that are answered with 503."""
    taken: bool = False
    """Whether another page of the seat is open."""
    silent: bool = False
    """Whether the event stream ends at the next event."""
    _told: asyncio.Event = field(default_factory=asyncio.Event)

    def create_http_router(self) -> APIRouter:
        """Return the routes that the agent's page uses."""
        router = APIRouter(route_class=PageRoute, dependencies=allow_anyone())
        router.get("/agent")(self.page)
        router.get("/assets/{name}")(self.asset)
        router.post("/api/agent/sign-in")(self.sign_in)
        router.post("/api/sign-out")(self.sign_out)
        router.get("/api/agent/seats")(self.seats)
        router.get("/api/agent/me")(self.who)
        router.get("/api/agent/events")(self.events)
        router.post("/api/agent/command")(self.command)
        router.post("/api/agent/dial")(self.dial)
        router.put("/api/agent/draft")(self.draft)
        router.post("/api/agent/note")(self.note)
        return router

    async def page(self, request: Request) -> Response:
        """Serve the agent's page."""
        return self.assets["agent.html"].make_file_response(request, "no-cache")

    async def asset(self, name: str, request: Request) -> Response:
        """Serve a script or style sheet of the page."""
        return self.assets[f"assets/{name}"].make_file_response(request, "no-cache")

    async def sign_in(self, request: Request) -> Response:
        """Sign in if the PIN is 2468."""
        asked = await request.json()
        if asked["pin"] != "2468":
            raise RequestRefused(401, "pin-wrong")
        self.signed_in = True
        self.me.update(agent=asked["agent"], seat=asked["seat"], phone=asked.get("phone", "own"))
        return Response(status_code=204)

    async def sign_out(self) -> Response:
        """End the agent's session."""
        self.signed_in = False
        return Response(status_code=204)

    async def seats(self) -> list[dict[str, Any]]:
        """Return two seats, of which one is in use."""
        return [
            {"seat": "seat-03", "taken": True, "phone": "own"},
            {"seat": "seat-04", "taken": False, "phone": "own"},
        ]

    async def who(self) -> dict[str, Any] | None:
        """Return the signed-in agent, or None."""
        return {**self.me, "other_tab": self.taken} if self.signed_in else None

    async def events(self, take: bool = False) -> Response:
        """Stream the page state of the seat."""
        if self.taken and not take:
            raise RequestRefused(409, "open-elsewhere")
        self.taken = False
        return StreamingResponse(self._news(), media_type="text/event-stream")

    async def _news(self) -> AsyncIterator[bytes]:
        with self.page_state.open_subscription(lambda _: True, 0.0) as subscription:
            async for update in subscription.stream_updates():
                if self.silent:
                    return
                yield format_server_sent_event(update)

    async def command(self, request: Request) -> Response:
        """Record a command and return the next reply."""
        asked = await request.json()
        reply = self.replies.pop(0) if self.replies else {"status": "done", "text": "it was done"}
        self.commands.append((asked["id"], asked["name"], asked["values"]))
        self._told.set()
        if isinstance(reply, int):
            raise RequestRefused(reply, "away")
        return JSONResponse({"code": None, **reply})

    async def dial(self, request: Request) -> Response:
        """Record a manual call. The list has one number."""
        asked = await request.json()
        self.commands.append((asked["id"], "dial", {"number": asked["number"]}))
        self._told.set()
        if not asked["number"].strip("+ 0123456789"):
            listed = asked["number"].replace(" ", "").endswith("9812345678")
            answer = {"status": "done", "code": None} if listed else {"status": "refused", "code": "not-listed"}
            return JSONResponse({"text": "", **answer})
        raise RequestRefused(422, "no-number")

    async def draft(self, request: Request) -> Response:
        """Store a draft in the screen pop of its attempt."""
        asked = await request.json()
        self.drafts.append(asked["attempt"])
        if "draft" in self.away:
            raise RequestRefused(503, "not-saved")
        pop = self.page_state.get_value_of_key("pop", dict)
        if pop is not None and pop["attempt"] == asked["attempt"]:
            self.page_state.set_value_of_key("pop", {**pop, "draft": asked["draft"]})
        return Response(status_code=204)

    async def note(self, request: Request) -> Response:
        """Store an agent's note by its id."""
        asked = await request.json()
        if "note" in self.away:
            raise RequestRefused(503, "not-saved")
        self.notes[asked["id"]] = asked["text"]
        return Response(status_code=204)

    # Updates from the dialler

    def seat(self, state: str, attempt: str | None = None, **more: Any) -> None:
        """Publish the seat's state; `more` are further fields."""
        now = self.clock.now()
        view = {"seat": "seat-04", "at": now, "agent": "17", "state": state, "since": now, "attempt_id": attempt}
        figures = {"campaign_id": "turnout-agents", "utilisation": 0.5, "calls": 31}
        self.page_state.set_value_of_key(
            "seat", get_type_adapter(SeatView).validate_python({**view, **figures, **more})
        )

    def call(self, attempt: str, voters: list[dict[str, Any]], state: str = "talking", **more: Any) -> dict[str, Any]:
        """Publish a call and return its screen pop. It addresses the first of `voters`."""
        booth = {
            "id": 118,
            "name": "Municipal School No. 14, Room 2",
            "constituency": "Kothrud",
            "part": 118,
            "opens_at": TEN_FORTY - 3600 * 11 / 3,
            "closes_at": TEN_FORTY + 3600 * 22 / 3,
        }
        pop = {
            "attempt": attempt,
            "campaign": "turnout-agents",
            "purpose": "turnout",
            "masked": "•••• 4321",
            "addressed": voters[0]["id"] if voters else None,
            "worker": False,
            "language": "en",
            "opted_out": False,
            "outcomes": [*DISPOSITION_KEYS.values()],
            "call_back_times": True,
            "voters": voters,
            "booth": booth,
            "calls": [],
            "lawful": {"code": "not-listed", "registers": [{"name": "ncpr", "dated": "2026-04-01"}]},
            "note": None,
            "script": None,
            "draft": None,
            **more,
        }
        self.page_state.set_value_of_key("pop", pop)
        self.seat(state, attempt)
        return pop

    def idle(self, state: str = "ready") -> None:
        """Publish that the seat has no call."""
        self.page_state.set_value_of_key("pop", None)
        self.seat(state)

    async def wait_for_commands(self, name: str, count: int = 1) -> list[dict[str, Any]]:
        """Wait for `count` commands of that name. Return their values."""
        async with asyncio.timeout(HANG_SECONDS):
            while True:
                found = [values for _, each, values in self.commands if each == name]
                if len(found) >= count:
                    return found
                self._told.clear()
                await self._told.wait()


@contextlib.asynccontextmanager
async def agent_desk(*more: APIRouter, port: int = 0) -> AsyncIterator[AgentDesk]:
    """Serve the desk on loopback, with the further routes `more`. Port 0 is a free one."""
    clock = PollingMorning()
    desk = AgentDesk(PageState(clock.now), clock)
    desk.page_state.set_value_of_key("desk", DeskStatus(True, 0.0))
    desk.page_state.set_value_of_key("centre", {"online": True})
    desk.idle()
    with open_listening_socket("127.0.0.1", port) as listener:
        desk.origin = f"http://127.0.0.1:{listener.getsockname()[1]}"

        async def find(token: str) -> SignedInUser | None:
            return None

        app = make_web_application([desk.create_http_router(), *more], Sessions(DESK_COOKIE, find, find))
        server = create_page_server(Desk(), PageProtection(app, frozenset({desk.origin})))
        serve_pages = asyncio.create_task(server.serve(sockets=[listener]))
        await server.open.wait()
        try:
            yield desk
        finally:
            server.should_exit = True
            desk.page_state.end_all_subscriptions()
            await serve_pages
