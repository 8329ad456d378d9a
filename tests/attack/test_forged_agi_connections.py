"""Nobody takes over a call or seat through FastAGI by knowing an attempt's id, which MQTT publishes.

The attacker speaks FastAGI as Asterisk does, reports success for every command, and presses 1 ("I have voted") wherever a key is
read.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dialer.deploy.asterisk.agi_secret import compute_agi_token, derive_agi_secret
from dialer.deploy.asterisk.render import render_dialplan
from dialer.domain.model import Outcome
from dialer.domain.view import AlertRaised, CallState
from dialer.engine.seats.commands import SeatLogIn
from dialer.simulation.asterisk.config import SimulatedAsteriskConfig
from dialer.simulation.asterisk.extensions import parse_dialplan
from dialer.simulation.asterisk.server import SimulatedAsterisk
from dialer.simulation.asterisk.voters import Behaviour
from tests.support.agi_peer import AsteriskCall, connect_as
from tests.support.centre import START_EPOCH, Site, a_site
from tests.support.seats import CHEAP
from tests.support.stored import query_site_store
from tests.support.virtual import virtual_time
from tests.support.voters import IVR, make_answering_switch, make_scripted_switch

RINGING = 76
TRUNK = {
    "name": "carrier",
    "endpoint": "carrier",
    "channels": 100,
    "calls_per_second": 50,
    "caller_ids": ["+911140000001"],
}


@contextlib.asynccontextmanager
async def run_site_with_ringing_calls(
    directory: Path, config: SimulatedAsteriskConfig | None = None, **changes: Any
) -> AsyncIterator[Site]:
    """Run a site with many ringing calls. Nobody answers unless `config` says so."""
    campaign = {**IVR, "channels": RINGING, "ring_seconds": 60, "max_attempts": 1}
    async with a_site(
        directory, config or make_scripted_switch(), campaign=campaign, trunks=[TRUNK], voters=114, **changes
    ) as site:
        yield site


async def press_one_for_every_command(call: AsteriskCall) -> list[str]:
    """Press 1 for every command until the connection ends. Return all commands received."""
    async with call:
        for _ in range(200):
            command = await call.command()
            if not command:
                break
            result = ord("1") if command.startswith(("STREAM FILE", "WAIT FOR DIGIT")) else 1
            call.wire.write(f"200 result={result} endpos=400\n".encode())
        return call.lines


def list_voter_channels(site: Site) -> list[tuple[str, str]]:
    """Return the unique id and name of each voter's channel."""
    return [(channel.uniqueid, channel.name) for channel in site.switch.channels.values() if channel.trunk is not None]


def list_alert_changes(site: Site, code: str) -> list[bool]:
    """Return the changes of the alert `code` in order: True if raised, False if cleared."""
    changes = (change.alert for change in site.changes if isinstance(change, AlertRaised))
    return [not alert.cleared for alert in changes if alert.code == code]


@virtual_time()
async def test_attacker_who_knows_call_ids_cannot_take_over_a_ringing_call(tmp_path: Path) -> None:
    commands: list[str] = []
    async with run_site_with_ringing_calls(tmp_path) as site:
        await site.until(lambda: site.centre_view.campaigns[0].calls.get(CallState.RINGING, 0) == RINGING, seconds=30)
        ringing = dict(list_voter_channels(site))
        assert len(ringing) == RINGING
        secret, port, others = derive_agi_secret("dialler"), site.centre.agi_port, [*ringing][1:] + [*ringing][:1]
        for (unique_id, name), other in zip(ringing.items(), others, strict=True):
            token_of_other_call = compute_agi_token(secret, "flow", other, ringing[other])
            token_of_inbound = compute_agi_token(secret, "inbound", unique_id, name)
            for call in (
                connect_as(port, "flow", unique_id, name, secret=None),
                connect_as(port, "flow", unique_id, name, token=unique_id),
                connect_as(port, "flow", unique_id, name, secret="guessed"),
                connect_as(port, "flow", unique_id, name, token=token_of_other_call),
                connect_as(port, "flow", unique_id, name, token=token_of_inbound),
                connect_as(port, "flow", unique_id, ""),
                # The dialplan's secret is stolen, but the call is not answered or has another channel.
                connect_as(port, "flow", unique_id, name),
                connect_as(port, "flow", unique_id, ringing[other]),
            ):
                commands += await press_one_for_every_command(call)
        assert commands == []
        assert site.centre_view.state.marks == {}
        assert all(view.leg.answered_at is None for view in site.centre.engine.features.live_calls.list_live_calls())
        assert list_alert_changes(site, "fastagi-stranger") == [True]
    assert query_site_store(tmp_path, "SELECT count(*) FROM mark") == [(0,)]
    assert query_site_store(tmp_path, "SELECT count(*) FROM attempt WHERE flow IS NOT NULL") == [(0,)]


