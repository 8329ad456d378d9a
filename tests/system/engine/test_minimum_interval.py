"""The minimum interval between calls to a number, across campaigns and restarts."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

from dialer.simulation.asterisk.config import SimulatedAsteriskConfig, make_seat_phones
from dialer.simulation.asterisk.voters import VoterProfile
from tests.support.centre import START_EPOCH, a_site, agents_at_work
from tests.support.stored import query_site_store
from tests.support.virtual import virtual_time

GAP_SECONDS = 900.0
HOURS = [{"start": "00:00", "until": "23:59:59"}]
# As in the demo, agents and a flow call the same roll. It is so small that both call the same numbers all the time.
CAMPAIGNS = [
    {
        "id": "agents",
        "kind": "agents",
        "pacing": "predictive",
        "hours": HOURS,
        "busy_retry_minutes": 1,
        "no_answer_retry_minutes": 2,
        "other_retry_minutes": 30,
    },
    {
        "id": "ivr",
        "kind": "ivr",
        "flow": "turnout",
        "pacing": "broadcast",
        "channels": 8,
        "hours": HOURS,
        "busy_retry_minutes": 1,
        "other_retry_minutes": 60,
    },
]
_SECOND_CALLS = """
    SELECT later.created_at - earlier.ended_at,
           (earlier.connected_at IS NOT NULL OR earlier.outcome = 'completed') AND earlier.outcome <> 'machine',
           earlier.disposition IN ('later', 'call-back') OR EXISTS (
               SELECT 1 FROM mark WHERE mark.attempt_id = earlier.attempt_id AND mark.kind = 'later'
           )
    FROM attempt AS earlier JOIN attempt AS later USING (phone_id)
    WHERE earlier.rowid <> later.rowid AND later.created_at >= earlier.created_at AND earlier.outcome <> 'refused'
"""


def make_switch_config() -> SimulatedAsteriskConfig:
    return SimulatedAsteriskConfig(
        seats=make_seat_phones(3), start_epoch=START_EPOCH, profile=VoterProfile(answer_rate=0.5), seed=3
    )


@virtual_time()
async def test_campaigns_that_share_numbers_respect_the_minimum_interval_between_calls(tmp_path: Path) -> None:
    async with (
        a_site(tmp_path, make_switch_config(), voters=60, seats=3, campaigns=CAMPAIGNS) as site,
        agents_at_work(site),
    ):
        await asyncio.sleep(1200)
    first = len(query_site_store(tmp_path, "SELECT 1 FROM attempt"))
    # The same numbers after a restart: the interval comes from the store, not from memory.
    resumed = replace(make_switch_config(), start_epoch=START_EPOCH + 1260)
    async with a_site(tmp_path, resumed, voters=60, seats=3, campaigns=CAMPAIGNS) as site, agents_at_work(site):
        await asyncio.sleep(5400)
    second_calls = query_site_store(tmp_path, _SECOND_CALLS)
    assert len(query_site_store(tmp_path, "SELECT 1 FROM attempt")) > first
    assert len(second_calls) > 20
    assert min(gap for gap, _, asked_for in second_calls if not asked_for) >= GAP_SECONDS
    # After a conversation the longer retry interval of the two campaigns applies.
    assert min(gap for gap, talked, asked_for in second_calls if talked and not asked_for) >= 3600.0
