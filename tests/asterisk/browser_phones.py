"""Checks of browser phones: agents' pages in a real Chromium, through the real desk, on a real Asterisk.

They cover audio in both directions, reloads, killed tabs, and the number of phones of a large centre. Chromium's fake
microphone beeps every second, and SIPp's voters send a tone.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import shutil
import socket
import statistics
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, Error, Page, async_playwright
from websockets.asyncio.client import connect
from websockets.typing import Origin, Subprotocol

from dialer.app import RunningCentre, assemble_centre
from dialer.deploy.asterisk.render import render_asterisk_site_files
from dialer.desk.agents.phone import PATH, AgentPhones
from dialer.desk.pages_built import are_pages_built
from dialer.desk.server import serve_pages_of_desk
from dialer.domain.view import CallChange, CallState, Change, SeatState, SeatView
from dialer.mqtt.embedded_broker import run_demo_broker
from dialer.settings.seats import get_sip_password_of_browser_phone
from dialer.settings.site import Settings
from dialer.web.access import DESK_COOKIE, Sessions
from dialer.web.app import make_web_application
from dialer.web.http import create_page_server, open_listening_socket
from dialer.web.people import AGENT, SignedInUser
from dialer.web.protection import PageProtection
from tests.asterisk.packets import PacketWatch
from tests.asterisk.process import IS_MACHINE_FREE, RealAsterisk, find_free_ports
from tests.asterisk.sipp import Sipp, start_carrier
from tests.asterisk.sounds import make_silence, make_tone
from tests.asterisk.web_phone import register_phone
from tests.support.centre import site_settings
from tests.support.desk import PIN, PIN_HASH
from tests.support.scenario import Scenario, fill_numbers
from tests.support.scenario_run import LINES
from tests.support.waiting import HANG_SECONDS

PHONES = 150
RELOADS, KILLS = 30, 10
IN_A_TALK, AT_THE_START = "in a talk", "while a voter is being connected"
RELOAD_MOMENTS = ("at any time", IN_A_TALK, AT_THE_START)
BACK_SECONDS = 1.5  # p95, from the reload to the agent's voice in the conference
LOST_SECONDS = 3.0  # p95, from the kill to a lost seat without a channel
RING_SECONDS = 0.2
CALLS = Scenario.model_validate(
    {
        "about": "voters who answer at once and stay a while",
        "voters": [{"does": "answer", "count": 200, "rings": RING_SECONDS, "stays": 4.0}],
        "expect": {"outcomes": {"connected": 200}},
    }
)
OWN_EXPECTED = "Error sending Response msg 200/BYE"  # to a page that has been closed

HEARING = """
globalThis.peers = [];
globalThis.RTCPeerConnection = class extends RTCPeerConnection {
  constructor(...given) { super(...given); globalThis.peers.push(this); }
};
"""
HEARD = """async () => {
  const peer = globalThis.peers.at(-1);
  const found = peer ? [...(await peer.getStats()).values()].filter((each) => each.type === "inbound-rtp") : [];
  return found.length ? [found[0].packetsReceived ?? 0, found[0].totalAudioEnergy ?? 0] : [0, 0];
}"""
SIGN_IN = """async (given) => (await fetch("/api/agent/sign-in", {
  method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(given),
})).status"""


@dataclass
class CheckReport:
    """The faults and measurements of a check, and whether it could run at all."""

    is_tried: bool = True
    faults: list[str] = field(default_factory=list)
    figures: list[str] = field(default_factory=list)

    def check_percentile(self, what: str, seconds: list[float], most: float) -> None:
        """Add the distribution of durations, and on a free machine a fault if the 95th percentile exceeds `most` (s)."""
        ordered = sorted(seconds)
        p95 = ordered[min(len(ordered) - 1, int(0.95 * len(ordered)))]
        report = f"{what}, {len(ordered)} times: median {statistics.median(ordered):.2f} s, p95 {p95:.2f}, max {ordered[-1]:.2f}"
        self.figures.append(report)
        if p95 > most and IS_MACHINE_FREE:
            self.faults.append(f"{report}; at most {most:g}")


@dataclass
class BrowserSite:
    """A running site: Asterisk, dialler, desk and browser."""

    asterisk: RealAsterisk
    centre: RunningCentre
    origin: str
    browser: Browser
    changes: list[tuple[float, SeatView]] = field(default_factory=list)
    messages: int = 0  # voters who heard the information message
    ringing: asyncio.Event = field(default_factory=asyncio.Event)  # set when a voter's phone rings

    def record_change(self, change: Change) -> None:
        """Store each change of seat 01 with its time, count information messages, and note when a phone rings."""
        if isinstance(change, SeatView) and change.seat == "01":
            self.changes.append((time.monotonic(), change))
        if isinstance(change, CallChange) and change.state is CallState.MESSAGE:
            self.messages += 1
        if isinstance(change, CallChange) and change.state is CallState.RINGING:
            self.ringing.set()

    def seat_state(self) -> SeatState:
        """Return the state of seat 01."""
        return next(each.state for each in self.centre.engine.make_centre_view().seats if each.seat == "01")

    async def open_agent_page(self) -> Page:
        """Open an agent's page, sign in at seat 01, and wait until its phone is connected."""
        context = await self.browser.new_context()
        page = await context.new_page()
        await page.add_init_script(HEARING)
        await page.goto(f"{self.origin}/agent")
        given, status = {"agent": "101", "pin": PIN, "seat": "01", "phone": "browser"}, 0
        async with asyncio.timeout(HANG_SECONDS):
            while status != 204:  # the desk may not be connected to the broker yet
                status = await page.evaluate(SIGN_IN, given)
        await page.reload()
        await self.wait_until(lambda: self.seat_state() in {SeatState.READY, SeatState.RESERVED, SeatState.TALKING})
        return page

    async def wait_until(self, holds: Callable[[], bool]) -> None:
        """Wait until the condition holds. Raises TimeoutError."""
        async with asyncio.timeout(HANG_SECONDS):
            while not holds():
                await asyncio.sleep(0.01)

    async def read_received_audio(self, page: Page) -> tuple[int, float]:
        """Return the number of RTP packets that a page has received, and their audio energy."""
        packets, energy = await page.evaluate(HEARD)
        return packets, energy

    async def has_phone(self) -> bool:
        """Return whether Asterisk has a channel of the phone of seat 01."""
        return "PJSIP/agent01" in await self.asterisk.run_command("core show channels concise")

    def read_end_of_latest_phone_call(self) -> float:
        """Return when the latest call of the phone of seat 01 ended (epoch seconds), as recorded by Asterisk.

        The time at which a check notices the end is no measure: it was up to 20 s late, although Asterisk and the
        dialler had ended the call in time.
        """
        records = [line.split(",") for line in self.asterisk.history.read_text().splitlines()]
        return max(float(record[4]) for record in records if record[0].startswith("seat-01-"))


