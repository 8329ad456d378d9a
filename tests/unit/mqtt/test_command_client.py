"""The command client: how long it waits for the dialler's reply."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any, cast

import pytest

from dialer.domain.clock import SystemClock
from dialer.domain.errors import BrokerUnreachable
from dialer.domain.schema import encode_record_as_json
from dialer.mqtt import topics
from dialer.mqtt.client import Client, Received
from dialer.mqtt.commands.client import CommandRequest, CommandSession
from dialer.mqtt.commands.signer import Signer
from dialer.mqtt.connection import Connection
from dialer.mqtt.reply import CommandReply
from tests.support.virtual import virtual_time

IMPORT = CommandRequest("roll-import", {"list": "0" * 32, "who": "asha"})
STATE = topics.CENTRE_STATE.build_full_topic("pune-1")


class Broker:
    """Records in `sent` what is published. Nobody replies."""

    def __init__(self) -> None:
        self.sent: list[dict[str, Any]] = []
        self.session = CommandSession(Connection(cast(Client, self), 10.0), "pune-1", SystemClock(), Signer("dialler"))

    async def publish(self, _topic: str, payload: str, **_: object) -> None:
        self.sent.append(json.loads(payload))

    async def receive(self, topic: str, payload: str) -> None:
        await self.session.handle_reply_or_centre_state(
            Received(topic, payload.encode(), retained=False, acknowledge=lambda: None)
        )

    async def report_roll_import(self, seconds: int) -> None:
        """Report a roll import at every heartbeat, as the dialler does."""
        for _ in range(0, seconds, 10):
            await asyncio.sleep(10)
            await self.receive(STATE, json.dumps({"online": True, "roll": {"list": "1" * 32, "rows": 9, "done": 3}}))


async def measure_seconds(work: Callable[[], Any]) -> float:
    loop = asyncio.get_running_loop()
    before = loop.time()
    await work()
    return loop.time() - before


@virtual_time()
async def test_electoral_roll_import_command_is_resent_once_and_then_fails_without_a_dialler() -> None:
    broker = Broker()
    await broker.receive(STATE, json.dumps({"online": False, "roll": None}))
    await broker.receive(STATE, "no JSON")

    async def send_without_reply() -> None:
        with pytest.raises(BrokerUnreachable, match="did not answer in 20 s: check that it runs"):
            await broker.session.send_command_and_wait(IMPORT)

    assert await measure_seconds(send_without_reply) == pytest.approx(20)
    first, second = broker.sent
    assert first["id"] == second["id"]


@virtual_time()
async def test_electoral_roll_import_waits_while_the_dialler_reports_progress() -> None:
    broker = Broker()

    async def dialler() -> None:
        await asyncio.sleep(0.5)
        await broker.report_roll_import(1_800)
        reply = CommandReply(id=broker.sent[0]["id"], status="done", text="it is in", at=0.0)
        await broker.receive("replies", encode_record_as_json(reply))

    async with asyncio.TaskGroup() as group:
        group.create_task(dialler())
        assert await broker.session.send_command_and_wait(IMPORT) == "it is in"
    assert len({each["id"] for each in broker.sent}) == 1
    assert len(broker.sent) <= 2


@virtual_time()
async def test_only_roll_import_commands_have_a_long_reply_timeout() -> None:
    broker = Broker()

    async def send_without_reply() -> None:
        with pytest.raises(BrokerUnreachable):
            await broker.session.send_command_and_wait(
                CommandRequest("suppress", {"list": "0" * 32, "source": "letter", "who": "asha"})
            )

    async with asyncio.TaskGroup() as group:
        reporting = group.create_task(broker.report_roll_import(300))
        assert await measure_seconds(send_without_reply) == pytest.approx(20)
        reporting.cancel()
