"""A centre under headquarters' orders: a stop that nobody here can undo, that stands over a restart, and that two leaders lift."""

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
from dialer.domain.signing import public_key, public_key_text
from dialer.engine.campaigns.commands import PauseCampaign, ResumeCampaign, StopAll, StopCampaign
from dialer.engine.headquarters.commands import ExecuteOrder
from dialer.engine.headquarters.service import QUIET_SECONDS
from dialer.simulation.asterisk.server import SimulatedAsterisk
from tests.support.centre import Site, a_site
from tests.support.stored import query
from tests.support.virtual import virtual_time
from tests.support.voters import scripted

KEYS = {"asha": b"a" * 32, "ravi": b"r" * 32, "somebody": b"s" * 32}
BELONGS: dict[str, Any] = {
    "headquarters": {
        "zone": "north",
        "leaders": [{"name": name, "key": public_key_text(public_key(KEYS[name]))} for name in ("asha", "ravi")],
    }
}


async def give(site: Site, kind: str, *signers: str, later: float = 0.0, **changes: Any) -> str:
    """An order of this moment, signed and carried to the centre."""
    now = site.clock.now() + later
    fields = {"id": f"{kind}-{now:.0f}", "to": "all", "made_at": now, "expires_at": now + 3600, **changes}
    order = HqOrder(order=OrderKind(kind), **fields)
    signatures = tuple(sign_order(order.text, name, KEYS[name]) for name in signers)
    return await site.centre.engine.execute(ExecuteOrder(order=order.text, signatures=signatures))


def state(site: Site) -> CampaignState:
    return site.view.campaigns[0].state


def alerts(site: Site) -> set[str]:
    return {alert.code for alert in site.view.alerts}


@virtual_time()
async def test_a_stop_stands_over_a_restart_and_against_everybody_here_until_two_leaders_resume(tmp_path: Path) -> None:
    async with SimulatedAsterisk(scripted()) as switch:
        async with a_site(tmp_path, switch=switch, **BELONGS) as site:
            await site.log_in("01")
            await site.until(lambda: sum(site.view.campaigns[0].calls.values()) > 0)
            assert await give(site, "stop-all", "ravi") == "stopped 1 campaigns"
            assert state(site) is CampaignState.STOPPED
            await site.until(lambda: sum(site.view.campaigns[0].calls.values()) == 0)  # what rang is cancelled
            with pytest.raises(CommandRefused, match="headquarters has stopped every campaign"):
                await site.centre.engine.execute(ResumeCampaign(campaign="agents"))
        async with a_site(tmp_path, switch=switch, **BELONGS) as site:
            assert state(site) is CampaignState.STOPPED
            assert "headquarters-stop" in alerts(site)
            with pytest.raises(CommandRefused, match="headquarters has stopped"):
                await site.centre.engine.execute(ResumeCampaign(campaign="agents"))
            with pytest.raises(CommandRefused, match="two leaders must sign"):
                await give(site, "resume", "ravi", later=1)
            assert await give(site, "resume", "ravi", "asha", later=2) == "1 campaigns go on as before the stop"
            assert state(site) is CampaignState.RUNNING
            assert "headquarters-stop" not in alerts(site)
            await site.centre.engine.execute(PauseCampaign(campaign="agents"))
            await site.centre.engine.execute(ResumeCampaign(campaign="agents"))
            assert await give(site, "resume", "ravi", "asha", later=3) == "no stop stood here"
    audited = query(
        tmp_path / "centre.db", "SELECT who, what FROM audit WHERE kind = 'headquarters-order' ORDER BY number"
    )
    assert [(who, json.loads(what)["command"], json.loads(what)["signed"]) for who, what in audited] == [
        ("headquarters/ravi", "stop-all", "ravi"),
        ("headquarters/asha", "resume", "asha, ravi"),
        ("headquarters/asha", "resume", "asha, ravi"),
    ]


