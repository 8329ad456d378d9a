"""Diallers that are killed at seeded steps of their work, and what is left when the last one has come to its end in order.

    python -m tests.attack.kill_histories --histories 10000 --seed 1 [--jobs 2]
    python -m tests.attack.kill_histories --every-step --seed 1

A history: a roll of a few numbers, a campaign with agents and one with a flow; some lives that end at a step that the seed draws (a
statement of the store, an order to the switch, an event) or at a moment, with time away between them; links that are cut, a switch
that restarts, flows' connections that are lost, originates of which nobody hears; agents who change their word; and one last life
that is stopped in order. Then the store is held against the line's own record. Every figure but the first lines must be 0.

With `--every-step` the first life of one history dies at its first step, then in another run at its second, and so on to the last:
a crash between every two steps of every commit, order and event, whatever they are.
"""

from __future__ import annotations

import argparse
import asyncio
import atexit
import contextlib
import functools
import itertools
import multiprocessing
import shutil
import sqlite3
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from random import Random

import structlog

from dialer.domain.clock import LoopClock
from dialer.domain.errors import CommandRefused, StoreError
from dialer.domain.model import Disposition
from dialer.domain.view import SeatState
from dialer.engine.dispositions.commands import KeyedDisposition
from dialer.engine.seats.commands import SeatLogIn
from dialer.flows.library import FlowLibrary
from dialer.flows.texts import shipped_texts
from dialer.simulation.virtual_time import run_virtual
from tests.attack.line import Line
from tests.attack.lives import SCRATCH, Killed, Life
from tests.support.centre import START_EPOCH, site_settings
from tests.support.roll_filler import fill_roll

FLOW = str(Path(__file__).with_name("attack_flow.yaml"))
HOURS = [{"start": "00:00", "until": "23:59:59"}]
RETRIES = {"max_attempts": 3, "busy_retry_minutes": 1, "no_answer_retry_minutes": 1, "other_retry_minutes": 1}
CAMPAIGNS = [
    {"id": "agents", "kind": "agents", "pacing": "progressive", "hours": HOURS, "wrap_up_seconds": 1, **RETRIES},
    {"id": "ivr", "kind": "ivr", "flow": FLOW, "pacing": "broadcast", "channels": 4, "hours": HOURS, **RETRIES},
]
VOTERS = 16
SEATS = ("01", "02")
STEPPED_SECONDS = 12.0  # of the first life, where it dies at every step
WORDS = (Disposition.VOTED, Disposition.NOT_YET, Disposition.LATER, Disposition.OPT_OUT, Disposition.CALL_BACK)

LOST = "acknowledged marks lost"
DOUBLED = "commits doubled"
OPT_OUTS_LOST = "acknowledged opt-outs lost"
OPEN = "numbers left open for ever"
UNCOMMITTED = "calls that were never committed"
AGAIN = "numbers dialled again after an unknown end"
MUST_BE_NONE = (
    LOST,
    DOUBLED,
    OPT_OUTS_LOST,
    "an attempt was dialled twice",
    "a number was on two calls at once",
    "a number was called after its opt-out",
    OPEN,
    UNCOMMITTED,
    AGAIN,
)


@functools.cache
def flows() -> FlowLibrary:
    """The flow that callers meet."""
    return FlowLibrary([FLOW], shipped_texts())


@functools.cache
def begin_with() -> Path:
    """The roll that every history begins with."""
    directory = tempfile.TemporaryDirectory(dir=SCRATCH)
    atexit.register(directory.cleanup)
    path = Path(directory.name) / "roll.db"
    fill_roll(path, VOTERS, voters_per_booth=100)
    return path