@virtual_time()
async def test_stolen_agi_token_cannot_take_over_a_running_or_ended_call(tmp_path: Path) -> None:
    config = make_answering_switch(answer_after=2.0, keys=((20.0, "3"),), hang_up_after=40.0)
    async with run_site_with_ringing_calls(tmp_path, config) as site:
        await site.until(lambda: site.centre_view.campaigns[0].calls.get(CallState.IN_FLOW, 0) >= 20, seconds=30)
        live = list_voter_channels(site)[:20]
        port = site.centre.agi_port
        stolen = [connect_as(port, "flow", *each) for each in live]  # intercepted tokens
        during = [await press_one_for_every_command(connect_as(port, "flow", *each)) for each in live]
        # the flow stays with Asterisk's connection
        assert set(map(tuple, during)) <= {("SET VARIABLE MATDAN_DONE 1",), ()}
        await site.until(lambda: len(site.ended()) >= RINGING, seconds=120)
        after = [await press_one_for_every_command(call) for call in stolen]
        assert [line for lines in after for line in lines] == []
        assert site.centre_view.state.marks == {}
        ended = {change.outcome for change in site.ended()}
        assert ended == {Outcome.LEFT}
    assert query_site_store(tmp_path, "SELECT count(*) FROM mark") == [(0,)]


@virtual_time()
async def test_wrong_pins_over_forged_agi_connections_do_not_lock_any_seat(tmp_path: Path) -> None:
    agents = [{"number": "101", "pin": CHEAP.hash("2468")}, {"number": "102", "pin": CHEAP.hash("1357")}]
    async with a_site(tmp_path, seats=2, agents=agents) as site:
        for secret in ("dialler", "guessed", None):
            for number in range(12):
                for endpoint in ("agent01", "agent02"):
                    call = connect_as(
                        site.centre.agi_port,
                        "seat",
                        f"{START_EPOCH:.0f}.{number}",
                        f"PJSIP/{endpoint}-000000aa",
                        secret=secret,
                    )
                    assert await press_one_for_every_command(call) == []
        assert not [alert for alert in site.centre_view.alerts if alert.code.startswith("log-in-locked")]
        for name, agent, pin in (("01", "101", "2468"), ("02", "102", "1357")):
            await site.centre.engine.execute_command(SeatLogIn(seat=name, agent=agent, pin=pin))


@virtual_time()
async def test_alert_about_forged_agi_connections_clears_five_minutes_after_the_last_connection(tmp_path: Path) -> None:
    async with a_site(tmp_path, voters=1) as site:
        for _ in range(40):
            assert (
                await press_one_for_every_command(connect_as(site.centre.agi_port, "flow", "x", "y", secret=None)) == []
            )
            await asyncio.sleep(10)
        assert list_alert_changes(site, "fastagi-stranger") == [True]
        await asyncio.sleep(301)
        assert list_alert_changes(site, "fastagi-stranger") == [True, False]


