"""A dialler in a process of its own, on a simulated Asterisk that lives on."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from collections.abc import AsyncIterator
from pathlib import Path

from dialer.simulation.asterisk.server import SimulatedAsterisk

HOURS = [{"start": "00:00", "until": "23:59:59.999999"}]
WAIT_SECONDS = 150.0  # real ones; some 7 on a quiet machine
SPEED = 20.0  # voters and prompts; the processes themselves run in real time


@contextlib.asynccontextmanager
async def a_dialler(
    directory: Path, switch: SimulatedAsterisk, campaign: dict[str, object], point: str, **more: str
) -> AsyncIterator[asyncio.subprocess.Process]:
    """A dialler in a process of its own; it is gone when the context is left, however that comes."""
    options = {
        "directory": str(directory),
        "ami_port": switch.ami_port,
        "agi_port": switch.agi_port,
        "point": point,
        "campaign": campaign,
        **more,
    }
    with (directory / "child.log").open("ab") as log:
        child = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "tests.support.dying_dialler", json.dumps(options)),
            cwd=Path(__file__).parents[2],
            stdout=log,
            stderr=log,
        )
    try:
        yield child
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()


async def ended_calls(switch: SimulatedAsterisk, at_least: int) -> None:
    async with asyncio.timeout(WAIT_SECONDS):
        while sum(1 for call in switch.placed if call.ended_at is not None) < at_least:
            await asyncio.sleep(0.02)
