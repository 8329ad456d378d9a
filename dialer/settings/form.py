"""Settings described as fields of a form: type, default, limits and help text, taken from the settings classes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from dialer.domain.schema import MESSAGE
from dialer.settings.fields import Section

FormFieldType = Literal["text", "number", "choice", "list", "hours"]


@dataclass(frozen=True, slots=True)
class FormField:
    """A setting as a field of a form."""

    __pydantic_config__ = MESSAGE

    name: str  # key of the setting
    type: FormFieldType
    required: bool
    default: str  # as text, hours as 09:00-21:00; empty: none
    choices: tuple[str, ...]  # of a choice, or of the entries of a list
    least: float | None
    most: float | None
    whole: bool  # a number without decimals
    help: str  # what the reference says about the setting, in English


def describe_settings_for_form(
    model: type[Section], names: Iterable[str], choices: Mapping[str, tuple[str, ...]]
) -> tuple[FormField, ...]:
    """Return the named settings of a table as fields of a form, in that order.

    `choices` has the permitted values of settings whose values are names of other things, such as trunks.
    """
    schema = model.model_json_schema()
    required = schema.get("required", ())
    return tuple(
        _describe_setting_for_form(
            name, schema["properties"][name], schema["$defs"], choices.get(name), name in required
        )
        for name in names
    )


def _describe_setting_for_form(
    name: str,
    schema: Mapping[str, Any],
    definitions: Mapping[str, Any],
    choices: tuple[str, ...] | None,
    required: bool,
) -> FormField:
    value = _find_schema_of_non_null_value(schema, definitions)
    default = schema.get("default")
    kind: FormFieldType
    if value.get("type") == "array":
        kind = "hours" if "$ref" in value["items"] else "list"
        default = ", ".join(f"{each['start'][:5]}-{each['until'][:5]}" for each in default or ()) or None
    elif choices is not None or "enum" in value:
        kind = "choice"
    else:
        kind = "number" if value.get("type") in {"number", "integer"} else "text"
    return FormField(
        name=name,
        type=kind,
        required=required,
        default="" if default is None else f"{default:g}" if isinstance(default, float) else str(default),
        choices=tuple(value.get("enum", ())) if choices is None else choices,
        least=value.get("minimum"),
        most=value.get("maximum"),
        whole=value.get("type") == "integer",
        help=schema.get("description", ""),
    )


def _find_schema_of_non_null_value(schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the JSON Schema of a setting's value, without null and with references resolved."""
    for each in schema.get("anyOf", [schema]):
        if "$ref" in each:
            found: Mapping[str, Any] = definitions[str(each["$ref"]).rpartition("/")[2]]
            return found
        if each.get("type") != "null":
            inner: Mapping[str, Any] = each
            return inner
    return schema
