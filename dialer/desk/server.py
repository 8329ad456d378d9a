"""The desk: the process that serves the pages. It is separate from the dialler, so that no page can delay a call."""

from __future__ import annotations

import asyncio
import contextlib
import random
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog
from argon2 import PasswordHasher

from dialer.desk.agent_settings import AgentSettingsRoutes
from dialer.desk.agents.commands import AgentCommands
from dialer.desk.agents.figures import AgentFigures
from dialer.desk.agents.notes import AgentDrafts, AgentNotes
from dialer.desk.agents.phone import AgentPhones
from dialer.desk.agents.screen_pop import ScreenPopBuilder, ScreenPops
from dialer.desk.agents.sessions import AgentSessions
from dialer.desk.agents.sign_in import AgentSignInRoutes
from dialer.desk.agents.site import AgentSite, create_pin_prover
from dialer.desk.agents.streams import AgentStreams
from dialer.desk.board import Board
from dialer.desk.board_account import BoardAccount, serve_desk_metrics
from dialer.desk.campaign_drafts import CampaignDraftRoutes
from dialer.desk.campaigns import CampaignRoutes
from dialer.desk.changed_settings import SECTIONS_WITH_DESK_RESTART, ChangedSettingsRoutes
from dialer.desk.coaching_notes import CoachingNotes
from dialer.desk.figures import BoardFigures, ShownCap
from dialer.desk.flows import FlowRoutes
from dialer.desk.numbers import NumberRoutes
from dialer.desk.pages_built import BUILT
from dialer.desk.recordings import RecordingsPage
from dialer.desk.report_pages import ReportPages
from dialer.desk.rolls import RollRoutes
from dialer.desk.users import UsersPage
from dialer.domain.clock import Clock, SystemClock
from dialer.errors import MatdanError, SettingError
from dialer.mqtt.client import BrokerSettings
from dialer.mqtt.dialler_client import DiallerClient
from dialer.process.systemd import report_service_ready
from dialer.settings.site import Settings, load_settings
from dialer.settings.site_rules import (
    get_false_positive_share_of_campaign,
    list_caps_on_abandoned_rate,
    load_site_profile,
)
from dialer.settings.site_time import get_site_zone
from dialer.site.broker import get_broker_settings, get_broker_settings_for_user
from dialer.site.settings_changes import list_setting_changes
from dialer.store.agent_reading import AgentReading
from dialer.store.agent_records import AgentRecords
from dialer.store.campaign_drafts import CampaignDraftRecords
from dialer.store.coaching_notes import CoachingNoteRecords
from dialer.store.desk_file import DeskFile, get_desk_file_path
from dialer.store.desk_reading import DeskReading
from dialer.store.keys import read_store_key_of_site
from dialer.store.passkey_records import PasskeyRecords
from dialer.web.access import DESK_COOKIE, TRAINING_COOKIE, Sessions
from dialer.web.app import create_openapi_router, make_web_application
from dialer.web.assets import MICROPHONE, Asset, StaticPages, read_built_page_files
from dialer.web.directory import Directory
from dialer.web.http import create_stop_signal_event, list_allowed_origins, open_listening_socket, serve_pages
from dialer.web.page_state import PageState
from dialer.web.passkeys import Passkeys, find_passkey_host
from dialer.web.people import People
from dialer.web.protection import PageProtection
from dialer.web.sign_in import PasswordSignIn
from dialer.web.streams import Streams

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class DeskParts:
    """The objects that the routes of all pages share: page state, connection to the dialler, users and others."""

    page_state: PageState
    dialler_client: DiallerClient
    people: People
    file: DeskFile
    clock: Clock


