"""What people do on headquarters' pages: incidents, and proposals that a second one answers. All of it stands in the audit.

No key of a leader lies on the server: an agreed resume is an order that two leaders sign elsewhere. An agreed version of material
is given by the key that says who runs what, which is here; that it is approved both parts have signed before.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Annotated, Any, Literal, NoReturn

import structlog
from fastapi import APIRouter
from pydantic import Field
from tuf.api.exceptions import RepositoryError

from dialer.domain.audit_chain import shown
from dialer.errors import MatdanError
from dialer.hq.accounts import Accounts, HqBooks
from dialer.hq.database import NO_NUL, Database
from dialer.hq.material import give_material, material_of
from dialer.hq.rights import Deed, roles_for
from dialer.material.manifest import target_of
from dialer.settings.headquarters import HqSettings
from dialer.web.access import PageRoute, SignedIn, allow
from dialer.web.page_requests import PageRequest
from dialer.web.people import Who, again, tolerated
from dialer.web.refusals import RequestRefused

_log = structlog.get_logger(__name__)

SETTLE_SECONDS = 120.0
"""After which what was confirmed and is not known to be given is settled: giving takes a second."""
_WITHDRAWN = "the pages were stopped before it was given, so it is withdrawn: propose it again where it is still wanted"
CONFIRMS = {"material": Deed.CONFIRM_MATERIAL, "resume": Deed.CONFIRM_RESUME}
_Text = Annotated[str, Field(min_length=1, max_length=200, pattern=NO_NUL)]
_Name = Annotated[str, Field(min_length=1, max_length=64)]
_Id = Annotated[int, Field(ge=1, lt=2**53)]
_To = Annotated[str, Field(pattern=r"^(all|(zone|centre):[a-z0-9][a-z0-9-]{0,31})$")]


_INCIDENT = roles_for(Deed.INCIDENT)
_ANSWERERS = frozenset().union(*map(roles_for, CONFIRMS.values()))


class IncidentOpened(PageRequest):
    """Something is wrong in a centre, or in a zone; `owner`: who sees to it, left out: who says so."""

    to: Annotated[str, Field(pattern=r"^(zone|centre):[a-z0-9][a-z0-9-]{0,31}$")]
    text: _Text
    owner: _Name | None = None


class IncidentClosed(PageRequest):
    """It is over."""

    id: _Id


class IncidentOwned(IncidentClosed):
    """Who sees to it from now on."""

    owner: _Name


class MaterialProposed(PageRequest):
    """That these centres are to run a version that media and compliance have signed."""

    name: _Name
    version: Annotated[int, Field(ge=1, lt=2**31)]
    to: _To


class ResumeProposed(PageRequest):
    """That leaders are to let these centres go on, and why."""

    to: _To
    text: _Text


class ProposalAnswered(PageRequest):
    """What the second person says."""

    id: _Id
    answer: Literal["confirm", "decline"]


class Deeds:
    """The doors of what people do."""

    def __init__(self, settings: HqSettings, books: HqBooks, accounts: Accounts, changed: Callable[[], None]) -> None:
        """`changed` is called once something is kept."""
        self._settings = settings
        self._books = books
        self._accounts = accounts
        self._changed = changed

    def router(self) -> APIRouter:
        """Return the routes."""
        router = APIRouter(prefix="/api/hq", route_class=PageRoute)
        incident = allow(_INCIDENT)
        router.post("/incidents", dependencies=incident, status_code=204)(self.open_incident)
        router.post("/incidents/owner", dependencies=incident, status_code=204)(self.own_incident)
        router.post("/incidents/close", dependencies=incident, status_code=204)(self.close_incident)
        material, resume = allow(roles_for(Deed.PROPOSE_MATERIAL)), allow(roles_for(Deed.PROPOSE_RESUME))
        router.post("/proposals/material", dependencies=material, status_code=204)(self.propose_material)
        router.post("/proposals/resume", dependencies=resume, status_code=204)(self.propose_resume)
        router.post("/proposals/answer", dependencies=allow(_ANSWERERS))(self.answer)
        router.get("/audit", dependencies=allow(roles_for(Deed.AUDIT)))(self.audit)
        return router

    def _refuse_others(self, who: Who, to: str) -> None:
        if not self._accounts.covers(who.name, to):
            raise RequestRefused(403, "other-zone")

    def _refuse_no_owner(self, name: str, zone: str) -> None:
        if name not in self._accounts.owners(zone):
            raise RequestRefused(409, "no-owner")

    async def _zone_of(self, db: Database, incident: int, who: Who) -> str:
        """That of an incident which is open, and which this one sees. Raises RequestRefused."""
        zone: str | None = await db.value("incident_zone", incident)
        if zone is None or not self._accounts.sees(who.name, zone):
            raise RequestRefused(404, "no-incident")
        return zone

    async def open_incident(self, asked: IncidentOpened, who: SignedIn) -> None:
        """Keep one."""
        self._refuse_others(who, asked.to)
        kind, _, name = asked.to.partition(":")
        zone, centre = (name, "") if kind == "zone" else (self._accounts.centres[name], name)
        owner = asked.owner or who.name
        self._refuse_no_owner(owner, zone)
        async with self._books.used() as db:
            number = await db.value("open_incident", zone, centre, asked.text, who.name, self._books.clock.now(), owner)
            told = {"incident": str(number), "to": asked.to, "owner": owner}
            await self._books.note(db, "incident-opened", who.name, told)
        self._changed()

    async def own_incident(self, asked: IncidentOwned, who: SignedIn) -> None:
        """Another one sees to it."""
        async with self._books.used() as db:
            self._refuse_no_owner(asked.owner, await self._zone_of(db, asked.id, who))
            await db.do("own_incident", asked.id, asked.owner)
            await self._books.note(db, "incident-owner", who.name, {"incident": str(asked.id), "owner": asked.owner})
        self._changed()

    async def close_incident(self, asked: IncidentClosed, who: SignedIn) -> None:
        """It is over."""
        async with self._books.used() as db:
            await self._zone_of(db, asked.id, who)
            await db.do("close_incident", asked.id, who.name, self._books.clock.now())
            await self._books.note(db, "incident-closed", who.name, {"incident": str(asked.id)})
        self._changed()

    async def propose_material(self, asked: MaterialProposed, who: SignedIn) -> None:
        """Propose a version for some centres; a second person gives it to them."""
        if target_of(asked.name, asked.version) not in (await material_of(self._settings))["approved"]:
            raise RequestRefused(409, "not-approved")
        await self._propose(who, "material", asked.to, f"{asked.name} {asked.version}")

    async def propose_resume(self, asked: ResumeProposed, who: SignedIn) -> None:
        """Propose that leaders let centres go on."""
        await self._propose(who, "resume", asked.to, asked.text)

    async def _propose(self, who: Who, kind: str, to: str, text: str) -> None:
        self._refuse_others(who, to)
        async with self._books.used() as db:
            number = await db.value("propose", kind, to, text, who.name, self._books.clock.now())
            await self._books.note(db, f"{kind}-proposed", who.name, _told(number, kind, to, text))
        self._changed()

    async def answer(self, asked: ProposalAnswered, who: SignedIn) -> dict[str, str]:
        """Confirm or decline what somebody else proposed. Material that is confirmed is given at once."""
        async with self._books.used() as db:
            rows = await db.rows("proposal", asked.id)
            if not rows or not self._accounts.covers(who.name, rows[0]["to"]):
                raise RequestRefused(404, "no-proposal")
            found = rows[0]
            if who.role not in roles_for(CONFIRMS[found["kind"]]):
                raise RequestRefused(403, "role")
            if who.name == found["proposed_by"]:
                raise RequestRefused(409, "own-proposal")
            state, result = "confirmed" if asked.answer == "confirm" else "declined", ""
            await db.do("answer_proposal", asked.id, who.name, self._books.clock.now(), state, result)
            told = _told(asked.id, found["kind"], found["to"], found["text"], state=state)
            await self._books.note(db, f"{found['kind']}-answered", who.name, told)
        if state == "confirmed" and found["kind"] == "material":
            state, result = await self._give(found["text"], found["to"])
            async with self._books.used() as db:
                await db.do("answer_proposal", asked.id, who.name, self._books.clock.now(), state, result)
        self._changed()
        return {"state": state, "result": result}

    async def _give(self, text: str, to: str) -> tuple[str, str]:
        name, _, version = text.rpartition(" ")
        try:
            await asyncio.to_thread(give_material, self._settings, name, int(version), [to])
        except (MatdanError, RepositoryError, OSError) as error:
            _log.warning("hq-desk.not-given", problem=str(error))
            return "failed", str(error)[:300]
        return "done", ""

    async def run(self) -> NoReturn:
        """Settle what was confirmed and not given, until cancelled: this process was killed between the two, or the database went
        away.
        """
        await again(SETTLE_SECONDS, lambda: tolerated(self.settle(), "hq-desk.not-settled"))

    async def settle(self) -> None:
        """Material that was confirmed, and of which nothing is known since, is done where centres are to run it, and withdrawn
        where they are not: somebody may have given something else meanwhile, so it is given again by who proposes it again alone.
        Raises StoreError.
        """
        async with self._books.used() as db:
            rows = await db.rows("not_given", self._books.clock.now() - SETTLE_SECONDS)
            if not rows:
                return
            waves = (await material_of(self._settings))["waves"]
            given = {(f"{wave['name']} {wave['version']}", to) for wave in waves for to in wave["to"]}
            for row in rows:
                stands = (row["text"], row["to"]) in given
                state, result = ("done", "") if stands else ("failed", _WITHDRAWN)
                await db.do("settle_proposal", row["id"], state, result)
                told = _told(row["id"], "material", row["to"], row["text"], state=state)
                await self._books.note(db, "material-settled", "the-pages", told)
        self._changed()

    async def audit(self, who: SignedIn) -> list[dict[str, Any]]:
        """What people did last, the newest first: of all zones, so for accounts that see all."""
        if self._accounts.zones.get(who.name) != "":
            raise RequestRefused(403, "other-zone")
        entries = await self._books.audit(newest=200)
        names = ("number", "at", "kind", "who", "what")
        return [{name: getattr(each, name) for name in names} for each in entries]


def _told(proposal: int, kind: str, to: str, text: str, **more: str) -> dict[str, str]:
    """A proposal, for the audit. The version: whoever writes to the database may not change it behind who proposed or confirmed."""
    version = {"version": shown(text)} if kind == "material" else {}
    return {"proposal": str(proposal), "to": to, **more, **version}
