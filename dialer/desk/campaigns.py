"""The page on which supervisors add, edit and remove campaigns: its form, the check of the form, and saving.

The change is written to the file `desk.campaigns_file`, and the dialler reloads its settings. If the dialler refuses
them, the file is restored. A new campaign starts paused. With `desk.campaign_approval = "second-person"`, an added or
edited campaign is saved only if another supervisor has approved its draft (campaign_drafts.py).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

import structlog
from fastapi import APIRouter
from pydantic import Field

from dialer.desk.board import format_command_reply
from dialer.desk.edited_files import save_file_and_reload
from dialer.desk.simulated_pacing import SimulatedPacing, SimulatedSite, simulate_pacing_of_campaign
from dialer.domain.clock import Clock
from dialer.domain.enums import CampaignKind
from dialer.domain.finding import Level
from dialer.domain.schema import MESSAGE
from dialer.domain.translatable import ShownText, add_remedy, add_subject, get_error_text
from dialer.engine.command.base import SUPERVISOR_ONLY
from dialer.errors import MatdanError, SettingError, SettingMistakes
from dialer.flows.errors import FlowError
from dialer.mqtt.dialler_client import DiallerClient
from dialer.settings.campaigns_file import read_campaigns_of_file
from dialer.settings.file_change import EditedFileChanged
from dialer.settings.form import FormField
from dialer.settings.site import Settings
from dialer.settings.site_rules import load_site_profile
from dialer.settings.site_time import get_site_zone
from dialer.site.campaign_form import (
    FIELDS_OF_ONE_KIND,
    PreparedChange,
    check_changed_campaign,
    describe_campaign_form,
    get_form_values_of_campaign,
    list_other_pending_changes,
    prepare_edited_campaign,
    prepare_new_campaign,
    prepare_removed_campaign,
)
from dialer.site.flows import load_flow_library
from dialer.store.campaign_drafts import CampaignDraft, CampaignDraftRecords
from dialer.web.access import PageRoute, SignedIn, allow_users_with_roles
from dialer.web.page_requests import CommandId, PageRequest
from dialer.web.people import SignedInUser, run_function_and_log_store_error
from dialer.web.refusals import RequestRefused

_log = structlog.get_logger(__name__)

MAX_VALUES = 50
MAX_NAME = 64


@dataclass(frozen=True, slots=True)
class ListedCampaign:
    """A campaign in the list of the page. Its state is not included: the page gets it from the board's updates."""

    __pydantic_config__ = MESSAGE

    id: str
    kind: str
    purpose: str
    content: str  # name of its flow or of its agents' script
    hours: tuple[str, ...]  # such as 09:00-21:00
    values: (
        Mapping[str, Any] | None
    )  # for the form; null: it is not in the file of the page, so it cannot be edited here


@dataclass(frozen=True, slots=True)
class CampaignsPage:
    """The content of the page on which campaigns are set up."""

    __pydantic_config__ = MESSAGE

    campaigns: tuple[ListedCampaign, ...]
    fields: tuple[FormField, ...]
    only_for: Mapping[str, CampaignKind]
    """the kind of campaign that has a field; other fields are for every kind"""
    file: str | None
    """file to which new campaigns are added; null: desk.campaigns_file is not set"""
    needs_approval: bool
    """whether another supervisor must approve an added or edited campaign before it is saved"""


@dataclass(frozen=True, slots=True)
class CampaignProblem:
    """A mistake in the form of a campaign. `field` is empty if the mistake concerns the form as a whole."""

    __pydantic_config__ = MESSAGE

    field: str
    text: ShownText


@dataclass(frozen=True, slots=True)
class CampaignFinding:
    """One result of the check of a campaign: no problem, or a warning or an error with what to do about it."""

    __pydantic_config__ = MESSAGE

    level: Level
    text: ShownText


@dataclass(frozen=True, slots=True)
class CheckedCampaign:
    """The result of the check of a changed campaign.

    If there are `problems`, the change cannot be saved, and the other fields are empty.
    """

    __pydantic_config__ = MESSAGE

    problems: tuple[CampaignProblem, ...]
    findings: tuple[CampaignFinding, ...] = ()
    difference: str = (
        ""  # the campaign's lines in the file, each after + if saving adds it, - if it removes it, or a space
    )
    digest: str = ""  # SHA-256 of the file at the time of the check
    also_applied: tuple[str, ...] = ()  # other changed settings that come into force with the campaign
    needs_restart: tuple[str, ...] = ()  # changed settings because of which the dialler would refuse the campaign
    digest_of_lines: str = ""  # SHA-256 of the campaign's lines before and after the change, which an approval names
    approved_by: str = ""  # who has approved exactly these lines; empty: nobody


CampaignName = Annotated[str, Field(max_length=MAX_NAME)]
DraftId = Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]


