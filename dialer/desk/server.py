"""The desk's wiring: settings in, pages out. A process of its own, so that no page can hold up a call."""

from __future__ import annotations

import asyncio
import contextlib
import random
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog
from argon2 import PasswordHasher

from dialer.desk.agents.entrance import AgentEntrance
from dialer.desk.agents.floor import Floor, prover_of
from dialer.desk.agents.phone import AgentPhones
from dialer.desk.agents.pop import AgentPops, PopMaker
from dialer.desk.agents.sessions import AgentSessions
from dialer.desk.agents.streams import AgentStreams
from dialer.desk.agents.work import AgentWork
from dialer.desk.agents.writing import AgentDrafts, AgentWriting
from dialer.desk.board import Board
from dialer.desk.entrance import BoardAccount, metrics_of
from dialer.desk.figures import AgentFigures, BoardFigures, ShownCap
from dialer.desk.lists import Lists
from dialer.desk.pages_built import BUILT
from dialer.desk.recordings import RecordingsPage
from dialer.desk.users import UsersPage
from dialer.domain.clock import Clock, SystemClock
from dialer.errors import MatdanError, SettingError
from dialer.mqtt.client import BrokerSettings
from dialer.mqtt.dialler_client import DiallerClient
from dialer.process.systemd import service_ready
from dialer.settings.site import Settings, load_settings
from dialer.settings.site_rules import abandoned_caps, site_profile
from dialer.settings.site_time import site_zone
from dialer.site.broker import broker_as, broker_settings
from dialer.site.settings_changes import changes
from dialer.store.agent_reading import AgentReading
from dialer.store.agent_records import AgentRecords
from dialer.store.desk_file import DeskFile, desk_path
from dialer.store.desk_reading import DeskReading
from dialer.store.keys import site_key
from dialer.store.passkey_records import PasskeyRecords
from dialer.web.access import DESK_COOKIE, TRAINING_COOKIE, Sessions
from dialer.web.app import document_router, make_app
from dialer.web.assets import MICROPHONE, Asset, StaticPages, read_assets
from dialer.web.directory import Directory
from dialer.web.http import allowed_origins, open_listener, serve_pages, stop_on_signals
from dialer.web.page_state import PageState
from dialer.web.passkeys import Passkeys, find_passkey_host
from dialer.web.people import People
from dialer.web.protection import PageProtection
from dialer.web.sign_in import PasswordSignIn
from dialer.web.streams import Streams

_log = structlog.get_logger(__name__)

_COPIED = frozenset({"broker", "centre", "desk", "metrics", "store"})
"""Sections of which a desk makes something once."""


@dataclass(frozen=True, slots=True)
class DeskParts:
    """What every page of the desk shares."""

    page_state: PageState
    dialler_client: DiallerClient
    people: People
    file: DeskFile
    clock: Clock


class AgentDesk:
    """What agents' pages ask for, and who they are."""

    def __init__(self, settings: Settings, parts: DeskParts, reading: AgentReading, *, training: bool = False) -> None:
        self._floor = floor = Floor(settings, training=training)
        records = AgentRecords(parts.file)
        idle_seconds = settings.desk.idle_hours * 3600
        self._people = parts.people
        self._sessions = AgentSessions(records, parts.page_state, parts.clock, idle_seconds)
        self.who = self._sessions.find_user
        entrance = AgentEntrance(floor, self._sessions, parts.people, parts.dialler_client, parts.page_state)
        self.drafts = AgentDrafts(records)
        self.streams = AgentStreams(floor, self._sessions, parts.page_state, self.drafts)
        work = AgentWork(floor, self._sessions, parts.dialler_client, parts.page_state, reading)
        self._phones = phones = AgentPhones(settings, self.who)
        writing = AgentWriting(parts.page_state, reading, records, self.drafts)
        self.routers = [each.router() for each in (entrance, self.streams, work, writing, phones)]
        self.pops = AgentPops(parts.page_state, reading, PopMaker(settings), records)
        self.figures = AgentFigures(parts.page_state, reading, site_zone(settings))

    def made(self, settings: Settings) -> Callable[[], None]:
        """Read what stands in other files; what is returned has these settings used. Raises FlowError, SettingError."""
        maker, prover = PopMaker(settings), prover_of(settings)

        def use() -> None:
            self._floor.use(settings, prover)
            self._phones.use(settings)
            self.pops.maker = maker

        return use

    async def sign_out(self, token: str) -> None:
        """Whoever has that token is signed in no more."""
        await self._people.sign_out(token)
        await self._sessions.sign_out(token)

    async def run(self) -> None:
        """Keep what the page state has of agents true, and what they type, until cancelled."""
        async with asyncio.TaskGroup() as group:
            for part in (self.pops, self.figures, self.drafts):
                group.create_task(part.run(), name=f"desk-{type(part).__name__}")


@dataclass(frozen=True, slots=True)
class RunningDesk:
    """A desk that serves."""

    port: int
    origin: str  # what people type
    take: Callable[[Settings], Awaitable[None]]
    """Seats, agents, campaigns, supervisors, how long recordings are kept; raises MatdanError, and takes nothing."""


