"""A supervisor saves a draft of a campaign in Chromium, and another approves it. Dialler, broker and desk are real."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from tests.support.browser import (
    NEEDS_A_BROWSER,
    SIZES,
    assert_accessible,
    find_accessibility_violations,
    find_overflowing_elements,
    ignore_http_errors,
)
from tests.support.desk_with_dialler import CentreWithPages, run_centre_with_pages
from tests.support.page_texts import read_page_texts
from tests.support.stored import query_store

pytestmark = NEEDS_A_BROWSER

SITE = """
[[supervisors]]
name = "meena"
role = "supervisor"
[[supervisors]]
name = "kiran"
role = "compliance"
[desk]
port = 0
user = "desk"
campaigns_file = "{folder}/campaigns.toml"
campaign_approval = "second-person"
[[trunks]]
name = "carrier-a"
endpoint = "carrier-a"
caller_ids = ["+911140000001"]
[[seats]]
name = "01"
endpoint = "agent01"
[[campaigns]]
id = "turnout-agents"
kind = "agents"
script = "polling_day"
"""


@pytest_asyncio.fixture(loop_scope="session")
async def centre(browser: Browser, tmp_path: Path) -> AsyncIterator[CentreWithPages]:
    async with run_centre_with_pages(browser, tmp_path, SITE) as running:
        yield running


def row_of(page: Page, campaign: str) -> Any:
    """Return the row of a campaign in the list of campaigns."""
    return page.locator("section[aria-labelledby=campaigns-title] tbody tr", has_text=campaign)


def draft_of(page: Page, campaign: str) -> Any:
    """Return the draft of a campaign in the list of drafts."""
    return page.locator(".draft", has_text=campaign)


async def click(page: Page, name: str) -> None:
    await page.get_by_role("button", name=name, exact=True).click()


async def say(page: Page, text: str) -> None:
    """Expect a notice of an action's result."""
    await expect(page.get_by_role("status")).to_contain_text(text)


async def save_draft(page: Page, campaign: str) -> None:
    """Fill the form for a new campaign and save it as a draft."""
    await page.locator("#field-id").fill(campaign)
    await page.locator("#field-script").select_option("polling_day")
    await expect(page.locator(".difference")).to_contain_text(f'id = "{campaign}"')
    await click(page, "Save draft")
    await expect(draft_of(page, campaign)).to_contain_text("The form is complete.")


async def open_draft(page: Page, campaign: str) -> None:
    await draft_of(page, campaign).get_by_role("button", name="Open").click()
    await expect(page.locator(".difference")).to_contain_text(f'id = "{campaign}"')


async def test_campaign_draft_is_continued_after_a_reload_then_approved_and_started(
    centre: CentreWithPages,
) -> None:
    file = centre.folder / "campaigns.toml"
    page = await centre.sign_in("/campaigns", ".setup")
    await expect(page.get_by_role("button", name="Save draft")).to_be_disabled()
    await page.locator("#field-kind").select_option("ivr")
    await click(page, "Save draft")
    await say(page, "The draft is saved. It places no calls.")

    await page.reload()
    draft = draft_of(page, "No name yet")
    await expect(draft).to_contain_text("Draft saved by asha, ")
    await expect(draft).to_contain_text("Missing: Name")
    await draft.get_by_role("button", name="Open").click()
    await page.locator("#field-id").fill("pune-east")
    await click(page, "Save draft")
    draft = draft_of(page, "pune-east")
    await expect(draft).to_contain_text('an `ivr` campaign needs a flow, such as `flow = "turnout"`')
    await page.locator("#field-flow").select_option("turnout")
    await expect(page.get_by_text("Another supervisor must approve this change. Save it as a draft")).to_be_visible()
    await click(page, "Save draft")
    await expect(draft).to_contain_text("The form is complete.")
    await expect(draft).to_contain_text("Another supervisor must approve it.")
    await expect(page.get_by_text("Another supervisor must open and approve this draft.")).to_be_visible()
    await expect(page.get_by_role("button", name="Approve")).to_have_count(0)
    await expect(page.get_by_role("button", name="Save campaign")).to_be_disabled()
    assert not file.exists()

    second = await centre.sign_in("/campaigns", ".setup", name="meena")
    await open_draft(second, "pune-east")
    await expect(second.get_by_text("approve the draft of asha")).to_be_visible()
    await expect(second.get_by_role("heading", name="Result of the check")).to_be_visible()
    await click(second, "Approve")
    await say(second, "The draft is approved.")
    await expect(draft_of(second, "pune-east")).to_contain_text("Approved by meena")

    await page.reload()
    await open_draft(page, "pune-east")
    await expect(page.locator(".check").get_by_text("Approved by meena")).to_be_visible()
    await click(page, "Save campaign")
    await say(page, "Campaign pune-east is saved and paused.")
    await expect(draft_of(page, "pune-east")).to_have_count(0)
    assert 'id = "pune-east"\n' in file.read_text(encoding="utf-8")
    campaign = row_of(page, "pune-east")
    await expect(campaign).to_contain_text("paused")
    await campaign.get_by_role("button", name="Start campaign").click()
    await page.get_by_role("dialog").get_by_role("button", name="Start campaign").click()
    await expect(campaign).to_contain_text("running")
    [(who, what)] = query_store(
        centre.folder / "centre.db", "SELECT who, what FROM audit WHERE what LIKE '%campaign-approve%'"
    )
    assert who == "meena"
    assert '"author":"asha"' in str(what)
    assert '"campaign_id":"pune-east"' in str(what)


