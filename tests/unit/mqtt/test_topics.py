"""The table of topics, and the documents generated from it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from hypothesis import given, settings
from hypothesis import strategies as st

from dialer.domain.schema import encode_record_as_json
from dialer.mqtt import document, topics
from dialer.mqtt.document import build_topic_schema
from dialer.mqtt.examples import create_example_messages
from dialer.mqtt.topics import SEALED_EPOCH, TOPICS
from tests.support.topics import check_message

DOCS = Path(__file__).parents[3] / "docs/reference"
AFTER_A_CHANGE = "run: python -m dialer.mqtt.document docs/reference"
PERSONAL = {"name", "number", "phone", "phone_number", "e164", "epic", "address", "house", "relative", "age", "gender"}


def test_mqtt_topics_are_unique_and_results_are_sent_with_acknowledgement() -> None:
    assert len({topic.key for topic in TOPICS}) == len({topic.pattern for topic in TOPICS}) == len(TOPICS)
    assert all(topic.qos == 1 for topic in TOPICS if topic.through_outbox)
    assert [topic for topic in TOPICS if topic.through_outbox and topic.retained] == [SEALED_EPOCH]


def test_every_topic_has_an_example_message_that_fits_its_schema() -> None:
    made = create_example_messages()
    assert made.keys() == {topic.key for topic in TOPICS}
    for topic in TOPICS:
        assert isinstance(made[topic.key], topic.kind)
        if topic is not topics.HOME_ASSISTANT:  # which leaves out what is null
            levels = dict.fromkeys(re.findall(r"\{(\w+)\}", topic.pattern), "x")
            check_message(topic.build_full_topic("pune-1", **levels), encode_record_as_json(made[topic.key]))


def fields_of(schema: dict[str, Any]) -> set[str]:
    """Return the names of all fields in a schema, at any depth."""
    inner = schema.get("$defs", {}).values()
    return {name for each in (schema, *inner) for name in each.get("properties", {})}


def test_no_published_message_has_a_field_for_names_or_phone_numbers() -> None:
    for topic in TOPICS:
        if topic not in (topics.COMMANDS, topics.HOME_ASSISTANT):  # names of commands and of entities
            assert not fields_of(build_topic_schema(topic)) & PERSONAL, topic.key


def test_command_fields_for_ids_have_the_names_that_published_messages_use() -> None:
    kinds = (topic for topic in TOPICS if topic is not topics.COMMANDS)
    published = {name for topic in kinds for name in fields_of(build_topic_schema(topic)) if name.endswith("_id")}
    assert published >= {"attempt_id", "campaign_id", "phone_id", "voter_id"}
    in_commands = fields_of(build_topic_schema(topics.COMMANDS))
    assert in_commands >= {"attempt_id", "campaign_id", "phone_id", "voter_id"}
    assert not in_commands & {name.removesuffix("_id") for name in published}


def test_documentation_page_of_mqtt_topics_is_up_to_date() -> None:
    assert (DOCS / document.MARKDOWN).read_text(encoding="utf-8") == document.render_topics_page(), AFTER_A_CHANGE


def test_asyncapi_document_is_up_to_date() -> None:
    """Schemas are compared by their fields: their wording differs a little between versions of pydantic."""
    committed = json.loads((DOCS / document.ASYNCAPI).read_text(encoding="utf-8"))
    made = document.render_asyncapi()
    assert committed["channels"] == made["channels"], AFTER_A_CHANGE
    assert committed["operations"] == made["operations"], AFTER_A_CHANGE

    def list_schema_fields(whole: dict[str, Any]) -> dict[str, set[str]]:
        schemas = whole["components"]["schemas"].items()
        return {name: set(schema.get("properties", schema.get("enum", ()))) for name, schema in schemas}

    assert list_schema_fields(committed) == list_schema_fields(made), AFTER_A_CHANGE
    for reference in re.findall(r'"\$ref": "#/([^"]+)"', json.dumps(committed)):
        found = committed
        for step in reference.split("/"):
            found = found[step]


@given(st.text())
@settings(deadline=None, derandomize=True)
def test_id_in_an_mqtt_topic_level_is_decoded_unchanged(value: str) -> None:
    encodable = value.encode(errors="replace").decode()
    level = topics.encode_topic_level(encodable)
    assert level
    assert not set(level) & set("/+#\0 \n")
    assert unquote(level) == (encodable or "_")
