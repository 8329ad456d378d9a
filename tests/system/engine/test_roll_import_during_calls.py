"""Rolls and numbers that are imported while calls go on: imported numbers are called, suppressed ones are not."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from datetime import date
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from dialer.domain.clock import SystemClock
from dialer.domain.enums import MarkKind
from dialer.domain.errors import CommandRefused
from dialer.domain.model import Mark, MarkSource, Outcome
from dialer.domain.view import CallState
from dialer.engine.roll_import.commands import EraseNumbers, ImportRoll, SuppressNumbers
from dialer.mqtt.embedded_broker import BrokerKind, run_demo_broker
from dialer.pacing.port import PacingEventKind
from dialer.roll.hand_over import send_roll_to_running_dialler
from dialer.roll.importer import ImportOptions, import_roll_file, prepare_roll_import
from dialer.rules.number_hash import hash_number
from dialer.simulation.asterisk.config import SimulatedAsteriskConfig, make_seat_phones
from dialer.store.spool import Spool
from tests.support.centre import Site, a_site, agents_at_work
from tests.support.command_line import run
from tests.support.mqtt import NEEDS_MOSQUITTO, connect_supervisor
from tests.support.roll_filler import fill_roll
from tests.support.stored import query_store
from tests.support.virtual import virtual_time
from tests.support.voters import make_answering_switch

SECRET = "twenty characters, at least"
TAKEN = "SELECT who, what ->> 'source' FROM audit WHERE kind = 'roll-import'"
HEADER = "state_code,constituency_number,roll_version,part_number,serial,name,mobile\n"


def write_roll(path: Path, rows: list[tuple[int, int, str, str]]) -> Path:
    """Write a CSV with part, serial, name and number, for the constituency of the site's roll."""
    lines = [f"S24,174,2026-1,{part},{serial},{name},{number}\n" for part, serial, name, number in rows]
    path.write_text(HEADER + "".join(lines), encoding="utf-8")
    return path


def open_spool(directory: Path) -> Spool:
    return Spool(directory / "centre.db", None)


def hand_over_rows(directory: Path, rows: list[tuple[int, int, str, str]]) -> tuple[str, Any]:
    roll = write_roll(directory / "more.csv", rows)
    options = ImportOptions(dry_run=True, source="portal")
    return send_roll_to_running_dialler(prepare_roll_import(roll), open_spool(directory), options)


def list_dialled_numbers(site: Site) -> set[str]:
    return {call.number for call in site.switch.placed_calls}


NEW = [(2, serial, f"New {serial}", f"+9180000000{serial:02}") for serial in range(1, 61)]
SAME = (1, 1, "Voter 1", "+917000000001")


@virtual_time()
async def test_voters_of_a_newly_imported_roll_are_called_while_calls_continue(tmp_path: Path) -> None:
    async with a_site(tmp_path, make_answering_switch(talk_seconds=5.0), voters=12) as site:
        with_blank = (1, 2, "", "+917000000002")
        changed = (1, 3, "Sunita Kale", "+918000000099")
        list_id, told = hand_over_rows(tmp_path, [SAME, with_blank, changed, *NEW])
        assert (told.rows, told.voters, told.unchanged) == (63, 61, 2)
        assert (told.numbers, told.booths) == (61, 1)
        said = await site.centre.engine.execute_command(ImportRoll(list=list_id, who="asha"))
        assert said == "63 rows: 61 voters added or changed, 61 numbers and 61 links"
        assert site.centre_view.state.roll is None
        assert site.centre_view.booths[-1].voters == 60
        names = dict(
            query_store(tmp_path / "centre.db", "SELECT serial, name FROM voter WHERE booth_id = 1 AND serial <= 3")
        )
        assert names == {1: "Voter 1", 2: "Voter 2", 3: "Sunita Kale"}
        async with agents_at_work(site):
            await site.until(lambda: "+918000000060" in list_dialled_numbers(site), seconds=6000)
    runs = query_store(
        tmp_path / "centre.db", "SELECT rows, voters, numbers, links, rejected, unchanged FROM import_run"
    )
    assert runs == [(63, 61, 61, 61, 0, 2)]
    assert query_store(tmp_path / "centre.db", TAKEN) == [("asha", "portal")]


