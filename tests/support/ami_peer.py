"""A scripted AMI server: a function of the test answers each action with bytes, or not at all."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Coroutine
from types import TracebackType
from typing import Any, Self

from dialer.switch.asterisk.ami_client import AmiClient
from dialer.switch.asterisk.ami_codec import AmiDecoder, AmiMessage, encode_message
from dialer.switch.asterisk.ami_session import AmiLimits, AmiLogin

BANNER = b"Asterisk Call Manager/11.0.0\r\n"

Answer = Callable[["PeerSession", AmiMessage], bytes | None]
"""Returns bytes to send now, or None. It may also store the session and send later."""


def success(action: AmiMessage, *fields: tuple[str, str]) -> bytes:
    """Return the bytes of a Success response to an AMI action."""
    return encode_message([("Response", "Success"), ("ActionID", action.action_id), *fields])


def error(action: AmiMessage, text: str) -> bytes:
    """Return the bytes of an Error response to an AMI action."""
    return encode_message([("Response", "Error"), ("ActionID", action.action_id), ("Message", text)])


def event(name: str, *fields: tuple[str, str]) -> bytes:
    """Return the bytes of an AMI event."""
    return encode_message([("Event", name), *fields])


def item(action: AmiMessage, name: str, *fields: tuple[str, str]) -> bytes:
    """Return the bytes of one event of the list that answers an AMI action."""
    return event(name, ("ActionID", action.action_id), *fields)


class PeerSession(asyncio.Protocol):
    """A connection to the scripted AMI server. `actions` are the received actions."""

    def __init__(self, peer: ManagerPeer) -> None:
        self.actions: list[AmiMessage] = []
        self.wire: asyncio.Transport
        self._peer = peer
        self._decoder = AmiDecoder(expects_banner=False)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.wire = transport
        self._peer.sessions.append(self)
        self._peer.arrived.set()
        transport.write(self._peer.banner)

    def data_received(self, data: bytes) -> None:
        for action in self._decoder.decode_bytes(data):
            self.actions.append(action)
            if action.action_name == "Login" and self._peer.accepts_login:
                self.wire.write(success(action))
            else:
                self.wire.write(self._peer.answer(self, action) or b"")

    def connection_lost(self, exc: Exception | None) -> None:
        self._peer.sessions_ended += 1

    def named(self, name: str) -> list[AmiMessage]:
        """Return the received actions of that name."""
        return [action for action in self.actions if action.action_name == name]


class ManagerPeer:
    """An AMI server on a free loopback port, scripted by a test."""

    def __init__(
        self,
        answer: Answer | None = None,
        *,
        banner: bytes = BANNER,
        accepts_login: bool = True,
        receive_bytes: int = 0,
    ) -> None:
        """Without `answer` every action succeeds. `receive_bytes` sets the kernel's receive buffer (0: its default)."""
        self.answer: Answer = answer or (lambda _, action: success(action))
        self.banner = banner
        self.accepts_login = accepts_login
        self.sessions: list[PeerSession] = []
        self.sessions_ended = 0
        self.arrived = asyncio.Event()
        self._receive_bytes = receive_bytes
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        await self.listen(port=0)
        return self

    async def listen(self, port: int) -> None:
        """Accept connections to the AMI server at this port of 127.0.0.1; 0 means any free port."""
        # asyncio sets TCP_NODELAY only if the protocol is given; Nagle's delay would stop virtual time
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        if self._receive_bytes:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self._receive_bytes)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
        self._server = await asyncio.get_running_loop().create_server(lambda: PeerSession(self), sock=listener)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop_listening()
        for session in self.sessions:
            session.wire.abort()
        await asyncio.sleep(0)

    @property
    def login(self) -> AmiLogin:
        """The host, port and credentials for a client."""
        assert self._server is not None
        return AmiLogin("127.0.0.1", self._server.sockets[0].getsockname()[1], "dialler", "s3cret")

    @property
    def session(self) -> PeerSession:
        """The latest AMI session with the server."""
        return self.sessions[-1]

    def stop_listening(self) -> None:
        """Refuse further connections to the AMI server."""
        assert self._server is not None
        self._server.close()


async def settle() -> None:
    """Let everything happen that is ready, including network traffic. For virtual time."""
    await asyncio.sleep(0.001)


ORIGINATE = (("Channel", "PJSIP/15550100@trunk"), ("Async", "true"))


def make_client(
    peer: ManagerPeer,
    events: list[AmiMessage] | None = None,
    *,
    limits: AmiLimits | None = None,
    wanted_events: set[str] | None = None,
) -> AmiClient:
    """Return a client of the server, not yet connected, that appends its events to `events`."""
    received = events if events is not None else []
    return AmiClient(peer.login, on_event=received.append, limits=limits, wanted_events=wanted_events)


async def catch_error(awaited: Coroutine[Any, Any, Any] | asyncio.Task[Any]) -> BaseException:
    """Return the exception that `awaited` raises. Fails if it raises none."""
    try:
        await awaited
    except Exception as raised:  # noqa: BLE001 - the test checks it
        return raised
    raise AssertionError("no exception was raised")


def leave_unanswered(_: PeerSession, __: AmiMessage) -> None:
    """Do not answer the AMI action."""


def loop_time() -> float:
    """Return the loop's time (virtual seconds)."""
    return asyncio.get_running_loop().time()
