"""Reloading the settings file: all changes are applied or none, and settings that need a restart are named."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import time
from pathlib import Path
from typing import Any

import pytest

from dialer.app import assemble_centre
from dialer.domain.errors import CommandRefused, LogInRefused
from dialer.domain.model import CampaignState
from dialer.engine.campaigns.commands import ResumeCampaign, SetCallingHours
from dialer.engine.command.base import CommandContext
from dialer.engine.engine import Engine
from dialer.engine.seats.pins import hash_pin
from dialer.engine.settings_reload.commands import ReloadSettings
from dialer.settings.jurisdiction import JURISDICTIONS
from dialer.settings.site import load_settings
from dialer.settings.site_rules import load_site_profile
from dialer.site.reload import SettingsReload
from dialer.site.reload_signal import reload_settings_and_flows
from tests.support.stored import query_store

SITE = """
[centre]
id = "pune-1"
[store]
path = "{folder}/centre.db"
[ami]
secret = "of-nobody-4711x"
[fastagi]
port = 0
[broker]
enabled = false
[[trunks]]
name = "carrier-a"
endpoint = "carrier-a"
channels = 30
caller_ids = ["+911140000001"]
[[campaigns]]
id = "turnout-agents"
kind = "agents"
channels = 20
hours = [{{ start = 09:00:00, until = 18:00:00 }}]
"""


TWILIO = f"""
[twilio]
enabled = true
account_sid = "AC{"0" * 32}"
auth_token = "of-nobody-4711x"
public_url = "https://centre.example.org"
[[trunks]]
name = "cloud"
endpoint = "cloud"
carrier = "twilio"
calls_per_second = 1
caller_ids = ["+911140000009"]
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "centre.toml"
    path.write_text(SITE.format(folder=tmp_path), encoding="utf-8")
    return path


@pytest.fixture
async def engine(path: Path) -> AsyncIterator[Engine]:
    async with assemble_centre(load_settings(path)) as centre:
        yield centre.engine


def change(path: Path, *pairs: tuple[str, str]) -> None:
    text = path.read_text(encoding="utf-8")
    for old, new in pairs:
        assert old in text
        text = text.replace(old, new)
    path.write_text(text, encoding="utf-8")


def get_settings_in_force(engine: Engine) -> tuple[int | None, time, int]:
    """Return channels and end of the campaign, and channels of the trunk, as in force."""
    run = engine.features.loaded_campaigns["turnout-agents"]
    return run.spec.channels, run.spec.hours.weekday[0][1], engine.features.trunk_pool["carrier-a"].channels


async def test_settings_reload_applies_calling_hours_and_channels_and_stores_the_rules(
    path: Path, engine: Engine
) -> None:
    assert await engine.execute_command(ReloadSettings()) == "no setting has changed"
    before = query_store(path.parent / "centre.db", "SELECT COUNT(*) FROM rules_version")
    trunk = ("channels = 30", "channels = 24\ncalls_per_second = 3")
    change(path, ("channels = 20", "channels = 12"), trunk, ("18:00:00", "20:00:00"))
    assert await engine.execute_command(ReloadSettings()) == (
        "settings applied: trunks.carrier-a.channels, trunks.carrier-a.calls_per_second, "
        "campaigns.turnout-agents.channels, campaigns.turnout-agents.hours"
    )
    assert get_settings_in_force(engine) == (12, time(20), 24)
    assert engine.make_centre_view().state.trunks[0].calls_per_second_limit == 3
    assert engine.features.calling_rules_checker._campaigns["turnout-agents"].hours.weekday == ((time(9), time(20)),)
    assert query_store(path.parent / "centre.db", "SELECT COUNT(*) FROM rules_version") != before
    assert await engine.execute_command(ReloadSettings()) == "no setting has changed"
    change(path, ("channels = 24", 'channels = 23\nhost = "sip.example.org"'))
    assert await engine.execute_command(ReloadSettings()) == (
        "settings applied: trunks.carrier-a.channels; changed for other programs: trunks.carrier-a.host"
    )
    change(path, ("sip.example.org", "sip2.example.org"))
    assert await engine.execute_command(ReloadSettings()) == "changed for other programs: trunks.carrier-a.host"
    assert await engine.execute_command(ReloadSettings()) == "no setting has changed"


async def test_supervisors_calling_hours_of_a_campaign_stay_in_force_after_a_reload(path: Path, engine: Engine) -> None:
    set_hours = SetCallingHours(campaign_id="turnout-agents", hours=("10:00-16:00",))
    await engine.execute_command(set_hours, CommandContext("asha"))
    change(path, ("18:00:00", "20:00:00"))
    assert await engine.execute_command(ReloadSettings()) == "settings applied: campaigns.turnout-agents.hours"
    shown = engine.make_centre_view().campaigns[0].calling_hours
    assert shown is not None
    assert (shown.hours, shown.sender) == (("10:00-16:00",), "asha")
    reset = SetCallingHours(campaign_id="turnout-agents")
    assert await engine.execute_command(reset) == "campaign turnout-agents: the calling hours are 09:00-20:00"


