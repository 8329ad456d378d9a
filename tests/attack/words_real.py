"""What agents say of their calls, through processes that die: dialler, desk and broker end by SIGKILL and pages are loaded anew, at
moments that the seed draws.

    python -m tests.attack.words_real --words 1000 --seed 1

Each page does as the agent's page does: what was not answered is sent again with its id, until it is. The simulated Asterisk lives
on over all of it. What a page was thanked for must stand in the store, what it was refused must not; every figure but the first
lines must be 0.
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

from dialer.app import running_centre
from dialer.desk.server import open_desk
from dialer.mqtt.embedded_broker import BrokerKind, DemoBroker, demo_broker, free_port
from dialer.process.signals import stop_on_signals
from dialer.settings.site import Settings
from dialer.simulation.asterisk.config import SimulatedAsteriskConfig, seat_phones
from dialer.simulation.asterisk.server import SimulatedAsterisk
from dialer.simulation.asterisk.voters import VoterProfile
from dialer.simulation.site import simulated_profile
from dialer.site.broker import broker_settings
from tests.attack.kill_histories import tell_progress
from tests.support.agent_centre import AgentPage
from tests.support.centre import site_settings
from tests.support.desk import PIN, PIN_HASH
from tests.support.roll_filler import fill_roll
from tests.support.seats import CHEAP
from tests.support.stored import rows
from tests.support.waiting import HANG_SECONDS

SEATS = 12
WORDS = ("voted", "not-yet", "will-not", "wrong-number", "call-back")
MARKED = frozenset({"voted", "not-yet", "will-not", "wrong-number"})
LATE = "opt-out"  # what only a late click says: none may stand
BETWEEN_KILLS = 20  # words
STANDSTILL_SECONDS = 600.0  # of the machine, with all its processes up
KILLED = ("dialler", "desk", "broker", "page")
LOST = "thanked for and lost"
WRONG = "stands, and its page was refused or never said it"
TWICE = "marks that stand twice, or for nothing"
MUST_BE_NONE = (LOST, WRONG, TWICE)


@dataclass(slots=True)
class Sitting:
    """An agent, and what the agent knows of each call over all pages and processes: as the browser's own storage does."""

    number: int
    origin: str
    chance: Random
    thanked: dict[str, str] = field(default_factory=dict)  # by attempt
    refused: dict[str, str] = field(default_factory=dict)
    unanswered: tuple[str, str, str] | None = None  # attempt, the command's id, the word
    figures: Counter[str] = field(default_factory=Counter)
    _token: str = ""
    _page: asyncio.Task[None] | None = None

    async def work(self) -> None:
        """Sit there, page after page, until cancelled."""
        try:
            while True:
                self._page = asyncio.create_task(self._one_page())
                await asyncio.wait([self._page])
                await asyncio.sleep(0.2)
        finally:
            if self._page is not None:
                self._page.cancel()

    def load_anew(self) -> None:
        """The page goes, whatever it was about, and another one comes."""
        if self._page is not None:
            self._page.cancel()

    async def _one_page(self) -> None:
        async with httpx.AsyncClient(base_url=self.origin, timeout=10) as http:
            page = AgentPage(self.origin, http, self._token)
            with contextlib.suppress(httpx.HTTPError):
                if (await page.ask("GET", "/api/agent/me")).json() is None:
                    await page.sign_in(str(self.number), PIN, f"{self.number:02}")
                    self._token = page.token
                dialler_client = asyncio.create_task(page._hear(f"?tab=page-{self.number}"))
                working = asyncio.create_task(self._say_what_came(page))
                try:
                    await asyncio.wait([dialler_client, working], return_when=asyncio.FIRST_COMPLETED)
                finally:
                    for task in (dialler_client, working):
                        task.cancel()
                    await asyncio.gather(dialler_client, working, return_exceptions=True)

    async def _say_what_came(self, page: AgentPage) -> None:
        while True:
            if self.unanswered is not None:
                await self._send(page, *self.unanswered)
                continue
            seat = page.now.get("seat")
            attempt = None if seat is None else seat["attempt_id"]
            said = self.thanked.keys() | self.refused.keys()
            if seat is not None and seat["state"] in ("talking", "wrap-up") and attempt and attempt not in said:
                await self._click_late(page)
                self.unanswered = attempt, f"word-{self.chance.randrange(10**12)}", self.chance.choice(WORDS)
            elif "ended" in page.now or (seat is not None and seat["state"] == "offline"):
                self._token = ""
                return
            else:
                await asyncio.sleep(0.1)

    async def _send(self, page: AgentPage, attempt: str, command_id: str, word: str) -> None:
        status, answer = await page.do("seat-dispose", command_id, attempt=attempt, disposition=word)
        if status == 200 and answer["status"] == "done":
            self.thanked[attempt], self.unanswered = word, None
        elif answer.get("problem") == "late" or answer.get("status") == "refused":
            self.refused[attempt], self.unanswered = word, None
        else:
            self.figures["sent again"] += 1
            await asyncio.sleep(0.3)

    async def _click_late(self, page: AgentPage) -> None:
        """A click that was meant for an earlier call, now and then."""
        if self.thanked and self.chance.random() < 0.1:
            earlier = self.chance.choice([*self.thanked][-8:])
            await page.do("seat-dispose", f"late-{self.chance.randrange(10**12)}", attempt=earlier, disposition=LATE)
            self.figures["clicked late"] += 1


