"""The simulated Asterisk of a bench, in a process of its own: what it takes is none of the dialler's."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


@asynccontextmanager
async def simulated_carrier(agi_port: int, *options: str) -> AsyncIterator[int]:
    """The port of its AMI, for as long as the context lasts; its calls come to `agi_port`. `options`: see
    `python -m dialer.simulation.asterisk --help`.
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
        process.stdin.close()  # which ends it
        await process.wait()
