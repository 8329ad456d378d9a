"""Diallers that are killed at random steps, one after another on one store, and checks of what the store contains at the end.

    python -m tests.attack.kill_histories --histories 10000 --seed 1 [--jobs 2]
    python -m tests.attack.kill_histories --every-step --seed 1

A history has a small roll, a campaign with agents and one with a flow. Some diallers are killed, each at a random step (a store
statement, an order to the switch, or a switch event) or time. Half of the kills are power losses: the disk loses what was written
and not synced, and the switch on the same machine may restart. Meanwhile AMI links and flow connections are lost, the switch
restarts, Originates are not answered, and agents change their dispositions. The last dialler is stopped in order. Then the store
is compared with the network's record. All figures after the counts must be 0.

`--every-step` replays one history many times and kills its first dialler at step 1, then at step 2, and so on to the last.
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
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from random import Random
from unittest import mock

import structlog

from dialer.domain.clock import LoopClock
from dialer.domain.errors import CommandRefused, StoreCorrupt, StoreError
from dialer.domain.model import Disposition
from dialer.domain.view import SeatState
from dialer.engine.dispositions.commands import PhoneKeyDisposition
from dialer.engine.seats.commands import SeatLogIn
from dialer.flows.library import FlowLibrary
from dialer.flows.texts import load_shipped_texts
from dialer.simulation.virtual_time import run_in_virtual_time
from dialer.store import connection
from tests.attack.killable_dialler import SCRATCH, KillableDialler, Killed
from tests.attack.simulated_network import SimulatedNetwork
from tests.support.centre import START_EPOCH, site_settings
from tests.support.power_loss import LossyDisk, lossy_disk
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
CHECKPOINT_PAGES = (20, connection.CHECKPOINT_PAGES)  # few, so that a power loss meets checkpoints, too
EVERY_STEP_SECONDS = 12.0  # of the first dialler, where it dies at every step
DISPOSITIONS = (Disposition.VOTED, Disposition.NOT_YET, Disposition.LATER, Disposition.OPT_OUT, Disposition.CALL_BACK)

LOST = "acknowledged marks lost"
DOUBLED = "commits doubled"
OPT_OUTS_LOST = "acknowledged opt-outs lost"
NEVER_ENDED = "attempts or targets never ended"
UNCOMMITTED = "calls that were never committed"
REDIALLED = "numbers dialled again after an unknown end"
DAMAGED = "stores that could not be opened again"
MUST_BE_ZERO = (
    LOST,
    DOUBLED,
    OPT_OUTS_LOST,
    "an attempt was dialled twice",
    "a number was on two calls at once",
    "a number was called after its opt-out",
    NEVER_ENDED,
    UNCOMMITTED,
    REDIALLED,
    DAMAGED,
)


@functools.cache
def load_flows() -> FlowLibrary:
    """Return the library with the attack's flow."""
    return FlowLibrary([FLOW], load_shipped_texts())


@functools.cache
def create_file_for_roll() -> Path:
    """Create the roll that every history starts with. Return its path."""
    directory = tempfile.TemporaryDirectory(dir=SCRATCH)
    atexit.register(directory.cleanup)
    path = Path(directory.name) / "roll.db"
    fill_roll(path, VOTERS, voters_per_booth=100)
    return path


