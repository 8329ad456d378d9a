"""The desk's load on the dialler: event-loop lag while 100 agents sign in, and CPU with and without the desk.

    python -m bench.bench_desk_load [--quick | --smoke]

The dialler is this process; the simulated Asterisk, Mosquitto, `dialer desk serve` and the pages' event streams are
separate processes. An IVR campaign places calls all the time. First nothing else happens (quiet). Then 100 agents sign in
within ten seconds, with PINs hashed as usual, while five `dialer report` processes read a store with a full day of calls.
Then the agents take calls, in turn with the desk (100 agents' and 20 boards' streams) and without it: the desk's cost is the
ratio of the dialler's CPU per call. The lag of this event loop is probed every 10 ms; the minimum is the lag of an
idle loop in a separate process.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import random
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import uvloop

from bench.common import Figure, Size, add_size_options, cpu_seconds_of, print_progress, record
from bench.desk_site import (
    CAMPAIGN,
    CENTRE,
    read_events,
    set_board_passwords,
    sign_agent_in,
    sign_board_in,
    site_lines,
    start_desk,
)
from bench.simulated_carrier import simulated_carrier
from dialer.app import RunningCentre, assemble_centre
from dialer.cli.logs import configure_quiet_logging
from dialer.domain.pin_proof import PIN_HASHER
from dialer.mqtt.embedded_broker import BrokerKind, find_free_port, run_demo_broker
from dialer.process.memory import exempt_start_up_objects_from_gc
from dialer.settings.site import load_settings
from dialer.simulation.site import create_profile_without_calling_hours
from dialer.store.connection import open_store_exclusively
from tests.support.desk import PIN
from tests.support.roll_filler import fill_roll

REPORTS = ("calls", "hours", "agents", "abandonment", "turnout")
PROBE_SECONDS = 0.01
PAGES = "pages"
IDLE = "idle"


class LagProbe:
    """Probes the lag of an event loop (milliseconds)."""

    def __init__(self) -> None:
        self.lags: list[float] = []

    async def run(self) -> None:
        """Probe until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + PROBE_SECONDS
            await asyncio.sleep(PROBE_SECONDS)
            self.lags.append(max(0.0, (loop.time() - due) * 1e3))

    async def pop_sorted(self) -> list[float]:
        """Return the sorted lags since the last call, at least one."""
        while not self.lags:
            await asyncio.sleep(PROBE_SECONDS)
        lags, self.lags = sorted(self.lags), []
        return lags


@dataclass(frozen=True, slots=True)
class Extent:
    """How many pages the bench connects, and how long it measures (seconds)."""

    agents: int
    boards: int
    voters: int
    reports: int  # the first ones of REPORTS
    sign_in_seconds: float  # in which all agents sign in
    settle_seconds: float  # before the first measurement
    quiet_seconds: float
    first_calls_seconds: float  # until the seats have calls
    pair_seconds: float
    pairs: int

    @property
    def day_calls(self) -> int:
        """Calls of the day before."""
        return self.voters // 2


FULL = Extent(100, 20, 120_000, len(REPORTS), 10.0, 10.0, 20.0, 60.0, 30.0, 2)
QUICK = replace(FULL, pair_seconds=10.0, pairs=1)
SMOKE = Extent(4, 1, 1_000, 1, 0.2, 0.5, 0.5, 1.0, 1.0, 1)


@dataclass(slots=True)
class Measurements:
    """The results of a run."""

    lags: dict[str, tuple[list[float], list[float]]] = field(
        default_factory=dict
    )  # by phase: (lags of the dialler, lags of an idle loop)
    sign_ins: list[float] = field(default_factory=list)  # seconds
    report_seconds: float = 0.0
    with_desk: list[float] = field(default_factory=list)  # CPU ms per call
    without: list[float] = field(default_factory=list)
    desk_share: list[float] = field(default_factory=list)  # of a core
    final_state: str = ""  # seats and calls at the end


def main() -> None:
    """Run the bench and print its figures, or run one of its other processes."""
    if sys.argv[1:2] == [PAGES]:
        asyncio.run(_run_pages(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), float(sys.argv[5])))
    elif sys.argv[1:2] == [IDLE]:
        asyncio.run(_run_idle_loop())
    else:
        _bench()


