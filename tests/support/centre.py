"""A centre under test: simulated Asterisk, engine and roll in one event loop, in virtual time over loopback TCP."""

from __future__ import annotations

import asyncio
import contextlib
import getpass
import os
import random
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Any
from unittest import mock

from dialer.app import RunningCentre, assemble_centre
from dialer.domain.clock import LoopClock
from dialer.domain.view import CallChange, Change
from dialer.engine.seats.commands import SeatLogIn
from dialer.process import loop_lag
from dialer.settings.jurisdiction import Profile
from dialer.settings.site import Settings
from dialer.simulation.agents import AgentHabits, SimulatedAgents
from dialer.simulation.asterisk.config import SimulatedAsteriskConfig, make_seat_phones
from dialer.simulation.asterisk.server import SimulatedAsterisk
from dialer.simulation.site import SimulatedSite
from tests.support.roll_filler import fill_roll

SCRIPTS_AS_WE_ARE = {"script_user": getpass.getuser()} if os.geteuid() == 0 else {}
"""[flows] settings for scripts in a test's folder. As root, scripts must run as root, who alone may read the folder."""

START_EPOCH = 1_713_758_400.0  # Monday 22 April 2024, 09:30 in India


class Site(SimulatedSite):
    """A centre under test, with the changes it has published."""

    def __init__(self, switch: SimulatedAsterisk, centre: RunningCentre, clock: LoopClock) -> None:
        super().__init__(switch, centre)
        self.clock = clock
        self.changes: list[Change] = []
        centre.engine.subscribe_to_changes(self.changes.append)

    def ended(self) -> list[CallChange]:
        """Return the calls that have ended, in order."""
        return [change for change in self.changes if isinstance(change, CallChange) and change.outcome is not None]

    async def until(self, condition: Callable[[], bool], seconds: float = 600.0) -> None:
        """Wait until the condition holds. Raises TimeoutError after `seconds` of virtual time."""
        async with asyncio.timeout(seconds):
            while not condition():
                await asyncio.sleep(0.05)

    async def log_in(self, *seats: str) -> None:
        """Log agents in at the seats and wait until their phones are connected."""
        for seat in seats:
            await self.centre.engine.execute_command(SeatLogIn(seat=seat, agent=f"agent-{seat}"))
        await self.until(
            lambda: all(view.state.value != "lost" for view in self.centre_view.seats if view.seat in seats)
        )


def site_settings(
    directory: Path, ami_port: int, *, seats: int | list[dict[str, str]] = 2, **changes: Mapping[str, Any] | Any
) -> Settings:
    """Return settings with one agent campaign. `changes` replace sections; `campaign` replaces keys of the campaign."""
    if isinstance(seats, int):
        seats = [{"name": f"{n:02d}", "endpoint": f"agent{n:02d}"} for n in range(1, seats + 1)]
    campaign = {
        "id": "agents",
        "kind": "agents",
        "pacing": "progressive",
        "hours": [{"start": "00:00", "until": "23:59:59"}],
        **changes.pop("campaign", {}),
    }
    values: dict[str, Any] = {
        "centre": {"id": "test", "time_zone": "Asia/Kolkata"},
        "store": {"path": directory / "centre.db", "reserve_megabytes": 1},
        "ami": {"port": ami_port, "username": "dialler", "secret": "dialler"},
        "fastagi": {"port": 0},
        "broker": {"enabled": False},
        "dialling": {"drain_seconds": 30, "max_attempts_per_day": 3},
        "trunks": [
            {
                "name": "carrier",
                "endpoint": "carrier",
                "channels": 30,
                "calls_per_second": 5,
                "caller_ids": ["+911140000001"],
            }
        ],
        "seats": seats,
        "campaigns": [campaign],
        **changes,
    }
    return Settings.model_validate(values)


@contextlib.asynccontextmanager
async def a_site(
    directory: Path,
    switch_config: SimulatedAsteriskConfig | None = None,
    *,
    voters: int = 90,
    seats: int = 2,
    run: bool = True,
    agi: bool = False,
    switch: SimulatedAsterisk | None = None,
    profile: Profile | None = None,
    clocked: Callable[[float], LoopClock] = LoopClock,
    made: Callable[[int], Settings] | None = None,
    **changes: Any,
) -> AsyncIterator[Site]:
    """Run a centre and stop it at the end of the context.

    Args:
        directory: Folder of the store, which is filled with `voters` if it does not exist.
        switch_config: Configuration of the simulated Asterisk.
        voters: Number of voters on the roll.
        seats: Number of seats.
        run: Whether to run the centre, or only create it.
        agi: Whether the simulated Asterisk can reach the centre's FastAGI server.
        switch: A running Asterisk to use, for a second dialler on the same one.
        profile: The profile; None: the one of the settings.
        clocked: Makes the clock from its start (epoch seconds).
        made: Makes the settings from the AMI port.
        changes: Changes to the settings; see `site_settings`.
    """
    if not (directory / "centre.db").exists():
        fill_roll(directory / "centre.db", voters, voters_per_booth=100, numbers_weigh_alike=True)
    async with contextlib.AsyncExitStack() as stack:
        # A loop in virtual time is never late, and probing it takes a tenth of a test's time.
        stack.enter_context(mock.patch.object(loop_lag, "LAG_PROBE_SECONDS", 3600.0))
        if switch is None:
            config = switch_config or SimulatedAsteriskConfig(seats=make_seat_phones(seats), start_epoch=START_EPOCH)
            switch = await stack.enter_async_context(SimulatedAsterisk(config))
        clock = clocked(switch.get_current_time())
        make = made or (lambda port: site_settings(directory, port, seats=seats, **changes))
        settings = make(switch.ami_port)
        centre = await stack.enter_async_context(
            assemble_centre(settings, clock=clock, chance=random.Random(1), profile=profile)
        )
        site = Site(switch, centre, clock)
        if agi:
            switch.agi_port = centre.agi_port
        if not run:
            yield site
            return
        async with asyncio.TaskGroup() as group:
            running = group.create_task(site.dial_until_stopped())
            try:
                await site.until(lambda: site.centre_view.state.switch_up)
                yield site
            finally:
                site.stop.set()
            await running


@contextlib.asynccontextmanager
async def agents_at_work(site: Site, habits: AgentHabits | None = None) -> AsyncIterator[None]:
    """Run one simulated agent per seat until the end of the context."""
    stop = asyncio.Event()
    agents = SimulatedAgents(
        site.centre.engine,
        [seat.seat for seat in site.centre_view.seats],
        habits or AgentHabits(break_share=0.0),
        seed=1,
    )
    async with asyncio.TaskGroup() as group:
        group.create_task(agents.react_to_engine_until_stopped(stop))
        try:
            yield
        finally:
            stop.set()