class History:
    """One history, determined by its seed, with its figures. `disk` has the files of its diallers."""

    def __init__(self, directory: Path, seed: int, disk: LossyDisk) -> None:
        self._random = Random(seed)
        self._disk = disk
        self._paths = (directory / f"dialler-{n}.db" for n in itertools.count(1))
        self._path = next(self._paths)
        shutil.copyfile(create_file_for_roll(), self._path)
        seats = [{"name": name, "endpoint": f"agent{name}"} for name in SEATS]
        self._settings = site_settings(directory, 1, seats=seats, campaigns=CAMPAIGNS)
        self.figures: Counter[str] = Counter()

    async def play(self) -> None:
        """Run all diallers, then compare the store with the network's record."""
        random = self._random
        self._create_network()
        for _ in range(random.randint(1, 4)):
            await self._run_until_killed()
            await asyncio.sleep(random.choice((0.0, 0.5, 3.0, 20.0)))
        await self._run_last_dialler()
        self._count_results()

    async def play_killed_at(self, step: int | None) -> int:
        """Kill the first dialler at this step, then run the last one. Return the number of steps of the first."""
        self._create_network()
        dialler = self._create_dialler(step)
        await dialler.start()
        if not dialler.steps.killed.is_set():
            self._network.attach(dialler)
            dialler.start_task(self._work_as_agents(dialler))
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(EVERY_STEP_SECONDS):
                    await dialler.steps.killed.wait()
        steps = dialler.steps.count
        await self._kill(dialler)
        await self._run_last_dialler()
        self._count_results()
        return steps

    def _create_network(self) -> None:
        asyncio.get_running_loop().set_exception_handler(
            lambda _loop, _context: None
        )  # ignore timers of killed diallers
        self._network = SimulatedNetwork(Random(self._random.random()), LoopClock(START_EPOCH))

    def _create_dialler(self, kill_at: int | None) -> KillableDialler:
        self.figures["diallers"] += 1
        return KillableDialler(
            self._path, self._settings, load_flows(), self._network.clock, self._network.port, kill_at
        )

    async def _run_until_killed(self) -> None:
        random, network = self._random, self._network
        dialler = self._create_dialler(random.randint(1, 300) if random.random() < 0.8 else None)
        with contextlib.suppress(Killed):
            await dialler.start()
        if not dialler.steps.killed.is_set():
            network.attach(dialler)
            tasks = [dialler.start_task(self._work_as_agents(dialler)), asyncio.ensure_future(self._disturb_switch())]
            try:
                async with asyncio.timeout(random.uniform(1.0, random.choice((8.0, 40.0)))):
                    await dialler.steps.killed.wait()
            except TimeoutError:
                pass
            tasks[1].cancel()
        await self._kill(dialler)

    async def _kill(self, dialler: KillableDialler) -> None:
        power_loss = self._random if self._random.random() < 0.5 else None
        self.figures["kills" if power_loss is None else "power losses"] += 1
        self._network.dialler, self._network.link_up = None, False
        path = next(self._paths)
        await dialler.kill(path, self._disk, power_loss)
        if power_loss is not None and self._random.random() < 0.5:
            self._network.restart()
        self._path = path

    async def _disturb_switch(self) -> None:
        """Cut the link and restart the switch at random times until cancelled."""
        while True:
            await asyncio.sleep(self._random.expovariate(1 / 15.0))
            if self._random.random() < 0.2:
                self._network.restart()
            elif self._network.link_up:
                self._network.disconnect()
                await asyncio.sleep(self._random.uniform(0.0, 5.0))
                self._network.connect()

    async def _run_last_dialler(self) -> None:
        dialler = self._create_dialler(None)
        await dialler.start()
        self._network.attach(dialler)
        agents = dialler.start_task(self._work_as_agents(dialler))
        await asyncio.sleep(self._random.uniform(30.0, 200.0))
        agents.cancel()
        await dialler.stop()
        await self._network.hang_up_all()

    async def _work_as_agents(self, dialler: KillableDialler) -> None:
        """Log two agents in and give each call random dispositions, also several per call."""
        random, engine = self._random, dialler.engine
        for seat in SEATS:
            with contextlib.suppress(CommandRefused, StoreError):
                await engine.execute_command(SeatLogIn(seat=seat, agent=f"agent-{seat}"))
        while True:
            await asyncio.sleep(random.uniform(0.2, 1.5))
            for view in engine.make_centre_view().seats:
                if view.attempt_id is not None and view.state in {SeatState.TALKING, SeatState.WRAP_UP}:
                    await self._dispose(dialler, view.seat, view.attempt_id)

    async def _dispose(self, dialler: KillableDialler, seat: str, attempt_id: str) -> None:
        disposition = self._random.choice(DISPOSITIONS)
        hour = self._random.randint(17, 19) if disposition is Disposition.LATER else None
        record, call = self._network.record, self._network.calls.get(attempt_id)  # type: ignore[call-overload]
        kind = disposition.value if hour is None else f"{disposition.value}-{hour}"
        record.attempted[attempt_id, kind, "agent"] += 1
        try:
            await dialler.engine.execute_command(PhoneKeyDisposition(seat=seat, disposition=disposition, hour=hour))
        except (CommandRefused, StoreError):
            return
        if not dialler.steps.killed.is_set():
            record.acknowledged[attempt_id, kind, "agent"] += 1
            if disposition is Disposition.OPT_OUT and call is not None:
                record.opted_out_at.setdefault(call.request.number, self._network.clock.now())

    # Comparison of store and network

    def _count_results(self) -> None:
        db = sqlite3.connect(self._path)
        try:
            self._count_rows(db)
        finally:
            db.close()
        self.figures.update(self._network.record.violations)

    def _count_rows(self, db: sqlite3.Connection) -> None:
        record, figures, network = self._network.record, self.figures, self._network
        figures["calls"] += len(network.calls)
        figures["marks acknowledged"] += sum(record.acknowledged.values())
        stored: Counter[tuple[str, str, str]] = Counter()
        households: Counter[tuple[str, int]] = Counter()
        for attempt_id, voter_id, kind, hour, source in db.execute(
            "SELECT attempt_id, voter_id, kind, hour, source FROM mark"
        ):
            if source == "agent":
                stored[attempt_id, kind if hour is None else f"{kind}-{hour}", "agent"] += 1
            elif source == "voter-key":
                stored[attempt_id, f"{kind}/voter", "caller"] += 1
            else:
                households[attempt_id, voter_id] += 1
        for (attempt_id, _), times in households.items():
            key = (attempt_id, "not-yet/household", "caller")
            stored[key] = max(stored[key], times)
        for key, acknowledged in record.acknowledged.items():
            attempt_id, kind, who = key
            if kind in {"opt-out", "call-back"}:
                continue
            if kind == "not-yet/household" and stored[key] < acknowledged:
                continue  # voters marked otherwise meanwhile are not pending: there is nothing to store
            at_least, at_most = (acknowledged, record.attempted[key]) if who == "caller" else (1, 1)
            figures[LOST] += max(0, at_least - stored[key])
            figures[DOUBLED] += max(0, stored[key] - at_most)
        for number in record.opted_out_at:
            row = db.execute("SELECT opted_out_at FROM phone WHERE e164 = ?", (number,)).fetchone()
            figures[OPT_OUTS_LOST] += row[0] is None
        figures[NEVER_ENDED] += db.execute("SELECT count(*) FROM attempt WHERE ended_at IS NULL").fetchone()[0]
        figures[NEVER_ENDED] += db.execute(
            "SELECT count(*) FROM target WHERE state IN ('dialling', 'claimed')"
        ).fetchone()[0]
        attempts = dict(db.execute("SELECT attempt_id, outcome FROM attempt").fetchall())
        figures[UNCOMMITTED] += sum(attempt_id not in attempts for attempt_id in network.calls)
        figures["attempts of unknown end"] += sum(outcome == "unknown" for outcome in attempts.values())
        unknown = dict(
            db.execute(
                "SELECT e164, min(ended_at) FROM attempt JOIN phone USING (phone_id) WHERE outcome = 'unknown' GROUP BY 1"
            )
        )
        figures[REDIALLED] += sum(
            call.placed_at > unknown[call.request.number]
            for call in network.calls.values()
            if call.request.number in unknown
        )


