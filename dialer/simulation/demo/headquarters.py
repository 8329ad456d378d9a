"""The demo of a headquarters with 300 centres: three with simulated Asterisks, and 297 virtual ones without calls.

nats-server and PostgreSQL run on this machine. The centres upload results, receive each other's updates and obey an
order to stop. At the end, headquarters' database is compared with the centres' own records.
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

from dialer.app import RunningCentre, assemble_centre
from dialer.domain import signing
from dialer.domain.clock import SystemClock
from dialer.domain.model import CampaignState
from dialer.domain.orders import OrderKind, SignedOrder
from dialer.domain.output import write_file
from dialer.domain.view import SeatState
from dialer.hq import orders
from dialer.hq.database import Database, open_database
from dialer.hq.gather import Gatherer
from dialer.hq.servers import run_nats_server, run_postgresql
from dialer.hq.snapshots import SnapshotServer
from dialer.material.centre import CURRENT
from dialer.mqtt.client import BrokerSettings
from dialer.mqtt.embedded_broker import run_demo_broker
from dialer.nats.session import Session, open_session
from dialer.roll.importer import ImportOptions, import_roll_file
from dialer.roll.sample import write_sample_roll
from dialer.settings.headquarters import HqSettings
from dialer.settings.site import Settings
from dialer.simulation.agents import SimulatedAgents
from dialer.simulation.asterisk.config import SimulatedAsteriskConfig, make_seat_phones
from dialer.simulation.asterisk.server import SimulatedAsterisk
from dialer.simulation.asterisk.voters import VoterProfile
from dialer.simulation.demo.centre import STORE, DemoOptions, make_demo_settings
from dialer.simulation.demo.desk import list_seat_names, run_demo_hq_desk
from dialer.simulation.demo.headquarters_material import FLOW, NAME, DemoMaterial, serve_demo_campaign_material
from dialer.simulation.demo.virtual_centres import STATE, VirtualCentre
from dialer.simulation.site import SimulatedSite, create_profile_without_calling_hours
from dialer.store.connection import open_store_snapshot
from dialer.uplink.uplink import run_uplink

REAL, ZONES = 3, 10
REAL_STATE = "S24"
VIRTUAL_SEATS = 16  # planned seats of each virtual centre
MATERIAL = "material"
LEADER_KEY, ONLINE_KEY = "asha.key", "online.key"
SECRET = "the demo's centres share this secret"  # noqa: S105 - hashes synthetic numbers only
STATUS_SECONDS = 5.0
SETTLE_SECONDS = 60.0
LAST_TALK_SECONDS = 240.0  # a stop does not end conversations; wait this long for the last one
_OPEN = "SELECT count(*) FROM attempt WHERE ended_at IS NULL"
_VOTED = "SELECT part_number, serial FROM voter JOIN booth USING (booth_id) WHERE turnout = 'voted' ORDER BY 1, 2"
_UPLOADED = "SELECT (SELECT passed FROM outbox_sink WHERE name = 'uplink'), max(outbox_id) FROM outbox WHERE topic LIKE 'results/%'"


@dataclass(frozen=True, slots=True)
class HqDemoOptions:
    """The size and length of the headquarters demo."""

    for_seconds: float = 60.0
    report_path: Path | None = None
    centres: int = 300
    voters: int = 2_000  # on the roll that the real centres share
    seats: int = 4
    rows_per_second: float = 300.0  # result rows of all virtual centres together
    seed: int = 1


@dataclass(frozen=True, slots=True)
class HqCheck:
    """A check of the headquarters demo: what must hold, whether it does, and what was observed."""

    name: str
    holds: bool
    seen: str


def get_zone_of_centre(number: int) -> str:
    """Return the zone (group of centres under one coordinator) of a centre, given the centre's number."""
    return f"z{number % ZONES}"


