"""Headquarters' gatherer on a real nats-server and PostgreSQL: every row is counted once, and other centres get updates."""

from __future__ import annotations

import asyncio
import contextlib
import csv
import json
import shutil
import sqlite3
import tempfile
import uuid
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import nkeys
import pytest

from dialer.domain.clock import SystemClock
from dialer.domain.enums import CampaignKind, Purpose
from dialer.domain.errors import HeadquartersUnreachable
from dialer.domain.model import Announcement, AttemptId, EndedAttempt, NewAttempt, Outcome
from dialer.domain.phone_facts import CallIntervals
from dialer.domain.schema import get_type_adapter
from dialer.domain.sealed_epochs import SealedEpoch
from dialer.domain.signing import derive_public_key
from dialer.engine.command.base import FROM_DIALLER
from dialer.engine.command.reading import read_command
from dialer.engine.external_records.service import ExternalRecords
from dialer.hq import ledger, outbox_import, snapshots, stores
from dialer.hq.database import open_database
from dialer.hq.outbox_import import import_outbox_files, read_outbox_files
from dialer.hq.servers import NatsServer, run_nats_server, run_postgresql
from dialer.hq.store_records import replace_accepted_database_of_centre
from dialer.mqtt.dialler_client import Reply
from dialer.mqtt.messages import create_outbox_row_of_result
from dialer.nats import messages
from dialer.nats.messages import BatchRow, InvalidMessage, OutboxBatch
from dialer.nats.outbox_file import build_outbox_file_name, write_outbox_file
from dialer.nats.session import Session, open_session
from dialer.store import identity, outbox, seal_verification
from dialer.store.attempts import Refusal
from dialer.store.connection import open_store_for_reading
from dialer.store.seat_intervals import SeatInterval
from dialer.store.store import Store, open_store
from dialer.store.uplink_reader import UplinkReader
from dialer.uplink import batches, peer_updates, upload
from dialer.uplink.batches import select_outbox_rows_for_headquarters
from dialer.uplink.dialler import DiallerCommands
from dialer.uplink.peer_snapshots import SnapshotSource
from dialer.uplink.peer_updates import PeerUpdates
from dialer.uplink.upload import OutboxUpload
from tests.support.command_line import run
from tests.support.headquarters import (
    NOW,
    attempt_row,
    batch,
    create_database,
    hq_settings,
    mark_row,
    query_database,
    row,
    run_gatherer,
    wait_for,
    wait_for_rows,
)
from tests.support.roll_filler import CONSTITUENCY_NUMBER, ROLL_VERSION, STATE_CODE, fill_roll
from tests.support.roll_support import write_roll
from tests.support.sealing import SealingStore, sealed_row
from tests.support.stored import query_store
from tests.support.waiting import HANG_SECONDS

NUMBER_HASH = "0f" * 32
ALL_TABLES = (
    "SELECT * FROM result ORDER BY id",
    "SELECT * FROM mark ORDER BY id",
    "SELECT * FROM voter ORDER BY serial",
    "TABLE opt_out",
    "SELECT * FROM turnout ORDER BY kind",
    "SELECT * FROM day_count ORDER BY what",
)
TURNOUT = "SELECT kind, zone, constituency_number, part_number, contacted, voted, not_yet FROM turnout ORDER BY kind"
LAST_IDS = "SELECT centre, last_id FROM centre ORDER BY centre"
PLACE = {"roll_version": "2026-1", "state_code": "S13", "constituency_number": 209, "part_number": 2, "serial": 12}


@dataclass(slots=True)
class CentreConnection:
    """The connection of the centre pune-1 to headquarters' server, and the acknowledgements that it received."""

    session: Session
    acknowledged: list[int | None] = field(default_factory=list)

    async def send(self, *batches: OutboxBatch) -> None:
        for each in batches:
            await self.session.store_message(messages.build_batch_subject(each.centre), messages.pack_batch(each))

    async def receive_ack(self, subject: str, data: bytes) -> None:
        self.acknowledged.append(messages.unpack_acknowledgement(data).through)


class UplinkCommands(DiallerCommands):
    """A dialler that executes `confirm-uplink` on a store."""

    def __init__(self, store: Store) -> None:
        object.__setattr__(self, "store", store)

    async def send_command_to_dialler(self, name: str, values: dict[str, Any]) -> Reply | None:
        if name == "report-uplink":
            return Reply("done", "reported")
        assert name == "confirm-uplink"
        await self.store.record_last_outbox_id_at_headquarters(values["through"], NOW)  # type: ignore[attr-defined]
        return Reply("done", "confirmed")


@dataclass(frozen=True, slots=True)
class Headquarters:
    """A nats-server, an empty database, and the connection of a centre."""

    server: NatsServer
    database: str
    centre: CentreConnection


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """The address of a PostgreSQL for this module, because it takes some seconds to create.

    If root runs the tests, it runs as another user, who cannot read the tests' own folders.
    """
    with (
        tempfile.TemporaryDirectory(prefix="matdan-pg-", ignore_cleanup_errors=True) as folder,
        run_postgresql(Path(folder)) as running,
    ):
        yield running


@pytest.fixture
async def hq(tmp_path: Path, address: str) -> AsyncIterator[Headquarters]:
    database_address = await create_database(address, f"hq_{uuid.uuid4().hex[:8]}")
    async with (
        run_nats_server(tmp_path / "nats") as server,
        open_session([server.nats_server_url], "centre") as session,
    ):
        centre = CentreConnection(session)
        await session.subscribe_to_subject(messages.build_acknowledgement_subject("pune-1"), centre.receive_ack)
        yield Headquarters(server, database_address, centre)


async def test_each_result_row_of_a_centre_is_stored_and_counted_once(hq: Headquarters) -> None:
    seats = row(4, "seat-hours", until_at=1.0, seats=2, seconds={"talking": 61.5, "ready": 3})
    disposition = row(5, "dispositions", attempt_id="a1", disposition="voted")
    first = batch([attempt_row(1), attempt_row(2, "no-answer"), mark_row(3, 12), seats, disposition])
    async with run_gatherer(hq_settings(hq.server.nats_server_url, hq.database, "pune-1")) as gatherer:
        await wait_for(gatherer.active.is_set)
        await hq.centre.send(first, first)  # the first acknowledgement was lost
        # A restored centre sends both again, under other ids.
        again = [mark_row(6, 12, key="k3"), attempt_row(7, attempt="a2", outcome="no-answer")]
        again[1] = BatchRow(7, again[1].topic, attempt_row(2).at, again[1].payload)
        await hq.centre.send(batch(again), batch([mark_row(8, 13, "not-yet")], first=8, last=11))
        await wait_for_rows(hq.database, LAST_IDS, [("pune-1", 11)])
        await wait_for(lambda: hq.centre.acknowledged[-1:] == [11])
    counts = dict(await query_database(hq.database, "SELECT what, count FROM day_count"))
    assert counts == {
        "attempts": 2,
        "outcome/connected": 1,
        "outcome/no-answer": 1,
        "disposition/voted": 1,
        "mark/voted": 1,
        "mark/not-yet": 1,
        "seat/talking": 61.5,
        "seat/ready": 3,
    }
    assert await query_database(hq.database, TURNOUT) == [
        ("all", "", 0, 0, 2, 1, 1),
        ("booth", "", 209, 2, 2, 1, 1),
        ("constituency", "", 209, 0, 2, 1, 1),
        ("state", "", 0, 0, 2, 1, 1),
        ("zone", "z1", 0, 0, 2, 1, 1),
    ]


