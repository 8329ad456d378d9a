"""Snapshots of a store that is in use, put back after more calls: nobody is called twice.

All files of the store are copied at a random moment of a dialler's run, its journal too. The dialler is stopped at a random
later moment, and the files are written over the newer ones. Asterisk is not set back.
"""

from __future__ import annotations

import asyncio
import shutil
from collections import Counter
from pathlib import Path
from random import Random

import pytest

from dialer.domain.newest_call import RECORD_SECONDS
from dialer.domain.view import HoldReason
from dialer.simulation.asterisk.server import SimulatedAsterisk
from dialer.simulation.asterisk.voters import Behaviour
from dialer.store.sql import Connection
from dialer.store.store import Store
from tests.support.centre import a_site
from tests.support.roll_filler import fill_roll
from tests.support.stored import query_site_store
from tests.support.virtual import virtual_time
from tests.support.voters import IVR, make_scripted_switch

CAMPAIGN = {**IVR, "channels": 12, "hours": [{"start": "00:00", "until": "23:59:59"}]}
VOTERS = 300
SEEDS = range(12)


async def take_snapshot(folder: Path, store: Store) -> Path:
    """Copy all files of an open store at one moment, between two of its transactions."""
    snapshot = folder / "snapshot"

    def copy(_: Connection) -> None:
        snapshot.mkdir()
        for path in folder.glob("centre.db*"):
            if not path.name.endswith("-shm"):  # SQLite makes it again
                shutil.copy2(path, snapshot)

    await store._run_write_job(copy)
    return snapshot


def put_snapshot_back(folder: Path, snapshot: Path) -> None:
    """Write the files of a snapshot over the newer ones, which keep their inodes. Remove those that it does not have."""
    for path in folder.glob("centre.db*"):
        if not (snapshot / path.name).exists():
            path.unlink()
    for copy in snapshot.iterdir():
        (folder / copy.name).write_bytes(copy.read_bytes())


@pytest.mark.parametrize("seed", SEEDS)
def test_nobody_is_called_twice_after_an_older_store_snapshot_is_restored(tmp_path: Path, seed: int) -> None:
    random = Random(seed)
    people = [
        Behaviour(answer_after=random.uniform(1.0, 9.0), hang_up_after=random.uniform(1.0, 20.0)) for _ in range(VOTERS)
    ]
    fill_roll(tmp_path / "centre.db", VOTERS, voters_per_booth=100, numbers_weigh_alike=True)

    @virtual_time()
    async def attack() -> None:
        async with SimulatedAsterisk(make_scripted_switch(*people)) as switch:
            async with a_site(tmp_path, switch=switch, seats=0, campaigns=[CAMPAIGN]) as first:
                await first.until(lambda: bool(switch.placed_calls))
                await asyncio.sleep(random.uniform(0.0, 20.0))
                snapshot = await take_snapshot(tmp_path, first.centre.store)
                placed = len(switch.placed_calls)
                await first.until(lambda: len(switch.placed_calls) > placed)
                await asyncio.sleep(2 * RECORD_SECONDS + random.uniform(0.0, 20.0))
            put_snapshot_back(tmp_path, snapshot)
            known = {
                number
                for (number,) in query_site_store(tmp_path, "SELECT e164 FROM attempt JOIN phone USING (phone_id)")
            }
            forgotten = {call.number for call in switch.placed_calls} - known
            assert forgotten
            async with a_site(tmp_path, switch=switch, seats=0, campaigns=[CAMPAIGN]) as second:
                await asyncio.sleep(random.uniform(10.0, 120.0))
                hold = second.centre_view.campaigns[0].hold
                assert hold is not None and hold.reason is HoldReason.STORE_OLDER
            twice = [
                number for number, calls in Counter(call.number for call in switch.placed_calls).items() if calls > 1
            ]
            assert twice == []

    attack()
