"""Files from `dialer hq render`, used by a real nats-server, nginx and Caddy; and `dialer hq check`."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import os
import resource
import shlex
import shutil
import subprocess
import tarfile
import time
import tomllib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import nats
import nkeys
import pytest
from pydantic import ValidationError

from dialer.deploy.systemd.render import NATS_RECOVERY
from dialer.desk.certificate import CertificateFiles, create_certificate_of_page_server
from dialer.domain.clock import SystemClock
from dialer.domain.errors import CommandRefused
from dialer.domain.orders import OrderKind, SignedOrder, parse_order_text, refuse_invalid_order
from dialer.domain.signing import derive_public_key, format_public_key
from dialer.hq import check, render
from dialer.hq import servers as hq_servers
from dialer.hq.orders import create_order, send_order
from dialer.hq.render import (
    CENTRE_CONNECTIONS,
    MAX_SUBSCRIPTIONS,
    OWN_CONNECTIONS,
    build_nats_permissions,
    list_subjects_readable_by_centre,
)
from dialer.mqtt.dialler_client import Reply
from dialer.mqtt.embedded_broker import find_free_port
from dialer.nats import messages
from dialer.nats.number_sample import (
    NUMBERS,
    NumberSample,
    build_number_sample_subject,
    pack_sample_of_number_hashes,
)
from dialer.nats.session import Session, StoredMessage, open_session
from dialer.settings.headquarters import HqCentre, HqSettings, load_hq_settings
from dialer.settings.site import Settings
from dialer.uplink.dialler import DiallerCommands
from dialer.uplink.orders import OrderDelivery
from tests.support.command_line import run
from tests.support.material import KEYS, publishing
from tests.support.waiting import HANG_SECONDS

KEY = b"a" * 32
HQ = """
[server]
host = "{host}"
port = {port}
data_directory = "{folder}/streams"
files_directory = "{folder}/etc"
material_address = "https://{host}/material"
[bundles]
folder = "{folder}/material"
[[leaders]]
name = "asha"
key = "{key}"
[[centres]]
id = "pune-1"
zone = "west"
state = "S13"
constituencies = [209, 210]
[[centres]]
id = "delhi-1"
zone = "north"
"""


def render_headquarters(folder: Path, host: str = "127.0.0.1") -> Path:
    """Render the files of a headquarters with two centres. Return its settings file."""
    config = folder / "hq.toml"
    key = format_public_key(derive_public_key(KEY))
    config.write_text(HQ.format(host=host, port=find_free_port(), folder=folder, key=key))
    code, output = run("hq", "render", "--to", folder / "etc", "-c", config)
    assert (code, "2 centres" in output) == (0, True), output
    return config


@pytest.fixture(autouse=True)
def free_health_port(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give each nats-server a health port of its own, because several tests run at the same time."""
    monkeypatch.setattr(render, "HEALTH_PORT", find_free_port())


@contextlib.asynccontextmanager
async def run_rendered_nats_server(config: Path) -> AsyncIterator[tuple[str, int]]:
    """Run a nats-server with the rendered file. Yield its address and its process id."""
    server = load_hq_settings(config).server
    process = await asyncio.create_subprocess_exec(
        hq_servers._find_nats_server_program(),
        "-c",
        config.parent / "etc/nats-server.conf",
        stderr=asyncio.subprocess.DEVNULL,
    )
    async with asyncio.timeout(HANG_SECONDS):
        while True:
            with contextlib.suppress(OSError):
                _, writer = await asyncio.open_connection(server.host, server.port)
                writer.close()
                break
            await asyncio.sleep(0.02)
    try:
        yield f"nats://{server.host}:{server.port}", process.pid
    finally:
        process.kill()
        await process.wait()


@pytest.fixture
async def address(tmp_path: Path) -> AsyncIterator[str]:
    """The address of a nats-server that runs with the rendered file."""
    config = await asyncio.to_thread(render_headquarters, tmp_path)
    async with run_rendered_nats_server(config) as (address, _):
        yield address


class CentreClient:
    """A client with a centre's key, and the errors that the server sent it."""

    def __init__(self) -> None:
        self.errors: list[str] = []

    async def connect(self, address: str, seed: Path) -> Any:

        async def receive_error(error: Exception) -> None:
            self.errors.append(str(error))

        return await nats.connect(
            address,
            error_cb=receive_error,
            allow_reconnect=False,
            inbox_prefix="_INBOX.pune-1",
            connect_timeout=5,
            nkeys_seed_str=seed.read_text().strip(),
        )


async def is_allowed(nats_client: Any, client: CentreClient, subject: str, *, publish: bool) -> bool:
    """Return whether the server allows a client to publish or subscribe. An error arrives within a few round trips."""
    client.errors.clear()
    if publish:
        await nats_client.publish(subject, b"{}")
    else:
        await nats_client.subscribe(subject)
    for _ in range(20):
        await nats_client.flush()
        if any(subject.lower() in each.lower() for each in client.errors):
            return False
    return True


