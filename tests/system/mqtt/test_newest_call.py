"""The newest call at a real broker, and a store that was set back beside it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from dialer.domain.clock import SystemClock
from dialer.domain.newest_call import BROKER, UNREADABLE, NewestCall
from dialer.domain.view import CallChange, CallState, HoldReason
from dialer.mqtt.client import BrokerSettings
from dialer.mqtt.embedded_broker import BrokerKind, find_free_port, run_demo_broker
from dialer.mqtt.link import Presence
from dialer.mqtt.messages import create_newest_call_message, create_outbox_row_of_result
from dialer.mqtt.monitor import Monitor
from dialer.mqtt.newest_call import check_newest_call_at_broker
from dialer.simulation.asterisk.server import SimulatedAsterisk
from dialer.simulation.asterisk.voters import Behaviour
from dialer.store.store import open_store
from tests.support.centre import Site, a_site
from tests.support.fake_centre import FakeEngine
from tests.support.mqtt import NEEDS_MOSQUITTO, SENDERS, Supervisor, connect_supervisor
from tests.support.voters import IVR, make_scripted_switch
from tests.support.waiting import HANG_SECONDS

MOSQUITTO = pytest.param(BrokerKind.MOSQUITTO, marks=NEEDS_MOSQUITTO)
BOTH = pytest.mark.parametrize("kind", [MOSQUITTO, BrokerKind.AMQTT])
FIRST, SECOND = (f"3f0e7c1a-5b1d-4a53-9a0b-6f0d8f9d1c2{digit}" for digit in "12")
AT = 1_713_771_727.0
CAMPAIGN = {**IVR, "channels": 6, "hours": [{"start": "00:00", "until": "23:59:59"}]}
TOPIC = "newest-call"


def place_call(engine: FakeEngine, attempt_id: str) -> None:
    engine.tell(CallChange("turnout-agents", attempt_id, CallState.SENDING, AT - 1))
    engine.tell(CallChange("turnout-agents", attempt_id, CallState.DIALLING, AT))
    engine.tell(CallChange("turnout-agents", attempt_id, CallState.RINGING, AT + 1))


async def publish_retained(listener: Supervisor, payload: bytes | str) -> None:
    await listener.client.publish(f"dialer/v1/pune-1/{TOPIC}", payload, qos=1, retain=True)


@contextlib.asynccontextmanager
async def run_monitor(settings: BrokerSettings, engine: FakeEngine, folder: Path) -> AsyncIterator[Monitor]:
    stop = asyncio.Event()
    store = await open_store(folder / "centre.db", encode=create_outbox_row_of_result)
    monitor = Monitor(Presence("pune-1", settings, SystemClock()), engine, store, SENDERS)
    running = asyncio.create_task(monitor.publish_and_receive_until_stopped(stop))
    yield monitor
    stop.set()
    async with asyncio.timeout(HANG_SECONDS):
        await running
    await store.close()


async def wait_for_comparison(engine: FakeEngine) -> None:
    async with asyncio.timeout(HANG_SECONDS):
        while not engine.compared:
            await asyncio.sleep(0.01)


@BOTH
async def test_newest_call_is_retained_at_the_broker_for_the_next_start(kind: BrokerKind, tmp_path: Path) -> None:
    async with run_demo_broker(kind) as broker, connect_supervisor(broker.connection_settings) as listener:
        engine = FakeEngine()
        async with run_monitor(broker.connection_settings, engine, tmp_path):
            await listener.wait_for_topic("state")
            place_call(engine, FIRST)
            (heard,) = await listener.wait_for_topic(TOPIC)
            assert heard.payload == {"attempt_id": FIRST, "at": AT}
            assert not engine.compared  # the broker had none
        later = FakeEngine()
        async with run_monitor(broker.connection_settings, later, tmp_path):
            await wait_for_comparison(later)
            assert later.compared == [(BROKER, NewestCall(FIRST, AT))]
            place_call(later, SECOND)
            heard = (await listener.wait_for_topic(TOPIC, 2))[-1]
            assert heard.payload["attempt_id"] == SECOND
        started = FakeEngine()
        await check_newest_call_at_broker(
            broker.connection_settings, "pune-1", started.check_that_store_has_newest_call
        )
        assert started.compared == [(BROKER, NewestCall(SECOND, AT))]


@BOTH
async def test_older_store_does_not_overwrite_the_newest_call_at_the_broker(kind: BrokerKind, tmp_path: Path) -> None:
    async with run_demo_broker(kind) as broker, connect_supervisor(broker.connection_settings) as listener:
        message = create_newest_call_message("pune-1", NewestCall(FIRST, AT))
        await publish_retained(listener, message.payload)
        engine = FakeEngine()
        engine.has_newest_call = False
        async with run_monitor(broker.connection_settings, engine, tmp_path):
            place_call(engine, SECOND)  # the broker was not reached before
            await wait_for_comparison(engine)
            place_call(engine, SECOND)
            await listener.wait_for_topic("state")
        async with connect_supervisor(broker.connection_settings) as reader:
            (retained,) = await reader.wait_for_topic(TOPIC)
        assert retained.payload["attempt_id"] == FIRST


@BOTH
async def test_malformed_record_of_the_newest_call_at_the_broker_is_reported_as_unreadable(
    kind: BrokerKind, tmp_path: Path
) -> None:
    async with run_demo_broker(kind) as broker, connect_supervisor(broker.connection_settings) as listener:
        for payload in (
            b"{",
            b"[]",
            b"\xff",
            b"{}",
            json.dumps({"attempt_id": 5, "at": AT}),
            '{"attempt_id": "x", "at": NaN}',
        ):
            await publish_retained(listener, payload)
            engine = FakeEngine()
            await check_newest_call_at_broker(
                broker.connection_settings, "pune-1", engine.check_that_store_has_newest_call
            )
            assert engine.compared == [(BROKER, UNREADABLE)], payload
        await publish_retained(listener, b"")
        engine = FakeEngine()
        await check_newest_call_at_broker(broker.connection_settings, "pune-1", engine.check_that_store_has_newest_call)
        assert not engine.compared


async def test_dialler_starts_without_comparing_store_and_broker_if_the_broker_is_down() -> None:
    engine = FakeEngine()
    unreachable = BrokerSettings(port=find_free_port())
    await check_newest_call_at_broker(unreachable, "pune-1", engine.check_that_store_has_newest_call)
    assert not engine.compared


@contextlib.asynccontextmanager
async def run_site(folder: Path, switch: SimulatedAsterisk, broker: BrokerSettings) -> AsyncIterator[Site]:
    where = {"enabled": True, "host": broker.host, "port": broker.port}
    async with a_site(folder, switch=switch, seats=0, campaigns=[CAMPAIGN], broker=where) as site:
        yield site


@NEEDS_MOSQUITTO
async def test_no_calls_are_placed_if_the_broker_records_a_newer_call(
    tmp_path: Path,
) -> None:
    people = [Behaviour(answer_after=0.1, hang_up_after=0.1)] * 60
    async with (
        run_demo_broker(BrokerKind.MOSQUITTO) as broker,
        SimulatedAsterisk(make_scripted_switch(*people)) as switch,
        connect_supervisor(broker.connection_settings) as listener,
    ):
        async with run_site(tmp_path, switch, broker.connection_settings) as site:
            await site.until(lambda: len(site.ended()) >= 3)
        snapshot = tmp_path / "snapshot"
        snapshot.mkdir()
        for path in tmp_path.glob("centre.db*"):
            shutil.copy2(path, snapshot)
        recorded = len([each for each in listener.heard if each.topic.endswith(TOPIC)])
        async with run_site(tmp_path, switch, broker.connection_settings) as site:
            await site.until(lambda: len(site.ended()) >= 3)
            await listener.wait_for(lambda each: each.topic.endswith(TOPIC), recorded + 1)
        for path in tmp_path.glob("centre.db*"):
            if (snapshot / path.name).exists():
                path.write_bytes((snapshot / path.name).read_bytes())
            else:
                path.unlink()
        switch.database.clear()
        placed = len(switch.placed_calls)
        async with run_site(tmp_path, switch, broker.connection_settings) as site:
            await site.until(
                lambda: (
                    (hold := site.centre_view.campaigns[0].hold) is not None and hold.reason is HoldReason.STORE_OLDER
                )
            )
            assert "store-older-broker" in {alert.code for alert in site.centre_view.alerts}
            await asyncio.sleep(1)
        assert len(switch.placed_calls) == placed
