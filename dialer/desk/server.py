"""The desk's wiring: settings in, pages out. A process of its own, so that no page can hold up a call."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import mimetypes
import random
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Annotated, Any, TypeVar, get_type_hints

import structlog
from argon2 import PasswordHasher
from fastapi import FastAPI, Request, Response, Security
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, RedirectResponse
from fastapi.security import APIKeyCookie
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException

from config.settings import Settings
from config.site_rules import abandoned_caps, site_profile
from dialer.desk.agents.drafts import AgentDrafts
from dialer.desk.agents.entrance import AgentEntrance
from dialer.desk.agents.floor import Floor
from dialer.desk.agents.phone import AgentPhones
from dialer.desk.agents.pop import AgentPops, PopMaker
from dialer.desk.agents.sessions import AgentSessions
from dialer.desk.agents.streams import AgentStreams
from dialer.desk.agents.work import AgentWork
from dialer.desk.agents.writing import AgentWriting
from dialer.desk.board import Board, may, problem
from dialer.desk.directory import Directory
from dialer.desk.doors import COOKIE, HEADERS, SOCKET, Guard, WebDoor, cookie_of
from dialer.desk.figures import STRETCH_SECONDS, AgentFigures, BoardFigures, ShownCap
from dialer.desk.http import desk_server, listening
from dialer.desk.lists import Lists
from dialer.desk.pages_built import BUILT
from dialer.desk.passkeys import Passkeys, passkey_host
from dialer.desk.people import MOST_PASSWORD, STATUS, NotSignedIn, People
from dialer.desk.picture import Picture
from dialer.desk.users import UsersPage
from dialer.domain.clock import Clock, SystemClock
from dialer.domain.errors import StoreError
from dialer.domain.site_time import site_zone
from dialer.mqtt.client import BrokerSettings
from dialer.mqtt.hearing import Hearing
from dialer.site.plan import broker_as, broker_settings
from dialer.store.agent_reading import AgentReading
from dialer.store.agent_records import AgentRecords
from dialer.store.cipher import StoreKey, site_key
from dialer.store.desk_file import DeskFile, desk_path
from dialer.store.desk_reading import DeskReading
from dialer.store.passkey_records import PasskeyRecords

_log = structlog.get_logger(__name__)


class SignIn(BaseModel):
    """Name and password, as a page sends them; `new`: a password that takes its place."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    name: Annotated[str, Field(min_length=1, max_length=64)]
    password: Annotated[str, Field(min_length=1, max_length=MOST_PASSWORD)]
    new: Annotated[str, Field(min_length=1, max_length=MOST_PASSWORD)] | None = None


@dataclass(frozen=True, slots=True)
class Asset:
    """A built file, in memory, as it goes out."""

    kind: str
    body: bytes
    packed: bytes | None  # with gzip; None: it is packed of itself

    def response(self, request: Request, cache: str) -> Response:
        """The file, packed where the browser takes it."""
        headers = {"cache-control": cache, "vary": "accept-encoding"}
        if self.packed is not None and "gzip" in request.headers.get("accept-encoding", ""):
            return Response(self.packed, media_type=self.kind, headers={**headers, "content-encoding": "gzip"})
        return Response(self.body, media_type=self.kind, headers=headers)


def read_assets(folder: Path = BUILT) -> dict[str, Asset]:
    """The built pages by their path below `folder`; empty: they are not built."""
    mimetypes.add_type("font/woff2", ".woff2")
    mimetypes.add_type("text/javascript", ".js")
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            body = path.read_bytes()
            kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
            packed = None if path.suffix == ".woff2" else gzip.compress(body, 9, mtime=0)
            found[path.relative_to(folder).as_posix()] = Asset(kind, body, packed)
    return found


