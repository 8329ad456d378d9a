"""Draw a flow as a Mermaid flowchart, for people who record and approve its texts.

Arrows show the usual paths of calls. What follows after silence, a wrong key or a failure is written in the node. As
arrows these would hide the usual paths. Nodes that are reached only in this way are drawn in a group of their own.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Final

from dialer.flows.fields import Prompt
from dialer.flows.flow import Flow
from dialer.flows.graph import find_nodes_reachable_from
from dialer.flows.model import PromptKind
from dialer.flows.node import Node, NodeStyle
from dialer.flows.texts import Texts

_COLOURS: Final[Mapping[NodeStyle, tuple[str, str]]] = {
    NodeStyle.SPEECH: ("#eef4fb", "#4a7ab0"),
    NodeStyle.QUESTION: ("#fff6dc", "#b58a1b"),
    NodeStyle.COMMIT: ("#e6f5e9", "#3b8a50"),
    NodeStyle.SERVICE: ("#f3ecfa", "#7c55a5"),
    NodeStyle.PART: ("#e9eef2", "#5a6b7a"),
    NodeStyle.QUIET: ("#f2f2f2", "#777777"),
    NodeStyle.END: ("#fbe9e7", "#b0503f"),
}
"""(fill, border) of each style."""
_PLACEHOLDER = re.compile(r"\{([a-z0-9_]+)\}")
_SPECIAL = re.compile(r"[\"#&<>`|\\{}\[\]]")
"""Characters that have a meaning in Mermaid or HTML."""
_EXCEPTIONS = "exceptions"


def draw_flow(flow: Flow, texts: Texts, language: str) -> str:
    """Return a flow as Mermaid text, with its texts in `language`. A subdialog is drawn as a single node."""
    arrows = _list_arrows_between_nodes(flow)
    usual = find_nodes_reachable_from(
        {name: tuple(target for source, target in arrows if source == name) for name in flow.nodes}, [flow.start]
    )
    lines = [
        "---",
        f"title: {json.dumps(f'{flow.title} ({flow.name} {flow.version}, {language})', ensure_ascii=False)}",
        "---",
        "flowchart TD",
    ]
    lines += [_draw_node(node, texts, language, all_ways=False) for node in flow.nodes.values() if node.name in usual]
    lines += [
        _draw_arrow_between_nodes(source, target, labels)
        for (source, target), labels in arrows.items()
        if source in usual
    ]
    others = [node for node in flow.nodes.values() if node.name not in usual]
    if others:
        lines.append(f'    subgraph {_EXCEPTIONS}["After silence, a wrong key or a failure"]')
        lines += [f"    {_draw_node(node, texts, language, all_ways=True)}" for node in others]
        lines.append("    end")
    used = {node.style for node in flow.nodes.values()}
    lines += [
        f"    classDef {style} fill:{fill},stroke:{border},color:#222,text-align:left"
        for style, (fill, border) in _COLOURS.items()
        if style in used
    ]
    return "\n".join([*lines, ""])


def _list_arrows_between_nodes(flow: Flow) -> dict[tuple[str, str], list[str]]:
    """Return the arrows between nodes, as (source, target), with their labels: keys, or the cases of a branch."""
    arrows: dict[tuple[str, str], list[str]] = {}
    for node in flow.nodes.values():
        for label, target in node.list_arrows_from_node_in_diagram():
            arrows.setdefault((node.name, target), []).append(label)
    return arrows


def _draw_arrow_between_nodes(source: str, target: str, labels: list[str]) -> str:
    text = ", ".join(label for label in labels if label)
    return (
        f"    {_make_mermaid_id(source)} -->|{_quote_diagram_label(text)}| {_make_mermaid_id(target)}"
        if text
        else f"    {_make_mermaid_id(source)} --> {_make_mermaid_id(target)}"
    )


def _draw_node(node: Node, texts: Texts, language: str, *, all_ways: bool) -> str:
    """Return the Mermaid definition of a node: title, prompts in `language` and notes, one line each."""
    notes = node.list_notes_below_node_in_diagram()
    if all_ways:  # the node's targets have no arrows
        notes += [f"{label or 'then'} › {target}" for label, target in node.list_arrows_from_node_in_diagram()]
    words = [
        _escape_diagram_label(_describe_prompt(prompt, texts, language)) for prompt in node.prompts_played_at_entry
    ]
    parts = [
        _escape_diagram_label(f"{node.title_of_node_in_diagram} ({node.name})"),
        *words,
        *map(_escape_diagram_label, notes),
    ]
    return f'    {_make_mermaid_id(node.name)}["{"<br>".join(parts)}"]:::{node.style}'


def _describe_prompt(prompt: Prompt, texts: Texts, language: str) -> str:
    """Return the words of a prompt for the diagram, with values in angle quotes."""
    if prompt.kind is PromptKind.RECORDING:
        return f"▶ {prompt.value}"
    if prompt.kind is not PromptKind.TEXT:
        return f"‹{prompt.value}›"
    found = texts.find_text_in_language_or_english(prompt.value, language)
    text = found[1] if found else f"[{prompt.value}]"
    return _PLACEHOLDER.sub(lambda match: f"‹{match[1]}›", text)


def _make_mermaid_id(name: str) -> str:
    """Return the Mermaid identifier of a node. It has a prefix, as a node's name may be a keyword such as `end`."""
    return f"n_{name}"


def _quote_diagram_label(text: str) -> str:
    return f'"{_escape_diagram_label(text)}"'


def _escape_diagram_label(text: str) -> str:
    """Return text on one line, with special characters as Mermaid entities."""
    return _SPECIAL.sub(lambda match: f"#{ord(match[0])};", " ".join(text.split()))
