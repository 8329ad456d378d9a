"""The cost of a headquarters for a centre: two diallers with the same calls, one of them connected to a headquarters.

    python -m bench.bench_uplink [--pairs 4] [--seconds 20] [--calls 8] [--news 1] [--hours 1.5] [--quick | --smoke]

Each dialler is a process with its own simulated Asterisk and Mosquitto. The connected one also has `dialer uplink`, with
nats-server, gatherer and PostgreSQL behind it. `--news` is the rate of opt-outs from other centres. Both diallers are
measured over the same intervals, so that other load on the machine affects both. The figure is the ratio of their CPU per
call; the other processes are reported separately.

Before that, a day of `--hours` in virtual time is simulated twice with agents: without a headquarters, and with one that is
unreachable. The number of calls and the agents' waiting time may differ by 1 %.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import math
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import uvloop

from bench.common import EXIT_GOAL_MISSED, Size, add_size_options, cpu_seconds_of, print_progress, record, wait_until
from bench.simulated_carrier import simulated_carrier
from dialer.app import assemble_centre
from dialer.cli.logs import configure_quiet_logging
from dialer.domain.view import SeatState
from dialer.hq.servers import run_nats_server, run_postgresql
from dialer.mqtt.client import BrokerSettings
from dialer.mqtt.embedded_broker import BrokerKind, find_free_port, run_demo_broker
from dialer.mqtt.messages import Message
from dialer.mqtt.outbox_relay import OutboxRelay
from dialer.nats import messages
from dialer.nats.session import open_session
from dialer.process.memory import exempt_start_up_objects_from_gc
from dialer.settings.site import Settings, load_settings
from dialer.simulation.asterisk.config import SimulatedAsteriskConfig, make_seat_phones
from dialer.simulation.asterisk.voters import VoterProfile
from dialer.simulation.site import create_profile_without_calling_hours
from dialer.simulation.virtual_time import run_in_virtual_time
from dialer.store.connection import open_store_snapshot
from dialer.uplink.uplink import run_uplink
from tests.support.centre import START_EPOCH, a_site, agents_at_work, site_settings
from tests.support.roll_filler import fill_roll

GOAL = 1.05
VOTERS = 40_000
SEATS, DAY_VOTERS, SAMPLE_SECONDS = 6, 30_000, 5.0
ALIKE = 0.01
JOINED, ALONE = "joined", "alone"
_ENDED = "SELECT count(*) FROM attempt WHERE ended_at IS NOT NULL"


@dataclass(frozen=True, slots=True)
class Site:
    """A running centre: its store and processes."""

    store: Path
    processes: dict[str, int]  # process ids by name

    def measure(self) -> tuple[int, dict[str, float]]:
        """Return the number of ended calls and the CPU seconds of each process."""
        with open_store_snapshot(self.store, None) as db:
            [(ended,)] = db.execute(_ENDED)
        return ended, {name: cpu_seconds_of(number) for name, number in self.processes.items()}


@contextlib.asynccontextmanager
async def run_program(log: Path, *arguments: str) -> AsyncIterator[int]:
    """Run a Python process. Yield its id."""
    with log.open("wb") as file:
        process = await asyncio.create_subprocess_exec(sys.executable, *arguments, stdout=file, stderr=file)
    try:
        yield process.pid
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        await process.wait()


async def start_site(
    stack: AsyncExitStack, folder: Path, name: str, options: argparse.Namespace, server: str | None
) -> Site:
    """Start a centre, connected to the headquarters at `server` if given."""
    store = folder / name / "centre.db"
    store.parent.mkdir()
    await asyncio.to_thread(fill_roll, store, options.voters)
    broker = await stack.enter_async_context(run_demo_broker(BrokerKind.MOSQUITTO))
    agi_port = find_free_port()
    lines = ("--answer-rate", "0.4", "--seats", "1", "--speed", "2.2")
    ami_port = await stack.enter_async_context(simulated_carrier(agi_port, *lines))
    path = store.parent / "centre.toml"
    text = (
        f'[centre]\nid = "{name}"\n[store]\npath = "{store}"\nreserve_megabytes = 1\n[broker]\nport = {broker.port}\n'
    )
    text += f'[ami]\nport = {ami_port}\nusername = "dialler"\nsecret = "dialler"\n[fastagi]\nport = {agi_port}\n'
    text += f'[dialling]\ndrain_seconds = 1\n[rules]\nopt_out_secret = "{"of both " * 8}"\n'
    if server is not None:
        text += f'[headquarters]\nuser = "uplink"\nzone = "z1"\nservers = ["{server}"]\n'
    text += '[[supervisors]]\nname = "uplink"\nrole = "uplink"\n'
    text += f'[[trunks]]\nname = "carrier"\nendpoint = "carrier"\nchannels = 300\ncalls_per_second = {options.calls}\n'
    text += 'caller_ids = ["+911140000001"]\n[[campaigns]]\nid = "ivr"\nkind = "ivr"\nflow = "turnout"\n'
    text += 'hours = [{start = "00:00", until = "23:59:59.999999"}]\n'
    path.write_text(text, encoding="utf-8")
    dialler = run_program(store.parent / "dialler.log", "-m", "bench.bench_uplink", "--dialler", str(path))
    processes = {"dialler": await stack.enter_async_context(dialler), "broker": _child(broker.process.pid)}
    if server is not None:
        uplink = run_program(store.parent / "uplink.log", "-m", "dialer", "uplink", "-c", str(path))
        processes["uplink"] = await stack.enter_async_context(uplink)
    return Site(store, processes)


def _child(process_id: int) -> int:
    """Return the child of a process. Of a broker only its guard process is known."""
    return int(Path(f"/proc/{process_id}/task/{process_id}/children").read_text("ascii").split()[0])


async def run_dialler(path: Path) -> None:
    """Run a dialler as `dialer run` does."""
    settings = load_settings(path)
    broker = BrokerSettings(settings.broker.host, settings.broker.port)
    async with assemble_centre(settings, broker=broker, profile=create_profile_without_calling_hours()) as centre:
        exempt_start_up_objects_from_gc()
        await centre.dial_until_stopped(asyncio.Event())


async def publish_opt_outs(server: str, a_second: float) -> None:
    """Publish opt-outs of other centres, as the gatherer does."""
    async with open_session([server], "others") as session:
        for number in range(1_000_000):
            await asyncio.sleep(1.0 / a_second)
            opt_out = {"number_hash": f"{number:064x}", "at": time.time(), "centre": "other"}
            await session.store_message(messages.OPT_OUT_SUBJECT, messages.pack_peer_updates([opt_out], []))


async def compare_cpu(options: argparse.Namespace, folder: Path) -> list[tuple[float, dict[str, dict[str, float]]]]:
    """Return for each interval the ratio, and the CPU ms per call by centre and process."""
    print_progress("starting headquarters and both centres")
    async with AsyncExitStack() as stack:
        database_url = stack.enter_context(run_postgresql(folder / "postgresql"))
        server = await stack.enter_async_context(run_nats_server(folder / "nats"))
        hq = folder / "hq.toml"
        hq.write_text(
            f'servers = ["{server.nats_server_url}"]\n[gather]\ndatabase = "{database_url}"\n'
            f'[[centres]]\nid = "{JOINED}"\nzone = "z1"\n'
        )
        await stack.enter_async_context(
            run_program(folder / "gather.log", "-m", "dialer", "hq", "gather", "-c", str(hq))
        )
        sites = {
            JOINED: await start_site(stack, folder, JOINED, options, server.nats_server_url),
            ALONE: await start_site(stack, folder, ALONE, options, None),
        }
        print_progress(f"warm-up of {options.warm_up:g} s")
        await asyncio.sleep(options.warm_up)
        publishing = (
            asyncio.create_task(publish_opt_outs(server.nats_server_url, options.news)) if options.news else None
        )
        found = []
        for number in range(1, options.pairs + 1):
            print_progress(f"interval {number} of {options.pairs}, {options.seconds:g} s")
            before = {name: each.measure() for name, each in sites.items()}
            await asyncio.sleep(options.seconds)
            costs = {}
            for name, each in sites.items():
                (ended, spent), (so_far, cpu) = before[name], each.measure()
                costs[name] = {what: (cpu[what] - spent[what]) * 1e3 / max(1, so_far - ended) for what in cpu}
                costs[name]["calls"] = so_far - ended
            alone = costs[ALONE]["dialler"]
            found.append((costs[JOINED]["dialler"] / alone if alone else math.nan, costs))
            print(f"{found[-1][0]:.3f}  {json.dumps(found[-1][1], default=str)}", flush=True)
        if publishing is not None:
            publishing.cancel()
        await wait_until("headquarters has received rows", lambda: has_uplink_passed_rows(sites[JOINED].store))
    return found


def has_uplink_passed_rows(store: Path) -> bool:
    """Return whether headquarters has acknowledged rows of this store."""
    with open_store_snapshot(store, None) as db:
        [(passed,)] = db.execute("SELECT (SELECT passed FROM outbox_sink WHERE name = 'uplink')")
    return bool(passed)


async def simulate_day(folder: Path, options: argparse.Namespace, joined: dict[str, Any]) -> tuple[int, float, int]:
    """Simulate a day. Return the number of calls, the agents' share of waiting time, and the rows waiting for headquarters."""
    waited = looked = 0
    store = folder / "centre.db"
    await asyncio.to_thread(fill_roll, store, options.day_voters)
    voters = VoterProfile(talk_mean_seconds=40.0)
    lines = SimulatedAsteriskConfig(seats=make_seat_phones(SEATS), start_epoch=START_EPOCH, profile=voters)
    sites: list[Settings] = []

    def made(port: int) -> Settings:
        sites.append(site_settings(folder, port, seats=SEATS, campaign={"pacing": "predictive"}, **joined))
        return sites[-1]

    async def accept(message: Message) -> None:
        """Accept every message, as a broker does."""

    async with a_site(folder, lines, seats=SEATS, made=made) as site, agents_at_work(site):
        relay = OutboxRelay("test", site.centre.store, site.centre.engine.mqtt_message_stored_event)
        background = [asyncio.create_task(relay.publish_outbox_until_cancelled(accept))]
        if joined:
            background.append(asyncio.create_task(run_uplink(sites[0])))
        for _ in range(int(options.hours * 3600 / SAMPLE_SECONDS)):
            await asyncio.sleep(SAMPLE_SECONDS)
            states = [seat.state for seat in site.centre_view.seats]
            waited += sum(state is SeatState.READY for state in states)
            looked += len(states)
        if any(task.done() for task in background):
            raise RuntimeError("a background task has ended")
        for task in background:
            task.cancel()
        await asyncio.gather(*background, return_exceptions=True)
        calls = site.centre_view.campaigns[0].attempts
    with open_store_snapshot(store, None) as db:
        [(waiting,)] = db.execute("SELECT count(*) FROM outbox WHERE topic LIKE 'results/%'")
    return calls, waited / looked, waiting


