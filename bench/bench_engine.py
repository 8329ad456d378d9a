"""The whole engine on a simulated Asterisk: concurrent calls, starts per second, event-loop lag, CPU per call, memory.

    python -m bench.bench_engine [--quick | --smoke] [--voters 1000000] [--seconds 60] [--warm-up 20]

The dialler is this process; the simulated Asterisk is a separate one. An IVR campaign keeps every channel busy: each call is
committed, originated, answered, led through its flow over FastAGI, marked and ended. Figures are compared with goals,
because no other program does all of this.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import uvloop

from bench.common import Size, add_size_options, print_progress, record, wait_until
from bench.simulated_carrier import simulated_carrier
from dialer.app import RunningCentre, assemble_centre
from dialer.cli.logs import configure_quiet_logging
from dialer.mqtt.embedded_broker import find_free_port
from dialer.process.memory import exempt_start_up_objects_from_gc
from dialer.settings.site import Settings
from dialer.simulation.site import create_profile_without_calling_hours

CALLS_AT_ONCE = 300
STARTS_PER_SECOND = 30.0
FILL = """
import sys
from pathlib import Path
from tests.support.roll_filler import fill_roll
fill_roll(Path(sys.argv[1]), int(sys.argv[2]))
"""
RECORDED = ("concurrent calls (mean)", "starts per second", "lag p99 ms", "CPU ms per call", "memory MB")
GOALS = {"lag p99 ms": 50.0, "CPU ms per call": 5.0, "memory MB": 150.0}


def bench_settings(store: Path, ami_port: int, agi_port: int) -> Settings:
    """Return settings with one IVR campaign that uses all channels and call starts."""
    return Settings.model_validate(
        {
            "centre": {"id": "bench"},
            "store": {"path": store, "reserve_megabytes": 1},
            "ami": {"port": ami_port, "username": "dialler", "secret": "dialler"},
            "fastagi": {"port": agi_port},
            "broker": {"enabled": False},
            "dialling": {"drain_seconds": 1},
            "trunks": [
                {
                    "name": "carrier",
                    "endpoint": "carrier",
                    "channels": CALLS_AT_ONCE,
                    "calls_per_second": STARTS_PER_SECOND,
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


def resident_megabytes() -> float:
    """Return the resident memory of this process (MB)."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGESIZE") / 1e6


def has_measured_lag(centre: RunningCentre) -> bool:
    """Return whether the centre has a figure for the lag of its event loop."""
    return "loop_lag_p99_seconds" in centre.engine.make_centre_view().state.figures


async def measure(voters: int, warm_up_seconds: float, seconds: float, directory: Path) -> dict[str, float]:
    """Run the engine for `seconds` after a warm-up. Return the figures by name."""
    agi_port = find_free_port()
    stop = asyncio.Event()
    figures: dict[str, float] = {}
    async with (
        simulated_carrier(agi_port, *("--answer-rate", "0.4", "--seats", "1", "--speed", "2.2")) as ami_port,
        assemble_centre(
            bench_settings(directory / "centre.db", ami_port, agi_port), profile=create_profile_without_calling_hours()
        ) as centre,
        asyncio.TaskGroup() as group,
    ):
        exempt_start_up_objects_from_gc()  # as `dialer run` does
        group.create_task(centre.dial_until_stopped(stop))
        print_progress(f"warm-up of {warm_up_seconds:g} s")
        await asyncio.sleep(warm_up_seconds)
        await wait_until("the event loop's lag has been measured", lambda: has_measured_lag(centre))
        print_progress(f"measuring for {seconds:g} s")
        before, at = centre.engine.make_centre_view().campaigns[0], time.monotonic()
        cpu = time.process_time()
        live = []
        while time.monotonic() - at < seconds:
            await asyncio.sleep(0.5)
            live.append(sum(centre.engine.make_centre_view().campaigns[0].calls.values()))
        after, passed = centre.engine.make_centre_view().campaigns[0], time.monotonic() - at
        starts = after.attempts - before.attempts
        ended = sum(after.outcomes.values()) - sum(before.outcomes.values())
        figures = {
            "concurrent calls (mean)": sum(live) / len(live),
            "concurrent calls (max)": max(live),
            "starts per second": starts / passed,
            "calls ended": ended,
            "answered": after.answered - before.answered,
            "lag median ms": centre.engine.make_centre_view().state.figures["loop_lag_median_seconds"] * 1000,
            "lag p99 ms": centre.engine.make_centre_view().state.figures["loop_lag_p99_seconds"] * 1000,
            "CPU ms per call": (time.process_time() - cpu) * 1000 / max(1, ended),
            "share of a core": (time.process_time() - cpu) / passed,
            "memory MB": resident_megabytes(),
            "memory MB (max)": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000,
            "voters": voters,
        }
        stop.set()
    return figures


def main(arguments: list[str] | None = None) -> None:
    """Run the bench and print its figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_size_options(parser, "smaller roll and shorter run")
    parser.add_argument("--voters", type=int, help="size of the roll")
    parser.add_argument("--seconds", type=float, help="length of the measurement")
    parser.add_argument("--warm-up", type=float, help="seconds before the measurement")
    options: Any = parser.parse_args(arguments)
    size: Size = options.size
    voters = options.voters or size.pick(1_000_000, 20_000, 1_000)
    seconds = options.seconds or size.pick(60.0, 15.0, 1.0)
    warm_up_seconds = options.warm_up or size.pick(20.0, 20.0, 1.0)
    configure_quiet_logging()
    with tempfile.TemporaryDirectory() as folder:
        print_progress(f"filling a store with {voters:,} voters")
        store = str(Path(folder) / "centre.db")
        # In a separate process, so that its memory is not counted as the dialler's.
        subprocess.run([sys.executable, "-c", FILL, store, str(voters)], check=True)
        figures = uvloop.run(measure(voters, warm_up_seconds, seconds, Path(folder)))
    print(f"the whole engine, {CALLS_AT_ONCE} channels, {STARTS_PER_SECOND:g} call starts per second")
    for name, value in figures.items():
        goal = GOALS.get(name)
        print(f"  {name:24} {value:12,.2f}" + (f"   goal {goal:g}: ratio {value / goal:.2f}" if goal else ""))

    record(
        "engine",
        [(name, f"{figures[name]:.2f}", f"{GOALS[name]:g}" if name in GOALS else "") for name in RECORDED],
    )


if __name__ == "__main__":
    main()
