"""The FastAGI server: Asterisk connects once per call, and a handler runs that call's flow.

A peer gets little: an allowed address, a few seconds and 8 kB for its environment, and by that environment a `Door` says whether
it is Asterisk. Until then it is one of a few: where there are too many of those, the oldest makes room, and not the newest, for
Asterisk sends its environment at once and whoever only holds a connection does not. What is let in counts apart, so that no
number of others takes a call's place, and costs at most its own call.
"""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import socket
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self, cast

import structlog

from dialer.domain.errors import PortInUse, ProtocolError, SwitchError
from dialer.errors import MatdanError
from dialer.switch.asterisk.agi_call import AgiCall
from dialer.switch.asterisk.agi_codec import AgiDecoder, AgiEnvironment, AgiInput, AgiReply, CallHungUp

_log = structlog.get_logger(__name__)

_READ_BYTES = 2048  # an environment is some 700 bytes, an answer 40
_BACKLOG = 1024

_COMPLAINT_SECONDS = 60.0
_MOST_NAMED_PEERS = 100

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


class Door:
    """Lets everybody in. For tests and benches: a site's own is `dialer.switch.asterisk.fastagi.door.SiteDoor`."""

    def admits(self, environment: AgiEnvironment) -> bool:
        """Whether this is Asterisk; called once a connection."""
        return True

    def crowded(self, problem: str) -> None:
        """There are more connections than the limits have room for; called for each that was closed for that."""


@dataclass(frozen=True, slots=True)
class AgiLimits:
    """Who may connect, and what they may use of us."""

    allowed_peers: Sequence[str] = LOOPBACK  # addresses and networks
    connections: int = 2000  # that were let in
    opening: int = 256  # that have sent no whole environment yet
    opening_per_peer: int = 128  # of these, from one address
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
        door: Door | None = None,
    ) -> None:
        """FastAGI itself has no login, so `door` looks at what each says. Port 0 takes any free one."""
        self.limits = limits or AgiLimits()
        self._handler = handler
        self._door = door or Door()
        self._host = host
        self.port = port  # that is listened on
        self._allowed = [ipaddress.ip_network(peer) for peer in self.limits.allowed_peers]
        self._allowed_before: set[str] = set()
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._connections: set[_Connection] = set()
        self._opening: dict[_Connection, str] = {}  # oldest first: the address of each that has sent no environment yet
        self._opening_of: Counter[str] = Counter()  # by address
        self._named_peers: set[str] = set()
        self._complaints: dict[str, float] = {}  # when each kind was last logged, in the loop's seconds
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
                    f"port {self.port} on {self._host} is taken: stop what holds it, or set another `fastagi.port`"
                ) from None
            raise SwitchError(
                f"cannot listen on {self._host}:{self.port} ({error.strerror or error}): correct `fastagi.host`"
            ) from None
        for listener in self._server.sockets:
            _detect_dead_peers(listener)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.stop(self.limits.drain_seconds if kind is None else 0)

    async def stop(self, drain_seconds: float) -> None:
        """Stop listening, let running calls end by themselves for `drain_seconds`, then end them. May be called twice."""
        if self._server is not None:
            self._server.close()
        for connection in list(self._opening):
            connection.abort()
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
        """The connection's side: whether a new one may stay until its environment is there."""
        if not self._is_allowed(address):
            if address not in self._named_peers and len(self._named_peers) < _MOST_NAMED_PEERS:
                self._named_peers.add(address)
                _log.warning("agi.peer_not_allowed", address=address, remedy="if it is Asterisk: set `fastagi.allowed`")
            return False
        if self._opening_of[address] >= self.limits.opening_per_peer:
            self._make_room(address)
        elif len(self._opening) >= self.limits.opening:
            self._make_room(None)
        self._connections.add(connection)
        self._opening[connection] = address
        self._opening_of[address] += 1
        return True

    def _make_room(self, address: str | None) -> None:
        """Close the connection that has said nothing for longest, of this address or of all."""
        oldest = next(each for each, of in self._opening.items() if address in {None, of})
        self._door.crowded(
            f"over {len(self._opening)} connections say nothing, the newest from {self._opening[oldest]}"
        )
        self._opened(oldest)
        oldest.abort()

    def _opened(self, connection: _Connection) -> None:
        """It is none of those that have sent no environment yet."""
        address = self._opening.pop(connection, None)
        if address is not None:
            self._opening_of[address] -= 1
            if not self._opening_of[address]:
                del self._opening_of[address]

    def complain(self, event: str, **fields: object) -> None:
        """Log what a peer did wrong: of each kind once a minute, for there is no end to what peers can do."""
        now = asyncio.get_running_loop().time()
        if now - self._complaints.get(event, -_COMPLAINT_SECONDS) >= _COMPLAINT_SECONDS:
            self._complaints[event] = now
            _log.warning(event, **fields)

    def _is_allowed(self, address: str) -> bool:
        if address not in self._allowed_before:
            peer = ipaddress.ip_address(address)
            if not any(peer in network for network in self._allowed):
                return False
            self._allowed_before.add(address)  # only those: others could fill the memory
        return True

    def start(self, connection: _Connection, call: AgiCall) -> None:
        """The connection's side: the environment is in, run the handler if it is Asterisk's."""
        self._opened(connection)
        if not self._door.admits(call.env):
            connection.abort()
        elif len(self._tasks) >= self.limits.connections:
            self._door.crowded(f"{self.limits.connections} calls are in flows at once (`fastagi.max_connections`)")
            connection.abort()
        else:
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
        self._opened(connection)
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
            self._server.complain("agi.protocol_error", error=str(error))
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

    def _environment_late(self) -> None:
        self._server.complain("agi.environment_late", seconds=self._server.limits.environment_seconds)
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


# Which desk serves a FastAGI connection: the path of the dialplan's `AGI(agi://host:port/path)` says.


class AgiRoutes:
    """The FastAGI server's handler: one desk per path."""

    def __init__(self, desks: Mapping[str, Handler]) -> None:
        """`desks` by path, without a slash: "flow"."""
        self._desks = dict(desks)

    async def __call__(self, call: AgiCall) -> None:
        """Serve the call. A path that nobody serves ends the connection: the dialplan's own fail-safe goes on."""
        desk = self._desks.get(call.env.script)
        if desk is None:
            _log.warning("agi.no-such-path", channel=call.env.unique_id)
            return
        await desk(call)
