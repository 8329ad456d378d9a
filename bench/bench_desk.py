"""Screen pops: milliseconds from the engine's update to the agent's page, with 100 agents and 20 boards connected.

    python -m bench.bench_desk [--quick | --smoke]

Mosquitto and `dialer desk serve` run as separate processes; this process reads a stream of server-sent events for each
page. A fake engine publishes only states of seats and calls. The store has the calls, each number with ten earlier calls
and a mark. The time runs from the engine's update until this process has read the event: it includes broker, desk and
store, but not the engine's own work after the answer. If Chromium is installed, four agents' pages run in it and get a
fifth of the calls; their time ends when the browser has painted the screen pop. The minimum is a message of the same
length through the broker and back, sent shortly after each update.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import statistics
import tempfile
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

import aiomqtt
from playwright.async_api import Browser, Page

from bench.common import HANG_SECONDS, Size, add_size_options, cpu_seconds_of, print_progress, record, wait_until
from bench.desk_site import (
    CAMPAIGN,
    CENTRE,
    read_events,
    seat_name,
    set_board_passwords,
    sign_agent_in,
    sign_board_in,
    site_lines,
    start_desk,
)
from dialer.cli.logs import configure_quiet_logging
from dialer.domain.clock import SystemClock
from dialer.domain.enums import SupervisorRole
from dialer.domain.view import CallChange, CallState, ScreenPop, SeatState, SeatView
from dialer.mqtt.commands.senders import Sender, Senders
from dialer.mqtt.embedded_broker import BrokerKind, run_demo_broker
from dialer.mqtt.link import Presence
from dialer.mqtt.messages import create_outbox_row_of_result
from dialer.mqtt.monitor import Monitor
from dialer.store.connection import open_store_exclusively
from dialer.store.store import open_store
from tests.support.browser import CHROMIUM, new_page, run_chromium
from tests.support.desk import PIN
from tests.support.fake_centre import FakeEngine, centre_view
from tests.support.roll_filler import fill_roll
from tests.support.seats import CHEAP

POPS_PER_SECOND = 5.0  # three times the rate of a hundred agents
EARLIER_CALLS = 10
TO_BROWSERS = 5  # every fifth call goes to a browser
WATCH = """() => {
  window.painted = [];
  let shown = "";
  new MutationObserver(() => {
    const now = document.querySelector(".facts")?.textContent ?? "";
    if (now === shown) return;
    shown = now;
    if (now) requestAnimationFrame(() => setTimeout(() => painted.push(Date.now() / 1000)));
  }).observe(document.body, { subtree: true, childList: true, characterData: true });
}"""
"""Records when a screen pop has been painted: a timeout set in a frame callback runs after that frame."""


@dataclass(frozen=True, slots=True)
class Extent:
    """How many pages the bench connects, and how many screen pops it sends."""

    agents: int
    boards: int
    painted: int  # agents whose page runs in a browser
    pops: int


def main() -> None:
    """Run the bench and print its rows."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_size_options(parser, "10 seconds instead of 60")
    size: Size = parser.parse_args().size
    extent = Extent(
        agents=size.pick(100, 100, 6),
        boards=size.pick(20, 20, 1),
        painted=size.pick(4, 4, 1) if CHROMIUM else 0,
        pops=int(size.pick(60.0, 10.0, 1.2) * POPS_PER_SECOND),
    )
    configure_quiet_logging()
    with tempfile.TemporaryDirectory() as directory:
        waits, painted, limit, cpu = asyncio.run(_run(Path(directory), extent))
    print(
        f"{extent.agents} agents, {extent.boards} boards, {len(waits)} screen pops at {POPS_PER_SECOND:g}/s;"
        f" CPU of the desk {cpu:.1%} of a core"
    )
    figures = [("CPU of the desk, of a core", f"{cpu:.1%}", "")]
    for what, row in (("to the page", waits), ("painted", painted), ("through the broker only", limit)):
        if not row:
            continue  # no browser is installed
        row.sort()
        p99 = row[min(len(row) - 1, int(len(row) * 0.99))]
        print(f"{what:>26}: p50 {statistics.median(row) * 1e3:6.1f} ms, p99 {p99 * 1e3:6.1f}, max {row[-1] * 1e3:6.1f}")
        shown = f"{statistics.median(row) * 1e3:.1f} / {p99 * 1e3:.0f}"
        figures.append((f"screen pop {what}, ms at p50 / p99", shown, "30 / 200" if what == "painted" else ""))
    record("desk", figures)