class AgentPages:
    """The agents' pages: their routes, sessions, and background tasks."""

    def __init__(self, settings: Settings, parts: DeskParts, reading: AgentReading, *, training: bool = False) -> None:
        self._site = site = AgentSite(settings, training=training)
        records = AgentRecords(parts.file)
        idle_seconds = settings.desk.idle_hours * 3600
        self._people = parts.people
        self._sessions = AgentSessions(records, parts.page_state, parts.clock, idle_seconds)
        self.find_user_of_session = self._sessions.find_user_of_session
        sign_in = AgentSignInRoutes(site, self._sessions, parts.people, parts.dialler_client, parts.page_state)
        self.drafts = AgentDrafts(records)
        self.streams = AgentStreams(site, self._sessions, parts.page_state, self.drafts)
        commands = AgentCommands(site, self._sessions, parts.dialler_client, parts.page_state, reading)
        self._phones = phones = AgentPhones(settings, self.find_user_of_session)
        notes = AgentNotes(parts.page_state, reading, records, self.drafts)
        coaching = CoachingNoteRecords(parts.file)
        self.coaching_notes = CoachingNotes(parts.page_state, reading, coaching, parts.dialler_client)
        pages = (sign_in, self.streams, commands, notes, phones, self.coaching_notes)
        self.routers = [each.create_http_router() for each in pages]
        self.screen_pops = ScreenPops(parts.page_state, reading, ScreenPopBuilder(settings), records)
        self.figures = AgentFigures(parts.page_state, reading, get_site_zone(settings))

    def prepare_agent_page_settings(self, settings: Settings) -> Callable[[], None]:
        """Load the scripts of new settings. Return a function that puts the new settings into use on the agents' pages.

        Raises FlowError, SettingError.
        """
        builder, prover = ScreenPopBuilder(settings), create_pin_prover(settings)

        def use_prepared_settings() -> None:
            self._site.replace_agent_and_seat_settings(settings, prover)
            self._phones.replace_phone_settings(settings)
            self.screen_pops.builder = builder

        return use_prepared_settings

    async def end_session_of_user_or_agent(self, token: str) -> None:
        """End the session that a token identifies: the session of an agent or of another user."""
        await self._people.end_session(token)
        await self._sessions.end_session(token)

    async def update_agent_pages_until_cancelled(self) -> None:
        """Update the data on the agents' pages, and save the unsent forms of the pages, until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self.screen_pops.update_screen_pops_until_cancelled(), name="desk-screen-pops")
            group.create_task(self.figures.update_figures_until_cancelled(), name="desk-agent-figures")
            group.create_task(self.drafts.save_unsent_forms_until_cancelled(), name="desk-drafts")
            group.create_task(self.coaching_notes.update_agent_pages_until_cancelled(), name="desk-coaching-notes")


@dataclass(frozen=True, slots=True)
class OpenDesk:
    """The running server of a centre's pages (the desk)."""

    port: int
    origin: str  # the address that people type
    apply_settings: Callable[[Settings], Awaitable[None]]
    """Applies new seats, agents, campaigns, supervisors and recording rules. Raises MatdanError, and then changes nothing."""
    reload_settings: Callable[[], Coroutine[Any, Any, None]]
    """Reads the settings file again, and applies its changes. The result is logged."""


@contextlib.asynccontextmanager
async def serve_pages_of_desk(
    settings: Settings,
    *,
    broker: BrokerSettings | None = None,
    hasher: PasswordHasher | None = None,
    assets: dict[str, Asset] | None = None,
    training: bool = False,
) -> AsyncIterator[OpenDesk]:
    """Serve a centre's pages while the context is open. Raises SettingError, StoreError, PortInUse.

    `broker` replaces the broker of the settings. With `training`, the agents' pages say that the voters are simulated.
    """
    clock = SystemClock()
    page_state = PageState(clock.now)
    with open_listening_socket(settings.desk.host, settings.desk.port) as listener:
        origin = settings.desk.get_url_of_pages(port := int(listener.getsockname()[1]))
        origins = list_allowed_origins(settings.desk, port)
        async with contextlib.AsyncExitStack() as stack:
            path, key = settings.store.path, read_store_key_of_site(settings)
            reading = await DeskReading.open(path, key)
            stack.push_async_callback(reading.close)
            file = await DeskFile.open(get_desk_file_path(path), key)
            stack.push_async_callback(file.close)
            directory = Directory(settings.supervisors, reading.read_users)
            await directory.reread_stored_users()
            people = People(file, directory, clock, settings.desk.idle_hours * 3600, hasher)
            stack.callback(people.close)
            dialler_client = DiallerClient(
                broker or get_broker_settings_of_desk(settings),
                settings.centre.id,
                clock,
                page_state.set_value_of_key,
                random.SystemRandom(),
            )
            board = Board(page_state, streams := Streams(page_state, people, clock), dialler_client, file, clock)
            await board.load_alert_acknowledgements()
            figures = BoardFigures(
                page_state, reading, clock, get_site_zone(settings), list_abandoned_rate_caps(settings)
            )
            await figures.refresh_booth_names()
            agent_reading = await AgentReading.open(path, key)
            stack.push_async_callback(agent_reading.close)
            agents = AgentPages(
                settings, DeskParts(page_state, dialler_client, people, file, clock), agent_reading, training=training
            )
            account = BoardAccount(settings, people)
            rolls, flows = RollRoutes(settings, page_state, dialler_client), FlowRoutes(settings, dialler_client, clock)
            recordings = RecordingsPage(settings, reading, dialler_client, clock)
            reports = ReportPages(settings, clock, dialler_client)
            reloader = SettingsReloader(settings, lambda new: apply_settings(new))  # noqa: PLW0108 - it is defined below
            campaigns = CampaignRoutes(
                settings, dialler_client, CampaignDraftRecords(file), clock, reloader.reload_desk_settings
            )
            agent_settings = AgentSettingsRoutes(settings, dialler_client, clock, reloader.reload_desk_settings)
            stack.callback(reports.close)
            stack.callback(rolls.close)
            routes = (
                StaticPages(
                    read_built_page_files(BUILT) if assets is None else assets,
                    {"/board": {}, "/agent": MICROPHONE, "/reports": {}, "/campaigns": {}, "/flows": {}},
                ),
                PasswordSignIn(people, agents.end_session_of_user_or_agent),
                Passkeys(PasskeyRecords(file), people, clock, find_passkey_host(origins)),
                account,
                board,
                UsersPage(people, file, dialler_client, streams),
                agent_settings,
                rolls,
                NumberRoutes(settings, dialler_client),
                recordings,
                campaigns,
                CampaignDraftRoutes(campaigns, dialler_client, clock),
                flows,
                ChangedSettingsRoutes(lambda: reloader.settings, dialler_client, reloader.reload_desk_settings),
            )
            routers = [
                *(each.create_http_router() for each in routes),
                *reports.routers,
                *agents.routers,
                create_openapi_router(),
            ]
            cookie = TRAINING_COOKIE if training else DESK_COOKIE
            sessions = Sessions(cookie, people.find_user_of_session, agents.find_user_of_session, people.devices)
            app = PageProtection(make_web_application(routers, sessions), origins)
            background = (
                dialler_client.receive_messages_until_cancelled,
                figures.update_figures_until_cancelled,
                streams.apply_changed_user_rights_until_cancelled,
                agents.update_agent_pages_until_cancelled,
                rolls.delete_old_uploads_until_cancelled,
                reports.send_mails_until_cancelled,
            )

            async def apply_settings(new: Settings) -> None:
                caps, apply_to_agents = await asyncio.to_thread(
                    lambda: (list_abandoned_rate_caps(new), agents.prepare_agent_page_settings(new))
                )
                figures.caps = caps
                for replace_settings in (
                    account.replace_board_settings,
                    recordings.replace_recording_settings,
                    reports.replace_report_settings,
                    campaigns.replace_campaign_settings,
                    agent_settings.replace_agent_settings,
                    flows.replace_flow_settings,
                ):
                    replace_settings(new)
                directory.replace_users_from_settings(new.supervisors)
                apply_to_agents()

            async with (
                serve_pages(settings.desk, listener, app, background, page_state.end_all_subscriptions),
                serve_desk_metrics(settings, page_state),
            ):
                yield OpenDesk(port, origin, apply_settings, reloader.reload_desk_settings)


