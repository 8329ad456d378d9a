"""The JSON Schema of command messages, and the reference of commands in docs/reference/topics.md."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic.json_schema import models_json_schema

from dialer.domain.enums import SupervisorRole
from dialer.engine.command.base import Command
from dialer.engine.command.catalogue import COMMANDS

_ENVELOPE: dict[str, Any] = {
    "id": {
        "type": "string",
        "pattern": r"^[A-Za-z0-9._-]{1,64}$",
        "description": "chosen by the sender; a command is executed once per ID",
    },
    "expires_at": {
        "type": "number",
        "description": "epoch seconds, UTC, at most a day ahead; the command is refused after it",
    },
}
"""The fields of every command, except its name."""


def build_message_schema(ref_template: str) -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of a command message. `$defs` has a schema for each command, selected by `name`."""
    kinds = [*COMMANDS.values()]
    by_kind, whole = models_json_schema([(kind, "validation") for kind in kinds], ref_template=ref_template)
    definitions: dict[str, Any] = whole["$defs"]
    del definitions["PinProof"]  # in a message it is a string
    for kind in kinds:
        schema = definitions[kind.__name__]
        schema["properties"] = {**_ENVELOPE, **schema["properties"]}
        schema["required"] = [*_ENVELOPE, "name", *schema.get("required", ())]
        schema["description"] = kind.format_command_description()
    return {
        "description": 'A command to the dialler. Signed, this object is a text in another one (see "Signed commands").',
        "type": "object",
        "discriminator": "name",
        "oneOf": [by_kind[kind, "validation"] for kind in kinds],
        "$defs": definitions,
    }


def list_command_reference_lines() -> Iterator[str]:
    """Yield the lines of the reference of commands: a table of commands, and a table of their fields.

    Commands that only the connection to headquarters (uplink) sends are left out.
    """
    yield "Besides its own fields a command has `name`, `id` (chosen by the sender) and `expires_at` (epoch"
    yield "seconds, at most a day ahead). [Permissions](permissions.md) lists the roles. A repeatable"
    yield "command may be executed twice after a crash, with the same effect; any other is executed at most once."
    yield "[asyncapi.json](asyncapi.json) says more about each command. It also has the objects in fields,"
    yield "such as `MarkReport`, and the commands that only the uplink sends."
    yield ""
    yield from _format_markdown_table(
        ("command", "fields (*optional*)", "repeatable", "what it does"),
        (
            (
                f"`{name}`",
                _list_field_names(kind),
                "yes" if kind.is_idempotent else "no",
                get_first_sentence_of_description(kind.format_command_description()),
            )
            for name, kind in _list_documented_commands()
        ),
    )
    yield from ("### Fields of commands", "")
    yield from _format_markdown_table(("field", "type", "meaning"), _list_fields_with_meanings())


def _list_documented_commands() -> list[tuple[str, type[Command]]]:
    return [(name, kind) for name, kind in COMMANDS.items() if kind.roles != {SupervisorRole.UPLINK}]


def _list_field_names(kind: type[Command]) -> str:
    required = [f"`{field}`" for field in kind.list_required_field_names()]
    return ", ".join([*required, *(f"*`{field}`*" for field in kind.list_optional_field_names())])


def _list_fields_with_meanings() -> Iterator[tuple[str, str, str]]:
    """Yield (name, type, meaning) of each field of the commands.

    A field with several meanings is yielded once for each. The most frequent meaning comes first. Each other meaning
    names the commands to which it applies.
    """
    commands: dict[str, dict[tuple[str, str], list[str]]] = {}
    for name, kind in _list_documented_commands():
        schemas = kind.model_json_schema()["properties"]
        for field in (*kind.list_required_field_names(), *kind.list_optional_field_names()):
            meaning = (describe_field_type(schemas[field]), str(kind.model_fields[field].description))
            commands.setdefault(field, {}).setdefault(meaning, []).append(name)
    for field, meanings in sorted(commands.items()):
        commonest, *others = sorted(meanings, key=lambda meaning: -len(meanings[meaning]))
        yield f"`{field}`", *commonest
        for meaning in others:
            yield f"`{field}` ({', '.join(meanings[meaning])})", *meaning


def describe_field_type(schema: Mapping[str, Any]) -> str:
    """Return the type of a field in words, such as "list of `MarkReport`" or "`said`, `told`". The type null is left
    out.
    """
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    if "anyOf" in schema:
        return " or ".join(describe_field_type(each) for each in schema["anyOf"] if each.get("type") != "null")
    if "$ref" in schema:
        return f"`{schema['$ref'].rpartition('/')[2]}`"
    if schema.get("type") == "array":
        return f"list of {describe_field_type(schema['items'])}"
    return str(schema.get("type", "any"))


def get_first_paragraph_of_description(description: str) -> str:
    """Return the first paragraph of a description as one line."""
    return " ".join(description.partition("\n\n")[0].split())


def get_first_sentence_of_description(description: str) -> str:
    """Return the first sentence of a description as one line."""
    return re.split(r"(?<=[.!?]) (?=[A-Z`])", " ".join(description.split()))[0]


def _format_markdown_table(head: tuple[str, ...], rows: Any) -> Iterator[str]:
    yield f"|{'|'.join(head)}|"
    yield "|" + "---|" * len(head)
    for row in rows:
        yield f"|{'|'.join(row)}|"
    yield ""
