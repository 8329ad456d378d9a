"""The faults injected by the simulated Asterisk have exactly the stated effect."""

from __future__ import annotations

import asyncio
from collections import Counter
from functools import partial

import pytest

from dialer.domain.errors import ProtocolError
from dialer.simulation.asterisk.config import SimulatedAsteriskConfig, make_seat_phones
from dialer.simulation.asterisk.server import SimulatedAsterisk
from dialer.simulation.asterisk.voters import Behaviour
from dialer.switch.asterisk.ami_codec import AmiMessage
from tests.support.ami_lab import AmiLab
from tests.support.simulation import lab_centre
from tests.support.virtual import virtual_time
from tests.support.waiting import HANG_SECONDS

STAYS = Behaviour(answer_after=1.0)
CONFIG = SimulatedAsteriskConfig(
    scripts={f"91{n}": STAYS for n in range(100)},
    seats=make_seat_phones(2),
    early_originate_response=0.0,
    start_epoch=0.0,
)


@virtual_time()
async def test_simulated_asterisk_restart_drops_channels_without_hangup_events_and_keeps_its_port() -> None:
    loop = asyncio.get_running_loop()
    async with lab_centre(CONFIG) as (switch, lab):
        await lab.call_seat_phone("1", "agent01", "seat-a")
        await lab.call("910", "talks")
        await lab.event("UserEvent", UserEvent="VoterWaiting")
        await lab.action("Redirect", Channel="talks", Context="matdan-seat", Exten="1", Priority="1")
        await lab.event("ConfbridgeJoin", Uniqueid="talks")
        await lab.call("911", "rings")
        await lab.call("912", "flow", "matdan-flow")
        await asyncio.sleep(2)
        await switch.restart(down_seconds=3)
        await lab.ended.wait()
        assert not lab.events("Hangup")
        assert [call.how for call in switch.placed_calls] == ["restart"] * 3
        async with AmiLab(switch.ami_port, "dialler") as again:
            assert (await again.event("FullyBooted")).get("Uptime") == "0"
            assert (await again.action("CoreStatus")).get("CoreStartupTime") == f"00:00:0{int(loop.time())}"
            await again.action("CoreShowChannels")
            assert again.events("CoreShowChannelsComplete")[0].get("ListItems") == "0"
            await again.call_seat_phone("1", "agent01", "seat-b")
            await again.event("ConfbridgeJoin", Uniqueid="seat-b")


@virtual_time()
async def test_simulated_graceful_asterisk_restart_sends_a_shutdown_event() -> None:
    async with lab_centre(CONFIG) as (switch, lab):
        await lab.call("910", "v")
        await switch.restart(announced=True)
        await lab.ended.wait()
        assert [message.event_name for message in lab.events()][-1] == "Shutdown"


async def is_ami_port_open(switch: SimulatedAsterisk) -> bool:
    """Return whether the AMI port of the simulated Asterisk is open."""
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", switch.ami_port)
    except ConnectionRefusedError:
        return False
    writer.close()
    return True


@virtual_time()
async def test_simulated_asterisk_fails_all_calls_until_the_event_fully_booted() -> None:
    """The order is that of a real Asterisk 22.10: no dialplan, then a dialplan whose calls fail, then FullyBooted."""
    lease = {"Channel": "Local/s@matdan-lease/n", "Context": "matdan-lease", "Exten": "far", "Priority": "1"}

    async with lab_centre(CONFIG) as (switch, lab):
        restart = asyncio.create_task(switch.restart(boot_seconds=4.0))
        await lab.ended.wait()
        while not await is_ami_port_open(switch):
            await asyncio.sleep(0.01)
        async with AmiLab(switch.ami_port, "dialler") as again:
            ask = partial(again.action, "Originate", Async="true", **lease)
            assert not (await again.action("Getvar", Variable="MATDAN_AGI")).get("Value")
            assert (await ask(ChannelId="a", OtherChannelId="a2")).get("Message") == "Extension does not exist."
            await asyncio.sleep(3)
            assert (await again.action("Getvar", Variable="MATDAN_AGI")).get("Value")
            await ask(ChannelId="b", OtherChannelId="b2")
            assert (await again.event("OriginateResponse")).get("Reason") == "0"
            assert not again.events("FullyBooted")
            await restart
            assert (await again.event("FullyBooted")).get("Status") == "Fully Booted"
            await ask(ChannelId="c", OtherChannelId="c2")
            assert (await again.event("OriginateResponse", Uniqueid="c")).get("Response") == "Success"


@virtual_time()
async def test_simulated_asterisk_refuses_connections_during_a_restart() -> None:
    async with lab_centre(CONFIG) as (switch, _):
        restart = asyncio.create_task(switch.restart(down_seconds=5))
        await asyncio.sleep(1)
        with pytest.raises(ConnectionRefusedError):
            await AmiLab(switch.ami_port).__aenter__()
        await restart
        async with AmiLab(switch.ami_port):
            pass


