"""`dialer doctor`: how a site that runs is, and what to do about what is wrong. `dialer check` asks what a site lacks before that;
here processes, broker and Asterisk are asked how they are now, and what grows, ages and ends is looked at. Nothing is changed.
"""

from __future__ import annotations

import asyncio
import ctypes
import http.client
import platform
import random
import re
import socket
import ssl
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import closing, suppress
from dataclasses import replace
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any
from uuid import uuid4

from dialer.domain.clock import Clock, SystemClock
from dialer.domain.words import counted
from dialer.mqtt.hearing import Hearing
from dialer.mqtt.link import ALIVE_SECONDS, HELD_SECONDS, visiting
from dialer.settings.servers import servers_of
from dialer.settings.site import Settings
from dialer.settings.site_time import site_zone
from dialer.site.asterisk import ami_login
from dialer.site.broker import broker_settings
from dialer.site.checks.asterisk import phones, trunks
from dialer.site.checks.certificate import SOON_DAYS, desk_certificate
from dialer.site.checks.finding import Finding, Look, bad, good, looked, note, of_server, reported
from dialer.site.checks.store import disk
from dialer.store import outbox, queues, seals
from dialer.store.connection import read_snapshot
from dialer.store.copying import copies_before_upgrades
from dialer.store.file_checks import check_integrity
from dialer.store.keys import site_key
from dialer.store.lock import holder_of
from dialer.store.migrate import newest_version
from dialer.switch.asterisk.ami_client import AmiClient

ASK_SECONDS = 5.0
CLOCK_SECONDS = 2.0  # two programs of one machine, or of two that keep time
OLD_RESULTS_SECONDS = 900.0
OLD_BACKUP_HOURS = 25.0
MOST_SEALS = 250_000  # five seconds of looking
_MOST_ANSWER_BYTES = 1 << 20  # whoever else has the port may send for ever
_UNSYNCHRONISED = 5  # TIME_ERROR of adjtimex(2)
_BACKUP = re.compile(r"\d{8}-\d{6}")


async def examine(
    settings: Settings, clock: Clock | None = None, *, backups: Path | None = None
) -> AsyncIterator[Finding]:
    """Look at each thing in turn. Never raises for what it finds. `backups`: the folder that `dialer backup` is given."""
    clock = clock or SystemClock()
    parts = f"Python {platform.python_version()}, schema {newest_version()}"
    looks: list[tuple[str, Look]] = [
        ("versions", lambda: [good("versions", f"Matdan {version('matdan')}, {parts}")]),
        ("dialler", lambda: [_holder(settings)]),
        *(
            (name, lambda name=name, port=port: _process(name, settings.metrics.host, port))
            for name, port in _ports(settings)
        ),
        ("disk", lambda: disk(settings)),
        ("store", lambda: _store(settings, clock.now())),
        ("backup", lambda: [_backup(settings, backups or settings.store.backup_folder, clock.now())]),
        ("clock", lambda: [_clock()]),
        ("desk certificate", lambda: desk_certificate(settings, clock.now())),
        ("broker certificate", lambda: _broker_certificate(settings, clock.now())),
    ]
    for what, look in looks:
        for finding in await asyncio.to_thread(looked, what, look):
            yield finding
    if settings.uses_asterisk:
        for server, site in servers_of(settings).items():
            async for finding in reported("asterisk", _asterisk(site, clock)):
                yield of_server(server, finding)
    if settings.broker.enabled:
        async for finding in reported("broker", _broker(settings, clock)):
            yield finding


def _holder(settings: Settings) -> Finding:
    path = settings.store.path
    holder = holder_of(path)
    if holder is None:
        return bad("dialler", f"nobody has {path} open to write: start the dialler (`dialer run`)")
    return good("dialler", f"{holder} has the store")


def _ports(settings: Settings) -> Iterator[tuple[str, int | None]]:
    metrics = settings.metrics
    yield "dialler", metrics.port
    yield "desk", metrics.desk_port
    if settings.headquarters.user is not None:
        yield "uplink", metrics.uplink_port


