"""Stores of a given size for `bench_next_call`, and a centre that runs on one of them while its calls are timed."""

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

from bench.common import wait_until
from bench.simulated_carrier import simulated_carrier
from dialer.app import RunningCentre, assemble_centre
from dialer.domain.enums import CampaignKind, Purpose
from dialer.domain.model import Claim, NewAttempt
from dialer.engine.external_records.commands import MarkReport, RecordMarks
from dialer.engine.placing.eligibility import Eligibility
from dialer.engine.plan import EnginePlan
from dialer.mqtt.embedded_broker import find_free_port
from dialer.pacing.port import Explanation, Pacer, PacingEvent, PacingSnapshot
from dialer.process.memory import exempt_start_up_objects_from_gc
from dialer.rules.gate import Ruling
from dialer.settings.jurisdiction import Profile
from dialer.settings.site import Settings
from dialer.simulation.site import create_profile_without_calling_hours
from dialer.site import plan as plan_of_site
from dialer.store import campaigns, claims, targets
from dialer.store.attempts import Refusal
from dialer.store.connection import PAGE_BYTES, open_store_exclusively
from dialer.store.migrate import load_migrations
from tests.support.roll_filler import fill_roll

CAMPAIGN = "ivr"
STARTS_PER_SECOND = 30.0
MARKS_PER_SECOND = 100.0
CHANNELS = 900  # enough for 30 starts per second, so that only call starts are limited
PROBE_SECONDS = 0.01
SYNC_SECONDS = 0.1


def build_store(directory: Path, voters: int) -> Path:
    """Return a store with `voters` on its roll, enrolled in the campaign. It is built unless it exists."""
    path = directory / f"{voters}-schema{load_migrations()[-1].version}.db"
    if not path.exists():
        directory.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_suffix(".detail")
        unfinished.unlink(missing_ok=True)
        fill_roll(unfinished, voters)
        with open_store_exclusively(unfinished, "a bench") as db:
            campaigns.add_or_update_campaign(db, CAMPAIGN, CampaignKind.IVR, Purpose.TURNOUT)
            targets.add_roll_numbers_to_queue(db, CAMPAIGN)
        unfinished.rename(path)
        unfinished.with_name(f"{unfinished.name}.lock").unlink(missing_ok=True)
    return path


@contextmanager
def temporary_copy(path: Path) -> Iterator[Path]:
    """Yield a synced copy of a store: unwritten pages of the copy would delay every commit."""
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
    """Return a time zone in which it is about noon, so that the bench always runs in the middle of the polling day."""
    return f"Etc/GMT{now.hour - 12:+d}"


def make_settings(store: Path, ami_port: int, agi_port: int) -> Settings:
    """Return settings with one IVR campaign on its polling day."""
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
                    "calls_per_second": STARTS_PER_SECOND,
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
    """The measurements of a run (seconds)."""

    # From the decision for a call until its number has passed the gate.
    chosen: list[float] = field(default_factory=list)
    handed: list[float] = field(default_factory=list)  # from the gate until it is passed to the store
    claims: list[float] = field(default_factory=list)  # claims of several numbers, as the engine waits for them
    claim_work: list[float] = field(default_factory=list)  # their statements only, in the store's thread
    claimed: int = 0  # claimed numbers
    opened: list[float] = field(default_factory=list)  # commits before calls are dialled
    marks: list[float] = field(default_factory=list)
    lag: list[float] = field(default_factory=list)
    waited: int = 0  # calls without a number at the engine's next decision
    bare: list[float] = field(default_factory=list)  # lag of an idle event loop in a separate process
    syncs: list[float] = field(default_factory=list)  # fsyncs of two pages by that process, ten per second
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    ready_seconds: float = 0.0  # from opening the store until the centre can dial

    def clear(self) -> None:
        """Discard the measurements of the warm-up."""
        for values in (self.chosen, self.handed, self.claims, self.claim_work, self.opened, self.marks, self.lag):
            values.clear()
        self.claimed = self.waited = 0