@contextlib.asynccontextmanager
async def running_desk(
    settings: Settings,
    *,
    broker: BrokerSettings | None = None,
    hasher: PasswordHasher | None = None,
    assets: dict[str, Asset] | None = None,
    training: bool = False,
) -> AsyncIterator[RunningDesk]:
    """Serve for as long as the context lasts. `broker` stands in for the settings' own; `training`: agents' pages say that no
    voter is real.

    Raises SettingError, StoreError, PortInUse with one clear line.
    """
    clock = SystemClock()
    page_state = PageState(clock.now)
    with open_listener(settings.desk.host, settings.desk.port) as listener:
        origin = settings.desk.origin(port := int(listener.getsockname()[1]))
        origins = allowed_origins(settings.desk, port)
        async with contextlib.AsyncExitStack() as stack:
            path, key = settings.store.path, site_key(settings)
            reading = await DeskReading.open(path, key)
            stack.push_async_callback(reading.close)
            file = await DeskFile.open(desk_path(path), key)
            stack.push_async_callback(file.close)
            directory = Directory(settings.supervisors, reading.users)
            await directory.refresh()
            people = People(file, directory, clock, settings.desk.idle_hours * 3600, hasher)
            stack.callback(people.close)
            dialler_client = DiallerClient(
                broker or desk_broker(settings), settings.centre.id, clock, page_state.put, random.SystemRandom()
            )
            board = Board(page_state, streams := Streams(page_state, people, clock), dialler_client, file, clock)
            await board.begin()
            figures = BoardFigures(page_state, reading, clock, site_zone(settings), shown_caps(settings))
            await figures.read_booths()
            pops = await AgentReading.open(path, key)
            stack.push_async_callback(pops.close)
            agents = AgentDesk(
                settings, DeskParts(page_state, dialler_client, people, file, clock), pops, training=training
            )
            given = read_assets(BUILT) if assets is None else assets
            account = BoardAccount(settings, people)
            users = UsersPage(people, file, dialler_client, streams)
            lists = Lists(settings, page_state, dialler_client)
            recordings = RecordingsPage(settings, reading, dialler_client, clock)
            stack.callback(lists.close)
            passkeys = Passkeys(PasskeyRecords(file), people, clock, find_passkey_host(origins))
            routes = (
                StaticPages(given, {"/board": {}, "/agent": MICROPHONE}),
                PasswordSignIn(people, agents.sign_out),
                passkeys,
                account,
                board,
                users,
                lists,
                recordings,
            )
            routers = [*(each.router() for each in routes), *agents.routers, document_router()]
            sessions = Sessions(TRAINING_COOKIE if training else DESK_COOKIE, people.find_user, agents.find_user)
            app = PageProtection(make_app(routers, sessions), origins)
            beside = (dialler_client.run, figures.run, streams.watch_rights, agents.run)

            async def take(again: Settings) -> None:
                caps, use = await asyncio.to_thread(lambda: (shown_caps(again), agents.made(again)))
                figures.caps = caps
                account.use(again)
                recordings.use(again)
                directory.set_supervisors(again.supervisors)
                use()

            async with (
                serve_pages(settings.desk, listener, app, beside, page_state.close),
                metrics_of(settings, page_state),
            ):
                yield RunningDesk(port, origin, take)


async def serve_desk(settings: Settings, broker: BrokerSettings, say: Any) -> None:
    """Serve until SIGTERM or Ctrl-C; `say` is told one line, the address, once people can come."""
    stop = stop_on_signals()
    async with running_desk(settings, broker=broker) as desk, service_ready(), asyncio.TaskGroup() as group:
        again = SettingsOfDesk(settings, desk.take)
        hang_up = signal.SIGHUP
        asyncio.get_running_loop().add_signal_handler(hang_up, lambda: group.create_task(again.read(), name="reload"))
        say(desk.origin)
        await stop.wait()


class SettingsOfDesk:
    """The file that a desk was started with, read again."""

    def __init__(self, settings: Settings, take: Callable[[Settings], Awaitable[None]]) -> None:
        """`take` puts them in force."""
        self._settings = settings
        self._take = take
        self._one_at_a_time = asyncio.Lock()

    async def read(self) -> None:
        """Take what it says now, all of it or nothing; the log says which, and why."""
        async with self._one_at_a_time:
            try:
                settings = await asyncio.to_thread(load_settings, Path(self._settings.file.name))
                changed = [change.name for change in changes(self._settings, settings)]
                stuck = [name for name in changed if name.split(".")[0] in _COPIED]
                if stuck:
                    raise SettingError("settings", ", ".join(stuck), "changed", "restart the desk for it")
                await self._take(settings)
            except MatdanError as wrong:
                _log.warning("desk.settings-not-taken", problem=str(wrong))
                return
            self._settings = settings
            _log.info("desk.settings-taken", changed=changed)


def desk_broker(settings: Settings) -> BrokerSettings:
    """The broker, and who the desk is there."""
    user = settings.desk.user
    return broker_settings(settings) if user is None else broker_as(settings, user, settings.desk.broker_password)


def shown_caps(settings: Settings) -> dict[str, tuple[ShownCap, ...]]:
    """The caps on abandoned calls of each campaign."""
    profile = site_profile(settings)
    return {each.id: tuple(ShownCap(*cap) for cap in abandoned_caps(each, profile)) for each in settings.campaigns}
