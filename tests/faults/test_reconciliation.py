"""Reconciliation after an Asterisk restart, a lost manager connection, or a killed dialler, with calls in all states.

Within 5 s after the recovery, the store, the seats and Asterisk's channels agree, and no number was dialled twice.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from dialer.domain.model import Disposition, Outcome
from dialer.domain.view import CallState, SeatState
from dialer.engine.campaigns.commands import StopAll
from dialer.engine.dispositions.commands import PhoneKeyDisposition, SeatDispose
from dialer.simulation.asterisk.server import SimulatedAsterisk
from dialer.simulation.asterisk.voters import Behaviour
from tests.support.breaking import run_until_killed
from tests.support.centre import a_site
from tests.support.full_swing import CAMPAIGNS, SEATS, SETTINGS, make_long_calls, wait_for_all_call_kinds
from tests.support.referees import assert_no_repeated_calls, is_state_consistent, list_live_attempts
from tests.support.roll_filler import fill_roll
from tests.support.stored import query_site_store
from tests.support.virtual import virtual_time
from tests.support.voters import make_scripted_switch


@virtual_time()
async def test_dialler_and_asterisk_agree_on_calls_and_seats_after_asterisk_restarts(tmp_path: Path) -> None:
    async with a_site(tmp_path, make_long_calls(), seats=SEATS, **SETTINGS) as site:
        await wait_for_all_call_kinds(site)
        before = list_live_attempts(site)
        await site.switch.restart(down_seconds=3.0)
        await site.until(lambda: site.centre_view.state.switch_up, seconds=10)
        await site.until(lambda: is_state_consistent(site, tmp_path), seconds=5)
        assert not before & list_live_attempts(site)
        ends = dict(query_site_store(tmp_path, "SELECT attempt_id, outcome FROM attempt WHERE ended_at IS NOT NULL"))
        assert before <= set(ends)
        assert {ends[attempt] for attempt in before} >= {
            Outcome.CONNECTED.value,
            Outcome.LEFT.value,
            Outcome.UNKNOWN.value,
        }
        await site.until(lambda: all(seat.state is not SeatState.LOST for seat in site.centre_view.seats), seconds=15)
    assert_no_repeated_calls(site, tmp_path)


@pytest.mark.parametrize("kind", ["ivr", "agents"])
def test_call_cancelled_while_asterisk_is_unreachable_is_hung_up_on_reconnect(tmp_path: Path, kind: str) -> None:
    """All campaigns are stopped at the moment of the disconnect. No call may be answered afterwards."""
    campaign = {**CAMPAIGNS[0], "ring_seconds": 40} if kind == "agents" else {**CAMPAIGNS[1], "ring_seconds": 40}

    @virtual_time()
    async def run() -> None:
        config = make_scripted_switch(*[Behaviour(answer_after=25.0, hang_up_after=20.0)] * 20)
        async with a_site(tmp_path, config, seats=2, campaigns=[campaign]) as site:
            if kind == "agents":
                await site.log_in("01", "02")
            await site.until(lambda: len(site.switch.placed_calls) >= 2)
            await asyncio.sleep(3.0)
            site.switch.reset_ami_connections()
            await asyncio.sleep(0.01)
            await site.centre.engine.execute_command(StopAll())
            await site.until(lambda: site.centre_view.state.switch_up, seconds=10)
            await site.until(lambda: all(call.ended_at is not None for call in site.switch.placed_calls), seconds=1)
            assert not any(call.answered_at for call in site.switch.placed_calls)
            assert {change.outcome for change in site.ended()} == {Outcome.CANCELLED}

    run()


@pytest.mark.parametrize("kind", ["ivr", "agents"])
def test_call_answered_while_asterisk_is_unreachable_is_not_hung_up(tmp_path: Path, kind: str) -> None:
    """FastAGI reports that a flow's call was answered. Only the manager connection would report it for an agents' call."""
    flow = kind == "ivr"
    campaign = CAMPAIGNS[1] if flow else {**CAMPAIGNS[0], "ring_seconds": 40}

    @virtual_time()
    async def run() -> None:
        config = make_scripted_switch(Behaviour(answer_after=4.0, hang_up_after=60.0))
        async with a_site(tmp_path, config, voters=1, seats=0 if flow else 1, campaigns=[campaign]) as site:
            if not flow:
                await site.log_in("01")
            await site.until(lambda: site.centre_view.campaigns[0].calls.get(CallState.RINGING, 0) == 1)
            cut = asyncio.create_task(site.switch.refuse_ami_connections_for_seconds(6.0))
            await asyncio.sleep(0.1)
            await site.centre.engine.execute_command(StopAll())
            await cut
            assert site.switch.placed_calls[0].answered_at is not None
            await site.until(lambda: site.centre_view.state.switch_up, seconds=30)
            await asyncio.sleep(5.0 if flow else 1.0)  # no seat is free any more, so it gets the information message
            assert site.switch.placed_calls[0].ended_at is None

    run()


@virtual_time()
async def test_ringing_call_continues_after_the_dialler_reconnects_to_asterisk(tmp_path: Path) -> None:
    config = make_scripted_switch(Behaviour(answer_after=25.0, hang_up_after=20.0))
    campaign = {**CAMPAIGNS[1], "ring_seconds": 40}
    async with a_site(tmp_path, config, voters=1, seats=0, campaigns=[campaign]) as site:
        await site.until(lambda: site.centre_view.campaigns[0].calls.get(CallState.RINGING, 0) == 1)
        await site.switch.refuse_ami_connections_for_seconds(3.0)
        await site.until(lambda: site.centre_view.state.switch_up, seconds=10)
        await asyncio.sleep(5.0)
        assert site.switch.placed_calls[0].ended_at is None


@virtual_time()
async def test_conversations_continue_during_a_minute_without_connection_to_asterisk(tmp_path: Path) -> None:
    async with a_site(tmp_path, make_long_calls(), seats=SEATS, **SETTINGS) as site:
        await wait_for_all_call_kinds(site)
        before, placed = list_live_attempts(site), len(site.switch.placed_calls)
        cut = asyncio.create_task(site.switch.refuse_ami_connections_for_seconds(60.0))
        await asyncio.sleep(59.5)
        assert len(site.switch.placed_calls) == placed
        await cut
        await site.until(lambda: site.centre_view.state.switch_up, seconds=35)
        await site.until(lambda: is_state_consistent(site, tmp_path), seconds=5)
        assert before & list_live_attempts(site)  # conversations continued all the time
    assert_no_repeated_calls(site, tmp_path)


@pytest.mark.parametrize("away_seconds", [0.0, 20.0])
def test_dialler_and_asterisk_agree_on_calls_and_seats_after_a_killed_dialler_restarts(
    tmp_path: Path, away_seconds: float
) -> None:
    @virtual_time()
    async def run() -> None:
        fill_roll(tmp_path / "centre.db", 90, voters_per_booth=100)
        async with SimulatedAsterisk(replace(make_long_calls())) as switch:
            async with run_until_killed(tmp_path, switch) as first:
                await wait_for_all_call_kinds(first)
                before = list_live_attempts(first)
            await asyncio.sleep(away_seconds)
            async with a_site(tmp_path, switch=switch, seats=SEATS, **SETTINGS) as site:
                await site.until(lambda: is_state_consistent(site, tmp_path), seconds=5)
                went_on = before & list_live_attempts(site)
                assert went_on
                seated = {seat.attempt_id for seat in site.centre_view.seats if seat.state is SeatState.TALKING}
                assert len(seated) == SEATS
                inbound = {
                    row[0]
                    for row in query_site_store(tmp_path, "SELECT attempt_id FROM attempt WHERE direction = 'inbound'")
                }
                assert inbound & seated  # an inbound conversation too, whose channel's id is Asterisk's own
                await site.until(
                    lambda: (
                        not query_site_store(
                            tmp_path, "SELECT 1 FROM attempt WHERE direction = 'inbound' AND ended_at IS NULL"
                        )
                    ),
                    seconds=200,
                )
                assert (
                    dict(
                        query_site_store(
                            tmp_path, "SELECT outcome, count(*) FROM attempt WHERE direction = 'inbound' GROUP BY 1"
                        )
                    )[Outcome.CONNECTED.value]
                    == 1
                )
        assert_no_repeated_calls(site, tmp_path)

    run()
    assert not query_site_store(tmp_path, "SELECT 1 FROM attempt WHERE ended_at IS NULL")


@pytest.mark.parametrize(
    ("said", "outcome", "due"),
    [
        (PhoneKeyDisposition(seat="01", disposition=Disposition.LATER, hour=16), Outcome.CONNECTED, "16:45"),
        (
            PhoneKeyDisposition(seat="01", disposition=Disposition.CALL_BACK),
            Outcome.CONNECTED,
            "10:30",
        ),  # an hour after the disposition
        (PhoneKeyDisposition(seat="01", disposition=Disposition.REFUSED), Outcome.CONNECTED, None),
        (PhoneKeyDisposition(seat="01", disposition=Disposition.MACHINE), Outcome.MACHINE, "10:30"),
    ],
)
def test_disposition_entered_during_a_call_survives_a_killed_dialler(
    tmp_path: Path, said: SeatDispose, outcome: Outcome, due: str | None
) -> None:
    campaign = {**CAMPAIGNS[0], "wrap_up_seconds": 20, "machine_detection": "after-seat", "other_retry_minutes": 60}

    @virtual_time()
    async def run() -> None:
        fill_roll(tmp_path / "centre.db", 90, voters_per_booth=100)
        async with SimulatedAsterisk(
            make_scripted_switch(*[Behaviour(answer_after=2.0, talk_seconds=60.0)] * 9)
        ) as switch:
            async with run_until_killed(tmp_path, switch, seats=1, campaigns=[campaign]) as first:
                await first.log_in("01")
                await first.until(lambda: first.centre_view.seats[0].state is SeatState.TALKING)
                await first.centre.engine.execute_command(said)
            async with a_site(tmp_path, switch=switch, seats=1, campaigns=[campaign]) as site:
                await site.until(lambda: site.centre_view.seats[0].state is SeatState.TALKING, seconds=5)
                await site.until(lambda: site.centre_view.seats[0].state is SeatState.WRAP_UP, seconds=70)
                await asyncio.sleep(1)

    run()
    [(ended_as, state, due_at)] = query_site_store(
        tmp_path,
        "SELECT outcome, state, due_at FROM target JOIN attempt USING (phone_id) WHERE disposition IS NOT NULL",
    )
    assert ended_as == outcome
    assert state == ("closed" if due is None else "due")
    if due is not None:
        assert datetime.fromtimestamp(due_at, ZoneInfo("Asia/Kolkata")).strftime("%H:%M").startswith(due)


@virtual_time()
async def test_vote_reported_in_an_ivr_flow_survives_a_killed_dialler(tmp_path: Path) -> None:
    campaign = {**CAMPAIGNS[1], "channels": 1}
    later = Behaviour(keys=((4.0, "2"), (8.0, "4")), hang_up_after=60.0)
    fill_roll(tmp_path / "centre.db", 1, voters_per_booth=100)
    async with SimulatedAsterisk(make_scripted_switch(later)) as switch:
        async with run_until_killed(tmp_path, switch, seats=0, campaigns=[campaign]) as first:
            await first.until(lambda: bool(query_site_store(tmp_path, "SELECT 1 FROM mark WHERE kind = 'later'")))
            assert not first.ended()
        async with a_site(tmp_path, switch=switch, seats=0, campaigns=[campaign]) as site:
            await site.until(lambda: len(site.ended()) == 1, seconds=70)
            await asyncio.sleep(1)
    [(state, due_at)] = query_site_store(tmp_path, "SELECT state, due_at FROM target")
    assert (state, datetime.fromtimestamp(due_at, ZoneInfo("Asia/Kolkata")).strftime("%H:%M")) == ("due", "16:45")


@virtual_time()
async def test_remaining_voters_of_a_household_call_are_known_after_a_restart(
    tmp_path: Path,
) -> None:
    campaign = {**CAMPAIGNS[1], "ring_seconds": 60}
    fill_roll(tmp_path / "centre.db", 4, voters_per_booth=100)  # two voters share the third number
    async with SimulatedAsterisk(
        make_scripted_switch(*[Behaviour(answer_after=40.0, hang_up_after=10.0)] * 3)
    ) as switch:
        async with run_until_killed(tmp_path, switch, seats=0, campaigns=[campaign]) as first:
            await first.until(lambda: len(switch.placed_calls) == 3)
            before = {
                call.phone_id: call.pending_voters for call in first.centre.engine.features.live_calls.list_live_calls()
            }
        async with a_site(tmp_path, switch=switch, seats=0, campaigns=[campaign]) as site:
            await site.until(lambda: len(site.centre.engine.features.live_calls) == 3, seconds=10)
            adopted = {
                call.phone_id: call.pending_voters for call in site.centre.engine.features.live_calls.list_live_calls()
            }
    assert before == adopted == {1: 1, 2: 1, 3: 2}
