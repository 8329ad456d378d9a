"""A centre on several simulated Asterisks, which call each other as boxes do; in virtual time, over real loopback TCP."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from dialer.app import running_centre
from dialer.domain.clock import LoopClock
from dialer.simulation.asterisk.config import SeatPhone, SimulatedAsteriskConfig, SimulatedTrunk
from dialer.simulation.asterisk.server import SimulatedAsterisk, join_boxes
from tests.support.centre import START_EPOCH, Site, site_settings
from tests.support.roll_filler import fill_roll


class BoxedSite(Site):
    """A centre under test; `switch` is its first box."""

    def __init__(self, boxes: Mapping[str, SimulatedAsterisk], *others: Any) -> None:
        super().__init__(next(iter(boxes.values())), *others)
        self.boxes = boxes
        for box in boxes.values():
            box.agi_port = self.centre.agi_port


def seats_at(seats: Mapping[str, int]) -> list[dict[str, str]]:
    """So many seats at each box: a01, a02, ..., b01, ..."""
    names = [(box, f"{box}{number:02}") for box, count in seats.items() for number in range(1, count + 1)]
    return [{"name": name, "endpoint": f"agent-{name}", "box": box} for box, name in names]


@contextlib.asynccontextmanager
async def a_boxed_site(
    directory: Path,
    config: SimulatedAsteriskConfig,
    seats: Mapping[str, int],
    *,
    voters: int = 90,
    channels: int = 30,
    calls_per_second: float = 5,
    **changes: Any,
) -> AsyncIterator[BoxedSite]:
    """A running centre with so many seats at each box, and a trunk of its own; every box is of this `config`."""
    if not (directory / "centre.db").exists():
        fill_roll(directory / "centre.db", voters, voters_per_booth=100, numbers_weigh_alike=True)
    tables = seats_at(seats)
    async with contextlib.AsyncExitStack() as stack:
        boxes: dict[str, SimulatedAsterisk] = {}
        for place, box in enumerate(seats):
            phones = tuple(SeatPhone(each["endpoint"], "1000") for each in tables if each["box"] == box)
            own = replace(config, box=box, seed=config.seed + place, seats=phones, start_epoch=START_EPOCH)
            own = replace(own, trunks=(SimulatedTrunk(f"carrier-{box}"),))
            boxes[box] = await stack.enter_async_context(SimulatedAsterisk(own))
        join_boxes(*boxes.values())
        clock = LoopClock(next(iter(boxes.values())).now())
        trunk = {"channels": channels, "calls_per_second": calls_per_second, "caller_ids": ["+911140000001"]}
        settings = site_settings(
            directory,
            0,
            seats=tables,
            asterisk={
                "boxes": [{"name": box, "host": "127.0.0.1", "port": each.ami_port} for box, each in boxes.items()],
                **changes.pop("asterisk", {}),
            },
            trunks=[{"name": f"line-{box}", "endpoint": f"carrier-{box}", "box": box, **trunk} for box in boxes],
            **changes,
        )
        centre = await stack.enter_async_context(running_centre(settings, clock=clock, chance=random.Random(1)))
        site = BoxedSite(boxes, centre, clock)
        async with asyncio.TaskGroup() as group:
            running = group.create_task(site.run())
            try:
                await site.until(lambda: len(centre.engine._centre.boxes.up) == len(boxes))
                yield site
            finally:
                site.stop.set()
            await running