class CallWatch:
    """Records when the engine decides for calls, when their numbers are chosen, and when they are passed to the store."""

    def __init__(self, figures: Figures) -> None:
        self.figures = figures
        self._wanted: deque[float] = deque()
        self._chosen: deque[float] = deque()

    def note_wanted(self, calls: int) -> None:
        """Record that the engine wants `calls` calls, including earlier ones without a number yet."""
        while len(self._wanted) > calls:
            self._wanted.pop()
        self.figures.waited += len(self._wanted)
        now = time.perf_counter()
        self._wanted.extend([now] * (calls - len(self._wanted)))

    def note_chosen(self) -> None:
        """Record that a number has passed the gate, for the call that has waited longest."""
        now = time.perf_counter()
        self.figures.chosen.append(now - self._wanted.popleft())
        self._chosen.append(now)

    def note_handed(self, calls: int) -> None:
        """Record that `calls` calls are passed to the store."""
        now = time.perf_counter()
        for _ in range(calls):
            self.figures.handed.append(now - self._chosen.popleft())

    def watched_plan(self, settings: Settings, profile: Profile) -> EnginePlan:
        """Return the engine's plan with watched pacers."""
        plan = plan_of_site.make_engine_plan_from_settings(settings, profile)
        watched = {name: replace(each, pacer=_WatchedPacer(each.pacer, self)) for name, each in plan.campaigns.items()}
        return replace(plan, campaigns=watched)

    @contextmanager
    def watch_store(self, store: Any) -> Iterator[None]:
        """Time claims, gate decisions and openings of attempts within the block."""
        claim, commit_new_attempts, work, ask = (
            store.claim_queued_numbers,
            store.commit_new_attempts,
            claims.claim_queued_numbers,
            Eligibility.check_rules_for_reserved_number,
        )

        async def timed_claim(*arguments: Any, **named: Any) -> list[Claim]:
            began = time.perf_counter()
            found: list[Claim] = await claim(*arguments, **named)
            self.figures.claims.append(time.perf_counter() - began)
            self.figures.claimed += len(found)
            return found

        async def timed_opening(attempts: Sequence[NewAttempt], **named: Any) -> list[Refusal | None]:
            self.note_handed(len(attempts))
            began = time.perf_counter()
            refusals: list[Refusal | None] = await commit_new_attempts(attempts, **named)
            self.figures.opened.append(time.perf_counter() - began)
            return refusals

        def timed_work(*arguments: Any, **named: Any) -> list[Claim]:
            began = time.perf_counter()
            found = work(*arguments, **named)
            self.figures.claim_work.append(time.perf_counter() - began)
            return found

        def noted_ask(*arguments: Any, **named: Any) -> Ruling:
            ruling = ask(*arguments, **named)
            if ruling.is_call_allowed:
                self.note_chosen()
            return ruling

        with (
            mock.patch.object(Eligibility, "check_rules_for_reserved_number", noted_ask),
            mock.patch.object(store, "claim_queued_numbers", timed_claim),
            mock.patch.object(store, "commit_new_attempts", timed_opening),
            mock.patch.object(claims, "claim_queued_numbers", timed_work),
        ):
            yield


class _WatchedPacer(Pacer):
    """A pacer whose decisions are recorded, up to the limits of the trunks."""

    def __init__(self, pacer: Pacer, watch: CallWatch) -> None:
        self._pacer = pacer
        self._watch = watch

    def count_calls_to_place(self, snapshot: PacingSnapshot) -> int:
        """Record and return the pacer's decision."""
        calls = self._pacer.count_calls_to_place(snapshot)
        self._watch.note_wanted(min(calls, snapshot.cps_budget, snapshot.free_channels))
        return calls

    def learn_from_pacing_event(self, event: PacingEvent) -> None:
        """Pass the event on."""
        self._pacer.learn_from_pacing_event(event)

    def explain_last_pacing_decision(self) -> Explanation:
        """Return the pacer's explanation."""
        return self._pacer.explain_last_pacing_decision()

    def count_ringing_calls_to_hang_up(self, snapshot: PacingSnapshot) -> int:
        """Return the pacer's excess calls."""
        return self._pacer.count_ringing_calls_to_hang_up(snapshot)

    def get_learned_state(self) -> dict[str, object]:
        """Return the pacer's state."""
        return self._pacer.get_learned_state()

    def restore_learned_state(self, state: object) -> None:
        """Restore the pacer's state."""
        self._pacer.restore_learned_state(state)


