"""How long a running dialler is waited for that was asked something: never long where none is there."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any, cast

import pytest

from dialer.domain.clock import SystemClock
from dialer.domain.errors import BrokerUnreachable
from dialer.mqtt import topics
from dialer.mqtt.client import Client, Received
from dialer.mqtt.commands.client import CommandRequest, Session
from dialer.mqtt.commands.signer import Signer
from dialer.mqtt.link import Connection
from dialer.mqtt.payloads import ReplyPayload
from tests.support.virtual import virtual_time

ROLL = CommandRequest("roll-import", {"list": "0" * 32, "who": "asha"})
STATE = topics.CENTRE_STATE.address("pune-1")


class Broker:
    """What is published stands in `sent`; nobody hears it."""

    def __init__(self) -> None:
        self.sent: list[dict[str, Any]] = []
        self.talk = Session(Connection(cast(Client, self), 10.0), "pune-1", SystemClock(), Signer("dialler"))

    async def publish(self, _topic: str, payload: str, **_: object) -> None:
        self.sent.append(json.loads(payload))

    async def says(self, topic: str, payload: str) -> None:
        await self.talk.receive(Received(topic, payload.encode(), retained=False, kept=lambda: None))

    async def tells_of_a_roll(self, seconds: int) -> None:
        """As a dialler that takes one in does, and nothing else happens: at every heartbeat."""
        for _ in range(0, seconds, 10):
            await asyncio.sleep(10)
            await self.says(STATE, json.dumps({"online": True, "roll": {"list": "1" * 32, "rows": 9, "done": 3}}))


async def seconds_of(work: Callable[[], Any]) -> float:
    loop = asyncio.get_running_loop()
    before = loop.time()
    await work()
    return loop.time() - before


@virtual_time()
async def test_a_roll_is_asked_for_again_and_given_up_within_seconds_where_no_dialler_is() -> None:
    broker = Broker()
    await broker.says(STATE, json.dumps({"online": False, "roll": None}))
    await broker.says(STATE, "no JSON")

    async def asked() -> None:
        with pytest.raises(BrokerUnreachable, match="did not answer in 20 s: check that it runs"):
            await broker.talk.send(ROLL)

    assert await seconds_of(asked) == pytest.approx(20)
    first, second = broker.sent
    assert first["id"] == second["id"]


@virtual_time()
async def test_a_roll_that_is_being_taken_in_is_waited_for_and_asked_for_once_more_at_most() -> None:
    broker = Broker()

    async def dialler() -> None:
        await asyncio.sleep(0.5)
        await broker.tells_of_a_roll(1_800)
        reply = ReplyPayload(id=broker.sent[0]["id"], status="done", text="it is in", at=0.0)
        await broker.says("replies", reply.encode())

    async with asyncio.TaskGroup() as group:
        group.create_task(dialler())
        assert await broker.talk.send(ROLL) == "it is in"
    assert len({each["id"] for each in broker.sent}) == 1
    assert len(broker.sent) <= 2


@virtual_time()
async def test_what_takes_no_minutes_is_not_waited_for_longer_because_a_roll_is_taken_in() -> None:
    broker = Broker()

    async def asked() -> None:
        with pytest.raises(BrokerUnreachable):
            await broker.talk.send(CommandRequest("suppress", {"list": "0" * 32, "source": "letter", "who": "asha"}))

    async with asyncio.TaskGroup() as group:
        telling = group.create_task(broker.tells_of_a_roll(300))
        assert await seconds_of(asked) == pytest.approx(20)
        telling.cancel()
