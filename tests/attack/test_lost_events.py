"""AMI events that are lost, repeated or late on a working link leave no stale calls, and nobody is dialled twice.

Calls of all kinds are live while all events of one name, or a random share of all events, are lost. Then all events are
delivered again, and within `BOUND_SECONDS` store, memory, channels and seats agree.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from random import Random
from typing import Any

import pytest

from dialer.domain.model import AttemptId
from dialer.domain.switch_events import CallEnded, EndedBy
from dialer.domain.view import CallState, SeatState
from dialer.engine.campaigns.commands import StopAll
from dialer.engine.transfers.commands import SeatConsult
from dialer.simulation.asterisk.channels import EndsBy
from dialer.simulation.asterisk.voters import Behaviour
from dialer.switch.asterisk import adapter, comparison
from tests.support.centre import Site, a_site, agents_at_work
from tests.support.full_swing import CAMPAIGNS, SEATS, SETTINGS, wait_for_all_call_kinds
from tests.support.referees import assert_no_repeated_calls, is_state_consistent
from tests.support.seats import seat
from tests.support.stored import query_site_store
from tests.support.transfers import bring_call_to, talking, third_party
from tests.support.virtual import virtual_time
from tests.support.voters import make_scripted_switch

BOUND_SECONDS = comparison.COMPARE_SECONDS + comparison.COMPARE_AGAIN_SECONDS + comparison.ARRIVAL_SECONDS + 1.0
NAMES = ("Hangup", "OriginateResponse", "DialEnd", "DialState", "ConfbridgeJoin", "ConfbridgeLeave", "UserEvent")


def make_short_calls() -> Any:
    """Return an Asterisk configuration whose voters answer and hang up within half a minute."""
    scripts = [
        Behaviour(answer_after=2.0 + n % 5, talk_seconds=8.0 + n % 7, hang_up_after=15.0 + n % 9) for n in range(100)
    ]
    return make_scripted_switch(*scripts)


async def deliver_all_events(site: Site, directory: Path) -> None:
    """Deliver all events again and wait until store, memory, channels and seats agree."""
    site.switch.set_event_faults()
    await site.until(lambda: is_state_consistent(site, directory), seconds=BOUND_SECONDS)


def assert_all_attempts_ended(directory: Path) -> None:
    assert not query_site_store(directory, "SELECT 1 FROM attempt WHERE ended_at IS NULL OR outcome IS NULL")
    assert not query_site_store(directory, "SELECT 1 FROM target WHERE state IN ('dialling', 'claimed')")


@pytest.mark.parametrize("name", NAMES)
def test_dialler_state_is_consistent_after_losing_all_asterisk_events_of_one_kind(tmp_path: Path, name: str) -> None:
    @virtual_time()
    async def run() -> None:
        async with a_site(tmp_path, make_short_calls(), seats=SEATS, **SETTINGS) as site:
            await wait_for_all_call_kinds(site)
            site.switch.set_event_faults(lose=1.0, names={name})
            await asyncio.sleep(20.0)
            await deliver_all_events(site, tmp_path)
        assert_no_repeated_calls(site, tmp_path)

    run()
    assert_all_attempts_ended(tmp_path)


@pytest.mark.parametrize("seed", range(4))
def test_dialler_state_is_consistent_after_lost_repeated_and_late_asterisk_events(tmp_path: Path, seed: int) -> None:
    @virtual_time()
    async def run() -> None:
        chance = Random(seed)
        async with a_site(tmp_path, make_short_calls(), seats=SEATS, **SETTINGS) as site, agents_at_work(site):
            for _ in range(3):
                site.switch.set_event_faults(
                    lose=chance.uniform(0.1, 0.4), repeat=chance.uniform(0, 0.3), reorder=chance.uniform(0, 0.3)
                )
                await asyncio.sleep(chance.uniform(10.0, 40.0))
                await deliver_all_events(site, tmp_path)
        assert_no_repeated_calls(site, tmp_path)

    run()
    assert_all_attempts_ended(tmp_path)


@virtual_time()
async def test_seat_becomes_ready_after_the_hangup_event_of_its_call_was_lost(tmp_path: Path) -> None:
    campaign = {**CAMPAIGNS[0], "wrap_up_seconds": 1}
    config = make_scripted_switch(Behaviour(answer_after=1.0, talk_seconds=500.0))
    async with a_site(tmp_path, config, voters=1, seats=1, campaigns=[campaign]) as site:
        await site.log_in("01")
        await site.until(lambda: site.centre_view.seats[0].state is SeatState.TALKING)
        site.switch.set_event_faults(lose=1.0)
        [voter] = [channel for channel in site.switch.channels.values() if channel.trunk is not None]
        site.switch.hang_up_channel_from_other_side(voter, EndsBy.VOTER)
        await asyncio.sleep(1)
        site.switch.set_event_faults()
        assert site.centre_view.seats[0].state is SeatState.TALKING, "the dialler cannot know it yet"
        await site.until(lambda: site.centre_view.seats[0].state is SeatState.READY, seconds=BOUND_SECONDS)
    assert query_site_store(tmp_path, "SELECT outcome FROM attempt") == [("connected",)]


@virtual_time()
async def test_agents_phone_is_called_again_although_its_hangup_event_was_lost(tmp_path: Path) -> None:
    async with a_site(tmp_path, make_scripted_switch(), voters=1, seats=1) as site:
        await site.log_in("01")
        await site.centre.engine.execute_command(StopAll())
        site.switch.set_event_faults(lose=1.0)
        site.switch.hang_up_phone("agent01")
        await asyncio.sleep(1)
        site.switch.set_event_faults()
        await site.until(lambda: site.centre_view.seats[0].state is SeatState.LOST, seconds=BOUND_SECONDS)
        await site.until(lambda: site.centre_view.seats[0].state is SeatState.READY, seconds=10)


@virtual_time()
async def test_voter_stays_connected_to_the_seat_after_the_conference_join_event_was_lost(tmp_path: Path) -> None:
    config = make_scripted_switch(Behaviour(answer_after=1.0, talk_seconds=100.0))
    async with a_site(tmp_path, config, voters=1, seats=1, campaigns=[CAMPAIGNS[0]]) as site:
        await site.log_in("01")
        site.switch.set_event_faults(lose=1.0, names={"ConfbridgeJoin"})
        await site.until(lambda: site.centre_view.campaigns[0].calls.get(CallState.CONNECTING, 0) == 1)
        await asyncio.sleep(1)
        site.switch.set_event_faults()
        await site.until(lambda: site.centre_view.seats[0].state is SeatState.TALKING, seconds=BOUND_SECONDS)


@virtual_time()
async def test_voter_returns_to_the_agent_although_the_consulted_partys_hangup_was_lost(
    tmp_path: Path,
) -> None:
    async with talking(tmp_path) as site:
        await site.centre.engine.execute_command(StopAll())
        await bring_call_to(site, "consult")
        site.switch.set_event_faults(lose=1.0)
        site.switch.hang_up_channel_from_other_side(third_party(site), EndsBy.VOTER)
        await asyncio.sleep(1)
        site.switch.set_event_faults()
        assert seat(site).transfer == "consult"
        await site.until(lambda: seat(site).transfer is None, seconds=BOUND_SECONDS)
        await site.centre.engine.execute_command(SeatConsult(seat="01", to="boss"))


@virtual_time()
async def test_channel_is_released_after_the_hangup_event_of_an_unknown_caller_was_lost(tmp_path: Path) -> None:
    async with a_site(tmp_path, make_scripted_switch(), voters=1, seats=0, **SETTINGS) as site:
        await site.centre.engine.execute_command(StopAll())
        site.switch.place_inbound_call("+917999999999", called="+911140000011", script=Behaviour(hang_up_after=100.0))
        await site.until(lambda: bool(site.centre.engine.features.calls_of_unknown_callers.trunks))
        site.switch.set_event_faults(lose=1.0)
        [caller] = [channel for channel in site.switch.channels.values() if channel.number == "+917999999999"]
        site.switch.hang_up_channel_from_other_side(caller, EndsBy.VOTER)
        await asyncio.sleep(1)
        site.switch.set_event_faults()
        assert site.centre.engine.features.calls_of_unknown_callers.trunks, "the dialler cannot know it yet"
        await site.until(lambda: not site.centre.engine.features.calls_of_unknown_callers.trunks, seconds=BOUND_SECONDS)


@virtual_time()
async def test_live_call_is_hung_up_after_an_asterisk_event_wrongly_reported_its_end(tmp_path: Path) -> None:
    config = make_scripted_switch(Behaviour(answer_after=200.0))
    async with a_site(tmp_path, config, voters=1, seats=0, campaigns=[{**CAMPAIGNS[1], "ring_seconds": 100}]) as site:
        await site.until(lambda: site.centre_view.campaigns[0].calls.get(CallState.RINGING, 0) == 1)
        attempt_id = site.switch.placed_calls[0].channel_id
        switch = site.centre.engine.features.switch
        assert isinstance(switch, adapter.AsteriskSwitch)
        switch.tracker.calls.stop_tracking_channel(AttemptId(attempt_id))
        site.centre.engine.on_switch_event(CallEnded(AttemptId(attempt_id), EndedBy.HANGUP, answered=False))
        await site.until(lambda: attempt_id not in site.switch.channels, seconds=BOUND_SECONDS)


@virtual_time()
async def test_failed_comparison_with_asterisks_channels_is_repeated_on_reconnect(
    tmp_path: Path,
) -> None:
    async with a_site(tmp_path, make_scripted_switch(), voters=1, seats=1) as site:
        await site.log_in("01")
        await site.centre.engine.execute_command(StopAll())
        switch = site.centre.engine.features.switch
        assert isinstance(switch, adapter.AsteriskSwitch)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(switch.tracker, "find_lost_events", lambda _: 1 / 0)
            await site.until(lambda: not site.centre_view.state.switch_up, seconds=comparison.COMPARE_SECONDS + 1)
        await site.until(lambda: site.centre_view.state.switch_up, seconds=10)
        site.switch.set_event_faults(lose=1.0)
        site.switch.hang_up_phone("agent01")
        await asyncio.sleep(1)
        site.switch.set_event_faults()
        await site.until(lambda: site.centre_view.seats[0].state is SeatState.LOST, seconds=BOUND_SECONDS)
