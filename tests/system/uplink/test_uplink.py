"""A centre's uplink on a real nats-server that is killed: each row is uploaded once, and each peer update is imported once."""

from __future__ import annotations

import asyncio
import contextlib
import resource
import shutil
import sqlite3
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.js.api import ConsumerConfig, DiscardPolicy, StreamConfig

from dialer.domain.clock import SystemClock
from dialer.domain.enums import SupervisorRole
from dialer.domain.errors import CommandRefused, HeadquartersUnreachable, StoreBusy
from dialer.domain.model import Announcement
from dialer.engine.command.base import FROM_DIALLER
from dialer.engine.command.catalogue import COMMANDS
from dialer.engine.command.reading import read_command
from dialer.engine.external_records.service import ExternalRecords
from dialer.hq.servers import NatsServer, run_nats_server
from dialer.mqtt.dialler_client import Reply
from dialer.nats import messages
from dialer.nats.session import MAX_CONSUMERS, MessagesMissing, Session, StreamSetBack, open_session
from dialer.nats.snapshot import SnapshotPage, pack_snapshot_page, unpack_snapshot_request
from dialer.rules.number_hash import hash_number
from dialer.store.store import Store, open_store
from dialer.store.uplink_reader import UplinkReader
from dialer.uplink import batches, peer_updates, upload
from dialer.uplink.dialler import DiallerCommands
from dialer.uplink.peer_snapshots import SnapshotSource
from dialer.uplink.peer_updates import PeerUpdates
from dialer.uplink.upload import OutboxUpload
from tests.support.roll_filler import CONSTITUENCY_NUMBER, ROLL_VERSION, STATE_CODE, fill_roll
from tests.support.stored import query_store
from tests.support.waiting import HANG_SECONDS

NUMBER_HASH = "0f" * 32


class Dialler(DiallerCommands):
    """A fake dialler without a broker, which parses each command and executes it on the store."""

    def __init__(self, store: Store) -> None:
        object.__setattr__(self, "records", ExternalRecords(store, SystemClock(), centre="pune-1"))
        object.__setattr__(self, "commands", [])

    async def send_command_to_dialler(self, name: str, values: dict[str, Any]) -> Reply | None:
        kind = COMMANDS[name]
        assert kind.roles == {SupervisorRole.UPLINK}
        command = read_command(name, values)
        self.commands.append(name)  # type: ignore[attr-defined]
        if name == "report-uplink":
            return Reply("done", "reported")
        services: Any = SimpleNamespace(records=self.records)  # type: ignore[attr-defined]
        try:
            return Reply("done", await command.execute_command(services, FROM_DIALLER))
        except CommandRefused as refused:
            return Reply("refused", str(refused))


