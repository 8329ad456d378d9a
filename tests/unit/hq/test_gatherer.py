"""The gatherer while the database or the leader of a stream is unavailable."""

from __future__ import annotations

import asyncio
from typing import Any, NoReturn, cast

import asyncpg
import pytest

from dialer.domain.clock import LoopClock, SystemClock
from dialer.domain.errors import HeadquartersUnreachable
from dialer.hq import gather
from dialer.hq.gather import Gatherer, QueuedUpdate
from dialer.nats import messages
from dialer.nats.session import Session
from dialer.settings.headquarters import HqSettings
from tests.support.virtual import virtual_time

CONNECTION_ERRORS = (
    asyncpg.InternalClientError("cannot switch to state 15; another operation (2) is in progress"),
    asyncpg.InterfaceError("connection is closed"),
    asyncpg.CannotConnectNowError("the database system is starting up"),
    ConnectionResetError(),
)


class LeaderlessServer(Session):
    """A server that stores every second message, and none before `from_seconds`."""

    def __init__(self, from_seconds: float) -> None:
        self.from_seconds = from_seconds
        self.stored: list[str] = []
        self.tries = 0

    async def store_message(self, subject: str, data: bytes) -> int:
        self.tries += 1
        if self.tries % 2 or asyncio.get_running_loop().time() < self.from_seconds:
            raise HeadquartersUnreachable(f"{subject} was not stored: no response from stream")
        self.stored.append(subject)
        return len(self.stored)


UPDATES = [QueuedUpdate(number, f"peer.{number}", b"") for number in range(7)]


def make_gatherer(server: Session) -> Gatherer:
    return Gatherer(HqSettings.model_validate({"servers": ["nats://one"]}), server, LoopClock(1.7e9))


@virtual_time()
async def test_updates_for_centres_wait_for_a_nats_leader_and_are_stored_once() -> None:
    server = LeaderlessServer(asyncio.get_running_loop().time() + 8.0)
    await make_gatherer(server)._publish_updates_for_other_centres(UPDATES)
    assert sorted(server.stored) == [update.subject for update in UPDATES]


@virtual_time()
async def test_storing_updates_for_centres_fails_if_the_nats_cluster_elects_no_leader() -> None:
    server = LeaderlessServer(asyncio.get_running_loop().time() + 1e6)
    gatherer = make_gatherer(server)
    with pytest.raises(HeadquartersUnreachable):
        await gatherer._publish_updates_for_other_centres(UPDATES)
    assert gatherer.has_unstored_updates  # so that an alert shows it
    server.from_seconds = 0.0
    await gatherer._publish_updates_for_other_centres(UPDATES)
    assert not gatherer.has_unstored_updates


@pytest.mark.parametrize("error", CONNECTION_ERRORS, ids=lambda error: type(error).__name__)
@virtual_time()
async def test_import_of_centre_results_reconnects_after_every_connection_error(
    error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries: asyncio.Queue[str] = asyncio.Queue(9)

    def fail_to_connect(address: str) -> NoReturn:
        tries.put_nowait(address)
        raise error

    monkeypatch.setattr(gather, "open_database", fail_to_connect)
    settings = HqSettings.model_validate({"servers": ["nats://one"], "gather": {"database": "postgresql:///hq"}})
    running = asyncio.create_task(Gatherer(settings, cast(Any, None), SystemClock()).import_batches_until_cancelled())
    assert [await tries.get() for _ in range(3)] == ["postgresql:///hq"] * 3
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


class Cluster(Session):
    """A cluster in which some servers lack messages of the stream of results, and which cannot be asked meanwhile."""

    def __init__(self) -> None:
        self.outdated: set[str] | None = set()

    async def list_servers_with_outdated_copy(self, stream: str) -> set[str]:
        if self.outdated is None:
            raise HeadquartersUnreachable(f"stream {stream} is not available")
        return self.outdated if stream == messages.UP else set()


@virtual_time()
async def test_headquarters_names_its_nats_servers_that_lack_messages_until_they_have_all() -> None:
    cluster, seen = Cluster(), []
    gatherer = make_gatherer(cluster)
    observing = asyncio.create_task(gatherer._check_stream_copies_regularly())
    for outdated in (set(), {"hq-2"}, None, {"hq-2", "hq-3"}, set[str]()):
        cluster.outdated = outdated
        await asyncio.sleep(gather.COPIES_SECONDS + 1.0)
        seen.append(gatherer.servers_with_outdated_copies)
    assert seen == [set(), {"hq-2"}, {"hq-2"}, {"hq-2", "hq-3"}, set()]
    observing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await observing


async def test_headquarters_names_the_centres_whose_results_its_server_does_not_store() -> None:
    clock = SetClock()
    gatherer = Gatherer(HqSettings.model_validate({"servers": ["nats://one"]}), LeaderlessServer(0.0), clock)

    async def report(problem: str) -> set[str]:
        status = messages.StoreStatus("1", clock.now(), problem)
        await gatherer._receive_store_status("live.pune-1.store", messages.pack_store_status(status))
        return gatherer.centres_with_unstored_results

    assert await report("") == set()
    assert await report("hq:4222: up.pune-1 was not stored") == {"pune-1"}
    assert await report("") == set()
    await report("hq:4222: up.pune-1 was not stored")
    clock.at += gather.UNSTORED_SECONDS + 1.0
    assert gatherer.centres_with_unstored_results == set()  # it no longer reports anything


class SetClock(SystemClock):
    """A clock that shows the time that the test sets."""

    at = 1.7e9

    def now(self) -> float:
        return self.at
