"""Incidents in centres and zones: opened, given an owner, closed. Every action is in the audit log."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter
from pydantic import Field

from dialer.hq.accounts import Accounts, HqBooks
from dialer.hq.database import NO_NUL, Database
from dialer.hq.rights import HqAction, roles_for
from dialer.web.access import PageRoute, SignedIn, allow
from dialer.web.page_requests import PageRequest
from dialer.web.people import Who
from dialer.web.refusals import RequestRefused

_Text = Annotated[str, Field(min_length=1, max_length=200, pattern=NO_NUL)]
_Name = Annotated[str, Field(min_length=1, max_length=64)]
_Id = Annotated[int, Field(ge=1, lt=2**53)]


class IncidentOpened(PageRequest):
    """A new incident in a centre or zone. `owner` is responsible; without it, whoever opens the incident."""

    to: Annotated[str, Field(pattern=r"^(zone|centre):[a-z0-9][a-z0-9-]{0,31}$")]
    text: _Text
    owner: _Name | None = None


class IncidentClosed(PageRequest):
    """The incident to close."""

    id: _Id


class IncidentOwned(IncidentClosed):
    """The new owner of an incident."""

    owner: _Name


class Incidents:
    """Routes of incidents."""

    def __init__(self, books: HqBooks, accounts: Accounts, changed: Callable[[], None]) -> None:
        """`changed` is called after each change."""
        self._books = books
        self._accounts = accounts
        self._changed = changed

    def router(self) -> APIRouter:
        """Return the routes."""
        access = allow(roles_for(HqAction.INCIDENT))
        router = APIRouter(prefix="/api/hq/incidents", route_class=PageRoute, dependencies=access)
        router.post("", status_code=204)(self.open_incident)
        router.post("/owner", status_code=204)(self.own_incident)
        router.post("/close", status_code=204)(self.close_incident)
        return router

    def _refuse_no_owner(self, name: str, zone: str) -> None:
        if name not in self._accounts.owners(zone):
            raise RequestRefused(409, "no-owner")

    async def _zone_of(self, db: Database, incident: int, who: Who) -> str:
        """Return the zone of an open incident that the user may see. Raises RequestRefused."""
        zone: str | None = await db.value("incident_zone", incident)
        if zone is None or not self._accounts.sees(who.name, zone):
            raise RequestRefused(404, "no-incident")
        return zone

    async def open_incident(self, asked: IncidentOpened, who: SignedIn) -> None:
        """Open an incident."""
        if not self._accounts.covers(who.name, asked.to):
            raise RequestRefused(403, "other-zone")
        kind, _, name = asked.to.partition(":")
        zone, centre = (name, "") if kind == "zone" else (self._accounts.centres[name], name)
        owner = asked.owner or who.name
        self._refuse_no_owner(owner, zone)
        async with self._books.used() as db:
            number = await db.value("open_incident", zone, centre, asked.text, who.name, self._books.clock.now(), owner)
            fields = {"incident": str(number), "to": asked.to, "owner": owner}
            await self._books.note(db, "incident-opened", who.name, fields)
        self._changed()

    async def own_incident(self, asked: IncidentOwned, who: SignedIn) -> None:
        """Give an incident another owner."""
        async with self._books.used() as db:
            self._refuse_no_owner(asked.owner, await self._zone_of(db, asked.id, who))
            await db.do("own_incident", asked.id, asked.owner)
            await self._books.note(db, "incident-owner", who.name, {"incident": str(asked.id), "owner": asked.owner})
        self._changed()

    async def close_incident(self, asked: IncidentClosed, who: SignedIn) -> None:
        """Close an incident."""
        async with self._books.used() as db:
            await self._zone_of(db, asked.id, who)
            await db.do("close_incident", asked.id, who.name, self._books.clock.now())
            await self._books.note(db, "incident-closed", who.name, {"incident": str(asked.id)})
        self._changed()