async def test_centre_may_publish_and_subscribe_only_to_its_own_nats_subjects(address: str, tmp_path: Path) -> None:
    client = CentreClient()
    nats_client = await client.connect(address, tmp_path / "etc/centres/pune-1.nk")
    own = ["up.pune-1", "live.pune-1.state", "live.pune-1.campaign.turnout", "live.pune-1.material", "reply.pune-1.o-1"]
    own += ["numbers.pune-1"]
    others = ["up.delhi-1", "up.pune-1.x", "live.delhi-1.state", "reply.delhi-1.o-1", "ack.pune-1", "ack.delhi-1"]
    others += [
        "cmd.all",
        "cmd.zone.west",
        "cmd.centre.pune-1",
        "peer.all.optout",
        "peer.west.mark.S13.209",
        "numbers.delhi-1",
        "call.S13",
    ]
    others += ["$JS.API.STREAM.DELETE.UP", "$JS.API.STREAM.CREATE.UP", "$JS.API.STREAM.PURGE.CMD", "$SYS.REQ.USER.INFO"]
    others += ["$JS.API.STREAM.MSG.GET.UP", "$JS.API.CONSUMER.CREATE.UP", "$JS.API.CONSUMER.DELETE.CMD.x"]
    for subject in own + others:
        assert await is_allowed(nats_client, client, subject, publish=True) == (subject in own), subject
    for subject in ["ack.pune-1", "_INBOX.pune-1.x"]:
        assert await is_allowed(nats_client, client, subject, publish=False), subject
    for subject in [
        "ack.delhi-1",
        ">",
        "up.>",
        "_INBOX.>",
        "_INBOX.delhi-1.>",
        "live.>",
        "cmd.all",
        "reply.>",
        "peer.>",
    ]:
        assert not await is_allowed(nats_client, client, subject, publish=False), subject
    await nats_client.close()


READABLE_BY_PUNE = list_subjects_readable_by_centre(
    HqCentre(id="pune-1", zone="west", state="S13", constituencies=(209, 210))
)
NAME = "NAME"  # stands for the name of a new consumer
OWN_UPDATES = ["peer.all.optout", "peer.*.mark.S13.209", "peer.*.mark.S13.210", "peer.west.mark.S13.209"]
OWN_ORDERS = ["cmd.all", "cmd.zone.west", "cmd.centre.pune-1"]
OTHER_UPDATES = [
    "peer.>",
    "peer.*.mark.S13.211",
    "peer.*.mark.S14.209",
    "peer.*.mark.S13.*",
    "peer.*.mark.>",
    "peer.*.*.*.*",
]
OWN_CALLS, OTHER_CALLS = ["call.S13"], ["call.S14", "call.*", "call.>"]
OTHER_ORDERS = ["cmd.>", "cmd.*", "cmd.zone.north", "cmd.zone.*", "cmd.centre.delhi-1", "cmd.centre.*"]


async def test_centre_may_read_only_its_own_orders_and_constituencies_from_nats(address: str, tmp_path: Path) -> None:
    """Tries every form of a request for a consumer."""
    etc, centre = tmp_path / "etc", CentreClient()
    async with open_session([address], "hq", nkey_file=etc / "hq.nk") as above:
        await above.create_stream_if_missing(messages.PEERS, ["peer.>"])
        await above.create_stream_if_missing(messages.CMD, ["cmd.>"])
        await above.create_stream_if_missing(messages.CALLS, ["call.*"])
    client = await centre.connect(address, etc / "centres/pune-1.nk")
    inbox = client.new_inbox()
    await client.subscribe(inbox)

    async def can_create_consumer(stream: str, subject: str, name: str, **config: Any) -> bool:
        """Return whether the server creates this consumer, and delete it."""
        centre.errors.clear()
        settings = {"deliver_subject": inbox, "ack_policy": "none", "deliver_policy": "all", "name": name, **config}
        request = asyncio.ensure_future(
            client.request(
                f"$JS.API.{subject.replace(NAME, name)}",
                json.dumps({"stream_name": stream, "config": settings}).encode(),
                timeout=5,
            )
        )
        while not request.done() and not centre.errors:
            await client.flush()
        if not request.done():
            request.cancel()
            return False
        answer = json.loads((await request).data)
        if "error" in answer:
            return False
        await client.jetstream().delete_consumer(stream, name)
        return True

    for stream, own, others in (
        (messages.PEERS, OWN_UPDATES, OTHER_UPDATES),
        (messages.CMD, OWN_ORDERS, OTHER_ORDERS),
        (messages.CALLS, OWN_CALLS, OTHER_CALLS),
    ):
        name = messages.build_consumer_name("pune-1", own[0])
        for subject in own + others:
            each = messages.build_consumer_name("pune-1", subject.replace("west.mark", "*.mark"))
            create = f"CONSUMER.CREATE.{stream}.NAME.{subject}"
            assert await can_create_consumer(stream, create, each, filter_subject=subject) == (subject in own), subject
        for other in ("c1", name.replace("pune", "delhi"), f"{name}_1"):
            create = f"CONSUMER.CREATE.{stream}.NAME.{own[0]}"
            assert not await can_create_consumer(stream, create, other, filter_subject=own[0]), other
        for subject in others:
            allowed = f"CONSUMER.CREATE.{stream}.NAME.{own[0]}"
            unfiltered, unnamed = f"CONSUMER.CREATE.{stream}.NAME", f"CONSUMER.CREATE.{stream}"
            durable = f"CONSUMER.DURABLE.CREATE.{stream}.NAME"
            for request, config in (
                (allowed, {"filter_subject": subject}),
                (allowed, {"filter_subjects": [subject]}),
                (allowed, {"filter_subject": own[0], "filter_subjects": [subject]}),
                (unfiltered, {"filter_subjects": [subject]}),
                (unnamed, {"filter_subject": subject}),
                (durable, {"filter_subject": subject, "durable_name": "d"}),
            ):
                assert not await can_create_consumer(stream, request, name, **config), (request, config)
        # Without a filter it would read all subjects.
        assert not await can_create_consumer(stream, f"CONSUMER.CREATE.{stream}.NAME.{own[0]}", name)
    for subject in (
        f"STREAM.MSG.GET.{messages.PEERS}",
        f"DIRECT.GET.{messages.PEERS}",
        f"CONSUMER.MSG.NEXT.{messages.CMD}.c",
    ):
        assert not await is_allowed(client, centre, f"$JS.API.{subject}", publish=True), subject
    await client.close()


