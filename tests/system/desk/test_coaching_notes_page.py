"""A supervisor writes a coaching note on a call in Chromium, and the agent of the call reads it. Dialler and desk are real."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from tests.support.browser import (
    NEEDS_A_BROWSER,
    SIZES,
    assert_accessible,
    find_accessibility_violations,
    find_overflowing_elements,
    new_page,
)
from tests.support.desk import PIN, PIN_HASH
from tests.support.desk_with_dialler import CentreWithPages, run_centre_with_pages
from tests.support.page_texts import read_page_texts
from tests.support.report_store import NOON, HandFilled
from tests.support.stored import query_store

pytestmark = NEEDS_A_BROWSER

SITE = f"""
[[supervisors]]
name = "meena"
role = "supervisor"
[[supervisors]]
name = "kiran"
role = "compliance"
[desk]
port = 0
user = "desk"
[[agents]]
number = "101"
pin = "{PIN_HASH}"
languages = ["en"]
[[agents]]
number = "102"
pin = "{PIN_HASH}"
languages = ["en"]
[[trunks]]
name = "carrier-a"
endpoint = "carrier-a"
caller_ids = ["+911140000001"]
[[seats]]
name = "01"
endpoint = "agent01"
[[seats]]
name = "02"
endpoint = "agent02"
[[campaigns]]
id = "agents"
kind = "agents"
script = "polling_day"
"""
OF_AGENT, ABANDONED = "12:00", "12:01"
"""The times of the two calls."""
CALLS = "/reports#view=calls&from=2026-04-22&to=2026-04-22"
TEXT = "Ask for the hour before you thank the voter.\nमतदाता को धन्यवाद देने से पहले समय पूछें।"
ON_THE_CALL, ON_THE_PAGE = ".history .coaching", "section[aria-labelledby=coaching-notes-title]"


@pytest_asyncio.fixture(loop_scope="session")
async def centre(browser: Browser, tmp_path: Path) -> AsyncIterator[CentreWithPages]:
    """Run a centre in which agent 101 has had one call, and one call was abandoned."""
    store = HandFilled(tmp_path / "centre.db")
    with closing(store.db):
        store.answered(1, NOON, agent="101")
        store.attempt(2, NOON + 60, outcome="abandoned", answered_at=NOON + 69)
    async with run_centre_with_pages(browser, tmp_path, SITE) as running:
        yield running


async def open_call(page: Page, time: str) -> Any:
    """Open the details of the call at this time, and return them."""
    row = page.locator("section[aria-labelledby=calls-title] tbody tr", has_text=time)
    await row.get_by_role("button").first.click()
    await expect(page.locator(".history .steps").first).to_be_visible()
    return page.locator(".history")


async def write_note(page: Page, text: str) -> None:
    """Write a note in the opened details of a call."""
    await page.locator(f"{ON_THE_CALL} textarea").fill(text)
    await page.get_by_role("button", name="Save note").click()
    await expect(page.get_by_role("status")).to_contain_text("Note saved.")


async def sign_agent_in(centre: CentreWithPages, agent: str, seat: str, **how: Any) -> Page:
    """Open the agents' page and sign an agent in at a seat."""
    page = await new_page(centre.browser, centre.faults, **how)
    await page.goto(f"{centre.desk.origin}/agent")
    await page.fill("input[name=agent]", agent)
    await page.fill("input[name=pin]", PIN)
    await page.fill("input[name=seat]", seat)
    await page.press("input[name=pin]", "Enter")
    await page.wait_for_selector(".waiting")
    return page


