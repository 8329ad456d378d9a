"""A campaign that calls booth workers: serials that are keyed or entered become marks, and the calling rules apply."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import AsyncIterator
from datetime import UTC, date
from pathlib import Path
from typing import Any

import pytest

from dialer.domain.errors import CommandRefused, StoreError
from dialer.domain.model import Disposition, Outcome
from dialer.domain.view import Hold, HoldReason, SeatState
from dialer.engine.booth_workers.commands import SeatSerials, SeatUndoSerial
from dialer.engine.booth_workers.service import BoothWorkers
from dialer.engine.call_flows.service import FlowService, FlowSession, ScriptSession
from dialer.engine.dispositions.commands import PhoneKeyDisposition
from dialer.engine.seats.commands import SeatReady
from dialer.flows.turns import FlowCommit
from dialer.reports import accounts
from dialer.reports.tables import Window
from dialer.roll.workers import import_booth_workers
from dialer.simulation.asterisk.config import SimulatedAsteriskConfig, make_seat_phones
from dialer.simulation.asterisk.server import SimulatedAsterisk
from dialer.simulation.asterisk.voters import Behaviour
from dialer.store.connection import open_store_snapshot
from dialer.switch.asterisk.agi_call import AgiCall
from tests.support.centre import START_EPOCH, Site, a_site
from tests.support.roll_filler import fill_roll
from tests.support.stored import query_site_store
from tests.support.virtual import virtual_time

DAY = date(2024, 4, 22)  # of START_EPOCH, 09:30 in India
WORKER = "+919810000001"
OTHER = "+919810000002"
ROUNDS = {"workers": {"every_minutes": 5, "retry_minutes": 1, "attempts_per_day": 3}}
IVR = {"id": "workers", "kind": "ivr", "purpose": "booth-workers", "flow": "booth_worker", "pacing": "broadcast"}
AGENTS = {"id": "workers", "kind": "agents", "purpose": "booth-workers", "pacing": None}


def make_key_presses(keys: str, begin: float = 2.0) -> tuple[tuple[float, str], ...]:
    """Return keys half a second apart, with twelve seconds after each `#` to hear the reply."""
    at, found = begin, []
    for key in keys:
        found.append((at, key))
        at += 12.0 if key == "#" else 0.5
    return tuple(found)


MARKS = (
    "SELECT part_number, serial, kind, source, worker_id FROM mark JOIN voter USING (voter_id) JOIN booth USING (booth_id)"
    " ORDER BY mark_id"
)


def create_store_with_one_worker(directory: Path, parts: str = "1") -> None:
    """Create a store with three booths of ten voters each, and one booth worker."""
    fill_roll(directory / "centre.db", 30, voters_per_booth=10)
    listed = f'constituency,part,number,name,language\n174,"{parts}",{WORKER},A worker,en\n'
    (directory / "workers.csv").write_text(listed, encoding="utf-8")
    import_booth_workers(directory / "workers.csv", directory / "centre.db", "IN")


@contextlib.asynccontextmanager
async def run_site_with_booth_workers(
    directory: Path,
    scripts: dict[str, Behaviour],
    *,
    campaign: dict[str, Any] = IVR,
    parts: str = "1",
    seats: int = 1,
    **changes: Any,
) -> AsyncIterator[Site]:
    """Run a site with three booths of ten voters each, and one booth worker."""
    create_store_with_one_worker(directory, parts)
    switch = SimulatedAsteriskConfig(seats=make_seat_phones(max(1, seats)), start_epoch=START_EPOCH, scripts=scripts)
    settings: dict[str, Any] = {"rules": {"polls": [{"day": DAY}]}, "polling_day": ROUNDS, **changes}
    async with a_site(directory, switch, seats=seats, campaign=campaign, **settings) as site:
        yield site


@virtual_time()
async def test_voters_whose_serial_numbers_a_booth_worker_enters_are_recorded_as_voted(
    tmp_path: Path,
) -> None:
    script = Behaviour(keys=make_key_presses("7#3#3#11##"))
    async with run_site_with_booth_workers(tmp_path, {WORKER: script}) as site:
        await site.until(lambda: len(site.ended()) == 1)
        assert site.ended()[0].outcome is Outcome.COMPLETED
        assert sum(booth.voted for booth in site.centre_view.booths) == 2  # the same serial twice marks one voter
        await asyncio.sleep(4.5 * 60)
        assert len(site.ended()) == 1
        await site.until(lambda: len(site.ended()) == 2, seconds=120)
    marks = query_site_store(tmp_path, MARKS)
    said = [(1, serial, "voted", "booth-worker", 1) for serial in (7, 3, 3)]
    assert marks == said * 2
    assert query_site_store(tmp_path, "SELECT worker_id, booth_id, serial FROM unknown_serial") == [(1, 1, 11)] * 2
    assert query_site_store(tmp_path, "SELECT voter_id, worker_id FROM attempt") == [(None, 1)] * 2
    with open_store_snapshot(tmp_path / "centre.db", None) as source:
        report = accounts.report_booth_workers(source, Window(), UTC)
        spent = accounts.report_expenditure(source, Window(), UTC, {})
    [[worker, constituency, parts, calls, answered, last, voted, unknown]] = report.rows
    assert (worker, constituency, parts, calls, answered, voted, unknown) == (1, 174, "1", 2, 2, 2, 2)
    assert str(last).startswith("2024-04-22 04:")
    assert [(row[1], row[4]) for row in spent.rows] == [(174, 2)], spent


@virtual_time()
async def test_booth_worker_can_undo_the_last_voter_serial_numbers_by_keypad(tmp_path: Path) -> None:
    script = Behaviour(keys=make_key_presses("7#*#3#*##"))
    async with run_site_with_booth_workers(tmp_path, {WORKER: script}) as site:
        await site.until(lambda: len(site.ended()) == 1)
        assert sum(booth.voted for booth in site.centre_view.booths) == 0
    assert [(serial, kind, source) for _, serial, kind, source, _ in query_site_store(tmp_path, MARKS)] == [
        (7, "voted", "booth-worker"),
        (7, "not-yet", "correction"),
        (3, "voted", "booth-worker"),
        (3, "not-yet", "correction"),
    ]
    assert query_site_store(tmp_path, "SELECT DISTINCT turnout FROM voter") == [("pending",)]


@virtual_time()
async def test_booth_worker_for_several_roll_parts_chooses_a_part_before_entering_serial_numbers(
    tmp_path: Path,
) -> None:
    script = Behaviour(keys=make_key_presses("2#3#7##1#8###"))
    async with run_site_with_booth_workers(tmp_path, {WORKER: script}, parts="1,3") as site:
        await site.until(lambda: len(site.ended()) == 1)
        assert site.ended()[0].outcome is Outcome.COMPLETED
    assert [(part, serial) for part, serial, *_ in query_site_store(tmp_path, MARKS)] == [(3, 7), (1, 8)]


@virtual_time()
async def test_voter_serial_numbers_entered_before_a_hang_up_are_stored(tmp_path: Path) -> None:
    script = Behaviour(keys=make_key_presses("7#3"), hang_up_after=17.0)
    async with run_site_with_booth_workers(tmp_path, {WORKER: script}) as site:
        await site.until(lambda: len(site.ended()) == 1)
        assert site.ended()[0].outcome is Outcome.LEFT
        await asyncio.sleep(4 * 60)
        assert len(site.ended()) == 1  # one serial is a report: the next call comes with the next round
    assert [serial for _, serial, *_ in query_site_store(tmp_path, MARKS)] == [7]


@virtual_time()
async def test_booth_worker_who_does_not_answer_is_called_again_up_to_the_daily_cap(tmp_path: Path) -> None:
    script = Behaviour(fails_with=486, answer_after=0.5)
    async with run_site_with_booth_workers(tmp_path, {WORKER: script}) as site:
        await site.until(lambda: len(site.ended()) == 3, seconds=150)
        await asyncio.sleep(3 * 60)
        assert [change.outcome for change in site.ended()] == [Outcome.BUSY] * 3


@virtual_time()
async def test_recorded_vote_cancels_the_ringing_household_call_but_not_the_booth_workers_call(tmp_path: Path) -> None:
    voters = {f"+917{n:09d}": Behaviour(fails_with=0, answer_after=60.0) for n in range(1, 30)}
    turnout: dict[str, Any] = {
        "id": "turnout",
        "kind": "ivr",
        "flow": "turnout",
        "hours": [{"start": "00:00", "until": "23:59:59"}],
    }
    everybody: dict[str, Any] = {"campaigns": [{**IVR, "hours": turnout["hours"]}, turnout]}
    async with run_site_with_booth_workers(
        tmp_path, {**voters, WORKER: Behaviour(keys=make_key_presses("1##", 6.0))}, **everybody
    ) as site:
        await site.until(lambda: sum(booth.voted for booth in site.centre_view.booths) == 1)
        marked_at = site.clock.now()
        await site.until(lambda: any(change.outcome is Outcome.CANCELLED for change in site.ended()), seconds=2.0)
        assert site.clock.now() - marked_at < 1.0
        await site.until(lambda: any(change.outcome is Outcome.COMPLETED for change in site.ended()))


@virtual_time()
async def test_booth_workers_are_called_only_on_polling_day_before_the_last_call_time(tmp_path: Path) -> None:
    script = Behaviour(keys=make_key_presses("7##"))
    for name, rules in (("none", {}), ("tomorrow", {"polls": [{"day": date(2024, 4, 23)}]})):
        directory = tmp_path / name
        directory.mkdir()
        async with run_site_with_booth_workers(directory, {WORKER: script}, rules=rules) as site:
            await asyncio.sleep(10)
            assert site.ended() == []
            assert site.centre_view.campaigns[0].hold == Hold(HoldReason.NO_POLL)
    late = tmp_path / "late"
    late.mkdir()
    closes = {"polls": [{"day": DAY, "closes_at": "10:00"}]}
    async with run_site_with_booth_workers(late, {WORKER: script}, rules=closes) as site:
        await asyncio.sleep(60)
        assert site.ended() == []
        assert site.centre_view.campaigns[0].hold is None


@virtual_time()
async def test_calling_hours_and_opt_outs_apply_to_booth_workers(tmp_path: Path) -> None:
    script = Behaviour(keys=make_key_presses("7##"))
    fill_roll(tmp_path / "centre.db", 30, voters_per_booth=10)
    with contextlib.closing(sqlite3.connect(tmp_path / "centre.db")) as db:
        db.execute("INSERT INTO opt_out (e164, at, source) VALUES (?, 1.0, 'request')", (OTHER,))
        db.commit()
    hours = [{"start": "09:33", "until": "18:00"}]
    (tmp_path / "w.csv").write_text(f"AC,parts,mobile\n174,1,{WORKER}\n174,2,{OTHER}\n", encoding="utf-8")
    result = import_booth_workers(tmp_path / "w.csv", tmp_path / "centre.db", "IN")
    assert (result.workers, result.opted_out) == (2, 1)
    switch = SimulatedAsteriskConfig(start_epoch=START_EPOCH, scripts={WORKER: script, OTHER: script})
    async with a_site(
        tmp_path, switch, seats=1, campaign={**IVR, "hours": hours}, rules={"polls": [{"day": DAY}]}
    ) as site:
        await asyncio.sleep(2.5 * 60)
        assert site.ended() == []
        await asyncio.sleep(60)
        assert [call.number for call in site.switch.placed_calls] == [WORKER]


@virtual_time()
async def test_voter_serial_numbers_entered_by_several_workers_at_once_are_all_stored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The clock stands still, so that keys made from the time would repeat."""
    async with run_site_with_booth_workers(
        tmp_path, {WORKER: Behaviour(talk_seconds=60.0)}, campaign=AGENTS, parts="1,3"
    ) as site:
        engine = site.centre.engine
        await site.log_in("01")
        await site.until(lambda: site.centre_view.seats[0].state is SeatState.TALKING)
        moment = site.clock.now()
        monkeypatch.setattr(site.clock, "now", lambda: moment)
        await engine.execute_command(SeatSerials(seat="01", serials="3:7"))
        await engine.execute_command(SeatUndoSerial(seat="01"))
        await engine.execute_command(SeatSerials(seat="01", serials="3:7"))
        await engine.execute_command(SeatUndoSerial(seat="01"))
        monkeypatch.undo()
    kinds = [(serial, kind) for _, serial, kind, _, _ in query_site_store(tmp_path, MARKS)]
    assert kinds == [(7, "voted"), (7, "not-yet")] * 2


