"""A manager sets up a campaign in Chromium, without a shell. Dialler, broker, desk and settings file are real."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from dialer.desk.pages_built import SOURCES
from dialer.domain.model import CampaignState
from dialer.settings.site import load_settings
from tests.support.browser import (
    NEEDS_A_BROWSER,
    SIZES,
    assert_accessible,
    find_accessibility_violations,
    find_overflowing_elements,
    measure_page_bytes,
)
from tests.support.desk_with_dialler import CentreWithPages, run_centre_with_pages
from tests.support.page_texts import read_page_texts
from tests.support.stored import query_store
from tests.support.waiting import HANG_SECONDS

MOST_PAGE_BYTES = 80_000

pytestmark = NEEDS_A_BROWSER

SITE = """
[desk]
port = 0
user = "desk"
campaigns_file = "{folder}/campaigns.toml"
[[trunks]]
name = "carrier-a"
endpoint = "carrier-a"
caller_ids = ["+911140000001"]
[[trunks]]
name = "carrier-b"
endpoint = "carrier-b"
caller_ids = ["+911140000002"]
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


def get_campaign_state(centre: CentreWithPages, name: str) -> CampaignState:
    return centre.engine.features.loaded_campaigns[name].state


def row_of(page: Page, campaign: str) -> Any:
    """Return the row of a campaign in the list."""
    return page.locator("section[aria-labelledby=campaigns-title] tbody tr", has_text=campaign)


async def test_manager_adds_a_campaign_on_the_page_and_starts_it(centre: CentreWithPages) -> None:
    page = await centre.sign_in("/campaigns", ".setup")
    save, file = page.get_by_role("button", name="Save campaign"), centre.folder / "campaigns.toml"
    await expect(row_of(page, "turnout-agents")).to_contain_text("running")
    await expect(save).to_be_disabled()
    await page.get_by_label("Name", exact=True).fill("Pune East")
    await expect(page.locator(".field .problem")).to_contain_text("must be 1 to 32 lowercase letters")
    await page.get_by_label("Name", exact=True).fill("pune-east")
    await page.get_by_label("Agents' script").select_option("polling_day")
    await page.get_by_label("Purpose").select_option("survey")
    await expect(page.locator(".findings .error")).to_contain_text(
        "is for turnout, but campaign pune-east is for survey"
    )
    await page.get_by_label("Purpose").select_option("turnout")
    await page.get_by_label("End of calling hours").fill("18:30")
    await page.get_by_label("carrier-b").check()
    await expect(page.locator(".findings .error")).to_have_count(0)
    written = page.locator(".difference")
    await expect(written).to_contain_text("hours = [{ start = 09:00:00, until = 18:30:00 }]")
    await expect(written).to_contain_text('trunks = ["carrier-b"]')
    assert not file.exists()
    await save.click()
    await expect(page.get_by_role("status")).to_contain_text("Campaign pune-east is saved and paused.")
    assert 'id = "pune-east"\n' in file.read_text(encoding="utf-8")
    await expect(row_of(page, "pune-east")).to_contain_text("paused")
    assert get_campaign_state(centre, "pune-east").value == "paused"
    await expect(page.get_by_label("Name", exact=True)).to_have_value("")

    await row_of(page, "pune-east").get_by_role("button", name="Start campaign").click()
    await page.get_by_role("dialog").get_by_role("button", name="Start campaign").click()
    await expect(row_of(page, "pune-east")).to_contain_text("running")
    assert get_campaign_state(centre, "pune-east").value == "running"
    assert [each.id for each in load_settings(centre.file).campaigns][-1] == "pune-east"
    audited = query_store(centre.folder / "centre.db", "SELECT group_concat(who || ' ' || what) FROM audit")
    assert "asha" in str(audited)
    assert "reload-settings" in str(audited)


async def test_check_of_a_campaign_is_shown_in_the_language_of_the_page(centre: CentreWithPages) -> None:
    texts = read_page_texts("hi", "board", "staff", "campaigns")
    page = await centre.sign_in("/campaigns", ".setup", language="hi-IN")
    await page.locator("#field-id").fill("Pune East")
    wrong = page.locator(".field .problem")
    await expect(wrong).to_contain_text("1 से 32 छोटे अक्षर a-z, अंक और डैश होने चाहिए")
    await expect(wrong.locator("[lang=en]")).to_have_count(0)
    await page.locator("#field-id").fill("pune-east")
    await page.locator("#field-script").select_option("polling_day")
    await page.locator("#field-purpose").select_option("survey")
    await page.get_by_label(texts["hours-until"]).fill("23:30")
    findings = page.locator(".findings li")
    await expect(findings.and_(page.locator(".error"))).to_contain_text(
        "अभियान pune-east: polling_day.yaml: मतदान की याद के लिए है, पर अभियान pune-east सर्वेक्षण के लिए है; उसे दूसरी स्क्रिप्ट दें"
    )
    await expect(findings.filter(has_text="को इतना सीमित करता है")).to_contain_text("09:00-20:00")
    await expect(findings.locator("[lang=en]")).to_have_count(0)
    await page.get_by_role("button", name=texts["draft-save"]).click()
    await expect(page.locator(".points")).to_contain_text("उसे दूसरी स्क्रिप्ट दें")
    await expect(page.locator(".points [lang=en]")).to_have_count(0)


