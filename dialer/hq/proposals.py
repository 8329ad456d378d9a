"""Proposals that a second person confirms: material for centres, and resuming centres that leaders have stopped.

No leader's key is on this server: a confirmed resume is an order that two leaders sign elsewhere. Confirmed material, which
media and compliance have signed before, is assigned with the key on this machine. Every action is in the audit log.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Annotated, Literal, NoReturn

import structlog
from fastapi import APIRouter
from pydantic import Field
from tuf.api.exceptions import RepositoryError

from dialer.domain.audit_chain import shown
from dialer.errors import MatdanError
from dialer.hq.accounts import Accounts, HqBooks
from dialer.hq.database import NO_NUL
from dialer.hq.material import give_material, material_of
from dialer.hq.rights import HqAction, roles_for
from dialer.material.manifest import target_of
from dialer.settings.headquarters import HqSettings
from dialer.web.access import PageRoute, SignedIn, allow
from dialer.web.page_requests import PageRequest
from dialer.web.people import Who, again, tolerated
from dialer.web.refusals import RequestRefused

_log = structlog.get_logger(__name__)

SETTLE_SECONDS = 120.0
"""How long after its confirmation a proposal is settled. Assigning a version takes a second."""
_NOT_ASSIGNED = "the pages stopped before the version was assigned: propose it again if it is still needed"
CONFIRMS = {"material": HqAction.CONFIRM_MATERIAL, "resume": HqAction.CONFIRM_RESUME}
_Text = Annotated[str, Field(min_length=1, max_length=200, pattern=NO_NUL)]
_Name = Annotated[str, Field(min_length=1, max_length=64)]
_Id = Annotated[int, Field(ge=1, lt=2**53)]
_To = Annotated[str, Field(pattern=r"^(all|(zone|centre):[a-z0-9][a-z0-9-]{0,31})$")]
_ANSWERERS = frozenset().union(*map(roles_for, CONFIRMS.values()))


class MaterialProposed(PageRequest):
    """A proposal to assign a version, signed by media and compliance, to these centres."""

    name: _Name
    version: Annotated[int, Field(ge=1, lt=2**31)]
    to: _To


class ResumeProposed(PageRequest):
    """A proposal that leaders resume these centres, and why."""

    to: _To
    text: _Text


class ProposalAnswered(PageRequest):
    """The answer of the second person."""

    id: _Id
    answer: Literal["confirm", "decline"]


class Proposals:
    """Routes of proposals."""

    def __init__(self, settings: HqSettings, books: HqBooks, accounts: Accounts, changed: Callable[[], None]) -> None:
        """`changed` is called after each change."""
        self._settings = settings
        self._books = books
        self._accounts = accounts
        self._changed = changed

    def router(self) -> APIRouter:
        """Return the routes."""
        router = APIRouter(prefix="/api/hq/proposals", route_class=PageRoute)
        material, resume = allow(roles_for(HqAction.PROPOSE_MATERIAL)), allow(roles_for(HqAction.PROPOSE_RESUME))
        router.post("/material", dependencies=material, status_code=204)(self.propose_material)
        router.post("/resume", dependencies=resume, status_code=204)(self.propose_resume)
        router.post("/answer", dependencies=allow(_ANSWERERS))(self.answer)
        return router

    async def propose_material(self, asked: MaterialProposed, who: SignedIn) -> None:
        """Propose a version for some centres; a second person confirms it."""
        if target_of(asked.name, asked.version) not in (await material_of(self._settings))["approved"]:
            raise RequestRefused(409, "not-approved")
        await self._propose(who, "material", asked.to, f"{asked.name} {asked.version}")

    async def propose_resume(self, asked: ResumeProposed, who: SignedIn) -> None:
        """Propose that leaders resume centres."""
        await self._propose(who, "resume", asked.to, asked.text)

    async def _propose(self, who: Who, kind: str, to: str, text: str) -> None:
        if not self._accounts.covers(who.name, to):
            raise RequestRefused(403, "other-zone")
        async with self._books.used() as db:
            number = await db.value("propose", kind, to, text, who.name, self._books.clock.now())
            await self._books.note(db, f"{kind}-proposed", who.name, _audit_fields(number, kind, to, text))
        self._changed()

    async def answer(self, asked: ProposalAnswered, who: SignedIn) -> dict[str, str]:
        """Confirm or decline another person's proposal. Confirmed material is assigned at once."""
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
            fields = _audit_fields(asked.id, found["kind"], found["to"], found["text"], state=state)
            await self._books.note(db, f"{found['kind']}-answered", who.name, fields)
        if state == "confirmed" and found["kind"] == "material":
            state, result = await self._assign(found["text"], found["to"])
            async with self._books.used() as db:
                await db.do("answer_proposal", asked.id, who.name, self._books.clock.now(), state, result)
        self._changed()
        return {"state": state, "result": result}

    async def _assign(self, text: str, to: str) -> tuple[str, str]:
        name, _, version = text.rpartition(" ")
        try:
            await asyncio.to_thread(give_material, self._settings, name, int(version), [to])
        except (MatdanError, RepositoryError, OSError) as error:
            _log.warning("proposal.assign_failed", problem=str(error))
            return "failed", str(error)[:300]
        return "done", ""

    async def run(self) -> NoReturn:
        """Settle confirmed proposals that were never carried out, until cancelled.

        The process may be killed, or the database fail, between confirming and assigning.
        """
        await again(SETTLE_SECONDS, lambda: tolerated(self.settle(), "proposal.settle_failed"))

    async def settle(self) -> None:
        """Mark confirmed material as done where it is assigned, otherwise as failed.

        It is not assigned now: somebody may have assigned another version meanwhile. Raises StoreError.
        """
        async with self._books.used() as db:
            rows = await db.rows("not_given", self._books.clock.now() - SETTLE_SECONDS)
            if not rows:
                return
            waves = (await material_of(self._settings))["waves"]
            assigned = {(f"{wave['name']} {wave['version']}", to) for wave in waves for to in wave["to"]}
            for row in rows:
                is_assigned = (row["text"], row["to"]) in assigned
                state, result = ("done", "") if is_assigned else ("failed", _NOT_ASSIGNED)
                await db.do("settle_proposal", row["id"], state, result)
                fields = _audit_fields(row["id"], "material", row["to"], row["text"], state=state)
                await self._books.note(db, "material-settled", "the-pages", fields)
        self._changed()


def _audit_fields(proposal: int, kind: str, to: str, text: str, **more: str) -> dict[str, str]:
    """Return a proposal's audit fields. The version is included so that the database cannot be changed unnoticed."""
    version = {"version": shown(text)} if kind == "material" else {}
    return {"proposal": str(proposal), "to": to, **more, **version}
