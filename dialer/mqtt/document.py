"""The pages topics.md and asyncapi.json, generated from the topics: `python -m dialer.mqtt.document docs/reference`."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

from dialer.domain.schema import make_json_schema, to_json_value
from dialer.mqtt import topics
from dialer.mqtt.commands.schema import message_schema, reference
from dialer.mqtt.examples import examples
from dialer.mqtt.home_assistant import Discovery
from dialer.mqtt.topics import REPLIES, ROOT, TOPICS, Topic, TopicWriter

MARKDOWN = "topics.md"
ASYNCAPI = "asyncapi.json"

_REFERENCE = "#/components/schemas/{model}"
_INTRODUCTION = f"""# MQTT topics

For developers of programs that read a centre's figures and results, or send it commands. Topics are below
`{ROOT}/{{centre}}/`, except Home Assistant's. A message is one JSON object (UTF-8). Times are epoch seconds, UTC. Messages contain
ids, never a voter's name or phone number. A variable level of a topic is percent-encoded as in a URL. Ignore fields and values
that you do not know.

- *Retained* topics hold the latest state. After each connect the dialler publishes all of it; when the connection is lost, the
  broker publishes the last will on `state`, with `online` false.
- *At least once*: committed to the store with what they report, and resent in order until the broker has acknowledged them.
  Recognise a repeat by its `attempt_id`, `key` or `id`. Other messages may be lost while the broker is unreachable.

[asyncapi.json](asyncapi.json) is the same as an AsyncAPI 3 document, with an example of each message. Both are generated
(`python -m dialer.mqtt.document docs/reference`).
"""


def schema_of(topic: Topic) -> dict[str, Any]:
    """Return the JSON Schema of the messages on a topic."""
    is_command = topic is topics.COMMANDS
    schema = message_schema(_REFERENCE) if is_command else make_json_schema(topic.kind, _REFERENCE)
    _drop_titles(schema)
    return schema


def _drop_titles(schema: Any) -> None:
    """Remove the titles that pydantic derives from field names."""
    if isinstance(schema, dict):
        if isinstance(schema.get("title"), str):
            del schema["title"]
        for inner in schema.values():
            _drop_titles(inner)
    elif isinstance(schema, list):
        for inner in schema:
            _drop_titles(inner)


def markdown() -> str:
    """Return the page topics.md: a table of topics, the fields of each message, and objects that several messages contain."""
    lines = [_INTRODUCTION, "|topic|from|retained|QoS|delivery|", "|---|---|---|---|---|"]
    for topic in TOPICS:
        delivery = "at least once" if topic.through_outbox else "best effort"
        retained = "yes" if topic.retained else "no"
        lines.append(
            f"|[`{_topic_for_display(topic)}`](#{_heading_anchor(topic)})|{topic.direction}|{retained}|{topic.qos}|{delivery}|"
        )
    objects: dict[str, Any] = {}
    for topic in TOPICS:
        lines += ["", f"## {_topic_for_display(topic)}", "", topic.description, ""]
        if topic is topics.COMMANDS:
            lines += reference()
            continue
        if topic is topics.HOME_ASSISTANT:  # Home Assistant defines the fields
            continue
        schema = schema_of(topic)
        inner = schema.get("$defs", {})
        lines += _field_table(schema, inner)
        objects |= {name: (each, inner) for name, each in inner.items() if "properties" in each}
    lines += ["", "## Objects in messages"]
    for name, (schema, inner) in sorted(objects.items()):
        lines += ["", f"### {name}", "", schema["description"].splitlines()[0], "", *_field_table(schema, inner)]
    return "\n".join(lines) + "\n"


def asyncapi() -> dict[str, Any]:
    """Return the AsyncAPI 3 document, with a channel, a message and an operation for each topic."""
    made = examples()
    components: dict[str, Any] = {"messages": {}, "schemas": {}}
    channels: dict[str, Any] = {}
    operations: dict[str, Any] = {}
    for topic in TOPICS:
        schema = schema_of(topic)
        components["schemas"].update(schema.pop("$defs", {}))
        name = "Command" if topic is topics.COMMANDS else topic.kind.__name__
        components["schemas"][name] = schema
        components["messages"][topic.key] = {
            "name": topic.key,
            "contentType": "application/json",
            "payload": {"$ref": _REFERENCE.format(model=name)},
            "examples": [{"payload": _example_as_json_value(made[topic.key])}],
        }
        levels = ["centre", *re.findall(r"\{(\w+)\}", topic.pattern)]
        channels[topic.key] = {
            "address": f"{topic.root}/{topic.pattern}",
            "description": topic.description,
            "messages": {topic.key: {"$ref": f"#/components/messages/{topic.key}"}},
            "parameters": {level: {"description": f"the {level}'s id, percent-encoded"} for level in levels},
        }
        operations[topic.key] = _asyncapi_operation(topic)
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


def _example_as_json_value(message: Any) -> Any:
    """Return an example message as JSON values. In a message to Home Assistant, fields that are null are left out."""
    value = to_json_value(message)
    return _without_nulls(value) if isinstance(message, Discovery) else value


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_nulls(inner) for name, inner in value.items() if inner is not None}
    return value


def _asyncapi_operation(topic: Topic) -> dict[str, Any]:
    return {
        "action": "send" if topic.direction is TopicWriter.DIALLER else "receive",
        "channel": {"$ref": f"#/channels/{topic.key}"},
        "summary": topic.description,
        "bindings": {"mqtt": {"qos": topic.qos, "retain": topic.retained, "bindingVersion": "0.2.0"}},
        "messages": [{"$ref": f"#/channels/{topic.key}/messages/{topic.key}"}],
    }


def _heading_anchor(topic: Topic) -> str:
    return re.sub(r"[^\w\- ]", "", _topic_for_display(topic).lower())


def _topic_for_display(topic: Topic) -> str:
    """Return a topic without the root of the centre's topics, or the whole topic if it has another root."""
    return topic.pattern if topic.root.startswith(ROOT) else f"{topic.root}/{topic.pattern}"


def _field_table(schema: dict[str, Any], inner: dict[str, Any]) -> list[str]:
    """Return a Markdown table of an object's fields."""
    rows = [
        f"|`{name}`|{_type_in_words(field, inner)}|{field.get('description', '')}|"
        for name, field in schema["properties"].items()
    ]
    return ["|field|type|meaning|", "|---|---|---|", *rows]


def _type_in_words(field: dict[str, Any], inner: dict[str, Any]) -> str:
    """Return a field's type in words."""
    if "enum" in field:
        return ", ".join(f"`{value}`" for value in field["enum"])
    if "const" in field:
        return f"`{field['const']}`"
    if "anyOf" in field:
        return " or ".join(_type_in_words(choice, inner) for choice in field["anyOf"])
    if "$ref" in field:
        name = field["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})" if "properties" in inner[name] else _type_in_words(inner[name], inner)
    if field["type"] == "array":
        return f"list of {_type_in_words(field['items'], inner)}"
    if field.get("format") == "epoch-seconds":
        return "time"
    return str(field["type"])


def main() -> None:
    """Write topics.md and asyncapi.json into the folder given on the command line."""
    folder = Path(sys.argv[1])
    (folder / MARKDOWN).write_text(markdown(), encoding="utf-8")
    (folder / ASYNCAPI).write_text(json.dumps(asyncapi(), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
