"""Generate docs/reference/flow-nodes.md from the classes of nodes: `python -m dialer.flows.document docs/reference`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from inspect import cleandoc
from pathlib import Path
from typing import Any

from dialer.flows.node import NODE_KINDS
from dialer.flows.schema import make_flow_schema

PAGE = "flow-nodes.md"
_HEAD = """# Nodes of flows

For people who write [flows](../how-to/flows.md).

The first key of each table identifies the kind; a node has exactly one such key. Most kinds also have prompts (`say`)."""
_TYPES = {"string": "text", "integer": "whole number", "number": "number", "boolean": "true or false"}
_NAMED_TYPES = {"Prompt": "prompts", "Reprompt": "reprompt", "Condition": "conditions"}


def render_nodes_page() -> str:
    """Return the reference page about the nodes of flows as Markdown."""
    schema = make_flow_schema()
    parts = [_HEAD, *(_render_docs_of_node_kind(kind, schema["$defs"]) for kind in sorted(NODE_KINDS))]
    parts += [
        _render_table_of_yaml_keys(f"A {name.lower()}", schema["$defs"][name]) for name in ("Reprompt", "Condition")
    ]
    return "\n\n".join(parts) + "\n"


def _render_docs_of_node_kind(kind: str, definitions: dict[str, Any]) -> str:
    node = NODE_KINDS[kind]
    return _render_table_of_yaml_keys(
        f"`{kind}`", definitions[node.__name__], first=kind, text=_describe_what_node_does(cleandoc(node.__doc__ or ""))
    )


def _describe_what_node_does(docstring: str) -> str:
    """Return what a node does, such as "Plays a goodbye and hangs up.", from the docstring "A node that plays ..."."""
    work = docstring.removeprefix("A node that ")
    return work[:1].upper() + work[1:]


def _render_table_of_yaml_keys(title: str, definition: dict[str, Any], first: str = "", text: str = "") -> str:
    lines = [f"## {title}", "", text or definition["description"], "", "|key|value|meaning|", "|---|---|---|"]
    return "\n".join([*lines, *_render_rows_of_yaml_keys(definition, first)])


def _render_rows_of_yaml_keys(definition: dict[str, Any], first: str) -> Iterator[str]:
    properties: dict[str, dict[str, Any]] = definition["properties"]
    required = definition.get("required", [])
    for key in sorted(properties, key=lambda key: (key != first, key not in required)):
        field = properties[key]
        value = _describe_allowed_values(field)
        if "default" in field:
            value += f"; default `{str(field['default']).lower()}`"
        elif key not in required:
            value += "; optional"
        yield f"|`{key}`|{value}|{field.get('description', '')}|"


def _describe_allowed_values(field: dict[str, Any]) -> str:
    """Return a description of the values that a key of a node may have."""
    if "$ref" in field:
        name = field["$ref"].rpartition("/")[2]
        return _NAMED_TYPES.get(name) or ", ".join(f"`{word}`" for word in _list_values_of_enum(name))
    if "const" in field:
        return f"`{field['const']}`"
    if "enum" in field:
        words = [f"`{word}`" for word in field["enum"] if isinstance(word, str) and word]
        return ", ".join([*words, *(["nothing"] if "" in field["enum"] else [])])
    if "anyOf" in field:
        one, other = field["anyOf"]
        if other.get("type") == "array":
            return (
                _describe_allowed_values(one)
                if _describe_allowed_values(one).endswith("s")
                else f"{_describe_allowed_values(one)}, or a list of them"
            )
        return f"{_describe_allowed_values(one)} or {_describe_allowed_values(other)}"
    if field["type"] == "object":
        return "mapping of keys to nodes"
    if isinstance(field["type"], list):
        return "text, number, true or false"
    return _describe_value_limits(field)


def _describe_value_limits(field: dict[str, Any]) -> str:
    if str(field.get("pattern", "")).startswith("^[a-z]"):
        return "name"
    words = _TYPES[field["type"]]
    return f"{words}, {field['minimum']:g} to {field['maximum']:g}" if "maximum" in field else words


def _list_values_of_enum(name: str) -> list[str]:
    return list(make_flow_schema()["$defs"][name]["enum"])


if __name__ == "__main__":
    (Path(sys.argv[1]) / PAGE).write_text(render_nodes_page(), encoding="utf-8")
