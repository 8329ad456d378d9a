"""Reload of the desk's settings: new seats, agents and supervisors, or no change on a fault."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr
from structlog.testing import capture_logs

from dialer.desk.server import SettingsReloader, serve_pages_of_desk
from dialer.domain.clock import SystemClock
from dialer.domain.pin_proof import parse_pin_proof
from dialer.settings.site import load_settings
from dialer.settings.site_time import DAY_SECONDS
from dialer.settings.supervision import Supervisor
from dialer.store.connection import open_store_exclusively
from dialer.store.desk_file import DeskFile, get_desk_file_path
from dialer.web.access import DESK_COOKIE
from dialer.web.devices import KnownDevice, KnownDevices
from dialer.web.directory import Directory
from dialer.web.people import People
from tests.support.desk import PASSWORD, add_recorded_talk, run_desk, two_agent_settings
from tests.support.seats import CHEAP

SITE = """
[centre]
id = "pune-1"
[store]
path = "{folder}/centre.db"
[broker]
host = "127.0.0.1"
port = 1
[desk]
port = 0
user = "desk"
[[supervisors]]
name = "desk"
role = "desk"
[[supervisors]]
name = "asha"
role = "supervisor"
[[agents]]
number = "101"
pin = "{pin}"
[[seats]]
name = "04"
endpoint = "agent04"
[[trunks]]
name = "carrier"
endpoint = "carrier"
caller_ids = ["+911140000001"]
[[campaigns]]
id = "turnout-agents"
kind = "agents"
"""
MORE = """
[[seats]]
name = "05"
endpoint = "agent05"
webrtc = true
[[agents]]
number = "102"
pin = "{pin}"
[[campaigns]]
id = "second"
kind = "agents"
script = "{script}"
"""


async def test_desk_settings_reload_applies_new_seats_and_agents(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def find_known_device(*_: object) -> KnownDevice:
        return KnownDevice("d1", frozenset({"agent 101"}))  # seats are listed there

    monkeypatch.setattr(KnownDevices, "find_device_of_cookie", find_known_device)
    path, pin = tmp_path / "centre.toml", CHEAP.hash("2468")
    path.write_text(SITE.format(folder=tmp_path, pin=pin), encoding="utf-8")
    with open_store_exclusively(tmp_path / "centre.db", "a test"):
        pass
    settings = load_settings(path)
    async with serve_pages_of_desk(settings, hasher=CHEAP, assets={}) as desk, httpx.AsyncClient() as browser:
        reloader = SettingsReloader(settings, desk.apply_settings)

        async def list_seats() -> list[tuple[str, str]]:
            told = await browser.get(f"http://127.0.0.1:{desk.port}/api/agent/seats")
            return [(each["seat"], each["phone"]) for each in told.json()]

        async def reload_settings() -> str:
            with capture_logs() as logs:
                await reloader.reload_desk_settings()
            (said,) = [each for each in logs if each["event"].startswith("settings.reload")]
            return str(said.get("problem") or said["changed"])

        assert await list_seats() == [("04", "own")]
        whole = path.read_text(encoding="utf-8")
        for more, says in (
            (MORE.format(pin=pin, script="/not/there.yaml"), "/not/there.yaml"),
            (MORE.format(pin="2468", script="polling_day"), "must be an argon2id hash"),
            (
                MORE.format(pin=pin, script="polling_day") + "[metrics]\ndesk_port = 9\n",
                "metrics.desk_port: changed; restart",
            ),
        ):
            path.write_text(whole + more, encoding="utf-8")
            assert says in await reload_settings()
            assert await list_seats() == [("04", "own")]
        path.write_text(whole + MORE.format(pin=pin, script="polling_day"), encoding="utf-8")
        assert await reload_settings() == "['seats.05', 'agents.102', 'campaigns.second']"
        assert await list_seats() == [("04", "own"), ("05", "browser")]


async def test_new_agent_can_sign_in_after_the_settings_are_reloaded(tmp_path: Path) -> None:
    settings, pin_hash = two_agent_settings(), CHEAP.hash("1357")
    newcomer = settings.agents[0].model_copy(update={"number": "103", "pin": SecretStr(pin_hash)})
    async with run_desk(tmp_path, settings) as desk:
        desk.agents.prepare_agent_page_settings(settings.model_copy(update={"agents": (*settings.agents, newcomer)}))()
        asked = {"agent": "103", "pin": "1357", "seat": "04", "phone": "own"}
        assert (await desk.post("/api/agent/sign-in", asked)).status_code == 204
        [(_, _, _, values)] = desk.dialler_client.asked
    assert parse_pin_proof(values["proof"]).is_valid_pin_proof(pin_hash, "pune-1", "04", "103")


async def test_reloading_the_settings_applies_the_retention_of_recordings(tmp_path: Path) -> None:
    path, kept = tmp_path / "centre.toml", '[recordings]\ndirectory = "{folder}/recorded"\nkeep_days = {days}\n'
    whole = SITE.format(folder=tmp_path, pin=CHEAP.hash("2468"))
    path.write_text(whole + kept.format(folder=tmp_path, days=30), encoding="utf-8")
    with open_store_exclusively(tmp_path / "centre.db", "a test"):
        pass
    settings, clock = load_settings(path), SystemClock()
    add_recorded_talk(tmp_path, clock.now() - 20 * DAY_SECONDS, b"RIFF")
    file = await DeskFile.open(get_desk_file_path(settings.store.path), None)
    people = People(file, Directory(settings.supervisors), clock, 3600.0, CHEAP)
    await people.set_password("asha", PASSWORD)
    cookie = {"cookie": f"{DESK_COOKIE}={await people.sign_in_with_password('asha', PASSWORD)}"}
    people.close()
    await file.close()
    async with (
        serve_pages_of_desk(settings, hasher=CHEAP, assets={}) as desk,
        httpx.AsyncClient(headers=cookie) as browser,
    ):

        async def count_recordings() -> int:
            return len((await browser.get(f"http://127.0.0.1:{desk.port}/api/recordings")).json()["recordings"])

        assert await count_recordings() == 1
        path.write_text(whole + kept.format(folder=tmp_path, days=10), encoding="utf-8")
        await SettingsReloader(settings, desk.apply_settings).reload_desk_settings()
        assert await count_recordings() == 0


@pytest.mark.parametrize(
    ("now", "told"), [([], ["asha"]), ([("asha", "viewer")], ["asha"]), ([("asha", "supervisor")], [])]
)
async def test_reloading_the_settings_reports_users_with_changed_roles(
    now: list[tuple[str, str]], told: list[str]
) -> None:
    def make_supervisors(*people: tuple[str, str]) -> list[Supervisor]:
        return [Supervisor.model_validate({"name": name, "role": role}) for name, role in people]

    directory, heard = Directory(make_supervisors(("asha", "supervisor"))), list[str]()

    async def record_change(name: str) -> None:
        heard.append(name)

    await directory.report_changed_user_rights(record_change)
    assert heard == []
    directory.replace_users_from_settings(make_supervisors(*now))
    await directory.report_changed_user_rights(record_change)
    assert heard == told
    assert directory.is_user_defined_in_settings("asha") is bool(now)
