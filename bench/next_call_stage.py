"""The stage of `bench_next_call`: stores of a given size, and a whole centre at work on one of them, watched from outside."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import random
import shutil
import sys
import tempfile
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, BinaryIO
from unittest import mock

from bench.simulated_carrier import simulated_carrier
from dialer.app import RunningCentre, running_centre
from dialer.domain.enums import CampaignKind, Purpose
from dialer.domain.errors import StoreError
from dialer.domain.model import Claim, NewAttempt
from dialer.engine.external_records.commands import MarkReport, RecordMarks
from dialer.engine.placing.eligibility import Eligibility
from dialer.engine.plan import EnginePlan
from dialer.mqtt.embedded_broker import free_port
from dialer.pacing.port import Explanation, Pacer, PacingEvent, PacingSnapshot
from dialer.process.memory import freeze_start_up_objects
from dialer.rules.gate import Ruling
from dialer.settings.jurisdiction import Profile
from dialer.settings.site import Settings
from dialer.simulation.site import simulated_profile
from dialer.site import plan as plan_of_site
from dialer.store import campaigns, claims, targets
from dialer.store.attempts import Refusal
from dialer.store.connection import PAGE_BYTES, exclusive_connection
from dialer.store.migrate import shipped_migrations
from tests.support.roll_filler import fill_roll

CAMPAIGN = "ivr"
STARTS_A_SECOND = 30.0
MARKS_A_SECOND = 100.0
CHANNELS = 900  # more than 30 starts a second need: what is scarce is call starts, and each is wanted at once
PROBE_SECONDS = 0.01
SYNC_SECONDS = 0.1


def built_store(directory: Path, voters: int) -> Path:
    """A store with `voters` on its roll, enrolled in the campaign; made only where it is not there yet."""
    path = directory / f"{voters}-schema{shipped_migrations()[-1].version}.db"
    if not path.exists():
        directory.mkdir(parents=True, exist_ok=True)
        begun = path.with_suffix(".begun")
        begun.unlink(missing_ok=True)
        fill_roll(begun, voters)
        with exclusive_connection(begun, "a bench") as db:
            campaigns.ensure_campaign(db, CAMPAIGN, CampaignKind.IVR, Purpose.TURNOUT)
            targets.enrol(db, CAMPAIGN)
        begun.rename(path)
        begun.with_name(f"{begun.name}.lock").unlink(missing_ok=True)
    return path


@contextmanager
def a_copy(path: Path) -> Iterator[Path]:
    """A copy to work on, on the disk before it is used: what the kernel still had to write would hold up every commit."""
    copy = path.with_suffix(".round")
    shutil.copyfile(path, copy)
    with copy.open("rb") as file:
        os.fsync(file.fileno())
    try:
        yield copy
    finally:
        for each in copy.parent.glob(f"{copy.name}*"):
            each.unlink()


def noon_zone(now: datetime) -> str:
    """A zone in which it is about noon, so that the polling day is in its middle whenever the bench runs."""
    return f"Etc/GMT{now.hour - 12:+d}"


def settings_at(store: Path, ami_port: int, agi_port: int) -> Settings:
    """One IVR campaign on its polling day."""
    now = datetime.now(UTC)
    return Settings.model_validate(
        {
            "centre": {"id": "bench", "time_zone": noon_zone(now)},
            "store": {"path": store, "reserve_megabytes": 1},
            "ami": {"port": ami_port, "username": "dialler", "secret": "dialler"},
            "fastagi": {"port": agi_port},
            "broker": {"enabled": False},
            "dialling": {"drain_seconds": 1},
            "rules": {"polls": [{"day": (now + timedelta(hours=12 - now.hour)).date(), "closes_at": "18:00"}]},
            "trunks": [
                {
                    "name": "carrier",
                    "endpoint": "carrier",
                    "channels": CHANNELS,
                    "calls_per_second": STARTS_A_SECOND,
                    "caller_ids": ["+911140000001"],
                }
            ],
            "campaigns": [
                {
                    "id": CAMPAIGN,
                    "kind": "ivr",
                    "flow": "turnout",
                    "hours": [{"start": "00:00", "until": "23:59:59.999999"}],
                }
            ],
        }
    )


@dataclass(slots=True)
class Figures:
    """What was seen. Seconds each."""

    # From a call's being wanted to its number's having passed the gate.
    chosen: list[float] = field(default_factory=list)
    handed: list[float] = field(default_factory=list)  # from there to its being handed to the store to be committed
    claims: list[float] = field(default_factory=list)  # a claim of several numbers, as the engine waits for it
    claim_work: list[float] = field(default_factory=list)  # its statements alone, in the store's thread
    claimed: int = 0  # numbers
    opened: list[float] = field(default_factory=list)  # the commit before the call is dialled
    marks: list[float] = field(default_factory=list)
    lag: list[float] = field(default_factory=list)
    waited: int = 0  # calls that were still wanted at the engine's next decision
    bare: list[float] = field(default_factory=list)  # how late a loop is that does nothing, in a process of its own
    syncs: list[float] = field(default_factory=list)  # an fsync of two pages, ten a second, by that process
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    ready_seconds: float = 0.0  # from the opening of the store until the centre may dial

    def clear(self) -> None:
        """Forget what the warm-up gave."""
        for values in (self.chosen, self.handed, self.claims, self.claim_work, self.opened, self.marks, self.lag):
            values.clear()
        self.claimed = self.waited = 0


class Watch:
    """Stands between the engine and its pacer and store, and notes when a call is wanted and when it is there."""

    def __init__(self, figures: Figures) -> None:
        self.figures = figures
        self._wanted: deque[float] = deque()
        self._chosen: deque[float] = deque()

    def wants(self, calls: int) -> None:
        """The engine wants so many calls now; those it wanted before and has not got yet are among them."""
        while len(self._wanted) > calls:
            self._wanted.pop()
        self.figures.waited += len(self._wanted)
        now = time.perf_counter()
        self._wanted.extend([now] * (calls - len(self._wanted)))

    def got(self) -> None:
        """One more has its number, household and facts, and the gate has let it pass: the one that was wanted longest."""
        now = time.perf_counter()
        self.figures.chosen.append(now - self._wanted.popleft())
        self._chosen.append(now)

    def handed(self, calls: int) -> None:
        """So many go to the store."""
        now = time.perf_counter()
        for _ in range(calls):
            self.figures.handed.append(now - self._chosen.popleft())

    def plan(self, settings: Settings, profile: Profile) -> EnginePlan:
        """The engine's plan, its pacers watched."""
        plan = plan_of_site.engine_plan(settings, profile)
        watched = {name: replace(each, pacer=_WatchedPacer(each.pacer, self)) for name, each in plan.campaigns.items()}
        return replace(plan, campaigns=watched)

    @contextmanager
    def on_store(self, store: Any) -> Iterator[None]:
        """Watch the claims, the gate and the openings."""
        claim, open_attempts, work, ask = store.claim, store.open_attempts, claims.claim, Eligibility.claim

        async def timed_claim(*arguments: Any, **named: Any) -> list[Claim]:
            began = time.perf_counter()
            found: list[Claim] = await claim(*arguments, **named)
            self.figures.claims.append(time.perf_counter() - began)
            self.figures.claimed += len(found)
            return found

        async def timed_opening(attempts: Sequence[NewAttempt], **named: Any) -> list[Refusal | None]:
            self.handed(len(attempts))
            began = time.perf_counter()
            refusals: list[Refusal | None] = await open_attempts(attempts, **named)
            self.figures.opened.append(time.perf_counter() - began)
            return refusals

        def timed_work(*arguments: Any, **named: Any) -> list[Claim]:
            began = time.perf_counter()
            found = work(*arguments, **named)
            self.figures.claim_work.append(time.perf_counter() - began)
            return found

        def noted_ask(*arguments: Any, **named: Any) -> Ruling:
            ruling = ask(*arguments, **named)
            if ruling.allowed:
                self.got()
            return ruling

        with (
            mock.patch.object(Eligibility, "claim", noted_ask),
            mock.patch.object(store, "claim", timed_claim),
            mock.patch.object(store, "open_attempts", timed_opening),
            mock.patch.object(claims, "claim", timed_work),
        ):
            yield


