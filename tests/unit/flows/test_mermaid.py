"""The Mermaid diagram of a flow: its nodes, texts and arrows, and the escaping of special characters."""

from __future__ import annotations

import re

import pytest

from dialer.flows.catalogue import list_shipped_flows
from dialer.flows.mermaid import draw_flow
from dialer.flows.texts import load_shipped_texts
from tests.support.flow_support import FLOWS, HEAD, add_texts, make_flow

LINE = re.compile(
    r'\s*(n_\w+\["[^"]*"\]:::\w+|n_\w+ -->(\|"[^"]*"\|)? n_\w+|subgraph exceptions\["[^"]*"\]|end|classDef \w+ \S+)'
)


def parse_nodes(diagram: str) -> dict[str, str]:
    """Return the text of each node by its name."""
    return dict(re.findall(r'^\s*n_(\w+)\["(.*)"\]', diagram, re.MULTILINE))


def parse_arrows(diagram: str) -> dict[tuple[str, str], str]:
    """Return the label of each arrow by its two nodes."""
    found = re.findall(r'^\s*n_(\w+) -->(?:\|"(.*)"\|)? n_(\w+)$', diagram, re.MULTILINE)
    return {(source, target): label for source, label, target in found}


@pytest.mark.parametrize("language", ["en", "hi", "ur", "ta"])
@pytest.mark.parametrize("name", list_shipped_flows())
def test_flow_diagram_has_every_node_and_only_valid_mermaid_lines(name: str, language: str) -> None:
    diagram = draw_flow(FLOWS[name], load_shipped_texts(), language)
    head, body = diagram.split("flowchart TD\n")
    assert re.fullmatch(r'---\ntitle: ".*"\n---\n', head)
    assert [line for line in body.splitlines() if not LINE.fullmatch(line)] == []
    assert parse_nodes(diagram).keys() == FLOWS[name].nodes.keys()


def test_flow_diagram_shows_node_texts_and_the_path_after_silence() -> None:
    nodes = parse_nodes(draw_flow(FLOWS["turnout"], load_shipped_texts(), "hi"))
    title, words, *notes = nodes["question"].split("<br>")
    assert title == "Asks for a key (question)"
    assert words.startswith("क्या आपने वोट डाल दिया है?")
    assert notes == ["no key, asked again 2 times › silent", "wrong key, asked again 2 times › puzzled"]
    assert nodes["opt_out"] == "Records: never call again (opt_out)<br>fails › not_saved"
    assert "‹hour›" in nodes["noted_later"]


def test_flow_diagram_labels_its_arrows_with_keys_and_conditions() -> None:
    turnout = parse_arrows(draw_flow(FLOWS["turnout"], load_shipped_texts(), "en"))
    assert turnout["question", "voted"] == "1"
    assert turnout["voted", "noted_voted"] == ""
    assert ("voted", "not_saved") not in turnout
    household = parse_arrows(draw_flow(FLOWS["household"], load_shipped_texts(), "en"))
    assert household["several", "greeting"] == "pending_voters above 1"


def test_flow_diagram_groups_the_nodes_reached_only_after_errors() -> None:
    diagram = draw_flow(FLOWS["turnout"], load_shipped_texts(), "en")
    group = diagram.partition("subgraph exceptions")[2].partition("    end")[0]
    assert parse_nodes(group).keys() == {"not_saved", "silent", "puzzled"}
    assert "subgraph" not in draw_flow(FLOWS["booth"], load_shipped_texts(), "en")


def test_special_characters_are_escaped_in_the_labels_of_a_flow_diagram() -> None:
    head = HEAD.replace("purpose: worker", 'purpose: worker\ntitle: "x\\"]; <script>"')
    texts = add_texts(mine__text='"] --> n_bye <script>alert(1)</script> & #quot; `x` | y')
    diagram = draw_flow(make_flow("\n  first: {say: [mine.text], next: bye}", head), texts, "en")
    assert "<script>" not in diagram.partition("flowchart TD")[2]
    assert parse_arrows(diagram) == {("first", "bye"): ""}
    assert LINE.fullmatch(next(line for line in diagram.splitlines() if line.lstrip().startswith("n_first[")))
