"""Reloading the settings during calls: campaigns, seats and trunks that are added or removed."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from dialer.domain.errors import CommandRefused
from dialer.domain.model import CampaignState, Disposition, Outcome
from dialer.domain.view import CallState, CampaignView, SeatState
from dialer.engine.campaigns.commands import PauseCampaign, ResumeCampaign, StopAll
from dialer.engine.dispositions.commands import PhoneKeyDisposition
from dialer.engine.seats.commands import SeatLogIn, SeatPause, SeatReady
from dialer.engine.settings_reload.commands import ReloadSettings
from dialer.pacing.port import Cap
from dialer.settings.site import Settings, load_settings
from dialer.simulation.asterisk.voters import Behaviour
from tests.support.centre import Site, a_site
from tests.support.seats import seat, switch_config, wait_until_talking
from tests.support.stored import query_site_store
from tests.support.virtual import virtual_time

CAMPAIGN = """
[[campaigns]]
id = "{id}"
kind = "agents"
pacing = "{pacing}"
hours = [{{ start = 00:00:00, until = 23:59:59 }}]
"""
SITE = """
[centre]
id = "test"
time_zone = "Asia/Kolkata"
[store]
path = "{folder}/centre.db"
reserve_megabytes = 1
[ami]
port = {port}
username = "dialler"
secret = "dialler"
[fastagi]
port = 0
[broker]
enabled = false
[dialling]
drain_seconds = 30
[[trunks]]
name = "carrier"
endpoint = "carrier"
channels = 30
calls_per_second = 5
caller_ids = ["+911140000001"]
"""
SEAT = '[[seats]]\nname = "{name}"\nendpoint = "agent{name}"\n'
FIRST = CAMPAIGN.format(id="agents", pacing="progressive")
TALKS = Behaviour(answer_after=1.0, talk_seconds=30.0)


class Live:
    """A running site whose settings file can be changed."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.site: Site

    def load(self, port: int, *parts: str) -> Settings:
        self.path.write_text("".join((SITE.format(folder=self.path.parent, port=port), *parts)), encoding="utf-8")
        return load_settings(self.path)

    def change(self, *pairs: tuple[str, str], add: str = "") -> None:
        text = self.path.read_text(encoding="utf-8")
        for old, new in pairs:
            assert old in text
            text = text.replace(old, new)
        self.path.write_text(text + add, encoding="utf-8")

    async def reload(self) -> str:
        return await self.site.centre.engine.execute_command(ReloadSettings())

    def campaign(self, name: str) -> CampaignView:
        return next(each for each in self.site.centre_view.campaigns if each.campaign_id == name)

    @property
    def campaigns(self) -> list[str]:
        return [each.campaign_id for each in self.site.centre_view.campaigns]

    @property
    def seats(self) -> list[str]:
        return [each.seat for each in self.site.centre_view.seats]


@contextlib.asynccontextmanager
async def run_live_site(
    directory: Path, *behaviours: Behaviour, parts: tuple[str, ...] = (), phones: int = 4
) -> AsyncIterator[Live]:
    """Run two seats and the campaign "agents", unless `parts` gives other settings."""
    made = Live(directory / "centre.toml")
    parts = parts or (SEAT.format(name="01"), SEAT.format(name="02"), FIRST)
    switch = switch_config(*(behaviours or (TALKS,)), seats=phones)
    async with a_site(directory, switch, made=lambda port: made.load(port, *parts)) as made.site:
        yield made


@virtual_time()
async def test_settings_reload_adds_a_campaign_a_seat_and_a_caller_id(tmp_path: Path) -> None:
    async with run_live_site(tmp_path) as here:
        await here.site.log_in("01")
        await wait_until_talking(here.site)
        here.change(
            ('["+911140000001"]', '["+911140000002"]'),
            add=SEAT.format(name="03") + CAMPAIGN.format(id="second", pacing="progressive"),
        )
        assert await here.reload() == "settings applied: trunks.carrier.caller_ids, seats.03, campaigns.second"
        assert here.seats == ["01", "02", "03"]
        assert here.campaigns == ["agents", "second"]
        await here.site.centre.engine.execute_command(PauseCampaign(campaign_id="agents"))
        await here.site.log_in("03")
        await wait_until_talking(here.site, "03")
        (call,) = query_site_store(tmp_path, "SELECT campaign_id, caller_id FROM attempt WHERE seat = '03'")
        assert call == ("second", "+911140000002")
        assert query_site_store(tmp_path, "SELECT caller_id FROM attempt WHERE seat = '01'") == [("+911140000001",)]
        await here.site.centre.engine.execute_command(PhoneKeyDisposition(seat="03", disposition=Disposition.VOTED))
        assert query_site_store(tmp_path, "SELECT COUNT(*) FROM attempt GROUP BY phone_id HAVING COUNT(*) > 1") == []


