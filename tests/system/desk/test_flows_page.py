"""A supervisor reads, tries and changes call flows in Chromium. Dialler, broker, desk and files are real."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Locator, Page, expect

from dialer.desk.pages_built import SOURCES
from dialer.flows.catalogue import FLOWS_DIRECTORY
from dialer.flows.library import FlowLibrary
from dialer.settings.jurisdiction import Profile
from dialer.settings.site import Settings
from dialer.site.flows import load_flow_library
from tests.support.browser import (
    NEEDS_A_BROWSER,
    SIZES,
    assert_accessible,
    find_accessibility_violations,
    find_overflowing_elements,
    ignore_http_errors,
    measure_page_bytes,
)
from tests.support.desk_with_dialler import CentreWithPages, run_centre_with_pages
from tests.support.stored import query_store

MOST_LIST_BYTES = 80_000
MOST_PAGE_BYTES = 200_000
"""Limit of the page with an opened flow, for which the editor is loaded."""
COMPLETION_DELAY_MS = 100
"""The editor ignores keys that accept a completion for the first 75 ms, so that nobody accepts one by chance."""

pytestmark = NEEDS_A_BROWSER

SITE = """
[desk]
port = 0
user = "desk"
flows_folder = "{folder}/flows"
[[supervisors]]
name = "vikram"
role = "viewer"
[[trunks]]
name = "carrier"
endpoint = "carrier"
caller_ids = ["+911140000001"]
[[campaigns]]
id = "turnout-ivr"
kind = "ivr"
flow = "{folder}/errand.yaml"
[[campaigns]]
id = "survey-ivr"
kind = "ivr"
flow = "{folder}/flows/survey.yaml"
"""
SURVEY = (FLOWS_DIRECTORY / "turnout.yaml").read_text(encoding="utf-8").replace("flow: turnout", "flow: survey")
ERRAND = (FLOWS_DIRECTORY / "turnout.yaml").read_text(encoding="utf-8").replace("flow: turnout", "flow: errand")


@pytest.fixture
def loaded_flows(monkeypatch: pytest.MonkeyPatch) -> list[FlowLibrary]:
    """The flow libraries that diallers of this test load when they start."""
    loaded: list[FlowLibrary] = []

    def load_and_record_library(settings: Settings, profile: Profile) -> FlowLibrary:
        loaded.append(load_flow_library(settings, profile))
        return loaded[-1]

    monkeypatch.setattr("dialer.app.load_flow_library", load_and_record_library)
    return loaded


@pytest_asyncio.fixture(loop_scope="session")
async def centre(browser: Browser, tmp_path: Path, loaded_flows: list[FlowLibrary]) -> AsyncIterator[CentreWithPages]:
    (tmp_path / "errand.yaml").write_text(ERRAND, encoding="utf-8")
    (tmp_path / "flows").mkdir()
    (tmp_path / "flows" / "survey.yaml").write_text(SURVEY, encoding="utf-8")
    async with run_centre_with_pages(browser, tmp_path, SITE) as running:
        yield running


def row_of(page: Page, flow: str) -> Locator:
    """Return the row of a flow in the list."""
    return page.locator("section[aria-labelledby=flows-title] tbody tr").filter(
        has=page.get_by_role("rowheader", name=flow, exact=True)
    )


async def open_flow(page: Page, flow: str) -> None:
    """Open a flow of the list, and wait for its text and diagram."""
    await row_of(page, flow).get_by_role("button").click()
    await page.wait_for_selector(".cm-content")
    await page.wait_for_selector(".canvas path[marker-end]", state="attached")


async def test_flows_page_shows_mistakes_in_its_list_and_at_the_lines_of_a_flow(
    centre: CentreWithPages,
) -> None:
    page = await centre.sign_in("/flows", "#flows-title")
    await expect(row_of(page, "turnout")).to_contain_text("Shipped with Matdan")
    await expect(row_of(page, "turnout")).to_contain_text("No mistakes")
    await expect(row_of(page, "errand")).to_contain_text("turnout-ivr")
    (centre.folder / "errand.yaml").write_text(ERRAND.replace("start: greeting", "start: hello"), encoding="utf-8")
    await page.reload()
    await expect(row_of(page, "errand")).to_contain_text("One error")
    await row_of(page, "errand").get_by_role("button").click()
    found = page.locator(".findings .error")
    await expect(found).to_contain_text("starts at hello, which is not a node")
    await expect(page.locator("section[aria-labelledby=drawing-title]")).to_contain_text("no diagram yet")
    await expect(page.get_by_role("button", name="Start the call")).to_be_disabled()
    await found.get_by_role("button", name="Line 5").click()
    await expect(page.locator(".cm-activeLine")).to_have_text("start: hello")


async def test_mistakes_of_a_flow_are_shown_in_the_language_of_the_page(centre: CentreWithPages) -> None:
    file = centre.folder / "errand.yaml"
    file.write_text(ERRAND.replace("9: opt_out}", "9: goodbye}"), encoding="utf-8")
    page = await centre.sign_in("/flows", "#flows-title", language="hi-IN")
    await open_flow(page, "errand")
    found = page.locator(".findings .error")
    await expect(found).to_contain_text("नोड greeting: इससे शुरू होने वाले कॉल फ़्लो में आगे की कॉल बंद करने का विकल्प नहीं")
    await expect(found.locator("[lang=en]")).to_have_count(0)


async def test_flow_is_tried_out_to_its_end_by_keyboard_and_nothing_is_stored(centre: CentreWithPages) -> None:
    page = await centre.sign_in("/flows", "#flows-title")
    await open_flow(page, "errand")
    await page.get_by_label("Language of the call").select_option("hi")
    start = page.get_by_role("button", name="Start the call")
    await expect(start).to_be_enabled()
    await start.focus()
    await page.keyboard.press("Enter")
    lines = page.locator(".transcript li")
    await expect(lines.last).to_contain_text("क्या आपने वोट डाल दिया है?")
    await expect(page.locator(".node[aria-current]")).to_contain_text("question")
    for keys in ("", "7", "2"):  # silence, a wrong key, "not yet"
        await expect(page.locator("input.keys")).to_be_focused()
        await page.keyboard.type(f"{keys}")
        count = await lines.count()
        await page.keyboard.press("Enter")
        await expect(lines).not_to_have_count(count)
    await expect(page.locator(".transcript .result").last).to_have_text("Result:not-yet (voter): saved")
    await page.keyboard.type("17")
    await page.keyboard.press("Enter")
    await expect(page.locator(".ended")).to_contain_text("The call flow has ended.")
    await expect(page.locator(".ended dl")).to_have_text("hour17:00")
    await expect(page.get_by_role("button", name="Start again")).to_be_focused()
    assert await page.locator(".transcript .keys").all_inner_texts() == ["Keys:\n7", "Keys:\n2", "Keys:\n17"]
    assert query_store(centre.folder / "centre.db", "SELECT * FROM mark") == []
    assert query_store(centre.folder / "centre.db", "SELECT * FROM attempt") == []


async def change_line(page: Page, line: str, new: str) -> None:
    """Replace the first line of the text that has these words, by keyboard."""
    await page.locator(".cm-line", has_text=line).first.click()
    for key in ("Home", "Shift+End"):
        await page.keyboard.press(key)
    await page.keyboard.type(new)


async def test_supervisor_edits_a_flow_and_the_dialler_uses_the_saved_text(
    centre: CentreWithPages, loaded_flows: list[FlowLibrary]
) -> None:
    page = await centre.sign_in("/flows", "#flows-title")
    file, source = centre.folder / "flows" / "survey.yaml", str(centre.folder / "flows" / "survey.yaml")
    [flows_of_dialler] = loaded_flows
    before = flows_of_dialler.get_current_flow(source).version
    await open_flow(page, "survey")
    save = page.get_by_role("button", name="Save", exact=True)
    await expect(save).to_be_disabled()

    await change_line(page, "start: greeting", "start: hello")
    await expect(page.locator(".findings .error")).to_contain_text("Line 5")
    await expect(page.locator(".findings .error")).to_contain_text("starts at hello, which is not a node")
    await expect(page.locator(".cm-lintRange-error")).to_have_text("start: hello")
    await expect(save).to_be_disabled()

    await change_line(page, "start: hello", "start: gree")
    await expect(page.locator(".cm-tooltip-autocomplete li").first).to_have_text("greeting")
    await page.wait_for_timeout(COMPLETION_DELAY_MS)
    await page.keyboard.press("Enter")
    await expect(page.locator(".cm-line").nth(4)).to_have_text("start: greeting")
    await change_line(page, "title: Has this voter", "title: A survey")
    await expect(page.locator(".difference ins")).to_have_text("+title: A survey\n")
    await expect(page.locator(".difference del")).to_contain_text("-title: Has this voter been able to vote?")
    assert file.read_text(encoding="utf-8") == SURVEY
    await save.click()
    await expect(page.get_by_role("status")).to_contain_text("survey is saved.")
    assert file.read_text(encoding="utf-8") == SURVEY.replace("Has this voter been able to vote?", "A survey")
    assert flows_of_dialler.get_current_flow(source).version != before
    assert flows_of_dialler.get_current_flow(source).title == "A survey"
    await expect(save).to_be_disabled()
    await page.get_by_role("button", name="All call flows").click()
    await expect(row_of(page, "survey")).to_contain_text("A survey")
    audited = query_store(centre.folder / "centre.db", "SELECT group_concat(who || ' ' || what) FROM audit")
    assert "asha" in str(audited)
    assert "reload-flows" in str(audited)


async def test_flow_that_somebody_else_has_changed_is_not_overwritten(centre: CentreWithPages) -> None:
    page = await centre.sign_in("/flows", "#flows-title")
    file = centre.folder / "flows" / "survey.yaml"
    await open_flow(page, "survey")
    file.write_text(SURVEY + "# somebody else\n", encoding="utf-8")
    await change_line(page, "title: Has this voter", "title: A survey")
    await page.get_by_role("button", name="Save", exact=True).click()
    await expect(page.get_by_role("status")).to_contain_text("somebody else has changed the file")
    assert file.read_text(encoding="utf-8") == SURVEY + "# somebody else\n"
    ignore_http_errors(centre.faults, 409)
    await page.get_by_role("button", name="Discard changes").click()
    await page.get_by_role("dialog").get_by_role("button", name="Discard changes").click()
    await expect(page.get_by_role("button", name="Discard changes")).to_have_count(0)
    await expect(page.locator(".cm-line", has_text="title:")).to_have_text("title: Has this voter been able to vote?")


async def test_shipped_flow_is_copied_before_it_is_changed(centre: CentreWithPages) -> None:
    page = await centre.sign_in("/flows", "#flows-title")
    await open_flow(page, "opt_out")
    await expect(page.get_by_role("button", name="Save", exact=True)).to_have_count(0)
    await page.get_by_role("button", name="Copy", exact=True).click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_label("Name of the copy").fill("leave_me")
    await dialog.get_by_role("button", name="Copy", exact=True).click()
    await expect(page.locator(".cm-line", has_text="flow:").first).to_have_text("flow: leave_me")
    await page.get_by_role("button", name="Save", exact=True).click()
    await expect(page.get_by_role("status")).to_contain_text("leave_me is saved.")
    await page.reload()
    await expect(page.locator(".cm-line", has_text="flow:").first).to_have_text("flow: leave_me")
    await expect(page.get_by_text("There are no changes to save.")).to_be_visible()


async def test_user_who_is_not_a_supervisor_sees_no_flows(centre: CentreWithPages) -> None:
    page = await centre.sign_in("/flows", ".problem", "vikram")
    await expect(page.locator(".problem").first).to_contain_text("role")
    await expect(page.locator("table")).to_have_count(0)
    ignore_http_errors(centre.faults, 403)


@pytest.mark.parametrize("language", sorted(path.stem for path in (SOURCES / "locales/flows").glob("*.ftl")))
async def test_flows_page_is_accessible_and_truncates_no_text(centre: CentreWithPages, language: str) -> None:
    page = await centre.sign_in("/flows", "#flows-title", language=f"{language}-IN")
    found: list[Any] = []
    for width, height in SIZES:
        await page.set_viewport_size({"width": width, "height": height})
        assert not await find_overflowing_elements(page), width
        found += await find_accessibility_violations(page)
    await open_flow(page, "errand")
    await page.locator("section[aria-labelledby=try-title] .row > .main").click()
    await page.wait_for_selector(".keypad")
    for width, height in SIZES:
        await page.set_viewport_size({"width": width, "height": height})
        assert not await find_overflowing_elements(page), width
        assert await page.evaluate("document.documentElement.scrollWidth") == width
        found += await find_accessibility_violations(page)
    assert_accessible(found)


async def test_size_of_the_flows_page_is_within_the_limits(centre: CentreWithPages) -> None:
    page = await centre.sign_in("/flows", "#flows-title")
    address = f"{centre.desk.origin}/flows"
    assert await measure_page_bytes(page, address, "#flows-title") <= MOST_LIST_BYTES
    await page.goto("about:blank")  # a page with another part after the # would only be reloaded
    assert await measure_page_bytes(page, f"{address}#flow=turnout", ".cm-content") <= MOST_PAGE_BYTES


async def test_board_links_to_the_page_of_call_flows(centre: CentreWithPages) -> None:
    page = await centre.sign_in("/flows", "#flows-title")
    await page.get_by_role("link", name="Supervisors' board").click()
    await page.get_by_role("link", name="Call flows").click()
    await page.wait_for_selector("#flows-title")
