"""Wiring of headquarters' pages (`dialer hq desk`), a process that reads the database and receives centres' live status."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable, Mapping

from argon2 import PasswordHasher

from dialer.domain.clock import Clock, SystemClock
from dialer.hq.accounts import Accounts
from dialer.hq.actions import HqActions
from dialer.hq.figures import HqFigures
from dialer.hq.order_audit import OrderAudit
from dialer.hq.page_database import PageDatabase
from dialer.hq.pages import HqAccount, HqBoard
from dialer.hq.proposals import Proposals
from dialer.metrics.families import build_metrics_of_headquarters_pages
from dialer.metrics.server import serve_metrics_if_enabled
from dialer.settings.headquarters import HqSettings
from dialer.store.desk_file import DeskFile
from dialer.store.passkey_records import PasskeyRecords
from dialer.web.access import HQ_COOKIE, Sessions
from dialer.web.app import create_openapi_router, make_web_application
from dialer.web.assets import Asset, StaticPages
from dialer.web.directory import Directory
from dialer.web.http import create_stop_signal_event, list_allowed_origins, open_listening_socket, serve_pages
from dialer.web.page_state import PageState
from dialer.web.passkeys import Passkeys, find_passkey_host
from dialer.web.people import People
from dialer.web.protection import PageProtection
from dialer.web.sign_in import PasswordSignIn
from dialer.web.streams import Streams


@contextlib.asynccontextmanager
async def open_user_accounts(
    settings: HqSettings, clock: Clock, hasher: PasswordHasher | None = None
) -> AsyncIterator[tuple[PageDatabase, Accounts, People, DeskFile]]:
    """Open headquarters' database and the file with users' passwords, and read the users' accounts.

    Raises StoreError if the database or the file cannot be used.
    """
    file = await DeskFile.open(settings.desk.file, None)
    db = PageDatabase(settings, clock, file)
    accounts = Accounts(db, settings)
    directory = Directory([], accounts.read_accounts)
    people = People(file, directory, clock, settings.desk.idle_hours * 3600, hasher)
    try:
        await directory.reread_stored_users()
        yield db, accounts, people, file
    finally:
        people.close()
        await db.close()
        await file.close()


@contextlib.asynccontextmanager
async def run_hq_page_server(
    settings: HqSettings,
    assets: Mapping[str, Asset],
    *,
    hasher: PasswordHasher | None = None,
) -> AsyncIterator[str]:
    """Serve headquarters' pages while the context lasts. Yield the address at which users open them.

    Raises SettingError, StoreError, PortInUse.
    """
    clock = SystemClock()
    page_state = PageState(clock.now)
    async with contextlib.AsyncExitStack() as stack:
        listener = stack.enter_context(open_listening_socket(settings.desk.host, settings.desk.port))
        port = int(listener.getsockname()[1])
        origins = list_allowed_origins(settings.desk, port)
        db, accounts, people, file = await stack.enter_async_context(open_user_accounts(settings, clock, hasher))
        streams = Streams(page_state, people, clock)
        figures = HqFigures(settings, page_state, db, accounts)
        proposals = Proposals(settings, db, accounts, figures.changed.set)
        routes = (
            StaticPages(assets, {"/hq": {}}),
            PasswordSignIn(people, people.end_session),
            Passkeys(PasskeyRecords(file), people, clock, find_passkey_host(origins)),
            HqAccount(people, accounts, settings),
            HqBoard(streams, db, accounts, figures),
            HqActions(db, accounts, proposals, figures.changed.set),
        )
        routers = [each.create_http_router() for each in routes]
        app = make_web_application(
            [*routers, create_openapi_router()],
            Sessions(HQ_COOKIE, people.find_user_of_session, people.find_user_of_session, people.devices),
        )
        metrics = serve_metrics_if_enabled(
            settings.metrics.host,
            settings.metrics.desk_port,
            lambda: build_metrics_of_headquarters_pages(server_up=figures.is_connected),
        )
        await stack.enter_async_context(metrics)
        orders = OrderAudit(settings, db)
        background = (
            figures.update_figures_until_cancelled,
            figures.receive_live_status_of_centres,
            orders.record_orders_until_cancelled,
            proposals.record_missing_proposal_results_until_cancelled,
            streams.apply_changed_user_rights_until_cancelled,
        )
        async with serve_pages(
            settings.desk, listener, PageProtection(app, origins), background, page_state.end_all_subscriptions
        ):
            yield settings.desk.get_url_of_pages(port)


async def serve_hq_pages_until_signal(
    settings: HqSettings, assets: Mapping[str, Asset], on_ready: Callable[[str], None]
) -> None:
    """Serve headquarters' pages until SIGTERM or Ctrl-C. `on_ready` is called with their address once they can be
    opened.
    """
    stop = create_stop_signal_event()
    async with run_hq_page_server(settings, assets) as origin:
        on_ready(origin)
        await stop.wait()