class History:
    """One history, from its seed."""

    def __init__(self, directory: Path, seed: int) -> None:
        self._chance = Random(seed)
        self._paths = (directory / f"life-{n}.db" for n in itertools.count(1))
        self._path = next(self._paths)
        shutil.copyfile(begin_with(), self._path)
        seats = [{"name": name, "endpoint": f"agent{name}"} for name in SEATS]
        self._settings = site_settings(directory, 1, seats=seats, campaigns=CAMPAIGNS)
        self.figures: Counter[str] = Counter()

    async def play(self) -> None:
        """All lives, and the reckoning."""
        chance = self._chance
        self._begin()
        for _ in range(chance.randint(1, 4)):
            await self._a_life_that_is_cut_short()
            await asyncio.sleep(chance.choice((0.0, 0.5, 3.0, 20.0)))
        await self._last_life()
        self._reckon()

    async def play_to(self, step: int | None) -> int:
        """One life that dies at this step, and the last one; how many steps the first had."""
        self._begin()
        life = self._new_life(step)
        await life.begin()
        if not life.mortal.dead.is_set():
            self._line.meet(life)
            life.spawn(self._agents(life))
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(STEPPED_SECONDS):
                    await life.mortal.dead.wait()
        steps = life.mortal.steps
        await self._bury(life)
        await self._last_life()
        self._reckon()
        return steps

    def _begin(self) -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _loop, _context: None)  # timers of the dead
        self._line = Line(Random(self._chance.random()), LoopClock(START_EPOCH))

    def _new_life(self, die_at: int | None) -> Life:
        self.figures["lives"] += 1
        return Life(self._path, self._settings, flows(), self._line.clock, self._line.port, die_at)

    async def _a_life_that_is_cut_short(self) -> None:
        chance, line = self._chance, self._line
        life = self._new_life(chance.randint(1, 300) if chance.random() < 0.8 else None)
        with contextlib.suppress(Killed):
            await life.begin()
        if not life.mortal.dead.is_set():
            line.meet(life)
            beside = [life.spawn(self._agents(life)), asyncio.ensure_future(self._trouble())]
            try:
                async with asyncio.timeout(chance.uniform(1.0, chance.choice((8.0, 40.0)))):
                    await life.mortal.dead.wait()
            except TimeoutError:
                pass
            beside[1].cancel()
        await self._bury(life)

    async def _bury(self, life: Life) -> None:
        self.figures["kills"] += 1
        self._line.life, self._line.up = None, False
        path = next(self._paths)
        await life.bury(path)
        self._path = path

    async def _trouble(self) -> None:
        """Of the link and of the switch."""
        while True:
            await asyncio.sleep(self._chance.expovariate(1 / 15.0))
            if self._chance.random() < 0.2:
                self._line.restart()
            elif self._line.up:
                self._line.link_down()
                await asyncio.sleep(self._chance.uniform(0.0, 5.0))
                self._line.link_up()

    async def _last_life(self) -> None:
        life = self._new_life(None)
        await life.begin()
        self._line.meet(life)
        agents = life.spawn(self._agents(life))
        await asyncio.sleep(self._chance.uniform(30.0, 200.0))
        agents.cancel()
        await life.stop()
        await self._line.hang_up_all()

    async def _agents(self, life: Life) -> None:
        """Two agents who log in, and say of each call this and that."""
        chance, engine = self._chance, life.engine
        for seat in SEATS:
            with contextlib.suppress(CommandRefused, StoreError):
                await engine.execute(SeatLogIn(seat=seat, agent=f"agent-{seat}"))
        while True:
            await asyncio.sleep(chance.uniform(0.2, 1.5))
            for view in engine.view().seats:
                if view.attempt_id is not None and view.state in {SeatState.TALKING, SeatState.WRAP_UP}:
                    await self._dispose(life, view.seat, view.attempt_id)

    async def _dispose(self, life: Life, seat: str, attempt_id: str) -> None:
        word = self._chance.choice(WORDS)
        hour = self._chance.randint(17, 19) if word is Disposition.LATER else None
        truth, call = self._line.truth, self._line.calls.get(attempt_id)  # type: ignore[call-overload]
        kind = word.value if hour is None else f"{word.value}-{hour}"
        truth.said[attempt_id, kind, "agent"] += 1
        try:
            await life.engine.execute(KeyedDisposition(seat=seat, disposition=word, hour=hour))
        except (CommandRefused, StoreError):
            return
        if not life.mortal.dead.is_set():
            truth.noted[attempt_id, kind, "agent"] += 1
            if word is Disposition.OPT_OUT and call is not None:
                truth.opted_out_at.setdefault(call.request.number, self._line.clock.now())

    # The reckoning

    def _reckon(self) -> None:
        db = sqlite3.connect(self._path)
        try:
            self._reckon_with(db)
        finally:
            db.close()
        self.figures.update(self._line.truth.wrong)

    def _reckon_with(self, db: sqlite3.Connection) -> None:
        truth, figures, line = self._line.truth, self.figures, self._line
        figures["calls"] += len(line.calls)
        figures["marks acknowledged"] += sum(truth.noted.values())
        kept: Counter[tuple[str, str, str]] = Counter()
        households: Counter[tuple[str, int]] = Counter()
        for attempt_id, voter_id, kind, hour, source in db.execute(
            "SELECT attempt_id, voter_id, kind, hour, source FROM mark"
        ):
            if source == "agent":
                kept[attempt_id, kind if hour is None else f"{kind}-{hour}", "agent"] += 1
            elif source == "voter-key":
                kept[attempt_id, f"{kind}/voter", "caller"] += 1
            else:
                households[attempt_id, voter_id] += 1
        for (attempt_id, _), times in households.items():
            key = (attempt_id, "not-yet/household", "caller")
            kept[key] = max(kept[key], times)
        for key, noted in truth.noted.items():
            attempt_id, kind, who = key
            if kind in {"opt-out", "call-back"}:
                continue
            if kind == "not-yet/household" and kept[key] < noted:
                continue  # whoever was marked otherwise meanwhile is pending no more: nothing was left to keep
            at_least, at_most = (noted, truth.said[key]) if who == "caller" else (1, 1)
            figures[LOST] += max(0, at_least - kept[key])
            figures[DOUBLED] += max(0, kept[key] - at_most)
        for number in truth.opted_out_at:
            row = db.execute("SELECT opted_out_at FROM phone WHERE e164 = ?", (number,)).fetchone()
            figures[OPT_OUTS_LOST] += row[0] is None
        figures[OPEN] += db.execute("SELECT count(*) FROM attempt WHERE ended_at IS NULL").fetchone()[0]
        figures[OPEN] += db.execute("SELECT count(*) FROM target WHERE state IN ('dialling', 'claimed')").fetchone()[0]
        attempts = dict(db.execute("SELECT attempt_id, outcome FROM attempt").fetchall())
        figures[UNCOMMITTED] += sum(attempt_id not in attempts for attempt_id in line.calls)
        figures["attempts of unknown end"] += sum(outcome == "unknown" for outcome in attempts.values())
        unknown = dict(
            db.execute(
                "SELECT e164, min(ended_at) FROM attempt JOIN phone USING (phone_id) WHERE outcome = 'unknown' GROUP BY 1"
            )
        )
        figures[AGAIN] += sum(
            call.placed_at > unknown[call.request.number]
            for call in line.calls.values()
            if call.request.number in unknown
        )


