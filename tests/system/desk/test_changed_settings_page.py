"""A supervisor reloads changed settings in Chromium. Dialler, broker, desk and settings file are real."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, expect

from dialer.desk.pages_built import SOURCES
from tests.support.browser import (
    NEEDS_A_BROWSER,
    SIZES,
    assert_accessible,
    find_accessibility_violations,
    find_overflowing_elements,
)
from tests.support.desk_with_dialler import CentreWithPages, run_centre_with_pages
from tests.support.stored import query_store

pytestmark = NEEDS_A_BROWSER

SITE = """
[desk]
port = 0
user = "desk"
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
weight = 1
"""


@pytest_asyncio.fixture(loop_scope="session")
async def centre(browser: Browser, tmp_path: Path) -> AsyncIterator[CentreWithPages]:
    async with run_centre_with_pages(browser, tmp_path, SITE) as running:
        yield running


async def test_supervisor_sees_changed_settings_and_reloads_them(centre: CentreWithPages) -> None:
    page = await centre.sign_in("/board", "#campaigns-title")
    await page.get_by_role("button", name="Actions for the whole centre").click()
    await page.get_by_role("link", name="Reload settings").click()
    await expect(page.get_by_text("No change:")).to_be_visible()
    centre.change_settings_file("weight = 1", "weight = 4")
    await page.get_by_role("button", name="Read the settings files again").click()
    await expect(page.locator("tbody tr")).to_have_text(
        "campaigns.turnout-agents.weight1.04.0After a reload of the settings"
    )
    await page.get_by_role("button", name="Reload settings").click()
    await page.get_by_role("dialog").get_by_role("button", name="Reload settings").click()
    await expect(page.get_by_role("status")).to_contain_text("settings applied: campaigns.turnout-agents.weight")
    await expect(page.get_by_text("No change:")).to_be_visible()
    assert centre.engine.features.loaded_campaigns["turnout-agents"].spec.weight == 4
    audited = query_store(centre.folder / "centre.db", "SELECT group_concat(who || ' ' || what) FROM audit")
    assert "asha" in str(audited)
    assert "reload-settings" in str(audited)


@pytest.mark.parametrize("language", sorted(path.stem for path in (SOURCES / "locales/board").glob("*.ftl")))
async def test_changed_settings_that_need_a_restart_cannot_be_reloaded(centre: CentreWithPages, language: str) -> None:
    centre.change_settings_file("weight = 1", "weight = 4")
    centre.change_settings_file("[fastagi]\nport = 0", "[fastagi]\nport = 9")
    centre.change_settings_file("[desk]\n", "[desk]\nidle_hours = 2\n")
    page = await centre.sign_in("/board?settings", "tbody tr", language=f"{language}-IN")
    await expect(page.locator("tbody tr")).to_have_count(3)
    await expect(page.locator("main button.main")).to_be_disabled()
    found: list[Any] = []
    for width, height in SIZES:
        await page.set_viewport_size({"width": width, "height": height})
        assert not await find_overflowing_elements(page), width
        assert await page.evaluate("document.documentElement.scrollWidth") == width
        found += await find_accessibility_violations(page)
    assert_accessible(found)


async def test_mistakes_in_the_settings_are_shown_in_the_language_of_the_page(centre: CentreWithPages) -> None:
    centre.change_settings_file("weight = 1", "weight = -1\nchanels = 2\nmachine_sample = 1.5")
    page = await centre.sign_in("/board?settings", "main .problem", language="hi-IN")
    shown = page.locator("section[aria-labelledby=settings-title]")
    await expect(shown).to_contain_text("campaigns.turnout-agents.weight: 0 या उससे अधिक होना चाहिए (अभी -1 है)।")
    await expect(shown).to_contain_text("campaigns.turnout-agents.chanels: कोई सेटिंग नहीं है; क्या आपका मतलब `channels` है")
    await expect(shown).to_contain_text("1.5 % के लिए 0.015 लिखें")
    await expect(shown.locator("[lang=en]")).to_have_count(0)