@dataclass(slots=True)
class Processes:
    """The three that die."""

    folder: Path
    site: dict[str, Any]  # what all must know of it
    started: dict[str, asyncio.subprocess.Process] = field(default_factory=dict)
    broker: DemoBroker | None = None
    _stack: AsyncExitStack = field(default_factory=AsyncExitStack)

    async def start(self, name: str) -> None:
        """Have it run."""
        if name == "broker":
            self.broker = await self._stack.enter_async_context(
                demo_broker(BrokerKind.MOSQUITTO, port=self.site["broker_port"])
            )
            return
        options = json.dumps({"folder": str(self.folder), "what": name, **self.site})
        with (self.folder / f"{name}.log").open("ab") as log:
            self.started[name] = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "tests.attack.words_real", "--run", options), stdout=log, stderr=log
            )

    async def kill(self, name: str) -> None:
        """End it at once."""
        if name == "broker":
            assert self.broker is not None
            await self.broker.kill()
        else:
            self.started[name].kill()
            await self.started[name].wait()

    async def end(self) -> None:
        """End them all; the dialler in order."""
        dialler = self.started["dialler"]
        dialler.terminate()
        async with asyncio.timeout(HANG_SECONDS):
            status = await dialler.wait()
        assert status == 0, (self.folder / "dialler.log").read_text()[-2000:]
        await self.kill("desk")
        await self._stack.aclose()


async def play(folder: Path, words: int, seed: int, progress: Callable[[str], None] = lambda _: None) -> dict[str, int]:
    """Have so many words kept under kills; the figures."""
    chance, figures = Random(seed), Counter[str]()
    fill_roll(folder / "centre.db", words * 6, voters_per_booth=1000, numbers_weigh_alike=True)
    lines = SimulatedAsteriskConfig(
        seats=seat_phones(SEATS),
        agi_port=free_port(),
        profile=VoterProfile(answer_rate=0.9, ring_mean_seconds=1.0, talk_mean_seconds=2.0),
    )
    async with SimulatedAsterisk(lines) as switch:
        site = {"ami_port": switch.ami_port, "agi_port": switch.agi_port, "pin_hash": PIN_HASH}
        site |= {"broker_port": free_port(), "desk_port": free_port()}
        processes = Processes(folder, site)
        for name in ("broker", "dialler", "desk"):
            await processes.start(name)
        origin = f"http://127.0.0.1:{site['desk_port']}"
        agents = [Sitting(number, origin, Random(chance.random())) for number in range(1, SEATS + 1)]
        working = [asyncio.create_task(agent.work()) for agent in agents]
        while (kept := _kept(agents)) < words:
            progress(f"{kept} of {words} words, {len(switch.placed)} calls, {dict(figures)}")
            await _until_kept(agents, kept + chance.randint(1, BETWEEN_KILLS))
            what = chance.choice(KILLED)
            figures[f"kills: {what}"] += 1
            if what == "page":
                chance.choice(agents).load_anew()
            else:
                await processes.kill(what)
                await asyncio.sleep(chance.uniform(0.0, 1.5))
                await processes.start(what)
        await _until_kept(agents, kept + 1)  # all is up again
        async with asyncio.timeout(HANG_SECONDS):  # and each page is answered
            while any(agent.unanswered for agent in agents):
                await asyncio.sleep(0.1)
        for task in working:
            task.cancel()
        await asyncio.wait(working)
        for agent in agents:
            agent.unanswered = None
        await processes.end()
    for agent in agents:
        figures += agent.figures
    return {**figures, **_reckon(folder, agents)}


def _kept(agents: list[Sitting]) -> int:
    return sum(len(agent.thanked) for agent in agents)


async def _until_kept(agents: list[Sitting], words: int) -> None:
    """Return once so many words are kept; that they are at all is what is tried."""
    async with asyncio.timeout(STANDSTILL_SECONDS):
        while _kept(agents) < words:
            await asyncio.sleep(0.05)


def _reckon(folder: Path, agents: list[Sitting]) -> dict[str, int]:
    thanked = {attempt: word for agent in agents for attempt, word in agent.thanked.items()}
    held = dict(rows(folder, "SELECT attempt_id, disposition FROM attempt WHERE disposition IS NOT NULL"))
    marks = Counter(rows(folder, "SELECT attempt_id, kind FROM mark"))
    expected = Counter((attempt, word) for attempt, word in thanked.items() if word in MARKED)
    return {
        "words kept": len(thanked),
        "words refused as late": sum(len(agent.refused) for agent in agents),
        LOST: sum(held.get(attempt) != word for attempt, word in thanked.items()),
        WRONG: len(held.keys() - thanked.keys()),
        TWICE: sum(((marks - expected) + (expected - marks)).values()),
    }


def settings_of(folder: Path, site: dict[str, Any]) -> Settings:
    """The site of this storm."""
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
    settings = settings_of(Path(options["folder"]), options)
    broker = broker_settings(settings)
    if options["what"] == "desk":
        async with open_desk(settings, broker=broker, hasher=CHEAP, assets={}):
            await asyncio.Event().wait()
    stop = asyncio.Event()
    stop_on_signals(stop)
    async with running_centre(settings, broker=broker, profile=simulated_profile()) as centre:
        await centre.run(stop)


def main() -> int:
    """Print the figures; 1 where one of them is not what it must be."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--words", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--run", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.run:
        asyncio.run(_run(json.loads(options.run)))
        return 0
    with tempfile.TemporaryDirectory() as directory:
        figures = asyncio.run(play(Path(directory), options.words, options.seed, tell_progress))
    sys.stdout.write("\n".join(f"{name}: {figure}" for name, figure in figures.items()) + "\n")
    return 1 if any(figures[name] for name in MUST_BE_NONE) else 0


if __name__ == "__main__":
    sys.exit(main())
