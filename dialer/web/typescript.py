"""TypeScript types of the data on the pages, generated from the JSON Schema of record classes."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from dialer.domain.schema import make_json_schema


def render_type_declarations(kinds: Iterable[type[Any]]) -> str:
    """Return TypeScript declarations of these record classes and of all classes in their fields, sorted by name."""
    schemas: dict[str, dict[str, Any]] = {}
    for kind in kinds:
        schema = make_json_schema(kind)
        for name, declared in [*schema.pop("$defs", {}).items(), (kind.__name__, schema)]:
            if schemas.setdefault(name, declared) != declared:
                raise ValueError(f"Two record classes are named {name}: rename one of them.")
    return "\n".join(_render_type_declaration(name, schema) for name, schema in sorted(schemas.items()))


def _render_type_declaration(name: str, schema: dict[str, Any]) -> str:
    comment = _format_doc_comment(schema, "")
    if "properties" not in schema:
        return f"{comment}export type {name} = {_format_typescript_type(schema)};\n"
    required = schema.get("required", ())
    lines = [
        f"{_format_doc_comment(field, '  ')}  {key}{'' if key in required else '?'}: {_format_typescript_type(field)};\n"
        for key, field in schema["properties"].items()
    ]
    return f"{comment}export interface {name} {{\n{''.join(lines)}}}\n"


def _format_doc_comment(schema: dict[str, Any], indent: str) -> str:
    text = " ".join(str(schema.get("description", "")).split())
    if any(each.get("format") == "epoch-seconds" for each in (schema, *schema.get("anyOf", ()))):
        text = f"{text} (epoch seconds)" if text else "Epoch seconds."
    return f"{indent}/** {text.replace('*/', '* /')} */\n" if text else ""


def _format_typescript_type(schema: dict[str, Any]) -> str:
    """Return the TypeScript type of a JSON Schema."""
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    if "const" in schema:
        return json.dumps(schema["const"])
    if "enum" in schema:
        return " | ".join(json.dumps(value) for value in schema["enum"])
    if "anyOf" in schema:
        return " | ".join(dict.fromkeys(_format_typescript_type(choice) for choice in schema["anyOf"]))
    match schema.get("type"):
        case "array":
            items = _format_typescript_type(schema["items"])
            return f"({items})[]" if "|" in items else f"{items}[]"
        case "object":
            values = schema.get("additionalProperties")
            if not isinstance(values, dict):
                return "Record<string, unknown>"
            keys = schema.get("propertyNames")
            kind = f"Record<{'string' if keys is None else _format_typescript_type(keys)}, {_format_typescript_type(values)}>"
            return kind if keys is None else f"Partial<{kind}>"
        case "integer" | "number":
            return "number"
        case "string" | "boolean" | "null" as name:
            return str(name)
        case _:
            return "unknown"
