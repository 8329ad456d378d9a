"""The demo of a headquarters: three real centres on simulated lines and 297 without calls, gathered, told of each other, stopped.

Servers are those of the wheels, on this machine. At the end it is checked against what each centre has: the real ones' stores, the
others' memory.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from dialer.app import RunningCentre, running_centre
from dialer.domain import signing
from dialer.domain.clock import SystemClock
from dialer.domain.model import CampaignState
from dialer.domain.orders import OrderKind, SignedOrder
from dialer.domain.output import write_file
from dialer.hq import orders
from dialer.hq.database import Database, database
from dialer.hq.gather import Gatherer
from dialer.hq.servers import nats_server, postgresql
from dialer.hq.snapshots import SnapshotServer
from dialer.material.centre import CURRENT
from dialer.mqtt.client import BrokerSettings
from dialer.mqtt.embedded_broker import demo_broker
from dialer.nats.session import Session, connected
from dialer.roll.importer import ImportOptions, import_file
from dialer.roll.sample import write_sample
from dialer.settings.headquarters import HqSettings
from dialer.settings.site import Settings
from dialer.simulation.agents import SimulatedAgents
from dialer.simulation.asterisk.config import SimulatedAsteriskConfig, seat_phones
from dialer.simulation.asterisk.server import SimulatedAsterisk
from dialer.simulation.asterisk.voters import VoterProfile
from dialer.simulation.demo.centre import STORE, DemoOptions, demo_settings
from dialer.simulation.demo.desk import demo_hq_desk, seat_names
from dialer.simulation.demo.headquarters_material import FLOW, NAME, DemoMaterial, demo_material
from dialer.simulation.demo.virtual_centres import VirtualCentre
from dialer.simulation.site import SimulatedSite, simulated_profile
from dialer.store.connection import read_snapshot
from dialer.uplink.uplink import run_uplink

REAL, ZONES = 3, 10
VIRTUAL_SEATS = 16  # of the centres without calls, as planned
MATERIAL = "material"
LEADER_KEY, ONLINE_KEY = "asha.key", "online.key"
SECRET = "the demo's centres share this secret"  # noqa: S105 - of nobody's numbers
STATUS_SECONDS = 5.0
SETTLE_SECONDS = 60.0
LAST_TALK_SECONDS = 240.0  # who talks when all is stopped talks on, some for a minute and more
STOP_SECONDS = 2.0
"""Within it every connected centre has obeyed a stop of all."""
_VOTED = "SELECT part_number, serial FROM voter JOIN booth USING (booth_id) WHERE turnout = 'voted' ORDER BY 1, 2"
_UP = "SELECT (SELECT passed FROM outbox_sink WHERE name = 'uplink'), max(outbox_id) FROM outbox WHERE topic LIKE 'results/%'"


@dataclass(frozen=True, slots=True)
class HqDemoOptions:
    """How large and how long."""

    for_seconds: float = 60.0
    report_path: Path | None = None
    centres: int = 300
    voters: int = 2_000  # of the one roll that the real centres share
    seats: int = 4
    rows_per_second: float = 300.0  # of all virtual centres together
    seed: int = 1


@dataclass(frozen=True, slots=True)
class HqCheck:
    """What must be so, and what was seen."""

    name: str
    holds: bool
    seen: str


def zone_of(number: int) -> str:
    """The zone of a centre, by its number."""
    return f"z{number % ZONES}"


@dataclass(frozen=True, slots=True)
class RealCentre:
    """A centre that runs."""

    settings: Settings
    broker: BrokerSettings
    centre: RunningCentre
    site: SimulatedSite
    seats: list[str]

    async def run(self, seed: int) -> None:
        """Dial, with agents, until the site's stop."""
        agents = SimulatedAgents(self.centre.engine, self.seats, DemoOptions().habits, seed)
        await self.site.run(agents.run(asyncio.Event()))

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """What stands in its store."""
        with read_snapshot(self.settings.store.path, None) as db:
            return db.execute(sql).fetchall()


