"""A stop-all end to end: a leader's command, nats-server, a centre's uplink and broker, and its dialler with live calls."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from dialer.domain.enums import SupervisorRole
from dialer.domain.model import CampaignState
from dialer.domain.signing import create_key_file, format_public_key
from dialer.hq.servers import run_nats_server
from dialer.mqtt.embedded_broker import run_demo_broker
from dialer.uplink.uplink import run_uplink
from tests.support.centre import Site, a_site, site_settings
from tests.support.command_line import run
from tests.support.voters import make_scripted_switch


def state(site: Site) -> CampaignState:
    return site.centre_view.campaigns[0].state


async def test_one_leader_can_stop_dialling_and_two_can_resume_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = {name: format_public_key(create_key_file(tmp_path / f"{name}.key")) for name in ("asha", "ravi")}
    leaders = [{"name": name, "key": key} for name, key in keys.items()]
    async with run_nats_server(tmp_path / "nats") as server, run_demo_broker() as broker:
        changes: dict[str, Any] = {
            "broker": {"host": "127.0.0.1", "port": broker.port, "username": "dialler"},
            "headquarters": {"user": "uplink", "zone": "west", "servers": [server.nats_server_url], "leaders": leaders},
            "supervisors": [{"name": "uplink", "role": SupervisorRole.UPLINK}],
        }
        lines = [f'servers = ["{server.nats_server_url}"]', "[[centres]]", 'id = "test"', 'zone = "west"']
        for leader in leaders:
            lines += ["[[leaders]]", f'name = "{leader["name"]}"', f'key = "{leader["key"]}"']
        config = tmp_path / "hq.toml"
        config.write_text("\n".join(lines))

        async def order(*arguments: str | Path) -> str:
            code, output = await asyncio.to_thread(run, "hq", "order", *arguments, "-c", config)
            assert code == 0, output
            return output

        async with a_site(tmp_path, make_scripted_switch(), **changes) as site:
            monkeypatch.setattr("dialer.domain.clock.SystemClock", lambda: site.clock)
            settings = site_settings(tmp_path, site.switch.ami_port, **changes)
            uplink = asyncio.create_task(run_uplink(settings, broker=broker.connection_settings, clock=site.clock))
            monitor = site.centre.monitor
            assert monitor is not None
            await site.until(lambda: monitor.is_connected_to_broker)
            await site.log_in("01")
            await site.until(lambda: sum(site.centre_view.campaigns[0].calls.values()) > 0)
            assert "1 of 1 centres have executed the order" in await order(
                "stop-all", "--key", tmp_path / "asha.key", "--wait", "20"
            )
            assert state(site) is CampaignState.STOPPED
            await site.until(lambda: sum(site.centre_view.campaigns[0].calls.values()) == 0)
            assert "1 of 1" in await order("resume", "--key", tmp_path / "asha.key", "--key", tmp_path / "ravi.key")
            assert state(site) is CampaignState.RUNNING
            uplink.cancel()
            await asyncio.gather(uplink, return_exceptions=True)
