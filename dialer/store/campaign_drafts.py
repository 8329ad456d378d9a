"""Drafts of campaigns in the desk's file (the web pages' database): unfinished forms, and who has approved them.

The dialler does not read them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dialer.store.desk_file import DeskFile
from dialer.store.sql import Command, Query, Statements

MAX_DRAFTS = 20  # each is checked when the page lists them


@dataclass(frozen=True, slots=True)
class CampaignDraft:
    """A saved form of a campaign, which may be incomplete."""

    draft_id: str
    version: int  # 1, and one more each time the draft is saved
    edited: str | None  # the campaign that the draft changes; None: it adds a campaign
    form: str  # values of the form's fields, as JSON
    author: str  # who saved this version
    saved_at: float  # epoch seconds
    approved_by: str  # who approved this version; empty: nobody
    approved_digest: str  # of the lines that were approved

    @property
    def values(self) -> dict[str, Any]:
        """The values that were entered in the form, by the names of the settings."""
        found: dict[str, Any] = json.loads(self.form)
        return found

    @property
    def campaign(self) -> str:
        """The name of the campaign; empty: none is entered yet."""
        return self.edited or str(self.values.get("id", ""))


class SQL(Statements):
    drafts = Query(CampaignDraft)
    draft = Query(CampaignDraft)
    add_draft = Command()
    change_draft = Command()
    approve_draft = Command()
    delete_draft = Command()


class CampaignDraftRecords:
    """The drafts of campaigns in the desk's file (the web pages' database). Methods raise StoreError.

    Each saved change gives a draft a new version. A request that names an older version changes nothing.
    """

    def __init__(self, file: DeskFile) -> None:
        self._db = file.db

    async def read_drafts(self) -> list[CampaignDraft]:
        """Return all drafts, the last saved first."""
        return await self._db.fetch_all_rows(SQL.drafts)

    async def find_draft(self, draft_id: str) -> CampaignDraft | None:
        """Return the draft with this ID, or None if there is none."""
        return await self._db.fetch_first_row(SQL.draft, draft_id=draft_id)

    async def add_draft(
        self, draft_id: str, edited: str | None, values: Mapping[str, Any], author: str, at: float
    ) -> bool:
        """Store a new draft, saved at `at` (epoch seconds). Return False if MAX_DRAFTS are stored already.

        `edited` is the campaign that the draft changes, or None if the draft is for a new campaign.
        """
        added = await self._db.run_statement(
            SQL.add_draft,
            draft_id=draft_id,
            edited=edited,
            form=json.dumps(values),
            author=author,
            saved_at=at,
            most=MAX_DRAFTS,
        )
        return added == 1

    async def change_draft(
        self, draft_id: str, version: int, values: Mapping[str, Any], author: str, at: float
    ) -> bool:
        """Replace the values and the author of a draft, and remove its approval.

        Return False, and change nothing, if the draft was deleted or no longer has this version.
        """
        changed = await self._db.run_statement(
            SQL.change_draft, draft_id=draft_id, version=version, form=json.dumps(values), author=author, saved_at=at
        )
        return changed == 1

    async def approve_draft(self, draft: CampaignDraft, user: str, digest: str) -> bool:
        """Store that `user` has approved the lines that the draft adds to the settings or changes there.

        `digest` is the hash of these lines. Return False if the draft was deleted or no longer has the version that was
        approved.
        """
        approved = await self._db.run_statement(
            SQL.approve_draft, draft_id=draft.draft_id, version=draft.version, user=user, digest=digest
        )
        return approved == 1

    async def delete_draft(self, draft_id: str, version: int) -> bool:
        """Delete a draft. Return False if it was deleted before, or no longer has this version."""
        return await self._db.run_statement(SQL.delete_draft, draft_id=draft_id, version=version) == 1
