"""Headquarters' gatherer on a real nats-server and PostgreSQL: every row once, counters true, and others are told."""

from __future__ import annotations

import asyncio
import contextlib
import csv
import json
import shutil
import tempfile
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import nkeys
import pytest

from dialer.domain.clock import SystemClock
from dialer.domain.errors import HeadquartersUnreachable
from dialer.domain.model import Announcement
from dialer.domain.signing import public_key
from dialer.engine.command.base import FROM_DIALLER
from dialer.engine.command.reading import read_command
from dialer.engine.external_records.service import ExternalRecords
from dialer.hq import ledger, outbox_import, snapshots
from dialer.hq.database import database
from dialer.hq.outbox_import import import_files, read_files
from dialer.hq.servers import NatsServer, nats_server, postgresql
from dialer.mqtt.dialler_client import Reply
from dialer.nats import messages
from dialer.nats.messages import BatchRow, InvalidMessage, OutboxBatch
from dialer.nats.outbox_file import outbox_file_name, write_outbox_file
from dialer.nats.session import Session, connected
from dialer.store import outbox
from dialer.store.connection import open_for_reading
from dialer.store.store import Store, open_store
from dialer.store.uplink_reader import UplinkReader
from dialer.uplink import peer_updates, upload
from dialer.uplink.batches import rows_for_headquarters
from dialer.uplink.dialler import DiallerCommands
from dialer.uplink.peer_snapshots import SnapshotSource
from dialer.uplink.peer_updates import PeerUpdates
from dialer.uplink.upload import OutboxUpload
from tests.support.command_line import run
from tests.support.headquarters import (
    NOW,
    attempt_row,
    batch,
    gathering,
    hq_settings,
    looked,
    mark_row,
    row,
    until_found,
    until_true,
)
from tests.support.roll_filler import CONSTITUENCY_NUMBER, ROLL_VERSION, STATE_CODE, fill_roll
from tests.support.roll_support import write_roll
from tests.support.stored import query
from tests.support.waiting import HANG_SECONDS

HASHED = "0f" * 32
BOOKS = (
    "SELECT * FROM announced ORDER BY id",
    "SELECT * FROM mark ORDER BY id",
    "SELECT * FROM voter ORDER BY serial",
    "TABLE opt_out",
    "SELECT * FROM turnout ORDER BY kind",
    "SELECT * FROM day_count ORDER BY what",
)
TURNOUT = "SELECT kind, zone, constituency_number, part_number, reached, voted, not_yet FROM turnout ORDER BY kind"
LAST = "SELECT centre, last_id FROM centre ORDER BY centre"


@dataclass(slots=True)
class Line:
    """What a centre does at headquarters' server."""

    session: Session
    kept: list[int] = field(default_factory=list)
    told: list[tuple[str, bytes]] = field(default_factory=list)

    async def send(self, *batches: OutboxBatch) -> None:
        for each in batches:
            await self.session.store(messages.batch_subject(each.centre), messages.pack_batch(each))

    async def take(self, subject: str, data: bytes) -> None:
        self.kept.append(messages.unpack_ack(data))


class DiallerOf(DiallerCommands):
    """The dialler of a store, as it is told that headquarters has its rows."""

    def __init__(self, store: Store) -> None:
        object.__setattr__(self, "store", store)

    async def send(self, name: str, values: dict[str, Any]) -> Reply | None:
        assert name == "confirm-uplink"
        await self.store.confirm_uplink(values["through"], NOW)  # type: ignore[attr-defined]
        return Reply("done", "kept")


@dataclass(frozen=True, slots=True)
class Headquarters:
    """Server, books and a centre's line."""

    server: NatsServer
    books: str
    line: Line


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """Of a PostgreSQL for this module: it takes some seconds to be made. Run by root it is another user's, who may not see tests'
    folders.
    """
    with (
        tempfile.TemporaryDirectory(prefix="matdan-pg-", ignore_cleanup_errors=True) as folder,
        postgresql(Path(folder)) as running,
    ):
        yield running