def _bench() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_size_options(parser, "one pair of 10 seconds instead of two of 30")
    size: Size = parser.parse_args().size
    extent = size.pick(FULL, QUICK, SMOKE)
    configure_quiet_logging()
    with tempfile.TemporaryDirectory() as directory, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        measured = runner.run(_run(Path(directory), extent))
    figures: list[Figure] = []
    for when, rows in measured.lags.items():
        ours, idle = (
            f"p50 {statistics.median(row):5.2f}, p99 {row[len(row) * 99 // 100]:6.1f}, max {row[-1]:6.1f}"
            for row in rows
        )
        print(f"event-loop lag, ms, {when:>8}: {ours}   (idle loop: {idle})")
        figures += [
            (f"event-loop lag, {when}, ms at p99{whose}", f"{row[len(row) * 99 // 100]:.1f}", "")
            for whose, row in zip(("", " (idle loop)"), rows, strict=True)
        ]
    print(f"at the end: {measured.final_state}")
    sign_ins = sorted(measured.sign_ins)
    sign_in_p95 = sign_ins[len(sign_ins) * 95 // 100]
    print(f"sign-in, s: p50 {statistics.median(sign_ins):.2f}, p95 {sign_in_p95:.2f}, max {sign_ins[-1]:.2f}")
    print(f"{extent.reports} reports in {measured.report_seconds:.1f} s")
    ratios = [with_it / without for with_it, without in zip(measured.with_desk, measured.without, strict=True)]
    for what, row, form in (
        ("CPU of the dialler, ms per call, without the desk", measured.without, ".2f"),
        ("CPU of the dialler, ms per call, with the desk", measured.with_desk, ".2f"),
        ("CPU per call with the desk / without", ratios, ".3f"),
        ("CPU of the desk, of a core", measured.desk_share, ".1%"),
    ):
        print(f"{what}: {', '.join(f'{each:{form}}' for each in row)}; median {statistics.median(row):{form}}")
        figures.append((f"{what}, median", f"{statistics.median(row):{form}}", ""))
    record(
        "desk_load",
        [*figures, (f"a sign-in while {extent.agents} sign in, s at p50", f"{statistics.median(sign_ins):.1f}", "")],
    )


async def _run(folder: Path, extent: Extent) -> Measurements:
    measured = Measurements()
    agi_port, desk_port = find_free_port(), find_free_port()
    store = folder / "centre.db"
    print_progress(f"filling a store with {extent.voters:,} voters")
    _fill_store(store, extent)
    async with AsyncExitStack() as stack:
        broker = await stack.enter_async_context(run_demo_broker(BrokerKind.MOSQUITTO))
        lines = (
            "--seats",
            str(extent.agents),
            "--trunk",
            "carrier:300",
            "--answer-rate",
            "0.4",
            "--talk-seconds",
            "60",
        )
        ami_port = await stack.enter_async_context(simulated_carrier(agi_port, *lines))
        path = _write_settings(folder, store, broker.port, ami_port, agi_port, desk_port, extent.agents)
        settings = load_settings(path)
        await set_board_passwords(path)
        centre = await stack.enter_async_context(
            assemble_centre(settings, broker=broker.connection_settings, profile=create_profile_without_calling_hours())
        )
        exempt_start_up_objects_from_gc()  # as `dialer run` does
        stop = asyncio.Event()
        dialling = asyncio.create_task(centre.dial_until_stopped(stop))
        lag = LagProbe()
        probing = asyncio.create_task(lag.run())
        idle = await stack.enter_async_context(_process("-m", "bench.bench_desk_load", IDLE))
        pages = await stack.enter_async_context(
            _process(
                *("-m", "bench.bench_desk_load", PAGES, f"http://127.0.0.1:{desk_port}"),
                *(str(extent.agents), str(extent.boards), str(extent.sign_in_seconds)),
            )
        )
        desk, _ = await start_desk(path)
        try:
            print_progress(f"quiet for {extent.settle_seconds + extent.quiet_seconds:g} s")
            await asyncio.sleep(extent.settle_seconds)
            await lag.pop_sorted()
            await _ask(idle, "lags")
            await asyncio.sleep(extent.quiet_seconds)
            measured.lags["quiet"] = (await lag.pop_sorted(), json.loads(await _ask(idle, "lags")))
            print_progress(f"{extent.boards} boards and {extent.agents} agents sign in during {extent.reports} reports")
            began = time.monotonic()
            reports = asyncio.gather(*(_run_report(name, path) for name in REPORTS[: extent.reports]))
            measured.sign_ins = json.loads(await _ask(pages, "sign-in"))
            await reports
            measured.report_seconds = time.monotonic() - began
            measured.lags["sign-ins"] = (await lag.pop_sorted(), json.loads(await _ask(idle, "lags")))
            probing.cancel()
            await _ask(pages, "listen")
            await asyncio.sleep(extent.first_calls_seconds)
            for number in range(1, extent.pairs + 1):
                print_progress(
                    f"pair {number} of {extent.pairs}: {extent.pair_seconds:g} s with the desk, then without"
                )
                await _measure_pair(centre, desk, extent.pair_seconds, measured)
                if number < extent.pairs:
                    desk, _ = await start_desk(path)
                    await _ask(pages, "listen")
                    await asyncio.sleep(5.0)
            measured.final_state = _describe_centre(centre)
        finally:
            await _stop_desk(desk)
            stop.set()
            await dialling
    return measured


async def _measure_pair(
    centre: RunningCentre, desk: asyncio.subprocess.Process, seconds: float, measured: Measurements
) -> None:
    """Measure with the desk and its pages, then stop the desk and measure without it."""
    before = cpu_seconds_of(desk.pid)
    measured.with_desk.append(await _measure_cpu_per_call(centre, seconds))
    measured.desk_share.append((cpu_seconds_of(desk.pid) - before) / seconds)
    await _stop_desk(desk)
    await asyncio.sleep(3.0)
    measured.without.append(await _measure_cpu_per_call(centre, seconds))


async def _stop_desk(desk: asyncio.subprocess.Process) -> None:
    """Stop the desk unless it has been stopped already."""
    with contextlib.suppress(ProcessLookupError):
        desk.terminate()
    await desk.wait()


def _describe_centre(centre: RunningCentre) -> str:
    view = centre.engine.make_centre_view()
    seats = Counter(str(seat.state) for seat in view.seats)
    campaigns = (f"{each.campaign_id}: {each.attempts} calls, {each.connected} connected" for each in view.campaigns)
    return f"seats {dict(seats)}, {', '.join(campaigns)}"


async def _measure_cpu_per_call(centre: RunningCentre, seconds: float) -> float:
    """Return the CPU ms of this process per ended call."""
    before, cpu = _count_ended_calls(centre), time.process_time()
    await asyncio.sleep(seconds)
    return (time.process_time() - cpu) * 1e3 / max(1, _count_ended_calls(centre) - before)


def _count_ended_calls(centre: RunningCentre) -> int:
    return sum(sum(each.outcomes.values()) for each in centre.engine.make_centre_view().campaigns)


@asynccontextmanager
async def _process(*arguments: str) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, *arguments, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, limit=1 << 22
    )
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        await process.wait()


