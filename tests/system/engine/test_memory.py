"""Memory: no structure of the dialler grows with the number of calls.

`python -m bench.bench_soak` runs for hours.
"""

from __future__ import annotations

import asyncio
import ctypes
import functools
import gc
from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from zoneinfo import ZoneInfo

import pytest

from dialer.domain.clock import LoopClock
from dialer.domain.model import Outcome
from dialer.engine.campaigns.commands import PauseCampaign, ResumeCampaign
from dialer.engine.core import Core
from dialer.engine.features import Features
from dialer.engine.plan import Dependencies, EnginePlan
from dialer.engine.seats.log_ins import WrongLogIns
from dialer.process.memory import return_free_memory_to_system_repeatedly
from dialer.simulation.agents import AgentHabits
from dialer.simulation.asterisk.config import SimulatedAsteriskConfig, make_seat_phones
from dialer.simulation.asterisk.voters import VoterProfile
from dialer.simulation.site import create_profile_without_calling_hours
from dialer.simulation.virtual_time import run_in_virtual_time
from tests.support.calls import a_call
from tests.support.census import count_objects, find_growth
from tests.support.centre import START_EPOCH, Site, a_site, agents_at_work
from tests.support.roll_filler import fill_roll
from tests.support.virtual import virtual_time

CALLS = 500
SEATS = 8
HOURS = [{"start": "00:00", "until": "23:59:59"}]
CAMPAIGNS = [
    {"id": "agents", "kind": "agents", "pacing": "predictive", "hours": HOURS},
    {"id": "ivr", "kind": "ivr", "flow": "turnout", "hours": HOURS},
]
TRUNK = {
    "name": "carrier",
    "endpoint": "carrier",
    "channels": 200,
    "calls_per_second": 20,
    "caller_ids": ["+911140000001"],
}
# Rare events are frequent here, otherwise their leaks would not show.
VOTERS = VoterProfile(
    answer_rate=0.5,
    keys=(("1", 0.35), ("2", 0.30), ("3", 0.15), ("9", 0.20)),
    patience_mean_seconds=4.0,
    talk_mean_seconds=20.0,
    call_back_share=0.1,
    call_back_mean_seconds=20.0,
)
QUIET_SECONDS = 700.0  # no call is live, and the memory of the last calls has expired
A_FEW = 12


async def _make_calls_and_census(site: Site, more: int) -> Counter[str]:
    """Place this many more calls. Return the counts of objects in memory long after the calls have ended."""
    engine = site.centre.engine
    goal = sum(run.attempts for run in site.centre_view.campaigns) + more
    for campaign in ("agents", "ivr"):
        await engine.execute_command(ResumeCampaign(campaign_id=campaign))
    await site.until(lambda: sum(run.attempts for run in site.centre_view.campaigns) >= goal)
    for campaign in ("agents", "ivr"):
        await engine.execute_command(PauseCampaign(campaign_id=campaign))
    await asyncio.sleep(QUIET_SECONDS)
    assert not any(sum(run.calls.values()) for run in site.centre_view.campaigns)
    site.changes.clear()
    gc.collect()
    return count_objects(site.centre)


def _make_features() -> Features:
    plan = SimpleNamespace(seats={}, campaigns={}, polling=None)
    core = Core("test", ZoneInfo("UTC"), LoopClock(START_EPOCH), cast(EnginePlan, plan))
    return Features(core, cast(Dependencies, SimpleNamespace(store=None, switch=None)))


async def test_memory_leak_check_detects_deliberate_leaks() -> None:
    """Each case plants a leak: an attribute, a slot, a nested object, a closure, a cache, a class attribute, a
    coroutine's local variable.
    """
    count = 0

    def plant_leaks() -> Counter[str]:
        nonlocal count
        count += 1
        for each in range(50):
            entry = count * 1_000 + each
            centre.loaded_campaigns._runs[str(entry)] = None  # type: ignore[assignment]
            wrong._failures[(str(entry),)] = None  # type: ignore[assignment]
            centre.active_alerts.active.setdefault("nest", {})[str(entry)] = 1.0  # type: ignore[arg-type,index]
            in_closure.add(entry)
            endless(entry)
            WrongLogIns.of_the_class[entry] = 1.0  # type: ignore[attr-defined]
        return count_objects(centre, wrong, callbacks)

    centre, wrong, in_closure = (
        _make_features(),
        WrongLogIns(),
        set[int](),
    )
    endless = functools.lru_cache(maxsize=None)(lambda entry: [entry])
    WrongLogIns.of_the_class = {}  # type: ignore[attr-defined]
    callbacks: list[Any] = [lambda change: in_closure.discard(id(change)), endless]
    try:
        once, twice = plant_leaks(), plant_leaks()
    finally:
        del WrongLogIns.of_the_class  # type: ignore[attr-defined]
    found = find_growth(once, twice, A_FEW)
    assert {name.split(".")[-1] for name in found} >= {"_runs", "_failures", "active[]", "of_the_class"}
    assert sum(found.values()) >= 6 * 50


def test_recent_history_of_a_number_drops_old_events() -> None:
    async def play() -> Features:
        centre = _make_features()
        centre.live_calls.add_or_replace_call(a_call(phone_id=2))
        for number in range(1, 11):
            centre.recent_calls_and_opt_outs.remember_ended_call(a_call(phone_id=number), Outcome.ABANDONED)
            centre.recent_calls_and_opt_outs.remember_opt_out_of_number(number)
            await asyncio.sleep(100.0)
            centre.recent_calls_and_opt_outs.forget_old_calls_and_opt_outs()
        return centre

    centre = run_in_virtual_time(play)
    numbers = centre.recent_calls_and_opt_outs
    assert list(numbers._abandoned_at) == list(numbers._opted_out) == list(numbers._called_at) == [2, 8, 9, 10]


def test_memory_of_the_dialler_does_not_grow_with_the_number_of_calls(tmp_path: Path) -> None:
    async def play() -> tuple[Counter[str], Counter[str]]:
        switch = SimulatedAsteriskConfig(seats=make_seat_phones(SEATS), start_epoch=START_EPOCH, profile=VOTERS)
        site_of = a_site(
            tmp_path,
            switch,
            seats=SEATS,
            profile=create_profile_without_calling_hours(),
            campaigns=CAMPAIGNS,
            trunks=[TRUNK],
        )
        async with site_of as site, agents_at_work(site, AgentHabits(break_share=0.1)):
            return await _make_calls_and_census(site, CALLS), await _make_calls_and_census(site, CALLS)

    fill_roll(tmp_path / "centre.db", 10_000)
    once, twice = run_in_virtual_time(play)
    assert find_growth(once, twice, A_FEW) == {}


@virtual_time()
async def test_dialler_returns_free_memory_to_the_operating_system_every_ten_minutes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[int] = []
    monkeypatch.setattr(ctypes, "CDLL", lambda _: SimpleNamespace(malloc_trim=asked.append))
    task = asyncio.create_task(return_free_memory_to_system_repeatedly())
    await asyncio.sleep(3700)
    task.cancel()
    assert asked == [0] * 6
    monkeypatch.setattr(ctypes, "CDLL", lambda _: SimpleNamespace())
    await return_free_memory_to_system_repeatedly()  # not applicable to other C libraries
