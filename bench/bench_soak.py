"""Memory growth of the whole engine at 25 call starts per second over hours of virtual time.

    python -m bench.bench_soak [--hours 0.1] [--starts 25] [--real] [--containers] [--objects]

Engine, store, AMI, FastAGI and the simulated Asterisk are in one process, so that virtual time can be used. The simulated
Asterisk does not keep its records of numbers and calls. Figures: resident memory, memory of SQLite and malloc, Python's
blocks and objects. `--containers` lists the containers reachable from the centre that have grown, `--objects` the source
lines whose allocations have grown.
"""

from __future__ import annotations

import argparse
import asyncio
import ctypes
import ctypes.util
import gc
import random
import subprocess
import sys
import tempfile
import time
import tracemalloc
from collections import Counter, deque
from pathlib import Path
from typing import Any

from bench.bench_engine import FILL, resident_megabytes
from bench.common import add_size_options
from bench.simulated_carrier import simulated_carrier
from dialer.app import RunningCentre, assemble_centre
from dialer.cli.logs import configure_quiet_logging
from dialer.domain.clock import LoopClock
from dialer.mqtt.embedded_broker import find_free_port
from dialer.settings.site import Settings
from dialer.simulation.asterisk.config import SimulatedAsteriskConfig
from dialer.simulation.asterisk.server import SimulatedAsterisk
from dialer.simulation.site import create_profile_without_calling_hours
from dialer.simulation.virtual_time import run_in_virtual_time
from tests.support.census import count_objects, find_growth

START_EPOCH = 1_713_724_200.0
VOTERS_PER_HOUR_AND_START = 3_600 * 2  # so that each number is called about once an hour


def soak_settings(store: Path, ami_port: int, agi_port: int, starts: float) -> Settings:
    """Return settings with one IVR campaign at the CPS limit of its trunk."""
    return Settings.model_validate(
        {
            "centre": {"id": "soak"},
            "store": {"path": store, "reserve_megabytes": 1},
            "ami": {"port": ami_port, "username": "dialler", "secret": "dialler"},
            "fastagi": {"port": agi_port, "max_connections": 2000},
            "broker": {"enabled": False},
            "dialling": {"drain_seconds": 1, "max_attempts_per_day": 50},
            "trunks": [
                {
                    "name": "carrier",
                    "endpoint": "carrier",
                    "channels": 900,
                    "calls_per_second": starts,
                    "caller_ids": ["+911140000001"],
                }
            ],
            "campaigns": [
                {
                    "id": "ivr",
                    "kind": "ivr",
                    "flow": "turnout",
                    "hours": [{"start": "00:00", "until": "23:59:59.999999"}],
                }
            ],
        }
    )


class _NoCounter(Counter[str]):
    """Replaces the simulated Asterisk's count of calls per number, which would grow."""

    def __setitem__(self, key: str, value: int) -> None:
        pass


class _Mallinfo2(ctypes.Structure):
    _fields_ = [
        (name, ctypes.c_size_t)
        for name in (
            "arena",
            "ordblks",
            "smblks",
            "hblks",
            "hblkhd",
            "usmblks",
            "fsmblks",
            "uordblks",
            "fordblks",
            "keepcost",
        )
    ]


def malloc_megabytes() -> tuple[float, float]:
    """Return (allocated, free) memory of glibc's malloc (MB), without Python's small objects."""
    libc = ctypes.CDLL(None)
    libc.mallinfo2.restype = _Mallinfo2
    info = libc.mallinfo2()
    return (info.uordblks + info.hblkhd) / 1e6, info.fordblks / 1e6


def sqlite_megabytes() -> float:
    """Return the memory of all SQLite connections (MB)."""
    library = ctypes.CDLL(ctypes.util.find_library("sqlite3"))
    library.sqlite3_memory_used.restype = ctypes.c_int64
    return float(library.sqlite3_memory_used()) / 1e6


async def soak(options: argparse.Namespace, folder: Path) -> None:
    """Run in virtual time with the simulated Asterisk in this process, and print figures at intervals."""
    async with SimulatedAsterisk(SimulatedAsteriskConfig(start_epoch=START_EPOCH)) as switch:
        switch.caller._calls = _NoCounter()
        switch._journal.placed = deque(maxlen=1)  # type: ignore[assignment]
        settings = soak_settings(folder / "soak.db", switch.ami_port, 0, options.starts)
        clock = LoopClock(switch.get_current_time())
        async with assemble_centre(
            settings, clock=clock, chance=random.Random(1), profile=create_profile_without_calling_hours()
        ) as centre:
            switch.agi_port = centre.agi_port
            await run_and_measure(centre, options)


