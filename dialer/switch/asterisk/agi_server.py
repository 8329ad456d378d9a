"""The FastAGI server: Asterisk connects once per call, and a handler serves that call.

A new connection must come from an allowed address. It must send its environment (the data about the call, at most 8 kB)
within some seconds. An `AgiAuthenticator` then checks whether the connection comes from Asterisk.

The number of connections that have not sent their environment is limited. Above the limit, the oldest one is closed.
Asterisk sends the environment at once, so an old connection without it is probably an attacker's. Authenticated
connections have a limit of their own, so that other connections cannot displace calls.
"""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import socket
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Self, cast

import structlog

from dialer.domain.errors import PortInUse, ProtocolError, SwitchError
from dialer.errors import MatdanError
from dialer.switch.asterisk.agi_call import AgiCall
from dialer.switch.asterisk.agi_codec import AgiDecoder, AgiEnvironment, AgiInput, AgiReply, CallHungUp

_log = structlog.get_logger(__name__)

_READ_BYTES: Final = 2048  # an environment has some 700 bytes, a reply 40
_BACKLOG: Final = 1024
_LOG_SECONDS: Final = 60.0  # between two log entries for the same kind of fault
_MOST_LOGGED_PEERS: Final = 100

LOOPBACK: Final = ("127.0.0.0/8", "::1")

Handler = Callable[[AgiCall], Awaitable[None]]
"""Serves one call. When it returns, the connection is closed and the dialplan continues. It may raise CallHungUp."""


class AgiAuthenticator:
    """A check of FastAGI connections. This base class accepts every connection, for tests and benchmarks.

    A site uses its subclass `fastagi.authenticator.TokenAuthenticator`, which accepts only connections from Asterisk.
    """

    def is_connection_authentic(self, environment: AgiEnvironment) -> bool:
        """Return whether a FastAGI connection comes from Asterisk. Called once per connection."""
        return True

    def report_too_many_connections(self, problem: str) -> None:
        """Report that a connection was closed because there are more than `AgiLimits` allows.

        `problem` says which limit.
        """


@dataclass(frozen=True, slots=True)
class AgiLimits:
    """The addresses that may connect to the FastAGI server, and the limits on their connections."""

    allowed_peers: Sequence[str] = LOOPBACK  # addresses and networks
    connections: int = 2000  # authenticated connections
    opening: int = 256  # connections that have not sent their whole environment yet
    opening_per_peer: int = 128  # such connections from one address
    environment_seconds: float = 5.0  # from the connection to the end of its environment
    drain_seconds: float = 10.0  # for calls in progress when the server stops


