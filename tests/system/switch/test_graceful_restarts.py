"""`core restart gracefully` on the simulated Asterisk: talks end in their own time, and the dialler ends its own channels."""

from __future__ import annotations

import asyncio
from pathlib import Path

from structlog.testing import capture_logs

from dialer.engine.seats.commands import SeatHangUp
from dialer.simulation.asterisk.channels import Channel
from dialer.simulation.asterisk.server import SimulatedAsterisk
from dialer.switch.asterisk.control_channel import CONNECT_SECONDS
from dialer.switch.asterisk.lease import LEASE_SECONDS
from dialer.switch.asterisk.places import CONTROL_CHANNEL, CONTROL_EXTENSION, LEASE_CONTEXT
from tests.support.centre import Site, a_site
from tests.support.servers import a_multi_server_site
from tests.support.virtual import virtual_time
from tests.support.voters import make_answering_switch

TALK_SECONDS = 40.0
RESTART_SECONDS = 2 * LEASE_SECONDS  # well above the few seconds that a restart without channels takes


def list_control_channels(switch: SimulatedAsterisk) -> list[str]:
    """Return the unique ids of the control channel's halves."""
    return [each for each in switch.channels if each.startswith(CONTROL_CHANNEL)]


def list_phones(site: Site) -> list[Channel]:
    return [channel for channel in site.switch.channels.values() if channel.seat is not None]


def is_control_channel_connected(switch: SimulatedAsterisk) -> bool:
    """Return whether Asterisk has connected a control channel to the FastAGI server. Nothing else does in these tests."""
    return len(list_control_channels(switch)) == 2 and len(switch.agi_connections) == 1


def list_states(site: Site) -> list[str]:
    return [seat.state.value for seat in site.centre_view.seats]


@virtual_time()
async def test_agents_phones_stay_connected_until_the_last_conversation_ends_before_asterisk_restarts(
    tmp_path: Path,
) -> None:
    config = make_answering_switch(answer_after=1.0, talk_seconds=TALK_SECONDS)
    async with a_site(tmp_path, config, agi=True, campaign={"wrap_up_seconds": 1}) as site:
        await site.log_in("01", "02")
        await site.until(lambda: list_states(site) == ["talking", "talking"])
        before, phones = list(site.switch.placed_calls), list_phones(site)
        began = asyncio.get_running_loop().time()
        async with asyncio.timeout(TALK_SECONDS + RESTART_SECONDS):
            await site.switch.restart_gracefully()
        assert asyncio.get_running_loop().time() - began > TALK_SECONDS / 2
        assert [call.how for call in before] == ["voter"] * 2
        assert all(phone.hung_up for phone in phones)
        await site.until(lambda: list_states(site) == ["talking", "talking"], RESTART_SECONDS)
        assert len(site.switch.placed_calls) >= 4


@virtual_time()
async def test_agent_can_end_the_call_while_asterisk_shuts_down(tmp_path: Path) -> None:
    config = make_answering_switch(answer_after=1.0, talk_seconds=3600.0)
    async with a_site(tmp_path, config, agi=True, seats=1) as site:
        await site.log_in("01")
        await site.until(lambda: list_states(site) == ["talking"])
        (call,) = site.switch.placed_calls
        restarting = asyncio.create_task(site.switch.restart_gracefully())
        await asyncio.sleep(LEASE_SECONDS)
        assert call.ended_at is None
        await site.centre.engine.execute_command(SeatHangUp(seat="01"))
        async with asyncio.timeout(RESTART_SECONDS):
            await restarting
        assert call.how == "agi"


@virtual_time()
async def test_asterisk_with_an_older_dialplan_restarts_only_after_the_agents_phones_hang_up(
    tmp_path: Path,
) -> None:
    config = make_answering_switch(answer_after=1.0, talk_seconds=5.0)
    async with a_site(tmp_path, config, run=False) as site:
        lease = site.switch.dialplan[LEASE_CONTEXT]
        site.switch.dialplan[LEASE_CONTEXT] = [each for each in lease if each.name != CONTROL_EXTENSION]
        with capture_logs() as logs:
            running = asyncio.create_task(site.dial_until_stopped())
            await site.until(lambda: site.centre_view.state.switch_up)
            await site.log_in("01", "02")
            await site.until(lambda: len(site.ended()) >= 2)
            restarting = asyncio.create_task(site.switch.restart_gracefully())
            await asyncio.sleep(CONNECT_SECONDS + RESTART_SECONDS)
            assert {channel.seat for channel in site.switch.channels.values()} == {"agent01", "agent02"}
            for phone in ("agent01", "agent02"):
                site.switch.hang_up_phone(phone)
            async with asyncio.timeout(RESTART_SECONDS):
                await restarting
            await site.until(lambda: site.centre_view.state.switch_up and len(list_phones(site)) == 2)
            site.stop.set()
            await running
        warnings = [each["problem"] for each in logs if each["event"] == "control.not_opened"]
        assert warnings
        assert all("dialer asterisk render" in problem for problem in warnings)


@virtual_time()
async def test_stopping_dialler_closes_its_asterisk_control_channel_at_once(tmp_path: Path) -> None:
    async with a_site(tmp_path, make_answering_switch(answer_after=1.0), agi=True) as site:
        await site.until(lambda: is_control_channel_connected(site.switch))
        began = asyncio.get_running_loop().time()
        site.stop.set()
        await site.until(lambda: not list_control_channels(site.switch), 1.0)
    assert asyncio.get_running_loop().time() - began < 2.0


@virtual_time()
async def test_lost_asterisk_control_channel_is_replaced_on_ami_reconnect(tmp_path: Path) -> None:
    async with a_site(tmp_path, make_answering_switch(answer_after=1.0), agi=True) as site:
        await site.until(lambda: is_control_channel_connected(site.switch))
        first = list_control_channels(site.switch)
        site.switch.reset_agi_connections()
        await site.until(lambda: not list_control_channels(site.switch))
        site.switch.reset_ami_connections()
        await site.until(lambda: is_control_channel_connected(site.switch))
        assert not {*first} & {*list_control_channels(site.switch)}


@virtual_time()
async def test_one_of_two_asterisk_servers_restarts_gracefully_while_the_other_keeps_its_phones(tmp_path: Path) -> None:
    config = make_answering_switch(answer_after=1.0, talk_seconds=TALK_SECONDS)
    async with a_multi_server_site(tmp_path, config, seats={"a": 1, "b": 1}) as site:
        first, other = site.servers.values()
        await site.until(lambda: is_control_channel_connected(first) and is_control_channel_connected(other))
        control = list_control_channels(other)
        await site.log_in("a01", "b01")
        (phone,) = [channel for channel in other.channels.values() if channel.seat is not None]
        async with asyncio.timeout(TALK_SECONDS + RESTART_SECONDS):
            await first.restart_gracefully()
        assert (list_control_channels(other), phone.hung_up) == (control, False)
        await site.until(lambda: is_control_channel_connected(first))
        await site.until(lambda: "lost" not in list_states(site), RESTART_SECONDS)
