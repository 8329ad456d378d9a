"""A centre on a simulated Asterisk in real time, with a broker and a desk at which agents sign in over HTTP."""

from __future__ import annotations

import asyncio
import contextlib
import json
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx

from dialer.app import assemble_centre
from dialer.desk.server import serve_pages_of_desk
from dialer.mqtt.embedded_broker import BrokerKind, DemoBroker, run_demo_broker
from dialer.settings.site import Settings
from dialer.simulation.asterisk.config import SimulatedAsteriskConfig
from dialer.simulation.asterisk.server import SimulatedAsterisk
from dialer.simulation.site import SimulatedSite, create_profile_without_calling_hours
from dialer.web.access import DESK_COOKIE
from dialer.web.devices import DEVICE_COOKIE
from tests.support.centre import site_settings
from tests.support.desk import PASSWORD, set_passwords
from tests.support.mqtt import Wire
from tests.support.roll_filler import fill_roll
from tests.support.seats import AGENTS, CHEAP
from tests.support.waiting import HANG_SECONDS


@dataclass(slots=True)
class AgentPage:
    """An agent's page as the desk sees it: its requests, and the events it receives."""

    origin: str
    http: httpx.AsyncClient
    token: str = ""
    device: str = ""  # cookie of a device on which somebody has signed in
    told: list[dict[str, Any]] = field(default_factory=list)
    now: dict[str, Any] = field(default_factory=dict)  # the newest value of each key
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    async def ask(self, method: str, path: str, body: object = None) -> httpx.Response:
        """Send a request with the page's origin and session cookie."""
        headers = {"origin": self.origin, "cookie": f"{DESK_COOKIE}={self.token}; {DEVICE_COOKIE}={self.device}"}
        sent = {} if body is None else {"content": json.dumps(body), "headers": {"content-type": "application/json"}}
        return await self.http.request(method, path, **{**sent, "headers": {**headers, **sent.get("headers", {})}})  # type: ignore[arg-type,dict-item]

    async def sign_in(self, agent: str = "101", pin: str = "2468", seat: str = "01") -> httpx.Response:
        """Sign an agent in at a seat."""
        answer = await self.ask(
            "POST", "/api/agent/sign-in", {"agent": agent, "pin": pin, "seat": seat, "phone": "own"}
        )
        if answer.status_code == 204:
            self.token, self.device = answer.cookies[DESK_COOKIE], answer.cookies[DEVICE_COOKIE]
        return answer

    async def do(self, name: str, command_id: str | None = None, **values: Any) -> tuple[int, dict[str, Any]]:
        """Send an agent's command. Return the HTTP status and the JSON answer."""
        asked = {"id": command_id or str(uuid.uuid4()), "name": name, "values": values}
        answer = await self.ask("POST", "/api/agent/command", asked)
        return answer.status_code, answer.json()

    @asynccontextmanager
    async def open(self, query: str = "?tab=one") -> AsyncIterator[None]:
        """Receive the page's events until the context ends, as an open browser page does."""
        self.told.clear()
        dialler_client = asyncio.create_task(self._hear(query))
        try:
            await self.until(lambda: bool(self.told))
            yield
        finally:
            dialler_client.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await dialler_client

    async def _hear(self, query: str) -> None:
        headers = {"cookie": f"{DESK_COOKIE}={self.token}"}
        async with self.http.stream("GET", f"/api/agent/events{query}", headers=headers, timeout=None) as answer:
            assert answer.status_code == 200
            async for line in answer.aiter_lines():
                if line.startswith("data: "):
                    values = json.loads(line.removeprefix("data: "))["values"]
                    self.told.append(values)
                    self.now.update(values)
                    self._news.set()

    async def until(self, holds: Callable[[], bool]) -> None:
        """Wait until the function `holds` returns true. It is called after each event."""
        async with asyncio.timeout(HANG_SECONDS):
            while not holds():
                self._news.clear()
                await self._news.wait()

    async def talking(self) -> dict[str, Any]:
        """Return the screen pop of the call once the seat is talking."""
        await self.until(lambda: self.now["seat"] is not None and self.now["seat"]["state"] == "talking")
        await self.until(lambda: self.now["pop"] is not None)
        pop: dict[str, Any] = self.now["pop"]
        return pop


@dataclass(slots=True)
class AgentCentre:
    """A running centre and its desk."""

    site: SimulatedSite
    settings: Settings
    broker: DemoBroker
    wire: Wire  # between desk and broker
    origin: str
    page: AgentPage

    async def supervise(self, name: str, **values: Any) -> dict[str, Any]:
        """Send a command from the board as a supervisor. Return the JSON answer."""
        headers = {"origin": self.origin}
        async with httpx.AsyncClient(base_url=self.origin, timeout=HANG_SECONDS) as http:
            answer = await http.post("/api/sign-in", json={"name": "asha", "password": PASSWORD}, headers=headers)
            headers["cookie"] = answer.headers["set-cookie"].partition(";")[0]
            asked = {"id": str(uuid.uuid4()), "name": name, **values}
            answer = await http.post("/api/board/commands", json=asked, headers=headers)
        found: dict[str, Any] = answer.json()
        return found


@asynccontextmanager
async def agent_centre(
    folder: Path, lines: SimulatedAsteriskConfig, change: Callable[[Path], None] = lambda _: None, **campaign: Any
) -> AsyncIterator[AgentCentre]:
    """Run a centre with Mosquitto and a desk. `change` may alter the store first; `campaign` are the campaign's settings."""
    store = folder / "centre.db"
    fill_roll(store, 90, voters_per_booth=100, numbers_weigh_alike=True)
    change(store)
    async with AsyncExitStack() as stack:
        broker = await stack.enter_async_context(run_demo_broker(BrokerKind.MOSQUITTO))
        switch = await stack.enter_async_context(SimulatedAsterisk(replace(lines, start_epoch=None)))
        settings = site_settings(
            folder,
            switch.ami_port,
            agents=AGENTS,
            broker={"enabled": True},
            dialling={"drain_seconds": 1, "max_attempts_per_day": 3},
            desk={"port": 0, "user": "desk"},
            supervisors=[{"name": "desk", "role": "desk"}, {"name": "asha", "role": "supervisor"}],
            campaign={"script": "polling_day", "wrap_up_seconds": 30, **campaign},
        )
        await set_passwords(settings, "asha")
        centre = await stack.enter_async_context(
            assemble_centre(settings, broker=broker.connection_settings, profile=create_profile_without_calling_hours())
        )
        wire = await stack.enter_async_context(Wire())
        await wire.forward_to(broker.port)
        to_broker = replace(
            broker.connection_settings, port=wire.port, backoff_first_seconds=0.05, backoff_most_seconds=0.2
        )
        desk = await stack.enter_async_context(serve_pages_of_desk(settings, broker=to_broker, hasher=CHEAP, assets={}))
        browser = httpx.AsyncClient(base_url=desk.origin, timeout=HANG_SECONDS)
        http = await stack.enter_async_context(browser)
        site = SimulatedSite(switch, centre)
        running = asyncio.create_task(site.dial_until_stopped())
        page = AgentPage(desk.origin, http)
        async with asyncio.timeout(HANG_SECONDS):
            while not (
                site.centre_view.state.switch_up
                and centre.monitor is not None
                and centre.monitor.is_connected_to_broker
            ):
                await asyncio.sleep(0.02)
            while not (await page.ask("GET", "/health")).json()["broker"]:
                await asyncio.sleep(0.02)
        yield AgentCentre(site, settings, broker, wire, desk.origin, page)
        site.stop.set()
        await running
