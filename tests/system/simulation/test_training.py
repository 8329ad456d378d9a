"""Training at the desk: the site's agents, simulated voters, and no changes to the site."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from pathlib import Path

import httpx
import pytest

from dialer.desk.pages_built import are_pages_built
from dialer.domain.enums import PacingPolicy
from dialer.engine.seats.pins import hash_pin
from dialer.errors import SettingError
from dialer.settings.site import Settings, load_settings
from dialer.simulation.demo.training import VOTER_REPLIES, make_training_settings, run_training
from tests.support.waiting import HANG_SECONDS

PIN = "739164"
SITE = """
[centre]
id = "pune-1"
language = "en"
[store]
path = "{store}"
[ami]
secret = "ab12cd34ef56gh78"
[[trunks]]
name = "north"
endpoint = "north"
channels = 30
calls_per_second = 4
caller_ids = ["+911140000001"]
[[seats]]
name = "01"
endpoint = "agent01"
[[seats]]
name = "02"
endpoint = "agent02"
webrtc = true
[[agents]]
number = "101"
pin = "{pin}"
[[campaigns]]
id = "turnout"
kind = "agents"
purpose = "turnout"
script = "polling_day"
abandoned_limit = 0.01
hours = [{{ start = 09:00:00, until = 10:00:00 }}]
[[campaigns]]
id = "calls"
kind = "ivr"
flow = "turnout"
channels = 5
[desk]
port = 0
"""


def make_site_settings(folder: Path) -> Settings:
    path = folder / "centre.toml"
    path.write_text(SITE.format(store=folder / "centre.db", pin=hash_pin(PIN)), encoding="utf-8")
    return load_settings(path)


def test_agent_training_uses_neither_the_sites_store_nor_its_secrets(
    tmp_path: Path,
) -> None:
    settings = make_site_settings(tmp_path)
    trained = make_training_settings(settings, tmp_path / "other.db", 5038)
    assert trained.agents == settings.agents
    assert [(each.name, each.webrtc) for each in trained.seats] == [("01", False), ("02", False)]
    (campaign,) = trained.campaigns
    assert (campaign.id, campaign.script, campaign.pacing) == ("turnout", "polling_day", PacingPolicy.PROGRESSIVE)
    assert trained.store.path == tmp_path / "other.db"
    assert trained.ami.secret != settings.ami.secret
    assert trained.desk.user == "training-desk"


def test_agent_training_uses_the_call_preview_settings_of_the_site(tmp_path: Path) -> None:
    settings = make_site_settings(tmp_path)
    campaign = settings.campaigns[0].model_copy(update={"pacing": PacingPolicy.PREVIEW, "preview_seconds": 20.0})
    previews = settings.model_copy(update={"campaigns": (campaign,)})
    (trained,) = make_training_settings(previews, tmp_path / "other.db", 5038).campaigns
    assert (trained.pacing, trained.preview_seconds) == (PacingPolicy.PREVIEW, 20.0)


@pytest.mark.parametrize(
    ("without", "problem"),
    [("agents", "must list at least one agent to train"), ("campaigns", "must include an agent campaign")],
)
async def test_agent_training_without_agents_or_agent_campaigns_is_rejected(
    tmp_path: Path, without: str, problem: str
) -> None:
    settings = make_site_settings(tmp_path).model_copy(update={without: ()})
    with pytest.raises(SettingError, match=problem):
        await run_training(settings, lambda _: None)


@pytest.mark.skipif(not are_pages_built(), reason="the pages are not built: dialer desk pages")
async def test_agent_in_training_sees_the_replies_of_simulated_voters(tmp_path: Path) -> None:
    opened: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    async with asyncio.timeout(HANG_SECONDS), asyncio.TaskGroup() as group:
        group.create_task(run_training(make_site_settings(tmp_path), opened.set_result))
        origin = (await opened).removesuffix("/agent")
        async with httpx.AsyncClient(base_url=origin, headers={"origin": origin}, timeout=60) as browser:
            asked = {"agent": "101", "pin": PIN, "seat": "02", "phone": "own"}
            entered = await browser.post("/api/agent/sign-in", json=asked)
            assert entered.status_code == 204, entered.text
            own = entered.headers["set-cookie"].partition(";")[0]
            assert own.startswith("__Host-training=")
            cookie = {"cookie": f"__Host-desk=of-the-real-desk-beside-it; {own}"}
            me = (await browser.get("/api/agent/me", headers=cookie)).json()
            assert (me["seat"], me["training"]) == ("02", True)
            async with browser.stream("GET", "/api/agent/events", headers=cookie) as events:
                pop, said = None, None
                async for line in events.aiter_lines():
                    told = json.loads(line.removeprefix("data:"))["values"] if line.startswith("data:") else {}
                    pop = told.get("pop") or pop
                    said = ((told.get("seat") or {}).get("message") or {}).get("text") or said
                    if pop and said:
                        break
        assert pop is not None
        assert pop["voters"]
        assert said in VOTER_REPLIES["en"]
        os.kill(os.getpid(), signal.SIGTERM)
    assert not (tmp_path / "centre.db").exists()