async def test_manager_edits_a_running_campaign_and_removes_it(centre: CentreWithPages) -> None:
    file = centre.folder / "campaigns.toml"
    page = await centre.sign_in("/campaigns", ".setup")
    await expect(row_of(page, "turnout-agents").get_by_role("button", name="Edit")).to_have_count(0)
    await page.get_by_label("Name", exact=True).fill("pune-east")
    await page.get_by_role("button", name="Save campaign").click()
    await expect(row_of(page, "pune-east")).to_contain_text("paused")
    await row_of(page, "pune-east").get_by_role("button", name="Start campaign").click()
    await page.get_by_role("dialog").get_by_role("button", name="Start campaign").click()
    await expect(row_of(page, "pune-east")).to_contain_text("running")
    file.write_text(file.read_text(encoding="utf-8") + "ring_seconds = 25  # as agreed\n", encoding="utf-8")

    await row_of(page, "pune-east").get_by_role("button", name="Edit").click()
    await expect(page.get_by_role("heading", name="Edit campaign pune-east")).to_be_visible()
    await expect(page.get_by_text("Nothing has been changed yet.")).to_be_visible()
    await expect(page.get_by_role("button", name="Save campaign")).to_be_disabled()
    await page.get_by_label("Attempts per number").fill("5")
    await expect(page.locator(".difference ins")).to_have_text("+ max_attempts = 5\n")
    await page.get_by_role("button", name="Save campaign").click()
    await expect(page.get_by_role("status")).to_contain_text("Campaign pune-east is changed.")
    assert file.read_text(encoding="utf-8").endswith("ring_seconds = 25  # as agreed\nmax_attempts = 5\n")
    assert get_campaign_state(centre, "pune-east").value == "running"
    assert centre.engine.features.loaded_campaigns["pune-east"].spec.ring_seconds == 25

    await row_of(page, "pune-east").get_by_role("button", name="Remove").click()
    await expect(page.locator(".difference del").first).to_contain_text("- # Added by asha on")
    found = await find_accessibility_violations(page)
    await page.get_by_role("button", name="Remove", exact=True).click()
    await expect(page.get_by_role("status")).to_contain_text("Campaign pune-east is removed.")
    assert "pune-east" not in file.read_text(encoding="utf-8")
    await expect(row_of(page, "pune-east")).to_have_count(0)
    assert_accessible(found)


async def test_manager_simulates_the_pacing_of_a_campaign(centre: CentreWithPages) -> None:
    page = await centre.sign_in("/campaigns", ".setup")
    run = page.get_by_role("button", name="Simulate")
    await expect(run).to_be_disabled()
    await page.get_by_label("Name", exact=True).fill("pune-east")
    await page.get_by_label("Agents", exact=True).fill("3")
    await run.click()
    await expect(page.get_by_text("An agent waits")).to_be_visible(timeout=HANG_SECONDS * 1000)
    await expect(page.get_by_text("limit 3")).to_be_visible()
    found = await find_accessibility_violations(page)
    await page.get_by_label("Dialling mode").select_option("preview")
    await expect(run).to_have_count(0)
    assert_accessible(found)


async def test_campaign_is_not_saved_while_another_change_needs_a_restart(centre: CentreWithPages) -> None:
    path = centre.file
    path.write_text(path.read_text(encoding="utf-8").replace("[fastagi]\nport = 0", "[fastagi]\nport = 9"), "utf-8")
    page = await centre.sign_in("/campaigns", ".setup")
    await page.get_by_label("Name", exact=True).fill("pune-east")
    await expect(page.locator(".warnings")).to_contain_text(
        "until it is restarted, because these settings have changed"
    )
    await page.get_by_role("button", name="Save campaign").click()
    await expect(page.get_by_role("status")).to_contain_text(
        "nothing was saved: no change was applied: fastagi.port needs"
    )
    assert not (centre.folder / "campaigns.toml").exists()
    await expect(row_of(page, "pune-east")).to_have_count(0)


