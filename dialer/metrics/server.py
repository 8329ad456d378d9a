"""The HTTP server for a monitoring server: `/metrics`, `/health` (the process is alive) and `/ready` (it does its work).

It runs in a thread, so that a process whose event loop is blocked says so. Requests are answered one after the other: a slow
client delays other requests, never a call.
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
from dialer.metrics.families import Readiness

ANSWER_SECONDS = 2.0
"""A loop that does not answer within this time is blocked; it is well below Prometheus' scrape_timeout of ten seconds."""
CLIENT_SECONDS = 2.0
_TEXT = ("Content-Type", "text/plain; charset=utf-8")


@contextlib.asynccontextmanager
async def serving_metrics(host: str, port: int, readiness: Callable[[], Readiness]) -> AsyncIterator[int]:
    """Serve for as long as the context lasts, and provide the port. `readiness` is called in this loop. Raises PortInUse."""
    loop = asyncio.get_running_loop()
    try:
        server = _Server((host, port), _Handler)
    except OSError as error:
        raise PortInUse(
            f"{host}:{port} for metrics: {os.strerror(error.errno or 0)}; choose another [metrics] port"
        ) from error
    server.set_app(_Questions(loop, readiness).answer)
    thread = threading.Thread(target=server.serve_forever, name="metrics", daemon=True)
    thread.start()
    try:
        yield int(server.server_address[1])
    finally:
        await asyncio.to_thread(server.shutdown)  # a pending request waits for this loop
        server.server_close()


def watched(host: str, port: int | None, readiness: Callable[[], Readiness]) -> AbstractAsyncContextManager[int | None]:
    """Serve where the settings have a port; None: do nothing."""
    return contextlib.nullcontext() if port is None else serving_metrics(host, port, readiness)


class _Questions:
    def __init__(self, loop: asyncio.AbstractEventLoop, readiness: Callable[[], Readiness]) -> None:
        self._loop = loop
        self._readiness = readiness
        self._process = CollectorRegistry(auto_describe=False)
        ProcessCollector(registry=self._process)

    def answer(self, request: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        """A WSGI application."""
        path = request.get("PATH_INFO", "")
        if request["REQUEST_METHOD"] != "GET" or path not in {"/metrics", "/health", "/ready"}:
            start("404 Not Found", [_TEXT])
            return [b"available: /metrics, /health, /ready\n"]
        asked = asyncio.run_coroutine_threadsafe(self._ask(), self._loop)
        try:
            readiness = asked.result(ANSWER_SECONDS)
        except TimeoutError:
            asked.cancel()
            start("503 Service Unavailable", [_TEXT])
            return [b"the event loop is blocked\n"]
        if path == "/metrics":
            encode, kind = choose_encoder(request.get("HTTP_ACCEPT", ""))
            registry = CollectorRegistry(auto_describe=False)
            registry.register(_Families((*readiness.families, *self._process.collect())))
            start("200 OK", [("Content-Type", kind)])
            return [encode(registry)]
        problem = readiness.not_ready if path == "/ready" else None
        start("503 Service Unavailable" if problem else "200 OK", [_TEXT])
        return [f"{problem or 'ok'}\n".encode()]

    async def _ask(self) -> Readiness:
        return self._readiness()


class _Families(Collector):
    def __init__(self, families: tuple[Metric, ...]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        """Return the families."""
        return self._families


class _Server(WSGIServer):
    def server_bind(self) -> None:
        """Bind without a DNS lookup, which would block the engine's loop."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])
        self.setup_environ()

    def handle_error(self, request: object, client_address: object) -> None:
        """Ignore clients that disconnect or time out."""


class _Handler(WSGIRequestHandler):
    timeout = CLIENT_SECONDS

    def log_message(self, format: str, *values: object) -> None:  # noqa: A002 - the library's own name
        """Do not log requests, which come every few seconds."""

    def address_string(self) -> str:
        """Return the address without a DNS lookup."""
        return str(self.client_address[0])
