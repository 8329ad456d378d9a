"""A real Mosquitto that runs on the files of `dialer mqtt render`."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dialer.deploy.asterisk.file_changes import plan_file_changes, write_planned_files
from dialer.deploy.mosquitto.render import CONFIGURATION, MARKER, format_broker_user_name, render_mosquitto_files
from dialer.mqtt.client import BrokerSettings
from dialer.mqtt.embedded_broker import find_free_port, find_mosquitto
from dialer.settings.site import Settings
from dialer.site.broker import get_broker_settings
from tests.support.waiting import HANG_SECONDS

PASSWORD = "dialler's-own-9f2c"


@dataclass(frozen=True, slots=True)
class RenderedBroker:
    """A running broker and the credentials of its users."""

    process: asyncio.subprocess.Process
    sites: dict[str, Settings]  # by centre
    made: dict[str, str]  # passwords by user

    def dialler(self, centre: str) -> BrokerSettings:
        """Return the connection settings of a centre's dialler."""
        return get_broker_settings(self.sites[centre])

    def user(self, centre: str, name: str) -> dict[str, Any]:
        """Return the aiomqtt.Client arguments of a supervisor."""
        settings = self.sites[centre]
        username = format_broker_user_name(settings, name)
        return {
            "hostname": "127.0.0.1",
            "port": settings.broker.port,
            "username": username,
            "password": self.made[username],
            "tls_context": get_broker_settings(settings).tls,
        }


def a_site(centre: str, port: int, *, supervisors: list[dict[str, Any]], **more: Any) -> Settings:
    """Return settings of a centre with a broker at `port`."""
    broker = {"port": port, "username": f"{centre}.dialler", "password": PASSWORD, **more.pop("broker", {})}
    return Settings.model_validate({"centre": {"id": centre}, "broker": broker, "supervisors": supervisors, **more})


@contextlib.asynccontextmanager
async def rendered_broker(
    directory: Path, *sites: Settings, altered: Callable[[dict[str, str]], None] = lambda _: None
) -> AsyncIterator[RenderedBroker]:
    """Render broker files into a directory and run the broker. `altered` may change the files first."""
    directory.mkdir(exist_ok=True)
    files, made = render_mosquitto_files([(each.centre.id, each) for each in sites], directory, {})
    altered(files)
    write_planned_files(directory, plan_file_changes(directory, files, MARKER), force=False)
    configuration = directory / CONFIGURATION
    if os.geteuid() == 0:  # as root it would switch to a user who may not read the folder
        configuration = directory / "as-root.conf"
        configuration.write_text((directory / CONFIGURATION).read_text() + "user root\n")
    path = find_mosquitto()
    assert path is not None
    with (directory / "broker.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(path, "-c", str(configuration), stdout=log, stderr=log)
    try:
        await _wait_until_listening(process, sites[0].broker.port, directory / "broker.log")
        yield RenderedBroker(process, {each.centre.id: each for each in sites}, made)
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def _wait_until_listening(process: asyncio.subprocess.Process, port: int, log: Path) -> None:
    async with asyncio.timeout(HANG_SECONDS):
        while True:
            assert process.returncode is None, log.read_text()
            with contextlib.suppress(OSError):
                _, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.close()
                return
            await asyncio.sleep(0.02)


def a_free_port() -> int:
    """Return a free port for the broker."""
    return find_free_port("127.0.0.1")