@pytest.fixture
async def hq(tmp_path: Path, address: str) -> AsyncIterator[Headquarters]:
    name = f"hq_{uuid.uuid4().hex[:8]}"
    async with database(address) as books:
        await books.ask(f"CREATE DATABASE {name}")
    async with nats_server(tmp_path / "nats") as server, connected([server.address], "centre") as session:
        line = Line(session)
        await session.subscribe(messages.ack_subject("pune-1"), line.take)
        yield Headquarters(server, address.replace("/postgres?", f"/{name}?"), line)


async def test_rows_are_taken_once_and_counted(hq: Headquarters) -> None:
    seats = row(4, "seat-hours", until_at=1.0, seats=2, seconds={"talking": 61.5, "ready": 3})
    said = row(5, "dispositions", attempt_id="a1", disposition="voted")
    first = batch([attempt_row(1), attempt_row(2, "no-answer"), mark_row(3, 12), seats, said])
    async with gathering(hq_settings(hq.server.address, hq.books, "pune-1")) as gatherer:
        await until_true(gatherer.works.is_set)
        await hq.line.send(first, first)  # its answer was lost
        again = [mark_row(6, 12, key="k3"), attempt_row(7, attempt="a2", outcome="no-answer")]  # of a restored centre
        again[1] = BatchRow(7, again[1].topic, attempt_row(2).at, again[1].payload)
        await hq.line.send(batch(again), batch([mark_row(8, 13, "not-yet")], first=8, last=11))
        await until_found(hq.books, LAST, [("pune-1", 11)])
        await until_true(lambda: hq.line.kept[-1:] == [11])
    counts = dict(await looked(hq.books, "SELECT what, count FROM day_count"))
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
    assert await looked(hq.books, TURNOUT) == [
        ("all", "", 0, 0, 2, 1, 1),
        ("booth", "", 209, 2, 2, 1, 1),
        ("constituency", "", 209, 0, 2, 1, 1),
        ("state", "", 0, 0, 2, 1, 1),
        ("zone", "z1", 0, 0, 2, 1, 1),
    ]
    assert len(hq.line.kept) >= 1


async def test_a_gap_is_asked_for_again_and_what_a_centre_lost_is_counted(hq: Headquarters) -> None:
    async with gathering(hq_settings(hq.server.address, hq.books, "pune-1")) as gatherer:
        await until_true(gatherer.works.is_set)
        await hq.line.send(batch([attempt_row(5)]))
        await until_true(lambda: hq.line.kept == [0])
        await hq.line.send(batch([attempt_row(5)], first=1, gone=4))
        await until_true(lambda: hq.line.kept == [0, 5])
    assert await looked(hq.books, "SELECT lost, count(*) FROM centre, announced GROUP BY lost") == [(4, 1)]


async def test_what_is_not_right_is_refused_in_words_or_kept_as_it_came_and_stops_nobody(hq: Headquarters) -> None:
    async with gathering(hq_settings(hq.server.address, hq.books, "pune-1", "pune-2")) as gatherer:
        await until_true(gatherer.works.is_set)
        line = hq.line.session
        await line.store("up.pune-2", messages.pack_batch(batch([attempt_row(1)])))  # another's
        await line.store("up.pune-2", b"nothing")
        await line.store("up.nobody", messages.pack_batch(batch([attempt_row(1)], centre="nobody")))
        odd = [
            BatchRow(1, "results/marks", -5.0, "not JSON \0"),
            BatchRow(2, "results/attempts", 9e99, '{"attempt_id": "a\\u0000", "outcome": NaN}'),
            row(
                3, "marks", key="k", kind="voted", source="agent", at=1.0
            ),  # of nobody: an earlier version told no place
            row(4, "seat-hours", seconds="many"),
            BatchRow(5, "results/attempts", 3.9e9, '{"attempt_id": "ahead", "outcome": "busy"}'),
        ]
        await hq.line.send(batch(odd))
        await until_found(hq.books, LAST, [("pune-1", 5), ("pune-2", 0)])
        troubles = dict(await looked(hq.books, "SELECT centre, trouble FROM centre"))
        half = mark_row(1, 12, key="\ud800")  # of a letter: no text that is kept
        await hq.line.send(batch([half], centre="pune-2"), batch([attempt_row(6)]))
        await until_found(hq.books, LAST, [("pune-1", 6), ("pune-2", 0)])
        [(refused,)] = await looked(hq.books, "SELECT trouble FROM centre WHERE centre = 'pune-2'")
        assert "a batch that cannot be kept: " in refused
    assert troubles["pune-2"] == "message is not zlib-compressed"
    assert "s ahead of ours" in troubles["pune-1"]
    assert await looked(hq.books, "SELECT count(*) FROM announced") == [(6,)]


