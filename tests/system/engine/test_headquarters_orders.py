"""Orders of headquarters in a centre: stop-all stays in force, also after a restart, until two leaders resume."""

from __future__ import annotations

import asyncio
import json
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from dialer.domain.errors import CommandRefused, StoreError
from dialer.domain.model import CampaignState
from dialer.domain.orders import HqOrder, OrderForged, OrderKind, sign_order
from dialer.domain.signing import derive_public_key, format_public_key
from dialer.engine.campaigns.commands import PauseCampaign, ResumeCampaign, StopAll, StopCampaign
from dialer.engine.headquarters.commands import ConfirmUplink, ExecuteOrder, ReportUplink
from dialer.engine.headquarters.service import QUIET_SECONDS
from dialer.simulation.asterisk.server import SimulatedAsterisk
from tests.support.centre import Site, a_site
from tests.support.stored import query_store
from tests.support.virtual import virtual_time
from tests.support.voters import make_scripted_switch

KEYS = {"asha": b"a" * 32, "ravi": b"r" * 32, "somebody": b"s" * 32}
HEADQUARTERS: dict[str, Any] = {
    "headquarters": {
        "zone": "north",
        "leaders": [
            {"name": name, "key": format_public_key(derive_public_key(KEYS[name]))} for name in ("asha", "ravi")
        ],
    }
}


async def send_order(site: Site, kind: str, *signers: str, later: float = 0.0, **changes: Any) -> str:
    """Sign a new order and have the centre execute it. Return the reply."""
    now = site.clock.now() + later
    fields = {"id": f"{kind}-{now:.0f}", "to": "all", "made_at": now, "expires_at": now + 3600, **changes}
    order = HqOrder(order=OrderKind(kind), **fields)
    signatures = tuple(sign_order(order.order_as_json_text, name, KEYS[name]) for name in signers)
    return await site.centre.engine.execute_command(ExecuteOrder(order=order.order_as_json_text, signatures=signatures))


def get_campaign_state(site: Site) -> CampaignState:
    return site.centre_view.campaigns[0].state


def list_alert_codes(site: Site) -> set[str]:
    return {alert.code for alert in site.centre_view.alerts}


@virtual_time()
async def test_headquarters_order_to_stop_dialling_survives_a_restart_until_two_leaders_resume_dialling(
    tmp_path: Path,
) -> None:
    async with SimulatedAsterisk(make_scripted_switch()) as switch:
        async with a_site(tmp_path, switch=switch, **HEADQUARTERS) as site:
            await site.log_in("01")
            await site.until(lambda: sum(site.centre_view.campaigns[0].calls.values()) > 0)
            assert await send_order(site, "stop-all", "ravi") == "stopped 1 campaigns"
            assert get_campaign_state(site) is CampaignState.STOPPED
            await site.until(
                lambda: sum(site.centre_view.campaigns[0].calls.values()) == 0
            )  # ringing calls are cancelled
            with pytest.raises(CommandRefused, match="headquarters has stopped all campaigns"):
                await site.centre.engine.execute_command(ResumeCampaign(campaign_id="agents"))
        async with a_site(tmp_path, switch=switch, **HEADQUARTERS) as site:
            assert get_campaign_state(site) is CampaignState.STOPPED
            assert "headquarters-stop" in list_alert_codes(site)
            with pytest.raises(CommandRefused, match="headquarters has stopped"):
                await site.centre.engine.execute_command(ResumeCampaign(campaign_id="agents"))
            with pytest.raises(CommandRefused, match="have it signed by two leaders"):
                await send_order(site, "resume", "ravi", later=1)
            assert await send_order(site, "resume", "ravi", "asha", later=2) == "1 campaigns resumed as before the stop"
            assert get_campaign_state(site) is CampaignState.RUNNING
            assert "headquarters-stop" not in list_alert_codes(site)
            await site.centre.engine.execute_command(PauseCampaign(campaign_id="agents"))
            await site.centre.engine.execute_command(ResumeCampaign(campaign_id="agents"))
            assert await send_order(site, "resume", "ravi", "asha", later=3) == "no stop by headquarters was in force"
    audited = query_store(
        tmp_path / "centre.db", "SELECT who, what FROM audit WHERE kind = 'headquarters-order' ORDER BY number"
    )
    assert [(who, json.loads(what)["command"], json.loads(what)["signed"]) for who, what in audited] == [
        ("headquarters/ravi", "stop-all", "ravi"),
        ("headquarters/asha", "resume", "asha, ravi"),
        ("headquarters/asha", "resume", "asha, ravi"),
    ]


