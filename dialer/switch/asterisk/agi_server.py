"""The FastAGI server: Asterisk connects once per call, and a handler runs that call's flow.

A peer gets little: an allowed address, one of a limited number of connections, a few seconds and 8 kB for its
environment. What it then does costs at most its own call.
"""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import socket
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from types import TracebackType
from typing import Self, cast

import structlog

from config.errors import MatdanError
from dialer.errors import PortInUse, ProtocolError, SwitchError
from dialer.switch.asterisk.agi_call import AgiCall
from dialer.switch.asterisk.agi_codec import AgiDecoder, AgiEnvironment, AgiInput, AgiReply, CallHungUp

_log = structlog.get_logger(__name__)

_READ_BYTES = 2048  # an environment is some 700 bytes, an answer 40
_BACKLOG = 1024

LOOPBACK = ("127.0.0.0/8", "::1")

Handler = Callable[[AgiCall], Awaitable[None]]
"""Runs one call. When it returns, the connection is closed and the dialplan goes on. CallHungUp may pass through it."""


async def addresses_of(host: str) -> tuple[str, ...]:
    """The addresses that `ami.host` has now: itself, or what its name stands for. Raises SwitchError for a name of nothing."""
    try:
        return (str(ipaddress.ip_address(host)),)
    except ValueError:
        pass
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:  # a label of more than 63 letters is no name at all
        raise SwitchError(
            f"nobody knows the address of {host}, from which Asterisk reaches our flows: correct `ami.host`, "
            "or set it to an address"
        ) from error
    return tuple(dict.fromkeys(str(address[0]).partition("%")[0] for *_, address in found))


@dataclass(frozen=True, slots=True)
class AgiLimits:
    """What the peers may use of us."""

    connections: int = 2000
    environment_seconds: float = 5.0  # from the connection to the environment's blank line
    drain_seconds: float = 10.0  # at the end, for calls under way


class AgiServer:
    """Listens for Asterisk's calls: `async with AgiServer(handler, port=4573): ...`.

    Entering raises PortInUse when the port is taken, SwitchError when the address is none of ours. Leaving stops
    listening, gives the calls under way `drain_seconds`, then cancels their handlers.
    """

    def __init__(
        self,
        handler: Handler,
        limits: AgiLimits | None = None,
        *,
        host: str = "127.0.0.1",
        port: int = 4573,
        allowed_peers: Iterable[str] = LOOPBACK,
    ) -> None:
        """`allowed_peers` are addresses and networks; FastAGI itself has no login. Port 0 takes any free one."""
        self.limits = limits or AgiLimits()
        self.refused_connections = 0  # over the limit or not allowed
        self._handler = handler
        self._host = host
        self._port = port
        self._allowed = [ipaddress.ip_network(peer) for peer in allowed_peers]
        self._allowed_before: dict[str, bool] = {}
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._connections: set[_Connection] = set()
        self._emptied = asyncio.Event()
        self._full = False

    @property
    def port(self) -> int:
        """The port that is listened on."""
        return self._port

    @property
    def calls(self) -> int:
        """How many handlers are running."""
        return len(self._tasks)

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        try:
            self._server = await loop.create_server(
                lambda: _Connection(self), self._host, self._port, backlog=_BACKLOG, reuse_address=True
            )
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise PortInUse(
                    f"port {self._port} on {self._host} is taken: stop what holds it, or set another `fastagi.port`"
                ) from None
            raise SwitchError(
                f"cannot listen on {self._host}:{self._port} ({error.strerror or error}): correct `fastagi.host`"
            ) from None
        for listener in self._server.sockets:
            _detect_dead_peers(listener)
        self._port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.stop(self.limits.drain_seconds if kind is None else 0)

    async def stop(self, drain_seconds: float) -> None:
        """Stop listening, let running calls end by themselves for `drain_seconds`, then end them. May be called twice."""
        if self._server is not None:
            self._server.close()
        for connection in list(self._connections):
            connection.abort_unless_running()
        if self._tasks and drain_seconds > 0:
            await asyncio.wait(self._tasks, timeout=drain_seconds)
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        for connection in list(self._connections):
            connection.abort()
        while self._connections:
            self._emptied.clear()
            await self._emptied.wait()

    def admit(self, connection: _Connection, address: str) -> bool:
        """Whether a new connection may stay; counts the refused, and logs a flood once."""
        if not self._is_allowed(address):
            _log.warning("agi.peer_not_allowed", address=address, remedy="if it is Asterisk: set `fastagi.allowed`")
        elif len(self._connections) < self.limits.connections:
            self._full = False
            self._connections.add(connection)
            return True
        elif not self._full:
            self._full = True
            _log.warning("agi.connections_full", limit=self.limits.connections)
        self.refused_connections += 1
        return False

    def _is_allowed(self, address: str) -> bool:
        known = self._allowed_before.get(address)
        if known is None:
            peer = ipaddress.ip_address(address)
            known = any(peer in network for network in self._allowed)
            if known:  # only those: others could fill the memory
                self._allowed_before[address] = True
        return known

    def start(self, connection: _Connection, call: AgiCall) -> None:
        """The connection's side: the environment is in, run the handler."""
        task = asyncio.get_running_loop().create_task(self._run(connection, call), name="agi-call")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _run(self, connection: _Connection, call: AgiCall) -> None:
        try:
            await self._handler(call)
        except CallHungUp:
            _log.debug("agi.hung_up", call=call.env.unique_id)
        except MatdanError as error:
            _log.error("agi.call_failed", call=call.env.unique_id, error=str(error))
        except Exception:  # noqa: BLE001 - one call's bug must not end the others; it is logged whole
            _log.exception("agi.handler_failed", call=call.env.unique_id)
        finally:
            connection.close()

    def forget(self, connection: _Connection) -> None:
        """The connection's side: it is closed."""
        self._connections.discard(connection)
        if not self._connections:
            self._emptied.set()