@virtual_time()
async def test_pacing_treats_numbers_added_by_a_roll_import_as_a_new_voter_list(tmp_path: Path) -> None:
    async with a_site(tmp_path, voters=12, campaign={"pacing": "predictive"}) as site:
        pacer, told = site.centre.engine.features.loaded_campaigns["agents"].pacer, list[PacingEventKind]()
        with mock.patch.object(pacer, "learn_from_pacing_event", lambda event: told.append(event.kind)):
            for rows, informed in ((NEW, [PacingEventKind.LIST_CHANGED]), ([*NEW, SAME], [])):
                told.clear()
                list_id, _ = hand_over_rows(tmp_path, rows)
                await site.centre.engine.execute_command(ImportRoll(list=list_id, who="asha"))
                assert told == informed


async def interrupt_roll_import(site: Site, folder: Path) -> str:
    """Start the import of a roll of 60 voters, which a full disk ends after 50. Afterwards there is room again. Return
    the list's id.
    """
    list_id, _told = hand_over_rows(folder, NEW)
    taking_in = site.centre.engine.features.electoral_roll_importer
    taking_in._has_room = iter([True, False]).__next__
    with pytest.raises(CommandRefused, match="stopped after 50 voters"):
        await site.centre.engine.execute_command(ImportRoll(list=list_id, who="asha"))
    taking_in._has_room = lambda: True
    return list_id


@virtual_time()
async def test_electoral_roll_import_stops_before_using_the_reserved_disk_space(tmp_path: Path) -> None:
    async with a_site(tmp_path, voters=12) as site:
        list_id = await interrupt_roll_import(site, tmp_path)
        assert (await site.centre.engine.execute_command(ImportRoll(list=list_id, who="asha"))).startswith(
            "60 rows: 10 voters added"
        )
        assert site.centre_view.booths[-1].voters == 60


@virtual_time()
async def test_other_centres_opt_out_applies_to_a_roll_imported_again(
    tmp_path: Path,
) -> None:
    async with a_site(
        tmp_path, make_answering_switch(talk_seconds=5.0), voters=12, rules={"opt_out_secret": SECRET}
    ) as site:
        elsewhere = hash_number(SECRET.encode(), "+918000000002")
        await site.centre.store.save_opt_out_of_other_centre(elsewhere, at=site.clock.now(), centre="pune-2")
        list_id = await interrupt_roll_import(site, tmp_path)
        await site.centre.engine.execute_command(ImportRoll(list=list_id, who="asha"))
        async with agents_at_work(site):
            await site.until(lambda: "+918000000060" in list_dialled_numbers(site), seconds=6000)
    assert "+918000000002" not in list_dialled_numbers(site)


@virtual_time()
async def test_imported_voters_are_not_added_to_booth_worker_campaigns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    campaigns = [
        {"id": "turnout", "kind": "agents", "pacing": "progressive"},
        {"id": "workers", "kind": "agents", "purpose": "booth-workers"},
    ]
    async with a_site(tmp_path, voters=12, campaigns=campaigns, rules={"polls": [{"day": date(2024, 4, 22)}]}) as site:
        list_id, _told = hand_over_rows(tmp_path, NEW)
        asked, enrol = [], site.centre.store.add_roll_numbers_to_queue

        async def record_enrolment(_: object, campaign_id: str, first: int, last: int) -> int:
            asked.append(campaign_id)
            return await enrol(campaign_id, first, last)

        monkeypatch.setattr(type(site.centre.store), "add_roll_numbers_to_queue", record_enrolment)
        await site.centre.engine.execute_command(ImportRoll(list=list_id, who="asha"))
    assert asked == ["turnout"]