async def test_concurrent_requests_to_reload_settings_are_executed_one_after_another(
    path: Path, engine: Engine
) -> None:
    desk: Any = engine.features.settings_reloader
    read, keep, reads = desk._read_settings, desk._store.save_settings_and_rules_in_force, []
    begun, goes_on = asyncio.Event(), asyncio.Event()

    def count_reads() -> object:
        reads.append(path.read_text(encoding="utf-8"))
        return read()

    async def store_slowly(*arguments: Any) -> None:
        begun.set()
        await goes_on.wait()
        await keep(*arguments)

    desk._read_settings, desk._store.save_settings_and_rules_in_force = count_reads, store_slowly
    change(path, ("channels = 20", "channels = 12"))
    first = asyncio.create_task(engine.execute_command(ReloadSettings()))
    await begun.wait()
    change(path, ("channels = 12", "channels = 8"))
    second = asyncio.create_task(engine.execute_command(ReloadSettings()))
    for _ in range(5):
        await asyncio.to_thread(reads.copy)  # in the thread's queue, after the earlier requests
    assert len(reads) == 1
    goes_on.set()
    await asyncio.gather(first, second)
    assert get_settings_in_force(engine)[0] == 8


@pytest.mark.parametrize(
    ("pairs", "says"),
    [
        (
            [("channels = 20", "channels = 12"), ("port = 0", "port = 4573"), ("enabled = false", "enabled = true")],
            "no change was applied: fastagi.port, broker.enabled need a restart",
        ),
        (
            [('kind = "agents"', 'kind = "ivr"\nflow = "turnout"\npacing = "broadcast"')],
            "no change was applied: campaigns.turnout-agents.kind, campaigns.turnout-agents.pacing need a restart",
        ),
        (
            [('kind = "agents"', 'kind = "agents"\nscript = "not_there"')],
            "no change was applied: not_there: no script has this name; use one of ",
        ),
        (
            [("channels = 20", "chanels = 12")],
            "centre.toml:20: campaigns.turnout-agents.chanels is invalid; `dialer check` shows why",
        ),
        ([("channels = 20", "ring_seconds = 12")], "campaigns.turnout-agents.ring_seconds is invalid"),
        (
            [("[[campaigns]]", '[[supervisors]]\nname = "asha"\nrole = "supervisor"\n[[campaigns]]')],
            "no change was applied: supervisors.asha needs a restart",
        ),
        (
            [
                ("[[campaigns]]", f"{TWILIO}[[campaigns]]"),
                ('"turnout-agents"', '"turnout-agents"\ntrunks = ["carrier-a"]'),
            ],
            "twilio.enabled, twilio.account_sid, twilio.auth_token, twilio.public_url, trunks.cloud need a restart",
        ),
    ],
)
async def test_settings_reload_that_needs_a_restart_changes_nothing(
    path: Path, engine: Engine, pairs: list[tuple[str, str]], says: str
) -> None:
    change(path, *pairs)
    with pytest.raises(CommandRefused) as refused:
        await engine.execute_command(ReloadSettings())
    assert says in str(refused.value)
    assert "\n" not in str(refused.value)
    assert get_settings_in_force(engine) == (20, time(18), 30)


def test_change_of_the_twilio_endpoint_needs_a_restart(path: Path) -> None:
    change(
        path,
        ("[[campaigns]]", f"{TWILIO}[[campaigns]]"),
        ('"turnout-agents"', '"turnout-agents"\ntrunks = ["carrier-a"]'),
    )
    settings = load_settings(path)
    read = SettingsReload(settings, load_site_profile(settings))
    change(path, ('endpoint = "cloud"', 'endpoint = "another"'))
    with pytest.raises(CommandRefused, match=r"trunks\.cloud needs a restart"):
        read()


async def test_sighup_signal_reloads_settings_and_an_alert_reports_errors(path: Path, engine: Engine) -> None:
    change(path, ("channels = 20", "channels = 0"))
    await reload_settings_and_flows(engine)
    (alert,) = (each for each in engine.make_centre_view().alerts if each.code == "settings")
    assert alert.text.startswith("The settings were not reloaded. Cause: no change was applied: ")
    change(path, ("channels = 0", "channels = 9"))
    await reload_settings_and_flows(engine)
    assert not any(each.code == "settings" for each in engine.make_centre_view().alerts)
    assert get_settings_in_force(engine)[0] == 9


