"""The connection under an AMI session: bytes up, nothing decided."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import cast

_READ_BYTES = 65_536


class AmiWire(asyncio.BufferedProtocol):
    """The connection under a session, with one buffer for all reads: a protocol's own reads allocate 256 KiB each."""

    def __init__(
        self,
        connected: Callable[[asyncio.Transport], None],
        received: Callable[[bytes], None],
        disconnected: Callable[[Exception | None], None],
        set_writable: Callable[[bool], None],
    ) -> None:
        self._connected = connected
        self._received = received
        self._disconnected = disconnected
        self._set_writable = set_writable
        self._buffer = memoryview(bytearray(_READ_BYTES))

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._connected(cast(asyncio.Transport, transport))

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        self._received(bytes(self._buffer[:nbytes]))

    def connection_lost(self, exc: Exception | None) -> None:
        self._disconnected(exc)

    def pause_writing(self) -> None:
        self._set_writable(False)

    def resume_writing(self) -> None:
        self._set_writable(True)
