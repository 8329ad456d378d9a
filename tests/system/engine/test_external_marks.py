"""Marks from outside the calls: which calls they cancel, which they leave, and what a correction restores."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Literal

import pytest

from dialer.cli.external_records import save_records_via_dialler_or_store
from dialer.domain.clock import SystemClock
from dialer.domain.enums import CampaignKind, Purpose
from dialer.domain.errors import BrokerUnreachable, CommandRefused, StoreBusy
from dialer.domain.model import Disposition, Outcome
from dialer.domain.view import CallState, Hold, HoldReason, SeatState
from dialer.engine.command.base import FROM_DIALLER, Command, CommandContext
from dialer.engine.dispositions.commands import PhoneKeyDisposition
from dialer.engine.external_records.commands import MarkReport, RecordMarks, RecordsCommand
from dialer.engine.external_records.service import ExternalRecords
from dialer.mqtt.client import BrokerSettings
from dialer.mqtt.commands import client as asking
from dialer.mqtt.commands.client import CommandRequest, send_commands
from dialer.mqtt.embedded_broker import BrokerKind, run_demo_broker
from dialer.mqtt.link import Presence
from dialer.mqtt.monitor import Monitor
from dialer.settings.site import Settings
from dialer.store.lock import StoreLock
from dialer.store.store import Store, open_store
from tests.support.centre import Site, a_site
from tests.support.command_line import run
from tests.support.fake_centre import FakeEngine
from tests.support.mqtt import NEEDS_MOSQUITTO, SENDERS, connect_supervisor
from tests.support.roll_filler import fill_roll
from tests.support.stored import query_site_store
from tests.support.stores import claim_and_open_attempt, end_attempt
from tests.support.virtual import virtual_time
from tests.support.voters import make_answering_switch
from tests.support.waiting import HANG_SECONDS

NUMBER = "+917000000{:03}"


def record_marks(
    site: Site,
    *voters: int,
    kind: Literal["voted", "not-yet"] = "voted",
    source: Literal["booth-worker", "relative", "correction"] = "booth-worker",
) -> RecordMarks:
    now = site.clock.now()
    marks = tuple(
        MarkReport(key=f"import/{kind}/{source}/{each}", voter_id=each, kind=kind, source=source, at=now)
        for each in voters
    )
    return RecordMarks(marks=marks, batch="b-1", who="ops")


def list_dialled_numbers(site: Site) -> set[str]:
    return {call.number for call in site.switch.placed_calls}


async def wait_for_ringing_calls(site: Site, calls: int) -> None:
    await site.until(lambda: site.centre_view.campaigns[0].calls.get(CallState.RINGING, 0) == calls)


@virtual_time()
async def test_imported_votes_cancel_ringing_and_queued_calls_to_the_voters(tmp_path: Path) -> None:
    """Numbers 1 to 3 are ringing, the third belongs to voters 3 and 4. Number 4, of voter 5, waits in the hopper."""
    async with a_site(tmp_path, make_answering_switch(answer_after=25.0, talk_seconds=5.0), seats=3) as site:
        await site.log_in("01", "02", "03")
        await wait_for_ringing_calls(site, 3)
        assert (
            await site.centre.engine.execute_command(record_marks(site, 1, 3, 4, 5))
            == "4 marks saved, 0 were already known"
        )
        await site.until(lambda: len(site.ended()) == 2, seconds=1)
        assert {change.outcome for change in site.ended()} == {Outcome.CANCELLED}
        assert (
            await site.centre.engine.execute_command(record_marks(site, 1, 3, 4, 5))
            == "0 marks saved, 4 were already known"
        )
        await site.until(lambda: len(site.switch.placed_calls) > 6)
    assert NUMBER.format(4) not in list_dialled_numbers(site)
    closed = query_site_store(
        tmp_path, "SELECT phone_id, state, settled FROM target WHERE phone_id <= 4 AND phone_id <> 2"
    )
    assert closed == [(1, "closed", 1), (3, "closed", 1), (4, "closed", 1)]
    assert query_site_store(tmp_path, "SELECT outcome FROM attempt WHERE phone_id = 2") == [("connected",)]
    assert (
        query_site_store(
            tmp_path, "SELECT kind, who FROM audit WHERE kind NOT IN ('seal', 'settings', 'log-in', 'log-off')"
        )
        == [("marks", "ops")] * 2
    )
    assert query_site_store(tmp_path, "SELECT DISTINCT confidence FROM mark") == [("seen",)]


@virtual_time()
async def test_household_is_called_for_its_other_voter_after_the_first_has_voted(tmp_path: Path) -> None:
    """The call to number 6, which waits in the hopper, was for voter 7. Voters 8 and 9 have not voted."""
    async with a_site(tmp_path, make_answering_switch(answer_after=25.0, talk_seconds=5.0), seats=1) as site:
        await site.log_in("01")
        await wait_for_ringing_calls(site, 1)
        await site.centre.engine.execute_command(record_marks(site, 7))
        await site.until(
            lambda: query_site_store(tmp_path, "SELECT state FROM target WHERE phone_id = 6") == [("due",)], seconds=1
        )
        await site.until(lambda: NUMBER.format(6) in list_dialled_numbers(site))
    assert query_site_store(tmp_path, "SELECT voter_id FROM attempt WHERE phone_id = 6") == [(8,)]


@virtual_time()
async def test_household_is_called_again_after_one_voters_vote_cancelled_its_call(tmp_path: Path) -> None:
    async with a_site(
        tmp_path,
        make_answering_switch(answer_after=25.0, talk_seconds=5.0),
        seats=3,
        campaign={"no_answer_retry_minutes": 1},
    ) as site:
        await site.log_in("01", "02", "03")
        await wait_for_ringing_calls(site, 3)
        await site.centre.engine.execute_command(record_marks(site, 3))
        await site.until(lambda: bool(site.ended()), seconds=1)
        third = NUMBER.format(3)
        await site.until(lambda: sum(call.number == third for call in site.switch.placed_calls) == 2, seconds=1200)
        first, second = (call.placed_at for call in site.switch.placed_calls if call.number == third)
        assert second - first > 900  # a number that has rung without an answer is not called again at once
        await site.until(
            lambda: bool(
                query_site_store(tmp_path, "SELECT 1 FROM attempt WHERE phone_id = 3 AND outcome = 'connected'")
            )
        )
    assert query_site_store(tmp_path, "SELECT voter_id FROM attempt WHERE phone_id = 3 ORDER BY created_at") == [
        (3,),
        (4,),
    ]


@virtual_time()
async def test_household_stays_in_the_queue_after_one_of_its_voters_has_voted(tmp_path: Path) -> None:
    async with a_site(tmp_path, make_answering_switch(talk_seconds=5.0), seats=1) as site:
        await site.centre.engine.execute_command(record_marks(site, 1, 2))
        await site.log_in("01")
        await site.until(lambda: site.centre_view.seats[0].state is SeatState.WRAP_UP)
        await site.centre.engine.execute_command(PhoneKeyDisposition(seat="01", disposition=Disposition.VOTED))
    assert query_site_store(tmp_path, "SELECT state, attempts FROM target WHERE phone_id = 3") == [("due", 1)]
    assert query_site_store(tmp_path, "SELECT turnout FROM voter WHERE voter_id IN (3, 4) ORDER BY voter_id") == [
        ("voted",),
        ("pending",),
    ]


@virtual_time()
async def test_voter_is_called_again_after_a_wrongly_recorded_vote_is_corrected(tmp_path: Path) -> None:
    async with a_site(tmp_path, make_answering_switch(answer_after=5.0, talk_seconds=5.0), voters=8, seats=1) as site:
        await site.centre.engine.execute_command(record_marks(site, *range(1, 9)))
        await site.log_in("01")
        await site.until(lambda: site.centre_view.campaigns[0].hold == Hold(HoldReason.LIST_COMPLETED))
        assert not site.switch.placed_calls
        undo = record_marks(site, 5, kind="not-yet", source="correction")
        await site.centre.engine.execute_command(undo)
        await site.until(lambda: list_dialled_numbers(site) == {NUMBER.format(4)}, seconds=5)
    assert sum(booth.voted for booth in site.centre_view.booths) == 7


@virtual_time()
async def test_correction_of_a_vote_that_was_never_recorded_is_reported_and_not_stored(tmp_path: Path) -> None:
    async with a_site(tmp_path, make_answering_switch(answer_after=5.0, talk_seconds=5.0), voters=8) as site:
        undo = record_marks(site, 5, kind="not-yet", source="correction")
        assert (
            await site.centre.engine.execute_command(undo)
            == "0 marks saved, 0 were already known, 1 corrections had nothing to undo"
        )
        assert sum(booth.not_yet + booth.contacted for booth in site.centre_view.booths) == 0
    assert query_site_store(tmp_path, "SELECT count(*) FROM mark") == [(0,)]
    assert query_site_store(tmp_path, "SELECT count(*) FROM outbox WHERE topic LIKE '%results/marks'") == [(0,)]


@virtual_time()
async def test_votes_reported_without_a_call_do_not_raise_the_contact_forecast(tmp_path: Path) -> None:
    rules = {"polls": [{"day": date(2024, 4, 22), "closes_at": "18:00"}]}
    async with a_site(tmp_path, rules=rules) as site:
        await site.log_in("01")  # the first call never ends, so that nobody else is called
        await site.centre.engine.execute_command(record_marks(site, *range(1, 60), source="relative"))
        await asyncio.sleep(1200)
        assert site.centre_view.state.forecast is not None
        assert (site.centre_view.state.forecast.remaining, site.centre_view.state.forecast.expected_contacts) == (31, 0)


@virtual_time()
async def test_voters_without_a_phone_number_do_not_count_as_remaining(tmp_path: Path) -> None:
    rules = {"polls": [{"day": date(2024, 4, 22), "closes_at": "18:00"}]}
    fill_roll(tmp_path / "centre.db", 90, voters_per_booth=30, numbers_weigh_alike=True)
    with contextlib.closing(sqlite3.connect(tmp_path / "centre.db")) as db:
        db.execute("DELETE FROM link WHERE voter_id > 30")
        db.commit()
    async with a_site(tmp_path, make_answering_switch(talk_seconds=5000.0), seats=1, rules=rules) as site:
        await site.log_in("01")  # the first call never ends, so that nobody else is called
        await site.centre.engine.execute_command(record_marks(site, *range(21, 41), source="booth-worker"))
        await asyncio.sleep(1200)
        before = site.centre_view.state.forecast
        await site.centre.engine.execute_command(
            PhoneKeyDisposition(seat="01", disposition=Disposition.OPT_OUT)
        )  # the only number of one voter
        await asyncio.sleep(5)
        after = site.centre_view.state.forecast
    assert before is not None
    assert (before.remaining, before.without_number) == (20, 50)
    assert after is not None
    assert (after.remaining, after.without_number) == (19, 51)
    assert query_site_store(tmp_path, "SELECT phone_id FROM phone WHERE opted_out_at IS NOT NULL") == [(1,)]


@virtual_time()
async def test_vote_command_with_an_unknown_voter_or_future_time_is_refused(
    tmp_path: Path,
) -> None:
    async with a_site(tmp_path) as site:
        with pytest.raises(CommandRefused, match="no voter 999"):
            await site.centre.engine.execute_command(record_marks(site, 1, 999))
        told = record_marks(site, 1).marks[0]
        with pytest.raises(CommandRefused, match="in the future"):
            await site.centre.engine.execute_command(
                RecordMarks(marks=(told.model_copy(update={"at": told.at + 3600}),), batch="b-1", who="ops")
            )
    assert query_site_store(tmp_path, "SELECT * FROM mark") == []


# Commands from the command line, over a broker


class DeskEngine(FakeEngine):
    """Stand-in for the engine that only stores records."""

    def __init__(self, store: Store) -> None:
        super().__init__()
        self._desk = ExternalRecords(store, SystemClock())

    async def execute_command(self, command: Command, context: CommandContext = FROM_DIALLER) -> str:
        assert isinstance(command, RecordsCommand)
        return await command.save_records_of_command(self._desk, context)


@contextlib.asynccontextmanager
async def run_command_gateway(directory: Path) -> AsyncIterator[tuple[Settings, BrokerSettings]]:
    """Run a command gateway over a locked store, with the settings that lead the command line to it."""
    path = directory / "centre.db"
    if not path.exists():
        fill_roll(path, 60, voters_per_booth=20)
    stop = asyncio.Event()
    async with run_demo_broker(BrokerKind.MOSQUITTO) as broker, await open_store(path) as store:
        engine = DeskEngine(store)
        monitor = Monitor(Presence("pune-1", broker.connection_settings, SystemClock()), engine, store, SENDERS)
        settings = Settings.model_validate(
            {
                "centre": {"id": "pune-1"},
                "store": {"path": path},
                "broker": {
                    "enabled": True,
                    "host": broker.connection_settings.host,
                    "port": broker.connection_settings.port,
                },
            }
        )
        async with connect_supervisor(broker.connection_settings) as listener:
            running = asyncio.create_task(monitor.publish_and_receive_until_stopped(stop))
            await listener.wait_for_topic("state")
            try:
                yield settings, replace(broker.connection_settings, client_id="by-hand")
            finally:
                stop.set()
                await running


def request(voter: int, key: str = "import/1") -> CommandRequest:
    told = {"key": key, "voter_id": voter, "kind": "voted", "source": "booth-worker", "at": round(time.time(), 3)}
    return CommandRequest("marks", {"marks": [told], "batch": "b-1", "who": "ops"})


@NEEDS_MOSQUITTO
async def test_running_dialler_replies_to_each_request_to_store_reported_votes(tmp_path: Path) -> None:
    done: list[int] = []
    async with run_command_gateway(tmp_path) as (_, broker):
        requests = [request(1), request(1), request(2, "import/2")]
        answers = await send_commands(broker, "pune-1", requests, SystemClock(), done.append)
        assert answers == [
            "1 marks saved, 0 were already known",
            "0 marks saved, 1 were already known",
            "1 marks saved, 0 were already known",
        ]
        assert done == [1, 2, 3]
        with pytest.raises(CommandRefused, match="no voter 999"):
            await send_commands(broker, "pune-1", [request(999, "import/3")], SystemClock())
    assert query_site_store(tmp_path, "SELECT voter_id FROM voter WHERE turnout = 'voted'") == [(1,), (2,)]


@NEEDS_MOSQUITTO
async def test_marks_import_command_sends_reported_votes_to_the_running_dialler(tmp_path: Path) -> None:
    async with run_command_gateway(tmp_path) as (settings, _):
        answers = await asyncio.to_thread(save_records_via_dialler_or_store, settings, [request(1)])
    assert answers == ["1 marks saved, 0 were already known"]
    assert query_site_store(tmp_path, "SELECT name FROM command") == [("marks",)]


@NEEDS_MOSQUITTO
async def test_attempts_with_unknown_results_can_be_released_while_a_dialler_runs(
    tmp_path: Path,
) -> None:
    """Only the dialler can write, because it has locked the store. Without a broker nothing is released."""
    path, toml = tmp_path / "centre.db", tmp_path / "centre.toml"
    fill_roll(path, 60, voters_per_booth=20)
    async with await open_store(path) as store:
        await store.add_or_update_campaign("a", CampaignKind.AGENTS, Purpose.TURNOUT)
        await store.add_roll_numbers_to_queue("a")
        placed = [await claim_and_open_attempt(store, phone_id, campaign_id="a") for phone_id in (1, 2, 3)]
        for each in placed:
            await end_attempt(store, each, Outcome.UNKNOWN)

    def run_unknown_command(*words: str) -> tuple[int, str]:
        return run("unknown", *words, "-c", toml)

    async with run_command_gateway(tmp_path) as (settings, _):
        broker = f"[broker]\nenabled = true\nhost = '127.0.0.1'\nport = {settings.broker.port}\n"
        toml.write_text(f"[centre]\nid = 'pune-1'\n[store]\npath = '{path}'\n{broker}", encoding="utf-8")
        code, text = await asyncio.to_thread(run_unknown_command, "list")
        assert (code, "3 attempts have an unknown result" in text) == (0, True)
        one = str(placed[0].attempt_id)
        release = ("release", "--reason", "carrier-list", "--who", "asha")
        code, text = await asyncio.to_thread(run_unknown_command, *release, one)
        said = "1 attempts released; 1 numbers may be dialled again by their campaigns"
        assert (code, said in text.splitlines()) == (
            0,
            True,
        )  # the dialler in this process writes its log to the same stream
        code, text = await asyncio.to_thread(run_unknown_command, *release, one)
        assert (code, "has a known result or was released before, so nothing was released" in text) == (2, True)
        toml.write_text(f"[centre]\nid = 'pune-1'\n[store]\npath = '{path}'\n[broker]\nenabled = false\n")
        code, text = await asyncio.to_thread(run_unknown_command, *release, "--all")
        assert (code, "set `broker.enabled = true`" in text) == (2, True)
    assert query_site_store(tmp_path, "SELECT attempt_id, who, reason FROM released_unknown") == [
        (one, "asha", "carrier-list")
    ]
    assert query_site_store(tmp_path, "SELECT who FROM audit WHERE kind = 'unknown-release'") == [("asha",)]
    assert query_site_store(tmp_path, "SELECT phone_id, state FROM target WHERE phone_id < 4 ORDER BY 1") == [
        (1, "due"),
        (2, "closed"),
        (3, "closed"),
    ]
    assert query_site_store(tmp_path, "SELECT name FROM command") == [("unknown-release",)] * 2
    assert (await asyncio.to_thread(run_unknown_command, *release, "--all"))[
        0
    ] == 0  # the dialler has ended: the command line uses the store itself


@NEEDS_MOSQUITTO
async def test_concurrent_dialer_commands_do_not_disconnect_each_other_from_the_broker(tmp_path: Path) -> None:
    async with run_command_gateway(tmp_path) as (settings, _):
        asked = [
            asyncio.to_thread(
                save_records_via_dialler_or_store,
                settings,
                [request(voter, f"{clerk}/{voter}") for voter in range(1, 41)],
            )
            for clerk in ("asha", "ravi")
        ]
        answers = await asyncio.gather(*asked)
    assert [len(each) for each in answers] == [40, 40]
    assert query_site_store(tmp_path, "SELECT count(*) FROM mark") == [(80,)]


@NEEDS_MOSQUITTO
async def test_command_that_writes_to_the_store_is_refused_without_waiting_during_an_import(tmp_path: Path) -> None:
    fill_roll(tmp_path / "centre.db", 60, voters_per_booth=20)
    settings = Settings.model_validate({"store": {"path": tmp_path / "centre.db"}})
    lock = StoreLock(tmp_path / "centre.db", "an import")
    with pytest.raises(StoreBusy, match=r"in use by an import \(process \d+\): wait until it has finished"):
        await asyncio.to_thread(save_records_via_dialler_or_store, settings, [request(1)])
    lock.release_lock()


@NEEDS_MOSQUITTO
async def test_unresponsive_dialler_gives_a_one_line_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "REPLY_SECONDS", 0.05)
    async with run_demo_broker(BrokerKind.MOSQUITTO) as broker:
        settings = {"enabled": True, "host": broker.connection_settings.host, "port": broker.connection_settings.port}
        fill_roll(tmp_path / "centre.db", 60, voters_per_booth=20)
        made = Settings.model_validate({"store": {"path": tmp_path / "centre.db"}, "broker": settings})
        async with await open_store(tmp_path / "centre.db"):
            with pytest.raises(BrokerUnreachable, match="did not answer") as caught:
                await asyncio.to_thread(save_records_via_dialler_or_store, made, [request(1)])
            assert "\n" not in str(caught.value)
            without = made.model_copy(update={"broker": made.broker.model_copy(update={"enabled": False})})
            with pytest.raises(StoreBusy, match=r"broker\.enabled = true"):
                await asyncio.to_thread(save_records_via_dialler_or_store, without, [request(1)])
        assert await asyncio.to_thread(save_records_via_dialler_or_store, made, [request(1)]) == [
            "1 marks saved, 0 were already known"
        ]


async def test_dialer_command_fails_if_the_broker_connection_is_lost_at_once() -> None:
    left = asyncio.Event()

    async def accept_connection_and_stay_silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        is_client = False
        with contextlib.suppress(ConnectionError):  # a client that leaves may reset the connection
            if is_client := bool(await reader.read(1024)):  # not the first connection, which sends nothing
                writer.write(b"\x20\x03\x00\x00\x00")  # CONNACK of MQTT 5
                await reader.read()
            writer.close()
            await writer.wait_closed()
        if is_client:
            left.set()

    server = await asyncio.start_server(accept_connection_and_stay_silent, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        broker = BrokerSettings(port=port, client_id="by-hand", answer_seconds=0.3)
        with pytest.raises(BrokerUnreachable, match="does not answer"):
            async with asyncio.timeout(HANG_SECONDS):
                await send_commands(broker, "pune-1", [request(1)], SystemClock())
        async with asyncio.timeout(HANG_SECONDS):
            await left.wait()  # no connection stays open
