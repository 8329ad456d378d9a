"""A store that was set back or replaced, beside the record of the newest call in Asterisk's database or at the broker."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from dialer.domain.view import HoldReason
from dialer.engine.campaigns.commands import ResumeCampaign
from dialer.simulation.asterisk.server import SimulatedAsterisk
from dialer.simulation.asterisk.voters import Behaviour
from dialer.store.connection import open_store_exclusively
from dialer.store.older_store import allow_dialling_with_older_store
from dialer.store.sql import open_transaction
from tests.support.centre import Site, a_site
from tests.support.roll_filler import fill_roll
from tests.support.stored import query_site_store
from tests.support.virtual import virtual_time
from tests.support.voters import IVR, make_scripted_switch

CAMPAIGN = {**IVR, "channels": 6, "hours": [{"start": "00:00", "until": "23:59:59"}]}
RECORD = "matdan/newest-call"
NEVER_PLACED = "3f0e7c1a-5b1d-4a53-9a0b-6f0d8f9d1c2e-1713758400000"


def make_switch() -> SimulatedAsterisk:
    return SimulatedAsterisk(make_scripted_switch(*[Behaviour(answer_after=2.0, hang_up_after=5.0)] * 60))


@contextlib.asynccontextmanager
async def run_site(folder: Path, switch: SimulatedAsterisk, **changes: Any) -> AsyncIterator[Site]:
    async with a_site(folder, switch=switch, seats=0, campaigns=[CAMPAIGN], **changes) as site:
        yield site


def take_snapshot(folder: Path, name: str) -> None:
    """Copy all files of the store, as a snapshot of the file system does."""
    (folder / name).mkdir()
    for path in folder.glob("centre.db*"):
        shutil.copy2(path, folder / name)


def put_snapshot_back(folder: Path, name: str) -> None:
    """Overwrite the store's files with those of a snapshot. They keep their inodes, as when a virtual machine is set back."""
    for path in folder.glob("centre.db*"):
        copy = folder / name / path.name
        if copy.exists():
            path.write_bytes(copy.read_bytes())
        else:
            path.unlink()


async def wait_for_hold(site: Site, reason: HoldReason) -> None:
    await site.until(lambda: (hold := site.centre_view.campaigns[0].hold) is not None and hold.reason is reason)


def find_alert(site: Site, code: str) -> str | None:
    return next((alert.text for alert in site.centre_view.alerts if alert.code == code), None)


@virtual_time()
async def test_restored_older_store_places_no_calls_if_asterisk_has_recorded_a_newer_call(tmp_path: Path) -> None:
    async with make_switch() as switch:
        async with run_site(tmp_path, switch) as site:
            await site.until(lambda: len(site.ended()) >= 6)
        take_snapshot(tmp_path, "snapshot")
        async with run_site(tmp_path, switch) as site:  # a restart with the newest store dials
            await site.until(lambda: len(site.ended()) >= 6)
        placed = len(switch.placed_calls)
        put_snapshot_back(tmp_path, "snapshot")
        for _ in range(2):  # a restart does not make it right
            async with run_site(tmp_path, switch) as site:
                await wait_for_hold(site, HoldReason.STORE_OLDER)
                text = find_alert(site, "store-older-Asterisk")
                assert text is not None and "calls that Asterisk has recorded" in text and "accept-older" in text
                await asyncio.sleep(60)
        assert len(switch.placed_calls) == placed
    assert query_site_store(tmp_path, "SELECT DISTINCT who FROM audit WHERE kind = 'store-older'") == [("dialler",)]


@virtual_time()
async def test_first_start_places_calls_and_records_the_newest_call_in_asterisks_database(
    tmp_path: Path,
) -> None:
    async with make_switch() as switch:
        assert RECORD not in switch.database
        async with run_site(tmp_path, switch) as site:
            await site.until(lambda: len(switch.placed_calls) >= 3)
            await asyncio.sleep(1)
            assert switch.database[RECORD].startswith(f"{switch.placed_calls[-1].channel_id}-")
            assert not site.centre_view.alerts


@virtual_time()
async def test_newest_call_is_recorded_in_asterisk_again_after_its_restart(tmp_path: Path) -> None:
    async with make_switch() as switch, run_site(tmp_path, switch) as site:
        await site.until(lambda: len(site.ended()) >= 3)
        recorded = switch.database[RECORD]
        await switch.restart()
        placed = len(switch.placed_calls)
        await site.until(lambda: len(switch.placed_calls) > placed)
        await asyncio.sleep(1)
        assert switch.database[RECORD] != recorded


@virtual_time()
async def test_new_store_places_no_calls_if_asterisk_recorded_calls_of_another_store(tmp_path: Path) -> None:
    fill_roll(tmp_path / "centre.db", 90, voters_per_booth=100, numbers_weigh_alike=True)
    async with make_switch() as switch:
        switch.database[RECORD] = NEVER_PLACED
        async with run_site(tmp_path, switch) as site:
            await wait_for_hold(site, HoldReason.STORE_OLDER)
            await asyncio.sleep(60)
        assert not switch.placed_calls


@virtual_time()
async def test_unreadable_call_record_in_asterisks_database_holds_dialling_until_deleted(tmp_path: Path) -> None:
    async with make_switch() as switch:
        switch.database[RECORD] = "no call"
        async with run_site(tmp_path, switch) as site:
            await wait_for_hold(site, HoldReason.STORE_OLDER)
            assert find_alert(site, "newest-call-unreadable-Asterisk") is not None
            await asyncio.sleep(60)
        assert not switch.placed_calls
        del switch.database[RECORD]
        async with run_site(tmp_path, switch) as site:
            await site.until(lambda: bool(switch.placed_calls))


@virtual_time()
async def test_dialling_stops_when_asterisk_reconnects_with_a_record_of_a_later_call(tmp_path: Path) -> None:
    async with make_switch() as switch, run_site(tmp_path, switch) as site:
        await site.until(lambda: len(site.ended()) >= 3)
        switch.database[RECORD] = NEVER_PLACED.replace("1713758400000", "1713758999000")
        await switch.restart()
        await wait_for_hold(site, HoldReason.STORE_OLDER)
        placed = len(switch.placed_calls)
        await asyncio.sleep(60)
        assert len(switch.placed_calls) == placed
        assert switch.database[RECORD].startswith(NEVER_PLACED[:36])


@virtual_time()
async def test_older_store_is_dialled_after_an_operator_accepts_it(
    tmp_path: Path,
) -> None:
    async with make_switch() as switch:
        async with run_site(tmp_path, switch) as site:
            await site.until(lambda: len(site.ended()) >= 6)
        take_snapshot(tmp_path, "snapshot")
        async with run_site(tmp_path, switch) as site:
            await site.until(lambda: len(site.ended()) >= 6)
        put_snapshot_back(tmp_path, "snapshot")
        async with run_site(tmp_path, switch) as site:
            await wait_for_hold(site, HoldReason.STORE_OLDER)
        with open_store_exclusively(tmp_path / "centre.db", "a test", create=False) as db, open_transaction(db):
            allow_dialling_with_older_store(db, "ops", switch.get_current_time())
        placed = len(switch.placed_calls)
        async with run_site(tmp_path, switch) as site:
            await wait_for_hold(site, HoldReason.STOPPED)
            await asyncio.sleep(60)
            assert len(switch.placed_calls) == placed
            await site.centre.engine.execute_command(ResumeCampaign(campaign_id="ivr"))
            await site.until(lambda: len(switch.placed_calls) > placed)
