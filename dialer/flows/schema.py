"""The JSON schemas of flows and scripts for editors. `python -m dialer.flows.schema` generates them from the models."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dialer import content
from dialer.flows.load import FlowFile
from dialer.flows.node import NODE_KINDS
from dialer.flows.parsing import EditorSchema, YamlModel
from dialer.flows.script import ScriptFile, ScriptPage

FLOW_SCHEMA = content.IVR_FLOWS / "flow.schema.json"
SCRIPT_SCHEMA = content.IVR_FLOWS / "script.schema.json"
_DIALECT = "https://json-schema.org/draft/2020-12/schema"


def make_flow_schema() -> dict[str, Any]:
    """Return the JSON schema of a flow, with all registered kinds of nodes."""
    references, definitions = _make_schema_definitions(FlowFile, *NODE_KINDS.values())
    kinds = [references[model, "validation"] for model in NODE_KINDS.values()]
    return _make_schema_document("flow", FlowFile.__name__, {**definitions, "Node": {"anyOf": kinds}})


def make_script_schema() -> dict[str, Any]:
    """Return the JSON schema of a script."""
    inputs: list[Any] = [(model, "validation", model.__pydantic_core_schema__) for model in (ScriptFile, ScriptPage)]
    _, definitions = EditorSchema().generate_definitions(inputs)
    return _make_schema_document("script", ScriptFile.__name__, definitions)


def _make_schema_definitions(*models: type[YamlModel]) -> tuple[Mapping[Any, Any], Mapping[Any, Any]]:
    """Return (references, definitions) of a JSON schema for these models.

    A reference (`$ref`) leads to the definition of a model. Its key is (model, mode).
    """
    return EditorSchema().generate_definitions(
        [(model, "validation", model.__pydantic_core_schema__) for model in models]
    )


def _make_schema_document(name: str, root: str, definitions: Mapping[Any, Any]) -> dict[str, Any]:
    parts = {key: _remove_title_from_schema(part) for key, part in sorted(definitions.items())}
    whole = parts.pop(root)
    head = {"$schema": _DIALECT, "$id": f"https://matdan.invalid/{name}.schema.json"}
    return {**head, **whole, "$defs": parts}


def _remove_title_from_schema(schema: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in schema.items() if key != "title"}


def write_json_schema(path: Path, schema: dict[str, Any]) -> None:
    """Write a JSON schema to its file in `ivr_flows/`."""
    path.write_text(json.dumps(schema, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    write_json_schema(FLOW_SCHEMA, make_flow_schema())
    write_json_schema(SCRIPT_SCHEMA, make_script_schema())
