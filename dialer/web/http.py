"""The desk's HTTP server, and its WebSockets: uvicorn, with bounds on what a request may make it wait for and keep.

httptools takes a header of any length, and uvicorn waits for the rest of a request for as long as it takes.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Sequence
from pathlib import Path
from typing import Any

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from dialer.domain.errors import PortInUse
from dialer.errors import SettingError
from dialer.settings.desk import PageServer

MOST_CONNECTIONS = 1_000
MOST_HEAD_BYTES = 16_384  # request line and headers
HEAD_SECONDS = 10.0  # from the connection, or what comes after a request, to a head's end
BODY_SECONDS = 30.0  # from the head's end to the request's, and for each megabyte of it
MOST_SOCKET_BYTES = 32_768  # of a message; a browser's INVITE with a dozen addresses has some 5,000
SOCKET_SECONDS = 5.0  # between two pings, and until one is answered: a page without power is missed as its phone is
STOP_SECONDS = 3  # for what is under way; a page's stream is ended at once


class BoundedRequests(HttpToolsProtocol):
    """A connection of somebody who may mean no good."""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self._head_bytes = 0  # of headers that are whole
        self._unfinished_bytes = 0  # that came for a head that is not
        self._body_bytes = 0  # since there was time for more
        self._in_body = False
        self._requests = 0  # that are whole
        self._patience: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Somebody has come, and is to say what for."""
        super().connection_made(transport)
        self._wait(HEAD_SECONDS)

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing is waited for."""
        self._wait(None)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Bytes of a request."""
        whole = self._requests
        super().data_received(data)
        if self.transport.is_closing() or self._in_body or self._requests != whole:
            return
        self._unfinished_bytes += len(data)
        if self._unfinished_bytes > MOST_HEAD_BYTES:  # of one header, which the parser keeps until it is whole
            self.send_400_response("The request's head is too long.")
        elif self._patience is None:
            self._wait(HEAD_SECONDS)

    def on_message_begin(self) -> None:
        """A head begins."""
        super().on_message_begin()
        self._head_bytes = 0

    def on_url(self, url: bytes) -> None:
        """What is asked for, or a part of it."""
        self._count(url)
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header."""
        self._count(name + value)
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """The head is whole."""
        self._in_body, self._unfinished_bytes, self._body_bytes = True, 0, 0
        self._wait(BODY_SECONDS)
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """A part of what is sent; a long file has its time for each megabyte."""
        self._body_bytes += len(body)
        if self._body_bytes >= 1024**2:
            self._body_bytes = 0
            self._wait(BODY_SECONDS)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """The request is whole: its answer takes as long as it takes."""
        self._in_body = False
        self._requests += 1
        self._wait(None)
        super().on_message_complete()

    def handle_websocket_upgrade(self) -> None:
        """The connection is a WebSocket from now on, with bounds of its own."""
        self._wait(None)
        super().handle_websocket_upgrade()

    def _count(self, part: bytes) -> None:
        self._head_bytes += len(part)
        if self._head_bytes > MOST_HEAD_BYTES:
            raise ValueError("the request's head is too long")  # uvicorn answers 400 and closes

    def _wait(self, seconds: float | None) -> None:
        if self._patience is not None:
            self._patience.cancel()
        self._patience = None if seconds is None else self.loop.call_later(seconds, self.transport.abort)


class DeskServer(uvicorn.Server):
    """uvicorn's server, whose stop is ours to say."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.open = asyncio.Event()  # people can come

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """None are taken."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to take connections."""
        await super().startup(sockets)
        self.open.set()


def desk_server(desk: PageServer, app: ASGIApp) -> DeskServer:
    """A server for `app`, with its certificate read. Raises SettingError where that cannot be used."""
    config = uvicorn.Config(
        app,
        http=BoundedRequests,
        ws="websockets-sansio",
        ws_max_size=MOST_SOCKET_BYTES,
        ws_ping_interval=SOCKET_SECONDS,
        ws_ping_timeout=SOCKET_SECONDS,
        ws_per_message_deflate=False,
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=False,
        proxy_headers=False,
        limit_concurrency=MOST_CONNECTIONS,
        timeout_graceful_shutdown=STOP_SECONDS,
        ssl_certfile=desk.certificate,
        ssl_keyfile=desk.private_key,
    )
    for key, path in (("desk.certificate", desk.certificate), ("desk.private_key", desk.private_key)):
        _refuse_unreadable(key, path)
    try:
        config.load()
    except OSError as error:  # SSLError is one
        raise SettingError(
            "settings",
            "desk.certificate",
            f"{desk.certificate} and {desk.private_key} are no certificate with its key ({error.strerror})",
            "name a certificate with its chain and its key, both PEM and the key without a password",
        ) from error
    return DeskServer(config)


@contextlib.asynccontextmanager
async def serving(
    desk: PageServer,
    listener: socket.socket,
    app: ASGIApp,
    beside: Sequence[Callable[[], Coroutine[Any, Any, None]]],
    end: Callable[[], None],
) -> AsyncIterator[None]:
    """Serve `app`, and run what is `beside` it, for as long as the context lasts; `end` ends the news of the pages that are open.
    Raises SettingError.
    """
    server = desk_server(desk, app)
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(run(), name=f"desk-{run.__qualname__}") for run in beside]
        served = group.create_task(server.serve(sockets=[listener]), name="desk-server")
        try:
            await server.open.wait()
            yield
        finally:
            server.should_exit = True
            end()
            await asyncio.wait({served})  # what is still asked is answered, and what agents type is kept
            for task in tasks:
                task.cancel()


def _refuse_unreadable(key: str, path: Path | None) -> None:
    try:
        if path is not None:
            path.open("rb").close()
    except OSError as error:
        raise SettingError(
            "settings", key, f"{path} cannot be read ({error.strerror})", "correct the path, or this user's rights"
        ) from error


@contextlib.contextmanager
def listening(host: str, port: int) -> Iterator[socket.socket]:
    """A socket that listens there, for as long as the context lasts. Raises PortInUse."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family, backlog=256)
    except OSError as error:
        raise PortInUse(
            f"{host}:{port} for the desk: {os.strerror(error.errno or 0)}; set desk.port or desk.host to another one"
        ) from error
    with listener:
        yield listener


def stop_asked() -> asyncio.Event:
    """What is set once SIGTERM or Ctrl-C asks this process to stop."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return stop


def own_origins(desk: PageServer, port: int) -> frozenset[str]:
    """What may stand before the path in a browser; of pages for this machine alone, however it is said."""
    origin = desk.origin(port)
    if desk.address is not None or not desk.host.startswith("127."):
        return frozenset({origin})
    scheme = origin.partition(":")[0]
    return frozenset({origin, *(f"{scheme}://{name}:{port}" for name in ("localhost", "127.0.0.1"))})