def compare_days(folder: Path, options: argparse.Namespace) -> bool:
    """Simulate a day alone and one with an unreachable headquarters. Return whether they are alike."""
    away = {
        "headquarters": {"user": "uplink", "servers": ["nats://127.0.0.1:1"]},
        "supervisors": [{"name": "uplink", "role": "uplink"}],
    }
    found = []
    for name, joined in (("alone", {}), ("away", away)):
        print_progress(f"a day of {options.hours:g} hours, {name}")
        (folder / name).mkdir()
        found.append(run_in_virtual_time(partial(simulate_day, folder / name, options, joined)))
    (calls, waited, _), (calls_away, waited_away, waiting) = found
    print(
        f"{options.hours:g} hours of {SEATS} seats: {calls:,} calls alone, {calls_away:,} with an unreachable headquarters"
        f" ({calls_away / calls - 1:+.2%}); agents waited {waited:.2%} and {waited_away:.2%} of their time; {waiting:,} results"
        " waiting"
    )
    alike = abs(calls_away / calls - 1) <= ALIKE and abs(waited_away - waited) <= ALIKE and waiting > 0
    print(f"  goal: both days alike within {ALIKE:.0%} - {'met' if alike else 'NOT met'}")
    return alike


def median_of(found: Sequence[tuple[float, dict[str, dict[str, float]]]], name: str, what: str) -> float:
    """Return the median over all intervals of a process's CPU ms per call."""
    return statistics.median(costs[name][what] for _, costs in found)


