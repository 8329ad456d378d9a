"""A broker for the demo and the tests: Mosquitto where it is installed, else amqtt in a process of its own. Loopback only."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import socket
import sys
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from dialer.domain.errors import BrokerUnreachable, PortInUse
from dialer.mqtt.client import BrokerSettings, MqttVersion

HOST = "127.0.0.1"
START_SECONDS = 15.0
STOP_SECONDS = 5.0
_TRIES = 3  # a free port can be taken between asking for it and listening on it


def free_port(host: str = HOST) -> int:
    """A TCP port of this machine that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


class BrokerKind(StrEnum):
    """Which broker."""

    MOSQUITTO = "mosquitto"
    AMQTT = "amqtt"


@dataclass(frozen=True, slots=True)
class DemoBroker:
    """A running broker."""

    kind: BrokerKind
    port: int
    process: asyncio.subprocess.Process  # the leader of a process group of its own

    @property
    def settings(self) -> BrokerSettings:
        """How the monitor connects to it; amqtt speaks MQTT 3.1.1 only."""
        version = MqttVersion.V5 if self.kind is BrokerKind.MOSQUITTO else MqttVersion.V311
        return BrokerSettings(host=HOST, port=self.port, version=version)

    async def kill(self) -> None:
        """End it at once and without a word to its clients, as a crash would."""
        _kill(self.process)
        await self.process.wait()

    @property
    def text(self) -> str:
        """One line for the screen."""
        what = "mosquitto" if self.kind is BrokerKind.MOSQUITTO else "amqtt, embedded (no mosquitto here)"
        return f"MQTT broker: {what} on {HOST}:{self.port}"


def mosquitto_path() -> str | None:
    """Where Mosquitto is, or None. Debian keeps it in /usr/sbin, which is not on every user's path."""
    return shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin:/opt/homebrew/sbin")


@contextlib.asynccontextmanager
async def demo_broker(kind: BrokerKind | None = None, *, port: int = 0) -> AsyncIterator[DemoBroker]:
    """Run a broker for as long as the context lasts. `kind` None: Mosquitto if there is one; `port` 0: any free one.

    Raises PortInUse where `port` was given and is taken, BrokerUnreachable where the broker will not start.
    """
    chosen = kind or (BrokerKind.MOSQUITTO if mosquitto_path() else BrokerKind.AMQTT)
    with tempfile.TemporaryDirectory(prefix="matdan-broker-") as folder:
        broker = await _start(chosen, port, Path(folder))
        try:
            yield broker
        finally:
            await _end(broker.process)


async def _start(kind: BrokerKind, port: int, folder: Path) -> DemoBroker:
    if port and not is_free(port):
        raise PortInUse(f"port {port} for the MQTT broker is taken: stop what holds it, or set another port")
    said = ""
    for _ in range(_TRIES):
        chosen_port = port or free_port()
        log_path = folder / "broker.log"
        process = await _launch(kind, chosen_port, folder, log_path)
        try:
            if await _listens(process, chosen_port):
                return DemoBroker(kind, chosen_port, process)
        except BaseException:
            await _end(process)
            raise
        await _end(process)
        said = last_line(log_path)
    raise BrokerUnreachable(
        f"the {kind} broker does not start ({said}): install mosquitto, or set a broker in the configuration"
    )


async def _launch(kind: BrokerKind, port: int, folder: Path, log_path: Path) -> asyncio.subprocess.Process:
    command = [sys.executable, "-W", "ignore", "-m", "dialer.mqtt.amqtt_process", str(port)]
    if kind is BrokerKind.MOSQUITTO:
        command = _mosquitto_command(port, folder)
    with log_path.open("wb") as log_file:
        # The pipe is our sign of life: the child ends itself when it closes, however this process ended.
        return await asyncio.create_subprocess_exec(
            *command, stdin=asyncio.subprocess.PIPE, stdout=log_file, stderr=log_file, start_new_session=True
        )


def _mosquitto_command(port: int, folder: Path) -> list[str]:
    path = mosquitto_path()
    if path is None:
        raise BrokerUnreachable(
            "mosquitto is not installed: `apt install mosquitto`, or let the embedded broker be used"
        )
    lines = ["allow_anonymous true", "persistence false", "log_type error", "log_type warning", "log_dest stderr"]
    lines += ["max_queued_messages 100000", f"listener {port} {HOST}"]
    if os.geteuid() == 0:
        lines.append("user root")  # it would change to a user who may not read the folder
    configuration = folder / "mosquitto.conf"
    configuration.write_text("\n".join(lines) + "\n", encoding="utf-8")
    # mosquitto would outlive us: the guard ends it when its own input ends, which comes however this process ends.
    return [sys.executable, "-I", "-S", "-c", GUARD, path, "-c", str(configuration)]


GUARD = """
import os, signal, subprocess, sys, threading
child = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL)
signal.signal(signal.SIGTERM, lambda *_: child.terminate())
threading.Thread(target=lambda: (os.read(0, 1), child.terminate()), daemon=True).start()
sys.exit(child.wait())
"""
"""A program that runs another one, and ends it once its own standard input has ended."""


async def _listens(process: asyncio.subprocess.Process, port: int) -> bool:
    """Whether the broker takes connections; False when it ended instead, or never did."""
    ended = asyncio.create_task(process.wait(), name="broker-ended")
    try:
        async with asyncio.timeout(START_SECONDS):
            while not ended.done():
                try:
                    _, writer = await asyncio.open_connection(HOST, port)
                except OSError:
                    await asyncio.wait({ended}, timeout=0.02)
                    continue
                writer.close()
                await writer.wait_closed()
                return True
    except TimeoutError:
        pass
    finally:
        ended.cancel()
        await asyncio.gather(ended, return_exceptions=True)
    return False


async def _end(process: asyncio.subprocess.Process) -> None:
    """End the broker and wait for it."""
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        try:
            async with asyncio.timeout(STOP_SECONDS):
                await process.wait()
        except TimeoutError:
            _kill(process)
            await process.wait()
    if process.stdin is not None:
        process.stdin.close()
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            await process.stdin.wait_closed()


def _kill(process: asyncio.subprocess.Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def is_free(port: int) -> bool:
    """Whether nobody listens on a port of this machine."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def last_line(log_path: Path) -> str:
    """What a program that has ended said last."""
    lines = log_path.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return lines[-1] if lines else "it said nothing"
