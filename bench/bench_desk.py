"""From the engine's word of who is on the line to what an agent's page is told: milliseconds, with agents and boards that listen.

    python -m bench.bench_desk [--quick]

A real broker (Mosquitto), `dialer desk serve` as a process of its own, and a stream of server-sent events for each page, read here.
The engine says nothing but what seats and calls do; the store has the calls, each number ten earlier ones and a mark. What is
measured begins when the engine tells its change, and ends when the stream's bytes are read in this process: broker, desk, reading
of the store and both ways are in it, the engine's own way from the answer to its word is not. Four of the agents' pages are in
Debian's Chromium, where there is one: a fifth of the calls come to them, and their row ends when the browser has painted who is on
the line. Beside it, as the limit: a message of the same length through the broker alone and back here, sent a moment later.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import statistics
import tempfile
import time
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import aiomqtt
from playwright.async_api import Browser, Page

from bench.common import cpu_seconds_of, record
from bench.desk_site import (
    AGENTS,
    BOARDS,
    CAMPAIGN,
    CENTRE,
    agent_token,
    board_token,
    let_boards_in,
    listen,
    seat_name,
    site_lines,
    start_desk,
)
from dialer.cli.logs import quiet_logging
from dialer.domain.clock import SystemClock
from dialer.domain.enums import SupervisorRole
from dialer.domain.view import CallChange, CallState, ScreenPop, SeatState, SeatView
from dialer.mqtt.commands.senders import Sender, Senders
from dialer.mqtt.embedded_broker import BrokerKind, demo_broker
from dialer.mqtt.link import Presence
from dialer.mqtt.messages import announcement_of
from dialer.mqtt.monitor import Monitor
from dialer.store.connection import exclusive_connection
from dialer.store.store import open_store
from tests.support.browser import CHROMIUM, chromium, new_page
from tests.support.desk import PIN
from tests.support.fake_centre import FakeEngine, centre_view
from tests.support.roll_filler import fill_roll
from tests.support.seats import CHEAP

POPS_PER_SECOND = 5.0  # three times what a hundred agents have
EARLIER_CALLS = 10
PAINTED = 4 if CHROMIUM else 0  # of the agents, in a browser
TO_BROWSERS = 5  # one call of so many
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
"""What notes when who is on the line has been painted: what runs after a frame's callbacks runs when that frame is done."""


