"""Opt-outs shared between centres over a real broker: stored in every centre, and published only as hashes."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.reasoncodes import ReasonCode

from dialer.domain.clock import SystemClock
from dialer.domain.enums import MqttVersion
from dialer.domain.other_centres import PeerOptOutRecord
from dialer.domain.results import OptOut
from dialer.engine.campaigns.commands import StopAll
from dialer.engine.command.base import FROM_DIALLER, Command, CommandContext
from dialer.engine.external_records.commands import RecordOptOuts
from dialer.engine.external_records.service import ExternalRecords
from dialer.engine.roll_import.commands import SuppressNumbers
from dialer.mqtt import client as mqtt_client
from dialer.mqtt import peer_opt_outs
from dialer.mqtt.client import BrokerSettings, Client, create_mqtt_client
from dialer.mqtt.commands import client as asking
from dialer.mqtt.connection import Connection
from dialer.mqtt.embedded_broker import BrokerKind, run_demo_broker
from dialer.mqtt.link import Presence
from dialer.mqtt.messages import create_message_of_outbox_row, create_outbox_row_of_result
from dialer.mqtt.monitor import Monitor
from dialer.mqtt.topics import build_topic_filter_for_opt_outs
from dialer.rules.number_hash import hash_number
from dialer.store.audit import AuditNote
from dialer.store.lock import StoreLock
from dialer.store.spool import Spool
from dialer.store.store import Store, open_store
from tests.support.command_line import run
from tests.support.fake_centre import FakeEngine
from tests.support.mqtt import NEEDS_MOSQUITTO, SENDERS, Supervisor, connect_supervisor
from tests.support.roll_filler import fill_roll
from tests.support.stored import query_store
from tests.support.waiting import HANG_SECONDS

SECRET = b"twenty characters, at least"
KINDS = [
    pytest.param(BrokerKind.MOSQUITTO, marks=NEEDS_MOSQUITTO),
    BrokerKind.AMQTT,
]


class DeskEngine(FakeEngine):
    """An engine that only handles opt-outs."""

    def __init__(self, name: str, path: Path, store: Store) -> None:
        super().__init__()
        self._desk = ExternalRecords(store, SystemClock(), centre=name)
        self._spool = Spool(path, None)
        self._store = store

    async def execute_command(self, command: Command, context: CommandContext = FROM_DIALLER) -> str:
        if isinstance(command, RecordOptOuts):
            return await command.save_records_of_command(self._desk, context)
        if isinstance(command, SuppressNumbers):
            entry = AuditNote(command.who, SystemClock().now(), {})
            with contextlib.closing(self._spool.open_spooled_file(command.list)) as handed:
                taken = await self._store.suppress_list_of_phone_numbers(
                    handed.read_phone_numbers(), SECRET, command.source, entry
                )
            self.mqtt_message_stored_event.set()
            return f"{taken.new} numbers suppressed"
        return await super().execute_command(command, context)


class Centre:
    """A centre that only handles opt-outs. Opt-outs of other centres are stored while `store_works` is set."""

    def __init__(self, name: str, path: Path, store: Store) -> None:
        self.name = name
        self.store = store
        self.engine = DeskEngine(name, path, store)
        self.told: list[PeerOptOutRecord] = []
        self.news = asyncio.Event()
        self.store_works = asyncio.Event()
        self.store_works.set()
        self.engine.import_opt_out_from_other_centre = self.store_opt_out  # type: ignore[method-assign]

    async def store_opt_out(self, number_hash: str, *, at: float, centre: str) -> None:
        await self.store_works.wait()
        await self.store.save_opt_out_of_other_centre(number_hash, at=at, centre=centre)
        self.told.append(PeerOptOutRecord(number_hash, at, centre))
        self.news.set()

    async def wait_until_stored(self, *hashed: str) -> None:
        async with asyncio.timeout(HANG_SECONDS):
            while not {told.number_hash for told in self.told}.issuperset(hashed):
                self.news.clear()
                await self.news.wait()


@contextlib.asynccontextmanager
async def run_centre(
    name: str, directory: Path, broker: BrokerSettings, *, well: bool = True, opt_outs_connected: bool = True
) -> AsyncIterator[Centre]:
    """Run a connected centre with its own roll.

    If `well` is False, it cannot store opt-outs of other centres yet. `opt_outs_connected` is whether their own connection works.
    """
    path = directory / f"{name}.db"
    if not path.exists():
        fill_roll(path, 60, voters_per_booth=20)
    stop = asyncio.Event()
    async with await open_store(path, encode=create_outbox_row_of_result) as store:
        await store.hash_numbers_and_suppress_opt_outs([SECRET])
        centre = Centre(name, path, store)
        if not well:
            centre.store_works.clear()
        patient = replace(broker, backoff_first_seconds=0.05, backoff_most_seconds=0.2)
        monitor = Monitor(Presence(name, patient, SystemClock()), centre.engine, store, SENDERS, reads_opt_outs=True)
        running = asyncio.create_task(monitor.publish_and_receive_until_stopped(stop))
        try:
            async with asyncio.timeout(HANG_SECONDS):
                while (
                    not monitor.is_connected_to_broker or monitor._opt_outs_link.is_connected is not opt_outs_connected
                ):
                    await asyncio.sleep(0.02)
            yield centre
        finally:
            stop.set()
            await running


def read_opt_outs(path: Path) -> list[tuple[str, str]]:
    return query_store(path, "SELECT e164, source FROM opt_out ORDER BY e164")


@pytest.mark.parametrize("kind", KINDS)
async def test_opt_out_in_one_centre_is_stored_in_every_centre(kind: BrokerKind, tmp_path: Path) -> None:
    async with (
        run_demo_broker(kind) as broker,
        connect_supervisor(broker.connection_settings) as listener,
        run_centre("pune-1", tmp_path, broker.connection_settings) as here,
        run_centre("pune-2", tmp_path, broker.connection_settings) as there,
    ):
        hashed = hash_number(SECRET, "+917000000007")
        await here.store.save_opt_out(7, at=5.0, source="voter-key")
        here.engine.mqtt_message_stored_event.set()
        await there.wait_until_stored(hashed)

        # By hand, at the first centre, while its dialler runs: a number that only the second has a voter on would do as well.
        by_hand = hash_number(SECRET, "+917000000009")
        told = create_outbox_row_of_result(OptOut(None, 6.0, "request", number_hash=by_hand))
        sent = create_message_of_outbox_row("pune-1", told.topic, told.payload)
        await listener.client.publish(sent.topic, sent.payload, qos=1)
        await here.wait_until_stored(by_hand)
        await there.wait_until_stored(by_hand)
        retained = [message for message in listener.heard if message.topic.endswith("opt-outs") and message.retained]
        assert not retained
        for message in listener.heard:
            assert "7000000007" not in message.text + message.topic
            assert "7000000009" not in message.text + message.topic
    assert read_opt_outs(tmp_path / "pune-1.db") == [
        ("+917000000007", "voter-key"),
        ("+917000000009", "centre pune-1"),
    ]
    assert read_opt_outs(tmp_path / "pune-2.db") == [
        ("+917000000007", "centre pune-1"),
        ("+917000000009", "centre pune-1"),
    ]


def site(directory: Path, broker: BrokerSettings, name: str = "pune-1") -> Path:
    """Write the settings file of a centre for the command line. Return its path."""
    path = directory / f"{name}.toml"
    path.write_text(
        f'[centre]\nid = "{name}"\n[store]\npath = "{directory / name}.db"\n[broker]\nhost = "127.0.0.1"\n'
        f'port = {broker.port}\n[rules]\nopt_out_secret = "{SECRET.decode()}"\n',
        encoding="utf-8",
    )
    return path


async def publish_from_another_centre(listener: Supervisor, count: int) -> list[str]:
    """Publish opt-outs of a third centre for the first numbers of the roll. Return the hashes of the numbers."""
    hashes = [hash_number(SECRET, f"+91{7_000_000_001 + number}") for number in range(count)]
    for hashed in hashes:
        news = create_outbox_row_of_result(OptOut(None, 5.0, "agent", number_hash=hashed))
        sent = create_message_of_outbox_row("pune-3", news.topic, news.payload)
        await listener.client.publish(sent.topic, sent.payload, qos=1)
    return hashes


@NEEDS_MOSQUITTO
async def test_opt_outs_imported_by_a_running_dialler_reach_all_centres_without_delaying_commands(
    tmp_path: Path,
) -> None:
    count = 2_450
    numbers = tmp_path / "letters.csv"
    numbers.write_text("".join(f"+91{7_000_000_001 + number}\n" for number in range(count)), encoding="utf-8")
    async with (
        run_demo_broker(BrokerKind.MOSQUITTO) as broker,
        connect_supervisor(broker.connection_settings) as listener,
        run_centre("pune-1", tmp_path, broker.connection_settings) as here,
        run_centre("pune-2", tmp_path, broker.connection_settings) as there,
    ):
        config = site(tmp_path, broker.connection_settings)
        command = ("optout", "import", numbers, "--source", "letters-7", "--who", "asha", "-c", config)
        importing = asyncio.create_task(asyncio.to_thread(run, *command))
        sent = 0
        while not importing.done():
            sent += 1
            await listener.command(id=f"c-{sent}", name="stop-all", expires_at=SystemClock().now() + 60)
            await asyncio.sleep(0.05)
        code, text = await importing
        assert code == 0
        assert text.splitlines()[-2:] == ["2000 numbers suppressed", "450 numbers suppressed"]
        await listener.wait_for(lambda message: message.topic.startswith("replies/supervisor/c-"), count=sent)
        assert here.engine.executed == [StopAll()] * sent
        await there.wait_until_stored(*(hash_number(SECRET, f"+91{7_000_000_001 + number}") for number in range(count)))
        said = "".join(message.topic + message.text for message in listener.heard)
        assert "917000000" not in said + text
    for centre, source in (("pune-1", "letters-7"), ("pune-2", "centre pune-1")):
        path = tmp_path / f"{centre}.db"
        assert query_store(path, "SELECT count(*) FROM phone WHERE opted_out_at IS NULL") == [(0,)]
        assert query_store(path, "SELECT DISTINCT source FROM opt_out") == [(source,)]
        assert query_store(path, "SELECT count(*) FROM opt_out_hash") == [(count,)]
    audit = query_store(
        tmp_path / "pune-1.db",
        "SELECT kind, who, sum(what ->> 'numbers') FROM audit WHERE kind NOT IN ('seal', 'settings') GROUP BY kind, who",
    )
    assert audit == [("command", "dialler", None), ("command", "supervisor", None), ("opt-out-import", "asha", count)]
    assert run("audit", "verify", "-c", config)[0] == 0


@NEEDS_MOSQUITTO
async def test_opt_out_command_fails_if_the_running_dialler_does_not_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A dialler has locked the store, but receives no commands."""
    monkeypatch.setattr(asking, "REPLY_SECONDS", 0.05)
    fill_roll(tmp_path / "pune-1.db", 60, voters_per_booth=20)
    async with run_demo_broker(BrokerKind.MOSQUITTO) as broker:
        config = site(tmp_path, broker.connection_settings)
        lock = StoreLock(tmp_path / "pune-1.db", "a dialler")
        code, said = await asyncio.to_thread(run, "optout", "add", "+917000000001", "-c", config)
        assert (code, "did not answer" in said) == (2, True), said
        lock.release_lock()
        assert await asyncio.to_thread(run, "optout", "add", "+917000000001", "-c", config) == (
            0,
            "1 numbers suppressed; 0 were already suppressed\n",
        )


