"""A simulated Asterisk with a FastAGI server scripted by a test, in one event loop."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

from dialer.simulation.asterisk.config import SimulatedAsteriskConfig
from dialer.simulation.asterisk.server import SimulatedAsterisk
from tests.support.ami_lab import AmiLab


class AgiPeer:
    """The server's side of an AGI connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.environment: dict[str, str] = {}
        self._reader = reader
        self._writer = writer

    async def read_environment(self) -> None:
        """Read the environment, up to the blank line."""
        while (line := await self.line()) != "":
            name, _, value = line.partition(": ")
            self.environment[name] = value

    async def line(self) -> str:
        """Return the next line without its line feed. Raises EOFError at the end."""
        data = await self._reader.readline()
        if not data:
            raise EOFError
        return data.decode().rstrip("\n")

    async def ask(self, command: str) -> str:
        """Send a command. Return the next line."""
        self.send(command)
        return await self.line()

    def send(self, command: str) -> None:
        """Send a command."""
        self._writer.write(command.encode() + b"\n")

    def close(self) -> None:
        """Close the connection."""
        self._writer.close()


Script = Callable[[AgiPeer], Coroutine[Any, Any, None]]


async def serve_one_key(peer: AgiPeer) -> None:
    """Ask for one key, then set MATDAN_DONE."""
    await peer.ask("ANSWER")
    await peer.ask("GET DATA menu 5000 1")
    await peer.ask("SET VARIABLE MATDAN_DONE 1")


@contextlib.asynccontextmanager
async def agi_server(script: Script, port: int = 0) -> AsyncIterator[int]:
    """Run a server that handles each call with `script`. Yield its port.

    A disconnection ends only its own call. Other errors of the script fail at the end of the context.
    """
    failures: list[BaseException] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer = AgiPeer(reader, writer)
        try:
            await peer.read_environment()
            await script(peer)
        except (EOFError, ConnectionError):
            pass
        except Exception as error:
            failures.append(error)
            raise
        finally:
            peer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", port)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await asyncio.sleep(0)
    assert not failures, failures


@contextlib.asynccontextmanager
async def simulated_centre(
    config: SimulatedAsteriskConfig, script: Script = serve_one_key
) -> AsyncIterator[SimulatedAsterisk]:
    """Run a simulated Asterisk whose AGI() calls are handled by `script`."""
    async with agi_server(script) as port, SimulatedAsterisk(config) as switch:
        switch.agi_port = port
        yield switch


@contextlib.asynccontextmanager
async def lab_centre(
    config: SimulatedAsteriskConfig, user: str = "dialler", script: Script = serve_one_key
) -> AsyncIterator[tuple[SimulatedAsterisk, AmiLab]]:
    """Run a simulated Asterisk and an AMI client that is logged in to it."""
    async with simulated_centre(config, script) as switch, AmiLab(switch.ami_port, user) as lab:
        yield switch, lab
