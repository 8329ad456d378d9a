"""The HTTP routes from which headquarters' pages read the signed-in user, the figures, and the turnout of
constituencies and booths.
"""

from __future__ import annotations

from typing import Annotated, Any, NamedTuple

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import StreamingResponse

from dialer.hq import sql
from dialer.hq.accounts import Accounts
from dialer.hq.database import NO_NUL
from dialer.hq.figures import MAX_DAYS, HqFigures
from dialer.hq.page_database import PageDatabase
from dialer.hq.page_records import DatedResults, HqUser
from dialer.hq.rights import can_user_see_page_value, list_allowed_actions
from dialer.settings.headquarters import HqSettings
from dialer.store.sql import Statements
from dialer.web.access import (
    EVENT_STREAM,
    EVERY_ROLE,
    PageRoute,
    SignedIn,
    allow_anyone,
    allow_users_with_roles,
)
from dialer.web.people import People, SignedInUser
from dialer.web.refusals import RequestRefused
from dialer.web.streams import Streams


class ConstituencyTurnout(NamedTuple):
    """The turnout of a constituency: counted from voter marks in all centres, and the latest official
    figure.
    """

    state_code: str
    constituency_number: int
    contacted: int
    voted: int
    not_yet: int
    at: float | None
    share: float | None  # official
    official_at: float | None


class PartTurnout(NamedTuple):
    """The turnout of a polling station: the count from voters' answers in all centres, and the latest official figure."""

    part_number: int
    contacted: int
    voted: int
    not_yet: int
    at: float | None
    share: float | None  # official
    official_at: float | None


class SQL(Statements):
    constituencies = sql.Query(ConstituencyTurnout)
    booths = sql.Query(PartTurnout)


class HqAccount:
    """The route from which a page reads who is signed in."""

    def __init__(self, people: People, accounts: Accounts, settings: HqSettings) -> None:
        self._people = people
        self._accounts = accounts
        self._time_zone = settings.gather.time_zone

    def create_http_router(self) -> APIRouter:
        """Return a router with the route that describes the signed-in user."""
        router = APIRouter(route_class=PageRoute)
        router.get("/api/me", dependencies=allow_anyone())(self.read_signed_in_account)
        return router

    async def read_signed_in_account(self, request: Request) -> HqUser | None:
        """Return the signed-in user with zone ("" = all zones) and allowed actions, or null if nobody is signed in."""
        token = request.state.token
        who = None if token is None else await self._people.find_user_of_session(token)
        if who is None or who.name not in self._accounts.zone_of:
            return None
        zone = self._accounts.zone_of[who.name]
        return {
            "name": who.name,
            "role": who.role,
            "of_zone": zone,
            "may": list_allowed_actions(who.role, zone),
            "zone": self._time_zone,
        }


class HqBoard:
    """The routes from which headquarters' pages read figures. Every account may read the figures of its zone."""

    def __init__(self, streams: Streams, db: PageDatabase, accounts: Accounts, figures: HqFigures) -> None:
        self._streams = streams
        self._db = db
        self._accounts = accounts
        self._figures = figures

    def create_http_router(self) -> APIRouter:
        """Return a router with the routes from which headquarters' pages read figures."""
        router = APIRouter(prefix="/api/hq", route_class=PageRoute, dependencies=allow_users_with_roles(EVERY_ROLE))
        router.get("/events", response_class=StreamingResponse, responses=EVENT_STREAM)(self.stream_page_state)
        router.get("/constituencies")(self.read_turnout_of_constituencies)
        router.get("/booths")(self.read_turnout_of_booths)
        router.get("/days")(self.read_daily_results)
        return router

    async def stream_page_state(self, request: Request, who: SignedIn) -> Response:
        """Stream the figures that the user's zone may see (the page state), and then each change of them."""
        zone = self._accounts.zone_of.get(who.name)
        if zone is None:
            raise RequestRefused(403, "other-zone")
        return self._streams.open_stream_to_page(request, lambda key: can_user_see_page_value(zone, key))

    async def read_turnout_of_constituencies(self, centre: str, who: SignedIn) -> list[dict[str, Any]]:
        """Return the turnout of each constituency in which the centre has reported marks (facts about voters)."""
        self._refuse_centre_outside_users_zone(who, centre)
        async with self._db.open_transaction() as db:
            return [row._asdict() for row in await SQL.constituencies.fetch_rows(db, centre)]

    async def read_turnout_of_booths(
        self,
        centre: str,
        state: Annotated[str, Query(pattern=NO_NUL)],
        constituency: Annotated[int, Query(ge=0, lt=2**31)],
        who: SignedIn,
    ) -> list[dict[str, Any]]:
        """Return the turnout of the polling stations (booths) of a constituency."""
        self._refuse_centre_outside_users_zone(who, centre)
        async with self._db.open_transaction() as db:
            return [row._asdict() for row in await SQL.booths.fetch_rows(db, centre, state, constituency)]

    def _refuse_centre_outside_users_zone(self, who: SignedInUser, centre: str) -> None:
        """Raise RequestRefused unless the centre is within the user's zone."""
        if not self._accounts.are_centres_in_zone_of_user(who.name, f"centre:{centre}"):
            raise RequestRefused(403, "other-zone")

    async def read_daily_results(self, who: SignedIn, zone: str = "", centre: str = "") -> list[DatedResults]:
        """Return the figures of each day of the last month, for a centre, a zone, or all centres that the user may see."""
        wanted = [
            name
            for name, of_centre in self._accounts.zone_of_centre.items()
            if self._accounts.can_user_see_zone(who.name, of_centre)
            and zone in {"", of_centre}
            and centre in {"", name}
        ]
        if not wanted:
            raise RequestRefused(403, "other-zone")
        return await self._figures.read_daily_results(wanted, MAX_DAYS)
