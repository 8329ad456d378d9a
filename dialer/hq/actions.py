"""The HTTP routes for actions of users on headquarters' pages: on incidents and proposals. Each action is audited."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Literal

from fastapi import APIRouter
from pydantic import Field

from dialer.hq.accounts import Accounts
from dialer.hq.database import NO_NUL, Database
from dialer.hq.page_database import PageDatabase
from dialer.hq.proposals import CONFIRM_ACTIONS, Proposals
from dialer.hq.rights import HqAction, list_roles_that_allow_action
from dialer.hq.sql import Command, Scalar
from dialer.store.sql import Statements
from dialer.web.access import PageRoute, SignedIn, allow_users_with_roles
from dialer.web.page_requests import PageRequest
from dialer.web.people import SignedInUser
from dialer.web.refusals import RequestRefused

MAX_AUDIT_ENTRIES = 200
_Text = Annotated[str, Field(min_length=1, max_length=200, pattern=NO_NUL)]
_Name = Annotated[str, Field(min_length=1, max_length=64)]
_Id = Annotated[int, Field(ge=1, lt=2**53)]
_To = Annotated[str, Field(pattern=r"^(all|(zone|centre):[a-z0-9][a-z0-9-]{0,31})$")]
_INCIDENT_ROLES = list_roles_that_allow_action(HqAction.MANAGE_INCIDENTS)
_ANSWERING_ROLES = frozenset().union(*map(list_roles_that_allow_action, CONFIRM_ACTIONS.values()))


class SQL(Statements):
    open_incident = Scalar(int)
    equal_open_incident = Scalar(int)
    zone_of_incident = Scalar(str)
    set_incident_owner = Command()
    close_incident = Command()


class OpenIncidentRequest(PageRequest):
    """A request to open an incident of a centre or a zone. Without an owner it is assigned to the user who sends it."""

    to: Annotated[str, Field(pattern=r"^(zone|centre):[a-z0-9][a-z0-9-]{0,31}$")]
    text: _Text
    owner: _Name | None = None


class CloseIncidentRequest(PageRequest):
    """A request to close an incident."""

    id: _Id


class AssignIncidentRequest(CloseIncidentRequest):
    """A request to assign an incident to another user."""

    owner: _Name


class ProposeMaterialRequest(PageRequest):
    """A request that proposes a version of campaign material (flows, scripts, recordings) for centres.

    The media and compliance officers have signed that version.
    """

    name: _Name
    version: Annotated[int, Field(ge=1, lt=2**31)]
    to: _To


class ProposeResumeRequest(PageRequest):
    """A request that proposes that centres resume calling, with the reason. Leaders then sign the order to the centres."""

    to: _To
    text: _Text


class AnswerProposalRequest(PageRequest):
    """A request to confirm or decline a proposal of another user."""

    id: _Id
    answer: Literal["confirm", "decline"]


class HqActions:
    """The HTTP routes for actions of users on headquarters' pages: on incidents, and on proposals to centres."""

    def __init__(
        self, db: PageDatabase, accounts: Accounts, proposals: Proposals, on_change: Callable[[], None]
    ) -> None:
        """Prepare the HTTP routes. `on_change` is called after each committed action, so that the pages show it at
        once.
        """
        self._db = db
        self._proposals = proposals
        self._accounts = accounts
        self._on_change = on_change

    def create_http_router(self) -> APIRouter:
        """Return a router with the routes for actions of users, such as opening an incident or proposing material."""
        router = APIRouter(prefix="/api/hq", route_class=PageRoute)
        incident = allow_users_with_roles(_INCIDENT_ROLES)
        router.post("/incidents", dependencies=incident, status_code=204)(self.open_incident)
        router.post("/incidents/owner", dependencies=incident, status_code=204)(self.assign_incident)
        router.post("/incidents/close", dependencies=incident, status_code=204)(self.close_incident)
        material, resume = (
            allow_users_with_roles(list_roles_that_allow_action(HqAction.PROPOSE_MATERIAL)),
            allow_users_with_roles(list_roles_that_allow_action(HqAction.PROPOSE_RESUME)),
        )
        router.post("/proposals/material", dependencies=material, status_code=204)(self.propose_material)
        router.post("/proposals/resume", dependencies=resume, status_code=204)(self.propose_resuming_calls)
        router.post("/proposals/answer", dependencies=allow_users_with_roles(_ANSWERING_ROLES))(self.answer_proposal)
        router.get("/audit", dependencies=allow_users_with_roles(list_roles_that_allow_action(HqAction.READ_AUDIT)))(
            self.read_audit_entries
        )
        return router

    def _refuse_invalid_incident_owner(self, name: str, zone: str) -> None:
        """Raise RequestRefused if the user `name` may not be assigned incidents of this zone."""
        if name not in self._accounts.list_possible_incident_owners(zone):
            raise RequestRefused(409, "no-owner")

    async def _find_zone_of_incident(self, db: Database, incident: int, who: SignedInUser) -> str:
        """Return the zone of an open incident. Raises RequestRefused if there is no such incident, or the user may not
        see it.
        """
        zone = await SQL.zone_of_incident.fetch_value_or_none(db, incident)
        if zone is None or not self._accounts.can_user_see_zone(who.name, zone):
            raise RequestRefused(404, "no-incident")
        return zone

    async def open_incident(self, request: OpenIncidentRequest, who: SignedIn) -> None:
        """Record a new incident in a centre or zone, unless the same incident is open already (after a second click)."""
        self._proposals.refuse_centres_outside_users_zone(who, request.to)
        kind, _, name = request.to.partition(":")
        zone, centre = (name, "") if kind == "zone" else (self._accounts.zone_of_centre[name], name)
        owner = request.owner or who.name
        self._refuse_invalid_incident_owner(owner, zone)
        async with self._db.open_transaction() as db:
            if await SQL.equal_open_incident.fetch_value_or_none(db, zone, centre, request.text) is not None:
                return
            now = self._db.clock.now()
            incident = await SQL.open_incident.fetch_value(db, zone, centre, request.text, who.name, now, owner)
            what = {"incident": str(incident), "to": request.to, "owner": owner}
            await self._db.append_audit_entry(db, "incident-opened", who.name, what)
        self._on_change()

    async def assign_incident(self, request: AssignIncidentRequest, who: SignedIn) -> None:
        """Assign an incident to another user."""
        async with self._db.open_transaction() as db:
            self._refuse_invalid_incident_owner(request.owner, await self._find_zone_of_incident(db, request.id, who))
            await SQL.set_incident_owner.run_statement(db, request.id, request.owner)
            what = {"incident": str(request.id), "owner": request.owner}
            await self._db.append_audit_entry(db, "incident-assigned", who.name, what)
        self._on_change()

    async def close_incident(self, request: CloseIncidentRequest, who: SignedIn) -> None:
        """Close an incident."""
        async with self._db.open_transaction() as db:
            await self._find_zone_of_incident(db, request.id, who)
            await SQL.close_incident.run_statement(db, request.id, who.name, self._db.clock.now())
            await self._db.append_audit_entry(db, "incident-closed", who.name, {"incident": str(request.id)})
        self._on_change()

    async def propose_material(self, request: ProposeMaterialRequest, who: SignedIn) -> None:
        """Propose a version of campaign material for centres."""
        await self._proposals.propose_material(request.name, request.version, request.to, who)

    async def propose_resuming_calls(self, request: ProposeResumeRequest, who: SignedIn) -> None:
        """Propose that centres resume calling. Leaders then sign the order to these centres."""
        await self._proposals.propose_that_calls_resume(request.to, request.text, who)

    async def answer_proposal(self, request: AnswerProposalRequest, who: SignedIn) -> dict[str, str]:
        """Confirm or decline another user's proposal."""
        answer = await self._proposals.answer_proposal(request.id, who, confirm=request.answer == "confirm")
        return answer._asdict()

    async def read_audit_entries(self, who: SignedIn) -> list[dict[str, Any]]:
        """Return the newest entries of headquarters' audit, the newest first. Only users who may see all zones may read
        them.
        """
        if self._accounts.zone_of.get(who.name) != "":
            raise RequestRefused(403, "other-zone")
        names = ("number", "at", "kind", "who", "what")
        entries = await self._db.read_newest_audit_entries(MAX_AUDIT_ENTRIES)
        return [{name: getattr(each, name) for name in names} for each in entries]
