"""An MQTT broker for the demo and the tests, on loopback only. It is Mosquitto if installed, otherwise amqtt."""

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

from dialer.domain.enums import MqttVersion
from dialer.domain.errors import BrokerUnreachable, PortInUse
from dialer.mqtt.client import BrokerSettings

HOST = "127.0.0.1"
START_SECONDS = 15.0
STOP_SECONDS = 5.0
_MAX_ATTEMPTS = 3  # another program may take a free port before the broker listens on it


def find_free_port(host: str = HOST) -> int:
    """Return a free TCP port of this machine."""
    with socket.socket() as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


class BrokerKind(StrEnum):
    """The program that serves as MQTT broker: Mosquitto or amqtt."""

    MOSQUITTO = "mosquitto"
    AMQTT = "amqtt"


@dataclass(frozen=True, slots=True)
class DemoBroker:
    """A running MQTT broker of a demo or a test."""

    kind: BrokerKind
    port: int
    process: asyncio.subprocess.Process  # leads its own process group

    @property
    def connection_settings(self) -> BrokerSettings:
        """The settings for a connection to the broker. amqtt speaks MQTT 3.1.1 only."""
        version = MqttVersion.V5 if self.kind is BrokerKind.MOSQUITTO else MqttVersion.V311
        return BrokerSettings(host=HOST, port=self.port, version=version)

    async def kill_broker(self) -> None:
        """Kill the broker as in a crash: its clients are not notified."""
        _kill_broker_process(self.process)
        await self.process.wait()

    @property
    def broker_kind_and_address(self) -> str:
        """The broker's kind and address in one line."""
        program = "mosquitto" if self.kind is BrokerKind.MOSQUITTO else "amqtt, embedded (mosquitto is not installed)"
        return f"MQTT broker: {program} on {HOST}:{self.port}"


def find_mosquitto() -> str | None:
    """Return the path of the program `mosquitto`, or None if it is not installed.

    Debian installs it in /usr/sbin, which is not in every user's PATH.
    """
    return shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin:/opt/homebrew/sbin")


@contextlib.asynccontextmanager
async def run_demo_broker(kind: BrokerKind | None = None, *, port: int = 0) -> AsyncIterator[DemoBroker]:
    """Run a broker until the context ends: by default Mosquitto if it is installed, on any free port.

    Raises PortInUse if `port` is in use, and BrokerUnreachable if the broker does not start.
    """
    chosen = kind or (BrokerKind.MOSQUITTO if find_mosquitto() else BrokerKind.AMQTT)
    with tempfile.TemporaryDirectory(prefix="matdan-broker-") as folder:
        broker = await _start_broker(chosen, port, Path(folder))
        try:
            yield broker
        finally:
            await _stop_broker_process(broker.process)


async def _start_broker(kind: BrokerKind, port: int, folder: Path) -> DemoBroker:
    if port and not is_port_free(port):
        raise PortInUse(
            f"port {port} for the MQTT broker is in use: stop the program that uses it, or set another port "
            "(`broker.port`)"
        )
    problem = ""
    for _ in range(_MAX_ATTEMPTS):
        chosen_port = port or find_free_port()
        log_path = folder / "broker.log"
        process = await _launch_broker_process(kind, chosen_port, folder, log_path)
        try:
            if await _wait_until_listening(process, chosen_port):
                return DemoBroker(kind, chosen_port, process)
        except BaseException:
            await _stop_broker_process(process)
            raise
        await _stop_broker_process(process)
        problem = read_last_line_of_log(log_path)
    raise BrokerUnreachable(
        f"the {kind} broker does not start ({problem}): install mosquitto, or set a broker in the configuration"
    )


async def _launch_broker_process(
    kind: BrokerKind, port: int, folder: Path, log_path: Path
) -> asyncio.subprocess.Process:
    command = [sys.executable, "-W", "ignore", "-m", "dialer.mqtt.amqtt_process", str(port)]
    if kind is BrokerKind.MOSQUITTO:
        command = _build_mosquitto_command(port, folder)
    with log_path.open("wb") as log_file:
        # The child stops when this pipe is closed, which happens however this process ends.
        return await asyncio.create_subprocess_exec(
            *command, stdin=asyncio.subprocess.PIPE, stdout=log_file, stderr=log_file, start_new_session=True
        )


def _build_mosquitto_command(port: int, folder: Path) -> list[str]:
    path = find_mosquitto()
    if path is None:
        raise BrokerUnreachable("mosquitto is not installed: `apt install mosquitto`, or use the embedded broker")
    lines = ["allow_anonymous true", "persistence false", "log_type error", "log_type warning", "log_dest stderr"]
    lines += ["max_queued_messages 100000", f"listener {port} {HOST}"]
    if os.geteuid() == 0:
        lines.append("user root")  # otherwise it changes to a user who may not read the folder
    configuration = folder / "mosquitto.conf"
    configuration.write_text("\n".join(lines) + "\n", encoding="utf-8")
    # Mosquitto does not stop with this process, so a guard stops it when its standard input is closed.
    return [sys.executable, "-I", "-S", "-c", GUARD, path, "-c", str(configuration)]


GUARD = """
import os, signal, subprocess, sys, threading
child = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL)
signal.signal(signal.SIGTERM, lambda *_: child.terminate())
threading.Thread(target=lambda: (os.read(0, 1), child.terminate()), daemon=True).start()
sys.exit(child.wait())
"""
"""A program that runs another one, and stops it when its own standard input is closed."""


async def _wait_until_listening(process: asyncio.subprocess.Process, port: int) -> bool:
    """Return whether the broker accepts connections in time. Return False if the broker's process ends first."""
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


async def _stop_broker_process(process: asyncio.subprocess.Process) -> None:
    """Stop the broker and wait until it has ended."""
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        try:
            async with asyncio.timeout(STOP_SECONDS):
                await process.wait()
        except TimeoutError:
            _kill_broker_process(process)
            await process.wait()
    if process.stdin is not None:
        process.stdin.close()
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            await process.stdin.wait_closed()


def _kill_broker_process(process: asyncio.subprocess.Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def is_port_free(port: int) -> bool:
    """Return whether a TCP port of this machine is free."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def read_last_line_of_log(log_path: Path) -> str:
    """Return the last line of a log file."""
    lines = log_path.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return lines[-1] if lines else "it wrote no message"