async def test_author_of_a_campaign_draft_cannot_approve_it_in_a_second_browser(centre: CentreWithPages) -> None:
    page = await centre.sign_in("/campaigns", ".setup")
    await save_draft(page, "pune-east")
    other = await centre.sign_in("/campaigns", ".setup")
    await open_draft(other, "pune-east")
    await expect(other.get_by_text("Another supervisor must open and approve this draft.")).to_be_visible()
    await expect(other.get_by_role("button", name="Approve")).to_have_count(0)
    refused = await other.evaluate(
        """async () => {
            const [draft] = await (await fetch("/api/campaigns/drafts")).json();
            const body = { draft: draft.draft, version: draft.version, id: "of-a-test-1",
                           digest_of_lines: draft.check.digest_of_lines };
            const answer = await fetch("/api/campaigns/drafts/approve", { method: "POST", body: JSON.stringify(body),
                headers: { "content-type": "application/json" } });
            return [answer.status, (await answer.json()).problem];
        }"""
    )
    assert refused == [409, "own-draft"]
    ignore_http_errors(centre.faults, 409)


async def test_approved_draft_that_is_edited_needs_another_approval(centre: CentreWithPages) -> None:
    page = await centre.sign_in("/campaigns", ".setup")
    await save_draft(page, "pune-east")
    second = await centre.sign_in("/campaigns", ".setup", name="meena")
    await open_draft(second, "pune-east")
    await click(second, "Approve")
    await say(second, "The draft is approved.")
    await expect(second.get_by_role("button", name="Save campaign")).to_be_enabled()
    await second.locator("#field-max_attempts").fill("9")
    await expect(second.locator(".difference")).to_contain_text("max_attempts = 9")
    await expect(second.get_by_role("button", name="Save campaign")).to_be_disabled()
    await click(second, "Save draft")
    await expect(second.get_by_text("Another supervisor must open and approve this draft.")).to_be_visible()
    await expect(draft_of(second, "pune-east")).to_contain_text("Another supervisor must approve it.")
    # The first supervisor's page is stale now: it still has the version before.
    await page.locator("#field-max_attempts").fill("8")
    await click(page, "Save draft")
    await say(page, "has been changed or deleted meanwhile")
    ignore_http_errors(centre.faults, 409)


async def test_campaign_draft_is_not_approved_if_the_campaign_changed_in_the_file(centre: CentreWithPages) -> None:
    file = centre.folder / "campaigns.toml"
    text = '[[campaigns]]\nid = "pune-east"\nkind = "agents"\nscript = "polling_day"\nstart_paused = true\n'
    file.write_text(text, encoding="utf-8")
    await centre.desk.reload_settings()
    page = await centre.sign_in("/campaigns", ".setup")
    await row_of(page, "pune-east").get_by_role("button", name="Edit").click()
    await page.locator("#field-max_attempts").fill("5")
    await click(page, "Save draft")
    await expect(draft_of(page, "pune-east")).to_contain_text("Change of a campaign")
    second = await centre.sign_in("/campaigns", ".setup", name="meena")
    await open_draft(second, "pune-east")
    await expect(second.locator(".difference ins")).to_have_text("+ max_attempts = 5\n")
    file.write_text(f"{text}ring_seconds = 25\n", encoding="utf-8")
    await click(second, "Approve")
    await say(second, "has been changed or deleted meanwhile")
    await expect(draft_of(second, "pune-east")).to_contain_text("Another supervisor must approve it.")
    ignore_http_errors(centre.faults, 409)


async def test_campaign_draft_is_deleted_after_the_user_has_confirmed(centre: CentreWithPages) -> None:
    page = await centre.sign_in("/campaigns", ".setup")
    await save_draft(page, "pune-east")
    await draft_of(page, "pune-east").get_by_role("button", name="Delete draft").click()
    await page.get_by_role("dialog").get_by_role("button", name="Delete draft").click()
    await say(page, "The draft is deleted.")
    await expect(draft_of(page, "pune-east")).to_have_count(0)
    await expect(page.locator("#field-id")).to_have_value("")


async def test_compliance_officer_sees_no_campaign_drafts(centre: CentreWithPages) -> None:
    page = await centre.sign_in("/campaigns", "main .problem", name="kiran")
    await expect(page.locator(".setup")).to_have_count(0)
    assert await page.evaluate("fetch('/api/campaigns/drafts').then(answer => answer.status)") == 403
    ignore_http_errors(centre.faults, 403)


@pytest.mark.parametrize("language", ["en", "hi"])
async def test_page_of_campaign_drafts_is_accessible_and_truncates_no_text(
    centre: CentreWithPages, language: str
) -> None:
    texts = read_page_texts(language, "board", "staff", "campaigns")
    page = await centre.sign_in("/campaigns", ".setup")
    await page.locator("#field-kind").select_option("ivr")
    await click(page, "Save draft")
    await say(page, "The draft is saved.")
    await page.reload()
    await save_draft(page, "pune-east")
    second = await centre.sign_in("/campaigns", ".setup", name="meena", language=f"{language}-IN")
    await draft_of(second, "pune-east").get_by_role("button", name=texts["draft-open"]).click()
    await expect(second.get_by_role("button", name=texts["draft-approve"])).to_be_enabled()
    found: list[Any] = []
    for width, height in SIZES:
        await second.set_viewport_size({"width": width, "height": height})
        assert not await find_overflowing_elements(second), width
        assert await second.evaluate("document.documentElement.scrollWidth") == width
        found += await find_accessibility_violations(second)
    await second.get_by_role("button", name=texts["draft-approve"]).click()
    await expect(second.locator(".check").get_by_text("meena").first).to_be_visible()
    found += await find_accessibility_violations(second)
    assert_accessible(found)
