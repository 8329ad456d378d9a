"""Drafts of campaigns: unfinished forms that supervisors save, continue and delete, and that another supervisor
approves.

Drafts are stored in the database of the web pages (the desk's file) only, so that the dialler never loads them. An
approval is valid only for the lines of the settings that the approving user has seen. The dialler records it in the
audit log before the desk stores it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any
from uuid import uuid4

import structlog
from fastapi import APIRouter
from pydantic import Field

from dialer.desk.board import send_command_to_dialler
from dialer.desk.campaigns import MAX_VALUES, CampaignName, CampaignRoutes, CheckedCampaign, DraftId
from dialer.domain.clock import Clock
from dialer.domain.schema import MESSAGE
from dialer.engine.command.base import SUPERVISOR_ONLY
from dialer.mqtt.dialler_client import DiallerClient
from dialer.site.campaign_form import can_form_show_values
from dialer.store.campaign_drafts import CampaignDraft
from dialer.web.access import PageRoute, SignedIn, allow_users_with_roles
from dialer.web.page_requests import CommandId, PageRequest
from dialer.web.refusals import RequestRefused

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class ListedDraft:
    """A draft of a campaign in the list of the page, with the result of its check."""

    __pydantic_config__ = MESSAGE

    draft: str  # its ID
    version: int  # which is one more after each change
    edited: str | None  # the campaign that it changes; null: it adds a campaign
    values: Mapping[str, Any]  # for the form
    author: str  # who saved it last
    saved_at: float  # epoch seconds
    check: CheckedCampaign


class DraftReference(PageRequest):
    """The ID and the version of a draft that a page has shown."""

    draft: DraftId
    version: Annotated[int, Field(ge=1, lt=2**31)]


class DraftToSave(PageRequest):
    """A form of a campaign to save as a draft. It may be incomplete."""

    replaces: DraftReference | None  # null: it is a new draft
    edited: CampaignName | None = None  # the campaign that is edited; null: a new one
    values: Annotated[dict[str, Any], Field(max_length=MAX_VALUES)]


class DraftApproval(DraftReference):
    """A request to approve a draft. `digest_of_lines` identifies the settings lines that the approving user has seen."""

    id: CommandId
    digest_of_lines: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class CampaignDraftRoutes:
    """The routes for drafts of campaigns, for supervisors only."""

    def __init__(self, campaigns: CampaignRoutes, dialler_client: DiallerClient, clock: Clock) -> None:
        """Create the routes of drafts. `campaigns` has the stored drafts, and checks them."""
        self._campaigns = campaigns
        self._drafts = campaigns.drafts
        self._dialler_client = dialler_client
        self._clock = clock

    def create_http_router(self) -> APIRouter:
        """Return a router with the routes that list, save, delete and approve drafts."""
        router = APIRouter(
            prefix="/api/campaigns/drafts", route_class=PageRoute, dependencies=allow_users_with_roles(SUPERVISOR_ONLY)
        )
        router.get("")(self.list_drafts)
        router.post("")(self.save_draft)
        router.post("/delete", status_code=204)(self.delete_draft)
        router.post("/approve", status_code=204)(self.approve_draft)
        return router

    async def list_drafts(self) -> tuple[ListedDraft, ...]:
        """Return all drafts with the results of their checks. The draft that was saved last comes first."""
        return tuple([await self._build_listed_draft(each) for each in await self._drafts.read_drafts()])

    async def _build_listed_draft(self, draft: CampaignDraft) -> ListedDraft:
        async with self._campaigns.one_at_a_time:
            check = await self._campaigns.check_draft(draft)
        return ListedDraft(
            draft.draft_id, draft.version, draft.edited, draft.values, draft.author, draft.saved_at, check
        )

    async def save_draft(self, asked: DraftToSave, who: SignedIn) -> DraftReference:
        """Save a form as a new draft, or as the next version of a draft. A new version needs a new approval."""
        if not await asyncio.to_thread(can_form_show_values, self._campaigns.settings, asked.values):
            raise RequestRefused(422, "values")
        at, before = self._clock.now(), asked.replaces
        async with self._campaigns.one_at_a_time:
            if before is None:
                saved = DraftReference(draft=uuid4().hex, version=1)
                if not await self._drafts.add_draft(saved.draft, asked.edited, asked.values, who.name, at):
                    raise RequestRefused(409, "too-many-drafts")
            else:
                saved = DraftReference(draft=before.draft, version=before.version + 1)
                if not await self._drafts.change_draft(before.draft, before.version, asked.values, who.name, at):
                    raise RequestRefused(409, "draft-changed")
        _log.info("campaign_draft.saved", draft=saved.draft, version=saved.version, by=who.name)
        return saved

    async def delete_draft(self, asked: DraftReference, who: SignedIn) -> None:
        """Delete a draft. Raises RequestRefused if somebody else has saved a newer version meanwhile."""
        async with self._campaigns.one_at_a_time:
            if not await self._drafts.delete_draft(asked.draft, asked.version):
                raise RequestRefused(409, "draft-changed")
        _log.info("campaign_draft.deleted", draft=asked.draft, by=who.name)

    async def approve_draft(self, asked: DraftApproval, who: SignedIn) -> None:
        """Approve the settings lines that a draft adds or changes.

        Before the approval is stored, the dialler records it in the audit log.

        Raises RequestRefused if the user is the draft's author, or if the lines have changed since the user saw them.
        """
        async with self._campaigns.one_at_a_time:
            draft = await self._drafts.find_draft(asked.draft)
            if draft is None or draft.version != asked.version:
                raise RequestRefused(409, "draft-changed")
            if draft.author == who.name:
                raise RequestRefused(409, "own-draft")
            checked = await self._campaigns.check_draft(draft)
            if checked.problems or checked.digest_of_lines != asked.digest_of_lines:
                raise RequestRefused(409, "draft-changed")
            approved = {"campaign_id": draft.campaign, "author": draft.author, "digest": checked.digest_of_lines}
            reply = await send_command_to_dialler(
                self._dialler_client, who.name, asked.id, "campaign-approve", approved
            )
            if reply.status != "done":
                raise RequestRefused(409, "approval-not-audited")
            await self._drafts.approve_draft(draft, who.name, checked.digest_of_lines)
        _log.info("campaign_draft.approved", draft=draft.draft_id, version=draft.version, by=who.name)