@virtual_time()
async def test_vote_recorded_while_the_turnout_of_its_booth_is_recounted_is_counted_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with a_site(tmp_path, voters=12) as site:
        engine, store = site.centre.engine, site.centre.store
        list_id, _told = hand_over_rows(tmp_path, [SAME])
        read, record = type(store)._run_read_job, engine.features.voter_mark_recorder.store_voter_mark
        told = [
            Mark(f"m/{voter}", voter, MarkKind.VOTED, MarkSource.IMPORT, site.clock.now()) for voter in range(1, 13)
        ]

        async def read_while_marks_are_stored(self: Any, job: Any, *args: Any) -> Any:
            found = await read(self, job, *args)
            if told:
                await record(told.pop())
            return found

        monkeypatch.setattr(type(store), "_run_read_job", read_while_marks_are_stored)
        await engine.execute_command(ImportRoll(list=list_id, who="asha"))
        monkeypatch.undo()
        reached = query_store(tmp_path / "centre.db", "SELECT sum(reached), sum(turnout = 'voted') FROM voter")
        assert 0 < reached[0][0] < 12
        assert [
            (
                sum(each.contacted for each in site.centre_view.booths),
                sum(each.voted for each in site.centre_view.booths),
            )
        ] == reached


@virtual_time()
async def test_roll_import_by_the_dialler_equals_the_command_line_import(
    tmp_path: Path,
) -> None:
    """The stores are compared row by row except for ids. Importing twice changes nothing."""
    rows = [SAME, *NEW, (1, 4, "Of two", "+917000000001"), (1, 4, "Of two", "+918000000077")]
    for folder in ("by-import", "by-dialler"):
        (tmp_path / folder).mkdir()
        fill_roll(tmp_path / folder / "centre.db", 12, voters_per_booth=100)
    import_roll_file(write_roll(tmp_path / "roll.csv", rows), tmp_path / "by-import" / "centre.db")
    async with a_site(tmp_path / "by-dialler", voters=12) as site:
        for _ in range(2):
            list_id, _told = hand_over_rows(tmp_path / "by-dialler", rows)
            await site.centre.engine.execute_command(ImportRoll(list=list_id, who="asha"))
    what = (
        "SELECT part_number, serial, voter.name, e164 FROM voter JOIN booth USING (booth_id)"
        " LEFT JOIN link USING (voter_id) LEFT JOIN phone USING (phone_id) ORDER BY 1, 2, 3, 4"
    )
    assert query_store(tmp_path / "by-dialler" / "centre.db", what) == query_store(
        tmp_path / "by-import" / "centre.db", what
    )


@virtual_time()
async def test_imported_number_that_had_opted_out_is_not_called(tmp_path: Path) -> None:
    rules = {"opt_out_secret": SECRET}
    async with a_site(tmp_path, make_answering_switch(talk_seconds=5.0), voters=3, rules=rules) as site:
        store = site.centre.store
        await site.centre.engine.execute_command(
            SuppressNumbers(
                list=open_spool(tmp_path).store_uploaded_number_list(["+918000000001"]), source="letter-7", who="asha"
            )
        )
        elsewhere = hash_number(SECRET.encode(), "+918000000002")
        await store.save_opt_out_of_other_centre(elsewhere, at=site.clock.now(), centre="pune-2")
        list_id, _told = hand_over_rows(tmp_path, NEW[:4])
        said = await site.centre.engine.execute_command(ImportRoll(list=list_id, who="asha"))
        assert said.endswith("; 1 of the numbers had opted out")
        async with agents_at_work(site):
            await asyncio.sleep(600)
    assert {"+918000000003", "+918000000004"} <= list_dialled_numbers(site)
    assert not {"+918000000001", "+918000000002"} & list_dialled_numbers(site)