class AgiServer:
    """A server for FastAGI connections: `async with AgiServer(handler, port=4573): ...`.

    On leaving the context the server stops listening, waits up to `drain_seconds` for calls in progress, then cancels
    their handlers.

    Raises:
        PortInUse: on entering, if another program uses the port.
        SwitchError: on entering, if the address does not belong to this machine.
    """

    def __init__(
        self,
        handler: Handler,
        limits: AgiLimits | None = None,
        *,
        host: str = "127.0.0.1",
        port: int = 4573,
        authenticator: AgiAuthenticator | None = None,
    ) -> None:
        """Create a server that does not listen yet.

        Args:
            handler: serves each call.
            limits: allowed peers and limits.
            host: the address to listen on.
            port: the port to listen on, or 0 for any free port.
            authenticator: checks each connection's environment, because FastAGI itself has no log-in.
        """
        self.limits = limits or AgiLimits()
        self._handler = handler
        self._authenticator = authenticator or AgiAuthenticator()
        self._host = host
        self.port = port  # replaced by the actual port once the server listens
        self._allowed = [ipaddress.ip_network(peer) for peer in self.limits.allowed_peers]
        self._known_addresses: set[str] = set()  # allowed addresses that have connected
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._connections: set[_Connection] = set()
        self._opening: dict[_Connection, str] = {}  # connections without an environment yet, oldest first; addresses
        self._opening_of: Counter[str] = Counter()  # number of these connections by address
        self._logged_peers: set[str] = set()
        self._logged_at: dict[str, float] = {}  # when each kind of fault was last logged (loop time)
        self._emptied = asyncio.Event()

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        try:
            self._server = await loop.create_server(
                lambda: _Connection(self), self._host, self.port, backlog=_BACKLOG, reuse_address=True
            )
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise PortInUse(
                    f"FastAGI port {self.port} on {self._host} is in use: stop the program that uses it, or change `fastagi.port`"
                ) from None
            raise SwitchError(
                f"the FastAGI server cannot listen on {self._host}:{self.port} ({error.strerror or error}): correct `fastagi.host`"
            ) from None
        for listener in self._server.sockets:
            _enable_keepalive(listener)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.stop(self.limits.drain_seconds if kind is None else 0)

    async def stop(self, drain_seconds: float) -> None:
        """Stop the FastAGI server: accept no new connections, wait up to `drain_seconds` for calls in progress, then
        end them.

        It may be called more than once.
        """
        if self._server is not None:
            self._server.close()
        for connection in list(self._opening):
            connection.abort_connection()
        if self._tasks and drain_seconds > 0:
            await asyncio.wait(self._tasks, timeout=drain_seconds)
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        for connection in list(self._connections):
            connection.abort_connection()
        while self._connections:
            self._emptied.clear()
            await self._emptied.wait()

    def admit_connection(self, connection: _Connection, address: str) -> bool:
        """Return whether a new connection is accepted, because its address is allowed. Called by the connection.

        If too many connections have not sent their AGI environment (the data about the call), the oldest of them is
        closed.
        """
        if not self._is_address_allowed(address):
            if address not in self._logged_peers and len(self._logged_peers) < _MOST_LOGGED_PEERS:
                self._logged_peers.add(address)
                _log.warning(
                    "agi.peer_rejected", address=address, remedy="if it is Asterisk, add it to `fastagi.allowed`"
                )
            return False
        if self._opening_of[address] >= self.limits.opening_per_peer:
            self._close_oldest_connection_without_environment(address)
        elif len(self._opening) >= self.limits.opening:
            self._close_oldest_connection_without_environment(None)
        self._connections.add(connection)
        self._opening[connection] = address
        self._opening_of[address] += 1
        return True

    def _close_oldest_connection_without_environment(self, address: str | None) -> None:
        """Close the oldest connection that has not sent its AGI environment (the data about the call).

        With `address`, close the oldest one from this address.
        """
        oldest = next(each for each, of in self._opening.items() if address in {None, of})
        self._authenticator.report_too_many_connections(
            f"{len(self._opening)} connections have not sent the data about their call, the oldest from {self._opening[oldest]}"
        )
        self._remove_connection_without_environment(oldest)
        oldest.abort_connection()

    def _remove_connection_without_environment(self, connection: _Connection) -> None:
        """Remove a connection from the list of those that have not sent their AGI environment (data about the call)."""
        address = self._opening.pop(connection, None)
        if address is not None:
            self._opening_of[address] -= 1
            if not self._opening_of[address]:
                del self._opening_of[address]

    def log_connection_fault(self, event: str, **fields: object) -> None:
        """Log a fault of the program at the other end of a connection.

        Each kind of fault is logged at most once a minute, so that such a program cannot fill the log.
        """
        now = asyncio.get_running_loop().time()
        if now - self._logged_at.get(event, -_LOG_SECONDS) >= _LOG_SECONDS:
            self._logged_at[event] = now
            _log.warning(event, **fields)

    def _is_address_allowed(self, address: str) -> bool:
        if address not in self._known_addresses:
            peer = ipaddress.ip_address(address)
            if not any(peer in network for network in self._allowed):
                return False
            self._known_addresses.add(address)  # only allowed addresses, as others could fill the memory
        return True

    def start_call_handler(self, connection: _Connection, call: AgiCall) -> None:
        """Start the handler of a call if its connection comes from Asterisk. Called by the connection once it has its
        environment.
        """
        self._remove_connection_without_environment(connection)
        if not self._authenticator.is_connection_authentic(call.env):
            connection.abort_connection()
        elif len(self._tasks) >= self.limits.connections:
            self._authenticator.report_too_many_connections(
                f"{self.limits.connections} calls are served at once (`fastagi.max_connections`)"
            )
            connection.abort_connection()
        else:
            task = asyncio.get_running_loop().create_task(self._run_call_handler(connection, call), name="agi-call")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _run_call_handler(self, connection: _Connection, call: AgiCall) -> None:
        try:
            await self._handler(call)
        except CallHungUp:
            _log.debug("agi.hung_up", call=call.env.unique_id)
        except MatdanError as error:
            _log.error("agi.call_failed", call=call.env.unique_id, error=str(error))
        except Exception:  # noqa: BLE001 - a bug in one call must not end the others
            _log.exception("agi.handler_failed", call=call.env.unique_id)
        finally:
            connection.close()

    def remove_closed_connection(self, connection: _Connection) -> None:
        """Remove a closed connection from the server's lists. Called by the connection."""
        self._connections.discard(connection)
        self._remove_connection_without_environment(connection)
        if not self._connections:
            self._emptied.set()