async def _read_line(process: asyncio.subprocess.Process) -> str:
    assert process.stdout is not None
    return (await process.stdout.readline()).decode()


async def _ask(process: asyncio.subprocess.Process, what: str) -> str:
    assert process.stdin is not None
    process.stdin.write(f"{what}\n".encode())
    answer = await _read_line(process)
    if not answer:
        raise RuntimeError(f"the process that was asked to {what!r} has ended with status {await process.wait()}")
    return answer


async def _run_report(name: str, path: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "dialer", "report", name, "-c", str(path)), stdout=asyncio.subprocess.DEVNULL
    )
    if await process.wait():
        raise RuntimeError(f"dialer report {name} failed")


async def _run_idle_loop() -> None:
    lag = LagProbe()
    probing = asyncio.create_task(lag.run())
    async for _ in _read_commands():
        print(json.dumps([round(each, 2) for each in await lag.pop_sorted()]), flush=True)
    probing.cancel()


async def _run_pages(origin: str, agent_count: int, board_count: int, sign_in_seconds: float) -> None:
    """Run the streams of agents' pages and boards, as commands on standard input say."""
    agents: list[str] = []
    boards: list[str] = []
    streams: list[asyncio.Task[None]] = []
    async for what in _read_commands():
        if what == "sign-in":
            boards += [await sign_board_in(origin, number) for number in range(board_count)]
            signed_in = await asyncio.gather(
                *(
                    _sign_in(origin, number, sign_in_seconds * number / agent_count)
                    for number in range(1, agent_count + 1)
                )
            )
            agents += [each for each, _ in signed_in]
            print(json.dumps([round(seconds, 3) for _, seconds in signed_in]), flush=True)
            continue
        for stream in streams:
            stream.cancel()
        streams = [asyncio.create_task(read_events(origin, each, "/api/board/events", {})) for each in boards]
        streams += [asyncio.create_task(read_events(origin, each, "/api/agent/events", {})) for each in agents]
        print("listening", flush=True)


