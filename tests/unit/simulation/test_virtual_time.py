"""The event loop in virtual time: clock, loopback sockets, executors, and detection of a stuck loop."""

from __future__ import annotations

import asyncio
import threading

import pytest

from dialer.simulation.virtual_time import VirtualTimeStuck, run_in_virtual_time
from tests.support.virtual import virtual_time


def test_sleeping_for_eleven_virtual_hours_takes_no_real_time() -> None:
    async def sleep_for_eleven_hours() -> float:
        for _ in range(11 * 60):
            await asyncio.sleep(60)
        return asyncio.get_running_loop().time()

    assert run_in_virtual_time(sleep_for_eleven_hours) == pytest.approx(11 * 3600)


def test_virtual_timers_fire_in_order_at_their_exact_time() -> None:
    async def main() -> list[tuple[str, float]]:
        loop = asyncio.get_running_loop()
        fired: list[tuple[str, float]] = []

        def fire(name: str) -> None:
            fired.append((name, round(loop.time(), 6)))

        for name, delay in (("c", 30.0), ("a", 0.001), ("b", 2.5)):
            loop.call_later(delay, fire, name)
        await asyncio.sleep(31)
        return fired

    assert run_in_virtual_time(main) == [("a", 0.001), ("b", 2.5), ("c", 30.0)]


@virtual_time()
async def test_data_on_loopback_sockets_is_handled_before_the_virtual_clock_jumps() -> None:
    """A thousand requests and replies over real TCP finish before a pending timer fires."""
    loop = asyncio.get_running_loop()

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            writer.write(line)
        writer.close()

    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    async with server:
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        timer = loop.create_task(asyncio.sleep(0.5))
        for number in range(1000):
            writer.write(b"%d\n" % number)
            assert await reader.readline() == b"%d\n" % number
        assert loop.time() == 0
        await timer
        assert loop.time() == pytest.approx(0.5)
        writer.close()
        await writer.wait_closed()


@virtual_time()
async def test_timeouts_of_the_virtual_event_loop_count_virtual_seconds() -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(3600):
            await asyncio.Event().wait()
    assert asyncio.get_running_loop().time() == pytest.approx(3600)


@virtual_time()
async def test_blocking_functions_run_in_the_thread_of_the_virtual_event_loop() -> None:
    me = threading.get_ident()
    assert await asyncio.to_thread(threading.get_ident) == me

    def raise_key_error() -> None:
        raise KeyError("lost")

    with pytest.raises(KeyError, match="lost"):
        await asyncio.get_running_loop().run_in_executor(None, raise_key_error)


def test_virtual_event_loop_with_nothing_left_to_wait_for_raises_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dialer.simulation.virtual_time.DEADLOCK_SECONDS", 0.01)

    async def main() -> None:
        await asyncio.Event().wait()

    with pytest.raises(VirtualTimeStuck, match="never comes"):
        run_in_virtual_time(main)


def test_virtual_time_limit_raises_an_error_when_passed() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()

        def reschedule() -> None:
            loop.call_later(5, reschedule)

        reschedule()
        await loop.create_future()

    with pytest.raises(VirtualTimeStuck, match="limit of 100 s"):
        run_in_virtual_time(main, limit_seconds=100)