class _Connection(asyncio.BufferedProtocol):
    """The FastAGI connection of one call.

    Each connection needs its own buffer: on Windows, asyncio fills the buffer of one connection while it reads another.
    """

    __slots__ = ("_buffer", "_call", "_deadline", "_decoder", "_server", "_transport")

    def __init__(self, server: AgiServer) -> None:
        self._server = server
        self._buffer = bytearray(_READ_BYTES)
        self._decoder = AgiDecoder()
        self._transport: asyncio.Transport | None = None
        self._call: AgiCall | None = None
        self._deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # A connection that is closed already has no peer address and is refused.
        address = (transport.get_extra_info("peername") or ("0.0.0.0",))[0]  # noqa: S104 - never allowed
        wire = cast(asyncio.Transport, transport)  # the only kind that create_server makes
        if not self._server.admit_connection(self, address):
            wire.abort()
            return
        self._transport = wire
        self._deadline = asyncio.get_running_loop().call_later(
            self._server.limits.environment_seconds, self._close_connection_after_timeout
        )

    def get_buffer(self, sizehint: int) -> bytearray:
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        if self._transport is None:
            return
        try:
            for received in self._decoder.decode_bytes(bytes(self._buffer[:nbytes])):
                self._handle_buffered_input(received)
        except ProtocolError as error:
            self._server.log_connection_fault("agi.protocol_error", error=str(error))
            self.abort_connection()

    def _handle_buffered_input(self, received: AgiInput) -> None:
        if isinstance(received, AgiReply):
            if self._call is None or not self._call.pass_reply_to_waiting_command(received):
                raise ProtocolError(
                    "the peer sent an AGI reply, but no command was sent to it: check that it is Asterisk"
                )
        elif isinstance(received, AgiEnvironment):
            self._cancel_deadline_timer()
            assert self._transport is not None  # noqa: S101 - buffer_updated has checked
            self._call = AgiCall(self._transport, received)
            self._server.start_call_handler(self, self._call)
        elif self._call is not None:
            self._call.on_caller_hung_up()

    def connection_lost(self, exc: Exception | None) -> None:
        self._cancel_deadline_timer()
        if self._call is not None:
            self._call.on_connection_lost()
        self._server.remove_closed_connection(self)

    def close(self) -> None:
        """Close the connection once all written data has been sent."""
        if self._transport is not None:
            self._transport.close()

    def abort_connection(self) -> None:
        """Close the connection at once."""
        if self._transport is not None:
            self._transport.abort()

    def _close_connection_after_timeout(self) -> None:
        self._server.log_connection_fault("agi.environment_timed_out", seconds=self._server.limits.environment_seconds)
        self.abort_connection()

    def _cancel_deadline_timer(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


def _enable_keepalive(listener: socket.socket) -> None:
    """Enable TCP keepalive on a listening socket. Accepted sockets inherit it.

    Keepalive ends connections to machines that are down.
    """
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in (("TCP_KEEPIDLE", 30), ("TCP_KEEPINTVL", 10), ("TCP_KEEPCNT", 3)):
        if hasattr(socket, option):
            listener.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)
