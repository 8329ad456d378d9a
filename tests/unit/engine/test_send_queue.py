"""Stored calls that wait to be sent to a trunk, in virtual time."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest

from dialer.domain.clock import LoopClock
from dialer.domain.enums import CampaignKind
from dialer.engine.placing.send_queue import SendQueue
from dialer.engine.trunks.state import WIRE_SECONDS, CallStarts
from tests.support.rules import NOON
from tests.support.turns import ManualClock
from tests.support.virtual import virtual_time


class Trunk:
    """The send queue of a trunk with 2 call starts per second, and the calls that it has let proceed.

    Their times are in seconds of the limit, which are WIRE_SECONDS longer than those of the clock.
    """

    def __init__(self) -> None:
        self.clock = LoopClock(NOON)
        self.began = self.clock.monotonic()
        self.starts = CallStarts(2.0, self.began)
        self.queue = SendQueue(self.starts, self.clock)
        self.sent: list[tuple[str, float]] = []

    async def send(self, name: str, kind: CampaignKind = CampaignKind.IVR) -> None:
        await self.queue.wait_until_call_may_be_sent(kind)
        self.sent.append((name, round((self.clock.monotonic() - self.began) / (1.0 + WIRE_SECONDS), 1)))


@virtual_time()
async def test_stored_call_is_sent_without_delay_if_the_trunk_may_start_a_call() -> None:
    trunk = Trunk()
    await trunk.send("first")
    assert trunk.sent == [("first", 0.0)]
    assert trunk.starts.calculate_recent_call_start_rate(trunk.began) == pytest.approx(0.1)  # one call in ten seconds


@virtual_time()
async def test_waiting_calls_for_agents_are_sent_before_ivr_calls_within_the_call_rate_limit() -> None:
    trunk, problems = Trunk(), list[object]()
    asyncio.get_running_loop().set_exception_handler(lambda _, context: problems.append(context))
    async with asyncio.TaskGroup() as tasks:
        for name, kind in (
            ("ivr 1", CampaignKind.IVR),
            ("ivr 2", CampaignKind.IVR),
            ("ivr 3", CampaignKind.IVR),
            ("agent 1", CampaignKind.AGENTS),
            ("agent 2", CampaignKind.AGENTS),
        ):
            tasks.create_task(trunk.send(name, kind))
    assert trunk.sent == [("ivr 1", 0.0), ("agent 1", 0.5), ("agent 2", 1.0), ("ivr 2", 1.5), ("ivr 3", 2.0)]
    assert trunk.starts.calculate_recent_call_start_rate(trunk.clock.monotonic()) == pytest.approx(0.5)
    await asyncio.sleep(5)
    assert problems == []  # no timer is left that finds the queue empty


@virtual_time()
async def test_call_cancelled_in_the_send_queue_does_not_use_the_call_rate_limit() -> None:
    trunk = Trunk()
    await trunk.send("first")
    cancelled = asyncio.create_task(trunk.send("cancelled"))
    last = asyncio.create_task(trunk.send("last"))
    await asyncio.sleep(0)
    cancelled.cancel()
    await last
    assert trunk.sent == [("first", 0.0), ("last", 0.5)]
    assert trunk.starts.calculate_recent_call_start_rate(trunk.clock.monotonic()) == pytest.approx(0.2)


async def test_queued_calls_are_sent_in_order_although_the_trunk_is_free() -> None:
    clock, sent = ManualClock(), list[str]()
    queue = SendQueue(CallStarts(20.0, 0.0), clock)

    async def send(name: str) -> None:
        await queue.wait_until_call_may_be_sent(CampaignKind.IVR)
        sent.append(name)

    await send("first")
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(send("second"))  # waits 30 ms for the trunk
        await asyncio.sleep(0)
        clock.seconds = 1.0  # the trunk may start a call, and the queue has not noticed yet
        tasks.create_task(send("third"))
        await asyncio.sleep(0)
        assert sent == ["first"]
        clock.seconds = 2.0
        while len(sent) < 2:
            await asyncio.sleep(0.005)
        clock.seconds = 3.0
    assert sent == ["first", "second", "third"]


@virtual_time()
async def test_single_queued_call_is_sent_when_the_cps_limit_permits() -> None:
    waits, sent = iter([1.0, 1.0, 0.0]), list[float]()
    starts = SimpleNamespace(count_seconds_until_sending=lambda _: next(waits), record_call_sent_on_trunk=sent.append)
    clock = LoopClock(NOON)
    began = clock.monotonic()
    async with asyncio.timeout(5):
        await SendQueue(cast(Any, starts), clock).wait_until_call_may_be_sent(CampaignKind.AGENTS)
    assert sent == [pytest.approx(began + 1.0)]
