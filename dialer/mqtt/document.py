"""The pages topics.md and asyncapi.json, generated from the topics: `python -m dialer.mqtt.document docs/reference`."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

from dialer.domain.schema import convert_record_to_json_values, make_json_schema
from dialer.mqtt import topics
from dialer.mqtt.commands.schema import (
    build_message_schema,
    get_first_paragraph_of_description,
    list_command_reference_lines,
)
from dialer.mqtt.examples import create_example_messages
from dialer.mqtt.home_assistant import Discovery
from dialer.mqtt.topics import REPLIES, ROOT, TOPICS, Topic, TopicWriter

MARKDOWN = "topics.md"
ASYNCAPI = "asyncapi.json"

_MOST_VALUES_SHOWN = 20
"""The page refers to asyncapi.json for a field that has more values."""
_REFERENCE = "#/components/schemas/{model}"
_INTRODUCTION = f"""# MQTT topics

For developers of programs that read a centre's figures and results, or send it commands. Topics are below
`{ROOT}/{{centre}}/`, except Home Assistant's. A message is one JSON object (UTF-8). Times are epoch seconds, UTC. Messages contain
ids, never a voter's name or phone number. A variable level of a topic is percent-encoded as in a URL. Ignore fields and values
that you do not know.

- *Retained* topics hold the latest state. After each connect the dialler publishes all of it; when the connection is lost, the
  broker publishes the last will on `state`, with `online` false.
- *At least once*: committed to the store with what they report, and sent in order, again until the broker has acknowledged
  them. Recognise a repeat by its `attempt_id`, `key` or `id`. Other messages may be lost while the broker is unreachable.

