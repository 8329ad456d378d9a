"""The demo waits for its desk on a slow machine, and says so if the desk ends."""

from __future__ import annotations

import asyncio
from unittest.mock import Mock

import pytest

from dialer.simulation.demo.desk import _read_first_output_line
from tests.support.virtual import virtual_time


@pytest.mark.parametrize(("after", "line"), [(60.0, b"open at https://127.0.0.1:8443\n"), (0.0, b"")])
def test_demo_waits_until_a_slow_desk_serves_its_pages_or_has_ended(after: float, line: bytes) -> None:
    @virtual_time()
    async def run() -> None:
        stdout = asyncio.StreamReader()

        async def start() -> None:
            await asyncio.sleep(after)
            stdout.feed_data(line)
            stdout.feed_eof()

        starting = asyncio.create_task(start())
        assert await _read_first_output_line(Mock(stdout=stdout)) == line.decode().strip()
        await starting

    run()
