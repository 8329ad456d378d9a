"""Headquarters' pages: who comes in, what each may see, and the way down to the booths."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import StreamingResponse

from dialer.hq.accounts import Accounts, HqBooks
from dialer.hq.database import NO_NUL
from dialer.hq.figures import MOST_DAYS, HqFigures
from dialer.hq.rights import deeds_of, may_see_key
from dialer.settings.headquarters import HqSettings
from dialer.web.access import EVENT_STREAM, EVERY_ROLE, PageRoute, SignedIn, allow, allow_anyone
from dialer.web.people import People, Who
from dialer.web.refusals import RequestRefused
from dialer.web.streams import Streams

Rows = list[dict[str, Any]]


class HqAccount:
    """Answers the page's question who is signed in."""

    def __init__(self, people: People, accounts: Accounts, settings: HqSettings) -> None:
        self._people = people
        self._accounts = accounts
        self._time_zone = settings.gather.time_zone

    def router(self) -> APIRouter:
        """Return the routes."""
        router = APIRouter(route_class=PageRoute)
        router.get("/api/me", dependencies=allow_anyone())(self.me)
        return router

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

    def router(self) -> APIRouter:
        """Return the routes."""
        router = APIRouter(prefix="/api/hq", route_class=PageRoute, dependencies=allow(EVERY_ROLE))
        router.get("/events", response_class=StreamingResponse, responses=EVENT_STREAM)(self.events)
        router.get("/constituencies")(self.constituencies)
        router.get("/booths")(self.booths)
        router.get("/days")(self.days)
        return router

    async def events(self, request: Request, who: SignedIn) -> Response:
        """The page state, as far as this one may see it, then what changes of it."""
        zone = self._accounts.zones.get(who.name)
        if zone is None:
            raise RequestRefused(403, "other-zone")
        return self._streams.answer(request, lambda key: may_see_key(zone, key))

    async def constituencies(self, centre: str, who: SignedIn) -> Rows:
        """The constituencies of whose voters a centre has said something. What others said of them counts too."""
        return await self._rows(who, "constituencies_of", centre)

    async def booths(
        self,
        centre: str,
        state: Annotated[str, Query(pattern=NO_NUL)],
        constituency: Annotated[int, Query(ge=0, lt=2**31)],
        who: SignedIn,
    ) -> Rows:
        """The booths of one of them."""
        return await self._rows(who, "booths_of", centre, state, constituency)

    async def _rows(self, who: Who, name: str, centre: str, *values: Any) -> Rows:
        if not self._accounts.covers(who.name, f"centre:{centre}"):
            raise RequestRefused(403, "other-zone")
        async with self._books.used() as db:
            return [{**row} for row in await db.rows(name, centre, *values)]

    async def days(self, who: SignedIn, zone: str = "", centre: str = "") -> Rows:
        """The last month of a centre, of a zone, or of all that this one sees, day by day."""
        wanted = [
            name
            for name, its in self._accounts.centres.items()
            if self._accounts.sees(who.name, its) and zone in {"", its} and centre in {"", name}
        ]
        if not wanted:
            raise RequestRefused(403, "other-zone")
        return await self._figures.days(wanted, MOST_DAYS)