class CampaignForm(PageRequest):
    """The values that a supervisor has entered in the form of a campaign, by the names of the settings."""

    edited: CampaignName | None = None  # the campaign that is edited; None: a new one
    values: Annotated[dict[str, Any], Field(max_length=MAX_VALUES)]
    draft: DraftId | None = None  # the saved draft that is in the form


class CampaignRemoval(PageRequest):
    """A request to remove a campaign from the campaigns file."""

    removed: CampaignName


class CampaignSaveRequest(PageRequest):
    """A request to save a changed campaign. `digest` identifies the content of the campaigns file that was checked."""

    id: CommandId
    digest: Annotated[str, Field(pattern=r"^([0-9a-f]{64})?$")]
    change: CampaignForm | CampaignRemoval


class PacingSimulationRequest(PageRequest):
    """A request to simulate the pacing of the campaign in the form, with assumed figures of the centre."""

    change: CampaignForm
    site: SimulatedSite


class CampaignRoutes:
    """The routes of the page on which campaigns are set up, for supervisors only."""

    def __init__(
        self,
        settings: Settings,
        dialler_client: DiallerClient,
        drafts: CampaignDraftRecords,
        clock: Clock,
        reload_desk: Callable[[], Awaitable[None]],
    ) -> None:
        """Create the routes. `reload_desk` makes the desk itself use the changed settings."""
        self.settings = settings  # in force
        self._dialler_client = dialler_client
        self.drafts = drafts
        self._clock = clock
        self._reload_desk = reload_desk
        self._is_simulating = False
        self.one_at_a_time = asyncio.Lock()
        """Held while a campaign is checked, saved or approved."""

    def create_http_router(self) -> APIRouter:
        """Return a router with the routes that list campaigns, and check and save changes."""
        router = APIRouter(
            prefix="/api/campaigns", route_class=PageRoute, dependencies=allow_users_with_roles(SUPERVISOR_ONLY)
        )
        router.get("")(self.describe_campaigns_page)
        router.post("/check")(self.check_changed_campaign_form)
        router.post("/what-if")(self.simulate_pacing)
        router.post("")(self.save_changed_campaign)
        return router

    def replace_campaign_settings(self, settings: Settings) -> None:
        """Use the campaigns and rules of these settings from now on."""
        self.settings = settings

    async def describe_campaigns_page(self) -> CampaignsPage:
        """Return the campaigns of the settings with the values that can be edited, and the fields of the form."""
        return await asyncio.to_thread(self._build_campaigns_page)

    def _build_campaigns_page(self) -> CampaignsPage:
        settings, file = self.settings, self.settings.desk.campaigns_file
        try:
            editable = {} if file is None else read_campaigns_of_file(file)
        except SettingError as error:  # a check of the form reports it
            _log.warning("campaign.file_invalid", problem=str(error))
            editable = {}
        listed = []
        for each in settings.campaigns:
            hours = tuple(f"{period.start:%H:%M}-{period.until:%H:%M}" for period in each.hours)
            content = each.flow or each.script or ""
            values = get_form_values_of_campaign(editable[each.id]) if each.id in editable else None
            listed.append(ListedCampaign(each.id, each.kind.value, each.purpose.value, content, hours, values))
        fields = describe_campaign_form(settings)
        shown_file = None if file is None else str(file)
        return CampaignsPage(tuple(listed), fields, FIELDS_OF_ONE_KIND, shown_file, self.needs_approval)

    @property
    def needs_approval(self) -> bool:
        """Whether another supervisor must approve an added or edited campaign before it is saved."""
        return self.settings.desk.campaign_approval == "second-person"

    async def check_changed_campaign_form(
        self, asked: CampaignForm | CampaignRemoval, who: SignedIn
    ) -> CheckedCampaign:
        """Return the mistakes of a changed campaign, or the results of its check and the lines that saving would
        change.
        """
        async with self.one_at_a_time:
            draft = await self._find_draft_of_change(asked)
            return await asyncio.to_thread(self._build_checked_campaign, asked, draft, who)

    async def check_draft(self, draft: CampaignDraft) -> CheckedCampaign:
        """Return the mistakes of a saved draft, or the results of its check and the lines that saving would change."""
        asked = CampaignForm(edited=draft.edited, values=draft.values, draft=draft.draft_id)
        author = SignedInUser(draft.author, "")
        return await asyncio.to_thread(self._build_checked_campaign, asked, draft, author)

    def _build_checked_campaign(
        self, asked: CampaignForm | CampaignRemoval, draft: CampaignDraft | None, who: SignedInUser
    ) -> CheckedCampaign:
        try:
            prepared = self._prepare_campaign_change(asked, draft, who)
        except SettingError as error:
            every = error.mistakes if isinstance(error, SettingMistakes) else (error,)
            return CheckedCampaign(tuple(map(_convert_setting_error_to_problem, every)))
        findings = check_changed_campaign(prepared, self._clock.now())
        also_applied, needs_restart = list_other_pending_changes(self.settings, prepared)
        digest = prepared.change.digest_of_lines
        return CheckedCampaign(
            (),
            tuple(
                CampaignFinding(each.level, add_subject(each.subject, add_remedy(each.text, each.remedy)))
                for each in findings
            ),
            prepared.change.difference,
            prepared.change.digest_before,
            tuple(also_applied),
            tuple(needs_restart),
            digest,
            draft.approved_by if draft is not None and draft.approved_digest == digest else "",
        )

    async def _find_draft_of_change(self, asked: CampaignForm | CampaignRemoval) -> CampaignDraft | None:
        """Return the saved draft that the form edits, or None. Raises RequestRefused if somebody else has deleted the
        draft.
        """
        if isinstance(asked, CampaignRemoval) or asked.draft is None:
            return None
        draft = await self.drafts.find_draft(asked.draft)
        if draft is None or draft.edited != asked.edited:
            raise RequestRefused(409, "draft-changed")
        return draft

    def _prepare_campaign_change(
        self, asked: CampaignForm | CampaignRemoval, draft: CampaignDraft | None, who: SignedInUser
    ) -> PreparedChange:
        path = self.settings.desk.campaigns_file
        if path is None:
            raise RequestRefused(409, "no-campaigns-file")
        if isinstance(asked, CampaignRemoval):
            return prepare_removed_campaign(self.settings, path, asked.removed)
        if asked.edited is not None:
            return prepare_edited_campaign(self.settings, path, asked.edited, asked.values)
        # The comment of an unchanged draft names its author, so that its lines are those that were approved.
        author, added_at = who.name, self._clock.now()
        if draft is not None and draft.values == asked.values:
            author, added_at = draft.author, draft.saved_at
        at = datetime.fromtimestamp(added_at, get_site_zone(self.settings))
        return prepare_new_campaign(self.settings, path, asked.values, f"Added by {author} on {at:%Y-%m-%d}.")

    async def simulate_pacing(self, asked: PacingSimulationRequest, who: SignedIn) -> SimulatedPacing:
        """Simulate the pacing of the campaign in the form. Raises RequestRefused while another simulation runs."""
        if self._is_simulating:
            raise RequestRefused(409, "simulation-running")
        self._is_simulating = True
        try:
            prepared = await asyncio.to_thread(self._prepare_campaign_change, asked.change, None, who)
            assert prepared.campaign is not None  # noqa: S101 - only a removal has none
            profile = await asyncio.to_thread(load_site_profile, prepared.settings)
            return await simulate_pacing_of_campaign(prepared.campaign, profile, asked.site)
        except MatdanError as error:
            raise RequestRefused(422, "campaign-invalid", text=get_error_text(error)) from error
        finally:
            self._is_simulating = False

    async def save_changed_campaign(self, asked: CampaignSaveRequest, who: SignedIn) -> dict[str, str]:
        """Write a checked change to the file, and tell the dialler to reload its settings. Return the dialler's reply.

        If the dialler refuses the change, the file is restored. Otherwise the draft of the change is deleted.
        """
        async with self.one_at_a_time:
            try:
                draft = await self._find_draft_of_change(asked.change)
                prepared = await asyncio.to_thread(self._prepare_campaign_change, asked.change, draft, who)
                if prepared.change.digest_before != asked.digest:
                    raise EditedFileChanged(prepared.change.path)
                if self.needs_approval and not isinstance(asked.change, CampaignRemoval):
                    _refuse_unapproved_change(draft, prepared)
                changed = prepared.settings
                reply = await save_file_and_reload(
                    prepared.change,
                    lambda: load_flow_library(changed, load_site_profile(changed)),
                    self._dialler_client,
                    who.name,
                    asked.id,
                    "reload-settings",
                )
            except EditedFileChanged as error:
                raise RequestRefused(409, "campaigns-changed") from error
            except FlowError as error:
                raise RequestRefused(422, "campaign-invalid", text=error.text_with_file_name) from error
            except MatdanError as error:
                raise RequestRefused(422, "campaign-invalid", text=get_error_text(error)) from error
            if reply.status != "refused":
                await self._reload_desk()
                if draft is not None:
                    await run_function_and_log_store_error(
                        self.drafts.delete_draft(draft.draft_id, draft.version), "campaign_draft.delete_failed"
                    )
            return format_command_reply(reply)


def _refuse_unapproved_change(draft: CampaignDraft | None, prepared: PreparedChange) -> None:
    if draft is None or not draft.approved_by or draft.approved_digest != prepared.change.digest_of_lines:
        raise RequestRefused(409, "not-approved")


def _convert_setting_error_to_problem(error: SettingError) -> CampaignProblem:
    text = add_remedy(error.problem, error.remedy)
    if error.file:  # another file or another campaign
        return CampaignProblem("", add_subject(error.file, add_subject(error.key, text)))
    return CampaignProblem(error.key.partition("[")[0].partition(".")[0], text)
