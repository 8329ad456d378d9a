"""What headquarters costs a centre: two diallers with the same calls beside each other, one of them joined to a headquarters.

    python -m bench.bench_uplink [--pairs 6] [--seconds 30] [--calls 8] [--news 1] [--hours 9] [--quick]

Each dialler has a simulated Asterisk, a Mosquitto and a process of its own; the joined one its `dialer uplink` beside it, and
nats-server, gatherer and PostgreSQL behind that. `--news`: so many opt-outs a second are told by other centres. Both are looked at
over the same stretches of time, so that what else the machine does falls on both; a figure is the CPU of a call of the one over
that of the other, and the processes beside are told by themselves.

Before that a day of so many hours in virtual time, with agents, twice: by itself, and joined to a headquarters that is not there.
Calls, and the share of its time that an agent waits, may differ by 1 %.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
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

from bench.common import cpu_seconds_of, record
from bench.simulated_carrier import simulated_carrier
from dialer.app import running_centre
from dialer.cli.logs import quiet_logging
from dialer.domain.view import SeatState
from dialer.hq.servers import nats_server, postgresql
from dialer.mqtt.client import BrokerSettings
from dialer.mqtt.embedded_broker import BrokerKind, demo_broker, free_port
from dialer.mqtt.messages import Message
from dialer.mqtt.outbox_relay import OutboxRelay
from dialer.nats import messages
from dialer.nats.session import connected
from dialer.process.memory import freeze_start_up_objects
from dialer.settings.site import Settings, load_settings
from dialer.simulation.asterisk.config import SimulatedAsteriskConfig, seat_phones
from dialer.simulation.asterisk.voters import VoterProfile
from dialer.simulation.site import simulated_profile
from dialer.simulation.virtual_time import run_virtual
from dialer.store.connection import read_snapshot
from dialer.uplink.uplink import run_uplink
from tests.support.centre import START_EPOCH, a_site, agents_at_work, site_settings
from tests.support.roll_filler import fill_roll

GOAL = 1.05
VOTERS = 40_000
WARM_SECONDS = 25.0
SEATS, DAY_VOTERS, LOOK_SECONDS = 6, 30_000, 5.0
ALIKE = 0.01
JOINED, ALONE = "joined", "alone"
_ENDED = "SELECT count(*) FROM attempt WHERE ended_at IS NOT NULL"


@dataclass(frozen=True, slots=True)
class Site:
    """A centre that dials."""

    store: Path
    processes: dict[str, int]  # by what they are

    def stands(self) -> tuple[int, dict[str, float]]:
        """Calls that have ended, and the CPU seconds of each process."""
        with read_snapshot(self.store, None) as db:
            [(ended,)] = db.execute(_ENDED)
        return ended, {name: cpu_seconds_of(number) for name, number in self.processes.items()}


@contextlib.asynccontextmanager
async def program(log: Path, *arguments: str) -> AsyncIterator[int]:
    """A process of ours, by its number."""
    with log.open("wb") as file:
        process = await asyncio.create_subprocess_exec(sys.executable, *arguments, stdout=file, stderr=file)
    try:
        yield process.pid
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        await process.wait()


async def site(stack: AsyncExitStack, folder: Path, name: str, calls: float, server: str | None) -> Site:
    """A centre, joined to the headquarters at `server`, or to none."""
    store = folder / name / "centre.db"
    store.parent.mkdir()
    await asyncio.to_thread(fill_roll, store, VOTERS)
    broker = await stack.enter_async_context(demo_broker(BrokerKind.MOSQUITTO))
    agi_port = free_port()
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
    text += f'[[trunks]]\nname = "carrier"\nendpoint = "carrier"\nchannels = 300\ncalls_per_second = {calls}\n'
    text += 'caller_ids = ["+911140000001"]\n[[campaigns]]\nid = "ivr"\nkind = "ivr"\nflow = "turnout"\n'
    text += 'hours = [{start = "00:00", until = "23:59:59.999999"}]\n'
    path.write_text(text, encoding="utf-8")
    dialler = program(store.parent / "dialler.log", "-m", "bench.bench_uplink", "--dialler", str(path))
    processes = {"dialler": await stack.enter_async_context(dialler), "broker": _child(broker.process.pid)}
    if server is not None:
        uplink = program(store.parent / "uplink.log", "-m", "dialer", "uplink", "-c", str(path))
        processes["uplink"] = await stack.enter_async_context(uplink)
    return Site(store, processes)


def _child(process_id: int) -> int:
    """The process that this one began: of a broker its guard is what we know."""
    return int(Path(f"/proc/{process_id}/task/{process_id}/children").read_text("ascii").split()[0])


async def dial(path: Path) -> None:
    """Be the dialler, as `dialer run` is."""
    settings = load_settings(path)
    broker = BrokerSettings(settings.broker.host, settings.broker.port)
    async with running_centre(settings, broker=broker, profile=simulated_profile()) as centre:
        freeze_start_up_objects()
        await centre.run(asyncio.Event())


async def tell(server: str, a_second: float) -> None:
    """Be the other centres: opt-outs, as the gatherer tells them."""
    async with connected([server], "others") as session:
        for number in range(1_000_000):
            await asyncio.sleep(1.0 / a_second)
            opt_out = {"number_hash": f"{number:064x}", "at": time.time(), "centre": "other"}
            await session.store(messages.OPT_OUT_SUBJECT, messages.pack_peer_updates([opt_out], []))


async def compare(given: argparse.Namespace, folder: Path) -> list[tuple[float, dict[str, dict[str, float]]]]:
    """Of each stretch: the ratio, and by site CPU ms a call of each process."""
    async with AsyncExitStack() as stack:
        books = stack.enter_context(postgresql(folder / "postgresql"))
        server = await stack.enter_async_context(nats_server(folder / "nats"))
        hq = folder / "hq.toml"
        hq.write_text(
            f'servers = ["{server.address}"]\n[gather]\ndatabase = "{books}"\n[[centres]]\nid = "{JOINED}"\nzone = "z1"\n'
        )
        await stack.enter_async_context(program(folder / "gather.log", "-m", "dialer", "hq", "gather", "-c", str(hq)))
        sites = {
            JOINED: await site(stack, folder, JOINED, given.calls, server.address),
            ALONE: await site(stack, folder, ALONE, given.calls, None),
        }
        await asyncio.sleep(WARM_SECONDS)
        telling = asyncio.create_task(tell(server.address, given.news)) if given.news else None
        found = []
        for _ in range(given.pairs):
            before = {name: each.stands() for name, each in sites.items()}
            await asyncio.sleep(given.seconds)
            costs = {}
            for name, each in sites.items():
                (ended, spent), (so_far, cpu) = before[name], each.stands()
                costs[name] = {what: (cpu[what] - spent[what]) * 1e3 / max(1, so_far - ended) for what in cpu}
                costs[name]["calls"] = so_far - ended
            found.append((costs[JOINED]["dialler"] / costs[ALONE]["dialler"], costs))
            print(f"{found[-1][0]:.3f}  {json.dumps(found[-1][1], default=str)}", flush=True)
        if telling is not None:
            telling.cancel()
        with read_snapshot(sites[JOINED].store, None) as db:
            [(passed, last)] = db.execute(
                "SELECT (SELECT passed FROM outbox_sink WHERE name = 'uplink'), (SELECT max(outbox_id) FROM outbox)"
            )
        if not passed:
            raise SystemExit(f"VOID: nothing came to headquarters ({passed} of {last})")
    return found


async def day(folder: Path, hours: float, joined: dict[str, Any]) -> tuple[int, float, int]:
    """Calls of a day, the share of their time that agents waited, and rows that wait for headquarters. The broker takes all."""
    waited = looked = 0
    store = folder / "centre.db"
    await asyncio.to_thread(fill_roll, store, DAY_VOTERS)
    law = VoterProfile(talk_mean_seconds=40.0)
    lines = SimulatedAsteriskConfig(seats=seat_phones(SEATS), start_epoch=START_EPOCH, profile=law)
    kept: list[Settings] = []

    def made(port: int) -> Settings:
        kept.append(site_settings(folder, port, seats=SEATS, campaign={"pacing": "predictive"}, **joined))
        return kept[-1]

    async def taken(message: Message) -> None:
        """A broker's."""

    async with a_site(folder, lines, seats=SEATS, made=made) as site, agents_at_work(site):
        relay = OutboxRelay("test", site.centre.store, site.centre.engine.outbox_event)
        beside = [asyncio.create_task(relay.run(taken))]
        if joined:
            beside.append(asyncio.create_task(run_uplink(kept[0])))
        for _ in range(int(hours * 3600 / LOOK_SECONDS)):
            await asyncio.sleep(LOOK_SECONDS)
            states = [seat.state for seat in site.view.seats]
            waited += sum(state is SeatState.READY for state in states)
            looked += len(states)
        if any(task.done() for task in beside):
            raise RuntimeError("what runs beside the dialler has ended")
        for task in beside:
            task.cancel()
        await asyncio.gather(*beside, return_exceptions=True)
        calls = site.view.campaigns[0].attempts
    with read_snapshot(store, None) as db:
        [(waiting,)] = db.execute("SELECT count(*) FROM outbox WHERE topic LIKE 'results/%'")
    return calls, waited / looked, waiting