async def run_hq_demo(options: HqDemoOptions, console: Console) -> list[HqCheck]:
    """Run it to its end, and what was found. Raises MatdanError where something it needs cannot be had."""
    async with contextlib.AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="matdan-hq-", ignore_cleanup_errors=True)))
        for name in (LEADER_KEY, ONLINE_KEY):
            signing.new_key_file(folder / name)
        leader = signing.read_key_file(folder / LEADER_KEY)
        books = stack.enter_context(postgresql(folder / "postgresql"))
        server = await stack.enter_async_context(nats_server(folder / "nats"))
        virtual = [VirtualCentre(number, zone_of(number), options.seed) for number in range(REAL, options.centres)]
        names = [(f"real-{number}", zone_of(number)) for number in range(REAL)]
        settings = HqSettings.model_validate(
            {
                "servers": [server.address],
                "centres": [
                    *({"id": name, "zone": zone, "seats": options.seats} for name, zone in names),
                    *({"id": each.name, "zone": each.zone, "seats": VIRTUAL_SEATS} for each in virtual),
                ],
                "desk": {"port": 0, "file": folder / "hq.desk.db"},
                "targets": {"contacts_per_seat_hour": 60.0},
                "bundles": {
                    "folder": folder / "material" / "published",
                    "online_key_file": folder / ONLINE_KEY,
                },
                "leaders": [{"name": "asha", "key": signing.public_key_text(signing.public_key(leader))}],
                "gather": {"database": books},
            }
        )
        console.print(f"nats-server {server.address}, PostgreSQL {books}")
        session = await stack.enter_async_context(connected(settings.servers, "headquarters"))
        lines = [await stack.enter_async_context(connected(settings.servers, each.name)) for each in virtual]
        look = await stack.enter_async_context(database(books))
        roll = folder / "roll.csv"
        await asyncio.to_thread(write_sample, roll, options.voters, options.seed, states=("S24",))
        material = stack.enter_context(demo_material(folder / "material", signing.read_key_file(folder / ONLINE_KEY)))
        await asyncio.to_thread(material.publish, 1)
        real = [await _real_centre(stack, settings, name, roll, options, material) for name, _ in names]
        beside = await stack.enter_async_context(_beside())  # the last: it ends before what it needs
        await SnapshotServer(settings, session).start()
        gatherer = Gatherer(settings, session, SystemClock())
        beside(gatherer.run())
        async with asyncio.timeout(SETTLE_SECONDS):
            await gatherer.active.wait()
        sites = [beside(each.run(options.seed + number)) for number, each in enumerate(real)]
        for each in real:
            beside(run_uplink(each.settings, broker=each.broker))
        for without_calls, line in zip(virtual, lines, strict=True):
            beside(without_calls.run(line))
        work = beside(_work(virtual, options.rows_per_second))
        console.print(
            f"{len(real)} centres on simulated lines, {len(virtual)} without calls; {options.for_seconds:g} s"
        )
        console.print(await stack.enter_async_context(demo_hq_desk(settings)), soft_wrap=True)
        await asyncio.to_thread(material.publish, 2)
        await _show(look, options.for_seconds, console)
        checks = [await _material_came(real), await _stop_all(settings, session, leader, real)]
        work.cancel()
        checks += await _check(look, real, virtual)
        for each in real:
            each.site.stop.set()
        await asyncio.wait(sites, timeout=SETTLE_SECONDS)
    if options.report_path is not None:
        found = {check.name: {"holds": check.holds, "seen": check.seen} for check in checks}
        write_file(options.report_path, f"{json.dumps(found, indent=2)}\n".encode(), "--report")
    return checks


