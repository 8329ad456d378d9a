"""Where a monitoring server asks: `/metrics`, `/health` (the process does something) and `/ready` (it does its work).

In a thread of its own, so that a process whose loop stands still says so in place of saying nothing. One question is answered after
the other: who is slow holds up other questions, and never a call.
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
"""The loop answers by then, or stands still: of Prometheus' own ten seconds (scrape_timeout) there must be some left."""
CLIENT_SECONDS = 2.0
_TEXT = ("Content-Type", "text/plain; charset=utf-8")


@contextlib.asynccontextmanager
async def serving_metrics(host: str, port: int, readiness: Callable[[], Readiness]) -> AsyncIterator[int]:
    """Serve for as long as the context lasts; gives the port. `readiness` is called in this loop. Raises PortInUse."""
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
        await asyncio.to_thread(server.shutdown)  # a question that is being answered waits for this loop
        server.server_close()


def watched(host: str, port: int | None, readiness: Callable[[], Readiness]) -> AbstractAsyncContextManager[int | None]:
    """The same, where the settings name a port."""
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
            return [b"ask for /metrics, /health or /ready\n"]
        asked = asyncio.run_coroutine_threadsafe(self._ask(), self._loop)
        try:
            readiness = asked.result(ANSWER_SECONDS)
        except TimeoutError:
            asked.cancel()
            start("503 Service Unavailable", [_TEXT])
            return [b"its loop does not answer\n"]
        if path == "/metrics":
            encode, kind = choose_encoder(request.get("HTTP_ACCEPT", ""))
            registry = CollectorRegistry(auto_describe=False)
            registry.register(_Told((*readiness.families, *self._process.collect())))
            start("200 OK", [("Content-Type", kind)])
            return [encode(registry)]
        problem = readiness.not_ready if path == "/ready" else None
        start("503 Service Unavailable" if problem else "200 OK", [_TEXT])
        return [f"{problem or 'ok'}\n".encode()]

    async def _ask(self) -> Readiness:
        return self._readiness()


class _Told(Collector):
    def __init__(self, families: tuple[Metric, ...]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        """The families as they were told."""
        return self._families


class _Server(WSGIServer):
    def server_bind(self) -> None:
        """Without a look at the name service, for which the engine's loop would wait."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])
        self.setup_environ()

    def handle_error(self, request: object, client_address: object) -> None:
        """Nothing: who asked has gone, or said nothing in time."""


class _Handler(WSGIRequestHandler):
    timeout = CLIENT_SECONDS

    def log_message(self, format: str, *values: object) -> None:  # noqa: A002 - the library's own name
        """Nothing: somebody asks every few seconds."""

    def address_string(self) -> str:
        """No name is looked up."""
        return str(self.client_address[0])
