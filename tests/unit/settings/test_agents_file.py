"""The file of agents whom supervisors edit: only the lines of the edited agent change, and no hash of a PIN is shown."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dialer.errors import SettingError
from dialer.settings.agents_file import (
    HEAD,
    hide_pin_hashes,
    prepare_agent_addition,
    prepare_agent_edit,
    prepare_agent_removal,
    read_agents_of_file,
)
from dialer.settings.file_change import EditedFileChanged
from dialer.settings.seats import Agent
from dialer.settings.site import load_settings
from tests.support.seats import CHEAP

HASH, OTHER_HASH = CHEAP.hash("2468"), CHEAP.hash("97531")
ASHA = Agent.model_validate({"number": "101", "full_name": "Asha Kale", "pin": HASH, "languages": ["mr", "hi"]})
FILE = f"""# Agents of the page

# Added by meena.
[[agents]]
number = "101" # window seat
full_name = "Asha Kale"
pin = "{HASH}"
languages = [
  "mr", # mother tongue
  "hi",
]

[[agents]]
number = "102"
pin = '{OTHER_HASH}'
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "agents.toml"
    path.write_text(FILE, encoding="utf-8")
    return path


def test_first_agent_is_written_to_a_new_file_that_only_its_owner_can_read(tmp_path: Path) -> None:
    path = tmp_path / "agents.toml"
    prepare_agent_addition(path, ASHA, "Added by meena.").write_changed_file()
    assert path.read_text(encoding="utf-8") == (
        f'{HEAD}\n# Added by meena.\n[[agents]]\nnumber = "101"\nfull_name = "Asha Kale"\npin = "{HASH}"\n'
        'languages = ["mr", "hi"]\n'
    )
    assert path.stat().st_mode & 0o777 == 0o600
    assert read_agents_of_file(path) == {"101": ASHA}


@pytest.mark.parametrize(
    ("changed", "old", "new"),
    [
        ({"full_name": "Asha Rao"}, '"Asha Kale"', '"Asha Rao"'),
        ({"full_name": ""}, 'full_name = "Asha Kale"\n', ""),
        ({"pin": OTHER_HASH}, f'"{HASH}"', f'"{OTHER_HASH}"'),
        ({"languages": ["hi"]}, '[\n  "mr", # mother tongue\n  "hi",\n]', '["hi"]'),
        ({"skills": ["tamil"]}, '  "hi",\n]\n', '  "hi",\n]\nskills = ["tamil"]\n'),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_edit_of_an_agent_keeps_all_other_lines_and_comments(
    file: Path, changed: dict[str, Any], old: str, new: str
) -> None:
    after = Agent.model_validate({**ASHA.model_dump(), **changed})
    change = prepare_agent_edit(file, ASHA, after)
    assert change.content.decode() == FILE.replace(old, new)
    change.write_changed_file()
    assert read_agents_of_file(file)["101"] == after
    change.restore_original_file()
    assert file.read_text(encoding="utf-8") == FILE


def test_removed_agent_leaves_the_other_agents(file: Path) -> None:
    change = prepare_agent_removal(file, "101")
    change.write_changed_file()
    left = f"[[agents]]\nnumber = \"102\"\npin = '{OTHER_HASH}'\n"
    assert file.read_text(encoding="utf-8") == f"# Agents of the page\n\n{left}"


def test_shown_change_of_the_agents_file_hides_the_hashes_of_pins(file: Path) -> None:
    after = Agent.model_validate({**ASHA.model_dump(), "pin": OTHER_HASH})
    shown = hide_pin_hashes(prepare_agent_edit(file, ASHA, after).difference)
    assert '-pin = "hash of a PIN, not shown"\n+pin = "hash of a PIN, not shown"\n' in shown
    assert "argon2" not in shown
    assert "argon2" not in hide_pin_hashes(prepare_agent_removal(file, "102").difference)


def test_agents_file_changed_by_somebody_else_is_not_overwritten(file: Path) -> None:
    change = prepare_agent_removal(file, "102")
    file.write_text(f"{FILE}# more\n", encoding="utf-8")
    with pytest.raises(EditedFileChanged):
        change.write_changed_file()
    assert file.read_text(encoding="utf-8") == f"{FILE}# more\n"


def test_agents_of_the_page_are_read_after_those_of_the_settings_file(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = file.with_name("centre.toml")
    path.write_text(f'[desk]\nagents_file = "{file}"\n[[agents]]\nnumber = "17"\npin = "{HASH}"\n', encoding="utf-8")
    assert [each.number for each in load_settings(path).agents] == ["17", "101", "102"]
    of_page = prepare_agent_removal(file, "102").make_settings_text()
    assert [each.number for each in load_settings(path, agents_of_page=of_page).agents] == ["17", "101"]
    monkeypatch.setenv("MATDAN_DESK__AGENTS_FILE", str(file.with_name("other.toml")))
    assert [each.number for each in load_settings(path).agents] == ["17"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('[[agents]]\nnumber = "1x"\n', "agents.toml:2: agents[0].number: must be 1 to 10 digits (is '1x')"),
        ('[[agents]]\nnumber = "1"\npin = "2468"\n', "agents.toml:3: agents[0].pin: must be an argon2id hash"),
        ('[[campaigns]]\nid = "x"\n', "agents.toml: campaigns: is not a setting"),
        (f'[[agents]]\nnumber = "17"\npin = "{HASH}"\n', "agents must have different names; 17 is used twice"),
    ],
    ids=["number", "pin", "campaign", "duplicate"],
)
def test_mistake_in_the_agents_file_is_reported(tmp_path: Path, text: str, says: str) -> None:
    path, file = tmp_path / "centre.toml", tmp_path / "agents.toml"
    path.write_text(f'[desk]\nagents_file = "{file}"\n[[agents]]\nnumber = "17"\npin = "{HASH}"\n', encoding="utf-8")
    file.write_text(text, encoding="utf-8")
    with pytest.raises(SettingError) as caught:
        load_settings(path)
    assert says in str(caught.value)
    assert "2468" not in str(caught.value)
