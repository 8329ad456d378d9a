"""AGI on the simulated Asterisk: commands, keys, hang-ups and failing servers, as measured on a real Asterisk."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from dialer.deploy.asterisk.render import RESTART_SECONDS
from dialer.simulation.asterisk.channels import ChannelState
from dialer.simulation.asterisk.config import SimulatedAsteriskConfig
from dialer.simulation.asterisk.voters import Behaviour, VoterProfile
from tests.support.simulation import AgiPeer, agi_server, lab_centre, serve_one_key
from tests.support.virtual import virtual_time

STAYS = Behaviour(answer_after=1.0)
CONFIG = SimulatedAsteriskConfig(
    scripts={"911": STAYS},
    prompt_seconds={"menu": 4.0},
    missing_sounds=frozenset({"gone"}),
    early_originate_response=0.0,
)


def make_config(voter: Behaviour) -> SimulatedAsteriskConfig:
    return replace(CONFIG, scripts={"911": voter})


def send_commands(config: SimulatedAsteriskConfig, *commands: str) -> list[tuple[float, str]]:
    """Call a voter into a flow and send commands one by one. Return (seconds since the answer, line) pairs."""
    heard: list[tuple[float, str]] = []

    async def run_script(peer: AgiPeer) -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        for command in commands:
            heard.append((round(loop.time() - began, 2), await peer.ask(command)))
            heard[-1] = (round(loop.time() - began, 2), heard[-1][1])
        await peer.ask("SET VARIABLE MATDAN_DONE 1")

    @virtual_time()
    async def run() -> None:
        async with lab_centre(config, script=run_script) as (_, lab):
            await lab.call("911", "v", "matdan-flow")
            await lab.event("Hangup", Uniqueid="v")

    run()
    return heard


@pytest.mark.parametrize(
    ("keys", "command", "answer"),
    [
        ((), "ANSWER", (0.0, "200 result=0")),
        ((), 'STREAM FILE menu ""', (4.0, "200 result=0 endpos=32000")),
        ((), 'STREAM FILE menu "" 8000', (3.0, "200 result=0 endpos=32000")),
        (((1.0, "1"),), 'STREAM FILE menu "123"', (1.14, "200 result=49 endpos=9120")),
        (((1.0, "7"),), 'STREAM FILE menu "123"', (4.0, "200 result=0 endpos=32000")),
        ((), 'STREAM FILE gone "123"', (0.0, "200 result=-1 endpos=0")),
        ((), "GET DATA menu 5000 1", (9.0, "200 result= (timeout)")),
        (((1.0, "1"),), "GET DATA menu 5000 1", (1.14, "200 result=1")),
        (((1.0, "1"), (3.0, "2")), "GET DATA menu 5000 4", (8.14, "200 result=12 (timeout)")),
        (((1.0, "1"), (3.0, "2"), (4.0, "#")), "GET DATA menu 5000 4", (4.14, "200 result=12")),
        (((1.0, "#"),), "GET DATA menu 5000 4", (1.14, "200 result=")),
        ((), "GET DATA gone 5000 4", (0.0, "200 result=-1")),
        (((1.0, "5"),), "WAIT FOR DIGIT 2000", (1.14, "200 result=53")),
        (((3.0, "5"),), "WAIT FOR DIGIT 2000", (2.0, "200 result=0")),
        (((3.0, "5"),), "WAIT FOR DIGIT -1", (3.14, "200 result=53")),
        ((), "RECORD FILE r wav # 3000", (3.0, "200 result=0 (timeout) endpos=24000")),
        ((), "RECORD FILE r wav # 30000 BEEP s=2", (2.0, "200 result=0 (timeout) endpos=16000")),
        (((1.0, "5"),), "RECORD FILE r wav 5# 3000", (1.14, "200 result=53 (dtmf) endpos=9120")),
        ((), 'SAY DIGITS 123 ""', (1.8, "200 result=0")),
        ((), "GET VARIABLE UNSET", (0.0, "200 result=0")),
        ((), "GET VARIABLE UNIQUEID", (0.0, "200 result=1 (v)")),
        ((), 'SET VARIABLE NOTE "two words"', (0.0, "200 result=1")),
        ((), "CHANNEL STATUS", (0.0, "200 result=6")),
        ((), "CHANNEL STATUS nobody", (0.0, "200 result=-1")),
        ((), "EXEC Playback menu", (4.0, "200 result=0")),
        ((), "EXEC NoSuchApplication", (0.0, "200 result=-2")),
        ((), "NOOP", (0.0, "200 result=0")),
        ((), "VERBOSE hello 1", (0.0, "200 result=1")),
        ((), "DANCE", (0.0, "510 Invalid or unknown command")),
        ((), "WAIT FOR DIGIT soon", (0.0, "520-Invalid command syntax.  Proper usage follows:")),
        ((), "GET DATA", (0.0, "520-Invalid command syntax.  Proper usage follows:")),
    ],
)
def test_simulated_agi_commands_reply_as_asterisk_does(
    keys: tuple[tuple[float, str], ...], command: str, answer: tuple[float, str]
) -> None:
    assert send_commands(make_config(replace(STAYS, keys=keys)), command) == [answer]


def test_speed_of_the_simulation_shortens_prompts_key_presses_and_time_limits() -> None:
    voter = replace(STAYS, keys=((5.0, "1"),))
    config = replace(make_config(voter), speed=10.0)
    assert send_commands(config, "WAIT FOR DIGIT 3000", "GET DATA menu 5000 2") == [
        (0.3, "200 result=0"),
        (1.01, "200 result=1 (timeout)"),
    ]


def test_simulated_asterisk_loses_a_key_pressed_between_two_agi_commands() -> None:
    heard: list[str] = []

    async def run_script(peer: AgiPeer) -> None:
        await peer.ask("ANSWER")
        await asyncio.sleep(3)  # a slow commit, while the voter presses 1
        heard.append(await peer.ask("GET DATA menu 1000 1"))

    @virtual_time()
    async def run() -> None:
        config = make_config(replace(STAYS, keys=((1.0, "1"),)))
        async with lab_centre(config, script=run_script) as (_, lab):
            await lab.call("911", "v", "matdan-flow")
            await asyncio.sleep(15)

    run()
    assert heard[0] == "200 result= (timeout)"


def test_further_agi_command_aborts_a_simulated_prompt_which_then_gets_no_reply() -> None:
    heard: list[str] = []

    async def run_script(peer: AgiPeer) -> None:
        peer.send('STREAM FILE menu ""')
        await asyncio.sleep(1)
        heard.append(await peer.ask("GET VARIABLE UNIQUEID"))
        await peer.ask("SET VARIABLE MATDAN_DONE 1")

    @virtual_time()
    async def run() -> None:
        async with lab_centre(CONFIG, script=run_script) as (_, lab):
            await lab.call("911", "v", "matdan-flow")
            await lab.event("Hangup", Uniqueid="v")

    run()
    assert heard == ["200 result=1 (v)"]


@pytest.mark.parametrize("exits", [True, False])
def test_simulated_hang_up_during_a_prompt_is_reported_as_by_asterisk(exits: bool) -> None:
    """The reply comes before HANGUP. Without AGIEXITONHANGUP the reply is 511, and Hangup follows our close."""
    lines: list[str] = []

    async def run_script(peer: AgiPeer) -> None:
        await peer.ask("ANSWER")
        lines.append(await peer.ask('STREAM FILE menu ""'))
        lines.append(await peer.line())
        if exits:
            with pytest.raises(EOFError):
                await peer.line()
            return
        lines.append(await peer.ask("WAIT FOR DIGIT 1000"))
        lines.append(await peer.ask("GET VARIABLE UNIQUEID"))
        await asyncio.sleep(7)

    dialplan = None if exits else "[matdan-flow]\nexten => s,1,AGI(agi://${AGI_SERVER}/flow)\n same => n,Hangup()\n"

    @virtual_time()
    async def run() -> None:
        loop = asyncio.get_running_loop()
        config = replace(make_config(replace(STAYS, hang_up_after=2.0)), dialplan=dialplan)
        async with lab_centre(config, script=run_script) as (_, lab):
            await lab.call("911", "v", "matdan-flow")
            await lab.event("HangupRequest", Uniqueid="v")
            requested = loop.time()
            end = await lab.event("Hangup", Uniqueid="v")
            assert loop.time() - requested == pytest.approx(0.0 if exits else 7.0)
            assert end.get("Cause") == "0"

    run()
    assert lines[:2] == ["200 result=-1 endpos=16000", "HANGUP"]
    if not exits:
        assert lines[2:] == ["511 Command Not Permitted on a dead channel or intercept routine", "200 result=1 (v)"]


def test_simulated_voter_hears_the_information_message_without_an_agi_server() -> None:
    """The voter hears a tone every two seconds while the dialler may be restarting."""

    @virtual_time()
    async def run() -> None:
        loop = asyncio.get_running_loop()
        async with lab_centre(CONFIG) as (switch, lab):
            switch.agi_port = 9  # a closed port
            await lab.call("911", "v", "matdan-flow")
            await lab.event("DialEnd", DestUniqueid="v")
            answered = loop.time()
            await lab.event("UserEvent", UserEvent="FlowFallback", Uniqueid="v")
            assert RESTART_SECONDS <= loop.time() - answered <= RESTART_SECONDS + 4
            await lab.event("Hangup", Uniqueid="v")
            assert [event.get("UserEvent") for event in lab.events("UserEvent")] == ["FlowFallback"]

    run()


def test_simulated_inbound_call_rings_while_the_dialler_restarts() -> None:
    async def take_call(peer: AgiPeer) -> None:
        await peer.ask("SET VARIABLE MATDAN_GO message")

    @virtual_time()
    async def run() -> None:
        async with lab_centre(CONFIG, "lab") as (switch, lab), agi_server(take_call) as again:
            switch.agi_port = 9
            channel = switch.place_inbound_call("+919800000001")
            await asyncio.sleep(12)
            assert (channel.state, channel.hung_up) == (ChannelState.RING, False)
            switch.agi_port = again
            await lab.event("VarSet", Variable="MATDAN_GO")
            await asyncio.sleep(1)
            assert channel.context == "matdan-message"

    run()


def test_simulated_inbound_call_without_a_running_dialler_is_finally_rejected_as_busy() -> None:
    @virtual_time()
    async def run() -> None:
        async with lab_centre(CONFIG, "lab") as (switch, lab):
            switch.agi_port = 9
            channel = switch.place_inbound_call("+919800000001")
            end = await lab.event("Hangup", Uniqueid=channel.uniqueid)
            assert end.get("Cause") == "17"

    run()


def test_simulated_call_continues_with_the_restarted_agi_server() -> None:
    calls: list[str] = []

    async def die_during_prompt(peer: AgiPeer) -> None:
        calls.append("first")
        await peer.ask("ANSWER")
        peer.send('STREAM FILE menu ""')
        await asyncio.sleep(1)
        peer.close()

    async def continue_call(peer: AgiPeer) -> None:
        calls.append(peer.environment["agi_uniqueid"])
        await serve_one_key(peer)

    @virtual_time()
    async def run() -> None:
        async with (
            lab_centre(CONFIG, "lab", script=die_during_prompt) as (switch, lab),
            agi_server(continue_call) as second,
        ):
            await lab.call("911", "v", "matdan-flow")
            await lab.event("DialEnd", DestUniqueid="v")
            switch.agi_port = second
            status = await lab.event("VarSet", Variable="AGISTATUS")
            assert status.get("Value") == "SUCCESS"
            await lab.event("Hangup", Uniqueid="v")
            assert not lab.events("UserEvent")

    run()
    assert calls == ["first", "v"]


def test_redirecting_a_simulated_channel_ends_the_voters_ivr_flow() -> None:
    lines: list[str] = []

    async def run_script(peer: AgiPeer) -> None:
        lines.append(await peer.ask('STREAM FILE menu ""'))
        lines.append(await peer.line())

    @virtual_time()
    async def run() -> None:
        async with lab_centre(CONFIG, script=run_script) as (_, lab):
            await lab.call_seat_phone("1", "agent01", "seat-a")
            await lab.call("911", "v", "matdan-flow")
            await lab.event("DialEnd", DestUniqueid="v", DialStatus="ANSWER")
            await asyncio.sleep(1)
            await lab.action("Redirect", Channel="v", Context="matdan-seat", Exten="1", Priority="1")
            await lab.event("ConfbridgeJoin", Uniqueid="v", Conference="seat-1")

    run()
    assert lines == ["200 result=-1 endpos=8000", "HANGUP"]


def test_simulated_dialplan_continues_after_lost_agi_connections() -> None:
    @virtual_time()
    async def run() -> None:
        async with lab_centre(CONFIG, "lab") as (switch, lab):
            await lab.call("911", "v", "matdan-flow")
            for _ in range(4):
                await asyncio.sleep(1.5)
                switch.reset_agi_connections()
            await lab.event("UserEvent", UserEvent="FlowFallback")
            await lab.event("Hangup", Uniqueid="v")

    run()


@virtual_time()
async def test_simulated_voters_press_keys_stay_silent_or_hang_up() -> None:
    answers: list[str] = []

    async def run_menu(peer: AgiPeer) -> None:
        await peer.ask("ANSWER")
        answers.append(await peer.ask("GET DATA menu 5000 1"))
        await peer.ask("SET VARIABLE MATDAN_DONE 1")

    profile = VoterProfile(answer_rate=1.0, silent_share=0.2, hang_up_share=0.2, invalid_key_share=0.2)
    config = SimulatedAsteriskConfig(profile=profile)
    async with lab_centre(config, script=run_menu) as (switch, lab):
        for n in range(300):
            await lab.call(f"91{n:06d}", f"v{n}", "matdan-flow", Timeout="120000")
            await asyncio.sleep(0.5)
        await asyncio.sleep(120)
        assert len(answers) == len(switch.placed_calls) == 300
    shares = {answer: answers.count(answer) / 300 for answer in set(answers)}
    assert shares["200 result=-1"] == pytest.approx(0.2, abs=0.07)
    assert shares["200 result= (timeout)"] == pytest.approx(0.8 * 0.2 + 0.02, abs=0.07)
    assert shares["200 result=1"] == pytest.approx(0.8 * 0.8 * 0.8 * 0.45, abs=0.07)
    assert sum(shares.get(f"200 result={key}", 0) for key in "045678*") == pytest.approx(
        0.8 * 0.8 * 0.2 * 0.9, abs=0.06
    )


@virtual_time()
async def test_each_simulated_call_to_a_number_uses_the_next_list_of_key_presses() -> None:
    config = replace(CONFIG, scripts={"911": (Behaviour(fails_with=486), STAYS)})
    async with lab_centre(config) as (switch, lab):
        for n in range(3):
            await lab.call("911", f"v{n}")
            await lab.event("Hangup", Uniqueid=f"v{n}")
        switch.caller.set_behaviours_of_next_calls("911", (Behaviour(fails_with=404, rings=False),))
        await lab.call("911", "last")
        await lab.event("Hangup", Uniqueid="last")
        assert [call.how for call in switch.placed_calls] == ["carrier-486", "dialplan", "dialplan", "carrier-404"]
