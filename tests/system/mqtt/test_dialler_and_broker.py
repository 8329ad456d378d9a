"""A centre connected to real MQTT brokers: Mosquitto where it is installed, and the embedded broker."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import socket
import sqlite3
import sys
import threading
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.reasoncodes import ReasonCode

from dialer.domain.clock import SystemClock
from dialer.domain.dialler_name import DiallerName
from dialer.domain.enums import CampaignKind, MarkKind, MqttVersion, Purpose
from dialer.domain.errors import BrokerUnreachable, CentreIdTaken, PortInUse
from dialer.domain.model import Announcement, AttemptId, EndedAttempt, Mark, MarkSource, NewAttempt, Outcome
from dialer.domain.view import CallChange, CallState, CampaignChange
from dialer.engine.campaigns.commands import PauseCampaign, StopAll
from dialer.engine.headquarters.commands import ConfirmUplink
from dialer.mqtt.client import BrokerSettings, Client
from dialer.mqtt.connection import check_broker_connection
from dialer.mqtt.duplicate_dialler import refuse_duplicate_dialler_at_start
from dialer.mqtt.embedded_broker import BrokerKind, find_free_port, run_demo_broker
from dialer.mqtt.link import Presence
from dialer.mqtt.messages import create_centre_message, create_outbox_row_of_result, create_retained_messages
from dialer.mqtt.monitor import Monitor
from dialer.store.store import Store, open_store
from tests.support.fake_centre import FakeEngine, centre_view, change_state
from tests.support.mqtt import NEEDS_MOSQUITTO, SENDERS, Wire, connect_supervisor
from tests.support.roll_filler import fill_roll
from tests.support.waiting import HANG_SECONDS

MOSQUITTO = pytest.param(BrokerKind.MOSQUITTO, marks=NEEDS_MOSQUITTO)
BOTH = pytest.mark.parametrize("kind", [MOSQUITTO, BrokerKind.AMQTT])


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    fill_roll(tmp_path / "centre.db", 60, voters_per_booth=20)
    opened = await open_store(tmp_path / "centre.db", encode=create_outbox_row_of_result)
    yield opened
    await opened.close()


@contextlib.asynccontextmanager
async def run_monitor(
    settings: BrokerSettings, engine: FakeEngine, store: Store, name: DiallerName | None = None
) -> AsyncIterator[tuple[Monitor, Callable[[], Awaitable[None]]]]:
    """Run the MQTT monitor of a centre. Yield it and a function that stops it."""
    stop = asyncio.Event()
    patient = replace(settings, backoff_first_seconds=0.05, backoff_most_seconds=0.2)
    monitor = Monitor(Presence("pune-1", patient, SystemClock(), name=name), engine, store, SENDERS)
    running = asyncio.create_task(monitor.publish_and_receive_until_stopped(stop))

    async def end() -> None:
        stop.set()
        async with asyncio.timeout(HANG_SECONDS):
            await running

    yield monitor, end
    await end()


async def announce(store: Store, engine: FakeEngine, first: int, count: int) -> None:
    news = [Announcement("results/marks", json.dumps({"key": f"k{first + number}"})) for number in range(count)]
    await store.add_messages_to_outbox(news, 1.0)
    engine.mqtt_message_stored_event.set()


async def wait_for_alert(engine: FakeEngine, code: str, *, standing: bool) -> None:
    """Wait until the alert with this code is active, or is cleared."""
    changed = asyncio.Event()
    unsubscribe = engine.subscribe_to_changes(lambda _: changed.set())
    async with asyncio.timeout(HANG_SECONDS):
        while (code in {alert.code for alert in engine.make_centre_view().alerts}) is not standing:
            changed.clear()
            await changed.wait()
    unsubscribe()


@BOTH
async def test_mqtt_client_that_connects_later_receives_the_complete_state_of_the_centre(
    kind: BrokerKind, store: Store
) -> None:
    engine = FakeEngine(centre_view(seats=3, booths=2))
    async with (
        run_demo_broker(kind) as broker,
        connect_supervisor(broker.connection_settings) as early,
        run_monitor(broker.connection_settings, engine, store) as (monitor, _),
    ):
        await early.wait_for_topic("booths/2/turnout")
        assert monitor.is_connected_to_broker
        async with connect_supervisor(broker.connection_settings) as late:
            await late.wait_for_topic("booths/2/turnout")
            (state,) = await late.wait_for_topic("state")
            await late.wait_for(lambda message: message.retained, count=9)
        assert state.payload["online"] is True
        expected = {message.topic for message in create_retained_messages(engine.make_centre_view())}
        assert {f"dialer/v1/pune-1/{message.topic}" for message in late.heard} == expected
        engine.tell(CallChange("turnout-ivr", "attempt-1", CallState.RINGING, 5.0))
        (call,) = await early.wait_for_topic("campaigns/turnout-ivr/calls")
        assert (call.payload["attempt_id"], call.retained) == ("attempt-1", False)


@BOTH
async def test_mqtt_command_sent_twice_is_executed_once(kind: BrokerKind, store: Store) -> None:
    engine = FakeEngine()
    command: dict[str, Any] = {
        "id": "c-1",
        "name": "pause",
        "campaign_id": "turnout-ivr",
        "expires_at": time.time() + 60,
    }
    async with (
        run_demo_broker(kind) as broker,
        connect_supervisor(broker.connection_settings) as boss,
        run_monitor(broker.connection_settings, engine, store),
    ):
        await boss.wait_for_topic("state")
        await boss.command(**command)
        await boss.command(**command)
        first, second = await boss.wait_for_topic("replies/supervisor/c-1", count=2)
        assert first.payload == second.payload
        assert first.payload["status"] == "done"
        await boss.command(id="c-2", name="stop-all", expires_at=time.time() - 5)
        (refused,) = await boss.wait_for_topic("replies/supervisor/c-2")
        assert refused.payload["status"] == "refused"
        await boss.command(id="c-3", name="stop-all", expires_at=time.time() + 60)
        await boss.wait_for_topic("replies/supervisor/c-3")
    assert engine.executed == [PauseCampaign(campaign_id="turnout-ivr"), StopAll()]


@BOTH
async def test_repeated_upload_confirmation_is_executed_again_and_not_stored(kind: BrokerKind, store: Store) -> None:
    engine = FakeEngine()
    command: dict[str, Any] = {"id": "c-1", "name": "confirm-uplink", "through": 7, "expires_at": time.time() + 60}
    async with (
        run_demo_broker(kind) as broker,
        connect_supervisor(broker.connection_settings) as boss,
        run_monitor(broker.connection_settings, engine, store),
    ):
        await boss.wait_for_topic("state")
        for _ in range(2):
            await boss.command(user="uplink", **command)
        first, second = await boss.wait_for_topic("replies/uplink/c-1", count=2)
        assert first.payload["status"] == second.payload["status"] == "done"
        assert await store.find_executed_command("uplink/c-1") is None
    assert engine.executed == [ConfirmUplink(through=7)] * 2


@BOTH
async def test_command_that_the_broker_retained_before_the_dialler_connects_is_refused(
    kind: BrokerKind, store: Store
) -> None:
    engine = FakeEngine()
    async with run_demo_broker(kind) as broker, connect_supervisor(broker.connection_settings) as boss:
        await boss.command(retain=True, id="c-1", name="stop-all", expires_at=time.time() + 60)
        async with run_monitor(broker.connection_settings, engine, store):
            (reply,) = await boss.wait_for_topic("replies/supervisor/c-1")
            assert reply.payload["status"] == "refused"
    assert engine.executed == []


@NEEDS_MOSQUITTO
async def test_command_sent_as_a_retained_message_to_a_connected_dialler_is_refused(store: Store) -> None:
    engine = FakeEngine()
    async with (
        run_demo_broker(BrokerKind.MOSQUITTO) as broker,
        connect_supervisor(broker.connection_settings) as boss,
        run_monitor(broker.connection_settings, engine, store),
    ):
        await boss.wait_for_topic("state")
        await boss.command(retain=True, id="c-1", name="stop-all", expires_at=time.time() + 60)
        (reply,) = await boss.wait_for_topic("replies/supervisor/c-1")
        assert "retain" in reply.payload["text"]
    assert engine.executed == []


@NEEDS_MOSQUITTO
async def test_command_sent_while_the_dialler_is_disconnected_is_executed_after_reconnection(store: Store) -> None:
    """The broker publishes the last will, and its session holds the command until the dialler reconnects."""
    engine = FakeEngine()
    async with (
        run_demo_broker(BrokerKind.MOSQUITTO) as broker,
        connect_supervisor(broker.connection_settings) as boss,
        Wire() as wire,
        run_monitor(replace(broker.connection_settings, port=wire.port), engine, store),
    ):
        await wire.forward_to(broker.port)
        await boss.wait_for(lambda message: message.topic == "state" and message.payload["online"])
        wire.cut()
        await boss.command(id="c-1", name="stop-all", expires_at=time.time() + 60)
        await boss.wait_for(lambda message: message.topic == "state" and not message.payload["online"])
        (reply,) = await boss.wait_for_topic("replies/supervisor/c-1")
        assert reply.payload["status"] == "done"
        await boss.wait_for(lambda message: message.topic == "state" and message.payload["online"], count=2)
    assert engine.executed == [StopAll()]


@BOTH
async def test_results_are_published_and_the_alert_ends_once_the_broker_is_reachable(
    kind: BrokerKind, store: Store
) -> None:
    engine = FakeEngine()
    async with (
        run_demo_broker(kind) as broker,
        connect_supervisor(broker.connection_settings) as boss,
        Wire() as wire,
        run_monitor(replace(broker.connection_settings, port=wire.port), engine, store) as (monitor, _),
    ):
        await wait_for_alert(engine, "broker-down", standing=True)
        assert not monitor.is_connected_to_broker
        assert not monitor.closed_cleanly
        (alert,) = engine.make_centre_view().alerts
        assert f"127.0.0.1:{wire.port}" in alert.text
        assert "Dialling continues" in alert.text
        await announce(store, engine, 0, 70)
        await wire.forward_to(broker.port)
        heard = await boss.wait_for_topic("results/marks", count=70)
        await wait_for_alert(engine, "broker-down", standing=False)
    assert [message.payload["key"] for message in heard] == [f"k{number}" for number in range(70)]
    assert await store.read_outbox_rows_for_broker(1) == []


@BOTH
async def test_all_results_and_the_complete_state_arrive_after_the_broker_was_killed(
    kind: BrokerKind, store: Store
) -> None:
    """Every result arrives, in order except for repeats. A new broker without stored messages gets the complete retained state."""
    engine = FakeEngine(centre_view(seats=3, booths=2))
    keys: list[str] = []
    async with (
        Wire() as wire,
        run_demo_broker(kind) as first,
        run_monitor(replace(first.connection_settings, port=wire.port), engine, store) as (monitor, end),
    ):
        async with connect_supervisor(first.connection_settings) as boss:
            await wire.forward_to(first.port)
            await announce(store, engine, 0, 30)
            keys += [message.payload["key"] for message in await boss.wait_for_topic("results/marks", count=30)]
        await announce(store, engine, 30, 30)  # some of these may be the last that the broker took
        await first.kill_broker()
        await wire.take_down()
        engine.current = change_state(engine.current, opt_outs=99)
        engine.tell(CampaignChange("turnout-ivr"))
        await wait_for_alert(engine, "broker-down", standing=True)
        await announce(store, engine, 60, 30)
        taken = 90 - len(
            await store.read_outbox_rows_for_broker(100)
        )  # acknowledged, and with nobody there to hear them
        async with run_demo_broker(kind) as second, connect_supervisor(second.connection_settings) as boss:
            await wire.forward_to(second.port)
            await boss.wait_for(lambda message: message.text == '{"key": "k89"}')
            await boss.wait_for(lambda message: message.topic == "state" and message.payload["opt_outs"] == 99)
            await boss.wait_for(lambda message: message.topic == "alerts" and message.payload["alerts"] == [])
            await end()
            await boss.wait_for(lambda message: message.topic == "state" and not message.payload["online"])
            assert not monitor.is_connected_to_broker
            assert monitor.closed_cleanly
            keys += [f"k{number}" for number in range(30, taken)]
            keys += [message.payload["key"] for message in boss.heard if message.topic == "results/marks"]
    assert list(dict.fromkeys(keys)) == [f"k{number}" for number in range(90)]
    assert await store.read_outbox_rows_for_broker(1) == []


async def test_results_stored_just_before_the_dialler_stops_are_published(store: Store) -> None:
    engine = FakeEngine()
    async with run_demo_broker() as broker, connect_supervisor(broker.connection_settings) as boss:
        async with run_monitor(broker.connection_settings, engine, store) as (monitor, end):
            await boss.wait_for_topic("state")
            await store.add_messages_to_outbox(
                [Announcement("results/marks", '{"key": "last"}')], 1.0
            )  # and nobody is woken for it
            await end()
        await boss.wait_for_topic("results/marks")
        assert monitor._relay.relayed == 1


async def test_voters_names_and_numbers_are_never_published(store: Store, tmp_path: Path) -> None:
    """After calls, marks and opt-outs, all messages on the broker are searched for the names and numbers of the roll."""
    engine = FakeEngine(centre_view(seats=3, booths=2))
    async with (
        run_demo_broker() as broker,
        connect_supervisor(broker.connection_settings) as boss,
        run_monitor(broker.connection_settings, engine, store),
    ):
        await boss.wait_for_topic("booths/2/turnout")
        await store_five_calls(store)
        engine.mqtt_message_stored_event.set()
        await boss.wait_for_topic("results/opt-outs", count=5)
    said = "\n".join(f"{message.topic} {message.text}" for message in boss.heard)
    with contextlib.closing(sqlite3.connect(tmp_path / "centre.db")) as db:
        numbers = [row[0] for row in db.execute("SELECT e164 FROM phone")]
        names = [name for row in db.execute("SELECT name, epic FROM voter") for name in row]
    assert len(numbers) > 20
    assert len(names) == 120
    for canary in [*(number[3:] for number in numbers), *names]:
        assert canary not in said


FIRST = DiallerName("0123456789ab", 812, 1_713_758_400, "booth-pc-1")
SECOND = replace(FIRST, store="ba9876543210", process=977, host="booth-pc-2")


def make_engine(name: DiallerName) -> FakeEngine:
    return FakeEngine(change_state(centre_view(seats=1, booths=0, campaigns=1), dialler=name.dialler_name_as_text))


@contextlib.asynccontextmanager
async def keep_changing(engine: FakeEngine) -> AsyncIterator[None]:
    """Change a campaign so often that the centre's state is published every second."""

    async def change() -> None:
        while True:
            engine.tell(CampaignChange("turnout-agents"))
            await asyncio.sleep(0.2)

    task = asyncio.create_task(change())
    yield
    task.cancel()


