"""A supervisor adds, edits and removes agents in Chromium. Dialler, broker, desk and settings file are real."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from dialer.desk.pages_built import SOURCES
from dialer.domain.view import SeatState
from dialer.engine.seats.commands import SeatLogOff
from dialer.engine.seats.state import Seat, choose_seat
from tests.support.browser import (
    NEEDS_A_BROWSER,
    SIZES,
    assert_accessible,
    find_accessibility_violations,
    find_overflowing_elements,
    ignore_http_errors,
    new_page,
)
from tests.support.desk import PIN_HASH
from tests.support.desk_with_dialler import CentreWithPages, run_centre_with_pages
from tests.support.stored import query_store

pytestmark = NEEDS_A_BROWSER

SITE = f"""
[[supervisors]]
name = "vikram"
role = "viewer"
[desk]
port = 0
user = "desk"
agents_file = "{{folder}}/agents.toml"
[[trunks]]
name = "carrier-a"
endpoint = "carrier-a"
caller_ids = ["+911140000001"]
[[seats]]
name = "01"
endpoint = "agent01"
languages = ["mr"]
[[seats]]
name = "02"
endpoint = "agent02"
languages = ["hi"]
[[agents]]
number = "17"
full_name = "Meena Joshi"
pin = "{PIN_HASH}"
languages = ["mr"]
skills = ["retired"]
[[campaigns]]
id = "turnout-agents"
kind = "agents"
"""


@pytest_asyncio.fixture(loop_scope="session")
async def centre(browser: Browser, tmp_path: Path) -> AsyncIterator[CentreWithPages]:
    async with run_centre_with_pages(browser, tmp_path, SITE) as running:
        yield running


def row_of(page: Page, agent: str) -> Any:
    """Return the row of an agent in the list."""
    return page.locator("section[aria-labelledby=agents-title] tbody tr", has_text=agent)


def get_seat(centre: CentreWithPages) -> Seat:
    return centre.engine.features.agent_seats["01"]


def choose_seat_for_voter(centre: CentreWithPages, language: str) -> str:
    """Return the seat that would get a voter's call if the phones of both seats were connected and idle."""
    seats = [replace(seat, state=SeatState.READY) for seat in centre.engine.features.agent_seats.list_seats()]
    chosen = choose_seat(seats, language)
    assert chosen is not None
    return chosen.name


async def add_agent(page: Page, number: str = "101", pin: str = "80415") -> None:
    """Add an agent with a PIN that the supervisor enters."""
    await page.get_by_role("button", name="Add agent").click()
    await page.get_by_label("Agent number").fill(number)
    await page.get_by_label("PIN", exact=True).select_option("enter")
    await page.get_by_label("New PIN (4 to 12 digits)").fill(pin)
    await page.get_by_label("Repeat the new PIN").fill(pin)
    await page.get_by_role("button", name="Save agent").click()
    await expect(page.get_by_role("status")).to_contain_text(f"Agent {number} is added.")


async def sign_in_on_agent_page(centre: CentreWithPages, agent: str, pin: str) -> Page:
    """Open the agents' page in another browser profile and send the sign-in form."""
    page = await new_page(centre.browser, centre.faults)
    await page.goto(f"{centre.desk.origin}/agent")
    await page.fill("input[name=agent]", agent)
    await page.fill("input[name=pin]", pin)
    await page.fill("input[name=seat]", "01")
    await page.press("input[name=pin]", "Enter")
    return page