@virtual_time()
async def test_an_order_is_done_once_a_forged_one_is_told_and_the_old_stop_does_not_come_back(tmp_path: Path) -> None:
    async with a_site(tmp_path, scripted(), **BELONGS) as site:
        with pytest.raises(OrderForged):
            await give(site, "stop-all", "somebody")
        assert "headquarters-forged" in alerts(site)
        assert state(site) is CampaignState.RUNNING
        now = site.clock.now()
        stop = HqOrder(id="stop", to="zone:north", order=OrderKind.STOP_ALL, made_at=now, expires_at=now + 3600)
        carried = ExecuteOrder(order=stop.text, signatures=(sign_order(stop.text, "asha", KEYS["asha"]),))
        assert await site.centre.engine.execute(carried) == "stopped 1 campaigns"
        await give(site, "resume", "asha", "ravi", later=1)
        assert await site.centre.engine.execute(carried) == "order stop was obeyed before"
        assert state(site) is CampaignState.RUNNING
        with pytest.raises(CommandRefused, match="later order of headquarters is in force"):
            await give(site, "stop-all", "asha", made_at=now - 5, id="older")
        assert await give(site, "pause", "asha", later=2, campaign="agents") == "campaign agents: paused"
        assert await give(site, "quota", "asha", later=3, campaign="agents", max_calls=1) == (
            "campaign agents: held to that until midnight"
        )
        assert site.view.campaigns[0].speed is not None
        assert await give(site, "resume", "asha", "ravi", later=4, campaign="agents") == "campaign agents: running"
        await asyncio.sleep(QUIET_SECONDS - 60)
        with pytest.raises(OrderForged):
            await give(site, "stop-all", "somebody")
        await asyncio.sleep(QUIET_SECONDS - 60)
        assert "headquarters-forged" in alerts(site)
        await asyncio.sleep(120)
        assert "headquarters-forged" not in alerts(site)
        with pytest.raises(CommandRefused, match="nothing"):
            await give(site, "pause", "asha", later=5, campaign="nothing")


@virtual_time()
async def test_a_full_disk_holds_up_no_stop_and_the_same_order_is_kept_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with a_site(tmp_path, scripted(), **BELONGS) as site:
        store = site.centre.store

        async def full(*_: object, **__: object) -> None:
            raise StoreError("no room")

        monkeypatch.setattr(type(store), "record_headquarters_order", full)
        with pytest.raises(StoreError):
            await give(site, "stop-all", "asha", id="stop")
        assert state(site) is CampaignState.STOPPED
        monkeypatch.undo()
        assert await give(site, "stop-all", "asha", id="stop") == "stopped 1 campaigns"
        assert await give(site, "resume", "asha", "ravi", later=1) == "1 campaigns go on as before the stop"
        assert state(site) is CampaignState.RUNNING


@virtual_time()
async def test_a_stop_that_is_given_here_while_headquarters_stop_is_lifted_holds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with a_site(tmp_path, scripted(), **BELONGS) as site:
        store, engine = site.centre.store, site.centre.engine
        await give(site, "stop-all", "asha")
        keep = store.record_headquarters_order

        async def while_it_is_kept(_: object, *order: Any, **how: Any) -> None:
            await keep(*order, **how)
            await engine.execute(StopAll())

        monkeypatch.setattr(type(store), "record_headquarters_order", while_it_is_kept)
        assert await give(site, "resume", "asha", "ravi", later=1) == "1 campaigns go on as before the stop"
        assert state(site) is CampaignState.STOPPED
    assert query(tmp_path / "centre.db", "SELECT state FROM campaign") == [("stopped",)]


@pytest.mark.parametrize("command", [StopCampaign(campaign="agents"), StopAll()])
@pytest.mark.parametrize("restarted", [False, True])
@virtual_time()
async def test_what_is_stopped_here_while_headquarters_stop_stands_stays_so(
    tmp_path: Path, command: StopCampaign | StopAll, restarted: bool
) -> None:
    async with SimulatedAsterisk(scripted()) as switch, AsyncExitStack() as stack:
        site = await stack.enter_async_context(a_site(tmp_path, switch=switch, **BELONGS))
        await give(site, "stop-all", "asha")
        await site.centre.engine.execute(command)
        if restarted:
            await stack.aclose()
            site = await stack.enter_async_context(a_site(tmp_path, switch=switch, **BELONGS))
        await give(site, "resume", "asha", "ravi", later=1)
        assert state(site) is CampaignState.STOPPED
        assert "headquarters-stop" not in alerts(site)
        await site.centre.engine.execute(ResumeCampaign(campaign="agents"))


@virtual_time()
async def test_a_stop_that_cannot_be_lifted_on_disk_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with a_site(tmp_path, scripted(), **BELONGS) as site:
        await give(site, "stop-all", "asha")

        async def full(*_: object, **__: object) -> None:
            raise StoreError("no room")

        monkeypatch.setattr(type(site.centre.store), "record_headquarters_order", full)
        with pytest.raises(StoreError):
            await give(site, "resume", "asha", "ravi", later=1, id="go")
        assert state(site) is CampaignState.STOPPED
        with pytest.raises(CommandRefused, match="headquarters has stopped"):
            await site.centre.engine.execute(ResumeCampaign(campaign="agents"))
        monkeypatch.undo()
        assert await give(site, "resume", "asha", "ravi", later=1, id="go") == "1 campaigns go on as before the stop"
        assert state(site) is CampaignState.RUNNING


@virtual_time()
async def test_a_centre_without_leaders_obeys_nobody(tmp_path: Path) -> None:
    async with a_site(tmp_path, scripted()) as site:
        with pytest.raises(CommandRefused, match=r"\[\[headquarters.leaders\]\]"):
            await give(site, "stop-all", "asha")