@virtual_time()
async def test_conversation_at_a_removed_seat_continues_until_agent_or_voter_hangs_up(tmp_path: Path) -> None:
    async with run_live_site(tmp_path) as here:
        execute = here.site.centre.engine.execute_command
        await here.site.log_in("01", "02")
        await wait_until_talking(here.site)
        here.change((SEAT.format(name="01"), ""))
        assert await here.reload() == "settings applied: seats.01"
        assert (seat(here.site).state, seat(here.site).agent) == (SeatState.TALKING, "agent-01")
        for stays in (SeatReady(seat="01"), SeatPause(seat="01", reason="break")):
            with pytest.raises(CommandRefused, match="seat 01: the agent is being logged off"):
                await execute(stays)
        with pytest.raises(CommandRefused, match="seat 01 was removed from the settings"):
            await execute(SeatLogIn(seat="01", agent="agent-07"))
        await here.site.until(lambda: seat(here.site).state is SeatState.WRAP_UP)
        assert await execute(PhoneKeyDisposition(seat="01", disposition=Disposition.VOTED)) == "seat 01: voted"
        assert here.seats == ["02"]
        await here.site.until(lambda: here.site.switch.find_phone_channel("agent01") is None, seconds=2)
        await here.site.until(lambda: query_site_store(tmp_path, "SELECT seat FROM log_in") == [("02",)])
        with pytest.raises(CommandRefused, match="seat '01' is not in the settings, which have 1 seats"):
            await execute(SeatLogIn(seat="01", agent="agent-01"))
        here.change(add=SEAT.format(name="01"))
        assert await here.reload() == "settings applied: seats.01"
        await here.site.log_in("01")
        await wait_until_talking(here.site)
    assert {change.outcome for change in here.site.ended()} <= {Outcome.CONNECTED, Outcome.REFUSED, Outcome.NO_ANSWER}


@virtual_time()
async def test_new_phone_of_a_seat_is_used_after_the_agent_has_logged_off(tmp_path: Path) -> None:
    async with run_live_site(tmp_path) as here:
        await here.site.log_in("01")
        await wait_until_talking(here.site)
        here.change(('endpoint = "agent01"', 'endpoint = "agent04"'))
        assert await here.reload() == "settings applied: seats.01.endpoint"
        assert seat(here.site).state is SeatState.TALKING
        await here.site.until(lambda: seat(here.site).agent is None)
        await here.site.until(lambda: here.site.switch.find_phone_channel("agent01") is None, seconds=2)
        await here.site.log_in("01")
        await here.site.until(lambda: here.site.switch.find_phone_channel("agent04") is not None, seconds=2)
        await wait_until_talking(here.site)


@virtual_time()
async def test_calls_of_a_removed_campaign_end_normally(tmp_path: Path) -> None:
    second = CAMPAIGN.format(id="second", pacing="progressive")
    rings = Behaviour(answer_after=8.0, talk_seconds=30.0)
    parts = (SEAT.format(name="01"), SEAT.format(name="02"), FIRST, second)
    async with run_live_site(tmp_path, TALKS, rings, parts=parts) as here:
        await here.site.centre.engine.execute_command(PauseCampaign(campaign_id="second"))
        await here.site.log_in("01", "02")
        await here.site.until(lambda: here.campaign("agents").calls == {CallState.TALKING: 1, CallState.RINGING: 1})
        here.change((FIRST, ""))
        assert await here.reload() == "settings applied: campaigns.agents"
        gone = here.campaign("agents")
        assert (gone.state, gone.calls) == (CampaignState.STOPPED, {CallState.TALKING: 1, CallState.RINGING: 1})
        await here.site.until(lambda: here.campaign("agents").calls == {CallState.TALKING: 2}, seconds=10)
        assert str(here.campaign("agents").hold) == "removed from the settings"
        with pytest.raises(
            CommandRefused, match=r"campaign 'agents' is not in the settings\. The campaigns there are: second"
        ):
            await here.site.centre.engine.execute_command(ResumeCampaign(campaign_id="agents"))
        here.change(add=FIRST)
        with pytest.raises(
            CommandRefused,
            match="no setting was changed: campaign agents is not in the settings any more, but still has calls",
        ):
            await here.reload()
        here.change((FIRST, ""))
        await here.site.until(lambda: here.campaigns == ["second"], seconds=60)
        await asyncio.sleep(120)
        assert [change.outcome for change in here.site.ended()] == [Outcome.CONNECTED] * 2
        assert query_site_store(tmp_path, "SELECT COUNT(*) FROM target WHERE state = 'claimed'") == [(0,)]
        here.change(add=FIRST)
        assert await here.reload() == "settings applied: campaigns.agents"
        assert here.campaign("agents").connected == 2  # of the day
        await wait_until_talking(here.site)
        assert query_site_store(tmp_path, "SELECT COUNT(*) FROM attempt GROUP BY phone_id HAVING COUNT(*) > 1") == []