@virtual_time()
async def test_silent_agi_connections_are_closed_within_seconds_and_do_not_delay_calls(tmp_path: Path) -> None:
    config = make_answering_switch(answer_after=2.0, keys=((14.0, "1"),), hang_up_after=60.0)
    async with run_site_with_ringing_calls(tmp_path, config) as site:
        silent = [AsteriskCall(site.centre.agi_port, b"agi_network: yes\n") for _ in range(1000)]
        async with contextlib.AsyncExitStack() as stack:
            for number, each in enumerate(silent):
                await stack.enter_async_context(each)
                if number % 100 == 0:
                    await asyncio.sleep(0.1)
            await asyncio.sleep(6)
            assert sum(not each.ended.is_set() for each in silent) == 0
            assert list_alert_changes(site, "fastagi-crowded") == [True]
            await site.until(lambda: len(site.ended()) >= RINGING, seconds=120)
        assert site.centre_view.state.marks == {"voted": RINGING}


# Asterisk does not guarantee the order of events, and some are lost


@pytest.mark.parametrize("lost", [("DialEnd",), ("OriginateResponse",), ("DialEnd", "OriginateResponse")])
def test_ivr_flow_runs_although_ami_events_of_its_call_were_lost(tmp_path: Path, lost: tuple[str, ...]) -> None:
    @virtual_time()
    async def run() -> None:
        config = make_scripted_switch(*[Behaviour(answer_after=2.0, keys=((14.0, "1"),))] * 5)
        async with a_site(tmp_path, config, voters=6, campaign={**IVR, "max_attempts": 1}) as site:
            site.switch.session_registry.faults.set_fault_rates_of_ami_events(lose=1.0, names=lost)
            await site.until(lambda: len(site.ended()) == 5, seconds=120)
            assert site.centre_view.state.marks == {"voted": 5}

    run()


@virtual_time()
async def test_ivr_flow_of_a_call_answered_while_asterisk_is_disconnected_starts_after_reconnection(
    tmp_path: Path,
) -> None:
    config = make_scripted_switch(Behaviour(answer_after=10.0, keys=((25.0, "1"),), hang_up_after=90.0))
    async with a_site(tmp_path, config, voters=1, campaign={**IVR, "max_attempts": 1}) as site:
        await site.until(lambda: site.centre_view.campaigns[0].calls.get(CallState.RINGING, 0) == 1)
        await asyncio.sleep(7)
        await site.switch.refuse_ami_connections_for_seconds(6)
        await site.until(lambda: len(site.ended()) == 1, seconds=120)
        assert site.centre_view.state.marks == {"voted": 1}


# A dialplan that was not rendered from the settings


def make_dialplan_of_earlier_version() -> str:
    """Return our dialplan without the tokens and the line that identifies its settings."""
    lines = render_dialplan().splitlines()
    return "\n".join(
        line.partition(",${SHA1(")[0] + ")" if "${SHA1(" in line else line
        for line in lines
        if "MATDAN_AGI=" not in line
    )


@pytest.mark.parametrize(
    "text", [make_dialplan_of_earlier_version(), render_dialplan(manager_secret="an-earlier-one")], ids=["old", "other"]
)
def test_dialplan_that_differs_from_the_settings_blocks_dialling(tmp_path: Path, text: str) -> None:
    @virtual_time()
    async def run() -> None:
        config = replace(make_answering_switch(answer_after=1.0), dialplan=text)
        async with a_site(tmp_path, config, campaign=IVR, run=False) as site, asyncio.TaskGroup() as group:
            group.create_task(site.centre.dial_until_stopped(site.stop))
            await asyncio.sleep(30)
            (alert,) = site.centre_view.alerts
            assert alert.code == "switch-down"
            assert "dialplan does not match these settings" in alert.text
            assert "dialer asterisk render" in alert.text
            assert site.switch.placed_calls == []
            site.stop.set()

    run()


@virtual_time()
async def test_dialplan_replaced_while_the_dialler_runs_stops_flows_and_raises_an_alert(
    tmp_path: Path,
) -> None:
    config = make_answering_switch(answer_after=2.0, keys=((14.0, "1"),))
    async with SimulatedAsterisk(config) as switch, a_site(tmp_path, switch=switch, campaign=IVR) as site:
        switch.dialplan = parse_dialplan(make_dialplan_of_earlier_version())
        await site.until(lambda: len(site.ended()) >= 10, seconds=120)
        assert site.centre_view.state.marks == {}
        assert list_alert_changes(site, "fastagi-stranger") == [True]
