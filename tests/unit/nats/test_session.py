"""Closing a lost connection, and logging the problems of one."""

from __future__ import annotations

from typing import Any, cast

import pytest
import structlog
from nats.errors import ConnectionClosedError

from dialer.nats.session import Session, _ProblemLog


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


async def test_repeated_nats_connection_problem_is_logged_once_until_reconnected() -> None:
    log, refused = _ProblemLog(), OSError("refused")
    with structlog.testing.capture_logs() as logged:
        for error in (refused, refused, OSError("no route"), refused):
            await log.log_connection_problem_unless_repeated(error)
        await log.log_next_problem_even_if_repeated()
        await log.log_connection_problem_unless_repeated(refused)
    assert [each["problem"] for each in logged] == ["refused", "no route", "refused", "refused"]
