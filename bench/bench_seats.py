"""CPU of a centre with 10 to 1,000 seats, in virtual time: per call, per decision, and the longest decision.

    python -m bench.bench_seats [--seats 10 --seats 100] [--minutes 2] [--profile]

Engine, store, AMI and the simulated Asterisk are in one process, so that virtual time can be used: the CPU per call
includes the simulated Asterisk. One predictive agent campaign keeps the seats busy; the trunk's limits never bind. A
decision is one run of `Placing.place_calls_of_all_campaigns`, measured without the tasks that it starts.
"""

from __future__ import annotations

import argparse
import asyncio
import cProfile
import pstats
import random
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

from bench.bench_engine import FILL
from bench.common import add_size_options, cpu_seconds, print_progress, record
from dialer.app import RunningCentre, assemble_centre
from dialer.cli.logs import configure_quiet_logging
from dialer.domain.clock import LoopClock
from dialer.engine.seats.commands import SeatLogIn
from dialer.process.memory import exempt_start_up_objects_from_gc
from dialer.settings.site import Settings
from dialer.simulation.asterisk.config import SimulatedAsteriskConfig, make_seat_phones
from dialer.simulation.asterisk.server import SimulatedAsterisk
from dialer.simulation.asterisk.voters import VoterProfile
from dialer.simulation.site import create_profile_without_calling_hours
from dialer.simulation.virtual_time import run_in_virtual_time

START_EPOCH = 1_713_724_200.0
SEATS = (10, 100, 300, 1_000)
WARM_SECONDS = 120.0
VOTERS_PER_SEAT_AND_MINUTE = 12


def seats_settings(store: Path, ami_port: int, seats: int) -> Settings:
    """Return settings with one predictive agent campaign and a trunk whose limits never bind."""
    return Settings.model_validate(
        {
            "centre": {"id": "bench"},
            "store": {"path": store, "reserve_megabytes": 1},
            "ami": {"port": ami_port, "username": "dialler", "secret": "dialler"},
            "fastagi": {"port": 0},
            "broker": {"enabled": False},
            "dialling": {"drain_seconds": 1},
            "trunks": [
                {
                    "name": "carrier",
                    "endpoint": "carrier",
                    "channels": 8 * seats,
                    "calls_per_second": min(1000.0, 2.0 * seats),
                    "caller_ids": ["+911140000001"],
                }
            ],
            "seats": [{"name": f"{n:02d}", "endpoint": f"agent{n:02d}"} for n in range(1, seats + 1)],
            "campaigns": [
                {
                    "id": "agents",
                    "kind": "agents",
                    "pacing": "predictive",
                    "wrap_up_seconds": 10,
                    "hours": [{"start": "00:00", "until": "23:59:59.999999"}],
                }
            ],
        }
    )


class DecisionTimer:
    """Counts the placing decisions of a centre, and adds up their CPU time."""

    def __init__(self, centre: RunningCentre) -> None:
        placing = centre.engine.features.campaign_call_placer
        self._decide = placing.place_calls_of_all_campaigns
        self.reset()
        placing.place_calls_of_all_campaigns = self._measure_decision  # type: ignore[method-assign]  # a stopwatch around it

    def reset(self) -> None:
        """Forget what was measured."""
        self.decisions, self.cpu_seconds, self.longest_seconds = 0, 0.0, 0.0

    def _measure_decision(self) -> float:
        began = time.thread_time()
        try:
            return self._decide()
        finally:
            took = time.thread_time() - began
            self.decisions += 1
            self.cpu_seconds += took
            self.longest_seconds = max(self.longest_seconds, took)


async def measure(
    folder: Path, seats: int, minutes: float, warm_seconds: float, profile: cProfile.Profile | None
) -> dict[str, float]:
    """Run a centre in virtual time, and return its figures by name."""
    config = SimulatedAsteriskConfig(
        start_epoch=START_EPOCH,
        seats=make_seat_phones(seats),
        profile=VoterProfile(answer_rate=0.4, talk_mean_seconds=45.0),
    )
    stop = asyncio.Event()
    async with SimulatedAsterisk(config) as switch:
        settings = seats_settings(folder / "centre.db", switch.ami_port, seats)
        clock = LoopClock(switch.get_current_time())
        async with (
            assemble_centre(
                settings, clock=clock, chance=random.Random(1), profile=create_profile_without_calling_hours()
            ) as centre,
            asyncio.TaskGroup() as group,
        ):
            switch.agi_port = centre.agi_port
            group.create_task(centre.dial_until_stopped(stop))
            await asyncio.sleep(2)
            for seat in settings.seats:
                await centre.engine.execute_command(SeatLogIn(seat=seat.name, agent=f"agent-{seat.name}"))
            await asyncio.sleep(warm_seconds)
            exempt_start_up_objects_from_gc()  # as `dialer run` does after its start
            timer, before = DecisionTimer(centre), centre.engine.make_centre_view()
            began = cpu_seconds()
            if profile is not None:
                profile.enable()
            await asyncio.sleep(minutes * 60)
            if profile is not None:
                profile.disable()
            spent, after = cpu_seconds() - began, centre.engine.make_centre_view()
            stop.set()
    calls = after.campaigns[0].attempts - before.campaigns[0].attempts
    return {
        "calls": calls,
        "CPU ms per call": spent * 1000 / max(1, calls),
        "CPU % of one core": spent * 100 / (minutes * 60),
        "decisions per call": timer.decisions / max(1, calls),
        "decision CPU ms per call": timer.cpu_seconds * 1000 / max(1, calls),
        "decision mean ms": timer.cpu_seconds * 1000 / max(1, timer.decisions),
        "decision longest ms": timer.longest_seconds * 1000,
        "utilisation %": 100 * (after.state.utilisation or 0.0),
        "abandoned %": 100 * after.campaigns[0].abandoned_rate,
    }


def main(arguments: list[str] | None = None) -> None:
    """Run the bench and print its figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seats", type=int, action="append", help="size of a centre; may be repeated")
    parser.add_argument("--minutes", type=float, help="virtual minutes of each measurement")
    parser.add_argument("--profile", action="store_true", help="print a profile, which makes the figures too high")
    add_size_options(parser)
    options = parser.parse_args(arguments)
    seats, minutes, warm = options.size.pick((SEATS, 2.0, WARM_SECONDS), ((10, 100), 0.5, 60.0), ((3,), 0.1, 10.0))
    seats, minutes = options.seats or seats, options.minutes or minutes
    configure_quiet_logging()
    rows: list[tuple[str, str, str]] = []
    for count in seats:
        print_progress(f"{count} seats for {minutes:g} virtual minutes")
        profile = cProfile.Profile() if options.profile else None
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            voters = int(count * VOTERS_PER_SEAT_AND_MINUTE * (minutes + warm / 60))
            subprocess.run([sys.executable, "-c", FILL, str(folder / "centre.db"), str(max(1000, voters))], check=True)
            run = partial(measure, folder, count, minutes, warm, profile)
            figures = run_in_virtual_time(run, limit_seconds=minutes * 60 + 3_600)
        print(f"{count} seats")
        for key, value in figures.items():
            print(f"  {key:26} {value:10.2f}", flush=True)
            if "CPU" in key or "longest" in key:
                rows.append((f"{count} seats: {key}", f"{value:.2f}", ""))
        if profile is not None:
            pstats.Stats(profile).sort_stats("tottime").print_stats(45)
    record("seats", rows)


if __name__ == "__main__":
    main()
