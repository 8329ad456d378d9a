"""Standing orders of supervisors: stored before they are confirmed, and in force over restarts until they expire."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from dialer.domain.errors import StoreError
from dialer.domain.model import CampaignState
from dialer.domain.view import AgentMessage, CampaignSpeed
from dialer.engine.campaigns.commands import PauseCampaign, SetSpeed, StopCampaign
from dialer.engine.command.base import CommandContext
from dialer.engine.seats.commands import SeatCampaigns, SeatLogIn, SeatLogOff, SeatMessage, SeatMessageRead
from dialer.engine.seats.messages import MESSAGE_SECONDS
from dialer.simulation.asterisk.server import SimulatedAsterisk
from tests.support.centre import START_EPOCH, Site, a_site
from tests.support.seats import CHEAP, seat, switch_config
from tests.support.stored import execute_in_store, query_site_store
from tests.support.virtual import virtual_time
from tests.support.voters import make_answering_switch

AGENTS: list[dict[str, Any]] = [{"number": number, "pin": CHEAP.hash("2468")} for number in ("101", "102")]
MIDNIGHT = START_EPOCH + 14.5 * 3_600.0
NIGHT = [{"start": "23:00", "until": "23:59"}]  # no calls are placed, so the seats keep their state


def make_campaigns(*names: str) -> list[dict[str, Any]]:
    return [{"id": name, "kind": "agents", "pacing": "progressive", "hours": NIGHT} for name in names]


FOUR: dict[str, Any] = {"agents": AGENTS, "campaigns": make_campaigns("one", "two", "three", "four")}


def read_speed_limits(site: Site) -> dict[str, CampaignSpeed | None]:
    return {each.campaign_id: each.speed for each in site.centre_view.campaigns if each.speed is not None}


async def log_agents_in(site: Site, *names: str, agent: str = "") -> None:
    for name in names:
        await site.centre.engine.execute_command(SeatLogIn(seat=name, agent=agent or f"1{name}", pin="2468"))
    await site.until(lambda: all(seat(site, name).state.value == "ready" for name in names))


@virtual_time()
async def test_supervisor_orders_in_force_survive_a_restart_until_they_expire(tmp_path: Path) -> None:
    async with SimulatedAsterisk(switch_config()) as switch:
        async with a_site(tmp_path, switch=switch, **FOUR) as site:
            await log_agents_in(site, "01", "02")
            given = (
                SetSpeed(campaign_id="one", max_calls=5, calls_per_seat=None),
                SetSpeed(campaign_id="two", max_calls=None, calls_per_seat=1.5),
                SetSpeed(campaign_id="four", max_calls=7, calls_per_seat=None),
                SetSpeed(campaign_id="four", max_calls=None, calls_per_seat=None),
                PauseCampaign(campaign_id="two"),
                StopCampaign(campaign_id="three"),
                SeatCampaigns(seat="01", campaigns=("one", "two")),
                SeatCampaigns(seat="02", campaigns=("one",)),
                SeatCampaigns(seat="02", campaigns=()),
                SeatMessage(text="slower", seat="01", campaign_id=None),
                SeatMessage(text="all of you", seat=None, campaign_id="four"),  # only seat 02 serves it
            )
            for command in given:
                sender = "meena" if command == given[-1] else "asha"
                await site.centre.engine.execute_command(command, CommandContext(sender))
            said_at = site.clock.now()
        await asyncio.sleep(MESSAGE_SECONDS / 2)
        newer = "INSERT INTO standing_order VALUES ('campaign/one', 'of-a-newer-version', '{}', ?, ?)"
        execute_in_store(tmp_path / "centre.db", newer, said_at, said_at + MESSAGE_SECONDS)
        async with a_site(tmp_path, switch=switch, **FOUR) as site:
            held = read_speed_limits(site)
            assert held == {
                "one": CampaignSpeed(5, None, MIDNIGHT, "asha"),
                "two": CampaignSpeed(None, 1.5, MIDNIGHT, "asha"),
            }
            states = {each.campaign_id: each.state for each in site.centre_view.campaigns}
            running, paused, stopped = CampaignState.RUNNING, CampaignState.PAUSED, CampaignState.STOPPED
            assert states == {"one": running, "two": paused, "three": stopped, "four": running}
            assert [seat(site, name).campaigns for name in ("01", "02")] == [("one", "two"), ()]
            assert seat(site, "01").message == AgentMessage("slower", said_at, "asha")
            assert seat(site, "02").message == AgentMessage("all of you", said_at, "meena")
            await site.centre.engine.execute_command(SeatMessageRead(seat="02", message_at=said_at))
            await asyncio.sleep(MESSAGE_SECONDS / 2 - 10.0)
            assert seat(site, "01").message is not None
            await asyncio.sleep(20.0)
            assert seat(site, "01").message is None  # ten minutes after it was given, including the restart
        async with a_site(tmp_path, switch=switch, agents=AGENTS, campaigns=make_campaigns("two", "four")) as site:
            assert (seat(site, "01").message, seat(site, "02").message) == (None, None)
            assert seat(site, "01").campaigns == ("two",)  # "one" was removed from the settings
        async with a_site(tmp_path, switch=switch, agents=AGENTS, campaigns=make_campaigns("four")) as site:
            assert seat(site, "01").campaigns == ()
        assert query_site_store(tmp_path, "SELECT addressee, command FROM standing_order") == [
            ("campaign/one", "speed"),
            ("campaign/two", "speed"),
            ("seat/01", "seat-campaigns"),
        ]
        await asyncio.sleep(MIDNIGHT - switch.get_current_time())
        async with a_site(tmp_path, switch=switch, **FOUR) as site:
            assert read_speed_limits(site) == {}
            assert query_site_store(tmp_path, "SELECT addressee FROM standing_order") == [("seat/01",)]


@virtual_time()
async def test_supervisor_orders_for_a_seat_end_with_the_agents_log_off(tmp_path: Path) -> None:
    async with SimulatedAsterisk(switch_config()) as switch:
        async with a_site(tmp_path, switch=switch, **FOUR) as site:
            engine = site.centre.engine
            await log_agents_in(site, "01")
            await engine.execute_command(SeatCampaigns(seat="01", campaigns=("one",)))
            await engine.execute_command(
                SeatMessage(text="slower", seat="01", campaign_id=None), CommandContext("asha")
            )
            await engine.execute_command(SeatLogOff(seat="01"))
            await log_agents_in(site, "01", agent="102")
            await engine.execute_command(SeatCampaigns(seat="01", campaigns=("two",)))
        switch.hang_up_phone("agent01")  # while no dialler runs, its agent leaves
        async with a_site(tmp_path, switch=switch, **FOUR) as site:
            await asyncio.sleep(1.0)
            assert query_site_store(tmp_path, "SELECT * FROM standing_order") == []
            await log_agents_in(site, "01", agent="102")
            assert (seat(site).campaigns, seat(site).message) == ((), None)


@virtual_time()
async def test_supervisor_orders_for_a_seat_do_not_apply_to_the_next_agent(tmp_path: Path) -> None:
    async with SimulatedAsterisk(make_answering_switch(talk_seconds=5.0)) as switch:
        async with a_site(tmp_path, switch=switch, agents=AGENTS) as site:
            engine = site.centre.engine
            await engine.execute_command(SeatLogIn(seat="01", agent="101", pin="2468"))
            await site.until(lambda: seat(site).state.value == "talking")
            await engine.execute_command(SeatLogOff(seat="01"))
            await engine.execute_command(SeatCampaigns(seat="01", campaigns=("agents",)))
            await site.until(lambda: seat(site).agent is None)
            await engine.execute_command(SeatLogIn(seat="01", agent="101", pin="2468"))
            await asyncio.sleep(1.0)
        async with a_site(tmp_path, switch=switch, agents=AGENTS) as site:
            assert (seat(site).agent, seat(site).campaigns) == ("101", ())


@virtual_time()
async def test_supervisor_order_that_cannot_be_stored_is_not_executed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with a_site(tmp_path, switch_config(), **FOUR) as site:
        engine = site.centre.engine
        await log_agents_in(site, "01")
        await engine.execute_command(SeatMessage(text="slower", seat="01", campaign_id=None), CommandContext("asha"))
        shown = seat(site).message
        assert shown is not None

        async def fail_for_lack_of_space(*_: object) -> None:
            raise StoreError("the disk is full")

        monkeypatch.setattr(engine.features.store, "save_supervisor_orders", fail_for_lack_of_space)
        monkeypatch.setattr(engine.features.store, "delete_supervisor_order", fail_for_lack_of_space)
        given = (
            SetSpeed(campaign_id="one", max_calls=5, calls_per_seat=None),
            SeatCampaigns(seat="01", campaigns=("one",)),
            SeatMessage(text="faster", seat="01", campaign_id=None),
            SeatMessageRead(seat="01", message_at=shown.at),
        )
        for command in given:
            with pytest.raises(StoreError, match="the disk is full"):
                await engine.execute_command(command, CommandContext("asha"))
        assert (read_speed_limits(site), seat(site).campaigns, seat(site).message) == ({}, (), shown)
