"""CPU of a centre below its limits: agents, five call starts per second and a broker; then the same centre idle.

    python -m bench.bench_paced [--quick | --smoke] [--seconds 60] [--warm-up 15] [--seats 60] [--starts 5] [--profile]

It also measures how late a subscriber of the broker, in a process of its own, receives the changes of calls. The dialler is
this process; the simulated Asterisk and the broker are separate ones. Wrap-ups end by their time limit. When idle, agents are
logged in but the campaign is paused and the talks have been hung up: the longest of hundreds would last for minutes. CPU time
(user + system) is that of this process.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import cProfile
import pstats
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import uvloop

from bench.bench_engine import FILL
from bench.common import HANG_SECONDS, Size, add_size_options, print_progress, record
from bench.simulated_carrier import simulated_carrier
from dialer.app import RunningCentre, assemble_centre
from dialer.cli.logs import configure_quiet_logging
from dialer.domain.errors import CommandRefused
from dialer.domain.view import SeatState
from dialer.engine.campaigns.commands import PauseCampaign
from dialer.engine.seats.commands import SeatHangUp, SeatLogIn
from dialer.mqtt.embedded_broker import BrokerKind, find_free_port, find_mosquitto, run_demo_broker
from dialer.process.memory import exempt_start_up_objects_from_gc
from dialer.settings.site import Settings
from dialer.simulation.site import create_profile_without_calling_hours

CHANGE_P50, CHANGE_P99 = "change to subscriber p50 ms", "change to subscriber p99 ms"
RECORDED = ("calls per second", "CPU ms per call", "idle CPU ms per second", CHANGE_P50, CHANGE_P99)
GOALS = {"CPU ms per call": 6.0, "idle CPU ms per second": 5.0, CHANGE_P50: 15.0, CHANGE_P99: 50.0}
_SUBSCRIBER = """
import json, statistics, sys, time
import paho.mqtt.client as mqtt

