"""Attacks on a real Mosquitto set up by `dialer mqtt render`: unknown users, users of other centres, huge and retained messages."""

from __future__ import annotations

import asyncio
import contextlib
import json
import shutil
import socket
import ssl
import subprocess
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiomqtt
import pytest
from paho.mqtt.reasoncodes import ReasonCode

from dialer.domain.clock import SystemClock
from dialer.domain.enums import SupervisorRole
from dialer.domain.errors import CommandRefused
from dialer.domain.view import SeatView
from dialer.engine.campaigns.commands import StopAll
from dialer.mqtt.client import BrokerSettings
from dialer.mqtt.commands.client import CommandRequest, send_commands
from dialer.mqtt.commands.signer import Signer
from dialer.mqtt.dialler_client import Reply
from dialer.mqtt.embedded_broker import BrokerKind, run_demo_broker
from dialer.mqtt.link import Presence
from dialer.mqtt.monitor import Monitor
from dialer.site.broker import list_users_who_may_send_commands
from dialer.store.store import Store, open_store
from tests.support.dialler_client import dialler_client
from tests.support.fake_centre import FakeEngine
from tests.support.mqtt import NEEDS_MOSQUITTO, SENDERS, connect_supervisor
from tests.support.rendered_broker import RenderedBroker, a_free_port, a_site, rendered_broker
from tests.support.waiting import HANG_SECONDS

pytestmark = NEEDS_MOSQUITTO

PEOPLE = [
    {"name": "asha", "role": "supervisor"},
    {"name": "ravi", "role": "listener"},
    {"name": "site", "role": "viewer"},
    {"name": "lata", "role": "compliance"},
]
V5 = aiomqtt.ProtocolVersion.V5


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    opened = await open_store(tmp_path / "centre.db")
    yield opened
    await opened.close()


@dataclass(slots=True)
class BrokerUnderTest:
    """A broker with two centres, and the running dialler of the first."""

    broker: RenderedBroker
    engine: FakeEngine
    monitor: Monitor

    async def send(self, user: str, name: str, **fields: Any) -> str:
        """Send a command as a user of the first centre. Return the dialler's reply."""
        login = self.broker.user("pune-1", user)
        settings = BrokerSettings(
            login["hostname"],
            login["port"],
            login["username"],
            login["password"],
            tls=login["tls_context"],
            client_id=f"s-{user}",
        )
        (answer,) = await send_commands(
            settings, "pune-1", [CommandRequest(name, fields)], SystemClock(), signer=Signer(user)
        )
        return answer


@contextlib.asynccontextmanager
async def run_monitor(
    settings: BrokerSettings, store: Store, senders: Any
) -> AsyncIterator[tuple[FakeEngine, Monitor]]:
    engine, stop, up = FakeEngine(), asyncio.Event(), asyncio.Event()
    monitor = Monitor(Presence("pune-1", settings, SystemClock()), engine, store, senders)
    running = asyncio.create_task(monitor.publish_and_receive_until_stopped(stop))
    try:
        async with asyncio.timeout(HANG_SECONDS):
            while not monitor.is_connected_to_broker:
                assert not engine.make_centre_view().alerts, engine.make_centre_view().alerts
                await asyncio.sleep(0.01)
        up.set()
        yield engine, monitor
    finally:
        stop.set()
        await running


@contextlib.asynccontextmanager
async def run_broker(directory: Path, store: Store, **more: Any) -> AsyncIterator[BrokerUnderTest]:
    port = a_free_port()
    mosquitto = {"data_directory": str(directory), **more.pop("mosquitto", {})}
    sites = [a_site(centre, port, supervisors=PEOPLE, mosquitto=mosquitto, **more) for centre in ("pune-1", "pune-2")]
    async with (
        rendered_broker(directory / "broker", *sites) as broker,
        run_monitor(broker.dialler("pune-1"), store, list_users_who_may_send_commands(sites[0])) as (engine, monitor),
    ):
        yield BrokerUnderTest(broker, engine, monitor)


def stop_all_payload(command_id: str = "c-1") -> bytes:
    return json.dumps({"id": command_id, "name": "stop-all", "expires_at": time.time() + 60}).encode()


async def publish(login: dict[str, Any], topic: str, payload: bytes, *, retain: bool = False) -> int:
    """Publish a message. Return the reason code of the broker's acknowledgement (MQTT 5)."""
    codes: list[ReasonCode] = []
    async with aiomqtt.Client(**login, protocol=V5) as client:
        on_publish: Callable[..., None] | None = client._client.on_publish

        def note_code(*args: Any) -> None:
            codes.append(args[3])
            assert on_publish is not None
            on_publish(*args)

        client._client.on_publish = note_code
        await client.publish(topic, payload, qos=1, retain=retain)
    return int(codes[0].value)