async def soak_in_real_time(options: argparse.Namespace, folder: Path) -> None:
    """Run in real time with the simulated Asterisk in a separate process, real threads and a real disk."""
    agi_port = find_free_port()
    async with simulated_carrier(agi_port, "--seats", "1") as ami_port:
        settings = soak_settings(folder / "soak.db", ami_port, agi_port, options.starts)
        async with assemble_centre(settings, profile=create_profile_without_calling_hours()) as centre:
            await run_and_measure(centre, options)


async def run_and_measure(centre: RunningCentre, options: argparse.Namespace) -> None:
    """Let the centre dial and print its figures at intervals. Only the last figures are kept, so that nothing else grows."""
    stop, began, before = asyncio.Event(), time.process_time(), None
    last: tracemalloc.Snapshot | None = None
    async with asyncio.TaskGroup() as group:
        running = group.create_task(centre.dial_until_stopped(stop))
        for step in range(round(options.hours * 60 / options.every) + 1):
            if step:
                await asyncio.sleep(options.every * 60)
            now = measure(centre, step * options.every / 60, began, containers=options.containers)
            print_line(now, before)
            before = now
            if options.objects:
                snapshot = tracemalloc.take_snapshot()
                if last is not None:
                    print(*(f"      {each}" for each in snapshot.compare_to(last, "lineno")[:25]), sep="\n", flush=True)
                last = snapshot
        stop.set()
        await running


def measure(centre: RunningCentre, hours: float, began: float, *, containers: bool) -> dict[str, Any]:
    """Return the current figures."""
    gc.collect()
    view = centre.engine.make_centre_view().campaigns[0]
    return {
        "hours": hours,
        "attempts": view.attempts,
        "live": sum(view.calls.values()),
        "resident": resident_megabytes(),
        "blocks": sys.getallocatedblocks(),
        "malloc": malloc_megabytes(),
        "sqlite": sqlite_megabytes(),
        "objects": len(gc.get_objects()),
        "cpu": time.process_time() - began,
        "entries": count_objects(centre) if containers else Counter(),
    }


def print_line(now: dict[str, Any], before: dict[str, Any] | None) -> None:
    """Print the figures, and the containers that have grown by more than a hundred entries."""
    print(
        f"{now['hours']:6.2f} h {now['attempts']:9,d} attempts {now['live']:5d} live {now['resident']:8.1f} MB resident"
        f" {now['sqlite']:6.2f} MB SQLite {now['malloc'][0]:7.2f} MB malloc and {now['malloc'][1]:6.2f} free"
        f" {now['blocks']:9,d} blocks {now['objects']:9,d} objects {now['cpu']:8.1f} s of CPU",
        flush=True,
    )
    if before is not None:
        for name, more in find_growth(before["entries"], now["entries"], 100).items():
            print(f"         {name}: {now['entries'][name]:,d} entries, {more:+,d}", flush=True)


def main(arguments: list[str] | None = None) -> None:
    """Run the bench and print its figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hours", type=float, default=0.1, help="virtual hours; 2 or more show slow growth")
    parser.add_argument("--starts", type=float, default=25.0, help="call starts per second")
    parser.add_argument("--every", type=float, default=2.0, help="virtual minutes between lines")
    parser.add_argument("--real", action="store_true", help="run in real time, with Asterisk in a separate process")
    parser.add_argument(
        "--containers", action="store_true", help="list containers that have grown; counting them takes 20 MB"
    )
    parser.add_argument("--objects", action="store_true", help="list source lines whose allocations have grown")
    add_size_options(parser)
    options = parser.parse_args(arguments)
    full = (options.hours, options.starts, options.every)
    options.hours, options.starts, options.every = options.size.pick(full, (0.05, 5.0, 1.0), (0.01, 5.0, 0.5))
    configure_quiet_logging()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        voters = int(max(1.0, options.hours) * options.starts * VOTERS_PER_HOUR_AND_START)
        # In a separate process, so that its memory is not counted as the dialler's.
        subprocess.run([sys.executable, "-c", FILL, str(folder / "soak.db"), str(min(voters, 2_000_000))], check=True)
        if options.objects:
            tracemalloc.start(1)
        if options.real:
            asyncio.run(soak_in_real_time(options, folder))
        else:
            run_in_virtual_time(lambda: soak(options, folder), limit_seconds=options.hours * 3_600 + 3_600)


if __name__ == "__main__":
    main()