async def run_desk_process(settings: Settings, broker: BrokerSettings, announce: Callable[[str], None]) -> None:
    """Serve a centre's pages until SIGTERM or SIGINT.

    `announce` is called with the address of the pages when they can be opened.
    """
    stop = create_stop_signal_event()
    async with (
        serve_pages_of_desk(settings, broker=broker) as desk,
        report_service_ready(),
        asyncio.TaskGroup() as group,
    ):
        asyncio.get_running_loop().add_signal_handler(
            signal.SIGHUP, lambda: group.create_task(desk.reload_settings(), name="reload")
        )
        announce(desk.origin)
        await stop.wait()


class SettingsReloader:
    """Reloads the settings file of the running page server (desk)."""

    def __init__(self, settings: Settings, apply_settings: Callable[[Settings], Awaitable[None]]) -> None:
        self.settings = settings  # in force
        self._apply = apply_settings
        self._one_at_a_time = asyncio.Lock()

    async def reload_desk_settings(self) -> None:
        """Read the settings file again, and apply all its changes, or none if one of them is wrong or needs a restart.

        The result is logged.
        """
        async with self._one_at_a_time:
            try:
                settings = await asyncio.to_thread(load_settings, Path(self.settings.text_of_settings_file.name))
                changed = [change.name for change in list_setting_changes(self.settings, settings)]
                refused = [name for name in changed if name.split(".")[0] in SECTIONS_WITH_DESK_RESTART]
                if refused:
                    raise SettingError(
                        "settings", ", ".join(refused), "changed", "restart the desk to apply this change"
                    )
                await self._apply(settings)
            except MatdanError as error:
                _log.warning("settings.reload_failed", problem=str(error))
                return
            self.settings = settings
            _log.info("settings.reloaded", changed=changed)


def get_broker_settings_of_desk(settings: Settings) -> BrokerSettings:
    """Return the broker's address and the account of the desk (the server of the pages) at the broker."""
    user = settings.desk.user
    return (
        get_broker_settings(settings)
        if user is None
        else get_broker_settings_for_user(settings, user, settings.desk.broker_password)
    )


def list_abandoned_rate_caps(settings: Settings) -> dict[str, tuple[ShownCap, ...]]:
    """Return the legal limits (caps) on the abandoned-call rate of each campaign, by its id."""
    profile = load_site_profile(settings)
    return {
        each.id: tuple(
            ShownCap(*cap, get_false_positive_share_of_campaign(each, profile))
            for cap in list_caps_on_abandoned_rate(each, profile)
        )
        for each in settings.campaigns
    }