async def _run(folder: Path, extent: Extent) -> tuple[list[float], list[float], list[float], float]:
    store_path = folder / "centre.db"
    voters = _fill_store(store_path, extent.pops)
    engine = FakeEngine(_make_view(extent.agents))
    roles = {"desk": SupervisorRole.DESK, "asha": SupervisorRole.SUPERVISOR}
    senders = Senders([Sender(name, frozenset({role})) for name, role in roles.items()])
    async with AsyncExitStack() as stack:
        broker = await stack.enter_async_context(run_demo_broker(BrokerKind.MOSQUITTO))
        store = await open_store(store_path, encode=create_outbox_row_of_result)
        stack.push_async_callback(store.close)
        stop = asyncio.Event()
        monitor = Monitor(Presence(CENTRE, broker.connection_settings, SystemClock()), engine, store, senders)
        running = asyncio.create_task(monitor.publish_and_receive_until_stopped(stop))
        config = _write_settings(folder, store_path, broker.port, extent.agents)
        await set_board_passwords(config)
        desk, origin = await start_desk(config)
        try:
            async with Echo(broker.connection_settings.host, broker.port) as echo:
                waits, painted, cpu = await _measure(engine, desk.pid, origin, voters, extent, echo)
            return waits, painted, echo.waits, cpu
        finally:
            desk.terminate()
            await desk.wait()
            stop.set()
            await running


class Echo:
    """Measures the time of messages through the broker and back."""

    def __init__(self, host: str, port: int) -> None:
        self.waits: list[float] = []
        self._client = aiomqtt.Client(host, port)
        self._sent_at = 0.0
        self._receiving: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        await self._client.__aenter__()
        await self._client.subscribe("echo", qos=0)
        self._receiving = asyncio.create_task(self._receive())
        return self

    async def __aexit__(self, *problem: object) -> None:
        assert self._receiving is not None
        self._receiving.cancel()
        await self._client.__aexit__(None, None, None)

    async def send(self) -> None:
        """Send a message."""
        self._sent_at = time.perf_counter()
        await self._client.publish("echo", b"x" * 600, qos=0)

    async def _receive(self) -> None:
        async for _ in self._client.messages:
            self.waits.append(time.perf_counter() - self._sent_at)


async def _measure(
    engine: FakeEngine, desk: int, origin: str, voters: dict[int, tuple[int, ...]], extent: Extent, echo: Echo
) -> tuple[list[float], list[float], float]:
    async with AsyncExitStack() as stack:
        browser = await stack.enter_async_context(run_chromium()) if extent.painted else None
        numbers = range(1, extent.painted + 1)
        pages = [await _browser_page(browser, origin, number) for number in numbers] if browser else []
        return await _measure_with(pages, engine, desk, origin, voters, extent, echo)


async def _measure_with(
    pages: list[Page],
    engine: FakeEngine,
    desk: int,
    origin: str,
    voters: dict[int, tuple[int, ...]],
    extent: Extent,
    echo: Echo,
) -> tuple[list[float], list[float], float]:
    received: dict[str, float] = {}  # by attempt
    print_progress(f"{extent.boards} boards and {extent.agents} agents sign in")
    streams = [
        asyncio.create_task(read_events(origin, await sign_board_in(origin, number), "/api/board/events", {}))
        for number in range(extent.boards)
    ]
    for number in range(len(pages) + 1, extent.agents + 1):
        token = await sign_agent_in(origin, number)
        streams.append(asyncio.create_task(read_events(origin, token, "/api/agent/events", received)))
    await asyncio.sleep(2.0)
    published: dict[str, float] = {}
    painting: list[tuple[int, float]] = []  # page, epoch second
    chance = random.Random(1)
    print_progress(f"{extent.pops} screen pops")
    cpu, began = cpu_seconds_of(desk), time.perf_counter()
    for number in range(extent.pops):
        turn = number // TO_BROWSERS
        by_browser = bool(pages) and number % TO_BROWSERS == 0
        place = turn % len(pages) if by_browser else len(pages) + number % (extent.agents - len(pages))
        seat = engine.current.seats[place]
        attempt = _attempt_id(number)
        reserved = replace(seat, state=SeatState.RESERVED, attempt_id=attempt, since=time.time())
        engine.tell(reserved)
        for _ in range(5):
            call = CallChange(CAMPAIGN, f"ringing-{number}", CallState.RINGING, time.time())
            engine.tell(call)
        await asyncio.sleep(0.003)
        phone = number + 1
        pop = ScreenPop(attempt, phone, voters[phone][0], 1, voters[phone], opted_out=False, grounds=None)
        if by_browser:
            painting.append((place, time.time()))
        else:
            published[attempt] = time.perf_counter()
        engine.tell(replace(reserved, screen_pop=pop))
        asyncio.get_running_loop().call_later(
            0.3, engine.tell, replace(reserved, state=SeatState.TALKING, screen_pop=pop)
        )
        await asyncio.sleep(0.05)
        await echo.send()
        await asyncio.sleep(chance.uniform(0.5, 1.5) / POPS_PER_SECOND - 0.05)
    wall = time.perf_counter() - began
    await asyncio.sleep(1.0)
    used = cpu_seconds_of(desk) - cpu
    await wait_until("every screen pop has arrived", lambda: published.keys() <= received.keys())
    for stream in streams:
        stream.cancel()
    painted = []
    for place, page in enumerate(pages):
        painted.append(await _wait_until_painted(page, [at for shown, at in painting if shown == place]))
    seen: list[float] = []
    for place, at in painting:
        seen.append(next(each for each in painted[place] if each >= at) - at)
    return [received[attempt] - at for attempt, at in published.items()], seen, used / wall


