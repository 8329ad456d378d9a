"""A turnout campaign on its polling day: the booth that lags gets more of the calls, none goes out after the last one."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from datetime import date
from pathlib import Path

from tests.support.centre import START_EPOCH, a_site, agents_at_work
from tests.support.virtual import virtual_time

DAY = date(2024, 4, 22)  # of START_EPOCH, 09:30 in India


@virtual_time()
async def test_the_day_ahead_is_told_and_no_call_goes_out_after_the_last_one(tmp_path: Path) -> None:
    rules = {"polls": [{"day": DAY, "closes_at": "10:30"}]}
    polling_day = {"last_call_minutes": 30}
    async with (
        a_site(tmp_path, voters=1500, seats=4, rules=rules, polling_day=polling_day) as site,
        agents_at_work(site),
    ):
        await asyncio.sleep(20 * 60)
        ahead = site.view.forecast
        assert ahead is not None
        assert ahead.until == START_EPOCH + 30 * 60
        assert 0 < ahead.by_agents < ahead.left
        assert ahead.by_flows == 0
        await asyncio.sleep(25 * 60)
    with closing(sqlite3.connect(tmp_path / "centre.db")) as db:
        (last,) = db.execute("SELECT max(created_at) FROM attempt WHERE outcome <> 'refused'").fetchone()
        (booths,) = db.execute("SELECT count(DISTINCT booth_id) FROM attempt JOIN voter USING (voter_id)").fetchone()
    assert START_EPOCH + 25 * 60 < last <= START_EPOCH + 30 * 60
    assert booths == 15  # none was forgotten
