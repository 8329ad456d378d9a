"""Headquarters' pages: who comes in, what each may see, and the way down to the booths."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import Query, Request, Response

from dialer.hq.accounts import Accounts, HqBooks
from dialer.hq.database import NO_NUL
from dialer.hq.figures import MOST_DAYS, HqFigures
from dialer.hq.rights import deeds_of, may_see_key
from dialer.settings.headquarters import HqSettings
from dialer.web.doors import Guard, PageRefused, Signed, door
from dialer.web.entrance import PAGE, Asset, Entrance
from dialer.web.people import People, Who
from dialer.web.streams import Streams

Rows = list[dict[str, Any]]


class HqGuard(Guard):
    """That of headquarters: cookies do not know ports, and a desk may stand on the same machine."""

    cookie = "__Host-hq"


class HqEntrance(Entrance):
    """The page, and who one is."""

    home = "/hq"

    def __init__(self, people: People, assets: Mapping[str, Asset], accounts: Accounts, settings: HqSettings) -> None:
        super().__init__(people, assets, people.sign_out)
        self._accounts = accounts
        self._time_zone = settings.gather.time_zone

    @door("GET", home, None, PAGE)
    async def hq_page(self, request: Request) -> Response:
        """The page."""
        return await self.page(request)

    @door("GET", "/api/me", None)
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
    """The figures, as a stream and on the way down, for everybody with an account: the account's zone says of what."""

    def __init__(self, streams: Streams, books: HqBooks, accounts: Accounts, figures: HqFigures) -> None:
        self._streams = streams
        self._books = books
        self._accounts = accounts
        self._figures = figures

    @door("GET", "/api/hq/events", gives={200: "text/event-stream"})
    async def events(self, request: Request, who: Signed) -> Response:
        """The picture, as far as this one may see it, then what changes of it."""
        zone = self._accounts.zones.get(who.name)
        if zone is None:
            raise PageRefused(403, "other-zone")
        return self._streams.answer(request, lambda key: may_see_key(zone, key))

    @door("GET", "/api/hq/constituencies")
    async def constituencies(self, centre: str, who: Signed) -> Rows:
        """The constituencies of whose voters a centre has said something. What others said of them counts too."""
        return await self._rows(who, "constituencies_of", centre)

    @door("GET", "/api/hq/booths")
    async def booths(
        self,
        centre: str,
        state: Annotated[str, Query(pattern=NO_NUL)],
        constituency: Annotated[int, Query(ge=0, lt=2**31)],
        who: Signed,
    ) -> Rows:
        """The booths of one of them."""
        return await self._rows(who, "booths_of", centre, state, constituency)

    async def _rows(self, who: Who, name: str, centre: str, *values: Any) -> Rows:
        if not self._accounts.covers(who.name, f"centre:{centre}"):
            raise PageRefused(403, "other-zone")
        async with self._books.used() as db:
            return [{**row} for row in await db.rows(name, centre, *values)]

    @door("GET", "/api/hq/days")
    async def days(self, who: Signed, zone: str = "", centre: str = "") -> Rows:
        """The last month of a centre, of a zone, or of all that this one sees, day by day."""
        wanted = [
            name
            for name, its in self._accounts.centres.items()
            if self._accounts.sees(who.name, its) and zone in {"", its} and centre in {"", name}
        ]
        if not wanted:
            raise PageRefused(403, "other-zone")
        return await self._figures.days(wanted, MOST_DAYS)