class Headquarters:
    """A fake headquarters that stores received batches in memory."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self.rows: list[int] = []
        self.last = 0
        self.answers = True

    def pack_ack(self, batch: messages.OutboxBatch) -> bytes:
        return messages.pack_acknowledgement(messages.Acknowledgement(self.last, batch.store.incarnation))

    async def run(self) -> None:
        async for stored in self._session.read_stream_messages(messages.UP, 0):
            batch = messages.unpack_batch(stored.data)
            if batch.first <= self.last + 1 and batch.last > self.last:
                self.rows += [row.id for row in batch.rows if row.id > self.last]
                self.last = batch.last
            if self.answers:
                await self._session.publish_message(
                    messages.build_acknowledgement_subject(batch.centre), self.pack_ack(batch)
                )


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[NatsServer]:
    async with run_nats_server(tmp_path / "nats") as running:
        yield running


@contextlib.asynccontextmanager
async def run_jobs(*jobs: Any) -> AsyncIterator[None]:
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(job) for job in jobs]
        yield
        for task in tasks:
            task.cancel()


async def wait_for(condition: Any) -> None:
    async with asyncio.timeout(HANG_SECONDS):
        while not condition():
            await asyncio.sleep(0.02)


async def serve_snapshots(above: Session, position: int = 0, opt_outs: Sequence[dict[str, Any]] = ()) -> None:
    """Answer snapshot requests with the opt-outs that a headquarters had up to a position of the stream."""

    async def answer(subject: str, data: bytes) -> bytes:
        page = SnapshotPage("pune-1", unpack_snapshot_request(data), position, None, [*opt_outs], [])
        return pack_snapshot_page(page, None)

    await above.answer_requests_on_subject(messages.build_snapshot_subject("pune-1"), answer)


async def lose_streams(server: NatsServer, tmp_path: Path) -> None:
    await server.kill_nats_server()
    shutil.rmtree(tmp_path / "nats" / "jetstream")
    await asyncio.sleep(1.0)  # streams are distinguished by the second of their creation
    await server.start()


async def test_each_result_row_is_uploaded_once_if_the_nats_server_is_killed(
    tmp_path: Path, server: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upload, "REPORT_SECONDS", 0.05)
    path = tmp_path / "centre.db"
    async with await open_store(path) as store, open_session([server.nats_server_url], "hq") as above:
        await store.set_byte_limit_of_headquarters_queue(1 << 20)
        await above.create_stream_if_missing(messages.UP, ["up.*"])
        hq, dialler = Headquarters(above), Dialler(store)
        async with (
            open_session([server.nats_server_url], "uplink", centre="pune-1") as below,
            await UplinkReader.open(path, None) as reading,
            run_jobs(
                hq.run(), OutboxUpload("pune-1", below, dialler, reading, SystemClock()).send_results_until_cancelled()
            ),
        ):
            for number in range(600):
                await store.add_messages_to_outbox([Announcement("results/marks", str(number))], 1.0)
            await store.mark_outbox_rows_published(300)
            await wait_for(lambda: hq.last == 600)
            await server.kill_nats_server()
            await store.add_messages_to_outbox([Announcement("results/marks", "later")] * 50, 2.0)
            await server.start()
            await wait_for(lambda: hq.last == 650)
            await wait_for(
                lambda: query_store(path, "SELECT passed FROM outbox_sink WHERE name = 'uplink'") == [(650,)]
            )
        assert hq.rows == [*range(1, 651)]
        assert query_store(path, "SELECT min(outbox_id), count(*) FROM outbox") == [
            (301, 350)
        ]  # the broker has the others
        assert set(dialler.commands) == {"confirm-uplink", "report-uplink"}  # type: ignore[attr-defined]


def set_largest_file(server: NatsServer, size: int) -> None:
    """Let every write of the server beyond this file size fail, as on a full disk."""
    hard = resource.prlimit(server.process_id, resource.RLIMIT_FSIZE)[1]
    resource.prlimit(server.process_id, resource.RLIMIT_FSIZE, (size, hard))


@pytest.mark.parametrize("cause", ["disk", "limit of the stream"])
async def test_centre_stores_results_and_raises_an_alert_while_the_nats_servers_disk_is_full(
    cause: str, tmp_path: Path, server: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a failed write, nats-server stores nothing until it is restarted. After a refusal for a limit, it needs no restart."""
    for name, seconds in (("UNSTORED_SECONDS", 0.0), ("RETRY_SECONDS", 0.1), ("STATUS_SECONDS", 0.1)):
        monkeypatch.setattr(upload, name, seconds)
    monkeypatch.setattr(upload, "REPORT_SECONDS", 0.05)
    monkeypatch.setattr(batches, "ACK_TIMEOUT_SECONDS", 0.1)
    path, reports = tmp_path / "centre.db", list[str]()
    statuses = list[messages.StoreStatus]()

    class ReportedTo(Dialler):
        async def send_command_to_dialler(self, name: str, values: dict[str, Any]) -> Reply | None:
            if name == "report-uplink":
                reports.append(values["server_problem"])
            return await super().send_command_to_dialler(name, values)

    async def receive_status(subject: str, data: bytes) -> None:
        statuses.append(messages.unpack_store_status(data))

    async with await open_store(path) as store, open_session([server.nats_server_url], "hq") as above:
        await store.set_byte_limit_of_headquarters_queue(1 << 20)
        js = above.client.jetstream(timeout=HANG_SECONDS)
        await js.add_stream(
            StreamConfig(name=messages.UP, subjects=["up.*"], discard=DiscardPolicy.NEW, max_msgs=1_000)
        )
        await above.subscribe_to_subject(messages.build_live_status_subject("pune-1", "store"), receive_status)
        hq = Headquarters(above)
        async with (
            open_session([server.nats_server_url], "uplink", centre="pune-1") as below,
            await UplinkReader.open(path, None) as reading,
            run_jobs(
                hq.run(),
                OutboxUpload("pune-1", below, ReportedTo(store), reading, SystemClock()).send_results_until_cancelled(),
            ),
        ):
            await store.add_messages_to_outbox([Announcement("results/marks", "1")], 1.0)
            await wait_for(lambda: hq.last == 1)
            config = (await js.stream_info(messages.UP)).config
            if cause == "disk":
                set_largest_file(server, 1)
            else:
                await js.update_stream(config.evolve(max_msgs=1))
            await store.add_messages_to_outbox([Announcement("results/marks", "2")] * 20, 2.0)
            await wait_for(lambda: any(reports))
            assert reports[-1].startswith(f"127.0.0.1:{server.port}: nats-server failed: up.pune-1 was not stored")
            await wait_for(lambda: any(each.server_problem == reports[-1] for each in statuses))
            assert (hq.last, query_store(path, "SELECT count(*) FROM outbox WHERE outbox_id > 1")) == (1, [(20,)])
            if cause == "disk":
                await server.kill_nats_server()
                await server.start()
            else:
                await js.update_stream(config)
            await wait_for(lambda: hq.last == 21)
            await wait_for(lambda: reports[-1] == "")
            await wait_for(lambda: statuses[-1].server_problem == "")
        assert hq.rows == [*range(1, 22)]


