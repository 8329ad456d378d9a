"""Agents dispose of calls while dialler, desk and broker are killed with SIGKILL and pages are reloaded, at random times.

    python -m tests.attack.kill_while_disposing --dispositions 1000 --seed 1

Each page repeats an unanswered disposition with the same command id until it is answered, as the agent's page does. The
simulated Asterisk runs all the time. At the end the store must contain exactly the confirmed dispositions. All figures after the
counts must be 0.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import httpx

from dialer.app import assemble_centre
from dialer.desk.server import serve_pages_of_desk
from dialer.mqtt.embedded_broker import BrokerKind, DemoBroker, find_free_port, run_demo_broker
from dialer.process.signals import stop_on_signals
from dialer.settings.site import Settings
from dialer.simulation.asterisk.config import SimulatedAsteriskConfig, make_seat_phones
from dialer.simulation.asterisk.server import SimulatedAsterisk
from dialer.simulation.asterisk.voters import VoterProfile
from dialer.simulation.site import create_profile_without_calling_hours
from dialer.site.broker import get_broker_settings
from tests.attack.kill_histories import print_progress
from tests.support.agent_centre import AgentPage
from tests.support.centre import site_settings
from tests.support.desk import PIN, PIN_HASH
from tests.support.roll_filler import fill_roll
from tests.support.seats import CHEAP
from tests.support.stored import query_site_store
from tests.support.waiting import HANG_SECONDS

SEATS = 12
DISPOSITIONS = ("voted", "not-yet", "will-not", "wrong-number", "call-back")
MARKED = frozenset({"voted", "not-yet", "will-not", "wrong-number"})
LATE_DISPOSITION = "opt-out"  # sent only for earlier calls; none may be stored
MOST_BETWEEN_KILLS = 20  # dispositions confirmed between two kills, at most
STANDSTILL_SECONDS = 600.0  # longest wait for a disposition with all processes up
KILLED = ("dialler", "desk", "broker", "page")
LOST = "confirmed but not stored"
WRONG = "stored but refused or never sent"
TWICE = "marks stored twice or without a disposition"
MUST_BE_ZERO = (LOST, WRONG, TWICE)


@dataclass(slots=True)
class SimulatedAgent:
    """An agent with the results of all dispositions. They outlive the pages, as in the browser's storage."""

    number: int
    origin: str
    random: Random
    confirmed: dict[str, str] = field(default_factory=dict)  # by attempt
    refused: dict[str, str] = field(default_factory=dict)
    unanswered: tuple[str, str, str] | None = None  # attempt, command id, disposition
    figures: Counter[str] = field(default_factory=Counter)
    _token: str = ""
    _page: asyncio.Task[None] | None = None

    async def work(self) -> None:
        """Run one page after another until cancelled."""
        try:
            while True:
                self._page = asyncio.create_task(self._run_page())
                await asyncio.wait([self._page])
                await asyncio.sleep(0.2)
        finally:
            if self._page is not None:
                self._page.cancel()

    def reload_page(self) -> None:
        """Stop the page at whatever it does; `work` then runs a new one."""
        if self._page is not None:
            self._page.cancel()

    async def _run_page(self) -> None:
        async with httpx.AsyncClient(base_url=self.origin, timeout=10) as http:
            page = AgentPage(self.origin, http, self._token)
            with contextlib.suppress(httpx.HTTPError):
                if (await page.ask("GET", "/api/agent/me")).json() is None:
                    await page.sign_in(str(self.number), PIN, f"{self.number:02}")
                    self._token = page.token
                dialler_client = asyncio.create_task(page._hear(f"?tab=page-{self.number}"))
                working = asyncio.create_task(self._dispose_of_calls(page))
                try:
                    await asyncio.wait([dialler_client, working], return_when=asyncio.FIRST_COMPLETED)
                finally:
                    for task in (dialler_client, working):
                        task.cancel()
                    await asyncio.gather(dialler_client, working, return_exceptions=True)

    async def _dispose_of_calls(self, page: AgentPage) -> None:
        while True:
            if self.unanswered is not None:
                await self._send(page, *self.unanswered)
                continue
            seat = page.now.get("seat")
            attempt = None if seat is None else seat["attempt_id"]
            disposed = self.confirmed.keys() | self.refused.keys()
            if seat is not None and seat["state"] in ("talking", "wrap-up") and attempt and attempt not in disposed:
                await self._click_late(page)
                self.unanswered = (
                    attempt,
                    f"disposition-{self.random.randrange(10**12)}",
                    self.random.choice(DISPOSITIONS),
                )
            elif "ended" in page.now or (seat is not None and seat["state"] == "offline"):
                self._token = ""
                return
            else:
                await asyncio.sleep(0.1)

    async def _send(self, page: AgentPage, attempt: str, command_id: str, disposition: str) -> None:
        status, answer = await page.do("seat-dispose", command_id, attempt_id=attempt, disposition=disposition)
        if status == 200 and answer["status"] == "done":
            self.confirmed[attempt], self.unanswered = disposition, None
        elif answer.get("problem") == "late" or answer.get("status") == "refused":
            self.refused[attempt], self.unanswered = disposition, None
        else:
            self.figures["sent again"] += 1
            await asyncio.sleep(0.3)

    async def _click_late(self, page: AgentPage) -> None:
        """Send a disposition for an earlier call, in 10 % of cases."""
        if self.confirmed and self.random.random() < 0.1:
            earlier = self.random.choice([*self.confirmed][-8:])
            await page.do(
                "seat-dispose",
                f"late-{self.random.randrange(10**12)}",
                attempt_id=earlier,
                disposition=LATE_DISPOSITION,
            )
            self.figures["clicked late"] += 1


