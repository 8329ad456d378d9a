"""A centre on several simulated Asterisks, which call each other as boxes do; in virtual time, over real loopback TCP."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from dialer.app import running_centre
from dialer.domain.clock import LoopClock
from dialer.settings.site import Settings
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
async def some_boxes(
    config: SimulatedAsteriskConfig, seats: Mapping[str, int], phones: Sequence[Mapping[str, str]] = ()
) -> AsyncIterator[Mapping[str, SimulatedAsterisk]]:
    """Boxes of one `config`, each with its seats' phones and a trunk of its own, that call each other; `phones` are the house's."""
    async with contextlib.AsyncExitStack() as stack:
        boxes: dict[str, SimulatedAsterisk] = {}
        for place, box in enumerate(seats):
            here = [each["endpoint"] for each in (*seats_at(seats), *phones) if each["box"] == box]
            own = replace(config, box=box, seed=config.seed + place, start_epoch=START_EPOCH)
            own = replace(own, seats=tuple(SeatPhone(endpoint, "1000") for endpoint in here))
            own = replace(own, trunks=(SimulatedTrunk(f"carrier-{box}"),))
            boxes[box] = await stack.enter_async_context(SimulatedAsterisk(own))
        join_boxes(*boxes.values())
        yield boxes


def boxed_settings(
    directory: Path,
    boxes: Mapping[str, SimulatedAsterisk],
    seats: Mapping[str, int],
    *,
    channels: int = 30,
    calls_per_second: float = 5,
    history: Path | None = None,
    **changes: Any,
) -> Settings:
    """The settings of a centre on them; `history` is that of each."""
    trunk = {"channels": channels, "calls_per_second": calls_per_second, "caller_ids": ["+911140000001"]}
    managers = [
        {"name": box, "host": "127.0.0.1", "port": each.ami_port, "history": history} for box, each in boxes.items()
    ]
    return site_settings(
        directory,
        0,
        seats=seats_at(seats),
        asterisk={"boxes": managers},
        trunks=[{"name": f"line-{box}", "endpoint": f"carrier-{box}", "box": box, **trunk} for box in boxes],
        **changes,
    )


@contextlib.asynccontextmanager
async def a_boxed_site(
    directory: Path,
    config: SimulatedAsteriskConfig,
    seats: Mapping[str, int],
    *,
    boxes: Mapping[str, SimulatedAsterisk] | None = None,
    phones: Sequence[Mapping[str, str]] = (),
    voters: int = 90,
    moved: Mapping[str, str] | None = None,
    **changes: Any,
) -> AsyncIterator[BoxedSite]:
    """A running centre with so many seats at each box; pass `boxes` to run a second dialler on the same ones, with lines `moved` to
    these boxes.
    """
    if not (directory / "centre.db").exists():
        fill_roll(directory / "centre.db", voters, voters_per_booth=100, numbers_weigh_alike=True)
    async with contextlib.AsyncExitStack() as stack:
        there = await stack.enter_async_context(some_boxes(config, seats, phones)) if boxes is None else boxes
        settings = boxed_settings(directory, there, seats, **changes)
        trunks = [each.model_copy(update={"box": (moved or {}).get(each.name, each.box)}) for each in settings.trunks]
        settings = settings.model_copy(update={"trunks": tuple(trunks)})
        clock = LoopClock(next(iter(there.values())).now())
        centre = await stack.enter_async_context(running_centre(settings, clock=clock, chance=random.Random(1)))
        site = BoxedSite(there, centre, clock)
        async with asyncio.TaskGroup() as group:
            running = group.create_task(site.run())
            try:
                await site.until(lambda: len(centre.engine._centre.boxes.up) == len(there))
                yield site
            finally:
                site.stop.set()
            await running