async def test_upload_of_results_continues_after_the_centres_store_was_busy(
    tmp_path: Path, server: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upload, "REPORT_SECONDS", 0.0)
    monkeypatch.setattr(upload, "RETRY_SECONDS", 0.0)
    path = tmp_path / "centre.db"
    readings = 0

    class BusyReader(UplinkReader):
        async def read_last_outbox_id_at_headquarters(self) -> int | None:
            nonlocal readings
            readings += 1
            if 1 < readings < 9:
                raise StoreBusy(f"{path}: is busy")
            return await super().read_last_outbox_id_at_headquarters()

    async with await open_store(path) as store, open_session([server.nats_server_url], "hq") as above:
        await store.set_byte_limit_of_headquarters_queue(1 << 20)
        await store.add_messages_to_outbox([Announcement("results/marks", "1")], 1.0)
        await above.create_stream_if_missing(messages.UP, ["up.*"])
        async with (
            open_session([server.nats_server_url], "uplink", centre="pune-1") as below,
            await BusyReader.open(path, None) as reading,
        ):
            uploading = OutboxUpload("pune-1", below, Dialler(store), reading, SystemClock())
            async with run_jobs(Headquarters(above).run(), uploading.send_results_until_cancelled()):
                await wait_for(
                    lambda: query_store(path, "SELECT passed FROM outbox_sink WHERE name = 'uplink'") == [(1,)]
                )
    assert readings > 9