@dataclass(slots=True)
class Processes:
    """The three processes that are killed: dialler, desk and broker."""

    folder: Path
    site: dict[str, Any]  # ports and PIN hash, which all processes need
    started: dict[str, asyncio.subprocess.Process] = field(default_factory=dict)
    broker: DemoBroker | None = None
    _stack: AsyncExitStack = field(default_factory=AsyncExitStack)

    async def start(self, name: str) -> None:
        """Start a process by name."""
        if name == "broker":
            self.broker = await self._stack.enter_async_context(
                run_demo_broker(BrokerKind.MOSQUITTO, port=self.site["broker_port"])
            )
            return
        options = json.dumps({"folder": str(self.folder), "what": name, **self.site})
        with (self.folder / f"{name}.log").open("ab") as log:
            self.started[name] = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "tests.attack.kill_while_disposing", "--run", options), stdout=log, stderr=log
            )

    async def kill(self, name: str) -> None:
        """Kill a process by name with SIGKILL."""
        if name == "broker":
            assert self.broker is not None
            await self.broker.kill_broker()
        else:
            self.started[name].kill()
            await self.started[name].wait()

    async def stop(self) -> None:
        """Stop the dialler in order and kill the others."""
        dialler = self.started["dialler"]
        dialler.terminate()
        async with asyncio.timeout(HANG_SECONDS):
            status = await dialler.wait()
        assert status == 0, (self.folder / "dialler.log").read_text()[-2000:]
        await self.kill("desk")
        await self._stack.aclose()


async def play(
    folder: Path, dispositions: int, seed: int, progress: Callable[[str], None] = lambda _: None
) -> dict[str, int]:
    """Kill processes until this number of dispositions is confirmed. Return the figures."""
    random, figures = Random(seed), Counter[str]()
    fill_roll(folder / "centre.db", dispositions * 6, voters_per_booth=1000, numbers_weigh_alike=True)
    lines = SimulatedAsteriskConfig(
        seats=make_seat_phones(SEATS),
        agi_port=find_free_port(),
        profile=VoterProfile(answer_rate=0.9, ring_mean_seconds=1.0, talk_mean_seconds=2.0),
    )
    async with SimulatedAsterisk(lines) as switch:
        site = {"ami_port": switch.ami_port, "agi_port": switch.agi_port, "pin_hash": PIN_HASH}
        site |= {"broker_port": find_free_port(), "desk_port": find_free_port()}
        processes = Processes(folder, site)
        for name in ("broker", "dialler", "desk"):
            await processes.start(name)
        origin = f"http://127.0.0.1:{site['desk_port']}"
        agents = [SimulatedAgent(number, origin, Random(random.random())) for number in range(1, SEATS + 1)]
        working = [asyncio.create_task(agent.work()) for agent in agents]
        while (confirmed := _count_confirmed(agents)) < dispositions:
            progress(f"{confirmed} of {dispositions} dispositions, {len(switch.placed_calls)} calls, {dict(figures)}")
            await _wait_until_confirmed(agents, confirmed + random.randint(1, MOST_BETWEEN_KILLS))
            what = random.choice(KILLED)
            figures[f"kills: {what}"] += 1
            if what == "page":
                random.choice(agents).reload_page()
            else:
                await processes.kill(what)
                await asyncio.sleep(random.uniform(0.0, 1.5))
                await processes.start(what)
        await _wait_until_confirmed(agents, confirmed + 1)  # all processes are up again
        async with asyncio.timeout(HANG_SECONDS):  # until each page is answered
            while any(agent.unanswered for agent in agents):
                await asyncio.sleep(0.1)
        for task in working:
            task.cancel()
        await asyncio.wait(working)
        for agent in agents:
            agent.unanswered = None
        await processes.stop()
    for agent in agents:
        figures += agent.figures
    return {**figures, **_count_results(folder, agents)}


