"""Agents edited on the board: the form is checked, saved and applied, or the file is as it was before."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from dialer.engine.seats.log_ins import AgentAccount
from dialer.engine.seats.pins import PinCheck
from dialer.mqtt.dialler_client import Reply
from dialer.settings.agents_file import read_agents_of_file
from dialer.settings.site import load_settings
from tests.support.desk import ONE_SEAT_CENTRE, PIN_HASH, DeskUnderTest, run_desk

SITE = (
    ONE_SEAT_CENTRE
    + """
skill = "retired"
[[agents]]
number = "17"
full_name = "Meena Joshi"
pin = "{pin}"
languages = ["mr"]
skills = ["retired"]
[desk]
user = "desk"
{file}
"""
)
ASHA = {"full_name": "Asha Kale", "languages": ["mr", "hi"], "skills": ["retired"]}
ADD = {"kind": "add", "number": "101", "new_pin": True, **ASHA}
EDIT = {"kind": "edit", "number": "101", "new_pin": False, **ASHA}
REMOVE = {"kind": "remove", "number": "101"}
ID = "0f9a7c1e-click"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "agents.toml"


@pytest.fixture
async def desk(tmp_path: Path, file: Path) -> AsyncIterator[DeskUnderTest]:
    path = tmp_path / "centre.toml"
    path.write_text(SITE.format(pin=PIN_HASH, file=f'agents_file = "{file}"'), encoding="utf-8")
    async with run_desk(tmp_path, load_settings(path)) as stand:
        yield stand


async def check_change(desk: DeskUnderTest, change: dict[str, Any]) -> dict[str, Any]:
    answer = await desk.post("/api/agents/check", change, "supervisor")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def save_change(desk: DeskUnderTest, change: dict[str, Any], pin: str | None = None) -> Any:
    """Check a change of an agent, then save it. Return the answer to the save request."""
    digest = (await check_change(desk, change))["digest"]
    asked = {"id": ID, "digest": digest, "change": change, "pin": pin}
    return await desk.post("/api/agents", asked, "supervisor")


def is_pin_of_agent(file: Path, number: str, pin: str) -> bool:
    found = read_agents_of_file(file)[number]
    account = AgentAccount(number, found.pin.get_secret_value(), frozenset(), frozenset())
    return PinCheck([account]).is_pin_correct(number, pin)


async def test_agents_editing_page_lists_agents_and_offers_known_languages_and_skills(
    desk: DeskUnderTest, file: Path
) -> None:
    page = (await desk.get("/api/agents", "supervisor")).json()
    assert page["agents"] == [
        {
            "number": "17",
            "full_name": "Meena Joshi",
            "languages": ["mr"],
            "skills": ["retired"],
            "editable": False,
        }
    ]
    assert page["languages"][:3] == ["hi", "mr", "as"]  # the centre's and the agents' first
    assert page["skills"] == ["retired"]
    assert page["file"] == str(file)
    assert page["settings_file"] == str(file.with_name("centre.toml"))
    assert "argon2" not in json.dumps(page)


@pytest.mark.parametrize("role", ["viewer", "listener", "coach", "compliance", "booth-desk"])
async def test_only_supervisors_may_list_check_and_save_agents(desk: DeskUnderTest, role: str, file: Path) -> None:
    answers = [
        await desk.get("/api/agents", role),
        await desk.post("/api/agents/check", ADD, role),
        await desk.post("/api/agents", {"id": ID, "digest": "", "change": ADD}, role),
    ]
    assert [each.status_code for each in answers] == [403, 403, 403]
    assert not file.exists()


async def test_new_agent_gets_a_generated_pin_that_is_returned_once_and_never_logged(
    desk: DeskUnderTest, file: Path
) -> None:
    checked = await check_change(desk, ADD)
    assert checked["problems"] == []
    assert '+full_name = "Asha Kale"\n+pin = "hash of a PIN, not shown"\n' in checked["difference"]
    assert not file.exists()
    with capture_logs() as logs:
        answer = (await save_change(desk, ADD)).json()
    pin = answer.pop("pin")
    assert answer == {"status": "done", "text": "it was done"}
    assert is_pin_of_agent(file, "101", pin)
    assert not is_pin_of_agent(file, "101", "2468")
    assert desk.dialler_client.asked == [("supervisor", ID, "reload-settings", {})]
    assert len(desk.reloads) == 1
    assert pin not in str(logs) + file.read_text(encoding="utf-8")
    assert "Asha" not in str(logs)


async def test_new_agent_gets_the_pin_that_the_supervisor_entered(desk: DeskUnderTest, file: Path) -> None:
    assert (await save_change(desk, ADD, "80415")).json()["pin"] is None
    assert is_pin_of_agent(file, "101", "80415")


@pytest.mark.parametrize("pin", ["765", "1234", "80415x", "7777"])
async def test_weak_or_invalid_pin_is_refused_without_repeating_it(desk: DeskUnderTest, file: Path, pin: str) -> None:
    with capture_logs() as logs:
        answer = await save_change(desk, ADD, pin)
    assert (answer.status_code, answer.json()["problem"]) == (422, "agent-invalid")
    assert pin not in answer.text + str(logs)
    assert not file.exists()


async def test_edited_agent_keeps_the_pin_unless_a_new_one_is_asked_for(desk: DeskUnderTest, file: Path) -> None:
    await save_change(desk, ADD, "80415")
    file.write_text(file.read_text(encoding="utf-8") + "# window seat\n", encoding="utf-8")
    assert (await save_change(desk, {**EDIT, "languages": ["ta"], "full_name": " Asha\n Rao "})).json()["pin"] is None
    agent = read_agents_of_file(file)["101"]
    assert (agent.full_name, agent.languages, agent.skills) == ("Asha Rao", ("ta",), ("retired",))
    assert file.read_text(encoding="utf-8").endswith("# window seat\n")
    assert is_pin_of_agent(file, "101", "80415")
    new = (await save_change(desk, {**EDIT, "new_pin": True})).json()["pin"]
    assert is_pin_of_agent(file, "101", new)
    assert not is_pin_of_agent(file, "101", "80415")


async def test_agent_removed_on_the_page_is_removed_from_the_agents_file(desk: DeskUnderTest, file: Path) -> None:
    await save_change(desk, ADD)
    assert '-number = "101"' in (await check_change(desk, REMOVE))["difference"]
    assert (await save_change(desk, REMOVE)).json()["status"] == "done"
    assert read_agents_of_file(file) == {}


@pytest.mark.parametrize(
    ("changed", "field", "says"),
    [
        ({"number": "17"}, "number", "17 is the number of another agent; choose another number"),
        ({"number": "17x"}, "number", "must be 1 to 10 digits"),
        ({"full_name": "A" * 61}, "full_name", "at most 60 characters"),
        ({"languages": ["xx"]}, "languages", "'xx' is not offered"),
        ({"skills": ["Two Words"]}, "skills", "must be"),
    ],
    ids=["duplicate", "number", "name", "language", "skill"],
)
async def test_mistake_in_the_form_of_an_agent_is_reported_at_its_field(
    desk: DeskUnderTest, file: Path, changed: dict[str, Any], field: str, says: str
) -> None:
    [problem] = (await check_change(desk, {**ADD, **changed}))["problems"]
    assert problem["field"] == field
    assert says in problem["text"]
    answer = await save_change(desk, {**ADD, **changed})
    assert (answer.status_code, answer.json()["problem"]) == (422, "agent-invalid")
    assert not file.exists()


@pytest.mark.parametrize("change", [{**EDIT, "number": "17"}, {**REMOVE, "number": "17"}], ids=["edit", "remove"])
async def test_agent_of_the_settings_file_is_neither_edited_nor_removed(
    desk: DeskUnderTest, change: dict[str, Any]
) -> None:
    [problem] = (await check_change(desk, change))["problems"]
    assert "agents.toml: has no agent '17'" in problem["text"]


async def test_only_agent_and_the_last_one_with_a_required_skill_cannot_be_removed(tmp_path: Path, file: Path) -> None:
    path = tmp_path / "centre.toml"
    own, _, rest = SITE.partition("[[agents]]")
    site = own + rest[rest.index("[desk]") :].format(pin="", file=f'agents_file = "{file}"')
    file.write_text(f'[[agents]]\nnumber = "101"\npin = "{PIN_HASH}"\nskills = ["retired"]\n', encoding="utf-8")
    path.write_text(site, encoding="utf-8")
    async with run_desk(tmp_path, load_settings(path)) as desk:
        [problem] = (await check_change(desk, REMOVE))["problems"]
        assert "skill 'retired' is not in [[agents]]" in problem["text"]
        path.write_text(site.replace('skill = "retired"\n', ""), encoding="utf-8")
        [problem] = (await check_change(desk, REMOVE))["problems"]
        assert (
            "agent 101 is the only one, and the dialler cannot remove the last agent while it runs" in problem["text"]
        )
        assert (await save_change(desk, REMOVE)).status_code == 422
        assert "101" in file.read_text(encoding="utf-8")


async def test_first_agent_of_a_centre_is_refused_because_the_dialler_needs_a_restart(
    tmp_path: Path, file: Path
) -> None:
    path = tmp_path / "centre.toml"
    path.write_text(f'{ONE_SEAT_CENTRE}\n[desk]\nuser = "desk"\nagents_file = "{file}"\n', encoding="utf-8")
    async with run_desk(tmp_path, load_settings(path)) as desk:
        [problem] = (await check_change(desk, {**ADD, "skills": []}))["problems"]
    assert problem["text"].startswith("the centre has no agents yet")


@pytest.mark.parametrize(
    "change",
    [{**ADD, "number": "103"}, {**EDIT, "full_name": "Asha Rao", "new_pin": True}, REMOVE],
    ids=["add", "edit", "remove"],
)
@pytest.mark.parametrize("reply", [Reply("refused", "centre.id needs a restart"), None], ids=["refused", "broker"])
async def test_agents_file_is_restored_and_no_pin_shown_if_the_dialler_refuses_the_reload(
    desk: DeskUnderTest, file: Path, change: dict[str, Any], reply: Reply | None
) -> None:
    await save_change(desk, {**ADD, "number": "102"})
    await save_change(desk, ADD)
    before = file.read_bytes()
    desk.dialler_client.reply, reloads = reply, len(desk.reloads)
    answer = await save_change(desk, change)
    if reply is None:
        assert answer.status_code == 503
    else:
        assert answer.json() == {"status": "refused", "text": "centre.id needs a restart", "pin": None}
    assert file.read_bytes() == before
    assert len(desk.reloads) == reloads


async def test_agent_and_pin_stay_saved_if_the_dialler_does_not_answer(desk: DeskUnderTest, file: Path) -> None:
    desk.dialler_client.reply = Reply("unanswered", "")
    answer = (await save_change(desk, ADD)).json()
    assert answer["status"] == "unanswered"
    assert is_pin_of_agent(file, "101", answer["pin"])


async def test_agent_is_not_saved_if_the_agents_file_changed_after_the_check(desk: DeskUnderTest, file: Path) -> None:
    digest = (await check_change(desk, ADD))["digest"]
    file.write_text("# somebody else\n", encoding="utf-8")
    answer = await desk.post("/api/agents", {"id": ID, "digest": digest, "change": ADD}, "supervisor")
    assert (answer.status_code, answer.json()) == (409, {"problem": "agents-changed"})
    assert file.read_text(encoding="utf-8") == "# somebody else\n"
    assert desk.dialler_client.asked == []


async def test_page_without_an_agents_file_refuses_to_change_agents(tmp_path: Path) -> None:
    path = tmp_path / "centre.toml"
    path.write_text(SITE.format(pin=PIN_HASH, file=""), encoding="utf-8")
    async with run_desk(tmp_path, load_settings(path)) as desk:
        assert (await desk.get("/api/agents", "supervisor")).json()["file"] is None
        answer = await desk.post("/api/agents", {"id": ID, "digest": "", "change": ADD}, "supervisor")
        assert (answer.status_code, answer.json()) == (409, {"problem": "no-agents-file"})


async def test_check_of_an_agent_lists_other_changed_settings_and_those_that_need_a_restart(
    desk: DeskUnderTest, tmp_path: Path
) -> None:
    path = tmp_path / "centre.toml"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace('"pune-1"', '"pune-2"').replace('"Meena Joshi"', '"Meena Rao"'), encoding="utf-8")
    checked = await check_change(desk, ADD)
    assert checked["also_applied"] == ["agents.17.full_name"]
    assert checked["needs_restart"] == ["centre.id"]


async def test_request_with_a_wrong_type_is_refused_without_repeating_the_pin(desk: DeskUnderTest) -> None:
    asked = {"id": ID, "digest": "", "change": {**ADD, "number": 5}, "pin": "80415"}
    answer = await desk.post("/api/agents", asked, "supervisor")
    assert answer.status_code == 422
    assert "80415" not in answer.text
