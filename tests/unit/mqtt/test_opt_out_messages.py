"""Opt-outs of other centres: messages with a keyed hash of the number, and how they are stored."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialer.domain.errors import StoreBusy
from dialer.domain.other_centres import PeerOptOutRecord
from dialer.domain.person_ids import is_number_hash
from dialer.domain.results import OptOut
from dialer.mqtt import topics
from dialer.mqtt.messages import create_message_of_outbox_row, create_outbox_row_of_result
from dialer.mqtt.peer_opt_outs import MAX_STORED_AT_ONCE, MAX_WAITING, PeerOptOuts, parse_opt_out_of_other_centre
from dialer.rules.number_hash import compute_secret_fingerprint, hash_number
from tests.support.virtual import virtual_time

SECRET = b"twenty characters, at least"
NUMBER = "+919812345678"
TOPIC = "dialer/v1/pune-2/results/opt-outs"


def make_message(**changes: object) -> bytes:
    return json.dumps({"phone": 7, "at": 5.0, "source": "agent", "attempt": None, **changes}).encode()


def test_opt_out_hash_is_an_hmac_of_number_and_secret() -> None:
    hashed = hash_number(SECRET, NUMBER)
    assert is_number_hash(hashed)
    assert hashed == hash_number(SECRET, NUMBER)
    for secret in (SECRET, b"k", b"x" * 64, b"y" * 200):  # a key longer than SHA-256's block is hashed first
        assert hash_number(secret, NUMBER) == hmac.new(secret, NUMBER.encode(), hashlib.sha256).hexdigest()
    assert len({hashed, hash_number(SECRET, "+919812345679"), hash_number(b"another secret", NUMBER)}) == 3
    assert NUMBER[3:] not in hashed
    assert compute_secret_fingerprint(SECRET) != compute_secret_fingerprint(b"another secret")
    assert SECRET.decode() not in compute_secret_fingerprint(SECRET)


def test_opt_out_published_by_one_centre_is_read_by_another() -> None:
    hashed = hash_number(SECRET, NUMBER)
    announcement = create_outbox_row_of_result(OptOut(7, 5.0, "agent", number_hash=hashed))
    sent = create_message_of_outbox_row("pune-2", announcement.topic, announcement.payload)
    assert parse_opt_out_of_other_centre(sent.topic, sent.payload.encode()) == PeerOptOutRecord(hashed, 5.0, "pune-2")
    assert not sent.retain
    assert NUMBER not in sent.payload + sent.topic
    assert topics.build_topic_filter_for_opt_outs().split("/") == ["dialer", "v1", "+", "results", "opt-outs"]


@pytest.mark.parametrize(
    ("topic", "payload"),
    [
        (TOPIC, make_message()),
        (TOPIC, make_message(number_hash=None)),
        (TOPIC, make_message(number_hash=NUMBER)),
        (TOPIC, make_message(number_hash="F" * 64)),
        (TOPIC, make_message(number_hash="f" * 64, at="now")),
        (TOPIC, make_message(number_hash="f" * 64, at=True)),
        (TOPIC, make_message(number_hash="f" * 64, at=float("nan"))),
        (TOPIC, make_message(number_hash="f" * 64, at=10**400)),
        (TOPIC, make_message(number_hash="f" * 64, at=-1)),
        (TOPIC, make_message(number_hash="f" * 64, more="x" * 3000)),
        (TOPIC, b"[" * 5000),
        (TOPIC, b"[1]"),
        (TOPIC, b"\xff"),
        ("dialer/v1", make_message(number_hash="f" * 64)),
        ("dialer/v1//results", make_message(number_hash="f" * 64)),
    ],
)
def test_mqtt_message_without_a_valid_opt_out_is_ignored(topic: str, payload: bytes) -> None:
    assert parse_opt_out_of_other_centre(topic, payload) is None


@given(st.binary(max_size=200))
def test_opt_out_message_with_arbitrary_bytes_is_ignored_without_an_exception(payload: bytes) -> None:
    parse_opt_out_of_other_centre(TOPIC, payload)


def make_opt_out(letter: str) -> bytes:
    return make_message(number_hash=letter * 64)


class SlowStore:
    """Stores opt-outs within 10 ms, unless it is busy."""

    def __init__(self) -> None:
        self.is_busy = False
        self.tries = 0
        self.running = 0
        self.max_running = 0
        self.stored: list[str] = []

    async def suppress(self, opt_out: PeerOptOutRecord) -> None:
        self.tries += 1
        self.running += 1
        self.max_running = max(self.max_running, self.running)
        await asyncio.sleep(0.01)
        self.running -= 1
        if self.is_busy:
            raise StoreBusy("the store is busy; try again")
        if opt_out.number_hash.startswith("0"):
            raise OverflowError("Python int too large to convert to SQLite INTEGER")
        self.stored.append(opt_out.number_hash)


@virtual_time()
async def test_received_opt_outs_are_acknowledged_only_after_the_store_commits() -> None:
    store, acknowledged = SlowStore(), list[str]()
    store.is_busy = True
    opt_outs = PeerOptOuts(store.suppress)
    running = asyncio.create_task(opt_outs.store_opt_outs_until_cancelled())
    for letter in "ab":
        await opt_outs.queue_opt_out_message(TOPIC, make_opt_out(letter), partial(acknowledged.append, letter))
    await asyncio.sleep(60)
    assert (store.stored, acknowledged) == ([], [])
    assert store.tries > 20
    store.is_busy = False
    await asyncio.sleep(5)
    assert (sorted(store.stored), acknowledged) == (["a" * 64, "b" * 64], ["a", "b"])
    running.cancel()


@virtual_time()
async def test_waiting_opt_outs_are_stored_in_one_commit_and_acknowledged_in_order() -> None:
    store, acknowledged = SlowStore(), list[int]()
    opt_outs = PeerOptOuts(store.suppress)
    payloads = [make_message(number_hash=f"{number + 2**60:064x}".replace("0", "a")) for number in range(50)]
    for number, payload in enumerate([*payloads[:25], b"no opt-out", *payloads[25:]]):
        await opt_outs.queue_opt_out_message(TOPIC, payload, partial(acknowledged.append, number))
    running = asyncio.create_task(opt_outs.store_opt_outs_until_cancelled())
    await asyncio.sleep(0.02)  # the time of two writes
    assert (store.max_running, len(store.stored)) == (50, 50)
    assert acknowledged == list(range(51))
    running.cancel()


@virtual_time()
async def test_mqtt_reader_pauses_while_the_opt_out_queue_is_full() -> None:
    store = SlowStore()
    store.is_busy = True
    opt_outs = PeerOptOuts(store.suppress)
    count = 3 * MAX_WAITING
    offered = 0

    async def offer_all_opt_outs() -> None:
        nonlocal offered
        for number in range(count):
            await opt_outs.queue_opt_out_message(TOPIC, make_message(number_hash=f"f{number:063x}"))
            offered += 1

    tasks = [asyncio.create_task(opt_outs.store_opt_outs_until_cancelled()), asyncio.create_task(offer_all_opt_outs())]
    await asyncio.sleep(60)
    assert MAX_WAITING <= offered <= MAX_WAITING + MAX_STORED_AT_ONCE
    store.is_busy = False
    await asyncio.sleep(60)
    assert (offered, len(set(store.stored))) == (count, count)
    for task in tasks:
        task.cancel()


@virtual_time()
async def test_opt_out_that_causes_an_unexpected_error_does_not_block_later_opt_outs() -> None:
    store, acknowledged = SlowStore(), list[str]()
    opt_outs = PeerOptOuts(store.suppress)
    running = asyncio.create_task(opt_outs.store_opt_outs_until_cancelled())
    for letter in "0b":
        await opt_outs.queue_opt_out_message(TOPIC, make_opt_out(letter), partial(acknowledged.append, letter))
    await asyncio.sleep(1)
    assert (store.stored, acknowledged) == (["b" * 64], ["0", "b"])
    running.cancel()
