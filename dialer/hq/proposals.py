"""Proposals of users at headquarters that a second user must confirm, such as to resume calling.

The pages and the command line call the same functions. So both check the same rights, ask for a second user, and write
the same audit entries.

The server has no leader's key. So after a proposal to resume calling is confirmed, two leaders sign the order on their
own machines. A confirmed version of campaign material is assigned to centres at once, with a key that is on the server.
The media and compliance officers have signed that version before. A confirmed rollout is carried out step by step by
`dialer hq bundle waves`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import NamedTuple, NoReturn

import structlog
from tuf.api.exceptions import RepositoryError

from dialer.domain.audit_chain import shorten_text_for_audit
from dialer.domain.schema import MESSAGE, Time
from dialer.errors import MatdanError
from dialer.hq.accounts import Accounts
from dialer.hq.database import Database
from dialer.hq.material import (
    assign_material_to_centres,
    draft_withdrawal_of_material_version,
    publish_signed_draft_of_material,
    read_published_material,
    read_signed_draft_of_material,
)
from dialer.hq.page_database import PageDatabase
from dialer.hq.rights import HqAction, list_roles_that_allow_action
from dialer.hq.sql import Command, Query, Scalar
from dialer.material.manifest import get_published_manifest_path
from dialer.settings.headquarters import HqSettings
from dialer.store.sql import Statements
from dialer.web.people import SignedInUser, repeat_function_with_pause, run_function_and_log_store_error
from dialer.web.refusals import RequestRefused

_log = structlog.get_logger(__name__)

VALID_SECONDS = 86_400.0
"""How long a proposal may be answered, and how long a confirmed rollout may be carried out after the answer."""
SHOWN_SECONDS = 7 * 86_400.0
"""How long answered and expired proposals are listed."""
SETTLE_SECONDS = 120.0
"""When confirmed material of unknown result is settled. Assigning takes about a second."""
_WITHDRAWN = "the pages were stopped before it was assigned: if it is still wanted, propose it again"
CONFIRM_ACTIONS = {
    "material": HqAction.CONFIRM_MATERIAL,
    "rollout": HqAction.CONFIRM_MATERIAL,
    "resume": HqAction.CONFIRM_RESUME,
}
"""The action that confirms or declines each kind of proposal."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """A user's proposal that is still open, or that was answered recently."""

    __pydantic_config__ = MESSAGE

    id: int
    kind: str
    to: str
    text: str
    proposed_by: str
    proposed_at: Time
    answered_by: str | None
    answered_at: Time | None
    state: str
    result: str


class OpenProposal(NamedTuple):
    """What a user has proposed, in a proposal that nobody has answered yet."""

    kind: str
    to: str
    text: str
    proposed_by: str
    proposed_at: float  # epoch seconds


class WaitingProposal(NamedTuple):
    """The id of a proposal that waits for the answer of a second user, and the user who has made it."""

    id: int
    proposed_by: str


class ConfirmedMaterial(NamedTuple):
    """A confirmed proposal to assign campaign material to centres. The assignment may not have finished yet."""

    id: int
    to: str
    text: str  # name and version


class ProposalAnswer(NamedTuple):
    """The state of a proposal after an answer, and the reason if it failed."""

    state: str
    result: str


class SQL(Statements):
    add_proposal = Scalar(int)
    equal_open_proposal = Query(WaitingProposal)
    open_proposal = Query(OpenProposal)
    answer_proposal = Command()
    confirmed_material = Query(ConfirmedMaterial)
    confirmed_rollout = Scalar(int)
    lock_confirmed_rollout = Scalar(str)
    settle_proposal = Command()
    recent_proposals = Query(Proposal)


