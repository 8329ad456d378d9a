"""The diagram of a flow: its nodes and arrows, without a layout.

Arrows show the usual paths of calls only. The nodes that follow silence, a wrong key or a failure are named in a note,
because more arrows would hide the usual paths. Nodes that can be reached only in this way are marked as exceptions.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from dialer.domain.schema import MESSAGE
from dialer.flows.fields import Prompt
from dialer.flows.flow import Flow
from dialer.flows.graph import find_nodes_reachable_from
from dialer.flows.model import PromptKind
from dialer.flows.node import Node, NodeStyle
from dialer.flows.texts import Texts

_PLACEHOLDER = re.compile(r"\{([a-z0-9_]+)\}")


@dataclass(frozen=True, slots=True)
class DiagramNode:
    """A node in the diagram of a flow."""

    __pydantic_config__ = MESSAGE

    name: str
    line: int
    """line of the node in its file"""
    title: str
    """what the node does"""
    prompts: tuple[str, ...]
    """words that are played when a call enters the node, with values in angle quotes"""
    notes: tuple[str, ...]
    """next nodes to which no arrow is drawn, such as the node after silence"""
    style: NodeStyle
    is_exception: bool
    """true: reached only after silence, a wrong key or a failure"""


@dataclass(frozen=True, slots=True)
class DiagramArrow:
    """An arrow between two nodes in the diagram of a flow. The label has the keys or the cases of a branch."""

    __pydantic_config__ = MESSAGE

    source: str
    target: str
    label: str


@dataclass(frozen=True, slots=True)
class FlowDiagram:
    """The diagram of a flow: its nodes, and arrows for the usual paths of calls."""

    __pydantic_config__ = MESSAGE

    nodes: tuple[DiagramNode, ...]
    arrows: tuple[DiagramArrow, ...]


def make_flow_diagram(flow: Flow, texts: Texts, language: str) -> FlowDiagram:
    """Return the diagram of a flow, with its texts in `language`. A subdialog is a single node."""
    arrows = _list_arrows_between_nodes(flow)
    usual = find_nodes_reachable_from(
        {name: tuple(target for source, target in arrows if source == name) for name in flow.nodes}, [flow.start]
    )
    return FlowDiagram(
        tuple(
            _make_diagram_node(node, texts, language, is_exception=node.name not in usual)
            for node in flow.nodes.values()
        ),
        tuple(
            DiagramArrow(source, target, ", ".join(label for label in labels if label))
            for (source, target), labels in arrows.items()
            if source in usual
        ),
    )


def _list_arrows_between_nodes(flow: Flow) -> dict[tuple[str, str], list[str]]:
    """Return the arrows between nodes, as (source, target), with their labels: keys, or the cases of a branch."""
    arrows: dict[tuple[str, str], list[str]] = {}
    for node in flow.nodes.values():
        for label, target in node.list_diagram_arrows():
            arrows.setdefault((node.name, target), []).append(label)
    return arrows


def _make_diagram_node(node: Node, texts: Texts, language: str, *, is_exception: bool) -> DiagramNode:
    notes = node.list_diagram_notes()
    if is_exception:  # the node's targets have no arrows
        notes += [f"{label or 'then'} › {target}" for label, target in node.list_diagram_arrows()]
    prompts = tuple(_describe_prompt(prompt, texts, language) for prompt in node.prompts_played_at_entry)
    return DiagramNode(node.name, node.line_number, node.diagram_title, prompts, tuple(notes), node.style, is_exception)


def _describe_prompt(prompt: Prompt, texts: Texts, language: str) -> str:
    """Return the words of a prompt for the diagram, with values in angle quotes."""
    if prompt.kind is PromptKind.RECORDING:
        return f"▶ {prompt.value}"
    if prompt.kind is not PromptKind.TEXT:
        return f"‹{prompt.value}›"
    found = texts.find_text_in_language_or_english(prompt.value, language)
    text = found[1] if found else f"[{prompt.value}]"
    return _PLACEHOLDER.sub(lambda match: f"‹{match[1]}›", text)