async def test_voted_and_what_takes_it_back_goes_to_other_centres_and_so_do_opt_outs(hq: Headquarters) -> None:
    heard: list[tuple[str, bytes]] = []

    async def hear() -> None:
        async for stored in hq.line.session.consume(messages.PEERS, 0):
            heard.append((stored.subject, stored.data))

    async with gathering(hq_settings(hq.server.address, hq.books, "pune-1")) as gatherer:
        await until_true(gatherer.works.is_set)
        hearing = asyncio.create_task(hear())
        rows = [mark_row(1, 12), mark_row(2, 13, "not-yet"), row(3, "opt-outs", phone_id=7, number_hash=HASHED)]
        await hq.line.send(batch(rows), batch([row(4, "opt-outs", phone_id=9, number_hash=HASHED)]))
        await until_found(hq.books, TURNOUT + " LIMIT 1", [("all", "", 0, 0, 2, 1, 1)])
        await hq.line.send(batch([mark_row(5, 12, "not-yet", undoes="k1")]))
        await until_found(hq.books, TURNOUT + " LIMIT 1", [("all", "", 0, 0, 1, 0, 1)])
        await hq.line.send(batch([mark_row(6, 12), mark_row(7, 12, "not-yet", source="correction")]))
        await until_found(hq.books, TURNOUT + " LIMIT 1", [("all", "", 0, 0, 2, 0, 2)])
        await until_true(lambda: sum(len(messages.unpack_peer_updates(data)[1]) for _, data in heard) == 4)
        await until_found(hq.books, "SELECT * FROM side", [])
        hearing.cancel()
    news = [(subject, messages.unpack_peer_updates(data)) for subject, data in heard]
    assert [told["centre"] for _, (opt_outs, _) in news for told in opt_outs] == ["pune-1"]
    marks = [told for subject, (_, marks) in news for told in marks if subject == "peer.z1.mark.S13.209"]
    assert [(told["key"], told["kind"], told.get("undoes")) for told in marks] == [
        ("k1", "voted", None),
        ("k5", "not-yet", "k1"),
        ("k6", "voted", None),
        ("k7", "not-yet", None),
    ]


async def test_a_centre_that_invents_ever_more_words_fills_no_table_and_is_named(
    hq: Headquarters, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger, "MOST_WORDS", 4)
    place = {"roll_version": "2026-1", "state_code": "S13", "constituency_number": 209, "part_number": 2, "serial": 12}
    wild = [
        row(n, "answers", attempt_id=f"a{n}", answers={f"q{n}": "yes", "q0": "no"}, place=place) for n in range(1, 9)
    ]
    async with gathering(hq_settings(hq.server.address, hq.books, "pune-1", "pune-2")) as gatherer:
        await until_true(gatherer.works.is_set)
        await hq.line.send(batch([*wild, attempt_row(9), row(10, "dispositions", disposition="d" * 99)]))
        await hq.line.send(batch([attempt_row(1)], centre="pune-2"))
        await until_found(hq.books, LAST, [("pune-1", 10), ("pune-2", 1)])
        troubles = await looked(hq.books, "SELECT centre, trouble FROM centre ORDER BY centre")
        await hq.line.send(batch([row(11, "answers", attempt_id="a11", answers={"q0": "yes"}, place=place)]))
        await until_found(hq.books, "SELECT trouble FROM centre WHERE centre = 'pune-1'", [(None,)])
    assert troubles[0][1].startswith("it has used more than 4 names of questions")
    assert troubles[1][1] is None
    words = await looked(
        hq.books, "SELECT question FROM answer UNION SELECT what FROM day_count WHERE centre = 'pune-1'"
    )
    assert len({word for (word,) in words} - {"attempts"}) == 4
    assert (await looked(hq.books, "SELECT count(*) FROM announced WHERE centre = 'pune-1'")) == [(11,)]
    assert (await looked(hq.books, "SELECT value FROM answer WHERE question = 'q0'")) == [("yes",)]