class _WatchedPacer(Pacer):
    """A pacer whose answers are noted. What may be placed of them is what the trunks allow, as `Placing` has it."""

    def __init__(self, pacer: Pacer, watch: Watch) -> None:
        self._pacer = pacer
        self._watch = watch

    def calls_to_place(self, snapshot: PacingSnapshot) -> int:
        """The pacer's answer, noted."""
        calls = self._pacer.calls_to_place(snapshot)
        self._watch.wants(min(calls, snapshot.cps_budget, snapshot.free_channels))
        return calls

    def observe(self, event: PacingEvent) -> None:
        """Passed on."""
        self._pacer.observe(event)

    def explain(self) -> Explanation:
        """Passed on."""
        return self._pacer.explain()

    def excess_calls(self, snapshot: PacingSnapshot) -> int:
        """Passed on."""
        return self._pacer.excess_calls(snapshot)

    def state(self) -> dict[str, object]:
        """Passed on."""
        return self._pacer.state()

    def restore(self, state: object) -> None:
        """Passed on."""
        self._pacer.restore(state)


async def booth_workers(centre: RunningCentre, figures: Figures, voters: int) -> None:
    """Marks of electors all over the roll, as the booths' desk brings them in: a command each."""
    chance = random.Random(6)

    async def mark(number: int) -> None:
        report = MarkReport(
            key=f"told-{number}",
            voter=chance.randrange(1, voters + 1),
            kind="voted" if number % 2 else "not-yet",
            source="booth-worker",
            at=time.time(),
        )
        began = time.perf_counter()
        await centre.engine.execute(RecordMarks(marks=(report,), batch=f"batch-{number}", who="desk"))
        figures.marks.append(time.perf_counter() - began)

    due = time.monotonic()
    async with asyncio.TaskGroup() as group:
        for number in itertools.count(1):
            due += chance.expovariate(MARKS_A_SECOND)
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            group.create_task(mark(number))