async def test_missing_result_rows_are_requested_by_headquarters_or_counted_as_lost(hq: Headquarters) -> None:
    async with run_gatherer(hq_settings(hq.server.nats_server_url, hq.database, "pune-1")) as gatherer:
        await wait_for(gatherer.active.is_set)
        await hq.centre.send(batch([attempt_row(5)]))
        await wait_for(lambda: hq.centre.acknowledged == [0])
        await hq.centre.send(batch([attempt_row(5)], first=1, deleted_through=4))
        await wait_for(lambda: hq.centre.acknowledged == [0, 5])
    lost = "SELECT lost_rows, count(*) FROM centre, result GROUP BY lost_rows"
    assert await query_database(hq.database, lost) == [(4, 1)]


async def test_rejected_batches_of_results_are_reported_and_do_not_block_other_batches(hq: Headquarters) -> None:
    async with run_gatherer(hq_settings(hq.server.nats_server_url, hq.database, "pune-1", "pune-2")) as gatherer:
        await wait_for(gatherer.active.is_set)
        session = hq.centre.session
        await session.store_message("up.pune-2", messages.pack_batch(batch([attempt_row(1)])))  # a batch of pune-1
        await session.store_message("up.pune-2", b"nothing")
        await session.store_message("up.nobody", messages.pack_batch(batch([attempt_row(1)], centre="nobody")))
        await hq.centre.send(batch([attempt_row(1)]))
        await wait_for_rows(hq.database, LAST_IDS, [("pune-1", 1), ("pune-2", 0)])
        problems = dict(await query_database(hq.database, "SELECT centre, problem FROM centre"))
        half_character = mark_row(1, 12, key="\ud800")  # a text that PostgreSQL cannot store
        await hq.centre.send(batch([half_character], centre="pune-2"), batch([attempt_row(2)]))
        await wait_for_rows(hq.database, LAST_IDS, [("pune-1", 2), ("pune-2", 1)])
    assert problems == {
        "pune-1": None,
        "pune-2": "the centre's batch of results is not compressed with zlib: update Matdan at the centre",
    }
    [(centre, rejected)] = await query_database(hq.database, "SELECT centre, reason FROM set_aside")
    assert centre == "pune-2"
    assert "the database rejects one of its values: " in rejected


async def test_unreadable_result_rows_are_stored_separately_and_all_other_rows_normally(hq: Headquarters) -> None:
    malformed = [
        BatchRow(1, "results/marks", -5.0, "not JSON \0"),
        BatchRow(2, "results/attempts", 9e99, '{"attempt_id": "a\\u0000", "outcome": NaN}'),
        row(3, "marks", key="k", kind="voted", source="agent", at=1.0),  # without the voter's place
        row(4, "seat-hours", seconds="many"),
        BatchRow(5, "results/attempts", 3.9e9, '{"attempt_id": "ahead", "outcome": "busy"}'),
        BatchRow(
            6,
            "results/attempts",
            NOW,
            json.dumps({"attempt_id": "deep"})[:-1] + ', "more": ' + "[" * 100_000 + "]" * 100_000 + "}",
        ),
        BatchRow(7, "results/\ud800", NOW, '{"attempt_id": "seven"}'),
        attempt_row(8),
    ]
    async with run_gatherer(hq_settings(hq.server.nats_server_url, hq.database, "pune-1")) as gatherer:
        await wait_for(gatherer.active.is_set)
        await hq.centre.send(batch(malformed))
        await wait_for_rows(hq.database, LAST_IDS, [("pune-1", 8)])
    assert await query_database(hq.database, "SELECT id FROM result ORDER BY id") == [(3,), (4,), (5,), (8,)]
    aside = await query_database(hq.database, "SELECT id, reason <> '', retry FROM set_aside ORDER BY id")
    assert aside == [(1, True, False), (2, True, False), (6, True, False), (7, True, False)]
    [(problem,)] = await query_database(hq.database, "SELECT problem FROM centre")
    assert problem == "4 rows are set aside: see `dialer hq set-aside`"


async def test_voter_statuses_outside_a_centres_constituencies_wait_until_the_settings_are_corrected(
    hq: Headquarters,
) -> None:
    settings = hq_settings(hq.server.nats_server_url, hq.database, "pune-1")
    other = settings.centres[0].model_copy(update={"constituencies": (210,)})
    async with run_gatherer(settings.model_copy(update={"centres": (other,)})) as gatherer:
        await wait_for(gatherer.active.is_set)
        answers = row(3, "answers", attempt_id="a1", answers={"q": "1"}, place=PLACE)
        await hq.centre.send(batch([mark_row(1, 12), mark_row(2, 13), answers, attempt_row(4)]))
        await wait_for(lambda: hq.centre.acknowledged == [4])
    assert await query_database(hq.database, "SELECT count(*) FROM mark") == [(0,)]
    assert await query_database(hq.database, "SELECT count(*) FROM answer") == [(0,)]
    assert await query_database(hq.database, "SELECT count(*) FROM turnout") == [(0,)]
    assert await query_database(hq.database, "SELECT id FROM set_aside WHERE retry ORDER BY id") == [(1,), (2,), (3,)]
    async with run_gatherer(settings) as gatherer:
        await wait_for(gatherer.active.is_set)
        await wait_for_rows(hq.database, "SELECT count(*) FROM set_aside", [(0,)])
    assert await query_database(hq.database, "SELECT count(*) FROM mark") == [(2,)]
    assert await query_database(hq.database, "SELECT count(*) FROM answer") == [(1,)]


async def test_headquarters_sends_opt_outs_votes_and_corrections_to_other_centres(hq: Headquarters) -> None:
    received: list[tuple[str, bytes]] = []

    async def receive() -> None:
        async for stored in hq.centre.session.read_stream_messages(messages.PEERS, 0):
            received.append((stored.subject, stored.data))

    async with run_gatherer(hq_settings(hq.server.nats_server_url, hq.database, "pune-1")) as gatherer:
        await wait_for(gatherer.active.is_set)
        receiving = asyncio.create_task(receive())
        rows = [mark_row(1, 12), mark_row(2, 13, "not-yet"), row(3, "opt-outs", phone_id=7, number_hash=NUMBER_HASH)]
        await hq.centre.send(batch(rows), batch([row(4, "opt-outs", phone_id=9, number_hash=NUMBER_HASH)]))
        await wait_for_rows(hq.database, TURNOUT + " LIMIT 1", [("all", "", 0, 0, 2, 1, 1)])
        await hq.centre.send(batch([mark_row(5, 12, "not-yet", undoes="k1")]))
        await wait_for_rows(hq.database, TURNOUT + " LIMIT 1", [("all", "", 0, 0, 1, 0, 1)])
        await hq.centre.send(batch([mark_row(6, 12), mark_row(7, 12, "not-yet", source="correction")]))
        await wait_for_rows(hq.database, TURNOUT + " LIMIT 1", [("all", "", 0, 0, 2, 0, 2)])
        await wait_for(lambda: sum(len(messages.unpack_peer_updates(data)[1]) for _, data in received) == 4)
        await wait_for_rows(hq.database, "SELECT * FROM peer_update", [])
        receiving.cancel()
    updates = [(subject, messages.unpack_peer_updates(data)) for subject, data in received]
    assert [opt_out["centre"] for _, (opt_outs, _) in updates for opt_out in opt_outs] == ["pune-1"]
    marks = [mark for subject, (_, marks) in updates for mark in marks if subject == "peer.z1.mark.S13.209"]
    assert [(mark["key"], mark["kind"], mark.get("undoes")) for mark in marks] == [
        ("k1", "voted", None),
        ("k5", "not-yet", "k1"),
        ("k6", "voted", None),
        ("k7", "not-yet", None),
    ]