@dataclass(frozen=True, slots=True)
class RealCentre:
    """A running centre on a simulated Asterisk."""

    settings: Settings
    broker: BrokerSettings
    centre: RunningCentre
    site: SimulatedSite
    seats: list[str]

    async def dial_with_simulated_agents(self, seed: int) -> None:
        """Dial with simulated agents until the centre is stopped."""
        agents = SimulatedAgents(self.centre.engine, self.seats, DemoOptions().habits, seed)
        await self.site.dial_until_stopped(agents.react_to_engine_until_stopped(asyncio.Event()))

    def query_database_of_centre(self, sql: str) -> list[tuple[Any, ...]]:
        """Return the rows of a query on the centre's store."""
        with open_store_snapshot(self.settings.store.path, None) as db:
            return db.execute(sql).fetchall()


async def run_hq_demo(options: HqDemoOptions, console: Console) -> list[HqCheck]:
    """Run the headquarters demo to its end and return its checks. Raises MatdanError if something it needs is missing."""
    async with contextlib.AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="matdan-hq-", ignore_cleanup_errors=True)))
        for name in (LEADER_KEY, ONLINE_KEY):
            signing.create_key_file(folder / name)
        leader = signing.read_key_file(folder / LEADER_KEY)
        database_url = stack.enter_context(run_postgresql(folder / "postgresql"))
        server = await stack.enter_async_context(run_nats_server(folder / "nats"))
        virtual = [
            VirtualCentre(number, get_zone_of_centre(number), options.seed) for number in range(REAL, options.centres)
        ]
        names = [(f"real-{number}", get_zone_of_centre(number)) for number in range(REAL)]
        settings = HqSettings.model_validate(
            {
                "servers": [server.nats_server_url],
                "centres": [
                    *({"id": name, "zone": zone, "state": REAL_STATE, "seats": options.seats} for name, zone in names),
                    *({"id": each.name, "zone": each.zone, "state": STATE, "seats": VIRTUAL_SEATS} for each in virtual),
                ],
                "desk": {"port": 0, "file": folder / "hq.desk.db"},
                "targets": {"contacts_per_seat_hour": 60.0},
                "bundles": {
                    "folder": folder / "material" / "published",
                    "online_key_file": folder / ONLINE_KEY,
                },
                "leaders": [{"name": "asha", "key": signing.format_public_key(signing.derive_public_key(leader))}],
                "gather": {"database": database_url},
            }
        )
        console.print(f"nats-server {server.nats_server_url}, PostgreSQL {database_url}")
        session = await stack.enter_async_context(open_session(settings.servers, "headquarters"))
        sessions = [
            await stack.enter_async_context(open_session(settings.servers, each.name, centre=each.name))
            for each in virtual
        ]
        hq_database = await stack.enter_async_context(open_database(database_url))
        roll = folder / "roll.csv"
        await asyncio.to_thread(write_sample_roll, roll, options.voters, options.seed, states=(REAL_STATE,))
        material = stack.enter_context(
            serve_demo_campaign_material(folder / "material", signing.read_key_file(folder / ONLINE_KEY))
        )
        await asyncio.to_thread(material.publish_campaign_material, 1)
        real = [await _start_real_centre(stack, settings, name, roll, options, material) for name, _ in names]
        # entered last, so that tasks end before the servers they use
        start = await stack.enter_async_context(_run_background_tasks())
        await SnapshotServer(settings, session).answer_snapshot_requests()
        gatherer = Gatherer(settings, session, SystemClock())
        start(gatherer.import_batches_until_cancelled())
        async with asyncio.timeout(SETTLE_SECONDS):
            await gatherer.active.wait()
        sites = [start(each.dial_with_simulated_agents(options.seed + number)) for number, each in enumerate(real)]
        for each in real:
            start(run_uplink(each.settings, broker=each.broker))
        for virtual_centre, virtual_session in zip(virtual, sessions, strict=True):
            start(virtual_centre.exchange_messages_until_cancelled(virtual_session))
        work = start(_create_results_of_virtual_centres(virtual, options.rows_per_second))
        console.print(
            f"{len(real)} centres with simulated calls, {len(virtual)} without calls; runs for {options.for_seconds:g} s"
        )
        console.print(await stack.enter_async_context(run_demo_hq_desk(settings)), soft_wrap=True)
        await asyncio.to_thread(material.publish_campaign_material, 2)
        await _print_status_of_demo(hq_database, options.for_seconds, console)
        checks = [
            await _check_that_centres_run_new_flows(real),
            await _check_that_centres_obey_stop_order(settings, session, leader, real),
        ]
        work.cancel()
        checks += await _check_that_databases_agree(hq_database, real, virtual)
        for each in real:
            each.site.stop.set()
        await asyncio.wait(sites, timeout=SETTLE_SECONDS)
    if options.report_path is not None:
        found = {check.name: {"holds": check.holds, "seen": check.seen} for check in checks}
        write_file(options.report_path, f"{json.dumps(found, indent=2)}\n".encode(), "--report")
    return checks