@virtual_time()
async def test_agent_enters_the_voter_serial_numbers_that_a_booth_worker_reports(tmp_path: Path) -> None:
    async with run_site_with_booth_workers(
        tmp_path, {WORKER: Behaviour(talk_seconds=60.0)}, campaign=AGENTS, parts="1,3"
    ) as site:
        engine = site.centre.engine
        with pytest.raises(CommandRefused, match="no call with a booth worker"):
            await engine.execute_command(SeatSerials(seat="01", serials="7"))
        await site.log_in("01")
        await site.until(lambda: site.centre_view.seats[0].state is SeatState.TALKING)
        with pytest.raises(
            CommandRefused,
            match=r"the part of the roll is missing, or is not assigned to this booth worker .1, 3.: enter the part",
        ):
            await engine.execute_command(SeatSerials(seat="01", serials="7"))
        said = await engine.execute_command(SeatSerials(seat="01", serials="3:7,9,7,77"))
        assert said == "seat 01: 2 serial numbers saved; unknown: 77"
        assert await engine.execute_command(SeatUndoSerial(seat="01")) == "seat 01: the last serial number is undone"
        with pytest.raises(CommandRefused, match="cannot have the disposition voted"):
            await engine.execute_command(PhoneKeyDisposition(seat="01", disposition=Disposition.VOTED))
        await site.until(lambda: site.centre_view.seats[0].state is SeatState.WRAP_UP)
        assert await engine.execute_command(SeatSerials(seat="01", serials="1:2")) == "seat 01: 1 serial number saved"
        await engine.execute_command(SeatReady(seat="01"))
        await asyncio.sleep(3 * 60)
        assert len(site.ended()) == 1
    assert [(part, serial, kind, worker) for part, serial, kind, _, worker in query_site_store(tmp_path, MARKS)] == [
        (3, 7, "voted", 1),
        (3, 9, "voted", 1),
        (3, 9, "not-yet", 1),
        (1, 2, "voted", 1),
    ]
    assert {agent for (agent,) in query_site_store(tmp_path, "SELECT agent FROM mark")} == {"agent-01"}