@virtual_time()
async def test_simulated_call_continues_when_its_ami_connection_is_cut() -> None:
    async with lab_centre(CONFIG) as (switch, lab):
        lab.send("Ping")
        await lab.call("910", "v")
        switch.reset_ami_connections()
        await lab.ended.wait()
        async with AmiLab(switch.ami_port, "dialler") as again:
            response = await again.event("OriginateResponse", ActionID="v")
            assert response.get("Response") == "Success"


@virtual_time()
async def test_stalled_simulated_ami_connection_stays_open_but_silent() -> None:
    async with lab_centre(CONFIG) as (switch, lab):
        switch.stall_ami_connections()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(HANG_SECONDS):
                await lab.action("Ping")
        assert not lab.ended.is_set()
        switch.resume_ami_connections()
        await lab.until(lambda message: message.get("Ping") == "Pong")


@virtual_time()
async def test_ami_client_reports_garbage_from_the_simulated_asterisk_as_a_protocol_error() -> None:
    async with lab_centre(CONFIG) as (switch, lab):
        switch.send_garbage_to_ami_clients()
        with pytest.raises(ProtocolError):
            await lab.reading


@virtual_time()
async def test_ami_client_that_reads_too_slowly_is_disconnected_by_the_simulated_asterisk() -> None:
    async with lab_centre(CONFIG) as (switch, _):
        reader, writer = await asyncio.open_connection("127.0.0.1", switch.ami_port)
        writer.write(b"Action: Login\r\nActionID: 1\r\nUsername: lab\r\nSecret: lab\r\n\r\n")
        await reader.readuntil(b"Status: Fully Booted\r\n")
        sent = b"Event: Stale\r\n\r\n" * 65_536
        for _ in range(30):  # more than the buffers of both sockets hold
            switch.send_garbage_to_ami_clients(sent)
            await asyncio.sleep(0.1)
        stale = await reader.read()
        assert stale.endswith(b"Event: Stale\r\n\r\n")
        assert len(sent) < len(stale) < 30 * len(sent)
        writer.close()


@virtual_time()
async def test_simulated_slow_carrier_delays_each_call_more_than_the_call_before() -> None:
    loop = asyncio.get_running_loop()
    async with lab_centre(CONFIG) as (switch, lab):
        switch.caller.slow_down_ringing(1.0, growth_seconds=0.5)
        waits = []
        for n in range(3):
            began = loop.time()
            await lab.call(f"91{n}", f"v{n}")
            await lab.event("DialState", DestUniqueid=f"v{n}")
            waits.append(round(loop.time() - began, 2))
        assert waits == [1.0, 1.5, 2.0]


def _get_channel_id(message: AmiMessage) -> str:
    return message.get("Uniqueid", message.get("DestUniqueid"))


def collect_hang_ups_of_twenty_calls(
    *, lose: float = 0.0, repeat: float = 0.0, reorder: float = 0.0
) -> tuple[Counter[str], list[str]]:
    counts: Counter[str] = Counter()
    order: list[str] = []

    @virtual_time()
    async def run() -> None:
        async with lab_centre(CONFIG) as (switch, lab):
            switch.set_event_faults(lose=lose, repeat=repeat, reorder=reorder)
            for n in range(20):
                await lab.call(f"91{n}", f"v{n}")
            await asyncio.sleep(20)
            counts.update(message.get("Uniqueid") for message in lab.events("Hangup"))
            order.extend(f"{message.event_name} {_get_channel_id(message)}" for message in lab.events())

    run()
    return counts, order


def test_simulated_fault_of_lost_events_drops_ami_events() -> None:
    counts, _ = collect_hang_ups_of_twenty_calls(lose=0.4)
    assert 4 <= len(counts) <= 18
    assert set(counts.values()) == {1}


def test_simulated_fault_of_repeated_events_duplicates_ami_events() -> None:
    counts, _ = collect_hang_ups_of_twenty_calls(repeat=0.5)
    assert len(counts) == 20
    assert set(counts.values()) == {1, 2}


def test_simulated_fault_of_reordered_events_delivers_every_ami_event() -> None:
    counts, order = collect_hang_ups_of_twenty_calls(reorder=0.5)
    well_counts, well_order = collect_hang_ups_of_twenty_calls()
    assert counts == well_counts
    assert sorted(order) == sorted(well_order)
    assert order != well_order


@virtual_time()
async def test_simulated_fault_drops_the_next_ami_event_with_a_given_name() -> None:
    async with lab_centre(CONFIG) as (switch, lab):
        switch.session_registry.faults.drop_next_ami_events("Hangup")
        for n in range(2):
            await lab.call(f"91{n}", f"v{n}")
            await asyncio.sleep(20)
        assert [message.get("Uniqueid") for message in lab.events("Hangup")] == ["v1"]
