"""An agent's whole shift on the page, in English and in Hindi: one walk through all that happens between sign-in and sign-out."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.async_api import Browser, Page, expect

from tests.support.agent_desk import AgentDesk, agent_desk, voter
from tests.support.browser import NEEDS_A_BROWSER, close_pages_after, find_overflowing_elements, new_page
from tests.support.page_texts import read_page_texts

pytestmark = NEEDS_A_BROWSER
SETTLED_MS = 800  # the page refuses keys sooner after a call arrives
STALE_MS = 30_000


class Shift:
    """An agent at the page, and the desk. A restarted desk replaces the earlier one."""

    def __init__(self, desk: AgentDesk, page: Page, texts: dict[str, str]) -> None:
        self.desk, self.page, self.texts = desk, page, texts

    async def call(self, attempt: str, first: int, voters: int = 1, **more: Any) -> None:
        """Connect a call to a household and wait until the page accepts keys."""
        people = [voter(first + index, f"Voter {first + index}") for index in range(voters)]
        self.desk.call(attempt, people, **more)
        await self.page.locator(f".name:has-text('Voter {first}')").wait_for()
        await self.page.clock.run_for(SETTLED_MS)

    async def press(self, *keys: str) -> None:
        for key in keys:
            await self.page.keyboard.press(key)

    async def wait_for_outcome(self, attempt: str) -> dict[str, Any]:
        """Return the values of the call's outcome when the desk has received them."""
        count = 1
        while (found := await self.desk.wait_for_commands("seat-dispose", count))[-1]["attempt_id"] != attempt:
            count = len(found) + 1
        return found[-1]

    async def end_call(self) -> None:
        """End the call and its wrap-up when its outcome is saved and can no longer be undone."""
        await self.page.clock.run_for(self.desk.me["undo_seconds"] * 1000)
        await expect(self.page.locator(".entry")).to_have_count(0)
        self.desk.idle()
        await expect(self.page.locator(".waiting h2")).to_have_text(self.texts["idle-ready"])

    async def click(self, message: str) -> None:
        """Click the button with this text, which may also show its keys."""
        await self.page.get_by_role("button", name=self.texts[message]).first.click()


async def sign_in(shift: Shift) -> None:
    page = shift.page
    await page.fill("input[name=agent]", "17")
    await page.select_option("select[name=seat]", "seat-04")
    await page.fill("input[name=pin]", "2468")
    await shift.click("sign-in")
    await expect(page.locator(".waiting h2")).to_have_text(shift.texts["idle-ready"])


async def talk_to_voters(shift: Shift) -> None:
    """A household, a promised call-back, and an opt-out that is held back while it can be undone."""
    await shift.call("household", 100, voters=3)
    await shift.press("1", "KeyC", "3", "1", "6", "2")
    said = await shift.wait_for_outcome("household")
    assert said["voters"] == [
        {"voter_id": 100, "mark": "voted"},
        {"voter_id": 101, "mark": "not-yet"},
        {"voter_id": 102, "mark": "later", "hour": 16},
    ]
    await shift.end_call()

    await shift.call("call-back", 200)
    await shift.press("NumpadAdd", "6")
    said = await shift.wait_for_outcome("call-back")
    assert said["disposition"] == "call-back"
    assert said["call_back_at"] > shift.desk.clock.now()
    await shift.end_call()

    await shift.call("opt-out", 300)
    await shift.press("9")
    await expect(shift.page.locator(".entry.waiting")).to_contain_text(shift.texts["outcome-opt-out"])
    assert not [values for _, name, values in shift.desk.commands if values.get("attempt_id") == "opt-out" and name]
    await shift.press("Backspace")
    await expect(shift.page.locator(".entry")).to_have_count(0)
    await shift.press("9")
    await shift.click("save-now")
    assert (await shift.wait_for_outcome("opt-out"))["disposition"] == "opt-out"
    await shift.end_call()


async def preview_and_transfer(shift: Shift) -> None:
    """A previewed call is dialled, and its voter is transferred to a supervisor."""
    shift.desk.call("preview", [voter(400, "Voter 400")], "reserved", phone=7)
    shift.desk.seat("reserved", "preview", preview={"until": shift.desk.clock.now() + 60, "auto_dial": False})
    await shift.page.locator(".preview").wait_for()
    await shift.page.clock.run_for(SETTLED_MS)
    await shift.press("Enter")
    assert await shift.desk.wait_for_commands("seat-preview-dial") == [{"attempt_id": "preview"}]
    await shift.call("preview", 400, phone=7)
    await shift.click("do-seat-transfer")
    group = shift.page.locator(".menu:popover-open").get_by_role("group", name=shift.texts["do-seat-transfer"])
    await group.get_by_role("button", name="desk-lead").click()
    assert await shift.desk.wait_for_commands("seat-transfer") == [{"to": "desk-lead", "attempt_id": "preview"}]
    await shift.press("1")
    await shift.wait_for_outcome("preview")
    await shift.end_call()