async def test_added_agent_signs_in_with_the_generated_pin_and_gets_changed_languages_at_the_next_log_in(
    centre: CentreWithPages,
) -> None:
    file = centre.folder / "agents.toml"
    page = await centre.sign_in("/board", "#seats-title")
    await page.get_by_role("link", name="Agents", exact=True).click()
    await expect(row_of(page, "17")).to_contain_text("Meena Joshi")
    await expect(row_of(page, "17").get_by_role("button")).to_have_count(0)
    await expect(page.get_by_text(f"Agents without buttons are in {centre.file}.")).to_be_visible()

    # An agent is added.
    assert await page.evaluate("document.fonts.check('1rem \"Desk Tamil\"', 'தமிழ்')")
    await page.get_by_role("button", name="Add agent").click()
    await expect(page.get_by_label("Agent number")).to_be_focused()
    save = page.get_by_role("button", name="Save agent")
    await expect(save).to_be_disabled()
    await page.get_by_label("Agent number").fill("17")
    await expect(page.locator(".field .problem")).to_contain_text("17 is the number of another agent")
    await expect(save).to_be_disabled()
    await page.get_by_label("Agent number").fill("101")
    await page.get_by_label("Name", exact=True).fill("Asha Kale")
    await page.get_by_label("हिन्दी").check()
    await page.get_by_label("मराठी").check()
    await page.get_by_label("retired").check()
    await page.get_by_label("New skill").fill("north-east")
    await page.get_by_role("button", name="Add skill").click()
    written = page.locator(".difference")
    await expect(written).to_contain_text('languages = ["hi", "mr"]')
    await expect(written).to_contain_text('skills = ["retired", "north-east"]')
    await expect(written).to_contain_text('pin = "hash of a PIN, not shown"')
    assert not file.exists()
    await save.click()
    pin = await page.get_by_role("dialog").locator("output").inner_text()
    assert pin not in file.read_text(encoding="utf-8")
    await page.get_by_role("dialog").get_by_role("button", name="Close this window").click()
    await expect(page.get_by_text(pin)).to_have_count(0)
    await expect(row_of(page, "Asha Kale")).to_contain_text("हिन्दी, मराठी")
    audited = str(query_store(centre.folder / "centre.db", "SELECT group_concat(who || ' ' || what) FROM audit"))
    assert "asha" in audited
    assert "reload-settings" in audited

    # The agent signs in on the agents' page.
    agent = await sign_in_on_agent_page(centre, "101", pin)
    await expect(row_of(page, "101")).to_contain_text("seat 01")
    assert choose_seat_for_voter(centre, "mr") == "01"
    assert get_seat(centre).spoken_languages == {"hi", "mr"}
    assert get_seat(centre).skills == {"retired", "north-east"}

    # Languages are changed while the agent is logged in, and take effect at the next log-in.
    await row_of(page, "101").get_by_role("button", name="Edit").click()
    await expect(page.get_by_text("The agent is logged in at seat 01 and stays logged in.")).to_be_visible()
    await expect(save).to_be_disabled()
    await page.get_by_label("हिन्दी").uncheck()
    await page.get_by_label("தமிழ்").check()
    await expect(written.locator("ins")).to_have_text('+ languages = ["mr", "ta"]\n')
    await save.click()
    await expect(page.get_by_role("status")).to_contain_text("Agent 101 is changed.")
    assert get_seat(centre).spoken_languages == {"hi", "mr"}
    await centre.engine.execute_command(SeatLogOff(seat="01"))
    await expect(row_of(page, "101")).not_to_contain_text("seat 01")
    await agent.context.close()
    await sign_in_on_agent_page(centre, "101", pin)
    await expect(row_of(page, "101")).to_contain_text("seat 01")
    assert [choose_seat_for_voter(centre, language) for language in ("ta", "hi")] == ["01", "02"]

    # The agent is removed, and with that logged off.
    await row_of(page, "101").get_by_role("button", name="Remove").click()
    await expect(page.get_by_text("The agent is logged in at seat 01 and will be logged off")).to_be_visible()
    await expect(page.get_by_role("button", name="Cancel")).to_be_focused()
    await expect(written.locator("del").first).to_contain_text("- # Added by asha on")
    await page.get_by_role("button", name="Remove", exact=True).click()
    await expect(page.get_by_role("status")).to_contain_text("Agent 101 is removed.")
    await expect(row_of(page, "101")).to_have_count(0)
    assert get_seat(centre).agent is None
    assert "101" not in file.read_text(encoding="utf-8")


