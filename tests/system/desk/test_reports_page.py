"""The reports page in Chromium: the filter in the address, sorting, files, sizes of window, languages and accessibility."""

from __future__ import annotations

import contextlib
import csv
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from dialer.desk.pages_built import SOURCES
from dialer.desk.server import OpenDesk, serve_pages_of_desk
from dialer.mqtt.embedded_broker import run_demo_broker
from tests.support.browser import (
    NEEDS_A_BROWSER,
    SIZES,
    assert_accessible,
    close_pages_after,
    find_accessibility_violations,
    find_overflowing_elements,
    measure_page_bytes,
    new_page,
    sign_in,
)
from tests.support.desk import PASSWORD, desk_settings, set_passwords
from tests.support.report_store import HOUR, NOON, HandFilled
from tests.support.seats import CHEAP

MOST_PAGE_BYTES = 80_000
DAY = "from=2026-04-22&to=2026-04-22"

pytestmark = NEEDS_A_BROWSER


@dataclass(slots=True)
class Site:
    """A desk whose store has known calls, and a browser."""

    desk: OpenDesk
    browser: Browser
    faults: list[str]

    async def reports(self, chosen: str = "", name: str = "asha", **how: Any) -> Page:
        """Sign in and open the reports with a filter."""
        page = await new_page(self.browser, self.faults, **how)
        await page.goto(f"{self.desk.origin}/reports#{chosen}")
        await sign_in(page, name, PASSWORD)
        await page.wait_for_selector(".filter")
        return page


@pytest_asyncio.fixture(loop_scope="session")
async def site(browser: Browser, tmp_path: Path) -> AsyncIterator[Site]:
    store = HandFilled(tmp_path / "centre.db")
    with contextlib.closing(store.db):
        fill_store_with_calls(store)
    settings = desk_settings(store.path)
    async with contextlib.AsyncExitStack() as stack:
        broker = await stack.enter_async_context(run_demo_broker())
        await set_passwords(settings, "asha", "vikram")
        desk = await stack.enter_async_context(
            serve_pages_of_desk(settings, broker=broker.connection_settings, hasher=CHEAP)
        )
        await stack.enter_async_context(close_pages_after(browser))
        faults: list[str] = []
        yield Site(desk, browser, faults)
        assert not faults


def fill_store_with_calls(store: HandFilled) -> None:
    """Add calls of two campaigns in several hours of two days, and an agent's log-in."""
    store.answered(1, NOON - 24 * HOUR)
    for state, start, seconds in (("ready", -2, 3000), ("talking", -1, 2000), ("paused", 0, 900)):
        store.seat(state, NOON + start * HOUR, seconds)
    store.db.execute("UPDATE seat_interval SET reason = 'meal' WHERE state = 'paused'")
    for hour in range(-2, 6):
        for call in range(hour + 3):
            at = NOON + hour * HOUR + call
            store.answered(1 + call, at, disposition=("voted", "not-yet", "later")[call % 3])
            store.attempt(20 + call, at + 60)
    grounds = {"verdict": "allowed", "profile": "india", "zones": "Asia/Kolkata", "consent": "unknown"}
    store.insert("lawful", {"lawful_id": 1, "digest": "d", "grounds": json.dumps(grounds)})
    store.db.execute("UPDATE attempt SET lawful_id = 1, gap_seconds = 7200")
    for phone, attempts, due_at in ((1, 0, 0.0), (2, 1, NOON), (3, 2, NOON + 1e9)):
        store.insert("target", {"campaign_id": "agents", "phone_id": phone, "attempts": attempts, "due_at": due_at})
    store.attempt(40, NOON, outcome="abandoned", answered_at=NOON + 9)
    store.attempt(41, NOON + HOUR, campaign="ivr", outcome="busy", technical_cause="486")


async def read_rows(page: Page, report: str) -> list[list[str]]:
    """Return the cells of a shown report, row by row, without its total."""
    table = page.locator(f"section[aria-labelledby={report}-title] .scrolls tbody tr")
    await expect(table.first).to_be_visible()
    rows: list[list[str]] = await table.evaluate_all(
        "rows => rows.map(row => [...row.children].map(cell => cell.textContent))"
    )
    return rows


async def test_filter_of_the_reports_is_in_the_link_and_survives_a_reload(site: Site) -> None:
    page = await site.reports(f"view=campaigns&{DAY}")
    assert {row[0] for row in await read_rows(page, "hours")} == {"agents", "ivr"}
    await page.get_by_role("combobox", name="Campaign").select_option("ivr")
    await expect(page.locator("section[aria-labelledby=hours-title] .scrolls tbody tr")).to_have_count(1)
    assert await page.evaluate("location.hash") == "#view=campaigns&from=2026-04-22&to=2026-04-22&campaign=ivr"
    await page.reload()
    assert [row[:4] for row in await read_rows(page, "hours")] == [["ivr", "2026-04-22", "13:00", "1"]]
    await expect(page.get_by_label("From", exact=True)).to_have_value("2026-04-22")
    await expect(page.get_by_role("combobox", name="Campaign")).to_have_value("ivr")
    await page.get_by_role("button", name="Today").click()
    await expect(page.locator("section[aria-labelledby=hours-title]")).to_contain_text("No records for this filter")
    assert await page.evaluate("location.hash") == "#view=campaigns&campaign=ivr"


