"""Where the agent's page shows the parts of a call, measured in Chromium: a call needs no scrolling on a usual screen."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page

from tests.support.agent_desk import AgentDesk, agent_desk, voter
from tests.support.browser import NEEDS_A_BROWSER, close_pages_after, new_page

pytestmark = NEEDS_A_BROWSER
HOUSEHOLD = [
    ("Sunita Mohan Kale", "सुनीता मोहन काळे"),
    ("Mohan Ganesh Kale", "मोहन गणेश काळे"),
    ("Prakash Mohan Kale", "प्रकाश मोहन काळे"),
    ("Venkatanarasimha Subrahmanyeswara", "वेंकटनरसिंह सुब्रह्मण्येश्वर"),
    ("Aarti Prakash Kale", "आरती प्रकाश काळे"),
    ("Ganesh Vitthal Kale", "गणेश विठ्ठल काळे"),
]
ANSWERS = ["Yes", "Family member", "Not at home", "Nobody by that name"]
SCRIPT: dict[str, Any] = {
    "name": "polling_day",
    "version": "1",
    "start": "greeting",
    "pages": {
        "greeting": {
            "text": "Hello, this is {centre}. Am I speaking with {voter}?\nThe booth is {booth}, until {closes}.",
            "ask": {"name": "who", "answers": [{"value": each, "label": each, "to": None} for each in ANSWERS]},
            "next": None,
            "closing": False,
        },
    },
}
CALL_PARTS = {
    "the voter's name": ".name",
    "household": ".member",
    "outcomes": ".keypad button",
    "script": ".script",
    "answers of the script": "[aria-labelledby=script-title] button",
    "note": ".note textarea",
    "call buttons": ".dock > .row > button",
}


@pytest_asyncio.fixture(loop_scope="session")
async def desk(browser: Browser) -> AsyncIterator[AgentDesk]:
    async with agent_desk() as desk, close_pages_after(browser):
        yield desk


async def show_call_with_household_of_six(
    desk: AgentDesk, browser: Browser, language: str, width: int, height: int
) -> Page:
    """Open the page in this language and connect a call to a household of six with a script."""
    desk.me["language"] = language
    page = await new_page(browser, [], width, height, f"{language}-IN")
    await page.goto(f"{desk.origin}/agent")
    voters = [voter(number, name, name_local=local) for number, (name, local) in enumerate(HOUSEHOLD)]
    desk.call("attempt-1", voters, script=SCRIPT)
    await page.locator(".name").wait_for()
    return page


async def find_parts_outside(page: Page, width: int, height: int) -> list[str]:
    """Return the parts of the call that are not wholly within the first `height` pixels of the page."""
    found = []
    for part, selector in CALL_PARTS.items():
        boxes = await page.locator(selector).evaluate_all(
            "all => all.map(each => each.getBoundingClientRect().toJSON())"
        )
        assert len(boxes) >= {"household": 6, "outcomes": 12, "call buttons": 3}.get(part, 1), part
        found += [
            f"{part}: {box}"
            for box in boxes
            if box["left"] < 0 or box["top"] < 0 or box["right"] > width or box["bottom"] > height or not box["width"]
        ]
    return found


@pytest.mark.parametrize("language", ["en", "hi"])
async def test_agent_page_shows_a_household_of_six_without_scrolling_on_a_usual_screen(
    desk: AgentDesk, browser: Browser, language: str
) -> None:
    page = await show_call_with_household_of_six(desk, browser, language, 1366, 768)
    assert await find_parts_outside(page, 1366, 768) == []
    heights = await page.locator(".member").evaluate_all("all => all.map(each => each.offsetHeight)")
    assert max(heights) <= 44


@pytest.mark.parametrize("language", ["en", "hi"])
async def test_agent_page_shows_a_household_of_six_after_one_scroll_at_double_zoom(
    desk: AgentDesk, browser: Browser, language: str
) -> None:
    page = await show_call_with_household_of_six(desk, browser, language, 683, 384)
    assert await find_parts_outside(page, 683, 2 * 384) == []


IN_REACH = """() => [...document.querySelectorAll(".keypad button, .dock > .row > button")].filter(each => {
  const { left, top, right, bottom } = each.getBoundingClientRect();
  const isOnTop = each.contains(document.elementFromPoint((left + right) / 2, (top + bottom) / 2));
  return top < innerHeight / 2 || bottom > innerHeight || left < 0 || right > innerWidth || !isOnTop;
}).map(each => each.textContent)"""
TOO_SMALL = """() => [...document.querySelectorAll("button, select, textarea")].filter(each => {
  const { width, height } = each.getBoundingClientRect();
  return each.checkVisibility() && (width < 43.5 || height < 43.5);
}).map(each => each.outerHTML)"""


@pytest.mark.parametrize("language", ["en", "hi"])
async def test_outcomes_and_call_buttons_are_in_reach_of_the_thumb_on_a_phone(
    desk: AgentDesk, browser: Browser, language: str
) -> None:
    page = await show_call_with_household_of_six(desk, browser, language, 360, 740)
    for scrolled in (0, 400, 10_000):
        await page.evaluate(f"scrollTo(0, {scrolled})")
        assert await page.evaluate(IN_REACH) == []
    assert await page.evaluate(TOO_SMALL) == []


async def test_call_buttons_stay_in_place_when_the_hour_field_opens(desk: AgentDesk, browser: Browser) -> None:
    page = await show_call_with_household_of_six(desk, browser, "en", 1366, 768)
    hang_up = page.get_by_role("button", name="Hang up")
    before = await hang_up.bounding_box()
    await page.wait_for_timeout(800)  # the page refuses keys sooner after a call arrives
    await page.keyboard.press("1")
    await page.locator(".chip.said-of").wait_for()
    await page.keyboard.press("3")
    await page.locator(".detail").wait_for()
    assert await hang_up.bounding_box() == before