async def test_stolen_nats_key_can_open_only_limited_consumers_connections_and_subscriptions(
    address: str, tmp_path: Path
) -> None:
    etc, thief = tmp_path / "etc", CentreClient()
    seed = etc / "centres/pune-1.nk"
    async with (
        open_session([address], "hq", nkey_file=etc / "hq.nk") as above,
        open_session([address], "delhi-1", nkey_file=etc / "centres/delhi-1.nk", centre="delhi-1") as delhi,
    ):
        for stream, subjects in ((messages.PEERS, ["peer.>"]), (messages.CMD, ["cmd.>"]), (messages.CALLS, ["call.*"])):
            await above.create_stream_if_missing(stream, subjects)
        client = await thief.connect(address, seed)
        inbox = client.new_inbox()
        await client.subscribe(inbox)
        for number in range(100):
            for stream, subjects in READABLE_BY_PUNE.items():
                for subject in subjects:
                    for name in (f"c{number}", messages.build_consumer_name("pune-1", subject)):
                        config = {"name": name, "deliver_subject": inbox, "filter_subject": subject}
                        request = json.dumps({"stream_name": stream, "config": config}).encode()
                        await client.publish(f"$JS.API.CONSUMER.CREATE.{stream}.{name}.{subject}", request, reply=inbox)
                    await client.flush()
        counts = {
            stream: (await above.client.jetstream().stream_info(stream)).state.consumer_count
            for stream in READABLE_BY_PUNE
        }
        assert counts == {stream: len(subjects) for stream, subjects in READABLE_BY_PUNE.items()}
        assert await subscribe_until_refused(client) < MAX_SUBSCRIPTIONS + 200
        connections = await connect_until_refused(thief, address, seed)
        assert len(connections) <= OWN_CONNECTIONS + 2 * CENTRE_CONNECTIONS
        await above.store_message(messages.OPT_OUT_SUBJECT, b"an update")
        assert (await read_first_message(delhi, messages.PEERS, messages.OPT_OUT_SUBJECT)).data == b"an update"
        for each in connections:
            await each.close()


async def subscribe_until_refused(client: Any) -> int:
    """Subscribe with the key of pune-1 until the server closes the connection. Return the number of subscriptions."""
    count = 0
    with contextlib.suppress(nats.errors.Error, OSError):
        while count < 2 * MAX_SUBSCRIPTIONS:
            await client.subscribe(f"_INBOX.pune-1.{count}")
            count += 1
            if count % 100 == 0:
                await client.flush()
    return count


async def connect_until_refused(thief: CentreClient, address: str, seed: Path) -> list[Any]:
    """Connect with the key of pune-1 until the server refuses. Return the connections."""
    connections: list[Any] = []
    with contextlib.suppress(nats.errors.Error, OSError):
        while len(connections) < 1_000:
            connections.append(await thief.connect(address, seed))
    return connections


async def read_first_message(session: Session, stream: str, subject: str) -> StoredMessage:
    async with asyncio.timeout(HANG_SECONDS):
        return await anext(session.read_stream_messages(stream, 0, subject))


async def test_restarted_uplink_continues_at_its_last_position_in_the_nats_stream(address: str, tmp_path: Path) -> None:
    etc, subject = tmp_path / "etc", messages.OPT_OUT_SUBJECT
    async with open_session([address], "hq", nkey_file=etc / "hq.nk") as above:
        await above.create_stream_if_missing(messages.PEERS, ["peer.>"])
        for text in (b"1", b"2", b"3"):
            await above.store_message(subject, text)
        received = []
        for after in (0, 0, 2):
            async with open_session([address], "pune", nkey_file=etc / "centres/pune-1.nk", centre="pune-1") as pune:
                async with asyncio.timeout(HANG_SECONDS):
                    reading = pune.read_stream_messages(messages.PEERS, after, subject)
                    received.append((await anext(reading)).data)
        assert received == [b"1", b"1", b"3"]
        assert (await above.client.jetstream().stream_info(messages.PEERS)).state.consumer_count == 1


