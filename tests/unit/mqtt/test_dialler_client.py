"""The client of the dialler: messages, replies, and a broker that does not answer. No broker runs."""

from __future__ import annotations

import asyncio
import json
import random
from contextlib import AbstractAsyncContextManager
from dataclasses import MISSING, fields
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from dialer.domain.clock import LoopClock
from dialer.domain.errors import BrokerUnreachable
from dialer.domain.schema import convert_record_to_json_values, encode_record_as_json, make_json_schema
from dialer.mqtt import dialler_client, topics
from dialer.mqtt.client import BrokerSettings, Received
from dialer.mqtt.dialler_client import DeskStatus, DiallerClient, Reply
from dialer.mqtt.examples import create_example_messages
from dialer.mqtt.messages import create_last_will_message
from tests.support.virtual import virtual_time

ROOT = "dialer/v1/pune-1"


def make_client() -> tuple[DiallerClient, list[tuple[str, Any]]]:
    """A client, and the keys and records that it has put since its creation."""
    records: list[tuple[str, Any]] = []
    client = DiallerClient(
        BrokerSettings(), "pune-1", LoopClock(1000.0), lambda key, value: records.append((key, value)), random.Random(1)
    )
    return client, records


@virtual_time()
async def test_unreachable_broker_is_retried_and_reported_once(monkeypatch: pytest.MonkeyPatch) -> None:
    tries = 0

    def fail_to_connect(*_: object) -> AbstractAsyncContextManager[None]:
        nonlocal tries
        tries += 1
        raise BrokerUnreachable("no answer")

    monkeypatch.setattr(dialler_client, "open_connection", fail_to_connect)
    client, records = make_client()
    running = asyncio.create_task(client.receive_messages_until_cancelled())
    await asyncio.sleep(60.0)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert 6 <= tries <= 20
    assert records == [("desk", DeskStatus(False, 1000.0))]


TOPICS = [topics.CENTRE_STATE, topics.ALERTS, topics.SEAT, topics.STATISTICS, topics.TURNOUT]
EXAMPLES = create_example_messages()


async def receive_message(client: DiallerClient, topic: str, payload: bytes) -> None:
    await client._handle_received_message(Received(f"{ROOT}/{topic}", payload, False, lambda: None))


async def test_desk_stores_each_message_of_the_dialler_under_its_own_key() -> None:
    client, records = make_client()
    records.clear()
    for topic in TOPICS:
        await receive_message(client, topic.pattern, encode_record_as_json(EXAMPLES[topic.key]).encode())
    assert [key for key, _ in records] == ["centre", "alerts", "seat/seat-04", "campaign/turnout-agents", "booth/118"]
    assert [value for _, value in records] == [EXAMPLES[topic.key] for topic in TOPICS]


async def test_mqtt_last_will_of_the_dialler_sets_its_state_to_offline() -> None:
    client, records = make_client()
    records.clear()
    await receive_message(client, "state", create_last_will_message("pune-1", 5.0).payload.encode())
    assert records[0][1].online is False


async def test_empty_retained_message_removes_the_record_of_a_campaign_or_seat() -> None:
    client, records = make_client()
    records.clear()
    for topic in ("campaigns/turnout%2Fa/statistics", "seats/04", "state", "nothing/of/ours"):
        await receive_message(client, topic, b"")
    assert records == [("campaign/turnout/a", None), ("seat/04", None)]


def malformed_messages(topic: topics.Topic) -> list[bytes]:
    """The example of a topic, once without each required field, and with values of other types in each field."""
    example = convert_record_to_json_values(EXAMPLES[topic.key])
    malformed = []
    for field in fields(topic.kind):
        name = field.name
        rest = {key: value for key, value in example.items() if key != name}
        if field.default is MISSING and field.default_factory is MISSING:
            malformed.append(json.dumps(rest))
        values = ["[[]]", '{"a": {}}', "NaN", "-Infinity", "1e999", "9" * 400, '{"a": NaN}', '[{"a": 1e999}]']
        malformed += [f"{json.dumps(rest)[:-1]}, {json.dumps(name)}: {value}}}" for value in values]
    return [text.encode() for text in malformed]


@pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: topic.key)
async def test_malformed_message_from_the_dialler_is_ignored(topic: topics.Topic) -> None:
    """If it raised, a retained one would stop the client at every start."""
    client, records = make_client()
    records.clear()
    no_objects = [
        b"{",
        b"[]",
        b"{}",
        b"null",
        b"1",
        b'"state"',
        b"NaN",
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"a":' * 100_000,
    ]
    for payload in no_objects:
        await receive_message(client, topic.pattern, payload)
    assert not records
    malformed = malformed_messages(topic)
    for payload in malformed:
        await receive_message(client, topic.pattern, payload)
    assert len(records) < len(malformed) / 8  # some invalid values are left out, or converted to text
    for _, value in records:
        Draft202012Validator(make_json_schema(topic.kind)).validate(convert_record_to_json_values(value))


async def test_malformed_reply_is_not_taken_as_the_answer_to_a_command() -> None:
    client, records = make_client()
    records.clear()
    pending: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
    client._pending[("asha", "c-1")] = pending
    for text in (
        '{"id": "c-1", "status": "done", "text": 5, "at": 1}',
        '{"id": "c-1", "status": "perhaps", "text": "", "at": 1}',
        '{"id": "c-1", "status": "done", "text": "", "at": NaN}',
        '{"id": ["c-1"], "status": "done", "text": "", "at": 1}',
        '{"id": "c-2", "status": "done", "text": "", "at": 1}',
        "[]",
    ):
        await receive_message(client, "replies/asha/c-1", text.encode())
    await receive_message(client, "replies", b'{"id": "c-1", "status": "done", "text": "", "at": 1}')
    await receive_message(client, "elsewhere", b"{}")
    assert not pending.done()
    await receive_message(
        client, "replies/asha/c-1", b'{"id": "c-1", "status": "refused", "text": "no such seat", "at": 1}'
    )
    assert await pending == Reply("refused", "no such seat")
    assert not records