async def test_changed_rules_profile_is_reloaded_or_reported_to_need_a_restart(
    path: Path,
) -> None:
    profile = path.parent / "ours.toml"
    profile.write_text((JURISDICTIONS / "neutral.toml").read_text(encoding="utf-8"), encoding="utf-8")
    change(path, ("[[trunks]]", f'[rules]\njurisdiction = "{profile}"\n[[trunks]]'))
    async with assemble_centre(load_settings(path)) as centre:
        engine = centre.engine
        before = engine.features.calling_rules_checker.find_call_limits_of_campaign(
            engine.features.loaded_campaigns["turnout-agents"]
        )[0]
        change(profile, ("per_day = 3", "per_day = 2"))
        assert await engine.execute_command(ReloadSettings()) == "settings applied: rules.jurisdiction (the profile)"
        assert (
            before,
            engine.features.calling_rules_checker.find_call_limits_of_campaign(
                engine.features.loaded_campaigns["turnout-agents"]
            )[0],
        ) == (
            3,
            2,
        )
        change(profile, ("may_offer = false", "may_offer = true"))
        with pytest.raises(CommandRefused, match=r"rules\.jurisdiction \(the profile\) needs a restart"):
            await engine.execute_command(ReloadSettings())


AGENTS = """
[[seats]]
name = "01"
endpoint = "agent01"
[[seats]]
name = "02"
endpoint = "agent02"
[[agents]]
number = "17"
pin = "{pin}"
[[agents]]
number = "18"
pin = "{pin}"
"""


async def test_settings_reload_adds_and_removes_agents(path: Path) -> None:
    pins = {pin: hash_pin(pin) for pin in ("4711", "4712")}
    path.write_text(path.read_text(encoding="utf-8") + AGENTS.format(pin=pins["4711"]), encoding="utf-8")
    async with assemble_centre(load_settings(path)) as centre:
        engine, desk = centre.engine, centre.engine.features.agent_seat_service
        with_19 = f'number = "19"\npin = "{pins["4712"]}"'
        change(path, (f'number = "18"\npin = "{pins["4711"]}"', with_19))
        assert await engine.execute_command(ReloadSettings()) == "settings applied: agents.18, agents.19"
        await desk.log_in_agent("02", "19", "4712", phone_here=False)
        for agent, pin in (("18", "4711"), ("17", "4712")):
            with pytest.raises(LogInRefused):
                await desk.log_in_agent("01", agent, pin, phone_here=False)
        change(path, (f'[[agents]]\nnumber = "17"\npin = "{pins["4711"]}"\n[[agents]]\n{with_19}', ""))
        with pytest.raises(CommandRefused, match=r"no change was applied: agents needs a restart"):
            await engine.execute_command(ReloadSettings())
        assert {seat.seat: seat.agent for seat in engine.make_centre_view().seats} == {"01": None, "02": "19"}


async def test_settings_reload_applies_campaigns_assigned_by_headquarters(path: Path) -> None:
    folder = path.parent / "material/campaigns"
    change(path, ('id = "pune-1"', f'id = "pune-1"\n[headquarters]\ncampaigns_folder = "{folder}"'))
    assert [each.id for each in load_settings(path).campaigns] == ["turnout-agents"]  # no material has arrived yet
    folder.mkdir(parents=True)
    file = folder / "turnout.toml"
    file.write_text('[[campaigns]]\nid = "hq"\nkind = "agents"\nchannels = 9\n', encoding="utf-8")
    async with assemble_centre(load_settings(path)) as centre:
        engine = centre.engine
        assert [run.spec.campaign_id for run in engine.features.loaded_campaigns.list_campaign_runs()] == [
            "turnout-agents",
            "hq",
        ]
        change(file, ("channels = 9", "channels = 7"))
        assert await engine.execute_command(ReloadSettings()) == "settings applied: campaigns.hq.channels"
        assert engine.features.loaded_campaigns["hq"].spec.channels == 7
        (folder / "more.toml").write_text('[[campaigns]]\nid = "more"\nkind = "agents"\n', encoding="utf-8")
        assert await engine.execute_command(ReloadSettings()) == "settings applied: campaigns.more"
        assert [each.campaign_id for each in engine.make_centre_view().campaigns] == ["turnout-agents", "more", "hq"]
        file.unlink()
        assert await engine.execute_command(ReloadSettings()) == "settings applied: campaigns.hq"
        assert [each.campaign_id for each in engine.make_centre_view().campaigns] == ["turnout-agents", "more"]


async def test_campaign_created_on_the_campaigns_page_starts_paused_after_a_reload(path: Path) -> None:
    file = path.parent / "campaigns.toml"
    change(path, ('id = "pune-1"', f'id = "pune-1"\n[desk]\ncampaigns_file = "{file}"'))
    async with assemble_centre(load_settings(path)) as centre:  # there is no such file yet
        engine = centre.engine
        file.write_text('[[campaigns]]\nid = "new"\nkind = "agents"\nstart_paused = true\n', encoding="utf-8")
        assert await engine.execute_command(ReloadSettings()) == "settings applied: campaigns.new"
        states = [engine.features.loaded_campaigns["new"].state]
        await engine.execute_command(ResumeCampaign(campaign_id="new"))
        states.append(engine.features.loaded_campaigns["new"].state)
    async with assemble_centre(load_settings(path)) as centre:
        states.append(centre.engine.features.loaded_campaigns["new"].state)
    assert states == [CampaignState.PAUSED, CampaignState.RUNNING, CampaignState.RUNNING]