def days(folder: Path, hours: float) -> bool:
    """A day alone and one whose headquarters is away; whether they are alike."""
    away = {
        "headquarters": {"user": "uplink", "servers": ["nats://127.0.0.1:1"]},
        "supervisors": [{"name": "uplink", "role": "uplink"}],
    }
    found = []
    for name, joined in (("alone", {}), ("away", away)):
        (folder / name).mkdir()
        found.append(run_virtual(partial(day, folder / name, hours, joined)))
    (calls, waited, _), (calls_away, waited_away, waiting) = found
    print(
        f"{hours:g} hours of {SEATS} seats: {calls:,} calls alone, {calls_away:,} with a headquarters that is away"
        f" ({calls_away / calls - 1:+.2%}); agents waited {waited:.2%} and {waited_away:.2%} of their time; {waiting:,} results"
        " wait"
    )
    return abs(calls_away / calls - 1) <= ALIKE and abs(waited_away - waited) <= ALIKE and waiting > 0


def median(found: Sequence[tuple[float, dict[str, dict[str, float]]]], name: str, what: str) -> float:
    """Of all stretches."""
    return statistics.median(costs[name][what] for _, costs in found)


def main() -> int:
    """Run it and print the figures; or be a dialler."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=6)
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--calls", type=float, default=8.0, help="call starts a second of each dialler")
    parser.add_argument("--news", type=float, default=1.0, help="opt-outs a second of other centres")
    parser.add_argument(
        "--hours", type=float, default=9.0, help="of a day with and without a headquarters that is away"
    )
    parser.add_argument("--quick", action="store_true", help="one stretch of 10 s")
    parser.add_argument("--dialler", metavar="SETTINGS", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    quiet_logging()
    if given.dialler is not None:
        uvloop.run(dial(given.dialler))
        return 0
    if given.quick:
        given.pairs, given.seconds, given.hours = 1, 10.0, 0.5
    with tempfile.TemporaryDirectory(prefix="matdan-uplink-", ignore_cleanup_errors=True) as folder:
        alike = days(Path(folder), given.hours)
        sites = Path(folder) / "sites"
        sites.mkdir()
        found = asyncio.run(compare(given, sites)) if given.pairs else []
    if not found:
        return int(not alike)
    ratios = sorted(ratio for ratio, _ in found)
    print(
        f"CPU of a call in the dialler, joined over alone: median {statistics.median(ratios):.3f} of {len(ratios)}"
        f" ({ratios[0]:.3f} to {ratios[-1]:.3f}; goal {GOAL}); {median(found, JOINED, 'dialler'):.2f} ms and"
        f" {median(found, ALONE, 'dialler'):.2f}; beside it uplink {median(found, JOINED, 'uplink'):.2f}, broker"
        f" {median(found, JOINED, 'broker'):.2f} and {median(found, ALONE, 'broker'):.2f}"
    )
    record("uplink", [("CPU of a call with an uplink / without", f"{statistics.median(ratios):.2f}", str(GOAL))])
    return int(not alike)


if __name__ == "__main__":
    sys.exit(main())
