"""Call starts: campaigns share a roll's numbers, a voter gets one call at a time, and the trunk's CPS limit is
respected.
"""

from __future__ import annotations

import asyncio
import math
import sqlite3
from contextlib import closing
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from dialer.engine.campaigns.commands import PauseCampaign, ResumeCampaign
from dialer.engine.trunks.state import LATE_SECONDS, WIRE_SECONDS, CallStarts, TrunkLimits, TrunkPool
from dialer.pacing.port import PacingSnapshot
from dialer.simulation.asterisk.config import SimulatedAsteriskConfig, make_seat_phones
from dialer.simulation.asterisk.voters import VoterProfile
from dialer.store.attempts import Refusal
from tests.support.centre import START_EPOCH, Site, a_site, agents_at_work
from tests.support.full_trunk import COMMIT_SECONDS, run_full_trunk
from tests.support.full_trunk import max_starts_per_second as most_on_the_wire
from tests.support.roll_filler import fill_roll
from tests.support.stored import query_site_store
from tests.support.virtual import virtual_time
from tests.support.voters import IVR, make_answering_switch

HOURS = [{"start": "00:00", "until": "23:59:59"}]


def make_trunk(calls_per_second: float) -> list[dict[str, Any]]:
    """Return a trunk with more channels than these tests need."""
    own = {"channels": 300, "calls_per_second": calls_per_second, "caller_ids": ["+911140000001"]}
    return [{"name": "carrier", "endpoint": "carrier", **own}]


def make_unanswered_switch() -> SimulatedAsteriskConfig:
    silent = VoterProfile(
        answer_rate=0.0, busy_share=0, unavailable_share=0, invalid_share=0, congestion_share=0, rejected_share=0
    )
    return SimulatedAsteriskConfig(seats=make_seat_phones(1), start_epoch=START_EPOCH, profile=silent)


def count_most_starts_in_a_second(site: Site, since: int = 0) -> int:
    moments = [call.placed_at for call in site.switch.placed_calls][since:]
    return max(sum(begin <= moment < begin + 0.999 + WIRE_SECONDS for moment in moments) for begin in moments)


@virtual_time()
async def test_campaigns_sharing_an_electoral_roll_together_use_the_full_call_rate_of_the_trunk(tmp_path: Path) -> None:
    campaigns = [
        {"id": each, "kind": "ivr", "flow": "turnout", "pacing": "broadcast", "hours": HOURS} for each in ("a", "b")
    ]
    async with a_site(
        tmp_path, make_unanswered_switch(), voters=3000, seats=1, campaigns=campaigns, trunks=make_trunk(3.0)
    ) as site:
        await asyncio.sleep(100)
        placed = len(site.switch.placed_calls)
    assert placed >= 0.97 * 300 / (1.0 + WIRE_SECONDS)
    by_campaign = dict(query_site_store(tmp_path, "SELECT campaign_id, count(*) FROM attempt GROUP BY 1"))
    assert set(by_campaign) == {"a", "b"}
    assert min(by_campaign.values()) >= 0.4 * placed


@pytest.mark.parametrize("rate", [5.0, 0.7])
def test_calls_after_a_slow_commit_respect_the_limit_of_calls_per_second(tmp_path: Path, rate: float) -> None:
    @virtual_time()
    async def run() -> None:
        async with a_site(
            tmp_path, make_unanswered_switch(), voters=400, campaign={**IVR, "channels": 60}, trunks=make_trunk(rate)
        ) as site:
            await site.until(lambda: len(site.switch.placed_calls) >= 3)
            store = site.centre.store
            commit, busy_until = store.commit_new_attempts, asyncio.get_running_loop().time() + 6.0

            async def commit_slowly(*attempts: Any, **limits: Any) -> Any:
                await asyncio.sleep(max(0.0, busy_until - asyncio.get_running_loop().time()))
                return await commit(*attempts, **limits)

            store.commit_new_attempts = commit_slowly  # type: ignore[method-assign]
            before = len(site.switch.placed_calls)
            await asyncio.sleep(12.0)
            placed = len(site.switch.placed_calls) - before
            assert placed >= 0.5 * 12.0 * rate / (1.0 + WIRE_SECONDS)
            assert count_most_starts_in_a_second(site) <= max(1, int(rate))

    run()


