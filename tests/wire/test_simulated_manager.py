"""The AMI of the simulated Asterisk: permissions, refusals, variables, and injection by unsafe values."""

from __future__ import annotations

import asyncio

import pytest

from dialer.simulation.asterisk.config import SimulatedAsteriskConfig
from dialer.simulation.asterisk.voters import Behaviour
from tests.support.ami_lab import AmiLab
from tests.support.simulation import lab_centre, simulated_centre
from tests.support.virtual import virtual_time

STAYS = Behaviour(answer_after=1.0)
CONFIG = SimulatedAsteriskConfig(scripts={"911": STAYS})


@pytest.mark.parametrize(
    ("action", "fields", "message"),
    [
        (
            "Originate",
            {"Channel": "PJSIP/911@carrier", "Context": "nowhere", "Async": "true"},
            "Extension does not exist.",
        ),
        ("Originate", {"Context": "matdan-voter", "Exten": "s"}, "Channel not specified"),
        ("Originate", {"Channel": "PJSIP", "Async": "true"}, "Invalid channel"),
        ("Originate", {"Channel": "PJSIP/1@carrier", "Async": "true", "Timeout": "soon"}, "Invalid timeout"),
        (
            "Originate",
            {"Channel": "PJSIP/1@carrier", "Application": "System"},
            "Originate Access Forbidden: app or data blacklisted",
        ),
        ("Command", {"Command": "core show version"}, "Permission denied"),
        ("Hangup", {"Channel": "gone"}, "No such channel"),
        ("Hangup", {}, "No channel specified"),
        ("Redirect", {"Channel": "gone", "Context": "matdan-seat"}, "Channel does not exist: gone"),
        ("Getvar", {"Channel": "gone", "Variable": "X"}, "No such channel"),
        ("ConfbridgeList", {"Conference": "seat-1"}, "No active conferences."),
        ("ConfbridgeList", {}, "No Conference name provided."),
        ("Frob", {}, "Invalid/unknown command: Frob. Use Action: ListCommands to show available commands."),
    ],
)
def test_simulated_manager_refuses_invalid_actions_as_asterisk_does(
    action: str, fields: dict[str, str], message: str
) -> None:
    @virtual_time()
    async def run() -> None:
        async with lab_centre(CONFIG) as (_switch, lab):
            response = await lab.action(action, **fields)
            assert (response.response_status, response.get("Message")) == ("Error", message)

    run()


@virtual_time()
async def test_simulated_manager_requires_a_login_and_a_wrong_secret_ends_the_session() -> None:
    loop = asyncio.get_running_loop()
    async with simulated_centre(CONFIG) as switch:
        async with AmiLab(switch.ami_port, "dialler", "wrong") as lab:
            assert loop.time() == pytest.approx(1.0)
            assert lab.messages[0].get("Message") == "Authentication failed"
            await lab.ended.wait()
        reader, writer = await asyncio.open_connection("127.0.0.1", switch.ami_port)
        writer.write(b"Action: Ping\r\nActionID: 1\r\n\r\n")
        assert await reader.readuntil(b"\r\n\r\n") == (
            b"Asterisk Call Manager/11.0.0\r\nResponse: Error\r\nActionID: 1\r\nMessage: Permission denied\r\n\r\n"
        )
        writer.close()


@virtual_time()
async def test_simulated_manager_sets_variables_answers_ping_and_logs_off() -> None:
    async with lab_centre(CONFIG, "lab") as (_switch, lab):
        assert (await lab.action("Ping")).get("Ping") == "Pong"
        await lab.call("911", "v", Variable="ATTEMPT=v,NOTE=two")
        await lab.event("UserEvent", UserEvent="VoterWaiting")
        assert (await lab.action("Getvar", Channel="v", Variable="NOTE")).get("Value") == "two"
        await lab.action("Setvar", Channel="v", Variable="NOTE", Value="three")
        assert (await lab.action("Getvar", Channel="v", Variable="NOTE")).get("Value") == "three"
        assert (await lab.action("Logoff")).response_status == "Goodbye"
        await lab.ended.wait()


@virtual_time()
async def test_simulated_asterisk_is_as_vulnerable_to_ami_injection_as_the_real_one() -> None:
    """The simulation behaves as a real Asterisk does if an encoder does not refuse such values."""
    async with lab_centre(CONFIG) as (switch, lab):
        lab.write(
            b"Action: Originate\r\nActionID: x\r\nAsync: true\r\nChannelId: x\r\nExten: s\r\nPriority: 1\r\n"
            b"Channel: PJSIP/911@carrier\nContext: matdan-voter\r\nVariable: A=1,GLOBAL(EVIL)=yes\r\n\r\n"
        )
        await lab.event("DialState", DestUniqueid="x")
        assert switch.globals["EVIL"] == "yes"
