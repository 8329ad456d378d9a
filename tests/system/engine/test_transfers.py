"""Hold, consult, three-way call and transfer on the simulated Asterisk, including all failures."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dialer.domain.errors import CommandRefused
from dialer.domain.model import Disposition, Outcome
from dialer.domain.parties import PartyId, Place
from dialer.domain.view import CallChange, CallState, SeatState
from dialer.engine.campaigns.commands import StopCampaign
from dialer.engine.dispositions.commands import PhoneKeyDisposition
from dialer.engine.seats.commands import SeatHangUp, SeatReady
from dialer.engine.transfers.commands import (
    SeatCancelConsult,
    SeatCompleteTransfer,
    SeatConsult,
    SeatHold,
    SeatMerge,
    SeatResume,
    SeatTransfer,
)
from dialer.simulation.asterisk.channels import EndsBy
from dialer.simulation.asterisk.config import PhoneMode
from dialer.simulation.asterisk.server import SimulatedAsterisk
from tests.support.breaking import run_until_killed
from tests.support.centre import Site, a_site
from tests.support.seats import seat, wait_until_talking
from tests.support.transfers import (
    OUTSIDE,
    TRANSFERS,
    a_switch,
    bring_call_to,
    conference_members,
    count_third_parties,
    talking,
    third_party,
    voter_channel,
)
from tests.support.virtual import virtual_time


@virtual_time()
async def test_agent_puts_a_voter_on_hold_and_resumes_the_conversation(tmp_path: Path) -> None:
    async with talking(tmp_path) as site:
        execute = site.centre.engine.execute_command
        assert await execute(SeatHold(seat="01")) == "seat 01: the voter is on hold"
        await asyncio.sleep(60)
        assert voter_channel(site).application == "MusicOnHold"
        assert (seat(site).state, seat(site).transfer) == (SeatState.TALKING, "hold")
        assert conference_members(site) == {frozenset({"agent01"})}
        with pytest.raises(CommandRefused, match="seat 01 cannot hold now: the voter is on hold"):
            await execute(SeatHold(seat="01"))
        await execute(SeatResume(seat="01"))
        await asyncio.sleep(1)
        assert conference_members(site) == {frozenset({"agent01", "voter"})}
        assert seat(site).transfer is None
        await execute(SeatHangUp(seat="01"))
        await site.until(lambda: seat(site).state is SeatState.WRAP_UP)
        assert site.ended()[-1].outcome is Outcome.CONNECTED


SILENT = {"silent_music": frozenset({"default"}), "missing_sounds": frozenset({"matdan/beep"})}
"""A switch whose class of music has nothing to play, and which has not even the tone in its place."""


@virtual_time()
async def test_voter_on_hold_hears_neither_agent_nor_consultation_without_hold_music(tmp_path: Path) -> None:
    async with talking(tmp_path, replace(a_switch(), **SILENT)) as site:  # type: ignore[arg-type]
        execute = site.centre.engine.execute_command
        await execute(SeatHold(seat="01"))
        for _ in range(100):
            await asyncio.sleep(0.7)
            assert conference_members(site) == {frozenset({"agent01"})}
        await execute(SeatResume(seat="01"))
        await asyncio.sleep(1)
        assert conference_members(site) == {frozenset({"agent01", "voter"})}
        await execute(SeatConsult(seat="01", to="boss"))
        for _ in range(100):
            await asyncio.sleep(0.7)
            assert not any("voter" in room for room in conference_members(site))
        assert conference_members(site) == {frozenset({"agent01", "boss"})}


@pytest.mark.parametrize("changes", [{}, SILENT], ids=["music", "no-music"])
@virtual_time()
async def test_voter_returns_to_the_agent_when_the_hold_limit_is_reached(
    tmp_path: Path, changes: dict[str, Any]
) -> None:
    async with talking(tmp_path, replace(a_switch(), **changes)) as site:
        await site.centre.engine.execute_command(SeatHold(seat="01"))
        await asyncio.sleep(295)
        assert conference_members(site) == {frozenset({"agent01"})}
        await asyncio.sleep(306 - 295)
        assert conference_members(site) == {frozenset({"agent01", "voter"})}
        assert seat(site).transfer is None


@virtual_time()
async def test_voter_hears_music_while_the_hold_key_of_the_agents_phone_is_pressed(tmp_path: Path) -> None:
    async with talking(tmp_path) as site:
        site.switch.put_phone_on_hold("agent01")
        await site.until(lambda: voter_channel(site).application == "MusicOnHold", seconds=1)
        assert (seat(site).state, seat(site).transfer, seat(site).phone_on_hold) == (SeatState.TALKING, "hold", True)
        with pytest.raises(
            CommandRefused, match="the phone of seat 01 is on hold: take it off hold with the phone's own key"
        ):
            await site.centre.engine.execute_command(SeatResume(seat="01"))
        await asyncio.sleep(310)  # longer than the hold limit: the dialplan has returned the voter once
        assert voter_channel(site).application == "MusicOnHold"
        site.switch.take_phone_off_hold("agent01")
        await asyncio.sleep(1)
        assert conference_members(site) == {frozenset({"agent01", "voter"})}
        assert (seat(site).transfer, seat(site).phone_on_hold) == (None, False)


@virtual_time()
async def test_voter_held_by_command_stays_on_hold_when_the_phone_resumes(
    tmp_path: Path,
) -> None:
    async with talking(tmp_path) as site:
        await site.centre.engine.execute_command(SeatHold(seat="01"))
        site.switch.put_phone_on_hold("agent01")
        await asyncio.sleep(1)
        site.switch.take_phone_off_hold("agent01")
        await asyncio.sleep(1)
        assert (voter_channel(site).application, seat(site).transfer) == ("MusicOnHold", "hold")


@virtual_time()
async def test_seat_gets_no_voter_while_its_phone_is_on_hold(tmp_path: Path) -> None:
    async with a_site(tmp_path, a_switch(), seats=1) as site:
        await site.log_in("01")
        site.switch.put_phone_on_hold("agent01")
        await site.until(lambda: seat(site).phone_on_hold, seconds=1)
        for _ in range(60):
            await asyncio.sleep(1)
            assert seat(site).state is SeatState.READY
        site.switch.take_phone_off_hold("agent01")
        await wait_until_talking(site)
        site.switch.put_phone_on_hold("agent01")
        await site.until(lambda: seat(site).phone_on_hold, seconds=1)
        site.switch.reset_ami_connections()  # meanwhile the phone could be taken off hold unnoticed
        await site.until(lambda: not seat(site).phone_on_hold, seconds=20)
        await site.centre.engine.execute_command(SeatResume(seat="01"))


@virtual_time()
async def test_call_transfer_completes_after_a_consultation_and_a_three_way_call(tmp_path: Path) -> None:
    async with talking(tmp_path) as site:
        execute = site.centre.engine.execute_command
        assert await execute(SeatConsult(seat="01", to="boss")) == "seat 01: calling boss"
        assert seat(site).transfer == "calling"
        await asyncio.sleep(2)
        assert seat(site).transfer == "consult"
        assert conference_members(site) == {frozenset({"agent01", "boss"})}
        assert voter_channel(site).application == "MusicOnHold"
        await execute(SeatMerge(seat="01"))
        await asyncio.sleep(1)
        assert seat(site).transfer == "three-way"
        assert conference_members(site) == {frozenset({"agent01", "boss", "voter"})}
        assert await execute(SeatCompleteTransfer(seat="01")) == "seat 01: transferred to boss"
        await asyncio.sleep(1)
        assert conference_members(site) == {frozenset({"agent01"}), frozenset({"boss", "voter"})}
        assert seat(site).state is SeatState.WRAP_UP
        attempt = seat(site).attempt_id
        await execute(PhoneKeyDisposition(seat="01", disposition=Disposition.VOTED))
        await wait_until_talking(site)  # with the next voter, while the first one still talks to the boss
        assert seat(site).attempt_id != attempt
        site.switch.hang_up_phone("boss")
        await site.until(lambda: bool(site.ended()))
        assert (site.ended()[0].attempt_id, site.ended()[0].outcome) == (attempt, Outcome.CONNECTED)
        assert seat(site).state is SeatState.TALKING


@virtual_time()
async def test_blind_transfer_releases_the_agent_before_the_target_answers(tmp_path: Path) -> None:
    async with talking(tmp_path) as site:
        assert (
            await site.centre.engine.execute_command(SeatTransfer(seat="01", to="party-office"))
            == "seat 01: transferring to party-office"
        )
        assert seat(site).state is SeatState.WRAP_UP
        assert site.centre_view.state.trunks[0].channels_used == 2
        await asyncio.sleep(1)
        assert voter_channel(site).application == "MusicOnHold"
        await asyncio.sleep(2)
        assert conference_members(site) == {frozenset({"agent01"}), frozenset({"outside", "voter"})}
        assert third_party(site).caller_number == "+911140000001"
        site.switch.hang_up_channel_from_other_side(voter_channel(site), EndsBy.VOTER)
        await asyncio.sleep(1)
        assert count_third_parties(site) == 0
        assert site.ended()[-1].outcome is Outcome.CONNECTED


@pytest.mark.parametrize("mode", [PhoneMode.BUSY, PhoneMode.REFUSES, PhoneMode.RINGS, PhoneMode.UNREGISTERED])
@pytest.mark.parametrize("command", [SeatConsult, SeatTransfer])
@virtual_time()
async def test_voter_returns_to_the_agent_if_the_transfer_target_is_unreachable(
    command: type[SeatConsult | SeatTransfer], mode: PhoneMode, tmp_path: Path
) -> None:
    async with talking(tmp_path, a_switch(mode)) as site:
        await site.centre.engine.execute_command(StopCampaign(campaign_id="agents"))
        await site.centre.engine.execute_command(command(seat="01", to="boss"))
        await asyncio.sleep(25)
        assert conference_members(site) == {frozenset({"agent01", "voter"})}
        assert (seat(site).state, seat(site).transfer) == (SeatState.TALKING, None)
        assert count_third_parties(site) == 0


@virtual_time()
async def test_voter_of_a_failed_blind_transfer_hears_the_information_message(
    tmp_path: Path,
) -> None:
    async with talking(tmp_path, a_switch(PhoneMode.RINGS)) as site:
        execute = site.centre.engine.execute_command
        attempt = seat(site).attempt_id
        await execute(SeatTransfer(seat="01", to="boss"))
        await execute(SeatReady(seat="01"))
        await wait_until_talking(site)
        assert seat(site).attempt_id != attempt
        await site.until(lambda: any(change.attempt_id == attempt for change in site.ended()), seconds=60)
        assert any(
            isinstance(change, CallChange) and change.attempt_id == attempt and change.state is CallState.MESSAGE
            for change in site.changes
        )
        assert seat(site).state is SeatState.TALKING


@virtual_time()
async def test_consultation_of_a_transfer_target_can_be_cancelled_at_every_stage(tmp_path: Path) -> None:
    async with talking(tmp_path) as site:
        execute = site.centre.engine.execute_command
        for wait, merge in ((0.2, False), (2.0, False), (2.0, True)):
            await execute(SeatConsult(seat="01", to="boss"))
            await asyncio.sleep(wait)
            if merge:
                await execute(SeatMerge(seat="01"))
                await asyncio.sleep(1)
            assert await execute(SeatCancelConsult(seat="01")) == "seat 01: the target was hung up"
            await asyncio.sleep(2)
            assert conference_members(site) == {frozenset({"agent01", "voter"})}
            assert (seat(site).transfer, count_third_parties(site)) == (None, 0)


@virtual_time()
async def test_voter_returns_to_the_agent_if_the_consulted_target_hangs_up(tmp_path: Path) -> None:
    async with talking(tmp_path) as site:
        for merge in (False, True):
            await site.centre.engine.execute_command(SeatConsult(seat="01", to="boss"))
            await asyncio.sleep(2)
            if merge:
                await site.centre.engine.execute_command(SeatMerge(seat="01"))
                await asyncio.sleep(1)
            site.switch.hang_up_phone("boss")
            await asyncio.sleep(1)
            assert conference_members(site) == {frozenset({"agent01", "voter"})}
            assert seat(site).transfer is None


@pytest.mark.parametrize("stage", ["hold", "calling", "consult"])
@virtual_time()
async def test_voter_on_hold_hears_the_information_message_if_the_agents_phone_dies(stage: str, tmp_path: Path) -> None:
    async with talking(tmp_path) as site:
        command = SeatHold(seat="01") if stage == "hold" else SeatConsult(seat="01", to="boss")
        await site.centre.engine.execute_command(command)
        await asyncio.sleep(2 if stage == "consult" else 0.3)
        assert seat(site).transfer == stage
        site.switch.hang_up_phone("agent01")
        await asyncio.sleep(1)
        assert voter_channel(site).context == "matdan-message"
        assert count_third_parties(site) == 0
        await site.until(lambda: bool(site.ended()), seconds=20)
        assert site.ended()[0].outcome is Outcome.CONNECTED


@virtual_time()
async def test_three_way_call_continues_if_the_agents_phone_dies(tmp_path: Path) -> None:
    async with talking(tmp_path) as site:
        await site.centre.engine.execute_command(SeatConsult(seat="01", to="boss"))
        await asyncio.sleep(2)
        await site.centre.engine.execute_command(SeatMerge(seat="01"))
        await asyncio.sleep(1)
        site.switch.hang_up_phone("agent01")
        await asyncio.sleep(1)
        assert frozenset({"boss", "voter"}) in conference_members(site)
        await site.until(lambda: seat(site).state is SeatState.READY or seat(site).state is SeatState.TALKING)
        assert frozenset({"boss", "voter"}) in conference_members(site)


@pytest.mark.parametrize("wait", [0.3, 2.0])
@virtual_time()
async def test_consulted_target_is_hung_up_if_the_voter_on_hold_hangs_up(wait: float, tmp_path: Path) -> None:
    async with talking(tmp_path) as site:
        await site.centre.engine.execute_command(SeatConsult(seat="01", to="boss"))
        await asyncio.sleep(wait)
        site.switch.hang_up_channel_from_other_side(voter_channel(site), EndsBy.VOTER)
        await asyncio.sleep(2)
        assert count_third_parties(site) == 0
        assert seat(site).state is SeatState.WRAP_UP
        assert site.ended()[-1].outcome is Outcome.CONNECTED


@virtual_time()
async def test_transfer_steps_that_are_impossible_in_the_current_state_are_refused(tmp_path: Path) -> None:
    async with a_site(tmp_path, a_switch(), seats=1, transfers=TRANSFERS) as site:
        execute = site.centre.engine.execute_command
        await site.log_in("01")
        for command in (SeatHold(seat="01"), SeatTransfer(seat="01", to="boss"), SeatMerge(seat="01")):
            with pytest.raises(CommandRefused, match=r"^seat 01 has no call that could be held or transferred$"):
                await execute(command)
        with pytest.raises(CommandRefused, match="seat '77' is not in the settings"):
            await execute(SeatHold(seat="77"))
        await wait_until_talking(site)
        for to in ("+919001234567", "nobody", "boss\r\nAction: Hangup", ""):
            with pytest.raises(CommandRefused) as refused:
                await execute(SeatTransfer.model_construct(seat="01", to=to))
            assert str(refused.value) == (
                "unknown transfer target: choose a `name` from [[transfers]] in the settings: boss, party-office"
            )
        for early in (
            SeatResume(seat="01"),
            SeatMerge(seat="01"),
            SeatCompleteTransfer(seat="01"),
            SeatCancelConsult(seat="01"),
        ):
            with pytest.raises(CommandRefused, match="the voter is with the agent"):
                await execute(early)
        await execute(SeatConsult(seat="01", to="boss"))
        with pytest.raises(CommandRefused, match="cannot consult now: the target's phone rings"):
            await execute(SeatConsult(seat="01", to="boss"))
        assert count_third_parties(site) == 1


@virtual_time()
async def test_transfer_to_a_forbidden_number_prefix_is_refused(tmp_path: Path) -> None:
    async with talking(tmp_path) as site:
        rules = site.centre.engine.features.core.plan.gate.rules
        object.__setattr__(rules, "denied_prefixes", ("+91114000",))
        with pytest.raises(CommandRefused, match="party-office was not called: prefix denied"):
            await site.centre.engine.execute_command(SeatTransfer(seat="01", to="party-office"))
        assert not [call for call in site.switch.placed_calls if call.number == OUTSIDE]
        assert conference_members(site) == {frozenset({"agent01", "voter"})}


@virtual_time()
async def test_transfer_over_a_full_trunk_is_refused_and_the_voter_stays_with_the_agent(tmp_path: Path) -> None:
    trunk = {"name": "carrier", "endpoint": "carrier", "channels": 1, "calls_per_second": 5}
    async with talking(tmp_path, trunks=[{**trunk, "caller_ids": ["+911140000001"]}]) as site:
        with pytest.raises(CommandRefused, match="trunk carrier has no free channel"):
            await site.centre.engine.execute_command(SeatConsult(seat="01", to="party-office"))
        assert conference_members(site) == {frozenset({"agent01", "voter"})}


@pytest.mark.parametrize("stage", ["hold", "calling", "consult", "three-way", "transferred"])
@virtual_time()
async def test_restarted_dialler_recovers_voters_on_hold(stage: str, tmp_path: Path) -> None:
    async with SimulatedAsterisk(a_switch()) as switch:
        async with run_until_killed(tmp_path, switch, seats=1, transfers=TRANSFERS) as first:
            await first.log_in("01")
            await wait_until_talking(first)
            attempt = voter_channel(first).uniqueid
            await bring_call_to(first, stage)
            before = conference_members(first)
        assert attempt in switch.channels
        async with a_site(tmp_path, switch=switch, seats=1, transfers=TRANSFERS) as again:
            await asyncio.sleep(4)
            if stage in {"hold", "calling"}:  # nobody would return to the voter
                assert conference_members(again) == {frozenset({"agent01", "voter"})}
                assert count_third_parties(again) == 0
            elif stage == "transferred":  # the agent may already have the next voter
                assert frozenset({"boss", "voter"}) in conference_members(again)
            else:
                assert conference_members(again) == before
            if stage in {"consult", "three-way"}:
                assert (seat(again).state, seat(again).transfer) == (SeatState.TALKING, stage)
            switch.hang_up_channel_from_other_side(switch.channels[attempt], EndsBy.VOTER)
            await again.until(lambda: bool(again.ended()), seconds=5)
            assert again.ended()[0].outcome is Outcome.CONNECTED
            await asyncio.sleep(1)
            assert count_third_parties(again) == 0


@pytest.mark.parametrize("stage", ["hold", "calling", "consult", "three-way", "transferred"])
@virtual_time()
async def test_call_transfers_continue_unchanged_while_asterisk_is_disconnected(stage: str, tmp_path: Path) -> None:
    async with talking(tmp_path, a_switch(PhoneMode.ANSWERS)) as site:
        await bring_call_to(site, stage)
        site.switch.reset_ami_connections()
        await site.until(lambda: not site.centre_view.state.switch_up)
        await site.until(lambda: site.centre_view.state.switch_up)
        await asyncio.sleep(4)
        expected = {
            "hold": {frozenset({"agent01"})},
            "calling": {frozenset({"agent01", "boss"})},
            "consult": {frozenset({"agent01", "boss"})},
            "three-way": {frozenset({"agent01", "boss", "voter"})},
            "transferred": {frozenset({"agent01"}), frozenset({"boss", "voter"})},
        }
        assert conference_members(site) == expected[stage]
        if stage in {"calling", "consult"}:
            await site.centre.engine.execute_command(SeatMerge(seat="01"))
            await asyncio.sleep(1)
            assert conference_members(site) == expected["three-way"]


@pytest.mark.parametrize("target", ["boss", "party-office"])
@pytest.mark.parametrize("killed", [False, True])
@virtual_time()
async def test_dialler_recovers_a_consulted_target_after_losing_asterisk_and_after_a_restart(
    target: str, killed: bool, tmp_path: Path
) -> None:
    async def start_consultation(site: Site) -> None:
        await site.log_in("01")
        await wait_until_talking(site)
        await site.centre.engine.execute_command(SeatConsult(seat="01", to=target))
        await asyncio.sleep(3)

    async def complete_transfer(site: Site) -> None:
        await asyncio.sleep(4)
        assert seat(site).transfer == "consult"
        outside = 1 if target == "party-office" else 0
        assert site.centre_view.state.trunks[0].channels_used == 1 + outside, "the voter's channel, and the target's"
        said = await site.centre.engine.execute_command(SeatCompleteTransfer(seat="01"))
        assert said == f"seat 01: transferred to {target}"

    async with SimulatedAsterisk(a_switch()) as switch:
        if not killed:
            async with a_site(tmp_path, switch=switch, seats=1, transfers=TRANSFERS, voters=1) as site:
                await start_consultation(site)
                site.switch.reset_ami_connections()
                await complete_transfer(site)
            return
        async with run_until_killed(tmp_path, switch, seats=1, transfers=TRANSFERS, voters=1) as first:
            await start_consultation(first)
        async with a_site(tmp_path, switch=switch, seats=1, transfers=TRANSFERS, voters=1) as again:
            await complete_transfer(again)


@virtual_time()
async def test_voter_returns_to_the_agent_if_the_target_left_while_asterisk_was_disconnected(tmp_path: Path) -> None:
    async with talking(tmp_path) as site:
        await bring_call_to(site, "consult")
        site.switch.reset_ami_connections()
        site.switch.hang_up_phone("boss")
        await site.until(lambda: not site.centre_view.state.switch_up)
        await site.until(lambda: site.centre_view.state.switch_up)
        await asyncio.sleep(1)
        assert conference_members(site) == {frozenset({"agent01", "voter"})}
        assert seat(site).transfer is None


@virtual_time()
async def test_voter_stays_with_the_agent_if_the_target_hangs_up_as_the_transfer_completes(tmp_path: Path) -> None:
    async with talking(tmp_path, campaign={"wrap_up_seconds": 3}) as site:
        execute, attempt = site.centre.engine.execute_command, seat(site).attempt_id
        await execute(SeatConsult(seat="01", to="boss"))
        await asyncio.sleep(2)
        switch = site.centre.engine.features.switch
        move = switch.move_third_party

        async def move_and_lose(party_id: PartyId, place: Place) -> None:
            await move(party_id, place)
            site.switch.hang_up_phone("boss")
            await asyncio.sleep(0.05)

        switch.move_third_party = move_and_lose  # type: ignore[method-assign]
        with pytest.raises(CommandRefused, match=r"boss has hung up\. The call stays with you"):
            await execute(SeatCompleteTransfer(seat="01"))
        await asyncio.sleep(60)
        assert (seat(site).state, seat(site).attempt_id) == (SeatState.TALKING, attempt)
        assert frozenset({"agent01", "voter"}) in conference_members(site)
        assert not site.centre_view.campaigns[0].abandoned
