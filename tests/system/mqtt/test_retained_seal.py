"""The broker's copy of the newest seal shows at the start of a dialler that its store was set back, cut off or replaced."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import sqlite3
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from dialer.domain.alerts import AlertKind
from dialer.domain.clock import SystemClock
from dialer.domain.schema import encode_record_as_json
from dialer.mqtt import topics
from dialer.mqtt.client import BrokerSettings
from dialer.mqtt.connection import open_connection
from dialer.mqtt.embedded_broker import BrokerKind, run_demo_broker
from dialer.mqtt.link import Presence
from dialer.mqtt.messages import Message, create_outbox_row_of_result
from dialer.mqtt.monitor import Monitor
from dialer.store.seal_keys import get_seal_key_path
from dialer.store.store import open_store
from tests.support.fake_centre import FakeEngine
from tests.support.mqtt import NEEDS_MOSQUITTO, SENDERS
from tests.support.roll_filler import fill_roll
from tests.support.sealing import SealingStore
from tests.support.stored import query_store
from tests.support.waiting import HANG_SECONDS

KINDS = [pytest.param(BrokerKind.MOSQUITTO, marks=NEEDS_MOSQUITTO), BrokerKind.AMQTT]
TOPIC = topics.SEALED_EPOCH.build_full_topic("pune-1")


@pytest.fixture(params=KINDS)
async def broker(request: pytest.FixtureRequest) -> AsyncIterator[BrokerSettings]:
    async with run_demo_broker(kind=request.param) as running:
        yield running.connection_settings


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "centre.db"
    fill_roll(path, 20)
    return path


async def run_dialler(path: Path, broker: BrokerSettings, *, seals: int = 1) -> list[str]:
    """Start a dialler's connection to the broker, seal epochs and stop. Return the causes of its alerts of missing seals."""
    engine, stop = FakeEngine(), asyncio.Event()
    patient = replace(broker, backoff_first_seconds=0.05, backoff_most_seconds=0.2)
    async with await open_store(path, encode=create_outbox_row_of_result) as store:
        monitor = Monitor(Presence("pune-1", patient, SystemClock()), engine, store, SENDERS)
        running = asyncio.create_task(monitor.publish_and_receive_until_stopped(stop))
        for _ in range(seals):
            await store.sign_logged_changes(SystemClock().now())
            engine.mqtt_message_stored_event.set()
        async with asyncio.timeout(HANG_SECONDS):
            while await store.read_outbox_rows_for_broker(1):  # the seals are published after the comparison
                await asyncio.sleep(0.02)
            stop.set()
            await running
    alerts = [alert for alert in engine.current.alerts if alert.kind is AlertKind.SEAL_MISSING]
    return [str(alert.fields[next(iter(alert.fields))]) for alert in alerts]


def read_audited_seals(path: Path) -> list[str]:
    return [str(what) for (what,) in query_store(path, "SELECT what FROM audit WHERE kind = 'seal-missing'")]


def copy_store(source: Path, target: Path) -> None:
    for file, copy in ((source, target), (get_seal_key_path(source), get_seal_key_path(target))):
        shutil.copy(file, copy)


async def test_restarted_dialler_with_an_unchanged_store_reports_no_missing_integrity_seal(
    path: Path, broker: BrokerSettings
) -> None:
    for _ in range(3):
        assert await run_dialler(path, broker) == []
    assert read_audited_seals(path) == []


async def test_restored_older_store_is_detected_by_the_seal_at_the_broker(
    path: Path, tmp_path: Path, broker: BrokerSettings
) -> None:
    assert await run_dialler(path, broker) == []
    copy_store(path, tmp_path / "snapshot.db")
    assert await run_dialler(path, broker, seals=3) == []
    copy_store(tmp_path / "snapshot.db", path)
    [problem] = await run_dialler(path, broker)
    assert problem.endswith("is missing in the database")
    assert len(read_audited_seals(path)) == 1  # with the digest, which the broker no longer has
    assert await run_dialler(path, broker) == []


async def test_restored_and_resealed_older_store_is_detected_by_the_seal_at_the_broker(
    path: Path, tmp_path: Path, broker: BrokerSettings
) -> None:
    assert await run_dialler(path, broker) == []
    copy_store(path, tmp_path / "snapshot.db")
    assert await run_dialler(path, broker) == []
    copy_store(tmp_path / "snapshot.db", path)
    async with await open_store(path, encode=create_outbox_row_of_result) as store:  # without the broker
        for at in range(3):
            await store.sign_logged_changes(float(at))
    [problem] = await run_dialler(path, broker)
    assert problem.endswith("is different in the database")


async def test_removed_integrity_seals_are_detected_by_the_seal_at_the_broker(
    path: Path, broker: BrokerSettings
) -> None:
    assert await run_dialler(path, broker, seals=3) == []
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("DELETE FROM seal_epoch WHERE epoch > (SELECT max(epoch) - 2 FROM seal_epoch)")
    [problem] = await run_dialler(path, broker)
    assert "in the database" in problem


async def test_new_store_is_reported_if_the_broker_has_another_stores_seal(
    path: Path, tmp_path: Path, broker: BrokerSettings
) -> None:
    assert await run_dialler(path, broker, seals=3) == []
    fill_roll(tmp_path / "new.db", 21)
    [problem] = await run_dialler(tmp_path / "new.db", broker)
    assert "in the database" in problem


LATER = replace(SealingStore.create().seal("start"), epoch=10**30, at=1e300)


@pytest.mark.parametrize(
    ("payload", "problem"),
    [
        ("\x00", "the message `results/sealed-epochs` at the broker is not a seal"),
        ('{"epoch": 1}', "the message `results/sealed-epochs` at the broker is not a seal"),
        (encode_record_as_json(LATER), f"epoch {10**30}, sealed at an impossible time, is missing in the database"),
    ],
)
async def test_malformed_integrity_seal_at_the_broker_is_reported_and_results_are_still_sent(
    path: Path, payload: str, problem: str, broker: BrokerSettings
) -> None:
    async with open_connection(replace(broker, client_id="stranger"), "pune-1") as connection:
        await connection.publish_message(Message(TOPIC, payload, 1, True))
    assert await run_dialler(path, broker) == [problem]
    assert await run_dialler(path, broker) == []
