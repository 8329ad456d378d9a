"""Seats on the simulated Asterisk: log-in by phone, keys, and dropped phones, with complete calls in virtual time."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from dialer.domain.errors import CommandRefused, LogInRefused
from dialer.domain.model import Disposition, Outcome
from dialer.domain.view import CallChange, CallState, SeatState, SeatView
from dialer.engine.dispositions.commands import PhoneKeyDisposition
from dialer.engine.seats.commands import SeatCall, SeatHangUp, SeatLogIn, SeatLogOff, SeatPause, SeatReady, SeatUnlock
from dialer.engine.seats.pins import PinCheck
from dialer.simulation.asterisk.channels import EndsBy
from dialer.simulation.asterisk.config import PhoneMode, SimulatedAsteriskConfig, make_seat_phones
from dialer.simulation.asterisk.server import SimulatedAsterisk
from dialer.simulation.asterisk.voters import Behaviour
from tests.support.agi_peer import connect_as
from tests.support.centre import START_EPOCH, Site, a_site
from tests.support.seats import (
    AGENTS,
    CHEAP,
    log_in_by_phone,
    press_keys,
    run_site_with_pins,
    seat,
    switch_config,
    wait_until_talking,
)
from tests.support.stored import query_site_store
from tests.support.virtual import virtual_time
from tests.support.voters import NOBODY_ANSWERS


def list_call_states(site: Site, attempt_id: str | None) -> list[CallState]:
    """Return the states of a call, in order."""
    return [
        change.state for change in site.changes if isinstance(change, CallChange) and change.attempt_id == attempt_id
    ]


# Logging in


@virtual_time()
async def test_agent_logs_in_by_dialling_the_log_in_code(tmp_path: Path) -> None:
    async with run_site_with_pins(tmp_path) as site:
        await log_in_by_phone(site, "101", "2468")
        assert (seat(site).state, seat(site).agent) == (SeatState.READY, "101")
        assert query_site_store(tmp_path, "SELECT seat, agent, paused FROM log_in") == [("01", "101", 0)]
        await site.centre.engine.execute_command(SeatLogOff(seat="01"))
        await site.until(lambda: site.switch.find_phone_channel("agent01") is None, seconds=2)
        assert (seat(site).state, seat(site).agent) == (SeatState.OFFLINE, None)
        assert query_site_store(tmp_path, "SELECT * FROM log_in") == []


@virtual_time()
async def test_agent_phone_can_dial_only_the_log_in_code(tmp_path: Path) -> None:
    async with run_site_with_pins(tmp_path, agent_login={"code": "*1"}) as site:
        for extension in ("s", "01", "*2", "+919800000001", "h"):
            assert site.switch.dial_extension_from_phone("agent01", extension) is None


@virtual_time()
async def test_agent_logs_in_by_answering_the_call_that_the_desk_requested(tmp_path: Path) -> None:
    async with run_site_with_pins(tmp_path) as site:
        assert await site.centre.engine.execute_command(SeatCall(seat="02")) == "seat 02: the phone is being called"
        await site.until(lambda: site.switch.find_phone_channel("agent02") is not None)
        await press_keys(site, "102#", "agent02")
        await press_keys(site, "1357#", "agent02")
        await site.until(lambda: seat(site, "02").state is SeatState.READY, seconds=10)
        with pytest.raises(CommandRefused, match="seat 02 is already in use"):
            await site.centre.engine.execute_command(SeatCall(seat="02"))


@virtual_time()
async def test_three_wrong_pins_on_the_phone_end_the_log_in_call(tmp_path: Path) -> None:
    async with run_site_with_pins(tmp_path) as site:
        site.switch.dial_extension_from_phone("agent01", "*1")
        for keyed in ("101#", "9999#", "101#", "2468#"):
            await press_keys(site, keyed)
        await site.until(lambda: seat(site).state is SeatState.READY, seconds=10)
        site.switch.dial_extension_from_phone("agent02", "*1")
        for keyed in ("102#", "0000#") * 3:
            await press_keys(site, keyed, "agent02")
        await site.until(lambda: site.switch.find_phone_channel("agent02") is None, seconds=10)
        assert seat(site, "02").state is SeatState.OFFLINE


@virtual_time()
async def test_incomplete_log_in_by_phone_does_not_change_the_seat(tmp_path: Path) -> None:
    async with run_site_with_pins(tmp_path) as site:
        site.switch.dial_extension_from_phone("agent01", "*1")
        await site.until(lambda: site.switch.find_phone_channel("agent01") is None, seconds=60)
        site.switch.dial_extension_from_phone("agent01", "*1")
        await press_keys(site, "101#")
        site.switch.hang_up_phone("agent01")
        await asyncio.sleep(60)
        assert seat(site).state is SeatState.OFFLINE
        assert site.switch.find_phone_channel("agent01") is None


@virtual_time()
async def test_agent_can_log_in_without_installed_prompts(tmp_path: Path) -> None:
    config = SimulatedAsteriskConfig(
        seats=make_seat_phones(2),
        start_epoch=START_EPOCH,
        profile=NOBODY_ANSWERS,
        missing_sounds=frozenset(f"matdan/hi/seat/{what}" for what in ("number", "pin", "welcome")),
    )
    async with a_site(tmp_path, config, agents=AGENTS) as site:
        await log_in_by_phone(site, "101", "2468")
        assert seat(site).state is SeatState.READY


@virtual_time()
async def test_seat_accepts_only_one_agent_and_an_agent_may_have_only_one_seat(tmp_path: Path) -> None:
    async with run_site_with_pins(tmp_path) as site:
        execute = site.centre.engine.execute_command
        await execute(SeatLogIn(seat="01", agent="101", pin="2468"))
        with pytest.raises(CommandRefused, match="seat 01 is already in use"):
            await execute(SeatLogIn(seat="01", agent="102", pin="1357"))
        with pytest.raises(CommandRefused, match="logged in at seat 01: log off there first"):
            await execute(SeatLogIn(seat="02", agent="101", pin="2468"))
        await log_in_by_phone(site, "101", "2468", "agent02")
        assert seat(site, "02").state is SeatState.OFFLINE
        await execute(SeatLogIn(seat="02", agent="102", pin="1357"))
        await site.until(lambda: seat(site, "02").state is SeatState.READY)


@virtual_time()
async def test_log_in_from_the_desk_needs_the_correct_pin(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    async with run_site_with_pins(tmp_path) as site:
        said = set()
        for number, pin in (
            ("101", "1111"),
            ("999", "2468"),
            ("agent-7", "2468"),
            ("101", "2468" * 10),
            ("101", ""),
            ("１０１", "2468"),
            ("101\r\nAction: Originate", "2468"),
        ):
            with pytest.raises(LogInRefused) as refused:
                await site.centre.engine.execute_command(SeatLogIn(seat="01", agent=number, pin=pin))
            said.add(str(refused.value))
        assert len(said) == 1
        assert "2468" not in repr(SeatLogIn(seat="01", agent="101", pin="2468"))
    logged = capfd.readouterr()
    assert not [secret for secret in ("2468", "agent-7", "Originate") if secret in logged.out + logged.err]


@virtual_time()
async def test_ten_wrong_pins_lock_agent_and_seat(tmp_path: Path) -> None:
    async with run_site_with_pins(tmp_path, agent_login={"lock_minutes": 10}) as site:
        execute = site.centre.engine.execute_command

        async def expect_refused_log_in(name: str, number: str, pin: str) -> None:
            with pytest.raises(LogInRefused):
                await execute(SeatLogIn(seat=name, agent=number, pin=pin))

        for _ in range(10):
            await expect_refused_log_in("01", "101", "0000")
        assert [alert.code for alert in site.centre_view.alerts] == ["log-in-locked-01"]
        await expect_refused_log_in("01", "101", "2468")  # both are locked
        await expect_refused_log_in("01", "102", "1357")  # the seat is locked
        await expect_refused_log_in("02", "101", "2468")  # the agent is locked
        await execute(SeatLogIn(seat="02", agent="102", pin="1357"))
        assert await execute(SeatUnlock(seat="01")) == "seat 01: unlocked"
        assert site.centre_view.alerts == ()
        await execute(SeatLogIn(seat="01", agent="101", pin="2468"))
        with pytest.raises(CommandRefused, match="not locked"):
            await execute(SeatUnlock(seat="01"))


@virtual_time()
async def test_lock_of_agent_and_seat_after_wrong_pins_expires(tmp_path: Path) -> None:
    async with run_site_with_pins(tmp_path, agent_login={"lock_minutes": 10}) as site:
        for number in ("7", "101") * 5:  # unknown numbers count for the seat
            with pytest.raises(LogInRefused):
                await site.centre.engine.execute_command(SeatLogIn(seat="01", agent=number, pin="0000"))
        await asyncio.sleep(599)
        with pytest.raises(LogInRefused):
            await site.centre.engine.execute_command(SeatLogIn(seat="01", agent="101", pin="2468"))
        await asyncio.sleep(2)
        assert site.centre_view.alerts == ()
        await site.centre.engine.execute_command(SeatLogIn(seat="01", agent="101", pin="2468"))


@virtual_time()
async def test_phone_log_in_needs_agents_in_the_settings(tmp_path: Path) -> None:
    async with run_site_with_pins(tmp_path, agents=[]) as site:
        site.switch.dial_extension_from_phone("agent01", "*1")
        await site.until(lambda: site.switch.find_phone_channel("agent01") is None, seconds=20)
        with pytest.raises(CommandRefused, match=r"the settings have no \[\[agents\]\]"):
            await site.centre.engine.execute_command(SeatCall(seat="01"))
        with pytest.raises(CommandRefused, match="use 1 to 40 letters"):
            await site.centre.engine.execute_command(SeatLogIn(seat="01", agent="a b\r\n"))
        assert seat(site).state is SeatState.OFFLINE


@virtual_time()
async def test_log_in_from_an_unknown_phone_is_rejected(tmp_path: Path) -> None:
    async with run_site_with_pins(tmp_path) as site:
        for channel in ("PJSIP/carrier-00000001", "PJSIP/agent99-00000001", "agent01", "Local/agent01-00000001;1", ""):
            async with connect_as(site.centre.agi_port, "seat", "1.1", channel) as call:
                assert await call.command() == ""  # no prompt is played
        assert seat(site).state is SeatState.OFFLINE


@virtual_time()
async def test_agent_removed_from_the_settings_is_logged_off_after_the_call(tmp_path: Path) -> None:
    async with run_site_with_pins(tmp_path, Behaviour(talk_seconds=20.0)) as site:
        await log_in_by_phone(site, "101", "2468")
        await wait_until_talking(site)
        centre, desk = site.centre.engine.features, site.centre.engine.features.agent_seat_service
        centre.core.plan = replace(centre.core.plan, agents={"102": centre.core.plan.agents["102"]})
        desk.set_agent_pins(PinCheck(centre.core.plan.agents.values()))
        desk.apply_settings_of_seats_and_agents()
        await asyncio.sleep(1)
        assert (seat(site).state, seat(site).agent) == (SeatState.TALKING, "101")
        await site.until(lambda: seat(site).agent is None)
        await site.until(lambda: query_site_store(tmp_path, "SELECT seat FROM log_in") == [])
        assert [change.outcome for change in site.ended()] == [Outcome.CONNECTED]


# After a crash


@virtual_time()
async def test_agents_with_permanent_phone_connections_keep_their_seats_after_a_dialler_crash(tmp_path: Path) -> None:
    async with SimulatedAsterisk(switch_config(seats=3)) as switch:
        agents = [*AGENTS, {"number": "103", "pin": CHEAP.hash("1111")}]
        async with a_site(tmp_path, switch=switch, seats=3, agents=agents) as site:
            for name, number, pin in (("01", "101", "2468"), ("02", "102", "1357"), ("03", "103", "1111")):
                await site.centre.engine.execute_command(SeatLogIn(seat=name, agent=number, pin=pin))
            await site.until(lambda: all(view.state is SeatState.READY for view in site.centre_view.seats))
            await site.centre.engine.execute_command(SeatPause(seat="02", reason="meal"))
        switch.hang_up_phone("agent03")  # while no dialler runs
        async with a_site(tmp_path, switch=switch, seats=3, agents=agents) as site:
            first, second, third = (seat(site, name) for name in ("01", "02", "03"))
            assert (first.state, first.agent) == (SeatState.READY, "101")
            assert (second.state, second.agent, second.reason) == (SeatState.PAUSED, "102", "meal")
            assert (third.state, third.agent) == (SeatState.OFFLINE, None)
            await asyncio.sleep(1)
            assert query_site_store(tmp_path, "SELECT seat FROM log_in") == [("01",), ("02",)]
        async with a_site(tmp_path, switch=switch, seats=3, agents=agents[:1]) as site:
            assert [view.agent for view in site.centre_view.seats] == ["101", None, None]  # agent 102 was removed


# Keys


@virtual_time()
async def test_phone_keys_set_the_disposition_of_a_call(tmp_path: Path) -> None:
    async with run_site_with_pins(tmp_path, Behaviour(talk_seconds=20.0), campaign={"wrap_up_seconds": 40}) as site:
        await log_in_by_phone(site, "101", "2468")
        await wait_until_talking(site)
        site.switch.press_phone_keys("agent01", "316")  # later, at 4 in the afternoon
        await asyncio.sleep(2)
        assert seat(site).state is SeatState.TALKING
        await site.until(lambda: seat(site).state is SeatState.WRAP_UP)
        site.switch.press_phone_keys("agent01", "1")
        await site.until(lambda: seat(site).state is SeatState.READY, seconds=2)
    assert query_site_store(tmp_path, "SELECT disposition FROM attempt WHERE disposition IS NOT NULL")[0] == ("voted",)
    assert query_site_store(tmp_path, "SELECT kind, hour, agent FROM mark ORDER BY at LIMIT 2") == [
        ("later", 16, "101"),
        ("voted", None, "101"),
    ]


@virtual_time()
async def test_agent_who_pressed_a_key_stays_connected_after_a_resynchronisation_with_asterisk(
    tmp_path: Path,
) -> None:
    """Asterisk then lists the phone at the last step of the key handling, for as long as the talk lasts."""
    async with run_site_with_pins(tmp_path, Behaviour(talk_seconds=120.0)) as site:
        await log_in_by_phone(site, "101", "2468")
        await wait_until_talking(site)
        site.switch.press_phone_keys("agent01", "1")
        await asyncio.sleep(45)  # at least two readings of the channel list
        assert seat(site).state is SeatState.TALKING
        site.switch.reset_ami_connections()
        await site.until(lambda: not site.centre_view.state.switch_up, seconds=1)
        await site.until(lambda: site.centre_view.state.switch_up, seconds=5)
        await asyncio.sleep(30)
        assert seat(site).state is SeatState.TALKING
        await site.until(lambda: seat(site).state is SeatState.WRAP_UP, seconds=60)
    assert query_site_store(tmp_path, "SELECT outcome, disposition FROM attempt LIMIT 1") == [("connected", "voted")]


@pytest.mark.parametrize("during_the_talk", [True, False])
def test_disposition_during_or_after_a_call_decides_when_its_number_is_due_again(
    tmp_path: Path, during_the_talk: bool
) -> None:
    @virtual_time()
    async def run() -> None:
        config = switch_config(Behaviour(answer_after=2.0, talk_seconds=30.0))
        async with a_site(tmp_path, config, seats=1, campaign={"wrap_up_seconds": 20}) as site:
            await site.log_in("01")
            await site.until(lambda: seat(site).state is SeatState.TALKING)
            later = PhoneKeyDisposition(seat="01", disposition=Disposition.LATER, hour=16)
            if during_the_talk:
                await site.centre.engine.execute_command(later)
            await site.until(lambda: seat(site).state is SeatState.WRAP_UP)
            if not during_the_talk:
                await site.centre.engine.execute_command(later)
            await asyncio.sleep(1)
            ((due_at,),) = query_site_store(
                tmp_path, "SELECT due_at FROM target JOIN attempt USING (phone_id) WHERE disposition = 'later'"
            )
            assert datetime.fromtimestamp(due_at, ZoneInfo("Asia/Kolkata")).strftime("%H:%M") == "16:45"
            if during_the_talk:  # otherwise the end of the call was reported before
                (told,) = query_site_store(
                    tmp_path, "SELECT payload ->> 'retry_at' FROM outbox WHERE topic = 'results/attempts'"
                )[:1]
                assert told == (due_at,)

    run()


@virtual_time()
async def test_star_codes_entered_on_the_agents_phone_execute_seat_commands(tmp_path: Path) -> None:
    async with run_site_with_pins(tmp_path, Behaviour(talk_seconds=300.0)) as site:
        await log_in_by_phone(site, "101", "2468")
        await wait_until_talking(site)
        site.switch.press_phone_keys("agent01", "*22*3")  # a meal break after this call; hang up
        await site.until(lambda: seat(site).state is SeatState.WRAP_UP, seconds=4)
        await asyncio.sleep(0.5)  # a key during the sound for the last key is lost
        site.switch.press_phone_keys("agent01", "2")
        await site.until(lambda: seat(site).state is SeatState.PAUSED, seconds=2)
        assert seat(site).reason == "meal"
        assert query_site_store(tmp_path, "SELECT paused, reason FROM log_in") == [(1, "meal")]
        await asyncio.sleep(0.5)
        site.switch.press_phone_keys("agent01", "*1")
        await site.until(lambda: seat(site).state is not SeatState.PAUSED, seconds=2)
        await asyncio.sleep(0.5)
        site.switch.press_phone_keys("agent01", "*0")
        await site.until(lambda: seat(site).agent is None, seconds=400)
        await site.until(lambda: site.switch.find_phone_channel("agent01") is None, seconds=2)


@virtual_time()
async def test_log_off_during_a_call_takes_effect_after_wrap_up(tmp_path: Path) -> None:
    async with run_site_with_pins(tmp_path, Behaviour(talk_seconds=20.0), campaign={"wrap_up_seconds": 5}) as site:
        await log_in_by_phone(site, "101", "2468")
        await wait_until_talking(site)
        assert (
            await site.centre.engine.execute_command(SeatLogOff(seat="01"))
            == "seat 01: will be logged off after this call"
        )
        assert query_site_store(tmp_path, "SELECT * FROM log_in") == []
        await site.until(lambda: seat(site).state is SeatState.WRAP_UP)
        await site.until(lambda: seat(site).state is SeatState.OFFLINE, seconds=6)
        await site.until(lambda: site.switch.find_phone_channel("agent01") is None, seconds=2)


@virtual_time()
async def test_invalid_phone_keys_and_floods_of_keys_change_nothing(tmp_path: Path) -> None:
    async with run_site_with_pins(tmp_path, Behaviour(talk_seconds=600.0)) as site:
        await log_in_by_phone(site, "101", "2468")
        await wait_until_talking(site)
        for wrong in ("*4", "*9", "*29", "399", "*#", "A"):
            site.switch.press_phone_keys("agent01", wrong, every_seconds=0.4)
            await asyncio.sleep(2)
        site.switch.press_phone_keys("agent01", "*4*9*5" * 200, every_seconds=0.05)
        await asyncio.sleep(90)
        assert seat(site).state is SeatState.TALKING
    assert query_site_store(tmp_path, "SELECT count(*) FROM attempt WHERE disposition IS NOT NULL") == [(0,)]


@virtual_time()
async def test_pause_requested_during_wrap_up_does_not_extend_the_wrap_up_limit(tmp_path: Path) -> None:
    async with run_site_with_pins(tmp_path, Behaviour(talk_seconds=5.0), campaign={"wrap_up_seconds": 10}) as site:
        await log_in_by_phone(site, "101", "2468")
        await site.until(lambda: seat(site).state is SeatState.WRAP_UP)
        await site.centre.engine.execute_command(SeatPause(seat="01", reason="meal"))
        await site.until(lambda: seat(site).state is SeatState.PAUSED, seconds=11)


# Ends of calls


@virtual_time()
async def test_agents_phone_stays_connected_when_the_voter_hangs_up(tmp_path: Path) -> None:
    async with run_site_with_pins(tmp_path, Behaviour(talk_seconds=15.0)) as site:
        await log_in_by_phone(site, "101", "2468")
        phone = site.switch.find_phone_channel("agent01")
        await site.until(lambda: bool(site.ended()))
        assert site.ended()[0].outcome is Outcome.CONNECTED
        assert seat(site).state is SeatState.WRAP_UP
        assert site.switch.find_phone_channel("agent01") is phone
        assert CallState.MESSAGE not in list_call_states(site, site.ended()[0].attempt_id)


@virtual_time()
async def test_seat_recovers_from_a_phone_drop_during_a_call(tmp_path: Path) -> None:
    async with run_site_with_pins(tmp_path, Behaviour(talk_seconds=600.0), Behaviour(answer_after=200.0)) as site:
        await log_in_by_phone(site, "101", "2468")
        await wait_until_talking(site)
        first = seat(site).attempt_id
        site.switch.set_reaction_of_seat_phone("agent01", PhoneMode.UNREGISTERED)
        site.switch.hang_up_phone("agent01")
        await site.until(lambda: seat(site).state is SeatState.LOST, seconds=1)
        await site.until(lambda: any(change.attempt_id == first for change in site.ended()), seconds=20)
        assert list_call_states(site, first)[-2:] == [CallState.MESSAGE, CallState.ENDED]  # the voter heard the message
        assert [change.outcome for change in site.ended() if change.attempt_id == first] == [Outcome.CONNECTED]
        await asyncio.sleep(30)
        assert (seat(site).state, seat(site).agent) == (SeatState.LOST, "101")
        await site.centre.engine.execute_command(
            PhoneKeyDisposition(seat="01", disposition=Disposition.VOTED)
        )  # the agent may still enter a disposition
        site.switch.set_reaction_of_seat_phone("agent01", PhoneMode.ANSWERS)
        await site.until(lambda: seat(site).state is SeatState.READY, seconds=40)
    assert query_site_store(tmp_path, "SELECT disposition FROM attempt WHERE disposition IS NOT NULL") == [("voted",)]


@virtual_time()
async def test_agents_phone_that_hangs_up_after_log_in_is_called_again(tmp_path: Path) -> None:
    async with a_site(tmp_path, switch_config(), seats=1) as site:
        site.switch.set_reaction_of_seat_phone("agent01", PhoneMode.HANGS_UP)
        await site.centre.engine.execute_command(SeatLogIn(seat="01", agent="agent-01"))
        await asyncio.sleep(12)
        assert site.centre_view.seats[0].state is SeatState.LOST
        site.switch.set_reaction_of_seat_phone("agent01", PhoneMode.ANSWERS)
        await site.until(lambda: site.centre_view.seats[0].state is SeatState.READY, seconds=6)


@virtual_time()
async def test_agent_whose_phone_dropped_returns_by_dialling_the_log_in_code(tmp_path: Path) -> None:
    async with run_site_with_pins(tmp_path) as site:
        await log_in_by_phone(site, "101", "2468")
        await site.centre.engine.execute_command(SeatPause(seat="01", reason="meal"))
        site.switch.set_reaction_of_seat_phone("agent01", PhoneMode.REFUSES)
        site.switch.hang_up_phone("agent01")
        await asyncio.sleep(60)
        assert seat(site).state is SeatState.LOST
        await log_in_by_phone(site, "101", "2468")
        assert (seat(site).state, seat(site).reason) == (SeatState.PAUSED, "meal")


@virtual_time()
async def test_agent_whose_phone_stays_disconnected_is_logged_off(tmp_path: Path) -> None:
    async with run_site_with_pins(tmp_path) as site:
        await log_in_by_phone(site, "101", "2468")
        site.switch.set_reaction_of_seat_phone("agent01", PhoneMode.RINGS)
        site.switch.hang_up_phone("agent01")
        await asyncio.sleep(890)
        assert (seat(site).state, seat(site).agent) == (SeatState.LOST, "101")
        await site.until(lambda: seat(site).state is SeatState.OFFLINE, seconds=20)
        await asyncio.sleep(40)
        assert query_site_store(tmp_path, "SELECT * FROM log_in") == []
        assert site.switch.find_phone_channel("agent01") is None  # the phone is not called any more
        site.switch.set_reaction_of_seat_phone("agent01", PhoneMode.ANSWERS)
        await site.centre.engine.execute_command(SeatLogIn(seat="01", agent="101", pin="2468"))
        await site.until(lambda: seat(site).state is SeatState.READY)
        await asyncio.sleep(1000)
        assert seat(site).state is SeatState.READY


@virtual_time()
async def test_agent_who_logs_off_and_hangs_up_gets_no_more_voters(tmp_path: Path) -> None:
    config = switch_config(Behaviour(answer_after=2.0, talk_seconds=40.0))
    async with a_site(tmp_path, config, seats=2, campaign={"wrap_up_seconds": 2}) as site:
        await site.log_in("01", "02")
        await site.until(lambda: all(seat.state is SeatState.TALKING for seat in site.centre_view.seats))
        await site.centre.engine.execute_command(SeatLogOff(seat="01"))
        site.switch.hang_up_phone("agent01")
        await site.until(lambda: site.centre_view.seats[0].state is SeatState.OFFLINE)
        began = len(site.changes)
        await asyncio.sleep(600)
        assert {change.seat for change in site.changes[began:] if isinstance(change, SeatView)} == {"02"}


@virtual_time()
async def test_seat_whose_agent_logged_off_is_vacant_after_a_call_recovered_at_a_restart(tmp_path: Path) -> None:
    """An agent logs off during a call, and the dialler is killed before the call ends."""
    config = switch_config(Behaviour(answer_after=2.0, talk_seconds=40.0), seats=1)
    async with SimulatedAsterisk(config) as switch:
        async with a_site(tmp_path, switch=switch, seats=1, run=False) as site:
            running = asyncio.create_task(site.centre.dial_until_stopped(site.stop))
            await site.until(lambda: site.centre_view.state.switch_up)
            await site.log_in("01")
            await site.until(lambda: site.centre_view.seats[0].state is SeatState.TALKING)
            await site.centre.engine.execute_command(SeatLogOff(seat="01"))
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
        async with a_site(tmp_path, switch=switch, seats=1) as site:
            await site.until(lambda: site.centre_view.seats[0].state is SeatState.TALKING)
            await site.until(lambda: site.centre_view.seats[0].state is not SeatState.TALKING, seconds=100)
            assert site.centre_view.seats[0].state is SeatState.OFFLINE
            placed = len(site.switch.placed_calls)
            await asyncio.sleep(300)
            assert len(site.switch.placed_calls) == placed


@virtual_time()
async def test_simultaneous_hang_ups_of_agent_and_voter_store_one_outcome(tmp_path: Path) -> None:
    async with run_site_with_pins(tmp_path, Behaviour(talk_seconds=600.0), Behaviour(answer_after=200.0)) as site:
        await log_in_by_phone(site, "101", "2468")
        await wait_until_talking(site)
        attempt_id = seat(site).attempt_id
        assert attempt_id is not None
        site.switch.hang_up_channel_from_other_side(site.switch.channels[attempt_id], EndsBy.VOTER)
        site.switch.hang_up_phone("agent01")
        await site.until(lambda: bool(site.ended()), seconds=5)
        await asyncio.sleep(20)
        assert [change.outcome for change in site.ended() if change.attempt_id == attempt_id] == [Outcome.CONNECTED]
    ended = query_site_store(
        tmp_path, "SELECT attempt_id, outcome, seat, agent FROM attempt WHERE connected_at IS NOT NULL"
    )
    assert ended == [(attempt_id, "connected", "01", "101")]


@virtual_time()
async def test_disposition_entered_after_a_phone_drop_applies_to_the_new_call(tmp_path: Path) -> None:
    async with run_site_with_pins(tmp_path, Behaviour(talk_seconds=600.0)) as site:
        await log_in_by_phone(site, "101", "2468")
        await wait_until_talking(site)
        first = seat(site).attempt_id
        site.switch.hang_up_phone("agent01")
        await site.until(lambda: seat(site).state is SeatState.LOST, seconds=1)
        await wait_until_talking(site)
        second = seat(site).attempt_id
        assert second not in {first, None}
        site.switch.press_phone_keys("agent01", "2")
        await asyncio.sleep(1)
        await site.centre.engine.execute_command(SeatHangUp(seat="01"))
    said = dict(
        query_site_store(tmp_path, "SELECT attempt_id, disposition FROM attempt WHERE connected_at IS NOT NULL")
    )
    assert (said[first], said[second]) == (None, "not-yet")


# Skills


@virtual_time()
async def test_calls_go_only_to_agents_with_the_skill_that_the_campaign_needs(tmp_path: Path) -> None:
    async with run_site_with_pins(tmp_path, Behaviour(talk_seconds=5.0), campaign={"skill": "senior"}) as site:
        execute = site.centre.engine.execute_command
        await execute(SeatLogIn(seat="02", agent="102", pin="1357"))
        await asyncio.sleep(30)
        assert not site.switch.placed_calls
        assert str(site.centre_view.campaigns[0].hold) == "no agent with the skill senior is available"
        await execute(SeatLogIn(seat="01", agent="101", pin="2468"))
        await site.until(lambda: len(site.ended()) >= 1)
        await execute(SeatReady(seat="01"))
        await site.until(lambda: len(site.ended()) >= 2)
        assert {change.seat for change in site.ended() if change.outcome is Outcome.CONNECTED} == {"01"}
        assert seat(site, "02").calls == 0
