"""A centre on several connected, simulated Asterisks, in virtual time over loopback TCP."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from dialer.app import assemble_centre
from dialer.domain.clock import LoopClock
from dialer.settings.site import Settings
from dialer.simulation.asterisk.config import SeatPhone, SimulatedAsteriskConfig, SimulatedTrunk
from dialer.simulation.asterisk.server import SimulatedAsterisk, connect_simulated_servers
from tests.support.centre import START_EPOCH, Site, site_settings
from tests.support.roll_filler import fill_roll


class MultiServerSite(Site):
    """A centre under test with several Asterisk servers. `switch` is the first server."""

    def __init__(self, servers: Mapping[str, SimulatedAsterisk], *others: Any) -> None:
        super().__init__(next(iter(servers.values())), *others)
        self.servers = servers
        for server in servers.values():
            server.agi_port = self.centre.agi_port


def list_seats(seats: Mapping[str, int]) -> list[dict[str, str]]:
    """Return the settings of seats a01, a02, ..., b01, ... for the number of seats at each server."""
    names = [(server, f"{server}{number:02}") for server, count in seats.items() for number in range(1, count + 1)]
    return [{"name": name, "endpoint": f"agent-{name}", "server": server} for server, name in names]


@contextlib.asynccontextmanager
async def run_servers(
    config: SimulatedAsteriskConfig, seats: Mapping[str, int], phones: Sequence[Mapping[str, str]] = ()
) -> AsyncIterator[Mapping[str, SimulatedAsterisk]]:
    """Run simulated servers that can call each other, each with a trunk and the phones of its seats."""
    async with contextlib.AsyncExitStack() as stack:
        servers: dict[str, SimulatedAsterisk] = {}
        for place, server in enumerate(seats):
            here = [each["endpoint"] for each in (*list_seats(seats), *phones) if each["server"] == server]
            own = replace(config, server=server, seed=config.seed + place, start_epoch=START_EPOCH)
            own = replace(own, seats=tuple(SeatPhone(endpoint, "1000") for endpoint in here))
            own = replace(own, trunks=(SimulatedTrunk(f"carrier-{server}"),))
            servers[server] = await stack.enter_async_context(SimulatedAsterisk(own))
        connect_simulated_servers(*servers.values())
        yield servers


def multi_server_settings(
    directory: Path,
    servers: Mapping[str, SimulatedAsterisk],
    seats: Mapping[str, int],
    *,
    channels: int = 30,
    calls_per_second: float = 5,
    history: Path | None = None,
    **changes: Any,
) -> Settings:
    """Return the settings of a centre on these servers, which share the call-record file `history`."""
    trunk = {"channels": channels, "calls_per_second": calls_per_second, "caller_ids": ["+911140000001"]}
    managers = [
        {"name": server, "host": "127.0.0.1", "port": each.ami_port, "history": history}
        for server, each in servers.items()
    ]
    return site_settings(
        directory,
        0,
        seats=list_seats(seats),
        asterisk={"servers": managers},
        trunks=[
            {"name": f"line-{server}", "endpoint": f"carrier-{server}", "server": server, **trunk} for server in servers
        ],
        **changes,
    )


@contextlib.asynccontextmanager
async def a_multi_server_site(
    directory: Path,
    config: SimulatedAsteriskConfig,
    seats: Mapping[str, int],
    *,
    servers: Mapping[str, SimulatedAsterisk] | None = None,
    phones: Sequence[Mapping[str, str]] = (),
    voters: int = 90,
    moved: Mapping[str, str] | None = None,
    **changes: Any,
) -> AsyncIterator[MultiServerSite]:
    """Run a centre with the given number of seats at each server.

    Pass running `servers` to start a second dialler on them, with trunks `moved` to other servers.
    """
    if not (directory / "centre.db").exists():
        fill_roll(directory / "centre.db", voters, voters_per_booth=100, numbers_weigh_alike=True)
    async with contextlib.AsyncExitStack() as stack:
        there = await stack.enter_async_context(run_servers(config, seats, phones)) if servers is None else servers
        settings = multi_server_settings(directory, there, seats, **changes)
        trunks = [
            each.model_copy(update={"server": (moved or {}).get(each.name, each.server)}) for each in settings.trunks
        ]
        settings = settings.model_copy(update={"trunks": tuple(trunks)})
        clock = LoopClock(next(iter(there.values())).get_current_time())
        centre = await stack.enter_async_context(assemble_centre(settings, clock=clock, chance=random.Random(1)))
        site = MultiServerSite(there, centre, clock)
        async with asyncio.TaskGroup() as group:
            running = group.create_task(site.dial_until_stopped())
            try:
                await site.until(lambda: len(centre.engine.features.asterisk_servers.up) == len(there))
                yield site
            finally:
                site.stop.set()
            await running
