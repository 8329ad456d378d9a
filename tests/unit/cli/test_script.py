"""`dialer script` on the command line."""

from __future__ import annotations

import json
from pathlib import Path

from dialer.cli.main import COMMANDS, format_command_name
from dialer.domain.schema import convert_record_to_json_values
from dialer.flows.script import SCRIPTS_DIRECTORY, list_shipped_scripts, load_script
from dialer.flows.translated_script import create_script_in_language
from tests.support.command_line import run


def write_own_script(tmp_path: Path, old: str, new: str) -> Path:
    text = (SCRIPTS_DIRECTORY / "polling_day.yaml").read_text(encoding="utf-8")
    assert old in text
    path = tmp_path / "own.yaml"
    path.write_text(text.replace(old, new), encoding="utf-8")
    return path


def test_script_list_command_shows_all_agent_scripts_that_matdan_contains() -> None:
    code, text = run("script", "list")
    assert code == 0
    assert all(name in text for name in list_shipped_scripts())
    assert "script" in {format_command_name(place) for some in COMMANDS.values() for place in some}


def test_script_check_command_finds_nothing_wrong_with_shipped_agent_scripts() -> None:
    assert run("script", "check") == (0, "2 scripts checked, 0 findings\n")


def test_script_check_command_exits_1_for_findings_and_2_for_invalid_scripts(tmp_path: Path) -> None:
    path = write_own_script(tmp_path, "Have you been able to vote?", "Which party did you vote for, {name}?")
    code, text = run("script", "check", path, "-l", "ta")
    assert code == 1
    assert "page question: asks for whom someone votes" in text
    assert "has the unknown value {name} in text, en; use one of voter, relative," in text
    assert "page goodbye: has no text in ta; add it [missing-language]" in text
    code, text = run("script", "check", path, "--json")
    assert code == 1
    assert {each["rule"] for each in json.loads(text)} == {"forbidden-question", "unknown-value"}
    code, text = run("script", "check", write_own_script(tmp_path, "start: greeting", "start: nowhere"))
    assert code == 2
    assert "starts at nowhere, which is not a page" in text


def test_agents_script_may_offer_a_ride_only_if_the_jurisdiction_profile_allows_rides(tmp_path: Path) -> None:
    path = write_own_script(tmp_path, "languages:", "offers: [transport]\nlanguages:")
    assert "offers transport, which the profile forbids" in run("script", "check", path)[1]
    site = tmp_path / "centre.toml"
    site.write_text('[rules]\njurisdiction = "uk"\n', encoding="utf-8")
    assert run("script", "check", path, "-c", site)[0] == 0


def test_script_show_command_prints_the_script_texts_that_an_agent_reads(tmp_path: Path) -> None:
    code, text = run("script", "show", "polling_day", "-l", "hi")
    assert code == 0
    assert "क्या आप वोट दे पाए हैं?" in text
    assert "  [हाँ] been_there = been > thanks" in text
    assert "goodbye (closing)" in text
    assert "  > papers" in text
    code, text = run("script", "show", "polling_day", "--json")
    assert json.loads(text) == convert_record_to_json_values(
        create_script_in_language(load_script("polling_day"), "en")
    )
    code, text = run("script", "show", "polling_day", "-l", "ta")
    assert (code, "has no language 'ta'" in text) == (2, True)
    lacking = write_own_script(tmp_path, 'hi: "क्या आप वोट दे पाए हैं?"', "")
    assert run("script", "show", lacking, "-l", "hi")[0] == 0