@contextlib.contextmanager
def _open_history(seed: int) -> Iterator[History]:
    with tempfile.TemporaryDirectory(dir=SCRATCH) as directory:
        durable = Path(directory) / "durable"
        durable.mkdir()
        pages = Random(seed).choice(CHECKPOINT_PAGES)
        with lossy_disk(durable) as disk, mock.patch.object(connection, "CHECKPOINT_PAGES", pages):
            history = History(Path(directory), seed, disk)
            try:
                yield history
            except StoreCorrupt:
                history.figures[DAMAGED] += 1


def play_killed_at(seed: int, step: int | None) -> tuple[int, Counter[str]]:
    """Play a history whose first dialler is killed at `step`. Return how many steps it did, and the history's figures."""
    with _open_history(seed) as history:
        steps = 0
        steps = run_in_virtual_time(lambda: history.play_killed_at(step))
    return steps, history.figures


def play_every_step(
    seed: int, most: int | None = None, progress: Callable[[str], None] | None = None
) -> tuple[int, Counter[str], list[int]]:
    """Play a history once for each step, killing its first dialler there.

    With `most`, only so many steps are tried, evenly spread. `progress` gets a line per step. Returns the number of steps, all
    figures together, and the steps with a fault.
    """
    steps, total = play_killed_at(seed, None)
    faulty = []
    for step in range(1, steps + 1, 1 if most is None else max(1, steps // most)):
        _, figures = play_killed_at(seed, step)
        total += figures
        if find_faults(figures):
            faulty.append(step)
        if progress is not None:
            progress(f"step {step} of {steps}: {find_faults(figures) or 'no fault'}")
    return steps, total, faulty


def play(seed: int) -> Counter[str]:
    """Play one history and return its figures."""
    with _open_history(seed) as history:
        run_in_virtual_time(history.play)
    return history.figures


def find_faults(figures: Counter[str]) -> dict[str, int]:
    """Return the figures that must be 0 and are not."""
    return {name: figures[name] for name in MUST_BE_ZERO if figures[name]}


def play_histories(seeds: Iterable[int]) -> tuple[Counter[str], list[int]]:
    """Play many histories. Return their figures together, and the seeds of those with a fault."""
    total: Counter[str] = Counter()
    faulty = []
    for seed in seeds:
        figures = play(seed)
        figures["histories"] += 1
        total += figures
        if find_faults(figures):
            faulty.append(seed)
    return total, faulty


def silence_log() -> None:
    """Log nothing: the log of ten thousand histories would fill a disk."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))


def _play_share(arguments: tuple[int, int]) -> tuple[Counter[str], list[int]]:
    silence_log()
    return play_histories(range(*arguments))


def main() -> int:
    """Play histories and print their figures. Return 1 if there was a fault, else 0."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--histories", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1, help="seed of the first history; each further one adds 1")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--every-step", action="store_true", help="one history, killed at each of its steps in turn")
    options = parser.parse_args()
    if options.every_step:
        silence_log()
        steps, figures, faulty_steps = play_every_step(options.seed, progress=print_progress)
        return _print_figures({"steps": steps}, figures, faulty_steps)
    last = options.seed + options.histories
    shares = [(first, min(first + 50, last)) for first in range(options.seed, last, 50)]
    total: Counter[str] = Counter()
    faulty: list[int] = []
    played = 0
    with multiprocessing.Pool(options.jobs) as pool:
        for figures, faulty_seeds in pool.imap_unordered(_play_share, shares):
            total += figures
            faulty += faulty_seeds
            played += figures["histories"]
            print_progress(
                f"{played:,d} of {options.histories:,d} histories, with a fault: {sorted(faulty)[:20] or 'none'}"
            )
    return _print_figures({}, total, faulty)


def print_progress(line: str) -> None:
    """Write a line to stderr at once, so that an interrupted run has reported what it found."""
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


def _print_figures(head: dict[str, int], total: Counter[str], faulty: list[int]) -> int:
    figures = {**head, **{name: total[name] for name in total if name not in MUST_BE_ZERO}}
    figures |= {name: total[name] for name in MUST_BE_ZERO}
    lines = [f"{name}: {figure}" for name, figure in figures.items()]
    if faulty:
        lines.append(f"with a fault: {sorted(faulty)[:20]}")
    sys.stdout.write("\n".join(lines) + "\n")
    return 1 if faulty else 0


if __name__ == "__main__":
    sys.exit(main())