def make_settings(directory: Path) -> tuple[Settings, int]:
    """Return the settings of a site with browser phones, and the carrier's SIP port."""
    websocket_port, ami_port, agi_port = find_free_ports(3)
    sip_port, carrier_port = find_free_ports(2, socket.SOCK_DGRAM)
    seats: Any = [{"name": f"{n:02d}", "endpoint": f"agent{n:02d}", "webrtc": True} for n in range(1, PHONES + 1)]
    settings = site_settings(
        directory,
        ami_port,
        seats=seats,
        campaign={"wrap_up_seconds": 1, "max_attempts": 1},
        ami={"port": ami_port, "secret": "a-secret-of-the-lab"},
        fastagi={"port": agi_port},
        asterisk={
            "bind_address": "127.0.0.1",
            "sip_port": sip_port,
            "websocket_port": websocket_port,
            "rtp_first_port": 30_000,
            "rtp_last_port": 39_999,
        },
        trunks=[
            {"name": "carrier", "endpoint": "carrier", "host": "127.0.0.1", "port": carrier_port, "channels": 10,
             "calls_per_second": 5, "caller_ids": ["+911140000001"], "qualify_seconds": 0}
        ],
        supervisors=[{"name": "desk", "role": "desk"}],
        desk={"port": 0, "user": "desk"},
        agents=[{"number": "101", "pin": PIN_HASH}],
        broker={"enabled": True},
    )  # fmt: skip
    return settings, carrier_port