async def take_a_break(shift: Shift) -> None:
    await shift.click("do-seat-pause")
    await shift.page.locator(".menu:popover-open").get_by_role("button", name=shift.texts["pause-meal"]).click()
    assert await shift.desk.wait_for_commands("seat-pause") == [{"reason": "meal"}]
    shift.desk.idle("paused")
    await expect(shift.page.locator(".waiting h2")).to_have_text(shift.texts["idle-paused"])
    await shift.press("NumpadMultiply", "1")
    assert await shift.desk.wait_for_commands("seat-ready") == [{}]
    shift.desk.idle()
    await expect(shift.page.locator(".waiting h2")).to_have_text(shift.texts["idle-ready"])


async def reload_in_a_call(shift: Shift) -> None:
    await shift.call("reload", 500, voters=2)
    await shift.press("2")
    await shift.page.get_by_label(shift.texts["note"]).fill("after lunch")
    await shift.press("Escape")
    await shift.page.clock.run_for(1_000)  # the draft goes to the desk
    await shift.page.reload()
    await expect(shift.page.locator(".chip.said-of")).to_contain_text(shift.texts["outcome-not-yet"])
    await expect(shift.page.get_by_label(shift.texts["note"])).to_have_value("after lunch")
    await shift.page.clock.run_for(SETTLED_MS)
    await shift.press("1")
    said = await shift.wait_for_outcome("reload")
    assert [each["mark"] for each in said["voters"]] == ["not-yet", "voted"]
    assert shift.desk.notes == {said["note"]: "after lunch"}
    await shift.end_call()


async def work_offline(shift: Shift) -> None:
    """Without a network the outcome stays on the page, and is sent once when the network is back."""
    await shift.call("offline", 600)
    await shift.page.context.set_offline(True)
    shift.desk.silent = True
    shift.desk.seat("talking", "offline")
    await shift.press("4")
    await expect(shift.page.locator(".entry.retrying")).to_contain_text(shift.texts["outcome-will-not"])
    await shift.page.clock.run_for(STALE_MS)
    await expect(shift.page.locator(".stale")).to_contain_text(shift.texts["phone-keys-work"])
    assert not await find_overflowing_elements(shift.page)
    shift.desk.silent = False
    await shift.page.context.set_offline(False)
    await shift.page.clock.run_for(STALE_MS)
    await shift.wait_for_outcome("offline")
    await expect(shift.page.locator(".stale")).to_have_count(0)
    sent = [each for each, _, values in shift.desk.commands if values.get("attempt_id") == "offline"]
    assert len(set(sent)) == 1
    await shift.end_call()


@pytest.mark.parametrize("language", ["en", "hi"])
async def test_agent_works_a_whole_shift(browser: Browser, language: str) -> None:
    texts = read_page_texts(language, "agent")
    faults: list[str] = []
    async with close_pages_after(browser):
        async with agent_desk() as desk:
            desk.me["language"], desk.signed_in = language, False
            page = await new_page(browser, faults, language=f"{language}-IN")
            await page.clock.install()
            await page.goto(f"{desk.origin}/agent")
            shift = Shift(desk, page, texts)
            await sign_in(shift)
            await talk_to_voters(shift)
            await preview_and_transfer(shift)
            await take_a_break(shift)
            await reload_in_a_call(shift)
            await work_offline(shift)
            await shift.call("killed", 700)

        # The desk stops during a call. The outcome stays on the page until a restarted desk has stored it.
        await shift.press("1")
        await expect(page.locator(".entry.retrying")).to_contain_text(texts["outcome-voted"])
        await page.clock.run_for(STALE_MS)
        await expect(page.locator(".stale")).to_contain_text(texts["phone-keys-work"])
        async with agent_desk(port=urlsplit(desk.origin).port or 0) as restarted:
            restarted.me["language"], shift.desk = language, restarted
            restarted.call("killed", [voter(700, "Voter 700")])
            await page.clock.run_for(STALE_MS)
            assert (await shift.wait_for_outcome("killed"))["disposition"] == "voted"
            await expect(page.locator(".stale")).to_have_count(0)
            await shift.end_call()
            await shift.click("do-seat-log-off")
            await page.get_by_role("dialog").get_by_role("button", name=texts["do-seat-log-off"]).click()
            assert await restarted.wait_for_commands("seat-log-off") == [{}]
            restarted.idle("offline")
            await expect(page.locator(".waiting h2")).to_have_text(texts["idle-offline"])
            await shift.click("sign-in")
            await expect(page.locator("input[name=pin]")).to_be_visible()
    assert not [each for each in faults if not each.startswith("Failed to load resource: net::ERR_")]