@pytest.mark.parametrize("kind", [MOSQUITTO])
async def test_second_dialler_of_a_centre_waits_for_the_broker_until_the_first_stops(
    kind: BrokerKind, store: Store
) -> None:
    first, second = make_engine(FIRST), make_engine(SECOND)
    async with (
        run_demo_broker(kind) as broker,
        connect_supervisor(broker.connection_settings) as boss,
        run_monitor(broker.connection_settings, first, store, FIRST) as (monitor, end),
        keep_changing(first),
    ):
        await boss.wait_for(
            lambda message: message.topic == "state" and message.payload["dialler"] == FIRST.dialler_name_as_text
        )
        with pytest.raises(
            CentreIdTaken, match="the dialler on booth-pc-1, process 812, since 2024-04-22 04:00:00 UTC"
        ):
            await refuse_duplicate_dialler_at_start(broker.connection_settings, "pune-1", SECOND)
        await refuse_duplicate_dialler_at_start(
            broker.connection_settings, "pune-1", replace(FIRST, process=813)
        )  # the first one's own successor
        async with run_monitor(broker.connection_settings, second, store, SECOND) as (other, _):
            await wait_for_alert(second, "centre-id-taken", standing=True)
            (alert,) = [each for each in second.make_centre_view().alerts if each.code == "centre-id-taken"]
            assert "process 812" in alert.text
            assert "Dialling continues" in alert.text
            assert monitor.is_connected_to_broker
            assert not other.is_connected_to_broker
            assert not [
                each for each in boss.heard if each.topic == "state" and SECOND.dialler_name_as_text in each.text
            ]
            assert not [each for each in boss.heard if each.topic == "state" and not each.payload["online"]]
            await end()
            await wait_for_alert(second, "centre-id-taken", standing=False)
            await boss.wait_for(
                lambda message: message.topic == "state" and message.payload["dialler"] == SECOND.dialler_name_as_text
            )