@virtual_time()
async def test_booth_worker_with_a_wrong_number_is_not_called_again(tmp_path: Path) -> None:
    script = Behaviour(answer_after=2.0, talk_seconds=30.0)
    async with run_site_with_booth_workers(
        tmp_path, {WORKER: script}, campaign={**AGENTS, "wrap_up_seconds": 20}
    ) as site:
        await site.log_in("01")
        await site.until(lambda: site.centre_view.seats[0].state is SeatState.TALKING)
        await site.centre.engine.execute_command(PhoneKeyDisposition(seat="01", disposition=Disposition.WRONG_NUMBER))
        await asyncio.sleep(900)
        assert len(site.switch.placed_calls) == 1


@virtual_time()
async def test_booth_worker_hears_an_error_if_a_voter_serial_number_was_not_stored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    take = BoothWorkers.store_report_that_voter_voted
    kept = 0

    async def fail_first_commit(self: BoothWorkers, *args: Any, **rest: Any) -> None:
        nonlocal kept
        kept += 1
        if kept == 1:
            raise StoreError("the disk is away")
        await take(self, *args, **rest)

    monkeypatch.setattr(BoothWorkers, "store_report_that_voter_voted", fail_first_commit)
    heard: list[str] = []
    play = AgiCall.play_sound_file

    async def record_played_sound(self: AgiCall, name: str, escape_digits: str = "") -> str | None:
        heard.append(name)
        return await play(self, name, escape_digits)

    monkeypatch.setattr(AgiCall, "play_sound_file", record_played_sound)
    async with run_site_with_booth_workers(tmp_path, {WORKER: Behaviour(keys=make_key_presses("7#7##"))}) as site:
        await site.until(lambda: len(site.ended()) == 1)
    assert heard.index("matdan/en/worker/not_saved") < heard.index("matdan/en/worker/noted-1")
    assert [serial for _, serial, *_ in query_site_store(tmp_path, MARKS)] == [7]


