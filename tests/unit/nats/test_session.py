"""Leaving a server that has gone."""

from __future__ import annotations

from typing import Any, cast

import pytest
from nats.errors import ConnectionClosedError

from dialer.nats.session import Session


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
