"""What the desk makes of messages, and of a broker that does not answer; no broker is asked."""

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
from dialer.domain.schema import encode, json_schema, json_value
from dialer.mqtt import dialler_client, topics
from dialer.mqtt.client import BrokerSettings, Received
from dialer.mqtt.dialler_client import DeskStatus, DiallerClient, Reply
from dialer.mqtt.examples import examples
from dialer.mqtt.messages import last_will_message
from tests.support.virtual import virtual_time

ROOT = "dialer/v1/pune-1"


def an_ear() -> tuple[DiallerClient, list[tuple[str, Any]]]:
    """A desk's ear, and what it has put into the page state."""
    told: list[tuple[str, Any]] = []
    made = DiallerClient(
        BrokerSettings(), "pune-1", LoopClock(1000.0), lambda key, value: told.append((key, value)), random.Random(1)
    )
    return made, told


@virtual_time()
async def test_a_broker_that_stays_away_is_tried_again_and_told_once(monkeypatch: pytest.MonkeyPatch) -> None:
    tries = 0

    def away(*_: object) -> AbstractAsyncContextManager[None]:
        nonlocal tries
        tries += 1
        raise BrokerUnreachable("nobody answers")

    monkeypatch.setattr(dialler_client, "open_connection", away)
    ear, told = an_ear()
    running = asyncio.create_task(ear.run())
    await asyncio.sleep(60.0)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert 6 <= tries <= 20
    assert told == [("desk", DeskStatus(False, 1000.0))]


OF_EACH = [topics.CENTRE_STATE, topics.ALERTS, topics.SEAT, topics.STATISTICS, topics.TURNOUT]
EXAMPLES = examples()


async def took(ear: DiallerClient, topic: str, payload: bytes) -> None:
    await ear._receive(Received(f"{ROOT}/{topic}", payload, False, lambda: None))


async def test_messages_go_where_they_belong_as_they_are() -> None:
    ear, told = an_ear()
    told.clear()
    for topic in OF_EACH:
        await took(ear, topic.pattern, encode(EXAMPLES[topic.key]).encode())
    assert [key for key, _ in told] == ["centre", "alerts", "seat/seat-04", "campaign/turnout-agents", "booth/118"]
    assert [value for _, value in told] == [EXAMPLES[topic.key] for topic in OF_EACH]
    told.clear()
    await took(ear, "state", last_will_message("pune-1", 5.0).payload.encode())
    assert told[0][1].online is False
    told.clear()
    for gone in ("campaigns/turnout%2Fa/statistics", "seats/04", "state", "nothing/of/ours"):
        await took(ear, gone, b"")
    assert told == [("campaign/turnout/a", None), ("seat/04", None)]


def odd_ones(topic: topics.Topic) -> list[bytes]:
    """A message with each of its fields once left out, where it must be there, and once of every other shape."""
    whole = json_value(EXAMPLES[topic.key])
    odd = []
    for field in fields(topic.kind):
        name = field.name
        rest = {key: value for key, value in whole.items() if key != name}
        if field.default is MISSING and field.default_factory is MISSING:
            odd.append(json.dumps(rest))
        others = ["[[]]", '{"a": {}}', "NaN", "-Infinity", "1e999", "9" * 400, '{"a": NaN}', '[{"a": 1e999}]']
        odd += [f"{json.dumps(rest)[:-1]}, {json.dumps(name)}: {other}}}" for other in others]
    return [text.encode() for text in odd]


@pytest.mark.parametrize("topic", OF_EACH, ids=lambda topic: topic.key)
async def test_a_message_of_an_odd_shape_goes_nowhere_and_ends_nothing(topic: topics.Topic) -> None:
    """A retained one would come again at every start."""
    ear, told = an_ear()
    told.clear()
    whole = [
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
    for payload in whole:
        await took(ear, topic.pattern, payload)
    assert not told
    odd = odd_ones(topic)
    for payload in odd:
        await took(ear, topic.pattern, payload)
    assert len(told) < len(odd) / 8  # of a few the odd part alone is left out, or becomes the text that it should be
    for _, value in told:
        Draft202012Validator(json_schema(topic.kind)).validate(json_value(value))


async def test_a_reply_of_an_odd_shape_answers_nobody() -> None:
    ear, told = an_ear()
    told.clear()
    asked: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
    ear._asked[("asha", "c-1")] = asked
    for text in (
        '{"id": "c-1", "status": "done", "text": 5, "at": 1}',
        '{"id": "c-1", "status": "perhaps", "text": "", "at": 1}',
        '{"id": "c-1", "status": "done", "text": "", "at": NaN}',
        '{"id": ["c-1"], "status": "done", "text": "", "at": 1}',
        '{"id": "c-2", "status": "done", "text": "", "at": 1}',
        "[]",
    ):
        await took(ear, "replies/asha/c-1", text.encode())
    await took(ear, "replies", b'{"id": "c-1", "status": "done", "text": "", "at": 1}')
    await took(ear, "elsewhere", b"{}")
    assert not asked.done()
    await took(ear, "replies/asha/c-1", b'{"id": "c-1", "status": "refused", "text": "no such seat", "at": 1}')
    assert await asked == Reply("refused", "no such seat")
    assert not told
