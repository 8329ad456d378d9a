"""The HTTP and WebSocket server of the pages: uvicorn with limits on the size and duration of requests.

Without these limits, the server would accept headers of any length and wait for a request without a timeout.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

import structlog
import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from dialer.domain.errors import PortInUse
from dialer.errors import SettingError
from dialer.settings.desk import PageServer
from dialer.settings.fields import is_loopback_host

_log = structlog.get_logger(__name__)

MAX_CONNECTIONS = 1_000
MAX_PENDING_PER_ADDRESS = (
    200  # connections of one address whose first request has not arrived; browsers open some in advance
)
MAX_HEAD_BYTES = 16_384  # request line and headers
HEAD_SECONDS = 10.0  # for the request line and headers
BODY_SECONDS = 30.0  # for a body, or for each megabyte of its declared length
MAX_BODY_SECONDS = 3_600.0  # for a body of any length
ANSWERED_BODY_SECONDS = 5.0  # for the rest of a body after the answer, which was a refusal
MAX_WEBSOCKET_MESSAGE_BYTES = 32_768  # an INVITE of a browser with a dozen addresses has some 5,000
WEBSOCKET_PING_SECONDS = 5.0  # between pings, and for each answer, so that a page that lost its power is noticed
STOP_SECONDS = 3  # for requests in progress; streams of pages are ended at once


class BoundedHttpProtocol(HttpToolsProtocol):
    """An HTTP connection that is closed if its client sends too much or too slowly.

    A new connection is also closed if its client's address has too many connections without a request.
    """

    pending: ClassVar[Counter[str]] = Counter()
    """Connections by address whose first request has not arrived. A proxy on this machine is not counted."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._head_bytes = 0  # of complete headers
        self._unparsed_bytes = 0  # of a head that is not complete yet
        self._declared_bytes = 0  # length of the request's body; 0: not declared
        self._in_body = False
        self._requests = 0  # received completely
        self._deadline: asyncio.TimerHandle | None = None
        self._pending_address = ""  # counted in `pending`

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start the time limit for the first request of a new connection.

        Close the connection at once if its address has too many connections that wait for their first request.
        """
        super().connection_made(transport)
        self._set_request_deadline(HEAD_SECONDS)
        address = self.client[0] if self.client else ""
        if address and not is_loopback_host(address):
            self._pending_address = address
            self.pending[address] += 1
            if self.pending[address] > MAX_PENDING_PER_ADDRESS:
                _log.warning("connection.refused", address=address)
                self.transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Cancel the time limit of a closed connection."""
        self._set_request_deadline(None)
        self._remove_from_pending_connections()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse received bytes, and limit the size of a request head that is not complete yet."""
        complete = self._requests
        super().data_received(data)
        if self.transport.is_closing() or self._in_body or self._requests != complete:
            return
        self._unparsed_bytes += len(data)
        if self._unparsed_bytes > MAX_HEAD_BYTES:  # the parser buffers a header until it is complete
            self.send_400_response("The request's head is too long.")
        elif self._deadline is None:
            self._set_request_deadline(HEAD_SECONDS)

    def on_message_begin(self) -> None:
        """Start to count the bytes of a new request."""
        super().on_message_begin()
        self._head_bytes = self._declared_bytes = 0

    def on_url(self, url: bytes) -> None:
        """Count the URL as part of the request's head."""
        self._count_header_bytes(url)
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Count a header as part of the request's head, and note the declared length of the body."""
        self._count_header_bytes(name + value)
        if name.lower() == b"content-length" and value.isdigit():
            self._declared_bytes = int(value)
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Start the time limit for the request's body. Received data does not extend this limit."""
        self._in_body, self._unparsed_bytes = True, 0
        megabytes = max(1.0, self._declared_bytes / 1024**2)
        self._set_request_deadline(min(BODY_SECONDS * megabytes, MAX_BODY_SECONDS))
        self._remove_from_pending_connections()
        super().on_headers_complete()

    def on_response_complete(self) -> None:
        """Shorten the time limit for a request body that is still arriving after the response was sent."""
        super().on_response_complete()
        if self._in_body and self.cycle.response_complete:
            self._set_request_deadline(ANSWERED_BODY_SECONDS)

    def on_message_complete(self) -> None:
        """Cancel the time limit of a complete request: the answer may take any time."""
        self._in_body = False
        self._requests += 1
        self._set_request_deadline(None)
        super().on_message_complete()

    def handle_websocket_upgrade(self) -> None:
        """Cancel the connection's time limit when it becomes a WebSocket. A WebSocket has time limits of its own."""
        self._set_request_deadline(None)
        super().handle_websocket_upgrade()

    def _remove_from_pending_connections(self) -> None:
        """Stop counting this connection among its address's connections that have not sent a request yet."""
        address, self._pending_address = self._pending_address, ""
        if address:
            self.pending[address] -= 1
            if not self.pending[address]:
                del self.pending[address]

    def _count_header_bytes(self, part: bytes) -> None:
        self._head_bytes += len(part)
        if self._head_bytes > MAX_HEAD_BYTES:
            raise ValueError(
                "the header of an HTTP request is too long: send fewer or shorter header lines"
            )  # uvicorn answers 400 and closes

    def _set_request_deadline(self, seconds: float | None) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
        self._deadline = None if seconds is None else self.loop.call_later(seconds, self.transport.abort)


