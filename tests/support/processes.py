"""A dialler in a separate process, on a simulated Asterisk that survives it."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

from dialer.simulation.asterisk.server import SimulatedAsterisk
from tests.support.forked import ForkedProcess

HOURS = [{"start": "00:00", "until": "23:59:59.999999"}]
WAIT_SECONDS = 150.0  # real time; about 7 on an idle machine
PROGRAM = "import json, sys; from tests.support.dying_dialler import run; run(json.loads(sys.argv[1]))"
SPEED = 20.0  # of voters and prompts; the processes run in real time


def run_dialler_process(
    directory: Path, switch: SimulatedAsterisk, campaign: dict[str, object], point: str, **more: str
) -> ForkedProcess:
    """Start a dialler process. It is killed at the end of the context."""
    options = {
        "directory": str(directory),
        "ami_port": switch.ami_port,
        "agi_port": switch.agi_port,
        "point": point,
        "campaign": campaign,
        **more,
    }
    return ForkedProcess(PROGRAM, json.dumps(options), log=directory / "child.log")


async def wait_for_ended_calls(switch: SimulatedAsterisk, at_least: int) -> None:
    async with asyncio.timeout(WAIT_SECONDS):
        while sum(1 for call in switch.placed_calls if call.ended_at is not None) < at_least:
            await asyncio.sleep(0.02)


async def wait_for_placed_calls(switch: SimulatedAsterisk, at_least: int) -> None:
    async with asyncio.timeout(WAIT_SECONDS):
        while len(switch.placed_calls) < at_least:
            await asyncio.sleep(0.02)
