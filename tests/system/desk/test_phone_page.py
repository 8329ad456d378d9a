"""The browser phone with a simulated Asterisk: registration, answering, muting and reconnection."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from dialer.desk.agents.phone import ASTERISK_DOWN, TAKEN
from tests.support.agent_desk import AgentDesk, agent_desk
from tests.support.browser import NEEDS_A_BROWSER, close_pages_after, new_page
from tests.support.sip_stand_in import SipStandIn
from tests.support.waiting import HANG_SECONDS

pytestmark = NEEDS_A_BROWSER
MICROPHONE = """
globalThis.peers = [];
globalThis.RTCPeerConnection = class extends RTCPeerConnection {
  constructor(...given) { super(...given); globalThis.peers.push(this); }
};
navigator.mediaDevices.getUserMedia = async () => new AudioContext().createMediaStreamDestination().stream;
"""
SENT = "() => globalThis.peers.at(-1).getSenders().map(({ track }) => [track.enabled, track.readyState]).join()"


@dataclass(slots=True)
class Site:
    """A seat whose phone is a browser."""

    desk: AgentDesk
    switch: SipStandIn
    browser: Browser
    faults: list[str]

    async def page(self) -> Page:
        """Open the page of a signed-in agent."""
        page = await new_page(self.browser, self.faults)
        await page.add_init_script(MICROPHONE)
        await page.goto(f"{self.desk.origin}/agent")
        return page


@pytest_asyncio.fixture(loop_scope="session")
async def site(browser: Browser) -> AsyncIterator[Site]:
    faults: list[str] = []
    switch = SipStandIn()
    async with (
        asyncio.timeout(HANG_SECONDS),
        agent_desk(switch.create_http_router()) as desk,
        close_pages_after(browser),
    ):
        desk.me["phone"] = "browser"
        yield Site(desk, switch, browser, faults)
    assert not faults


async def test_browser_phone_registers_answers_mutes_and_unregisters(site: Site) -> None:
    page = await site.page()
    [first] = await site.switch.wait_for_messages("REGISTER")
    assert "From: <sip:agent04@matdan.invalid>" in first
    assert "Contact: <sip:agent04@" in first
    answer = await site.switch.call("one")
    assert "m=audio" in answer
    assert "a=rtpmap:8 PCMA/8000" in answer
    assert "opus" not in answer
    await expect(page.locator("button.phone.on-call")).to_be_visible()
    await page.get_by_role("button", name="Mute").click()
    assert await page.evaluate(SENT) == "false,live"  # sends silence: a phone that sends no audio is disconnected
    await page.get_by_role("button", name="Mute").click()
    assert await page.evaluate(SENT) == "true,live"
    await page.evaluate("dispatchEvent(new Event('pagehide'))")  # requests sent while a page closes may be lost
    [bye] = await site.switch.wait_for_messages("BYE")
    assert "Call-ID: one" in bye
    assert "expires=0" in (await site.switch.wait_for_messages("REGISTER", 2))[1]
    await page.reload()
    await site.switch.wait_for_messages("REGISTER", 3)
    await site.switch.call("two")


async def test_page_reload_during_a_conversation_keeps_the_call(site: Site) -> None:
    page = await site.page()
    await site.switch.wait_for_messages("REGISTER")
    await site.switch.call("one")
    site.desk.seat("talking", "attempt")
    await expect(page.locator(".state-now.talking")).to_be_visible()
    await page.reload()
    await site.switch.wait_for_messages("REGISTER", 2)
    await site.switch.call("two")
    assert [each for each in site.switch.said if each.startswith("BYE") or "expires=0" in each] == []


async def test_lost_phone_socket_does_not_end_the_call(site: Site) -> None:
    page = await site.page()
    await site.switch.wait_for_messages("REGISTER")
    await site.switch.call("one")
    await expect(page.locator("button.phone.on-call")).to_be_visible()
    await site.switch.lines[0].close(ASTERISK_DOWN)
    await expect(page.get_by_role("alert").filter(has_text="The phone")).to_be_visible()
    await expect(page.locator("button.phone.on-call")).to_be_visible()
    await site.switch.wait_for_messages("REGISTER", 2)
    await expect(page.locator("button.phone.on-call")).to_be_visible()
    # Asterisk has ended the old call while the page was disconnected.
    await site.switch.call("two")
    [bye] = await site.switch.wait_for_messages("BYE")
    assert "Call-ID: one" in bye


async def test_browser_phone_replaced_by_another_page_does_not_reconnect_automatically(site: Site) -> None:
    page = await site.page()
    await expect(page.locator(".state-now")).to_be_visible()  # the page shows that there is no call
    await site.switch.wait_for_messages("REGISTER")
    await page.evaluate("dispatchEvent(new Event('pagehide'))")  # requests sent while a page closes may be lost
    assert "expires=0" in (await site.switch.wait_for_messages("REGISTER", 2))[1]
    await page.clock.install()
    await page.reload()
    await site.switch.wait_for_messages("REGISTER", 3)
    await site.switch.call("one")
    await site.switch.lines[-1].close(TAKEN)
    await expect(page.get_by_text("Another window is now the phone of this seat.")).to_be_visible()
    await page.clock.run_for(60_000)  # JsSIP retries after one second
    assert await page.evaluate("1 + 1") == 2
    assert len(site.switch.lines) == 2
    await page.get_by_role("button", name="Reconnect").click()
    await site.switch.wait_for_messages("REGISTER", 4)
    await expect(page.locator("button.phone.ready")).to_be_visible()


async def test_browser_phone_unknown_to_asterisk_is_reported(site: Site) -> None:
    site.switch.status = 403
    page = await site.page()
    await expect(page.get_by_text("The phone system does not accept this phone.")).to_be_visible()
    site.switch.status = 200
    await page.get_by_role("button", name="Reconnect").click()
    await expect(page.locator("button.phone.ready")).to_be_visible()