async def receive_topics(tested: BrokerUnderTest, login: dict[str, Any], centre: str) -> set[str]:
    """Subscribe to everything as a user and return the topics received while the first centre's dialler publishes.

    Mosquitto grants every subscription and checks the access list for each message. A last message on a topic of `centre`, which
    the user may read, ends the wait.
    """
    own = tested.broker.dialler(centre)
    dialler = {**login, "username": own.username, "password": own.password}
    topics: set[str] = set()
    async with aiomqtt.Client(**login, protocol=V5) as client, aiomqtt.Client(**dialler, protocol=V5) as speaker:
        for every in ("#", "dialer/#", "dialer/v1/pune-1/#", "dialer/v1/+/commands/+", "$SYS/#"):
            await client.subscribe(every, qos=1)
        await tested.send("asha", "stop-all")
        await speaker.publish(f"dialer/v1/{centre}/alerts", b"the last", qos=1)
        async with asyncio.timeout(HANG_SECONDS):
            async for message in client.messages:
                topics.add(str(message.topic))
                if message.payload == b"the last":
                    return topics
    raise AssertionError("the connection was lost")


DENIED = 0x87


async def test_broker_allows_only_permitted_users_to_publish_and_read_each_topic(tmp_path: Path, store: Store) -> None:
    async with run_broker(tmp_path, store) as tested:
        assert await tested.send("asha", "stop-all") == "done: StopAll"
        with pytest.raises(CommandRefused, match="`stop-all` needs the role"):
            await tested.send("ravi", "stop-all")
        user = tested.broker.user
        asha, ravi, site = user("pune-1", "asha"), user("pune-1", "ravi"), user("pune-1", "site")
        other = user("pune-2", "asha")
        root = "dialer/v1/pune-1"
        for login, topic in (
            (ravi, f"{root}/commands/asha"),
            (ravi, f"{root}/commands/dialler"),
            (site, f"{root}/commands/site"),
            (site, f"{root}/commands/asha"),
            (other, f"{root}/commands/asha"),
            (other, f"{root}/state"),
            (asha, f"{root}/state"),
            (asha, f"{root}/results/marks"),
            (asha, f"{root}/replies/asha/c-9"),
            (asha, "dialer/v1/pune-2/commands/asha"),
            (asha, f"{root}/commands"),
        ):
            assert await publish(login, topic, stop_all_payload("forged")) == DENIED, (login["username"], topic)
        assert await receive_topics(tested, other, "pune-2") == {"dialer/v1/pune-2/alerts"}
        for login, own in ((ravi, set()), (site, set()), (asha, {"replies/asha"})):
            below = {topic.removeprefix(f"{root}/") for topic in await receive_topics(tested, login, "pune-1")}
            assert {"state", "alerts", "seats/seat-01", "booths/1/turnout"} <= below
            assert {"/".join(each.split("/")[:2]) for each in below if each.startswith(("replies", "comm"))} == own
        for stranger in ({"username": None, "password": None}, {"username": "eve"}, {"password": "guessed"}):
            with pytest.raises(aiomqtt.MqttError, match=r"[Nn]ot authori[sz]ed|Bad user name"):
                await publish({**asha, **stranger}, f"{root}/commands/asha", stop_all_payload("forged"))
    assert tested.engine.executed == [StopAll()] * 5


async def test_broker_user_cannot_take_over_the_connection_of_the_dialler(tmp_path: Path, store: Store) -> None:
    """MQTT: of two connections with one client id the broker ends the older and gives its session to the newer."""
    async with run_broker(tmp_path, store) as tested:
        for name in ("dialler-pune-1", "dialler-pune-1-opt-outs"):
            async with aiomqtt.Client(**tested.broker.user("pune-1", "ravi"), protocol=V5, identifier=name):
                assert await tested.send("asha", "stop-all") == "done: StopAll"
        assert tested.monitor.is_connected_to_broker
        assert not tested.engine.make_centre_view().alerts


async def test_message_of_250_megabytes_does_not_fill_the_memory_of_the_dialler(tmp_path: Path, store: Store) -> None:
    async with run_broker(tmp_path, store) as tested:
        before = read_peak_memory(tested.broker.process.pid)
        login = tested.broker.user("pune-1", "asha")
        sent = await asyncio.to_thread(publish_huge_payload, login, "dialer/v1/pune-1/commands/asha", 250_000_000)
        assert sent < 16_000_000  # what fits into the sockets until the broker disconnects
        assert read_peak_memory(tested.broker.process.pid) - before < 4_000_000
        assert await tested.send("asha", "stop-all") == "done: StopAll"
    assert tested.engine.executed == [StopAll()]