@pytest.mark.parametrize("language", sorted(path.stem for path in (SOURCES / "locales/campaigns").glob("*.ftl")))
async def test_campaigns_page_is_accessible_and_truncates_no_text(centre: CentreWithPages, language: str) -> None:
    page = await centre.sign_in("/campaigns", ".setup", language=f"{language}-IN")
    await page.locator("#field-id").fill("pune-east")
    await page.wait_for_selector(".difference")
    found: list[Any] = []
    for width, height in SIZES:
        await page.set_viewport_size({"width": width, "height": height})
        assert not await find_overflowing_elements(page), width
        assert await page.evaluate("document.documentElement.scrollWidth") == width
        found += await find_accessibility_violations(page)
    await page.locator("#field-kind").select_option("ivr")
    await expect(page.locator("#field-flow")).to_be_visible()
    await expect(page.locator(".check .problem").first).to_be_visible()
    found += await find_accessibility_violations(page)
    assert_accessible(found)


async def test_size_of_the_campaigns_page_is_within_the_limit(centre: CentreWithPages) -> None:
    page = await centre.sign_in("/campaigns", ".setup")
    assert await measure_page_bytes(page, f"{centre.desk.origin}/campaigns", ".setup") <= MOST_PAGE_BYTES


async def test_board_links_to_the_page_of_campaigns(centre: CentreWithPages) -> None:
    page = await centre.sign_in("/campaigns", ".setup")
    await page.get_by_role("link", name="Supervisors' board").click()
    await page.get_by_role("link", name="Set up campaigns").click()
    await page.wait_for_selector(".setup")


@pytest.mark.parametrize("language", ["en", "hi"])
async def test_manager_works_a_whole_day_without_a_shell(
    centre: CentreWithPages, tmp_path: Path, language: str
) -> None:
    texts = read_page_texts(language, "board", "staff", "campaigns")
    page = await centre.sign_in("/campaigns", ".setup", language=f"{language}-IN")

    async def click(message: str) -> None:
        await page.get_by_role("button", name=texts[message]).first.click()

    # A voter roll is imported.
    roll = tmp_path / "kothrud.csv"
    rows = [f"S13,209,118,{serial},Voter {serial},98000{serial:05}\n" for serial in range(1, 21)]
    roll.write_text("state_code,constituency_number,part_number,serial,name,mobile\n" + "".join(rows), "utf-8")
    await page.goto(f"{centre.desk.origin}/board?lists")
    await page.set_input_files("input[name=roll]", roll)
    await click("roll-check")
    await expect(page.get_by_text(texts["roll-is-checked"])).to_be_visible()
    await click("roll-import")
    await page.get_by_role("dialog").get_by_role("button", name=texts["roll-import"]).click()
    await expect(page.get_by_text(texts["roll-is-done"])).to_be_visible()
    assert query_store(centre.folder / "centre.db", "SELECT count(*) FROM voter") == [(20,)]

    # A campaign is set up, started and seen on the board.
    await page.goto(f"{centre.desk.origin}/campaigns")
    await page.locator("#field-id").fill("pune-east")
    await page.locator("#field-script").select_option("polling_day")
    await page.locator("#field-purpose").select_option("turnout")
    await expect(page.locator(".difference")).to_contain_text('id = "pune-east"')
    await click("campaign-save")
    await expect(row_of(page, "pune-east")).to_contain_text(texts["state-paused"])
    await row_of(page, "pune-east").get_by_role("button", name=texts["do-resume"]).click()
    await page.get_by_role("dialog").get_by_role("button", name=texts["do-resume"]).click()
    await expect(row_of(page, "pune-east")).to_contain_text(texts["state-running"])
    await page.get_by_role("link", name=texts["to-board"]).click()
    campaign = page.locator(".campaign", has_text="pune-east")
    await expect(campaign.locator(".state")).to_have_text(texts["state-running"])

    # The reports are looked at, and in the evening everything is stopped.
    await page.get_by_role("link", name=texts["to-reports"]).click()
    await page.wait_for_selector("main .panel")
    await page.get_by_role("link", name=texts["to-board"]).click()
    await click("do-stop-all")
    await page.get_by_role("dialog").get_by_role("button", name=texts["do-stop-all"]).click()
    await expect(campaign.locator(".state")).to_have_text(texts["state-stopped"])
    assert get_campaign_state(centre, "pune-east") is CampaignState.STOPPED