async def test_agent_reads_the_notes_of_two_supervisors_and_no_other_agent_sees_them(centre: CentreWithPages) -> None:
    agent = await sign_agent_in(centre, "101", "01")
    await expect(agent.locator(ON_THE_PAGE)).to_have_count(0)
    asha = await centre.sign_in(CALLS, ".scrolls tbody tr")
    await open_call(asha, OF_AGENT)
    await write_note(asha, TEXT)
    await expect(asha.locator(ON_THE_CALL)).to_contain_text("Not read yet.")
    meena = await centre.sign_in(CALLS, ".scrolls tbody tr", name="meena")
    await open_call(meena, OF_AGENT)
    await write_note(meena, "Well done.")
    await expect(meena.locator(f"{ON_THE_CALL} li")).to_have_count(2)

    notes = agent.locator(f"{ON_THE_PAGE} li")  # they appear without a reload
    await expect(notes).to_have_count(2)
    await expect(notes.nth(0)).to_contain_text("Well done.")
    await expect(notes.nth(1)).to_contain_text("Note from asha on your call of")
    await expect(notes.nth(1)).to_contain_text("12:00")
    await expect(notes.nth(1)).to_contain_text("campaign agents")
    await expect(notes.nth(1)).to_contain_text("मतदाता को धन्यवाद")
    await notes.nth(1).get_by_role("button", name="Mark note as read").click()
    await expect(notes.nth(1)).to_contain_text("You have read this note.")
    other = await sign_agent_in(centre, "102", "02")
    await expect(other.locator(".columns.idle")).to_be_visible()
    await expect(other.locator(ON_THE_PAGE)).to_have_count(0)

    await asha.reload()
    history = await open_call(asha, OF_AGENT)
    await expect(history.locator(".coaching li").nth(0)).to_contain_text("Read by the agent,")
    await expect(history.locator(".coaching li").nth(1)).to_contain_text("Not read yet.")
    await history.locator(".coaching li").nth(1).get_by_role("button", name="Delete note").click()
    await asha.get_by_role("dialog").get_by_role("button", name="Delete note").click()
    await expect(history.locator(".coaching li")).to_have_count(1)
    await expect(notes).to_have_count(1)
    audited = query_store(
        centre.folder / "centre.db", "SELECT who, what FROM audit WHERE what LIKE '%coaching-note%' ORDER BY rowid"
    )
    assert [(who, '"action":"delete"' in what, '"attempt_id":"attempt-1"' in what) for who, what in audited] == [
        ("asha", False, True),
        ("meena", False, True),
        ("asha", True, True),
    ]
    assert "Well done" not in str(audited)


async def test_call_without_an_agent_and_a_role_without_the_right_have_no_notes(centre: CentreWithPages) -> None:
    asha = await centre.sign_in(CALLS, ".scrolls tbody tr")
    await open_call(asha, ABANDONED)
    await expect(asha.locator(ON_THE_CALL)).to_have_count(0)
    kiran = await centre.sign_in(CALLS, ".scrolls tbody tr", name="kiran")
    await open_call(kiran, OF_AGENT)
    await expect(kiran.locator(ON_THE_CALL)).to_have_count(0)
    statuses = await kiran.evaluate(
        """async () => {
          const headers = { "content-type": "application/json" };
          const body = JSON.stringify({ attempt: "attempt-1", text: "x" });
          const answers = [
            await fetch("/api/coaching-notes/attempt-1"),
            await fetch("/api/coaching-notes", { method: "POST", headers, body }),
          ];
          return answers.map(({ status }) => status);
        }"""
    )
    assert statuses == [403, 403]
    centre.faults.clear()  # Chromium reports both refusals


async def test_coaching_notes_are_accessible_and_fit_screens_of_agent_and_supervisor(centre: CentreWithPages) -> None:
    long = f"{TEXT}\n{'unbroken' * 30} {'x ' * 300}"
    asha = await centre.sign_in(CALLS, ".scrolls tbody tr")
    await open_call(asha, OF_AGENT)
    await write_note(asha, long)
    agent = await sign_agent_in(centre, "101", "01")
    found: list[Any] = []
    for language in ("en", "hi"):
        texts = read_page_texts(language, "reports")
        supervisor = await centre.sign_in(CALLS, ".scrolls tbody tr", language=f"{language}-IN")
        await open_call(supervisor, OF_AGENT)
        await expect(supervisor.locator(f"{ON_THE_CALL} h3")).to_have_text(texts["coaching-notes"])
        await expect(supervisor.locator(f"{ON_THE_CALL} li")).to_have_count(1)
        await agent.locator(".language").select_option(language)
        await expect(agent.locator("html")).to_have_attribute("lang", language)
        await expect(agent.locator(f"{ON_THE_PAGE} li")).to_have_count(1)
        for page in (supervisor, agent):
            for width, height in SIZES:
                await page.set_viewport_size({"width": width, "height": height})
                assert not await find_overflowing_elements(page), (language, width)
                found += await find_accessibility_violations(page)
    assert_accessible(found)
