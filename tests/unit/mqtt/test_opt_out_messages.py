"""What other centres tell of opt-outs: a keyed hash, and nothing else is taken for one."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialer.domain.errors import StoreBusy
from dialer.domain.other_centres import ForeignOptOut
from dialer.domain.person_ids import is_number_hash
from dialer.domain.results import OptOut
from dialer.mqtt import topics
from dialer.mqtt.messages import announced_message, announcement_of
from dialer.mqtt.peer_opt_outs import MAX_STORED_AT_ONCE, MAX_WAITING, PeerOptOuts, parse_opt_out
from dialer.rules.number_hash import compute_fingerprint, hash_number
from tests.support.virtual import virtual_time

SECRET = b"twenty characters, at least"
NUMBER = "+919812345678"
TOPIC = "dialer/v1/pune-2/results/opt-outs"


def message(**changes: object) -> bytes:
    return json.dumps({"phone": 7, "at": 5.0, "source": "agent", "attempt": None, **changes}).encode()


def test_a_hash_depends_on_number_and_secret_and_tells_neither() -> None:
    hashed = hash_number(SECRET, NUMBER)
    assert is_number_hash(hashed)
    assert hashed == hash_number(SECRET, NUMBER)
    for secret in (SECRET, b"k", b"x" * 64, b"y" * 200):  # a key longer than SHA-256's block is hashed first
        assert hash_number(secret, NUMBER) == hmac.new(secret, NUMBER.encode(), hashlib.sha256).hexdigest()
    assert len({hashed, hash_number(SECRET, "+919812345679"), hash_number(b"another secret", NUMBER)}) == 3
    assert NUMBER[3:] not in hashed
    assert compute_fingerprint(SECRET) != compute_fingerprint(b"another secret")
    assert SECRET.decode() not in compute_fingerprint(SECRET)


def test_what_the_centre_announces_is_what_another_one_reads() -> None:
    hashed = hash_number(SECRET, NUMBER)
    news = announcement_of(OptOut(7, 5.0, "agent", number_hash=hashed))
    sent = announced_message("pune-2", news.topic, news.payload)
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


def told(letter: str) -> bytes:
    return message(number_hash=letter * 64)


class Keeper:
    """Keeps opt-outs, in a moment of its own, unless the store is in trouble."""

    def __init__(self) -> None:
        self.trouble = False
        self.tries = 0
        self.at_once = 0
        self.most_at_once = 0
        self.kept: list[str] = []

    async def keep(self, told: ForeignOptOut) -> None:
        self.tries += 1
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        await asyncio.sleep(0.01)
        self.at_once -= 1
        if self.trouble:
            raise StoreBusy("the store is busy; try again")
        if told.number_hash.startswith("0"):
            raise OverflowError("Python int too large to convert to SQLite INTEGER")
        self.kept.append(told.number_hash)


@virtual_time()
async def test_one_that_the_store_cannot_take_is_tried_until_it_can_and_is_not_said_to_be_kept_before() -> None:
    keeper, acknowledged = Keeper(), list[str]()
    keeper.trouble = True
    desk = PeerOptOuts(keeper.keep)
    running = asyncio.create_task(desk.run())
    for letter in "ab":
        await desk.offer(TOPIC, told(letter), lambda letter=letter: acknowledged.append(letter))  # type: ignore[misc]
    await asyncio.sleep(60)
    assert (keeper.kept, acknowledged) == ([], [])
    assert keeper.tries > 20
    keeper.trouble = False
    await asyncio.sleep(5)
    assert (sorted(keeper.kept), acknowledged) == (["a" * 64, "b" * 64], ["a", "b"])
    running.cancel()


@virtual_time()
async def test_what_waits_is_kept_together_and_acknowledged_in_the_order_it_came() -> None:
    keeper, acknowledged = Keeper(), list[int]()
    desk = PeerOptOuts(keeper.keep)
    payloads = [message(number_hash=f"{number + 2**60:064x}".replace("0", "a")) for number in range(50)]
    for number, payload in enumerate([*payloads[:25], b"no opt-out", *payloads[25:]]):
        await desk.offer(TOPIC, payload, lambda number=number: acknowledged.append(number))  # type: ignore[misc]
    running = asyncio.create_task(desk.run())
    await asyncio.sleep(0.02)  # two writes one after another would take as long
    assert (keeper.most_at_once, len(keeper.kept)) == (50, 50)
    assert acknowledged == list(range(51))
    running.cancel()


@virtual_time()
async def test_more_than_there_is_room_for_wait_outside_and_none_is_lost() -> None:
    keeper = Keeper()
    keeper.trouble = True
    desk = PeerOptOuts(keeper.keep)
    count = 3 * MAX_WAITING
    offered = 0

    async def offer_all() -> None:
        nonlocal offered
        for number in range(count):
            await desk.offer(TOPIC, message(number_hash=f"f{number:063x}"))
            offered += 1

    tasks = [asyncio.create_task(desk.run()), asyncio.create_task(offer_all())]
    await asyncio.sleep(60)
    assert MAX_WAITING <= offered <= MAX_WAITING + MAX_STORED_AT_ONCE
    keeper.trouble = False
    await asyncio.sleep(60)
    assert (offered, len(set(keeper.kept))) == (count, count)
    for task in tasks:
        task.cancel()


@virtual_time()
async def test_one_that_meets_a_mistake_of_ours_is_passed_over() -> None:
    keeper, acknowledged = Keeper(), list[str]()
    desk = PeerOptOuts(keeper.keep)
    running = asyncio.create_task(desk.run())
    for letter in "0b":
        await desk.offer(TOPIC, told(letter), lambda letter=letter: acknowledged.append(letter))  # type: ignore[misc]
    await asyncio.sleep(1)
    assert (keeper.kept, acknowledged) == (["b" * 64], ["0", "b"])
    running.cancel()