async def test_valid_updates_of_other_centres_are_stored_together_with_the_stream_position(
    tmp_path: Path, server: NatsServer
) -> None:
    path = tmp_path / "centre.db"
    fill_roll(path, 54, voters_per_booth=9)
    place = {"roll_version": ROLL_VERSION, "state_code": STATE_CODE, "constituency_number": CONSTITUENCY_NUMBER}
    fields = {"kind": "voted", "source": "agent", "at": 5.0, "centre": "pune-2", "part_number": 2, **place}
    subject = messages.build_marks_subject_of_constituency("z1", STATE_CODE, CONSTITUENCY_NUMBER)

    def voted() -> list[tuple[int]]:
        return query_store(path, "SELECT voter_id FROM voter WHERE turnout = 'voted' ORDER BY voter_id")

    async with await open_store(path) as store, open_session([server.nats_server_url], "hq") as above:
        await above.create_stream_if_missing(messages.PEERS, ["peer.>"])
        await serve_snapshots(above)
        marks = [{**fields, "serial": serial, "key": f"k{serial}"} for serial in (3, 4, 5)]
        await above.store_message(
            subject, messages.pack_peer_updates([], [marks[0], {**marks[1], "centre": "pune-1"}, {"key": "bad"}])
        )
        await above.store_message(
            "peer.z1.mark.S99.1", messages.pack_peer_updates([], [marks[2]])
        )  # not on the roll here
        await above.store_message(messages.OPT_OUT_SUBJECT, b"invalid")
        async with await UplinkReader.open(path, None) as reading:
            dialler = Dialler(store)
            async with open_session([server.nats_server_url], "uplink", centre="pune-1") as below:
                async with run_jobs(
                    PeerUpdates(SnapshotSource("pune-1", below), dialler, reading).send_peer_updates_until_cancelled()
                ):
                    await wait_for(lambda: len(voted()) == 1)
                opt_out = {"number_hash": NUMBER_HASH, "at": 5.0, "centre": "pune-2"}
                await above.store_message(messages.OPT_OUT_SUBJECT, messages.pack_peer_updates([opt_out], []))
                await above.store_message(subject, messages.pack_peer_updates([], [marks[2]]))
                async with run_jobs(
                    PeerUpdates(SnapshotSource("pune-1", below), dialler, reading).send_peer_updates_until_cancelled()
                ):
                    await wait_for(lambda: len(voted()) == 2)
                    await server.kill_nats_server()
                    await server.start()
                    await above.store_message(subject, messages.pack_peer_updates([], [marks[1]]))
                    await wait_for(lambda: len(voted()) == 3)
    assert voted() == [(12,), (13,), (14,)]
    assert query_store(path, "SELECT number_hash, centre FROM opt_out_hash") == [(NUMBER_HASH, "pune-2")]
    positions = "SELECT max(position) FROM news_position WHERE stream LIKE 'PEERS.%' GROUP BY stream ORDER BY 1"
    assert query_store(path, positions) == [(4,), (6,)]  # of opt-outs, and of the constituency's marks


