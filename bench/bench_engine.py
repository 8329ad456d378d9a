"""The whole engine on a simulated Asterisk: concurrent calls, starts per second, event-loop lag, CPU per call, memory.

    python -m bench.bench_engine [--quick]

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

from bench.common import record
from bench.simulated_carrier import simulated_carrier
from dialer.app import open_centre
from dialer.cli.logs import configure_quiet_logging
from dialer.mqtt.embedded_broker import find_free_port
from dialer.process.memory import freeze_start_up_objects
from dialer.settings.site import Settings
from dialer.simulation.site import make_simulated_profile

CALLS_AT_ONCE = 300
STARTS_PER_SECOND = 30.0
FILL = """
import sys
from pathlib import Path
from tests.support.roll_filler import fill_roll
fill_roll(Path(sys.argv[1]), int(sys.argv[2]))
"""
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


async def measure(voters: int, seconds: float, directory: Path) -> dict[str, float]:
    """Run the engine for `seconds` after a warm-up. Return the figures by name."""
    agi_port = find_free_port()
    stop = asyncio.Event()
    figures: dict[str, float] = {}
    async with (
        simulated_carrier(agi_port, *("--answer-rate", "0.4", "--seats", "1", "--speed", "2.2")) as ami_port,
        open_centre(
            bench_settings(directory / "centre.db", ami_port, agi_port), profile=make_simulated_profile()
        ) as centre,
        asyncio.TaskGroup() as group,
    ):
        freeze_start_up_objects()  # as `dialer run` does
        group.create_task(centre.run(stop))
        await asyncio.sleep(20)
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
    parser.add_argument("--quick", action="store_true", help="smaller roll and shorter run")
    parser.add_argument("--seconds", type=float, help="length of the measurement")
    options: Any = parser.parse_args(arguments)
    voters = 20_000 if options.quick else 1_000_000
    configure_quiet_logging()
    with tempfile.TemporaryDirectory() as folder:
        print(f"filling a store with {voters:,} voters ...", flush=True)
        store = str(Path(folder) / "centre.db")
        # In a separate process, so that its memory is not counted as the dialler's.
        subprocess.run([sys.executable, "-c", FILL, store, str(voters)], check=True)
        figures = uvloop.run(measure(voters, options.seconds or (15 if options.quick else 60), Path(folder)))
    print(f"the whole engine, {CALLS_AT_ONCE} channels, {STARTS_PER_SECOND:g} call starts per second")
    for name, value in figures.items():
        goal = GOALS.get(name)
        print(f"  {name:24} {value:12,.2f}" + (f"   goal {goal:g}: ratio {value / goal:.2f}" if goal else ""))

    record(
        "engine",
        [(name, f"{value:.2f}", f"{GOALS[name]:g}" if name in GOALS else "") for name, value in figures.items()],
    )


if __name__ == "__main__":
    main()
