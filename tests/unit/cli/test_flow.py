"""`dialer flow` on the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from dialer.cli.flow import FlowOptionError, app
from dialer.errors import MatdanError
from dialer.flows.catalogue import FLOWS_DIRECTORY, list_shipped_flows
from dialer.flows.errors import FlowError, UnknownFlow
from dialer.flows.terminal_call import BadFact

BROKEN = "flow: mine\npurpose: turnout\nstart: a\nnodes: {a: {say: [mine.hello], next: a}}\n"


def flow(*arguments: str, keys: str = "") -> tuple[int, str, BaseException | None]:
    result = CliRunner().invoke(app, list(arguments), input=keys)
    return result.exit_code, result.output, result.exception


def test_flow_list_command_shows_every_shipped_flow() -> None:
    code, output, _ = flow("list")
    assert code == 0
    assert all(name in output for name in list_shipped_flows())


def test_flow_check_command_finds_nothing_wrong_with_shipped_flows() -> None:
    code, output, _ = flow("check")
    assert code == 0
    assert output.strip() == f"{len(list_shipped_flows())} flows checked, 0 findings"


def test_flow_check_command_names_file_line_and_node_of_a_mistake(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(BROKEN, encoding="utf-8")
    code, output, _ = flow("check", str(path), "-l", "hi")
    assert code == 1
    assert f"{path}:4: node a: " in output
    assert "[no-exit]" in output
    assert "[missing-opt-out]" in output

    code, output, _ = flow("check", str(path), "--json")
    assert code == 1
    found = json.loads(output)
    assert {"missing-text", "no-exit"} <= {finding["rule"] for finding in found}
    assert {finding["line"] for finding in found} == {4}


def test_flow_check_command_uses_own_prompt_texts_and_time_limit(tmp_path: Path) -> None:
    (tmp_path / "hi.yaml").write_text('common.goodbye: "आपने किसे वोट दिया?"\n', encoding="utf-8")
    code, output, _ = flow("check", "turnout", "--texts", str(tmp_path))
    assert code == 1
    assert "[forbidden-question]" in output
    code, output, _ = flow("check", "turnout", "--max-prompt-seconds", "5")
    assert code == 1
    assert "[too-long]" in output


@pytest.mark.parametrize("arguments", [("check", "nowhere"), ("draw", "nowhere"), ("try", "nowhere")])
def test_flow_command_refuses_an_unknown_flow_with_a_list_of_the_known_flows(arguments: tuple[str, ...]) -> None:
    _, _, error = flow(*arguments)
    assert isinstance(error, UnknownFlow)
    assert isinstance(error, MatdanError)
    assert "turnout" in str(error)


def test_missing_directory_of_flow_texts_is_refused() -> None:
    _, _, error = flow("check", "--texts", "/nowhere")
    assert isinstance(error, FlowError)


@pytest.mark.parametrize(
    ("name", "fact", "words"),
    [
        ("turnout", "closes_at=25:99", "give an hour such as 18:00"),
        ("household", "pending_voters=-5", "give a number such as 3"),
        ("household", "pending_voters=99999999999999999999", "give a number such as 3"),
    ],
)
def test_flow_try_command_refuses_an_invalid_fact_about_the_caller_with_an_example(
    name: str, fact: str, words: str
) -> None:
    _, _, error = flow("try", name, "-f", fact, "--keys", "1")
    assert isinstance(error, BadFact)
    assert words in str(error)
    assert fact.split("=", maxsplit=1)[0] in str(error)
    assert "\n" not in str(error)
    assert flow("try", name, "-f", f"{fact.split('=', maxsplit=1)[0]}=", "--keys", "1")[0] == 0  # unknown


def test_flow_draw_command_prints_a_mermaid_diagram() -> None:
    code, output, _ = flow("draw", "turnout", "--language", "hi")
    assert code == 0
    assert "\nflowchart TD\n" in output
    assert "क्या आपने वोट डाल दिया है?" in output


def test_flow_draw_command_writes_a_diagram_file_or_markdown_block(tmp_path: Path) -> None:
    printed = flow("draw", "turnout")[1]
    plain, markdown = tmp_path / "turnout.mmd", tmp_path / "turnout.md"
    code, output, _ = flow("draw", "turnout", "--out", str(plain))
    assert (code, output) == (0, f"{plain}: Has this voter been able to vote?\n")
    assert plain.read_text(encoding="utf-8") == printed
    assert flow("draw", "turnout", "--out", str(markdown))[0] == 0
    assert markdown.read_text(encoding="utf-8") == f"```mermaid\n{printed}```\n"


def test_flow_draw_command_refuses_a_file_that_cannot_be_written(tmp_path: Path) -> None:
    _, _, error = flow("draw", "turnout", "--out", str(tmp_path / "no" / "x.svg"))
    assert isinstance(error, FlowOptionError)
    assert "choose another --out" in str(error)


def test_flow_try_command_prints_the_prompts_in_the_given_language() -> None:
    code, output, _ = flow("try", "turnout", "--language", "hi", keys="2\n3#\n")
    assert code == 0
    assert "क्या आपने वोट डाल दिया है?" in output
    assert "[later (voter) at 15:00: saved]" in output
    assert output.strip().splitlines()[-1] == "-- completed at goodbye; answers: hour = 15:00; turns: 8"


def test_flow_try_command_presses_the_keys_given_with_the_keys_option() -> None:
    code, output, _ = flow("try", "booth_worker", "--keys", "17#,#")
    assert code == 0
    assert "[voted (serial) 17: saved]" in output
    assert "-- completed at goodbye" in output
    _, output, _ = flow("try", "turnout", "--keys", "")
    assert "asked" not in output


@pytest.mark.parametrize("keys", ["h\n", ""])
def test_flow_try_command_hangs_up_at_the_end_of_its_input(keys: str) -> None:
    code, output, _ = flow("try", "turnout", keys=keys)
    assert code == 0
    assert "-- hung-up at question" in output


def test_flow_try_command_can_simulate_a_missing_agent_and_a_failing_store() -> None:
    _, output, _ = flow("try", "turnout", "--store-fails", "--keys", "1")
    assert "NOT saved" in output
    assert "could not be saved" in output
    _, output, _ = flow("try", "material", "--no-agent", "--keys", "1,1")
    assert "no agent is available" in output
    assert "[call_back = 1: saved]" in output
    _, output, _ = flow("try", "material", "--keys", "1")
    assert "-- transferred at agent" in output
    _, output, _ = flow("try", "booth_information", "--keys", "2")
    assert "[SMS booth_slip: Your polling station: Government Primary School" in output
    _, output, _ = flow("try", "inbound", "--keys", "4,hello")
    assert "[message = trial: saved]" in output


def test_flow_try_command_uses_the_given_facts_about_the_voter() -> None:
    _, output, _ = flow("try", "turnout", "-f", "booth_name=", "--keys", "3")
    assert "We do not know your polling station." in output
    _, output, _ = flow("try", "household", "-f", "pending_voters=5", "--keys", "1")
    assert "There are 5 voters at this number." in output
    code, output, _ = flow("try", "turnout", "-f", "nonsense")
    assert code == 2
    assert "NAME=VALUE" in output


def test_flow_try_command_runs_a_flow_file_given_by_its_path(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    text = (FLOWS_DIRECTORY / "opt_out.yaml").read_text(encoding="utf-8").replace("flow: opt_out", "flow: mine")
    path.write_text(text, encoding="utf-8")
    code, output, _ = flow("try", str(path), "--keys", "9")
    assert code == 0
    assert "[opt-out: saved]" in output
