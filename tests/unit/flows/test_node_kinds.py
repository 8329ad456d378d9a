"""A new kind of node needs one class only: loader, machine, checks, diagram and editor schema support it."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import jsonschema
import pytest
import yaml

from dialer.flows import nodes
from dialer.flows.check import check_flow
from dialer.flows.errors import FlowError
from dialer.flows.flow import Flow
from dialer.flows.load import parse_flow
from dialer.flows.machine import continue_flow, start_flow
from dialer.flows.mermaid import draw_flow
from dialer.flows.node import NODE_KINDS
from dialer.flows.nodes.say import SayNode
from dialer.flows.schema import FLOW_SCHEMA, SCRIPT_SCHEMA, make_flow_schema, make_script_schema
from dialer.flows.texts import load_shipped_texts
from dialer.flows.turns import Disconnect, Play, Played, PromptRef, Start

A_KIND = '''
from pydantic import Field

from dialer.flows.fields import DeclaredName, Name, SomePrompts
from dialer.flows.known import look_up_answer_or_voter_data, fill_prompt_values, convert_number_or_time_to_integer
from dialer.flows.node import Act, GoTo, Node, NodeStyle
from dialer.flows.turns import Play, Played


class GreetNode(Node):
    """Greet by the hour."""

    kind = "greet"
    style = NodeStyle.SPEECH

    hour: DeclaredName = Field(alias="greet")
    morning: SomePrompts
    later: SomePrompts
    next: Name

    def enter_node(self, flow, state):
        hour = convert_number_or_time_to_integer(look_up_answer_or_voter_data(state, self.hour))
        prompts = self.morning if hour is not None and hour < 12 else self.later
        return Act(state, Play(state.current_node_path, fill_prompt_values(state, prompts)))

    def handle_action_result(self, state, event):
        return GoTo(state, self.next) if isinstance(event, Played) else None

    def list_next_nodes(self):
        yield "", self.next

    @property
    def prompts_played_at_entry(self):
        return (*self.morning, *self.later)

    @property
    def diagram_title(self):
        return f"Greets by {self.hour}"
'''
A_FLOW = """
flow: greeting
purpose: worker
start: hello
facts: {closes_at: hour}
no_input: {then: bye}
no_match: {then: bye}
nodes:
  hello: {greet: closes_at, morning: common.no_input, later: common.no_match, next: bye}
  bye: {disconnect: greeted}
"""


@pytest.fixture(autouse=True)
def add_new_kind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Add a file with a new kind to the package of nodes."""
    (tmp_path / "greet.py").write_text(A_KIND, encoding="utf-8")
    monkeypatch.setattr(nodes, "__path__", [*nodes.__path__, str(tmp_path)])
    nodes.import_node_kinds()
    yield
    del NODE_KINDS["greet"]
    del sys.modules["dialer.flows.nodes.greet"]


@pytest.fixture
def flow() -> Flow:
    return parse_flow(A_FLOW, "greeting.yaml")


@pytest.mark.parametrize(("hour", "prompt"), [("09:00", "common.no_input"), ("18:00", "common.no_match")])
def test_flow_engine_runs_a_new_kind_of_node(flow: Flow, hour: str, prompt: str) -> None:
    turn = start_flow(flow, Start({"closes_at": hour}, "en"))
    assert isinstance(turn.action, Play)
    assert [ref.value for ref in turn.action.prompts] == [prompt]
    assert all(isinstance(ref, PromptRef) for ref in turn.action.prompts)
    last = continue_flow(flow, turn.state, Played())
    assert isinstance(last.action, Disconnect)
    assert last.action.reason == "greeted"


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("later: common.no_match", "later: []", "`later:` is empty; give at least one"),
        ("greet: closes_at", "greet: opens_at", "`greet: opens_at` is neither a fact nor an answer of this flow"),
        (", next: bye}", "}", "has no `next:`; add it"),
        ("next: bye}", "next: bye, then: bye}", "has the unknown key `then`; use one of greet, later, morning, next"),
    ],
)
def test_mistakes_in_a_new_kind_of_node_are_reported_with_file_line_and_node(old: str, new: str, words: str) -> None:
    with pytest.raises(FlowError) as caught:
        parse_flow(A_FLOW.replace(old, new, 1), "greeting.yaml")
    assert str(caught.value).startswith(f"greeting.yaml:9: node hello: {words}")


def test_flow_check_covers_a_new_kind_of_node(flow: Flow) -> None:
    assert check_flow(flow, load_shipped_texts(), ["en"]) == []
    wrong = parse_flow(A_FLOW.replace("later: common.no_match", "later: common.no_such"), "greeting.yaml")
    (finding,) = check_flow(wrong, load_shipped_texts(), ["en"])
    assert (finding.rule, finding.node) == ("missing-text", "hello")
    stuck = parse_flow(A_FLOW.replace("next: bye}", "next: hello}"), "greeting.yaml")
    assert "no-exit" in {finding.rule for finding in check_flow(stuck, load_shipped_texts(), ["en"])}


def test_flow_diagram_shows_a_new_kind_of_node(flow: Flow) -> None:
    assert 'n_hello["Greets by closes_at (hello)<br>' in draw_flow(flow, load_shipped_texts(), "en")


def test_json_schema_for_editors_covers_a_new_kind_of_node() -> None:
    document = yaml.safe_load(A_FLOW)
    validator = jsonschema.Draft202012Validator(make_flow_schema())
    assert list(validator.iter_errors(document)) == []
    del document["nodes"]["hello"]["next"]
    assert list(validator.iter_errors(document))


def test_schema_files_of_flows_are_up_to_date() -> None:
    del NODE_KINDS["greet"]
    try:
        for path, schema in ((FLOW_SCHEMA, make_flow_schema()), (SCRIPT_SCHEMA, make_script_schema())):
            assert json.loads(path.read_text(encoding="utf-8")) == schema, "run: python -m dialer.flows.schema"
    finally:
        NODE_KINDS["greet"] = sys.modules["dialer.flows.nodes.greet"].GreetNode


def test_two_kinds_of_flow_nodes_cannot_have_the_same_yaml_key() -> None:
    with pytest.raises(ValueError, match="two classes define the kind of node say"):
        type("OtherSayNode", (SayNode,), {"kind": "say", "__module__": __name__})
