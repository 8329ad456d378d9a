"""The browser phone with a simulated Asterisk: registration, answering, muting and reconnection."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from dialer.desk.agents.phone import ASTERISK_DOWN, TAKEN
from tests.support.agent_desk import AgentDesk, agent_desk, voter
from tests.support.browser import (
    NEEDS_A_BROWSER,
    assert_accessible,
    close_pages_after,
    find_accessibility_violations,
    find_overflowing_elements,
    new_page,
)
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
    site.desk.taken = True  # by another page of the seat
    site.desk.page_state.set_value_of_key("ended", "taken")
    [bye] = await site.switch.wait_for_messages("BYE")
    assert "Call-ID: one" in bye
    assert "expires=0" in (await site.switch.wait_for_messages("REGISTER", 2))[1]


async def wait_until_true(page: Page, expression: str) -> None:
    """Wait for an expression in the page. Playwright's own function for this breaks the Content-Security-Policy."""
    async with asyncio.timeout(HANG_SECONDS):
        while not await page.evaluate(expression):
            await page.evaluate("new Promise(requestAnimationFrame)")


DEVICES = """
const asked = [];
const opened = navigator.mediaDevices.getUserMedia;
navigator.mediaDevices.getUserMedia = async given => (asked.push(given.audio), opened());
navigator.mediaDevices.enumerateDevices = async () => [
  { kind: "audioinput", deviceId: "head", label: "Headset" }, { kind: "audiooutput", deviceId: "ear", label: "Earpiece" },
  { kind: "audiooutput", deviceId: "gone", label: "Gone" },
];
globalThis.sinks = [];
HTMLMediaElement.prototype.setSinkId = async id => id === "gone" ? Promise.reject(new DOMException()) : void sinks.push(id);
globalThis.asked = asked;
"""


async def test_headset_is_changed_during_a_conversation(site: Site) -> None:
    page = await new_page(site.browser, site.faults)
    await page.add_init_script(MICROPHONE + DEVICES)
    await page.goto(f"{site.desk.origin}/agent")
    await site.switch.wait_for_messages("REGISTER")
    await site.switch.call("one")
    site.desk.seat("talking", "attempt")
    await expect(page.locator("button.phone.on-call")).to_be_visible()
    before = await page.evaluate("globalThis.before = peers.at(-1).getSenders()[0].track; before.readyState")
    assert before == "live"
    await page.locator("button.phone").click()
    microphone, loudspeaker, _ = await page.locator("#phone-panel select").all()
    await microphone.select_option("head")
    await wait_until_true(page, "peers.at(-1).getSenders()[0].track !== before && before.readyState === 'ended'")
    assert await page.evaluate("asked.at(-1)") == {"deviceId": {"ideal": "head"}}
    await loudspeaker.select_option("ear")
    await wait_until_true(page, "sinks.includes('ear')")
    await loudspeaker.select_option("gone")
    await expect(page.get_by_text("This loudspeaker cannot be used.")).to_be_visible()
    await expect(loudspeaker).to_have_value("ear")
    assert await page.evaluate("localStorage.getItem('phone-speaker')") == "ear"
    assert await page.evaluate(SENT) == "true,live"
    assert not [each for each in site.switch.said if each.startswith("BYE")]


TONES = """
globalThis.tones = [];
OscillatorNode.prototype.start = function () {
  tones.push(this.frequency.value);
  AudioScheduledSourceNode.prototype.start.call(this);
};
"""


async def test_chosen_tone_sounds_once_for_each_call_that_arrives_at_a_browser_phone(site: Site) -> None:
    page = await new_page(site.browser, site.faults)
    await page.add_init_script(MICROPHONE + TONES)
    await page.goto(f"{site.desk.origin}/agent")
    await page.locator("button.phone").click()
    found = await find_accessibility_violations(page)
    await page.get_by_label("Tone when a call arrives").select_option("high tone")
    await wait_until_true(page, "tones.length === 1")  # a sample
    await page.keyboard.press("Escape")
    for number in (1, 2):
        site.desk.call(f"attempt-{number}", [voter(number, f"Voter {number}")])
        await expect(page.locator(".name")).to_contain_text(f"Voter {number}")
        site.desk.call(f"attempt-{number}", [voter(number, f"Voter {number}")], opted_out=True)
        await expect(page.locator(".warn")).to_be_visible()
    await wait_until_true(page, "tones.join() === '880,880,880'")
    assert await page.evaluate("localStorage.getItem('phone-tone')") == "high"
    assert_accessible(found)