class Entrance:
    """Pages and their files, and who comes in."""

    def __init__(
        self, settings: Settings, people: People, assets: dict[str, Asset], sign_out: Callable[[str], Awaitable[None]]
    ) -> None:
        """`sign_out` takes a session's token, whosever it is."""
        self._site = {
            "centre": settings.centre.id,
            "zone": settings.centre.time_zone,
            "pause_reasons": settings.floor.pause_reasons,
            "stretch_seconds": STRETCH_SECONDS,
            "languages": {
                "seats": {each.name: each.languages for each in settings.seats if each.languages},
                "agents": {each.number: each.languages for each in settings.agents if each.languages},
            },
        }
        self._all_sign = settings.broker.signed_commands
        self._signing = frozenset(each.name for each in settings.supervisors if each.key is not None)
        self._with_phone = frozenset(each.name for each in settings.supervisors if each.endpoint is not None)
        self._people = people
        self._assets = assets
        self._sign_out = sign_out

    def doors(self) -> list[WebDoor]:
        """What anybody may ask for; and who one is."""
        return [
            WebDoor("GET", "/", self.front, None, {303: None}),
            WebDoor("GET", "/board", self.page, None, {200: "text/html"}),
            WebDoor("GET", "/agent", self.agent_page, None, {200: "text/html"}),
            WebDoor("GET", "/assets/{name}", self.asset, None, {200: "*/*"}),
            WebDoor("POST", "/api/sign-in", self.sign_in, None, {204: None}),
            WebDoor("POST", "/api/sign-out", self.sign_out, None, {204: None}),
            WebDoor("GET", "/api/me", self.me, None),
        ]

    async def front(self) -> Response:
        """The way to the board."""
        return RedirectResponse("/board", status_code=303)

    async def page(self, request: Request) -> Response:
        """A page, the same for all: what is shown in it comes after signing in."""
        return self._file(f"{request.url.path[1:]}.html", request, "no-cache")

    async def agent_page(self, request: Request) -> Response:
        """The agents' page, which alone may ask for the microphone."""
        page = await self.page(request)
        page.headers["permissions-policy"] = HEADERS["permissions-policy"].replace("microphone=()", "microphone=(self)")
        return page

    async def asset(self, name: str, request: Request) -> Response:
        """A file of the pages; its name changes with what is in it."""
        return self._file(f"assets/{name}", request, "public, max-age=31536000, immutable")

    def _file(self, path: str, request: Request, cache: str) -> Response:
        found = self._assets.get(path)
        return problem(404, "nothing-here") if found is None else found.response(request, cache)

    async def sign_in(self, asked: SignIn) -> Response:
        """A session, in a cookie that no script can read."""
        try:
            token = await self._people.sign_in(asked.name, asked.password, asked.new)
        except NotSignedIn as refused:
            return problem(STATUS.get(refused.problem, 429), refused.problem, seconds=round(refused.seconds))
        return Response(status_code=204, headers={"set-cookie": cookie_of(token)})

    async def sign_out(self, request: Request) -> Response:
        """No session."""
        if request.state.token is not None:
            await self._sign_out(request.state.token)
        return Response(status_code=204, headers={"set-cookie": cookie_of(None)})

    async def me(self, request: Request) -> dict[str, Any] | None:
        """Who has signed in, and what this one may do; null: nobody. `signs`: only with a signature, which no page has."""
        token = request.state.token
        who = None if token is None else await self._people.who(token)
        if who is None:
            return None
        offered = may(who.role, has_phone=who.name in self._with_phone)
        signs = self._all_sign or who.name in self._signing
        held = {"may": [] if signs else offered, "signs": signs and bool(offered)}
        return {"name": who.name, "role": who.role, **held, **self._site}


@dataclass(frozen=True, slots=True)
class DeskParts:
    """What every page of the desk shares."""

    picture: Picture
    hearing: Hearing
    people: People
    file: DeskFile
    clock: Clock


class AgentDesk:
    """What agents' pages ask for, and who they are."""

    def __init__(self, settings: Settings, parts: DeskParts, reading: AgentReading, *, training: bool = False) -> None:
        floor, records = Floor(settings, training=training), AgentRecords(parts.file)
        idle_seconds = settings.desk.idle_hours * 3600
        self._people = parts.people
        self._sessions = AgentSessions(records, parts.picture, parts.clock, idle_seconds)
        self.who = self._sessions.who
        entrance = AgentEntrance(floor, self._sessions, parts.people, parts.hearing, parts.picture)
        self.drafts = AgentDrafts(records)
        self.streams = AgentStreams(floor, self._sessions, parts.picture, self.drafts)
        work = AgentWork(floor, self._sessions, parts.hearing, parts.picture, reading)
        phones = AgentPhones(settings, self.who)
        writing = AgentWriting(parts.picture, reading, records, self.drafts)
        self.doors: list[WebDoor] = [
            each for part in (entrance, self.streams, work, writing, phones) for each in part.doors()
        ]
        self.pops = AgentPops(parts.picture, reading, PopMaker(settings), records)
        self.figures = AgentFigures(parts.picture, reading, site_zone(settings))

    async def sign_out(self, token: str) -> None:
        """Whoever has that token is signed in no more."""
        await self._people.sign_out(token)
        await self._sessions.sign_out(token)

    async def run(self) -> None:
        """Keep what the picture has of agents true, and what they type, until cancelled."""
        async with asyncio.TaskGroup() as group:
            for part in (self.pops, self.figures, self.drafts):
                group.create_task(part.run(), name=f"desk-{type(part).__name__}")