@contextlib.asynccontextmanager
async def _beside() -> AsyncIterator[Callable[[Coroutine[Any, Any, Any]], asyncio.Task[Any]]]:
    """Begins jobs that are cancelled when the context is left; one that fails ends it."""
    async with asyncio.TaskGroup() as group:
        tasks: list[asyncio.Task[Any]] = []

        def begin(job: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
            tasks.append(group.create_task(job))
            return tasks[-1]

        yield begin
        for task in tasks:
            task.cancel()


async def _work(virtual: Sequence[VirtualCentre], rows_per_second: float) -> None:
    owed = 0.0
    for tick in range(1_000_000):
        owed += rows_per_second * 0.1
        for _ in range(int(owed)):
            virtual[(tick * 7919 + int(owed)) % len(virtual)].work(1)
            owed -= 1
        await asyncio.sleep(0.1)


async def _real_centre(
    stack: contextlib.AsyncExitStack,
    hq: HqSettings,
    name: str,
    roll: Path,
    options: HqDemoOptions,
    material: DemoMaterial,
) -> RealCentre:
    folder = roll.parent / name
    folder.mkdir()
    zone = zone_of(int(name[-1]))
    await asyncio.to_thread(material.install, folder / MATERIAL, name, zone)
    await asyncio.to_thread(import_file, roll, folder / STORE, ImportOptions())
    law = VoterProfile(answer_rate=0.8, talk_mean_seconds=6.0)
    seed = options.seed + int(name[-1])
    lines = SimulatedAsteriskConfig(seed=seed, seats=seat_phones(options.seats), profile=law)
    broker = await stack.enter_async_context(demo_broker())
    switch = await stack.enter_async_context(SimulatedAsterisk(lines))
    demo = demo_settings(DemoOptions(seats=options.seats), folder / STORE, switch.ami_port, None)
    leaders = [each.model_dump() for each in hq.leaders]
    changed = {
        **demo.model_dump(),
        "centre": {**demo.centre.model_dump(), "id": name},
        "dialling": {**demo.dialling.model_dump(), "drain_seconds": 2.0},
        "rules": {**demo.rules.model_dump(), "opt_out_secret": SECRET},
        "supervisors": [
            *(each.model_dump() for each in demo.supervisors),
            {"name": "uplink", "role": "uplink"},
        ],
        "campaigns": [
            each.model_dump() | ({"flow": str(folder / MATERIAL / CURRENT / FLOW)} if each.flow == NAME else {})
            for each in demo.campaigns
        ],
        "headquarters": {
            "user": "uplink",
            "zone": zone,
            "leaders": leaders,
            "servers": hq.servers,
            "material_url": material.url,
            "material_folder": folder / MATERIAL,
            "material_root": material.root,
        },
    }
    settings = Settings.model_validate(changed)
    centre = await stack.enter_async_context(
        running_centre(settings, broker=broker.settings, profile=simulated_profile())
    )
    site = SimulatedSite(switch, centre)
    return RealCentre(settings, broker.settings, centre, site, seat_names(options.seats))


async def _show(look: Database, seconds: float, console: Console) -> None:
    until = time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0:
        await asyncio.sleep(min(STATUS_SECONDS, left))
        [(heard, calls)] = await look.fetch_tuples(
            "SELECT (SELECT count(*) FROM centre WHERE committed_at IS NOT NULL),"
            " (SELECT coalesce(sum(count), 0)::int FROM day_count WHERE what = 'attempts')"
        )
        turnout = await look.fetch_tuples("SELECT contacted, voted FROM turnout WHERE kind = 'all'")
        reached, voted = turnout[0] if turnout else (0, 0)
        console.print(f"{heard} centres heard, {calls:,} calls, {reached:,} voters reached, {voted:,} voted")


async def _material_came(real: Sequence[RealCentre]) -> HqCheck:
    """What was published while the centres dialled runs in each that does."""

    def running() -> list[str]:
        links = [each.settings.headquarters.material_folder / CURRENT for each in real]
        return [link.readlink().name for link in links]

    async def everywhere() -> bool:
        return set(running()) == {f"{NAME}-2"}

    await _until(everywhere)
    seen = f"made, signed by two and published while they dialled; the centres run {', '.join(running())}"
    return HqCheck("material came to every centre that dials", await everywhere(), seen)


async def _stop_all(settings: HqSettings, session: Session, leader: bytes, real: Sequence[RealCentre]) -> HqCheck:
    order = orders.create_order(OrderKind.STOP_ALL, "all", time.time())
    signed = SignedOrder(order=order.text).signed_by("asha", leader)
    began = time.monotonic()
    last = began

    def told(_: object) -> None:
        nonlocal last
        last = time.monotonic()

    centres = orders.find_recipients(settings, order)
    answers = await orders.send_order(session, signed, order, centres, 15.0, told)
    stopped = sum(
        all(campaign.state is CampaignState.STOPPED for campaign in each.site.view.campaigns) for each in real
    )
    done = sum(each.status == "done" for each in answers.values())
    holds = done == len(centres) and stopped == len(real) and last - began < STOP_SECONDS
    seen = (
        f"{done} of {len(centres)} centres have stopped within {last - began:.2f} s, {stopped} of {len(real)} that dial"
    )
    return HqCheck("stop-all", holds, seen)


async def _until(holds: Callable[[], Any], seconds: float = SETTLE_SECONDS) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            while True:
                if await holds():
                    return
                await asyncio.sleep(0.5)


async def _check(look: Database, real: Sequence[RealCentre], virtual: Sequence[VirtualCentre]) -> list[HqCheck]:
    """What headquarters and centres have, once all is on its way."""

    async def settled() -> bool:
        if any(sum(campaign.calls.values()) for each in real for campaign in each.site.view.campaigns):
            return False
        up = [each.rows(_UP)[0] for each in real]
        through = dict(await look.fetch_tuples("SELECT centre, last_id FROM centre"))
        return all(last is None or (passed or 0) >= last for passed, last in up) and all(
            through[each.name] == each.truth.made for each in virtual
        )

    await _until(settled, LAST_TALK_SECONDS)
    await _until(lambda: _told_all(real, virtual))
    checks = [await _counted(look, real, virtual), await _once(look)]
    voted = [set(each.rows(_VOTED)) for each in real]
    everywhere = set.union(*voted)
    seen = f"{len(everywhere)} voters have voted, known in {', '.join(str(len(each)) for each in voted)}"
    checks.append(
        HqCheck(
            "voted is known in every centre of the constituency", all(voted) and min(voted, key=len) == everywhere, seen
        )
    )
    out = {hashed for each in virtual for hashed in each.truth.opted_out}
    known = [len(out & {row[0] for row in each.rows("SELECT number_hash FROM opt_out_hash")}) for each in real]
    missing = sum(len(out - each.truth.told_opted_out - each.truth.opted_out) for each in virtual)
    seen = f"{len(out)} numbers; in the centres that dial {known}, missing elsewhere {missing}"
    checks.append(
        HqCheck("opt-outs are known everywhere", missing == 0 and all(each == len(out) for each in known), seen)
    )
    sideways = sorted(second for each in virtual for second in each.truth.seconds_sideways)
    up = sorted(second for each in virtual for second in each.truth.seconds_up)
    seen = (
        f"committed p50 {_share(up, 0.5):.2f} p99 {_share(up, 0.99):.2f} s; told others p50 {_share(sideways, 0.5):.2f}"
    )
    checks.append(HqCheck("in time", _share(up, 0.99) < 5.0, f"{seen} p99 {_share(sideways, 0.99):.2f} s"))
    return checks


async def _told_all(real: Sequence[RealCentre], virtual: Sequence[VirtualCentre]) -> bool:
    out = {hashed for each in virtual for hashed in each.truth.opted_out}
    voted = [set(each.rows(_VOTED)) for each in real]
    return all(out <= each.truth.told_opted_out | each.truth.opted_out for each in virtual) and all(
        each == voted[0] for each in voted
    )


async def _counted(look: Database, real: Sequence[RealCentre], virtual: Sequence[VirtualCentre]) -> HqCheck:
    found: dict[str, dict[str, int]] = {}
    for centre, what, count in await look.fetch_tuples(
        "SELECT centre, what, sum(count)::bigint FROM day_count GROUP BY 1, 2"
    ):
        found.setdefault(centre, {})[what] = count
    wrong = [each.name for each in virtual if found.get(each.name, {}) != dict(each.truth.counts)]
    calls = 0
    for each in real:
        name = each.settings.centre.id
        [(ended,)] = each.rows("SELECT count(*) FROM attempt WHERE ended_at IS NOT NULL")
        [(marks,)] = each.rows("SELECT count(*) FROM mark WHERE agent IS NULL OR agent NOT LIKE 'centre %'")
        counts: Mapping[str, int] = found.get(name, {})
        marked = sum(count for what, count in counts.items() if what.startswith("mark/"))
        calls += ended
        if (counts.get("attempts", 0), marked) != (ended, marks):
            wrong.append(f"{name} {counts.get('attempts', 0)}/{ended} calls, {marked}/{marks} marks")
    rows = sum(each.truth.made for each in virtual)
    seen = f"{calls:,} calls and {rows:,} rows of virtual centres; wrong: {', '.join(wrong) or 'none'}"
    return HqCheck("every row is counted as its centre has it", not wrong and calls > 0, seen)


async def _once(look: Database) -> HqCheck:
    [(rows, different)] = await look.fetch_tuples("SELECT count(*), count(DISTINCT (centre, id)) FROM result")
    [(lost, trouble)] = await look.fetch_tuples("SELECT sum(lost_rows)::bigint, count(problem) FROM centre")
    seen = f"{rows:,} rows, {rows - different} twice, {lost} lost, {trouble} centres in trouble"
    return HqCheck("nothing twice, nothing lost", rows == different and lost == 0 and trouble == 0, seen)


def _share(values: Sequence[float], share: float) -> float:
    return values[min(len(values) - 1, int(len(values) * share))] if values else 0.0