def main() -> None:
    """Run it and print the row."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="10 seconds in place of 60")
    seconds = 10 if parser.parse_args().quick else 60
    quiet_logging()
    with tempfile.TemporaryDirectory() as directory:
        waits, painted, limit, cpu = asyncio.run(_run(Path(directory), int(seconds * POPS_PER_SECOND)))
    print(
        f"{AGENTS} agents, {BOARDS} boards, {len(waits)} pops at {POPS_PER_SECOND:g} a second; the desk's CPU {cpu:.1%} of a core"
    )
    figures = [("the desk's CPU, of a core", f"{cpu:.1%}", "")]
    for what, row in (("to the page", waits), ("painted", painted), ("through the broker alone", limit)):
        if not row:
            continue  # no browser here
        row.sort()
        p99 = row[min(len(row) - 1, int(len(row) * 0.99))]
        print(
            f"{what:>26}: p50 {statistics.median(row) * 1e3:6.1f} ms, p99 {p99 * 1e3:6.1f}, most {row[-1] * 1e3:6.1f}"
        )
        shown = f"{statistics.median(row) * 1e3:.1f} / {p99 * 1e3:.0f}"
        figures.append((f"screen pop {what}, ms at p50 / p99", shown, "30 / 200" if what == "painted" else ""))
    record("desk", figures)


async def _run(folder: Path, pops: int) -> tuple[list[float], list[float], list[float], float]:
    store_path = folder / "centre.db"
    voters = _fill(store_path, pops)
    engine = FakeEngine(_view())
    roles = {"desk": SupervisorRole.DESK, "asha": SupervisorRole.SUPERVISOR}
    senders = Senders([Sender(name, frozenset({role})) for name, role in roles.items()])
    async with AsyncExitStack() as stack:
        broker = await stack.enter_async_context(demo_broker(BrokerKind.MOSQUITTO))
        store = await open_store(store_path, encode=announcement_of)
        stack.push_async_callback(store.close)
        stop = asyncio.Event()
        monitor = Monitor(Presence(CENTRE, broker.settings, SystemClock()), engine, store, senders)
        running = asyncio.create_task(monitor.run(stop))
        config = _settings_file(folder, store_path, broker.port)
        await let_boards_in(config)
        desk, origin = await start_desk(config)
        try:
            async with Echo(broker.settings.host, broker.port) as echo:
                waits, painted, cpu = await _measure(engine, desk.pid, origin, voters, pops, echo)
            return waits, painted, echo.waits, cpu
        finally:
            desk.terminate()
            await desk.wait()
            stop.set()
            await running


class Echo:
    """A message through the broker and back, again and again."""

    def __init__(self, host: str, port: int) -> None:
        self.waits: list[float] = []
        self._client = aiomqtt.Client(host, port)
        self._sent_at = 0.0
        self._hearing: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        await self._client.__aenter__()
        await self._client.subscribe("echo", qos=0)
        self._hearing = asyncio.create_task(self._hear())
        return self

    async def __aexit__(self, *problem: object) -> None:
        assert self._hearing is not None
        self._hearing.cancel()
        await self._client.__aexit__(None, None, None)

    async def ask(self) -> None:
        """Send one."""
        self._sent_at = time.perf_counter()
        await self._client.publish("echo", b"x" * 600, qos=0)

    async def _hear(self) -> None:
        async for _ in self._client.messages:
            self.waits.append(time.perf_counter() - self._sent_at)


async def _measure(
    engine: FakeEngine, desk: int, origin: str, voters: dict[int, tuple[int, ...]], pops: int, echo: Echo
) -> tuple[list[float], list[float], float]:
    async with AsyncExitStack() as stack:
        browser = await stack.enter_async_context(chromium()) if PAINTED else None
        pages = [await _browser_page(browser, origin, number) for number in range(1, PAINTED + 1)] if browser else []
        return await _measure_with(pages, engine, desk, origin, voters, pops, echo)


async def _measure_with(
    pages: list[Page],
    engine: FakeEngine,
    desk: int,
    origin: str,
    voters: dict[int, tuple[int, ...]],
    pops: int,
    echo: Echo,
) -> tuple[list[float], list[float], float]:
    heard: dict[str, float] = {}  # by attempt
    streams = [
        asyncio.create_task(listen(origin, await board_token(origin, number), "/api/board/events", {}))
        for number in range(BOARDS)
    ]
    for number in range(len(pages) + 1, AGENTS + 1):
        token = await agent_token(origin, number)
        streams.append(asyncio.create_task(listen(origin, token, "/api/agent/events", heard)))
    await asyncio.sleep(2.0)
    told: dict[str, float] = {}
    painting: list[tuple[int, float]] = []  # page, epoch second
    chance = random.Random(1)
    cpu, began = cpu_seconds_of(desk), time.perf_counter()
    for number in range(pops):
        turn = number // TO_BROWSERS
        by_browser = bool(pages) and number % TO_BROWSERS == 0
        place = turn % len(pages) if by_browser else len(pages) + number % (AGENTS - len(pages))
        seat = engine.current.seats[place]
        attempt = _attempt(number)
        reserved = replace(seat, state=SeatState.RESERVED, attempt_id=attempt, seconds=0.0)
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
            told[attempt] = time.perf_counter()
        engine.tell(replace(reserved, screen_pop=pop))
        asyncio.get_running_loop().call_later(
            0.3, engine.tell, replace(reserved, state=SeatState.TALKING, screen_pop=pop)
        )
        await asyncio.sleep(0.05)
        await echo.ask()
        await asyncio.sleep(chance.uniform(0.5, 1.5) / POPS_PER_SECOND - 0.05)
    wall = time.perf_counter() - began
    await asyncio.sleep(1.0)
    used = cpu_seconds_of(desk) - cpu
    for stream in streams:
        stream.cancel()
    lost = told.keys() - heard.keys()
    if lost:
        raise RuntimeError(f"{len(lost)} of {len(told)} pops were told to nobody")
    painted = [await page.evaluate("painted") for page in pages]
    seen: list[float] = []
    for place, at in painting:
        after = [each for each in painted[place] if each >= at]
        if not after:
            raise RuntimeError("a browser never painted who was on the line")
        seen.append(after[0] - at)
    return [heard[attempt] - at for attempt, at in told.items()], seen, used / wall


async def _browser_page(browser: Browser, origin: str, number: int) -> Page:
    """An agent's page that has signed in and waits for the next voter."""
    page = await new_page(browser, [])
    await page.goto(f"{origin}/agent")
    await page.fill("input[name=agent]", str(number))
    await page.fill("input[name=pin]", PIN)
    await page.select_option("select[name=seat]", seat_name(number))
    await page.press("input[name=pin]", "Enter")
    await page.locator(".waiting").wait_for()
    await page.evaluate(WATCH)
    return page


def _attempt(number: int) -> str:
    return f"00000000-0000-4000-8000-{number:012}"


def _view() -> Any:
    view = centre_view(seats=AGENTS, booths=300)
    seats: list[SeatView] = [
        replace(seat, agent=str(number), state=SeatState.READY) for number, seat in enumerate(view.seats, 1)
    ]
    return replace(view, at=time.time(), seats=tuple(seats))


def _fill(store: Path, pops: int) -> dict[int, tuple[int, ...]]:
    """A roll, the calls, and what was before; the voters of each number."""
    fill_roll(store, pops * 3)
    with exclusive_connection(store, "a bench") as db:
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
                attempt = _attempt(number) if last else f"earlier-{number}-{call}"
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


def _settings_file(folder: Path, store: Path, broker_port: int) -> Path:
    text = f'[centre]\nid = "{CENTRE}"\n[store]\npath = "{store}"\n[broker]\nport = {broker_port}\n'
    text += '[desk]\nport = 0\nuser = "desk"\n'
    text += f'[[campaigns]]\nid = "{CAMPAIGN}"\nkind = "agents"\n' + site_lines(CHEAP.hash(PIN))
    path = folder / "centre.toml"
    path.write_text(text, encoding="utf-8")
    return path


if __name__ == "__main__":
    main()