def main() -> int:
    """Run the bench and print its figures, or run one of its diallers."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--calls", type=float, default=8.0, help="call starts per second of each dialler")
    parser.add_argument("--news", type=float, default=1.0, help="opt-outs per second of other centres")
    parser.add_argument("--hours", type=float, default=1.5, help="length of the simulated day")
    parser.add_argument("--warm-up", type=float, default=25.0, help="seconds before the first interval")
    add_size_options(parser, "one interval of 10 s")
    parser.add_argument("--dialler", metavar="SETTINGS", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    configure_quiet_logging()
    if options.dialler is not None:
        uvloop.run(run_dialler(options.dialler))
        return 0
    size: Size = options.size
    options.voters, options.day_voters = size.pick((VOTERS, DAY_VOTERS), (VOTERS, DAY_VOTERS), (500, 500))
    if size is not Size.FULL:
        options.pairs, options.seconds, options.hours = 1, size.pick(0.0, 10.0, 2.0), size.pick(0.0, 0.5, 0.02)
        options.warm_up = size.pick(0.0, 25.0, 5.0)
    with tempfile.TemporaryDirectory(prefix="matdan-uplink-", ignore_cleanup_errors=True) as folder:
        days_are_alike = compare_days(Path(folder), options)
        sites = Path(folder) / "sites"
        sites.mkdir()
        found = asyncio.run(compare_cpu(options, sites)) if options.pairs else []
    status = EXIT_GOAL_MISSED if size is Size.FULL and not days_are_alike else 0
    if not found:
        return status
    ratios = sorted(ratio for ratio, _ in found)
    print(
        f"CPU per call of the dialler, connected / alone: median {statistics.median(ratios):.3f} of {len(ratios)}"
        f" ({ratios[0]:.3f} to {ratios[-1]:.3f}; goal {GOAL}); {median_of(found, JOINED, 'dialler'):.2f} ms and"
        f" {median_of(found, ALONE, 'dialler'):.2f}; other processes: uplink {median_of(found, JOINED, 'uplink'):.2f}, broker"
        f" {median_of(found, JOINED, 'broker'):.2f} and {median_of(found, ALONE, 'broker'):.2f}"
    )
    record("uplink", [("CPU of a call with an uplink / without", f"{statistics.median(ratios):.2f}", str(GOAL))])
    return status


if __name__ == "__main__":
    sys.exit(main())
