"""flow.schema.json for editors, its nodes made from the kinds: `python -m dialer.flows.schema` writes it."""

from __future__ import annotations

import json
from typing import Any

from dialer import content
from dialer.flows import nodes as _nodes  # noqa: F401 - the kinds register themselves
from dialer.flows.node import NODE_KINDS

SCHEMA = content.IVR_FLOWS / "flow.schema.json"


def schema() -> dict[str, Any]:
    """The schema: what stands in the file of a flow as a whole, and the nodes of all kinds that are registered."""
    whole: dict[str, Any] = json.loads(SCHEMA.read_text(encoding="utf-8"))
    parts = {name: part for name, part in whole["$defs"].items() if not name.startswith("node_")}
    parts["node"] = {"anyOf": [{"$ref": f"#/$defs/node_{key}"} for key in NODE_KINDS]}
    whole["$defs"] = {**parts, **{f"node_{key}": kind.schema for key, kind in NODE_KINDS.items()}}
    return whole


def text() -> str:
    """The same as it stands in the file."""
    return json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    SCHEMA.write_text(text(), encoding="utf-8")