async def probe_lag(lag: list[float]) -> None:
    """How late the loop is, every 10 ms, seconds."""
    while True:
        due = time.perf_counter() + PROBE_SECONDS
        await asyncio.sleep(PROBE_SECONDS)
        lag.append(max(0.0, time.perf_counter() - due))


async def bare_machine(directory: Path, seconds: float) -> tuple[list[float], list[float]]:
    """The same of a loop that does nothing else, and what the disk takes for an fsync of two pages, seconds each."""
    lag: list[float] = []
    syncs: list[float] = []

    def sync(file: BinaryIO) -> None:
        file.write(bytes(2 * PAGE_BYTES))
        began = time.perf_counter()
        os.fsync(file.fileno())
        syncs.append(time.perf_counter() - began)

    probe = asyncio.create_task(probe_lag(lag))
    end = time.monotonic() + seconds
    with tempfile.TemporaryFile(dir=directory, buffering=0) as file:
        while time.monotonic() < end:
            await asyncio.to_thread(sync, file)
            await asyncio.sleep(SYNC_SECONDS)
    probe.cancel()
    return lag, syncs


async def bare_machine_beside(directory: Path, seconds: float) -> tuple[list[float], list[float]]:
    """The same, measured in a process of its own."""
    code = (
        "import json, sys, uvloop; from pathlib import Path; from bench.next_call_stage import bare_machine;"
        " print(json.dumps(uvloop.run(bare_machine(Path(sys.argv[1]), float(sys.argv[2])))))"
    )
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", code, str(directory), str(seconds)), stdout=asyncio.subprocess.PIPE
    )
    told, _ = await process.communicate()
    lag, syncs = json.loads(told)
    return lag, syncs


async def centre_at_work(store: Path, voters: int, seconds: float, warm_up_seconds: float) -> Figures:
    """Run a whole centre on this store for `seconds` after a warm-up. Raises StoreError where it did not place its calls."""
    figures = Figures()
    watch = Watch(figures)
    agi_port = free_port()
    stop = asyncio.Event()
    async with simulated_carrier(agi_port, *("--answer-rate", "0.4", "--seats", "1", "--speed", "2.2")) as ami_port:
        began = time.perf_counter()
        with mock.patch("dialer.app.engine_plan", watch.plan):
            settings = settings_at(store, ami_port, agi_port)
            async with running_centre(settings, profile=simulated_profile()) as centre, asyncio.TaskGroup() as group:
                figures.ready_seconds = time.perf_counter() - began
                with watch.on_store(centre.store):
                    freeze_start_up_objects()
                    beside = [
                        group.create_task(booth_workers(centre, figures, voters)),
                        group.create_task(probe_lag(figures.lag)),
                    ]
                    running = group.create_task(centre.run(stop))
                    await asyncio.sleep(warm_up_seconds)
                    figures.clear()
                    cpu, at = time.process_time(), time.perf_counter()
                    figures.bare, figures.syncs = await bare_machine_beside(store.parent, seconds)
                    figures.cpu_seconds = time.process_time() - cpu
                    figures.seconds = time.perf_counter() - at
                    for task in beside:
                        task.cancel()
                    held = centre.engine.view().campaigns[0].hold
                    stop.set()
                    await running
    if not figures.chosen:
        raise StoreError(f"no call was placed: {held}")
    return figures