class RequestRefused(BaseModel):
    """A refusal: a word, and what its sentence needs beside."""

    model_config = ConfigDict(extra="allow")

    problem: str


def _documented(door: WebDoor) -> dict[str, Any]:
    """What FastAPI is told of a door's answers, for the document."""
    returned = get_type_hints(door.answer)["return"]
    gives = dict(door.gives) if returned is Response else {200: returned}
    answers: dict[int | str, dict[str, Any]] = {"4XX": {"model": RequestRefused}, 503: {"model": RequestRefused}}
    for status, what in gives.items():
        said = {"description": HTTPStatus(status).phrase}
        if isinstance(what, str):
            answers[status] = said | {"content": {what: {}}}
        else:
            answers[status] = said if what is None else said | {"model": what}
    kind = Response if returned is Response else JSONResponse
    return {"status_code": min(gives, default=200), "response_class": kind, "responses": answers}


def make_app(doors: list[WebDoor]) -> FastAPI:
    """The application behind the guard: a route for each door and no other, its OpenAPI document among them."""
    app = FastAPI(title="Matdan desk", openapi_url=None, docs_url=None, redoc_url=None)
    for door in doors:
        if door.method == SOCKET:
            app.add_api_websocket_route(door.path, door.answer)
            continue
        session = [] if door.roles is None else [Security(APIKeyCookie(name=COOKIE, auto_error=False))]
        app.add_api_route(
            door.path,
            door.answer,
            methods=[door.method],
            dependencies=session,  # for the document: the guard has looked
            response_model=None,
            **_documented(door),
        )

    async def not_valid(request: Request, error: Exception) -> Response:
        return problem(422, "values")  # without what was given, which may be a password

    async def refused(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)  # noqa: S101 - it is what this one is for
        return problem(error.status_code, "too-long" if error.status_code == 413 else "values")

    async def not_kept(request: Request, error: Exception) -> Response:
        _log.error("desk.not-kept", problem=str(error))
        return problem(503, "not-kept")

    app.add_exception_handler(RequestValidationError, not_valid)
    app.add_exception_handler(HTTPException, refused)
    app.add_exception_handler(StoreError, not_kept)
    return app


def health_door(picture: Picture) -> WebDoor:
    """The door at which a watchdog asks; it tells nothing of the centre."""

    async def health() -> Response:
        """200: the desk serves, and hears the broker; 503: it does not hear it."""
        heard = bool((picture.get("desk") or {}).get("heard"))
        return JSONResponse({"broker": heard}, status_code=200 if heard else 503)

    return WebDoor("GET", "/health", health, None, {200: dict[str, bool], 503: dict[str, bool]})


def document_door() -> WebDoor:
    """The door to the OpenAPI document of them all."""

    async def document(request: Request) -> dict[str, Any]:
        """This document."""
        made: dict[str, Any] = request.app.openapi()  # which makes it once
        return made

    return WebDoor("GET", "/api/openapi.json", document)


@dataclass(frozen=True, slots=True)
class RunningDesk:
    """A desk that serves."""

    port: int
    origin: str  # what people type