@contextlib.asynccontextmanager
async def _run_background_tasks() -> AsyncIterator[Callable[[Coroutine[Any, Any, Any]], asyncio.Task[Any]]]:
    """Yield a function that starts background tasks. They are cancelled when the context ends.

    If a task fails, the context ends with its error.
    """
    async with asyncio.TaskGroup() as group:
        tasks: list[asyncio.Task[Any]] = []

        def start_background_task(job: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
            tasks.append(group.create_task(job))
            return tasks[-1]

        yield start_background_task
        for task in tasks:
            task.cancel()


async def _create_results_of_virtual_centres(virtual: Sequence[VirtualCentre], rows_per_second: float) -> None:
    """Let the virtual centres send results to headquarters at a steady rate until cancelled."""
    owed = 0.0
    for tick in range(1_000_000):
        owed += rows_per_second * 0.1
        for _ in range(int(owed)):
            virtual[(tick * 7919 + int(owed)) % len(virtual)].add_random_results_to_outbox(1)
            owed -= 1
        await asyncio.sleep(0.1)


async def _start_real_centre(
    stack: contextlib.AsyncExitStack,
    hq: HqSettings,
    name: str,
    roll: Path,
    options: HqDemoOptions,
    material: DemoMaterial,
) -> RealCentre:
    folder = roll.parent / name
    folder.mkdir()
    zone = get_zone_of_centre(int(name[-1]))
    await asyncio.to_thread(material.install_campaign_material, folder / MATERIAL, name, zone)
    await asyncio.to_thread(import_roll_file, roll, folder / STORE, ImportOptions())
    voters = VoterProfile(answer_rate=0.8, talk_mean_seconds=6.0)
    seed = options.seed + int(name[-1])
    config = SimulatedAsteriskConfig(seed=seed, seats=make_seat_phones(options.seats), profile=voters)
    broker = await stack.enter_async_context(run_demo_broker())
    switch = await stack.enter_async_context(SimulatedAsterisk(config))
    demo = make_demo_settings(DemoOptions(seats=options.seats), folder / STORE, switch.ami_port, None)
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
        assemble_centre(settings, broker=broker.connection_settings, profile=create_profile_without_calling_hours())
    )
    site = SimulatedSite(switch, centre)
    return RealCentre(settings, broker.connection_settings, centre, site, list_seat_names(options.seats))


async def _print_status_of_demo(hq_database: Database, seconds: float, console: Console) -> None:
    """Print headquarters' totals every `STATUS_SECONDS` for `seconds`."""
    until = time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0:
        await asyncio.sleep(min(STATUS_SECONDS, left))
        [(connected_centres, calls)] = await hq_database.fetch_rows_as_tuples(
            "SELECT (SELECT count(*) FROM centre WHERE committed_at IS NOT NULL),"
            " (SELECT coalesce(sum(count), 0)::int FROM day_count WHERE what = 'attempts')"
        )
        turnout = await hq_database.fetch_rows_as_tuples("SELECT contacted, voted FROM turnout WHERE kind = 'all'")
        reached, voted = turnout[0] if turnout else (0, 0)
        console.print(
            f"{connected_centres} centres connected, {calls:,} calls, {reached:,} voters contacted, {voted:,} voted"
        )


async def _check_that_centres_run_new_flows(real: Sequence[RealCentre]) -> HqCheck:
    """Check that every real centre uses the new flows, which were published while it dialled."""

    def list_flow_versions_in_use() -> list[str]:
        links = [each.settings.headquarters.material_folder / CURRENT for each in real]
        return [link.readlink().name for link in links]

    async def is_new_flow_in_every_centre() -> bool:
        return set(list_flow_versions_in_use()) == {f"{NAME}-2"}

    await _wait_until_condition_holds(is_new_flow_in_every_centre)
    seen = f"published while they dialled; the centres run {', '.join(list_flow_versions_in_use())}"
    return HqCheck("new material runs in every real centre", await is_new_flow_in_every_centre(), seen)


