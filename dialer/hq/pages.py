"""Headquarters' pages: who comes in, what each may see, and the way down to the booths."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, Any

from fastapi import Query, Request, Response
from fastapi.responses import JSONResponse

from config.headquarters import HqSettings
from dialer.hq.accounts import Accounts, HqBooks
from dialer.hq.database import NO_NUL
from dialer.hq.figures import MOST_DAYS, HqFigures
from dialer.hq.rights import EVERY_ROLE, deeds_of, may_see, may_see_key
from dialer.web.doors import Guard, WebDoor, problem
from dialer.web.entrance import Asset, Entrance
from dialer.web.people import People, Who
from dialer.web.streams import Streams

FRONT = "/hq"


class HqGuard(Guard):
    """That of headquarters: cookies do not know ports, and a desk may stand on the same machine."""

    cookie = "__Host-hq"


class HqEntrance(Entrance):
    """The page, and who one is."""

    def __init__(self, people: People, assets: dict[str, Asset], accounts: Accounts, settings: HqSettings) -> None:
        super().__init__(people, assets, FRONT, people.sign_out)
        self._accounts = accounts
        self._time_zone = settings.gather.time_zone

    def doors(self) -> list[WebDoor]:
        """What anybody may ask for."""
        return [*super().doors(), WebDoor("GET", "/api/me", self.me, None)]

    async def me(self, request: Request) -> dict[str, Any] | None:
        """Who has signed in, for which zone ("" is all), and what this one may do; null: nobody."""
        token = request.state.token
        who = None if token is None else await self._people.who(token)
        if who is None or who.name not in self._accounts.zones:
            return None
        zone = self._accounts.zones[who.name]
        return {
            "name": who.name,
            "role": who.role,
            "of_zone": zone,
            "may": deeds_of(who.role, zone),
            "zone": self._time_zone,
        }


class HqBoard:
    """The figures, as a stream and on the way down."""

    def __init__(
        self, settings: HqSettings, streams: Streams, books: HqBooks, accounts: Accounts, figures: HqFigures
    ) -> None:
        self._zones = {each.id: each.zone for each in settings.centres}
        self._streams = streams
        self._books = books
        self._accounts = accounts
        self._figures = figures

    def doors(self) -> list[WebDoor]:
        """All of them, for everybody with an account: the account's zone says of what."""
        rows = {200: list[dict[str, Any]]}
        return [
            WebDoor("GET", "/api/hq/events", self.events, EVERY_ROLE, {200: "text/event-stream"}),
            WebDoor("GET", "/api/hq/constituencies", self.constituencies, EVERY_ROLE, rows),
            WebDoor("GET", "/api/hq/booths", self.booths, EVERY_ROLE, rows),
            WebDoor("GET", "/api/hq/days", self.days, EVERY_ROLE, rows),
        ]

    def _sees(self, request: Request, zone: str | None) -> bool:
        who: Who = request.state.who
        own = self._accounts.zones.get(who.name)
        return own is not None and zone is not None and may_see(own, zone)

    async def events(self, request: Request) -> Response:
        """The picture, as far as this one may see it, then what changes of it."""
        zone = self._accounts.zones.get(request.state.who.name)
        if zone is None:
            return problem(403, "other-zone")
        return self._streams.answer(request, lambda key: may_see_key(zone, key))

    async def constituencies(self, centre: str, request: Request) -> Response:
        """The constituencies of whose voters a centre has said something. What others said of them counts too."""
        if not self._sees(request, self._zones.get(centre)):
            return problem(403, "other-zone")
        return await self._rows("constituencies_of", centre)

    async def booths(
        self,
        centre: str,
        state: Annotated[str, Query(pattern=NO_NUL)],
        constituency: Annotated[int, Query(ge=0, lt=2**31)],
        request: Request,
    ) -> Response:
        """The booths of one of them."""
        if not self._sees(request, self._zones.get(centre)):
            return problem(403, "other-zone")
        return await self._rows("booths_of", centre, state, constituency)

    async def _rows(self, name: str, *values: Any) -> Response:
        async with self._books.used() as db:
            return JSONResponse([{**row} for row in await db.rows(name, *values)])

    async def days(self, request: Request, zone: str = "", centre: str = "") -> Response:
        """The last month of a centre, of a zone, or of all that this one sees, day by day."""
        wanted = [
            name
            for name, its in self._zones.items()
            if self._sees(request, its) and zone in {"", its} and centre in {"", name}
        ]
        if not wanted:
            return problem(403, "other-zone")
        return JSONResponse(await self._figures.days(wanted, MOST_DAYS))


Shut = Callable[[str], Awaitable[None]]


def follower(accounts: Accounts, people: People, streams: Streams) -> Shut:
    """What is done where somebody's rights have changed: nobody goes on in a page that was opened with others."""

    async def follow(name: str) -> None:
        streams.shut([name])
        if name in accounts.roles:
            await people.sign_out_everywhere(name)
        else:
            await people.set_password(name, None)

    return follow