@contextlib.asynccontextmanager
async def running_desk(
    settings: Settings,
    *,
    broker: BrokerSettings | None = None,
    clock: Clock | None = None,
    hasher: PasswordHasher | None = None,
    assets: dict[str, Asset] | None = None,
    training: bool = False,
) -> AsyncIterator[RunningDesk]:
    """Serve for as long as the context lasts. `broker` stands in for the settings' own; `training`: agents' pages say that no
    voter is real.

    Raises SettingError, StoreError, PortInUse with one clear line.
    """
    clock = clock or SystemClock()
    picture = Picture(clock.now)
    with listening(settings.desk.host, settings.desk.port) as listener:
        port = int(listener.getsockname()[1])
        origin = settings.desk.origin(port)
        async with contextlib.AsyncExitStack() as stack:
            reading = await _read_in(stack, DeskReading, settings)
            file = await asyncio.to_thread(DeskFile, desk_path(settings.store.path), site_key(settings))
            stack.push_async_callback(file.close)
            directory = Directory(settings.supervisors, (await _read_in(stack, DeskReading, settings)).users)
            await directory.refresh()
            people = People(file, directory, clock, settings.desk.idle_hours * 3600, hasher)
            stack.callback(people.close)
            hearing = Hearing(
                broker or desk_broker(settings), settings.centre.id, clock, picture.put, random.SystemRandom()
            )
            board = Board(picture, hearing, file, people, clock)
            await board.begin()
            figures = BoardFigures(picture, reading, clock, site_zone(settings), shown_caps(settings))
            await figures.read_booths()
            pops = await _read_in(stack, AgentReading, settings)
            agents = AgentDesk(settings, DeskParts(picture, hearing, people, file, clock), pops, training=training)
            entrance = Entrance(settings, people, read_assets() if assets is None else assets, agents.sign_out)
            users = UsersPage(directory, people, file, hearing, board.shut)
            lists = Lists(settings, picture, hearing)
            stack.callback(lists.close)
            origins = frozenset({origin, *_own_names(settings, origin, port)})
            doors = [
                *entrance.doors(),
                *board.doors(),
                *users.doors(),
                *lists.doors(),
                *Passkeys(PasskeyRecords(file), people, clock, passkey_host(origins)).doors(),
                *agents.doors,
                health_door(picture),
                document_door(),
            ]
            guard = Guard(make_app(doors), doors, people.who, agents.who, lambda: origins)
            server = desk_server(settings.desk, guard)
            async with asyncio.TaskGroup() as group:
                beside = [
                    group.create_task(hearing.run(), name="desk-hearing"),
                    group.create_task(figures.run(), name="desk-figures"),
                    group.create_task(users.run(), name="desk-users"),
                    group.create_task(agents.run(), name="desk-agents"),
                ]
                serving = group.create_task(server.serve(sockets=[listener]), name="desk-server")
                try:
                    await server.open.wait()
                    async with metrics_of(settings, picture):
                        yield RunningDesk(port, origin)
                finally:
                    server.should_exit = True
                    picture.close()
                    await asyncio.wait({serving})  # what is still asked is answered, and what agents type is kept
                    for task in beside:
                        task.cancel()


R = TypeVar("R", DeskReading, AgentReading)


async def _read_in(
    stack: contextlib.AsyncExitStack, kind: Callable[[Path, StoreKey | None], R], settings: Settings
) -> R:
    """The store, open to be read until the stack is closed: on a connection of its own for each who reads in a thread."""
    reading = await asyncio.to_thread(kind, settings.store.path, site_key(settings))
    stack.callback(reading.close)
    return reading


def metrics_of(settings: Settings, picture: Picture) -> contextlib.AbstractAsyncContextManager[int | None]:
    """What a monitoring server is told, where the settings have it told."""
    port = settings.metrics.desk_port
    if port is None:
        return contextlib.nullcontext()
    from dialer.metrics.families import of_desk  # noqa: PLC0415 - 60 ms of CPU
    from dialer.metrics.server import serving_metrics  # noqa: PLC0415

    return serving_metrics(
        settings.metrics.host,
        port,
        lambda: of_desk(settings.centre.id, heard=bool(picture.get("desk")["heard"]), streams=picture.readers),
    )


async def serve_desk(settings: Settings, broker: BrokerSettings, say: Any) -> None:
    """Serve until SIGTERM or Ctrl-C; `say` is told one line, the address, once people can come."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with running_desk(settings, broker=broker) as desk:
        say(desk.origin)
        await stop.wait()


def desk_broker(settings: Settings) -> BrokerSettings:
    """The broker, and who the desk is there."""
    user = settings.desk.user
    return broker_settings(settings) if user is None else broker_as(settings, user, settings.desk.broker_password)


def shown_caps(settings: Settings) -> dict[str, tuple[ShownCap, ...]]:
    """The caps on abandoned calls of each campaign."""
    profile = site_profile(settings)
    return {each.id: tuple(ShownCap(*cap) for cap in abandoned_caps(each, profile)) for each in settings.campaigns}


def _own_names(settings: Settings, origin: str, port: int) -> list[str]:
    """Other ways to say this machine, for who sits at it."""
    if settings.desk.address is not None or not settings.desk.host.startswith("127."):
        return []
    scheme = origin.partition(":")[0]
    return [f"{scheme}://{name}:{port}" for name in ("localhost", "127.0.0.1")]