async def read_first_answer(address: str, seed: bytes | None) -> str:
    """Return the server's first line to a client that connects with this key, or without one."""
    reader, writer = await asyncio.open_connection("127.0.0.1", int(address.rpartition(":")[2]))
    info = json.loads((await reader.readline()).removeprefix(b"INFO "))
    options = {"verbose": False, "pedantic": False, "lang": "test", "version": "1"}
    if seed is not None:
        pair = nkeys.from_seed(bytearray(seed))
        signature = base64.urlsafe_b64encode(pair.sign(info["nonce"].encode())).decode().rstrip("=")
        options |= {"nkey": pair.public_key.decode(), "sig": signature}
    writer.write(f"CONNECT {json.dumps(options)}\r\nPING\r\n".encode())
    answer = await reader.readline()
    writer.close()
    await writer.wait_closed()
    return answer.decode().strip()


async def test_nats_server_rejects_an_unknown_key_and_a_client_without_a_key(address: str, tmp_path: Path) -> None:
    own = (tmp_path / "etc/centres/delhi-1.nk").read_bytes().strip()
    assert await read_first_answer(address, own) == "PONG"
    for seed in (nkeys.encode_seed(b"s" * 32, nkeys.PREFIX_BYTE_USER), None):
        assert "Authorization Violation" in await read_first_answer(address, seed)


class Dialler(DiallerCommands):
    """A dialler that executes every command."""

    def __init__(self) -> None:
        pass

    async def send_command_to_dialler(self, name: str, values: dict[str, Any]) -> Reply | None:
        return Reply("done", "stopped 1 campaigns")


async def test_rendered_nats_permissions_allow_orders_and_replies_and_updates_and_batches_of_results(
    address: str, tmp_path: Path
) -> None:
    etc = tmp_path / "etc"

    def centre(name: str) -> Any:
        return open_session([address], name, nkey_file=etc / f"centres/{name}.nk", centre=name)

    async with open_session([address], "hq", nkey_file=etc / "hq.nk") as above:
        for stream, subjects in ((messages.UP, ["up.*"]), (messages.PEERS, ["peer.>"]), (messages.CMD, ["cmd.>"])):
            await above.create_stream_if_missing(stream, subjects)
        await above.store_message(messages.OPT_OUT_SUBJECT, b"an update")
        async with centre("pune-1") as pune, centre("delhi-1") as delhi:
            assert isinstance(pune, Session)
            assert await pune.store_message(messages.build_batch_subject("pune-1"), b"rows") == 1
            assert (await pune.find_stream_id(messages.PEERS)).startswith("PEERS.")
            async with asyncio.timeout(HANG_SECONDS):
                async for stored in pune.read_stream_messages(messages.PEERS, 0, messages.OPT_OUT_SUBJECT):
                    assert stored.data == b"an update"
                    break
            running = [
                asyncio.create_task(
                    OrderDelivery(name, zone, session, Dialler(), SystemClock()).deliver_orders_until_cancelled()
                )
                for name, zone, session in (("pune-1", "west", pune), ("delhi-1", "north", delhi))
            ]
            order = create_order(OrderKind.STOP_ALL, "all", SystemClock().now())
            signed = SignedOrder(order=order.order_as_json_text).add_signature("asha", KEY)
            replies = await send_order(above, signed, order, ["pune-1", "delhi-1"], 10.0)
            assert {name: reply.status for name, reply in replies.items()} == {"pune-1": "done", "delhi-1": "done"}
            for task in running:
                task.cancel()


async def test_headquarters_replies_only_to_the_nats_inbox_of_the_requesting_centre(
    address: str, tmp_path: Path
) -> None:
    """Otherwise a stolen key could have the answer stored as an order, or sent to another centre."""
    etc, requests = tmp_path / "etc", list[bytes]()

    async def answer(subject: str, data: bytes) -> bytes:
        requests.append(data)
        return b"an answer"

    async with open_session([address], "hq", nkey_file=etc / "hq.nk") as above:
        await above.create_stream_if_missing(messages.CMD, ["cmd.>"])
        await above.answer_requests_on_subject(messages.build_snapshot_subject("*"), answer)
        thief = await CentreClient().connect(address, etc / "centres/pune-1.nk")
        for reply in ("cmd.all", "cmd.centre.delhi-1", "ack.delhi-1", "_INBOX.delhi-1.x", "_INBOX.pune-11.x", ""):
            await thief.publish("snapshot.pune-1", reply.encode() or b"no reply subject", reply=reply)
        answered = await thief.request("snapshot.pune-1", b"own inbox", timeout=HANG_SECONDS)
        assert (answered.data, requests) == (b"an answer", [b"own inbox"])
        assert (await above.read_stream_state(messages.CMD)).last == 0
        await thief.close()