async def test_what_was_carried_is_there_once_and_the_line_that_comes_back_changes_nothing(
    hq: Headquarters, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two files by hand, the second of which covers the first, each brought twice; then the centre's own uplink."""
    rows = [mark_row(number, number) if number % 2 else attempt_row(number) for number in range(1, 701)]
    rows += [row(701, "opt-outs", phone=7, number_hash=HASHED), row(702, "seat-hours", seconds={"ready": 30})]
    monkeypatch.setattr(upload, "REPORT_SECONDS", 0.05)
    settings = hq_settings(hq.server.address, hq.books, "pune-1")
    store_path = tmp_path / "centre.db"
    async with await open_store(store_path) as store, gathering(settings) as gatherer:
        await until_true(gatherer.works.is_set)
        await store.set_headquarters_limit(1 << 20)
        async with await UplinkReader.open(store_path, None) as reading:
            files = []
            for some in (rows[:600], rows[600:]):
                await store.announce([Announcement(each.topic, each.payload) for each in some], NOW)
                with closing(open_for_reading(store_path)) as db:
                    last = outbox.SQL.highest_id.one(db)
                    waiting = rows_for_headquarters([*outbox.rows_between(db, 0, last)])
                path = tmp_path / outbox_file_name("pune-1", 1, last)
                write_outbox_file(path, "pune-1", 1, last, waiting, None)
                files.append(path)
            for path in (*files, *files):
                [whole] = read_files(settings, [path])
                assert [file async for file in import_files(hq.line.session, [whole])] == [whole]
            books = [await looked(hq.books, table) for table in BOOKS]
            assert [len(table) for table in books[:4]] == [352, 350, 350, 1]
            door = DiallerOf(store)
            joined = asyncio.create_task(OutboxUpload("pune-1", hq.line.session, door, reading, SystemClock()).run())
            await until_true(
                lambda: query(store_path, "SELECT passed FROM outbox_sink WHERE name = 'uplink'") == [(702,)]
            )
            assert [await looked(hq.books, table) for table in BOOKS] == books
            await store.announce([Announcement("results/attempts", attempt_row(703).payload)], NOW + 703)
            await until_found(hq.books, LAST, [("pune-1", 703)])
            joined.cancel()
    counts = dict(await looked(hq.books, "SELECT what, count FROM day_count"))
    assert counts == {"attempts": 351, "outcome/connected": 351, "mark/voted": 350, "opt-outs": 1, "seat/ready": 30}


async def test_a_file_before_which_rows_are_missing_waits_for_them(
    hq: Headquarters, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = [tmp_path / "3.csv", tmp_path / "1.csv"]
    for path, first in zip(files, (3, 1), strict=True):
        write_outbox_file(path, "pune-1", first, first + 1, [attempt_row(first), attempt_row(first + 1)], None)
    config = tmp_path / "hq.toml"
    config.write_text(f'servers = ["{hq.server.address}"]\n[[centres]]\nid = "pune-1"\nzone = "z1"\n', encoding="utf-8")

    async def brought(*paths: Path) -> tuple[int, str]:
        return await asyncio.to_thread(run, "hq", "import", *paths, "-c", config)

    async with gathering(hq_settings(hq.server.address, hq.books, "pune-1")) as gatherer:
        await until_true(gatherer.works.is_set)
        code, told = await brought(files[0])
        assert (code, told.partition(": ")[2]) == (
            InvalidMessage.exit_code,
            "starts at row 3, but headquarters has pune-1 only up to 0: import the file before it, or wait for the line",
        )
        told = f"{files[1]}: 2 rows of pune-1 committed, up to 2\n{files[0]}: 2 rows of pune-1 committed, up to 4\n"
        assert await brought(*files) == (0, told)
    assert await looked(hq.books, "SELECT count(*) FROM announced") == [(4,)]
    monkeypatch.setattr(outbox_import, "ACK_TIMEOUT_SECONDS", 0.3)
    assert "start `dialer hq gather`" in (await brought(files[0]))[1]


async def test_a_states_team_gets_the_last_word_of_each_voter_under_its_own_ids(
    hq: Headquarters, tmp_path: Path
) -> None:
    folder = tmp_path / "drop"
    folder.mkdir()
    header = ("ST_CODE", "AC_NO", "PART_NO", "SLNOINPART", "UID")
    write_roll(folder / "a.csv", [("S13", "209", "2", "12", "V-12"), ("S13", "209", "2", "14", "V-14")], header)
    (tmp_path / "map.toml").write_text('[values]\nroll_version = "2026-1"\n', encoding="utf-8")
    settings = hq_settings(hq.server.address, hq.books, "pune-1", "pune-2")
    place = {"roll_version": "2026-1", "state_code": "S13", "constituency_number": 209, "part_number": 2}
    async with gathering(settings) as gatherer:
        await until_true(gatherer.works.is_set)
        await hq.line.send(
            batch([mark_row(1, 12, "not-yet"), mark_row(2, 13), mark_row(3, 14), mark_row(4, 14, undoes="k3")])
        )
        first, later, fourth = (
            row(number, topic, attempt_id=f"a{number}", answers=answers, place={**place, "serial": serial})
            for number, topic, serial, answers in (
                (2, "answers", 12, {"hour": "17:00", "still_to_vote": "2"}),
                (3, "dispositions", 12, {"hour": "18:00", "knows_booth": "yes", "still_to_vote": None}),
                (4, "answers", 15, {"hour": "09:00"}),
            )
        )
        await hq.line.send(batch([mark_row(1, 12, key="other"), first, later, fourth], centre="pune-2"))
        await until_found(hq.books, LAST, [("pune-1", 4), ("pune-2", 4)])
    (tmp_path / "hq.toml").write_text(
        f'[gather]\ndatabase = "{hq.books}"\n[[sources]]\nname = "portal"\nfolder = "{folder}"\n'
        f'map_file = "{tmp_path / "map.toml"}"\nid_heading = "UID"\n',
        encoding="utf-8",
    )

    def exported(name: str, *options: str) -> list[list[str]]:
        path = tmp_path / name
        told = run("hq", "export", "--state", "S13", "--out", path, "-c", tmp_path / "hq.toml", *options)
        assert told == (0, f"{path}: {len(path.read_text('utf-8').splitlines()) - 1} rows\n")
        return [*csv.reader(path.read_text("utf-8").splitlines())]

    whole = await asyncio.to_thread(exported, "whole.csv")
    assert [(each[4], *each[6:]) for each in whole] == [
        ("serial", "result", "turnout", "centre", "answer_hour", "answer_knows_booth"),
        ("12", "voted", "voted", "pune-2", "18:00", "yes"),
        ("13", "voted", "voted", "pune-1", "", ""),
        ("15", "", "pending", "pune-2", "09:00", ""),
    ]
    _, named = await asyncio.to_thread(exported, "portal.csv", "--source", "portal", "--constituency", "209")
    assert named[:6] == ["V-12", "2026-1", "S13", "209", "2", "12"]
    assert (await asyncio.to_thread(exported, "none.csv", "--constituency", "7"))[1:] == []


async def test_days_go_after_a_while_and_what_was_counted_stays(hq: Headquarters) -> None:
    today = date(2026, 11, 28)
    async with gathering(hq_settings(hq.server.address, hq.books, "pune-1")) as gatherer:
        await until_true(gatherer.works.is_set)
        await hq.line.send(batch([attempt_row(1), mark_row(2, 12)]))  # of years ago
        await until_found(hq.books, LAST, [("pune-1", 2)])
    async with database(hq.books) as books:
        for day in (today - timedelta(days=40), today - timedelta(days=30)):
            await books.prepare_days(day, 30)
        await books.ask(
            "INSERT INTO announced SELECT $1::date, 'pune-1', 't', 'k', 1, '{}'", today - timedelta(days=39)
        )
        await books.prepare_days(today, 30)
        days = "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'announced'::regclass ORDER BY 1"
        found = [table for (table,) in await books.ask(days)]
        assert "announced_other" in found
        assert [table[-4:] for table in found if table < "announced_20261126"] == ["1029", "1030", "1031"]
        assert await books.ask("SELECT count(*) FROM announced") == [(0,)]
        assert await books.ask("SELECT what, count FROM day_count WHERE what = 'attempts'") == [("attempts", 1.0)]
        assert await books.ask("SELECT count(*) FROM mark") == [(1,)]


async def test_one_of_two_works_and_the_other_goes_on_from_its_last_commit(hq: Headquarters) -> None:
    settings = hq_settings(hq.server.address, hq.books, "pune-1")
    async with contextlib.AsyncExitStack() as stack:
        first = contextlib.AsyncExitStack()
        working = await first.enter_async_context(gathering(settings))
        await until_true(working.works.is_set)
        waiting = await stack.enter_async_context(gathering(settings))
        for number in range(1, 40):
            await hq.line.send(batch([attempt_row(number)]))
        assert not waiting.works.is_set()
        await first.aclose()
        for number in range(40, 60):
            await hq.line.send(batch([attempt_row(number)]))
        await until_found(hq.books, LAST, [("pune-1", 59)])
        assert waiting.works.is_set()
        await looked(
            hq.books,
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
            " AND pid <> pg_backend_pid()",
        )
        await hq.server.kill()
        await hq.server.start()
        await hq.line.send(batch([attempt_row(60)]))
        await until_found(hq.books, LAST, [("pune-1", 60)])
    assert await looked(hq.books, "SELECT count(*), count(DISTINCT key) FROM announced") == [(60, 60)]
    assert await looked(hq.books, "SELECT count FROM day_count WHERE what = 'attempts'") == [(60.0,)]


class NewCentre(DiallerCommands):
    """A centre whose dialler takes news, and is killed after some commands."""

    def __init__(self, store: Store) -> None:
        object.__setattr__(self, "records", ExternalRecords(store, SystemClock(), centre="pune-9"))
        object.__setattr__(self, "left", 10**6)

    def killed_after(self, commands: int) -> None:
        object.__setattr__(self, "left", commands)

    async def send(self, name: str, values: dict[str, Any]) -> Reply | None:
        if not self.left:  # type: ignore[attr-defined]
            return None
        self.killed_after(self.left - 1)  # type: ignore[attr-defined]
        services: Any = SimpleNamespace(records=self.records)  # type: ignore[attr-defined]
        return Reply("done", await read_command(name, values).execute(services, FROM_DIALLER))


async def test_a_new_centre_or_one_away_for_long_goes_on_from_a_snapshot_and_a_killed_one_takes_it_whole(
    hq: Headquarters, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snapshots, "MAX_PAGE_ROWS", 2)
    monkeypatch.setattr(peer_updates, "MAX_UPDATES", 1)
    monkeypatch.setattr(peer_updates, "SNAPSHOT_RETRY_SECONDS", 0.05)
    seed = tmp_path / "hq.nk"
    seed.write_bytes(nkeys.encode_seed(b"h" * 32, nkeys.PREFIX_BYTE_USER))
    settings = hq_settings(hq.server.address, hq.books, "pune-1", "pune-9").model_copy(update={"nkey_file": seed})
    path, key = tmp_path / "centre.db", public_key(b"h" * 32)
    fill_roll(path, 54, voters_per_booth=30)
    place = {"roll_version": ROLL_VERSION, "state_code": STATE_CODE, "constituency_number": CONSTITUENCY_NUMBER}
    others = {"constituency_number": CONSTITUENCY_NUMBER + 1}
    voted = "SELECT count(*) FROM voter WHERE turnout = 'voted'"
    position = "SELECT count(*) FROM news_position WHERE stream LIKE 'PEERS.%'"

    def mark(number: int, serial: int, **more: Any) -> BatchRow:
        said = mark_row(number, serial, more.pop("kind", "voted"), undoes=more.pop("undoes", None))
        fields = json.loads(said.payload)
        fields["place"] |= place | more
        return replace(said, payload=json.dumps(fields))

    async def forget_news() -> None:
        await until_found(hq.books, "SELECT count(*) FROM side", [(0,)])
        await hq.line.session.client.jetstream().purge_stream(messages.PEERS)

    async with (
        await open_store(path) as store,
        gathering(settings) as gatherer,
        connected(settings.servers, "pune-9") as below,
        await UplinkReader.open(path, None) as reading,
    ):
        await until_true(gatherer.works.is_set)
        told = [mark(number, number) for number in range(1, 6)]
        told += [mark(6, 5, undoes="k5", kind="not-yet"), mark(7, 7, **others)]
        told += [row(number, "opt-outs", number_hash=f"{number:064x}") for number in range(8, 12)]
        await hq.line.send(batch(told))
        await until_found(hq.books, LAST, [("pune-1", 11), ("pune-9", 0)])
        await forget_news()  # what a stream keeps no more, it gives nobody
        centre = NewCentre(store)
        centre.killed_after(6)

        def way(key: bytes) -> PeerUpdates:
            return PeerUpdates(SnapshotSource("pune-9", below, key), centre, reading)

        killed = asyncio.create_task(way(key).run())
        await until_true(lambda: not centre.left)  # type: ignore[attr-defined]
        killed.cancel()
        assert query(path, position)[0][0] < 2  # of opt-outs and of marks: not of what was taken in part
        centre.killed_after(10**6)
        running = asyncio.create_task(way(key).run())
        await until_true(lambda: query(path, voted) == [(4,)] and query(path, position) == [(2,)])
        assert query(path, "SELECT count(*) FROM opt_out_hash") == [(4,)]
        await hq.line.send(batch([mark(12, 12)]))  # and what is told later comes by the stream
        await until_true(lambda: query(path, voted) == [(5,)])
        running.cancel()
        await hq.line.send(batch([mark(13, 13), row(14, "opt-outs", number_hash=HASHED)]))
        await until_found(hq.books, LAST, [("pune-1", 14), ("pune-9", 0)])
        await forget_news()
        back = asyncio.create_task(way(key).run())
        await until_true(lambda: query(path, voted) == [(6,)])
        await until_true(lambda: query(path, "SELECT count(*) FROM opt_out_hash") == [(5,)])
        back.cancel()
        said: list[Any] = []

        async def hear(subject: str, data: bytes) -> None:
            said.append(json.loads(data))

        await hq.line.session.subscribe("live.pune-9.peer-updates", hear)
        await hq.line.send(batch([mark(15, 15)]))
        await until_found(hq.books, LAST, [("pune-1", 15), ("pune-9", 0)])
        await forget_news()
        forged = asyncio.create_task(way(public_key(b"x" * 32)).run())
        await until_true(lambda: any("not signed by headquarters.key" in str(each.get("trouble")) for each in said))
        forged.cancel()
        assert query(path, voted) == [(6,)]


async def test_a_server_that_lost_its_streams_is_read_from_their_new_beginning(
    hq: Headquarters, tmp_path: Path
) -> None:
    async with gathering(hq_settings(hq.server.address, hq.books, "pune-1")) as gatherer:
        await until_true(gatherer.works.is_set)
        for number in range(1, 6):
            await hq.line.send(batch([attempt_row(number)]))
        await until_found(hq.books, LAST, [("pune-1", 5)])
        await hq.server.kill()
        shutil.rmtree(tmp_path / "nats" / "jetstream")
        await asyncio.sleep(1.0)  # streams are told apart by the second in which they were made
        await hq.server.start()
        async with asyncio.timeout(HANG_SECONDS):
            while True:
                with contextlib.suppress(HeadquartersUnreachable):
                    await hq.line.send(batch([attempt_row(6)]))  # at the first position of what is made anew
                    break
                await asyncio.sleep(0.1)
        await until_found(hq.books, LAST, [("pune-1", 6)])