delays = []
client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2)
client.on_connect = lambda *_: client.subscribe("dialer/v1/+/campaigns/+/calls")
client.on_message = lambda *given: delays.append(time.time() - json.loads(given[2].payload)["at"])
client.connect("127.0.0.1", int(sys.argv[1]))
client.loop_start()
sys.stdin.readline()
del delays[:]
print("ready", flush=True)
sys.stdin.readline()
hundredths = statistics.quantiles(delays, n=100) if len(delays) > 1 else [float("nan")] * 99
print(hundredths[49], hundredths[98])
"""
SPEED = 4.0  # factor of the voters' speed, at which sixty seats take five calls per second


def paced_settings(
    store: Path, ami_port: int, agi_port: int, broker_port: int | None, seats: int, starts: float
) -> Settings:
    """Return settings with one predictive agent campaign and `starts` call starts per second."""
    return Settings.model_validate(
        {
            "centre": {"id": "bench"},
            "store": {"path": store, "reserve_megabytes": 1},
            "ami": {"port": ami_port, "username": "dialler", "secret": "dialler"},
            "fastagi": {"port": agi_port},
            "broker": {"enabled": broker_port is not None, "port": broker_port or 1883},
            "dialling": {"drain_seconds": 1},
            "trunks": [
                {
                    "name": "carrier",
                    "endpoint": "carrier",
                    "channels": 200,
                    "calls_per_second": starts,
                    "caller_ids": ["+911140000001"],
                }
            ],
            "seats": [{"name": f"{n:02d}", "endpoint": f"agent{n:02d}"} for n in range(1, seats + 1)],
            "campaigns": [
                {
                    "id": "agents",
                    "kind": "agents",
                    "pacing": "predictive",
                    "wrap_up_seconds": 1,
                    "hours": [{"start": "00:00", "until": "23:59:59.999999"}],
                }
            ],
        }
    )


@contextlib.contextmanager
def run_subscriber(port: int) -> Iterator[subprocess.Popen[str]]:
    """Run a program that subscribes to the changes of calls. At a line on its input it begins to measure their delays (from the
    change in the dialler to its arrival), and at the next it prints their 50th and 99th percentile in seconds.
    """
    with subprocess.Popen(
        [sys.executable, "-c", _SUBSCRIBER, str(port)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        yield process
        process.kill()


def send_line(process: subprocess.Popen[str]) -> str:
    """Send an empty line to a program, and return the line that it prints then."""
    assert process.stdin is not None
    assert process.stdout is not None
    print(file=process.stdin, flush=True)
    return process.stdout.readline()


async def measure_cpu(seconds: float) -> float:
    """Return the CPU seconds that this process uses in `seconds`."""
    began = time.process_time()
    await asyncio.sleep(seconds)
    return time.process_time() - began


async def measure(
    options: Any, directory: Path, broker_port: int | None, subscriber: subprocess.Popen[str] | None = None
) -> dict[str, float]:
    """Measure the centre at work, then idle. Return the figures by name."""
    agi_port = find_free_port()
    lines = ("--answer-rate", "0.4", "--seats", str(options.seats), "--speed", str(SPEED))
    async with simulated_carrier(agi_port, *lines) as ami_port:
        settings = paced_settings(
            directory / "centre.db", ami_port, agi_port, broker_port, options.seats, options.starts
        )
        return await _measure_site(settings, options, subscriber)


async def _measure_site(settings: Settings, options: Any, subscriber: subprocess.Popen[str] | None) -> dict[str, float]:
    stop = asyncio.Event()
    profile = cProfile.Profile() if options.profile else None
    async with (
        assemble_centre(settings, profile=create_profile_without_calling_hours()) as centre,
        asyncio.TaskGroup() as group,
    ):
        exempt_start_up_objects_from_gc()  # as `dialer run` does
        group.create_task(centre.dial_until_stopped(stop))
        await asyncio.sleep(min(2.0, options.warm_up))
        print_progress(f"{len(settings.seats)} agents log in")
        for seat in settings.seats:
            await centre.engine.execute_command(SeatLogIn(seat=seat.name, agent=f"agent-{seat.name}"))
        print_progress(f"warm-up of {options.warm_up:g} s")
        await asyncio.sleep(options.warm_up)
        print_progress(f"measuring for {options.seconds:g} s")
        if subscriber is not None:
            send_line(subscriber)
        before = _count_attempts(centre)
        if profile is not None:
            profile.enable()
        working = await measure_cpu(options.seconds)
        if profile is not None:
            profile.disable()
            pstats.Stats(profile).sort_stats("tottime").print_stats(45)
        delays = [float(each) for each in send_line(subscriber).split()] if subscriber is not None else []
        calls, answered = (after - earlier for after, earlier in zip(_count_attempts(centre), before, strict=True))
        await centre.engine.execute_command(PauseCampaign(campaign_id="agents"))
        await end_calls(centre)
        print_progress(f"idle for {options.warm_up:g} s, then measuring for {options.seconds / 2:g} s")
        await asyncio.sleep(options.warm_up)
        if profile is not None:
            profile = cProfile.Profile()
            profile.enable()
        idle = await measure_cpu(options.seconds / 2)
        if profile is not None:
            profile.disable()
            pstats.Stats(profile).sort_stats("tottime").print_stats(45)
        stop.set()
    return {
        "calls per second": calls / options.seconds,
        "answered": answered,
        "CPU ms per call": working * 1000 / max(1, calls),
        "CPU ms per second": working * 1000 / options.seconds,
        "idle CPU ms per second": idle * 1000 / (options.seconds / 2),
        **dict(zip((CHANGE_P50, CHANGE_P99), (delay * 1000 for delay in delays), strict=False)),
    }


async def end_calls(centre: RunningCentre) -> None:
    """Hang up all talks of the paused campaign, and wait until its other calls have ended too. Raises TimeoutError."""
    until = time.monotonic() + HANG_SECONDS
    while calls := centre.engine.make_centre_view().campaigns[0].calls:
        described = ", ".join(f"{count} {state}" for state, count in calls.items())
        print_progress(f"waiting until the last calls have ended: {described}")
        if time.monotonic() >= until:
            raise TimeoutError(f"calls have not ended {HANG_SECONDS:g} s after the pause: {described}")
        for seat in centre.engine.make_centre_view().seats:
            if seat.state is SeatState.TALKING:
                with contextlib.suppress(CommandRefused):  # the voter has hung up meanwhile
                    await centre.engine.execute_command(SeatHangUp(seat=seat.seat))
        await asyncio.sleep(1)


def _count_attempts(centre: RunningCentre) -> tuple[int, int]:
    view = centre.engine.make_centre_view().campaigns[0]
    return view.attempts, view.answered


async def measure_with_broker(options: Any, directory: Path) -> dict[str, float]:
    """Measure with Mosquitto if it is installed, otherwise without a broker."""
    if find_mosquitto() is None:
        return await measure(options, directory, None)
    async with run_demo_broker(BrokerKind.MOSQUITTO) as broker:
        with run_subscriber(broker.port) as subscriber:
            return await measure(options, directory, broker.port, subscriber)


def main(arguments: list[str] | None = None) -> None:
    """Run the bench and print its figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60.0, help="seconds of work; idle for half as long")
    parser.add_argument("--seats", type=int, default=60)
    parser.add_argument("--starts", type=float, default=5.0, help="call starts per second")
    parser.add_argument("--profile", action="store_true", help="print a profile, which makes the figures too high")
    parser.add_argument("--warm-up", type=float, default=15.0, help="seconds before each measurement")
    add_size_options(parser)
    options = parser.parse_args(arguments)
    size: Size = options.size
    if size is not Size.FULL:
        options.seconds, options.seats = size.pick(0.0, 4.0, 1.0), size.pick(0, 10, 3)
        options.warm_up = size.pick(0.0, 15.0, 2.0)
    configure_quiet_logging()
    with tempfile.TemporaryDirectory() as folder:
        store = Path(folder) / "centre.db"
        # In a separate process, so that its memory is not counted as the dialler's.
        subprocess.run([sys.executable, "-c", FILL, str(store), str(size.pick(50_000, 2_000, 500))], check=True)
        figures = uvloop.run(measure_with_broker(options, Path(folder)))
    for name, value in figures.items():
        goal = GOALS.get(name)
        print(f"  {name:24} {value:10.2f}" + (f"   goal {goal:g}: ratio {value / goal:.2f}" if goal else ""))

    record(
        "paced",
        [
            (name, f"{figures[name]:.2f}", f"{GOALS[name]:g}" if name in GOALS else "")
            for name in RECORDED
            if name in figures
        ],
    )


if __name__ == "__main__":
    main()
