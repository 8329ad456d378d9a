"""Draw a flow as a Mermaid flowchart, for people who record and approve its texts."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Final

from dialer.flows.diagram import DiagramArrow, DiagramNode, make_flow_diagram
from dialer.flows.flow import Flow
from dialer.flows.node import NodeStyle
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
_SPECIAL = re.compile(r"[\"#&<>`|\\{}\[\]]")
"""Characters that have a meaning in Mermaid or HTML."""
_EXCEPTIONS = "exceptions"


def draw_flow(flow: Flow, texts: Texts, language: str) -> str:
    """Return a flow as Mermaid text, with its texts in `language`. A subdialog is drawn as a single node."""
    diagram = make_flow_diagram(flow, texts, language)
    lines = [
        "---",
        f"title: {json.dumps(f'{flow.title} ({flow.name} {flow.version}, {language})', ensure_ascii=False)}",
        "---",
        "flowchart TD",
    ]
    lines += [_draw_node(node) for node in diagram.nodes if not node.is_exception]
    lines += [_draw_arrow(arrow) for arrow in diagram.arrows]
    others = [node for node in diagram.nodes if node.is_exception]
    if others:
        lines.append(f'    subgraph {_EXCEPTIONS}["After silence, a wrong key or a failure"]')
        lines += [f"    {_draw_node(node)}" for node in others]
        lines.append("    end")
    used = {node.style for node in diagram.nodes}
    lines += [
        f"    classDef {style} fill:{fill},stroke:{border},color:#222,text-align:left"
        for style, (fill, border) in _COLOURS.items()
        if style in used
    ]
    return "\n".join([*lines, ""])


def _draw_arrow(arrow: DiagramArrow) -> str:
    source, target = _make_mermaid_id(arrow.source), _make_mermaid_id(arrow.target)
    label = f"|{_quote_diagram_label(arrow.label)}|" if arrow.label else ""
    return f"    {source} -->{label} {target}"


def _draw_node(node: DiagramNode) -> str:
    """Return the Mermaid definition of a node: title, prompts and notes, one line each."""
    lines = (f"{node.title} ({node.name})", *node.prompts, *node.notes)
    return f'    {_make_mermaid_id(node.name)}["{"<br>".join(map(_escape_diagram_label, lines))}"]:::{node.style}'


def _make_mermaid_id(name: str) -> str:
    """Return the Mermaid identifier of a node. It has a prefix, as a node's name may be a keyword such as `end`."""
    return f"n_{name}"


def _quote_diagram_label(text: str) -> str:
    return f'"{_escape_diagram_label(text)}"'


def _escape_diagram_label(text: str) -> str:
    """Return text on one line, with special characters as Mermaid entities."""
    return _SPECIAL.sub(lambda match: f"#{ord(match[0])};", " ".join(text.split()))