def _process(name: str, host: str, port: int | None) -> Iterator[Finding]:
    if port is None:
        key = "port" if name == "dialler" else f"{name}_port"
        yield note(name, f"metrics.{key} is not set, so nobody can ask it how it is (docs/monitoring.md)")
        return
    reached = "127.0.0.1" if host == "0.0.0.0" else host  # noqa: S104 - as the settings have it
    try:
        text, ready = [_got(reached, port, path) for path in ("/metrics", "/ready")]
    except (OSError, http.client.HTTPException) as error:
        look = f"`systemctl status matdan-{name}`, and `journalctl -u matdan-{name}`"
        yield bad(name, f"does not answer at {reached}:{port} ({error}): {look}")
        return
    found, ours = re.search(r'matdan_info\{[^}]*version="([^"]+)"', text), version("matdan")
    if found is None:
        yield bad(name, f"another program answers at {reached}:{port}")
        return
    if found[1] != ours:
        yield bad(name, f"runs version {found[1]}, and {ours} is installed: start it again")
    if ready == "well":
        yield good(name, f"answers at {reached}:{port}, and does its work")
    else:
        yield bad(name, f"{ready}: see docs/runbooks.md")


def _got(host: str, port: int, path: str) -> str:
    """What is answered, whatever its status."""
    asking = http.client.HTTPConnection(host, port, timeout=ASK_SECONDS)
    with closing(asking):
        asking.request("GET", path)
        return asking.getresponse().read(_MOST_ANSWER_BYTES).decode("utf-8", "replace").strip()


def _store(settings: Settings, now: float) -> Iterator[Finding]:
    path = settings.store.path
    with read_snapshot(path, site_key(settings)) as db:
        check_integrity(db, path)
        yield good("store", "its pages are sound")
        count = seals.last_seal(db)
        if count > MOST_SEALS:
            text = f"{count:,} were not held against their rows: `dialer audit verify` does, in a quiet hour"
            yield note("seals", text)
        elif (verdict := seals.verify(db)).whole:
            yield good("seals", f"{count:,} seals: the records are as they were written")
        else:
            yield bad("seals", f"records were touched: {verdict.findings[0]}; `dialer audit verify` names all")
        for copy in copies_before_upgrades(path):
            yield note("copy", f"{copy} is of before an upgrade: remove it once you do not go back")
        left = len(queues.unknown_attempts(db))
        if left:
            text = f"{counted(left, 'attempt')} of which nobody knows whether they were calls: `dialer unknown list`"
            yield note("unknown attempts", text)
        for each in outbox.outbox_waits(db):
            if each.sink == "broker" and not settings.broker.enabled:
                continue
            what, old = f"outbox for {each.sink}", 0.0 if each.oldest_at is None else now - each.oldest_at
            text = f"{counted(each.rows, 'announcement')} {'waits' if each.rows == 1 else 'wait'}, the oldest for {_age(old)}"
            if old > OLD_RESULTS_SECONDS:
                yield bad(what, f"{text}: see docs/runbooks.md, MatdanOutboxFills")
            else:
                yield good(what, text if each.rows else "nothing waits")


def _backup(settings: Settings, folder: Path | None, now: float) -> Finding:
    if folder is None:
        remedy = "set store.backup_folder or name the backups' folder (--backups DIR) to have their age looked at"
        return note("backup", remedy)
    head, zone = f"{settings.centre.id}-", site_zone(settings)
    names = (each.name.removeprefix(head) for each in folder.iterdir() if each.name.startswith(head))
    made = [datetime.strptime(name, "%Y%m%d-%H%M%S").replace(tzinfo=zone) for name in names if _BACKUP.fullmatch(name)]
    if not made:
        return bad("backup", f"there is none of {settings.centre.id} in {folder}: `dialer backup {folder}`")
    old = now - max(made).timestamp()
    text = f"the newest of {len(made)} is {_age(old)} old"
    if old > OLD_BACKUP_HOURS * 3600:
        return bad("backup", f"{text}: see whether its timer runs, `dialer backup {folder}` makes one")
    return good("backup", text)


def _age(seconds: float) -> str:
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds // size:.0f} {unit}"
    return f"{max(0.0, seconds):.0f} s"


def _clock() -> Finding:
    """What the kernel says of whoever sets the clock, an NTP client as a rule."""
    ask = getattr(ctypes.CDLL(None), "adjtimex", None)  # of Linux alone
    if ask is None:
        return note("clock", "this system does not say whether its clock is kept by NTP")
    if ask(ctypes.create_string_buffer(512)) == _UNSYNCHRONISED:
        return note("clock", "nobody keeps it: start an NTP client (chrony, systemd-timesyncd), and see `timedatectl`")
    return good("clock", "an NTP client keeps it")


