"""Each loop that connects or reads again after a failure ends if it is stopped at the moment in which one of its tasks fails."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from types import SimpleNamespace
from typing import Any, NoReturn

import pytest

from dialer.domain.clock import SystemClock
from dialer.domain.errors import BrokerUnreachable, HeadquartersUnreachable, StoreError
from dialer.hq import gather
from dialer.hq.gather import Gatherer
from dialer.mqtt.client import BrokerSettings
from dialer.mqtt.connection import Connection
from dialer.mqtt.link import BrokerLink, Presence
from dialer.nats.session import Session, StreamRecreated, StreamState
from dialer.settings.headquarters import HqSettings
from dialer.store.uplink_reader import StoredRolls
from dialer.uplink.orders import OrderDelivery
from dialer.uplink.peer_snapshots import SnapshotSource
from dialer.uplink.peer_updates import PeerUpdates
from dialer.uplink.upload import IdentityChanged, OutboxUpload
from tests.support.virtual import virtual_time

CLOCK = SystemClock()
NOTHING: Any = None


class EmptyServer(Session):
    """A session whose server has empty streams."""

    def __init__(self) -> None:
        """Open no connection."""

    async def subscribe_to_subject(self, *_: object) -> None:
        pass

    async def create_stream_if_missing(self, name: str, *_: object, **__: object) -> str:
        return name

    async def read_stream_state(self, name: str) -> StreamState:
        return StreamState(name, 1, 0)


class StoppedWhileFailing:
    """A loop that is stopped by one of its own tasks, just before this task fails."""

    def __init__(self, error: Exception) -> None:
        self.loop: asyncio.Task[None] | None = None
        self._error = error
        self._is_stopped = False

    async def fail(self, *_: object) -> NoReturn:
        """Stop the loop and fail, the first time. Then wait forever."""
        await asyncio.sleep(1.0)  # until the loop waits for its tasks
        assert self.loop is not None
        if self._is_stopped:
            await asyncio.Event().wait()
        self._is_stopped = True
        self.loop.cancel()
        raise self._error


def make_upload(task: StoppedWhileFailing, monkeypatch: pytest.MonkeyPatch) -> Awaitable[None]:
    async def read_identity() -> Any:
        return SimpleNamespace(incarnation="1", run="1")

    async def wait_for_outbox(_: OutboxUpload) -> int:
        return 0

    async def wait_forever(*_: object) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(OutboxUpload, "_wait_until_outbox_is_used", wait_for_outbox)
    for name in ("_report_acknowledgements_to_dialler", "_publish_store_status", "_report_problems_repeatedly"):
        monkeypatch.setattr(OutboxUpload, name, wait_forever)
    monkeypatch.setattr(OutboxUpload, "_send_batches", lambda _, schedule: task.fail())
    reading: Any = SimpleNamespace(read_store_identity=read_identity)
    return OutboxUpload("pune-1", EmptyServer(), NOTHING, reading, CLOCK).send_results_until_cancelled()


def make_peer_updates(task: StoppedWhileFailing, monkeypatch: pytest.MonkeyPatch) -> Awaitable[None]:
    async def read_rolls() -> StoredRolls:
        return StoredRolls((), 0)

    monkeypatch.setattr(PeerUpdates, "_send_updates_from_stream", lambda _, *values: task.fail())
    reading: Any = SimpleNamespace(read_stored_rolls=read_rolls)
    return PeerUpdates(
        SnapshotSource("pune-1", EmptyServer(), None), NOTHING, reading, CLOCK
    ).send_peer_updates_until_cancelled()


def make_order_delivery(task: StoppedWhileFailing, monkeypatch: pytest.MonkeyPatch) -> Awaitable[None]:
    monkeypatch.setattr(OrderDelivery, "_deliver_orders_on_subject", lambda _, subject: task.fail())
    return OrderDelivery("pune-1", None, EmptyServer(), NOTHING, CLOCK).deliver_orders_until_cancelled()


def make_gatherer(task: StoppedWhileFailing, monkeypatch: pytest.MonkeyPatch) -> Awaitable[None]:
    class EmptyDatabase:
        async def prepare_schema(self) -> None:
            pass

        async def fetch_value(self, sql: str, *_: object) -> bool:
            return True

        async def run_statement(self, sql: str, *_: object) -> int:
            return 0

    @contextlib.asynccontextmanager
    async def open_database(address: str) -> AsyncIterator[EmptyDatabase]:
        yield EmptyDatabase()

    async def wait_forever(*_: object) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(gather, "open_database", open_database)
    monkeypatch.setattr(Gatherer, "_forward_updates_to_other_centres", wait_forever)
    monkeypatch.setattr(Gatherer, "_import_batches", lambda _, *values: task.fail())
    settings = HqSettings.model_validate({"servers": ["nats://one"], "gather": {"database": "postgresql:///hq"}})
    return Gatherer(settings, EmptyServer(), CLOCK).import_batches_until_cancelled()


def make_broker_link(task: StoppedWhileFailing, monkeypatch: pytest.MonkeyPatch) -> Awaitable[None]:
    @contextlib.asynccontextmanager
    async def open_connection(_: BrokerLink, stop: asyncio.Event) -> AsyncIterator[None]:
        yield

    async def serve(_: Connection) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(task.fail())

    monkeypatch.setattr(BrokerLink, "_open_connection", open_connection)
    link = BrokerLink(Presence("pune-1", BrokerSettings(), CLOCK), lambda alert: None)
    return link.keep_connected_until_stopped(serve, asyncio.Event())


@pytest.mark.parametrize(
    ("make_loop", "error"),
    [
        (make_upload, IdentityChanged()),
        (make_peer_updates, StoreError("the store is busy")),
        (make_order_delivery, StreamRecreated("the stream was lost")),
        (make_gatherer, HeadquartersUnreachable("the server is restarting")),
        (make_broker_link, BrokerUnreachable("the broker is restarting")),
    ],
    ids=["upload", "peer updates", "orders", "gatherer", "broker link"],
)
@virtual_time()
async def test_retry_loop_ends_if_stopped_while_one_of_its_tasks_fails(
    make_loop: Callable[[StoppedWhileFailing, pytest.MonkeyPatch], Awaitable[None]],
    error: Exception,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    task = StoppedWhileFailing(error)
    task.loop = asyncio.ensure_future(make_loop(task, monkeypatch))
    await asyncio.wait([task.loop], timeout=60.0)
    assert task.loop.cancelled()