async def _check_that_centres_obey_stop_order(
    settings: HqSettings, session: Session, leader: bytes, real: Sequence[RealCentre]
) -> HqCheck:
    """Stop all centres and check that they obey. The time that this takes is shown but not judged, because it depends
    on this machine.
    """
    order = orders.create_order(OrderKind.STOP_ALL, "all", time.time())
    signed = SignedOrder(order=order.order_as_json_text).add_signature("asha", leader)
    began = time.monotonic()
    last = began

    def store_arrival_time_of_reply(_: object) -> None:
        nonlocal last
        last = time.monotonic()

    centres = orders.find_centres_addressed_by_order(settings, order)
    answers = await orders.send_order(session, signed, order, centres, SETTLE_SECONDS, store_arrival_time_of_reply)
    stopped = sum(
        all(campaign.state is CampaignState.STOPPED for campaign in each.site.centre_view.campaigns) for each in real
    )
    done = sum(each.status == "done" for each in answers.values())
    holds = done == len(centres) and stopped == len(real)
    seen = f"{done} of {len(centres)} centres stopped within {last - began:.2f} s, among them {stopped} of {len(real)} real ones"
    return HqCheck("stop-all", holds, seen)


async def _wait_until_condition_holds(holds: Callable[[], Any], seconds: float = SETTLE_SECONDS) -> None:
    """Wait until the condition `holds()` is true, for `seconds` at most."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            while True:
                if await holds():
                    return
                await asyncio.sleep(0.5)


def has_centre_unstored_results(centre: RealCentre) -> bool:
    """Return whether a centre that has stopped calling still has results to store.

    For example, an agent may still have to enter the outcome of a call. The published state alone is not enough: a call
    disappears from it before the call's end is stored.
    """
    view = centre.site.centre_view
    busy = any(seat.state in {SeatState.RESERVED, SeatState.TALKING, SeatState.WRAP_UP} for seat in view.seats)
    return (
        busy
        or any(any(each.calls.values()) for each in view.campaigns)
        or centre.query_database_of_centre(_OPEN) != [(0,)]
    )


async def _check_that_databases_agree(
    hq_database: Database, real: Sequence[RealCentre], virtual: Sequence[VirtualCentre]
) -> list[HqCheck]:
    """Check that headquarters' database and the centres' stores agree once everything is uploaded."""

    async def are_all_results_uploaded() -> bool:
        if any(has_centre_unstored_results(each) for each in real):
            return False
        up = [each.query_database_of_centre(_UPLOADED)[0] for each in real]
        through = dict(await hq_database.fetch_rows_as_tuples("SELECT centre, last_id FROM centre"))
        return all(last is None or (passed or 0) >= last for passed, last in up) and all(
            through[each.name] == each.truth.announced for each in virtual
        )

    await _wait_until_condition_holds(are_all_results_uploaded, LAST_TALK_SECONDS)
    await _wait_until_condition_holds(lambda: _are_all_centres_updated(real, virtual))
    checks = [
        await _check_counters_of_headquarters(hq_database, real, virtual),
        await _check_rows_are_stored_once(hq_database),
    ]
    voted = [set(each.query_database_of_centre(_VOTED)) for each in real]
    everywhere = set.union(*voted)
    seen = f"{len(everywhere)} voters have voted; the real centres know {', '.join(str(len(each)) for each in voted)}"
    checks.append(
        HqCheck(
            "every real centre knows all voters who have voted",
            all(voted) and min(voted, key=len) == everywhere,
            seen,
        )
    )
    out = {hashed for each in virtual for hashed in each.truth.opted_out}
    known = [
        len(out & {row[0] for row in each.query_database_of_centre("SELECT number_hash FROM opt_out_hash")})
        for each in real
    ]
    missing = sum(len(out - each.truth.received_opt_outs - each.truth.opted_out) for each in virtual)
    seen = f"{len(out)} numbers; known in the real centres {known}, missing in virtual ones {missing}"
    checks.append(
        HqCheck("every centre knows all opt-outs", missing == 0 and all(each == len(out) for each in known), seen)
    )
    peer_updates = sorted(second for each in virtual for second in each.truth.peer_update_seconds)
    up = sorted(second for each in virtual for second in each.truth.upload_seconds)
    seen = (
        f"upload p50 {_compute_percentile(up, 0.5):.2f} p99 {_compute_percentile(up, 0.99):.2f} s; "
        f"peer updates p50 {_compute_percentile(peer_updates, 0.5):.2f} p99 {_compute_percentile(peer_updates, 0.99):.2f} s"
    )
    rows = sum(each.truth.announced for each in virtual)
    checks.append(
        HqCheck("every virtual centre knows that its rows are stored", len(up) == rows, f"{rows:,} rows; {seen}")
    )
    return checks


async def _are_all_centres_updated(real: Sequence[RealCentre], virtual: Sequence[VirtualCentre]) -> bool:
    """Return whether results have reached headquarters, and peer updates have reached the centres.

    The results are those of the virtual centres. The peer updates are opt-outs in virtual centres, and "voted" marks in
    real centres.
    """
    out = {hashed for each in virtual for hashed in each.truth.opted_out}
    voted = [set(each.query_database_of_centre(_VOTED)) for each in real]
    return (
        all(out <= each.truth.received_opt_outs | each.truth.opted_out for each in virtual)
        and all(len(each.truth.upload_seconds) == each.truth.announced for each in virtual)
        and all(each == voted[0] for each in voted)
    )


async def _check_counters_of_headquarters(
    hq_database: Database, real: Sequence[RealCentre], virtual: Sequence[VirtualCentre]
) -> HqCheck:
    """Check headquarters' counters against each centre's own results."""
    found: dict[str, dict[str, int]] = {}
    for centre, what, count in await hq_database.fetch_rows_as_tuples(
        "SELECT centre, what, sum(count)::bigint FROM day_count GROUP BY 1, 2"
    ):
        found.setdefault(centre, {})[what] = count
    wrong = [each.name for each in virtual if found.get(each.name, {}) != dict(each.truth.counts)]
    calls = 0
    for each in real:
        name = each.settings.centre.id
        [(ended,)] = each.query_database_of_centre("SELECT count(*) FROM attempt WHERE ended_at IS NOT NULL")
        [(marks,)] = each.query_database_of_centre(
            "SELECT count(*) FROM mark WHERE agent IS NULL OR agent NOT LIKE 'centre %'"
        )
        counts: Mapping[str, int] = found.get(name, {})
        marked = sum(count for what, count in counts.items() if what.startswith("mark/"))
        calls += ended
        if (counts.get("attempts", 0), marked) != (ended, marks):
            wrong.append(f"{name} {counts.get('attempts', 0)}/{ended} calls, {marked}/{marks} marks")
    rows = sum(each.truth.announced for each in virtual)
    seen = f"{calls:,} calls and {rows:,} rows of virtual centres; wrong counters: {', '.join(wrong) or 'none'}"
    return HqCheck("headquarters' counters equal the centres' results", not wrong and calls > 0, seen)


async def _check_rows_are_stored_once(hq_database: Database) -> HqCheck:
    """Check that headquarters has stored every result of the centres exactly once."""
    [(rows, different)] = await hq_database.fetch_rows_as_tuples(
        "SELECT count(*), count(DISTINCT (centre, id)) FROM result"
    )
    [(lost, trouble)] = await hq_database.fetch_rows_as_tuples(
        "SELECT sum(lost_rows)::bigint, count(problem) FROM centre"
    )
    seen = f"{rows:,} rows, {rows - different} duplicates, {lost} lost, {trouble} centres with an error"
    return HqCheck("no row is duplicated or lost", rows == different and lost == 0 and trouble == 0, seen)


def _compute_percentile(values: Sequence[float], share: float) -> float:
    """Return the value below which `share` (0-1) of the sorted values lie; 0.0 without values."""
    return values[min(len(values) - 1, int(len(values) * share))] if values else 0.0