async def test_nats_message_has_the_count_of_messages_that_wait_behind_it(
    server: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    arrived: list[bytes] = []
    async with (
        open_session([server.nats_server_url], "hq") as above,
        open_session([server.nats_server_url], "uplink", centre="pune-1") as below,
    ):
        subscribe = below.client.subscribe

        async def subscribe_and_note(subject: str, cb: Callable[[Msg], Awaitable[None]]) -> Subscription:
            async def receive(message: Msg) -> None:
                await cb(message)
                arrived.append(message.data)

            return await subscribe(subject, cb=receive)

        monkeypatch.setattr(below.client, "subscribe", subscribe_and_note)
        await above.create_stream_if_missing(messages.PEERS, ["peer.>"])
        received = below.read_stream_messages(messages.PEERS, 0)
        await above.store_message(messages.OPT_OUT_SUBJECT, b"1")
        assert (await anext(received)).buffered == 0
        for number in (b"2", b"3", b"4"):
            await above.store_message(messages.OPT_OUT_SUBJECT, number)
        await wait_for(lambda: b"4" in arrived)
        found = [await anext(received) for _ in range(3)]
        assert [(each.data, each.buffered) for each in found] == [(b"2", 2), (b"3", 1), (b"4", 0)]


async def test_nats_stream_that_ends_before_the_stored_position_is_not_read(server: NatsServer) -> None:
    """New messages would get positions that were read already, and would be skipped."""
    async with open_session([server.nats_server_url], "hq") as above:
        stream_id = await above.create_stream_if_missing(messages.PEERS, ["peer.>"])
        await above.store_message(messages.OPT_OUT_SUBJECT, b"1")
        async with asyncio.timeout(5):
            with pytest.raises(MessagesMissing, match="it has 1 to 1, and the last one read was 2"):
                await anext(
                    above.read_stream_messages(
                        messages.PEERS, 2, messages.OPT_OUT_SUBJECT, stream_id=stream_id, complete=True
                    )
                )


@pytest.mark.parametrize(("complete", "error"), [(False, StreamSetBack), (True, MessagesMissing)])
@pytest.mark.parametrize(
    "others",
    [(), ("cmd.zone.east", "cmd.all"), ("cmd.zone.east",)],
    ids=["same subject", "another subject", "another subject and no later message"],
)
async def test_nats_stream_whose_last_read_message_was_replaced_is_not_read_further(
    tmp_path: Path, server: NatsServer, others: Sequence[str], complete: bool, error: type[Exception]
) -> None:
    """The server is set back to a copy, and stores other messages before the reader is connected again."""
    stored, copy = tmp_path / "nats" / "jetstream", tmp_path / "copy"
    async with open_session([server.nats_server_url], "hq") as above:
        await above.create_stream_if_missing(messages.CMD, ["cmd.>"])
        reading = above.read_stream_messages(messages.CMD, 0, "cmd.all", complete=complete)
        await above.store_message("cmd.all", b"1")
        assert (await anext(reading)).data == b"1"
        await server.kill_nats_server()
        shutil.copytree(stored, copy)
        await server.start()
        last = 2 if not others else 3
        for number in range(2, last + 1):
            await store_message_when_connected(above, "cmd.all", b"%d" % number)
            assert (await anext(reading)).position == number
        await server.kill_nats_server()
        shutil.rmtree(stored)
        shutil.copytree(copy, stored)
        await server.start()
        for subject in ("cmd.all", *others):
            await store_message_when_connected(above, subject, b"stop")
        async with asyncio.timeout(HANG_SECONDS):
            with pytest.raises(error, match=f"message {last} is not the one that was read before"):
                await anext(reading)
            again = above.read_stream_messages(messages.CMD, 1, "cmd.all")
            assert (await anext(again)).data == b"stop"


async def test_restarted_uplink_receives_opt_outs_stored_by_a_restored_nats_server(
    tmp_path: Path, server: NatsServer
) -> None:
    """They have positions that the uplink has read, and the message at the last such position is not for this centre."""
    path, stored, copy = tmp_path / "centre.db", tmp_path / "nats" / "jetstream", tmp_path / "copy"
    lost, new = "a" * 64, "b" * 64
    opt_outs = {each: {"number_hash": each, "at": 5.0, "centre": "pune-2"} for each in (lost, new)}

    def count_opt_outs(number_hash: str) -> int:
        [(count,)] = query_store(path, "SELECT count(*) FROM opt_out_hash WHERE number_hash = ?", number_hash)
        return int(count)

    async with await open_store(path) as store, await UplinkReader.open(path, None) as reading:

        async def receive_opt_out(number_hash: str) -> None:
            async with open_session([server.nats_server_url], "uplink", centre="pune-1") as below:
                updates = PeerUpdates(SnapshotSource("pune-1", below), Dialler(store), reading)
                async with run_jobs(updates.send_peer_updates_until_cancelled()):
                    await wait_for(lambda: count_opt_outs(number_hash) == 1)

        async with open_session([server.nats_server_url], "hq") as above:
            await above.create_stream_if_missing(messages.PEERS, ["peer.>"])
            await serve_snapshots(above)
            await server.kill_nats_server()
            shutil.copytree(stored, copy)
            await server.start()
            await store_message_when_connected(above, "peer.z1.mark.S99.1", b"for others")
            await store_message_when_connected(
                above, messages.OPT_OUT_SUBJECT, messages.pack_peer_updates([opt_outs[lost]], [])
            )
            await receive_opt_out(lost)
        await server.kill_nats_server()
        shutil.rmtree(stored)
        shutil.copytree(copy, stored)
        await server.start()
        async with open_session([server.nats_server_url], "hq") as above:
            await serve_snapshots(above, 2, [opt_outs[new]])
            await store_message_when_connected(
                above, messages.OPT_OUT_SUBJECT, messages.pack_peer_updates([opt_outs[new]], [])
            )
            await store_message_when_connected(above, "peer.z1.mark.S99.1", b"for others")
            await receive_opt_out(new)


@pytest.mark.parametrize("is_connected", [True, False], ids=["connected", "restarted"])
async def test_call_times_still_reach_other_centres_after_the_nats_server_was_restored(
    tmp_path: Path, server: NatsServer, is_connected: bool
) -> None:
    path, stored, copy = tmp_path / "centre.db", tmp_path / "nats" / "jetstream", tmp_path / "copy"
    fill_roll(path, 54, voters_per_booth=9)
    secret, at = b"twenty characters, at least", time.time()
    subject = messages.build_calls_subject_of_state(STATE_CODE)

    def pack_call(number: int) -> bytes:
        number_hash = hash_number(secret, f"+91700000{number:04}")
        return messages.pack_peer_calls([{"number_hash": number_hash, "at": at, "kind": "call", "centre": "pune-2"}])

    async def wait_for_calls(*phone_ids: int) -> None:
        found = [(each,) for each in phone_ids]
        await wait_for(lambda: query_store(path, "SELECT phone_id FROM peer_call ORDER BY phone_id") == found)

    async with await open_store(path) as store, await UplinkReader.open(path, None) as reading:
        await store.hash_numbers_and_suppress_opt_outs([secret])

        @contextlib.asynccontextmanager
        async def run_uplink() -> AsyncIterator[None]:
            async with open_session([server.nats_server_url], "uplink", centre="pune-1") as below:
                updates = PeerUpdates(SnapshotSource("pune-1", below), Dialler(store), reading)
                async with run_jobs(updates.send_peer_updates_until_cancelled()):
                    yield

        async with open_session([server.nats_server_url], "hq") as above, contextlib.AsyncExitStack() as uplink:
            await above.create_stream_if_missing(messages.PEERS, ["peer.>"])
            await above.create_stream_if_missing(messages.CALLS, ["call.*"])
            await serve_snapshots(above)
            await server.kill_nats_server()
            shutil.copytree(stored, copy)
            await server.start()
            for number in (1, 2):
                await store_message_when_connected(above, subject, pack_call(number))
            await uplink.enter_async_context(run_uplink())
            await wait_for_calls(1, 2)
            if not is_connected:
                await uplink.aclose()
            await server.kill_nats_server()
            shutil.rmtree(stored)
            shutil.copytree(copy, stored)
            await server.start()
            await store_message_when_connected(above, subject, pack_call(3))
            await store_message_when_connected(above, "call.S99", pack_call(4))
            if not is_connected:
                await uplink.enter_async_context(run_uplink())
            await wait_for_calls(1, 2, 3)


async def store_message_when_connected(session: Session, subject: str, data: bytes) -> None:
    """Store a message, again while the server is starting. A message of a failed attempt must not have been stored."""
    async with asyncio.timeout(HANG_SECONDS):
        while True:
            with contextlib.suppress(HeadquartersUnreachable):
                await session.store_message(subject, data)
                return
            await asyncio.sleep(0.1)


async def test_nats_stream_accepts_a_consumer_for_each_subject_of_each_centre(server: NatsServer) -> None:
    """An existing stream gets the higher limit too, and keeps its other settings."""
    async with open_session([server.nats_server_url], "hq") as above:
        js = above.client.jetstream(timeout=HANG_SECONDS)
        await js.add_stream(StreamConfig(name=messages.PEERS, subjects=["peer.>"], max_bytes=1 << 20))
        for stream, subjects in ((messages.PEERS, ["peer.>"]), (messages.CMD, ["cmd.>"])):
            await above.create_stream_if_missing(stream, subjects)
        found = [(await js.stream_info(stream)).config for stream in (messages.PEERS, messages.CMD)]
        assert [each.max_consumers for each in found] == [MAX_CONSUMERS] * 2
        assert found[0].max_bytes == 1 << 20
        for number in range(1_001):  # the server's default limit is a thousand
            subject = messages.build_marks_subject_of_constituency("*", "S13", number)
            await js.add_consumer(
                messages.PEERS, ConsumerConfig(name=f"c{number}", filter_subject=subject, mem_storage=True)
            )


async def test_re_created_nats_stream_of_updates_is_read_from_the_beginning(tmp_path: Path, server: NatsServer) -> None:
    path = tmp_path / "centre.db"
    fill_roll(path, 54, voters_per_booth=9)

    def opt_out(number: int) -> bytes:
        return messages.pack_peer_updates([{"number_hash": f"{number:064x}", "at": 5.0, "centre": "pune-2"}], [])

    def stored_opt_outs() -> int:
        return len(query_store(path, "SELECT 1 FROM opt_out_hash"))

    async with await open_store(path) as store, open_session([server.nats_server_url], "hq") as above:
        await above.create_stream_if_missing(messages.PEERS, ["peer.>"])
        await serve_snapshots(above)
        for number in range(5):
            await above.store_message(messages.OPT_OUT_SUBJECT, opt_out(number))
        async with (
            await UplinkReader.open(path, None) as reading,
            open_session([server.nats_server_url], "uplink", centre="pune-1") as below,
            run_jobs(
                PeerUpdates(
                    SnapshotSource("pune-1", below), Dialler(store), reading
                ).send_peer_updates_until_cancelled()
            ),
        ):
            await wait_for(lambda: stored_opt_outs() == 5)
            await lose_streams(server, tmp_path)
            await above.create_stream_if_missing(messages.PEERS, ["peer.>"])
            await above.store_message(messages.OPT_OUT_SUBJECT, opt_out(5))  # at a lower position than the stored one
            await wait_for(lambda: stored_opt_outs() == 6)


async def test_votes_received_before_their_voters_were_imported_are_applied_after_the_roll_import(
    tmp_path: Path, server: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(peer_updates, "ROLL_CHECK_SECONDS", 0.05)
    path = tmp_path / "centre.db"
    fill_roll(path, 54, voters_per_booth=9)
    fields = {"kind": "voted", "source": "agent", "at": 5.0, "centre": "pune-2", "roll_version": ROLL_VERSION}
    place = {"state_code": STATE_CODE, "constituency_number": CONSTITUENCY_NUMBER, "part_number": 2}
    marks = [{**fields, **place, "serial": serial, "key": f"k{serial}"} for serial in (9, 10)]

    def voted() -> list[tuple[int]]:
        return query_store(path, "SELECT serial FROM voter WHERE turnout = 'voted' ORDER BY serial")

    async with await open_store(path) as store, open_session([server.nats_server_url], "hq") as above:
        await above.create_stream_if_missing(messages.PEERS, ["peer.>"])
        await serve_snapshots(above)
        await above.store_message(
            messages.build_marks_subject_of_constituency("z1", STATE_CODE, CONSTITUENCY_NUMBER),
            messages.pack_peer_updates([], marks),
        )
        async with (
            await UplinkReader.open(path, None) as reading,
            open_session([server.nats_server_url], "uplink", centre="pune-1") as below,
            run_jobs(
                PeerUpdates(
                    SnapshotSource("pune-1", below), Dialler(store), reading
                ).send_peer_updates_until_cancelled()
            ),
        ):
            await wait_for(lambda: voted() == [(9,)])
            with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as db:
                db.execute("INSERT INTO voter (booth_id, serial) VALUES (2, 10)")
            await wait_for(lambda: voted() == [(9,), (10,)])
