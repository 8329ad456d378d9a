"""Changed settings on the board: the list of changes, and their reload."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from dialer.mqtt.dialler_client import Reply
from dialer.settings.site import load_settings
from dialer.site.settings_changes import HIDDEN, list_settings_by_key
from dialer.store.audit import record_settings_at_start
from dialer.store.connection import open_store_exclusively
from tests.support.desk import ONE_SEAT_CENTRE, PIN_HASH, DeskUnderTest, run_desk
from tests.support.seats import CHEAP

SITE = f"""{ONE_SEAT_CENTRE}
[store]
path = "{{folder}}/centre.db"
[desk]
user = "desk"
[[agents]]
number = "101"
pin = "{PIN_HASH}"
"""
ID = "0f9a7c1e-click"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "centre.toml"
    path.write_text(SITE.format(folder=tmp_path), encoding="utf-8")
    return path


@pytest.fixture
async def desk(tmp_path: Path, file: Path) -> AsyncIterator[DeskUnderTest]:
    async with run_desk(tmp_path, load_settings(file)) as stand:
        yield stand


def change_file(file: Path, old: str, new: str) -> None:
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new), encoding="utf-8")


async def list_changes(desk: DeskUnderTest) -> dict[str, Any]:
    answer = await desk.get("/api/settings/changes", "supervisor")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_changed_settings_are_listed_with_both_values_and_when_they_take_effect(
    desk: DeskUnderTest, file: Path
) -> None:
    assert (await list_changes(desk))["changes"] == []
    change_file(file, 'kind = "agents"', 'kind = "agents"\nweight = 3\nchannels = 5')
    change_file(file, "[desk]", "[desk]\nidle_hours = 2")
    change_file(file, "[centre]", "[fastagi]\nport = 9\n[asterisk]\nrtp_first_port = 9000\n[centre]")
    found = {
        each["name"]: (each["before"], each["after"], each["takes_effect"])
        for each in (await list_changes(desk))["changes"]
    }
    assert found == {
        "campaigns.turnout-agents.weight": ("1.0", "3.0", "reload"),
        "campaigns.turnout-agents.channels": (None, "5", "reload"),
        "desk.idle_hours": ("12.0", "2.0", "desk-restart"),
        "fastagi.port": ("4573", "9", "restart"),
        "asterisk.rtp_first_port": ("10000", "9000", "elsewhere"),
    }


async def test_added_and_removed_seats_are_listed_as_one_change_each(desk: DeskUnderTest, file: Path) -> None:
    change_file(file, 'name = "04"\nendpoint = "agent04"', 'name = "05"\nendpoint = "agent05"\nwebrtc = true')
    found = [(each["name"], each["before"], each["after"]) for each in (await list_changes(desk))["changes"]]
    assert found == [
        ("seats.05", None, 'name = "05", endpoint = "agent05", webrtc = true'),
        ("seats.04", 'name = "04", endpoint = "agent04"', None),
    ]


async def test_changed_secret_is_listed_without_its_values(desk: DeskUnderTest, file: Path) -> None:
    other = CHEAP.hash("8642")
    change_file(file, PIN_HASH, other)
    answer = await desk.get("/api/settings/changes", "supervisor")
    assert [(each["name"], each["secret"]) for each in answer.json()["changes"]] == [("agents.101.pin", True)]
    assert "argon2" not in answer.text


async def test_added_secret_is_listed_without_its_value(desk: DeskUnderTest, file: Path) -> None:
    change_file(file, "[store]", '[broker]\nusername = "dialler"\npassword = "abcdefghijkl4711"\n[store]')
    answer = await desk.get("/api/settings/changes", "supervisor")
    found = [(each["name"], each["before"], each["after"]) for each in answer.json()["changes"]]
    assert found == [("broker.username", None, '"dialler"'), ("broker.password", None, f'"{HIDDEN}"')]
    assert "4711" not in answer.text


async def test_secret_that_only_the_dialler_has_is_not_listed_as_changed(
    desk: DeskUnderTest, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MATDAN_AMI__SECRET", "of-the-dialler-4711")
    with open_store_exclusively(tmp_path / "centre.db", "a test") as db:
        record_settings_at_start(db, list_settings_by_key(load_settings(file)), 0.0)
    monkeypatch.delenv("MATDAN_AMI__SECRET")
    assert (await list_changes(desk))["changes"] == []


async def test_settings_files_are_compared_with_the_settings_in_the_diallers_audit(
    desk: DeskUnderTest, file: Path, tmp_path: Path
) -> None:
    change_file(file, 'kind = "agents"', 'kind = "agents"\nweight = 3')
    with open_store_exclusively(tmp_path / "centre.db", "a test") as db:
        record_settings_at_start(db, list_settings_by_key(load_settings(file)), 0.0)
    assert (await list_changes(desk))["changes"] == []  # the dialler was reloaded without the desk
    change_file(file, "weight = 3", "weight = 4")
    [change] = (await list_changes(desk))["changes"]
    assert (change["before"], change["after"]) == ("3.0", "4.0")


async def test_mistake_in_the_settings_file_is_shown_in_place_of_the_changes(desk: DeskUnderTest, file: Path) -> None:
    change_file(file, 'kind = "agents"', 'kind = "agents"\nweight = -1')
    found = await list_changes(desk)
    assert found["changes"] == []
    assert "campaigns.turnout-agents.weight: must be greater than or equal to 0" in found["mistakes"][0]["english"]


async def test_settings_reload_names_the_user_and_is_followed_by_a_reload_of_the_desk(
    desk: DeskUnderTest, file: Path
) -> None:
    change_file(file, 'kind = "agents"', 'kind = "agents"\nweight = 3')
    digest = (await list_changes(desk))["digest"]
    answer = await desk.post("/api/settings/reload", {"id": ID, "digest": digest}, "supervisor")
    assert answer.json() == {"status": "done", "text": "it was done"}
    assert desk.dialler_client.asked == [("supervisor", ID, "reload-settings", {})]
    assert len(desk.reloads) == 1


async def test_settings_reload_is_refused_if_the_files_changed_after_the_user_saw_them(
    desk: DeskUnderTest, file: Path
) -> None:
    digest = (await list_changes(desk))["digest"]
    change_file(file, 'kind = "agents"', 'kind = "agents"\nweight = 3')
    answer = await desk.post("/api/settings/reload", {"id": ID, "digest": digest}, "supervisor")
    assert (answer.status_code, answer.json()) == (409, {"problem": "settings-differ"})
    assert desk.dialler_client.asked == []


async def test_desk_keeps_its_settings_if_the_dialler_refuses_the_reload(desk: DeskUnderTest) -> None:
    desk.dialler_client.reply = Reply("refused", "centre.id needs a restart")
    digest = (await list_changes(desk))["digest"]
    answer = await desk.post("/api/settings/reload", {"id": ID, "digest": digest}, "supervisor")
    assert answer.json() == {"status": "refused", "text": "centre.id needs a restart"}
    assert desk.reloads == []


async def test_settings_without_a_file_cannot_be_reloaded(tmp_path: Path) -> None:
    async with run_desk(tmp_path) as desk:
        answer = await desk.get("/api/settings/changes", "supervisor")
        assert (answer.status_code, answer.json()) == (409, {"problem": "no-settings-file"})
