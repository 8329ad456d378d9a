"""Seats on the simulated Asterisk, as observed on Asterisk 22: menu keys, hang-ups, and a second phone."""

from __future__ import annotations

import asyncio

import pytest

from dialer.simulation.asterisk.config import SimulatedAsteriskConfig, make_seat_phones
from dialer.simulation.asterisk.voters import Behaviour
from tests.support.ami_lab import AmiLab
from tests.support.simulation import lab_centre
from tests.support.virtual import virtual_time

CONFIG = SimulatedAsteriskConfig(
    seats=make_seat_phones(2), scripts={"911": Behaviour(talk_seconds=20.0), "912": Behaviour(talk_seconds=600.0)}
)


async def start_conversation(lab: AmiLab, number: str) -> None:
    await lab.call_seat_phone("1", "agent01", "seat-a")
    await lab.event("ConfbridgeJoin", Conference="seat-1", Uniqueid="seat-a")
    await lab.call(number, "v")
    await lab.event("UserEvent", UserEvent="VoterWaiting")
    await lab.action("Redirect", Channel="v", Context="matdan-seat", Exten="1", Priority="1")
    await lab.event("ConfbridgeJoin", Conference="seat-1", Uniqueid="v")


def list_seat_keys(lab: AmiLab) -> list[str]:
    return [event.get("Key") for event in lab.events("UserEvent") if event.get("UserEvent") == "SeatKey"]


@virtual_time()
async def test_key_on_a_simulated_phone_sends_an_event_without_leaving_the_conference() -> None:
    async with lab_centre(CONFIG, "lab") as (switch, lab):
        await start_conversation(lab, "912")
        switch.press_phone_keys("agent01", "5*#A", every_seconds=0.5)
        await asyncio.sleep(3)
        assert list_seat_keys(lab) == ["5", "*"]  # the menu has no others
        event = next(event for event in lab.events("UserEvent") if event.get("UserEvent") == "SeatKey")
        assert (event.get("Uniqueid"), event.get("Context"), event.get("Exten")) == ("seat-a", "matdan-key", "5")
        assert not lab.events("ConfbridgeLeave")
        channel = switch.channels["seat-a"]
        assert (channel.context, channel.extension) == ("matdan-agent", "1")


@virtual_time()
async def test_simulated_phone_is_in_the_key_context_after_a_key_press() -> None:
    """Asterisk 22.10 behaves so: it does not update its channel cache when the phone returns to the conference."""

    async def get_listed_context(lab: AmiLab) -> tuple[str, str, str]:
        before = len(lab.messages)
        await lab.action("CoreShowChannels")
        item = await lab.until(lambda each: each.get("Uniqueid") == "seat-a" and "ApplicationData" in each, before)
        return item.get("Context"), item.get("Exten"), item.get("Application")

    in_its_seat = ("matdan-agent", "1", "ConfBridge")
    async with lab_centre(CONFIG, "lab") as (switch, lab):
        await start_conversation(lab, "912")
        assert await get_listed_context(lab) == in_its_seat
        switch.press_phone_keys("agent01", "5")
        await asyncio.sleep(30)
        assert await get_listed_context(lab) == ("matdan-key", "5", "NoOp")
        await lab.action("Hangup", Channel="v")
        await lab.event("ConfbridgeLeave", Uniqueid="v")
        assert await get_listed_context(lab) == in_its_seat


@virtual_time()
async def test_simulated_seat_loses_keys_pressed_while_the_previous_key_is_handled() -> None:
    async with lab_centre(CONFIG, "lab") as (switch, lab):
        await start_conversation(lab, "912")
        switch.press_phone_keys("agent01", "1234", every_seconds=0.15)  # without a reply each key takes 0.2 s
        await asyncio.sleep(3)
        assert list_seat_keys(lab) == ["1", "3"]


@virtual_time()
async def test_simulated_seat_plays_the_sound_for_an_agents_key_if_requested_in_time() -> None:
    async with lab_centre(CONFIG, "lab") as (switch, lab):
        await start_conversation(lab, "912")
        for delay, played in ((0.01, True), (0.3, False)):
            before = len(lab.events("Newexten"))
            switch.press_phone_keys("agent01", "1")
            await asyncio.sleep(0.15 + delay)
            await lab.action("Setvar", Channel="seat-a", Variable="MATDAN_SAY", Value="done")
            await asyncio.sleep(1)
            steps = [(step.get("Application"), step.get("AppData")) for step in lab.events("Newexten")[before:]]
            assert (("Playback", "matdan/done") in steps) is played


@virtual_time()
async def test_simulated_voter_who_hung_up_hears_no_information_message() -> None:
    async with lab_centre(CONFIG) as (_switch, lab):
        await start_conversation(lab, "911")
        await lab.event("Hangup", Uniqueid="v")
        assert [event.get("UserEvent") for event in lab.events("UserEvent")] == ["VoterWaiting"]


@virtual_time()
async def test_simulated_seat_rejects_a_second_phone() -> None:
    async with lab_centre(CONFIG) as (switch, lab):
        await start_conversation(lab, "912")
        await lab.call_seat_phone("1", "agent02", "seat-b")
        await lab.event("Hangup", Uniqueid="seat-b")
        assert switch.conferences.get_conference_info("parties", "seat-1") == "2"
        assert switch.conferences.get_conference_info("admins", "seat-1") == "0"


@virtual_time()
async def test_simulated_phone_outside_a_call_sends_no_keys() -> None:
    async with lab_centre(CONFIG) as (switch, _lab):
        assert switch.find_phone_channel("agent01") is None
        with pytest.raises(ValueError, match="not on a call"):
            switch.press_phone_keys("agent01", "1")
