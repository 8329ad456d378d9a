"""The users page in Chromium with a real broker: add, change and remove users, passwords and passkeys."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from dialer.desk.pages_built import SOURCES
from dialer.desk.server import OpenDesk, serve_pages_of_desk
from dialer.domain.clock import SystemClock
from dialer.engine.campaigns.commands import StopAll
from dialer.engine.users.service import Users
from dialer.mqtt.embedded_broker import run_demo_broker
from dialer.mqtt.link import Presence
from dialer.mqtt.messages import create_outbox_row_of_result
from dialer.mqtt.monitor import Monitor
from dialer.site.broker import list_users_who_may_send_commands
from dialer.site.plan import list_users_in_settings
from dialer.store.store import open_store
from tests.support.browser import (
    NEEDS_A_BROWSER,
    SIZES,
    assert_accessible,
    close_pages_after,
    find_accessibility_violations,
    find_overflowing_elements,
    new_page,
    sign_in,
    sign_out,
)
from tests.support.desk import PASSWORD, desk_settings, set_passwords
from tests.support.fake_centre import centre_view, change_state
from tests.support.seats import CHEAP
from tests.support.stored import query_store
from tests.support.table_engine import TableEngine

NEW = "kettle-orbit-saffron"
LANGUAGES = sorted(path.stem for path in (SOURCES / "locales/board").glob("*.ftl"))

pytestmark = NEEDS_A_BROWSER


@dataclass(slots=True)
class Site:
    """A centre with a desk, and a browser."""

    engine: TableEngine
    desk: OpenDesk
    browser: Browser
    faults: list[str]
    store: Path

    async def page(self, path: str = "/board", **how: Any) -> Page:
        """Open the sign-in page at the machine's host name."""
        page = await new_page(self.browser, self.faults, **how)
        await page.goto(f"http://localhost:{self.desk.port}{path}")
        return page

    async def account(self, name: str = "asha", password: str = PASSWORD, **how: Any) -> Page:
        """Sign in and open the user's account page."""
        page = await self.page("/board?account", **how)
        await sign_in(page, name, password)
        await page.wait_for_selector("#own-password-title")
        return page


async def choose_action(page: Page, name: str, what: str) -> None:
    """Open a user's menu and choose an action."""
    await page.get_by_role("row", name=name).get_by_role("button").click()
    await page.locator(".menu:popover-open").get_by_role("button", name=what).click()


async def confirm(page: Page) -> None:
    await page.get_by_role("dialog").locator("button.main").click()


@pytest_asyncio.fixture(loop_scope="session")
async def site(browser: Browser, tmp_path: Path) -> AsyncIterator[Site]:
    store_path, clock = tmp_path / "centre.db", SystemClock()
    settings = desk_settings(store_path)
    faults: list[str] = []
    async with contextlib.AsyncExitStack() as stack:
        broker = await stack.enter_async_context(run_demo_broker())
        store = await open_store(store_path, encode=create_outbox_row_of_result)
        stack.push_async_callback(store.close)
        users = Users(store, clock, lambda: list_users_in_settings(settings))
        engine = TableEngine(users, change_state(centre_view(seats=2, booths=2), at=clock.now()))
        await set_passwords(settings, "asha", "vikram")
        stop = asyncio.Event()
        senders = list_users_who_may_send_commands(settings, users.roles, private_broker=True)
        monitor = Monitor(Presence("pune-1", broker.connection_settings, clock), engine, store, senders)
        running = asyncio.create_task(monitor.publish_and_receive_until_stopped(stop))
        desk = await stack.enter_async_context(
            serve_pages_of_desk(settings, broker=broker.connection_settings, hasher=CHEAP)
        )
        await stack.enter_async_context(close_pages_after(browser))
        yield Site(engine, desk, browser, faults, store_path)
        stop.set()
        await running
    assert not faults


