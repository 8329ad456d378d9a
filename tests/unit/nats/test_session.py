"""Connecting, closing a lost connection, and logging the problems of one."""

from __future__ import annotations

import asyncio
from typing import Any, NoReturn, cast

import pytest
import structlog
from nats.errors import ConnectionClosedError
from nats.js.api import StreamInfo

from dialer.nats.session import Session, _ProblemLog, open_session


class LostClient:
    """A client whose connection was lost."""

    is_closed = False

    def __init__(self, error: Exception) -> None:
        self.error = error
        self.closed = 0

    def jetstream(self, **_: object) -> None:
        """Return nothing: no stream is used."""

    async def close(self) -> None:
        self.closed += 1
        raise self.error


@pytest.mark.parametrize("error", [ConnectionResetError("Connection lost"), ConnectionClosedError()])
async def test_closing_a_lost_nats_connection_raises_no_error(error: Exception) -> None:
    client = LostClient(error)
    await Session(cast(Any, client)).close()
    assert client.closed == 1


class ClusterClient:
    """A client of a nats-server whose cluster reports these copies of each stream."""

    is_connected = True

    def __init__(self, copies: list[dict[str, Any]] | None) -> None:
        self.cluster = None if copies is None else {"name": "matdan", "leader": "hq-1", "replicas": copies}

    def jetstream(self, **_: object) -> ClusterClient:
        return self

    async def stream_info(self, name: str) -> StreamInfo:
        state = {"messages": 1, "bytes": 1, "first_seq": 1, "last_seq": 1, "consumer_count": 0}
        config = {"name": name, "subjects": ["up.*"]}
        return cast(StreamInfo, StreamInfo.from_response({"config": config, "state": state, "cluster": self.cluster}))


@pytest.mark.parametrize(
    ("copies", "outdated"),
    [
        (None, set()),  # a single server
        ([{"name": "hq-2", "current": True, "active": 9}, {"name": "hq-3", "current": True, "active": 9}], set()),
        (  # as nats-server 2.15.1 reports a server whose disk was full, and one that has ended
            [
                {"name": "hq-2", "current": False, "active": 0, "lag": 11},
                {"name": "hq-3", "current": False, "offline": True, "active": 9},
            ],
            {"hq-2", "hq-3"},
        ),
    ],
)
async def test_nats_servers_whose_copy_of_a_stream_lacks_messages_are_named(
    copies: list[dict[str, Any]] | None, outdated: set[str]
) -> None:
    session = Session(cast(Any, ClusterClient(copies)))
    assert await session.list_servers_with_outdated_copy("UP") == outdated


async def test_repeated_nats_connection_problem_is_logged_once_until_reconnected() -> None:
    log, refused = _ProblemLog(), OSError("refused")
    with structlog.testing.capture_logs() as logged:
        for error in (refused, refused, OSError("no route"), refused):
            await log.log_connection_problem_unless_repeated(error)
        await log.forget_last_logged_problem()
        await log.log_connection_problem_unless_repeated(refused)
    assert [each["problem"] for each in logged] == ["refused", "no route", "refused", "refused"]


async def test_session_ends_if_cancelled_as_the_server_refuses_the_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    attempts = 0

    async def refuse_connection_and_cancel_session(*_: object, **__: object) -> NoReturn:
        """The library awaits this in `asyncio.wait_for`, which on Python 3.11 loses a cancellation at this moment."""
        nonlocal attempts
        attempts += 1
        if attempts > 1:
            pytest.fail("the library connects again after the cancellation")
        opening.cancel()
        raise ConnectionRefusedError

    async def open_a_session() -> None:
        async with open_session(["nats://127.0.0.1:1"], "a test"):
            """Never reached."""

    monkeypatch.setattr(asyncio, "open_connection", refuse_connection_and_cancel_session)
    opening = asyncio.create_task(open_a_session())
    with pytest.raises(asyncio.CancelledError):
        await opening
    assert attempts == 1