@virtual_time()
async def test_reloaded_abandoned_rate_caps_and_channels_apply_to_the_next_pacing_decision(tmp_path: Path) -> None:
    parts = (SEAT.format(name="01"), CAMPAIGN.format(id="agents", pacing="predictive"))
    async with run_live_site(tmp_path, parts=parts) as here:
        pacer = here.site.centre.engine.features.loaded_campaigns["agents"].pacer
        before: tuple[Cap, ...] = pacer.caps
        here.change(
            ('pacing = "predictive"\n', 'pacing = "predictive"\nabandoned_limit = 0.01\nabandoned_target = 0.005\n'),
            ("channels = 30", "channels = 3"),
        )
        assert "campaigns.agents.abandoned_limit" in await here.reload()
        assert here.site.centre.engine.features.loaded_campaigns["agents"].pacer is pacer  # with all counts kept
        held: tuple[Cap, ...] = pacer.caps
        assert [(cap.window_seconds, cap.target, cap.hard_stop) for cap in held] == [
            (cap.window_seconds, 0.005, 0.01) for cap in before
        ]
        assert pacer.governor.hard_stop == 0.01  # type: ignore[attr-defined]
        assert here.site.centre_view.state.trunks[0].channels == 3


@virtual_time()
async def test_settings_reload_adds_and_removes_trunks(tmp_path: Path) -> None:
    async with run_live_site(tmp_path) as here:
        await here.site.log_in("01")
        await wait_until_talking(here.site)
        here.change(('name = "carrier"\nendpoint = "carrier"', 'name = "other"\nendpoint = "carrier"'))
        assert await here.reload() == "settings applied: trunks.carrier, trunks.other"
        assert [trunk.trunk for trunk in here.site.centre_view.state.trunks] == ["other"]
        await here.site.log_in("02")
        await wait_until_talking(here.site, "02")
        assert sorted(query_site_store(tmp_path, "SELECT seat, trunk FROM attempt WHERE seat IS NOT NULL")) == [
            ("01", "carrier"),
            ("02", "other"),
        ]
        await here.site.until(lambda: len(here.site.ended()) >= 2, seconds=60)
        assert {change.outcome for change in here.site.ended()} == {Outcome.CONNECTED}


@virtual_time()
async def test_reload_of_an_invalid_settings_file_changes_nothing(tmp_path: Path) -> None:
    async with run_live_site(tmp_path) as here:
        await here.site.log_in("01")
        audited = query_site_store(tmp_path, "SELECT COUNT(*) FROM audit")
        here.change(
            (SEAT.format(name="02"), ""),
            ("channels = 30", "channels = 2"),
            add=CAMPAIGN.format(id="second", pacing="progressive") + 'script = "/not/there.yaml"\n',
        )
        with pytest.raises(CommandRefused, match=r"^no change was applied: .*/not/there.yaml") as refused:
            await here.reload()
        assert "\n" not in str(refused.value)
        assert (here.seats, here.campaigns) == (["01", "02"], ["agents"])
        assert here.site.centre_view.state.trunks[0].channels == 30
        assert query_site_store(tmp_path, "SELECT COUNT(*) FROM audit") == audited
        assert query_site_store(tmp_path, "SELECT campaign_id FROM campaign") == [("agents",)]


@virtual_time()
async def test_settings_reload_writes_one_audit_entry(tmp_path: Path) -> None:
    async with run_live_site(tmp_path) as here:
        here.change(("channels = 30", "channels = 20"), add=CAMPAIGN.format(id="second", pacing="progressive"))
        await here.reload()
        ((what,),) = query_site_store(
            tmp_path, "SELECT what FROM audit WHERE kind = 'settings' ORDER BY number DESC LIMIT 1"
        )
        said = json.loads(what)
        assert said["trunks.carrier.channels"] == "30 -> 20"
        assert said["campaigns.second.kind"] == '(none) -> "agents"'
        entries = query_site_store(tmp_path, "SELECT COUNT(*) FROM audit WHERE kind = 'settings'")
        settings = load_settings(here.path)
    async with a_site(tmp_path, switch=here.site.switch, made=lambda _: settings, run=False) as again:
        assert [each.campaign_id for each in again.centre_view.campaigns] == ["agents", "second"]
    assert query_site_store(tmp_path, "SELECT COUNT(*) FROM audit WHERE kind = 'settings'") == entries


