"""The relay of the outbox: nothing is dropped before the broker has acknowledged it, whatever breaks where."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from dialer.domain.enums import MarkKind
from dialer.domain.errors import StoreBusy
from dialer.domain.model import Announcement, Mark, MarkSource
from dialer.mqtt.messages import Message, announcement_of
from dialer.mqtt.outbox_relay import BATCH, OutboxRelay
from dialer.store.store import Store, open_store
from tests.support.roll_filler import fill_roll
from tests.support.stored import query


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    opened = await open_store(tmp_path / "centre.db")
    yield opened
    await opened.close()


class Broker:
    """Takes messages, until it breaks at the one with the payload `breaks_at`."""

    def __init__(self, breaks_at: str | None = None) -> None:
        self.taken: list[Message] = []
        self._breaks_at = breaks_at

    async def publish(self, message: Message) -> None:
        await asyncio.sleep(0)
        if message.payload == self._breaks_at:
            raise ConnectionResetError
        self.taken.append(message)

    @property
    def payloads(self) -> list[str]:
        return [message.payload for message in self.taken]


async def announce(store: Store, first: int, count: int) -> None:
    await store.announce([Announcement("results/marks", str(number)) for number in range(first, first + count)], 1.0)


async def test_everything_goes_out_in_order_acknowledged_and_once(store: Store) -> None:
    await announce(store, 0, 3 * BATCH + 1)
    broker = Broker()
    relay = OutboxRelay("pune-1", store, asyncio.Event())
    await relay.drain(broker.publish)
    assert broker.payloads == [str(number) for number in range(3 * BATCH + 1)]
    assert {(message.topic, message.qos, message.retain) for message in broker.taken} == {
        ("dialer/v1/pune-1/results/marks", 1, False)
    }
    assert await store.rows_for_broker(10) == []
    assert relay.relayed == 3 * BATCH + 1


async def test_a_row_that_no_client_can_send_holds_up_nothing_behind_it(store: Store) -> None:
    await announce(store, 0, 3)
    taken: list[str] = []

    async def publish(message: Message) -> None:
        if message.payload == "1":
            raise ValueError("Publish topic is too long.")
        taken.append(message.payload)

    problems: list[str] = []
    await OutboxRelay("pune-1", store, asyncio.Event(), lambda _row, problem: problems.append(problem)).drain(publish)
    assert taken == ["0", "2"]
    assert await store.rows_for_broker(10) == []
    assert problems == ["Publish topic is too long."]


async def test_a_batch_that_broke_stays_whole_and_goes_out_again(store: Store) -> None:
    await announce(store, 0, BATCH + 5)
    first = Broker(breaks_at=str(BATCH + 2))
    relay = OutboxRelay("pune-1", store, asyncio.Event())
    with pytest.raises(ExceptionGroup) as caught:
        await relay.drain(first.publish)
    assert caught.group_contains(ConnectionResetError)
    assert [row.payload for row in await store.rows_for_broker(100)] == [
        str(number) for number in range(BATCH, BATCH + 5)
    ]
    second = Broker()
    await relay.drain(second.publish)
    assert second.payloads == [str(number) for number in range(BATCH, BATCH + 5)]
    assert await store.rows_for_broker(10) == []


async def test_it_wakes_on_the_event_and_asks_the_store_at_no_other_time(store: Store) -> None:
    asked = 0
    outbox = store.rows_for_broker

    async def counted(limit: int) -> object:
        nonlocal asked
        asked += 1
        return await outbox(limit)

    store.rows_for_broker = counted  # type: ignore[assignment] # the store's own, with a counter in front
    broker, waiting = Broker(), asyncio.Event()
    running = asyncio.create_task(OutboxRelay("pune-1", store, waiting).run(broker.publish))
    for round_number in range(3):
        await announce(store, round_number, 1)
        waiting.set()
        async with asyncio.timeout(5):
            while len(broker.taken) <= round_number:
                await store.executed_command("nothing")  # lets the store and the relay go on
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert broker.payloads == ["0", "1", "2"]
    assert asked <= 8  # at the start, and for each event once with rows and once without


async def test_a_store_in_trouble_ends_the_run_and_loses_nothing(store: Store) -> None:
    await announce(store, 0, 3)

    async def busy(up_to: int) -> None:
        raise StoreBusy("another process holds the store")

    done, store.mark_published = store.mark_published, busy  # a store that is in trouble for once
    broker = Broker()
    relay = OutboxRelay("pune-1", store, asyncio.Event())
    with pytest.raises(StoreBusy):
        await relay.run(broker.publish)
    store.mark_published = done  # and is well again
    await relay.drain(broker.publish)
    assert broker.payloads == ["0", "1", "2"] * 2  # at least once: a repeat is known by its key
    assert await store.rows_for_broker(10) == []


async def test_a_mark_names_its_voter_as_every_copy_of_the_roll_does(tmp_path: Path) -> None:
    fill_roll(tmp_path / "centre.db", 3, voters_per_booth=2)
    async with await open_store(tmp_path / "centre.db", encode=announcement_of) as store:
        await store.record_mark(Mark("k-1", 3, MarkKind.VOTED, MarkSource.BOOTH_WORKER, 5.0))
        [row] = await store.rows_for_broker(10)
    told = json.loads(row.payload)
    names = ("roll_version", "state_code", "constituency_number", "part_number", "serial")
    columns = f"SELECT {', '.join(names)} FROM voter JOIN booth USING (booth_id) WHERE voter_id = 3"  # noqa: S608 - ours
    assert [tuple(told["place"][name] for name in names)] == query(tmp_path / "centre.db", columns)
    assert told["place"]["serial"] is not None
