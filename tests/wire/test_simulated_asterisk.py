"""The simulated Asterisk over real TCP in virtual time: its dialplan, seats, permissions, outcomes and journal."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from dialer.deploy.asterisk.events import EVENTS
from dialer.domain.errors import PortInUse
from dialer.simulation.asterisk.config import PhoneMode, SimulatedAsteriskConfig, SimulatedTrunk, make_seat_phones
from dialer.simulation.asterisk.journal import check_journal_of_calls
from dialer.simulation.asterisk.server import SimulatedAsterisk
from dialer.simulation.asterisk.voters import Behaviour, VoterProfile
from tests.support.ami_lab import AmiLab
from tests.support.simulation import lab_centre, simulated_centre
from tests.support.virtual import virtual_time

STAYS = Behaviour(answer_after=1.0)
TALKS = Behaviour(answer_after=1.0, talk_seconds=20.0)


def make_config(*calls: tuple[str, Behaviour], seats: int = 2, early: float = 0.0) -> SimulatedAsteriskConfig:
    return SimulatedAsteriskConfig(
        scripts=dict(calls), seats=make_seat_phones(seats), early_originate_response=early, start_epoch=1_795_500_000.0
    )


@virtual_time()
async def test_simulated_ami_user_with_few_permissions_receives_only_permitted_events() -> None:
    async with lab_centre(make_config(("911", TALKS))) as (switch, dialler), AmiLab(switch.ami_port) as lab:
        await dialler.call_seat_phone("1", "agent01", "seat-a")
        await dialler.call("911", "v")
        await dialler.event("UserEvent", UserEvent="VoterWaiting")
        await dialler.action("Redirect", Channel="v", Context="matdan-seat", Exten="1", Priority="1")
        await dialler.event("Hangup", Uniqueid="v")
        await lab.event("Hangup", Uniqueid="v")
        seen = {message.event_name for message in dialler.events()}
        assert seen == set(EVENTS) - {"Shutdown", "ContactStatus", "Registry", "Hold", "Unhold"}
        assert {"Newchannel", "VarSet", "Newexten", "BridgeEnter"} <= {message.event_name for message in lab.events()}


@virtual_time()
async def test_simulated_voter_without_a_seat_hears_the_information_message_after_1_9_seconds() -> None:
    loop = asyncio.get_running_loop()
    async with lab_centre(make_config(("911", STAYS))) as (switch, lab):
        await lab.call("911", "v")
        await lab.event("UserEvent", UserEvent="VoterWaiting", Uniqueid="v")
        waiting = loop.time()
        await lab.event("UserEvent", UserEvent="MessageStarted", Uniqueid="v")
        assert loop.time() - waiting == pytest.approx(1.9)
        end = await lab.event("Hangup", Uniqueid="v")
        assert loop.time() - waiting == pytest.approx(1.9 + 6.0)
        assert (end.get("Cause"), end.get("ChannelState")) == ("16", "6")
        assert [call.how for call in switch.placed_calls] == ["dialplan"]


@virtual_time()
async def test_simulated_agent_stays_in_the_conference_when_the_voter_leaves() -> None:
    loop = asyncio.get_running_loop()
    async with lab_centre(make_config(("911", TALKS))) as (switch, lab):
        await lab.call_seat_phone("1", "agent01", "seat-a")
        await lab.event("ConfbridgeJoin", Conference="seat-1", Uniqueid="seat-a")
        await lab.call("911", "v")
        await lab.event("UserEvent", UserEvent="VoterWaiting")
        await lab.action("Redirect", Channel="v", Context="matdan-seat", Exten="1", Priority="1")
        await lab.event("ConfbridgeJoin", Conference="seat-1", Uniqueid="v")
        met = loop.time()
        await lab.action("ConfbridgeList", Conference="seat-1")
        members = [message.get("Uniqueid") for message in lab.events("ConfbridgeList")]
        assert members == ["seat-a", "v"]
        await lab.event("Hangup", Uniqueid="v")
        assert loop.time() - met == pytest.approx(20.0)
        await lab.action("ConfbridgeListRooms")
        (room,) = lab.events("ConfbridgeListRooms")
        assert (room.get("Conference"), room.get("Parties"), room.get("Marked")) == ("seat-1", "1", "1")
        assert switch.placed_calls[0].connected_at is not None
        assert switch.placed_calls[0].how == "voter"


@virtual_time()
async def test_simulated_seat_accepts_one_of_ten_simultaneous_voters() -> None:
    numbers = [f"91{n}" for n in range(10)]
    async with lab_centre(make_config(*((number, TALKS) for number in numbers))) as (_switch, lab):
        await lab.call_seat_phone("1", "agent01", "seat-a")
        for number in numbers:
            await lab.call(number, f"v{number}")
        await asyncio.sleep(1.1)
        for number in numbers:
            lab.send("Redirect", Channel=f"v{number}", Context="matdan-seat", Exten="1", Priority="1")
        await asyncio.sleep(1.0)
        assert len(lab.events("ConfbridgeJoin")) == 2  # the agent and one voter
        messages = [event for event in lab.events("UserEvent") if event.get("UserEvent") == "MessageStarted"]
        assert len(messages) == 9


@virtual_time()
async def test_simulated_seat_without_an_agent_does_not_accept_a_voter() -> None:
    async with lab_centre(make_config(("911", STAYS))) as (_switch, lab):
        await lab.call("911", "v")
        await lab.event("UserEvent", UserEvent="VoterWaiting")
        await lab.action("Redirect", Channel="v", Context="matdan-seat", Exten="1", Priority="1")
        await lab.event("UserEvent", UserEvent="MessageStarted", Uniqueid="v")
        assert not lab.events("ConfbridgeJoin")


@virtual_time()
async def test_simulated_voter_hears_the_information_message_when_the_agents_phone_drops() -> None:
    async with lab_centre(make_config(("911", STAYS)), "lab") as (switch, lab):
        await lab.call_seat_phone("1", "agent01", "seat-a")
        await lab.call("911", "v")
        await lab.event("UserEvent", UserEvent="VoterWaiting")
        await lab.action("Redirect", Channel="v", Context="matdan-seat", Exten="1", Priority="1")
        await lab.event("ConfbridgeJoin", Uniqueid="v")
        switch.hang_up_phone("agent01")
        await lab.event("Hangup", Uniqueid="seat-a")
        await lab.event("VarSet", Uniqueid="v", Variable="CONFBRIDGE_RESULT", Value="ENDMARKED")
        await lab.event("UserEvent", UserEvent="MessageStarted", Uniqueid="v")
        await lab.event("Hangup", Uniqueid="v")
        assert (await lab.action("ConfbridgeListRooms")).get("Message") == "No active conferences."


@pytest.mark.parametrize(
    ("mode", "reason"), [(PhoneMode.REFUSES, "0"), (PhoneMode.RINGS, "3"), (PhoneMode.UNREGISTERED, "0")]
)
def test_simulated_call_to_an_agents_phone_fails_if_unanswered(mode: PhoneMode, reason: str) -> None:
    @virtual_time()
    async def run() -> None:
        async with simulated_centre(make_config()) as switch:
            switch.set_reaction_of_seat_phone("agent01", mode)
            async with AmiLab(switch.ami_port, "dialler") as lab:
                await lab.call_seat_phone("1", "agent01", "seat-a")
                response = await lab.event("OriginateResponse", ActionID="seat-a")
                assert (response.get("Response"), response.get("Reason")) == ("Failure", reason)
                await asyncio.sleep(1)
                assert len(lab.events("Hangup")) == (0 if mode is PhoneMode.UNREGISTERED else 1)
                assert not switch.channels

    run()


OUTCOMES = [
    (486, "BUSY", 17),
    (600, "BUSY", 17),
    (480, "NOANSWER", 19),
    (404, "NOANSWER", 1),
    (485, "NOANSWER", 1),
    (604, "NOANSWER", 1),
    (410, "NOANSWER", 22),
    (484, "NOANSWER", 28),
    (503, "CONGESTION", 34),
    (500, "NOANSWER", 38),
    (502, "NOANSWER", 27),
    (504, "NOANSWER", 102),
    (408, "NOANSWER", 18),
    (403, "NOANSWER", 21),
    (603, "NOANSWER", 21),
    (488, "NOANSWER", 58),
    (606, "NOANSWER", 58),
    (400, "NOANSWER", 127),
    (402, "NOANSWER", 127),
    (422, "NOANSWER", 127),
    (487, "NOANSWER", 127),
    (491, "NOANSWER", 127),
]
"""The measured table: SIP status, DialStatus, Q.850 cause."""


@virtual_time()
async def test_each_simulated_sip_refusal_has_the_outcome_measured_with_a_real_asterisk() -> None:
    scripts = ((f"91{status}", Behaviour(fails_with=status, rings=False)) for status, _, _ in OUTCOMES)
    async with lab_centre(make_config(*scripts)) as (_switch, lab):
        for status, dial_status, cause in OUTCOMES:
            await lab.call(f"91{status}", f"v{status}")
            end = await lab.event("Hangup", Uniqueid=f"v{status}")
            assert (end.get("Cause"), end.get("TechCause")) == (str(cause), str(status))
            assert (await lab.event("DialEnd", DestUniqueid=f"v{status}")).get("DialStatus") == dial_status
            response = await lab.event("OriginateResponse", Uniqueid=f"v{status}")
            assert (response.get("Response"), response.get("Reason")) == ("Failure", "0")


@virtual_time()
async def test_simulated_ring_timeout_gives_reason_3_and_no_dial_end_event() -> None:
    loop = asyncio.get_running_loop()
    async with lab_centre(make_config(("911", Behaviour(fails_with=0)))) as (_switch, lab):
        await lab.call("911", "v", Timeout="12000")
        end = await lab.event("Hangup", Uniqueid="v")
        assert loop.time() == pytest.approx(12.0)
        assert (end.get("Cause"), end.get("TechCause"), end.get("ChannelState")) == ("19", "480", "5")
        assert (await lab.event("OriginateResponse", Uniqueid="v")).get("Reason") == "3"
        assert not lab.events("DialEnd")


@virtual_time()
async def test_hang_up_of_a_simulated_ringing_call_reports_no_technical_cause() -> None:
    async with lab_centre(make_config(("911", Behaviour(fails_with=0)))) as (switch, lab):
        await lab.call("911", "v")
        await lab.event("DialState", DestUniqueid="v")
        assert (await lab.action("Hangup", Channel="v")).get("Message") == "Channel Hungup"
        end = await lab.event("Hangup", Uniqueid="v")
        assert "TechCause" not in end
        assert (await lab.event("DialEnd", DestUniqueid="v")).get("DialStatus") == "NOANSWER"
        assert (await lab.event("OriginateResponse", ActionID="v")).get("Response") == "Failure"
        assert switch.placed_calls[0].how == "manager"


@virtual_time()
async def test_simulated_originate_with_a_duplicate_channel_id_fails() -> None:
    async with lab_centre(make_config(("911", STAYS), ("912", STAYS))) as (switch, lab):
        await lab.call("911", "v")
        again = await lab.call("912", "v", ActionID="second")
        assert again.get("Message") == "Originate successfully queued"
        response = await lab.event("OriginateResponse", ActionID="second")
        assert (response.get("Response"), response.get("Uniqueid")) == ("Failure", "v")
        await lab.event("UserEvent", UserEvent="VoterWaiting", Uniqueid="v")
        assert [call.number for call in switch.placed_calls] == ["911"]


@virtual_time()
async def test_simulated_originate_to_an_unknown_endpoint_creates_no_channel_and_no_hangup_event() -> None:
    async with lab_centre(make_config(), "lab") as (switch, lab):
        await lab.call("911", "v", Channel="PJSIP/911@nowhere")
        assert (await lab.event("OriginateResponse", ActionID="v")).get("Reason") == "0"
        await asyncio.sleep(100)
        assert not lab.events("Newchannel")
        assert not lab.events("Hangup")
        assert not switch.placed_calls


@virtual_time()
async def test_simulated_originate_fails_on_a_trunk_that_is_down_or_full() -> None:
    config = SimulatedAsteriskConfig(
        trunks=(SimulatedTrunk("carrier", channels=1),), scripts={"911": STAYS, "912": STAYS}
    )
    async with lab_centre(config) as (switch, lab):
        await lab.call("911", "first")
        await lab.call("912", "second")
        assert (await lab.event("Hangup", Uniqueid="second")).get("TechCause") == "503"
        await lab.event("Hangup", Uniqueid="first")
        switch.take_trunk_down("carrier")
        await lab.call("911", "third", Timeout="5000")
        end = await lab.event("Hangup", Uniqueid="third")
        assert (end.get("ChannelState"), end.get("Cause")) == ("0", "19")
        assert not [event for event in lab.events("DialState") if event.get("DestUniqueid") == "third"]
        switch.bring_trunk_up("carrier")
        await lab.call("911", "fourth")
        await lab.event("DialEnd", DestUniqueid="fourth", DialStatus="ANSWER")


@pytest.mark.parametrize(("share", "least", "most"), [(0.28, 80, 145), (0.0, 0, 0)])
def test_simulated_originate_responses_are_early_as_often_as_real_ones(share: float, least: int, most: int) -> None:
    """The test counts 400 answers, with the share measured on a real Asterisk, and with a share of 0."""

    @virtual_time()
    async def run() -> None:
        scripts = ((f"91{n}", STAYS) for n in range(400))
        async with lab_centre(make_config(*scripts, early=share), "lab") as (_switch, lab):
            for n in range(400):
                await lab.call(f"91{n}", f"v{n}")
            await asyncio.sleep(2)
            order: dict[str, list[str]] = {}
            for event in lab.events():
                if event.event_name == "OriginateResponse" or (
                    event.event_name == "Newstate" and event.get("ChannelState") == "6"
                ):
                    order.setdefault(event.get("Uniqueid"), []).append(event.event_name)
            early = sum(1 for events in order.values() if events[0] == "OriginateResponse")
            assert len(order) == 400
            assert least <= early <= most

    run()


@virtual_time()
async def test_simulated_asterisks_journal_has_every_call_that_was_placed(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    config = SimulatedAsteriskConfig(
        journal=path, scripts={"911": STAYS, "912": Behaviour(fails_with=486), "913": STAYS}, start_epoch=0.0
    )
    async with lab_centre(config) as (_switch, lab):
        for number in ("911", "912"):
            await lab.call(number, f"v{number}")
        await lab.event("Hangup", Uniqueid="v911")
        await lab.call("911", "again")
        await lab.call("911", "at-once")
        await lab.event("Hangup", Uniqueid="at-once")
        await lab.call("913", "v911")
        await lab.call("913", "live", Timeout="600000")
        mid = check_journal_of_calls(path)
        assert mid.live == 2
    report = check_journal_of_calls(path)
    assert (report.placed, report.answered, report.live) == (6, 3, 0)
    assert report.calls_by_number == {"911": 3, "912": 1, "913": 2}
    assert report.how["carrier-486"] == 1
    assert report.how["restart"] == 2
    assert report.problems == (
        "911 was called by at-once while again was still live",
        "channel id v911 was placed twice",
        "913 was called by live while v911 was still live",
    )


@virtual_time()
async def test_simulated_day_is_deterministic_for_a_seed() -> None:
    async def simulate_day(seed: int) -> list[tuple[str, str | None, float]]:
        profile = VoterProfile(answer_rate=0.5, call_back_share=0.2)
        config = SimulatedAsteriskConfig(seed=seed, profile=profile, start_epoch=0.0)
        async with lab_centre(config) as (switch, lab):
            for n in range(60):
                await lab.call(f"91{n % 40:04d}", f"v{n}", "matdan-flow" if n % 2 else "matdan-voter")
                await asyncio.sleep(7)
            await asyncio.sleep(200)
            return [
                (call.number, call.how, round((call.ended_at or 0) - call.placed_at, 3)) for call in switch.placed_calls
            ]

    first = await simulate_day(5)
    assert first == await simulate_day(5)
    assert first != await simulate_day(6)
    assert len({how for _, how, _ in first}) >= 5


@virtual_time()
async def test_simulated_voters_call_back_as_inbound_calls() -> None:
    scripted = make_config(("911", Behaviour(fails_with=486, calls_back_after=30.0)))
    config = replace(scripted, inbound_context="matdan-message", our_number="s")
    async with lab_centre(config) as (switch, lab):
        await lab.call("911", "v")
        started = await lab.event("UserEvent", UserEvent="MessageStarted")
        assert started.get("CallerIDNum") == "911"
        assert started.get("Uniqueid") != "v"
        await lab.event("Hangup", Uniqueid=started.get("Uniqueid"))
        assert len(switch.placed_calls) == 1


@virtual_time()
async def test_eleven_simulated_hours_of_agent_calls_take_seconds() -> None:
    """The day has 1,320 complete calls from 9:00 to 20:00, two a minute."""
    profile = VoterProfile(answer_rate_by_hour=(0.0,) * 9 + (0.6,) * 3 + (0.2,) * 12, utc_offset_hours=0.0)
    config = SimulatedAsteriskConfig(profile=profile, start_epoch=9 * 3600.0)
    async with lab_centre(config) as (switch, lab):
        for n in range(11 * 120):
            await lab.call(f"91{n:06d}", f"v{n}")
            await asyncio.sleep(30)
        await asyncio.sleep(60)
        answered = [call.answered_at for call in switch.placed_calls if call.answered_at]
        morning = sum(1 for at in answered if at < 12 * 3600)
        assert all(call.ended_at for call in switch.placed_calls)
        assert 180 < morning < 250  # of 360
        assert 140 < len(answered) - morning < 240  # of 960


@virtual_time()
async def test_simulated_asterisk_gives_a_one_line_error_for_a_port_in_use() -> None:
    async with SimulatedAsterisk(make_config()) as switch:
        with pytest.raises(PortInUse, match=f"127.0.0.1:{switch.ami_port}"):
            await SimulatedAsterisk(SimulatedAsteriskConfig(ami_port=switch.ami_port)).start()


@virtual_time()
async def test_broken_dialplan_ends_the_call_but_not_the_simulated_asterisk() -> None:
    dialplan = "[matdan-voter]\nexten => s,1,Wait(soon)\n[none]\nexten => s,1,Goto(nowhere,s,1)\n"
    config = SimulatedAsteriskConfig(dialplan=dialplan, scripts={"911": STAYS})
    async with lab_centre(config) as (switch, lab):
        for context in ("matdan-voter", "none"):
            await lab.call("911", context, context)
            assert (await lab.event("Hangup", Uniqueid=context)).get("ChannelState") == "6"
        assert not switch.channels