async def test_new_pin_of_an_agent_replaces_the_old_one(centre: CentreWithPages) -> None:
    page = await centre.sign_in("/board?agents", "#agents-title")
    await add_agent(page, pin="80415")
    await row_of(page, "101").get_by_role("button", name="Edit").click()
    await page.get_by_label("PIN", exact=True).select_option("enter")
    await page.get_by_label("New PIN (4 to 12 digits)").fill("27182")
    await page.get_by_label("Repeat the new PIN").fill("27183")
    await expect(page.get_by_text("The two PINs differ.")).to_be_visible()
    await expect(page.get_by_role("button", name="Save agent")).to_be_disabled()
    await page.get_by_label("Repeat the new PIN").fill("27182")
    await page.get_by_role("button", name="Save agent").click()
    await expect(page.get_by_role("status")).to_contain_text("Agent 101 is changed.")
    refused = await sign_in_on_agent_page(centre, "101", "80415")
    await expect(refused.get_by_text("Wrong agent number or PIN.")).to_be_visible()
    ignore_http_errors(centre.faults, 401)
    await sign_in_on_agent_page(centre, "101", "27182")
    await expect(row_of(page, "101")).to_contain_text("seat 01")


async def test_weak_pin_is_refused_and_a_file_changed_by_somebody_else_is_not_overwritten(
    centre: CentreWithPages,
) -> None:
    file = centre.folder / "agents.toml"
    page = await centre.sign_in("/board?agents", "#agents-title")
    await page.get_by_role("button", name="Add agent").click()
    await page.get_by_label("Agent number").fill("101")
    await page.get_by_label("PIN", exact=True).select_option("enter")
    await page.get_by_label("New PIN (4 to 12 digits)").fill("1234")
    await page.get_by_label("Repeat the new PIN").fill("1234")
    await page.get_by_role("button", name="Save agent").click()
    await expect(page.get_by_role("status")).to_contain_text("Nothing was saved: this PIN is easy to guess")
    assert not file.exists()
    file.write_text("# somebody else\n", encoding="utf-8")
    await page.get_by_label("PIN", exact=True).select_option("generate")
    await page.get_by_role("button", name="Save agent").click()
    await expect(page.get_by_role("status")).to_contain_text("somebody else has changed the agents meanwhile")
    assert file.read_text(encoding="utf-8") == "# somebody else\n"
    await page.get_by_role("button", name="Save agent").click()
    await expect(page.get_by_role("dialog").locator("output")).to_have_text(re.compile(r"^\d{4,12}$"))
    ignore_http_errors(centre.faults, 409, 422)


async def test_user_who_is_no_supervisor_gets_no_link_to_the_agents(centre: CentreWithPages) -> None:
    page = await centre.sign_in("/board", "#seats-title", name="vikram")
    await expect(page.get_by_role("link", name="Agents", exact=True)).to_have_count(0)
    await page.goto(f"{centre.desk.origin}/board?agents")
    await expect(page.get_by_role("alert").last).to_contain_text("Your role does not allow this")
    ignore_http_errors(centre.faults, 403)


@pytest.mark.parametrize("language", sorted(path.stem for path in (SOURCES / "locales/board").glob("*.ftl")))
async def test_page_of_agents_is_accessible_and_truncates_no_text(centre: CentreWithPages, language: str) -> None:
    page = await centre.sign_in("/board?agents", "#agents-title", language=f"{language}-IN")
    found = await find_accessibility_violations(page)
    await page.locator("section[aria-labelledby=agents-title] button").first.click()
    await page.locator("#agent-number").fill("17")
    await page.locator("#agent-pin").select_option("enter")
    await expect(page.locator(".field .problem")).to_be_visible()
    for width, height in SIZES:
        await page.set_viewport_size({"width": width, "height": height})
        assert not await find_overflowing_elements(page), width
        assert await page.evaluate("document.documentElement.scrollWidth") == width
        found += await find_accessibility_violations(page)
    await page.locator("#agent-number").fill("101")
    await page.locator("#agent-pin").select_option("generate")
    await page.locator(".check button.main").click()
    await page.wait_for_selector("dialog output")
    found += await find_accessibility_violations(page)
    assert_accessible(found)