class _Connection(asyncio.BufferedProtocol):
    """The wire of one call. Its small buffer is its own: a proactor loop fills it while others are read."""

    __slots__ = ("_buffer", "_call", "_deadline", "_decoder", "_server", "_transport")

    def __init__(self, server: AgiServer) -> None:
        self._server = server
        self._buffer = bytearray(_READ_BYTES)
        self._decoder = AgiDecoder()
        self._transport: asyncio.Transport | None = None
        self._call: AgiCall | None = None
        self._deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        address = (transport.get_extra_info("peername") or ("0.0.0.0",))[0]  # noqa: S104 - gone already: refused
        wire = cast(asyncio.Transport, transport)  # what create_server promises
        if not self._server.admit(self, address):
            wire.abort()
            return
        self._transport = wire
        self._deadline = asyncio.get_running_loop().call_later(
            self._server.limits.environment_seconds, self._environment_late
        )

    def get_buffer(self, sizehint: int) -> bytearray:
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        if self._transport is None:
            return
        try:
            for received in self._decoder.feed(bytes(self._buffer[:nbytes])):
                self._take(received)
        except ProtocolError as error:
            _log.warning("agi.protocol_error", error=str(error))
            self.abort()

    def _take(self, received: AgiInput) -> None:
        if isinstance(received, AgiReply):
            if self._call is None or not self._call.deliver(received):
                raise ProtocolError("the peer sent an AGI answer that nobody asked for")
        elif isinstance(received, AgiEnvironment):
            self._cancel_deadline()
            assert self._transport is not None  # noqa: S101 - buffer_updated has looked
            self._call = AgiCall(self._transport, received)
            self._server.start(self, self._call)
        elif self._call is not None:
            self._call.note_hangup()

    def connection_lost(self, exc: Exception | None) -> None:
        self._cancel_deadline()
        if self._call is not None:
            self._call.note_loss()
        self._server.forget(self)

    def close(self) -> None:
        """Close after what is written has left."""
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """Close at once."""
        if self._transport is not None:
            self._transport.abort()

    def abort_unless_running(self) -> None:
        """Close at once a connection that is no call yet."""
        if self._call is None:
            self.abort()

    def _environment_late(self) -> None:
        _log.warning("agi.environment_late", seconds=self._server.limits.environment_seconds)
        self.abort()

    def _cancel_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


def _detect_dead_peers(listener: socket.socket) -> None:
    """Have the kernel probe silent calls, so that a peer that vanished ends its call. Accepted sockets inherit this."""
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in (("TCP_KEEPIDLE", 30), ("TCP_KEEPINTVL", 10), ("TCP_KEEPCNT", 3)):
        if hasattr(socket, option):
            listener.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)