@contextlib.asynccontextmanager
async def start_site(settings: Settings, asterisk: RealAsterisk) -> AsyncIterator[BrowserSite]:
    """Run dialler, desk and browser on a running Asterisk for as long as the context lasts."""
    async with contextlib.AsyncExitStack() as stack:
        broker = await stack.enter_async_context(run_demo_broker())
        chance, stop = random.Random(1), asyncio.Event()
        centre = await stack.enter_async_context(
            assemble_centre(settings, chance=chance, profile=LINES, broker=broker.connection_settings)
        )
        desk = await stack.enter_async_context(serve_pages_of_desk(settings, broker=broker.connection_settings))
        running = asyncio.create_task(centre.dial_until_stopped(stop))
        playwright = await stack.enter_async_context(async_playwright())
        browser = await playwright.chromium.launch(
            executable_path=shutil.which("chromium"),
            args=["--no-sandbox", "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"],
        )
        site = BrowserSite(asterisk, centre, desk.origin, browser)
        centre.engine.subscribe_to_changes(site.record_change)
        try:
            await site.wait_until(lambda: centre.engine.make_centre_view().state.switch_up)
            yield site
        finally:
            await browser.close()
            stop.set()
            await running


async def check_browser_phones(program: Path, sipp: Path, directory: Path) -> CheckReport:
    """Run all checks of browser phones (agents' phones in a web page)."""
    report = CheckReport()
    if shutil.which("chromium") is None or not are_pages_built():
        report.is_tried = False
        report.figures.append(
            "browser phones were not tried: no chromium, or the pages are not built (dialer desk pages)"
        )
        return report
    directory = directory / "browsers"
    directory.mkdir()
    settings, carrier_port = make_settings(directory)
    asterisk = RealAsterisk(program, directory / "asterisk")
    asterisk.write_configuration(render_asterisk_site_files(settings, {}))
    (asterisk.directory / "data" / "moh" / "hold.alaw").write_bytes(make_tone(2.0, 330.0))
    for name in ("message", "beep", "silence", "key", "done", "wrong"):
        asterisk.write_sound(f"matdan/{name}", make_silence(0.1))
    (directory / "voter.alaw").write_bytes(make_tone(1.0))
    fill_numbers(settings.store.path, [number for number, _ in CALLS.numbers()])
    carrier, watch = Sipp(sipp, directory, "carrier", carrier_port, (46_000, 49_999)), PacketWatch(carrier_port)
    try:
        await asterisk.start()
        await check_many_phone_registrations(settings, asterisk, report)
        await start_carrier(carrier, CALLS, directory / "voter.alaw")
        watch.start()
        async with start_site(settings, asterisk) as site:
            for check in (partial(check_audio_both_ways, watch=watch), check_page_reloads, check_killed_browser_tabs):
                try:
                    await check(site, report=report)
                except TimeoutError:
                    report.faults.append(f"browser phones: a check timed out after: {report.figures[-1]}")
    finally:
        watch.stop()
        await carrier.stop()
        await asterisk.stop()
    report.faults += [line for line in asterisk.unexpected_log_lines() if OWN_EXPECTED not in line]
    report.figures.append(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors")
    return report


async def check_many_phone_registrations(settings: Settings, asterisk: RealAsterisk, report: CheckReport) -> None:
    """Register the phones of all seats at once, through the desk."""
    who = {f"t{seat.name}": SignedInUser("1", AGENT, seat.name) for seat in settings.seats}

    async def find_signed_in_user(token: str) -> SignedInUser | None:
        return who.get(token)

    async def register_one_phone(seat: Any, origin: str) -> Any:
        page = await connect(
            origin.replace("http", "ws") + PATH,
            origin=Origin(origin),
            subprotocols=[Subprotocol("sip")],
            additional_headers={"cookie": f"{DESK_COOKIE}=t{seat.name}"},
            proxy=None,
        )
        status = await register_phone(page, seat.endpoint, get_sip_password_of_browser_phone(seat, settings.ami.secret))
        if status != 200:
            report.faults.append(f"the phone of seat {seat.name} was answered {status}")
        return page

    app = make_web_application(
        [AgentPhones(settings, find_signed_in_user).create_http_router()],
        Sessions(DESK_COOKIE, find_signed_in_user, find_signed_in_user),
    )
    with open_listening_socket("127.0.0.1", 0) as listener:
        origin = f"http://127.0.0.1:{listener.getsockname()[1]}"
        desk = create_page_server(settings.desk, PageProtection(app, frozenset({origin})))
        serve_pages = asyncio.create_task(desk.serve(sockets=[listener]))
        await desk.open.wait()
        begun = time.monotonic()
        pages = await asyncio.gather(*(register_one_phone(seat, origin) for seat in settings.seats))
        seconds = time.monotonic() - begun
        contacts = (await asterisk.run_command("pjsip show contacts")).count("Contact:  agent")
        report.figures.append(f"{contacts} browser phones registered at once in {seconds:.2f} s")
        if contacts != PHONES:
            report.faults.append(f"{contacts} of {PHONES} browser phones are registered")
        for page in pages:
            await page.close()
        desk.should_exit = True
        await serve_pages


async def check_audio_both_ways(site: BrowserSite, *, watch: PacketWatch, report: CheckReport) -> None:
    """Check on a call that the voter hears the agent's beep, and the page receives the voter's tone."""
    page = await site.open_agent_page()
    _, quiet = await site.read_received_audio(page)
    await site.wait_until(lambda: any(call.delay_milliseconds is not None for call in watch.calls.values()))
    await site.wait_until(lambda: site.seat_state() is SeatState.WRAP_UP)
    _, loud = await site.read_received_audio(page)
    if loud - quiet < 0.01:
        report.faults.append(f"the page did not hear the voter (energy {loud - quiet:g})")
    report.figures.append(f"a call: the voter heard the agent, and the page the voter (energy {loud - quiet:.2f})")
    await page.context.close()
    await site.wait_until(lambda: site.seat_state() is SeatState.LOST)


async def check_page_reloads(site: BrowserSite, *, report: CheckReport) -> None:
    """Measure the time from a reload of the page to its first sound from the conference.

    The page is reloaded at any time, during a talk, and in the moment in which a voter is connected to the seat.
    """
    page, seconds, talks, lost = await site.open_agent_page(), [], 0, dict.fromkeys(RELOAD_MOMENTS, 0)
    for number in range(RELOADS):
        moment, before = RELOAD_MOMENTS[number % len(RELOAD_MOMENTS)], site.messages
        await asyncio.sleep(random.uniform(0.5, 1.5))
        if moment == IN_A_TALK:
            await site.wait_until(lambda: site.seat_state() is SeatState.TALKING)
            await asyncio.sleep(0.5)  # until the page knows of it
        elif moment == AT_THE_START:
            await site.wait_until(lambda: site.seat_state() is SeatState.READY)
            site.ringing.clear()
            async with asyncio.timeout(HANG_SECONDS):
                await site.ringing.wait()
            await asyncio.sleep(RING_SECONDS + random.uniform(-0.1, 0.1))
        talks += site.seat_state() is SeatState.TALKING
        begun = time.monotonic()
        await page.reload(wait_until="commit")
        async with asyncio.timeout(HANG_SECONDS):
            while (await site.read_received_audio(page))[0] < 3:
                await asyncio.sleep(0.02)
        seconds.append(time.monotonic() - begun)
        lost[moment] += site.messages - before
    report.check_percentile("reload to voice", seconds, BACK_SECONDS)
    report.figures.append(f"{talks} of them in a talk; voters who heard the information message: {lost}")
    if sum(lost.values()):
        report.faults.append(f"voters heard the information message because a page was reloaded: {lost}")
    await page.context.close()
    await site.wait_until(lambda: site.seat_state() is SeatState.LOST)


async def check_killed_browser_tabs(site: BrowserSite, *, report: CheckReport) -> None:
    """Measure the time from a killed tab to a lost seat without a channel. No voter may be connected in between."""
    seconds, joined, talks = [], 0, len(site.changes)
    for _ in range(KILLS):
        page = await site.open_agent_page()
        await asyncio.sleep(random.uniform(0.5, 3.0))
        debugger = await page.context.new_cdp_session(page)
        before, begun, begun_at = len(site.changes), time.monotonic(), time.time()
        with contextlib.suppress(Error, TimeoutError):
            async with asyncio.timeout(0.3):
                await debugger.send("Page.crash")
        async with asyncio.timeout(HANG_SECONDS):
            while await site.has_phone() or site.seat_state() not in {SeatState.LOST, SeatState.WRAP_UP}:
                await asyncio.sleep(0.1)
        await site.wait_until(lambda: site.read_end_of_latest_phone_call() > begun_at)  # noqa: B023 - awaited at once
        since = [(at - begun, each.state) for at, each in site.changes[before:]]
        left = next((after for after, state in since if state in {SeatState.LOST, SeatState.WRAP_UP}), 0.0)
        seconds.append(max(left, site.read_end_of_latest_phone_call() - begun_at))
        joined += sum(state is SeatState.TALKING and after > 0.3 for after, state in since)
        await page.context.close()
    report.check_percentile("killed tab to a lost seat without its channel", seconds, LOST_SECONDS)
    talks = sum(each.state is SeatState.TALKING for _, each in site.changes[talks:])
    report.figures.append(f"voters connected to a killed tab: {joined}, of {talks} conversations in that time")
    if joined:
        report.faults.append(f"{joined} voters were connected to a killed tab")