async def test_user_is_added_signs_in_sends_commands_and_is_removed(site: Site) -> None:
    page = await site.account()
    await page.fill("#users-title >> xpath=../.. >> input[name=name]", "meena")
    await page.select_option("select[name=role]", "supervisor")
    await page.get_by_role("button", name="Add user").click()
    await expect(page.get_by_role("dialog")).to_contain_text("meena can sign in with the role supervisor")
    await confirm(page)
    once = str(await page.locator("output.made").text_content())
    await page.get_by_role("dialog").get_by_role("button", name="Close this window").click()
    await expect(page.locator("output.made")).to_have_count(0)
    row = page.get_by_role("row", name="meena")
    await expect(row).to_contain_text("one-time password")

    hers = await site.page()
    await sign_in(hers, "meena", once)
    await expect(hers.get_by_role("alert")).to_have_text(
        "This password was valid for one sign-in only. Choose a new password now."
    )
    await hers.fill("input[name=new]", NEW)
    await hers.press("input[name=new]", "Enter")
    await hers.get_by_role("button", name="Stop all campaigns").click()
    await confirm(hers)
    await expect(hers.get_by_role("status")).to_have_text("Command carried out: done: StopAll")
    assert site.engine.executed == [StopAll()]

    await choose_action(page, "meena", "Change role of the user")
    await page.get_by_role("dialog").locator("select").select_option("viewer")
    await confirm(page)
    await expect(page.get_by_role("status")).to_have_text("Command carried out: meena has the role viewer")
    await expect(hers.locator("input[name=password]")).to_be_visible()  # signed out without a reload
    await sign_in(hers, "meena", NEW)
    await hers.wait_for_selector(".seat-card")
    assert await hers.get_by_role("button", name="Stop all campaigns").count() == 0
    await choose_action(page, "meena", "Sign out the user everywhere")
    await confirm(page)
    await expect(hers.locator("input[name=password]")).to_be_visible()
    await choose_action(page, "meena", "Remove")
    await confirm(page)
    await expect(page.get_by_role("status")).to_have_text("Command carried out: meena is removed")
    await expect(row).to_have_count(0)
    await sign_in(hers, "meena", NEW)
    await expect(hers.get_by_role("alert")).to_have_text("Wrong name or password.")
    site.faults.clear()  # the browser logs each refusal
    done = query_store(site.store, "SELECT kind, who FROM audit WHERE kind LIKE 'user-%' ORDER BY number")
    assert done == [(f"user-{what}", "asha") for what in ("set", "password", "set", "remove")]


async def test_user_changes_own_password_and_cannot_edit_users_of_the_settings_file(site: Site) -> None:
    page = await site.account()
    form = page.locator("form.fields", has=page.locator("input[name=new]"))
    await form.locator("input[name=password]").fill(PASSWORD)
    await form.locator("input[name=new]").fill(NEW)
    await form.get_by_role("button", name="Change password").click()
    await expect(page.get_by_role("status")).to_contain_text("Password changed")
    await page.get_by_role("row", name="vikram").get_by_role("button").click()
    assert await page.locator(".menu:popover-open button").all_text_contents() == ["Sign out the user everywhere"]
    await page.keyboard.press("Escape")
    await page.get_by_role("link", name="Supervisors' board").click()
    await page.wait_for_selector(".seat-card")
    watcher = await site.account("vikram")
    assert await watcher.locator("#users-title").count() == 0  # a viewer sees only the own account


async def test_user_creates_a_passkey_signs_in_and_removes_the_passkey_on_the_page(site: Site) -> None:
    """The authenticator is Chromium's virtual one."""
    page = await site.account()
    session = await page.context.new_cdp_session(page)
    await session.send("WebAuthn.enable")
    device = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
        "automaticPresenceSimulation": True,
    }
    made = await session.send("WebAuthn.addVirtualAuthenticator", {"options": device})
    form = page.locator("form.fields", has=page.get_by_role("button", name="Create a passkey"))
    await form.locator("input[name=password]").fill(PASSWORD)
    await form.get_by_role("button").click()
    await expect(page.get_by_role("status")).to_have_text("Passkey created. You can now sign in with it.")
    await expect(page.get_by_role("listitem").filter(has_text="not used yet")).to_be_visible()
    await expect(page.get_by_role("row", name="asha")).to_contain_text("password")
    for _ in range(2):
        await sign_out(page)
        await page.get_by_role("button", name="Sign in with a passkey").click()
        await expect(page.get_by_role("listitem").filter(has_text="last used")).to_be_visible()
    await expect(page.get_by_role("row", name="asha")).to_contain_text("password chosen by the user, passkey set up")

    # Without user verification the passkey is refused.
    verified = {"authenticatorId": made["authenticatorId"], "isUserVerified": False}
    await session.send("WebAuthn.setUserVerified", verified)
    await sign_out(page)
    await page.get_by_role("button", name="Sign in with a passkey").click()
    await expect(page.get_by_role("alert")).to_have_text("No passkey was selected.")
    await session.send("WebAuthn.setUserVerified", {**verified, "isUserVerified": True})
    await page.get_by_role("button", name="Sign in with a passkey").click()
    await page.locator("li", has_text="last used").get_by_role("button", name="Remove").click()
    await confirm(page)
    await expect(page.locator("li", has_text="last used")).to_have_count(0)
    await sign_out(page)
    await page.get_by_role("button", name="Sign in with a passkey").click()
    told = "This passkey is not valid here. Sign in with your password."
    await expect(page.get_by_role("alert")).to_have_text(told)
    site.faults.clear()  # the browser logs each 401


@pytest.mark.parametrize("language", LANGUAGES)
async def test_users_page_is_accessible_and_truncates_no_text(site: Site, language: str) -> None:
    page = await site.account(language=f"{language}-IN")
    await page.get_by_role("row", name="vikram").wait_for()
    found: list[Any] = []
    for width, height in SIZES:
        await page.set_viewport_size({"width": width, "height": height})
        assert not await find_overflowing_elements(page), width
        found += await find_accessibility_violations(page)
    assert_accessible(found)