async def test_minimum_interval_between_calls_applies_across_centres(hq: Headquarters, tmp_path: Path) -> None:
    """The second centre learns of the call from the first one through both uplinks, headquarters and its stream."""
    settings = hq_settings(hq.server.nats_server_url, hq.database, "pune-1", "pune-9", state=STATE_CODE)
    secret, now = b"twenty characters, at least", SystemClock().now()
    async with contextlib.AsyncExitStack() as stack:
        gatherer = await stack.enter_async_context(run_gatherer(settings))
        await wait_for(gatherer.active.is_set)
        stores: list[Store] = []
        group = await stack.enter_async_context(asyncio.TaskGroup())
        running = []
        for name in ("pune-1", "pune-9"):
            path = tmp_path / f"{name}.db"
            fill_roll(path, 54, voters_per_booth=9)
            store = await stack.enter_async_context(await open_store(path, encode=create_outbox_row_of_result))
            await store.hash_numbers_and_suppress_opt_outs([secret])
            await store.set_byte_limit_of_headquarters_queue(1 << 20)
            await store.add_or_update_campaign("turnout", CampaignKind.AGENTS, Purpose.TURNOUT)
            await store.add_roll_numbers_to_queue("turnout")
            session = await stack.enter_async_context(open_session(settings.servers, name, centre=name))
            reading = await stack.enter_async_context(await UplinkReader.open(path, None))
            source, commands = SnapshotSource(name, session), StoreCommands(store)
            running += [
                group.create_task(
                    OutboxUpload(name, session, commands, reading, SystemClock()).send_results_until_cancelled()
                ),
                group.create_task(PeerUpdates(source, commands, reading).send_peer_updates_until_cancelled()),
            ]
            stores.append(store)
        first, second = stores
        [claim] = await first.claim_queued_numbers("turnout", 1, owner="engine", now=now, lease_seconds=60.0)
        attempt = NewAttempt(AttemptId(str(uuid.uuid4())), claim, "trunk", "+911140000000", now)
        assert await first.commit_new_attempts([attempt], max_attempts_since=now, max_attempts=3) == [None]
        await first.end_attempts([EndedAttempt(attempt.attempt_id, Outcome.NO_ANSWER, now + 1.0)])
        called = "SELECT phone_id, called_at FROM peer_call"
        await wait_for(lambda: query_store(tmp_path / "pune-9.db", called) != [])
        assert query_store(tmp_path / "pune-1.db", called) == []  # its own call
        claims = await second.claim_queued_numbers("turnout", 1000, owner="engine", now=now, lease_seconds=60.0)
        [claim] = [each for each in claims if each.phone_id == claim.phone_id]
        attempt = NewAttempt(AttemptId(str(uuid.uuid4())), claim, "trunk", "+911140000000", now + 5.0)
        refusals = await second.commit_new_attempts(
            [attempt], max_attempts_since=now, max_attempts=3, gaps=CallIntervals(900.0)
        )
        assert refusals == [Refusal.MINIMUM_INTERVAL]
        for task in running:
            task.cancel()


class StoreCommands(DiallerCommands):
    """A dialler that executes the uplink's commands on a store."""

    def __init__(self, store: Store) -> None:
        object.__setattr__(self, "records", ExternalRecords(store, SystemClock()))

    async def send_command_to_dialler(self, name: str, values: dict[str, Any]) -> Reply | None:
        if name == "report-uplink":
            return Reply("done", "reported")
        services: Any = SimpleNamespace(records=self.records, headquarters=None)  # type: ignore[attr-defined]
        return Reply("done", await read_command(name, values).execute_command(services, FROM_DIALLER))


async def test_headquarters_limits_the_distinct_question_and_outcome_names_counted_for_a_centre(
    hq: Headquarters, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger, "MAX_NAMES", 4)
    many = [
        row(n, "answers", attempt_id=f"a{n}", answers={f"q{n}": "yes", "q0": "no"}, place=PLACE) for n in range(1, 9)
    ]
    async with run_gatherer(hq_settings(hq.server.nats_server_url, hq.database, "pune-1", "pune-2")) as gatherer:
        await wait_for(gatherer.active.is_set)
        await hq.centre.send(batch([*many, attempt_row(9), row(10, "dispositions", disposition="d" * 99)]))
        await hq.centre.send(batch([attempt_row(1)], centre="pune-2"))
        await wait_for_rows(hq.database, LAST_IDS, [("pune-1", 10), ("pune-2", 1)])
        problems = dict(await query_database(hq.database, "SELECT centre, problem FROM centre"))
        await hq.centre.send(batch([row(11, "answers", attempt_id="a11", answers={"q0": "yes"}, place=PLACE)]))
        await wait_for_rows(hq.database, "SELECT problem FROM centre WHERE centre = 'pune-1'", [(None,)])
    assert problems["pune-1"].startswith("more than 4 names of questions")
    assert problems["pune-2"] is None
    names = await query_database(
        hq.database, "SELECT question FROM answer UNION SELECT what FROM day_count WHERE centre = 'pune-1'"
    )
    assert len({name for (name,) in names} - {"attempts"}) == 4
    assert await query_database(hq.database, "SELECT count(*) FROM result WHERE centre = 'pune-1'") == [(11,)]
    assert await query_database(hq.database, "SELECT value FROM answer WHERE question = 'q0'") == [("yes",)]