def read_peak_memory(pid: int) -> int:
    """Return the peak of a process's resident memory in bytes."""
    (line,) = [each for each in Path(f"/proc/{pid}/status").read_text().splitlines() if each.startswith("VmHWM")]
    return int(line.split()[1]) * 1024


def publish_huge_payload(login: dict[str, Any], topic: str, length: int) -> int:
    """Write a PUBLISH of this length (MQTT 3.1.1, QoS 0) to a socket. Return the bytes written before the broker disconnected."""

    def encode_text(value: str) -> bytes:
        return len(value).to_bytes(2, "big") + value.encode()

    def encode_packet(kind: int, size: int) -> bytes:
        head = bytearray([kind])
        while True:
            size, digit = divmod(size, 128)
            head.append(digit | (0x80 if size else 0))
            if not size:
                return bytes(head)

    hello = (
        encode_text("MQTT")
        + bytes([4, 0xC2, 0, 60])
        + encode_text("pouring")
        + encode_text(login["username"])
        + encode_text(login["password"])
    )
    sent = 0
    with socket.create_connection((login["hostname"], login["port"]), timeout=HANG_SECONDS) as line:
        line.sendall(encode_packet(0x10, len(hello)) + hello)
        assert line.recv(4) == b"\x20\x02\x00\x00"
        line.sendall(encode_packet(0x30, len(encode_text(topic)) + length) + encode_text(topic))
        chunk = bytes(65_536)
        with contextlib.suppress(ConnectionError):
            while sent < length:
                sent += line.send(chunk)
    return sent


@pytest.mark.parametrize("qos", [0, 1])
async def test_flood_of_commands_does_not_delay_the_command_that_stops_all_campaigns(
    qos: int, tmp_path: Path, store: Store
) -> None:
    """One user sends 5,000 permitted commands as fast as possible; meanwhile another sends a stop-all."""
    async with run_broker(tmp_path, store) as tested:
        flooding = asyncio.Event()

        async def send_command_flood() -> None:
            async with aiomqtt.Client(**tested.broker.user("pune-1", "asha"), protocol=V5) as client:
                client.pending_calls_threshold = 10_000
                for first in range(0, 5_000, 50):
                    payloads = [
                        json.dumps({**json.loads(stop_all_payload(f"f-{number}")), "name": "reload-flows"})
                        for number in range(first, first + 50)
                    ]
                    topic = "dialer/v1/pune-1/commands/asha"
                    await asyncio.gather(*(client.publish(topic, payload, qos=qos) for payload in payloads))
                    if first >= 1_000:
                        flooding.set()

        flooded = asyncio.create_task(send_command_flood())
        await flooding.wait()
        assert await tested.send("lata", "stop-all") == "done: StopAll"
        await flooded
        assert await tested.send("lata", "stop-all") == "done: StopAll"
        assert any(alert.code == "command-flood" for alert in tested.engine.make_centre_view().alerts)
    assert Counter(type(command) for command in tested.engine.executed)[StopAll] == 2
    assert len(tested.engine.executed) < 1_500  # of 5,000, because of the rate limit per sender


async def test_dialler_announces_its_maximum_packet_size_to_the_broker(store: Store) -> None:
    """The maximum packet size is part of the MQTT 5 connect."""
    async with (
        run_demo_broker(BrokerKind.MOSQUITTO) as broker,
        connect_supervisor(broker.connection_settings) as boss,
        run_monitor(broker.connection_settings, store, SENDERS) as (engine, _),
    ):
        await boss.command(id="huge", name="stop-all", expires_at=time.time() + 60, reason="x" * 70_000)
        await boss.command(id="long", name="stop-all", expires_at=time.time() + 60, reason="x" * 40_000)
        await boss.command(id="c-1", name="stop-all", expires_at=time.time() + 60)
        await boss.wait_for_topic("replies/supervisor/c-1")
        answered = {each.topic for each in boss.heard if each.topic.startswith("replies/")}
    assert answered == {"replies/supervisor/c-1"}  # the long one arrived, but its id is beyond the part that is read
    assert engine.executed == [StopAll()]


