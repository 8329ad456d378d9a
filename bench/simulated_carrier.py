"""Runs the simulated Asterisk of a bench in a separate process, so that its load is not counted as the dialler's."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


@asynccontextmanager
async def simulated_carrier(agi_port: int, *options: str) -> AsyncIterator[int]:
    """Run a simulated Asterisk that uses the FastAGI server at `agi_port`. Yield its AMI port.

    `options` are those of `python -m dialer.simulation.asterisk --help`.
    """
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "dialer.simulation.asterisk", "--ami-port", "0", "--agi-port", str(agi_port)),
        *options,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stdin is not None
    try:
        yield int(json.loads(await process.stdout.readline())["ami_port"])
    finally:
        process.stdin.close()  # ends the process
        await process.wait()