@virtual_time()
async def test_headquarters_reports_of_store_or_clock_problems_raise_and_clear_alerts(tmp_path: Path) -> None:
    async with a_site(tmp_path, make_scripted_switch(), **HEADQUARTERS) as site:
        report = ReportUplink(
            problem="two stores send results as pune-1", clock_ahead_seconds=-31.0, server_problem="hq:4222: no answer"
        )
        kinds = {"headquarters-refuses", "headquarters-clock", "headquarters-full"}
        await site.centre.engine.execute_command(report)
        assert kinds <= list_alert_codes(site)
        await site.centre.engine.execute_command(ReportUplink(problem="", clock_ahead_seconds=29.0))
        assert not kinds & list_alert_codes(site)


@virtual_time()
async def test_all_campaigns_stop_if_headquarters_knows_results_missing_in_the_store(tmp_path: Path) -> None:
    uplink: dict[str, Any] = {"supervisors": [{"name": "uplink", "role": "uplink"}]}
    connected: dict[str, Any] = {
        "headquarters": {**HEADQUARTERS["headquarters"], "user": "uplink", "servers": ["nats://127.0.0.1:1"]}
    }
    async with SimulatedAsterisk(make_scripted_switch()) as switch:
        async with a_site(tmp_path, switch=switch, **uplink, **connected) as site:
            assert await site.centre.engine.execute_command(ConfirmUplink(through=0)) == "confirmed up to 0"
            assert get_campaign_state(site) is CampaignState.RUNNING
            await site.centre.engine.execute_command(ConfirmUplink(through=1_000_000))
            assert get_campaign_state(site) is CampaignState.STOPPED
            assert "store-set-back" in list_alert_codes(site)
        async with a_site(tmp_path, switch=switch, **uplink, **connected) as site:
            assert get_campaign_state(site) is CampaignState.STOPPED
            await site.centre.engine.execute_command(ResumeCampaign(campaign_id="agents"))
            assert get_campaign_state(site) is CampaignState.RUNNING


@virtual_time()
async def test_headquarters_order_is_executed_once_and_a_forged_order_raises_an_alert(tmp_path: Path) -> None:
    async with a_site(tmp_path, make_scripted_switch(), **HEADQUARTERS) as site:
        with pytest.raises(OrderForged):
            await send_order(site, "stop-all", "somebody")
        assert "headquarters-forged" in list_alert_codes(site)
        assert get_campaign_state(site) is CampaignState.RUNNING
        now = site.clock.now()
        stop = HqOrder(id="stop", to="zone:north", order=OrderKind.STOP_ALL, made_at=now, expires_at=now + 3600)
        command = ExecuteOrder(
            order=stop.order_as_json_text, signatures=(sign_order(stop.order_as_json_text, "asha", KEYS["asha"]),)
        )
        assert await site.centre.engine.execute_command(command) == "stopped 1 campaigns"
        await send_order(site, "resume", "asha", "ravi", later=1)
        assert await site.centre.engine.execute_command(command) == "order stop was already carried out"
        assert get_campaign_state(site) is CampaignState.RUNNING
        with pytest.raises(CommandRefused, match="later order of headquarters is in force"):
            await send_order(site, "stop-all", "asha", made_at=now - 5, id="older")
        assert await send_order(site, "pause", "asha", later=2, campaign_id="agents") == "campaign agents: paused"
        assert await send_order(site, "quota", "asha", later=3, campaign_id="agents", max_calls=1) == (
            "campaign agents: speed limit set until midnight"
        )
        assert site.centre_view.campaigns[0].speed is not None
        assert (
            await send_order(site, "resume", "asha", "ravi", later=4, campaign_id="agents")
            == "campaign agents: running"
        )
        await asyncio.sleep(QUIET_SECONDS - 60)
        with pytest.raises(OrderForged):
            await send_order(site, "stop-all", "somebody")
        await asyncio.sleep(QUIET_SECONDS - 60)
        assert "headquarters-forged" in list_alert_codes(site)
        await asyncio.sleep(120)
        assert "headquarters-forged" not in list_alert_codes(site)
        with pytest.raises(CommandRefused, match="nothing"):
            await send_order(site, "pause", "asha", later=5, campaign_id="nothing")


