"""What other centres tell of opt-outs: a keyed hash, and nothing else is taken for one."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialer.errors import StoreBusy
from dialer.monitor import topics
from dialer.monitor.opt_outs import ForeignOptOut, OptOutDesk, parse_opt_out
from dialer.rules.number_hash import fingerprint, is_number_hash, number_hash
from tests.support.virtual import virtual_time

SECRET = b"twenty characters, at least"
NUMBER = "+919812345678"
TOPIC = "dialer/v1/pune-2/results/opt-outs"


def message(**changes: object) -> bytes:
    return json.dumps({"phone": 7, "at": 5.0, "source": "agent", "attempt": None, **changes}).encode()


def test_a_hash_depends_on_number_and_secret_and_tells_neither() -> None:
    hashed = number_hash(SECRET, NUMBER)
    assert is_number_hash(hashed)
    assert hashed == number_hash(SECRET, NUMBER)
    for secret in (SECRET, b"k", b"x" * 64, b"y" * 200):  # a key longer than SHA-256's block is hashed first
        assert number_hash(secret, NUMBER) == hmac.new(secret, NUMBER.encode(), hashlib.sha256).hexdigest()
    assert len({hashed, number_hash(SECRET, "+919812345679"), number_hash(b"another secret", NUMBER)}) == 3
    assert NUMBER[3:] not in hashed
    assert fingerprint(SECRET) != fingerprint(b"another secret")
    assert SECRET.decode() not in fingerprint(SECRET)


def test_what_the_centre_announces_is_what_another_one_reads() -> None:
    hashed = number_hash(SECRET, NUMBER)
    news = topics.opt_out_announcement(7, at=5.0, source="agent", attempt_id=None, number_hash=hashed)
    sent = topics.announced_message("pune-2", news.topic, news.payload)
    assert parse_opt_out(sent.topic, sent.payload.encode()) == ForeignOptOut(hashed, 5.0, "pune-2")
    assert not sent.retain
    assert NUMBER not in sent.payload + sent.topic
    assert topics.opt_outs_filter().split("/") == ["dialer", "v1", "+", "results", "opt-outs"]


@pytest.mark.parametrize(
    ("topic", "payload"),
    [
        (TOPIC, message()),
        (TOPIC, message(number_hash=None)),
        (TOPIC, message(number_hash=NUMBER)),
        (TOPIC, message(number_hash="F" * 64)),
        (TOPIC, message(number_hash="f" * 64, at="now")),
        (TOPIC, message(number_hash="f" * 64, at=True)),
        (TOPIC, message(number_hash="f" * 64, at=float("nan"))),
        (TOPIC, message(number_hash="f" * 64, at=10**400)),
        (TOPIC, message(number_hash="f" * 64, at=-1)),
        (TOPIC, message(number_hash="f" * 64, more="x" * 3000)),
        (TOPIC, b"[" * 5000),
        (TOPIC, b"[1]"),
        (TOPIC, b"\xff"),
        ("dialer/v1", message(number_hash="f" * 64)),
        ("dialer/v1//results", message(number_hash="f" * 64)),
    ],
)
def test_what_is_none_is_passed_over(topic: str, payload: bytes) -> None:
    assert parse_opt_out(topic, payload) is None


@given(st.binary(max_size=200))
def test_no_message_breaks_the_desk(payload: bytes) -> None:
    parse_opt_out(TOPIC, payload)


@virtual_time()
async def test_one_that_the_store_cannot_take_is_tried_until_it_can() -> None:
    tries: list[str] = []

    async def keep(told: ForeignOptOut) -> None:
        tries.append(told.number_hash[0])
        if len(tries) < 3:
            raise StoreBusy("the store is busy; try again")

    desk = OptOutDesk(keep)
    desk.offer(TOPIC, message(number_hash="a" * 64))
    desk.offer(TOPIC, message(number_hash="b" * 64))
    running = asyncio.create_task(desk.run())
    await asyncio.sleep(60)
    assert tries == ["a", "a", "a", "b"]
    running.cancel()


async def test_one_that_meets_a_mistake_of_ours_is_passed_over() -> None:
    kept: list[str] = []
    done = asyncio.Event()

    async def keep(told: ForeignOptOut) -> None:
        if told.number_hash[0] == "a":
            raise OverflowError("Python int too large to convert to SQLite INTEGER")
        kept.append(told.number_hash[0])
        done.set()

    desk = OptOutDesk(keep)
    desk.offer(TOPIC, message(number_hash="a" * 64))
    desk.offer(TOPIC, message(number_hash="b" * 64))
    running = asyncio.create_task(desk.run())
    async with asyncio.timeout(10):
        await done.wait()
    assert kept == ["b"]
    running.cancel()