async def test_retained_command_is_refused_and_deleted_from_the_broker(tmp_path: Path, store: Store) -> None:
    async with run_broker(tmp_path, store) as tested:
        login, topic = tested.broker.user("pune-1", "asha"), "dialer/v1/pune-1/commands/asha"
        dialler = tested.broker.dialler("pune-1")
        own = {**login, "username": dialler.username, "password": dialler.password}
        async with aiomqtt.Client(**login, protocol=V5) as listener:
            await listener.subscribe("dialer/v1/pune-1/replies/asha/+", qos=1)
            assert await publish(login, topic, stop_all_payload(), retain=True) < 128
            async with asyncio.timeout(HANG_SECONDS):
                reply = json.loads((await anext(listener.messages)).payload)
        assert reply["status"] == "refused"
        assert "retain" in reply["text"]
        async with aiomqtt.Client(**own, protocol=V5) as later:  # receives what a restarted dialler would
            await later.subscribe(topic, qos=1)
            await later.publish(topic, b"{}", qos=1)
            async with asyncio.timeout(HANG_SECONDS):
                first = await anext(later.messages)
    assert (first.payload, first.retain) == (b"{}", False)
    assert tested.engine.executed == []


def create_certificate_of_page_server(certificate: Path, private_key: Path) -> None:
    """Write a self-signed certificate for 127.0.0.1 and its key."""
    kind = ("-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2")
    whose = ("-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1")
    files = ("-out", str(certificate), "-keyout", str(private_key))
    subprocess.run(["openssl", "req", *kind, *whose, *files], check=True, capture_output=True)


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
async def test_clients_reach_the_broker_only_over_tls_with_the_configured_certificate(
    tmp_path: Path, store: Store
) -> None:
    certificate, private_key = tmp_path / "broker.pem", tmp_path / "broker.key"
    create_certificate_of_page_server(certificate, private_key)
    async with run_broker(
        tmp_path,
        store,
        broker={"tls": True, "ca_file": str(certificate)},
        mosquitto={"certificate": str(certificate), "private_key": str(private_key)},
    ) as tested:
        assert await tested.send("asha", "stop-all") == "done: StopAll"
        address = ("127.0.0.1", tested.broker.dialler("pune-1").port)
        with socket.create_connection(address, timeout=HANG_SECONDS) as line, pytest.raises(ssl.SSLError):
            # no CA of the system has signed the certificate
            ssl.create_default_context().wrap_socket(line, server_hostname="127.0.0.1")
        with socket.create_connection(address, timeout=HANG_SECONDS) as line:
            line.sendall(b"\x10\x0f\x00\x04MQTT\x04\x02\x00\x3c\x00\x03eve")
            with contextlib.suppress(ConnectionError):
                assert not line.recv(64).startswith(b"\x20")  # no CONNACK without encryption
    assert tested.engine.executed == [StopAll()]


async def test_only_the_desk_may_send_commands_in_the_name_of_other_users(tmp_path: Path, store: Store) -> None:
    people = [*PEOPLE, {"name": "desk", "role": "desk"}, {"name": "other-desk", "role": "desk"}]
    site = a_site("pune-1", a_free_port(), supervisors=people, desk={"user": "desk"})
    kept = {"meena": SupervisorRole.COMPLIANCE}
    async with (
        rendered_broker(tmp_path / "etc", site) as broker,
        run_monitor(broker.dialler("pune-1"), store, list_users_who_may_send_commands(site, kept)) as (engine, _),
    ):

        def make_broker_settings(name: str) -> BrokerSettings:
            login = broker.user("pune-1", name)
            return BrokerSettings(login["hostname"], login["port"], login["username"], login["password"])

        async with dialler_client(make_broker_settings("desk")) as (desk, picture):
            await picture.until(
                lambda: (
                    picture.connected
                    and len(picture.get_values_of_keys_with_prefix("seat", SeatView))
                    == len(engine.make_centre_view().seats)
                )
            )
            assert await desk.send_command("asha", "click-0001", "stop-all", {}) == Reply("done", "done: StopAll")
            refused = await desk.send_command("ravi", "click-0002", "stop-all", {})
            assert refused is not None
            assert "ravi has listener" in refused.text

            # A user in the store has no MQTT login: the desk sends for the user, until the user is deleted.
            assert await desk.send_command("meena", "click-0011", "stop-all", {}) == Reply("done", "done: StopAll")
            kept.clear()
            gone = await desk.send_command("meena", "click-0012", "stop-all", {})
            assert gone is not None
            assert "may not send commands" in gone.text
            root, login = "dialer/v1/pune-1/commands", broker.user("pune-1", "desk")
            assert await publish(login, f"{root}/dialler", stop_all_payload("forged")) == DENIED
            assert await publish(broker.user("pune-1", "asha"), f"{root}/meena", stop_all_payload("forged")) == DENIED
        async with dialler_client(make_broker_settings("other-desk")) as (other, picture):
            await picture.until(lambda: picture.connected)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(1.0):
                    await other.send_command("asha", "click-0003", "stop-all", {})
        assert engine.executed == [StopAll()] * 2