@pytest.mark.parametrize("kind", [MOSQUITTO])
async def test_retained_state_of_a_dead_dialler_does_not_block_a_new_dialler(
    kind: BrokerKind, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A restarted broker has lost the last will of the dead dialler, but still holds its last retained state."""
    monkeypatch.setattr("dialer.mqtt.duplicate_dialler.ALIVE_SECONDS", 0.3)
    async with run_demo_broker(kind) as broker, connect_supervisor(broker.connection_settings) as boss:
        left = create_centre_message(make_engine(FIRST).make_centre_view().state)
        await boss.client.publish(left.topic, left.payload, qos=1, retain=True)
        await refuse_duplicate_dialler_at_start(broker.connection_settings, "pune-1", SECOND)
        for broken in (b"", b"{", b"[1]", b'{"online": true}', b'{"online": true, "dialler": 5}', b"\x00"):
            await boss.client.publish(left.topic, broken, qos=1, retain=True)
            await refuse_duplicate_dialler_at_start(broker.connection_settings, "pune-1", SECOND)
        engine = make_engine(SECOND)
        async with run_monitor(broker.connection_settings, engine, store, SECOND) as (monitor, _):
            await boss.wait_for(
                lambda message: message.topic == "state" and SECOND.dialler_name_as_text in message.text
            )
            assert monitor.is_connected_to_broker


async def test_dialler_starts_although_the_broker_is_unreachable() -> None:
    await refuse_duplicate_dialler_at_start(BrokerSettings(port=find_free_port()), "pune-1", SECOND)


async def store_five_calls(store: Store) -> None:
    """Store five calls that end with a mark and an opt-out, with announcements as the engine stores them."""
    await store.add_or_update_campaign("turnout-ivr", CampaignKind.IVR, Purpose.TURNOUT)
    await store.add_roll_numbers_to_queue("turnout-ivr")
    claims = await store.claim_queued_numbers("turnout-ivr", 5, owner="test", now=100.0, lease_seconds=60)
    for claim in claims:
        attempt_id = AttemptId(str(uuid.UUID(int=claim.phone_id)))
        new = NewAttempt(attempt_id, claim, "carrier-a", "+911140000001", 100.0)
        assert await store.commit_new_attempts([new], max_attempts_since=0.0, max_attempts=3) == [None]
        mark = Mark(
            f"{attempt_id}:turnout", claim.voter_id, MarkKind.VOTED, MarkSource.VOTER_KEY, 120.0, attempt_id=attempt_id
        )
        await store.save_voter_mark(mark)
        ended = EndedAttempt(attempt_id, Outcome.COMPLETED, 130.0, answered_at=105.0, flow="turnout/1")
        await store.end_attempts([ended])
        await store.save_opt_out(claim.phone_id, at=131.0, source="voter-key", attempt_id=attempt_id)


async def answer_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()


async def refuse_authorisation(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    if await reader.read(1024):
        writer.write(b"\x20\x03\x00\x87\x00")  # CONNACK of MQTT 5, reason 0x87


Behaviour = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@contextlib.asynccontextmanager
async def serve_port(behaviour: Behaviour) -> AsyncIterator[int]:
    """Serve a TCP port with this behaviour. Wait at the end until every client has closed its socket."""
    handlers: list[asyncio.Task[None]] = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        handlers.append(task)
        await behaviour(reader, writer)
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    yield server.sockets[0].getsockname()[1]
    server.close()
    async with asyncio.timeout(HANG_SECONDS):
        await asyncio.gather(*handlers)
        await server.wait_closed()


@pytest.mark.parametrize(
    ("behaviour", "answer_seconds", "says"),
    [(answer_nothing, 0.2, "does not answer"), (refuse_authorisation, 60.0, "refused the log-in")],
)
async def test_broker_that_rejects_or_ignores_the_connection_is_reported(
    behaviour: Behaviour, answer_seconds: float, says: str, store: Store
) -> None:
    engine = FakeEngine()
    async with serve_port(behaviour) as port:
        settings = BrokerSettings(port=port, answer_seconds=answer_seconds)
        with pytest.raises(BrokerUnreachable, match=says):
            await check_broker_connection(settings, "pune-1", 1.0)
        async with run_monitor(settings, engine, store):
            await wait_for_alert(engine, "broker-down", standing=True)
            assert says in engine.make_centre_view().alerts[0].text


@BOTH
async def test_subscription_that_the_broker_refuses_raises_an_alert_and_is_retried(
    kind: BrokerKind, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An access list that was not updated after an upgrade refuses the subscription."""
    subscribe = Client.subscribe
    mended = asyncio.Event()

    async def refuse_subscription(client: Client, *what: Any, **how: Any) -> Any:
        if mended.is_set():
            return await subscribe(client, *what, **how)
        return (128,) if kind is BrokerKind.AMQTT else [ReasonCode(PacketTypes.SUBACK, identifier=0x87)]

    monkeypatch.setattr(Client, "subscribe", refuse_subscription)
    engine = FakeEngine(centre_view())
    async with (
        run_demo_broker(kind) as broker,
        run_monitor(broker.connection_settings, engine, store) as (monitor, _),
    ):
        await wait_for_alert(engine, "broker-down", standing=True)
        assert not monitor.is_connected_to_broker
        [alert] = [each for each in engine.make_centre_view().alerts if each.code == "broker-down"]
        assert "refused the subscription to dialer/v1/pune-1/commands/+" in alert.text
        assert "access list" in alert.text
        mended.set()
        await wait_for_alert(engine, "broker-down", standing=False)
        assert monitor.is_connected_to_broker


async def test_broker_socket_that_opens_after_the_connection_timeout_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    """aiomqtt connects in a thread. Here the thread gets its socket only after the caller's timeout."""
    given_up = threading.Event()
    greeted_and_left = asyncio.Event()
    create_connection = socket.create_connection

    def connect_late(*args: Any, **options: Any) -> socket.socket:
        assert given_up.wait(HANG_SECONDS)
        return create_connection(*args, **options)

    async def watch_connection(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        if await reader.read():  # not the knock, which says nothing
            greeted_and_left.set()

    monkeypatch.setattr("paho.mqtt.client.socket.create_connection", connect_late)
    async with serve_port(watch_connection) as port:
        with pytest.raises(BrokerUnreachable, match="does not answer"):
            await check_broker_connection(BrokerSettings(port=port, answer_seconds=0.2), "pune-1", 1.0)
        given_up.set()
        async with asyncio.timeout(HANG_SECONDS):
            await greeted_and_left.wait()


async def test_dialler_stops_without_waiting_for_an_unresponsive_broker(store: Store) -> None:
    """The settings allow the broker a minute to answer; the test allows only seconds."""
    engine = FakeEngine()
    asked = asyncio.Event()

    async def read_and_never_answer(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        if await reader.read(1024):
            asked.set()
        await reader.read()

    async with serve_port(read_and_never_answer) as port:
        settings = BrokerSettings(port=port, answer_seconds=60.0)
        async with run_monitor(settings, engine, store):
            await asked.wait()
        assert engine.make_centre_view().alerts == ()


async def test_unreachable_broker_gives_a_one_line_error() -> None:
    async with run_demo_broker() as broker:
        await check_broker_connection(broker.connection_settings, "pune-1", 1.0)
    with pytest.raises(BrokerUnreachable) as caught:
        await check_broker_connection(broker.connection_settings, "pune-1", 1.0)
    assert str(caught.value) == (
        f"MQTT broker 127.0.0.1:{broker.port} is not reachable (Connection refused): "
        "check that it runs and that `broker.host` and `broker.port` are right"
    )


@BOTH
async def test_demo_broker_reports_its_address_and_version_and_refuses_a_port_in_use(kind: BrokerKind) -> None:
    async with run_demo_broker(kind) as broker:
        assert broker.kind is kind
        assert f"127.0.0.1:{broker.port}" in broker.broker_kind_and_address
        assert broker.connection_settings.version is (
            MqttVersion.V5 if kind is BrokerKind.MOSQUITTO else MqttVersion.V311
        )
        with pytest.raises(PortInUse, match=str(broker.port)):
            async with run_demo_broker(kind, port=broker.port):
                pass


@BOTH
async def test_demo_broker_ends_when_its_parent_program_is_killed(kind: BrokerKind) -> None:
    program = (
        "import asyncio\nfrom dialer.mqtt.embedded_broker import BrokerKind, run_demo_broker\n"
        "async def main():\n"
        f"    async with run_demo_broker(BrokerKind({kind.value!r})) as broker:\n"
        "        print(broker.port, flush=True)\n"
        "        await asyncio.Event().wait()\n"
        "asyncio.run(main())\n"
    )
    parent = await asyncio.create_subprocess_exec(sys.executable, "-c", program, stdout=asyncio.subprocess.PIPE)
    assert parent.stdout is not None
    async with asyncio.timeout(HANG_SECONDS):
        port = int(await parent.stdout.readline())
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        parent.send_signal(signal.SIGKILL)
        await parent.wait()
        with contextlib.suppress(ConnectionResetError):
            assert await reader.read() == b""  # the broker is gone, and its end of the connection with it
    writer.close()