[asyncapi.json](asyncapi.json) is the same as an AsyncAPI 3 document, with an example of each message.
"""


def build_topic_schema(topic: Topic) -> dict[str, Any]:
    """Return the JSON Schema of the messages on a topic."""
    is_command = topic is topics.COMMANDS
    schema = build_message_schema(_REFERENCE) if is_command else make_json_schema(topic.kind, _REFERENCE)
    _remove_schema_titles(schema)
    return schema


def _remove_schema_titles(schema: Any) -> None:
    """Remove the titles that pydantic derives from field names."""
    if isinstance(schema, dict):
        if isinstance(schema.get("title"), str):
            del schema["title"]
        for inner in schema.values():
            _remove_schema_titles(inner)
    elif isinstance(schema, list):
        for inner in schema:
            _remove_schema_titles(inner)


def render_topics_page() -> str:
    """Return the page topics.md: a table of topics, the fields of each message, and objects that several messages contain."""
    lines = [_INTRODUCTION, "|topic|from|retained|QoS|at least once|", "|---|---|---|---|---|"]
    for topic in TOPICS:
        delivered = "yes" if topic.through_outbox else "no"
        retained = "yes" if topic.retained else "no"
        lines.append(
            f"|[`{_shorten_topic(topic)}`](#{_build_heading_anchor(topic)})|{topic.direction}|{retained}|{topic.qos}|{delivered}|"
        )
    objects: dict[str, Any] = {}
    for topic in TOPICS:
        lines += ["", f"## {_shorten_topic(topic)}", "", topic.description, ""]
        if topic is topics.COMMANDS:
            lines += list_command_reference_lines()
            continue
        if topic is topics.HOME_ASSISTANT:  # Home Assistant defines the fields
            continue
        schema = build_topic_schema(topic)
        inner = schema.get("$defs", {})
        lines += _render_field_table(schema, inner)
        objects |= {name: (each, inner) for name, each in inner.items() if "properties" in each}
    lines += ["", "## Objects in messages"]
    for name, (schema, inner) in sorted(objects.items()):
        lines += [
            "",
            f"### {name}",
            "",
            get_first_paragraph_of_description(schema["description"]),
            "",
            *_render_field_table(schema, inner),
        ]
    return "\n".join(lines) + "\n"


def render_asyncapi() -> dict[str, Any]:
    """Return the AsyncAPI 3 document, with a channel, a message and an operation for each topic."""
    made = create_example_messages()
    components: dict[str, Any] = {"messages": {}, "schemas": {}}
    channels: dict[str, Any] = {}
    operations: dict[str, Any] = {}
    for topic in TOPICS:
        schema = build_topic_schema(topic)
        components["schemas"].update(schema.pop("$defs", {}))
        name = "Command" if topic is topics.COMMANDS else topic.kind.__name__
        components["schemas"][name] = schema
        components["messages"][topic.key] = {
            "name": topic.key,
            "contentType": "application/json",
            "payload": {"$ref": _REFERENCE.format(model=name)},
            "examples": [{"payload": _convert_example_message_to_json(made[topic.key])}],
        }
        levels = ["centre", *re.findall(r"\{(\w+)\}", topic.pattern)]
        channels[topic.key] = {
            "address": f"{topic.root}/{topic.pattern}",
            "description": f"{topic.description} Delivered at least once, in order."
            if topic.through_outbox
            else topic.description,
            "messages": {topic.key: {"$ref": f"#/components/messages/{topic.key}"}},
            "parameters": {level: {"description": f"the {level}'s id, percent-encoded"} for level in levels},
        }
        operations[topic.key] = _build_asyncapi_operation(topic)
    operations[topics.COMMANDS.key]["reply"] = {
        "channel": {"$ref": f"#/channels/{REPLIES.key}"},
        "messages": [{"$ref": f"#/channels/{REPLIES.key}/messages/{REPLIES.key}"}],
    }
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Matdan: a centre over MQTT",
            "version": "1.0.0",
            "description": "State, telemetry and results of a call centre, and the commands that it accepts.",
        },
        "defaultContentType": "application/json",
        "channels": channels,
        "operations": operations,
        "components": components,
    }


def _convert_example_message_to_json(message: Any) -> Any:
    """Return an example message as JSON values. For Home Assistant, fields that are null are left out."""
    value = convert_record_to_json_values(message)
    return _remove_null_fields(value) if isinstance(message, Discovery) else value


def _remove_null_fields(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _remove_null_fields(inner) for name, inner in value.items() if inner is not None}
    return value


def _build_asyncapi_operation(topic: Topic) -> dict[str, Any]:
    return {
        "action": "send" if topic.direction is TopicWriter.DIALLER else "receive",
        "channel": {"$ref": f"#/channels/{topic.key}"},
        "summary": topic.description,
        "bindings": {"mqtt": {"qos": topic.qos, "retain": topic.retained, "bindingVersion": "0.2.0"}},
        "messages": [{"$ref": f"#/channels/{topic.key}/messages/{topic.key}"}],
    }


def _build_heading_anchor(topic: Topic) -> str:
    return re.sub(r"[^\w\- ]", "", _shorten_topic(topic).lower())


def _shorten_topic(topic: Topic) -> str:
    """Return a topic without the root of the centre's topics, or the whole topic if it has another root."""
    return topic.pattern if topic.root.startswith(ROOT) else f"{topic.root}/{topic.pattern}"


def _render_field_table(schema: dict[str, Any], inner: dict[str, Any]) -> list[str]:
    """Return a Markdown table of an object's fields."""
    rows = [
        f"|`{name}`|{_describe_field_type(field, inner)}|{field.get('description', '')}|"
        for name, field in schema["properties"].items()
    ]
    return ["|field|type|meaning|", "|---|---|---|", *rows]


def _describe_field_type(field: dict[str, Any], inner: dict[str, Any]) -> str:
    """Return a field's type in words."""
    if "enum" in field and len(field["enum"]) > _MOST_VALUES_SHOWN:
        return f"string, one of {len(field['enum'])} (asyncapi.json)"
    if "enum" in field:
        return ", ".join(f"`{value}`" for value in field["enum"])
    if "const" in field:
        return f"`{field['const']}`"
    if "anyOf" in field:
        return " or ".join(_describe_field_type(choice, inner) for choice in field["anyOf"])
    if "$ref" in field:
        name = field["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})" if "properties" in inner[name] else _describe_field_type(inner[name], inner)
    if field["type"] == "array":
        return f"list of {_describe_field_type(field['items'], inner)}"
    if field.get("format") == "epoch-seconds":
        return "time"
    return str(field["type"])


def main() -> None:
    """Write topics.md and asyncapi.json into the folder given on the command line."""
    folder = Path(sys.argv[1])
    (folder / MARKDOWN).write_text(render_topics_page(), encoding="utf-8")
    (folder / ASYNCAPI).write_text(json.dumps(render_asyncapi(), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