def _broker_certificate(settings: Settings, now: float) -> Iterator[Finding]:
    broker = settings.broker
    if not broker.enabled or not broker.tls:
        return
    context = ssl.create_default_context(cafile=broker.ca_file)
    with (
        socket.create_connection((broker.host, broker.port), ASK_SECONDS) as plain,
        context.wrap_socket(plain, server_hostname=broker.host) as secure,
    ):
        until = ssl.cert_time_to_seconds(str((secure.getpeercert() or {})["notAfter"]))
    left = (until - now) / 86_400
    text = f"until {time.strftime('%Y-%m-%d', time.gmtime(until))}, {left:.0f} days left"
    if left > SOON_DAYS:
        yield good("broker certificate", text)
    else:
        yield note("broker certificate", f"{text}: renew it, and start the broker again")


async def _asterisk(settings: Settings, clock: Clock) -> AsyncIterator[Finding]:
    async with AmiClient(ami_login(settings), on_event=lambda _: None, keep_events=()) as client:
        said = (await client.action("Ping")).get("Timestamp")
        channels = await client.action_list("CoreShowChannels")
        yield good("asterisk", f"{client.banner}, {counted(len(channels), 'channel')} live")
        with suppress(ValueError):
            yield _clock_of("Asterisk's clock", float(said) - clock.now())
        for finding in await trunks(settings, client):
            yield finding
        if settings.seats:
            yield await phones(settings, client)


def _clock_of(what: str, off: float) -> Finding:
    if abs(off) <= CLOCK_SECONDS:
        return good(what, "agrees with this one")
    way = "ahead of" if off > 0 else "behind"
    return bad(what, f"is {_age(abs(off))} {way} this one: have both machines keep time (NTP)")


async def _broker(settings: Settings, clock: Clock) -> AsyncIterator[Finding]:
    """What the dialler says there of itself. Raises BrokerUnreachable."""
    broker, centre = broker_settings(settings), settings.centre.id
    async with visiting(replace(broker, client_id=f"doctor-{uuid4().hex}"), centre):
        pass  # what is wrong with broker or password is told in a line
    yield good("broker", f"an MQTT broker answers at {broker.host}:{broker.port}")
    heard: dict[str, Any] = {}

    def put(key: str, value: Any) -> None:
        heard.update({} if value is None else {key: value})

    ear = Hearing(replace(broker, client_id="doctor"), centre, clock, put, random.SystemRandom())
    hearing = asyncio.create_task(ear.run(replies=None), name="doctor-hears")
    try:
        await asyncio.sleep(HELD_SECONDS)
        for finding in told(heard, clock.now()):
            yield finding
    finally:
        hearing.cancel()
        await asyncio.gather(hearing, return_exceptions=True)


def told(heard: Mapping[str, Any], now: float) -> Iterator[Finding]:
    """What the messages of the broker say of a dialler, by "centre", "alerts", "campaign/NAME"."""
    state = heard.get("centre")
    what = "dialler at the broker"
    if state is None:
        yield bad(what, "was never heard there: its [broker], and the broker's access list")
        return
    if not state["online"]:
        yield bad(what, "is away: see docs/runbooks.md, MatdanGone and MatdanBrokerAway")
        return
    silent = now - float(state["at"])
    if silent > ALIVE_SECONDS:
        yield bad(
            what, f"has said nothing for {_age(silent)}, or its clock is behind: see docs/runbooks.md, MatdanGone"
        )
        return
    seats = ", ".join(f"{count} {name}" for name, count in state["seats"].items() if count) or "none"
    yield good(what, f"{counted(state['calls'], 'call')}; seats: {seats}")
    for alert in heard.get("alerts", {}).get("alerts", ()):
        found = bad if alert["level"] == "critical" else note
        yield found(f"alert {alert['code']}", f"{alert['text']} (docs/runbooks.md)")
    for key in sorted(each for each in heard if each.startswith("campaign/")):
        campaign = heard[key]
        if campaign["campaign"] in state["campaigns"]:
            why = campaign["held_because"]
            text = f"{campaign['state']}, {campaign['due']:,} numbers due{f'; dials nobody: {why}' if why else ''}"
            yield (note if why else good)(f"campaign {campaign['campaign']}", text)
