"""Checks of messages against the table of topics and docs/reference/asyncapi.json."""

from __future__ import annotations

import json
import re
from pathlib import Path

import jsonschema

from dialer.mqtt import document
from dialer.mqtt.topics import TOPICS, Topic

DOCS = Path(__file__).parents[2] / "docs/reference"


def topic_of(message_topic: str) -> Topic:
    """Return the row of the table that a message's topic belongs to."""
    for topic in TOPICS:
        pattern = re.escape(f"{topic.root}/{topic.pattern}")
        if re.fullmatch(re.sub(r"\\\{\w+\\\}", "[^/]+", pattern), message_topic):
            return topic
    raise AssertionError(f"{message_topic} is not in the table of topics")


def check_message(message_topic: str, payload: str) -> None:
    """Check that a payload fits the schema that docs/reference/asyncapi.json has for its topic."""
    committed = json.loads((DOCS / document.ASYNCAPI).read_text(encoding="utf-8"))
    reference = committed["components"]["messages"][topic_of(message_topic).key]["payload"]["$ref"]
    validator = jsonschema.Draft202012Validator({"$ref": reference, "components": committed["components"]})
    validator.validate(json.loads(payload))