async def test_result_rows_imported_from_a_file_are_not_stored_again_when_uploaded(
    hq: Headquarters, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two files, the second of which contains the first, are imported twice each; then the centre's uplink connects."""
    rows = [mark_row(number, number) if number % 2 else attempt_row(number) for number in range(1, 701)]
    rows += [row(701, "opt-outs", phone=7, number_hash=NUMBER_HASH), row(702, "seat-hours", seconds={"ready": 30})]
    monkeypatch.setattr(upload, "REPORT_SECONDS", 0.05)
    settings = hq_settings(hq.server.nats_server_url, hq.database, "pune-1")
    store_path = tmp_path / "centre.db"
    async with await open_store(store_path) as store, run_gatherer(settings) as gatherer:
        await wait_for(gatherer.active.is_set)
        await store.set_byte_limit_of_headquarters_queue(1 << 20)
        async with await UplinkReader.open(store_path, None) as reading:
            files = []
            for part in (rows[:600], rows[600:]):
                await store.add_messages_to_outbox([Announcement(each.topic, each.payload) for each in part], NOW)
                with closing(open_store_for_reading(store_path)) as db:
                    last = outbox.SQL.highest_id.fetch_only_value(db)
                    waiting = select_outbox_rows_for_headquarters([*outbox.read_outbox_rows_between(db, 0, last)])
                path = tmp_path / build_outbox_file_name("pune-1", 1, last)
                write_outbox_file(path, "pune-1", 1, last, waiting, None)
                files.append(path)
            for path in (*files, *files):
                [file] = read_outbox_files(settings, [path])
                assert [each async for each in import_outbox_files(hq.centre.session, [file])] == [file]
            tables = [await query_database(hq.database, table) for table in ALL_TABLES]
            assert [len(table) for table in tables[:4]] == [352, 350, 350, 1]
            uplink = OutboxUpload("pune-1", hq.centre.session, UplinkCommands(store), reading, SystemClock())
            uploading = asyncio.create_task(uplink.send_results_until_cancelled())
            passed = "SELECT passed FROM outbox_sink WHERE name = 'uplink'"
            await wait_for(lambda: query_store(store_path, passed) == [(702,)])
            assert [await query_database(hq.database, table) for table in ALL_TABLES] == tables
            await store.add_messages_to_outbox([Announcement("results/attempts", attempt_row(703).payload)], NOW + 703)
            await wait_for_rows(hq.database, LAST_IDS, [("pune-1", 703)])
            uploading.cancel()
    counts = dict(await query_database(hq.database, "SELECT what, count FROM day_count"))
    assert counts == {"attempts": 351, "outcome/connected": 351, "mark/voted": 350, "opt-outs": 1, "seat/ready": 30}


async def test_results_file_of_a_centre_is_refused_while_earlier_rows_are_missing(
    hq: Headquarters, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = [tmp_path / "3.csv", tmp_path / "1.csv"]
    for path, first in zip(files, (3, 1), strict=True):
        write_outbox_file(path, "pune-1", first, first + 1, [attempt_row(first), attempt_row(first + 1)], None)
    config = tmp_path / "hq.toml"
    config.write_text(
        f'servers = ["{hq.server.nats_server_url}"]\n[[centres]]\nid = "pune-1"\nzone = "z1"\n', encoding="utf-8"
    )

    async def import_by_command(*paths: Path) -> tuple[int, str]:
        return await asyncio.to_thread(run, "hq", "import", *paths, "-c", config)

    async with run_gatherer(hq_settings(hq.server.nats_server_url, hq.database, "pune-1")) as gatherer:
        await wait_for(gatherer.active.is_set)
        code, output = await import_by_command(files[0])
        assert (code, output.partition(": ")[2]) == (
            InvalidMessage.exit_code,
            "results before row 3 are missing at headquarters, which has the rows of centre pune-1 up to 0: import the"
            " earlier file first, or wait until the centre is connected",
        )
        output = (
            f"{files[1]}: 2 rows of pune-1 imported, up to row 2\n{files[0]}: 2 rows of pune-1 imported, up to row 4\n"
        )
        assert await import_by_command(*files) == (0, output)
    assert await query_database(hq.database, "SELECT count(*) FROM result") == [(4,)]
    monkeypatch.setattr(outbox_import, "ACK_TIMEOUT_SECONDS", 0.3)
    assert "start `dialer hq gather`" in (await import_by_command(files[0]))[1]


async def test_headquarters_exports_each_voters_last_result_with_the_portals_voter_id(
    hq: Headquarters, tmp_path: Path
) -> None:
    folder = tmp_path / "drop"
    folder.mkdir()
    header = ("ST_CODE", "AC_NO", "PART_NO", "SLNOINPART", "UID")
    write_roll(folder / "a.csv", [("S13", "209", "2", "12", "V-12"), ("S13", "209", "2", "14", "V-14")], header)
    (tmp_path / "map.toml").write_text('[values]\nroll_version = "2026-1"\n', encoding="utf-8")
    settings = hq_settings(hq.server.nats_server_url, hq.database, "pune-1", "pune-2")
    async with run_gatherer(settings) as gatherer:
        await wait_for(gatherer.active.is_set)
        await hq.centre.send(
            batch([mark_row(1, 12, "not-yet"), mark_row(2, 13), mark_row(3, 14), mark_row(4, 14, undoes="k3")])
        )
        answers = [
            row(number, topic, attempt_id=f"a{number}", answers=answers, place={**PLACE, "serial": serial})
            for number, topic, serial, answers in (
                (2, "answers", 12, {"hour": "17:00", "still_to_vote": "2"}),
                (3, "dispositions", 12, {"hour": "18:00", "knows_booth": "yes", "still_to_vote": None}),
                (4, "answers", 15, {"hour": "09:00"}),
            )
        ]
        await hq.centre.send(batch([mark_row(1, 12, key="other"), *answers], centre="pune-2"))
        await wait_for_rows(hq.database, LAST_IDS, [("pune-1", 4), ("pune-2", 4)])
    (tmp_path / "hq.toml").write_text(
        f'[gather]\ndatabase = "{hq.database}"\n[[sources]]\nname = "portal"\nfolder = "{folder}"\n'
        f'map_file = "{tmp_path / "map.toml"}"\nid_heading = "UID"\n',
        encoding="utf-8",
    )

    def export(name: str, *options: str) -> list[list[str]]:
        path = tmp_path / name
        output = run("hq", "export", "--state", "S13", "--out", path, "-c", tmp_path / "hq.toml", *options)
        assert output == (0, f"{path}: {len(path.read_text('utf-8').splitlines()) - 1} rows\n")
        return [*csv.reader(path.read_text("utf-8").splitlines())]

    all_voters = await asyncio.to_thread(export, "all.csv")
    assert [(each[4], *each[6:]) for each in all_voters] == [
        ("serial", "result", "turnout", "centre", "answer_hour", "answer_knows_booth"),
        ("12", "voted", "voted", "pune-2", "18:00", "yes"),
        ("13", "voted", "voted", "pune-1", "", ""),
        ("15", "", "pending", "pune-2", "09:00", ""),
    ]
    _, of_portal = await asyncio.to_thread(export, "portal.csv", "--source", "portal", "--constituency", "209")
    assert of_portal[:6] == ["V-12", "2026-1", "S13", "209", "2", "12"]
    assert (await asyncio.to_thread(export, "none.csv", "--constituency", "7"))[1:] == []


async def test_old_results_are_deleted_at_headquarters_and_their_totals_stay(hq: Headquarters) -> None:
    today = date(2026, 11, 28)
    async with run_gatherer(hq_settings(hq.server.nats_server_url, hq.database, "pune-1")) as gatherer:
        await wait_for(gatherer.active.is_set)
        await hq.centre.send(batch([attempt_row(1), mark_row(2, 12)]))  # of 2024
        await wait_for_rows(hq.database, LAST_IDS, [("pune-1", 2)])
    async with open_database(hq.database) as db:
        for day in (today - timedelta(days=40), today - timedelta(days=30)):
            await db.update_result_partitions(day, 30)
        insert = "INSERT INTO result SELECT $1::date, 'pune-1', 't', 'k', 1, '{}'"
        await db.run_statement(insert, today - timedelta(days=39))
        await db.update_result_partitions(today, 30)
        partitions = "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'result'::regclass ORDER BY 1"
        names = [name for (name,) in await db.fetch_rows_as_tuples(partitions)]
        assert "result_other" in names
        assert [name[-4:] for name in names if name < "result_20261126"] == ["1029", "1030", "1031"]
        assert await db.fetch_rows_as_tuples("SELECT count(*) FROM result") == [(0,)]
        attempts = "SELECT what, count FROM day_count WHERE what = 'attempts'"
        assert await db.fetch_rows_as_tuples(attempts) == [("attempts", 1.0)]
        assert await db.fetch_rows_as_tuples("SELECT count(*) FROM mark") == [(1,)]


async def test_upgrade_renames_tables_and_columns_of_an_earlier_headquarters_database(hq: Headquarters) -> None:
    async with open_database(hq.database) as db:
        await db.prepare_schema()
        await db.update_result_partitions(date(2026, 11, 28), 30)
        await db.run_statement("INSERT INTO centre (centre, zone, lost_rows) VALUES ('pune-1', 'z1', 3)")
        await db.run_statement("ALTER TABLE result RENAME TO announced")
        await db.run_statement("ALTER TABLE result_other RENAME TO announced_other")
        await db.run_statement("ALTER TABLE result_20261128 RENAME TO announced_20261128")
        await db.run_statement("ALTER TABLE peer_update RENAME TO side")
        await db.run_statement("ALTER TABLE centre RENAME COLUMN lost_rows TO lost")
        await db.run_statement("ALTER TABLE voter RENAME COLUMN contacted TO reached")
    async with open_database(hq.database) as db:
        for _ in range(2):
            await db.prepare_schema()
        await db.update_result_partitions(date(2026, 11, 28), 30)
        assert await db.fetch_rows_as_tuples("SELECT lost_rows FROM centre") == [(3,)]
        assert await db.fetch_rows_as_tuples("SELECT contacted FROM voter") == []
        assert (
            await db.fetch_rows_as_tuples("TABLE result_20261128")
            == await db.fetch_rows_as_tuples("TABLE peer_update")
            == []
        )
        assert await db.fetch_rows_as_tuples("SELECT to_regclass('announced'), to_regclass('side')") == [(None, None)]


async def test_standby_importer_of_results_continues_after_the_last_commit_of_the_active_importer(
    hq: Headquarters,
) -> None:
    settings = hq_settings(hq.server.nats_server_url, hq.database, "pune-1")
    async with contextlib.AsyncExitStack() as stack:
        first = contextlib.AsyncExitStack()
        active = await first.enter_async_context(run_gatherer(settings))
        await wait_for(active.active.is_set)
        standby = await stack.enter_async_context(run_gatherer(settings))
        for number in range(1, 40):
            await hq.centre.send(batch([attempt_row(number)]))
        assert not standby.active.is_set()
        await first.aclose()
        for number in range(40, 60):
            await hq.centre.send(batch([attempt_row(number)]))
        await wait_for_rows(hq.database, LAST_IDS, [("pune-1", 59)])
        assert standby.active.is_set()
        await query_database(
            hq.database,
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
            " AND pid <> pg_backend_pid()",
        )
        await hq.server.kill_nats_server()
        await hq.server.start()
        await hq.centre.send(batch([attempt_row(60)]))
        await wait_for_rows(hq.database, LAST_IDS, [("pune-1", 60)])
    assert await query_database(hq.database, "SELECT count(*), count(DISTINCT key) FROM result") == [(60, 60)]
    attempts = "SELECT count FROM day_count WHERE what = 'attempts'"
    assert await query_database(hq.database, attempts) == [(60.0,)]


class NewCentre(DiallerCommands):
    """A centre whose dialler imports peer updates. It stops replying after some commands, as if it was killed."""

    def __init__(self, store: Store) -> None:
        object.__setattr__(self, "records", ExternalRecords(store, SystemClock(), centre="pune-9"))
        object.__setattr__(self, "left", 10**6)

    def stop_after(self, commands: int) -> None:
        object.__setattr__(self, "left", commands)

    @property
    def is_stopped(self) -> bool:
        return not self.left  # type: ignore[attr-defined]

    async def send_command_to_dialler(self, name: str, values: dict[str, Any]) -> Reply | None:
        if self.is_stopped:
            return None
        self.stop_after(self.left - 1)  # type: ignore[attr-defined]
        services: Any = SimpleNamespace(records=self.records)  # type: ignore[attr-defined]
        return Reply("done", await read_command(name, values).execute_command(services, FROM_DIALLER))


async def test_new_or_long_disconnected_centre_downloads_all_updates_of_other_centres(
    hq: Headquarters, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A centre that is killed within a snapshot imports all of it again. A snapshot with a forged signature is refused."""
    monkeypatch.setattr(snapshots, "MAX_PAGE_ROWS", 2)
    monkeypatch.setattr(peer_updates, "MAX_UPDATES", 1)
    monkeypatch.setattr(peer_updates, "SNAPSHOT_RETRY_SECONDS", 0.05)
    seed = tmp_path / "hq.nk"
    seed.write_bytes(nkeys.encode_seed(b"h" * 32, nkeys.PREFIX_BYTE_USER))
    settings = hq_settings(hq.server.nats_server_url, hq.database, "pune-1", "pune-9", state=STATE_CODE).model_copy(
        update={"nkey_file": seed}
    )
    path, key = tmp_path / "centre.db", derive_public_key(b"h" * 32)
    fill_roll(path, 54, voters_per_booth=30)
    place = {"roll_version": ROLL_VERSION, "state_code": STATE_CODE, "constituency_number": CONSTITUENCY_NUMBER}
    other_constituency = {"constituency_number": CONSTITUENCY_NUMBER + 1}
    voted = "SELECT count(*) FROM voter WHERE turnout = 'voted'"
    opt_outs = "SELECT count(*) FROM opt_out_hash"
    positions = "SELECT count(*) FROM news_position WHERE stream LIKE 'PEERS.%'"

    def make_mark_row(number: int, serial: int, **more: Any) -> BatchRow:
        result = mark_row(number, serial, more.pop("kind", "voted"), undoes=more.pop("undoes", None))
        fields = json.loads(result.payload)
        fields["place"] |= place | more
        return replace(result, payload=json.dumps(fields))

    async def empty_stream() -> None:
        """Delete all updates from the stream, as if they were too old for it."""
        await wait_for_rows(hq.database, "SELECT count(*) FROM peer_update", [(0,)])
        await hq.centre.session.client.jetstream().purge_stream(messages.PEERS)

    async with (
        await open_store(path) as store,
        run_gatherer(settings) as gatherer,
        open_session(settings.servers, "pune-9", centre="pune-9") as session,
        await UplinkReader.open(path, None) as reading,
    ):
        await wait_for(gatherer.active.is_set)
        rows = [make_mark_row(number, number) for number in range(1, 6)]
        rows += [make_mark_row(6, 5, undoes="k5", kind="not-yet"), make_mark_row(7, 7, **other_constituency)]
        rows += [row(number, "opt-outs", number_hash=f"{number:064x}") for number in range(8, 12)]
        await hq.centre.send(batch(rows))
        await wait_for_rows(hq.database, LAST_IDS, [("pune-1", 11), ("pune-9", 0)])
        await empty_stream()
        centre = NewCentre(store)
        centre.stop_after(6)

        def make_peer_updates(key: bytes) -> PeerUpdates:
            return PeerUpdates(SnapshotSource("pune-9", session, key), centre, reading)

        killed = asyncio.create_task(make_peer_updates(key).send_peer_updates_until_cancelled())
        await wait_for(lambda: centre.is_stopped)
        killed.cancel()
        assert (
            query_store(path, positions)[0][0] < 2
        )  # of the streams of opt-outs and marks, one snapshot was not completed
        centre.stop_after(10**6)
        running = asyncio.create_task(make_peer_updates(key).send_peer_updates_until_cancelled())
        await wait_for(lambda: query_store(path, voted) == [(4,)] and query_store(path, positions) == [(2,)])
        assert query_store(path, opt_outs) == [(4,)]
        await hq.centre.send(batch([make_mark_row(12, 12)]))  # arrives through the stream
        await wait_for(lambda: query_store(path, voted) == [(5,)])
        running.cancel()

        await hq.centre.send(batch([make_mark_row(13, 13), row(14, "opt-outs", number_hash=NUMBER_HASH)]))
        await wait_for_rows(hq.database, LAST_IDS, [("pune-1", 14), ("pune-9", 0)])
        await empty_stream()
        reconnected = asyncio.create_task(make_peer_updates(key).send_peer_updates_until_cancelled())
        await wait_for(lambda: query_store(path, voted) == [(6,)])
        await wait_for(lambda: query_store(path, opt_outs) == [(5,)])
        reconnected.cancel()

        reports: list[Any] = []

        async def receive(subject: str, data: bytes) -> None:
            reports.append(json.loads(data))

        await hq.centre.session.subscribe_to_subject("live.pune-9.peer-updates", receive)
        await hq.centre.send(batch([make_mark_row(15, 15)]))
        await wait_for_rows(hq.database, LAST_IDS, [("pune-1", 15), ("pune-9", 0)])
        await empty_stream()
        forged = asyncio.create_task(
            make_peer_updates(derive_public_key(b"x" * 32)).send_peer_updates_until_cancelled()
        )
        problem = "does not fit `headquarters.key`"
        await wait_for(lambda: any(problem in str(each.get("problem")) for each in reports))
        forged.cancel()
        assert query_store(path, voted) == [(6,)]


async def test_headquarters_reads_a_re_created_nats_stream_of_results_from_its_beginning(
    hq: Headquarters, tmp_path: Path
) -> None:
    async with run_gatherer(hq_settings(hq.server.nats_server_url, hq.database, "pune-1")) as gatherer:
        await wait_for(gatherer.active.is_set)
        for number in range(1, 6):
            await hq.centre.send(batch([attempt_row(number)]))
        await wait_for_rows(hq.database, LAST_IDS, [("pune-1", 5)])
        await hq.server.kill_nats_server()
        shutil.rmtree(tmp_path / "nats" / "jetstream")
        await asyncio.sleep(1.0)  # streams are distinguished by the second of their creation
        await hq.server.start()
        async with asyncio.timeout(HANG_SECONDS):
            while True:
                with contextlib.suppress(HeadquartersUnreachable):
                    await hq.centre.send(batch([attempt_row(6)]))  # the first message of the new stream
                    break
                await asyncio.sleep(0.1)
        await wait_for_rows(hq.database, LAST_IDS, [("pune-1", 6)])


async def test_headquarters_with_a_nats_cluster_names_servers_that_lack_messages_while_importing(
    hq: Headquarters, monkeypatch: pytest.MonkeyPatch
) -> None:
    create = Session.create_stream_if_missing

    async def create_on_single_server(self: Session, name: str, subjects: Sequence[str], **options: Any) -> str:
        assert options.pop("replicas") == 3
        return await create(self, name, subjects, **options)

    async def find_outdated_copies(_session: Session, stream: str) -> set[str]:
        return {"hq-2"} if stream == messages.UP else set()

    monkeypatch.setattr(Session, "create_stream_if_missing", create_on_single_server)
    monkeypatch.setattr(Session, "list_servers_with_outdated_copy", find_outdated_copies)
    settings = hq_settings(hq.server.nats_server_url, hq.database, "pune-1")
    cluster = settings.model_copy(update={"gather": settings.gather.model_copy(update={"replicas": 3})})
    async with run_gatherer(cluster) as gatherer:
        await wait_for(lambda: gatherer.servers_with_outdated_copies == {"hq-2"})
    assert gatherer.servers_with_outdated_copies == set()  # unknown since the import ended


def stored_batch(store: messages.SendingStore, rows: Sequence[BatchRow]) -> OutboxBatch:
    return replace(batch(rows), store=store)


async def test_result_rows_of_a_replaced_and_restored_store_are_counted_once(
    hq: Headquarters, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stores, "SILENCE_SECONDS", 0.0)
    first, second = messages.SendingStore("1" * 32), messages.SendingStore("2" * 32)
    restored = messages.SendingStore("3" * 32, "2" * 32, 1)
    seats = row(2, "seat-hours", seats=1, seconds={"ready": 60.0})
    async with run_gatherer(hq_settings(hq.server.nats_server_url, hq.database, "pune-1")) as gatherer:
        await gatherer.active.wait()
        await hq.centre.send(stored_batch(first, [attempt_row(number) for number in range(1, 40)]))
        await wait_for(lambda: hq.centre.acknowledged == [39])
        await hq.centre.send(stored_batch(second, [attempt_row(1, attempt="b1"), seats]))
        await wait_for(lambda: hq.centre.acknowledged == [39, 2])
        # The restored store sends row 2 again.
        await hq.centre.send(stored_batch(restored, [seats, attempt_row(3, attempt="b3")]))
        await wait_for(lambda: hq.centre.acknowledged == [39, 2, 3])
    assert await query_database(hq.database, "SELECT sum(count) FROM day_count WHERE what = 'attempts'") == [(41.0,)]
    assert await query_database(hq.database, "SELECT count FROM day_count WHERE what = 'seat/ready'") == [(60.0,)]
    assert await query_database(hq.database, "SELECT lost_rows FROM centre") == [(0,)]


async def test_no_result_is_lost_when_a_centre_restores_an_older_store(
    hq: Headquarters, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The store works on without headquarters until it has more rows than headquarters knows from before."""
    monkeypatch.setattr(stores, "SILENCE_SECONDS", 0.0)
    monkeypatch.setattr(upload, "REPORT_SECONDS", 0.05)
    for module in (upload, batches):  # the first batch after the copy was put back has only rows that headquarters has
        monkeypatch.setattr(module, "MAX_BATCH_ROWS", 2)
    path = tmp_path / "centre.db"
    files = (path, identity.get_copy_detection_token_path(path))
    sent: list[str] = []
    problems: set[str] = set()

    async def receive_ack(subject: str, data: bytes) -> None:
        problems.add(messages.unpack_acknowledgement(data).problem)

    async def add_results(store: Store, *attempts: str) -> None:
        for attempt in attempts:
            sent.append(attempt)
            payload = attempt_row(1, attempt=attempt).payload
            await store.add_messages_to_outbox([Announcement("results/attempts", payload)], NOW + len(sent))

    async def upload_all_results(store: Store) -> None:
        async with await UplinkReader.open(path, None) as reading:
            uplink = OutboxUpload("pune-1", hq.centre.session, UplinkCommands(store), reading, SystemClock())
            uploading = asyncio.create_task(uplink.send_results_until_cancelled())
            waiting = (
                "SELECT count(*) FROM outbox WHERE outbox_id > (SELECT passed FROM outbox_sink WHERE name = 'uplink')"
            )
            await wait_for(lambda: query_store(path, waiting) == [(0,)])
            uploading.cancel()
            await asyncio.wait([uploading])

    await hq.centre.session.subscribe_to_subject(messages.build_acknowledgement_subject("pune-1"), receive_ack)
    async with run_gatherer(hq_settings(hq.server.nats_server_url, hq.database, "pune-1")) as gatherer:
        await gatherer.active.wait()
        async with await open_store(path) as store:
            await store.set_byte_limit_of_headquarters_queue(1 << 20)
            await add_results(store, "a1", "a2")
            await upload_all_results(store)
            await add_results(store, "a3", "a4")
        copies = [file.read_bytes() for file in files]
        async with await open_store(path) as store:
            await add_results(store, "b5", "b6", "b7")
            await upload_all_results(store)
        before = query_store(path, "SELECT incarnation FROM store_identity")
        for file, copy in zip(files, copies, strict=True):
            file.write_bytes(copy)  # the same inode
        async with await open_store(path) as store:
            assert query_store(path, "SELECT incarnation FROM store_identity") == before
            await add_results(store, *(f"c{number}" for number in range(5, 12)))
            await upload_all_results(store)
    stored = await query_database(hq.database, "SELECT payload->>'attempt_id' FROM result ORDER BY at")
    assert [attempt for (attempt,) in stored] == sent
    assert await query_database(hq.database, "SELECT count FROM day_count WHERE what = 'attempts'") == [(14.0,)]
    await wait_for(lambda: any("was set back to an older copy" in problem for problem in problems))
    assert query_store(path, "SELECT count(*) FROM audit WHERE kind = 'store-set-back'") == [(1,)]
    assert query_store(path, "SELECT previous FROM store_identity") == before


async def test_replaced_store_of_a_centre_is_a_problem_until_confirmed(
    hq: Headquarters, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stores, "SILENCE_SECONDS", 0.0)
    first, second = messages.SendingStore("1" * 32), messages.SendingStore("2" * 32)
    settings = hq_settings(hq.server.nats_server_url, hq.database, "pune-1")
    problems = "SELECT problem FROM centre"

    async def send(store: messages.SendingStore, number: int) -> None:
        sent = len(hq.centre.acknowledged)
        await hq.centre.send(stored_batch(store, [attempt_row(number, attempt=f"{store.incarnation[0]}{number}")]))
        await wait_for(lambda: len(hq.centre.acknowledged) > sent)

    async with run_gatherer(settings) as gatherer:
        await gatherer.active.wait()
        await send(first, 1)
        assert (await query_database(hq.database, problems), gatherer.replaced_centres) == ([(None,)], set())
        await send(second, 1)
        await wait_for(lambda: gatherer.replaced_centres == {"pune-1"})
        [(problem,)] = await query_database(hq.database, problems)
        assert problem.startswith("pune-1 sends from a new store, 22222222, which is no copy of an earlier one.")
    async with run_gatherer(settings) as gatherer:  # another process
        await wait_for(lambda: gatherer.replaced_centres == {"pune-1"})
        async with open_database(hq.database) as db:
            await replace_accepted_database_of_centre(db, "pune-1", "2222")
        await send(second, 2)
        await wait_for(lambda: not gatherer.replaced_centres)
    assert await query_database(hq.database, problems) == [(None,)]
    assert hq.centre.acknowledged == [1, 1, 2]


async def test_results_of_a_second_store_of_a_centre_are_refused_until_accepted(hq: Headquarters) -> None:
    first, second = messages.SendingStore("1" * 32), messages.SendingStore("2" * 32)
    settings = hq_settings(hq.server.nats_server_url, hq.database, "pune-1")
    async with run_gatherer(settings) as gatherer:
        await gatherer.active.wait()
        for store, number in ((first, 1), (second, 1), (first, 2), (second, 1)):
            sent = len(hq.centre.acknowledged)
            await hq.centre.send(stored_batch(store, [attempt_row(number, attempt=store.incarnation[0] + str(number))]))
            await wait_for(lambda sent=sent: len(hq.centre.acknowledged) > sent)  # type: ignore[misc]
        [(problem,)] = await query_database(hq.database, "SELECT problem FROM centre")
        assert "two stores send results as pune-1" in problem
        async with open_database(hq.database) as db:
            assert await replace_accepted_database_of_centre(db, "pune-1", "2222") == "2" * 32
        await hq.centre.send(stored_batch(second, [attempt_row(1, attempt="21")]))
        await wait_for(lambda: hq.centre.acknowledged[-1:] == [1])
    assert hq.centre.acknowledged == [1, None, 2, None, 1]
    assert await query_database(hq.database, "SELECT count(*) FROM result") == [(3,)]


async def test_headquarters_collects_results_after_the_nats_server_is_restored_from_an_older_copy(
    hq: Headquarters, tmp_path: Path
) -> None:
    stored, copy = tmp_path / "nats" / "jetstream", tmp_path / "copy"
    async with run_gatherer(hq_settings(hq.server.nats_server_url, hq.database, "pune-1")) as gatherer:
        await gatherer.active.wait()
        await hq.centre.send(batch([attempt_row(1)]))
        await wait_for(lambda: hq.centre.acknowledged == [1])
        await hq.server.kill_nats_server()
        shutil.copytree(stored, copy)
        await hq.server.start()
        for number in (2, 3):
            await send_until_stored(hq, batch([attempt_row(number)]))
        await wait_for(lambda: hq.centre.acknowledged[-1:] == [3])
        await hq.server.kill_nats_server()
        shutil.rmtree(stored)
        shutil.copytree(copy, stored)
        await hq.server.start()
        await wait_for(lambda: gatherer.set_back_at > 0)
        await send_until_stored(hq, batch([attempt_row(4)]))
        await wait_for(lambda: hq.centre.acknowledged[-1:] == [4])
    assert await query_database(hq.database, "SELECT count(*) FROM result") == [(4,)]


async def test_headquarters_detects_that_the_nats_server_was_restored_from_a_backup(
    hq: Headquarters, tmp_path: Path
) -> None:
    stored, copy = tmp_path / "nats" / "jetstream", tmp_path / "copy"
    settings = hq_settings(hq.server.nats_server_url, hq.database, "pune-1")
    async with run_gatherer(settings) as gatherer:
        await gatherer.active.wait()
        await hq.centre.send(batch([attempt_row(1)]))
        await wait_for(lambda: hq.centre.acknowledged == [1])
        await hq.server.kill_nats_server()
        shutil.copytree(stored, copy)
        await hq.server.start()
        await send_until_stored(hq, batch([attempt_row(2)]))
        await wait_for(lambda: hq.centre.acknowledged[-1:] == [2])
        assert not gatherer.set_back_at
    await hq.server.kill_nats_server()
    shutil.rmtree(stored)
    shutil.copytree(copy, stored)
    await hq.server.start()
    lost = batch([attempt_row(3)])
    await send_until_stored(hq, lost)
    async with run_gatherer(settings) as gatherer:
        await wait_for(lambda: gatherer.set_back_at > 0)
        await hq.centre.send(lost)  # as a centre does that has received no acknowledgement
        await wait_for(lambda: hq.centre.acknowledged[-1:] == [3])
    async with run_gatherer(settings) as gatherer:
        await gatherer.active.wait()
        await hq.centre.send(batch([attempt_row(4)]))
        await wait_for(lambda: hq.centre.acknowledged[-1:] == [4])
        assert not gatherer.set_back_at
    assert await query_database(hq.database, "SELECT count(*) FROM result") == [(4,)]


async def test_headquarters_reads_stream_positions_stored_by_an_earlier_version(hq: Headquarters) -> None:
    settings = hq_settings(hq.server.nats_server_url, hq.database, "pune-1")
    async with run_gatherer(settings) as gatherer:
        await gatherer.active.wait()
        await hq.centre.send(batch([attempt_row(1)]))
        await wait_for(lambda: hq.centre.acknowledged == [1])
    async with open_database(hq.database) as db:
        await db.run_statement("ALTER TABLE stream_position DROP COLUMN stored_at")
    async with run_gatherer(settings) as gatherer:
        await gatherer.active.wait()
        await hq.centre.send(batch([attempt_row(2)]))
        await wait_for(lambda: hq.centre.acknowledged == [1, 2])
        assert not gatherer.set_back_at
    assert await query_database(hq.database, "SELECT position, stored_at > 0 FROM stream_position") == [(2, True)]


async def send_until_stored(hq: Headquarters, sent: OutboxBatch) -> None:
    """Send a batch, again while the server is starting."""
    async with asyncio.timeout(HANG_SECONDS):
        while True:
            with contextlib.suppress(HeadquartersUnreachable):
                await hq.centre.send(sent)
                return
            await asyncio.sleep(0.1)


async def test_contradicting_integrity_seals_of_a_centre_are_reported_until_accepted(
    hq: Headquarters,
) -> None:
    store = SealingStore.create()
    sender, begin = messages.SendingStore("1" * 32), store.seal("start")
    copy = store.copy()
    problems: list[str] = []

    async def receive_ack(subject: str, data: bytes) -> None:
        problems.append(messages.unpack_acknowledgement(data).problem)

    async def send(number: int, *epochs: SealedEpoch) -> None:
        sent = len(problems)
        rows = [sealed_row(number + place, epoch) for place, epoch in enumerate(epochs)]
        await hq.centre.send(stored_batch(sender, rows))
        await wait_for(lambda: len(problems) > sent)

    await hq.centre.session.subscribe_to_subject(messages.build_acknowledgement_subject("pune-1"), receive_ack)
    settings = hq_settings(hq.server.nats_server_url, hq.database, "pune-1")
    async with run_gatherer(settings) as gatherer:
        await gatherer.active.wait()
        await send(1, begin, store.seal())
        await send(3, store.seal())
        assert (problems, gatherer.contradicted_centres) == (["", ""], set())
        await send(4, copy.seal(root="11"))
        text = "the seals of pune-1 contradict those received before: epoch 2: is sealed after epoch 3."
        assert problems[-1].startswith(text)
        await wait_for(lambda: gatherer.contradicted_centres == {"pune-1"})
    assert await query_database(hq.database, "SELECT problem FROM centre") == [(problems[-1],)]
    async with run_gatherer(settings) as gatherer:  # another process
        await gatherer.active.wait()
        await wait_for(lambda: gatherer.contradicted_centres == {"pune-1"})
        await send(5, copy.seal())
        assert problems[-1].startswith(text)
        async with open_database(hq.database) as db:
            await replace_accepted_database_of_centre(db, "pune-1", "1111")
        await send(6, copy.seal())
        await wait_for(lambda: not gatherer.contradicted_centres)
        assert problems[-1] == ""
    assert await query_database(hq.database, "SELECT problem FROM centre") == [(None,)]
    assert await query_database(hq.database, "SELECT count(*) FROM result") == [(6,)]  # all seals are stored


async def test_headquarters_accepts_the_integrity_seals_of_a_restored_store(
    hq: Headquarters, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stores, "SILENCE_SECONDS", 0.0)
    store = SealingStore.create()
    first, second = messages.SendingStore("1" * 32), messages.SendingStore("2" * 32, "1" * 32, 2)
    async with run_gatherer(hq_settings(hq.server.nats_server_url, hq.database, "pune-1")) as gatherer:
        await gatherer.active.wait()
        begin = store.seal("start")
        rows = [sealed_row(1, begin), sealed_row(2, store.seal()), sealed_row(3, store.seal())]
        backup = store.copy()
        await hq.centre.send(stored_batch(first, [*rows, sealed_row(4, store.seal())]))
        await wait_for(lambda: hq.centre.acknowledged == [4])
        restored = backup.restore()
        again = restored.seal("start")
        # The backup had not noted that headquarters has row 3.
        await hq.centre.send(stored_batch(second, [rows[2], sealed_row(4, again), sealed_row(5, restored.seal())]))
        await wait_for(lambda: hq.centre.acknowledged == [4, 5])
        assert not gatherer.contradicted_centres
    [(problem,)] = await query_database(hq.database, "SELECT problem FROM centre")
    assert problem.startswith("pune-1 sends from a new store, 22222222, which is a copy of an earlier one.")
    assert "contradict" not in problem
    chains = await query_database(hq.database, "SELECT first_keys FROM seal_chain ORDER BY incarnation")
    assert chains == [([begin.key],), ([begin.key, again.key],)]


async def test_headquarters_stores_unreadable_integrity_seals_separately(hq: Headquarters) -> None:
    store = SealingStore.create()
    good = sealed_row(2, store.seal("start"))
    fields = json.loads(good.payload)
    bad = [
        row(1, "sealed-epochs", epoch=1),
        good,
        BatchRow(3, good.topic, NOW, json.dumps(fields | {"epoch": -1})),
        BatchRow(4, good.topic, NOW, json.dumps(fields | {"doubt": "\ud800"})),
        BatchRow(5, good.topic, NOW, json.dumps(fields).replace('"epoch": 1,', f'"epoch": 1{"0" * 5000},')),
        attempt_row(6),
    ]
    async with run_gatherer(hq_settings(hq.server.nats_server_url, hq.database, "pune-1")) as gatherer:
        await gatherer.active.wait()
        await hq.centre.send(batch(bad))
        await wait_for(lambda: hq.centre.acknowledged[-1:] == [6])
    assert await query_database(hq.database, "SELECT id FROM set_aside ORDER BY id") == [(1,), (3,), (4,), (5,)]
    assert await query_database(hq.database, "SELECT id FROM result ORDER BY id") == [(2,), (6,)]
    assert await query_database(hq.database, "SELECT contradiction FROM seal_chain") == [("",)]


async def test_centre_store_is_verified_with_the_seal_keys_stored_at_headquarters(
    hq: Headquarters, tmp_path: Path
) -> None:
    path = tmp_path / "centre.db"
    fill_roll(path, 20)
    async with run_gatherer(hq_settings(hq.server.nats_server_url, hq.database, "pune-1")) as gatherer:
        await gatherer.active.wait()
        sent = 0
        for turn in range(3):
            if turn == 2:  # the last epochs are removed
                with closing(sqlite3.connect(path, isolation_level=None)) as db:
                    db.execute("DELETE FROM seal_epoch WHERE epoch >= (SELECT max(epoch) FROM seal_epoch)")
            async with await open_store(path, encode=create_outbox_row_of_result) as store:
                await store.set_byte_limit_of_headquarters_queue(1 << 20)
                for minute in (1, 2):
                    await store.save_intervals_of_seat_states(
                        [SeatInterval("01", "17", "ready", NOW, NOW + 60 * minute)]
                    )
                    await store.sign_logged_changes(NOW + 60 * minute)
            with closing(open_store_for_reading(path)) as db:
                incarnation = identity.read_store_identity(db).incarnation
                rows = [*select_outbox_rows_for_headquarters([*outbox.read_outbox_rows_between(db, sent, 1_000)])]
            sent = rows[-1].id
            await hq.centre.send(stored_batch(messages.SendingStore(incarnation), rows))
            await wait_for(lambda: hq.centre.acknowledged[-1:] == [sent])  # noqa: B023 - waits for this turn
            [(keys, head)] = await query_database(hq.database, "SELECT first_keys, head FROM seal_chain")
            epoch = json.loads(head)["epoch"]
            with closing(open_store_for_reading(path)) as db:
                noted = get_type_adapter(SealedEpoch).validate_json(head)
                verdict = seal_verification.verify_seals(
                    db, (epoch, noted.compute_digest_of_signed_log_entry()), first_keys=keys
                )
            [(problem,)] = await query_database(hq.database, "SELECT problem FROM centre")
            assert verdict.is_evidence_intact is (problem is None) is (turn < 2)