STATISTICS = """
globalThis.packets = { lost: 0, received: 0, jitter: 0.005, trip: 0.04 };
RTCPeerConnection.prototype.getStats = async () => new Map([
  ["in", { type: "inbound-rtp", packetsLost: packets.lost, packetsReceived: packets.received, jitter: packets.jitter }],
  ["out", { type: "remote-inbound-rtp", fractionLost: 0, jitter: 0.004, roundTripTime: packets.trip }],
]);
"""
QUALITY: list[tuple[dict[str, float], str, str | None]] = [
    ({"received": 250}, "Voice connection good", None),
    ({"lost": 10, "received": 490}, "Voice connection unstable", "Words may be lost."),
    ({"lost": 60, "received": 690}, "Voice connection poor", "Offer to call back"),
    ({"lost": 60, "received": 940, "trip": 0.9}, "Voice connection poor", "Offer to call back"),
    ({"lost": 60, "received": 1190, "trip": 0.04, "jitter": 0.04}, "Voice connection unstable", "Words may be lost."),
    ({"lost": 59, "received": 1440, "jitter": 0.005}, "Voice connection good", None),
]


async def test_agent_page_shows_poor_voice_quality_and_advises_the_agent(site: Site) -> None:
    page = await new_page(site.browser, site.faults)
    await page.clock.install()
    await page.add_init_script(MICROPHONE + STATISTICS)
    await page.goto(f"{site.desk.origin}/agent")
    await site.switch.wait_for_messages("REGISTER")
    await site.switch.call("one")
    site.desk.seat("talking", "attempt")
    await expect(page.locator("button.phone.on-call")).to_be_visible()
    found = []
    for packets, words, advice in QUALITY:
        await page.evaluate("given => Object.assign(packets, given)", packets)
        await page.clock.run_for(5_000)
        await expect(page.locator("#phone-panel")).to_contain_text(words)
        if advice is None:
            await expect(page.locator(".connection")).to_have_count(0)
        else:
            await expect(page.locator(".connection")).to_contain_text(advice)
            found += await find_accessibility_violations(page)
    await page.locator("button.phone").click()
    await expect(page.locator("#phone-panel")).to_contain_text("Packets lost: 0%, jitter: 5 ms, round trip: 40 ms")
    await page.set_viewport_size({"width": 360, "height": 740})
    widths = await page.locator("#phone-panel select").evaluate_all("all => all.map(each => each.offsetWidth)")
    assert min(widths) > 150  # enough for the name of a headset
    assert not await find_overflowing_elements(page)
    found += await find_accessibility_violations(page)
    site.desk.idle()
    assert_accessible(found)


LOUD = """
navigator.mediaDevices.getUserMedia = async () => {
  await new Promise(clicked => addEventListener("click", clicked, { once: true }));
  const context = new AudioContext(), sound = context.createOscillator(), target = context.createMediaStreamDestination();
  sound.connect(target);
  sound.start();
  await context.resume();
  return target.stream;
};
"""


async def test_agent_page_shows_the_level_of_the_microphone_and_nothing_when_muted(site: Site) -> None:
    page = await new_page(site.browser, site.faults)
    await page.add_init_script(LOUD)
    await page.goto(f"{site.desk.origin}/agent")
    level = "document.querySelector('button.phone meter')?.value"
    await expect(page.locator("button.phone.asking")).to_be_visible()
    await page.mouse.click(5, 5)  # without a real microphone, Chromium starts sound only after a click
    await wait_until_true(page, f"{level} > 0.5")
    await page.get_by_role("button", name="Mute").click()
    await wait_until_true(page, f"{level} === 0")


@pytest.mark.parametrize("state", ["ready", "talking", "wrap-up", "paused"])
async def test_page_reload_keeps_the_call_because_a_voter_may_just_have_been_connected(site: Site, state: str) -> None:
    page = await site.page()
    await site.switch.wait_for_messages("REGISTER")
    await site.switch.call("one")
    site.desk.seat(state, "attempt")
    await expect(page.locator(f".state-now.{state}")).to_be_visible()
    await page.evaluate("dispatchEvent(new Event('pagehide'))")  # requests sent while a page closes may be lost
    await page.reload()
    await site.switch.wait_for_messages("REGISTER", 2)
    await site.switch.call("two")
    assert [each for each in site.switch.said if each.startswith("BYE") or "expires=0" in each] == []


async def test_lost_websocket_of_the_browser_phone_does_not_end_the_call(site: Site) -> None:
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
    await site.switch.wait_for_messages("REGISTER")
    await page.clock.install()
    await page.reload()
    await site.switch.wait_for_messages("REGISTER", 2)
    await site.switch.call("one")
    await site.switch.lines[-1].close(TAKEN)
    await expect(page.get_by_text("This seat now uses the phone in another window.")).to_be_visible()
    await page.clock.run_for(60_000)  # JsSIP retries after one second
    assert await page.evaluate("1 + 1") == 2
    assert len(site.switch.lines) == 2
    await page.get_by_role("button", name="Reconnect").click()
    await site.switch.wait_for_messages("REGISTER", 3)
    await expect(page.locator("button.phone.ready")).to_be_visible()


async def test_browser_phone_unknown_to_asterisk_is_reported(site: Site) -> None:
    site.switch.status = 403
    page = await site.page()
    await expect(page.get_by_text("The phone system does not accept this phone.")).to_be_visible()
    site.switch.status = 200
    await page.get_by_role("button", name="Reconnect").click()
    await expect(page.locator("button.phone.ready")).to_be_visible()
