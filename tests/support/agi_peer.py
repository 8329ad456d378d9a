"""Asterisk's side of a FastAGI connection, scripted by a test: the environment, then a reply to each command."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Self

from dialer.deploy.asterisk.agi_secret import compute_agi_token, derive_agi_secret
from dialer.switch.asterisk.agi_call import AgiCall
from dialer.switch.asterisk.agi_codec import encode_environment
from dialer.switch.asterisk.agi_server import AgiLimits, AgiServer

ENVIRONMENT = encode_environment(
    [
        ("agi_network", "yes"),
        ("agi_network_script", "ivr?campaign=3"),
        ("agi_uniqueid", "attempt-1"),
        ("agi_accountcode", ""),
    ]
)


class AsteriskCall(asyncio.Protocol):
    """A connection of one call to a FastAGI server: `async with AsteriskCall(port) as call: ...`."""

    def __init__(self, port: int, environment: bytes = ENVIRONMENT) -> None:
        """`environment` is sent on connecting; b"" sends none."""
        self.wire: asyncio.Transport
        self.lines: list[str] = []  # every received command
        self.ended = asyncio.Event()
        self._port = port
        self._environment = environment
        self._unread = b""
        self._taken = 0
        self._came = asyncio.Event()

    async def __aenter__(self) -> Self:
        await asyncio.get_running_loop().create_connection(lambda: self, "127.0.0.1", self._port)
        self.wire.write(self._environment)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.wire.abort()
        await self.ended.wait()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.wire = transport

    def data_received(self, data: bytes) -> None:
        *lines, self._unread = (self._unread + data).split(b"\n")
        self.lines += [line.decode() for line in lines]
        self._came.set()

    def connection_lost(self, exc: Exception | None) -> None:
        self.ended.set()
        self._came.set()

    async def command(self) -> str:
        """Return the next command, or "" if the server has closed the connection."""
        while self._taken >= len(self.lines):
            if self.ended.is_set():
                return ""
            self._came.clear()
            await self._came.wait()
        self._taken += 1
        return self.lines[self._taken - 1]

    async def exchange(self, *answers: bytes) -> list[str]:
        """Reply to the next commands one by one. Return the commands."""
        commands = []
        for answer in answers:
            commands.append(await self.command())
            self.wire.write(answer)
        return commands


def connect_as(
    port: int,
    entrance: str,
    unique_id: str,
    channel: str,
    *,
    secret: str | None = "dialler",  # noqa: S107 - the secret of the test sites
    token: str | None = None,
) -> AsteriskCall:
    """Return a connection that claims to be the channel `unique_id`, with `entrance` as its script.

    By default it sends the token that the dialplan derives from the AMI `secret`. With `secret` None and no `token` it
    sends no token.
    """
    if token is None and secret is not None:
        token = compute_agi_token(derive_agi_secret(secret), entrance, unique_id, channel)
    fields = [
        ("agi_network", "yes"),
        ("agi_network_script", entrance),
        ("agi_uniqueid", unique_id),
        ("agi_channel", channel),
        *([("agi_arg_1", token)] if token is not None else []),
    ]
    return AsteriskCall(port, encode_environment(fields))


Handler = Callable[[AgiCall], Awaitable[None]]


class Recorder:
    """A handler that records the results and errors of a flow."""

    def __init__(self, flow: Callable[[AgiCall], Awaitable[object]]) -> None:
        self.results: list[object] = []
        self.errors: list[BaseException] = []
        self.calls: list[AgiCall] = []
        self._flow = flow

    async def __call__(self, call: AgiCall) -> None:
        self.calls.append(call)
        try:
            self.results.append(await self._flow(call))
        except BaseException as error:
            self.errors.append(error)
            raise


def make_server(handler: Handler, **limits: float) -> AgiServer:
    """Return a server for `handler` on a free port."""
    return AgiServer(handler, AgiLimits(**limits), port=0)  # type: ignore[arg-type]  # a test's shorthand


async def answer_all(call: AgiCall) -> None:
    """Answer the call and do nothing else."""
    await call.answer_channel()