@virtual_time()
async def test_command_stop_all_also_stops_a_campaign_added_by_a_running_reload(
    tmp_path: Path,
) -> None:
    async with run_live_site(tmp_path) as here:
        engine, taken = here.site.centre.engine, here.site.centre.store.save_settings_and_rules_in_force
        here.change(add="".join(CAMPAIGN.format(id=name, pacing="progressive") for name in ("second", "third")))

        async def store_after_stop_all(told: dict[str, str], rules: str, at: float) -> None:
            await engine.execute_command(StopAll())
            await engine.execute_command(ResumeCampaign(campaign_id="agents"))
            await taken(told, rules, at)

        engine.features.settings_reloader._store.save_settings_and_rules_in_force = store_after_stop_all  # type: ignore[assignment]
        assert await here.reload() == "settings applied: campaigns.second, campaigns.third"
        states = [CampaignState.RUNNING, CampaignState.STOPPED, CampaignState.STOPPED]
        assert [each.state for each in here.site.centre_view.campaigns] == states
        assert query_site_store(tmp_path, "SELECT state FROM campaign ORDER BY campaign_id") == [
            (each,) for each in states
        ]


async def stop_all_during_queued_reload(here: Live) -> asyncio.Task[str]:
    """Request a reload that adds the campaign "second", and stop all campaigns before the file is read."""
    engine = here.site.centre.engine
    here.change(add=CAMPAIGN.format(id="second", pacing="progressive"))
    async with engine.features.settings_reloader._one_at_a_time:
        reload = asyncio.create_task(here.reload())
        await asyncio.sleep(0.1)
        assert await engine.execute_command(StopAll()) == "stopped 1 campaigns"
    return reload


@virtual_time()
async def test_command_stop_all_also_stops_a_campaign_added_by_a_queued_reload(tmp_path: Path) -> None:
    async with run_live_site(tmp_path) as here:
        reload = await stop_all_during_queued_reload(here)
        assert await reload == "settings applied: campaigns.second"
        assert [each.state for each in here.site.centre_view.campaigns] == [CampaignState.STOPPED] * 2


@virtual_time()
async def test_command_stop_all_during_a_settings_reload_survives_a_crash(
    tmp_path: Path,
) -> None:
    async with run_live_site(tmp_path) as here:
        (await stop_all_during_queued_reload(here)).cancel()
    settings = load_settings(here.path)
    async with a_site(tmp_path, switch=here.site.switch, made=lambda _: settings, run=False) as again:
        assert {each.campaign_id: each.state for each in again.centre_view.campaigns} == {
            "agents": CampaignState.STOPPED,
            "second": CampaignState.STOPPED,
        }
        await again.centre.engine.execute_command(ResumeCampaign(campaign_id="agents"))
    here.change(add=CAMPAIGN.format(id="third", pacing="progressive"))
    later = load_settings(here.path)
    async with a_site(tmp_path, switch=here.site.switch, made=lambda _: later, run=False) as again:
        assert {each.campaign_id: each.state for each in again.centre_view.campaigns} == {
            "agents": CampaignState.RUNNING,
            "second": CampaignState.STOPPED,
            "third": CampaignState.RUNNING,
        }


@virtual_time()
async def test_campaign_added_while_headquarters_has_stopped_dialling_is_stopped(tmp_path: Path) -> None:
    async with run_live_site(tmp_path) as here:
        campaigns = here.site.centre.engine.features.campaign_control_service
        campaigns.suspend_all_campaigns("headquarters has stopped every campaign", {})
        here.change(add=CAMPAIGN.format(id="second", pacing="progressive"))
        await here.reload()
        assert here.campaign("second").state is CampaignState.STOPPED
        with pytest.raises(CommandRefused, match="headquarters has stopped"):
            await here.site.centre.engine.execute_command(ResumeCampaign(campaign_id="second"))
        assert campaigns.resume_all_campaigns() == {"agents": CampaignState.RUNNING, "second": CampaignState.RUNNING}
        assert here.campaign("second").state is CampaignState.RUNNING
        here.change((FIRST, ""))
        campaigns.suspend_all_campaigns("headquarters has stopped every campaign", {})
        await here.reload()
        assert campaigns.resume_all_campaigns() == {"second": CampaignState.RUNNING}
        assert here.site.centre.engine.features.loaded_campaigns["agents"].state is CampaignState.STOPPED
