"""docs/topics.md and docs/asyncapi.json, made from the table of topics: `python -m dialer.mqtt.document docs`."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

from dialer.mqtt import topics
from dialer.mqtt.commands.schema import reference
from dialer.mqtt.topics import REPLIES, ROOT, TOPICS, Topic, TopicWriter

MARKDOWN = "topics.md"
ASYNCAPI = "asyncapi.json"

_INTRODUCTION = f"""# MQTT topics

Every topic stands below `{ROOT}/{{centre}}/`, but for Home Assistant's. Messages are JSON, one object each, UTF-8. Times are epoch
seconds, UTC; shares are 0 to 1. There is no name and no telephone number in any topic or message: ids only. A variable part of a
topic (a campaign, a seat, a booth, a command) is percent-encoded as in a URL.

- *Retained* topics hold the last state: who subscribes gets it at once, and after each connect the dialler publishes it whole.
- *Results* and *replies* are committed to the store with what they tell of and are published until the broker has acknowledged
  them: at least once, in order. Tell a repeat by its key (`attempt`, `key`, `id`).
- Everything else is telemetry and may be lost while the broker is away.
- Where the dialler and the broker lose each other, the broker publishes the last will on `state`, with `online` false.

This page is made from `dialer/mqtt/topics.py` (`python -m dialer.mqtt.document docs`), as is
[asyncapi.json](asyncapi.json), the same as an AsyncAPI 3 document.
"""


def markdown() -> str:
    """The page of topics."""
    lines = [_INTRODUCTION, "| topic | from | retained | QoS | delivery |", "|---|---|---|---|---|"]
    for topic in TOPICS:
        delivery = "at least once" if topic.through_outbox else "best effort"
        retained = "yes" if topic.retained else "no"
        lines.append(
            f"| [`{_shown(topic)}`](#{_anchor(topic)}) | {topic.direction} | {retained} | {topic.qos} | {delivery} |"
        )
    for topic in TOPICS:
        lines += ["", f"## {_shown(topic)}", "", topic.description, ""]
        if topic is not topics.COMMANDS:
            schema = topic.example.schema_of()
            lines += _fields(schema)
            for name, inner in schema.get("$defs", {}).items():
                lines += ["", f"`{name}`: {inner['description'].splitlines()[0]}", "", *_fields(inner)]
        example = json.dumps(json.loads(topic.example.encode()), indent=2, ensure_ascii=False)
        lines += ["", "```json", example, "```"]
        if topic is topics.COMMANDS:
            lines += ["", *reference()]
    return "\n".join(lines) + "\n"


def asyncapi() -> dict[str, Any]:
    """The AsyncAPI 3 document: a channel, a message and an operation for each topic."""
    components: dict[str, Any] = {"messages": {}, "schemas": {}}
    channels: dict[str, Any] = {}
    operations: dict[str, Any] = {}
    for topic in TOPICS:
        schema = topic.example.schema_of()
        components["schemas"].update(schema.pop("$defs", {}))
        name = type(topic.example).__name__
        components["schemas"][name] = schema
        components["messages"][topic.key] = {
            "name": topic.key,
            "contentType": "application/json",
            "payload": {"$ref": f"#/components/schemas/{name}"},
            "examples": [{"payload": json.loads(topic.example.encode())}],
        }
        parts = ["centre", *re.findall(r"\{(\w+)\}", topic.pattern)]
        channels[topic.key] = {
            "address": f"{topic.root}/{topic.pattern}",
            "description": topic.description,
            "messages": {topic.key: {"$ref": f"#/components/messages/{topic.key}"}},
            "parameters": {part: {"description": f"the {part}'s id, percent-encoded"} for part in parts},
        }
        operations[topic.key] = _operation(topic)
    operations[topics.COMMANDS.key]["reply"] = {
        "channel": {"$ref": f"#/channels/{REPLIES.key}"},
        "messages": [{"$ref": f"#/channels/{REPLIES.key}/messages/{REPLIES.key}"}],
    }
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Matdan: a centre over MQTT",
            "version": "1.0.0",
            "description": "State, telemetry and results of a call centre, and the commands that it takes.",
        },
        "defaultContentType": "application/json",
        "channels": channels,
        "operations": operations,
        "components": components,
    }


def _operation(topic: Topic) -> dict[str, Any]:
    return {
        "action": "send" if topic.direction is TopicWriter.DIALLER else "receive",
        "channel": {"$ref": f"#/channels/{topic.key}"},
        "summary": topic.description,
        "bindings": {"mqtt": {"qos": topic.qos, "retain": topic.retained, "bindingVersion": "0.2.0"}},
        "messages": [{"$ref": f"#/channels/{topic.key}/messages/{topic.key}"}],
    }


def _anchor(topic: Topic) -> str:
    return re.sub(r"[^\w\- ]", "", _shown(topic).lower())


def _shown(topic: Topic) -> str:
    """As it is written below the centre's own root, and whole elsewhere."""
    return topic.pattern if topic.root.startswith(ROOT) else f"{topic.root}/{topic.pattern}"


def _fields(schema: dict[str, Any]) -> list[str]:
    """A table of an object's fields."""
    rows = [
        f"| `{name}` | {_kind(fields)} | {fields.get('description', '')} |"
        for name, fields in schema["properties"].items()
    ]
    return ["| field | type | meaning |", "|---|---|---|", *rows]


def _kind(fields: dict[str, Any]) -> str:
    """A field's type in words."""
    if "enum" in fields:
        return " or ".join(f"`{value}`" for value in fields["enum"])
    if "anyOf" in fields:
        return " or ".join(_kind(choice) for choice in fields["anyOf"])
    if "$ref" in fields:
        return f"`{fields['$ref'].rpartition('/')[2]}`"
    if fields["type"] == "array":
        return f"list of {_kind(fields['items'])}"
    return str(fields["type"])


def main() -> None:
    """Write both files into the folder named on the command line."""
    folder = Path(sys.argv[1])
    (folder / MARKDOWN).write_text(markdown(), encoding="utf-8")
    (folder / ASYNCAPI).write_text(json.dumps(asyncapi(), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