@NEEDS_MOSQUITTO
async def test_opt_outs_that_a_centre_received_but_did_not_store_are_redelivered(tmp_path: Path) -> None:
    async with (
        run_demo_broker(BrokerKind.MOSQUITTO) as broker,
        connect_supervisor(broker.connection_settings) as listener,
    ):
        async with run_centre("pune-1", tmp_path, broker.connection_settings, well=False) as before:
            hashes = await publish_from_another_centre(listener, 60)
            assert not before.told
        async with run_centre("pune-1", tmp_path, broker.connection_settings) as after:
            await after.wait_until_stored(*hashes)
    assert query_store(tmp_path / "pune-1.db", "SELECT count(*) FROM opt_out_hash") == [(60,)]


@NEEDS_MOSQUITTO
@pytest.mark.parametrize("version", MqttVersion)
async def test_received_opt_outs_that_cannot_be_stored_yet_wait_without_delaying_commands(
    version: MqttVersion, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before MQTT 5 the broker has its own limit of 20 unacknowledged messages, so the dialler reconnects after 10."""
    monkeypatch.setattr(mqtt_client, "UNACKNOWLEDGED_MESSAGES", 300 if version is MqttVersion.V5 else 10)
    monkeypatch.setattr(peer_opt_outs, "MAX_WAITING", 5)
    monkeypatch.setattr(peer_opt_outs, "MAX_STORED_AT_ONCE", 3)
    async with (
        run_demo_broker(BrokerKind.MOSQUITTO) as broker,
        connect_supervisor(broker.connection_settings) as listener,
    ):
        settings = replace(broker.connection_settings, version=version)
        async with run_centre("pune-1", tmp_path, settings, well=False) as centre:
            hashes = await publish_from_another_centre(listener, 1_500)
            await listener.command(id="c-1", name="stop-all", expires_at=SystemClock().now() + 60)
            await listener.wait_for_topic("replies/supervisor/c-1")
            assert not centre.told
            centre.store_works.set()
            await centre.wait_until_stored(*hashes)
            assert centre.engine.executed == [StopAll()]


def watch_unsubscribe(monkeypatch: pytest.MonkeyPatch) -> asyncio.Event:
    """Return an event that is set once the command connection has unsubscribed from opt-outs."""
    left = asyncio.Event()
    unsubscribe = Connection.unsubscribe_from_topic

    async def unsubscribe_and_notify(connection: Connection, topic: str) -> None:
        await unsubscribe(connection, topic)
        left.set()

    monkeypatch.setattr(Connection, "unsubscribe_from_topic", unsubscribe_and_notify)
    return left


@NEEDS_MOSQUITTO
async def test_opt_outs_still_arrive_if_the_broker_refuses_their_own_connection(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Refuse the subscription, like a broker whose access list does not name the new connection yet."""
    left, mended = watch_unsubscribe(monkeypatch), asyncio.Event()
    subscribe = Client.subscribe

    async def refuse_opt_outs_subscription(client: Client, topic: str, *what: Any, **how: Any) -> Any:
        if topic == build_topic_filter_for_opt_outs() and not mended.is_set():
            return [ReasonCode(PacketTypes.SUBACK, identifier=0x87)]
        return await subscribe(client, topic, *what, **how)

    async with (
        run_demo_broker(BrokerKind.MOSQUITTO) as broker,
        connect_supervisor(broker.connection_settings) as listener,
    ):
        async with create_mqtt_client(broker.connection_settings, "pune-1", will_at=0.0) as earlier:
            await earlier.subscribe(build_topic_filter_for_opt_outs(), qos=1)
        monkeypatch.setattr(Client, "subscribe", refuse_opt_outs_subscription)
        async with run_centre("pune-1", tmp_path, broker.connection_settings, opt_outs_connected=False) as centre:
            await centre.wait_until_stored(*await publish_from_another_centre(listener, 3))
            assert not left.is_set()
            mended.set()
            async with asyncio.timeout(HANG_SECONDS):
                await left.wait()
            await centre.wait_until_stored(*await publish_from_another_centre(listener, 5))


@NEEDS_MOSQUITTO
async def test_opt_outs_subscribed_by_an_earlier_version_are_still_received(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Opt-outs that wait in the session of the earlier version are still stored."""
    left = watch_unsubscribe(monkeypatch)
    async with (
        run_demo_broker(BrokerKind.MOSQUITTO) as broker,
        connect_supervisor(broker.connection_settings) as listener,
    ):
        async with create_mqtt_client(broker.connection_settings, "pune-1", will_at=0.0) as earlier:
            await earlier.subscribe(build_topic_filter_for_opt_outs(), qos=1)
        waiting = await publish_from_another_centre(listener, 3)
        async with run_centre("pune-1", tmp_path, broker.connection_settings) as centre:
            await centre.wait_until_stored(*waiting)
            await left.wait()
            centre.told.clear()
            later = await publish_from_another_centre(listener, 5)
            await centre.wait_until_stored(*later)
            await asyncio.sleep(0.2)
            assert sorted(told.number_hash for told in centre.told) == sorted(later)  # each once
