"""The uplink's wiring: the centre's broker and store on one side, headquarters' nats-server on the other."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import random
import shutil
import signal
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import structlog

from dialer.domain.clock import Clock, SystemClock
from dialer.domain.signing import read_public_key
from dialer.errors import SettingError
from dialer.material.centre import CentreMaterial, MaterialSource
from dialer.metrics.families import Readiness, of_uplink
from dialer.metrics.server import watched
from dialer.mqtt.client import BrokerSettings
from dialer.mqtt.hearing import Hearing
from dialer.nats.session import Session, connected
from dialer.nats.wire import inbox_of, live_subject
from dialer.process.systemd import service_ready
from dialer.settings.site import Settings, load_settings
from dialer.settings.site_rules import site_profile
from dialer.site.broker import broker_as, own_signer
from dialer.store.headquarters import UplinkReading
from dialer.store.keys import site_key
from dialer.uplink.downwards import MaterialDown, OrdersDown
from dialer.uplink.sideways import NewsOrigin, WaySideways
from dialer.uplink.upwards import DiallerDoor, WayUp

_log = structlog.get_logger(__name__)

LIVE_SECONDS = 1.0
ANEW_SECONDS = 60  # all of it again, for who began to listen since
_LIVE = {"centre": "state", "alerts": "alert", "campaign": "campaign"}
"""By the kind of what is heard at the broker: what headquarters calls it. Seats and booths stay in the centre."""


class Live:
    """How the centre stands, told once a second to who listens at headquarters: the latest alone, and nothing where the line is
    away.
    """

    def __init__(self, centre: str) -> None:
        self._centre = centre
        self._latest: dict[str, Any] = {}
        self._changed: set[str] = set()

    def put(self, key: str, value: Any) -> None:
        """Take in what was heard at the centre's broker."""
        kind, _, name = key.partition("/")
        if kind in _LIVE:
            subject = live_subject(self._centre, _LIVE[kind], name)
            if value is None:
                self._latest.pop(subject, None)
                self._changed.discard(subject)
            else:
                self._latest[subject] = value
                self._changed.add(subject)

    async def run(self, session: Session) -> None:
        """Tell until cancelled."""
        for tick in itertools.count():
            changed, self._changed = self._changed, set()
            for subject in [*self._latest] if tick % ANEW_SECONDS == 0 else changed:
                if subject in self._latest:  # still
                    await session.say(subject, json.dumps(self._latest[subject]).encode())
            await asyncio.sleep(LIVE_SECONDS)


def refuse_unjoined(settings: Settings) -> str:
    """The uplink's user. Raises SettingError where the settings do not say to which headquarters."""
    headquarters = settings.headquarters
    if headquarters.user is None:
        raise SettingError(
            "settings",
            "headquarters.user",
            "is not set, so the centre stands alone",
            'add [headquarters] and a table [[supervisors]] with role = "uplink" (docs/headquarters.md)',
        )
    if not headquarters.servers:
        raise SettingError("settings", "headquarters.servers", "is empty", "name headquarters' nats-server")
    return headquarters.user


def material_problem(settings: Settings, jurisdiction: str) -> str | None:
    """Why the dialler could not start with the material that runs, as far as settings and profile lie there; None: it could.
    Settings that came through a pipe cannot be read again.
    """
    path = Path(settings.file.name)
    if not path.is_file():
        return None
    try:
        name = site_profile(load_settings(path)).name
    except SettingError as wrong:
        return str(wrong)
    return None if name == jurisdiction else f"its profile is of {name!r}, and this centre's of {jurisdiction!r}"


def material_of(settings: Settings) -> CentreMaterial | None:
    """The folder of the centre's material; None: headquarters gives it none. Raises SettingError."""
    headquarters = settings.headquarters
    if headquarters.material_url is None:
        return None
    folder, root = headquarters.material_folder, headquarters.material_root
    if root is None:
        raise SettingError(
            "settings", "headquarters.material_root", "is not set", "name the root.json from headquarters"
        )
    source = MaterialSource(
        headquarters.material_url,
        root,
        headquarters.ca_file,
        settings.centre.id,
        headquarters.zone,
        site_profile(settings).name,
    )
    reserve = settings.store.reserve_megabytes << 20
    folder.mkdir(parents=True, exist_ok=True)
    problem = partial(material_problem, settings, source.jurisdiction)
    return CentreMaterial(folder, source, lambda: shutil.disk_usage(folder).free - reserve, problem)


async def run_uplink(settings: Settings, *, broker: BrokerSettings | None = None, clock: Clock | None = None) -> None:
    """Join the centre to its headquarters until cancelled. `broker` stands in for the settings' own.

    Raises SettingError, StoreError, HeadquartersUnreachable for what does not mend itself; a line, a broker or a dialler that is
    away is waited for.
    """
    user = refuse_unjoined(settings)
    centre, headquarters, clock = settings.centre.id, settings.headquarters, clock or SystemClock()
    broker = replace(broker or broker_as(settings, user, headquarters.broker_password), client_id="uplink")
    signer = None if settings.broker.key_file is None else own_signer(settings, user)
    live = Live(centre)
    hearing = Hearing(broker, centre, clock, live.put, random.SystemRandom())
    door = DiallerDoor(hearing, user, signer)
    material = material_of(settings)
    key = None if headquarters.key is None else read_public_key(headquarters.key)
    session: Session | None = None

    def stands() -> Readiness:
        return of_uplink(centre, heard=hearing.up, joined=session is not None and session.up)

    async with contextlib.AsyncExitStack() as stack:
        await stack.enter_async_context(watched(settings.metrics.host, settings.metrics.uplink_port, stands))
        up, sideways = [
            stack.enter_context(await asyncio.to_thread(UplinkReading, settings.store.path, site_key(settings)))
            for _ in range(2)
        ]
        async with asyncio.TaskGroup() as group:
            group.create_task(hearing.run(replies=user, kinds=_LIVE), name="uplink-hears")
            async with connected(
                headquarters.servers,
                f"uplink {centre}",
                nkey_file=headquarters.nkey_file,
                ca_file=headquarters.ca_file,
                inbox=inbox_of(centre),
            ) as session:
                _log.info("uplink.joined", servers=[*headquarters.servers])
                async with asyncio.TaskGroup() as joined:
                    joined.create_task(WayUp(centre, session, door, up, clock).run(), name="uplink-up")
                    news = WaySideways(NewsOrigin(centre, session, key), door, sideways)
                    joined.create_task(news.run(), name="uplink-sideways")
                    orders = OrdersDown(centre, headquarters.zone, session, door, clock)
                    joined.create_task(orders.run(), name="uplink-orders")
                    if material is not None:
                        taken = MaterialDown(centre, session, door, material, clock)
                        joined.create_task(taken.run(), name="uplink-material")
                    joined.create_task(live.run(session), name="uplink-live")


async def serve_uplink(settings: Settings) -> None:
    """Run until SIGTERM or Ctrl-C."""
    running = asyncio.ensure_future(run_uplink(settings))
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, running.cancel)
    async with service_ready():
        with contextlib.suppress(asyncio.CancelledError):
            await running