@virtual_time()
async def test_headquarters_stop_order_is_obeyed_on_a_full_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with a_site(tmp_path, make_scripted_switch(), **HEADQUARTERS) as site:
        store = site.centre.store

        async def fail_for_lack_of_space(*_: object, **__: object) -> None:
            raise StoreError("no room")

        monkeypatch.setattr(type(store), "save_headquarters_order", fail_for_lack_of_space)
        with pytest.raises(StoreError):
            await send_order(site, "stop-all", "asha", id="stop")
        assert get_campaign_state(site) is CampaignState.STOPPED
        monkeypatch.undo()
        assert await send_order(site, "stop-all", "asha", id="stop") == "stopped 1 campaigns"
        assert await send_order(site, "resume", "asha", "ravi", later=1) == "1 campaigns resumed as before the stop"
        assert get_campaign_state(site) is CampaignState.RUNNING


@virtual_time()
async def test_centres_own_stop_during_a_headquarters_resume_stays_in_force(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with a_site(tmp_path, make_scripted_switch(), **HEADQUARTERS) as site:
        store, engine = site.centre.store, site.centre.engine
        await send_order(site, "stop-all", "asha")
        record = store.save_headquarters_order

        async def stop_after_recording(_: object, *order: Any, **how: Any) -> None:
            await record(*order, **how)
            await engine.execute_command(StopAll())

        monkeypatch.setattr(type(store), "save_headquarters_order", stop_after_recording)
        assert await send_order(site, "resume", "asha", "ravi", later=1) == "1 campaigns resumed as before the stop"
        assert get_campaign_state(site) is CampaignState.STOPPED
    assert query_store(tmp_path / "centre.db", "SELECT state FROM campaign") == [("stopped",)]


@pytest.mark.parametrize("command", [StopCampaign(campaign_id="agents"), StopAll()])
@pytest.mark.parametrize("restarted", [False, True])
@virtual_time()
async def test_campaign_stopped_at_the_centre_stays_stopped_when_headquarters_resumes_dialling(
    tmp_path: Path, command: StopCampaign | StopAll, restarted: bool
) -> None:
    async with SimulatedAsterisk(make_scripted_switch()) as switch, AsyncExitStack() as stack:
        site = await stack.enter_async_context(a_site(tmp_path, switch=switch, **HEADQUARTERS))
        await send_order(site, "stop-all", "asha")
        await site.centre.engine.execute_command(command)
        if restarted:
            await stack.aclose()
            site = await stack.enter_async_context(a_site(tmp_path, switch=switch, **HEADQUARTERS))
        await send_order(site, "resume", "asha", "ravi", later=1)
        assert get_campaign_state(site) is CampaignState.STOPPED
        assert "headquarters-stop" not in list_alert_codes(site)
        await site.centre.engine.execute_command(ResumeCampaign(campaign_id="agents"))


@virtual_time()
async def test_headquarters_stop_order_stays_in_force_if_a_resume_order_is_not_stored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with a_site(tmp_path, make_scripted_switch(), **HEADQUARTERS) as site:
        await send_order(site, "stop-all", "asha")

        async def fail_for_lack_of_space(*_: object, **__: object) -> None:
            raise StoreError("no room")

        monkeypatch.setattr(type(site.centre.store), "save_headquarters_order", fail_for_lack_of_space)
        with pytest.raises(StoreError):
            await send_order(site, "resume", "asha", "ravi", later=1, id="go")
        assert get_campaign_state(site) is CampaignState.STOPPED
        with pytest.raises(CommandRefused, match="headquarters has stopped"):
            await site.centre.engine.execute_command(ResumeCampaign(campaign_id="agents"))
        monkeypatch.undo()
        assert (
            await send_order(site, "resume", "asha", "ravi", later=1, id="go")
            == "1 campaigns resumed as before the stop"
        )
        assert get_campaign_state(site) is CampaignState.RUNNING


@virtual_time()
async def test_centre_without_public_keys_of_leaders_refuses_every_headquarters_order(tmp_path: Path) -> None:
    async with a_site(tmp_path, make_scripted_switch()) as site:
        with pytest.raises(CommandRefused, match=r"\[\[headquarters.leaders\]\]"):
            await send_order(site, "stop-all", "asha")