@virtual_time()
async def test_imported_opt_out_cancels_the_ringing_call_to_the_number(
    tmp_path: Path,
) -> None:
    async with a_site(tmp_path, voters=4) as site:
        await site.log_in("01")
        await site.until(lambda: bool(site.centre_view.campaigns[0].calls.get(CallState.RINGING)))
        (number,) = list_dialled_numbers(site)
        list_id = open_spool(tmp_path).store_uploaded_number_list([number, "+918000000001"])
        assert await site.centre.engine.execute_command(
            SuppressNumbers(list=list_id, source="letter-7", who="asha")
        ) == ("2 numbers suppressed; 0 were already suppressed")
        await site.until(lambda: any(each.outcome is Outcome.CANCELLED for each in site.ended()))
        assert await site.centre.engine.execute_command(
            SuppressNumbers(list=list_id, source="letter-7", who="asha")
        ) == ("0 numbers suppressed; 2 were already suppressed")
    told = query_store(tmp_path / "centre.db", "SELECT e164, source FROM opt_out ORDER BY e164")
    assert told == [(number, "letter-7"), ("+918000000001", "letter-7")]
    assert query_store(tmp_path / "centre.db", "SELECT count(*) FROM outbox WHERE topic = 'results/opt-outs'") == [(0,)]


@virtual_time()
async def test_phone_number_is_erased_unless_a_call_to_the_number_is_live(tmp_path: Path) -> None:
    async with a_site(tmp_path, voters=4, rules={"opt_out_secret": SECRET}) as site:
        engine = site.centre.engine
        await site.log_in("01")
        await site.until(lambda: bool(site.centre_view.campaigns[0].calls.get(CallState.RINGING)))
        (number,) = list_dialled_numbers(site)
        list_id = open_spool(tmp_path).store_uploaded_number_list([number])
        with pytest.raises(CommandRefused, match="is on a call"):
            await engine.execute_command(EraseNumbers(list=list_id, names=True, who="asha"))
        await engine.execute_command(SuppressNumbers(list=list_id, source="letter-7", who="asha"))
        await site.until(lambda: bool(site.ended()))
        assert (await engine.execute_command(EraseNumbers(list=list_id, names=True, who="asha"))).startswith("Erased, ")
        assert (await engine.execute_command(EraseNumbers(list=list_id, names=True, who="asha"))).startswith(
            "The number is not on the roll"
        )
        with pytest.raises(CommandRefused, match="Upload it again"):
            await engine.execute_command(EraseNumbers(list="0" * 32, names=True, who="asha"))
    with closing(sqlite3.connect(tmp_path / "centre.db")) as db:
        assert number[1:] not in "".join(db.iterdump())


@NEEDS_MOSQUITTO
async def test_import_opt_out_and_erase_commands_are_carried_out_by_the_running_dialler(tmp_path: Path) -> None:
    """The commands go over a broker and contain no numbers; real clocks are used."""
    async with (
        run_demo_broker(BrokerKind.MOSQUITTO) as broker,
        connect_supervisor(broker.connection_settings) as listener,
    ):
        where = {
            "host": broker.connection_settings.host,
            "port": broker.connection_settings.port,
            "username": "test.dialler",
        }
        config = tmp_path / "centre.toml"
        config.write_text(
            f'[centre]\nid = "test"\n[store]\npath = "{tmp_path / "centre.db"}"\n'
            f'[broker]\nhost = "{where["host"]}"\nport = {where["port"]}\nusername = "{where["username"]}"\n',
            encoding="utf-8",
        )
        roll = write_roll(tmp_path / "more.csv", NEW)
        switch = SimulatedAsteriskConfig(seats=make_seat_phones(2), start_epoch=SystemClock().now())
        async with a_site(tmp_path, switch, voters=12, broker={"enabled": True, **where}):

            async def run_command(*command: str | Path) -> str:
                code, text = await asyncio.to_thread(run, *command, "-c", config)
                assert code == 0, text
                return text

            assert "60 rows: 60 voters added or changed" in await run_command("import", roll)
            assert "0 numbers suppressed; 1 were already suppressed" not in await run_command(
                "optout", "add", "+918000000001"
            )
            assert "0 numbers suppressed; 1 were already suppressed" in await run_command(
                "optout", "add", "+918000000001"
            )
            assert "Erased, with the names of 0 voters." in await run_command("erase", "+918000000002")
        heard = "".join(message.topic + message.text for message in listener.heard)
        assert "roll-import" in heard
        assert "80000000" not in heard
    assert not [*(tmp_path / "centre.db.spool").iterdir()]
