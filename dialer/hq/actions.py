"""Actions of users on headquarters' pages: incidents, and proposals that a second user confirms. All are audited.

The server has no leader's key. So a confirmed proposal to resume calling is only a request: two leaders then sign the order
on their own machines. Confirmed material (a version of flows, scripts and recordings for centres) is assigned at once with
the online key, which is on the server. The media and compliance officers have signed that version before.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Annotated, Any, Literal, NamedTuple, NoReturn

import structlog
from fastapi import APIRouter
from pydantic import Field
from tuf.api.exceptions import RepositoryError

from dialer.domain.audit_chain import shorten_for_audit
from dialer.errors import MatdanError
from dialer.hq.accounts import Accounts
from dialer.hq.database import NO_NUL, Database
from dialer.hq.material import assign_material, read_published_material
from dialer.hq.page_database import PageDatabase
from dialer.hq.rights import HqAction, list_roles_that_allow_action
from dialer.hq.sql import Command, Query, Scalar
from dialer.material.manifest import get_published_manifest_path
from dialer.settings.headquarters import HqSettings
from dialer.store.sql import Statements
from dialer.web.access import PageRoute, SignedIn, allow_roles
from dialer.web.page_requests import PageRequest
from dialer.web.people import SignedInUser, repeat_with_pause, run_and_log_store_error
from dialer.web.refusals import RequestRefused

_log = structlog.get_logger(__name__)

SETTLE_SECONDS = 120.0
"""When confirmed material of unknown result is settled. Assigning takes about a second."""
MAX_AUDIT_ENTRIES = 200
_WITHDRAWN = "the pages were stopped before it was assigned: if it is still wanted, propose it again"
CONFIRM_ACTIONS = {"material": HqAction.CONFIRM_MATERIAL, "resume": HqAction.CONFIRM_RESUME}
"""The action that confirms or declines each kind of proposal."""
_Text = Annotated[str, Field(min_length=1, max_length=200, pattern=NO_NUL)]
_Name = Annotated[str, Field(min_length=1, max_length=64)]
_Id = Annotated[int, Field(ge=1, lt=2**53)]
_To = Annotated[str, Field(pattern=r"^(all|(zone|centre):[a-z0-9][a-z0-9-]{0,31})$")]
_INCIDENT_ROLES = list_roles_that_allow_action(HqAction.MANAGE_INCIDENTS)
_ANSWERING_ROLES = frozenset().union(*map(list_roles_that_allow_action, CONFIRM_ACTIONS.values()))


class OpenProposal(NamedTuple):
    """A proposal that nobody has answered."""

    kind: str
    to: str
    text: str
    proposed_by: str


class ConfirmedMaterial(NamedTuple):
    """A confirmed proposal to assign campaign material (flows, scripts, recordings).

    It may not be known yet whether the material was assigned.
    """

    id: int
    to: str
    text: str  # name and version


class SQL(Statements):
    open_incident = Scalar(int)
    equal_open_incident = Scalar(int)
    zone_of_incident = Scalar(str)
    set_incident_owner = Command()
    close_incident = Command()
    add_proposal = Scalar(int)
    open_proposal = Query(OpenProposal)
    answer_proposal = Command()
    confirmed_material = Query(ConfirmedMaterial)
    settle_proposal = Command()


class OpenIncident(PageRequest):
    """Opens an incident of a centre or a zone. Without an owner it is assigned to the user who opens it."""

    to: Annotated[str, Field(pattern=r"^(zone|centre):[a-z0-9][a-z0-9-]{0,31}$")]
    text: _Text
    owner: _Name | None = None


class CloseIncident(PageRequest):
    """Closes an incident."""

    id: _Id


class AssignIncident(CloseIncident):
    """Assigns an incident to another user."""

    owner: _Name


class ProposeMaterial(PageRequest):
    """Proposes a version of campaign material (flows, recordings) for centres, which media and compliance officers have signed."""

    name: _Name
    version: Annotated[int, Field(ge=1, lt=2**31)]
    to: _To


class ProposeResume(PageRequest):
    """Proposes that leaders let centres resume calling, with the reason."""

    to: _To
    text: _Text


class AnswerProposal(PageRequest):
    """Confirms or declines a proposal of another user."""

    id: _Id
    answer: Literal["confirm", "decline"]


class HqActions:
    """The HTTP routes with which users of headquarters' pages change something: incidents, and proposals to centres."""

    def __init__(
        self, settings: HqSettings, db: PageDatabase, accounts: Accounts, on_change: Callable[[], None]
    ) -> None:
        """Prepare the routes. `on_change` is called after each committed action, so that the pages show it at once."""
        self._settings = settings
        self._db = db
        self._accounts = accounts
        self._on_change = on_change

    def create_router(self) -> APIRouter:
        """Return a router with the routes for users' actions."""
        router = APIRouter(prefix="/api/hq", route_class=PageRoute)
        incident = allow_roles(_INCIDENT_ROLES)
        router.post("/incidents", dependencies=incident, status_code=204)(self.open_incident)
        router.post("/incidents/owner", dependencies=incident, status_code=204)(self.assign_incident)
        router.post("/incidents/close", dependencies=incident, status_code=204)(self.close_incident)
        material, resume = (
            allow_roles(list_roles_that_allow_action(HqAction.PROPOSE_MATERIAL)),
            allow_roles(list_roles_that_allow_action(HqAction.PROPOSE_RESUME)),
        )
        router.post("/proposals/material", dependencies=material, status_code=204)(self.propose_material)
        router.post("/proposals/resume", dependencies=resume, status_code=204)(self.propose_resuming_calls)
        router.post("/proposals/answer", dependencies=allow_roles(_ANSWERING_ROLES))(self.answer_proposal)
        router.get("/audit", dependencies=allow_roles(list_roles_that_allow_action(HqAction.READ_AUDIT)))(
            self.read_audit
        )
        return router

    def _refuse_centres_outside_zone(self, who: SignedInUser, to: str) -> None:
        """Raise RequestRefused unless "all", "zone:NAME" or "centre:ID" is within the user's zone."""
        if not self._accounts.are_centres_in_zone_of_user(who.name, to):
            raise RequestRefused(403, "other-zone")

    def _refuse_invalid_incident_owner(self, name: str, zone: str) -> None:
        """Raise RequestRefused unless incidents of the zone may be assigned to this user."""
        if name not in self._accounts.list_possible_incident_owners(zone):
            raise RequestRefused(409, "no-owner")

    async def _find_zone_of_incident(self, db: Database, incident: int, who: SignedInUser) -> str:
        """Return the zone of an open incident. Raises RequestRefused if the user may see no such incident."""
        zone = await SQL.zone_of_incident.fetch_value_or_none(db, incident)
        if zone is None or not self._accounts.can_see_zone(who.name, zone):
            raise RequestRefused(404, "no-incident")
        return zone

    async def open_incident(self, request: OpenIncident, who: SignedIn) -> None:
        """Open an incident, unless the same incident is open already (after a second click)."""
        self._refuse_centres_outside_zone(who, request.to)
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
            await self._db.append_audit(db, "incident-opened", who.name, what)
        self._on_change()

    async def assign_incident(self, request: AssignIncident, who: SignedIn) -> None:
        """Assign an incident to another user."""
        async with self._db.open_transaction() as db:
            self._refuse_invalid_incident_owner(request.owner, await self._find_zone_of_incident(db, request.id, who))
            await SQL.set_incident_owner.run_statement(db, request.id, request.owner)
            what = {"incident": str(request.id), "owner": request.owner}
            await self._db.append_audit(db, "incident-assigned", who.name, what)
        self._on_change()

    async def close_incident(self, request: CloseIncident, who: SignedIn) -> None:
        """Close an incident."""
        async with self._db.open_transaction() as db:
            await self._find_zone_of_incident(db, request.id, who)
            await SQL.close_incident.run_statement(db, request.id, who.name, self._db.clock.now())
            await self._db.append_audit(db, "incident-closed", who.name, {"incident": str(request.id)})
        self._on_change()

    async def propose_material(self, request: ProposeMaterial, who: SignedIn) -> None:
        """Propose a version of campaign material (flows, scripts, recordings) for centres.

        It is assigned once a second person confirms it.
        """
        approved = (await read_published_material(self._settings))["approved"]
        if get_published_manifest_path(request.name, request.version) not in approved:
            raise RequestRefused(409, "not-approved")
        await self._add_proposal(who, "material", request.to, f"{request.name} {request.version}")

    async def propose_resuming_calls(self, request: ProposeResume, who: SignedIn) -> None:
        """Propose that leaders let centres resume calling."""
        await self._add_proposal(who, "resume", request.to, request.text)

    async def _add_proposal(self, who: SignedInUser, kind: str, to: str, text: str) -> None:
        self._refuse_centres_outside_zone(who, to)
        async with self._db.open_transaction() as db:
            proposal = await SQL.add_proposal.fetch_value(db, kind, to, text, who.name, self._db.clock.now())
            await self._db.append_audit(db, f"{kind}-proposed", who.name, _list_audit_details(proposal, kind, to, text))
        self._on_change()

    async def answer_proposal(self, request: AnswerProposal, who: SignedIn) -> dict[str, str]:
        """Confirm or decline another user's proposal.

        A confirmed version of campaign material is assigned to the centres at once.
        """
        async with self._db.open_transaction() as db:
            proposal = await SQL.open_proposal.fetch_first_row(db, request.id)
            if proposal is None or not self._accounts.are_centres_in_zone_of_user(who.name, proposal.to):
                raise RequestRefused(404, "no-proposal")
            if who.role not in list_roles_that_allow_action(CONFIRM_ACTIONS[proposal.kind]):
                raise RequestRefused(403, "role")
            if who.name == proposal.proposed_by:
                raise RequestRefused(409, "own-proposal")
            state, result = "confirmed" if request.answer == "confirm" else "declined", ""
            await SQL.answer_proposal.run_statement(db, request.id, who.name, self._db.clock.now(), state, result)
            what = _list_audit_details(request.id, proposal.kind, proposal.to, proposal.text, state=state)
            await self._db.append_audit(db, f"{proposal.kind}-answered", who.name, what)
        if state == "confirmed" and proposal.kind == "material":
            state, result = await self._assign_material_to_centres(proposal.text, proposal.to)
            async with self._db.open_transaction() as db:
                await SQL.answer_proposal.run_statement(db, request.id, who.name, self._db.clock.now(), state, result)
        self._on_change()
        return {"state": state, "result": result}

    async def _assign_material_to_centres(self, text: str, to: str) -> tuple[str, str]:
        """Assign a version of campaign material (flows, recordings) to centres.

        Return the proposal's new state, and the reason if the assignment failed.
        """
        name, _, version = text.rpartition(" ")
        try:
            await asyncio.to_thread(assign_material, self._settings, name, int(version), [to])
        except (MatdanError, RepositoryError, OSError) as error:
            _log.warning("material.assign_failed", problem=str(error))
            return "failed", str(error)[:300]
        return "done", ""

    async def run(self) -> NoReturn:
        """Record the missing results of confirmed proposals, again and again, until cancelled.

        A result is missing if this process or the database stopped while the proposed material was being assigned to
        centres.
        """
        await repeat_with_pause(
            SETTLE_SECONDS,
            lambda: run_and_log_store_error(self.record_missing_proposal_results(), "hq_desk.settle_failed"),
        )

    async def record_missing_proposal_results(self) -> None:
        """Record the results of proposals of campaign material that were confirmed some time ago and have no result. Raises
        StoreError.

        The result is "done" if the material is assigned to the centres, and "failed" if not. The material is not
        assigned now, because somebody may have assigned another version meanwhile.
        """
        async with self._db.open_transaction() as db:
            unsettled = await SQL.confirmed_material.fetch_rows(db, self._db.clock.now() - SETTLE_SECONDS)
            if not unsettled:
                return
            waves = (await read_published_material(self._settings))["waves"]
            assigned = {(f"{wave['name']} {wave['version']}", to) for wave in waves for to in wave["to"]}
            for each in unsettled:
                state, result = ("done", "") if (each.text, each.to) in assigned else ("failed", _WITHDRAWN)
                await SQL.settle_proposal.run_statement(db, each.id, state, result)
                what = _list_audit_details(each.id, "material", each.to, each.text, state=state)
                await self._db.append_audit(db, "material-settled", "the-pages", what)
        self._on_change()

    async def read_audit(self, who: SignedIn) -> list[dict[str, Any]]:
        """Return the last audit entries of all zones, the newest first, for accounts that see all zones."""
        if self._accounts.zone_of.get(who.name) != "":
            raise RequestRefused(403, "other-zone")
        names = ("number", "at", "kind", "who", "what")
        entries = await self._db.read_newest_audit_entries(MAX_AUDIT_ENTRIES)
        return [{name: getattr(each, name) for name in names} for each in entries]


def _list_audit_details(proposal: int, kind: str, to: str, text: str, **more: str) -> dict[str, str]:
    """Return the details of a proposal for its audit entry.

    They include the version of the proposed material. So a later change of the proposal in the database is noticed.
    """
    version = {"version": shorten_for_audit(text)} if kind == "material" else {}
    return {"proposal": str(proposal), "to": to, **more, **version}