class StoppableServer(uvicorn.Server):
    """A uvicorn server that leaves the handling of signals to its caller, and reports when it accepts connections."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.open = asyncio.Event()  # set when the server accepts connections

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signal handlers of the process unchanged, because the caller of the server handles signals."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start to accept connections, then set the event `open` that tells the caller."""
        await super().startup(sockets)
        self.open.set()


def create_page_server(desk: PageServer, app: ASGIApp) -> StoppableServer:
    """Return an HTTPS or HTTP server for `app`, with its certificate loaded.

    Raises SettingError if the certificate cannot be used.
    """
    config = uvicorn.Config(
        app,
        http=BoundedHttpProtocol,
        ws="websockets-sansio",
        ws_max_size=MAX_WEBSOCKET_MESSAGE_BYTES,
        ws_ping_interval=WEBSOCKET_PING_SECONDS,
        ws_ping_timeout=WEBSOCKET_PING_SECONDS,
        ws_per_message_deflate=False,
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=False,
        proxy_headers=False,
        limit_concurrency=MAX_CONNECTIONS,
        timeout_graceful_shutdown=STOP_SECONDS,
        ssl_certfile=desk.certificate,
        ssl_keyfile=desk.private_key,
    )
    for key, path in (("desk.certificate", desk.certificate), ("desk.private_key", desk.private_key)):
        _refuse_unreadable_file(key, path)
    try:
        config.load()
    except OSError as error:  # SSLError is one
        raise SettingError(
            "settings",
            "desk.certificate",
            f"{desk.certificate} and {desk.private_key} are not a certificate and its key ({error.strerror})",
            "set a certificate with its chain and its key, both as PEM, the key without a password",
        ) from error
    return StoppableServer(config)


@contextlib.asynccontextmanager
async def serve_pages(
    desk: PageServer,
    listener: socket.socket,
    app: ASGIApp,
    background: Sequence[Callable[[], Coroutine[Any, Any, None]]],
    end_streams: Callable[[], None],
) -> AsyncIterator[None]:
    """Serve the web application `app` while the context is open, and run the `background` tasks meanwhile.

    `end_streams` ends the streams of open pages. Raises SettingError.
    """
    server = create_page_server(desk, app)
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(run(), name=f"desk-{run.__qualname__}") for run in background]
        served = group.create_task(server.serve(sockets=[listener]), name="desk-server")
        try:
            await server.open.wait()
            yield
        finally:
            server.should_exit = True
            end_streams()
            await asyncio.wait({served})  # requests in progress are answered first, so that agents lose no entries
            for task in tasks:
                task.cancel()


def _refuse_unreadable_file(key: str, path: Path | None) -> None:
    try:
        if path is not None:
            path.open("rb").close()
    except OSError as error:
        raise SettingError(
            "settings",
            key,
            f"{path} cannot be read ({error.strerror})",
            "correct the path, or let this user read the file",
        ) from error


@contextlib.contextmanager
def open_listening_socket(host: str, port: int) -> Iterator[socket.socket]:
    """Open a socket that accepts connections, and close it when the context ends.

    Raises PortInUse.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family, backlog=256)
    except OSError as error:
        raise PortInUse(
            f"the desk cannot serve its pages at {host}:{port} ({os.strerror(error.errno or 0)}); set another "
            "`desk.port` or `desk.host`"
        ) from error
    with listener:
        yield listener


def create_stop_signal_event() -> asyncio.Event:
    """Return an event that is set when the process receives SIGTERM or SIGINT (Ctrl-C)."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return stop


def list_allowed_origins(desk: PageServer, port: int) -> frozenset[str]:
    """Return the URLs (origins) under which browsers may open the pages.

    Pages on loopback are available as localhost and 127.0.0.1.
    """
    origin = desk.get_url_of_pages(port)
    if desk.address is not None or not desk.host.startswith("127."):
        return frozenset({origin})
    scheme = origin.partition(":")[0]
    return frozenset({origin, *(f"{scheme}://{name}:{port}" for name in ("localhost", "127.0.0.1"))})
