"""The relay of the outbox: no row is removed before the broker has acknowledged it, whatever fails."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from dialer.domain.enums import MarkKind
from dialer.domain.errors import StoreBusy
from dialer.domain.model import Announcement, Mark, MarkSource
from dialer.mqtt.messages import Message, create_outbox_row_of_result
from dialer.mqtt.outbox_relay import BATCH_ROWS, OutboxRelay
from dialer.store.store import Store, open_store
from tests.support.roll_filler import fill_roll
from tests.support.stored import query_store


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    opened = await open_store(tmp_path / "centre.db")
    yield opened
    await opened.close()


class Broker:
    """Accepts messages; the connection is lost at the one with the payload `fails_at`."""

    def __init__(self, fails_at: str | None = None) -> None:
        self.accepted: list[Message] = []
        self._fails_at = fails_at

    async def publish(self, message: Message) -> None:
        await asyncio.sleep(0)
        if message.payload == self._fails_at:
            raise ConnectionResetError
        self.accepted.append(message)

    @property
    def payloads(self) -> list[str]:
        return [message.payload for message in self.accepted]


async def announce(store: Store, first: int, count: int) -> None:
    await store.add_messages_to_outbox(
        [Announcement("results/marks", str(number)) for number in range(first, first + count)], 1.0
    )


async def test_stored_messages_are_published_to_the_broker_once_and_in_order(store: Store) -> None:
    await announce(store, 0, 3 * BATCH_ROWS + 1)
    broker = Broker()
    relay = OutboxRelay("pune-1", store, asyncio.Event())
    await relay.publish_waiting_outbox_rows(broker.publish)
    assert broker.payloads == [str(number) for number in range(3 * BATCH_ROWS + 1)]
    assert {(message.topic, message.qos, message.retain) for message in broker.accepted} == {
        ("dialer/v1/pune-1/results/marks", 1, False)
    }
    assert await store.read_outbox_rows_for_broker(10) == []
    assert relay.relayed == 3 * BATCH_ROWS + 1


async def test_stored_message_that_cannot_be_published_is_skipped_and_reported(store: Store) -> None:
    await announce(store, 0, 3)
    published: list[str] = []

    async def publish(message: Message) -> None:
        if message.payload == "1":
            raise ValueError("Publish topic is too long.")
        published.append(message.payload)

    problems: list[str] = []
    relay = OutboxRelay("pune-1", store, asyncio.Event(), lambda _row, problem: problems.append(problem))
    await relay.publish_waiting_outbox_rows(publish)
    assert published == ["0", "2"]
    assert await store.read_outbox_rows_for_broker(10) == []
    assert problems == ["Publish topic is too long."]


async def test_batch_of_stored_messages_is_published_again_completely_after_a_lost_connection(
    store: Store,
) -> None:
    await announce(store, 0, BATCH_ROWS + 5)
    first = Broker(fails_at=str(BATCH_ROWS + 2))
    relay = OutboxRelay("pune-1", store, asyncio.Event())
    with pytest.raises(ExceptionGroup) as caught:
        await relay.publish_waiting_outbox_rows(first.publish)
    assert caught.group_contains(ConnectionResetError)
    assert [row.payload for row in await store.read_outbox_rows_for_broker(100)] == [
        str(number) for number in range(BATCH_ROWS, BATCH_ROWS + 5)
    ]
    second = Broker()
    await relay.publish_waiting_outbox_rows(second.publish)
    assert second.payloads == [str(number) for number in range(BATCH_ROWS, BATCH_ROWS + 5)]
    assert await store.read_outbox_rows_for_broker(10) == []


async def test_stored_messages_are_read_for_publication_only_after_a_commit(store: Store) -> None:
    readings = 0
    read_rows = store.read_outbox_rows_for_broker

    async def count_readings(limit: int) -> object:
        nonlocal readings
        readings += 1
        return await read_rows(limit)

    store.read_outbox_rows_for_broker = count_readings  # type: ignore[assignment] # calls the store's own method
    broker, waiting = Broker(), asyncio.Event()
    running = asyncio.create_task(OutboxRelay("pune-1", store, waiting).publish_outbox_until_cancelled(broker.publish))
    for round_number in range(3):
        await announce(store, round_number, 1)
        waiting.set()
        async with asyncio.timeout(5):
            while len(broker.accepted) <= round_number:
                await store.find_executed_command("nothing")  # lets the store and the relay continue
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert broker.payloads == ["0", "1", "2"]
    assert readings <= 8  # at the start, and for each event once with rows and once without


async def test_stored_messages_are_published_again_after_the_store_failed(store: Store) -> None:
    await announce(store, 0, 3)

    async def fail_while_busy(up_to: int) -> None:
        raise StoreBusy("another process holds the store")

    mark_published, store.mark_outbox_rows_published = store.mark_outbox_rows_published, fail_while_busy
    broker = Broker()
    relay = OutboxRelay("pune-1", store, asyncio.Event())
    with pytest.raises(StoreBusy):
        await relay.publish_outbox_until_cancelled(broker.publish)
    store.mark_outbox_rows_published = mark_published
    await relay.publish_waiting_outbox_rows(broker.publish)
    assert broker.payloads == ["0", "1", "2"] * 2  # at least once: receivers recognise a repeat by its key
    assert await store.read_outbox_rows_for_broker(10) == []


async def test_published_voter_status_has_the_voters_place_on_the_electoral_roll(tmp_path: Path) -> None:
    fill_roll(tmp_path / "centre.db", 3, voters_per_booth=2)
    async with await open_store(tmp_path / "centre.db", encode=create_outbox_row_of_result) as store:
        await store.save_voter_mark(Mark("k-1", 3, MarkKind.VOTED, MarkSource.BOOTH_WORKER, 5.0))
        [row] = await store.read_outbox_rows_for_broker(10)
    mark = json.loads(row.payload)
    names = ("roll_version", "state_code", "constituency_number", "part_number", "serial")
    columns = f"SELECT {', '.join(names)} FROM voter JOIN booth USING (booth_id) WHERE voter_id = 3"  # noqa: S608 - ours
    assert [tuple(mark["place"][name] for name in names)] == query_store(tmp_path / "centre.db", columns)
    assert mark["place"]["serial"] is not None
