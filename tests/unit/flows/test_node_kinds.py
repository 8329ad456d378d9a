"""A kind of node is one registration: a file with a class is all there is to write."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import jsonschema
import pytest
import yaml

from dialer.flows import nodes, schema
from dialer.flows.check import check_flow
from dialer.flows.draw import draw_flow
from dialer.flows.errors import FlowError
from dialer.flows.load import parse_flow
from dialer.flows.machine import start, step
from dialer.flows.node import NODE_KINDS, Flow, node_kind
from dialer.flows.nodes.say import SayNode
from dialer.flows.texts import shipped_texts
from dialer.flows.turns import Disconnect, Play, Played, PromptRef, Start

A_KIND = '''
from dataclasses import dataclass

from dialer.flows.fields import known_name
from dialer.flows.keys import NODE, SOME_PROMPTS, Key, key
from dialer.flows.known import lookup, resolve, whole
from dialer.flows.model import Prompt
from dialer.flows.node import Acting, Entered, Flow, Look, Node, node_kind
from dialer.flows.turns import FlowState, Play, Played


@node_kind("greet")
@dataclass(frozen=True, slots=True)
class GreetNode(Node):
    """Greet by the hour."""

    look = Look.SPEECH
    head = "Greets by {node.hour}"

    hour: str = key(Key(lambda given, name, names: known_name(given, name, given.name(name), names), NODE.schema), "greet")
    morning: tuple[Prompt, ...] = key(SOME_PROMPTS)
    later: tuple[Prompt, ...] = key(SOME_PROMPTS)
    next: str = key(NODE.to("", Played))

    def enter(self, flow: Flow, state: FlowState) -> Entered:
        hour = whole(lookup(state, self.hour))
        said = self.morning if hour is not None and hour < 12 else self.later
        return Acting(state, Play(state.where, resolve(state, said)))
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
def a_new_kind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The file of a kind stands among the others."""
    (tmp_path / "greet.py").write_text(A_KIND, encoding="utf-8")
    monkeypatch.setattr(nodes, "__path__", [*nodes.__path__, str(tmp_path)])
    nodes.find_kinds()
    yield
    del NODE_KINDS["greet"]
    del sys.modules["dialer.flows.nodes.greet"]


@pytest.fixture
def flow() -> Flow:
    return parse_flow(A_FLOW, "greeting.yaml")


@pytest.mark.parametrize(("hour", "said"), [("09:00", "common.no_input"), ("18:00", "common.no_match")])
def test_it_takes_its_turn(flow: Flow, hour: str, said: str) -> None:
    turn = start(flow, Start({"closes_at": hour}, "en"))
    assert isinstance(turn.action, Play)
    assert [ref.value for ref in turn.action.prompts] == [said]
    assert all(isinstance(ref, PromptRef) for ref in turn.action.prompts)
    last = step(flow, turn.state, Played())
    assert isinstance(last.action, Disconnect)
    assert last.action.reason == "greeted"


def test_its_mistakes_name_file_line_and_node() -> None:
    with pytest.raises(FlowError, match=r"greeting\.yaml:9: node hello: `later:` has no prompts"):
        parse_flow(A_FLOW.replace("later: common.no_match", "later: []"), "greeting.yaml")


def test_it_is_checked(flow: Flow) -> None:
    assert check_flow(flow, shipped_texts(), ["en"]) == []
    wrong = parse_flow(A_FLOW.replace("later: common.no_match", "later: common.no_such"), "greeting.yaml")
    (finding,) = check_flow(wrong, shipped_texts(), ["en"])
    assert (finding.rule, finding.node) == ("missing-text", "hello")
    stuck = parse_flow(A_FLOW.replace("next: bye}", "next: hello}"), "greeting.yaml")
    assert "no-exit" in {finding.rule for finding in check_flow(stuck, shipped_texts(), ["en"])}


def test_it_is_drawn(flow: Flow) -> None:
    picture = draw_flow(flow, shipped_texts(), "en")
    assert "Greets by closes_at" in picture
    assert '<g id="hello">' in picture


def test_editors_know_it() -> None:
    document = yaml.safe_load(A_FLOW)
    validator = jsonschema.Draft202012Validator(schema.schema())
    assert list(validator.iter_errors(document)) == []
    del document["nodes"]["hello"]["next"]
    assert list(validator.iter_errors(document))


def test_the_schema_in_the_file_is_that_of_the_kinds() -> None:
    """After a change: python -m dialer.flows.schema"""
    del NODE_KINDS["greet"]
    try:
        assert json.loads(schema.SCHEMA.read_text(encoding="utf-8")) == schema.schema()
    finally:
        nodes.find_kinds()
        NODE_KINDS["greet"] = sys.modules["dialer.flows.nodes.greet"].GreetNode


def test_a_key_says_one_kind() -> None:
    with pytest.raises(ValueError, match="two kinds of nodes are called say"):
        node_kind("say")(SayNode)
