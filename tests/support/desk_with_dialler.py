"""A running dialler without a switch, its desk and a browser, from a settings file that a test may change."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, Page

from dialer.app import assemble_centre
from dialer.desk.server import OpenDesk, serve_pages_of_desk
from dialer.engine.engine import Engine
from dialer.mqtt.embedded_broker import run_demo_broker
from dialer.settings.site import load_settings
from tests.support.browser import close_pages_after, new_page, sign_in
from tests.support.desk import PASSWORD, set_passwords
from tests.support.seats import CHEAP
from tests.support.waiting import HANG_SECONDS

HEAD = """
[centre]
id = "pune-1"
time_zone = "Asia/Kolkata"
[store]
path = "{folder}/centre.db"
[ami]
port = 1
secret = "of-nobody-4711x"
[fastagi]
port = 0
[broker]
host = "{broker.host}"
port = {broker.port}
username = "dialler"
[[supervisors]]
name = "desk"
role = "desk"
[[supervisors]]
name = "asha"
role = "supervisor"
"""


@dataclass(slots=True)
class CentreWithPages:
    """A centre whose dialler has no switch, its desk, and a browser."""

    folder: Path
    engine: Engine
    desk: OpenDesk
    browser: Browser
    faults: list[str]

    @property
    def file(self) -> Path:
        """The settings file."""
        return self.folder / "centre.toml"

    def change_settings_file(self, old: str, new: str) -> None:
        """Replace a text in the settings file."""
        text = self.file.read_text(encoding="utf-8")
        assert old in text
        self.file.write_text(text.replace(old, new), encoding="utf-8")

    async def sign_in(self, path: str, shows: str, name: str = "asha", **how: Any) -> Page:
        """Open the page at `path`, sign in, and wait until the page shows the element `shows`."""
        page = await new_page(self.browser, self.faults, **how)
        await page.goto(f"{self.desk.origin}{path}")
        await sign_in(page, name, PASSWORD)
        await page.wait_for_selector(shows)
        return page


@contextlib.asynccontextmanager
async def run_centre_with_pages(browser: Browser, folder: Path, rest: str) -> AsyncIterator[CentreWithPages]:
    """Run a dialler and its desk. All users in [[supervisors]] except `desk` can sign in with PASSWORD.

    The settings file consists of HEAD and `rest`. In both, {folder} is replaced by the path of `folder`.
    """
    async with contextlib.AsyncExitStack() as stack:
        broker = await stack.enter_async_context(run_demo_broker())
        path = folder / "centre.toml"
        path.write_text((HEAD + rest).format(folder=folder, broker=broker.connection_settings), encoding="utf-8")
        settings = load_settings(path)
        centre = await stack.enter_async_context(assemble_centre(settings))
        await set_passwords(settings, *(each.name for each in settings.supervisors if each.name != "desk"))
        stop = asyncio.Event()
        running = asyncio.create_task(centre.dial_until_stopped(stop))  # the AMI is unreachable: nothing is dialled
        desk = await stack.enter_async_context(
            serve_pages_of_desk(settings, broker=broker.connection_settings, hasher=CHEAP)
        )
        await stack.enter_async_context(close_pages_after(browser))
        faults: list[str] = []
        assert centre.monitor is not None
        async with asyncio.timeout(HANG_SECONDS):  # a command that is sent earlier has no receiver
            while not centre.monitor.is_connected_to_broker:
                await asyncio.sleep(0.01)
        yield CentreWithPages(folder, centre.engine, desk, browser, faults)
        stop.set()
        await running
        assert not faults
