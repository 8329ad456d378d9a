"""Leaving a server that has gone, and what is told of one that is away."""

from __future__ import annotations

from typing import Any, cast

import pytest
import structlog
from nats.errors import ConnectionClosedError

from dialer.nats.session import Session, _News


class GoneClient:
    """A client whose connection was lost in the midst of something."""

    is_closed = False

    def __init__(self, error: Exception) -> None:
        self.error = error
        self.left = 0

    def jetstream(self, **_: object) -> None:
        """None is needed."""

    async def close(self) -> None:
        self.left += 1
        raise self.error


@pytest.mark.parametrize("error", [ConnectionResetError("Connection lost"), ConnectionClosedError()])
async def test_it_is_no_error(error: Exception) -> None:
    client = GoneClient(error)
    await Session(cast(Any, client)).close()
    assert client.left == 1


async def test_the_same_trouble_is_told_once_until_it_is_over() -> None:
    news, away = _News(), OSError("refused")
    with structlog.testing.capture_logs() as told:
        for error in (away, away, OSError("no route"), away):
            await news.trouble(error)
        await news.over()
        await news.trouble(away)
    assert [each["problem"] for each in told] == ["refused", "no route", "refused", "refused"]