async def send_marks(centre: RunningCentre, figures: Figures, voters: int) -> None:
    """Record marks of random voters, one command each, as from booth workers."""
    chance = random.Random(6)

    async def mark(number: int) -> None:
        report = MarkReport(
            key=f"mark-{number}",
            voter_id=chance.randrange(1, voters + 1),
            kind="voted" if number % 2 else "not-yet",
            source="booth-worker",
            at=time.time(),
        )
        began = time.perf_counter()
        await centre.engine.execute_command(RecordMarks(marks=(report,), batch=f"batch-{number}", who="desk"))
        figures.marks.append(time.perf_counter() - began)

    due = time.monotonic()
    async with asyncio.TaskGroup() as group:
        for number in itertools.count(1):
            due += chance.expovariate(MARKS_PER_SECOND)
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            group.create_task(mark(number))


async def probe_lag(lag: list[float]) -> None:
    """Append the lag of this event loop to `lag` every 10 ms (seconds)."""
    while True:
        due = time.perf_counter() + PROBE_SECONDS
        await asyncio.sleep(PROBE_SECONDS)
        lag.append(max(0.0, time.perf_counter() - due))


async def measure_bare_machine(directory: Path, seconds: float) -> tuple[list[float], list[float]]:
    """Return the lags of an idle event loop and the times of fsyncs of two pages (seconds)."""
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


async def measure_bare_machine_in_process(directory: Path, seconds: float) -> tuple[list[float], list[float]]:
    """Run `measure_bare_machine` in a separate process."""
    code = (
        "import json, sys, uvloop; from pathlib import Path; from bench.next_call_stage import measure_bare_machine;"
        " print(json.dumps(uvloop.run(measure_bare_machine(Path(sys.argv[1]), float(sys.argv[2])))))"
    )
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", code, str(directory), str(seconds)), stdout=asyncio.subprocess.PIPE
    )
    output, _ = await process.communicate()
    lag, syncs = json.loads(output)
    return lag, syncs


async def run_centre(store: Path, voters: int, seconds: float, warm_up_seconds: float) -> Figures:
    """Run a centre on this store for `seconds` after a warm-up. Raises TimeoutError if it places no calls."""
    figures = Figures()
    watch = CallWatch(figures)
    agi_port = find_free_port()
    stop = asyncio.Event()
    async with simulated_carrier(agi_port, *("--answer-rate", "0.4", "--seats", "1", "--speed", "2.2")) as ami_port:
        began = time.perf_counter()
        with mock.patch("dialer.app.make_engine_plan_from_settings", watch.watched_plan):
            settings = make_settings(store, ami_port, agi_port)
            async with (
                assemble_centre(settings, profile=create_profile_without_calling_hours()) as centre,
                asyncio.TaskGroup() as group,
            ):
                figures.ready_seconds = time.perf_counter() - began
                with watch.watch_store(centre.store):
                    exempt_start_up_objects_from_gc()
                    background_tasks = [
                        group.create_task(send_marks(centre, figures, voters)),
                        group.create_task(probe_lag(figures.lag)),
                    ]
                    running = group.create_task(centre.dial_until_stopped(stop))
                    await asyncio.sleep(warm_up_seconds)
                    figures.clear()
                    cpu, at = time.process_time(), time.perf_counter()
                    figures.bare, figures.syncs = await measure_bare_machine_in_process(store.parent, seconds)
                    figures.cpu_seconds = time.process_time() - cpu
                    figures.seconds = time.perf_counter() - at
                    hold = centre.engine.make_centre_view().campaigns[0].hold
                    await wait_until(f"a call is placed (on hold: {hold})", lambda: bool(figures.chosen))
                    for task in background_tasks:
                        task.cancel()
                    stop.set()
                    await running
    return figures
