"""An opt-out in one centre is one in every centre, over a real broker; no number ever leaves."""

from __future__ import annotations

import asyncio
import contextlib
import random
import sqlite3
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from dialer.clock import SystemClock
from dialer.monitor.broker_link import BrokerSettings, publish_once
from dialer.monitor.embedded_broker import BrokerKind, demo_broker, mosquitto_path
from dialer.monitor.monitor import Monitor
from dialer.monitor.opt_outs import ForeignOptOut
from dialer.monitor.topics import announced_message, opt_out_announcement
from dialer.rules.number_hash import number_hash
from dialer.store.sqlite import SqliteStore, open_store
from tests.support.fake_centre import FakeEngine
from tests.support.mqtt import PATIENCE_SECONDS, supervisor
from tests.support.roll_filler import fill_roll

SECRET = b"twenty characters, at least"
KINDS = [
    pytest.param(BrokerKind.MOSQUITTO, marks=pytest.mark.skipif(mosquitto_path() is None, reason="no mosquitto")),
    BrokerKind.AMQTT,
]


class Centre:
    """A centre as far as opt-outs go: a store of its own, and a monitor."""

    def __init__(self, name: str, store: SqliteStore) -> None:
        self.name = name
        self.store = store
        self.engine = FakeEngine()
        self.told: list[ForeignOptOut] = []
        self.news = asyncio.Event()

    async def keep(self, told: ForeignOptOut) -> None:
        await self.store.record_foreign_opt_out(told.number_hash, at=told.at, centre=told.centre)
        self.told.append(told)
        self.news.set()

    async def hears(self, hashed: str) -> None:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while hashed not in {told.number_hash for told in self.told}:
                self.news.clear()
                await self.news.wait()


@contextlib.asynccontextmanager
async def a_centre(name: str, directory: Path, broker: BrokerSettings) -> AsyncIterator[Centre]:
    path = directory / f"{name}.db"
    fill_roll(path, 60, voters_per_booth=20)
    stop = asyncio.Event()
    async with await open_store(path) as store:
        await store.hash_numbers([SECRET])
        centre = Centre(name, store)
        monitor = Monitor(
            name,
            replace(broker, backoff_first_seconds=0.05, backoff_most_seconds=0.2),
            centre.engine,
            store,
            SystemClock(),
            raise_alert=centre.engine.raise_alert,
            chance=random.SystemRandom(),
            keep_opt_out=centre.keep,
        )
        running = asyncio.create_task(monitor.run(stop))
        try:
            yield centre
        finally:
            stop.set()
            await running


def opted_out(path: Path) -> list[tuple[str, str]]:
    with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
        return db.execute("SELECT e164, source FROM opt_out ORDER BY e164").fetchall()


@pytest.mark.parametrize("kind", KINDS)
async def test_an_opt_out_reaches_every_centre(kind: BrokerKind, tmp_path: Path) -> None:
    async with (
        demo_broker(kind) as broker,
        supervisor(broker.settings) as listener,
        a_centre("pune-1", tmp_path, broker.settings) as here,
        a_centre("pune-2", tmp_path, broker.settings) as there,
    ):
        await listener.wait_for_topic("state", count=2)  # each tells its state once it is connected and subscribed
        hashed = await here.store.number_hash(7)
        assert hashed is not None
        news = opt_out_announcement(7, at=5.0, source="voter-key", attempt_id=None, number_hash=hashed)
        await here.store.record_opt_out(7, at=5.0, source="voter-key", announcements=[news])
        here.engine.outbox_event.set()
        await there.hears(hashed)

        # By hand, at the first centre, while its dialler runs: a number that only the second has a voter on would do as well.
        by_hand = number_hash(SECRET, "+917000000009")
        told = opt_out_announcement(None, at=6.0, source="request", attempt_id=None, number_hash=by_hand)
        sent = announced_message("pune-1", told.topic, told.payload)
        await publish_once(replace(broker.settings, client_id="by-hand"), "pune-1", [sent])
        await here.hears(by_hand)
        await there.hears(by_hand)
        retained = [message for message in listener.heard if message.topic.endswith("opt-outs") and message.retained]
        assert not retained
        for message in listener.heard:
            assert "7000000007" not in message.text + message.topic
            assert "7000000009" not in message.text + message.topic
    assert opted_out(tmp_path / "pune-1.db") == [
        ("+917000000007", "voter-key"),
        ("+917000000009", "centre pune-1"),
    ]
    assert opted_out(tmp_path / "pune-2.db") == [
        ("+917000000007", "centre pune-1"),
        ("+917000000009", "centre pune-1"),
    ]