def play_to(seed: int, step: int | None) -> tuple[int, Counter[str]]:
    """How many steps the first life of a history came to that dies at `step`, and the history's figures."""
    with tempfile.TemporaryDirectory(dir=SCRATCH) as directory:
        history = History(Path(directory), seed)
        steps = run_virtual(lambda: history.play_to(step))
        return steps, history.figures


def play_every_step(
    seed: int, most: int | None = None, progress: Callable[[str], None] | None = None
) -> tuple[int, Counter[str], list[int]]:
    """How many steps there were (`most` of them are tried, spread evenly), all figures, and the steps that show a fault.

    `progress` is told a line for each step that was tried.
    """
    steps, total = play_to(seed, None)
    faulty = []
    for step in range(1, steps + 1, 1 if most is None else max(1, steps // most)):
        _, figures = play_to(seed, step)
        total += figures
        if faults_of(figures):
            faulty.append(step)
        if progress is not None:
            progress(f"step {step} of {steps}: {faults_of(figures) or 'no fault'}")
    return steps, total, faulty


def play(seed: int) -> Counter[str]:
    """The figures of one history."""
    with tempfile.TemporaryDirectory(dir=SCRATCH) as directory:
        history = History(Path(directory), seed)
        run_virtual(history.play)
        return history.figures


def faults_of(figures: Counter[str]) -> dict[str, int]:
    """What must be 0 and is not."""
    return {name: figures[name] for name in MUST_BE_NONE if figures[name]}


def play_all(seeds: Iterable[int]) -> tuple[Counter[str], list[int]]:
    """The figures of many histories together, and the seeds of those that show a fault."""
    total: Counter[str] = Counter()
    faulty = []
    for seed in seeds:
        figures = play(seed)
        figures["histories"] += 1
        total += figures
        if faults_of(figures):
            faulty.append(seed)
    return total, faulty


def quiet() -> None:
    """No log: ten thousand histories would fill a disk."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))


def _share(arguments: tuple[int, int]) -> tuple[Counter[str], list[int]]:
    quiet()
    return play_all(range(*arguments))


def main() -> int:
    """Play histories and print the figures; 1 where one of them is not what it must be."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--histories", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1, help="of the first history; the others follow it")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--every-step", action="store_true", help="one history, killed at each of its steps in turn")
    options = parser.parse_args()
    if options.every_step:
        quiet()
        steps, figures, wrong = play_every_step(options.seed, progress=tell_progress)
        return _tell({"steps": steps}, figures, wrong)
    last = options.seed + options.histories
    shares = [(first, min(first + 50, last)) for first in range(options.seed, last, 50)]
    total: Counter[str] = Counter()
    faulty: list[int] = []
    played = 0
    with multiprocessing.Pool(options.jobs) as pool:
        for figures, wrong in pool.imap_unordered(_share, shares):
            total += figures
            faulty += wrong
            played += figures["histories"]
            tell_progress(
                f"{played:,d} of {options.histories:,d} histories, with a fault: {sorted(faulty)[:20] or 'none'}"
            )
    return _tell({}, total, faulty)


def tell_progress(line: str) -> None:
    """One line at once, beside the figures: a long run that is cut short has still said what it saw."""
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


def _tell(head: dict[str, int], total: Counter[str], faulty: list[int]) -> int:
    figures = {**head, **{name: total[name] for name in total if name not in MUST_BE_NONE}}
    figures |= {name: total[name] for name in MUST_BE_NONE}
    lines = [f"{name}: {figure}" for name, figure in figures.items()]
    if faulty:
        lines.append(f"with a fault: {sorted(faulty)[:20]}")
    sys.stdout.write("\n".join(lines) + "\n")
    return 1 if faulty else 0


if __name__ == "__main__":
    sys.exit(main())