class CheckingDialler(DiallerCommands):
    """A dialler that obeys orders as a centre's dialler does: with valid signatures, and if they are for this centre."""

    def __init__(self) -> None:
        object.__setattr__(self, "obeyed", list[str]())

    async def send_command_to_dialler(self, name: str, values: dict[str, Any]) -> Reply | None:
        signed, order = SignedOrder.model_validate(values), parse_order_text(values["order"])
        try:
            signers = signed.find_order_signers({"asha": derive_public_key(KEY)})
            refuse_invalid_order(order, signers, "delhi-1", "north", SystemClock().now())
        except CommandRefused as refused:
            return Reply("refused", str(refused))
        self.obeyed.append(order.id)  # type: ignore[attr-defined]
        return Reply("done", "stopped 1 campaigns")


def create_stop_order(to: str, *, signed: bool = True) -> SignedOrder:
    order = SignedOrder(order=create_order(OrderKind.STOP_ALL, to, SystemClock().now()).order_as_json_text)
    return order.add_signature("asha", KEY) if signed else order


async def test_nats_status_message_on_an_order_subject_is_not_mistaken_for_an_order(
    address: str, tmp_path: Path
) -> None:
    """nats-server 2.15.1 sends its own answers to any subject that the thief names, so they are stored as orders."""
    etc, stop = tmp_path / "etc", "cmd.centre.delhi-1"
    async with (
        open_session([address], "hq", nkey_file=etc / "hq.nk") as above,
        open_session([address], "delhi-1", nkey_file=etc / "centres/delhi-1.nk", centre="delhi-1") as delhi,
    ):
        for stream, subjects in ((messages.UP, ["up.*"]), (messages.PEERS, ["peer.>"]), (messages.CMD, ["cmd.>"])):
            await above.create_stream_if_missing(stream, subjects)
        # the worst that an update of another centre could be
        for each in (create_stop_order("centre:pune-1"), create_stop_order("all", signed=False)):
            await above.store_message(messages.OPT_OUT_SUBJECT, each.model_dump_json().encode())
        thief = await CentreClient().connect(address, etc / "centres/pune-1.nk")
        await thief.publish("up.pune-1", b"rows", reply=stop)
        name = messages.build_consumer_name("pune-1", messages.OPT_OUT_SUBJECT)
        config = {
            "name": name,
            "deliver_subject": stop,
            "filter_subject": messages.OPT_OUT_SUBJECT,
            "ack_policy": "none",
        }
        create = f"$JS.API.CONSUMER.CREATE.{messages.PEERS}.{name}.{messages.OPT_OUT_SUBJECT}"
        await thief.publish(create, json.dumps({"stream_name": messages.PEERS, "config": config}).encode(), reply=stop)
        async with asyncio.timeout(HANG_SECONDS):
            while (await above.read_stream_state(messages.CMD)).last < 2:
                await asyncio.sleep(0.02)
        dialler = CheckingDialler()
        running = asyncio.create_task(
            OrderDelivery("delhi-1", "north", delhi, dialler, SystemClock()).deliver_orders_until_cancelled()
        )
        signed = create_stop_order("centre:delhi-1")
        order = parse_order_text(signed.order)
        replies = await send_order(above, signed, order, ["delhi-1"], HANG_SECONDS)
        assert replies["delhi-1"].status == "done"
        assert dialler.obeyed == [order.id]  # type: ignore[attr-defined]
        running.cancel()
        await thief.close()