class Proposals:
    """The actions on proposals: to propose, confirm and carry out. Each checks the user's rights and writes the audit.

    The methods raise RequestRefused if the user may not perform the action, and StoreError.
    """

    def __init__(
        self, settings: HqSettings, db: PageDatabase, accounts: Accounts, on_change: Callable[[], None] = lambda: None
    ) -> None:
        """Create the actions on proposals. `on_change` is called after each committed action."""
        self._settings = settings
        self._db = db
        self._accounts = accounts
        self._on_change = on_change

    def refuse_centres_outside_users_zone(self, who: SignedInUser, to: str) -> None:
        """Raise RequestRefused unless all centres at the address `to` belong to the user's zone.

        `to` is "all", "zone:NAME" or "centre:ID".
        """
        if not self._accounts.are_centres_in_zone_of_user(who.name, to):
            raise RequestRefused(403, "other-zone")

    async def propose_material(self, name: str, version: int, to: str, who: SignedInUser) -> WaitingProposal:
        """Propose a version of campaign material for centres. Once a second user confirms this, the version is assigned
        to them.
        """
        _require_permission_for_action(who, HqAction.PROPOSE_MATERIAL)
        await self._refuse_unapproved_material(name, version)
        return await self._store_proposal(who, "material", to, f"{name} {version}")

    async def propose_rollout(self, name: str, version: int, who: SignedInUser) -> WaitingProposal:
        """Propose to roll out a version of campaign material to all centres in steps (waves)."""
        _require_permission_for_action(who, HqAction.PROPOSE_MATERIAL)
        await self._refuse_unapproved_material(name, version)
        return await self._store_proposal(who, "rollout", "all", f"{name} {version}")

    async def propose_that_calls_resume(self, to: str, text: str, who: SignedInUser) -> WaitingProposal:
        """Propose that centres resume calling. Leaders then sign the order to these centres."""
        _require_permission_for_action(who, HqAction.PROPOSE_RESUME)
        return await self._store_proposal(who, "resume", to, text)

    async def _refuse_unapproved_material(self, name: str, version: int) -> None:
        approved = (await read_published_material(self._settings))["approved"]
        if get_published_manifest_path(name, version) not in approved:
            raise RequestRefused(409, "not-approved")

    async def _store_proposal(self, who: SignedInUser, kind: str, to: str, text: str) -> WaitingProposal:
        """Store a proposal and return it. If an equal proposal is already waiting for a second user, return that
        proposal.
        """
        self.refuse_centres_outside_users_zone(who, to)
        async with self._db.open_transaction() as db:
            now = self._db.clock.now()
            equal = await SQL.equal_open_proposal.fetch_first_row(db, kind, to, text, now - VALID_SECONDS)
            if equal is not None:
                return equal
            proposal = await SQL.add_proposal.fetch_value(db, kind, to, text, who.name, now)
            what = _collect_audit_details_of_proposal(proposal, kind, to, text)
            await self._db.append_audit_entry(db, f"{kind}-proposed", who.name, what)
        self._on_change()
        return WaitingProposal(proposal, who.name)

    async def answer_proposal(self, proposal_id: int, who: SignedInUser, *, confirm: bool) -> ProposalAnswer:
        """Confirm or decline another user's proposal.

        If it proposes material, confirming it assigns the material to the centres at once.
        """
        async with self._db.open_transaction() as db:
            now = self._db.clock.now()
            proposal = await SQL.open_proposal.fetch_first_row(db, proposal_id)
            if proposal is None or not self._accounts.are_centres_in_zone_of_user(who.name, proposal.to):
                raise RequestRefused(404, "no-proposal")
            _require_permission_for_action(who, CONFIRM_ACTIONS[proposal.kind])
            if who.name == proposal.proposed_by:
                raise RequestRefused(409, "own-proposal")
            if now - proposal.proposed_at >= VALID_SECONDS:
                raise RequestRefused(409, "proposal-expired")
            answer = ProposalAnswer("confirmed" if confirm else "declined", "")
            await SQL.answer_proposal.run_statement(db, proposal_id, who.name, now, *answer)
            what = _collect_audit_details_of_proposal(
                proposal_id, proposal.kind, proposal.to, proposal.text, state=answer.state
            )
            await self._db.append_audit_entry(db, f"{proposal.kind}-answered", who.name, what)
        if confirm and proposal.kind == "material":
            answer = await self._assign_material_to_centres(proposal.text, proposal.to)
            async with self._db.open_transaction() as db:
                await SQL.answer_proposal.run_statement(db, proposal_id, who.name, self._db.clock.now(), *answer)
        self._on_change()
        return answer

    async def _assign_material_to_centres(self, text: str, to: str) -> ProposalAnswer:
        """Assign campaign material to centres. Return the proposal's new state, and the reason if the assignment failed."""
        name, _, version = text.rpartition(" ")
        try:
            await asyncio.to_thread(assign_material_to_centres, self._settings, name, int(version), [to])
        except (MatdanError, RepositoryError, OSError) as error:
            _log.warning("material.assign_failed", problem=str(error))
            return ProposalAnswer("failed", str(error)[:300])
        return ProposalAnswer("done", "")

    async def find_confirmed_rollout(self, name: str, version: int, who: SignedInUser) -> int | None:
        """Return the id of the confirmed proposal to roll out this version of campaign material, or None.

        A confirmation expires after `VALID_SECONDS`.
        """
        _require_permission_for_action(who, HqAction.PROPOSE_MATERIAL)
        self.refuse_centres_outside_users_zone(who, "all")
        async with self._db.open_transaction() as db:
            return await SQL.confirmed_rollout.fetch_value_or_none(
                db, f"{name} {version}", self._db.clock.now() - VALID_SECONDS
            )

    async def assign_rollout_to_next_centres(self, proposal_id: int, to: Collection[str], who: SignedInUser) -> None:
        """Assign the material version of a confirmed rollout to the centres `to`, its next step (wave).

        Raises MaterialRefused, SettingError.
        """
        async with self._db.open_transaction() as db:
            text = await self._read_and_lock_confirmed_rollout(db, proposal_id, who)
            for each in to:
                what = _collect_audit_details_of_proposal(proposal_id, "rollout", each, text)
                await self._db.append_audit_entry(db, "rollout-assigned", who.name, what)
        name, _, version = text.rpartition(" ")
        await asyncio.to_thread(assign_material_to_centres, self._settings, name, int(version), to)

    async def record_end_of_rollout(self, proposal_id: int, problem: str, who: SignedInUser) -> None:
        """Record that a rollout has ended, with the problem that stopped it, if any. The rollout cannot be continued."""
        state = "failed" if problem else "done"
        async with self._db.open_transaction() as db:
            text = await self._read_and_lock_confirmed_rollout(db, proposal_id, who)
            await SQL.settle_proposal.run_statement(db, proposal_id, state, problem[:300])
            what = _collect_audit_details_of_proposal(proposal_id, "rollout", "all", text, state=state)
            await self._db.append_audit_entry(db, "rollout-settled", who.name, what)
        self._on_change()

    async def _read_and_lock_confirmed_rollout(self, db: Database, proposal_id: int, who: SignedInUser) -> str:
        """Return the name and version of the material of a confirmed rollout. Lock the proposal until the transaction
        ends.

        Raises RequestRefused if the rollout may not be carried out.
        """
        _require_permission_for_action(who, HqAction.PROPOSE_MATERIAL)
        self.refuse_centres_outside_users_zone(who, "all")
        oldest = self._db.clock.now() - VALID_SECONDS
        text = await SQL.lock_confirmed_rollout.fetch_value_or_none(db, proposal_id, oldest)
        if text is None:
            raise RequestRefused(409, "no-rollout")
        return text

    async def draft_withdrawal_of_material_version(self, name: str, version: int, who: SignedInUser) -> None:
        """Draft the withdrawal of a version of campaign material. The media and compliance officers then sign it.

        Raises MaterialRefused.
        """
        _require_permission_for_action(who, HqAction.PROPOSE_MATERIAL)
        self.refuse_centres_outside_users_zone(who, "all")
        async with self._db.open_transaction() as db:
            what = {"version": shorten_text_for_audit(f"{name} {version}")}
            await self._db.append_audit_entry(db, "withdrawal-drafted", who.name, what)
            await asyncio.to_thread(draft_withdrawal_of_material_version, self._settings, name, version)

    async def publish_material(self, who: SignedInUser) -> list[str]:
        """Publish the campaign material that the media and compliance officers have signed. Return the versions
        approved now.

        Raises MaterialRefused, SettingError.
        """
        _require_permission_for_action(who, HqAction.PROPOSE_MATERIAL)
        self.refuse_centres_outside_users_zone(who, "all")
        draft = await asyncio.to_thread(read_signed_draft_of_material, self._settings)
        signers = {
            department: shorten_text_for_audit(", ".join(sorted(names)))
            for department in {*draft.signers.values()}
            if (names := [name for name, its in draft.signers.items() if its == department])
        }
        async with self._db.open_transaction() as db:
            for state, manifests in (("approved", draft.approved), ("withdrawn", draft.withdrawn)):
                for each in manifests:
                    what = {"version": shorten_text_for_audit(each), "state": state, **signers}
                    await self._db.append_audit_entry(db, "material-published", who.name, what)
        approved = await asyncio.to_thread(publish_signed_draft_of_material, self._settings)
        self._on_change()
        return approved

    async def list_proposals(self, who: SignedInUser) -> list[Proposal]:
        """Return the recent proposals for centres of the user's zone, the oldest first."""
        async with self._db.open_transaction() as db:
            found = await read_recent_proposals(db, self._db.clock.now())
        return [each for each in found if self._accounts.are_centres_in_zone_of_user(who.name, each.to)]

    async def record_missing_proposal_results_until_cancelled(self) -> NoReturn:
        """Record the missing results of confirmed proposals, again and again, until cancelled.

        A result is missing if this process or the database stopped while the proposed material was being assigned to
        centres.
        """
        await repeat_function_with_pause(
            SETTLE_SECONDS,
            lambda: run_function_and_log_store_error(
                self.record_results_of_interrupted_proposals(), "hq_desk.settle_failed"
            ),
        )

    async def record_results_of_interrupted_proposals(self) -> None:
        """Record the missing results of proposals that were confirmed some time ago. Raises StoreError.

        The result is "done" if the proposed material is assigned to the centres, otherwise "failed". Nothing is
        assigned here, because somebody may have assigned another version since.
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
                what = _collect_audit_details_of_proposal(each.id, "material", each.to, each.text, state=state)
                await self._db.append_audit_entry(db, "material-settled", "the-pages", what)
        self._on_change()


async def read_recent_proposals(db: Database, now: float) -> list[Proposal]:
    """Return the proposals that are open, or were answered or expired recently (`now` in epoch seconds), oldest first."""
    return await SQL.recent_proposals.fetch_rows(db, now - SHOWN_SECONDS, now - VALID_SECONDS)


def _require_permission_for_action(who: SignedInUser, action: HqAction) -> None:
    """Raise RequestRefused if the user's role does not allow an action."""
    if who.role not in list_roles_that_allow_action(action):
        raise RequestRefused(403, "role")


def _collect_audit_details_of_proposal(proposal: int, kind: str, to: str, text: str, **more: str) -> dict[str, str]:
    """Return the details of a proposal for its audit entry.

    They include the version of the material, so that a later change of the proposal in the database is noticed.
    """
    version = {} if kind == "resume" else {"version": shorten_text_for_audit(text)}
    return {"proposal": str(proposal), "to": to, **more, **version}