def _count_confirmed(agents: list[SimulatedAgent]) -> int:
    return sum(len(agent.confirmed) for agent in agents)


async def _wait_until_confirmed(agents: list[SimulatedAgent], dispositions: int) -> None:
    """Wait until this number of dispositions is confirmed. TimeoutError after `STANDSTILL_SECONDS`."""
    async with asyncio.timeout(STANDSTILL_SECONDS):
        while _count_confirmed(agents) < dispositions:
            await asyncio.sleep(0.05)


def _count_results(folder: Path, agents: list[SimulatedAgent]) -> dict[str, int]:
    confirmed = {attempt: disposition for agent in agents for attempt, disposition in agent.confirmed.items()}
    stored = dict(query_site_store(folder, "SELECT attempt_id, disposition FROM attempt WHERE disposition IS NOT NULL"))
    marks = Counter(query_site_store(folder, "SELECT attempt_id, kind FROM mark"))
    expected = Counter((attempt, disposition) for attempt, disposition in confirmed.items() if disposition in MARKED)
    return {
        "dispositions confirmed": len(confirmed),
        "dispositions refused as late": sum(len(agent.refused) for agent in agents),
        LOST: sum(stored.get(attempt) != disposition for attempt, disposition in confirmed.items()),
        WRONG: len(stored.keys() - confirmed.keys()),
        TWICE: sum(((marks - expected) + (expected - marks)).values()),
    }


def make_settings(folder: Path, site: dict[str, Any]) -> Settings:
    """Return the settings of a centre whose Asterisk, broker and desk use the ports in `site`."""
    return site_settings(
        folder,
        site["ami_port"],
        seats=SEATS,
        agents=[{"number": str(number), "pin": site["pin_hash"]} for number in range(1, SEATS + 1)],
        fastagi={"port": site["agi_port"]},
        broker={"enabled": True, "port": site["broker_port"]},
        desk={"port": site["desk_port"], "user": "desk"},
        supervisors=[{"name": "desk", "role": "desk"}],
        dialling={"drain_seconds": 1, "max_attempts_per_day": 1},
        campaign={"wrap_up_seconds": 4},
    )


async def _run(options: dict[str, Any]) -> None:
    settings = make_settings(Path(options["folder"]), options)
    broker = get_broker_settings(settings)
    if options["what"] == "desk":
        async with serve_pages_of_desk(settings, broker=broker, hasher=CHEAP, assets={}):
            await asyncio.Event().wait()
    stop = asyncio.Event()
    stop_on_signals(stop)
    async with assemble_centre(settings, broker=broker, profile=create_profile_without_calling_hours()) as centre:
        await centre.dial_until_stopped(stop)


def main() -> int:
    """Print the figures. Return 1 if one that must be 0 is not, else 0."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--dispositions", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--run", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.run:
        asyncio.run(_run(json.loads(options.run)))
        return 0
    with tempfile.TemporaryDirectory() as directory:
        figures = asyncio.run(play(Path(directory), options.dispositions, options.seed, print_progress))
    sys.stdout.write("\n".join(f"{name}: {figure}" for name, figure in figures.items()) + "\n")
    return 1 if any(figures[name] for name in MUST_BE_ZERO) else 0


if __name__ == "__main__":
    sys.exit(main())