@virtual_time()
async def test_voter_serial_number_stored_before_a_crash_can_be_undone_after_the_crash(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit, committed = FlowService.store_input_of_ivr_caller, asyncio.Event()

    async def commit_and_hang(self: FlowService, session: FlowSession | ScriptSession, asked: FlowCommit) -> bool:
        await commit(self, session, asked)
        committed.set()
        await asyncio.Event().wait()
        return True

    create_store_with_one_worker(tmp_path)
    script = Behaviour(keys=(*make_key_presses("7#"), *make_key_presses("*#7#8##", 60.0)))
    config = SimulatedAsteriskConfig(start_epoch=START_EPOCH, scripts={WORKER: script})
    settings: dict[str, Any] = {"seats": 1, "campaign": IVR, "rules": {"polls": [{"day": DAY}]}, "polling_day": ROUNDS}
    async with SimulatedAsterisk(config) as switch:
        with monkeypatch.context() as patched:
            patched.setattr(FlowService, "store_input_of_ivr_caller", commit_and_hang)
            async with a_site(tmp_path, switch=switch, run=False, **settings) as site:
                running = asyncio.create_task(site.centre.dial_until_stopped(site.stop))
                await committed.wait()
                running.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await running
        assert [serial for _, serial, *_ in query_site_store(tmp_path, MARKS)] == [7]
        async with a_site(tmp_path, switch=switch, **settings) as again:
            await again.until(lambda: len(again.ended()) == 1)
            assert again.ended()[0].outcome is Outcome.COMPLETED
            assert sum(booth.voted for booth in again.centre_view.booths) == 2
        assert len(switch.placed_calls) == 1
    assert [(serial, kind) for _, serial, kind, *_ in query_site_store(tmp_path, MARKS)] == [
        (7, "voted"),
        (7, "not-yet"),
        (7, "voted"),
        (8, "voted"),
    ]