async def _wait_until_painted(page: Page, published: list[float]) -> list[float]:
    """Return when the page painted screen pops, once it has painted one after the last of `published` (epoch seconds)."""
    painted: list[float] = []
    until = time.monotonic() + HANG_SECONDS
    while published and not (painted and painted[-1] >= published[-1]):
        if time.monotonic() >= until:
            raise TimeoutError(f"waited {HANG_SECONDS:g} s until a browser painted its last screen pop")
        painted = await page.evaluate("painted")
        await asyncio.sleep(0.1)
    return painted


async def _browser_page(browser: Browser, origin: str, number: int) -> Page:
    """Open an agent's page, sign in and wait until it is ready for calls."""
    page = await new_page(browser, [])
    await page.goto(f"{origin}/agent")
    await page.fill("input[name=agent]", str(number))
    await page.fill("input[name=pin]", PIN)
    await page.fill("input[name=seat]", seat_name(number))
    await page.press("input[name=pin]", "Enter")
    await page.locator(".waiting").wait_for()
    await page.evaluate(WATCH)
    return page


def _attempt_id(number: int) -> str:
    return f"00000000-0000-4000-8000-{number:012}"


def _make_view(agents: int) -> Any:
    view = centre_view(seats=agents, booths=300)
    seats: list[SeatView] = [
        replace(seat, agent=str(number), state=SeatState.READY) for number, seat in enumerate(view.seats, 1)
    ]
    return replace(view, state=replace(view.state, at=time.time()), seats=tuple(seats))


def _fill_store(store: Path, pops: int) -> dict[int, tuple[int, ...]]:
    """Fill the store with a roll, the calls, earlier calls and marks. Return the voters of each number."""
    fill_roll(store, pops * 3)
    with open_store_exclusively(store, "a bench") as db:
        db.execute("INSERT INTO campaign (campaign_id, kind, purpose) VALUES ('turnout-agents', 'agents', 'turnout')")
        voters: dict[int, tuple[int, ...]] = {}
        for phone_id, voter_id in db.execute("SELECT phone_id, voter_id FROM link ORDER BY phone_id, voter_id"):
            voters[phone_id] = (*voters.get(phone_id, ()), voter_id)
        now = time.time()
        db.execute("BEGIN")
        for number in range(pops):
            phone, voter = number + 1, voters[number + 1][0]
            for call in range(EARLIER_CALLS + 1):
                last = call == EARLIER_CALLS
                attempt = _attempt_id(number) if last else f"earlier-{number}-{call}"
                at = now - 3600 * (EARLIER_CALLS - call) - 60
                ended = (None, None) if last else (at + 30, "no-answer")
                db.execute(
                    "INSERT INTO attempt (attempt_id, campaign_id, phone_id, voter_id, attempt_number, trunk, caller_id,"
                    " created_at, ended_at, outcome) VALUES (?, 'turnout-agents', ?, ?, ?, 't', 'c', ?, ?, ?)",
                    (attempt, phone, voter, call + 1, at, *ended),
                )
            db.execute(
                "INSERT INTO mark (key, voter_id, kind, source, at) VALUES (?, ?, 'not-yet', 'agent', ?)",
                (f"k{number}", voter, now - 3600),
            )
        db.execute("COMMIT")
    return voters


def _write_settings(folder: Path, store: Path, broker_port: int, agents: int) -> Path:
    text = f'[centre]\nid = "{CENTRE}"\n[store]\npath = "{store}"\n[broker]\nport = {broker_port}\n'
    text += '[desk]\nport = 0\nuser = "desk"\n'
    text += f'[[campaigns]]\nid = "{CAMPAIGN}"\nkind = "agents"\n' + site_lines(CHEAP.hash(PIN), agents)
    path = folder / "centre.toml"
    path.write_text(text, encoding="utf-8")
    return path


if __name__ == "__main__":
    main()
