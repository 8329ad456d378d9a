"""HTTP server for monitoring: `/metrics`, `/health` (the event loop responds) and `/ready` (the process does its work).

It runs in a thread, so that it can report a blocked event loop. Requests are answered one after the other: a slow client
delays other requests, but never a call.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AbstractAsyncContextManager
from socketserver import TCPServer
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer
from wsgiref.types import StartResponse, WSGIEnvironment

from prometheus_client import CollectorRegistry, Metric, ProcessCollector
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from dialer.domain.errors import PortInUse
from dialer.metrics.families import ProcessStatus

ANSWER_SECONDS = 2.0
"""An event loop that does not respond within this time is blocked. Well below Prometheus' scrape_timeout of 10 seconds."""
CLIENT_SECONDS = 2.0
_TEXT = ("Content-Type", "text/plain; charset=utf-8")


@contextlib.asynccontextmanager
async def serve_metrics(host: str, port: int, get_status: Callable[[], ProcessStatus]) -> AsyncIterator[int]:
    """Serve metrics over HTTP while the context is open, and yield the port.

    `get_status` is called in the running event loop.

    Raises:
        PortInUse: The port cannot be opened.
    """
    loop = asyncio.get_running_loop()
    try:
        server = _Server((host, port), _Handler)
    except OSError as error:
        raise PortInUse(
            f"the metrics port {host}:{port} cannot be opened ({os.strerror(error.errno or 0)}); choose another"
            " port in [metrics]"
        ) from error
    server.set_app(_MetricsApp(loop, get_status).handle_request)
    thread = threading.Thread(target=server.serve_forever, name="metrics", daemon=True)
    thread.start()
    try:
        yield int(server.server_address[1])
    finally:
        await asyncio.to_thread(server.shutdown)  # a pending request waits for this loop
        server.server_close()


def serve_metrics_if_enabled(
    host: str, port: int | None, get_status: Callable[[], ProcessStatus]
) -> AbstractAsyncContextManager[int | None]:
    """Serve metrics over HTTP while the context is open. Do nothing if `port` is None."""
    return contextlib.nullcontext() if port is None else serve_metrics(host, port, get_status)


class _MetricsApp:
    def __init__(self, loop: asyncio.AbstractEventLoop, get_status: Callable[[], ProcessStatus]) -> None:
        self._loop = loop
        self._get_status = get_status
        self._process = CollectorRegistry(auto_describe=False)
        ProcessCollector(registry=self._process)

    def handle_request(self, request: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        """Answer an HTTP request for metrics or a health check (WSGI)."""
        path = request.get("PATH_INFO", "")
        if request["REQUEST_METHOD"] != "GET" or path not in {"/metrics", "/health", "/ready"}:
            start("404 Not Found", [_TEXT])
            return [b"available: /metrics, /health, /ready\n"]
        pending = asyncio.run_coroutine_threadsafe(self._read_process_status_in_event_loop(), self._loop)
        try:
            status = pending.result(ANSWER_SECONDS)
        except TimeoutError:
            pending.cancel()
            start("503 Service Unavailable", [_TEXT])
            return [b"the event loop is blocked\n"]
        if path == "/metrics":
            encode, kind = choose_encoder(request.get("HTTP_ACCEPT", ""))
            registry = CollectorRegistry(auto_describe=False)
            registry.register(_FamilyCollector((*status.families, *self._process.collect())))
            start("200 OK", [("Content-Type", kind)])
            return [encode(registry)]
        problem = status.problem if path == "/ready" else None
        start("503 Service Unavailable" if problem else "200 OK", [_TEXT])
        return [f"{problem or 'ok'}\n".encode()]

    async def _read_process_status_in_event_loop(self) -> ProcessStatus:
        """Call `get_status`, and return the status of the process. Runs in the event loop's thread, not in the HTTP
        server's.
        """
        return self._get_status()


class _FamilyCollector(Collector):
    def __init__(self, families: tuple[Metric, ...]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        """Return the metrics that were collected for this HTTP request, as prometheus_client requires it."""
        return self._families


class _Server(WSGIServer):
    def server_bind(self) -> None:
        """Bind the socket without a DNS lookup, which would block the event loop."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])
        self.setup_environ()

    def handle_error(self, request: object, client_address: object) -> None:
        """Ignore errors of clients that disconnect or time out."""


class _Handler(WSGIRequestHandler):
    timeout = CLIENT_SECONDS

    def log_message(self, format: str, *values: object) -> None:  # noqa: A002 - the library's own name
        """Do not log requests, which come every few seconds."""

    def address_string(self) -> str:
        """Return the client's address without a DNS lookup."""
        return str(self.client_address[0])