async def test_downloaded_report_has_the_rows_shown_in_the_table(site: Site, tmp_path: Path) -> None:
    page = await site.reports(f"view=campaigns&{DAY}&campaign=agents")
    shown = await read_rows(page, "hours")
    async with page.expect_download() as started:
        await (
            page.get_by_role("group", name="Download the report: Calls by hour")
            .get_by_role("button", name="Download as CSV")
            .click()
        )
    file = await started.value
    assert file.suggested_filename.startswith("hours-")
    await file.save_as(tmp_path / "hours.csv")
    with (tmp_path / "hours.csv").open(encoding="utf-8", newline="") as written:
        rows = [*csv.DictReader(written)]
    assert [(row["day"], row["hour"], row["attempts"]) for row in rows] == [(row[1], row[2], row[3]) for row in shown]


async def test_report_table_is_sorted_by_its_headings_with_the_keyboard(site: Site) -> None:
    page = await site.reports(f"view=campaigns&{DAY}&campaign=agents")
    calls = [int(row[3]) for row in await read_rows(page, "hours")]
    heading = page.locator("section[aria-labelledby=hours-title] .scrolls th", has_text="Calls")
    await heading.get_by_role("button").focus()
    await page.keyboard.press("Enter")
    await expect(heading).to_have_attribute("aria-sort", "descending")
    assert [int(row[3]) for row in await read_rows(page, "hours")] == sorted(calls, reverse=True)
    await page.keyboard.press("Enter")
    await expect(heading).to_have_attribute("aria-sort", "ascending")
    assert [int(row[3]) for row in await read_rows(page, "hours")] == sorted(calls)


async def test_opened_call_on_the_reports_page_shows_the_checks_of_the_calling_rules(site: Site) -> None:
    page = await site.reports(f"view=calls&{DAY}&agent=a1&disposition=voted")
    rows = page.locator("section[aria-labelledby=calls-title] tbody tr:not([hidden])")
    await expect(rows).to_have_count(15)
    opened = rows.first.get_by_role("button")
    await opened.focus()
    await page.keyboard.press("Enter")
    await expect(opened).to_have_attribute("aria-expanded", "true")
    history = page.locator(".history")
    await expect(history).to_contain_text("Asia/Kolkata")
    await expect(history).to_contain_text("allowed")
    await expect(history).to_contain_text("Connected to an agent")
    found = await find_accessibility_violations(page)
    await page.get_by_role("combobox", name="Outcome").select_option("later")
    await expect(rows).to_have_count(9)
    assert "disposition=later" in await page.evaluate("location.hash")
    await page.reload()
    await expect(rows).to_have_count(9)
    viewer = await site.reports(name="vikram")
    await expect(viewer.get_by_role("link", name="Calls", exact=True)).to_have_count(0)
    assert_accessible(found)


@pytest.mark.parametrize("language", sorted(path.stem for path in (SOURCES / "locales/reports").glob("*.ftl")))
async def test_reports_page_is_accessible_and_truncates_no_text(site: Site, language: str) -> None:
    page = await site.reports(DAY, language=f"{language}-IN")
    await expect(page.locator("html")).to_have_attribute("lang", language)
    found: list[Any] = []
    for view in await page.locator("header nav a").evaluate_all("links => links.map(link => link.href)"):
        await page.goto(view)
        await page.wait_for_selector(".scrolls tbody tr")
        for width, height in SIZES:
            await page.set_viewport_size({"width": width, "height": height})
            assert not await find_overflowing_elements(page), (view, width)
            found += await find_accessibility_violations(page)
    assert_accessible(found)


async def test_size_of_the_reports_page_is_within_the_limit(site: Site) -> None:
    page = await site.reports(DAY)
    address = f"{site.desk.origin}/reports#{DAY}"
    await page.goto("about:blank")  # otherwise the address with another # does not load the page again
    assert await measure_page_bytes(page, address, ".scrolls tbody tr") <= MOST_PAGE_BYTES


async def test_reports_page_and_board_link_to_each_other(site: Site) -> None:
    page = await site.reports(DAY)
    await page.get_by_role("link", name="Supervisors' board").click()
    await page.get_by_role("link", name="Reports").click()
    await page.wait_for_selector(".filter")