async def test_headquarters_check_reports_missing_streams_and_silent_centres(
    address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(check, "LISTEN_SECONDS", 0.5)
    monkeypatch.setattr(check, "CONNECT_SECONDS", 1.0)
    etc, config = tmp_path / "etc", tmp_path / "hq.toml"
    text = config.read_text()
    head = f'servers = ["{address}"]\nnkey_file = "{{}}"\n'

    async def check_with(text: str) -> list[str]:
        config.write_text(text)
        return (await asyncio.to_thread(run, "hq", "check", "-c", config))[1].splitlines()

    async def publish_status(session: Session) -> None:
        while True:
            await session.publish_message("live.pune-1.state", b"{}")
            await asyncio.sleep(0.05)

    found = await check_with(head.format(etc / "centres/pune-1.nk.other") + text)
    assert "is not a key file of NATS" in found[-1]
    assert (
        "did not accept the connection"
        in (await check_with(head.replace(address, "nats://127.0.0.1:1").format(etc / "hq.nk") + text))[-1]
    )
    own = head.format(etc / "hq.nk") + text
    async with open_session([address], "pune-1", nkey_file=etc / "centres/pune-1.nk", centre="pune-1") as pune:
        publishing_status = asyncio.create_task(publish_status(pune))
        found = await check_with(own)
        assert found[0].startswith("[[leaders]] has fewer than two leaders")
        assert await check_with(own) == found  # the check creates nothing
        assert found[1].startswith("[[centres]] has no state for delhi-1")
        assert [line.split()[2] for line in found[2:7]] == ["UP", "PEERS", "CMD", "CALLS", "NUMBERS"]
        assert found[7] == "no status within 0.5 s from: delhi-1"
        async with open_session([address], "hq", nkey_file=etc / "hq.nk") as above:
            await above.create_stream_if_missing(messages.UP, ["up.*"])
            await above.create_stream_if_missing(messages.PEERS, ["peer.>"])
            await above.create_stream_if_missing(messages.CMD, ["cmd.>"])
            await above.create_stream_if_missing(messages.CALLS, ["call.*"])
            await above.create_stream_if_missing(NUMBERS, [build_number_sample_subject("*")], newest_only=True)
        leader = f'[[leaders]]\nname = "ravi"\nkey = "{format_public_key(derive_public_key(b"r" * 32))}"\n'
        alone = own.partition('[[centres]]\nid = "delhi-1"')[0] + leader
        assert await check_with(alone) == ["headquarters is ready; connected centres: 1"]

        async def find_outdated_copies(_session: Session, stream: str) -> set[str]:
            return {"hq-2"} if stream == messages.UP else set()

        with monkeypatch.context() as cluster:
            cluster.setattr(Session, "list_servers_with_outdated_copy", find_outdated_copies)
            assert [line.partition(":")[0] for line in await check_with(alone)] == [
                "hq-2 of the cluster does not store every message"
            ]
        sample = NumberSample("f1", ("0f" * 8, "1f" * 8))
        await pune.store_message("numbers.pune-1", pack_sample_of_number_hashes(NumberSample("f1", ())))
        await pune.store_message("numbers.pune-1", pack_sample_of_number_hashes(sample))
        async with open_session([address], "hq", nkey_file=etc / "hq.nk") as above:
            await above.store_message("numbers.delhi-1", pack_sample_of_number_hashes(sample))
        assert "delhi-1 and pune-1 have 2 numbers in common" in (await check_with(own + leader))[-1]
        assert await check_with(alone) == ["headquarters is ready; connected centres: 1"]
        publishing_status.cancel()


def test_headquarters_check_reports_unpublished_and_expiring_campaign_material(tmp_path: Path) -> None:
    now = time.time()
    with publishing(tmp_path / "material", now) as publisher:
        settings = HqSettings.model_validate({"bundles": {"folder": tmp_path / "material"}})
        (tmp_path / "source").mkdir()
        (tmp_path / "source/flow.yaml").write_text("flow: 1")
        publisher.repository.draft_bundle_from_folder(tmp_path / "source", "turnout", 1, "india", now)
        assert next(iter(check.find_problems_of_campaign_material(settings, now))).startswith(
            "bundles/turnout/1.json is not published"
        )
        for person in ("lata", "meena"):
            publisher.repository.sign_drafted_bundles(KEYS[person])
        publisher.repository.publish_drafted_bundles(KEYS["online"], now)
        assert [*check.find_problems_of_campaign_material(settings, now)] == []
        assert "dialer hq bundle renew" in next(
            iter(check.find_problems_of_campaign_material(settings, now + 2 * 86_400))
        )
        publisher.repository.draft_withdrawal_of_material_version("turnout", 1, now)
        assert "until its withdrawal is signed" in next(iter(check.find_problems_of_campaign_material(settings, now)))
    assert [
        *check.find_problems_of_campaign_material(
            HqSettings.model_validate({"bundles": {"folder": tmp_path / "none"}}), now
        )
    ] == []


def test_rendered_centre_archive_has_settings_and_keys_that_stay_the_same(tmp_path: Path) -> None:
    config, etc = render_headquarters(tmp_path, "hq.example.org"), tmp_path / "etc"
    with tarfile.open(etc / "centres/pune-1.tar") as archive:
        archive.extractall(tmp_path / "carried", filter="data")
    assert {path.name for path in (tmp_path / "carried").iterdir()} == {"pune-1.toml", "pune-1.nk", "hq-ca.pem"}
    headquarters = Settings.model_validate(tomllib.loads((tmp_path / "carried/pune-1.toml").read_text())).headquarters
    assert headquarters.servers[0].startswith("tls://hq.example.org:")
    assert (headquarters.user, headquarters.zone, [leader.name for leader in headquarters.leaders]) == (
        "uplink",
        "west",
        ["asha"],
    )
    for name in ("hq.nk", "centres/pune-1.nk", "centres/pune-1.tar", "hq-server.key"):
        assert (etc / name).stat().st_mode & 0o077 == 0, name
    keys = {path: path.read_bytes() for path in etc.rglob("*.nk")}
    assert run("hq", "render", "--to", etc, "-c", config)[0] == 0
    assert {path: path.read_bytes() for path in etc.rglob("*.nk")} == keys
    checked = subprocess.run(
        [hq_servers._find_nats_server_program(), "-t", "-c", str(etc / "nats-server.conf")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stderr


def list_recovery_conditions_met(folder: Path, *, minimum_age: int = 0) -> list[bool]:
    """Run the conditions of the unit that restarts nats-server. Return which of them are met: a failed write, a disk with
    space, a server of this test that is not younger than a number of seconds.
    """
    unit = (folder / f"etc/{NATS_RECOVERY}.service").read_text().replace("--older 300", f"--older {minimum_age}")
    conditions = [
        shlex.split(line.removeprefix("ExecCondition="))
        for line in unit.splitlines()
        if line.startswith("ExecCondition=")
    ]
    conditions[-1] += ["--parent", str(os.getpid())]
    return [subprocess.run(each, check=False, capture_output=True).returncode == 0 for each in conditions]


async def test_rendered_unit_restarts_nats_server_after_a_failed_write_once_its_disk_has_space(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config, key = await asyncio.to_thread(render_headquarters, tmp_path), tmp_path / "etc/hq.nk"

    async def list_conditions_met(**options: int) -> list[bool]:
        return await asyncio.to_thread(list_recovery_conditions_met, tmp_path, **options)

    async with (
        run_rendered_nats_server(config) as (address, process_id),
        open_session([address], "hq", nkey_file=key) as above,
    ):
        await above.create_stream_if_missing(messages.CMD, ["cmd.>"])
        await above.store_message("cmd.all", b"stored")
        assert await list_conditions_met() == [False, True, True]
        limits = resource.prlimit(process_id, resource.RLIMIT_FSIZE)
        for largest_file in ((1, limits[1]), limits):  # writes succeed again, but the server stores nothing
            resource.prlimit(process_id, resource.RLIMIT_FSIZE, largest_file)
            with pytest.raises(nats.errors.TimeoutError):
                await above.client.jetstream(timeout=0.5).publish("cmd.all", b"lost")
        assert await list_conditions_met() == [True, True, True]
        assert await list_conditions_met(minimum_age=300) == [True, True, False]
        (tmp_path / "df").write_text("#!/bin/sh\necho Avail\necho 999M\n")
        (tmp_path / "df").chmod(0o700)
        with monkeypatch.context() as nearly_full:
            nearly_full.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
            assert await list_conditions_met() == [True, False, True]
    assert await list_conditions_met() == [False, True, False]  # the server does not run
    async with (
        run_rendered_nats_server(config) as (address, _),
        open_session([address], "hq", nkey_file=key) as above,
    ):
        assert await above.store_message("cmd.all", b"stored") == 2
        assert await list_conditions_met() == [False, True, True]


@pytest.mark.parametrize(
    ("health", "is_restarted"),
    [  # of a cluster of nats-servers 2.15.1
        ('{"status":"ok"}', False),
        ('{"status":"unavailable","error":"JetStream not enabled (10076)"}', True),
        ('{"status":"unavailable","error":"JetStream stream is not current: group node unhealthy"}', False),
    ],
)
async def test_rendered_unit_restarts_a_server_of_a_cluster_only_if_it_stores_nothing(
    tmp_path: Path, health: str, *, is_restarted: bool
) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert await reader.readuntil(b"\n\n") == b"GET /healthz HTTP/1.0\n\n"
        writer.write(f"HTTP/1.0 503 Service Unavailable\r\n\r\n{health}".encode())
        writer.close()

    await asyncio.to_thread(render_headquarters, tmp_path)
    async with await asyncio.start_server(answer, "127.0.0.1", render.HEALTH_PORT):
        assert (await asyncio.to_thread(list_recovery_conditions_met, tmp_path))[0] is is_restarted


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
def test_systemd_accepts_the_rendered_units_that_restart_nats_server(tmp_path: Path) -> None:
    render_headquarters(tmp_path)
    units = [tmp_path / f"etc/{NATS_RECOVERY}.{ending}" for ending in ("service", "timer")]
    checked = subprocess.run(["systemd-analyze", "verify", *units], capture_output=True, text=True, check=False)
    assert [line for line in checked.stderr.splitlines() if NATS_RECOVERY in line] == []


NGINX = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
CADDY = shutil.which("caddy")
PAGES = "[desk]\nport = {port}\naddress = {address}\n"
MATERIAL = b"a file of a bundle"


def nginx_command(folder: Path, *more: str) -> list[str | Path]:
    """Return a command that runs nginx with the rendered file, and without the system's configuration."""
    main = f'pid "{folder}/nginx.pid"; events {{}} http {{ access_log off; include "{folder}/etc/nginx.conf"; }}'
    (folder / "main.conf").write_text(main)
    return [str(NGINX), "-e", "stderr", "-p", folder, "-c", folder / "main.conf", *more]


@pytest.mark.skipif(NGINX is None, reason="nginx is not installed")
@pytest.mark.parametrize("address", ['"https://hq.example.org"', '"https://pages.example.org:8443"'])
def test_nginx_and_caddy_accept_the_rendered_files(tmp_path: Path, address: str) -> None:
    config = render_headquarters(tmp_path, "hq.example.org")
    config.write_text(config.read_text() + PAGES.format(port=8490, address=address))
    files = CertificateFiles(*(tmp_path / "etc" / name for name in ("web.pem", "web.key", "ca.pem", "ca.key")))
    create_certificate_of_page_server(files, "hq", "hq.example.org", [], time.time(), renew=False)
    assert run("hq", "render", "--to", tmp_path / "etc", "-c", config)[0] == 0
    rendered = (tmp_path / "etc/nginx.conf").read_text()
    assert rendered.count("server {") == (1 if "hq.example" in address else 2)
    assert rendered.count("client_header_timeout 10s;") == rendered.count("server {")  # half-open requests end
    assert rendered.count("client_body_timeout 10s;") == rendered.count("server {")
    assert "read_header 10s" in (tmp_path / "etc/Caddyfile").read_text()
    commands = [nginx_command(tmp_path, "-t")]
    if CADDY is not None:
        commands.append([CADDY, "validate", "--config", tmp_path / "etc/Caddyfile", "--adapter", "caddyfile"])
    for command in commands:
        checked = subprocess.run(command, capture_output=True, text=True, check=False, env={"HOME": str(tmp_path)})
        assert checked.returncode == 0, checked.stderr


@pytest.mark.skipif(NGINX is None, reason="nginx is not installed")
async def test_nginx_serves_campaign_material_and_forwards_page_events_without_buffering(tmp_path: Path) -> None:
    """A stand-in for the pages' process sends one event, and ends the stream once the browser has received it."""
    received = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        requests.append((await reader.readuntil(b"\r\n\r\n")).decode())
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\ndata: now\n\n")
        await writer.drain()
        async with asyncio.timeout(HANG_SECONDS):
            await received.wait()
        writer.close()

    requests: list[str] = []
    pages = await asyncio.start_server(serve, "127.0.0.1", 0)
    web, port = find_free_port(), pages.sockets[0].getsockname()[1]
    text = HQ.format(
        host="127.0.0.1", port=find_free_port(), folder=tmp_path, key=format_public_key(derive_public_key(KEY))
    )
    text = text.replace("https://127.0.0.1/material", f"http://127.0.0.1:{web}/material")
    config = tmp_path / "hq.toml"
    config.write_text(text + PAGES.format(port=port, address=f'"http://127.0.0.1:{web}"'))
    assert (await asyncio.to_thread(run, "hq", "render", "--to", tmp_path / "etc", "-c", config))[0] == 0
    (tmp_path / "material/public").mkdir(parents=True)
    (tmp_path / "material/public/a").write_bytes(MATERIAL)
    running = await asyncio.create_subprocess_exec(*nginx_command(tmp_path, "-g", "daemon off; master_process off;"))
    try:
        async with asyncio.timeout(HANG_SECONDS), httpx.AsyncClient(base_url=f"http://127.0.0.1:{web}") as browser:
            while True:
                with contextlib.suppress(httpx.ConnectError):
                    assert (await browser.get("/material/a")).content == MATERIAL
                    break
                await asyncio.sleep(0.05)
            assert (await browser.put("/material/b", content=b"x")).status_code == 403
            async with browser.stream("GET", "/api/hq/events") as stream:
                assert await anext(stream.aiter_lines()) == "data: now"
                received.set()
        assert f"Host: 127.0.0.1:{web}\r\n" in requests[0]
        assert "X-Forwarded-For: 127.0.0.1\r\n" in requests[0]
    finally:
        running.terminate()
        await running.wait()
        pages.close()


def test_render_command_creates_the_certificate_of_the_headquarters_pages(tmp_path: Path) -> None:
    config = tmp_path / "hq.toml"
    config.write_text(
        f'[desk]\nhost = "0.0.0.0"\naddress = "https://hq.example.org:8490"\n'
        f'certificate = "{tmp_path}/desk.pem"\nprivate_key = "{tmp_path}/desk.key"\n'
    )
    code, output = run("hq", "certificate", "-c", config)
    assert code == 0, output
    assert "desk.pem for hq.example.org, valid until" in output
    assert "restart `dialer hq desk`" in output
    assert {path.name for path in tmp_path.iterdir()} >= {"desk.pem", "desk.key", "site-ca.pem", "site-ca.key"}
    config.write_text("")
    assert "desk.certificate" in run("hq", "certificate", "-c", config)[1]


def test_nats_permissions_of_a_centre_name_only_its_own_subjects_and_shared_streams() -> None:
    pune = HqCentre(id="pune-1", zone="west", state="S13", constituencies=(209,))
    for kind, permissions in build_nats_permissions(pune).items():
        for subject in permissions["allow"]:
            assert "pune-1" in subject or subject.startswith(("$JS.API.STREAM.INFO.", "$JS.FC.")), kind


def test_centre_without_constituencies_receives_the_votes_of_its_state() -> None:
    assert list_subjects_readable_by_centre(HqCentre(id="a", zone="west", state="S13"))[messages.PEERS] == [
        messages.OPT_OUT_SUBJECT,
        "peer.*.mark.S13.*",
    ]
    permissions = build_nats_permissions(HqCentre(id="a", zone="west", state="S13"))["publish"]["allow"]
    for number in (0, 209, 499):
        assert f"$JS.API.CONSUMER.CREATE.PEERS.a_peer_mark_S13_{number}.peer.*.mark.S13.*" in permissions
    assert messages.build_consumer_name("a", "peer.*.mark.S13.709") == "a_peer_mark_S13_209"
    without_state = list_subjects_readable_by_centre(HqCentre(id="a", zone="west"))
    assert without_state[messages.PEERS] == [messages.OPT_OUT_SUBJECT]
    assert messages.CALLS not in without_state
    with pytest.raises(ValidationError, match="constituencies need a state"):
        HqCentre(id="a", zone="west", constituencies=(209,))