async def _sign_in(origin: str, number: int, after_seconds: float) -> tuple[str, float]:
    """Sign an agent in after some seconds. Return the session token and the seconds that the sign-in took."""
    await asyncio.sleep(after_seconds)
    began = time.monotonic()
    while True:
        try:
            cookie = await sign_agent_in(origin, number)
            break
        except RuntimeError as refusal:
            if " 429 " not in str(refusal):
                raise
            await asyncio.sleep(random.uniform(0.5, 1.0))
    return cookie, time.monotonic() - began


async def _read_commands() -> AsyncIterator[str]:
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        yield line.decode().strip()


def _fill_store(store: Path, extent: Extent) -> None:
    """Fill the store with a roll and yesterday's calls."""
    fill_roll(store, extent.voters)
    with open_store_exclusively(store, "a bench") as db:
        db.execute("INSERT INTO campaign (campaign_id, kind, purpose) VALUES ('yesterday', 'agents', 'turnout')")
        yesterday = time.time() - 86_400
        of_phone = dict(db.execute("SELECT phone_id, voter_id FROM link ORDER BY voter_id DESC"))
        called = sorted(of_phone.items(), reverse=True)[: extent.day_calls]
        db.execute("BEGIN")
        db.executemany(
            "INSERT INTO attempt (attempt_id, campaign_id, phone_id, voter_id, attempt_number, trunk, caller_id, created_at,"
            " ended_at, outcome) VALUES (?, 'yesterday', ?, ?, 1, 'carrier', 'c', ?, ?, 'no-answer')",
            [
                (f"earlier-{phone}", phone, voter, yesterday + index, yesterday + index + 30)
                for index, (phone, voter) in enumerate(called)
            ],
        )
        db.execute("COMMIT")


def _write_settings(
    folder: Path, store: Path, broker_port: int, ami_port: int, agi_port: int, desk_port: int, agents: int
) -> Path:
    text = (
        f'[centre]\nid = "{CENTRE}"\n[store]\npath = "{store}"\nreserve_megabytes = 1\n[broker]\nport = {broker_port}\n'
    )
    text += f'[ami]\nport = {ami_port}\nusername = "dialler"\nsecret = "dialler"\n[fastagi]\nport = {agi_port}\n'
    text += f'[desk]\nport = {desk_port}\nuser = "desk"\n[dialling]\ndrain_seconds = 1\n'
    text += '[[trunks]]\nname = "carrier"\nendpoint = "carrier"\nchannels = 300\ncalls_per_second = 20\n'
    text += 'caller_ids = ["+911140000001"]\n'
    hours = 'hours = [{start = "00:00", until = "23:59:59"}]\n'
    text += f'[[campaigns]]\nid = "{CAMPAIGN}"\nkind = "agents"\nwrap_up_seconds = 5\n{hours}'
    text += f'[[campaigns]]\nid = "turnout-ivr"\nkind = "ivr"\nflow = "turnout"\nchannels = 40\n{hours}'
    text += site_lines(PIN_HASHER.hash(PIN), agents)
    path = folder / "centre.toml"
    path.write_text(text, encoding="utf-8")
    return path


if __name__ == "__main__":
    main()
