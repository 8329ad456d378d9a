"""The wiring of headquarters' pages, `dialer hq desk`: a process of its own that reads the books and hears what centres say."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable, Mapping

from argon2 import PasswordHasher

from dialer.domain.clock import Clock, SystemClock
from dialer.hq.accounts import Accounts, HqBooks
from dialer.hq.deeds import Deeds
from dialer.hq.figures import HqFigures
from dialer.hq.pages import HqAccount, HqBoard
from dialer.metrics.families import of_hq_desk
from dialer.metrics.server import watched
from dialer.settings.headquarters import HqSettings
from dialer.store.desk_file import DeskFile
from dialer.store.passkey_records import PasskeyRecords
from dialer.web.access import HQ_COOKIE, Sessions
from dialer.web.app import document_router, make_app
from dialer.web.assets import Asset, StaticPages
from dialer.web.directory import Directory
from dialer.web.http import listening, own_origins, serving, stop_asked
from dialer.web.page_state import PageState
from dialer.web.passkeys import Passkeys, passkey_host
from dialer.web.people import People
from dialer.web.protection import PageProtection
from dialer.web.sign_in import PasswordSignIn
from dialer.web.streams import Streams


@contextlib.asynccontextmanager
async def hq_people(
    settings: HqSettings, clock: Clock, hasher: PasswordHasher | None = None
) -> AsyncIterator[tuple[HqBooks, Accounts, People, DeskFile]]:
    """The books, who has an account, and their passwords. Raises StoreError where the database or the file cannot be used."""
    file = await DeskFile.open(settings.desk.file, None)
    books = HqBooks(settings.gather.database.get_secret_value(), clock, file)
    accounts = Accounts(books, settings)
    directory = Directory([], accounts.read)
    people = People(file, directory, clock, settings.desk.idle_hours * 3600, hasher)
    try:
        await directory.refresh()
        yield books, accounts, people, file
    finally:
        people.close()
        await books.close()
        await file.close()


@contextlib.asynccontextmanager
async def running_hq_desk(
    settings: HqSettings,
    assets: Mapping[str, Asset],
    *,
    hasher: PasswordHasher | None = None,
) -> AsyncIterator[str]:
    """Serve for as long as the context lasts; what people type. Raises SettingError, StoreError, PortInUse with one clear line."""
    clock = SystemClock()
    page_state = PageState(clock.now)
    async with contextlib.AsyncExitStack() as stack:
        listener = stack.enter_context(listening(settings.desk.host, settings.desk.port))
        port = int(listener.getsockname()[1])
        origins = own_origins(settings.desk, port)
        books, accounts, people, file = await stack.enter_async_context(hq_people(settings, clock, hasher))
        streams = Streams(page_state, people, clock)
        figures = HqFigures(settings, page_state, books, accounts)
        deeds = Deeds(settings, books, accounts, figures.changed.set)
        routes = (
            StaticPages(assets, {"/hq": {}}),
            PasswordSignIn(people, people.sign_out),
            Passkeys(PasskeyRecords(file), people, clock, passkey_host(origins)),
            HqAccount(people, accounts, settings),
            HqBoard(streams, books, accounts, figures),
            deeds,
        )
        routers = [each.router() for each in routes]
        app = make_app([*routers, document_router()], Sessions(HQ_COOKIE, people.who, people.who))
        watching = watched(settings.metrics.host, settings.metrics.desk_port, lambda: of_hq_desk(hears=figures.hears))
        await stack.enter_async_context(watching)
        beside = (figures.run, figures.hear, deeds.run, streams.keep_rights)
        async with serving(settings.desk, listener, PageProtection(app, origins), beside, page_state.close):
            yield settings.desk.origin(port)


async def serve_hq_desk(settings: HqSettings, assets: Mapping[str, Asset], say: Callable[[str], None]) -> None:
    """Serve until SIGTERM or Ctrl-C; `say` is told the address once people can come."""
    stop = stop_asked()
    async with running_hq_desk(settings, assets) as origin:
        say(origin)
        await stop.wait()