@virtual_time()
async def test_resumed_campaign_starts_without_a_burst_of_calls(tmp_path: Path) -> None:
    async with a_site(
        tmp_path, make_unanswered_switch(), voters=600, campaign={**IVR, "channels": 200}, trunks=make_trunk(10.0)
    ) as site:
        await site.until(lambda: len(site.switch.placed_calls) >= 30)
        site.centre.engine.features.retrying_store_writer.problem = "for a while"
        await asyncio.sleep(20.0)
        before = len(site.switch.placed_calls)
        site.centre.engine.features.retrying_store_writer.problem = None
        await asyncio.sleep(5.0)
        assert len(site.switch.placed_calls) - before >= 45
        assert count_most_starts_in_a_second(site, before) <= 10


@virtual_time()
async def test_voter_with_two_numbers_gets_one_call_at_a_time(tmp_path: Path) -> None:
    fill_roll(tmp_path / "centre.db", 40, voters_per_booth=100)
    with closing(sqlite3.connect(tmp_path / "centre.db")) as db:
        db.execute("DELETE FROM link")
        db.execute("DELETE FROM phone")
        for phone_id in range(1, 81):  # next to each other in the queue, because they come from one cell of the roll
            db.execute("INSERT INTO phone (phone_id, e164) VALUES (?, ?)", (phone_id, f"+91{7_000_000_000 + phone_id}"))
            db.execute("INSERT INTO link (voter_id, phone_id) VALUES (?, ?)", ((phone_id + 1) // 2, phone_id))
        db.commit()
    refusals: list[Refusal | None] = []
    async with a_site(tmp_path, make_answering_switch(talk_seconds=40.0), seats=6) as site, agents_at_work(site):
        store = site.centre.store
        commit = store.commit_new_attempts

        async def record_refusals(*attempts: Any, **limits: Any) -> list[Refusal | None]:
            refusals.extend(answer := await commit(*attempts, **limits))
            return answer

        store.commit_new_attempts = record_refusals  # type: ignore[method-assign]
        await asyncio.sleep(600)
    assert Refusal.OPEN_ATTEMPT not in refusals  # no call start is used for a call that the commit would refuse
    assert len(query_site_store(tmp_path, "SELECT DISTINCT voter_id FROM attempt WHERE connected_at IS NOT NULL")) > 30
    twice = """
        SELECT 1 FROM attempt AS one JOIN attempt AS other USING (voter_id)
        WHERE one.phone_id < other.phone_id AND one.created_at < other.ended_at AND other.created_at < one.ended_at
    """
    assert not query_site_store(tmp_path, twice)
    # a voter reached on one number is not called on the other one just afterwards
    talked_twice = """
        SELECT 1 FROM attempt WHERE connected_at IS NOT NULL
        GROUP BY voter_id HAVING count(*) > 1 AND total(disposition = 'wrong-number') = 0
    """
    assert not query_site_store(tmp_path, talked_twice)


def test_queued_calls_are_placed_evenly_within_the_limit_of_calls_per_second() -> None:
    for rate in (0.5, 1.0, 2.9, 5.0, 10.0):
        starts, now, turns = CallStarts(rate, 0.0), 100.0, []
        for _ in range(40):
            now += starts.count_seconds_until_sending(now)
            starts.record_call_sent_on_trunk(now)
            turns.append(now)
        gaps = [second - first for first, second in pairwise(turns)]
        assert min(gaps) >= 1.0 / rate - LATE_SECONDS - 1e-6
        assert turns[-1] - turns[0] == pytest.approx(39 / rate, rel=0.06)
        assert max(sum(begin <= turn < begin + 0.999 + WIRE_SECONDS for turn in turns) for begin in turns) <= math.ceil(
            rate
        )


def test_call_that_is_sent_immediately_delays_the_queued_calls_of_its_trunk() -> None:
    pool = TrunkPool([TrunkLimits("carrier", "carrier", 9, 1.0, ("+911140000001",))], 0.0)
    assert pool.choose_trunk_for_call(["carrier"], {}, 5.0, reports_end=False) is not None
    assert pool.get_trunk_rate_limiter("carrier").count_seconds_until_sending(5.0) == pytest.approx(1.0 + WIRE_SECONDS)


@virtual_time()
async def test_trunk_at_the_limit_of_calls_per_second_builds_no_queue(tmp_path: Path) -> None:
    placed = await run_full_trunk(tmp_path, calls_per_second=1.0, minutes=10, seats=4, ivr_channels=60)
    waits = [each.waited for each in placed]
    assert max(waits) <= COMMIT_SECONDS[1] + LATE_SECONDS + 0.01
    assert max(waits[-200:]) <= 1.5 * max(waits[:200])
    assert most_on_the_wire(placed) <= 1
    assert len(placed) >= 0.97 * 10 * 60 / (1.0 + WIRE_SECONDS)
    assert sum(each.kind == "agents" for each in placed) > 30


@virtual_time()
async def test_calls_for_agents_precede_ivr_calls_after_a_stalled_commit(tmp_path: Path) -> None:
    hours = [{"start": "00:00", "until": "23:59:59"}]
    campaigns = [
        {**IVR, "channels": 60, "hours": hours},
        {"id": "agents", "kind": "agents", "pacing": "progressive", "hours": hours},
    ]
    config = replace(make_unanswered_switch(), seats=make_seat_phones(3))
    async with a_site(tmp_path, config, voters=400, seats=3, campaigns=campaigns, trunks=make_trunk(5.0)) as site:
        await site.log_in("01", "02", "03")
        await site.centre.engine.execute_command(PauseCampaign(campaign_id="agents"))
        await asyncio.sleep(30.0)
        await site.until(lambda: len(site.switch.placed_calls) >= 10)
        commit, release = site.centre.store.commit_new_attempts, asyncio.Event()
        kinds: dict[str, str] = {}

        async def commit_slowly(attempts: Any, **limits: Any) -> Any:
            kinds.update({attempt.attempt_id: attempt.claim.campaign_id for attempt in attempts})
            await release.wait()
            return await commit(attempts, **limits)

        site.centre.store.commit_new_attempts = commit_slowly  # type: ignore[method-assign]
        await asyncio.sleep(0.5)  # the flow gets starts first
        await site.centre.engine.execute_command(ResumeCampaign(campaign_id="agents"))
        await asyncio.sleep(3.0)  # then agents need calls
        assert set(kinds.values()) == {"ivr", "agents"}
        assert len(kinds) <= 5  # at most a second's worth of starts is granted while the disk stalls
        before = len(site.switch.placed_calls)
        release.set()
        await asyncio.sleep(2.0)
        held_up = [kinds[call.channel_id] for call in site.switch.placed_calls[before:]][:5]
        # The first call was sent before the others arrived.
        assert held_up[1:] == sorted(held_up[1:]) and "agents" in held_up[1:]
        assert count_most_starts_in_a_second(site) <= 5


@pytest.mark.parametrize("why", ["every channel is in use", "the list is completed"])
def test_campaign_barred_from_calling_does_not_repeat_pacing_decisions_in_a_busy_loop(tmp_path: Path, why: str) -> None:
    @virtual_time()
    async def run() -> None:
        busy = why == "every channel is in use"
        trunks = [{**make_trunk(5.0)[0], "channels": 1 if busy else 30}]
        config = make_answering_switch(talk_seconds=60.0)
        async with a_site(tmp_path, config, voters=9 if busy else 1, seats=3, trunks=trunks) as site:
            await site.log_in("01", "02", "03")
            await site.until(lambda: len(site.switch.placed_calls) >= 1)
            await asyncio.sleep(10.0)
            run = site.centre.engine.features.loaded_campaigns["agents"]
            asked, decide = 0, run.pacer.count_calls_to_place

            def count_decisions(snapshot: PacingSnapshot) -> int:
                nonlocal asked
                asked += 1
                return decide(snapshot)

            run.pacer.count_calls_to_place = count_decisions  # type: ignore[method-assign]
            await asyncio.sleep(20.0)
            assert asked <= 60

    run()
